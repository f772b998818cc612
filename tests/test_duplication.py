"""Which added blocks are told, what they are compared with, and that no input makes it slow."""

import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer import tree
from reviewer.analyzers._clones import shared
from reviewer.analyzers._tokens import BY_SUFFIX, FAMILIES, outline, tokens
from reviewer.analyzers.duplication import Duplication
from reviewer.git import Repository
from reviewer.languages import CODE
from reviewer.model import Finding, Outcome, Severity, ToolRun
from tests.support.room import commits, room, runner

STEPS = (
    "    if not {a}.{b}:\n        raise ValueError({a}.name)\n",
    "    for one in {a}.{b}:\n        {c}.append(one)\n",
    "    {c} = {a}.get({b}, [])\n",
    "    while {a} and {b}.open:\n        {a} = {a}.next()\n",
    "    {b}.{c}({a}[1:], key={b}.key)\n",
    "    with {c}.lock as held:\n        held.keep({a}, {b})\n",
    "    try:\n        {a}.close()\n    except OSError:\n        {b} = None\n",
    "    {a}.total += {b}.total * {c}.rate\n",
    "    assert {a} is not {b} or {c}\n",
    "    del {a}[{b}]\n",
    "    print({c}, {a}.{b}, end='')\n",
    "    elsewhere = {a} + [{b}, {c}]\n",
)


def function(name: str, steps: range, names: str = "abc") -> str:
    """A function of 1 + some 1.5 lines a step; equal steps and names make equal code."""
    a, b, c = (f"{letter}_value" for letter in names)
    body = "".join(STEPS[step % len(STEPS)].format(a=a, b=b, c=c) for step in steps)
    return f"def {name}({a}, {b}, {c}):\n{body}    return {c}\n"


LONG = range(14)
BLOCK = function("first", LONG)
RENAMED = function("second", LONG, "xyz")


def judged(
    tmp_path: Path,
    base: dict[str, str],
    added: dict[str, str],
    settings: Duplication | None = None,
    gone: tuple[str, ...] = (),
) -> ToolRun:
    """The run over a change that adds or changes some files of `base` and deletes others."""
    tmp_path.mkdir(exist_ok=True)
    before = {path: text.encode() for path, text in base.items()}
    after = {path: data for path, data in before.items() if path not in gone}
    after |= {path: text.encode() for path, text in added.items()}
    changes, tree = room(tmp_path, after, before)
    return (settings or Duplication()).run(changes, tree, runner(tmp_path))


def places(run: ToolRun) -> list[tuple[str, int, int]]:
    return [(f.span.path, f.span.start, f.span.end) for f in run.findings]


def test_a_renamed_copy_of_code_elsewhere_in_the_repository(tmp_path: Path) -> None:
    run = judged(tmp_path, {"src/a.py": "\n\n" + BLOCK}, {"lib/deep/b.py": RENAMED})
    (finding,) = run.findings
    end = RENAMED.count("\n")
    assert places(run) == [("lib/deep/b.py", 1, end)]
    assert finding.message == (
        f"These {end} lines of code also stand in src/a.py, lines 3 to {end + 2}, with other names."
    )
    assert finding.severity is Severity.WARNING
    assert run.reason == ""


def test_layout_comments_and_imports_do_not_count(tmp_path: Path) -> None:
    lines = BLOCK.splitlines(keepends=True)
    other = "".join(f"{line}\n    # about line {n}\n" for n, line in enumerate(lines))
    run = judged(
        tmp_path, {"a.py": BLOCK}, {"b.py": f"import os\nfrom x import (\n    y,\n)\n{other}"}
    )
    assert places(run) == [("b.py", 5, 5 + 3 * (len(lines) - 1))]


def test_both_in_the_change_are_told_once_at_the_later_place(tmp_path: Path) -> None:
    run = judged(tmp_path, {}, {"a.py": BLOCK, "b.py": RENAMED})
    assert [path for path, *_ in places(run)] == ["b.py"]
    run = judged(tmp_path / "one", {}, {"a.py": BLOCK + "\n\n" + RENAMED})
    size = BLOCK.count("\n")
    assert places(run) == [("a.py", size + 3, 2 * size + 2)]
    assert f"also stand above, lines 1 to {size}" in run.findings[0].message


