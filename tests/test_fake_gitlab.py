"""The fake of GitLab is strict where GitLab is, and silent where GitLab is."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes._gitlab_schema import ANSWERS, BODIES, PAGES
from tests.fakes._gitlab_state import Token
from tests.support.gitrepo import git
from tests.support.lab import Lab, lab

pytestmark = pytest.mark.slow

MR = "/projects/5/merge_requests/1"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "lab") as made:
        yield made


def ask(
    place: Lab,
    method: str,
    path: str,
    body: Any = None,
    header: str = "PRIVATE-TOKEN",
    token: str = "",
) -> tuple[int, Any, Any]:
    """Status, JSON and headers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(place.fake.api_url + path, data, method=method)
    request.add_header("Content-Type", "application/json")
    if token != "none":
        request.add_header(header, token or place.fake.token)
    try:
        with urllib.request.urlopen(request) as answer:
            content = answer.read()
            return answer.status, json.loads(content) if content else None, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers


def position(place: Lab, **changes: Any) -> dict[str, Any]:
    newest = place.fake.merge().newest
    shas = {"base_sha": newest.base, "start_sha": newest.start, "head_sha": newest.head}
    paths = {"old_path": "app.py", "new_path": "app.py"}
    made = {"position_type": "text", **shas, **paths, "new_line": 5, **changes}
    return {name: value for name, value in made.items() if value is not None}


def draft(place: Lab, **changes: Any) -> tuple[int, Any]:
    body = {"note": "text", "position": position(place, **changes)}
    status, answer, _ = ask(place, "POST", f"{MR}/draft_notes", body)
    return status, answer


PLACED = {
    "added": {},
    "unchanged": {"new_line": 8, "old_line": 6},
    "removed": {"new_line": None, "old_line": 20},
    "renamed": {"old_path": "before.py", "new_path": "after.py"},
}
UNPLACED = {
    "added, with both": {"old_line": 5},
    "unchanged, with one": {"new_line": 8},
    "far from the change": {"new_line": 35, "old_line": 34},
    "no such line": {"new_line": 400},
    "no such file": {"new_path": "none.py"},
    "renamed, by one name": {"old_path": "after.py", "new_path": "after.py"},
    "another start": {"start_sha": "a" * 40},
    "another head": {"head_sha": "a" * 40},
}
REFUSED = {
    "no type": {"position_type": None},
    "no start": {"start_sha": None},
    "no old path": {"old_path": None},
    "line 0": {"new_line": 0},
    "a line as text": {"new_line": "5"},
    "unknown field": {"line": 5},
    "half a range": {"line_range": {"start": {"line_code": "a" * 40 + "_1_1", "type": "new"}}},
}


@pytest.mark.parametrize("name", PLACED)
def test_a_position_that_is_right_gets_the_code_of_its_line(place: Lab, name: str) -> None:
    status, answer = draft(place, **PLACED[name])
    assert (status, answer["line_code"] is None) == (201, False)


@pytest.mark.parametrize("name", UNPLACED)
def test_a_position_that_is_wrong_gets_none_and_is_lost(place: Lab, name: str) -> None:
    status, answer = draft(place, **UNPLACED[name])
    assert (status, answer["line_code"]) == (201, None)
    assert ask(place, "POST", f"{MR}/draft_notes/bulk_publish")[0] == 204
    assert place.fake.discussions() == []
    place.fake.state.strict_drafts = True
    assert draft(place, **UNPLACED[name])[0] == 400


@pytest.mark.parametrize("name", REFUSED)
def test_a_position_that_breaks_the_documentation_is_a_violation(place: Lab, name: str) -> None:
    status, _ = draft(place, **REFUSED[name])
    assert status == 400 and place.fake.violations
    place.fake.violations.clear()


def test_drafts_are_seen_by_their_author_until_they_are_published_at_once(place: Lab) -> None:
    alice = place.fake.add_token("glpat-alice", Token(place.fake.user("alice")))
    draft(place)
    draft(place, new_line=6)
    assert len(ask(place, "GET", f"{MR}/draft_notes")[1]) == 2
    assert ask(place, "GET", f"{MR}/draft_notes", token=alice)[1] == []
    assert ask(place, "POST", f"{MR}/draft_notes/bulk_publish", token=alice)[0] == 204
    assert place.fake.notifications == []
    ask(place, "POST", f"{MR}/draft_notes/bulk_publish")
    assert place.fake.notifications == [["text", "text"]]
    assert ask(place, "GET", f"{MR}/draft_notes")[1] == []


