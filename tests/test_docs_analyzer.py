"""Which missing words are missed, and where nobody misses them."""

from pathlib import Path

import pytest

from reviewer.analyzers.docs import Docs
from reviewer.model import Confidence, Finding, Severity
from tests.support.room import room, runner

WORDS = '"""Words."""'


def judge(
    tmp_path: Path,
    head: dict[str, str],
    base: dict[str, str] | None = None,
    profile: str = "default",
) -> list[Finding]:
    changes, tree = room(
        tmp_path,
        {path: code.encode() for path, code in head.items()},
        {path: code.encode() for path, code in (base or {}).items()},
    )
    return list(Docs(profile).run(changes, tree, runner(tmp_path)).findings)


def missed(findings: list[Finding]) -> list[str]:
    """The names that the messages quote, "" for a module."""
    return [f.message.split("`")[1] if "`" in f.message else "" for f in findings]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("a.py", "def f(): pass", ["f"]),
        ("a.py", f"def f(): {WORDS}", []),
        ("a.py", "def f():\n    # c\n    'x' 'y'", []),
        ("a.py", "def f():\n    x = 1\n    'late'", ["f"]),
        ("a.py", "async def f(): pass", ["f"]),
        ("a.py", "def f():\n    def g(): pass", ["f"]),
        ("a.py", "if x:\n    def f(): pass", ["f"]),
        ("a.py", "def _f(): pass\ndef __f__(): pass", []),
        ("a.py", "class _A:\n    def f(self): pass", []),
        ("a.py", f"class A:\n    {WORDS}\n    def f(self): pass", ["A.f"]),
        ("a.py", f"class A(B):\n    {WORDS}\n    def f(self): pass", []),
        ("a.py", f"class A(object):\n    {WORDS}\n    def f(self): pass", ["A.f"]),
        ("a.py", f"class A:\n    {WORDS}\n    @x.setter\n    def x(self, y): pass", []),
        ("a.py", "@overload\ndef f(): ...", []),
        ("a.py", "@x.register(int)\ndef f(y): pass", []),
        ("a.py", "__all__ = ['g']\ndef f(): pass\ndef g(): pass", ["g"]),
        ("_a.py", "def f(): pass", []),
        ("a.js", "function f() {}", []),
        ("a.js", "export function f() {}", ["f"]),
        ("a.js", "/** d */\nexport function f() {}", []),
        ("a.js", "/** d */\n\nexport function f() {}", ["f"]),
        ("a.js", "x(); // c\nexport function f() {}", ["f"]),
        ("a.js", "module.exports.f = () => 1", ["f"]),
        ("a.js", "other.f = () => 1", []),
        ("a.ts", "@D()\nexport class A {}", ["A"]),
        ("a.go", "package main\nfunc F() {}", []),
        ("a.go", "package a\nfunc (s *shop) F() {}", []),
        ("a.go", "package a\n// C\ntype (\n\tA int\n)", []),
        ("A.java", "class A { public void f() {} }", []),
        ("A.java", "/** d */\npublic class A {\n public void f() {}\n}", ["A.f"]),
        ("A.java", "public interface A { void f(); }", ["A", "A.f"]),
        ("a.rs", "/// d\n#[x]\n#[y]\npub fn f() {}", []),
        ("a.rs", "#[x]\npub fn f() {}", ["f"]),
        ("a.rs", "mod m { pub fn f() {} }", []),
        ("src/main.rs", "pub fn f() {}", []),
    ],
)
def test_what_needs_words(path: str, code: str, expected: list[str], tmp_path: Path) -> None:
    assert missed(judge(tmp_path, {path: code + "\n"})) == expected


def test_only_new_definitions_count(tmp_path: Path) -> None:
    base = f"def good(): {WORDS}\ndef old(x): pass\n"
    head = f"def good(): {WORDS}\ndef old(x, y): pass\ndef fresh(x): pass\n"
    assert missed(judge(tmp_path, {"a.py": head}, {"a.py": base})) == ["fresh"]


def test_what_moved_is_not_new(tmp_path: Path) -> None:
    stays = f"def good(): {WORDS}\n" + "x = 1\n" * 9
    head = {"a.py": stays, "b.py": "def old(): pass\n"}
    assert judge(tmp_path, head, {"a.py": stays + "def old(): pass\n"}) == []


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        (f"{WORDS}\ndef a(): {WORDS}\n", ["", "b"]),
        (f"def a(): {WORDS}\n", ["b"]),
        ("def a(): pass\n", []),
    ],
    ids=["documented", "modules without", "without"],
)
def test_a_new_file_follows_the_custom_of_its_neighbours(
    base: str, expected: list[str], tmp_path: Path
) -> None:
    head = {"a.py": base + "x = 1\n", "b.py": "def b(): pass\n"}
    found = judge(tmp_path, head, {"a.py": base})
    assert missed(found) == expected
    assert all(finding.confidence is Confidence.HIGH for finding in found)


def test_strict_warns(tmp_path: Path) -> None:
    (found,) = judge(tmp_path, {"a.py": "def f(): pass\n"}, profile="strict")
    assert (found.severity, found.confidence) == (Severity.WARNING, Confidence.MEDIUM)


@pytest.mark.parametrize(
    ("start", "documented"),
    [
        ("'words'\n", True),
        ("#!x\n# c\n\n'''words'''\n", True),
        ("\ufeffr'words'\n", True),
        ("b'bytes'\n", False),
        ("x = 1\n'late'\n", False),
        ("# c\n" * 20_000 + "x = 1\n", False),
    ],
)
def test_words_of_a_module(start: str, documented: bool, tmp_path: Path) -> None:
    base = f"{WORDS}\ndef a(): {WORDS}\n"
    head = {"a.py": base + "x = 1\n", "b.py": f"{start}def b(): {WORDS}\n"}
    assert missed(judge(tmp_path, head, {"a.py": base})) == ([] if documented else [""])
