"""The story of a review, from a change to its report."""

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reviewer import ask, gate, guard, measure, process, tree
from reviewer.analyzers.base import Analyzer, Spared
from reviewer.ask import Since
from reviewer.config import Settings, excluded
from reviewer.coverage.base import CoverageFormat
from reviewer.engines.base import Engine
from reviewer.errors import IntegrityError, ToolError, ToolMissing
from reviewer.forges.base import Source
from reviewer.model import (
    ChangeSet,
    FileChange,
    FileSummary,
    Judged,
    Mode,
    ModelReview,
    Outcome,
    PatchCoverage,
    Report,
    Request,
    Standing,
    Status,
    ToolRun,
)
from reviewer.modelling import TOOL
from reviewer.process import Runner
from reviewer.prompts import Prompts
from reviewer.proofs.prover import Prover, offered
from reviewer.tree import Tree

Progress = Callable[[str], None]
"""Told what is being done now, in a few words."""

NOTHING: Final = Since()

GUARDS: Final = ("ruff", "bandit", "complexity", "suppressions", "hidden")
"""Analyzers that must find nothing new in an edit that is offered."""


@dataclass(frozen=True)
class Means:
    """What a review works with.

    `engine` answers as the model, by `prompts`; `since` is what it was asked about before.
    `place` is an empty private folder for the clean room, `workshop` another one for proofs of
    suggestions.
    """

    analyzers: Sequence[Analyzer]
    engine: Engine
    prompts: Prompts
    coverage_formats: Sequence[CoverageFormat]
    coverage_reports: Sequence[Path]
    runner: Runner
    place: Path
    workshop: Path
    workers: int
    progress: Progress
    since: Since = NOTHING


def review(
    request: Request,
    source: Source,
    settings: Settings,
    means: Means,
    notes: tuple[str, ...] = (),
    known: Collection[str] = (),
) -> Report:
    """Review one change. `notes` are remarks that the report passes on to its readers, `known`
    the fingerprints of findings that the base knows.

    Raises InputError when the clean room cannot be made; a tool that fails is part of the report.
    """
    changes = source.changes
    means.progress("reading the change")
    written = source.generated([change.path for change in changes.files])
    room = tree.build(changes, source.blobs, means.place, excluded(settings.paths, written))
    with ask.checked(means.engine, wanted=any(map(_has_content, changes.files))) as health:
        runs = analyse(changes, room, means, settings.gate.required)
        means.progress("reading coverage")
        coverage = measure.measure(means.coverage_reports, means.coverage_formats, changes, room)
        uncovered = () if coverage.patch is None else (measure.uncovered(coverage, room, changes),)
        model, about = second_opinion(changes, room, runs, coverage, health, settings, means)
    means.progress("judging")
    runs = (*runs, model)
    shown, found = guard.ground((*runs, *uncovered), changes, room)
    ignored = guard.ignored(found, changes, room)
    judged = gate.judge(found, changes, settings, known, ignored)
    counted = gate.judge(gate.counted(found, settings), changes, settings, known, ignored)
    judged = proven(judged, settings, prover(changes, room, means))
    files = summaries(changes, room)
    added = sum(file.added for file in files if not file.skipped)
    parts = gate.heuristics(counted, shown, coverage, added, settings)
    verdict = gate.verdict(files, counted, shown[: len(runs)], coverage, parts, settings)
    return Report(
        request=request,
        mode=_mode(runs, about),
        verdict=verdict,
        changes=files,
        runs=shown,
        judged=judged,
        coverage=coverage,
        heuristics=parts,
        notes=notes,
        model=about,
    )


def second_opinion(  # noqa: PLR0913, PLR0917 - all that is known of the change by now
    changes: ChangeSet,
    room: Tree,
    runs: Sequence[ToolRun],
    coverage: PatchCoverage,
    health: ask.Checkup,
    settings: Settings,
    means: Means,
) -> tuple[ToolRun, ModelReview | None]:
    """The model's part: its run, and what it was asked if it was."""
    if not any(_has_content(change) for change in changes.files):
        return ToolRun(TOOL, Outcome.SKIPPED, reason="no file to look into", concerned=False), None
    if means.engine.patience:
        means.progress("waiting for the model")
    found = health()
    if not found.ok:
        return ask.unasked(found, concerned=bool(means.engine.patience)), None
    masks = tuple(sorted({mask for run in runs for mask in run.masks}))
    findings = [finding for run in runs for finding in run.findings]
    asker = ask.Asker(
        engine=means.engine,
        health=found,
        prompts=replace(means.prompts, masks=masks),
        settings=settings.model,
        prover=prover(changes, room, means),
        since=means.since,
        progress=means.progress,
    )
    try:
        return asker.ask(changes, room, findings, coverage, means.runner)
    except IntegrityError as error:
        why = f"{error.message}; {error.tip}"
        return ToolRun(TOOL, Outcome.FAILED, reason=why, unsafe=True), None