def test_a_jobs_token_reads_a_little_and_writes_nothing(place: Lab) -> None:
    def status(method: str, path: str, body: Any = None) -> int:
        return ask(place, method, path, body, "JOB-TOKEN", place.fake.job_token)[0]

    assert status("GET", MR) == status("GET", f"{MR}/notes") == 200
    assert status("GET", "/user") == 401
    assert status("GET", f"{MR}/discussions") == 403
    assert status("POST", f"{MR}/notes", {"body": "text"}) == 403
    assert ask(place, "GET", MR, token=place.fake.job_token)[0] == 401
    assert ask(place, "GET", MR, header="JOB-TOKEN")[0] == 401
    assert ask(place, "GET", MR, token="none")[0] == 401


def test_what_a_token_may_not_do_is_refused(place: Lab) -> None:
    reader = place.fake.add_token("r", Token(place.fake.user("reader"), scope="read_api"))
    assert ask(place, "POST", f"{MR}/notes", {"body": "x"}, token=reader)[0] == 403
    thread = place.fake.comment(1, "text", new_path="app.py")
    reporter = place.fake.add_token("p", Token(place.fake.user("reporter"), "reporter"))
    resolve = f"{MR}/discussions/{thread.id}"
    assert ask(place, "PUT", resolve, {"resolved": True}, token=reporter)[0] == 403
    assert ask(place, "PUT", resolve, {"resolved": True})[0] == 200 and thread.resolved
    note = f"{MR}/notes/{thread.notes[0].id}"
    assert ask(place, "PUT", note, {"body": "mine now"})[0] == 403


def test_lists_come_in_pages(place: Lab) -> None:
    for number in range(5):
        place.fake.comment(1, f"{number}")
    status, first, headers = ask(place, "GET", f"{MR}/discussions?per_page=3")
    assert (status, len(first), headers["X-Next-Page"]) == (200, 3, "2")
    link = headers["Link"].partition(">")[0].removeprefix("<" + place.fake.api_url)
    _, rest, headers = ask(place, "GET", link)
    assert [d["notes"][0]["body"] for d in rest] == ["3", "4"] and not headers["X-Next-Page"]


def test_versions_come_with_the_newest_first(place: Lab) -> None:
    place.fake.push(1, place.target)
    answer = ask(place, "GET", f"{MR}/versions")[1]
    assert [each["head_commit_sha"] for each in answer] == [place.target, place.head]
    assert answer[1]["base_commit_sha"] == place.base
    assert answer[1]["start_commit_sha"] == place.target


def test_the_number_of_comments_has_an_end(place: Lab) -> None:
    place.fake.state.most_notes = 1
    assert ask(place, "POST", f"{MR}/notes", {"body": "one"})[0] == 201
    status, answer, _ = ask(place, "POST", f"{MR}/notes", {"body": "two"})
    assert (status, answer["message"]) == (400, {"base": ["Maximum number of comments exceeded"]})


def test_quick_actions_and_wrong_suggestions_are_violations(place: Lab) -> None:
    ask(place, "POST", f"{MR}/notes", {"body": "text\n/merge\n\n```\n/close\n```\n"})
    assert place.fake.violations == ["a quick action: /merge"]
    place.fake.violations.clear()
    body = {"note": "```suggestion:-2+0\nx\n```", "position": position(place)}
    ask(place, "POST", f"{MR}/draft_notes", body)
    ask(place, "POST", f"{MR}/draft_notes/bulk_publish")
    assert len(place.fake.violations) == 1
    place.fake.violations.clear()


def test_an_unknown_address_is_a_violation(place: Lab) -> None:
    assert ask(place, "GET", f"{MR}/approvals")[0] == 404
    assert place.fake.violations
    place.fake.violations.clear()


def test_the_head_of_a_merge_request_can_be_fetched(place: Lab, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "work")
    url = place.fake.clone_url.replace("://", f"://oauth2:{place.fake.token}@")
    git(tmp_path / "work", "fetch", "-q", url, "refs/merge-requests/1/head")
    assert git(tmp_path / "work", "rev-parse", "FETCH_HEAD").decode().strip() == place.head
    wrong = place.fake.clone_url.replace("://", "://oauth2:no@")
    assert git(tmp_path / "work", "fetch", "-q", wrong, "main", check=False) == b""
    with pytest.raises(AssertionError):
        git(tmp_path / "work", "fetch", "-q", wrong, "main")


def test_every_operation_names_its_page() -> None:
    assert BODIES.keys() | ANSWERS.keys() <= PAGES.keys()
    assert all(page.partition("/#")[2] for page in PAGES.values())
