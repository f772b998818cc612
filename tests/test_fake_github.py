"""The fake of GitHub holds what it claims, and tells a wrong client from a right one."""

import base64
import gzip
import http.client
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import unidiff
from github import Auth, Github, GithubException
from github.PullRequest import PullRequest

from tests.fakes import _github_contract as contract
from tests.fakes import _github_rest as rest
from tests.fakes._github_git import Git
from tests.fakes.github import GitHub, faults
from tests.support.gitrepo import commits, git, new_repository

pytestmark = pytest.mark.slow

BASE = b"".join(b"line %d\n" % number for number in range(1, 41))
HEAD = BASE.replace(b"line 5\n", b"line five\nnew\n").replace(b"line 30\n", b"")
LATER = b"on top\n" + HEAD.replace(b"new\n", b"newer\n")
BLOB = b"\0\1" * 50
REVIEWS = "/repos/o/r/pulls/1/reviews"


@dataclass(frozen=True)
class Shas:
    base: str
    head: str
    later: str
    other: str


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Shas]:
    """main <- head <- later, and a commit beside them that no pull request holds."""
    folder = new_repository(tmp_path_factory.mktemp("origin") / "r")
    plain = {b"keep.txt": ("100644", b"same\n" * 30), b"a.py": ("100644", BASE)}
    moved = {
        b"moved.txt": plain[b"keep.txt"],
        b"b.bin": ("100644", BLOB),
        b"docs/x.md": ("100644", b"x\n"),
    }
    shas = commits(
        folder, plain, {b"a.py": ("100644", HEAD), **moved}, {b"a.py": ("100644", LATER), **moved}
    )
    [other] = commits(folder, {b"z.py": ("100644", b"z\n")})
    git(folder, "update-ref", "refs/heads/main", shas[0])
    return folder, Shas(*shas, other)


@pytest.fixture
def shas(origin: tuple[Path, Shas]) -> Shas:
    return origin[1]


@pytest.fixture
def hub(origin: tuple[Path, Shas]) -> Iterator[GitHub]:
    with GitHub(origin[0], permissions={"contents": "write"}) as hub:
        hub.open_pull(head=origin[1].head)
        yield hub


def client(hub: GitHub, token: str = "", timeout: int = 5) -> Github:
    auth = Auth.Token(token or hub.token)
    return Github(
        auth=auth, base_url=hub.api_url, retry=None, per_page=100, timeout=timeout,
        seconds_between_requests=0, seconds_between_writes=0,
    )  # fmt: skip


def pull(hub: GitHub, token: str = "") -> PullRequest:
    return client(hub, token).get_repo("o/r").get_pull(1)