def test_a_copy_in_front_of_the_old_code(tmp_path: Path) -> None:
    run = judged(tmp_path, {"a.py": BLOCK}, {"a.py": RENAMED + "\n\n" + BLOCK})
    (finding,) = run.findings
    assert finding.span.start == 1
    assert "also stand below" in finding.message


@pytest.mark.parametrize("beside", [{}, {"copy.py": BLOCK}])
def test_code_that_moved_is_no_duplicate(beside: dict[str, str], tmp_path: Path) -> None:
    """Even if it had a duplicate before."""
    base = {"a.py": "x = 1\n" * 30 + BLOCK, "c.py": "y = 2\n", **beside}
    indented = "class C:\n" + "".join(f"    {line}\n" for line in RENAMED.splitlines())
    within = {"a.py": "x = 1\n" * 30, "c.py": "y = 2\n" + indented}
    assert places(judged(tmp_path / "moved", base, within)) == []
    gone = judged(tmp_path / "gone", base, {"c.py": "y = 2\n" + indented}, gone=("a.py",))
    assert places(gone) == []


def test_code_that_moved_and_was_copied_is_one(tmp_path: Path) -> None:
    base = {"a.py": BLOCK, "b.py": "x = 1\n"}
    added = {"b.py": "x = 1\n" + BLOCK, "c.py": "y = 1\n" + RENAMED}
    assert [p for p, *_ in places(judged(tmp_path, base, added, gone=("a.py",)))] == ["c.py"]


def test_code_that_only_changed_is_no_duplicate_of_itself(tmp_path: Path) -> None:
    base = {"a.py": BLOCK + "\n" + RENAMED}
    inner = "".join(f"    {line}\n" for line in (BLOCK + "\n" + RENAMED).splitlines())
    assert places(judged(tmp_path, base, {"a.py": "class C:\n" + inner})) == []


def test_what_else_is_done_with_like_code(tmp_path: Path) -> None:
    """The same shape with names that are mixed up, or all others, is other code."""
    mixed = "".join(
        line.replace("a_value", f"v{number}") for number, line in enumerate(BLOCK.splitlines(True))
    )
    assert places(judged(tmp_path / "mixed", {"a.py": BLOCK}, {"b.py": mixed})) == []


@pytest.mark.parametrize(
    ("here", "there", "severity"),
    [
        ("src/b.py", "src/a.py", Severity.WARNING),
        ("src/b.py", "tests/test_a.py", Severity.NOTE),
        ("tests/test_b.py", "src/a.py", Severity.NOTE),
        ("examples/b.py", "src/a.py", Severity.NOTE),
        ("app/migrations/0002.py", "app/migrations/0001.py", Severity.NOTE),
    ],
)
def test_severity_by_place(here: str, there: str, severity: Severity, tmp_path: Path) -> None:
    (finding,) = judged(tmp_path, {there: BLOCK}, {here: RENAMED}).findings
    assert finding.severity is severity


def test_sizes_are_settings(tmp_path: Path) -> None:
    small = {"a.py": function("one", range(6))}, {"b.py": function("two", range(6), "xyz")}
    (note,) = judged(tmp_path / "note", *small).findings
    assert note.severity is Severity.NOTE
    (warning,) = judged(tmp_path / "warning", *small, Duplication(warn_lines=10)).findings
    assert warning.severity is Severity.WARNING
    assert judged(tmp_path / "none", *small, Duplication(min_lines=13)).findings == ()
    assert judged(tmp_path / "tokens", *small, Duplication(min_tokens=200)).findings == ()
    tests = {"tests/a.py": small[0]["a.py"]}, {"tests/b.py": small[1]["b.py"]}
    assert judged(tmp_path / "tests", *tests).findings == ()


