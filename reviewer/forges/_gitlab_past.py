"""What a merge request looks like and what our account said on it.

https://docs.gitlab.com/api/discussions/, "List project merge request discussion items", and
https://docs.gitlab.com/api/draft_notes/. Whose a text is, the id of its author says; which of our
account's texts are this program's, their last line says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec

from reviewer.forges._gitlab_calls import PAGE, Calls
from reviewer.forges._gitlab_event import Merge, User
from reviewer.forges.base import Past, Remark, Said

MARK: Final = "<!-- reviewer:"
"""How the last line of everything begins that we post."""

REVIEW: Final = f"{MARK}review:"
"""How it begins under the body of a review, which to GitLab is a note like any other."""

ON_LINE: Final = "DiffNote"

PENDING: Final = "drafts"
"""In place of an id: the drafts of one account are one review."""


class Place(msgspec.Struct, frozen=True):
    new_path: str | None = None


class Note(msgspec.Struct, frozen=True):
    """`type` is null for a note that begins no thread."""

    id: int
    body: str
    author: User | None = None
    type: str | None = None
    system: bool = False
    resolvable: bool = False
    resolved: bool | None = False
    position: Place | None = None


class Discussion(msgspec.Struct, frozen=True):
    id: str
    notes: tuple[Note, ...] = ()


class Draft(msgspec.Struct, frozen=True):
    """A note that only its author sees. Without a `line_code` it will get no place in the diff."""

    id: int
    note: str
    line_code: str | None = None


@dataclass(frozen=True)
class Book:
    """Reads the merge request at `path` of the API."""

    calls: Calls
    path: str

    @cached_property
    def me(self) -> int:
        """Our account. Raises ForgeError."""
        return self.calls.read("/user", User).id

    def past(self) -> Past:
        """What is there. Raises ForgeError."""
        merge = self.calls.read(self.path, Merge)
        threads = self.threads()
        on_lines = [each for each in threads if each.notes[0].type == ON_LINE]
        said = tuple(
            Said(str(note.id), mark(note.body), note.body, f"{merge.web_url}#note_{note.id}")
            for each in threads
            if each not in on_lines and mark((note := each.notes[0]).body)
        )
        return Past(
            merge.sha or "",
            merge.state == "opened",
            tuple(self._remark(each) for each in on_lines if mark(each.notes[0].body)),
            (*(each for each in said if each.mark.startswith(REVIEW)), *self._pending()),
            tuple(each for each in said if not each.mark.startswith(REVIEW)),
        )

    def threads(self) -> list[Discussion]:
        """The threads that we began, oldest first. Raises ForgeError."""
        every = self.calls.pages(f"{self.path}/discussions", Discussion)
        return [each for each in every if each.notes and self._ours(each.notes[0])]

    def drafts(self) -> list[Draft]:
        """All drafts of our account, oldest first. Raises ForgeError."""
        path = f"{self.path}/draft_notes"
        # This list is not paged, and would come a second time as its second page.
        found = self.calls.read(path, list[Draft], per_page=PAGE)
        return sorted(found, key=lambda each: each.id)

    def _pending(self) -> Sequence[Said]:
        """The drafts that bear a mark of ours, as one review; its body is the first of them."""
        ours = [each for each in self.drafts() if mark(each.note)]
        return [Said(PENDING, mark(ours[0].note), ours[0].note, pending=True)] if ours else []

    def _remark(self, thread: Discussion) -> Remark:
        first = thread.notes[0]
        path = first.position.new_path if first.position else ""
        answered = not all(note.system or self._ours(note) for note in thread.notes)
        return Remark(thread.id, path or "", mark(first.body), bool(first.resolved), answered)

    def _ours(self, note: Note) -> bool:
        return note.author is not None and note.author.id == self.me and not note.system


def mark(body: str) -> str:
    """The mark under a text, "" when it has none."""
    last = body.rstrip().rpartition("\n")[2].strip()
    return last if last.startswith(MARK) else ""
