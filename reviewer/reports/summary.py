"""The review as Markdown, for the step summary of a workflow and for `report.md`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar, Final, NamedTuple

from reviewer import opinion, text, words
from reviewer.model import Judged, Report, Standing
from reviewer.reports.base import Format
from reviewer.templates import Inert, render

LIMIT: Final = 1000 * 1024
"""Bytes. GitHub drops a step summary of more than 1,024 KiB as a whole (actions/runner,
FileCommandManager.cs)."""

QUOTE_LINES: Final = 6
QUOTE_CHARS: Final = 200
"""What is shown of a quote; a suggestion is shown whole or not at all."""

SUGGESTION_CHARS: Final = 4000

ROWS: Final = 50
"""Rows of a table and items of a list, so that all but the findings always fits."""

REASONS: Final = 20
NAMES: Final = 4
"""Reasons for leaving files out, and files that are named with each of them."""


class Part(NamedTuple):
    """The beginning of a list, and how much more there is."""

    shown: Sequence[Any]
    rest: str


class Shown(NamedTuple):
    """A finding and its Markdown."""

    item: Judged
    block: Inert


@dataclass(frozen=True)
class Summary:
    """At most `limit` bytes: the least of the findings are cut, and counted."""

    limit: int = LIMIT

    name: ClassVar[str] = "summary"
    filename: ClassVar[str] = "report.md"

    def render(self, report: Report) -> str:
        room = self.limit - len(_page(report, []).encode())
        blocks: list[Shown] = []
        for item in words.by_weight(report.judged):
            block = _block(item)
            room -= len(block.encode()) + len(text.code_span(item.finding.span.path).encode()) + 16
            if room < 0:
                break
            blocks.append(Shown(item, block))
        return _page(report, blocks)


def _block(item: Judged) -> Inert:
    finding = item.finding
    lines = finding.quote.split("\n") if finding.quote else []
    quote = "\n".join(text.clip(line, QUOTE_CHARS) for line in lines[:QUOTE_LINES])
    more = "\n…" if len(lines) > QUOTE_LINES else ""
    edit = finding.suggestion
    shown = edit is not None and words.fix(edit)[1]
    proposed = edit.text.removesuffix("\n") if edit and shown else ""
    markdown = render(
        "reports/finding.md.j2",
        finding=finding,
        full=item.standing in words.SHOWN,
        path=finding.span.path,
        lines=Inert(words.lines_of(finding)),
        quote=quote + more,
        suggestion=proposed if len(proposed) <= SUGGESTION_CHARS else "",
        refused=edit.refused if edit and not shown else "",
        note=item.note,
    )
    return Inert(text.no_commands(markdown.rstrip("\n")))


def _page(report: Report, blocks: Sequence[Shown]) -> str:
    """The page with these of the findings; it counts all of them."""
    request, verdict, coverage = report.request, report.verdict, report.coverage
    kept = sorted(blocks, key=lambda shown: words.place(shown.item.finding))
    full = [shown for shown in kept if shown.item.standing in words.SHOWN]
    standings = Counter(item.standing for item in report.judged)
    outcomes = Counter(run.outcome.value for run in report.runs)
    uncovered = [
        (text.path(file.path), words.ranges(file.missing))
        for file in coverage.files
        if file.missing
    ]
    skipped = words.skipped(report)
    page = render(
        "reports/summary.md.j2",
        state=Inert(words.STATES[verdict.state]),
        score=Inert(words.score_line(verdict.score)),
        mode=Inert(words.MODES[report.mode]),
        base=text.clip(words.short(request.base), 100),
        head=text.clip(words.short(request.head), 100),
        repository=text.clip(request.repository, 200),
        size=Inert(words.size_line(report)),
        reasons=_part(verdict.reasons),
        notes=_part(report.notes),
        total=len(report.judged),
        acting=sum(standings[standing] for standing in words.SHOWN),
        cut=len(report.judged) - len(kept),
        files=[
            (path, [shown.block for shown in group])
            for path, group in groupby(full, key=lambda shown: shown.item.finding.span.path)
        ],
        others=[
            (
                Inert(standing.value),
                standings[standing],
                Inert(words.STANDINGS[standing]),
                [shown.block for shown in kept if shown.item.standing is standing],
            )
            for standing in Standing
            if standings[standing] and standing not in words.SHOWN
        ],
        coverage=words.coverage_line(coverage),
        uncovered=_part(uncovered),
        coverage_notes=_part((*(f"from {name}" for name in coverage.sources), *coverage.notes)),
        tools=_part(report.runs),
        tool_counts=Inert(", ".join(f"{number} {name}" for name, number in outcomes.items())),
        heuristics=_part(report.heuristics),
        skipped=_part([_reason(reason, paths) for reason, paths in skipped.items()], REASONS),
        skipped_files=sum(len(paths) for paths in skipped.values()),
        **_model(report),
    )
    return text.no_commands(page)


def _model(report: Report) -> dict[str, Any]:
    """The model's part; nothing is shown of one that did not take part."""
    left, doubts = opinion.left_out(report), opinion.disbelieved(report)
    return {
        "asked": Inert(opinion.extent(report.model)) if report.model else "",
        "model": _part(opinion.facts(report.model) if report.model else ()),
        "left": _part([_reason(reason, places) for reason, places in left.items()], REASONS),
        "doubts": _part(doubts.items(), REASONS),
    }


def _part(items: Iterable[Any], limit: int = ROWS) -> Part:
    return Part(*words.some(list(items), limit))


def _reason(reason: str, paths: Sequence[str]) -> tuple[str, int, list[str], str]:
    first, rest = words.some(paths, NAMES)
    return reason, len(paths), [text.path(path) for path in first], rest


PLUGIN: Final[type[Format]] = Summary
