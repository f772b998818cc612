"""The example workflows, unchanged, in an empty repository: what people get who copy one."""

import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.github import GitHub
from tests.image.engine import Engine
from tests.image.test_image import checkout
from tests.image.workflows import EXAMPLES, Act, released, served
from tests.support.gitrepo import git

pytestmark = pytest.mark.slow


@pytest.fixture
def act(engine: Engine, tmp_path: Path) -> Iterator[Act]:
    with (engine.folder / "acting").open("w") as lock:
        # act names its containers after workflow and job: two runs at a time would share them.
        fcntl.flock(lock, fcntl.LOCK_EX)
        with served(engine, tmp_path) as socket:
            yield Act(engine, socket, released(engine, tmp_path / "action"), tmp_path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[GitHub]:
    """A GitHub with one repository, whose `main` is the base of the change to come."""
    base, head = checkout(tmp_path / "project")
    git(tmp_path / "project", "branch", "-f", "topic", head)
    git(tmp_path / "project", "reset", "-q", "--hard", base)
    with GitHub(tmp_path / "project") as fake:
        yield fake


def posted(hub: GitHub) -> tuple[int, set[str]]:
    """How many reviews there are, and the files that are commented on."""
    return len(hub.reviews), {comment.path for comment in hub.review_comments}


def test_on_a_pull_request(act: Act, hub: GitHub) -> None:
    """The first run reviews; a second one on the same commits has nothing to add."""
    pull = hub.open_pull("topic")
    for _ in range(2):
        ran = act.run(EXAMPLES / "pull-request.yml", "pull_request", hub.event(pull.number), hub)
        assert ran.code == 1, ran.log
        reviews, files = posted(hub)
        assert reviews == 1, ran.log
        assert files >= {"app.py", "run.sh"}
        assert hub.token not in ran.log
    assert {review.commit_id for review in hub.reviews} == {pull.head_sha}
    assert (act.temporary / "reviewer" / "report.sarif").is_file()


def test_on_demand(act: Act, hub: GitHub) -> None:
    pull = hub.open_pull("topic")
    payload = {
        "inputs": {"pr-number": str(pull.number)},
        "repository": hub.event(pull.number)["repository"],
        "ref": "refs/heads/main",
    }
    ran = act.run(EXAMPLES / "manual.yml", "workflow_dispatch", payload, hub)
    assert ran.code == 1, ran.log
    assert posted(hub)[0] == 1, ran.log


def test_on_demand_without_a_number(act: Act, hub: GitHub) -> None:
    payload = {"inputs": {"pr-number": ""}, "repository": {"full_name": hub.repository}}
    ran = act.run(EXAMPLES / "manual.yml", "workflow_dispatch", payload, hub)
    assert ran.code == 1
    assert "give the input pr-number" in ran.log
    assert posted(hub) == (0, set())


def test_a_fork_in_two_stages(act: Act, hub: GitHub) -> None:
    """The first half may only read and leaves a report; the second posts it."""
    pull = hub.open_pull("topic", head_repo="stranger/r", author="stranger")
    reader = hub.add_token("ghs_reader", read_only=True)
    event = hub.event(pull.number)
    assert event["pull_request"]["head"]["repo"]["fork"]
    ran = act.run(EXAMPLES / "fork-review.yml", "pull_request", event, hub, reader)
    assert ran.code == 1, ran.log
    assert not hub.writes
    report = json.loads((act.artifacts / "reviewer-report" / "report.json").read_text())
    assert report["verdict"]["state"] == "failed"

    ran = act.run(EXAMPLES / "fork-publish.yml", "workflow_run", finished(event), hub)
    assert posted(hub)[0] == 1, ran.log
    assert ran.code in (0, 1), ran.log


def finished(event: dict[str, Any]) -> dict[str, Any]:
    """What GitHub says when the run on `event` has ended."""
    head = event["pull_request"]["head"]
    return {
        "action": "completed",
        "repository": event["repository"],
        "workflow_run": {
            "id": 1,
            "event": "pull_request",
            "conclusion": "failure",
            "head_sha": head["sha"],
            "head_branch": head["ref"],
            "head_repository": head["repo"],
            "pull_requests": [],
        },
    }
