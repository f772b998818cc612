"""What GitLab's documentation says of requests and answers, as JSON Schema.

Written by hand from the pages that PAGES names, all below https://docs.gitlab.com/api/. Requests
may hold no field that their page does not know; answers may.
"""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

MR = "/projects/{id}/merge_requests/{iid}"

PAGES = {
    ("GET", "/user"): "users/#retrieve-the-current-user",
    ("GET", MR): "merge_requests/#retrieve-a-merge-request",
    ("GET", f"{MR}/versions"): "merge_requests/#list-all-merge-request-diff-versions",
    ("GET", f"{MR}/discussions"): "discussions/#list-project-merge-request-discussion-items",
    ("PUT", f"{MR}/discussions/{{discussion}}"): "discussions/#resolve-a-merge-request-thread",
    ("GET", f"{MR}/notes"): "notes/#list-all-merge-request-notes",
    ("POST", f"{MR}/notes"): "notes/#create-new-merge-request-note",
    ("PUT", f"{MR}/notes/{{note}}"): "notes/#modify-existing-merge-request-note",
    ("GET", f"{MR}/draft_notes"): "draft_notes/#list-all-merge-request-draft-notes",
    ("POST", f"{MR}/draft_notes"): "draft_notes/#create-a-draft-note",
    ("DELETE", f"{MR}/draft_notes/{{draft}}"): "draft_notes/#delete-a-draft-note",
    ("PUT", f"{MR}/draft_notes/{{draft}}/publish"): "draft_notes/#publish-a-draft-note",
    ("POST", f"{MR}/draft_notes/bulk_publish"): "draft_notes/#publish-all-pending-draft-notes",
}
"""The operations of the fake, and the page that describes each."""


def _object(required: str = "", closed: bool = False, **fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": required.split(),
        "additionalProperties": not closed,
    }


def _or_null(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


TEXT = {"type": "string"}
FILLED = {"type": "string", "minLength": 1, "maxLength": 1_000_000}
"""A body: "limited to 1,000,000 characters" (discussions, notes)."""
WHOLE = {"type": "integer"}
LINE = {"type": "integer", "minimum": 1}
TRUTH = {"type": "boolean"}
SHA = {"type": "string", "pattern": "^[0-9a-f]{40}([0-9a-f]{24})?$"}

END = _object(
    "line_code type",
    closed=True,
    line_code={"type": "string", "pattern": r"^[0-9a-f]{40}_\d+_\d+$"},
    type={"enum": ["new", "old"]},
    old_line=LINE,
    new_line=LINE,
)
POSITION = _object(
    "base_sha start_sha head_sha position_type old_path new_path",
    closed=True,
    base_sha=SHA,
    start_sha=SHA,
    head_sha=SHA,
    position_type={"const": "text"},
    old_path=FILLED,
    new_path=FILLED,
    old_line=LINE,
    new_line=LINE,
    line_range=_object("start end", closed=True, start=END, end=END),
)
"""discussions/#create-a-new-thread-in-the-merge-request-diff and, below it, "Parameters for
multiline comments"."""

USER = _object("id username", id=WHOLE, username=TEXT)
NOTE = _object(
    "id type body author created_at system noteable_iid resolvable",
    id=WHOLE,
    type={"enum": [None, "DiffNote", "DiscussionNote"]},
    body=TEXT,
    author=USER,
    system=TRUTH,
    noteable_iid=WHOLE,
    resolvable=TRUTH,
    resolved=TRUTH,
    position={"type": "object"},
)
DISCUSSION = _object(
    "id individual_note notes",
    id={"type": "string", "pattern": "^[0-9a-f]{40}$"},
    individual_note=TRUTH,
    notes={"type": "array", "items": NOTE, "minItems": 1},
)
DRAFT = _object(
    "id author_id merge_request_id note line_code position",
    id=WHOLE,
    author_id=WHOLE,
    merge_request_id=WHOLE,
    note=TEXT,
    line_code=_or_null("string"),
    position={"type": "object"},
)
MERGE = _object(
    "iid project_id title state draft labels author sha diff_refs target_branch source_project_id",
    iid=WHOLE,
    project_id=WHOLE,
    title=TEXT,
    state={"enum": ["opened", "closed", "locked", "merged"]},
    draft=TRUTH,
    labels={"type": "array", "items": TEXT},
    author=USER,
    sha=SHA,
    diff_refs=_object("base_sha start_sha head_sha", base_sha=SHA, start_sha=SHA, head_sha=SHA),
    target_branch=TEXT,
    source_branch=TEXT,
    source_project_id=_or_null("integer"),
    target_project_id=WHOLE,
    web_url=TEXT,
)
VERSION = _object(
    "id head_commit_sha base_commit_sha start_commit_sha",
    id=WHOLE,
    head_commit_sha=SHA,
    base_commit_sha=SHA,
    start_commit_sha=SHA,
)

BODIES: dict[tuple[str, str], Any] = {
    ("PUT", f"{MR}/discussions/{{discussion}}"): _object("resolved", closed=True, resolved=TRUTH),
    ("POST", f"{MR}/notes"): _object("body", closed=True, body=FILLED),
    ("PUT", f"{MR}/notes/{{note}}"): _object("body", closed=True, body=FILLED),
    ("POST", f"{MR}/draft_notes"): _object("note", closed=True, note=FILLED, position=POSITION),
}
ANSWERS: dict[tuple[str, str], Any] = {
    ("GET", "/user"): USER,
    ("GET", MR): MERGE,
    ("GET", f"{MR}/versions"): {"type": "array", "items": VERSION},
    ("GET", f"{MR}/discussions"): {"type": "array", "items": DISCUSSION},
    ("PUT", f"{MR}/discussions/{{discussion}}"): DISCUSSION,
    ("GET", f"{MR}/notes"): {"type": "array", "items": NOTE},
    ("POST", f"{MR}/notes"): NOTE,
    ("PUT", f"{MR}/notes/{{note}}"): NOTE,
    ("GET", f"{MR}/draft_notes"): {"type": "array", "items": DRAFT},
    ("POST", f"{MR}/draft_notes"): DRAFT,
}
NOTHING = {"enum": [None, {}]}
"""The body of a request that takes none."""


def wrong_request(method: str, template: str, body: Any) -> list[str]:
    """What is wrong with the body of a request."""
    return _complaints(method, template, body, request=True)


def wrong_answer(method: str, template: str, body: Any) -> list[str]:
    """What is wrong with an answer of status 200 or 201."""
    return _complaints(method, template, body, request=False)


def _complaints(method: str, template: str, body: Any, *, request: bool) -> list[str]:
    errors = _validator(method, template, request).iter_errors(body)
    return [f"{error.json_path} {error.message[:300]}" for error in errors]


@cache
def _validator(method: str, template: str, request: bool) -> Draft202012Validator:
    found = (BODIES if request else ANSWERS).get((method, template), NOTHING)
    return Draft202012Validator(found)