@dataclass(frozen=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    json: Any


def ask(
    hub: GitHub, method: str, path: str, body: Any = None, token: str | None = "", **more: str
) -> Answered:
    """One request without any client library; `token` None sends none."""
    parts = urlsplit(hub.api_url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=5)
    headers = {} if token is None else {"Authorization": f"Bearer {token or hub.token}"}
    data = None if body is None else json.dumps(body)
    try:
        line.request(method, parts.path + path, data, {**headers, **more})
        answer = line.getresponse()
        text = answer.read()
    finally:
        line.close()
    fields = {name.lower(): value for name, value in answer.getheaders()}
    parsed = json.loads(text) if "json" in fields.get("content-type", "") and text else text
    return Answered(answer.status, fields, parsed)


def query(hub: GitHub, text: str, token: str = "", **variables: Any) -> Any:
    parts = urlsplit(hub.graphql_url)
    request = urllib.request.Request(
        hub.graphql_url,
        json.dumps({"query": text, "variables": variables}).encode(),
        {"Authorization": f"bearer {token or hub.token}"},
    )
    assert parts.scheme == "http"
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def on(line: int, path: str = "a.py", side: str = "RIGHT", **more: Any) -> dict[str, Any]:
    return {"path": path, "line": line, "side": side, "body": "look", **more}


def wish(*comments: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"body": "hello", "event": "COMMENT", "comments": list(comments), **more}


# PyGithub and git


def test_pygithub_reads_what_it_wrote(hub: GitHub, shas: Shas) -> None:
    seen = pull(hub)
    assert (seen.head.sha, seen.base.sha, seen.base.ref) == (shas.head, shas.base, "main")
    assert seen.user.login == "author"
    commit = seen.base.repo.get_commit(shas.head)
    review = seen.create_review(commit, "hello", "COMMENT", [on(5)])
    assert review.user.login == "github-actions[bot]"
    assert review.id == hub.reviews[0].id
    [comment] = seen.get_review_comments()
    assert (comment.path, comment.line, comment.body) == ("a.py", 5, "look")
    assert comment.diff_hunk.endswith("+line five")
    comment.edit("look again")
    reply = seen.create_review_comment_reply(comment.id, "indeed")
    assert [c.body for c in hub.threads[0].comments] == ["look again", "indeed"]
    assert reply.in_reply_to_id == comment.id
    sticky = seen.create_issue_comment("first")
    sticky.edit("second")
    assert [c.body for c in seen.get_issue_comments()] == ["second"]
    sticky.delete()
    reply.delete()
    comment.delete()
    assert (hub.issue_comments, hub.threads) == ([], [])
    assert [r.state for r in seen.get_reviews()] == ["COMMENTED", "COMMENTED"]


def test_pygithub_makes_checks_and_statuses(hub: GitHub, shas: Shas) -> None:
    repository = client(hub).get_repo("o/r")
    note = {"path": "a.py", "start_line": 5, "end_line": 5, "annotation_level": "notice",
            "message": "m"}  # fmt: skip
    output = {"title": "t", "summary": "s", "annotations": [note]}
    check = repository.create_check_run("review", shas.head, status="in_progress", output=output)
    check.edit(status="completed", conclusion="success", output=output)
    assert hub.checks[0].conclusion == "success"
    assert [a.message for a in check.get_annotations()] == ["m", "m"]
    commit = repository.get_commit(shas.head)
    assert [c.id for c in commit.get_check_runs(check_name="review")] == [check.id]
    assert commit.get_check_runs(check_name="other").totalCount == 0
    commit.create_status("success", context="review")
    assert commit.get_combined_status().state == "success"
    assert repository.get_collaborator_permission("o") == "write"


def test_pygithub_compares_and_reads_files(hub: GitHub, shas: Shas) -> None:
    repository = client(hub).get_repo("o/r")
    compared = repository.compare(shas.base, shas.later)
    assert compared.merge_base_commit.sha == shas.base
    assert [c.sha for c in compared.commits] == [shas.head, shas.later]
    assert repository.get_contents("a.py", ref=shas.head).decoded_content == HEAD
    assert [f.path for f in repository.get_contents("docs", ref=shas.head)] == ["docs/x.md"]
    assert [p.number for p in repository.get_pulls()] == [1]
    assert [p.number for p in repository.get_commit(shas.head).get_pulls()] == [1]
    with pytest.raises(GithubException) as caught:
        repository.get_contents("missing", ref=shas.head)
    assert caught.value.status == 404


def test_git_fetches_two_commits_by_their_sha(hub: GitHub, shas: Shas, tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "clone")
    url = hub.clone_url.replace("http://", f"http://x-access-token:{hub.token}@")
    git(folder, "fetch", "-q", "--depth=1", url, shas.base, shas.head)
    assert git(folder, "show", f"{shas.head}:a.py") == HEAD
    git(folder, "fetch", "-q", "--depth=1", url, "refs/pull/1/head")
    assert git(folder, "rev-parse", "FETCH_HEAD").decode().strip() == shas.head
    wrong = "http.extraHeader=Authorization: Basic " + base64.b64encode(b"x:wrong").decode()
    words = ("-c", "core.askPass=true", "-c", wrong, "fetch", "-q", hub.clone_url, shas.base)
    git(folder, *words, check=False)
    assert hub.requests[-1].status == 401


def test_a_private_repository_wants_a_token(origin: tuple[Path, Shas], tmp_path: Path) -> None:
    with GitHub(origin[0], private=True, permissions={"pull-requests": "none"}) as hub:
        hub.open_pull(head=origin[1].head)
        folder = new_repository(tmp_path / "clone")
        git(folder, "-c", "core.askPass=true", "fetch", "-q", hub.clone_url, "main", check=False)
        assert hub.requests[-1].status == 401
        assert ask(hub, "GET", "/repos/o/r/pulls/1").status == 403
        assert ask(hub, "GET", "/repos/o/r").json["private"] is True


def test_an_enterprise_server_has_a_prefix(origin: tuple[Path, Shas]) -> None:
    with GitHub(origin[0], prefix="/api/v3") as hub:
        hub.open_pull(head=origin[1].head)
        assert hub.graphql_url == hub.url + "/api/graphql"
        seen = pull(hub)
        assert seen.url == hub.url + "/api/v3/repos/o/r/pulls/1"
        assert next(iter(seen.get_files())).filename == "a.py"
        assert query(hub, "{viewer{login databaseId}}") == {
            "data": {"viewer": {"login": "github-actions[bot]", "databaseId": 41898282}}
        }


# The diff


def test_files_come_in_pages_and_binaries_without_a_patch(hub: GitHub) -> None:
    first = ask(hub, "GET", "/repos/o/r/pulls/1/files?per_page=3")
    assert 'page=2>; rel="next"' in first.headers["link"]
    following = first.headers["link"].split(">")[0].removeprefix("<").removeprefix(hub.api_url)
    second = ask(hub, "GET", following)
    assert 'rel="next"' not in second.headers["link"]
    files = {f["filename"]: f for f in first.json + second.json}
    assert {name: f["status"] for name, f in files.items()} == {
        "a.py": "modified", "b.bin": "added", "docs/x.md": "added", "moved.txt": "renamed",
    }  # fmt: skip
    assert "patch" not in files["b.bin"]
    assert "patch" not in files["moved.txt"]
    assert files["moved.txt"]["previous_filename"] == "keep.txt"
    assert files["a.py"]["patch"].startswith("@@ -2,7 +2,8 @@")
    assert (files["a.py"]["additions"], files["a.py"]["deletions"]) == (2, 2)


def test_lines_are_counted_as_another_reader_counts_them(origin: tuple[Path, Shas]) -> None:
    folder, shas = origin
    words = ("diff", "--no-color", "-M", shas.base, shas.later)
    expected = {
        file.path: (
            [line.target_line_no for hunk in file for line in hunk if not line.is_removed],
            [line.source_line_no for hunk in file for line in hunk if line.is_removed],
        )
        for file in unidiff.PatchSet(git(folder, *words).decode())
    }
    for file in Git(folder / ".git").files(shas.base, shas.later):
        right = [line for hunk in file.hunks for line in hunk.right]
        left = [line for hunk in file.hunks for line in hunk.left]
        assert (right, left) == expected[file.filename]


@pytest.mark.parametrize(
    "comment",
    [
        on(5),
        on(2),
        on(6, start_line=4, start_side="RIGHT"),
        on(30, side="LEFT"),
        on(6, start_line=5, start_side="LEFT"),
    ],
    ids=str,
)
def test_lines_inside_the_diff_are_taken(hub: GitHub, comment: dict[str, Any]) -> None:
    assert ask(hub, "POST", REVIEWS, wish(comment)).status == 200
    assert [c.line for c in hub.review_comments] == [comment["line"]]


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        (on(1), "Pull request review thread line must be part of the diff"),
        (on(20), "Pull request review thread line must be part of the diff"),
        (on(6, side="LEFT"), "Pull request review thread line must be part of the diff"),
        (on(30, start_line=5), "start line must be part of the same hunk as the line."),
        (on(6, start_line=1), "start line must be part of the same hunk as the line."),
        (on(5, start_line=6), "start line must precede the end line."),
        (on(5, start_line=5), "start line must precede the end line."),
        (on(5, "nowhere.py"), "Path could not be resolved"),
        (on(1, "b.bin"), "Pull request review thread line must be part of the diff"),
        ({"path": "a.py", "body": "x"}, "Line could not be resolved"),
        (on(5, body="x" * 65_537), "Body is too long (maximum is 65536 characters)"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_one_bad_comment_refuses_the_review(
    hub: GitHub, comment: dict[str, Any], text: str
) -> None:
    answer = ask(hub, "POST", REVIEWS, wish(on(5), comment, on(6)))
    assert answer.status == 422
    assert any(text in error for error in answer.json["errors"])
    assert (hub.reviews, hub.review_comments) == ([], [])


def test_a_comment_on_a_file_needs_no_line(hub: GitHub, shas: Shas) -> None:
    path = "/repos/o/r/pulls/1/comments"
    body = {"path": "b.bin", "body": "big", "subject_type": "file", "commit_id": shas.head}
    assert ask(hub, "POST", path, body).json["subject_type"] == "file"
    assert ask(hub, "POST", path, {**body, "path": "no"}).status == 422
    refused = ask(hub, "POST", path, {**on(1), "commit_id": shas.head})
    assert refused.json["message"] == "Validation Failed"
    assert [c.path for c in hub.review_comments] == ["b.bin"]
    assert [(r.state, r.body) for r in hub.reviews] == [("COMMENTED", "")]


def test_a_push_moves_comments_or_outdates_them(hub: GitHub, shas: Shas) -> None:
    ask(hub, "POST", REVIEWS, wish(on(5), on(6), on(30, side="LEFT")))
    hub.push(1, shas.later)
    rows = ask(hub, "GET", "/repos/o/r/pulls/1/comments").json
    assert [(c["line"], c["original_line"]) for c in rows] == [(6, 5), (None, 6), (30, 30)]
    assert [c["commit_id"] for c in rows] == [shas.later, shas.head, shas.later]
    assert ask(hub, "GET", "/repos/o/r/pulls/1").json["head"]["sha"] == shas.later


def test_the_commit_must_be_one_of_the_pull_request(hub: GitHub, shas: Shas) -> None:
    text = "Start commit oid is not part of the pull request"
    for sha in (shas.base, shas.later, shas.other, "f" * 40):
        answer = ask(hub, "POST", REVIEWS, wish(commit_id=sha))
        assert (answer.status, answer.json["errors"]) == (422, [text])
    hub.push(1, shas.later)
    assert ask(hub, "POST", REVIEWS, wish(on(5), commit_id=shas.head)).status == 200


def test_retargeting_and_closing_show(hub: GitHub, shas: Shas) -> None:
    hub.state.git.set("refs/heads/release", shas.head)
    hub.push(1, shas.later)
    hub.retarget(1, "release")
    hub.close(1, merged=True)
    seen = ask(hub, "GET", "/repos/o/r/pulls/1").json
    assert (seen["base"]["ref"], seen["base"]["sha"]) == ("release", shas.head)
    assert (seen["state"], seen["merged"]) == ("closed", True)
    assert [f["filename"] for f in ask(hub, "GET", "/repos/o/r/pulls/1/files").json] == ["a.py"]


def test_a_fork_that_is_gone_is_null(hub: GitHub, shas: Shas) -> None:
    hub.open_pull(head=shas.head, head_repo=None)
    hub.open_pull(head=shas.head, head_repo="fork/r")
    assert ask(hub, "GET", "/repos/o/r/pulls/2").json["head"]["repo"] is None
    assert ask(hub, "GET", "/repos/o/r/pulls/3").json["head"]["repo"]["full_name"] == "fork/r"
    text = '{repository(owner:"o",name:"r"){pullRequest(number:%d){headRepository{nameWithOwner}}}}'
    for number, expected in ((2, None), (3, {"nameWithOwner": "fork/r"})):
        data = query(hub, text % number)["data"]
        assert data["repository"]["pullRequest"]["headRepository"] == expected


def test_the_merge_commit_has_both_ends(hub: GitHub, shas: Shas) -> None:
    sha = hub.merge(1)
    assert ask(hub, "GET", "/repos/o/r/pulls/1").json["merge_commit_sha"] == sha
    parents = ask(hub, "GET", f"/repos/o/r/commits/{sha}").json["parents"]
    assert [parent["sha"] for parent in parents] == [shas.base, shas.head]


def test_a_large_diff_is_refused(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "r")
    many = {b"%d.txt" % number: ("100644", b"%d\n" % number) for number in range(301)}
    base, head = commits(folder, {b"a": ("100644", b"x\n")}, many)
    git(folder, "update-ref", "refs/heads/main", base)
    with GitHub(folder) as hub:
        hub.open_pull(head=head)
        accept = {"Accept": "application/vnd.github.diff"}
        assert ask(hub, "GET", "/repos/o/r/pulls/1", **accept).status == 406
        pages = [f"/repos/o/r/pulls/1/files?per_page=500&page={page}" for page in range(1, 6)]
        assert [len(ask(hub, "GET", page).json) for page in pages] == [100, 100, 100, 2, 0]
        compared = ask(hub, "GET", f"/repos/o/r/compare/{base}...{head}").json
        assert len(compared["files"]) == 300
        hub.open_pull(head=base)
        assert ask(hub, "GET", "/repos/o/r/pulls/2", **accept).status == 200


def test_an_event_says_what_the_api_says(hub: GitHub) -> None:
    event = hub.event(1, "synchronize")
    assert event["pull_request"] == ask(hub, "GET", "/repos/o/r/pulls/1").json
    assert event["repository"] == ask(hub, "GET", "/repos/o/r").json


# Reviews


def test_one_pending_review_blocks_the_next(hub: GitHub) -> None:
    pending = ask(hub, "POST", REVIEWS, {"body": "draft", "comments": [on(5)]}).json
    assert pending["state"] == "PENDING"
    text = ["User can only have one pending review per pull request"]
    assert ask(hub, "POST", REVIEWS, wish()).json["errors"] == text
    assert ask(hub, "POST", REVIEWS, {}).json["errors"] == text
    assert ask(hub, "GET", "/repos/o/r/pulls/1/comments").json == []
    hub.add_token("alice", "alice")
    assert ask(hub, "GET", REVIEWS, token="alice").json == []
    assert ask(hub, "GET", f"{REVIEWS}/{pending['id']}", token="alice").status == 404
    assert [r["id"] for r in ask(hub, "GET", REVIEWS).json] == [pending["id"]]
    assert ask(hub, "DELETE", f"{REVIEWS}/{pending['id']}").status == 200
    assert hub.review_comments == []
    assert ask(hub, "POST", REVIEWS, wish()).status == 200


def test_a_pending_review_can_be_submitted(hub: GitHub) -> None:
    path = f"{REVIEWS}/{ask(hub, 'POST', REVIEWS, {'comments': [on(5)]}).json['id']}"
    assert ask(hub, "POST", f"{path}/events", {"event": "COMMENT"}).status == 422
    done = ask(hub, "POST", f"{path}/events", {"event": "COMMENT", "body": "now"}).json
    assert (done["state"], done["body"]) == ("COMMENTED", "now")
    assert len(ask(hub, "GET", f"{path}/comments").json) == 1
    assert ask(hub, "PUT", path, {"body": "edited"}).json["body"] == "edited"
    assert ask(hub, "DELETE", path).status == 422
    assert ask(hub, "PUT", f"{path}/dismissals", {"message": "no"}).status == 422


@pytest.mark.parametrize(
    ("token", "event", "text"),
    [
        ("", "APPROVE", "GitHub Actions is not permitted to approve pull requests."),
        ("author", "APPROVE", "Can not approve your own pull request"),
        ("author", "REQUEST_CHANGES", "Can not request changes on your own pull request"),
    ],
)
def test_who_may_not_judge(hub: GitHub, token: str, event: str, text: str) -> None:
    hub.add_token("author", "author")
    answer = ask(hub, "POST", REVIEWS, {"event": event, "body": "x"}, token=token)
    assert (answer.status, answer.json["errors"]) == (422, [text])


def test_a_review_wants_a_body_that_is_not_too_long(hub: GitHub) -> None:
    for body in ("", "x" * 65_537):
        assert ask(hub, "POST", REVIEWS, {"event": "COMMENT", "body": body}).status == 422
        assert ask(hub, "POST", "/repos/o/r/issues/1/comments", {"body": body}).status == 422
    assert (hub.reviews, hub.issue_comments) == ([], [])
    assert ask(hub, "POST", REVIEWS, {"event": "COMMENT", "body": "x" * 65_536}).status == 200


def test_many_comments_are_stored_and_lost_or_refused(hub: GitHub) -> None:
    many = [on(5)] * 33
    assert "too quickly" in str(ask(hub, "POST", REVIEWS, wish(*many)).json)
    assert hub.reviews == []
    assert ask(hub, "POST", REVIEWS, wish(*many[:32])).status == 502
    assert len(hub.review_comments) == 32
    assert ask(hub, "POST", REVIEWS, wish(*many[:25])).status == 200


def test_a_locked_pull_request_takes_no_comments(hub: GitHub) -> None:
    hub.pulls[1].locked = True
    assert ask(hub, "POST", REVIEWS, wish()).status == 403
    assert ask(hub, "POST", "/repos/o/r/issues/1/comments", {"body": "x"}).status == 403


def test_people_take_part(hub: GitHub) -> None:
    hub.comment(1, "<!-- reviewer: copied -->", "mallory")
    hub.review(1, "mine", "bob", comments=[on(6)])
    hub.reply(hub.threads[0], "why?", "carol")
    hub.resolve(hub.threads[0], "bob")
    seen = pull(hub)
    assert [(c.user.login, c.user.type) for c in seen.get_issue_comments()] == [("mallory", "User")]
    assert [c.user.login for c in seen.get_review_comments()] == ["bob", "carol"]
    assert hub.threads[0].resolved


# Tokens


def test_a_token_is_needed_and_must_be_known(hub: GitHub) -> None:
    assert ask(hub, "GET", "/repos/o/r", token=None).status == 401
    assert ask(hub, "GET", "/repos/o/r", token="wrong").json["message"] == "Bad credentials"
    assert ask(hub, "GET", "/repos/o/other").status == 404
    assert ask(hub, "GET", "/repos/o/r/pulls/9").status == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", REVIEWS, wish()),
        ("POST", "/repos/o/r/issues/1/comments", {"body": "x"}),
        ("POST", "/repos/o/r/check-runs", {"name": "x", "head_sha": "{head}"}),
        ("POST", "/repos/o/r/statuses/{head}", {"state": "success"}),
        ("POST", "/repos/o/r/code-scanning/sarifs",
         {"commit_sha": "{head}", "ref": "refs/pull/1/head", "sarif": "x"}),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_fork_only_reads(hub: GitHub, shas: Shas, method: str, path: str, body: Any) -> None:
    token = hub.add_token("fork", read_only=True)
    body = json.loads(json.dumps(body).replace("{head}", shas.head))
    answer = ask(hub, method, path.replace("{head}", shas.head), body, token)
    assert answer.status == 403
    assert answer.json["message"] == "Resource not accessible by integration"
    assert ask(hub, "GET", "/repos/o/r/pulls/1", token=token).status == 200


def test_only_a_user_is_a_user(hub: GitHub) -> None:
    hub.add_token("alice", "alice")
    assert ask(hub, "GET", "/user").json["message"] == "Resource not accessible by integration"
    assert client(hub, "alice").get_user().login == "alice"


def test_the_hour_has_so_many_requests(hub: GitHub) -> None:
    hub.remaining = 2
    assert ask(hub, "GET", "/repos/o/r").headers["x-ratelimit-remaining"] == "1"
    assert ask(hub, "GET", "/rate_limit").json["rate"]["remaining"] == 1
    assert ask(hub, "GET", "/repos/o/r").status == 200
    limited = ask(hub, "GET", "/repos/o/r")
    assert (limited.status, limited.headers["x-ratelimit-remaining"]) == (403, "0")
    assert "API rate limit exceeded" in limited.json["message"]


# GraphQL

CONVERSATION = """
query($number: Int!, $after: String) {
  viewer { login databaseId }
  repository(owner: "o", name: "r") { pullRequest(number: $number) {
    number state isDraft headRefOid baseRefOid baseRefName headRepository { nameWithOwner }
    reviewThreads(first: 1, after: $after) { pageInfo { hasNextPage endCursor } nodes {
      id isResolved isOutdated viewerCanResolve path line resolvedBy { login }
      comments(first: 9) { totalCount nodes {
        id databaseId fullDatabaseId viewerDidAuthor author { login __typename } body path line
        originalLine } } } }
    comments(first: 9) { pageInfo { hasNextPage endCursor } nodes {
      id databaseId viewerDidAuthor body author { login } isMinimized } }
    reviews(first: 9) { pageInfo { hasNextPage endCursor } nodes {
      id databaseId viewerDidAuthor state body commit { oid } author { login } } }
  } } }
"""
RESOLVE = """mutation($id: ID!) { resolveReviewThread(input: {threadId: $id}) {
  thread { isResolved resolvedBy { login } viewerCanUnresolve } } }"""
MINIMIZE = """mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) {
  minimizedComment { isMinimized minimizedReason } } }"""


def test_graphql_reads_the_conversation(hub: GitHub, shas: Shas) -> None:
    ask(hub, "POST", REVIEWS, wish(on(5), on(6)))
    hub.reply(hub.threads[0], "why?", "alice")
    hub.comment(1, "hi", "alice")
    data = query(hub, CONVERSATION, number=1)["data"]
    seen = data["repository"]["pullRequest"]
    assert data["viewer"] == {"login": "github-actions[bot]", "databaseId": 41898282}
    assert (seen["state"], seen["headRefOid"], seen["isDraft"]) == ("OPEN", shas.head, False)
    [thread] = seen["reviewThreads"]["nodes"]
    first, second = thread["comments"]["nodes"]
    assert first["author"] == {"login": "github-actions", "__typename": "Bot"}
    assert second["author"] == {"login": "alice", "__typename": "User"}
    assert (first["viewerDidAuthor"], second["viewerDidAuthor"]) == (True, False)
    assert (first["databaseId"], first["fullDatabaseId"]) == (None, str(hub.review_comments[0].id))
    info = seen["reviewThreads"]["pageInfo"]
    assert info["hasNextPage"] is True
    data = query(hub, CONVERSATION, number=1, after=info["endCursor"])["data"]
    page = data["repository"]["pullRequest"]["reviewThreads"]
    assert (page["nodes"][0]["line"], page["pageInfo"]["hasNextPage"]) == (6, False)
    assert [c["body"] for c in seen["comments"]["nodes"]] == ["hi"]
    assert seen["reviews"]["nodes"][0]["commit"] == {"oid": shas.head}


def test_graphql_resolves_and_minimizes(hub: GitHub) -> None:
    ask(hub, "POST", REVIEWS, wish(on(5)))
    thread = hub.threads[0]
    done = query(hub, RESOLVE, id=thread.id)["data"]["resolveReviewThread"]["thread"]
    assert done["isResolved"] is True
    assert thread.resolved
    assert hub.requests[-1].is_write
    query(hub, RESOLVE.replace("resolveReview", "unresolveReview"), id=thread.id)
    assert not thread.resolved
    node = ask(hub, "GET", "/repos/o/r/pulls/1/comments").json[0]["node_id"]
    shown = query(hub, MINIMIZE, id=node)["data"]["minimizeComment"]["minimizedComment"]
    assert shown == {"isMinimized": True, "minimizedReason": "outdated"}
    assert hub.review_comments[0].minimized == "OUTDATED"


def test_resolving_needs_to_write_contents(hub: GitHub) -> None:
    ask(hub, "POST", REVIEWS, wish(on(5)))
    token = hub.add_token("usual")
    answer = query(hub, RESOLVE, token, id=hub.threads[0].id)
    assert answer["data"] == {"resolveReviewThread": None}
    assert answer["errors"][0]["type"] == "FORBIDDEN"
    assert answer["errors"][0]["message"] == "Resource not accessible by integration"
    assert not hub.threads[0].resolved
    assert query(hub, RESOLVE, id="PRRT_none")["errors"][0]["type"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (RESOLVE.replace("isResolved", "resolved"), "Cannot query field 'resolved'"),
        (MINIMIZE.replace("OUTDATED", "STALE"), "Value 'STALE' does not exist"),
        (CONVERSATION.replace("reviews(first: 9)", "reviews"), "`first` or `last`"),
        (CONVERSATION.replace("reviews(first: 9)", "reviews(first: 101)"), "100 records"),
        ("{ viewer { login }", "Syntax Error"),
    ],
    ids=lambda value: value[-30:],
)
def test_wrong_graphql_is_a_violation(hub: GitHub, text: str, complaint: str) -> None:
    assert "errors" in query(hub, text, id="PRRT_1", number=1)
    assert any(complaint in violation for violation in hub.violations)
    hub.violations.clear()


# The contract


@pytest.mark.parametrize(
    ("method", "path", "body", "complaint"),
    [
        ("POST", REVIEWS, wish(event="COMENT"), "'COMENT' is not one of"),
        ("POST", REVIEWS, wish({"path": "a.py", "line": 5}), "'body' is a required property"),
        ("POST", REVIEWS, wish(on("5")), "'5' is not of type 'integer'"),
        ("POST", REVIEWS, wish(on(5, startline=4)), "'startline' was unexpected"),
        ("POST", REVIEWS, wish(on(5, side="MIDDLE")), "'MIDDLE' is not one of"),
        ("POST", REVIEWS, wish(on(5, subject_type="line")), "'subject_type' was unexpected"),
        ("POST", REVIEWS, wish(bodyy="x"), "'bodyy' was unexpected"),
        ("GET", REVIEWS + "?perpage=3", None, "unknown query parameter perpage"),
        ("GET", "/repos/o/r/pulls/one", None, "pull_number"),
        ("POST", "/repos/o/r/merges", {}, "the fake has no such operation"),
        ("POST", "/repos/o/r/check-runs",
         {"name": "x", "head_sha": "a", "conclusion": "fine"}, "'fine' is not one of"),
        ("POST", "/repos/o/r/check-runs",
         {"name": "x", "head_sha": "a", "status": "in_progress",
          "output": {"title": "t", "summary": "s", "annotations": [{}] * 51}}, "is too long"),
        ("POST", "/repos/o/r/check-runs",
         {"name": "x", "head_sha": "a", "output": {"title": "t", "summary": "x" * 65_536}},
         "is too long"),
        ("POST", "/repos/o/r/statuses/x", {"state": "good"}, "'good' is not one of"),
    ],
    ids=lambda value: str(value)[:50],
)  # fmt: skip
def test_a_wrong_request_fails_the_test(
    origin: tuple[Path, Shas], method: str, path: str, body: Any, complaint: str
) -> None:
    with pytest.raises(AssertionError) as caught, GitHub(origin[0]) as hub:
        hub.open_pull(head=origin[1].head)
        assert ask(hub, method, path, body).status in (404, 422)
    assert complaint in str(caught.value)


def test_a_wrong_answer_fails_the_test(hub: GitHub) -> None:
    hub.pulls[1].title = None  # type: ignore[assignment]
    ask(hub, "GET", "/repos/o/r/pulls/1")
    assert "the fake's answer: $.title" in hub.violations[0]
    hub.violations.clear()


def test_a_bug_of_the_fake_fails_the_test(hub: GitHub) -> None:
    hub.after("GET", "*", lambda: 1 / 0)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(hub, "GET", "/repos/o/r")
    assert "ZeroDivisionError" in hub.violations[0]
    hub.violations.clear()


def test_a_failure_is_explained_by_the_violations(origin: tuple[Path, Shas]) -> None:
    with pytest.raises(ValueError, match="of the test") as caught, GitHub(origin[0]) as hub:
        ask(hub, "GET", "/no")
        raise ValueError("of the test")
    assert "no such operation" in str(caught.value.__notes__)


def test_every_operation_of_the_contract_is_answered() -> None:
    described = {
        (method.upper(), path)
        for path, item in contract.document()["paths"].items()
        for method in item
        if method in contract.OPERATIONS
    }
    assert {(route.method, route.template) for route in rest.ROUTES} == described


def test_the_contract_costs_little(hub: GitHub) -> None:
    ask(hub, "GET", "/repos/o/r/pulls/1")
    start = time.process_time()
    for _ in range(20):
        ask(hub, "GET", "/repos/o/r/pulls/1")
    assert (time.process_time() - start) / 20 < 0.05


# Checks and SARIF


def test_check_runs_have_limits(hub: GitHub, shas: Shas) -> None:
    note = {"path": "a.py", "start_line": 5, "end_line": 6, "annotation_level": "failure",
            "message": "m"}  # fmt: skip
    for bad in (
        {"annotations": [{**note, "message": "ü" * 33_000}]},
        {"annotations": [{**note, "start_column": 1}]},
        {"annotations": [{**note, "end_line": 4}]},
        {"annotations": [{**note, "title": "x" * 256}]},
    ):
        body = {"name": "x", "head_sha": shas.head, "output": {"title": "t", "summary": "s", **bad}}
        assert ask(hub, "POST", "/repos/o/r/check-runs", body).status == 422
    assert hub.checks == []
    hub.add_token("alice", "alice")
    body = {"name": "x", "head_sha": shas.head}
    assert ask(hub, "POST", "/repos/o/r/check-runs", body, "alice").status == 403


def test_sarif_is_unpacked(hub: GitHub, shas: Shas) -> None:
    path = "/repos/o/r/code-scanning/sarifs"
    packed = base64.b64encode(gzip.compress(b'{"runs": []}')).decode()
    body = {"commit_sha": shas.head, "ref": "refs/pull/1/head", "sarif": packed}
    receipt = ask(hub, "POST", path, body)
    assert receipt.status == 202
    assert hub.sarifs[0].document == {"runs": []}
    assert ask(hub, "GET", f"{path}/{receipt.json['id']}").json["processing_status"] == "complete"
    assert ask(hub, "POST", path, {**body, "sarif": "bm8="}).status == 400
    hub.state.code_scanning = False
    assert ask(hub, "POST", path, body).status == 403


# Faults


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.bad_gateway(), 502),
        (faults.server_error(), 503),
        (faults.secondary_limit(), 403),
        (faults.secondary_limit(7, 429), 429),
        (faults.primary_limit(), 403),
        (faults.abuse(), 422),
        (faults.unauthorized(), 401),
        (faults.forbidden(), 403),
        (faults.not_found(), 404),
        (faults.redirect("/elsewhere"), 307),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_an_answer_can_be_replaced(hub: GitHub, fault: faults.Fault, status: int) -> None:
    hub.fault("POST", "*/reviews", fault, nth=2)
    statuses = [ask(hub, "POST", REVIEWS, wish()).status for _ in range(3)]
    assert statuses == [200, status, 200]
    assert len(hub.reviews) == 2
    assert [r.status for r in hub.requests] == statuses


