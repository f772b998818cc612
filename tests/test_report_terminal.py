"""The report for a terminal: the right line, the right column, the right width."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.cells import cell_len

from reviewer import opinion
from reviewer.model import (
    CoverageOfFile,
    Finding,
    Judged,
    LeftOut,
    Mode,
    Outcome,
    PatchCoverage,
    Proof,
    Report,
    Span,
    Standing,
    State,
    Suggestion,
    ToolRun,
    Verdict,
)
from reviewer.reports.terminal import Terminal
from tests.support.reports import finding, review_by_model, sample


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


def section(report: Report, title: str) -> str:
    return Terminal().render(report).partition(f"\n{title}\n")[2].partition("\n\n")[0]


def test_the_part_of_the_model_is_told_or_nothing_of_it() -> None:
    told = section(sample(), "Model")
    for line in (
        f"  model      {opinion.name(review_by_model())}: saw 12 of 14 places",
        "  requests   10, 1 of them to mend an answer; 3 answers from the cache",
        "  tokens     41,234 of questions (30,000 cached by the engine), 2,345 of answers",
        "  seconds    context 0.1, ask 31.5, prove 1.2",
        f"  audit log  42:{'6f' * 32}",
        "    1  claim: refutes itself",
    ):
        assert line in told.split("\n")
    assert "assets/model.bin" not in told, "another part lists the files that nobody looked into"
    static = replace(sample(), model=None, mode=Mode.STATIC)
    assert "\nModel\n" not in Terminal().render(static)


def test_reasons_beyond_the_first_are_counted() -> None:
    left = tuple(LeftOut("a.py", n, n, f"reason {n}") for n in range(1, 12))
    told = section(replace(sample(), model=review_by_model(left_out=left)), "Model")
    assert "1  reason 8  a.py:8" in told and "reason 9" not in told
    assert "    and 3 more reasons" in told


@pytest.mark.parametrize(
    ("run", "mode", "line"),
    [
        (ToolRun("model", Outcome.OK), Mode.FULL, ""),
        (ToolRun("model", Outcome.SKIPPED, reason="none", concerned=False), Mode.STATIC, ""),
        (
            ToolRun("model", Outcome.SKIPPED, reason="no-gpu: no card; add --gpus all"),
            Mode.STATIC,
            "  static review, without a model: model skipped: no-gpu: no card; add --gpus all",
        ),
        (
            ToolRun("model", Outcome.OK, reason="not asked about 1 place"),
            Mode.PARTIAL,
            "  partial review: model: not asked about 1 place",
        ),
        (
            ToolRun("bandit", Outcome.FAILED, reason="it broke"),
            Mode.PARTIAL,
            "  partial review: bandit failed: it broke",
        ),
    ],
)
def test_why_a_review_is_not_full_stands_below_the_first_line(
    run: ToolRun, mode: Mode, line: str
) -> None:
    page = Terminal().render(replace(sample(), runs=(run,), mode=mode, notes=()))
    assert page.split("\n")[1] == line


def test_an_edit_that_fails_its_checks_is_not_shown() -> None:
    page = Terminal().render(sample())
    assert "    fix: refused: line 63 would not parse: expected ':'\n" in page
    assert "with lock" not in page
    half = Suggestion(Span("a.py", 3, 3), "better()", Proof.PARSES, "bandit gave no answer")
    shown = replace(sample(), judged=(Judged(finding(suggestion=half), Standing.INLINE, ""),))
    assert (
        "fix: (parses; not offered: bandit gave no answer)\n      + better()"
        in Terminal().render(shown)
    )


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
