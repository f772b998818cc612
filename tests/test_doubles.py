"""Models that do everything wrong, each through a whole review over real HTTP.

Whatever one says, the static review stays as it is, nothing is dropped, and what does not hold
against the code does not reach a line of the change.
"""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from reviewer.config import Settings
from reviewer.model import (
    Category,
    Confidence,
    Finding,
    Mode,
    Outcome,
    Report,
    Severity,
    Span,
    Standing,
    State,
)
from reviewer.modelling import ModelSettings
from reviewer.reports.json import Json, load
from tests.fakes import engine as fake
from tests.fakes.engine import FakeEngine
from tests.support.modelled import (
    Desk,
    Question,
    answer,
    asked_about,
    left_out,
    of_model,
    of_others,
    prints,
    run_of,
    scripted,
)
from tests.support.reviewing import Says

STATIC = Finding(
    "linter", "R1", "wrong", Span("a.txt", 1, 1), Severity.WARNING, Confidence.MEDIUM,
    Category.SECURITY,
)  # fmt: skip
LINTER = Says("linter", (STATIC,))


def rows(number: int) -> bytes:
    return b"".join(b"row %d of many\n" % n for n in range(1, number + 1))


def conserved(report: Report, said: int) -> None:
    """All that the model said is in the report once, with a standing and a reason, for good."""
    found = of_model(report)
    assert len(found) == said
    assert all(item.note for item in found)
    names = [item.finding.fingerprint for item in report.judged]
    assert len(set(names)) == len(names)
    assert Counter(run_of(report).findings) == Counter(item.finding for item in found)
    text = Json().render(report)
    assert Json().render(load(text.encode())) == text


def unharmed(report: Report, static: Report) -> None:
    """What the analyzers found, and what comes of it, is what it is without a model."""
    assert prints(of_others(report)) == prints(of_others(static))
    assert report.heuristics == static.heuristics
    verdict, before = report.verdict, static.verdict
    assert (verdict.state, verdict.score, verdict.exit_code) == (
        before.state, before.score, before.exit_code,
    )  # fmt: skip
    assert set(before.reasons) <= set(verdict.reasons)


# Places that are none

OLD: Final = b"".join(b"line %d of old\n" % n for n in range(1, 13))
NEW: Final = OLD.replace(b"line 6 of old", b"line 6 of new")
ROW: Final = "line 6 of new"

PLACES: Final[dict[str, tuple[dict[str, Any], Standing, str]]] = {
    "context": ({"line": 4, "quote": "line 4 of old"}, Standing.OFF_DIFF, "did not touch"),
    "removed": ({"line": 6, "quote": "line 6 of old"}, Standing.UNPROVEN, "anchor: the quote"),
    "outside": ({"line": 12, "quote": "line 12 of old"}, Standing.UNPROVEN, "anchor: the quote"),
    "line 0": ({"line": 0, "quote": "no such line"}, Standing.UNPROVEN, "anchor: the quote"),
    "line -1": ({"line": -(2**31), "quote": "no such"}, Standing.UNPROVEN, "anchor: the quote"),
    "line 9999": ({"line": 9999, "end_line": 2**31 - 1, "quote": "no such line"},
                  Standing.UNPROVEN, "anchor: the quote"),
    "no quote": ({"quote": ""}, Standing.UNPROVEN, "anchor: quotes nothing"),
    "other": ({"path": "context.txt"}, Standing.UNPROVEN, "anchor: names a file"),
    "nowhere": ({"path": "nowhere/at/all.txt"}, Standing.UNPROVEN, "anchor: names a file"),
    "up": ({"path": "../../etc/passwd"}, Standing.UNPROVEN, "anchor: names a file"),
    "no path": ({"path": ""}, Standing.UNPROVEN, "anchor: names a file"),
}  # fmt: skip


def test_a_place_that_is_none_gets_no_comment(tmp_path: Path) -> None:
    files = {f"{name}.txt": NEW for name in PLACES}
    desk = Desk.of(tmp_path, files, dict.fromkeys(files, OLD), [LINTER])

    def review(question: Question) -> str:
        change, _, _ = PLACES[question.path.removesuffix(".txt")]
        return answer(question.remark(**{"line": 6, **change}))

    with FakeEngine(script=scripted(review)) as engine:
        report = desk.review(engine)
    conserved(report, len(PLACES))
    assert report.mode is Mode.FULL
    found = {item.finding.span.path.removesuffix(".txt"): item for item in of_model(report)}
    for name, (_, standing, reason) in PLACES.items():
        assert found[name].standing is standing, name
        assert reason in found[name].note
        assert found[name].anchor == 0


