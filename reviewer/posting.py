"""What is to be said on a request, worked out from a report and from what is there already. Pure.

A finding is commented on at most once a request, however often the job runs: comments of ours are
known by their marks, never by their lines. A chunk of comments, that is one review, is posted at
most once too: what a forge left out of it is not tried again, but listed in the summary.
"""

import hashlib
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, NamedTuple

from reviewer import marks, remarks, words
from reviewer.comments import Comments, sendable
from reviewer.forges.base import (
    DropReview,
    Past,
    PostReview,
    PutCheck,
    PutNote,
    Remark,
    Resolve,
    Said,
    Step,
    UploadSarif,
    Withdraw,
)
from reviewer.marks import Mark, Marks
from reviewer.model import (
    ChangeSet,
    Effort,
    Judged,
    Outcome,
    Report,
    Severity,
    Side,
    Standing,
    State,
    Status,
    Trust,
)
from reviewer.modelling import TOOL

REVIEW: Final = 25
"""Comments of one review. GitHub documents no limit; with more than 30 it was seen to answer 502
though it had stored them, or "submitted too quickly" (reviewdog/reviewdog#355)."""

ANNOTATIONS: Final = 50
"""Of a check: what GitHub takes with one request (docs.github.com, REST, "Create a check run")."""

LISTED: Final = (Standing.INLINE, Standing.FILE, Standing.CAPPED, Standing.BODY)
"""What the summary lists unless it is on its line; the other standings are counted."""

LEVEL: Final[Mapping[Severity, str]] = {
    Severity.ERROR: "failure",
    Severity.WARNING: "warning",
    Severity.NOTE: "notice",
}

HALF: Final = marks.DIGITS // 2
"""The digest in the mark of a summary is half of the report's and half of the summary's own."""

UNFINISHED: Final = "0" * HALF
"""In place of the report's digest when the summary was put before all was done."""

MARKED: Final = 6
"""Last lines of a summary among which its marks are."""

NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Manner:
    """How to publish.

    `inline` is the most comments on lines; `demanding` asks for changes if the verdict is failed;
    with `check` a check is put; `sarif` is a document to upload, "" for none. Pages of rules are
    linked to if they begin with one of `homes`, else to our own.
    """

    key: bytes = field(default=b"", repr=False)
    inline: int = 10
    demanding: bool = False
    check: bool = False
    sarif: str = field(default="", repr=False)
    homes: tuple[str, ...] = ()


class Chunk(NamedTuple):
    """The comments of one review: all that belong into it, and those not yet made."""

    mark: str
    every: tuple[Judged, ...]
    fresh: tuple[Judged, ...]


