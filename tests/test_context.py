"""Which code the model sees: units, what surrounds them, what is left out, and in which order."""

import dataclasses
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import unified_diff
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer import _syntax, diff, syntax
from reviewer.context import units as context
from reviewer.context.outlines import QUERIES, signature
from reviewer.context.pieces import Limits
from reviewer.context.risk import is_sensitive, weigh
from reviewer.context.units import Context, Unit
from reviewer.errors import InputError
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    CoverageOfFile,
    Finding,
    LeftOut,
    PatchCoverage,
    Severity,
    Side,
    Span,
)
from reviewer.process import Finished, Runner
from reviewer.tree import Entry, Surroundings, Tree
from tests.support.room import room, runner


def build(
    tmp_path: Path,
    head: Mapping[str, str | bytes],
    base: Mapping[str, str | bytes] | None = None,
    findings: Sequence[Finding] = (),
    coverage: PatchCoverage | None = None,
) -> Context:
    changes, clean = room(tmp_path, _bytes(head), _bytes(base or {}))
    return context.build(changes, clean, findings, coverage or PatchCoverage(), runner(tmp_path))


@dataclasses.dataclass(frozen=True)
class Inside(Runner):
    """Answers as the child does, in this process: hundreds of them would take too long to start."""

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", **more: Any) -> Finished:
        assert argv[-1] == _syntax.__file__
        request = json.loads(stdin)
        said = [
            {"file": name, **_syntax.answer(_grammar(language), name)}
            for name, language in request["files"]
        ]
        return Finished(0, "".join(f"{json.dumps(line)}\n" for line in said).encode(), b"", 0.0)


@cache
def _grammar(language: str) -> _syntax.Grammar:
    return _syntax.Grammar(language, QUERIES[language], "")


def written(
    place: Path, head: Mapping[str, str], base: Mapping[str, str], context_lines: int = 3
) -> tuple[ChangeSet, Tree]:
    """The change between texts that end with a line feed, and its clean room, without git."""
    patch = ""
    for path, text in head.items():
        before, after = (each.split("\n")[:-1] for each in (base.get(path, ""), text))
        said = unified_diff(before, after, path, path, n=context_lines, lineterm="")
        patch += "".join(f"{line}\n" for line in said)
    changes = diff.parse(patch.encode())
    names = {change.path: change.path for change in changes}
    asides = {path: path for path in names if path.startswith(".")}
    kept = {path: path for path in names if path not in asides}
    clean = Tree(place, place / "aside", place / "base", kept, asides, {})
    for path in names:
        target = place / ("aside" if path in asides else "") / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(head[path], newline="")
    return ChangeSet("base", "head", changes), clean


def quick(
    tmp_path: Path,
    head: Mapping[str, str],
    base: Mapping[str, str] | None = None,
    findings: Sequence[Finding] = (),
    coverage: PatchCoverage | None = None,
) -> Context:
    """As `build`, without git and without a child."""
    changes, clean = written(tmp_path, head, base or {})
    runner = Inside((), tmp_path)
    return context.build(changes, clean, findings, coverage or PatchCoverage(), runner)


