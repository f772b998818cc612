"""The GitLab template in a real pipeline: gitlab-ci-local runs its jobs beside our fake."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.gitrepo import ENVIRON
from tests.support.lab import Lab, lab
from tests.support.pipelines import Runner, artifacts, checked_out, installed

pytestmark = pytest.mark.slow

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
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed")
    return installed(tmp_path_factory.mktemp("node"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "lab") as made:
        yield made


def run(
    runner: Runner, place: Lab, variables: Mapping[str, str], work: Path
) -> subprocess.CompletedProcess[str]:
    """Run the pipeline of the merge request in a checkout of its source branch."""
    report = work.parent / "coverage.xml"
    report.write_text(COVERAGE, "utf-8")
    checked_out(place.folder, "feature", work, PIPELINE.format(report=report))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return runner.run(
        work,
        {**variables, "CI_PROJECT_DIR": str(work)},
        "--force-shell-executor",
        environ={**ENVIRON, "PATH": path},
    )


def reports(work: Path) -> Path:
    """The artifacts that the job left."""
    return artifacts(work, "reviewer") / "reviewer-reports"


def test_a_merge_request_is_reviewed(runner: Runner, place: Lab, tmp_path: Path) -> None:
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
    runner: Runner, place: Lab, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    done = run(runner, place, place.fake.environ(), work)
    assert "make a project access token" in done.stdout + done.stderr
    assert (reports(work) / "gl-code-quality-report.json").is_file()
    assert place.fake.writes == []