# Floods


def flood(question: Question, **changes: Any) -> list[dict[str, Any]]:
    lines = sorted(question.added)
    return [question.remark(lines[n % len(lines)], **changes) for n in range(50)]


WORDS: Final = (
    "index buffer socket mutex parser decoder header footer cursor handle ledger invoice balance "
    "packet frame window thread signal semaphore barrier queue stack heap arena page table"
).split()


def distinct(question: Question) -> list[dict[str, Any]]:
    """50 grave remarks that have no words in common, far from each other."""
    told = []
    for n in range(50):
        first, second = WORDS[n % 26], WORDS[(n * 7 + n // 26 + 3) % 26]
        problem = f"The {first}{n} overruns {second}{n}."
        told.append(
            question.remark(3 * n + 1, problem=problem, scenario=f"{first}{n}x", severity="error")
        )
    return told


FLOODS: Final = {
    "one remark 50 times": lambda q: [q.remark(3)] * 50,
    "one claim at 50 lines": lambda q: flood(q, problem="The buffer overflows here."),
    "nits": lambda q: flood(q, severity="note"),
    "severities that are none": lambda q: flood(q, severity="BLOCKER"),
    "praise": lambda q: flood(q, problem="Great job, well done!", scenario=""),
    "another category": lambda q: flood(q, category="style"),
    "50 grave remarks": distinct,
}
INLINE: Final = {"one remark 50 times": 1, "50 grave remarks": 5, "one claim at 50 lines": 5}
"""Most of them that may be comments; none of the others."""


@pytest.mark.parametrize(
    "kind",
    [k if k == "50 grave remarks" else pytest.param(k, marks=pytest.mark.slow) for k in FLOODS],
)
def test_a_flood_is_capped_and_said_once(kind: str, tmp_path: Path) -> None:
    long = ModelSettings(prompt_tokens=100_000)
    desk = Desk.of(tmp_path, {"a.txt": rows(150)}, analyzers=[LINTER])
    said: list[int] = []

    def review(question: Question) -> fake.Fault:
        told = FLOODS[kind](question)
        said.append(len(told))
        return fake.at_once(answer(*told))

    with FakeEngine(script=scripted(review), context=100_000) as engine:
        report = desk.review(engine, Settings(model=long))
    conserved(report, sum(said))
    assert said == [50]
    inline = [item for item in of_model(report) if item.standing is Standing.INLINE]
    assert len(inline) <= INLINE.get(kind, 0)
    assert bool(inline) == (kind in INLINE)
    assert len({(item.anchor, item.finding.message) for item in inline}) == len(inline)
    if kind == "50 grave remarks":
        capped = [item for item in of_model(report) if item.standing is Standing.CAPPED]
        assert len(capped) + len(inline) == 50
        assert all("model.inline" in item.note for item in capped)


# Answers that are none

GOOD: Final = '{"thought": "", "findings": [%s]}'
FIELDS: Final = {
    "path": "a", "line": 1, "end_line": 1, "quote": "row 1 of many", "category": "bug",
    "severity": "warning", "problem": "The buffer overflows.", "scenario": "Always.",
}  # fmt: skip


def with_field(name: str, value: str) -> str:
    """A good answer but for the text of one value."""
    told = json.dumps({**FIELDS, name: "?"}).replace('"?"', value)
    return GOOD % told


BROKEN: Final = {
    "empty": "",
    "blank": " \n\t ",
    "refusal": "I'm sorry, but I cannot help with that request.",
    "truncated": with_field("line", "1")[:60],
    "null": "null",
    "a number": "12",
    "a list": "[]",
    "no findings": "{}",
    "findings null": '{"findings": null}',
    "findings text": '{"findings": "none"}',
    "findings object": '{"findings": {"0": {}}}',
    "a remark that is text": GOOD % '"bug on line 1"',
    "line as text": with_field("line", '"1"'),
    "line with fraction": with_field("line", "1.5"),
    "line true": with_field("line", "true"),
    "line null": with_field("line", "null"),
    "line NaN": with_field("line", "NaN"),
    "line infinite": with_field("line", "1e999"),
    "5,000 digits": with_field("line", "9" * 5000),
    "64 bits": with_field("line", str(2**64)),
    "lone surrogate": with_field("problem", '"\\ud800"'),
    "half a pair": with_field("quote", '"\\udc00\\ud800x"'),
    "control character": with_field("problem", '"a\x01b"'),
    "deep": "[" * 60_000,
    "deep inside": GOOD % ('{"path": ' + "[" * 3_000 + "]" * 3_000 + "}"),
    "deep and open": '{"findings":' * 900,
    "another field": with_field("priority", "1"),
    "no line": GOOD % json.dumps({k: v for k, v in FIELDS.items() if k != "line"}),
    "51 remarks": GOOD % ",".join([json.dumps(FIELDS)] * 51),
    "a long problem": with_field("problem", f'"{"x" * 20_000}"'),
    "many braces": "{" * 4_000,
    "yaml": "findings:\n- line: 1\n",
    "single quotes": "{'findings': []}",
    "a comment": '{"findings": [] /* none */}',
    "trailing comma": '{"findings": [],}',
}
READ: Final = {
    "prose before": "Here is what I found:\n%s",
    "prose after": "%s\nLet me know if you need more.",
    "fenced": "```json\n%s\n```",
    "in a fence with words": "I looked {closely}.\n```\n%s\n```\nThat is all {I} saw.",
    "white space": "\n\n  %s\n\n",
    "a byte order mark": "\ufeff%s",
    "twice": "%s\n%s",
}
AS_IT_IS: Final = ("a long problem", "deep", "51 remarks")
"""So long that it comes in one piece: the limit of tokens is another fault."""


@pytest.mark.slow
def test_an_answer_that_is_none_costs_one_more_question_and_its_place_alone(
    tmp_path: Path,
) -> None:
    files = {f"{name}.txt": rows(3) for name in (*BROKEN, *READ)}
    desk = Desk.of(tmp_path, {**files, "a.txt": b"a\n"}, analyzers=[LINTER])

    def review(question: Question) -> str | fake.Fault:
        name = question.path.removesuffix(".txt")
        if name in BROKEN:
            return fake.at_once(BROKEN[name])
        good = answer(question.remark(1))
        return READ[name].replace("%s", good) if name in READ else answer()

    with FakeEngine(script=scripted(review)) as engine:
        report = desk.review(engine, Settings(model=ModelSettings(seconds=60, cache=False)))
        asked = Counter(question.path.removesuffix(".txt") for question in asked_about(engine))
    unharmed(report, desk.review())
    conserved(report, len(READ))
    assert {name: asked[name] for name in BROKEN} == dict.fromkeys(BROKEN, 2)
    assert {name: asked[name] for name in READ} == dict.fromkeys(READ, 1)
    assert (report.mode, run_of(report).outcome) == (Mode.PARTIAL, Outcome.OK)
    missed = left_out(report)
    assert set(missed) == {f"{name}.txt" for name in BROKEN}
    assert all("the answer" in each.reason for each in missed.values())
    assert any("the answer is no JSON" in reason for reason in report.verdict.reasons)
    assert report.model
    assert report.model.effort.requests == sum(asked.values())


@pytest.mark.slow
def test_the_later_of_two_equal_keys_counts(tmp_path: Path) -> None:
    """As in most readers of JSON; what counts is that one of the two does, and is checked."""
    desk = Desk.of(tmp_path, {"a.txt": rows(3)})
    told = json.dumps({**FIELDS, "path": "a.txt"})
    twice = GOOD % told.replace('"line": 1', '"line": 77, "line": 1')
    with FakeEngine(script=scripted(lambda _: '{"findings": [], ' + twice[1:])) as engine:
        report = desk.review(engine)
    (item,) = of_model(report)
    assert (item.standing, item.anchor) == (Standing.INLINE, 1)


# Engines that fail in the middle

Ends = tuple[Any, str, float]
FAULTS: Final[dict[str, Ends]] = {
    "refuses": (fake.refuses(400, "invalid_request_error"), "400", 5.0),
    "forbids": (fake.refuses(401, "authentication_error"), "401", 5.0),
    "out of memory": (fake.refuses(500, "server_error", "CUDA out of memory"), "500", 5.0),
    "busy": (fake.refuses(503, "unavailable_error"), "503", 5.0),
    "another end": (fake.says(answer(), "content_filter"), "for a reason that is none", 5.0),
    "calls a tool": (fake.says("", "tool_calls"), "for a reason that is none", 5.0),
    "cut": (fake.says(answer()[:9], "length"), "limit of tokens", 5.0),
    "fails at the end": (fake.says("", "error"), "failed in the middle", 5.0),
    "dies": (fake.dies, "", 5.0),
    "stops": (fake.stops, "in the middle", 5.0),
    "never answers": (fake.silent, "in time", 4.0),
    "drips": (fake.dripping, "in time", 4.0),
    "drips its head": (fake.dripping_head, "in time", 4.0),
    "never ends": (fake.never_ends, "limit of tokens", 5.0),
    "repeats itself": (fake.repeats, "repeated itself", 5.0),
    "floods": (fake.floods, "", 5.0),
    "ten megabytes": (fake.at_once("x" * (10 << 20)), "", 9.0),
    "rubbish": (fake.rubbish, "does not speak", 5.0),
    "late error": (fake.late_error, "500", 5.0),
    "redirects": (fake.redirects, "", 5.0),
    "compresses": (fake.compressed, "", 5.0),
    "empty": (fake.says(""), "no JSON", 5.0),
    "refuses in words": (fake.says("I cannot help with that."), "no JSON", 5.0),
}
EVERYDAY: Final = ("refuses",)


def faulty(desk: Desk, fault: fake.Fault, well: int = 0) -> tuple[Report, float]:
    """A review by a model that fails after `well` answers, and the seconds that it took."""
    left = [well]

    def review(question: Question) -> str | fake.Fault:
        left[0] -= 1
        return answer(question.remark()) if left[0] >= 0 else fault

    with FakeEngine(script=scripted(review)) as engine:
        started = time.monotonic()
        report = desk.review(engine, Settings(model=ModelSettings(seconds=2.0, workers=1)))
        return report, time.monotonic() - started


@pytest.mark.parametrize(
    "name", [n if n in EVERYDAY else pytest.param(n, marks=pytest.mark.slow) for n in FAULTS]
)
def test_an_engine_that_fails_leaves_the_static_review(name: str, tmp_path: Path) -> None:
    fault, reason, seconds = FAULTS[name]
    desk = Desk.of(tmp_path, {f"{letter}.txt": rows(2) for letter in "abcde"}, analyzers=[LINTER])
    report, took = faulty(desk, fault)
    assert took < seconds
    unharmed(report, desk.review())
    conserved(report, 0)
    assert report.mode is Mode.PARTIAL
    run = run_of(report)
    assert run.outcome is Outcome.FAILED
    assert run.reason
    assert reason in run.reason
    assert any(run.reason in each for each in report.verdict.reasons)
    missed = left_out(report)
    assert set(missed) == {f"{letter}.txt" for letter in "abcde"}
    assert all(each.reason for each in missed.values())
    assert report.verdict.state is State.PASSED


@pytest.mark.slow
def test_what_was_found_before_the_engine_died_stays(tmp_path: Path) -> None:
    desk = Desk.of(tmp_path, {f"{letter}.txt": rows(2) for letter in "abcde"}, analyzers=[LINTER])
    report, _ = faulty(desk, fake.dies, well=2)
    unharmed(report, desk.review())
    conserved(report, 2)
    assert report.mode is Mode.PARTIAL
    assert len(left_out(report)) == 3
    assert report.model
    assert (report.model.units, report.model.missed, report.model.effort.asked) == (5, 3, 2)


@pytest.mark.slow
def test_one_engine_failure_among_answers_costs_one_place(tmp_path: Path) -> None:
    desk = Desk.of(tmp_path, {f"{letter}.txt": rows(2) for letter in "abcdefgh"})

    def review(question: Question) -> str | fake.Fault:
        return fake.rubbish if question.path in ("b.txt", "e.txt") else answer()

    with FakeEngine(script=scripted(review)) as engine:
        report = desk.review(engine)
    assert set(left_out(report)) == {"b.txt", "e.txt"}
    assert (report.mode, run_of(report).outcome) == (Mode.PARTIAL, Outcome.OK)
    assert "not asked about 2 places" in run_of(report).reason
    assert any("not asked about 2 places" in reason for reason in report.verdict.reasons)
