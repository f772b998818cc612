"""The model's part of a review: all units asked about within the budgets, what is found judged.

Each finding is held against the code, counted over several answers and looked at again where that
is wanted, and each edit is proven. What was not asked about is listed with its reason; nothing that
was said is dropped.
"""

import contextlib
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from reviewer import text
from reviewer.claims import judge as claims
from reviewer.context import units as contexts
from reviewer.context.units import Context, Place, Unit
from reviewer.effort import Budget
from reviewer.engines.base import Capabilities, Engine, Gate, Health
from reviewer.errors import EngineError
from reviewer.model import (
    Category,
    ChangeSet,
    Finding,
    LeftOut,
    ModelReview,
    Outcome,
    PatchCoverage,
    Proof,
    Suggestion,
    ToolRun,
)
from reviewer.modelling import TOOL, ModelSettings
from reviewer.process import Runner
from reviewer.prompts import Prompts
from reviewer.proofs.prover import Prover
from reviewer.question import Questions
from reviewer.tree import Tree

MEASURES: Final = (Category.CORRECTNESS, Category.SECURITY)
"""What the model judges where its findings count."""

STEPS: Final = 50
"""Times that progress is told of, at most, where there is much to do."""

PULSE: Final = 0.5
"""Seconds of one wait: a signal that comes right before a wait would be heard at its end alone."""

PROOFS: Final = 40
"""Edits that are proven; the gravest findings come first."""

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Since:
    """An earlier head that a model was asked about, as `ModelReview.identity` has it, and the files
    that are the same in it.
    """

    head: str = ""
    identity: str = ""
    files: frozenset[str] = frozenset()


Checkup = Callable[[], Health]
"""Waits for what came of looking at an engine."""


@contextlib.contextmanager
def checked(engine: Engine, *, wanted: bool) -> Iterator[Checkup]:
    """Look at the engine's health while other things are done; let go of the engine at the end.

    Where there is nothing to ask about, it is not `wanted`, and nothing is started.
    """
    if not wanted:
        yield lambda: Health(ok=False, reason="no file to look into")
        return
    found: queue.SimpleQueue[Health] = queue.SimpleQueue()

    def look() -> None:
        found.put(engine.health(time.monotonic() + engine.patience))

    def told() -> Health:
        while True:
            with contextlib.suppress(queue.Empty):
                return found.get(timeout=PULSE)

    threading.Thread(target=look, daemon=True).start()
    try:
        yield told
    finally:
        engine.close()


