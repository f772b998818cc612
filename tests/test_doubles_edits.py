"""Models that propose bad edits: none is offered, the finding stays, and a second try is a last."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from reviewer.analyzers.bandit import Bandit
from reviewer.analyzers.complexity import Complexity
from reviewer.analyzers.hidden import Hidden
from reviewer.analyzers.ruff import Ruff
from reviewer.analyzers.suppressions import Suppressions
from reviewer.config import Comments, Settings
from reviewer.model import Finding, Proof, Report, Standing, Suggestion
from reviewer.modelling import ModelSettings
from reviewer.reports.json import Json, load
from tests.fakes import engine as fake
from tests.fakes.engine import FakeEngine
from tests.support.modelled import Desk, Question, answer, asked_about, of_model, run_of, scripted

pytestmark = pytest.mark.slow

GUARDS: Final = (Ruff(), Bandit(), Complexity(), Suppressions(), Hidden())
PICK: Final = """\
import os


def pick(rows, at):
    if at > len(rows):
        return os.sep
    note = at
    return rows[note]
"""
LINE: Final = 5
GOOD: Final = "    if at >= len(rows):"
SECRET: Final = "ghp_" + "a1B2c3D4" * 5
FULL: Final = (
    "def full(at):\n"
    + "".join(f"    if at == {n}:\n        return {n}\n" for n in range(11))
    + "    row = 1 if at else (2 if at < 0 else 3)\n    kind = 0 if at else 1\n"
    + "    return row, kind\n"
)
"""A function of the most branches that are allowed, its last choice in line 25."""

FAR: Final = "".join(f"x{n} = {n}\n" for n in range(60))
SHOWN: Final = FAR.replace("x4 = 4\n", "x4 = 5\n").replace("x50 = 50\n", "x50 = 51\n")

BAD: Final[dict[str, tuple[str, str]]] = {
    "syntax": ("    if at >= len(rows:", "line 5"),
    "prose": ("    Use >= here.", "line 5"),
    "fences": (f"```python\n{GOOD}\n```", "line 5"),
    "patch": (f"-    if at > len(rows):\n+{GOOD}", "is a patch"),
    "no-op": ("    if at > len(rows):", "changes nothing"),
    "white space": ("    if at > len(rows):  \n", "but white space"),
    "nothing": ("", "does not parse"),
    "blank": ("\n\n", "nothing but empty lines"),
    "to the margin": ("if at >= len(rows):", "line 5"),
    "too deep": ("        if at >= len(rows):", "line"),
    "tabs": ("\tif at >= len(rows):", "indented by tabs"),
    "line below again": (f"{GOOD}\n        return os.sep", "repeats line 6"),
    "elision": ("    if at >= len(rows):\n        # ... existing code ...\n", "left out"),
    "carriage returns": ("    if at >= len(rows):\r\n", "carriage return"),
    "bidi": (f"{GOOD}  # \u202e", "U+202E"),
    "zero width": ("    if a\u200bt >= len(rows):", "U+200B"),
    "bandit": ('    if at in (len(rows), "0.0.0.0"):', "bandit/B104"),
    "eval": ("    if eval('at') >= len(rows):", "/S307"),
    "ruff": ("    if att >= len(rows):", "ruff/F821"),
    "nosec": (f"{GOOD}  # nosec", "suppressions/"),
    "noqa": (f"{GOOD}  # noqa", "suppressions/"),
    "type ignore": (f"{GOOD}  # type: ignore", "suppressions/"),
    "many lines": (f"{GOOD}\n" + "        at = 0\n" * 60, "longer than 40"),
}
NEVER: Final = {
    "two hunks": {"line": 5, "end_line": 51, "replacement": "x = 1"},
    "another line": {"line": 5, "quote": "x50 = 51", "end_line": 9, "replacement": "x = 1"},
    "nowhere": {"line": 5, "quote": "y = 1", "replacement": "x = 1"},
}
"""Edits of other lines than those that are quoted: nobody can say what they are to replace."""


def rewritten(text: str | None) -> str:
    return json.dumps({"thought": "", "replacement": text})


def proposing(question: Question, replacement: str | None, line: int = LINE) -> fake.Fault:
    return fake.at_once(answer(question.remark(line, severity="error", replacement=replacement)))


def edits(report: Report) -> dict[str, Suggestion | None]:
    """The suggestion of the one finding in each file."""
    told = {item.finding.span.path: item.finding for item in of_model(report)}
    assert len(told) == len(of_model(report))
    return {path.removesuffix(".py"): found.suggestion for path, found in told.items()}


def rewrites(engine: FakeEngine) -> Counter[str]:
    asked = [question for question in asked_about(engine) if question.task == "rewrite"]
    return Counter(question.path.removesuffix(".py") for question in asked)


ALL: Final = Settings(comments=Comments(inline=100), model=ModelSettings(inline=100, seconds=120))


def test_no_bad_edit_is_offered_and_each_is_asked_about_once_more(tmp_path: Path) -> None:
    files = {f"{name}.py": PICK.encode() for name in BAD}
    files |= {f"{name}.py": SHOWN.encode() for name in NEVER}
    files["complex.py"] = FULL.encode()
    files["windows.py"] = PICK.replace("\n", "\r\n").encode()
    files["secret.py"] = files["good.py"] = PICK.encode()
    base = {f"{name}.py": FAR.encode() for name in NEVER}
    more = {
        "complex": ("    kind = 0 if at else (1 if at > 3 else 2)", "complexity/"),
        "windows": (GOOD, "carriage returns"),
        "secret": (f"    if at >= len(rows) or at == '{SECRET}':", "secret"),
        "good": (GOOD, ""),
    }
    bad = {**BAD, **more}

    def review(question: Question) -> fake.Fault:
        name = question.path.removesuffix(".py")
        if name in NEVER:
            if 5 not in question.added:
                return fake.at_once(answer())
            return fake.at_once(answer(question.remark(**NEVER[name])))
        return proposing(question, bad[name][0], 25 if name == "complex" else LINE)

    def rewrite(question: Question) -> fake.Fault:
        return fake.at_once(rewritten(bad[question.path.removesuffix(".py")][0]))

    desk = Desk.of(tmp_path, files, base, GUARDS)
    with FakeEngine(script=scripted(review, rewrite)) as engine:
        report = desk.review(engine, ALL)
        again = rewrites(engine)
    found = edits(report)
    assert {name for name, edit in found.items() if edit and edit.proof is Proof.CLEAN} == {"good"}
    for name in NEVER:
        assert found[name] is None, name
    for name, (_, reason) in bad.items():
        edit = found[name]
        if name in ("good", "secret"):
            continue
        assert edit is not None, name
        assert (edit.proof, reason in edit.refused) == (Proof.UNCHECKED, True), (name, edit.refused)
        assert edit.refused.isprintable()
    assert found["secret"] is None
    assert SECRET not in Json().render(report)
    assert again == Counter(name for name in bad if name != "good")
    # The findings themselves are believed as before, and commented on.
    inline = {item.finding.span.path for item in of_model(report) if item.anchor}
    assert {f"{name}.py" for name in bad} <= inline
    assert all(
        item.standing is Standing.INLINE
        for item in of_model(report)
        if item.finding.span.path.removesuffix(".py") in bad
    )
    text = Json().render(report)
    assert Json().render(load(text.encode())) == text
    assert [f.suggestion for f in run_of(report).findings if f.span.path == "syntax.py"] == [
        found["syntax"]
    ]


SECOND: Final[dict[str, tuple[Any, Proof, str]]] = {
    "mended": (GOOD, Proof.CLEAN, ""),
    "mended with its end": (f"{GOOD}\n", Proof.CLEAN, ""),
    "worse": ("    if eval('at') >= len(rows):", Proof.UNCHECKED, "/S307"),
    "null": (None, Proof.UNCHECKED, "line 5"),
    "the same": ("    if at >= len(rows:", Proof.UNCHECKED, "line 5"),
    "hidden": (f"{GOOD}  # \u202e", Proof.UNCHECKED, "U+202E"),
}


def test_a_refused_edit_has_one_more_chance(tmp_path: Path) -> None:
    desk = Desk.of(tmp_path, {f"{name}.py": PICK.encode() for name in SECOND}, analyzers=GUARDS)

    def rewrite(question: Question) -> str:
        assert "line 5: invalid syntax" in question.words, "the model is told why"
        assert "if at >= len(rows:" in question.words
        return rewritten(SECOND[question.path.removesuffix(".py")][0])

    with FakeEngine(
        script=scripted(lambda q: proposing(q, "    if at >= len(rows:"), rewrite)
    ) as engine:
        report = desk.review(engine, ALL)
        assert rewrites(engine) == Counter(SECOND.keys())
    for name, (text, proof, reason) in SECOND.items():
        edit = edits(report)[name]
        assert edit is not None
        assert edit.proof is proof, (name, edit)
        assert reason in edit.refused
        if proof is Proof.CLEAN:
            assert (edit.text, edit.refused) == (text.removesuffix("\n"), "")


FAULTS: Final = {
    "dies": fake.dies,
    "garbage": fake.says("Sure! Here you go."),
    "empty": fake.says(""),
    "wrong shape": fake.says('{"replacement": 7}'),
    "too long": fake.at_once(rewritten("x" * 4001)),
    "busy": fake.refuses(400),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_rewrite_that_fails_leaves_the_finding_without_an_edit(name: str, tmp_path: Path) -> None:
    desk = Desk.of(tmp_path, {"a.py": PICK.encode()})
    script = scripted(lambda q: proposing(q, "    if at >= len(rows:"), lambda _: FAULTS[name])
    with FakeEngine(script=script) as engine:
        report = desk.review(engine, ALL)
    (item,) = of_model(report)
    assert item.standing is Standing.INLINE
    assert item.finding.suggestion is not None
    assert item.finding.suggestion.proof is Proof.UNCHECKED
    assert "line 5: invalid syntax" in item.finding.suggestion.refused


def test_no_edit_is_asked_for_where_none_is_wanted(tmp_path: Path) -> None:
    settings = Settings(model=ModelSettings(suggestions=False))
    desk = Desk.of(tmp_path, {"a.py": PICK.encode()}, analyzers=GUARDS)
    with FakeEngine(script=scripted(lambda q: proposing(q, None))) as engine:
        report = desk.review(engine, settings)
        (request,) = asked_about(engine)
    assert (request.task, request.edits) == ("review", False)
    assert edits(report) == {"a": None}


def test_what_is_in_doubt_is_not_rewritten(tmp_path: Path) -> None:
    desk = Desk.of(tmp_path, {"a.py": PICK.encode()}, analyzers=GUARDS)

    def review(question: Question) -> str:
        bad = {"replacement": "    if at >= len(rows:"}
        return answer(
            question.remark(LINE, problem="This code is correct.", scenario="", **bad),
            question.remark(LINE, quote="nowhere to be seen", **bad),
        )

    with FakeEngine(script=scripted(review)) as engine:
        report = desk.review(engine, ALL)
        assert not rewrites(engine)
    told: list[Finding] = [item.finding for item in of_model(report)]
    assert [finding.suggestion for finding in told] == [None, None]


def test_forty_edits_are_proven_and_the_others_told(tmp_path: Path) -> None:
    """The gravest first; the rest stays without an offer, and says why."""
    files = {f"f{n:02}.py": PICK.encode() for n in range(43)}
    desk = Desk.of(tmp_path, files, analyzers=(Ruff(),))

    def review(question: Question) -> str:
        grave = question.path in ("f40.py", "f41.py", "f42.py")
        told = question.remark(LINE, severity="error" if grave else "note", replacement=GOOD)
        return answer(told)

    with FakeEngine(script=scripted(review)) as engine:
        report = desk.review(engine, ALL)
        assert not rewrites(engine)
    found = edits(report)
    beyond = [name for name, edit in found.items() if edit and edit.refused]
    assert len(beyond) == 3
    assert not {"f40", "f41", "f42"} & set(beyond)
    assert all(
        "beyond the 40 edits" in edit.refused for edit in found.values() if edit and edit.refused
    )