def test_other_languages_are_not_compared(tmp_path: Path) -> None:
    run = judged(tmp_path, {"a.py": BLOCK}, {"b.rb": BLOCK})
    assert (run.outcome, run.findings) == (Outcome.OK, ())
    none = judged(tmp_path / "none", {"a.py": BLOCK}, {"b.md": BLOCK})
    assert (none.outcome, none.concerned) == (Outcome.SKIPPED, False)


def test_the_nearest_place_is_named(tmp_path: Path) -> None:
    base = {"a/far.py": BLOCK, "z/here/near.py": BLOCK}
    (finding,) = judged(tmp_path, base, {"z/here/new.py": RENAMED}).findings
    assert "z/here/near.py" in finding.message


def test_what_was_not_searched_is_said(tmp_path: Path) -> None:
    base = {"far/a.py": BLOCK, "near/b.py": "x = 1\n"}
    run = judged(tmp_path, base, {"near/c.py": RENAMED}, Duplication(megabytes=0))
    assert (run.outcome, run.findings) == (Outcome.OK, ())
    assert run.reason == "2 of 2 files of the repository were not searched, beyond 0 MB"


def test_what_the_settings_leave_out_is_not_searched(tmp_path: Path) -> None:
    after = {"vendor/a.py": BLOCK.encode(), "b.py": RENAMED.encode()}
    place, old, new = commits(tmp_path / "r", {"vendor/a.py": BLOCK.encode()}, after)
    for name in ("scratch", "room"):
        (tmp_path / name).mkdir()
    repository = Repository.open(place, tmp_path / "scratch")
    changes = repository.changes(old, new)

    def excluded(path: str) -> str:
        return "vendored" if path.startswith("vendor/") else ""

    built = tree.build(changes, repository, tmp_path / "room", excluded)
    assert Duplication().run(changes, built, runner(tmp_path)).findings == ()


def test_scattered_lines_are_not_looked_for_elsewhere(tmp_path: Path) -> None:
    """They make no block; so a repository that cannot be read is not even noticed."""
    base = [f"value_{n} = make({n}, [{n}])" for n in range(60)]
    sparse = [
        line for n, old in enumerate(base) for line in (old, f"more({n})"[: 20 * (n % 4 == 0)])
    ]
    before = {"a.py": "\n".join(base).encode(), "old.py": BLOCK.encode()}
    after = before | {"a.py": "\n".join(filter(None, sparse)).encode()}
    changes, built = room(tmp_path, after, before)
    assert len(changes.by_path["a.py"].added) >= Duplication.min_lines
    shutil.rmtree(tmp_path / "git-scratch")
    assert Duplication().run(changes, built, runner(tmp_path)).reason == ""


def test_a_repository_that_cannot_be_read_costs_only_its_part(tmp_path: Path) -> None:
    before = {"old.py": BLOCK.encode()}
    other = function("other", range(5, 17)).encode()
    after = before | {"c.py": other, "a.py": RENAMED.encode(), "b.py": RENAMED.encode()}
    changes, built = room(tmp_path, after, before)
    shutil.rmtree(tmp_path / "git-scratch")
    run = Duplication().run(changes, built, runner(tmp_path))
    assert [path for path, *_ in places(run)] == ["b.py"]
    assert run.reason.startswith("the rest of the repository was not searched: ")


def test_listing_has_the_regular_files_of_the_head(tmp_path: Path) -> None:
    odd = "dir/a b\t\n.py"
    place, old, new = commits(tmp_path / "r", {}, {odd: b"12345", "z": b""})
    scratch = tmp_path / "s"
    scratch.mkdir()
    repository = Repository.open(place, scratch)
    assert [(e.path, e.size) for e in repository.listing(new)] == [(odd, 5), ("z", 0)]
    assert list(repository.listing(old)) == []


def test_every_language_of_code_is_compared() -> None:
    assert set(BY_SUFFIX) >= CODE
    assert len(BY_SUFFIX) == sum(len(family.suffixes.split()) for family in FAMILIES)