def unasked(health: Health, *, concerned: bool) -> ToolRun:
    """The run of a model that is not well, or that nobody has set up (`concerned` is False)."""
    reason = "; ".join(filter(None, (health.reason, health.tip)))
    return ToolRun(
        TOOL,
        Outcome.SKIPPED,
        reason=reason,
        seconds=health.seconds,
        concerned=concerned,
        unsafe=health.unsafe,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What came of one unit: findings, or why there are none."""

    number: int
    findings: tuple[Finding, ...] = ()
    left_out: LeftOut | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """A finding, and the number of its unit."""

    number: int
    finding: Finding


@dataclass(frozen=True)
class Asker:
    """Asks one engine that is well. `prover` shows of edits whether they may be offered."""

    engine: Engine
    health: Health
    prompts: Prompts
    settings: ModelSettings
    prover: Prover
    since: Since = Since()
    progress: Callable[[str], None] = field(default=lambda _: None)

    def ask(
        self,
        changes: ChangeSet,
        tree: Tree,
        findings: Sequence[Finding],
        coverage: PatchCoverage,
        runner: Runner,
    ) -> tuple[ToolRun, ModelReview]:
        """Ask about all of a change that there is to ask about; `findings` are the analyzers'.

        Raises IntegrityError where the audit log is demanded and broken, ConfigError for a prompt.
        """
        started = time.monotonic()
        budget = Budget(self.settings, started + self.settings.seconds)
        able = self.health.capabilities
        with budget.stage("context"):
            context = contexts.build(changes, tree, findings, coverage, runner)
        questions = Questions(
            self.engine, self.prompts, self.settings, budget, changes, tree, able.context
        )
        about = ModelReview(
            model=self.health.model,
            weights=able.weights_sha256,
            engine=able.dialect,
            version=able.version,
            context=able.context,
            units=len(context.units),
            prompts=self.prompts.digests,
            shape=questions.shape,
            settings=questions.wanted,
        )
        asked_before = self.since.files if about.identity == self.since.identity else frozenset()
        told = self._units(questions, context, asked_before)
        found = self._verified(questions, context.units, _once(told))
        found = self._proven(questions, context.units, found)
        missed = tuple(each.left_out for each in told if each.left_out is not None)
        lost = budget.broken or (missed and len(missed) == len(told))
        reasons = (budget.broken or _missed(missed), _others(budget.engines, able))
        run = ToolRun(
            TOOL,
            Outcome.FAILED if lost else Outcome.OK,
            version=self.health.model,
            findings=tuple(each.finding for each in found),
            reason=text.clip("; ".join(filter(None, reasons)), 600),
            seconds=time.monotonic() - started,
            measures=MEASURES if self.settings.gate else (),
        )
        known = tuple(
            LeftOut(path, 0, 0, f"unchanged since {self.since.head[:12]}, and asked about then")
            for path in sorted({place.path for place in context.places} & asked_before)
        )
        left_out = (*missed, *known, *context.left_out)
        return run, replace(about, missed=len(missed), left_out=left_out, effort=budget.total())

    def _units(
        self, questions: Questions, context: Context, asked_before: frozenset[str]
    ) -> list[_Told]:
        """What came of each unit, in their order; none of those in files asked about before."""
        turns = in_turns(context.places)
        turns = [number for number in turns if context.places[number].path not in asked_before]

        def work(number: int) -> _Told:
            why = questions.budget.spent()
            try:
                if not why:
                    found = questions.review(context.units[number])
                    questions.budget.add(asked=1)
                    return _Told(number, found)
            except EngineError as error:
                why = str(error)
            return _Told(number, left_out=LeftOut(*context.places[number], why))

        with questions.budget.stage("ask"):
            told = self._spread(work, turns, "the model: through with {} of {} places")
        return sorted(told, key=lambda each: each.number)

    def _verified(
        self, questions: Questions, units: Sequence[Unit], found: list[_Found]
    ) -> list[_Found]:
        """The same findings; those without a doubt were looked at once more, if that is wanted."""
        if not self.settings.verify:
            return found

        def work(each: _Found) -> _Found:
            if each.finding.doubt:
                return each
            why = questions.budget.spent()
            try:
                if not why:
                    return replace(each, finding=questions.verify(units[each.number], each.finding))
            except EngineError as error:
                why = str(error)
            return replace(each, finding=replace(each.finding, doubt=f"verify: {why}"))

        with questions.budget.stage("verify"):
            return self._spread(work, found, "looked again at {} of {} findings")

    def _proven(
        self, questions: Questions, units: Sequence[Unit], found: list[_Found]
    ) -> list[_Found]:
        """The same findings, with what is shown of their edits; a refused one is rewritten once."""
        with questions.budget.stage("prove"):
            chosen = [n for n, each in enumerate(found) if each.finding.suggestion is not None]
            chosen.sort(key=lambda n: found[n].finding.severity, reverse=True)
            done = self._shown(found, chosen[:PROOFS])
            for number in chosen[PROOFS:]:
                done[number] = _refused(found[number], f"beyond the {PROOFS} edits that are proven")
            again = [n for n in chosen[:PROOFS] if _proof(done[n]) is Proof.UNCHECKED]
            for number in again:
                done[number] = self._rewritten(questions, units, done[number])
            tried = [
                n for n in again if _proof(done[n]) is Proof.UNCHECKED and not _reason(done[n])
            ]
            return self._shown(done, tried)

    def _shown(self, found: Sequence[_Found], numbers: Sequence[int]) -> list[_Found]:
        done = list(found)
        edits = [found[number].finding.suggestion for number in numbers]
        shown = self.prover.prove_all([edit for edit in edits if edit is not None])
        for number, edit, proved in zip(numbers, edits, shown, strict=True):
            if edit is not None:
                made = replace(edit, proof=proved.proof, refused=proved.reason)
                done[number] = _with(found[number], made)
        return done

    def _rewritten(self, questions: Questions, units: Sequence[Unit], each: _Found) -> _Found:
        """With another text for a refused edit, and no reason yet; or as it was."""
        edit = each.finding.suggestion
        if edit is None or questions.budget.spent():
            return each
        try:
            text = questions.rewrite(units[each.number], each.finding, edit.refused)
        except EngineError:
            return each
        if text is None or text.removesuffix("\n") == edit.text:
            return each
        return _with(each, replace(edit, text=text.removesuffix("\n"), refused=""))

    def _spread(self, work: Callable[[S], T], items: Sequence[S], words: str) -> list[T]:
        """Work on all items, several at a time, in order."""
        done: list[T] = []
        gate = Gate()
        every = max(10, len(items) // STEPS)

        def inside(item: S) -> T:
            with gate:
                return work(item)

        if items:
            self.progress(words.format("0", f"{len(items):,}"))
        with ThreadPoolExecutor(self.settings.workers) as pool:
            try:
                for each in [pool.submit(inside, item) for item in items]:
                    while not each.done():
                        wait([each], PULSE)
                    done.append(each.result())
                    if len(done) % every == 0 or len(done) == len(items):
                        self.progress(words.format(f"{len(done):,}", f"{len(items):,}"))
            except BaseException:
                # Cancelled: who waits for the engine, or just begins to ask it, must not keep us.
                pool.shutdown(wait=False, cancel_futures=True)
                gate.shut(self.engine)
                raise
        return done


def in_turns(places: Sequence[Place]) -> list[int]:
    """The riskiest first, but one unit of each file before a second of any: no file waits for the
    largest.
    """
    seen: Counter[str] = Counter()
    turns = []
    for number, place in enumerate(places):
        turns.append((seen[place.path], number))
        seen[place.path] += 1
    return [number for _, number in sorted(turns)]


def _once(told: Sequence[_Told]) -> list[_Found]:
    """All findings; what repeats another one has a doubt."""
    found = [_Found(each.number, finding) for each in told for finding in each.findings]
    kept = claims.once(each.finding for each in found)
    return [replace(each, finding=finding) for each, finding in zip(found, kept, strict=True)]


def _missed(missed: Sequence[LeftOut]) -> str:
    if not missed:
        return ""
    reasons = "; ".join(dict.fromkeys(each.reason for each in missed))
    return f"not asked about {text.count(len(missed), 'place')} of the change: {reasons}"


def _others(answered: Collection[str], well: Capabilities) -> str:
    """Who answered beside the engine that was well at first, and is named as the model."""
    others = sorted({*answered} - {f"{well.dialect}:{well.model_id}"})
    return f"it went away, and {', '.join(others)} answered" if others and well.model_id else ""


def _with(each: _Found, edit: Suggestion) -> _Found:
    return replace(each, finding=replace(each.finding, suggestion=edit))


def _refused(each: _Found, why: str) -> _Found:
    edit = each.finding.suggestion
    return each if edit is None else _with(each, replace(edit, refused=why))


def _proof(each: _Found) -> Proof | None:
    return None if each.finding.suggestion is None else each.finding.suggestion.proof


def _reason(each: _Found) -> str:
    return "" if each.finding.suggestion is None else each.finding.suggestion.refused
