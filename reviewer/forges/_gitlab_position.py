"""Where a comment stands in a merge request, in GitLab's own words.

https://docs.gitlab.com/api/discussions/, "Create a new thread in the merge request diff": an added
line has `new_line` alone, a removed one `old_line` alone, an unchanged one both. Each line also has
a code, `<SHA1 of the path>_<old>_<new>`, whose numbers are the two counters with which GitLab reads
a diff (its lib/gitlab/diff/parser.rb): an added line has the number of the next old one.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from reviewer.forges._gitlab_event import Sha
from reviewer.forges.base import Comment
from reviewer.model import FileChange, Side, Status


class Version(msgspec.Struct, frozen=True):
    """A version of a merge request: what positions refer to."""

    head_commit_sha: Sha
    base_commit_sha: Sha
    start_commit_sha: Sha


class Row(NamedTuple):
    """A line of the diff with both counters."""

    origin: str
    old: int
    new: int

    def on(self, side: Side) -> int:
        """Its number on one side, 0 where it is not."""
        absent = "+" if side is Side.OLD else "-"
        return 0 if self.origin == absent else self.old if side is Side.OLD else self.new

    def lines(self) -> dict[str, int]:
        """The fields that say which line it is."""
        places = {"old_line": self.on(Side.OLD), "new_line": self.on(Side.NEW)}
        return {name: number for name, number in places.items() if number}


def position(
    change: FileChange, comment: Comment, version: Version, *, numbered: bool = True
) -> dict[str, Any] | None:
    """The `position` of a comment, None where it has none.

    Without `numbered` the ends of several lines are told by their codes alone.
    """
    ends = _ends(change, comment)
    if ends is None:
        return None
    start, end = ends
    place: dict[str, Any] = {
        "position_type": "text",
        "base_sha": version.base_commit_sha,
        "start_sha": version.start_commit_sha,
        "head_sha": version.head_commit_sha,
        "old_path": _old_path(change),
        "new_path": change.path,
        **end.lines(),
    }
    if comment.start != comment.end:
        place["line_range"] = {
            name: {
                "line_code": _code(change.path, row),
                "type": "new" if row.origin == "+" else "old",
                **(row.lines() if numbered else {}),
            }
            for name, row in (("start", start), ("end", end))
        }
    return place


def _old_path(change: FileChange) -> str:
    # GitLab finds renames but no copies: a copy is a new file to it.
    return change.old_path if change.status is Status.RENAMED else change.path


def _ends(change: FileChange, comment: Comment) -> tuple[Row, Row] | None:
    """The first and the last line of a comment."""
    found: Mapping[int, Row] = {
        number: row
        for row in _rows(change)
        if comment.start <= (number := row.on(comment.side)) <= comment.end
    }
    start, end = found.get(comment.start), found.get(comment.end)
    return None if start is None or end is None else (start, end)


def _rows(change: FileChange) -> Iterator[Row]:
    if change.status is Status.COPIED:
        yield from (Row("+", 0, line.new) for line in change.lines() if line.new)
        return
    for hunk in change.hunks:
        old, new = hunk.old_start, hunk.new_start
        for line in hunk.lines():
            yield Row(line.origin, old, new)
            old += line.origin != "+"
            new += line.origin != "-"


def _code(path: str, row: Row) -> str:
    name = hashlib.sha1(path.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
    return f"{name}_{row.old}_{row.new}"