SNIPPETS = {
    ".py": ("a = 'x'  # c\n", 'bb = """y\nz"""\n'),
    ".js": ("let a = `x ${b}` // c\n", "let bb = 'y' /* c\nd */\n"),
    ".rs": (
        "fn f<'a>(x: &'a str) { g('\"', 'b') }\n",
        "fn h<'b>(y: &'b i8, z: u8) { i('x', '\\'') }\n",
    ),
    ".lua": ("local a = 1 -- c\n", "local b = 2 --[[ d\n ]]\n"),
    ".php": ("#[Attribute]\n$a = 1; # c\n", "#[Other]\n$b = 'x'; // d\n"),
    ".go": ('import (\n"a"\n)\nfunc F(a int, b int) { g() }\n', "func G(c string) { h() }\n"),
}


@pytest.mark.parametrize("suffix", SNIPPETS)
def test_names_literals_comments_and_parameters_make_no_difference(suffix: str) -> None:
    one, two = (tokens(text, BY_SUFFIX[suffix]).shape for text in SNIPPETS[suffix])
    assert one == two != ""


def test_lines_are_those_of_the_text() -> None:
    code = tokens('a = """x\n\n"""\nimport os\nb(\n  c)  # d\n', BY_SUFFIX[".py"])
    assert [(code.word(i), line) for i, line in enumerate(code.lines) if code.word(i)] == [
        ("a", 1), ("b", 5), ("c", 6),
    ]  # fmt: skip
    assert [len(row) for row in code.rows(0, len(code.shape))] == [3, 2, 2]


@given(st.text(), st.sampled_from(FAMILIES))
def test_any_text_has_tokens(text: str, family: object) -> None:
    code = tokens(text, family)  # type: ignore[arg-type]
    assert len(code.shape) == len(code.starts) == len(code.lines)
    assert list(code.lines) == sorted(code.lines)
    assert all(1 <= line <= text.count("\n") + 1 for line in code.lines)


@given(st.text("ab"), st.text("ab"), st.integers(0, 9), st.integers(0, 9), st.integers(0, 99))
def test_shared_is_the_common_beginning(one: str, two: str, i: int, j: int, limit: int) -> None:
    i, j = min(i, len(one)), min(j, len(two))
    count = shared(one, i, two, j, limit)
    assert one[i : i + count] == two[j : j + count]
    rest = min(limit, len(one) - i, len(two) - j)
    assert count == rest or one[i + count] != two[j + count]


def test_outline() -> None:
    assert outline("a(b)\n# (c)\n\n  c é\n\t[d]: x_1\r\n".encode()) == [b"()", b"[]:"]


SIZE = 250 << 10
HOSTILE = {
    "equal tokens": "a, " * (SIZE // 3),
    "equal lines": "call(a, b=[c])\n" * (SIZE // 15),
    "periods": "if a(b[c]) == {d}: e.f(g + 1)\n" * (SIZE // 30),
    "periods in one line": "if a(b[c]) == {d}: e.f(g + 1); " * (SIZE // 31),
    "one long line": "x" * SIZE,
    "quotes": "'" * SIZE,
    "escapes": '\\"' * (SIZE // 2),
    "comments": "/*" * (SIZE // 2),
    "templates": "`${" * (SIZE // 3),
    "brackets": "function (" * (SIZE // 10),
}


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_time_is_linear_in_hostile_code(text: str, tmp_path: Path) -> None:
    """Each takes about a second; what is quadratic takes many minutes."""
    started = time.process_time()
    text = "x = 1\n" * 20 + text
    run = judged(tmp_path, {"old.js": text[:SIZE]}, {"a.js": text, "b.js": text})
    assert run.outcome is Outcome.OK
    assert time.process_time() - started < 20


def test_the_same_finding_every_time(tmp_path: Path) -> None:
    def found(place: str) -> list[Finding]:
        base = {f"old{n}.py": function("f", range(n, n + 9)) for n in range(5)}
        added = {f"new{n}.py": function("g", range(n, n + 9), "xyz") for n in range(5)}
        return list(judged(tmp_path / place, base, added).findings)

    assert found("one") == found("two") != []
