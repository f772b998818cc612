"""Which functions the change is to blame for."""

import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import lizard
import pytest

from reviewer.analyzers import _lizard
from reviewer.analyzers._extents import extents, meeting, suspect
from reviewer.analyzers.complexity import (
    SUFFIXES,
    Complexity,
    Function,
    Located,
    decoded,
    pairs,
)
from reviewer.errors import ToolFailed
from reviewer.model import Finding
from tests.support.room import room, runner


def branches(name: str, count: int) -> str:
    """A function of cyclomatic complexity count + 1."""
    lines = [f"    if value == {n}:\n        return {n}\n" for n in range(count)]
    return f"def {name}(value):\n{''.join(lines)}    return None\n"


def judge(
    tmp_path: Path, head: str, base: str = "", settings: Complexity | None = None
) -> list[Finding]:
    before = {"a.py": base.encode()} if base else {}
    changes, tree = room(tmp_path, {"a.py": head.encode()}, before)
    return list((settings or Complexity()).run(changes, tree, runner(tmp_path)).findings)


@pytest.mark.parametrize(
    ("before", "after", "blamed"),
    [
        (None, 15, False),
        (None, 16, True),
        (10, 15, False),
        (15, 16, True),
        (16, 18, False),
        (16, 19, True),
        (40, 42, False),
        (40, 30, False),
    ],
)
def test_complexity_is_judged_as_a_delta(
    before: int | None, after: int, blamed: bool, tmp_path: Path
) -> None:
    base = branches("f", before - 1) if before else "x = 1\n"
    findings = judge(tmp_path, branches("f", after - 1) + "y = 2\n", base)
    assert [finding.rule for finding in findings] == (["complexity"] if blamed else [])
    if blamed:
        was = f", {before} before this change" if before else ""
        assert findings[0].message == (
            f"`f` has a cyclomatic complexity of {after}{was}; the limit is 15."
        )
        assert (findings[0].span.start, findings[0].span.end) == (1, 2 * after)
        assert findings[0].quote == "def f(value):"


def test_the_finding_stays_itself_while_the_function_changes(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    (first,) = judge(tmp_path / "a", branches("f", 20))
    (second,) = judge(tmp_path / "b", "import x\n\n\n" + branches("f", 25))
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("settings", "code", "rule"),
    [
        (Complexity(length=3), "def f():\n  a = 1\n\n  # no code\n  b = 2\n  return a\n", "length"),
        (Complexity(parameters=2), "def f(a, b, *, c=None):\n  return a\n", "parameters"),
        (Complexity(nesting=1), "def f(a):\n  for b in a:\n    if b:\n      g()\n", "nesting"),
    ],
)  # fmt: skip
def test_other_limits(settings: Complexity, code: str, rule: str, tmp_path: Path) -> None:
    assert [finding.rule for finding in judge(tmp_path, code, settings=settings)] == [rule]


def test_self_is_no_parameter(tmp_path: Path) -> None:
    code = "class A:\n  def f(self, a): return a\n\n  @classmethod\n  def g(cls, a): return a\n"
    assert judge(tmp_path, code, settings=Complexity(parameters=1)) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f():\n pass\n", 0),
        ("def f(a):\n if a: b()\n elif c: d()\n else: e()\n", 1),
        ("def f(a):\n if a: b()\n else:\n  if c: d()\n  e()\n", 2),
        ("def f(a):\n if a: b()\n if a: b()\n for c in a: d()\n", 1),
        ("def f(a):\n for b in a:\n  with b:\n   try: d()\n   except E:\n    if e: g()\n", 3),
        ("def f(a):\n if a:\n  def g():\n   if b: c()\n", 1),
        ("async def f(a):\n async for b in a:\n  match b:\n   case 1:\n    if c: d()\n", 3),
        ("def f(a):\n return [b for b in a if b]\n", 0),
    ],
)  # fmt: skip
def test_nesting_of_python(code: str, expected: int) -> None:
    (first,) = (each for each in _lizard.python_functions(code) or () if each.first == 1)
    assert _lizard.depth(first.body) == expected


@pytest.mark.parametrize("code", ["def f(:\n", "x = " + "(" * 5000, "x = '\0'"])
def test_code_that_does_not_parse_has_no_nodes(code: str) -> None:
    assert _lizard.python_functions(code) is None


def test_suffixes_are_those_that_lizard_reads() -> None:
    known = {f".{suffix.lower()}" for language in lizard.languages() for suffix in language.ext}
    assert set(SUFFIXES) == known
    assert {f".{suffix}" for suffix in _lizard.BRACES} <= known


def function(name: str, tokens: int = 1, complexity: int = 1, signature: str = "") -> Function:
    return Function(name, signature or name, 1, 2, complexity, 3, tokens, 0, 0)


