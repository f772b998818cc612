"""Findings of a report as a record has them: what became of each, and whether it is there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from reviewer.bench.record import Fix, Seen, Source, Stage
from reviewer.model import ChangeSet, FileChange, Finding, Judged, Proof, Span, Standing

DROPPED: Final[Mapping[Standing, Stage]] = {
    Standing.MERGED: "dedupe",
    Standing.BODY: "threshold",
    Standing.KNOWN: "threshold",
    Standing.IGNORED: "threshold",
    Standing.CAPPED: "cap",
    Standing.OFF_DIFF: "anchored",
    Standing.UNPROVEN: "anchored",
}
"""The stage that a finding of each standing did not survive; the others are posted."""

DOUBTS: Final[Mapping[str, Stage]] = {
    "anchor": "anchored",
    "claim": "guard",
    "vote": "vote",
    "verify": "verify",
}
"""The stage by the first word of the note of what is not believed."""

REPEATED: Final = "claim: repeats another finding"
"""A claim that would be believed if it were not there already."""


def every(
    judged: Sequence[Judged], changes: ChangeSet, lines: Callable[[str], Sequence[str]]
) -> Iterator[Seen]:
    """All findings of a report, each with what was posted in its place."""
    posted = [each.finding for each in judged if each.standing not in DROPPED]
    for each in judged:
        told = seen(each, changes, lines)
        if each.standing is Standing.MERGED:
            told = msgspec.structs.replace(told, spoken=_speaker(each, posted))
        yield told


def _speaker(merged: Judged, posted: Sequence[Finding]) -> str:
    """The rule of the posted finding that speaks for a merged one, "" if there is none."""
    mine = merged.finding.span
    return next(
        (
            each.rule_id
            for each in posted
            if merged.note.startswith(f"{each.rule_id} says ")
            and each.span.path == mine.path
            and each.span.start <= mine.end
            and mine.start <= each.span.end
        ),
        "",
    )


def seen(judged: Judged, changes: ChangeSet, lines: Callable[[str], Sequence[str]]) -> Seen:
    """A finding as a record has it; `lines` gives all lines of a file of the head, without ends."""
    finding, span = judged.finding, judged.finding.span
    change = changes.by_path.get(span.path)
    place = {} if span.whole_file else _measured(finding, change, lines(span.path))
    return Seen(
        text=finding.message,
        path=span.path,
        start=span.start,
        end=span.end,
        category=finding.rule,
        source=_source(finding.tool),
        rule=finding.rule_id,
        severity=finding.severity.value,
        confidence=finding.confidence.value,
        quote=finding.quote,
        dropped=_dropped(judged),
        reason=judged.note,
        fix=_fix(finding),
        **place,
    )


def _source(tool: str) -> Source:
    match tool:
        case "model" | "coverage":
            return tool
    return "static"


def _dropped(judged: Judged) -> Stage | Literal[""]:
    if judged.note.startswith(REPEATED):
        return "dedupe"
    if judged.standing is Standing.UNPROVEN:
        return DOUBTS.get(judged.note.partition(":")[0], "anchored")
    return DROPPED.get(judged.standing, "")


def _fix(finding: Finding) -> Fix | None:
    if finding.suggestion is None:
        return None
    proof, why = finding.suggestion.proof, finding.suggestion.refused
    return Fix(proof >= Proof.APPLIES, proof >= Proof.PARSES, proof >= Proof.CLEAN, why)


def _measured(finding: Finding, change: FileChange | None, lines: Sequence[str]) -> dict[str, Any]:
    """Whether the place is within one hunk, holds the quote, and touches an added line."""
    span = finding.span
    touched = range(span.start, span.end + 1)
    return {
        "on_diff": change is not None and on_diff(span, change),
        "anchored": quoted(finding.quote, lines[span.start - 1 : span.end]),
        "added": change is not None and any(line in change.added for line in touched),
    }


def on_diff(span: Span, change: FileChange) -> bool:
    """Whether all lines of a span are in one hunk of the new side, its context included."""
    return any(
        hunk.new_start <= span.start <= span.end < hunk.new_start + hunk.new_count
        for hunk in change.hunks
    )


def quoted(quote: str, lines: Sequence[str]) -> bool:
    """Whether a quote is exactly these lines, but for white space at their ends."""
    told = [line.strip() for line in quote.strip("\n").split("\n")]
    return told == [line.strip() for line in lines]