def test_limits_say_how_long_to_wait(hub: GitHub) -> None:
    hub.fault("GET", "*", faults.secondary_limit(7))
    hub.fault("GET", "*", faults.primary_limit(60), nth=2)
    assert ask(hub, "GET", "/repos/o/r").headers["retry-after"] == "7"
    headers = ask(hub, "GET", "/repos/o/r").headers
    assert headers["x-ratelimit-remaining"] == "0"
    assert 55 < int(headers["x-ratelimit-reset"]) - time.time() <= 60


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.bad_gateway(stored=True), GithubException),
        (faults.reset(stored=True), requests.exceptions.ConnectionError),
        (faults.hang(0.2, stored=True), requests.exceptions.ConnectionError),
        (faults.cut(), requests.exceptions.ChunkedEncodingError),
        (faults.bad_json(), json.JSONDecodeError),
    ],
    ids=lambda value: str(getattr(value, "name", "")),
)
def test_the_work_is_done_and_the_answer_lost(
    hub: GitHub, fault: faults.Fault, error: type[Exception]
) -> None:
    seen = pull(hub)
    hub.fault("POST", "*/issues/1/comments", fault)
    with pytest.raises(error):
        seen.create_issue_comment("kept")
    assert [c.body for c in hub.issue_comments] == ["kept"]


