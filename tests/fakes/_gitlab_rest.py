"""The operations of the fake of GitLab; see `_gitlab_schema.PAGES` for where each is described."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.fakes._gitlab_schema import MR, PAGES
from tests.fakes._gitlab_state import Discussion, Draft, Merge, Note, Refusal, State, Token, User

BY_JOB = (("GET", MR), ("GET", f"{MR}/notes"))
"""What a job token may do (docs.gitlab.com/ci/jobs/ci_job_token/#job-token-access)."""


@dataclass(frozen=True)
class Call:
    """A request that has passed the door."""

    state: State
    token: Token
    params: Mapping[str, str]
    body: Any

    @property
    def user(self) -> User:
        return self.token.user

    @property
    def merge(self) -> Merge:
        return self.state.merge(self.params["iid"])

    def draft(self) -> Draft:
        """The draft that the path names: one's own, for nobody sees another's."""
        wanted = self.params["draft"]
        mine = (each for each in self.merge.drafts if each.author == self.user)
        found = next((each for each in mine if str(each.id) == wanted), None)
        if found is None:
            raise Refusal(404, "404 Draft Note Not Found")
        return found


Work = Callable[[Call], tuple[int, Any]]
ROUTES: dict[tuple[str, str], Work] = {}


def route(method: str, template: str) -> Callable[[Work], Work]:
    assert (method, template) in PAGES, "no page describes this operation"

    def keep(work: Work) -> Work:
        ROUTES[method, template] = work
        return work

    return keep


def find(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """The template of a path and the values in it."""
    for verb, template in ROUTES:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        if verb == method and (found := re.fullmatch(pattern, path)):
            return template, {name: unquote(text) for name, text in found.groupdict().items()}
    return None


@route("GET", "/user")
def current_user(call: Call) -> tuple[int, Any]:
    return 200, _user(call.user)


@route("GET", MR)
def merge_request(call: Call) -> tuple[int, Any]:
    merge, state = call.merge, call.state
    newest = merge.newest
    return 200, {
        "id": merge.iid + 1000,
        "iid": merge.iid,
        "project_id": state.id,
        "title": merge.title,
        "state": merge.state,
        "draft": merge.draft,
        "labels": merge.labels,
        "author": _user(merge.author),
        "source_branch": merge.source,
        "target_branch": merge.target,
        "source_project_id": merge.source_project,
        "target_project_id": state.id,
        "sha": newest.head,
        "diff_refs": {
            "base_sha": newest.base,
            "start_sha": newest.start,
            "head_sha": newest.head,
        },
        "web_url": f"{state.url}/{state.path}/-/merge_requests/{merge.iid}",
    }


@route("GET", f"{MR}/versions")
def versions(call: Call) -> tuple[int, Any]:
    return 200, [
        {
            "id": each.id,
            "head_commit_sha": each.head,
            "base_commit_sha": each.base,
            "start_commit_sha": each.start,
            "merge_request_id": call.merge.iid + 1000,
            "state": "collected",
            "real_size": "1",
        }
        for each in reversed(call.merge.versions)
    ]


@route("GET", f"{MR}/discussions")
def discussions(call: Call) -> tuple[int, Any]:
    return 200, [_discussion(call, each) for each in call.merge.discussions]


@route("PUT", f"{MR}/discussions/{{discussion}}")
def resolve(call: Call) -> tuple[int, Any]:
    wanted = call.params["discussion"]
    found = next((each for each in call.merge.discussions if each.id == wanted), None)
    if found is None:
        raise Refusal(404, "404 Discussion Not Found")
    if not call.token.at_least("developer") and call.user != call.merge.author:
        raise Refusal(403, "403 Forbidden")
    if not found.resolvable:
        raise Refusal(403, "403 Forbidden")
    for note in found.notes:
        note.resolved = call.body["resolved"]
    return 200, _discussion(call, found)


@route("GET", f"{MR}/notes")
def notes(call: Call) -> tuple[int, Any]:
    every = [_note(call, note, d) for d in call.merge.discussions for note in d.notes]
    return 200, every[::-1]


@route("POST", f"{MR}/notes")
def create_note(call: Call) -> tuple[int, Any]:
    note = Note(next(call.state.ids), call.user, call.body["body"])
    discussion = call.state.add_note(call.merge, note, individual=True)
    call.state.notifications.append([note.body])
    return 201, _note(call, note, discussion)


@route("PUT", f"{MR}/notes/{{note}}")
def edit_note(call: Call) -> tuple[int, Any]:
    for discussion in call.merge.discussions:
        for note in discussion.notes:
            if str(note.id) == call.params["note"]:
                if note.author != call.user and not call.token.at_least("maintainer"):
                    raise Refusal(403, "403 Forbidden")
                call.state.examine(call.body["body"], None)
                note.body = call.body["body"]
                return 200, _note(call, note, discussion)
    raise Refusal(404, "404 Not found")


@route("GET", f"{MR}/draft_notes")
def drafts(call: Call) -> tuple[int, Any]:
    return 200, [_draft(call, each) for each in call.merge.drafts if each.author == call.user]


@route("POST", f"{MR}/draft_notes")
def create_draft(call: Call) -> tuple[int, Any]:
    state, position = call.state, call.body.get("position")
    ends = (position or {}).get("line_range", {}).values()
    if state.old_ranges and any("new_line" in end or "old_line" in end for end in ends):
        raise Refusal(400, {"position": ["must be a valid json schema"]})
    code = state.line_code(call.merge, position) if position else None
    if position and code is None and state.strict_drafts:
        raise Refusal(400, {"line_code": ["can't be blank", "must be a valid line code"]})
    draft = Draft(next(state.ids), call.user, call.body["note"], position, code)
    call.merge.drafts.append(draft)
    return 201, _draft(call, draft)


@route("DELETE", f"{MR}/draft_notes/{{draft}}")
def delete_draft(call: Call) -> tuple[int, Any]:
    call.merge.drafts.remove(call.draft())
    return 204, None


@route("PUT", f"{MR}/draft_notes/{{draft}}/publish")
def publish_draft(call: Call) -> tuple[int, Any]:
    call.state.publish(call.merge, call.user, [call.draft()])
    return 204, None


@route("POST", f"{MR}/draft_notes/bulk_publish")
def publish_drafts(call: Call) -> tuple[int, Any]:
    mine = [each for each in call.merge.drafts if each.author == call.user]
    if mine:
        call.state.publish(call.merge, call.user, mine)
    return 204, None


def _user(user: User) -> dict[str, Any]:
    return {"id": user.id, "username": user.username, "name": user.username, "state": "active"}


def _discussion(call: Call, discussion: Discussion) -> dict[str, Any]:
    return {
        "id": discussion.id,
        "individual_note": discussion.individual,
        "notes": [_note(call, note, discussion) for note in discussion.notes],
    }


def _note(call: Call, note: Note, discussion: Discussion) -> dict[str, Any]:
    shown = {
        "id": note.id,
        "type": note.type,
        "body": note.body,
        "attachment": None,
        "author": _user(note.author),
        "created_at": note.created_at,
        "updated_at": note.created_at,
        "system": note.system,
        "noteable_id": call.merge.iid + 1000,
        "noteable_type": "MergeRequest",
        "noteable_iid": call.merge.iid,
        "resolvable": discussion.resolvable,
    }
    if discussion.resolvable:
        shown["resolved"] = discussion.resolved
    if note.position:
        shown["position"] = _position(note.position)
    return shown


def _draft(call: Call, draft: Draft) -> dict[str, Any]:
    return {
        "id": draft.id,
        "author_id": draft.author.id,
        "merge_request_id": call.merge.iid + 1000,
        "resolve_discussion": False,
        "discussion_id": None,
        "note": draft.note,
        "commit_id": None,
        "line_code": draft.line_code,
        "position": _position(draft.position or {"position_type": "text"}),
    }


def _position(given: dict[str, Any]) -> dict[str, Any]:
    names = "base_sha start_sha head_sha old_path new_path position_type old_line new_line".split()
    return {**dict.fromkeys([*names, "line_range"]), **given}
