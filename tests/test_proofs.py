"""No suggestion is offered that does harm, by every way in which one could; good ones are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.analyzers.bandit import Bandit
from reviewer.analyzers.base import Analyzer
from reviewer.analyzers.complexity import Complexity
from reviewer.analyzers.ruff import Ruff
from reviewer.errors import ToolFailed, ToolMissing
from reviewer.model import (
    Category,
    Confidence,
    FileChange,
    Finding,
    Hunk,
    Outcome,
    Proof,
    Severity,
    Span,
    Status,
    Suggestion,
    ToolRun,
)
from reviewer.proofs import parse
from reviewer.proofs.edit import CHARACTERS, LINES, edit
from reviewer.proofs.prover import Proved, Prover, offered
from tests.support.reviewing import Gives, Raises, Says
from tests.support.room import room, runner

GUARDS: Sequence[Analyzer] = (Ruff(), Bandit(), Complexity())


def branches(name: str, count: int) -> str:
    """A function of cyclomatic complexity count + 1, its last line three after the last branch."""
    lines = [f"    if value == {n}:\n        return {n}\n" for n in range(count)]
    return f"def {name}(value):\n{''.join(lines)}    x = 1\n    y = 2\n    return x + y\n"


TOTAL = """\
import os


def total(items, start=0):
    result = start
    for item in items:
        note(item)
        result += item
    print(
        result,
    )
    if result:
        return result
    return None


def note(item):
    print(os.getcwd(), item)
"""
SCRIPT = """\
function price(kind) {
  if (kind == 1) {
    return 2;
  }
  return 3;
}
"""
GO = """\
package price