def _bytes(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    return {p: text.encode() if isinstance(text, str) else text for p, text in files.items()}


def texts(unit: Unit) -> list[str]:
    """The lines of a unit as a patch shows them."""
    return [f"{line.origin}{line.text}" for line in unit.lines]


def finding(path: str, start: int, end: int = 0, **more: object) -> Finding:
    made = Finding(
        "tool", "R1", "Bad.", Span(path, start, end or start), Severity.WARNING, Confidence.HIGH,
        Category.CORRECTNESS,
    )  # fmt: skip
    return dataclasses.replace(made, **more)


FILL = "\n".join(f"    x{n} = {n}" for n in range(20))


def body(*lines: str) -> str:
    """These lines with twenty others after each, too far apart for one hunk."""
    return "".join(f"    {line}\n{FILL}\n" for line in lines)


LANGUAGES = {
    "a.py": (
        "class A:\n  @cached\n  def run(self, a,\n          b=1):\n{}\ndef other():\n{}",
        "def run(self, a,",
        "def other():",
        "class A:",
    ),
    "a.js": (
        "class A {{\n  run(a, b) {{\n{}  }}\n}}\nconst other = async (c) => {{\n{}}};\n",
        "run(a, b) {",
        "const other = async (c) => {",
        "class A {",
    ),
    "a.tsx": (
        (
            "export class A {{\n  run<T>(a: T): void {{\n{}  }}\n}}\n"
            "export function other(c: string) {{\n{}}}\n"
        ),
        "run<T>(a: T): void {",
        "export function other(c: string) {",
        "export class A {",
    ),
    "a.go": (
        "package a\nfunc (s *A) Run(a int) error {{\n{}}}\nfunc other(c string) {{\n{}}}\n",
        "func (s *A) Run(a int) error {",
        "func other(c string) {",
        "",
    ),
    "A.java": (
        "class A {{\n  @X\n  public int run(int a) {{\n{}  }}\n  void other() {{\n{}  }}\n}}\n",
        "public int run(int a) {",
        "void other() {",
        "class A {",
    ),
    "a.rs": (
        "impl A {{\n  pub fn run(&self) -> u8 {{\n{}  }}\n}}\nfn other() {{\n{}}}\n",
        "pub fn run(&self) -> u8 {",
        "fn other() {",
        "impl A {",
    ),
}


def test_hunks_of_one_function_are_one_unit(tmp_path: Path) -> None:
    before, after = (
        {
            path: code.format(body(f"a = {n};", f"b = {n};"), body(f"c = {n};"))
            for path, (code, *_) in LANGUAGES.items()
        }
        for n in (1, 2)
    )
    built = build(tmp_path, after, before)
    assert (built.note, built.left_out) == ("", ())
    for path, (_, run, other, outer) in LANGUAGES.items():
        first, second = sorted((u for u in built.units if u.path == path), key=lambda u: u.start)
        assert first.language == syntax.language_of(path)
        assert (first.title, second.title) == (run, other)
        assert [t for t in texts(first) if t[0] == "+"] == ["+    a = 2;", "+    b = 2;"]
        assert [t for t in texts(second) if t[0] == "+"] == ["+    c = 2;"]
        around = [text.strip() for _, text in first.around]
        assert outer in ("", *around, *(line.text for line in first.lines))
        assert not {number for number, _ in first.around} & set(first.anchors)
        lines = after[path].split("\n")
        assert all(lines[number - 1] == text for number, text in first.around)
        assert all(lines[line.new - 1] == line.text for line in first.lines if line.new)


def test_functions_in_functions_are_units_of_their_own(tmp_path: Path) -> None:
    inner = "    def inner():\n" + "".join(f"        y{n} = {n}\n" for n in range(9))
    code = f"def outer():\n{inner}        a = {{0}}\n{FILL}\n    c = {{0}}\n    d = {{0}}\n"
    units = quick(tmp_path, {"a.py": code.format(2)}, {"a.py": code.format(1)}).units
    assert sorted((unit.title, unit.added) for unit in units) == [
        ("def inner():", (12,)),
        ("def outer():", (33, 34)),
    ]
    within = next(unit for unit in units if unit.title == "def inner():")
    assert [number for number, _ in within.around] == [1, 2, *range(3, 9)]


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("a.js", "class A {\n  handle = (event) => {\n"),
        ("a.ts", "class A {\n  private handle = async (event: Event) => {\n"),
        ("a.js", "{\n  module.exports.handle = function (event) {\n"),
    ],
)
def test_functions_without_a_declaration_are_known(tmp_path: Path, path: str, head: str) -> None:
    code = f"{head}{FILL};\n  a({{0}});\n}}\n}}\n".replace("{\n", "{{\n").replace("}\n", "}}\n")
    (unit,) = quick(tmp_path, {path: code.format(2)}, {path: code.format(1)}).units
    assert unit.title == head.split("\n")[1].strip()


