"""A run: each case reviewed for real, with what became of each finding and what it took."""

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from time import monotonic
from typing import Any, ClassVar, Final

from reviewer.bench.cases import Case, Suite
from reviewer.bench.findings import every
from reviewer.bench.record import FORMAT, Reviewed, Run, Seen
from reviewer.engines.base import Completion, Engine, Health, Prompt, Schema, decoded
from reviewer.errors import BadSchema, EngineDown, ReviewerError
from reviewer.model import ChangeSet, Effort, Outcome, Report
from reviewer.modelling import TOOL, ModelSettings
from reviewer.shapes import MOST, Answer
from reviewer.text import clip, one_line
from reviewer.version import VERSION

WORD: Final = 200
"""Characters of a word of a record."""

REASON: Final = 2000

ANALYZER: Final = "analyzers."
"""Before the name of an analyzer that is switched off."""

SAMPLER: Final = ("temperature", "top_k", "top_p", "seed")
NOT_RECORDED: Final = (*SAMPLER, "instructions", "prompts", "cache", "audit", "workers", "seconds",
                       "requests", "tokens")  # fmt: skip
"""What stands elsewhere in a record, or changes no answer as long as there is enough of it."""


@dataclass(frozen=True, slots=True)
class Look:
    """A review: its report, the change, and what gives all lines of a file of the head."""

    report: Report
    changes: ChangeSet
    lines: Callable[[str], Sequence[str]]


@dataclass
class Counts:
    """Answers to the question of a review: all, those valid at once, those without a finding.

    `lost` are findings in answers of which nothing could be used.
    """

    answers: int = 0
    valid: int = 0
    empty: int = 0
    lost: list[Seen] = field(default_factory=list)


class Shared:
    """One engine for all cases: looked at once while it is well, and not let go of between them.

    `counts` are those of the case at hand.
    """

    name: ClassVar[str] = "shared"

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.counts = Counts()
        self._found: Health | None = None
        self._lock = threading.Lock()

    @property
    def patience(self) -> float:
        return self.engine.patience

    def health(self, deadline: float) -> Health:
        if self._found is None or not self._found.ok:
            self._found = self.engine.health(deadline)
        return self._found

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        try:
            done = self.engine.complete(prompt, schema)
        except EngineDown:
            self._found = None
            raise
        if prompt.task == "review":
            mended = any(message.role == "assistant" for message in prompt.messages)
            with self._lock:
                self._count(done.text, mended=mended)
        return done

    def _count(self, text: str, *, mended: bool) -> None:
        try:
            told = decoded(text, Answer)
        except BadSchema:
            told = None
        counts = self.counts
        if mended:
            counts.lost += [] if told else remains(text)
            return
        counts.answers += 1
        counts.valid += told is not None
        counts.empty += isinstance(told, Answer) and not told.findings

    def count(self, text: str, deadline: float) -> int | None:
        return self.engine.count(text, deadline)

    def close(self) -> None:
        """Whoever made the engine lets go of it."""


ENGINE: Final[type[Engine]] = Shared


def remains(text: str) -> list[Seen]:
    """Findings in an answer that is none: whatever object in it has a file and a problem."""
    found: list[Seen] = []
    reader, at = json.JSONDecoder(), 0
    places = (place for place, char in enumerate(text) if char == "{")
    for place in islice(places, 2 * MOST):
        if place < at:
            continue
        try:
            value, end = reader.raw_decode(text, place)
        except (ValueError, RecursionError):
            continue
        told = _remaining(value)
        if told is not None:
            found.append(told)
            at = end
    return found[:MOST]


def _remaining(value: Mapping[str, Any]) -> Seen | None:
    problem, path, line = (value.get(name) for name in ("problem", "path", "line"))
    if not isinstance(problem, str) or not isinstance(path, str):
        return None
    at = line if isinstance(line, int) and 0 < line < 2**31 else 0
    return Seen(
        clip(problem, REASON), clip(path, WORD), at, at, dropped="parsed",
        reason="nothing of the answer could be used",
    )  # fmt: skip


def header(
    suite: Suite, health: Health | None, prompts: Mapping[str, str], settings: ModelSettings,
    patience: float, off: Collection[str] = (),
) -> Run:  # fmt: skip
    """The first line of a record; `health` is None without a model, `off` are the analyzers that
    are switched off: what they say is part of the questions.
    """
    told = {each.name: _word(getattr(settings, each.name)) for each in fields(settings)}
    able = health.capabilities if health else Health(ok=False).capabilities
    return Run(
        format=FORMAT,
        reviewer=VERSION,
        data=clip(suite.data, WORD),
        warning=suite.warning,
        model=clip(health.model, WORD) if health else "",
        weights=able.weights_sha256,
        engine=able.dialect,
        prompts=dict(prompts),
        sampler={name: told[name] for name in SAMPLER},
        settings={
            **{name: word for name, word in told.items() if name not in NOT_RECORDED},
            **{f"{ANALYZER}{name}": "off" for name in sorted(off)},
        },
        seed=settings.seed,
        patience=patience,
        capabilities=able,
    )


def _word(value: object) -> str:
    plain = getattr(value, "value", value)
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def run(
    cases: Sequence[Case],
    review: Callable[[Case], Look],
    shared: Shared,
    progress: Callable[[str], None],
) -> Iterator[Reviewed]:
    """What came of each case, as soon as it is known; one that fails says why."""
    for number, case in enumerate(cases, 1):
        progress(f"case {number:,} of {len(cases):,}: {one_line(case.pr)}")
        shared.counts = Counts()
        started = monotonic()
        try:
            look = review(case)
        except ReviewerError as error:
            seconds = monotonic() - started
            told = clip(error.message, REASON)
            yield Reviewed(case.pr, case.goldens, seconds=seconds, failure=told)
            continue
        yield reviewed(case, look, shared.counts, monotonic() - started)


def reviewed(case: Case, look: Look, counts: Counts, seconds: float) -> Reviewed:
    """What came of a case that was reviewed."""
    report = look.report
    effort = report.model.effort if report.model else Effort()
    findings = every(report.judged, look.changes, look.lines)
    return Reviewed(
        pr=case.pr,
        goldens=case.goldens,
        findings=(*findings, *counts.lost),
        answers=counts.answers,
        valid=counts.valid,
        empty=counts.empty,
        seconds=seconds,
        prompt_tokens=effort.prompt_tokens,
        answer_tokens=effort.answer_tokens,
        added_lines=sum(file.added for file in report.changes),
        failure=clip(_failure(report), REASON),
    )


def _failure(report: Report) -> str:
    """What of the review did not take place, "" if all of it did."""
    missed = bool(report.model and report.model.missed)
    return "; ".join(
        f"{each.tool}: {each.reason}"
        for each in report.runs
        if each.outcome is Outcome.FAILED
        or (each.tool == TOOL and each.concerned and (missed or each.outcome is Outcome.SKIPPED))
    )