def test_a_hang_lasts_until_the_client_gives_up(hub: GitHub) -> None:
    repository = client(hub, timeout=1).get_repo("o/r")
    hub.fault("GET", "*/pulls/1", faults.hang())
    with pytest.raises(requests.exceptions.ReadTimeout):
        repository.get_pull(1)


def test_a_reset_is_a_reset(hub: GitHub) -> None:
    hub.fault("GET", "*", faults.reset())
    with pytest.raises(ConnectionResetError) as caught:
        ask(hub, "GET", "/repos/o/r")
    assert caught.type is ConnectionResetError  # and not its child RemoteDisconnected


@pytest.mark.parametrize("state", ["PENDING", "COMMENTED"])
def test_a_refused_review_can_leave_an_orphan(hub: GitHub, state: str) -> None:
    hub.fault("POST", "*/reviews", faults.orphan(state))
    assert ask(hub, "POST", REVIEWS, wish(on(1))).status == 422
    [review] = ask(hub, "GET", REVIEWS).json
    assert (review["state"], review["body"]) == (state, "hello")
    assert hub.review_comments == []


def test_what_is_written_can_lag(hub: GitHub) -> None:
    hub.fault("POST", "*", faults.lag(), times=2)
    ask(hub, "POST", REVIEWS, wish(on(5)))
    ask(hub, "POST", "/repos/o/r/issues/1/comments", {"body": "x"})
    for path in (REVIEWS, "/repos/o/r/pulls/1/comments", "/repos/o/r/issues/1/comments"):
        assert [len(ask(hub, "GET", path).json) for _ in range(2)] == [0, 1]


