"""Standings, score and verdict: pure functions of what was found and what the settings ask for."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from reviewer import agreement, baseline
from reviewer.config import FailOn, Settings, severity_for
from reviewer.languages import is_code
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    FileSummary,
    Finding,
    Heuristic,
    Judged,
    Outcome,
    PatchCoverage,
    Severity,
    Side,
    Standing,
    State,
    ToolRun,
    Verdict,
)
from reviewer.modelling import TOOL, EngineMode
from reviewer.text import path
from reviewer.tree import UNREAD

ON_CHANGE: Final = (Standing.INLINE, Standing.FILE, Standing.BODY, Standing.CAPPED)
"""Standings of findings about what the change did: only these touch score and verdict."""

POINTS: Final = {Severity.ERROR: 25.0, Severity.WARNING: 10.0, Severity.NOTE: 2.0}
CERTAINTY: Final = {Confidence.HIGH: 1.0, Confidence.MEDIUM: 0.7, Confidence.LOW: 0.3}
"""What a finding takes from the 100 points of its heuristic: four errors bring it to 0."""

POINTS_LINES: Final = 100
"""Points count per this many added lines, so that large changes are not judged by their size."""

EVIDENCE: Final = 5

NONE: Final[Mapping[str, str]] = MappingProxyType({})

HARM: Final = (Category.SECURITY, Category.CORRECTNESS)


def judge(
    found: Iterable[tuple[Finding, str]],
    changes: ChangeSet,
    settings: Settings,
    known: Collection[str] = (),
    ignored: Mapping[str, str] = NONE,
) -> tuple[Judged, ...]:
    """The standing of each finding, given with why its place is in doubt ("" if it is not).

    `known` are fingerprints of findings that the base knows; `ignored` says of fingerprints why a
    comment of the base switches them off.
    """
    placed = [_placed(f, doubt, changes, settings, ignored) for f, doubt in found]
    merged = agreement.merge(baseline.mark(placed, known))
    most = None if settings.model.gate else settings.gate.confidence
    merged = agreement.echoes(merged, TOOL, most)
    judged = [
        _standing(item, settings) if item.standing is Standing.BODY else item for item in merged
    ]
    return tuple(_capped(judged, settings))


def counted(
    found: Sequence[tuple[Finding, str]], settings: Settings
) -> Sequence[tuple[Finding, str]]:
    """What score and verdict are made of: without the model's findings, unless they shall count.

    So a model that says the same as an analyzer, which makes that finding surer, moves neither.
    """
    if settings.model.gate:
        return found
    return [each for each in found if each[0].tool != TOOL]


def _capped(judged: Sequence[Judged], settings: Settings) -> Iterator[Judged]:
    """The same, with no more comments on lines than are allowed, to all and to the model."""
    inline = sorted(
        (item for item in judged if item.standing is Standing.INLINE), key=_importance, reverse=True
    )
    theirs = [item for item in inline if item.finding.tool == TOOL]
    beyond = {id(item): "model.inline" for item in theirs[settings.model.inline :]}
    left = [item for item in inline if id(item) not in beyond]
    beyond |= {id(item): "comments.inline" for item in left[settings.comments.inline :]}
    limits = {"model.inline": settings.model.inline, "comments.inline": settings.comments.inline}
    for item in judged:
        if name := beyond.get(id(item)):
            note = f"beyond the {limits[name]} inline comments of {name}"
            yield replace(item, standing=Standing.CAPPED, note=note)
        else:
            yield item


def _importance(item: Judged) -> tuple[Severity, bool, bool, Confidence]:
    """What is commented on first: a hole or a bug before an equally grave remark on form, and what
    is sure to be there before what a model says.
    """
    finding = item.finding
    return (
        finding.severity,
        finding.category in HARM,
        finding.tool != TOOL,
        finding.confidence,
    )


def _placed(
    finding: Finding,
    doubt: str,
    changes: ChangeSet,
    settings: Settings,
    ignored: Mapping[str, str],
) -> Judged:
    """A finding with its place on the change, BODY for now, or the standing that keeps it away."""
    if doubt:
        return Judged(finding, Standing.UNPROVEN, doubt)
    override = severity_for(settings.rules, finding.rule_id, finding.span.path)
    if override == "off":
        return Judged(finding, Standing.IGNORED, "switched off by rules")
    if finding.fingerprint in ignored:
        return Judged(finding, Standing.IGNORED, ignored[finding.fingerprint])
    if override is not None:
        finding = replace(finding, severity=override)
    anchor = _anchor(finding, changes)
    if not finding.span.whole_file and not anchor:
        return Judged(finding, Standing.OFF_DIFF, "the change did not touch these lines")
    return Judged(finding, Standing.BODY, "on the change", anchor)


def _standing(item: Judged, settings: Settings) -> Judged:
    """Whether a finding on the change is worth a comment of its own."""
    finding, bar = item.finding, settings.comments
    least = settings.model.inline_from if finding.tool == TOOL else bar.inline_from
    if finding.severity < least:
        return replace(item, note=f"below {least.value}")
    if finding.confidence < bar.confidence_from:
        return replace(item, note=f"less sure than {bar.confidence_from.value}")
    if finding.span.whole_file:
        return replace(item, standing=Standing.FILE, note="about the file as a whole")
    return replace(item, standing=Standing.INLINE, note="on a line of the change")


def _anchor(finding: Finding, changes: ChangeSet) -> int:
    """The first line of the span that the change touched, 0 if there is none."""
    change = changes.by_path[finding.span.path]
    touched = change.removed if finding.side is Side.OLD else change.added
    span = finding.span
    if span.start in touched:
        return span.start
    return min((line for line in touched if span.start <= line <= span.end), default=0)


def heuristics(
    judged: Sequence[Judged],
    runs: Sequence[ToolRun],
    coverage: PatchCoverage,
    added: int,
    settings: Settings,
) -> tuple[Heuristic, ...]:
    """The parts of the score, one a category; N/A where no tool has measured it.

    `added` is the number of lines that the change adds.
    """
    measured = {category for run in runs if run.outcome is Outcome.OK for category in run.measures}
    parts = [_coverage_heuristic(coverage, settings)]
    for category in Category:
        if category is Category.COVERAGE:
            continue
        weight = settings.weights[category]
        if category not in measured:
            parts.append(Heuristic(category, weight, None, ("no tool has judged it",)))
            continue
        about = [
            item
            for item in judged
            if item.standing in ON_CHANGE and item.finding.category is category
        ]
        size = 0 if category is Category.TESTS else added
        parts.append(Heuristic(category, weight, _points_left(about, size), _evidence(about)))
    return tuple(parts)


def _coverage_heuristic(coverage: PatchCoverage, settings: Settings) -> Heuristic:
    weight = settings.weights[Category.COVERAGE]
    if coverage.patch is None:
        why = coverage.unknown or "no added line can be measured"
        return Heuristic(Category.COVERAGE, weight, None, (why,))
    covered = sum(len(file.covered) for file in coverage.files)
    evidence = f"{covered} of {coverage.measurable} measurable added lines ran"
    if coverage.measurable < settings.coverage.min_lines:
        return Heuristic(Category.COVERAGE, weight, None, (f"{evidence}: too few to judge",))
    return Heuristic(Category.COVERAGE, weight, round(coverage.patch, 1), (evidence,))


def _points_left(about: Iterable[Judged], added: int) -> float:
    """What is left of 100 points on `added` lines; 0 lines judge a change by its faults alone."""
    lost = sum(POINTS[i.finding.severity] * CERTAINTY[i.finding.confidence] for i in about)
    return round(max(0.0, 100.0 - lost / max(1.0, added / POINTS_LINES)), 1)


def _place(item: Judged) -> str:
    """`path:line`, or the path of a file that is meant as a whole."""
    line = item.anchor or item.finding.span.start
    return f"{item.finding.span.path}:{line}" if line else item.finding.span.path


def _evidence(about: Sequence[Judged]) -> tuple[str, ...]:
    ordered = sorted(about, key=_importance, reverse=True)
    named = [f"{_place(item)} {item.finding.rule_id}" for item in ordered[:EVIDENCE]]
    left = len(ordered) - len(named)
    return (*named, f"and {left} more") if left else tuple(named)


def score(parts: Sequence[Heuristic]) -> float | None:
    """The weighted mean of the parts that apply, None when none does."""
    applied = [(part.score, part.weight) for part in parts if part.score is not None]
    weight = sum(weight for _, weight in applied)
    if not weight:
        return None
    return round(sum(value * weight for value, weight in applied) / weight, 1)


def verdict(
    files: Sequence[FileSummary],
    judged: Sequence[Judged],
    runs: Sequence[ToolRun],
    coverage: PatchCoverage,
    parts: Sequence[Heuristic],
    settings: Settings,
) -> Verdict:
    """The decision, its reasons, and the exit code of the command."""
    total = score(parts)
    unread = _unread(files)
    touched = any(item.standing in ON_CHANGE for item in judged)
    if not touched and all(file.skipped for file in files):
        reasons = unread or (_nothing_to_review(files),)
        return Verdict(State.NOT_REVIEWED, None, reasons, 3 if unread else 0)
    absent = _absent(runs)
    required = [reason for name, reason in absent if name in settings.gate.required]
    unknown = [name for name in settings.gate.required if name not in {run.tool for run in runs}]
    required += [f"{name} is required and switched off" for name in unknown]
    if required:
        return Verdict(State.NOT_REVIEWED, total, tuple(required), 2)
    stopped = tuple(f"{run.tool}: {run.reason}" for run in runs if run.unsafe)
    if stopped:
        return Verdict(State.NOT_REVIEWED, total, stopped, 4)
    if settings.engine.mode is EngineMode.REQUIRED and (why := _unasked(runs)):
        return Verdict(State.NOT_REVIEWED, total, (why,), 5)
    lost = (*(reason for _, reason in absent), *_unanswered(runs), *unread)
    if not any(run.outcome is Outcome.OK for run in runs if run.tool != TOOL):
        return Verdict(State.NOT_REVIEWED, total, ("no tool could review", *lost), 3)
    broken = (
        *_severe(judged, settings.gate.fail_on, settings.gate.confidence),
        *_under_coverage(coverage, settings),
        *_under_score(total, settings.gate.score),
    )
    if broken:
        return Verdict(State.FAILED, total, (*broken, *lost), 1)
    unsure = _coverage_unknown(files, coverage, settings)
    if unsure:
        code = 2 if settings.coverage.required else 0
        return Verdict(State.COVERAGE_UNKNOWN, total, (unsure, *lost), code)
    return Verdict(State.PASSED, total, lost, 0)


def _nothing_to_review(files: Sequence[FileSummary]) -> str:
    if not files:
        return "nothing to review: the change is empty"
    reasons = ", ".join(sorted({file.skipped for file in files}))
    return f"nothing to review: all {len(files)} changed files were left out ({reasons})"


def _unread(files: Sequence[FileSummary]) -> tuple[str, ...]:
    """Code that could not be read: a change must not pass by being too large to look at."""
    left = [f for f in files if f.skipped in UNREAD and is_code(f.path)]
    named = tuple(f"{path(f.path)} was not looked into: {f.skipped}" for f in left[:EVIDENCE])
    more = len(left) - len(named)
    return (*named, f"nor were {more} more files") if more else named


def _absent(runs: Sequence[ToolRun]) -> list[tuple[str, str]]:
    """Tools that should have looked and did not, with what readers are told."""
    return [
        (run.tool, f"{run.tool} {run.outcome.value}: {run.reason}")
        for run in runs
        if run.concerned and run.outcome is not Outcome.OK
    ]


def _unanswered(runs: Sequence[ToolRun]) -> tuple[str, ...]:
    """What the model was not asked about, or gave no answer to."""
    partly = [run for run in runs if run.tool == TOOL and run.outcome is Outcome.OK and run.reason]
    return tuple(f"{run.tool}: {run.reason}" for run in partly)


def _unasked(runs: Sequence[ToolRun]) -> str:
    """Why no model took part, "" if one did."""
    run = next((run for run in runs if run.tool == TOOL), None)
    if run is None or run.outcome is Outcome.OK:
        return "" if run else "a review by a model is required, and none was asked"
    return f"a review by a model is required: {run.reason}"


def _severe(judged: Sequence[Judged], fail_on: FailOn, confidence: Confidence) -> tuple[str, ...]:
    if fail_on is FailOn.NONE:
        return ()
    bar = Severity(fail_on.value)
    count = sum(
        item.standing in ON_CHANGE
        and item.finding.severity >= bar
        and item.finding.confidence >= confidence
        for item in judged
    )
    if not count:
        return ()
    what = "an error" if bar is Severity.ERROR else f"a {bar.value} or worse"
    return (f"{count} {'finding is' if count == 1 else 'findings are each'} {what}",)


def _under_coverage(coverage: PatchCoverage, settings: Settings) -> tuple[str, ...]:
    wanted = settings.coverage
    reasons = []
    patch = coverage.patch if coverage.measurable >= wanted.min_lines else None
    if patch is not None and wanted.patch is not None and patch < wanted.patch:
        reasons.append(f"coverage of the change is {percent(patch, wanted.patch)}")
    if wanted.total is not None and coverage.total is not None and coverage.total < wanted.total:
        reasons.append(f"total coverage is {percent(coverage.total, wanted.total)}")
    return tuple(reasons)


def percent(value: float, wanted: float) -> str:
    """The text "79.9 %, under 80 %", with as many digits as tell the two apart."""
    digits = next((n for n in range(1, 6) if round(value, n) != round(wanted, n)), 6)
    return f"{value:.{digits}f} %, under {wanted:g} %"


def _under_score(total: float | None, wanted: float | None) -> tuple[str, ...]:
    if wanted is None or total is None or total >= wanted:
        return ()
    return (f"the score is {total:g}, under {wanted:g}",)


def _coverage_unknown(
    files: Sequence[FileSummary], coverage: PatchCoverage, settings: Settings
) -> str:
    wanted = settings.coverage
    if not coverage.unknown or not (wanted.patch is not None or wanted.total is not None):
        return ""
    code = any(f.added and not f.skipped and is_code(f.path) for f in files)
    return f"coverage is unknown: {coverage.unknown}" if code or wanted.required else ""
