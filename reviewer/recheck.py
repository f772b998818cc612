"""A report is hostile until it was held against the change once more.

The one who publishes holds a token; the one who reviewed had the change on its disk, and for a
change from a fork its author may have written the report himself. Nothing a report says of places
is believed here, and none of its findings is dropped: one that does not hold changes its standing.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from reviewer import opinion
from reviewer.errors import IntegrityError
from reviewer.model import (
    ChangeSet,
    CoverageOfFile,
    FileChange,
    FileSummary,
    Finding,
    Judged,
    LeftOut,
    Mode,
    ModelReview,
    Outcome,
    PatchCoverage,
    Report,
    Request,
    Side,
    Standing,
    Status,
    Suggestion,
    Trust,
)
from reviewer.text import clip, count, redact

WORDS: Final = 2000
"""Characters of any text: the longest that a comment shows."""

NAME: Final = 200
ITEMS: Final = 200
"""Characters of the name of a tool or rule; reasons, notes and pieces of evidence in a list."""

DIGEST: Final = re.compile("[0-9a-f]{64}")
"""A SHA-256."""

NEAR: Final = (Standing.INLINE, Standing.BODY, Standing.CAPPED, Standing.MERGED)
"""Standings of findings with lines that are on the change."""

UNTOLD: Final = "the report says nothing of it"


def recheck(report: Report, request: Request, changes: ChangeSet) -> Report:
    """The report as far as it holds for `request` and its `changes`, both from the forge.

    Raises IntegrityError when it is about another change.
    """
    if _identity(report.request) != _identity(request):
        raise IntegrityError(
            "the report is about another change than the one it is to be published on",
            "publish it on the pull request and the commit that were reviewed",
        )
    judged = _once([_judged(item, request.trust, changes) for item in report.judged])
    found: dict[str, list[Finding]] = defaultdict(list)
    for item in judged:
        found[item.finding.tool].append(item.finding)
    files, notes = _files(report, changes)
    verdict, model = report.verdict, _model(report.model, changes)
    return replace(
        report,
        request=request,
        mode=_mode(report, model),
        model=model,
        verdict=replace(verdict, reasons=_texts(verdict.reasons)),
        changes=files,
        runs=tuple(
            replace(
                run,
                tool=clip(run.tool, NAME),
                version=clip(run.version, NAME),
                reason=_text(run.reason),
                findings=tuple(found.get(run.tool, ())),
            )
            for run in report.runs
        ),
        judged=judged,
        coverage=_coverage(report.coverage, changes),
        heuristics=tuple(
            replace(part, evidence=_texts(part.evidence)) for part in report.heuristics
        ),
        notes=(*_texts(report.notes), *notes),
    )


def _identity(request: Request) -> tuple[str, int, str, str]:
    return request.repository, request.number, request.head, request.base


def _judged(item: Judged, trust: Trust, changes: ChangeSet) -> Judged:
    """A finding whose place holds, with texts of bounded size and without secrets."""
    finding = item.finding
    change = changes.by_path.get(finding.span.path)
    suggestion = None if trust is Trust.UNTRUSTED else _suggestion(finding, change)
    shown = replace(
        finding, message=_text(finding.message), help=_text(finding.help), suggestion=suggestion
    )
    item = replace(item, finding=shown, note=_text(item.note))
    if max(len(finding.tool), len(finding.rule)) > NAME:
        return _moved(item, Standing.UNPROVEN, "names a rule that cannot be")
    if change is None:
        return _moved(item, Standing.UNPROVEN, "names a file that the change does not touch")
    if item.standing is Standing.FILE or not item.anchor:
        if item.standing in (Standing.INLINE, Standing.CAPPED):
            return _moved(item, Standing.BODY, "names no line of the change")
        return replace(item, anchor=0)
    touched = change.removed if finding.side is Side.OLD else change.added
    span = finding.span
    if span.start <= item.anchor <= span.end and item.anchor in touched:
        return item
    if item.standing in NEAR:
        return _moved(item, Standing.BODY, "names a line that the change did not touch")
    return replace(item, anchor=0)


def _moved(item: Judged, standing: Standing, why: str) -> Judged:
    return replace(item, standing=standing, note=why, anchor=0)


def _suggestion(finding: Finding, change: FileChange | None) -> Suggestion | None:
    """The suggestion if its lines are on the new side of one hunk, and no secret is in it."""
    suggestion = finding.suggestion
    if suggestion is None or change is None or finding.side is Side.OLD:
        return None
    span = suggestion.span
    inside = any(
        hunk.new_start <= span.start <= span.end < hunk.new_start + hunk.new_count
        for hunk in change.hunks
    )
    if span.path != change.path or not inside or redact(suggestion.text) != suggestion.text:
        return None
    return replace(suggestion, refused=_text(suggestion.refused))


def _once(judged: Sequence[Judged]) -> tuple[Judged, ...]:
    """Each finding once: what a report says twice stands as merged."""
    seen: set[str] = set()
    kept = []
    for item in judged:
        again = item.finding.fingerprint in seen
        seen.add(item.finding.fingerprint)
        kept.append(_moved(item, Standing.MERGED, "is in the report twice") if again else item)
    return tuple(kept)


def _files(report: Report, changes: ChangeSet) -> tuple[tuple[FileSummary, ...], tuple[str, ...]]:
    """The files of the change with what the report says of them, and what is odd about it."""
    told = {file.path: file for file in report.changes}
    foreign = len(told.keys() - changes.by_path.keys())
    files = tuple(
        FileSummary(
            path=change.path,
            status=change.status,
            old_path=change.old_path,
            added=len(change.added),
            removed=len(change.removed),
            skipped=_text(told[change.path].skipped) if change.path in told else UNTOLD,
        )
        for change in changes.files
    )
    if not foreign:
        return files, ()
    return files, (f"the report lists {count(foreign, 'file')} that the change does not touch",)


def _mode(report: Report, model: ModelReview | None) -> Mode:
    """The mode, no better than what else the report says: whether that is true, nobody can tell."""
    if report.mode is not Mode.FULL:
        return report.mode
    failed = any(run.outcome is Outcome.FAILED for run in report.runs)
    if failed or (model is not None and model.missed):
        return Mode.PARTIAL
    return Mode.STATIC if model is None else Mode.FULL


def _model(model: ModelReview | None, changes: ChangeSet) -> ModelReview | None:
    """The model's part, about places of the change, with texts of bounded size."""
    if model is None:
        return None
    effort = model.effort
    return replace(
        model,
        model=_name(model.model),
        weights=_digest(model.weights),
        engine=_name(model.engine),
        version=_name(model.version),
        units=max(model.units, model.missed),
        left_out=_left_out(model.left_out, changes),
        prompts=tuple((_name(task), _digest(sha)) for task, sha in model.prompts[:ITEMS]),
        shape=_digest(model.shape),
        settings=tuple((_name(key), _text(value)) for key, value in model.settings[:ITEMS]),
        effort=replace(
            effort,
            seconds=tuple((_name(stage), taken) for stage, taken in effort.seconds[:ITEMS]),
            checkpoint=opinion.checkpoint(model),
        ),
    )