def test_faults_meet_graphql_and_git(hub: GitHub, shas: Shas, tmp_path: Path) -> None:
    hub.fault("POST", "/graphql", faults.forbidden(), contains="mutation")
    hub.fault("GET", "/o/r.git/*", faults.server_error())
    assert "data" in query(hub, "{viewer{login}}")
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        query(hub, RESOLVE, id="x")
    caught.value.close()
    folder = new_repository(tmp_path / "clone")
    for status in (503, 200):
        git(folder, "fetch", "-q", hub.clone_url, shas.head, check=False)
        assert status in {r.status for r in hub.requests}


def test_something_happens_after_the_nth_request(hub: GitHub, shas: Shas) -> None:
    hub.after("GET", "*/pulls/1", lambda: hub.push(1, shas.later), nth=2)
    heads = [ask(hub, "GET", "/repos/o/r/pulls/1").json["head"]["sha"] for _ in range(3)]
    assert heads == [shas.head, shas.head, shas.later]


# The program


def test_the_program_serves_and_writes_its_state(origin: tuple[Path, Shas], tmp_path: Path) -> None:
    state, (folder, shas) = tmp_path / "state.json", origin
    words = (
        "--repo", str(folder), "--state", str(state), "--token", "t",
        "--pull", json.dumps({"head": shas.head}), "--fault", "POST */reviews stored-bad-gateway",
    )  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.github", *words],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."},
        cwd=Path(__file__).parents[1],
    ) as program:  # fmt: skip
        assert program.stdout
        url = program.stdout.readline().strip()
        seen = Github(auth=Auth.Token("t"), base_url=url, retry=None).get_repo("o/r").get_pull(1)
        with pytest.raises(GithubException, match="502"):
            seen.create_review(body="hello", event="COMMENT", comments=[on(5)])
        program.terminate()
    assert program.returncode == 0
    posted = json.loads(state.read_text(encoding="utf-8"))
    assert [r["body"] for r in posted["reviews"]] == ["hello"]
    assert [c["line"] for c in posted["review_comments"]] == [5]
    assert posted["violations"] == []
