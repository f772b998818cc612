"""How ruff's words become findings: rules, weights, suggestions."""

import json
import subprocess
from pathlib import Path

import pytest

from reviewer.analyzers import ruff
from reviewer.analyzers._python import is_test, rows
from reviewer.analyzers.ruff import Edit, Fix, Place, Ruff, plain, suggestion
from reviewer.model import Category, Severity, Span
from tests.support.room import BIN, room, runner


def edit(content: str, start: tuple[int, int], end: tuple[int, int]) -> Edit:
    return Edit(content, Place(*start), Place(*end))


def suggested(source: str, *edits: Edit, applicability: str = "safe") -> str | None:
    """The file with the suggestion put in, None when there is none."""
    lines = plain(source.encode().split(b"\n"))
    found = suggestion(Fix(applicability, edits), "a.py", lines)
    if found is None:
        return None
    text = source.splitlines(keepends=True)
    text[found.span.start - 1 : found.span.end] = [found.text]
    return "".join(text)


def test_a_fix_becomes_whole_lines() -> None:
    source = "a = 1\nb = x is 'y'\nc = 3\n"
    fix = Fix("safe", (edit("==", (2, 7), (2, 9)),))
    found = suggestion(fix, "a.py", source.encode().split(b"\n"))
    assert found is not None
    assert (found.span, found.text) == (Span("a.py", 2, 2), "b = x == 'y'\n")


def test_a_line_is_removed_by_an_empty_text() -> None:
    source = "import os\nimport re\n"
    assert suggested(source, edit("", (1, 1), (2, 1))) == "import re\n"


def test_edits_on_several_lines_and_in_any_order() -> None:
    source = "a\nbb\nccc\nd\n"
    got = suggested(source, edit("Z", (3, 3), (3, 4)), edit("Y", (2, 1), (2, 2)))
    assert got == "a\nYb\nccZ\nd\n"


def test_columns_are_characters() -> None:
    assert suggested("x = 'é😀' is y\n", edit("==", (1, 10), (1, 12))) == "x = 'é😀' == y\n"


@pytest.mark.parametrize(
    ("source", "edits", "applicability"),
    [
        ("a\n", (edit("b", (1, 1), (1, 2)),), "unsafe"),
        ("a\n", (edit("b", (1, 1), (1, 2)),), "display-only"),
        ("a\n", (), "safe"),
        ("a\r\n", (edit("b", (1, 1), (1, 2)),), "safe"),
        ("x\ry\na\n", (edit("b", (2, 1), (2, 2)),), "safe"),
        ("a", (edit("b", (1, 1), (1, 2)),), "safe"),
        ("\ufeffa\n", (edit("b", (1, 1), (1, 2)),), "safe"),
        ("a\n", (edit("b", (9, 1), (9, 2)),), "safe"),
        ("a\n", (edit("b", (1, 1), (1, 99)),), "safe"),
        ("abc\n", (edit("x", (1, 1), (1, 3)), edit("y", (1, 2), (1, 4))), "safe"),
        ("a\nb\n", (edit("", (1, 2), (2, 1)),), "safe"),
        ("a\n", (edit("b\r", (1, 1), (1, 2)),), "safe"),
        ("a\n", (edit("b", (0, 0), (0, 0)),), "safe"),
    ],
    ids=[
        "unsafe", "display only", "no edit", "CRLF", "lone CR before", "no end of line", "BOM",
        "no such line", "no such column", "overlap", "joins lines", "CR in the fix", "zeros",
    ],
)  # fmt: skip
def test_no_suggestion_when_unsure(
    source: str, edits: tuple[Edit, ...], applicability: str
) -> None:
    assert suggested(source, *edits, applicability=applicability) is None


