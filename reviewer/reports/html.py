"""The review as one page for a browser, complete in itself.

It loads nothing and runs nothing: no script, and a Content-Security-Policy
(https://www.w3.org/TR/CSP3/) that allows its one style by its hash and data images, no more.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple

from reviewer import opinion, text, words
from reviewer.model import CoverageOfFile, Finding, Judged, Outcome, Report, Severity, ToolRun
from reviewer.reports import _chart as chart
from reviewer.reports.base import Format
from reviewer.templates import render

FULL: Final = 300
"""Findings that are shown with their code, the worst first; the others have a line each."""

LINES: Final = 10_000
"""Findings that have a line, the worst first; what is beyond is counted. With `FULL` and the limits
below, a page of 10,000 findings has a few megabytes and opens in a second or two."""

ROWS: Final = 200
"""Items of any other list."""

QUOTE_LINES: Final = 12
QUOTE_CHARS: Final = 240
MESSAGE_CHARS: Final = 1000
SUGGESTION_CHARS: Final = 4000
"""What is shown of a quote and its lines, of a text, and of a suggestion."""

BEFORE: Final = 60
"""Characters of a long line that are kept before the column that a finding points at."""


FUNCTIONS: Final = MappingProxyType(
    {"lines_of": words.lines_of, "path_of": text.path, "clip": text.clip}
)
"""What the template calls."""


class CodeLine(NamedTuple):
    """A line of a quote: its number ("" if unknown), and its text around what is marked."""

    number: str
    before: str
    marked: str
    after: str
    anchor: bool


class Card(NamedTuple):
    """A finding with its code."""

    item: Judged
    lines: Sequence[CodeLine]
    more: int
    fix: str
    suggestion: str
    link: str


class Part(NamedTuple):
    """The beginning of a list, and how much more there is."""

    shown: Sequence[Any]
    rest: str


@dataclass(frozen=True)
class Html:
    """`full` findings are shown with their code, `lines` have a line."""

    full: int = FULL
    lines: int = LINES

    name: ClassVar[str] = "html"
    filename: ClassVar[str] = "report.html"

    def render(self, report: Report) -> str:
        style = render("reports/report.css")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        ordered = words.by_weight(report.judged)
        shown = [item for item in ordered if item.standing in words.SHOWN]
        full, short = shown[: self.full], shown[self.full :]
        others = [item for item in ordered if item.standing not in words.SHOWN]
        listed = [*short, *others][: self.lines]
        page = render(
            "reports/report.html.j2",
            style_hash=digest,
            report=report,
            **_head(report),
            files=[
                (text.path(path), [_card(item) for item in group])
                for path, group in groupby(words.by_place(full), key=_path)
            ],
            **_listed(report, listed, full),
            **_facts(report),
            **_model(report),
        )
        return text.markup_without_commands(page)


def _path(item: Judged) -> str:
    return item.finding.span.path


def _head(report: Report) -> dict[str, Any]:
    request, verdict = report.request, report.verdict
    acting = [item.finding for item in report.judged if item.standing in words.SHOWN]
    severities = Counter(finding.severity for finding in acting)
    ran = sum(run.outcome is Outcome.OK for run in report.runs)
    absent = Counter(
        run.outcome.value if run.concerned else "not concerned"
        for run in report.runs
        if run.outcome is not Outcome.OK
    )
    return {
        "state": words.STATES[verdict.state],
        "mode": words.MODES[report.mode],
        "base": text.path(text.clip(words.short(request.base), 100)),
        "head": text.path(text.clip(words.short(request.head), 100)),
        "repository": text.path(text.clip(request.repository, 200)),
        "size": words.size_line(report),
        "reasons": _part(verdict.reasons),
        "notes": _part(report.notes),
        "acting": len(acting),
        "severities": ", ".join(
            text.count(severities[severity], severity.value)
            for severity in reversed(Severity)
            if severities[severity]
        ),
        "ran": ran,
        "absent": ", ".join(f"{number:,} {name}" for name, number in sorted(absent.items())),
    }


def _listed(report: Report, listed: Sequence[Judged], full: Sequence[Judged]) -> dict[str, Any]:
    """The findings that have a line, by standing; all of each standing are counted."""
    standings = Counter(item.standing for item in report.judged)
    standings.subtract(item.standing for item in full)
    groups = []
    for standing in words.STANDINGS:
        mine = [item for item in listed if item.standing is standing]
        if standings[standing]:
            rest = standings[standing] - len(mine)
            groups.append((standing, standings[standing], words.STANDINGS[standing], mine, rest))
    return {"others": groups, **FUNCTIONS}


def _facts(report: Report) -> dict[str, Any]:
    coverage, told = report.coverage, words.coverage_line(report.coverage)
    files = sorted(coverage.files, key=lambda file: -len(file.missing))
    skipped = words.skipped(report)
    return {
        "coverage": f"{told[:1].upper()}{told[1:]}",
        "percent": None if coverage.patch is None else text.tenths(coverage.patch),
        "strips": _part([_measured(file) for file in files if file.covered or file.missing]),
        "coverage_notes": _part(
            (*(f"from {text.path(name)}" for name in coverage.sources), *coverage.notes)
        ),
        "parts": [
            (part, None if part.score is None else chart.level(part.score))
            for part in report.heuristics
        ],
        "tools": _part([run for run in report.runs if run.concerned]),
        "idle": _part(list(_idle(report.runs))),
        "skipped": [
            (reason, len(paths), _part([text.path(path) for path in paths]))
            for reason, paths in skipped.items()
        ],
        "skipped_files": sum(len(paths) for paths in skipped.values()),
    }


def _model(report: Report) -> dict[str, Any]:
    """The model's part, None where none took part."""
    model = report.model
    if model is None:
        return {"model": None}
    left, doubts = opinion.left_out(report), opinion.disbelieved(report)
    refused = opinion.refused(report)
    told = {
        "asked": opinion.extent(model),
        "facts": opinion.facts(model),
        "manifest": _part(opinion.manifest(model)),
        "left": _part(
            [(reason, len(places), _part(list(map(text.path, places))))
             for reason, places in left.items()]
        ),
        "doubts": _part(list(doubts.items())),
        "doubted": sum(doubts.values()),
        "unoffered": len(refused),
        "refused": _part(
            [(text.path(item.finding.span.path), item.finding, why) for item, why in refused]
        ),
    }  # fmt: skip
    return {"model": told}


