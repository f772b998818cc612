"""Posting one review: as drafts that nobody else sees, then all of them with one notification.

https://docs.gitlab.com/api/draft_notes/. GitLab takes a draft that has no place in the diff, and a
draft that it cannot publish (too many comments) is thrown away without a word (its
app/services/draft_notes/publish_service.rb). So the answer to each draft is looked at for the code
of its line, and once all is published it is looked for.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from reviewer.errors import ForgeError, Refused, Rejected
from reviewer.forges._gitlab_calls import Calls
from reviewer.forges._gitlab_past import Book, Discussion, Draft, mark
from reviewer.forges._gitlab_position import Version, position
from reviewer.forges.base import Comment, PostReview, Taken
from reviewer.model import ChangeSet

LOOKS: Final = (0.0, 2.0)
"""Seconds before each look for what was published: replicas lag behind."""

_SUGGESTION: Final = re.compile(r"^(`{3,})suggestion$", re.MULTILINE)
_FORMAT: Final = re.compile(r"json schema", re.IGNORECASE)


class Nothing(msgspec.Struct, frozen=True):
    """What nobody looks at."""


@dataclass
class Reviews:
    """The reviews of the merge request at `path`, whose change is `changes`."""

    calls: Calls
    book: Book
    path: str
    changes: ChangeSet
    _numbered: bool = field(default=True, init=False)

    def post(self, step: PostReview) -> Taken:
        """Post one review. Raises ForgeError; then its drafts are deleted, if GitLab lets us."""
        version = self._version(step.commit)
        self.drop()
        try:
            self._written(step.body, step.mark, None)
            left = [each.mark for each in step.comments if not self._placed(each, version)]
            self._publish()
        except ForgeError:
            with suppress(ForgeError):
                self.drop()
            raise
        return self._found(step, left)

    def drop(self) -> None:
        """Delete our drafts, that of the body last: it tells that they are a review's.

        Raises ForgeError.
        """
        for draft in reversed(self._ours()):
            self._delete(draft)

    def _version(self, commit: str) -> Version:
        """The newest version. Raises Rejected when it is not that of `commit`."""
        newest = self.calls.read(f"{self.path}/versions", list[Version])[:1]
        if not newest or newest[0].head_commit_sha != commit:
            raise Rejected("the merge request has another version than the one reviewed")
        return newest[0]

    def _placed(self, comment: Comment, version: Version) -> bool:
        """Make a draft on a line; False when GitLab has no place for it."""
        if self._tried(comment, version):
            return True
        # The target branch may have moved meanwhile, and with it what positions refer to.
        newer = self._version(version.head_commit_sha)
        return newer != version and self._tried(comment, newer)

    def _tried(self, comment: Comment, version: Version) -> bool:
        change = self.changes.by_path.get(comment.path)
        place = change and position(change, comment, version, numbered=self._numbered)
        if not place:
            return False
        body = suggested(comment.body, comment.end - comment.start)
        try:
            draft = self._written(body, comment.mark, place)
        except Rejected as refusal:
            if not (self._numbered and "line_range" in place and _FORMAT.search(str(refusal))):
                return False
            # Before 18.6 drafts took no line numbers there (gitlab-org/gitlab!206292).
            self._numbered = False
            return self._tried(comment, version)
        if draft.line_code is None:
            self._delete(draft)
        return draft.line_code is not None

    def _written(self, body: str, under: str, place: dict[str, Any] | None) -> Draft:
        def landed() -> Draft | None:
            return next((each for each in self._ours() if mark(each.note) == under), None)

        given = {"note": body, **({"position": place} if place else {})}
        return self.calls.write("POST", f"{self.path}/draft_notes", given, Draft, landed)

    def _publish(self) -> None:
        """Publish our drafts, and nobody else's: a person may have lent us the account."""

        def landed() -> Nothing | None:
            return None if self._ours() else Nothing()

        drafts = self.book.drafts()
        if all(mark(each.note) for each in drafts):
            self._sent("POST", f"{self.path}/draft_notes/bulk_publish", landed)
            return
        for draft in drafts:
            if mark(draft.note):
                self._alone(draft)

    def _alone(self, draft: Draft) -> None:
        def landed() -> Nothing | None:
            return None if draft.id in {each.id for each in self._ours()} else Nothing()

        self._sent("PUT", f"{self.path}/draft_notes/{draft.id}/publish", landed)

    def _delete(self, draft: Draft) -> None:
        def landed() -> Nothing | None:
            return None if draft.id in {each.id for each in self._ours()} else Nothing()

        try:
            self._sent("DELETE", f"{self.path}/draft_notes/{draft.id}", landed)
        except (Refused, Rejected):
            if landed() is None:
                raise

    def _sent(self, verb: str, path: str, landed: Any) -> None:
        self.calls.write(verb, path, None, Nothing | None, landed)  # type: ignore[arg-type]

    def _found(self, step: PostReview, left: Sequence[str]) -> Taken:
        """What GitLab kept of the review. Raises Rejected when that is nothing."""
        marks = {each.mark for each in step.comments}.difference(left)
        there: dict[str, Discussion] = {}
        for seconds in LOOKS:
            self.calls.rest(seconds)
            there = {mark(each.notes[0].body): each for each in self.book.threads()}
            if marks | {step.mark} <= there.keys():
                break
        body = there.get(step.mark)
        if body is None and not marks & there.keys():
            raise Rejected("GitLab did not keep the review: has it too many comments already?")
        lost = (each.mark for each in step.comments if each.mark not in there)
        return Taken(f"#note_{body.notes[0].id}" if body else "", tuple(lost))

    def _ours(self) -> list[Draft]:
        return [each for each in self.book.drafts() if mark(each.note)]


def resolve(calls: Calls, book: Book, path: str, thread: str) -> None:
    """Mark a thread as done. Raises ForgeError."""

    def landed() -> Discussion | None:
        there = (each for each in book.threads() if each.id == thread)
        return next((each for each in there if each.notes[0].resolved), None)

    calls.write("PUT", f"{path}/discussions/{thread}", {"resolved": True}, Discussion, landed)


def suggested(body: str, above: int) -> str:
    """The body with its suggestion as GitLab reads it: for so many lines above the last one.

    https://docs.gitlab.com/user/project/merge_requests/reviews/suggestions/, "Multi-line
    suggestions". One for a single line reads the same on both forges. Only a fence of ours stands
    at the beginning of a line: all other text is escaped.
    """
    return _SUGGESTION.sub(rf"\1suggestion:-{above}+0", body, count=1) if above else body
