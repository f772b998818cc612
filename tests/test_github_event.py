"""Events of GitHub Actions: what each asks for, and what none can make us believe."""

import json
from typing import Any

import pytest

from reviewer.errors import InputError
from reviewer.forges._github_event import Asked, asked
from reviewer.model import Trust
from tests.support.hub import event

HERE = "Codertocat/Hello-World"
BASE, HEAD = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", "ec26c3e57ca3a959ca5aad62de7213c562f8c821"
FORK = {"full_name": "stranger/Hello-World", "private": False}


def ask(name: str, payload: Any, **variables: str) -> Asked:
    environ = {"GITHUB_EVENT_NAME": name, "GITHUB_REPOSITORY": HERE, **variables}
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return asked(environ, data)


def run(**changes: Any) -> dict[str, Any]:
    usual = {"workflow_run__event": "pull_request", "workflow_run__head_repository": FORK}
    return event("workflow_run", **{**usual, **changes})


@pytest.mark.parametrize(
    "action",
    "opened synchronize reopened ready_for_review converted_to_draft edited labeled unlabeled "
    "review_requested enqueued".split(),
)
def test_pull_request(action: str) -> None:
    found = ask("pull_request", event(action=action), RUNNER_ENVIRONMENT="self-hosted")
    assert (found.number, found.base, found.head) == (2, BASE, HEAD)
    assert (found.base_ref, found.head_ref) == ("master", "changes")
    assert (found.fork, found.trust, found.isolated) == (False, Trust.TRUSTED, False)
    assert (found.public, found.self_hosted, found.changed_files) == (True, True, 1)
    assert found.idle == ""
    occasion = found.occasion
    assert (occasion.title, occasion.author) == (
        "Update the README with new information.",
        "Codertocat",
    )
    assert (occasion.branch, occasion.labels, occasion.draft) == ("changes", ("bug",), False)


@pytest.mark.parametrize(
    "changes", [{"action": "closed"}, {"action": "labeled", "pull_request__state": "closed"}]
)
def test_a_closed_pull_request_is_left_alone(changes: dict[str, Any]) -> None:
    assert ask("pull_request", event(**changes)).idle == "the pull request is closed"


@pytest.mark.parametrize(
    ("name", "repository", "fork", "isolated"),
    [
        ("pull_request", FORK, True, False),
        ("pull_request", None, True, False),
        ("pull_request", {"full_name": HERE.upper(), "private": False}, False, False),
        ("pull_request_target", FORK, True, True),
        ("pull_request_target", {"full_name": HERE, "private": False}, False, True),
        ("pull_request_target", None, True, True),
    ],
)
def test_forks(name: str, repository: Any, *, fork: bool, isolated: bool) -> None:
    found = ask(name, event(pull_request__head__repo=repository))
    assert (found.fork, found.isolated) == (fork, isolated)
    assert found.trust is (Trust.UNTRUSTED if fork else Trust.TRUSTED)


def test_drafts_and_robots_are_told_by_the_rules_for_skipping() -> None:
    payload = event(pull_request__draft=True, pull_request__user={"login": "dependabot[bot]"})
    occasion = ask("pull_request", payload).occasion
    assert (occasion.draft, occasion.author) == (True, "dependabot[bot]")


def test_a_deleted_author() -> None:
    assert ask("pull_request", event(pull_request__user=None)).occasion.author == ""


def test_merge_queue() -> None:
    payload = event("merge_group")
    found = ask("merge_group", payload)
    group = payload["merge_group"]
    assert (found.number, found.base, found.head) == (0, group["base_sha"], group["head_sha"])
    assert (found.trust, found.idle) == (Trust.TRUSTED, "")
    assert ask("merge_group", {**payload, "action": "destroyed"}).idle


def test_another_workflow_has_ended() -> None:
    found = ask("workflow_run", run())
    assert (found.number, found.base, found.idle) == (0, "", "")
    assert found.head == "5779607b49aab1200488439f02372c57b4f75444"
    assert (found.head_repository, found.head_ref) == (FORK["full_name"], "main")
    assert (found.trust, found.isolated) == (Trust.UNTRUSTED, True)


@pytest.mark.parametrize("changes", [{"action": "requested"}, {"workflow_run__event": "push"}])
def test_a_workflow_that_is_not_ours_to_follow(changes: dict[str, Any]) -> None:
    assert ask("workflow_run", run(**changes)).idle


@pytest.mark.parametrize("variable", ["INPUT_PR-NUMBER", "INPUT_PR_NUMBER"])
def test_by_hand(variable: str) -> None:
    found = ask("workflow_dispatch", event("workflow_dispatch"), **{variable: "123"})
    assert (found.number, found.head) == (123, "")


@pytest.mark.parametrize(
    "text", ["", "0", "01", "-1", "1 ", "1\n", "１", "1e3", "12345678901", "x"]
)
def test_a_number_by_hand_is_a_number(text: str) -> None:
    with pytest.raises(InputError) as caught:
        ask("workflow_dispatch", event("workflow_dispatch"), **{"INPUT_PR-NUMBER": text})
    assert "pr-number" in caught.value.tip
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["push", "issue_comment", "schedule", "", "x\n::error::y"])
def test_other_events(name: str) -> None:
    with pytest.raises(InputError, match="speaks of no pull request") as caught:
        ask(name, {})
    assert "pull_request" in caught.value.tip
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "merge_group"])
@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{}", b"[" * 100_000,
        b'{"pull_request": []}', b'{"pull_request": {"number": 1}}', b'{"merge_group": {}}',
    ],
)  # fmt: skip
def test_broken_payloads(name: str, payload: bytes) -> None:
    with pytest.raises(InputError, match="event file"):
        ask(name, payload)


@pytest.mark.parametrize(
    "changes",
    [
        {"pull_request__head__sha": "../../x"},
        {"pull_request__head__sha": f"{HEAD}\n"},
        {"pull_request__base__sha": HEAD[:39]},
        {"pull_request__number": 0},
        {"pull_request__number": True},
        {"pull_request__number": "2"},
        {"pull_request__head": None},
        {"pull_request__labels": [{"name": 3}]},
    ],
)
def test_values_of_a_wrong_kind(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="event file"):
        ask("pull_request", event(**changes))


@pytest.mark.parametrize("name", ["", "x", "a/b/c", "../..", "o/..", "o/r\n", "o /r", "o/r?x"])
def test_repositories_that_are_none(name: str) -> None:
    with pytest.raises(InputError, match="GITHUB_REPOSITORY"):
        ask("pull_request", event(), GITHUB_REPOSITORY=name)