def _left_out(places: Sequence[LeftOut], changes: ChangeSet) -> tuple[LeftOut, ...]:
    """Those of files of the change. There are many of them, and few reasons."""
    reasons = {reason: _text(reason) for reason in {each.reason for each in places}}
    return tuple(
        replace(each, reason=reasons[each.reason])
        for each in places
        if each.path in changes.by_path
    )


def _digest(told: str) -> str:
    return told if DIGEST.fullmatch(told) else ""


def _name(told: str) -> str:
    return clip(redact(told), NAME)


def _coverage(coverage: PatchCoverage, changes: ChangeSet) -> PatchCoverage:
    """The coverage of lines that the change adds, and of no others."""
    files = []
    for file in coverage.files:
        change = changes.by_path.get(file.path)
        if change is not None and change.status is not Status.DELETED:
            lines = [_within(part, change) for part in (file.covered, file.missing, file.partial)]
            files.append(CoverageOfFile(file.path, *lines))
    return replace(
        coverage,
        files=tuple(files),
        unknown=_text(coverage.unknown),
        sources=_texts(coverage.sources),
        notes=_texts(coverage.notes),
    )


def _within(lines: Sequence[int], change: FileChange) -> tuple[int, ...]:
    return tuple(line for line in lines if line in change.added)


def _text(text: str) -> str:
    return clip(redact(text), WORDS)


def _texts(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(_text(text) for text in texts[:ITEMS])
