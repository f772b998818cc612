"""What the fake of GitLab remembers, and the rules of where a comment may stand."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

from tests.fakes._github_git import HUNK, File, Git

ROLES = ("guest", "reporter", "developer", "maintainer")
MOST_NOTES = 5_000
"""docs.gitlab.com/administration/instance_limits/#number-of-comments-per-noteable."""
SUGGESTION = re.compile(
    r"^(?P<fence>`{3,})suggestion(?::-(?P<above>\d+)\+(?P<below>\d+))?\n", re.MULTILINE
)
"""docs.gitlab.com/user/project/merge_requests/reviews/suggestions/#multi-line-suggestions."""
FENCED = re.compile(r"^(`{3,})[^\n]*\n.*?^\1$", re.MULTILINE | re.DOTALL)
QUICK = re.compile(r"^/[a-z_]+\b.*$", re.MULTILINE)
"""A quick action: a line that begins with a slash, outside of code
(docs.gitlab.com/user/project/quick_actions/)."""


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Refusal(Exception):
    """GitLab says no. `words` is the value of `message`, or of `error`."""

    def __init__(self, status: int, words: Any, key: str = "message", **headers: str) -> None:
        super().__init__(f"{status} {words}")
        self.status, self.body, self.headers = status, {key: words}, headers


@dataclass(frozen=True)
class User:
    id: int
    username: str


@dataclass(frozen=True)
class Token:
    """`kind` is private (a personal, project or group access token) or job."""

    user: User
    role: str = "developer"
    kind: str = "private"
    scope: str = "api"

    def at_least(self, role: str) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


class Row(NamedTuple):
    """One line of a diff with GitLab's two counters (lib/gitlab/diff/parser.rb)."""

    sign: str
    old: int
    new: int

    @property
    def old_line(self) -> int | None:
        return None if self.sign == "+" else self.old

    @property
    def new_line(self) -> int | None:
        return None if self.sign == "-" else self.new


@dataclass
class Note:
    id: int
    author: User
    body: str
    position: dict[str, Any] | None = None
    type: str | None = None
    system: bool = False
    resolved: bool = False
    created_at: str = field(default_factory=now)


@dataclass
class Discussion:
    id: str
    notes: list[Note]
    individual: bool = False

    @property
    def resolvable(self) -> bool:
        return self.notes[0].type is not None and not self.notes[0].system

    @property
    def resolved(self) -> bool:
        return self.resolvable and self.notes[0].resolved


@dataclass
class Draft:
    id: int
    author: User
    note: str
    position: dict[str, Any] | None
    line_code: str | None


@dataclass(frozen=True)
class Version:
    id: int
    base: str
    start: str
    head: str


@dataclass
class Merge:
    iid: int
    source: str
    target: str
    author: User
    title: str
    source_project: int | None
    draft: bool = False
    labels: list[str] = field(default_factory=list)
    state: str = "opened"
    versions: list[Version] = field(default_factory=list)
    discussions: list[Discussion] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)

    @property
    def newest(self) -> Version:
        return self.versions[-1]