def test_a_hunk_after_an_inner_function_is_still_in_the_outer_one(tmp_path: Path) -> None:
    inner = "    a = {0}\n    def inner():\n        b = {0}\n    c = {0}\n"
    code = f"def outer():\n{inner}{FILL}\n    d = {{0}}\n"
    (unit,) = quick(tmp_path, {"a.py": code.format(2)}, {"a.py": code.format(1)}).units
    assert (unit.title, unit.added) == ("def outer():", (2, 4, 5, 26))


def test_a_decorator_belongs_to_its_function(tmp_path: Path) -> None:
    code = "import os\n\n\n@route({0})\n@login\ndef view(request):\n{1}    return {0}\n"
    before, after = (code.format(n, FILL + "\n") for n in (1, 2))
    (unit,) = quick(tmp_path, {"a.py": after}, {"a.py": before}).units
    assert unit.title == "def view(request):"
    assert unit.added == (4, 27)


def test_a_class_is_named_outside_of_its_methods(tmp_path: Path) -> None:
    code = "class A:\n    x = {0}\n" + FILL + "\n    def f(self):\n        pass\n" + FILL
    code += "\n    y = {0}\n"
    units = quick(tmp_path, {"a.py": code.format(2)}, {"a.py": code.format(1)}).units
    assert [(unit.title, unit.added) for unit in units] == [("class A:", (2, 45))]


def test_code_of_a_module_is_together_where_it_is_near(tmp_path: Path) -> None:
    def code(n: int) -> str:
        lines = [f"v{k} = 1" for k in range(80)]
        for k in (5, 20, 70):
            lines[k] = f"v{k} = {n}"
        return "\n".join(lines) + "\n"

    units = quick(tmp_path, {"a.py": code(2)}, {"a.py": code(1)}).units
    assert sorted((unit.title, unit.added) for unit in units) == [("", (6, 21)), ("", (71,))]


def test_a_language_without_grammar_has_the_section_of_its_hunk(tmp_path: Path) -> None:
    code = f"def run(a)\n{FILL}\n{body('a = {0}', 'b = {0}')}end\n\n"
    code += f"def other(b)\n{FILL}\n{body('c = {0}')}end\n"
    units = build(tmp_path, {"a.rb": code.format(2)}, {"a.rb": code.format(1)}).units
    assert [(unit.title, unit.added, unit.around, unit.language) for unit in units] == [
        ("def run(a)", (22, 43), (), ""),
        ("def other(b)", (87,), (), ""),
    ]


def test_what_is_large_is_split_at_its_functions(tmp_path: Path) -> None:
    function = "def f{}():\n" + "    x = 1\n" * 29 + "\n"
    code = "".join(function.format(n) for n in range(40))
    units = sorted(quick(tmp_path, {"a.py": code}).units, key=lambda unit: unit.start)
    assert [line for unit in units for line in unit.added] == list(range(1, 40 * 31 + 1))
    assert all(len(unit.added) <= 160 for unit in units)
    assert all(unit.lines[0].text.startswith("def f") for unit in units)
    assert len(units) <= 10


def test_a_long_function_is_split_and_keeps_its_head(tmp_path: Path) -> None:
    code = "def long(a):\n" + "".join(f"    value_{n} = {n}\n" for n in range(10_000))
    units = sorted(quick(tmp_path, {"a.py": code}).units, key=lambda unit: unit.start)
    assert len(units) == 63
    assert all(unit.title == "def long(a):" for unit in units)
    assert all(unit.around[0] == (1, "def long(a):") for unit in units[1:])
    sizes = [sum(len(text) for _, text in unit.around) for unit in units]
    assert 2_000 < max(sizes) <= 3_000


def test_characters_are_limited_as_lines_are(tmp_path: Path) -> None:
    code = "".join(f"v{n} = '{'x' * 390}'\n" for n in range(100))
    units = quick(tmp_path, {"a.py": code}).units
    assert all(sum(len(text) for text in texts(unit)) <= 12_000 for unit in units)
    assert sum(len(unit.added) for unit in units) == 100


