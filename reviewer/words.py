"""The words and the order that reports and comments share. They neutralise nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

from reviewer import text
from reviewer.model import (
    Finding,
    Judged,
    Mode,
    Outcome,
    PatchCoverage,
    Proof,
    Report,
    Severity,
    Side,
    Standing,
    State,
    Suggestion,
)

T = TypeVar("T")

SHOWN: Final = (Standing.INLINE, Standing.FILE)
"""The standings of the findings that are shown in full; the others are listed or counted."""

ON_CHANGE: Final = (Standing.INLINE, Standing.FILE, Standing.CAPPED, Standing.BODY)
"""The standings of the findings about what the change did: these alone touch the verdict."""

STANDINGS: Final[Mapping[Standing, str]] = MappingProxyType(
    {
        Standing.INLINE: "on a line that the change added",
        Standing.FILE: "about a changed file as a whole",
        Standing.CAPPED: "beyond the number of comments allowed",
        Standing.MERGED: "said already by another finding on the same line",
        Standing.BODY: "below the bar for a comment of its own",
        Standing.OFF_DIFF: "in a changed file, on lines that the change did not add",
        Standing.KNOWN: "there before the change",
        Standing.IGNORED: "switched off by the settings",
        Standing.UNPROVEN: "at a place that is not there, or not believed",
    }
)

STATES: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.PASSED: "passed",
        State.FAILED: "failed",
        State.NOT_REVIEWED: "not reviewed",
        State.COVERAGE_UNKNOWN: "coverage unknown",
    }
)

MODES: Final[Mapping[Mode, str]] = MappingProxyType(
    {
        Mode.FULL: "full review",
        Mode.STATIC: "static review, without a model",
        Mode.PARTIAL: "partial review",
    }
)

RANK: Final = MappingProxyType({severity: rank for rank, severity in enumerate(Severity)})


def by_place(judged: Iterable[Judged]) -> list[Judged]:
    """In the order in which one reads files."""
    return sorted(judged, key=lambda item: place(item.finding))


def by_weight(judged: Iterable[Judged]) -> list[Judged]:
    """The worst first, what is shown in full before the rest; total."""
    return sorted(
        judged,
        key=lambda item: (
            item.standing not in SHOWN,
            -RANK[item.finding.severity],
            place(item.finding),
        ),
    )


def place(finding: Finding) -> tuple[str, int, int, int, str, str]:
    """The key of the order in which one reads files; total, so equal input gives equal output."""
    span, severity = finding.span, -RANK[finding.severity]
    return span.path, span.start, span.column, severity, finding.rule_id, finding.fingerprint


def ranges(lines: Iterable[int]) -> str:
    """`3-5, 9` for 3, 4, 5 and 9."""
    runs: list[tuple[int, int]] = []
    for line in sorted(lines):
        if runs and line <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], line)
        else:
            runs.append((line, line))
    return ", ".join(f"{start}" if start == end else f"{start}-{end}" for start, end in runs)


def lines_of(finding: Finding) -> str:
    """Where in its file a finding is: `line 3`, `lines 3-5`, `removed line 3`, `whole file`."""
    span = finding.span
    if span.whole_file:
        return "whole file"
    words = "removed line" if finding.side is Side.OLD else "line"
    return (
        f"{words} {span.start}" if span.end <= span.start else f"{words}s {span.start}-{span.end}"
    )


def coverage_line(coverage: PatchCoverage) -> str:
    """The coverage in one sentence, with the reason where it is unknown."""
    if coverage.patch is not None:
        covered = sum(len(file.covered) for file in coverage.files)
        lines = f"{covered:,} of {text.count(coverage.measurable, 'line')}"
        words = f"coverage of the change {text.tenths(coverage.patch)} % ({lines})"
    elif coverage.unknown:
        words = f"coverage of the change unknown: {coverage.unknown}"
    else:
        words = "coverage of the change: no added line can be measured"
    return words if coverage.total is None else f"{words}; total {text.tenths(coverage.total)} %"


def size_line(report: Report) -> str:
    """`3 files, +120 −4 lines`."""
    added = sum(change.added for change in report.changes)
    removed = sum(change.removed for change in report.changes)
    return f"{text.count(len(report.changes), 'file')}, +{added:,} −{removed:,} lines"


def short(name: str) -> str:
    """A commit id cut to 12 digits; other names stay."""
    is_id = len(name) in (40, 64) and not name.strip("0123456789abcdef")
    return name[:12] if is_id else name


def score_line(score: float | None) -> str:
    """`score 87.5 of 100`, or why there is none."""
    if score is None:
        return "no score: nothing could be judged"
    return f"score {text.tenths(score)} of 100"


def skipped(report: Report) -> Mapping[str, list[str]]:
    """The files that were not looked into, by reason."""
    reasons: dict[str, list[str]] = {}
    for change in report.changes:
        if change.skipped:
            reasons.setdefault(change.skipped, []).append(change.path)
    return reasons


def some(names: Sequence[T], limit: int) -> tuple[Sequence[T], str]:
    """The first `limit` of the names, and "and 7 more" for the others."""
    rest = len(names) - limit
    return names[:limit], f"and {rest:,} more" if rest > 0 else ""


def counted(standings: Iterable[Standing]) -> str:
    """`3 off-diff, 1 known`: how many there are of each, in the order of STANDINGS."""
    numbers = Counter(standings)
    return ", ".join(
        f"{numbers[standing]:,} {standing.value}" for standing in STANDINGS if numbers[standing]
    )


def not_run(report: Report) -> list[str]:
    """`trivy skipped: why` of each tool that did not look, those that should have first."""
    absent = [run for run in report.runs if run.outcome is not Outcome.OK]
    ordered = sorted(absent, key=lambda run: not run.concerned)
    return [f"{run.tool} {run.outcome.value}: {run.reason}" for run in ordered]


def fix(suggestion: Suggestion) -> tuple[str, bool]:
    """What is to be said of an edit, and whether it is shown: one that fails its checks is not."""
    proof, refused = suggestion.proof, suggestion.refused
    if refused and proof is Proof.UNCHECKED:
        return f"refused: {refused}", False
    return f"({proof.value}; not offered: {refused})" if refused else f"({proof.value})", True


def is_link(url: str) -> bool:
    """Whether an address that came with a finding may be one to follow."""
    return url.startswith("https://") and url.isascii() and url.isprintable() and " " not in url
