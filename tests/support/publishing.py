"""Changes, reports and a conversation in memory for the tests of publishing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from reviewer.diff import parse
from reviewer.errors import ForgeError
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
    Taken,
    UploadSarif,
    Withdraw,
)
from reviewer.model import (
    Category,
    ChangeSet,
    FileSummary,
    Finding,
    Heuristic,
    Judged,
    Mode,
    Outcome,
    PatchCoverage,
    Report,
    Request,
    Severity,
    Standing,
    State,
    ToolRun,
    Trust,
    Verdict,
)
from reviewer.publish import Beside, Delivery
from tests.support.reports import finding

HEAD = "a" * 40
BASE = "b" * 40
REQUEST = Request("github", "octo/shop", BASE, HEAD, 7, Trust.TRUSTED)
PATH = "src/shop/orders.py"


def change(path: str = PATH, hunks: Sequence[tuple[int, int]] = ((1, 40),)) -> ChangeSet:
    """A file in which each hunk (first line, lines) has added lines alone."""
    return ChangeSet(BASE, HEAD, parse(patch(path, hunks)))


def patch(path: str, hunks: Sequence[tuple[int, int]]) -> bytes:
    """The diff of `change`."""
    text = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
    before = 0
    for start, lines in hunks:
        text += f"@@ -{max(0, start - 1 - before)},0 +{start},{lines} @@\n"
        text += "".join(f"+line {start + n}\n" for n in range(lines))
        before += lines
    return text.encode()


def on_line(line: int, rule: str = "S608", **fields: object) -> Judged:
    """A finding that is worth a comment on its line."""
    made = finding(rule, start=line, **{"quote": f"{rule} {line}", **fields})
    return Judged(made, Standing.INLINE, "on a line of the change", line)


def standing(item: Judged, where: Standing) -> Judged:
    """The same with another standing."""
    return replace(item, standing=where, note=where.value)


def report(*judged: Judged, **fields: object) -> Report:
    """A report of a run of ruff with these findings."""
    tools = sorted({"ruff", *(item.finding.tool for item in judged)})
    bad = any(item.finding.severity is Severity.ERROR for item in judged)
    state = State.FAILED if bad else State.PASSED
    made = Report(
        request=REQUEST,
        mode=Mode.STATIC,
        verdict=Verdict(state, 80.0, ("1 error",) if bad else (), int(bad)),
        changes=(FileSummary(PATH, change().files[0].status, added=40),),
        runs=tuple(
            ToolRun(tool, Outcome.OK, "1.0", _of(judged, tool), seconds=0.5) for tool in tools
        ),
        judged=judged,
        coverage=PatchCoverage(),
        heuristics=(Heuristic(Category.SECURITY, 1.0, 80.0, ()),),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def _of(judged: Sequence[Judged], tool: str) -> tuple[Finding, ...]:
    return tuple(item.finding for item in judged if item.finding.tool == tool)


class Killed(BaseException):
    """The process is gone: nothing catches this."""


@dataclass
class Memory:
    """A request in memory: it keeps what is posted, refuses lines outside of `lines`, and fails.

    `faults` are raised by the next steps of a kind, one each. Calls are counted from 1; the process
    is killed before or after the one that `killed` names.
    """

    lines: frozenset[int] = frozenset(range(1, 41))
    there: Past = field(default_factory=lambda: Past(HEAD))
    documents: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    faults: dict[type, list[ForgeError]] = field(default_factory=dict)
    killed: tuple[int, str] = (0, "")
    calls: int = 0
    ids: "count[int]" = field(default_factory=lambda: count(1))

    def past(self) -> Past:
        if waiting := self.faults.get(Past):
            raise waiting.pop(0)
        return self.there

    def take(self, step: Step) -> Taken:
        self.calls += 1
        self._kill("before")
        if waiting := self.faults.get(type(step)):
            raise waiting.pop(0)
        self.steps.append(step)
        taken = self._take(step)
        self._kill("after")
        return taken

    def answered(self, number: int, **fields: bool) -> None:
        """Something happens to a thread."""
        remarks = list(self.there.remarks)
        remarks[number] = replace(remarks[number], **fields)
        self.there = replace(self.there, remarks=tuple(remarks))

    def state(self) -> tuple[object, ...]:
        """All that readers see, without ids."""
        past = self.there
        return (
            [(r.path, r.mark, r.resolved) for r in past.remarks],
            [(r.mark, r.body, r.pending) for r in past.reviews],
            [(n.mark, n.body) for n in past.notes],
            [c.mark for c in past.checks[-1:]],
            sorted(set(self.documents)),
        )

    def _kill(self, when: str) -> None:
        if self.killed == (self.calls, when):
            raise Killed

    def _take(self, step: Step) -> Taken:
        past, new = self.there, str(next(self.ids))
        match step:
            case PostReview():
                assert not any(review.pending for review in past.reviews), "one pending review"
                good = [c for c in step.comments if {c.start, c.end} <= self.lines]
                made = tuple(Remark(f"{new}.{n}", c.path, c.mark) for n, c in enumerate(good))
                url, asks = f"https://forge/review/{new}", step.demanding
                review = Said(new, step.mark, step.body, url, demanding=asks)
                self.there = replace(
                    past, remarks=past.remarks + made, reviews=(*past.reviews, review)
                )
                left = tuple(c.mark for c in step.comments if c not in good)
                return Taken(review.url, left)
            case DropReview():
                kept = tuple(review for review in past.reviews if review.id != step.id)
                self.there = replace(past, reviews=kept)
            case Withdraw():
                calm = (replace(r, demanding=r.demanding and r.id != step.id) for r in past.reviews)
                self.there = replace(past, reviews=tuple(calm))
            case Resolve():
                number = [remark.thread for remark in past.remarks].index(step.thread)
                self.answered(number, resolved=True)
            case PutNote():
                note = Said(step.replaces or new, step.mark, step.body, "https://forge/note")
                kept = tuple(each for each in past.notes if each.id != note.id)
                self.there = replace(past, notes=(*kept, note))
                return Taken(note.url)
            case PutCheck():
                self.there = replace(past, checks=(*past.checks, Said(new, step.mark)))
            case UploadSarif():
                self.documents.append(step.document)
        return Taken()


@dataclass
class Log:
    """What was shown beside the request."""

    works: bool = True
    annotated: list[Judged] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)

    def beside(self) -> Beside:
        return Beside(self._annotate, self._summarise)

    def _annotate(self, chosen: Sequence[Judged]) -> bool:
        self.annotated += chosen if self.works else ()
        return self.works

    def _summarise(self, delivery: Delivery) -> bool:
        self.deliveries.append(delivery)
        return self.works
