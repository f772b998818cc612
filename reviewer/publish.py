"""The way of a report to its readers, step by step, so that it can break off anywhere.

`deliver` takes the steps that are missing on a request and says of each finding where it ended up.
The summary comes last: it knows what the other steps left over, and by its mark a later run knows
that all of them were taken. What the forge does not take goes to the next place: annotations, then
the summary of the run.
"""

import enum
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from reviewer import text, words
from reviewer.errors import ForgeError, Refused, Rejected
from reviewer.forges.base import Conversation, DropReview, Past, PostReview, Step, Taken
from reviewer.model import ChangeSet, Judged, Report, Severity, Standing, State
from reviewer.posting import LISTED, Chunk, Manner, Posting, bare, plan

WORTH: Final = (Standing.INLINE, Standing.FILE, Standing.CAPPED)
"""What is annotated in the log of the run when the forge takes no comment."""

ROOM: Final[Mapping[Severity, int]] = {
    Severity.ERROR: 10,
    Severity.WARNING: 10,
    Severity.NOTE: 9,
}
"""Annotations of a step that GitHub keeps of each level (actions/runner, ExecutionContext.cs); a
last notice is for the verdict."""

REASON_CHARS: Final = 300


class Place(enum.Enum):
    """Where a reader finds a finding. Each has exactly one place."""

    INLINE = "inline"
    """In a comment on its line, made now."""
    SAID = "said-before"
    """In a comment on its line that an earlier run made."""
    SUMMARY = "summary"
    """In the summary comment on the request."""
    ANNOTATION = "annotation"
    """In an annotation, of a check or of the run."""
    REPORT = "report"
    """In the report alone, and counted elsewhere."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of it.

    `places` has a place for each fingerprint of the report. `warnings` say what did not work.
    `superseded` is the newer head of the request if there is one: then nothing was said.
    `reached` says whether there is a place with the outcome in it that readers see, `due` whether
    there is something that they have to see.
    """

    places: Mapping[str, Place]
    review_url: str = ""
    note_url: str = ""
    warnings: tuple[str, ...] = ()
    superseded: str = ""
    reached: bool = False
    due: bool = False

    @property
    def lost(self) -> bool:
        """Whether somebody should have been told, and nobody was."""
        return self.due and not self.reached and not self.superseded

    def count(self, *places: Place) -> int:
        """The number of findings in these places."""
        return sum(place in places for place in self.places.values())


@dataclass(frozen=True, slots=True)
class Beside:
    """Places beside the request, each of which says whether it took what it was given.

    `annotate` shows findings in the log of the run: at most `ROOM` of them. `summarise` writes the
    summary of the run, whatever else worked.
    """

    annotate: Callable[[Sequence[Judged]], bool]
    summarise: Callable[[Delivery], bool]


def deliver(
    report: Report,
    changes: ChangeSet,
    conversation: Conversation,
    manner: Manner,
    beside: Beside,
) -> Delivery:
    """Bring a report that holds for `changes` to its readers, as far as the forge lets us.

    A ForgeError becomes a warning and moves what it concerns to the next place. Killed anywhere
    and called again, it ends where it would have ended.
    """
    way = _Way(report, changes, conversation, manner, beside)
    past = way.past()
    if past is not None and past.head != report.request.head:
        delivery = replace(way.delivery(), superseded=past.head)
    else:
        way.say(past)
        delivery = way.delivery()
    shown = beside.summarise(delivery)
    return replace(delivery, reached=delivery.reached or shown)