def _measured(file: CoverageOfFile) -> dict[str, Any]:
    return {
        "path": text.path(file.path),
        "covered": len(file.covered),
        "measurable": len(file.covered) + len(file.missing),
        "missing": text.clip(words.ranges(file.missing), MESSAGE_CHARS),
        "partial": text.clip(words.ranges(file.partial), MESSAGE_CHARS),
        "strip": chart.strip(file),
    }


def _idle(runs: Iterable[ToolRun]) -> Iterator[tuple[str, str]]:
    """The tools that the change does not concern, by reason."""
    reasons: dict[str, list[str]] = {}
    for run in runs:
        if not run.concerned:
            reasons.setdefault(f"{run.outcome.value}: {run.reason}", []).append(run.tool)
    for reason, names in reasons.items():
        yield ", ".join(names), reason


def _card(item: Judged) -> Card:
    finding = item.finding
    quote = finding.quote.split("\n") if finding.quote else []
    kept = quote[:QUOTE_LINES]
    more = max(len(quote), finding.span.end - finding.span.start + 1) - len(kept)
    edit = finding.suggestion
    fix, shown = words.fix(edit) if edit else ("", False)
    proposed = edit.text.removesuffix("\n") if edit and shown else ""
    short = len(proposed) <= SUGGESTION_CHARS
    return Card(
        item,
        [_line(finding, item.anchor, at, line) for at, line in enumerate(kept)],
        more if quote else 0,
        fix if short else "",
        proposed if short else "",
        finding.url if words.is_link(finding.url) else "",
    )


def _line(finding: Finding, anchor: int, at: int, line: str) -> CodeLine:
    """A line of a quote; columns are known of its first line alone."""
    span = finding.span
    number = span.start + at if span.start else 0
    first = span.column if at == 0 and span.end <= span.start and span.column <= len(line) else 0
    last = max(first, span.end_column - 1) if first else 0
    skip = max(0, first - 1 - BEFORE) if len(line) > QUOTE_CHARS else 0
    stop = skip + QUOTE_CHARS
    from_, to = (first - 1, min(last, stop)) if first else (stop, stop)
    return CodeLine(
        f"{number}" if number else "",
        ("…" if skip else "") + line[skip:from_],
        line[from_:to],
        line[to:stop] + ("…" if len(line) > stop else ""),
        bool(number) and number == (anchor or span.start),
    )


def _part(items: Sequence[Any]) -> Part:
    return Part(*words.some(items, ROWS))


PLUGIN: Final[type[Format]] = Html