func price(kind int) int {
\tif kind > 1 {
\t\treturn 2
\t}
\treturn 3
}
"""
FAR = "".join(f"x{n} = {n}\n" for n in range(60))
SECRET = "ghp_" + "a1B2c3D4" * 5
HEAD = {
    "total.py": TOTAL.encode(),
    "odd näme.py": TOTAL.encode(),
    "price.js": SCRIPT.encode(),
    "price.go": GO.encode(),
    "far.py": FAR.replace("x5 = 5", "x5 = 6").replace("x50 = 50", "x50 = 51").encode(),
    "windows.py": TOTAL.replace("\n", "\r\n").encode(),
    "latin.py": b"# caf\xe9\nx = 1\n",
    "marked.py": b"\xef\xbb\xbfx = 1\ny = 2\n",
    "open.py": b"x = 1\ny = 2",
    "one.py": b"x = 1\n",
    "shown.py": 'x = "a\u200db"\ny = 2\n'.encode(),
    "fifty.py": "".join(f"y{n} = {n}\n" for n in range(50)).encode(),
    "broken.py": b"x = 1\n\n\ndef f(:\n    return 1\n\n\ny = 2\n",
    "broken.js": b"let x = 1;\nlet = = 3;\nlet y = 2;\n",
    "many.py": (branches("full", 14) + "\n\n" + branches("over", 20)).encode(),
    "tests/test_a.py": b"x = 1\n",
    "data.json": b'{\n  "a": 1,\n  "b": 2\n}\n',
    "data.toml": b"a = 1\nb = 2\n",
    "data.yaml": b"a: 1\nb: 2\n",
    "pyproject.toml": b"[project]\n",
    "fix.py": b"import os\nimport sys\n\nprint(sys.argv, f'x')\n",
}
CHANGE = FileChange("total.py", Status.ADDED, hunks=(Hunk(0, 0, 1, 18, "", b""),))
BASE = {"far.py": FAR.encode()}


@pytest.fixture(scope="module")
def prover(tmp_path_factory: pytest.TempPathFactory) -> Prover:
    folder = tmp_path_factory.mktemp("proofs")
    changes, tree = room(folder, HEAD, BASE)
    place = folder / "place"
    place.mkdir()
    return Prover(changes, tree, runner(folder), GUARDS, place)


def suggest(path: str, start: int, end: int, text: str) -> Suggestion:
    return Suggestion(Span(path, start, end), text)


def found(suggestion: Suggestion) -> Finding:
    return Finding(
        "model", "bug", "m", suggestion.span, Severity.WARNING, Confidence.LOW,
        Category.CORRECTNESS, suggestion=suggestion,
    )  # fmt: skip


UNFIT: Mapping[str, tuple[Suggestion, str]] = {
    "other file": (suggest("gone.py", 1, 1, "x\n"), "names no file"),
    "configuration": (suggest("pyproject.toml", 1, 1, "[tool]\n"), "names no file"),
    "off the hunk": (suggest("far.py", 25, 25, "x24 = 1\n"), "not all in one hunk"),
    "two hunks": (suggest("far.py", 6, 51, "x = 1\n"), "too long"),
    "between hunks": (suggest("far.py", 9, 12, "x = 1\n"), "not all in one hunk"),
    "backwards": (suggest("total.py", 5, 4, "x\n"), "not all in one hunk"),
    "no line": (suggest("total.py", 0, 0, "x\n"), "not all in one hunk"),
    "past the end": (suggest("total.py", 18, 19, "x\n"), "not all in one hunk"),
    "no number": (suggest("total.py", -(2**70), 2**70, "x\n"), "too long"),
    "many lines": (suggest("total.py", 5, 5, "    x = 1\n" * (LINES + 1)), "longer than 40"),
    "long lines": (suggest("total.py", 5, 5, "x" * (CHARACTERS + 1)), "too long"),
    "much replaced": (suggest("fifty.py", 1, 41, "y = 0\n"), "too long"),
    "no-op": (suggest("total.py", 5, 5, "    result = start\n"), "changes nothing"),
    "no-op without its end": (suggest("total.py", 5, 5, "    result = start"), "changes nothing"),
    "white space": (suggest("total.py", 5, 5, "    result = start  \n"), "but white space"),
    "an empty line": (suggest("total.py", 5, 5, "    result = start\n\n"), "but white space"),
    "nothing but lines": (suggest("total.py", 5, 5, "\n"), "nothing but empty lines"),
    "carriage return": (suggest("total.py", 5, 5, "    result = 1\r\n"), "carriage return"),
    "file of CR LF": (suggest("windows.py", 5, 5, "    result = 1\n"), "carriage returns"),
    "file of CR LF kept": (suggest("windows.py", 5, 5, "    result = 1\r\n"), "carriage returns"),
    "not UTF-8": (suggest("latin.py", 2, 2, "x = 2\n"), "not UTF-8"),
    "byte order mark": (suggest("marked.py", 1, 1, "x = 2\n"), "byte order mark"),
    "end of file lost": (suggest("open.py", 2, 2, ""), "how the file ends"),
    "empty file": (suggest("one.py", 1, 1, ""), "leave the file empty"),
    "bidi": (suggest("total.py", 5, 5, "    result = 1  # \u202e\n"), "U+202E"),
    "zero width": (suggest("total.py", 5, 5, "    res\u200bult = 1\n"), "U+200B"),
    "tag": (suggest("total.py", 5, 5, "    result = 1  # \U000e0041\n"), "U+E0041"),
    "surrogate": (suggest("total.py", 5, 5, "    result = '\ud800'\n"), "U+D800"),
    "more of a hidden one": (suggest("shown.py", 1, 1, 'x = "\u200da\u200db"\n'), "U+200D"),
    "secret": (suggest("total.py", 5, 5, f"    result = '{SECRET}'\n"), "a secret"),
    "patch": (suggest("one.py", 1, 1, "-x\n+x + 1\n"), "is a patch"),
    "elision": (suggest("total.py", 5, 8, "    result = 1\n    # ... rest\n"), "left out"),
    "elision in words": (
        suggest("price.js", 2, 4, "  if (kind === 1) {\n    // rest of the code\n  }\n"),
        "left out",
    ),
    "line below again": (
        suggest("total.py", 5, 5, "    result = 1\n    for item in items:\n"),
        "repeats line 6",
    ),
    "lines below again": (
        suggest("total.py", 5, 5, "    result = 1\n    for item in items:\n        note(item)\n"),
        "repeats line 7",
    ),
    "line above again": (
        suggest("total.py", 5, 5, "def total(items, start=0):\n    result = 1\n"),
        "repeats line 4",
    ),
    "tabs": (suggest("total.py", 5, 5, "\tresult = 1\n"), "indented by tabs"),
    "spaces": (suggest("price.go", 4, 4, "    if kind > 2 {\n"), "indented by spaces"),
    "tabs after spaces": (suggest("total.py", 5, 5, "  \tresult = 1\n"), "tabs after spaces"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_what_does_not_apply_is_refused_before_anything_runs(name: str, prover: Prover) -> None:
    suggestion, reason = UNFIT[name]
    idle = replace(prover, place=Path("/nowhere"))
    proved = idle.prove(suggestion)
    assert proved.proof is Proof.UNCHECKED
    assert reason in proved.reason
    assert proved.reason.isprintable()


MISPARSED: Mapping[str, tuple[Suggestion, str]] = {
    "open bracket": (suggest("total.py", 5, 5, "    result = (\n"), "line 5: '(' was never closed"),
    "prose": (suggest("total.py", 5, 5, "    Use start here.\n"), "line 5: invalid syntax"),
    "outside": (suggest("far.py", 6, 6, "return 5\n"), "'return' outside function"),
    "first line of a block": (suggest("total.py", 7, 8, "    note(1)\n"), "does not parse"),
    "another encoding": (suggest("fifty.py", 1, 1, "# coding: utf-7\ny0 = 0\n"), "no UTF-8"),
    "out of the loop": (suggest("total.py", 8, 8, "    result += 2\n"), "by 4 columns, not by"),
    "out of the function": (suggest("total.py", 14, 14, "print(0)\n"), "by 0 columns, not by"),
    "into the branch": (suggest("total.py", 14, 14, "        return 0\n"), "by 8 columns, not by"),
    "after the loop": (
        suggest("total.py", 8, 8, "        result += 2\n    result += 3\n"),
        "less than 8 columns",
    ),
    "after the brackets": (
        suggest("total.py", 11, 11, "    )\nprint(0)\n\n\ndef more(result):\n"),
        "less than 4 columns",
    ),
    "a new break": (suggest("broken.py", 8, 8, "y = = 2\n"), "from line 8 on"),
    "still broken": (suggest("broken.py", 4, 4, "def g(:\n"), "from line 4 on"),
    "script": (suggest("price.js", 2, 2, "  if (kind === 1 {\n"), "from line 2 on"),
    "script without its brace": (suggest("price.js", 4, 4, "  // closed\n"), "does not parse"),
    "script to the margin": (suggest("price.js", 3, 3, "return 4;\n"), "by 0 columns, not by"),
    "script in part": (
        suggest("price.js", 2, 3, "  if (kind === 1) {\nreturn 4;\n"),
        "less than 2 columns",
    ),
    "script that was broken": (suggest("broken.js", 3, 3, "let y = ;\n"), "from line 3 on"),
    "go": (suggest("price.go", 4, 4, "\tif kind > 1\n"), "from line 4 on"),
    "json": (suggest("data.json", 3, 3, '  "b": 2,\n'), "does not parse"),
    "toml": (suggest("data.toml", 2, 2, "b = \n"), "does not parse"),
}


def test_what_does_not_parse_or_leaves_its_block_is_refused(prover: Prover) -> None:
    proved = replace(prover, guards=()).prove_all([each for each, _ in MISPARSED.values()])
    for (name, (_, reason)), shown in zip(MISPARSED.items(), proved, strict=True):
        assert (shown.proof, reason in shown.reason) == (Proof.UNCHECKED, True), (name, shown)


PARSED: Mapping[str, Suggestion] = {
    "deleted": suggest("total.py", 7, 7, ""),
    "in brackets": suggest("total.py", 10, 10, "            result, start,\n"),
    "closed brackets": suggest("total.py", 11, 11, "    )\n    print(start)\n"),
    "dedented as a whole": suggest(
        "total.py", 12, 14, "    if not result:\n        return None\n    return result\n"
    ),
    "end of file kept": suggest("open.py", 2, 2, "y = 3\n"),
    "hidden as it was": suggest("shown.py", 1, 1, 'z = "a\u200db"\n'),
    "beside what is broken": suggest("broken.py", 8, 8, "y = 3\n"),
    "what is broken": suggest("broken.py", 4, 4, "def f():\n"),
    "script beside": suggest("broken.js", 1, 1, "let x = 2;\n"),
    "broken script": suggest("broken.js", 2, 2, "let z = 3;\n"),
    "more in a block": suggest("price.js", 4, 4, "  } else {\n    kind();\n  }\n"),
    "before the brace": suggest("price.js", 6, 6, "  kind();\n}\n"),
    "json": suggest("data.json", 3, 3, '  "b": 3\n'),
    "toml": suggest("data.toml", 2, 2, "b = 3\n"),
}


def test_what_parses_is_told_from_what_a_guard_has_seen(prover: Prover) -> None:
    proved = replace(prover, guards=()).prove_all(list(PARSED.values()))
    for name, shown in zip(PARSED, proved, strict=True):
        assert shown == Proved(Proof.PARSES, "no guard looks into files of this kind"), name


def test_a_file_that_nothing_parses_is_not_offered(prover: Prover) -> None:
    proved = prover.prove(suggest("data.yaml", 2, 2, "b: 3\n"))
    assert proved == Proved(Proof.APPLIES, "nothing here can parse files of this kind")
    assert prover.prove(suggest("data.json", 3, 3, '  "b": 3\n')).proof is Proof.PARSES


WORSE: Mapping[str, tuple[Suggestion, str]] = {
    "ruff": (suggest("total.py", 5, 5, "    result = strat\n"), "line 5: ruff/F821"),
    "a name lost": (suggest("total.py", 1, 1, "import sys\n"), "ruff/F"),
    "bandit": (suggest("total.py", 5, 5, '    result = "0.0.0.0"\n'), "line 5: bandit/B104"),
    "one of a pair": (suggest("odd näme.py", 18, 18, "    print(item)\n"), "ruff/F401"),
    "the other": (suggest("odd näme.py", 1, 2, ""), "ruff/F821"),
    "over the limit": (
        suggest("many.py", 30, 30, "    x = 1 if value else 2\n"),
        "complexity/complexity: `full` has a cyclomatic complexity of 16;",
    ),
    "further over it": (
        suggest("many.py", 76, 76, "    x = 1 if value else 2\n"),
        "complexity/complexity: `over` has a cyclomatic complexity of 22;",
    ),
}

GOOD: Mapping[str, Suggestion] = {
    "python": suggest("total.py", 5, 5, "    result = start or 0\n"),
    "an odd name": suggest("odd näme.py", 5, 5, "    result = start or 0\n"),
    "wrapped": suggest("total.py", 7, 7, "        if item:\n            note(item)\n"),
    "both of a pair": suggest("odd näme.py", 18, 18, "    print(os.getcwd(), os.sep, item)\n"),
    "far over the limit, and not worse": suggest("many.py", 76, 76, "    x = 3\n"),
    "less over it": suggest("many.py", 74, 75, ""),
    "what is allowed in tests": suggest("tests/test_a.py", 1, 1, 'x = "0.0.0.0"\n'),
}


def test_what_makes_the_code_worse_is_refused_and_what_is_good_is_offered(prover: Prover) -> None:
    asked = [*(each for each, _ in WORSE.values()), *GOOD.values()]
    proved = prover.prove_all(asked)
    for (name, (_, reason)), shown in zip(WORSE.items(), proved, strict=False):
        assert (shown.proof, reason in shown.reason) == (Proof.UNCHECKED, True), (name, shown)
    for name, shown in zip(GOOD, proved[len(WORSE) :], strict=True):
        assert shown == Proved(Proof.CLEAN), name
    assert list(prover.place.iterdir()) == []


def test_a_function_that_was_over_the_limit_may_grow_as_much_as_by_a_change(
    tmp_path: Path,
) -> None:
    before = branches("over", 20)
    changes, tree = room(tmp_path, {"a.py": f"{before}z = 1\n".encode()}, {"a.py": before.encode()})
    prover = Prover(changes, tree, runner(tmp_path), (Complexity(),), tmp_path)
    little = suggest("a.py", 42, 42, "    x = 1 if value else 2\n")
    much = suggest("a.py", 42, 42, "    x = 1 if value or value or value else 2\n")
    assert [each.proof for each in prover.prove_all([little, much])] == [
        Proof.CLEAN,
        Proof.UNCHECKED,
    ]


@pytest.mark.parametrize(
    "good",
    [
        suggest("price.js", 2, 2, "  if (kind === 1) {\n"),
        suggest("price.go", 4, 4, "\tif kind >= 1 {"),
    ],
    ids=lambda each: each.span.path,
)
def test_other_languages_are_offered_too(good: Suggestion, prover: Prover) -> None:
    guards = (Ruff(), Complexity())  # ruff has no say
    assert replace(prover, guards=guards).prove(good) == Proved(Proof.CLEAN)


@pytest.mark.parametrize(
    ("guard", "reason"),
    [
        (Raises("g", ToolMissing("g is not installed")), "cannot be judged by g: g is not"),
        (Raises("g", ToolFailed("hung")), "cannot be judged by g: hung"),
        (Raises("g", ValueError("oops")), "cannot be judged by g: a bug: ValueError"),
        (Gives("g", None), "cannot be judged by g: a bug: TypeError"),
        (Gives("g", ToolRun("g", Outcome.OK, reason="read nothing")), "by g: read nothing"),
        (Gives("g", ToolRun("g", Outcome.FAILED, reason="broke")), "by g: broke"),
        (Gives("g", ToolRun("g", Outcome.SKIPPED, reason="no data")), "by g: no data"),
    ],
)
def test_a_guard_without_an_answer_lets_nothing_pass(
    guard: Analyzer, reason: str, prover: Prover
) -> None:
    proved = replace(prover, guards=(guard, Says("h"))).prove(GOOD["python"])
    assert proved.proof is Proof.PARSES
    assert reason in proved.reason


@pytest.mark.slow
def test_a_guard_that_read_only_the_head_lets_nothing_pass(prover: Prover) -> None:
    """Bandit reads no file that does not parse: it says so, and has no findings."""
    only = replace(prover, guards=(Bandit(),))
    mended, beside = only.prove_all([PARSED["what is broken"], PARSED["beside what is broken"]])
    assert mended == Proved(Proof.CLEAN)
    assert (beside.proof, "bandit: could read none" in beside.reason) == (Proof.PARSES, True)


def test_a_room_that_cannot_be_made_is_a_reason(prover: Prover, tmp_path: Path) -> None:
    nowhere = replace(prover, place=tmp_path / "gone")
    proved = nowhere.prove(GOOD["python"])
    assert proved == Proved(Proof.APPLIES, "cannot be tried: No such file or directory")


def test_a_parser_that_hangs_is_a_reason(prover: Prover) -> None:
    late = replace(prover, runner=replace(prover.runner, seconds=0.0))
    proved = late.prove(GOOD["python"])
    assert (proved.proof, "could not be parsed" in proved.reason) == (Proof.APPLIES, True)


@pytest.mark.slow
def test_code_that_is_too_much_for_a_parser_costs_only_itself(tmp_path: Path) -> None:
    deep = b"x = 1\ny = " + b"-" * 400_000 + b"1\n"
    changes, tree = room(tmp_path, {"a.py": b"x = 1\ny = 2\n", "deep.py": deep})
    place = tmp_path / "place"
    place.mkdir()
    prover = Prover(changes, tree, runner(tmp_path), (Ruff(),), place)
    bad, good = prover.prove_all(
        [suggest("deep.py", 1, 1, "x = 2\n"), suggest("a.py", 2, 2, "y = 3\n")]
    )
    assert bad.proof < Proof.CLEAN
    assert good == Proved(Proof.CLEAN)


FRAGILE = """
import json, os, pathlib, signal, sys
for name in json.load(sys.stdin)["files"]:
    if "bad" in pathlib.Path(name).read_text():
        os.kill(os.getpid(), signal.SIGSEGV)
    print(json.dumps({"file": name, "error": ""}), flush=True)