def prover(changes: ChangeSet, room: Tree, means: Means) -> Prover:
    """What shows whether an edit may be offered."""
    guards = [each for each in means.analyzers if each.name in GUARDS]
    return Prover(changes, room, means.runner, guards, means.workshop)


def proven(judged: Sequence[Judged], settings: Settings, prover: Prover) -> tuple[Judged, ...]:
    """The same, with proof of the edits in comments on lines, if edits are to be offered."""
    inline = [n for n, item in enumerate(judged) if item.standing is Standing.INLINE]
    if not settings.comments.suggestions or not inline:
        return tuple(judged)
    shown = offered([judged[n].finding for n in inline], prover, len(inline))
    by_number = dict(zip(inline, shown, strict=True))
    return tuple(
        replace(item, finding=by_number[n]) if n in by_number else item
        for n, item in enumerate(judged)
    )


def analyse(
    changes: ChangeSet, room: Tree, means: Means, required: Collection[str] = ()
) -> tuple[ToolRun, ...]:
    """Run every analyzer, several at a time; the result is in the order of the analyzers.

    The slow ones start first, so that no processor waits for a latecomer at the end. Those that
    are not `required`, and that another one may stand in for, wait for what becomes of that one.
    """
    if not any(_has_content(change) for change in changes.files):
        return tuple(
            ToolRun(a.name, Outcome.SKIPPED, reason="no file to look into", concerned=False)
            for a in means.analyzers
        )
    spared = _spared(means.analyzers, required)
    now = [each for each in means.analyzers if each.name not in spared]
    means.progress("running " + ", ".join(each.name for each in now))
    done = {run.tool: run for run in _side_by_side(now, changes, room, means)}
    later: list[Analyzer] = []
    for each in means.analyzers:
        if each.name in spared:
            stand_in, reason = spared[each.name]
            if done[stand_in].outcome is Outcome.OK:
                done[each.name] = ToolRun(each.name, Outcome.SKIPPED, reason=reason)
            else:
                later.append(each)
    done |= {run.tool: run for run in _side_by_side(later, changes, room, means)}
    return tuple(done[each.name] for each in means.analyzers)


def _spared(analyzers: Sequence[Analyzer], required: Collection[str]) -> dict[str, tuple[str, str]]:
    """The analyzers that need not run, with those that stand in for them, and why."""
    by_name = {each.name: each for each in analyzers}
    return {
        each.name: (each.stand_in, reason)
        for each in analyzers
        if isinstance(each, Spared) and each.name not in required and each.stand_in in by_name
        if (reason := each.spared(by_name[each.stand_in]))
    }


def _side_by_side(
    analyzers: Sequence[Analyzer], changes: ChangeSet, room: Tree, means: Means
) -> tuple[ToolRun, ...]:
    queue = sorted(analyzers, key=lambda each: -getattr(each, "slowness", 0))
    with ThreadPoolExecutor(max_workers=means.workers) as pool:
        try:
            return tuple(pool.map(lambda each: one(each, changes, room, means.runner), queue))
        except BaseException:
            # Cancelled: without this the pool would wait for its tools, each up to its deadline.
            pool.shutdown(wait=False, cancel_futures=True)
            process.stop()
            raise


def _has_content(change: FileChange) -> bool:
    """Whether there is something new to look at: a link or a binary file is, a deletion is not."""
    return change.status is not Status.DELETED and bool(change.hunks or change.binary)


def one(analyzer: Analyzer, changes: ChangeSet, room: Tree, runner: Runner) -> ToolRun:
    """One analyzer's run; whatever goes wrong in it is a reason and costs only its findings."""
    started = time.monotonic()
    try:
        run = analyzer.run(changes, room, runner)
        return replace(run, seconds=time.monotonic() - started)
    except ToolError as error:
        outcome = Outcome.SKIPPED if isinstance(error, ToolMissing) else Outcome.FAILED
        run = ToolRun(analyzer.name, outcome, reason=str(error))
    except Exception as error:
        # A bug of one plug-in must not take the review of the others down.
        kind = type(error).__name__
        run = ToolRun(analyzer.name, Outcome.FAILED, reason=f"a bug in {analyzer.name}: {kind}")
    return replace(run, seconds=time.monotonic() - started)


def summaries(changes: ChangeSet, room: Tree) -> tuple[FileSummary, ...]:
    """Every changed file, looked into or left out with its reason."""
    return tuple(
        FileSummary(
            path=change.path,
            status=change.status,
            old_path=change.old_path,
            added=len(change.added),
            removed=len(change.removed),
            skipped=room.skipped.get(change.path, ""),
        )
        for change in changes.files
    )


def _mode(runs: Sequence[ToolRun], about: ModelReview | None) -> Mode:
    """FULL only if the model was asked about everything that there was to ask."""
    if any(run.outcome is Outcome.FAILED for run in runs) or (about and about.missed):
        return Mode.PARTIAL
    return Mode.FULL if about else Mode.STATIC
