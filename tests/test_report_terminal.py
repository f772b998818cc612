"""The report for a terminal: the right line, the right column, the right width."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.cells import cell_len

from reviewer.model import (
    CoverageOfFile,
    Finding,
    Judged,
    PatchCoverage,
    Report,
    Span,
    Standing,
    State,
    Verdict,
)
from reviewer.reports.terminal import Terminal
from tests.support.reports import finding, sample


def lines_of(place: Finding, width: int = 100) -> list[str]:
    report = replace(sample(), judged=(Judged(place, Standing.INLINE, ""),))
    page = Terminal(width).render(report).split("\n")
    return [line[4:] for line in page if "│" in line]


def marked(quote: str, column: int, end_column: int, width: int = 100) -> tuple[str, str]:
    """The source line as it is shown, and what of it stands above the carets."""
    span = Span("a.py", 7, 7, column, end_column)
    source, caret = lines_of(finding(span=span, quote=quote), width)
    start, end = caret.index("^"), caret.rindex("^") + 1
    return source, source[start:end]


def test_the_caret_is_under_the_columns() -> None:
    assert marked("x = eval(text)", 5, 9) == ("7 │ x = eval(text)", "eval")
    assert marked("x = eval(text)", 5, 0)[1] == "e"
    assert marked("x = eval(text)", 14, 99)[1] == ")"
    assert marked("\tif x == 1:", 5, 11)[1] == "x == 1"
    assert marked("a\u202eb = 1", 3, 4)[1] == "b"


def test_wide_characters_take_two_columns() -> None:
    _, caret = lines_of(finding(span=Span("a.py", 7, 7, 3, 5), quote="漢字ab"))
    assert caret == "  │     ^^"


def test_a_long_line_is_shown_around_its_mark() -> None:
    quote = "x" * 5000 + "eval(y)" + "z" * 5000
    source, shown = marked(quote, 5001, 5005, width=60)
    assert shown == "eval"
    assert source.startswith("7 │ …x") and source.endswith("z…")
    assert len(source) < 60
    source, shown = marked(quote, 5001, 9000, width=60)
    assert set(shown[4:]) <= set("(y)z…")


def test_without_a_column_there_is_no_caret() -> None:
    assert lines_of(finding(quote="x = 1")) == ["42 │ x = 1"]
    assert lines_of(finding(quote="x = 1", span=Span("a.py", 42, 42, 77))) == ["42 │ x = 1"]
    assert lines_of(finding()) == []
    assert lines_of(finding(start=0, quote="x")) == ["  │ x"]


def test_a_long_quote_is_cut_and_counted() -> None:
    quote = "\n".join(f"line {n}" for n in range(12))
    shown = lines_of(finding(span=Span("a.py", 98, 140), quote=quote))
    assert shown[0] == " 98 │ line 0"
    assert shown[3] == "101 │ line 3"
    assert shown[4:] == ["    │ … 39 more lines"]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    page = Terminal(width).render(sample())
    assert max(cell_len(line) for line in page.split("\n")) <= width


def test_colours_are_those_of_every_terminal_and_only_on_demand() -> None:
    plain, coloured = Terminal().render(sample()), Terminal(colour=True).render(sample())
    assert "\x1b" not in plain
    codes = re.findall("\x1b[^m]*m", coloured)
    assert codes
    assert all(re.fullmatch("\x1b\\[[0-9;]+m", code) for code in codes)
    stripped = re.sub("\x1b\\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.split("\n")] == plain.split("\n")


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Terminal(colour=True).render(sample())
    for name, value in {"COLUMNS": "20", "NO_COLOR": "1", "TERM": "dumb", "LINES": "3"}.items():
        monkeypatch.setenv(name, value)
    assert Terminal(colour=True).render(sample()) == before


def covered(**fields: object) -> str:
    report = replace(sample(), coverage=PatchCoverage(**fields))  # type: ignore[arg-type]
    return Terminal().render(report).partition("Coverage\n")[2].partition("\n\n")[0]


def test_coverage_is_told_or_why_not() -> None:
    files = (CoverageOfFile("a.py", (1, 2), (4, 5, 9)),)
    assert covered(files=files, patch=40.0) == (
        "  coverage of the change 40 % (2 of 5 lines)\n  not covered\n    a.py  4-5, 9"
    )
    assert covered(unknown="no report", total=91.25) == (
        "  coverage of the change unknown: no report; total 91.2 %"
    )
    assert covered() == "  coverage of the change: no added line can be measured"
    many = tuple(CoverageOfFile(f"{n}.py", (), (1,)) for n in range(23))
    assert "and 3 more files" in covered(files=many, patch=0.0)


def verdict_of(report: Report) -> str:
    return Terminal().render(report).rstrip("\n").rpartition("\n\n")[2]


def test_the_verdict_is_last_with_its_reasons() -> None:
    assert verdict_of(sample()).startswith(
        "FAILED  score 71.2 of 100  (partial review)\n  - 2 find"
    )
    nothing = Verdict(State.NOT_REVIEWED, None, ("no tool could review",), 3)
    assert verdict_of(replace(sample(), verdict=nothing)) == (
        "NOT REVIEWED  no score: nothing could be judged  (partial review)\n"
        "  - no tool could review"
    )


def test_rich_is_not_imported_before_it_is_needed() -> None:
    code = "import reviewer.reports.terminal, sys; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