def paired(after: list[Located], before: list[Located]) -> list[int | None]:
    """For each function after the change, where in `before` it was found."""
    return [
        next((at for at, item in enumerate(before) if item.function is old), None)
        for _, old in pairs(after, before)
    ]


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        pytest.param([("a", function("f", 9))], [("a", function("f", 5))], [0], id="changed"),
        pytest.param([("a", function("g", 9))], [("a", function("f", 5))], [None], id="new"),
        pytest.param([("a", function("g", 5))], [("a", function("f", 5))], [0], id="renamed"),
        pytest.param([("b", function("f", 5))], [("a", function("f", 5))], [0], id="moved"),
        pytest.param(
            [("a", function("f", 1)), ("a", function("f", 2)), ("a", function("f", 3))],
            [("a", function("f", 2)), ("a", function("f", 3))],
            [None, 0, 1],
            id="another of the same name, in front",
        ),
        pytest.param(
            [("a", function("f", 7, 7, "f(int)")), ("a", function("f", 8, 8, "f(str)"))],
            [("a", function("f", 1, 1, "f(str)")), ("a", function("f", 2, 2, "f(int)"))],
            [1, 0],
            id="overloads that changed places",
        ),
        pytest.param(
            [("a", function("f", 7, 7)), ("a", function("f", 8, 8))],
            [("a", function("f", 1, 1)), ("a", function("f", 2, 2))],
            [0, 1],
            id="in order",
        ),
    ],
)
def test_who_is_who(
    after: list[tuple[str, Function]],
    before: list[tuple[str, Function]],
    expected: list[int | None],
) -> None:
    olds = [Located(*item) for item in before]
    assert paired([Located(*item) for item in after], olds) == expected


def test_a_renamed_file_is_compared_with_its_former_self(tmp_path: Path) -> None:
    code = branches("f", 30) + "".join(f"x{n} = {n}\n" for n in range(100))
    changes, tree = room(
        tmp_path, {"new.py": code.encode() + b"y = 1\n"}, {"old.py": code.encode()}
    )
    assert changes.by_path["new.py"].old_path == "old.py"
    assert Complexity().run(changes, tree, runner(tmp_path)).findings == ()


LOW = {"complexity": 3, "length": 12, "parameters": 2, "nesting": 1}


@pytest.mark.slow
@pytest.mark.parametrize("rule", LOW)
def test_what_is_not_measured_is_within_the_limits(rule: str) -> None:
    """On real code, with limits so low that many a function is beyond them."""
    limits = dict.fromkeys(LOW, 1000) | {rule: LOW[rule]}
    spared = 0
    for name, code in installed(15):
        measured = whole(name, code)
        lines = code.split("\n")
        for part in extents(code) or ():
            if not suspect(part, lines, limits):
                for found in within(measured, [part[:2]]):
                    spared += 1
                    assert found[rule] <= limits[rule], (name, found["name"])
    assert spared > 100


def whole(name: str, code: str) -> list[dict[str, Any]]:
    """The functions of a Python file, measured among each other."""
    return _lizard.functions(name, code, _lizard.python_functions(code) or ())