def test_long_lines_are_cut_and_endless_ones_left_out(tmp_path: Path) -> None:
    """Long after where a prompt cuts them: what is secret has to be seen as a whole by then."""
    base = {"a.txt": f"{'y' * 5100}\n"}
    head = {"a.txt": f"{'y' * 5100}\n{'x' * 600}\n", "b.js": f"{'z' * 5001}\nshort\n"}
    built = quick(tmp_path, head, base)
    (unit,) = built.units
    assert texts(unit) == [f" {'y' * 5000}… (100 characters more)", f"+{'x' * 600}"]
    assert built.left_out == (LeftOut("b.js", 1, 2, "adds a line of more than 5,000 characters"),)


def test_files_that_are_not_looked_into_are_left_out_with_their_reason(tmp_path: Path) -> None:
    base = {"gone.py": "x = 1\n", "moved.py": "x = 1\n" * 9}
    head = {"bin.dat": b"\0\1", "new.py": "x = 2\n", "there.py": "x = 1\n" * 9, ".hidden.py": "y\n"}
    built = build(tmp_path, head, base)
    assert [(each.path, each.start, each.reason) for each in built.left_out] == [
        ("bin.dat", 0, "binary"),
        ("gone.py", 0, "deleted"),
        ("there.py", 0, "renamed without edits"),
    ]
    assert {unit.path for unit in built.units} == {"new.py", ".hidden.py"}


def test_removed_lines_are_of_interest_inside_of_a_function(tmp_path: Path) -> None:
    base = {"a.py": "def f(user):\n    check(user)\n    return user\n", "b.py": "x = 1\ny = 2\n"}
    head = {"a.py": "def f(user):\n    return user\n", "b.py": "y = 2\n"}
    built = quick(tmp_path, head, base)
    (unit,) = built.units
    assert texts(unit) == [" def f(user):", "-    check(user)", "     return user"]
    assert (unit.title, unit.added, unit.anchors) == ("def f(user):", (), (1, 2))
    assert [(each.path, each.start) for each in built.left_out] == [("b.py", 1)]
    assert "only removes lines" in built.left_out[0].reason


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("last", [True, False])
def test_anchors_are_lines_of_the_head(tmp_path: Path, end: str, last: bool) -> None:
    before = [f"line {n}" for n in range(40)]
    after = [*before[:5], "new", *before[5:30], *before[31:39], "end"]
    base = {"old name.md": end.join(before) + end * last}
    built = build(tmp_path, {"new name.md": end.join(after) + end * last}, base)
    assert {unit.path for unit in built.units} == {"new name.md"}
    shown = {line.new: line.text for unit in built.units for line in unit.lines if line.new}
    assert shown == {number: after[number - 1] for number in shown}
    assert {line for unit in built.units for line in unit.added} == {6, 40}
    for unit in built.units:
        assert unit.anchors == tuple(sorted(unit.anchors))
        assert (unit.start, unit.end) == (unit.anchors[0], unit.anchors[-1])


def test_callees_and_callers_have_signatures(tmp_path: Path) -> None:
    base = {
        "app.py": "from pkg.money import cents\n\n\ndef price(item):\n    return 1\n",
        "use.py": "class Shop:\n    def sell(self, item):\n        return price(item)\n",
        "pkg/money.py": "X = 1\n\n\ndef cents(\n    text: str, *, strict: bool = True\n) -> int:\n"
        "    return int(text)\n",
        "unrelated.py": "def cents(nothing):\n    pass\n",
    }
    head = dict(base)
    changed = "    return tax(cents(item)) + local(1)\n\n\ndef local(n):\n    return n\n"
    head["app.py"] = base["app.py"].replace("    return 1\n", changed)
    head["tax.py"] = "def tax(value: int) -> int:\n    return value\n"
    head["use.py"] = base["use.py"].replace("price(item)", "price(item) or 0")
    unit = next(u for u in build(tmp_path, head, base).units if u.path == "app.py")
    assert unit.callees == (
        "tax.py:1 def tax(value: int) -> int",
        "pkg/money.py:4 def cents( text: str, *, strict: bool = True ) -> int",
    ), "what the unit itself shows is not told again"
    assert unit.callers == ("use.py:2 def sell(self, item)",)
    assert unit.imports == ("from pkg.money import cents",)