@dataclass(frozen=True)
class Posting:
    """One report on its way to one request that looks like `past`."""

    report: Report
    changes: ChangeSet
    past: Past
    manner: Manner

    @cached_property
    def marks(self) -> Marks:
        request = self.report.request
        return Marks(request.repository, request.number, self.manner.key)

    @cached_property
    def comments(self) -> Comments:
        return Comments(self.report, self.changes, self.marks, self.manner.homes)

    @cached_property
    def head(self) -> str:
        return self.report.request.head

    @cached_property
    def superseded(self) -> bool:
        return self.past.head != self.head

    @cached_property
    def digest(self) -> str:
        """Equal for equal reports; times, and what the model took, do not count."""
        runs = tuple(replace(run, seconds=0.0, findings=()) for run in self.report.runs)
        model = self.report.model and replace(self.report.model, effort=Effort())
        # Unlike an encoder, repr takes names that are not UTF-8.
        plain = repr(replace(self.report, runs=runs, model=model))
        return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[: marks.DIGITS]

    @cached_property
    def said(self) -> Mapping[str, Remark]:
        """By fingerprint, the comments of ours that stand on the file they are about."""
        paths = {i.finding.fingerprint: i.finding.span.path for i in self.report.judged}
        found: dict[str, Remark] = {}
        for remark in self.past.remarks:
            mark = self.marks.read(remark.mark, "finding")
            if mark is not None and paths.get(mark.first) == remark.path:
                found.setdefault(mark.first, remark)
        return found

    @cached_property
    def wanted(self) -> tuple[Judged, ...]:
        """The findings that are to have a comment on their line, the worst first."""
        if not self.report.request.number:
            return ()
        worst = words.by_weight(i for i in self.report.judged if i.standing is Standing.INLINE)
        return tuple(i for i in worst[: self.manner.inline] if self.comments.hunk(i) is not None)

    @cached_property
    def done(self) -> frozenset[str]:
        """The marks of the reviews that are there to read."""
        return frozenset(review.mark for review in self.past.reviews if not review.pending)

    @cached_property
    def chunks(self) -> tuple[Chunk, ...]:
        """The reviews that make up this report, with what of each is still missing."""
        chunks = []
        for start in range(0, len(self.wanted), REVIEW):
            every = self.wanted[start : start + REVIEW]
            mark = self.marks.review(
                self.head, marks.digest(self.comments.mark(i.finding) for i in every)
            )
            fresh = [i for i in every if i.finding.fingerprint not in self.said]
            chunks.append(Chunk(mark, every, () if mark in self.done else tuple(fresh)))
        return tuple(chunks)

    def drops(self) -> Iterator[DropReview]:
        """Reviews that an earlier run began and did not end.

        One without our mark goes only if it stands in the way of a review: forges allow one.
        """
        posting = any(chunk.fresh for chunk in self.chunks)
        for review in self.past.reviews:
            ours = self.marks.read(review.mark, "review") is not None
            if review.pending and (ours or posting):
                yield DropReview(review.id)

    def reviews(self) -> Iterator[PostReview]:
        """The reviews with comments that nobody has made yet; the first of all says the verdict."""
        first = not any(chunk.mark in self.done for chunk in self.chunks)
        for chunk in self.chunks:
            if not chunk.fresh:
                continue
            findings = [item.finding for item in chunk.fresh]
            yield PostReview(
                self.head,
                remarks.review(self.report, findings, chunk.mark, first=first),
                chunk.mark,
                tuple(self.comments.on_line(item) for item in chunk.fresh),
                demanding=self.manner.demanding
                and first
                and self.report.verdict.state is State.FAILED,
            )
            first = False

    def withdrawals(self) -> Iterator[Withdraw]:
        """Reviews of ours that ask for changes though nothing fails any more."""
        if self.report.verdict.state is State.FAILED:
            return
        for review in self.past.reviews:
            if review.demanding and self.marks.read(review.mark, "review") is not None:
                yield Withdraw(review.id, f"What failed is mended in {words.short(self.head)}.")

    def resolves(self) -> Iterator[Resolve]:
        """Threads about what is gone, unless somebody answered in them.

        Gone is what its tool, which looked again, did not find in a file that was looked into. That
        a model does not say it again shows little: what it said is gone when the code of it is.
        """
        there = {item.finding.fingerprint for item in self.report.judged}
        looked = {marks.word(r.tool) for r in self.report.runs if r.outcome is Outcome.OK}
        unread = {
            file.path
            for file in self.report.changes
            if file.skipped and file.status is not Status.DELETED
        }
        about = self.report.model
        unasked = {each.path for each in about.left_out} if about else set()
        for remark in self.past.remarks:
            mark = self.marks.read(remark.mark, "finding")
            if mark is None or mark.first in there or mark.second not in looked:
                continue
            if mark.second == TOOL and (
                remark.path in unasked or self.comments.stands(mark.first, remark.path)
            ):
                continue
            if not (remark.resolved or remark.answered or remark.path in unread):
                yield Resolve(remark.thread)

    def annotated(self, on_lines: AbstractSet[str]) -> tuple[Judged, ...]:
        """The findings that the check shows, because no comment does."""
        if not self.manner.check:
            return ()
        worst = words.by_weight(
            item
            for item in self.report.judged
            if item.standing in (Standing.INLINE, Standing.CAPPED)
            and item.finding.side is Side.NEW
            and item.finding.fingerprint not in on_lines
            and self.comments.hunk(item) is not None
        )
        return tuple(worst[:ANNOTATIONS])

    def check(self, on_lines: AbstractSet[str]) -> PutCheck | None:
        """The check, unless it is there or nobody asked for one."""
        shown = self.annotated(on_lines)
        names = [item.finding.fingerprint for item in shown]
        mark = self.marks.summary(self.head, marks.digest((self.digest, *names)))
        if not self.manner.check or any(check.mark == mark for check in self.past.checks):
            return None
        # A new check hides an old one of its name; an old one would keep its annotations.
        verdict = self.report.verdict
        return PutCheck(
            self.head,
            verdict.state,
            f"{words.STATES[verdict.state]}, {words.score_line(verdict.score)}",
            remarks.verdict(self.report),
            mark,
            tuple((LEVEL[i.finding.severity], self.comments.annotation(i)) for i in shown),
        )

    def sarif(self) -> UploadSarif | None:
        """The upload, unless a summary says that it was done."""
        if not (self.manner.sarif and self.report.request.number) or self._published:
            return None
        return UploadSarif(self.head, self.manner.sarif)

    def account(
        self, on_lines: AbstractSet[str], annotated: AbstractSet[str], hints: tuple[str, ...] = ()
    ) -> remarks.Account:
        """Where all findings are, given those on lines by comments and by annotations."""
        listed: list[Judged] = []
        counted: list[Judged] = []
        resolved: list[Judged] = []
        for item in words.by_weight(self.report.judged):
            fingerprint = item.finding.fingerprint
            if fingerprint in on_lines:
                remark = self.said.get(fingerprint)
                if remark is not None and remark.resolved and item.standing in LISTED:
                    resolved.append(item)
            elif fingerprint not in annotated:
                (listed if item.standing in LISTED else counted).append(self._without_line(item))
        return remarks.Account(len(on_lines), resolved, len(annotated), listed, counted, hints)

    def note(self, account: remarks.Account, *, finished: bool) -> tuple[PutNote, AbstractSet[str]]:
        """The summary, and the fingerprints of what it lists.

        One that is not `finished` does not say that all other steps were taken.
        """
        body, listed = remarks.summary(self.report, account, self.comments.page)
        if self.asked:
            body = remarks.closed(body, self.asked)
        about = self.digest[:HALF] if finished else UNFINISHED
        mark = self.marks.summary(self.head, about + marks.digest([body])[:HALF])
        ours = self.notes
        return PutNote(remarks.closed(body, mark), mark, ours[0].id if ours else ""), listed

    @cached_property
    def asked(self) -> str:
        """The mark of the last head that a model was asked about as a whole, "" without one.

        A report from a fork may say anything, and is not believed here.
        """
        about, request = self.report.model, self.report.request
        if about is not None and not about.missed and request.trust is Trust.TRUSTED:
            return self.marks.asked(self.head, about.identity)
        before = asked_before(self.past, self.marks)
        return "" if before is None else self.marks.asked(before.first, before.second)

    @cached_property
    def notes(self) -> tuple[Said, ...]:
        """The summaries that are there, by rights one."""
        every = self.past.notes
        return tuple(n for n in every if self.marks.read(n.mark, "summary") is not None)

    def silent(self) -> bool:
        """Whether a summary makes no sense: nothing was to be reviewed, or there is no request."""
        return (bare(self.report) and not self.notes) or not self.report.request.number

    def is_there(self, note: PutNote) -> bool:
        """Whether the note already reads like this, however the forge ends its lines."""
        text = note.body.split()
        return any(n.id == note.replaces and n.body.split() == text for n in self.notes)

    @cached_property
    def _published(self) -> bool:
        read = (self.marks.read(note.mark, "summary") for note in self.notes)
        about = (marks.word(self.head), self.digest[:HALF])
        return any((mark.first, mark.second[:HALF]) == about for mark in read if mark)

    def _without_line(self, item: Judged) -> Judged:
        """A finding with the reason why it has no comment of its own."""
        if item.standing is not Standing.INLINE:
            return item
        if not sendable(item.finding.span.path):
            why = "the name of the file cannot be sent"
        elif any(item is each for each in self.wanted):
            why = "there is no comment on its line"
        else:
            why = f"beyond the {self.manner.inline} comments on lines"
        return replace(item, note=why)