def within(found: list[dict[str, Any]], spans: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Those that begin on lines of `spans`."""
    return [each for each in found if any(a <= each["start"] <= b for a, b in spans)]


def installed(count: int) -> list[tuple[str, str]]:
    """Real code: some of the Python files that are installed here, always the same."""
    site = Path(lizard.__file__).parent
    files = sorted(site.glob("*/*.py"), key=lambda f: crc32(f"{f.parent.name}/{f.name}".encode()))
    return [
        (f"{f.parent.name}/{f.name}", f.read_text(encoding="utf-8", errors="replace"))
        for f in files[:count]
    ]


@pytest.mark.slow
def test_a_part_of_a_file_measures_as_in_the_whole() -> None:
    measured = told = 0
    for name, code in installed(30):
        draw = random.Random(name)
        spans = [each[:2] for each in extents(code) or () if draw.random() < 0.3]
        part = _lizard.around(code, spans)
        if part is not None:
            inside = within(whole(name, code), spans)
            alone = _lizard.functions(name, *part)
            measured += len(inside)
            told += sum(found in alone for found in inside)
    assert measured > 200
    # Lizard lets a stub on one line go on until the next function, which is a different one then.
    assert told >= 0.99 * measured


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("def f():\n    a = 1\r    b = 2\n", id="carriage returns"),
        pytest.param("x = 1\n\x0cdef f():\n    return 1\n", id="form feed"),
    ],
)
def test_where_indentation_says_nothing_the_whole_is_measured(code: str, tmp_path: Path) -> None:
    assert extents(code) is None
    place = tmp_path / "a.py"
    place.write_text(code, newline="")
    assert [each["name"] for each in _lizard.measured(str(place))["functions"]] == ["f"]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("def f():\n    a = [\n1,\n    ]\n", id="less indented in brackets"),
        pytest.param("def f():\n    a = 1 + \\\nb\n    return a\n", id="continued"),
    ],
)
def test_what_ends_too_soon_is_measured_in_the_whole(code: str, tmp_path: Path) -> None:
    spans = [each[:2] for each in extents(code) or ()]
    assert _lizard.around(code, spans) is None
    place = tmp_path / "a.py"
    place.write_text(code)
    assert _lizard.measured(str(place), spans)["functions"] == whole("a.py", code)


@pytest.mark.parametrize(
    ("code", "ranges", "kept"),
    [
        pytest.param("def f():\n    a\n\n\ndef g():\n    b\n", (1, 1), [1], id="first"),
        pytest.param("def f():\n    a\n\n\ndef g():\n    b\n", (6, 6), [5], id="second"),
        pytest.param("def f():\n\tif a:\n\t\tb\n\ndef g():\n\tc\n", (3, 3), [1], id="tabs"),
        pytest.param("def f(\n    a,\n) -> int:\n    b\n", (4, 4), [1], id="closed below"),
        pytest.param('x = """\ndef f(): 1\n"""\n', (2, 2), [], id="in a text"),
        pytest.param("x = 1  # '\ndef f():\n    a\n", (3, 3), [2], id="quote in a comment"),
        pytest.param("x = '# \\''\ndef f():\n    a\n", (3, 3), [2], id="escaped quote"),
        pytest.param(
            "class A:\n    x = 1\n\n    def f(self):\n# far out\n        a\n\n"
            "    def g(self):\n        b\n\n\nclass B:\n    def h(self):\n        def i():\n"
            "            pass\n",
            (6, 15),
            [4, 8, 13, 14],
            id="methods",
        ),
    ],
)
def test_functions_around_lines(code: str, ranges: tuple[int, int], kept: list[int]) -> None:
    part = _lizard.around(code, [each[:2] for each in meeting(extents(code) or (), [ranges])])
    assert part is not None
    assert sorted(each.first for each in part[1]) == kept
    assert [each["start"] for each in _lizard.functions("a.py", *part)] == kept


def test_a_change_within_the_limits_starts_no_program(tmp_path: Path) -> None:
    before = {"a.py": branches("f", 3).encode()}
    changes, tree = room(tmp_path, {"a.py": branches("f", 4).encode()}, before)
    run = Complexity().run(changes, tree, runner(tmp_path, seconds=0.0))
    assert (run.outcome.value, run.findings, run.reason) == ("ok", (), "")


def test_methods_of_one_name_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    """Both are touched; each is compared with its own former self."""
    deep = "    def f(self, v):\n" + "".join(f"{' ' * 4 * n}if v:\n" for n in range(2, 8))
    deep += " " * 32 + "return {}\n"
    flat = "    def f(self, v):\n        return {}\n"
    base, head = (
        f"class A:\n{flat.format(n)}\n\nclass B:\n{deep.format(n)}" for n in ("v", "v + 1")
    )
    assert judge(tmp_path, head, base) == []


def test_a_function_that_moved_to_another_file_is_no_news(tmp_path: Path) -> None:
    rest = "".join(f"x{n} = {n}\n" for n in range(9))
    before = {"a.py": (branches("f", 30) + rest).encode(), "b.py": rest.encode()}
    after = {"a.py": rest.encode(), "b.py": (rest + branches("f", 30)).encode()}
    changes, tree = room(tmp_path, after, before)
    assert Complexity().run(changes, tree, runner(tmp_path)).findings == ()


def test_a_function_that_was_copied_to_another_file_is_new_there(tmp_path: Path) -> None:
    rest = "".join(f"x{n} = {n}\n" for n in range(90))
    function = branches("f", 30)
    before = {"a.py": (function + rest).encode(), "b.py": rest.encode()}
    after = {"a.py": (function + "y = 1\n").encode(), "b.py": (rest + function).encode()}
    changes, tree = room(tmp_path, after, before)
    (found,) = Complexity().run(changes, tree, runner(tmp_path)).findings
    assert (found.rule, found.span.path) == ("complexity", "b.py")


def test_one_broken_file_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that crashes is lizard's to have; here a file that vanishes stands for it."""
    (tmp_path / "good.py").write_text(branches("f", 3))
    names = [str(tmp_path / "gone.py"), str(tmp_path / "good.py")]
    broken, good = (_lizard.measured(name) for name in names)
    assert broken == {"file": names[0], "error": "FileNotFoundError"}
    assert [found["name"] for found in good["functions"]] == ["f"]


def test_a_file_that_takes_too_long_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "slow.py"
    place.write_text("x = 1\n")

    class Slow:
        """Lizard with a reader that never ends."""

        comment_counter = None

        @staticmethod
        def FileInfoBuilder(name: str) -> None:
            os.kill(os.getpid(), signal.SIGALRM)

    monkeypatch.setitem(sys.modules, "lizard", Slow)  # type: ignore[arg-type]
    before = signal.signal(signal.SIGALRM, _lizard.too_slow)
    try:
        answer = _lizard.measured(str(place))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert answer == {"file": str(place), "error": "TimeoutError"}


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"Segmentation fault\n",
        b'{"version": "1"}\n',
        b'{"version": "1"}\n{"file": "b.py"}\n',
        b'{"version": "1"}\n{"file": "a.py"}\n{"file": "a.py"}\n',
        b'{"version": "1"}\n{"file": "a.py", "functions": 3}\n',
        b'{"version": "1"}\n{"file": "a.py", "functions": [{"name": "f"}]}\n',
        b'{"version": 1}\n',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_rubbish_is_a_failure_with_a_reason(output: bytes) -> None:
    with pytest.raises(ToolFailed, match="its output"):
        decoded(output, ["a.py"])
