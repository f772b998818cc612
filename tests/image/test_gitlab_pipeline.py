"""The GitLab template, unchanged, with its jobs in containers of the built image."""

import fcntl
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from reviewer.commands._ledger import LEDGER
from reviewer.commands.action import FORMATS
from tests.fakes.gitlab import GitLab
from tests.image.engine import BASE, IMAGE, Engine
from tests.image.test_image import checkout
from tests.support.gitrepo import git
from tests.support.pipelines import TEMPLATE, Runner, artifacts, checked_out, installed

pytestmark = pytest.mark.slow

HELPER = "localhost/gitlab-ci-local-helper:test"
HELPER_FILE = f"FROM {BASE}\nRUN apt-get update && apt-get install -y rsync\n"
"""What gitlab-ci-local copies artifacts with; its own image comes from Docker Hub."""

PIPELINE = f"""\
include:
  - local: /reviewer.yml

coverage:
  extends: .reviewer-coverage
  image:
    name: {IMAGE}
    entrypoint: [""]
  script:
    - python -m coverage run --source=. app.py
    - python -m coverage xml
"""
"""Its coverage job runs the change by the coverage.py that is in our image anyway."""


@dataclass(frozen=True)
class Pipelines:
    """Pipelines of merge request 1 whose jobs run in containers of `engine`."""

    engine: Engine
    runner: Runner
    lab: GitLab
    project: Path

    def run(self, work: Path) -> CompletedProcess[str]:
        """One pipeline in the checkout `work`, on the host's network, where the fake listens."""
        return self.runner.run(
            work,
            {**self.lab.environ(), "REVIEWER_TOKEN": self.lab.token},
            *("--container-executable", "podman", "--network", "host"),
            *("--pull-policy", "if-not-present", "--helper-image", HELPER),
            environ=self.engine.environ,
        )

    def checked_out(self, work: Path) -> Path:
        return checked_out(self.project, "topic", work, PIPELINE)


@pytest.fixture(scope="module")
def runner(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """gitlab-ci-local, and the images it needs under the names it looks for."""
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed")
    with (engine.folder / "helping").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        helper = engine.folder / "helper"
        helper.mkdir(exist_ok=True)
        (helper / "Dockerfile").write_text(HELPER_FILE)
        words = ("build", "--isolation", "chroot", "--pull=never", "-t", HELPER, helper)
        engine.podman(*words, building=True, seconds=300)
        published = yaml.safe_load(TEMPLATE.read_text("utf-8"))[".reviewer"]["image"]["name"]
        engine.podman("tag", IMAGE, published)
    return installed(tmp_path_factory.mktemp("node"))


@pytest.fixture
def pipelines(engine: Engine, runner: Runner, tmp_path: Path) -> Iterator[Pipelines]:
    """A GitLab with a merge request that the gate does not let pass."""
    project = tmp_path / "project"
    base, head = checkout(project)
    git(project, "branch", "-f", "topic", head)
    git(project, "reset", "-q", "--hard", base)
    with GitLab(project) as lab:
        lab.open_merge(head, source="topic")
        yield Pipelines(engine, runner, lab, project)


def said(lab: GitLab) -> list[tuple[str, bool]]:
    """All that is written on the merge request."""
    return [(n.body, d.resolved) for d in lab.discussions() for n in d.notes]


def test_a_merge_request_is_reviewed_in_the_image(pipelines: Pipelines, tmp_path: Path) -> None:
    """Comments, summary, artifacts and coverage of one pipeline; a second one adds nothing."""
    lab, work = pipelines.lab, pipelines.checked_out(tmp_path / "work")
    done = pipelines.run(work)
    log = done.stdout + done.stderr
    assert done.returncode == 1, log
    assert re.search(r"PASS\s+coverage", log), log
    assert re.search(r"FAIL\s+reviewer", log), log
    (note,) = [note for note in lab.plain_notes() if "## reviewer: failed" in note.body]
    assert note.author == lab.bot
    paths = {(each.position or {})["new_path"] for each in lab.diff_notes()}
    assert {"app.py", "run.sh"} <= paths
    assert len(lab.notifications) == 2  # the review with its comments, and the summary
    assert len(re.findall(r"(?m)^reviewer\s+> FAILED", done.stdout)) == 1
    assert lab.token not in log
    _left_behind(artifacts(work, "reviewer") / "reviewer-reports", lab)
    before, writes = said(lab), len(lab.writes)

    done = pipelines.run(work)
    assert done.returncode == 1, done.stdout + done.stderr
    assert (said(lab), len(lab.writes)) == (before, writes)


def _left_behind(reports: Path, lab: GitLab) -> None:
    """The artifacts of the job."""
    left = {path.name for path in reports.iterdir()}
    assert left == {*(form.filename for form in FORMATS), LEDGER}
    report = json.loads((reports / "report.json").read_text("utf-8"))
    assert report["request"]["head"] == lab.merge().newest.head
    assert report["coverage"]["patch"] == pytest.approx(200 / 3)  # the body of run() is not run
    quality: list[dict[str, Any]] = json.loads(
        (reports / "gl-code-quality-report.json").read_text("utf-8")
    )
    assert {entry["location"]["path"] for entry in quality} >= {"app.py", "run.sh"}


def test_with_the_entrypoint_of_the_image_the_job_fails_and_says_so(
    pipelines: Pipelines, tmp_path: Path
) -> None:
    """Why the template empties it: the shell of the job becomes words for the review."""
    work = pipelines.checked_out(tmp_path / "work")
    template = work / "reviewer.yml"
    emptied = template.read_text("utf-8")
    template.write_text(emptied.replace('entrypoint: [""]', ""), "utf-8")
    done = pipelines.run(work)
    assert done.returncode == 1
    assert "unrecognized arguments: sh -c" in done.stdout + done.stderr
    assert pipelines.lab.requests == []
    assert not list(artifacts(work, "reviewer").iterdir())