def test_suggestions_of_the_real_tool_are_what_the_real_tool_does(tmp_path: Path) -> None:
    source = b"import os\nimport re\n\n\ndef f(a):\n\tif a is 'x':\n\t\treturn f'y'\n\treturn re\n"
    changes, tree = room(tmp_path, {"a.py": source})
    run = Ruff().run(changes, tree, runner(tmp_path))
    text = source.decode().splitlines(keepends=True)
    done = {f.rule: f.suggestion for f in run.findings if f.suggestion}
    assert set(done) == {"F401", "F541", "F632"}
    for item in sorted(done.values(), key=lambda s: s.span, reverse=True):
        text[item.span.start - 1 : item.span.end] = [item.text]
    place = tmp_path / "fixed.py"
    place.write_bytes(source)
    select = f"--select={','.join(done)}"
    subprocess.run(
        [BIN / "ruff", "check", "--isolated", "--no-cache", "--fix", "-q", select, place],
        check=True,
    )
    assert "".join(text) == place.read_text()


def test_every_rule_that_is_named_exists() -> None:
    listed = subprocess.run(
        [BIN / "ruff", "rule", "--all", "--output-format=json"], capture_output=True, check=True
    )
    rules = {rule["code"]: rule for rule in json.loads(listed.stdout) if rule["code"]}
    for code in ruff.DEFAULT:
        assert code in rules
        assert not rules[code]["preview"], f"{code} would not run"
    for prefix in (*ruff.STRICT, *ruff.LEFT_OUT, *ruff.NOT_IN_TESTS):
        assert any(code.startswith(prefix) for code in rules), prefix
    assert len(set(ruff.DEFAULT)) == len(ruff.DEFAULT)


def test_profiles(tmp_path: Path) -> None:
    source = (
        b"import random\n\n\ndef f(a, B):\n    assert a\n    if a == None:\n"
        b"        return undefined\n    return random.random()\n"
    )
    changes, tree = room(tmp_path, {"a.py": source})
    found = {
        profile: {f.rule: f for f in Ruff(profile).run(changes, tree, runner(tmp_path)).findings}
        for profile in ("default", "strict")
    }
    assert set(found["default"]) == {"F821"}
    assert {"F821", "E711", "N803", "S101", "S311", "ARG001"} <= set(found["strict"])
    assert found["strict"]["S311"].category is Category.SECURITY
    assert found["strict"]["E711"].severity is Severity.NOTE
    added = Ruff(select=("S311",), ignore=("F821",)).run(changes, tree, runner(tmp_path))
    assert [finding.rule for finding in added.findings] == ["S311"]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    latin = b"# coding: latin-1\nx = '\xe9'\n"
    changes, tree = room(tmp_path, {"latin.py": latin, "a.py": b"undefined()\n"})
    run = Ruff().run(changes, tree, runner(tmp_path))
    assert run.reason == "could not read latin.py"
    assert [finding.rule for finding in run.findings] == ["F821"]


def test_target_version(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"type Pair = tuple[int, int]\n"})
    assert Ruff().run(changes, tree, runner(tmp_path)).findings == ()
    old = Ruff(target_version="py310").run(changes, tree, runner(tmp_path))
    assert [finding.rule for finding in old.findings] == ["invalid-syntax"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/data/a.py", True),
        ("pkg/test/a.py", True),
        ("test_a.py", True),
        ("pkg/a_test.py", True),
        ("conftest.py", True),
        ("pkg/tests.py", True),
        ("pkg/testing.py", False),
        ("latest/a.py", False),
        ("contest.py", False),
    ],
)
def test_what_test_code_is(path: str, expected: bool) -> None:
    assert is_test(path) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\nb\nc\n", [1, 2, 3, 3]),
        (b"a\nb", [1, 2, 2, 2]),
        (b"a\r\nb\r\nc", [1, 2, 3, 3]),
        (b"a\rb\nc", [1, 1, 2, 2]),
        (b"a\r\r\nb\nc\r", [1, 1, 2, 3]),
        (b"", [1, 1, 1, 1]),
    ],
)
def test_lines_are_counted_as_git_counts_them(data: bytes, expected: list[int]) -> None:
    row = rows(data)
    assert [row(number) for number in (1, 2, 3, 4)] == expected
    assert row(-5) == 1
    assert row(10**30) == expected[-1] or data.count(b"\n") == 2
