"""Grounding: places are checked, code is quoted, secrets are removed, identities are stable."""

from dataclasses import replace
from pathlib import Path

from reviewer.guard import LINE_CHARS, QUOTE_LINES, ground
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    Finding,
    Outcome,
    Severity,
    Side,
    Span,
    Suggestion,
    ToolRun,
)
from reviewer.tree import Tree
from tests.support.room import room

SECRET = "correct-horse-battery"
HEAD = f"import os\r\nx = 1\npassword = '{SECRET}'\nx = 1\n".encode()


def found(start: int = 1, end: int = 0, **more: object) -> Finding:
    span = Span("a.py", start, end or start)
    plain = Finding("t", "r", "m", span, Severity.ERROR, Confidence.HIGH, Category.STYLE)
    return replace(plain, **more)  # type: ignore[arg-type]


def run(
    where: tuple[ChangeSet, Tree], *findings: Finding, masks: tuple[str, ...] = ()
) -> list[tuple[Finding, str]]:
    tool = ToolRun("t", Outcome.OK, findings=findings, masks=masks)
    runs, grounded = ground([tool], *where)
    assert all(not r.masks for r in runs)
    assert sorted(map(repr, runs[0].findings)) == sorted(repr(g.finding) for g in grounded)
    return [tuple(item) for item in grounded]  # type: ignore[misc]


def test_quotes_are_the_code_of_the_span(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": HEAD})
    ((one, doubt),) = run(where, found(1, 2))
    assert (one.quote, doubt) == ("import os\nx = 1", "")
    ((kept, _),) = run(where, found(quote="said by the tool"))
    assert kept.quote == "said by the tool"
    ((whole, _),) = run(where, found(span=Span("a.py")))
    assert whole.quote == ""
    ((old, _),) = run(where, found(side=Side.OLD))
    assert old.quote == ""


def test_long_quotes_are_cut(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": b"x" * 5000 + b"\n" + b"y\n" * 50})
    ((one, _),) = run(where, found(1, 51))
    lines = one.quote.split("\n")
    assert (len(lines), len(lines[0])) == (QUOTE_LINES, LINE_CHARS)


def test_a_secret_across_the_cut_does_not_show_its_beginning(tmp_path: Path) -> None:
    line = b"x" * (LINE_CHARS - 10) + b" " + SECRET.encode() + b"\n"
    ((one, _),) = run(room(tmp_path, {"a.py": line}), found(1), masks=(SECRET,))
    assert SECRET[:6] not in one.quote


def test_places_that_are_not_there_are_doubted(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": HEAD})
    for item, word in (
        (found(span=Span("b.py", 1, 1)), "does not touch"),
        (found(5), "line 5 of a file of 4 lines"),
        (found(3, 2), "cannot be"),
        (found(-1), "cannot be"),
    ):
        ((_, doubt),) = run(where, item)
        assert word in doubt


def test_equal_findings_on_equal_code_have_two_identities(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": HEAD})
    (first, _), (second, _) = run(where, found(4), found(2))
    assert (first.span.start, first.occurrence, second.occurrence) == (2, 0, 1)
    assert first.fingerprint != second.fingerprint


def test_identity_does_not_depend_on_the_line(tmp_path: Path) -> None:
    for name in "12":
        (tmp_path / name).mkdir()
    ((before, _),) = run(room(tmp_path / "1", {"a.py": b"x = eval(y)\n"}), found(1))
    ((after, _),) = run(room(tmp_path / "2", {"a.py": b"\n\n    x = eval(y)\n"}), found(3))
    assert before.fingerprint == after.fingerprint


def test_a_secret_one_tool_met_is_gone_from_what_every_tool_says(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": HEAD})
    suggestion = Suggestion(Span("a.py", 3, 3), f"p = '{SECRET}'")
    item = found(3, message=f"found {SECRET}", help=SECRET, suggestion=suggestion)
    other = ToolRun("u", Outcome.FAILED, reason=f"choked on {SECRET}", masks=(SECRET, "x"))
    runs, grounded = ground([ToolRun("t", Outcome.OK, findings=(item,)), other], *where)
    assert SECRET not in repr((runs, grounded))
    assert grounded[0].finding.suggestion is None
    harmless = found(2, suggestion=Suggestion(Span("a.py", 2, 2), "y = 1"))
    ((kept, _),) = run(where, harmless, masks=(SECRET,))
    assert kept.suggestion is not None