AROUND = {
    "ts": (
        "src/a.ts", "import { cents } from './money';\n@\n", "src/money.ts",
        "export const cents = (text: string): number => Number(text);\n",
        "1 export const cents = (text: string): number => Number(text)",
    ),
    "go": (
        "shop/a.go", "package shop\nfunc f(m *Money) {\n@\n}\n", "shop/money.go",
        "package shop\nfunc (m *Money) cents(text string) int {\n}\n",
        "2 func (m *Money) cents(text string) int",
    ),
    "java": (
        "shop/A.java", "class A { void f() {\n@\n} }\n", "shop/Money.java",
        "class Money {\n  public static int cents(String text) {\n  }\n}\n",
        "2 public static int cents(String text)",
    ),
    "rust": (
        "src/a.rs", "use crate::money::cents;\nfn f() {\n@\n}\n", "src/money.rs",
        "mod a;\n\npub fn cents(text: &str) -> u64 {\n}\n", "3 pub fn cents(text: &str) -> u64",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AROUND)
def test_callees_are_found_in_files_that_the_change_leaves_alone(tmp_path: Path, name: str) -> None:
    path, code, other, theirs, wanted = AROUND[name]
    base = {path: code.replace("@", ""), other: theirs, f"far/{other}": "nothing"}
    head = base | {path: code.replace("@", "cents(1);")}
    (unit,) = build(tmp_path, head, base).units
    assert unit.callees == (f"{other}:{wanted}",)


class Failing:
    """A repository that cannot be listed."""

    def read(self, oids: Iterable[str]) -> Iterator[bytes | None]:
        raise AssertionError("nothing was listed")

    def listing(self, head: str) -> Iterator[Entry]:
        raise InputError("git cannot list the head")


def test_a_repository_that_cannot_be_listed_costs_no_unit(tmp_path: Path) -> None:
    changes, clean = written(tmp_path, {"a.py": "import b\n\nb.run()\n"}, {})
    around = Surroundings(Failing(), "head", frozenset(["a.py"]), lambda path: "")
    clean = dataclasses.replace(clean, around=around)
    made = context.build(changes, clean, (), PatchCoverage(), Inside((), tmp_path))
    assert [unit.callees for unit in made.units] == [()]


def test_a_name_that_several_things_have_says_nothing(tmp_path: Path) -> None:
    head = {f"{n}.py": "def same():\n    return 1\n" for n in range(5)}
    head["use.py"] = "def use():\n    return same()\n"
    units = quick(tmp_path, head).units
    assert all(unit.callees == unit.callers == () for unit in units)


def test_lines_that_nobody_reads_are_not_around(tmp_path: Path) -> None:
    lines = f"    data = '{'x' * 6000}'\n    short = '{'y' * 700}'\n{FILL}\n"
    code = f"def f():\n{lines}    return {{0}}\n"
    (unit,) = quick(tmp_path, {"a.py": code.format(2)}, {"a.py": code.format(1)}).units
    around = dict(unit.around)
    assert 2 not in around
    assert around[3].endswith("yyy'")


def test_findings_and_uncovered_lines_go_to_their_unit(tmp_path: Path) -> None:
    code = "def f():\n" + body("a = {0}", "b = {0}") + "\ndef g():\n" + body("c = {0}")
    head, base = {"a.py": code.format(2)}, {"a.py": code.format(1)}
    findings = [
        finding("a.py", 2),
        finding("a.py", 1, 43, category=Category.COMPLEXITY),
        finding("a.py", 40, message="Not on a hunk."),
        finding("a.py", 46),
        finding("a.py", 0),
        finding("a.py", 2, side=Side.OLD),
        finding("other.py", 2),
    ]
    coverage = PatchCoverage((CoverageOfFile("a.py", (2,), (23, 46)),), 33.0)
    first, second = quick(tmp_path, head, base, findings, coverage).units
    assert (first.title, second.title) == ("def f():", "def g():")
    assert first.evidence == (findings[1], findings[0])
    assert second.evidence == (findings[3],)
    assert (first.uncovered, second.uncovered) == ((23,), (46,))
    assert "complexity" in first.reasons
    assert "uncovered lines" in first.reasons


def test_the_riskiest_is_first(tmp_path: Path) -> None:
    same = "def f(x):\n    return x + 1\n"
    head = {
        "docs/guide.md": same,
        "plain.py": same,
        "tests/test_auth.py": same,
        "auth/login.py": same,
        "src/PaymentService.py": same,
        "run.py": "def f(x):\n    return subprocess.run(x, shell=True)\n",
    }
    units = quick(tmp_path, head).units
    assert [unit.path for unit in units] == [
        "auth/login.py",
        "src/PaymentService.py",
        "run.py",
        "tests/test_auth.py",
        "plain.py",
        "docs/guide.md",
    ]
    assert units[0].reasons == ("security-sensitive path",)
    assert units[2].reasons == ("security-sensitive code",)


@pytest.mark.parametrize("path", ["authors.py", "tokenizer.py", "hash_map.go", "src/rolex.ts"])
def test_words_within_words_are_not_sensitive(path: str) -> None:
    assert not is_sensitive(path)


@pytest.mark.parametrize(
    "path", ["authorize.py", "src/userPasswords.ts", "lib/HTTPAuth.java", ".github/workflows/a.yml"]
)
def test_words_are_known_in_any_spelling(path: str) -> None:
    assert is_sensitive(path)


def test_every_measure_adds_to_the_risk() -> None:
    plain = weigh("a.py", "x = 1", 1, (), 0).value
    assert weigh("a.py", "if a and b: pass", 1, (), 0).value > plain
    assert weigh("a.py", "x = 1", 50, (), 0).reasons == ("size",)
    assert weigh("a.py", "x = 1", 1, (), 5).reasons == ("uncovered lines",)
    security = finding("a.py", 1, category=Category.SECURITY)
    assert weigh("a.py", "x = 1", 1, (security,), 0).reasons == ("security finding",)
    assert weigh("a.py", "x = 1", 1, (finding("a.py", 1),), 0).value > plain


def test_the_order_does_not_depend_on_that_of_the_change(tmp_path: Path) -> None:
    files = {f"f{n}.py": f"def f{n}():\n    return f{(n + 1) % 7}()\n" for n in range(7)}
    changes, clean = written(tmp_path, files, {})
    findings = [finding(path, line) for path in files for line in (1, 2)]
    built = context.build(changes, clean, findings, PatchCoverage(), Inside((), tmp_path))
    wanted = list(built.units), built.left_out
    for seed in range(3):
        mixed, said = list(changes.files), list(findings)
        random.Random(seed).shuffle(mixed)
        random.Random(seed).shuffle(said)
        other = dataclasses.replace(changes, files=tuple(mixed))
        again = context.build(other, clean, said, PatchCoverage(), Inside((), tmp_path))
        assert (list(again.units), again.left_out) == wanted


def test_units_are_a_sequence(tmp_path: Path) -> None:
    built = quick(tmp_path, {f"f{n}.py": "x = 1\n" for n in range(5)})
    assert [unit.path for unit in built.units] == [f"f{n}.py" for n in range(5)]
    assert built.units[-1].path == "f4.py"
    assert [unit.path for unit in built.units[1:3]] == ["f1.py", "f2.py"]
    assert built.units[0] == built.units[0]


CRASHING = """
import os, signal
os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.mark.parametrize(
    ("child", "said"),
    [
        (CRASHING, "could parse none of the files; could not parse 1 file"),
        ("import sys; sys.exit(3)", "tree-sitter or one of its grammars is not installed"),
        ("print('{}')", "its output cannot be understood"),
        ("import sys; sys.exit(9)", "ended with status 9"),
    ],
)
def test_a_broken_parser_costs_structure_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: str, said: str
) -> None:
    script = tmp_path / "child.py"
    script.write_text(child)
    monkeypatch.setattr(_syntax, "__file__", str(script))
    code = "def f():\n" + body("a = {0}", "b = {0}")
    built = build(tmp_path, {"a.py": code.format(2)}, {"a.py": code.format(1)})
    assert said in built.note
    assert sorted(line for unit in built.units for line in unit.added) == [2, 23]
    assert all(unit.around == unit.callees == () for unit in built.units)


def test_code_beyond_a_limit_goes_without_structure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "PARSED_BYTES", 40)
    head = {"a.py": "def f():\n    return 1\n", "login.py": "def f():\n    return 1\n"}
    built = quick(tmp_path, head)
    assert {unit.path: unit.title for unit in built.units} == {"a.py": "", "login.py": "def f():"}
    assert built.note == "did not parse 1 file beyond 0 MiB of code"


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    code = b"def f():\n    x = '\xff\xfe\xe2\x80\xae'\n    \\ No newline\n)))) def g class\n"
    (unit,) = build(tmp_path, {"a.py": code}).units
    assert [line.text for line in unit.lines] == [
        "def f():",
        "    x = '\ufffd\ufffd\u202e'",
        "    \\ No newline",
        ")))) def g class",
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("def f(a,\n      b={1: 2}) -> int:\n    pass", "def f(a, b={1: 2}) -> int"),
        ("func (s *S) Run(a int) error {\n", "func (s *S) Run(a int) error"),
        ("int run(int a);\n", "int run(int a)"),
        ("const f = (a) => {\n", "const f = (a) =>"),
        ("class A", "class A"),
        ("def f(" + "a, " * 200, "def f(" + "a, " * 64 + "a…"),
        (")))\n{", ")))"),
    ],
)
def test_signatures(text: str, wanted: str) -> None:
    assert signature(text) == wanted


LINES = st.lists(
    st.sampled_from(
        [
            "",
            "def f():",
            "    x = 1",
            "class A:",
            "        y(2)",
            "}",
            "\\",
            "-",
            "+",
            "x" * 90,
            "é\r",
        ]
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["a.py", "b.txt", "c.go", ".d.yml"]), st.tuples(LINES, LINES)),
    st.integers(0, 3),
)
def test_every_added_line_is_in_one_unit_or_left_out(
    files: dict[str, tuple[list[str], list[str]]], context_lines: int
) -> None:
    limits = Limits(added=7, characters=300, around=60, line=40, longest=80)
    with TemporaryDirectory() as folder:
        base, head = (
            {path: "".join(f"{line}\n" for line in lines[n]) for path, lines in files.items()}
            for n in (0, 1)
        )
        changes, clean = written(Path(folder), head, base, context_lines)
        built = context.build(changes, clean, (), PatchCoverage(), Inside((), Path(folder)), limits)
        told = Counter((unit.path, line) for unit in built.units for line in unit.added)
        for each in built.left_out:
            added = changes.by_path[each.path].added
            told.update((each.path, n) for n in range(each.start, each.end + 1) if n in added)
        assert told == Counter((c.path, line) for c in changes.files for line in c.added)
        for unit in built.units:
            assert len(unit.added) <= limits.added
            assert unit.anchors == tuple(sorted(set(unit.anchors)))
            assert unit.anchors


@pytest.mark.slow
def test_ten_thousand_files_fit_in_time_and_memory(tmp_path: Path) -> None:
    def code(file: int, version: int) -> str:
        """Twelve functions with calls, three of which the change touches."""
        return f"import os\nfrom pkg import mod_{file + 1}\n\n" + "".join(
            f"def function_{file}_{f}(one, two):\n"
            + "".join(f"    v{k} = call_{k}(one, other_{file}.m_{f}({k}))\n" for k in range(9))
            + f"    return {version if f % 4 == 1 else 0}\n\n"
            for f in range(12)
        )

    head, base = (
        {f"pkg/sub{n % 50}/mod_{n}.py": code(n, version).encode() for n in range(10_000)}
        for version in (2, 1)
    )
    changes, clean = room(tmp_path, head, base)
    del head, base
    before, started = _resident(), time.monotonic()
    built = context.build(changes, clean, (), PatchCoverage(), runner(tmp_path))
    assert len(built.units) == 30_000
    assert sum(len(unit.added) for unit in built.units) == 30_000
    seconds, mebibytes = time.monotonic() - started, _resident() - before
    assert (seconds < 120, mebibytes < 100) == (True, True), (seconds, mebibytes)


def _resident() -> float:
    """MiB of memory in use (proc(5), /proc/pid/statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
