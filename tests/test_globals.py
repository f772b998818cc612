"""Which variables are global state, and which only look like it."""

from pathlib import Path

import pytest

from reviewer.analyzers.globals import BIRTHS, QUERIES, Globals
from reviewer.model import Finding, Severity
from tests.support.room import room, runner


def judge(tmp_path: Path, path: str, code: str, base: str = "") -> list[Finding]:
    before = {path: base.encode()} if base else {}
    changes, tree = room(tmp_path, {path: code.encode()}, before)
    return list(Globals().run(changes, tree, runner(tmp_path)).findings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("a.py", "x = 0\ndef f():\n    global x\n    x += 1", ["x"]),
        ("a.py", "def f():\n    global x\n    x = 1", ["x"]),
        ("a.py", "x = 0\ndef f():\n    global x\n    return x", []),
        ("a.py", "x = 0\ndef f():\n    global x\n    for x in y: pass", ["x"]),
        ("a.py", "x = 0\ndef main():\n    global x\n    x = 1", []),
        ("a.py", "x = []\nx.append(1)", []),
        ("a.py", "x = []\ndef f(): x.append(1)", ["x"]),
        ("a.py", "x = []\ndef f(): x.copy()", []),
        ("a.py", "x: list[int] = []\ndef f(): x.append(1)", ["x"]),
        ("a.py", "x = {}\ndef f(): x['a'] = 1", ["x"]),
        ("a.py", "x = {}\ndef f(): x['a'] += 1", ["x"]),
        ("a.py", "x = {}\ndef f():\n    del x['a']", ["x"]),
        ("a.py", "x = set()\nf = lambda y: x.add(y)", ["x"]),
        ("a.py", "x = collections.deque()\ndef f(): x.append(1)", ["x"]),
        ("a.py", "x = Thing()\ndef f(): x.update(1)", []),
        ("a.py", "x = []\ndef f(x): x.append(1)", []),
        ("a.py", "x = []\ndef f(*x): x.append(1)", []),
        ("a.py", "x = []\ndef f():\n    x = []\n    x.append(1)", []),
        ("a.py", "x = []\ndef f():\n    x, y = z\n    x.append(1)", []),
        ("a.py", "x = []\ndef f():\n    with y as x: x.append(1)", []),
        ("a.py", "x = []\ndef f():\n    from y import x\n    x.append(1)", []),
        ("a.py", "x = []\ndef f():\n    x = []\n    def g(): x.append(1)", []),
        ("a.py", "class A:\n    x = []\n    def f(self): self.x.append(1)", []),
        ("tests/a.py", "x = []\ndef f(): x.append(1)", []),
        ("a.js", "let x = 0; function f() { x++; }", ["x"]),
        ("a.js", "let x = 0; x++; if (y) { x = 2; }", []),
        ("a.js", "let x = 0; function f(x) { x++; }", []),
        ("a.js", "let x = 0; function f({ x }) { x++; }", []),
        ("a.js", "let x = 0; const f = x => { x = 1; };", []),
        ("a.js", "let x = 0; function f() { let x; { x = 1; } }", []),
        ("a.js", "const x = {}; function f() { x.y = 1; }", []),
        ("a.ts", "let x: number; class A { f() { x = 1; } }", ["x"]),
        ("a.ts", "let x: number; class A { f(x?: number) { x = 1; } }", []),
        ("a.go", "package a\nvar x int\nfunc F() { x = 1 }", ["x"]),
        ("a.go", "package a\nvar (\n\tx int\n)\nfunc F() { x-- }", ["x"]),
        ("a.go", "package a\nvar x int\nfunc init() { x = 1 }", []),
        ("a.go", "package a\nvar x int\nfunc F(x int) { x = 1 }", []),
        ("a.go", "package a\nvar x int\nfunc F() { for x := range y { x = 1 } }", []),
        ("A.java", "class A { static int x; void f() { x++; } }", ["x"]),
        ("A.java", "class A { static final int x = 1; int y; void f() { y++; } }", []),
        ("a.rs", "static mut X: u32 = 0;", ["X"]),
        ("a.rs", "static X: u32 = 0;", []),
    ],
)
def test_what_is_state(path: str, code: str, expected: list[str], tmp_path: Path) -> None:
    assert [f.message.split("`")[1] for f in judge(tmp_path, path, code + "\n")] == expected


@pytest.mark.parametrize(
    ("code", "severity"),
    [
        ("x = 0\ndef f():\n    global x\n    x += 1", Severity.WARNING),
        ("x = None\ndef f():\n    global x\n    if x is None:\n        x = 1", Severity.NOTE),
        ("_x_cache = {}\ndef f(y): _x_cache[y] = 1", Severity.NOTE),
        ("x = []\ndef register_all(y): x.append(y)", Severity.NOTE),
        ("x = []\ndef f(y):\n    if y in x: return\n    x.append(y)", Severity.NOTE),
    ],
)
def test_state_on_purpose_is_a_note(code: str, severity: Severity, tmp_path: Path) -> None:
    (found,) = judge(tmp_path, "a.py", code + "\n")
    assert found.severity is severity


def test_the_remark_is_where_the_change_is(tmp_path: Path) -> None:
    base = "x = []\n\n\ndef f():\n    return x\n"
    (found,) = judge(tmp_path, "a.py", base + "\n\ndef g():\n    x.append(1)\n", base)
    assert (found.span.start, found.span.column, found.span.end_column) == (9, 5, 6)
    assert found.message == (
        "`x` is a module-level variable (line 1) that `g` fills: mutable global state."
    )


@pytest.mark.parametrize("language", QUERIES)
def test_what_bears_state_is_part_of_the_question(language: str) -> None:
    """A file that the gate lets through has matches, so that nothing hangs on its order."""
    assert BIRTHS[language].strip() in QUERIES[language]


def test_state_that_was_there_is_not_introduced(tmp_path: Path) -> None:
    base = "x = []\n\n\ndef f():\n    x.append(1)\n"
    assert judge(tmp_path, "a.py", base + "\n\ndef g():\n    x.append(2)\n", base) == []