"""


def test_code_that_ends_the_parser_costs_no_other(
    prover: Prover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child.py"
    child.write_text(FRAGILE)
    monkeypatch.setattr(parse, "__file__", str(child))
    proved = replace(prover, guards=()).prove_all(
        [suggest("total.py", 5, 5, f"    result = {word}\n") for word in ("bad", "good", "bad")]
    )
    assert [each.proof for each in proved] == [Proof.UNCHECKED, Proof.PARSES, Proof.UNCHECKED]
    assert "the parser fails on it" in proved[0].reason


@pytest.mark.parametrize(
    "said",
    [
        "print('rubbish')",
        "print('{}')",
        "print('[' * 100000)",
        'print(\'{"file": "b"}\')',
        "pass",
        "1/0",
    ],
)
def test_a_parser_that_talks_rubbish_is_a_reason(
    said: str, prover: Prover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "child.py"
    child.write_text(said)
    monkeypatch.setattr(parse, "__file__", str(child))
    proved = prover.prove(GOOD["python"])
    assert (proved.proof, "could not be parsed" in proved.reason) == (Proof.APPLIES, True)


def test_fixes_of_tools_are_offered_when_they_are_proven(prover: Prover) -> None:
    run = Ruff().run(prover.changes, prover.tree, prover.runner)
    first, second = (f for f in run.findings if f.span.path == "fix.py")
    assert first.suggestion and second.suggestion
    plain = found(GOOD["python"])
    bad, good = found(WORSE["ruff"][0]), found(PARSED["json"])
    none = replace(plain, suggestion=None)
    done = replace(plain, suggestion=replace(GOOD["wrapped"], proof=Proof.APPLIES))
    given = (none, bad, done, first, good, second, plain)
    assert offered(given, replace(prover, guards=(Ruff(),)), 4) == (
        none,
        replace(bad, suggestion=None),
        done,
        replace(first, suggestion=replace(first.suggestion, proof=Proof.CLEAN)),
        replace(good, suggestion=replace(PARSED["json"], proof=Proof.PARSES)),
        replace(second, suggestion=replace(second.suggestion, proof=Proof.CLEAN)),
        plain,
    )


WORDS = st.text(
    st.sampled_from("ab =()[]{}:#'\"\\+-.,\t \n\n1\r\x00é\u202e\ud800") | st.characters(),
    max_size=60,
)
TEXTS = WORDS | st.sampled_from(["", "\n", "    result = 1", "    pass\n", "def f():\n", "\x0c"])
PLACES = st.tuples(st.integers(-1, 20), st.integers(-1, 20))


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, rows=PLACES, end=st.booleans())
def test_an_edit_replaces_its_range_and_nothing_else(
    text: str, rows: tuple[int, int], end: bool
) -> None:
    head = TOTAL if end else TOTAL.removesuffix("\n")
    made = edit(suggest("total.py", *rows, text), head.encode(), CHANGE)
    if isinstance(made, str):
        assert made
        return
    lines, (start, last) = head.split("\n"), rows
    put = text.removesuffix("\n").split("\n") if text else []
    after = made.after.decode()
    assert after.split("\n") == [*lines[: start - 1], *put, *lines[last:]]
    assert after != head


@settings(max_examples=6, deadline=None)
@given(asked=st.lists(st.tuples(st.sampled_from(sorted(HEAD)), PLACES, TEXTS), max_size=40))
def test_whatever_is_suggested_nothing_raises(
    asked: list[tuple[str, tuple[int, int], str]], prover: Prover
) -> None:
    suggestions = [suggest(path, *rows, text) for path, rows, text in asked]
    proved = replace(prover, guards=()).prove_all(suggestions)
    assert len(proved) == len(suggestions)
    assert all(shown.reason for shown in proved)
    assert not any(shown.proof is Proof.CLEAN for shown in proved)