def asked_before(past: Past, marks: Marks) -> Mark | None:
    """What our newest summary says that a model was asked about: a head, and how."""
    for note in reversed(past.notes):
        if marks.read(note.mark, "summary") is None:
            continue
        for line in reversed(note.body.splitlines()[-MARKED:]):
            if mark := marks.read(line.strip(), "asked"):
                return mark
    return None


def bare(report: Report) -> bool:
    """Whether the change had nothing to review."""
    return report.verdict.state is State.NOT_REVIEWED and not report.verdict.exit_code


def plan(report: Report, changes: ChangeSet, past: Past, manner: Manner) -> tuple[Step, ...]:
    """All steps that are missing, given that the forge takes each of them as it is.

    None on a request that has moved on to another head; on one that is closed, the summary alone;
    on a commit without a request, the check alone.
    """
    posting = Posting(report, changes, past, manner)
    if posting.superseded:
        return ()
    steps: list[Step] = []
    on_lines = frozenset(posting.said)
    annotated = NOBODY
    if past.open:
        steps += [*posting.drops(), *posting.reviews()]
        steps += [*posting.withdrawals(), *posting.resolves()]
        on_lines |= {i.finding.fingerprint for c in posting.chunks for i in c.fresh}
        annotated = frozenset(i.finding.fingerprint for i in posting.annotated(on_lines))
        steps += [step for step in (posting.check(on_lines), posting.sarif()) if step is not None]
    note, _ = posting.note(posting.account(on_lines, annotated), finished=past.open)
    if not posting.silent() and not posting.is_there(note):
        steps.append(note)
    return tuple(steps)
