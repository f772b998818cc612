"""The review for a terminal: what to do first, everything else counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar, Final

from reviewer import opinion, text, words
from reviewer.model import Finding, Judged, Outcome, Report, Severity, Standing, State, ToolRun
from reviewer.reports._paper import Paper, Piece, plain
from reviewer.reports.base import Format

SOURCE_LINES: Final = 4
"""Lines of a quote that are shown: the place is in the file, the reader has it."""

NAMES: Final = 4
"""Rules or files that are named beside a number of them."""

FILES: Final = 20
"""Files whose uncovered lines are listed."""

REASONS: Final = 8
"""Reasons that are given for what the model was not asked, or not believed."""

FULL: Final = 100.0
"""Points of a heuristic that nothing was taken from."""

SEVERITY: Final = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "yellow",
    Severity.NOTE: "cyan",
}
STATE: Final = {
    State.PASSED: "bold green",
    State.FAILED: "bold red",
    State.NOT_REVIEWED: "bold yellow",
    State.COVERAGE_UNKNOWN: "bold yellow",
}
OUTCOME: Final = {Outcome.OK: "green", Outcome.SKIPPED: "yellow", Outcome.FAILED: "bold red"}


@dataclass(frozen=True)
class Terminal:
    """`width` in columns; `colour` adds the sixteen colours that every terminal has."""

    width: int = 100
    colour: bool = False

    name: ClassVar[str] = "terminal"
    filename: ClassVar[str] = "report.txt"

    def render(self, report: Report) -> str:
        paper = Paper(self.width, colour=self.colour)
        _header(paper, report)
        shown = [item for item in report.judged if item.standing in words.SHOWN]
        ordered = words.by_place(shown)
        for path, group in groupby(ordered, key=lambda item: item.finding.span.path):
            paper.heading(text.path(path))
            for number, item in enumerate(group):
                if number:
                    paper.gap()
                _finding(paper, item, self.width)
        _counted(paper, report.judged)
        _coverage(paper, report)
        _tools(paper, report.runs)
        _model(paper, report)
        _skipped(paper, report)
        _score(paper, report)
        _verdict(paper, report)
        return paper.read()


def _header(paper: Paper, report: Report) -> None:
    request = report.request
    where = f"{request.repository} #{request.number}" if request.number else request.repository
    names = text.terminal(f"{words.short(request.base)}..{words.short(request.head)}")
    paper.line(
        ("reviewer", "bold"),
        ("  ", ""),
        plain(where),
        ("  ", ""),
        (names, "dim"),
        (f"  {words.size_line(report)}", ""),
    )
    if lacking := opinion.lacking(report):
        mode = (f"{words.MODES[report.mode]}: ", "yellow")
        paper.line(mode, plain("; ".join(lacking)), indent=2)
    for note in report.notes:
        paper.line(("note: ", "cyan"), plain(note), indent=2)


def _finding(paper: Paper, item: Judged, width: int) -> None:
    finding = item.finding
    paper.line(
        (finding.severity.value, SEVERITY[finding.severity]),
        (f"  {words.lines_of(finding)}  ", "dim"),
        (text.terminal(finding.rule_id), "dim"),
        indent=2,
    )
    paper.line(plain(finding.message), indent=4)
    _source(paper, finding, width)
    if finding.help:
        paper.line(("why: ", "bold"), plain(finding.help), indent=4)
    if finding.suggestion:
        told, shown = words.fix(finding.suggestion)
        paper.line(("fix: ", "bold"), (text.terminal(told), "dim"), indent=4)
        edit = finding.suggestion.text.removesuffix("\n")
        for line in edit.split("\n") if shown else ():
            paper.line((f"+ {text.terminal(line)}", "green"), indent=6, wrap=False)
    if finding.url:
        paper.line((text.terminal(finding.url), "dim"), indent=4)


def _source(paper: Paper, finding: Finding, width: int) -> None:
    """The quoted lines with their numbers, and a caret under the columns where they are known."""
    if not finding.quote:
        return
    span, lines = finding.span, finding.quote.split("\n")
    gutter = len(str(span.start + len(lines)))
    room = max(20, width - gutter - 8)
    for offset, line in enumerate(lines[:SOURCE_LINES]):
        number = f"{span.start + offset if span.start else '':>{gutter}} │ "
        column = span.column if offset == 0 and span.column <= len(line) else 0
        last = span.end_column - 1 if span.end_column > column and span.end == span.start else 0
        shown, before, marked = _window(line, column, last, room)
        paper.line((number, "dim"), (shown, ""), indent=4, wrap=False)
        if column:
            blank = " " * paper.cells(before)
            caret = "^" * max(1, paper.cells(marked))
            rest = (f"{'':>{gutter}} │ ", "dim")
            paper.line(rest, (blank + caret, SEVERITY[finding.severity]), indent=4, wrap=False)
    more = max(len(lines), span.end - span.start + 1) - SOURCE_LINES
    if more > 0:
        paper.line((f"{'':>{gutter}} │ … {text.count(more, 'more line')}", "dim"), indent=4)


def _window(line: str, column: int, last: int, room: int) -> tuple[str, str, str]:
    """What of a line is shown in `room` columns, what of it is before the mark, what is marked.

    `column` and `last` are the first and last marked column, 0 where unknown.
    """
    first = max(0, column - 1 - room // 3) if len(line) > room else 0
    left = "…" if first else ""
    right = "…" if len(line) > first + room else ""
    piece = line[first : first + room]
    before = left + text.terminal(line[first : max(first, column - 1)])
    marked = text.terminal(line[column - 1 : min(last, first + room)] if column else "")
    return left + text.terminal(piece) + right, before, marked


def _counted(paper: Paper, judged: Sequence[Judged]) -> None:
    """The findings that are not shown above: one line a standing."""
    rows = []
    for standing in Standing:
        rules = [item.finding.rule_id for item in judged if item.standing is standing]
        if rules and standing not in words.SHOWN:
            number = (f"{len(rules):,}", "bold")
            counts = sorted(Counter(rules).items(), key=lambda pair: (-pair[1], pair[0]))
            named = _some([f"{rule} ×{n}" if n > 1 else rule for rule, n in counts])
            reason = words.STANDINGS[standing]
            rows.append([number, (standing.value, ""), (f"{reason}: {named}", "dim")])
    if rows:
        paper.heading("Not shown")
        paper.rows(rows)


def _some(names: Sequence[str]) -> str:
    first, rest = words.some([text.path(name) for name in names], NAMES)
    return ", ".join((*first, rest) if rest else first)


def _coverage(paper: Paper, report: Report) -> None:
    coverage = report.coverage
    paper.heading("Coverage")
    paper.line(plain(words.coverage_line(coverage)), indent=2)
    missing = [file for file in coverage.files if file.missing]
    if missing:
        first = missing[:FILES]
        paper.line(("not covered", "yellow"), indent=2)
        paper.rows(
            ([(text.path(file.path), ""), (words.ranges(file.missing), "")] for file in first), 4
        )
    if len(missing) > FILES:
        paper.line((f"and {text.count(len(missing) - FILES, 'more file')}", "dim"), indent=4)
    partial = [file for file in coverage.files if file.partial]
    if partial:
        lines = sum(len(file.partial) for file in partial)
        paper.line((f"a branch not taken on {text.count(lines, 'line')}", "yellow"), indent=2)
    for source in coverage.sources:
        paper.line(("from ", "dim"), plain(text.path(source)), indent=2)
    for note in coverage.notes:
        paper.line(("note: ", "cyan"), plain(note), indent=2)


def _tools(paper: Paper, runs: Sequence[ToolRun]) -> None:
    """Who has something to say gets a line; of the others, their names will do."""
    paper.heading("Tools")
    silent = [run.tool for run in runs if run.concerned and _silent(run)]
    if telling := [run for run in runs if run.concerned and not _silent(run)]:
        paper.rows(map(_tool, telling))
    idle: dict[str, list[str]] = {}
    for run in runs:
        if not run.concerned:
            idle.setdefault(run.reason.removeprefix("the change has "), []).append(run.tool)
    reasons = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in idle.items())
    for label, listed in (("nothing found by ", ", ".join(silent)), ("not concerned: ", reasons)):
        if listed:
            paper.line((text.terminal(label + listed), "dim"), indent=2)


def _silent(run: ToolRun) -> bool:
    return run.outcome is Outcome.OK and not run.findings and not run.reason


def _tool(run: ToolRun) -> list[Piece]:
    found = text.count(len(run.findings), "finding") if run.outcome is Outcome.OK else ""
    told = "; ".join(part for part in (found, run.reason) if part)
    return [
        (text.terminal(run.tool), ""),
        (run.outcome.value, OUTCOME[run.outcome]),
        (text.terminal(run.version), "dim"),
        (f"{run.seconds:.1f} s", "dim"),
        plain(told),
    ]


def _model(paper: Paper, report: Report) -> None:
    """What the model was asked, what it took, and what was not believed."""
    if report.model is None:
        return
    paper.heading("Model")
    paper.rows([(label, "dim"), plain(told)] for label, told in opinion.facts(report.model))
    parts = (
        ("not asked about", [(len(p), r, _some(p)) for r, p in opinion.left_out(report).items()]),
        ("not believed", [(n, reason, "") for reason, n in opinion.disbelieved(report).items()]),
    )
    for label, reasons in parts:
        if reasons:
            paper.line((label, "yellow"), indent=2)
            paper.rows(
                (
                    [(f"{number:,}", "bold"), plain(reason), (places, "dim")]
                    for number, reason, places in reasons[:REASONS]
                ),
                4,
            )
        if len(reasons) > REASONS:
            more = text.count(len(reasons) - REASONS, "more reason")
            paper.line((f"and {more}", "dim"), indent=4)


def _skipped(paper: Paper, report: Report) -> None:
    reasons = words.skipped(report)
    if reasons:
        paper.heading("Files not looked into")
        paper.rows(
            [(f"{len(paths):,}", "bold"), plain(reason), (_some(paths), "dim")]
            for reason, paths in reasons.items()
        )


def _score(paper: Paper, report: Report) -> None:
    """Heuristics that took something away get a line, the others share one."""
    if not report.heuristics:
        return
    paper.heading("Score")
    rows = [
        [
            (part.name.value, ""),
            (text.tenths(part.score), "bold"),
            (f"weight {part.weight:g}", "dim"),
            plain("; ".join(part.evidence)),
        ]
        for part in report.heuristics
        if part.score is not None and part.score < FULL
    ]
    if rows:
        paper.rows(rows)
    full = [part.name.value for part in report.heuristics if part.score == FULL]
    unknown = [part.name.value for part in report.heuristics if part.score is None]
    for label, names in (("100: ", full), ("not judged: ", unknown)):
        if names:
            paper.line((label + ", ".join(names), "dim"), indent=2)


def _verdict(paper: Paper, report: Report) -> None:
    verdict = report.verdict
    paper.gap()
    passed = verdict.state is State.COVERAGE_UNKNOWN and verdict.exit_code == 0
    state = ("passed, " if passed else "") + words.STATES[verdict.state]
    paper.line(
        (state.upper(), STATE[verdict.state]),
        (f"  {words.score_line(verdict.score)}  ", ""),
        (f"({words.MODES[report.mode]})", "dim"),
    )
    for reason in verdict.reasons:
        paper.line(("- ", "dim"), plain(reason), indent=2)


PLUGIN: Final[type[Format]] = Terminal