@dataclass
class _Way:
    """How far a report has come."""

    report: Report
    changes: ChangeSet
    conversation: Conversation
    manner: Manner
    beside: Beside
    places: dict[str, Place] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    review_url: str = ""
    note_url: str = ""
    reached: bool = False

    def delivery(self) -> Delivery:
        found = [item.finding.fingerprint for item in self.report.judged]
        green = self.report.verdict.state is State.PASSED or bare(self.report)
        findings = any(item.standing in LISTED for item in self.report.judged)
        return Delivery(
            places={each: self.places.get(each, Place.REPORT) for each in found},
            review_url=self.review_url,
            note_url=self.note_url,
            warnings=tuple(dict.fromkeys(self.warnings)),
            reached=self.reached,
            due=findings or not green,
        )

    def past(self) -> Past | None:
        """What is there, None if unknown; reviews that an earlier run left half done are removed.

        Before anything is written one looks twice: lists lag behind, the request may move on, and
        what was read of a pending review is gone with it.
        """
        try:
            past = self.conversation.past()
            steps = plan(self.report, self.changes, past, self.manner)
            for step in steps:
                if isinstance(step, DropReview):
                    self._take(step, "a pending review was not removed")
            return self.conversation.past() if steps else past
        except ForgeError as error:
            self._warn("the request cannot be read", error)
            return None

    def say(self, past: Past | None) -> None:
        """Take all steps that are missing; without a past there are none to take."""
        if past is None:
            self._annotate(WORTH)
            return
        if not self.report.request.number:
            self._check(self._posting(past))
            self._annotate(WORTH)
            return
        posting = self._posting(past)
        self._put(posting.said, Place.SAID)
        if past.open:
            reviewed = self._review(posting)
            self._check(posting)
            if not reviewed:
                self._annotate((Standing.INLINE, Standing.CAPPED))
            for withdrawal in posting.withdrawals():
                self._take(withdrawal, "an earlier review still asks for changes")
            self._resolve(posting)
        self._note(posting, finished=past.open and self._upload(posting))

    def _review(self, posting: Posting) -> bool:
        """Whether the forge lets us comment at all; what it leaves out goes to the summary."""
        fresh = [chunk for chunk in posting.chunks if chunk.fresh]
        for chunk, review in zip(fresh, posting.reviews(), strict=True):
            try:
                taken = self.conversation.take(review)
            except Rejected as error:
                self._warn("comments on lines were not taken", error)
                continue
            except ForgeError as error:
                self._warn("the review was not posted", error)
                return False
            self._commented(chunk, review, taken)
        self.reached = self.reached or bool(posting.said)
        return True

    def _commented(self, chunk: Chunk, review: PostReview, taken: Taken) -> None:
        made = [
            item.finding.fingerprint
            for item, comment in zip(chunk.fresh, review.comments, strict=True)
            if comment.mark not in taken.left
        ]
        self._put(made, Place.INLINE)
        self.review_url = self.review_url or taken.url
        self.reached = True

    def _resolve(self, posting: Posting) -> None:
        for step in posting.resolves():
            # What one thread is refused, the others are too.
            if self._take(step, "threads about what is gone were not resolved") is None:
                return

    def _check(self, posting: Posting) -> None:
        on_lines = self._on_lines()
        step = posting.check(on_lines)
        try:
            if step is not None:
                self.conversation.take(step)
        except Refused:
            # Most jobs may not, and readers miss nothing by it.
            return
        except ForgeError as error:
            self._warn("the check was not put", error)
            return
        if self.manner.check:
            self._put(
                [i.finding.fingerprint for i in posting.annotated(on_lines)], Place.ANNOTATION
            )
            self.reached = True

    def _upload(self, posting: Posting) -> bool:
        """Whether there is nothing left to upload."""
        step = posting.sarif()
        return step is None or self._take(step, "the SARIF report was not uploaded") is not None

    def _note(self, posting: Posting, *, finished: bool) -> None:
        if posting.silent():
            return
        annotated = {each for each, place in self.places.items() if place is Place.ANNOTATION}
        account = posting.account(self._on_lines(), annotated, tuple(dict.fromkeys(self.warnings)))
        step, listed = posting.note(account, finished=finished)
        if not posting.is_there(step):
            taken = self._take(step, "the summary was not put on the request")
            if taken is None:
                self._annotate(WORTH)
                return
            self.note_url = taken.url
        else:
            self.note_url = posting.notes[0].url
        self._put(listed, Place.SUMMARY)
        self.reached = True

    def _annotate(self, standings: Collection[Standing]) -> None:
        """Show what has no place yet in the log of the run, the worst first, as far as it goes."""
        room = Counter(ROOM)
        room.subtract(
            item.finding.severity
            for item in self.report.judged
            if self.places.get(item.finding.fingerprint) is Place.ANNOTATION
        )
        chosen = []
        for item in words.by_weight(self.report.judged):
            severity = item.finding.severity
            placed = item.finding.fingerprint in self.places
            if item.standing in standings and not placed and room[severity] > 0:
                room[severity] -= 1
                chosen.append(item)
        if chosen and self.beside.annotate(chosen):
            self._put([item.finding.fingerprint for item in chosen], Place.ANNOTATION)
            self.reached = True

    def _posting(self, past: Past) -> Posting:
        return Posting(self.report, self.changes, past, self.manner)

    def _on_lines(self) -> frozenset[str]:
        on_lines = (Place.INLINE, Place.SAID)
        return frozenset(each for each, place in self.places.items() if place in on_lines)

    def _put(self, fingerprints: Collection[str], place: Place) -> None:
        for each in fingerprints:
            self.places.setdefault(each, place)

    def _take(self, step: Step, otherwise: str) -> Taken | None:
        """Take a step; None, and a warning, if the forge does not."""
        try:
            return self.conversation.take(step)
        except ForgeError as error:
            self._warn(otherwise, error)
            return None

    def _warn(self, what: str, error: ForgeError) -> None:
        self.warnings.append(f"{what}: {text.log_line(str(error), REASON_CHARS)}")
