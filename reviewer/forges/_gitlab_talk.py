"""Our part in one merge request: what is there, and each step at most once."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import msgspec

from reviewer.errors import Refused, Rejected
from reviewer.forges._gitlab_calls import Calls
from reviewer.forges._gitlab_past import ON_LINE, Book, mark
from reviewer.forges._gitlab_review import Reviews, resolve
from reviewer.forges.base import (
    DropReview,
    Past,
    PostReview,
    PutCheck,
    PutNote,
    Resolve,
    Step,
    Taken,
    UploadSarif,
    Withdraw,
)
from reviewer.model import ChangeSet


class Posted(msgspec.Struct, frozen=True):
    """A note, as the API shows it once it is there."""

    id: int


@dataclass(frozen=True)
class Talk:
    """The merge request at `path` of the API, `page` of the site; its change is `changes`."""

    calls: Calls
    path: str
    page: str
    changes: ChangeSet

    def past(self) -> Past:
        """What is there. Raises ForgeError."""
        return self._book.past()

    def take(self, step: Step) -> Taken:
        """Take one step, see `forges.base.Conversation`. Raises ForgeError."""
        match step:
            case PostReview():
                taken = self._reviews.post(step)
                return Taken(f"{self.page}{taken.url}" if taken.url else "", taken.left)
            case DropReview():
                self._reviews.drop()
                return Taken()
            case Resolve():
                resolve(self.calls, self._book, self.path, step.thread)
                return Taken()
            case PutNote():
                return self._put_note(step)
            case Withdraw():
                raise Rejected("no review of GitLab asks for changes")
            case PutCheck():
                raise Rejected("on GitLab the job itself is the check")
            case UploadSarif():
                raise Rejected("GitLab takes reports as artifacts of the job")

    @cached_property
    def _book(self) -> Book:
        return Book(self.calls, self.path)

    @cached_property
    def _reviews(self) -> Reviews:
        return Reviews(self.calls, self._book, self.path, self.changes)

    def _settle(self) -> None:
        """Resolve the threads that newer versions make of a review's body.

        They would stand in the way of a merge. It comes with the summary, which is put last, so
        that a run that was killed makes up for it.
        """
        for each in self._book.threads():
            first = each.notes[0]
            open_ = first.resolvable and not first.resolved
            if open_ and first.type != ON_LINE and len(each.notes) == 1 and mark(first.body):
                with suppress(Refused, Rejected):
                    resolve(self.calls, self._book, self.path, each.id)

    def _put_note(self, step: PutNote) -> Taken:
        self._settle()

        def landed() -> Posted | None:
            notes = (each for each in self._book.past().notes if each.mark == step.mark)
            return next((Posted(int(each.id)) for each in notes), None)

        notes, body = f"{self.path}/notes", {"body": step.body}
        if step.replaces:
            try:
                made = self.calls.write("PUT", f"{notes}/{step.replaces}", body, Posted, landed)
            except Refused:
                if any(each.id == step.replaces for each in self._book.past().notes):
                    raise
                # Somebody deleted it meanwhile.
                made = self.calls.write("POST", notes, body, Posted, landed)
        else:
            made = self.calls.write("POST", notes, body, Posted, landed)
        return Taken(f"{self.page}#note_{made.id}")