@dataclass
class State:
    """One project and all that people and programs left on it.

    `strict_drafts`: a draft without a place is refused. GitLab takes it and loses it later.
    `old_ranges`: as before GitLab 18.6, line numbers in the line_range of a draft are refused.
    `resolvable`: notes without a position begin a thread, as GitLab's newer versions have it.
    """

    git: Git
    path: str
    id: int = 5
    url: str = ""
    merges: dict[int, Merge] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    notifications: list[list[str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    strict_drafts: bool = False
    old_ranges: bool = False
    resolvable: bool = True
    most_notes: int = MOST_NOTES
    ids: Any = field(default_factory=lambda: count(3_000_000_001))

    def user(self, name: str) -> User:
        return self.users.setdefault(name, User(100 + len(self.users), name))

    def merge(self, iid: str) -> Merge:
        if int(iid) not in self.merges:
            raise Refusal(404, "404 Not found")
        return self.merges[int(iid)]

    def version(self, merge: Merge, head: str) -> None:
        """Write down a new version and move the ref of the merge request."""
        start = self.git.sha(merge.target)
        assert start
        base = self.git.merge_base(start, head) or start
        merge.versions.append(Version(next(self.ids), base, start, head))
        self.git.set(f"refs/merge-requests/{merge.iid}/head", head)

    def line_code(self, merge: Merge, position: dict[str, Any]) -> str | None:
        """The code of the line that a position stands on; None when it stands nowhere."""
        shas = {(v.base, v.start, v.head) for v in merge.versions}
        if tuple(position[f"{name}_sha"] for name in ("base", "start", "head")) not in shas:
            return None
        files = self.git.files(position["base_sha"], position["head_sha"])
        file = next((f for f in files if f.filename == position["new_path"]), None)
        if file is None or position["old_path"] != (file.previous or file.filename):
            return None
        wanted = (position.get("old_line"), position.get("new_line"))
        at = next((r for r in rows(file) if (r.old_line, r.new_line) == wanted), None)
        ends = (position.get("line_range") or {}).values()
        if at is None or not all(_fits(end, file) for end in ends):
            return None
        return code(file.filename, at)

    def add_note(self, merge: Merge, note: Note, *, individual: bool = False) -> Discussion:
        if sum(len(each.notes) for each in merge.discussions) >= self.most_notes:
            raise Refusal(400, {"base": ["Maximum number of comments exceeded"]})
        self.examine(note.body, note.position)
        name = hashlib.sha1(f"{note.id}".encode()).hexdigest()
        discussion = Discussion(name, [note], individual)
        merge.discussions.append(discussion)
        return discussion

    def publish(self, merge: Merge, user: User, drafts: list[Draft]) -> None:
        """Make notes of drafts, with one notification. What cannot be one is lost in silence."""
        plain = "DiscussionNote" if self.resolvable else None
        for draft in drafts:
            merge.drafts.remove(draft)
            if draft.position and draft.line_code is None:
                continue
            kind = "DiffNote" if draft.position else plain
            note = Note(next(self.ids), user, draft.note, draft.position, kind)
            try:
                self.add_note(merge, note, individual=kind is None)
            except Refusal:
                continue
        self.notifications.append([draft.note for draft in drafts])

    def examine(self, body: str, position: dict[str, Any] | None) -> None:
        """Complain of quick actions, and of suggestions for other lines than the comment has."""
        for found in QUICK.findall(FENCED.sub("", body)):
            self.complaints.append(f"a quick action: {found[:80]}")
        found = SUGGESTION.search(body)
        if found and position:
            ends = position.get("line_range") or {}
            first, last = (
                int(ends[end]["line_code"].rpartition("_")[2]) if ends else 0
                for end in ("start", "end")
            )
            if (int(found["above"] or 0), int(found["below"] or 0)) != (last - first, 0):
                self.complaints.append(f"a suggestion for other lines: {found[0]!r}")


def rows(file: File) -> Iterator[Row]:
    """The lines of a file's diff."""
    for hunk in file.hunks:
        found = HUNK.match(hunk.text[0].encode())
        assert found
        old, new = int(found[1]), int(found[3])
        for text in hunk.text[1:]:
            sign = text[:1] or " "
            if sign != "\\":
                yield Row(sign, old, new)
            old += sign in "- "
            new += sign in "+ "


def code(path: str, row: Row) -> str:
    """`<SHA>_<old>_<new>` (docs.gitlab.com/api/discussions/#line-code)."""
    return f"{hashlib.sha1(path.encode()).hexdigest()}_{row.old}_{row.new}"


def _fits(end: dict[str, Any], file: File) -> bool:
    """Whether one end of a line_range names a line of the diff, and says the same of it twice."""
    at = next((row for row in rows(file) if code(file.filename, row) == end["line_code"]), None)
    if at is None or end["type"] != ("new" if at.sign == "+" else "old"):
        return False
    given = (end.get("old_line"), end.get("new_line"))
    return given in ((None, None), (at.old_line, at.new_line))
