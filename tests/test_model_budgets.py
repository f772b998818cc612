"""What the model's part may take: requests, tokens, seconds, context. What is left is listed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from reviewer.config import Settings
from reviewer.context import units as context
from reviewer.effort import Budget
from reviewer.engines._openai import OpenAI
from reviewer.errors import ContextTooLong
from reviewer.model import (
    Category,
    Confidence,
    Finding,
    Mode,
    Outcome,
    PatchCoverage,
    Report,
    Severity,
    Span,
    Standing,
    State,
)
from reviewer.modelling import TOOL, ModelSettings
from reviewer.prompts import Prompts
from reviewer.question import Questions
from tests.fakes import engine as fake
from tests.fakes.engine import FakeEngine, Handler
from tests.support.modelled import (
    Desk,
    Question,
    answer,
    asked_about,
    left_out,
    of_model,
    questions,
    run_of,
    scripted,
)
from tests.support.reviewing import Says
from tests.support.room import room, runner

slow: Final = pytest.mark.slow
LINTER: Final = Says("linter")
TWELVE: Final = {f"f{n:02}.txt": b"one\ntwo\n" for n in range(12)}


def finds(question: Question) -> str:
    return answer(question.remark())


def after(seconds: float) -> Callable[[Question], fake.Fault]:
    """The answers of a slow engine."""

    def reply(question: Question) -> fake.Fault:
        def late(handler: Handler) -> None:
            if not handler.engine.ended.wait(seconds):
                handler.stream(finds(question))

        return late

    return reply


def budget(place: Path, script: Any, **settings: Any) -> tuple[Report, int, float]:
    """A review of twelve files, the questions that came in, and the seconds it took."""
    desk = Desk.of(place, TWELVE, analyzers=[LINTER])
    with FakeEngine(script=script) as engine:
        started = time.monotonic()
        report = desk.review(engine, Settings(model=ModelSettings(**settings)))
        return report, len(questions(engine)), time.monotonic() - started


def partly(report: Report, missed: int, reason: str) -> None:
    """So many files are told as not asked about, for this reason; the rest is as ever."""
    out = left_out(report)
    assert len(out) == missed
    assert all(reason in each.reason for each in out.values()), out
    assert all((each.start, each.end) == (1, 2) for each in out.values())
    assert report.model
    assert (report.model.units, report.model.missed) == (12, missed)
    assert len(of_model(report)) == 12 - missed
    assert not {item.finding.span.path for item in of_model(report)} & set(out)
    assert report.mode is Mode.PARTIAL
    run = run_of(report)
    assert run.outcome is (Outcome.FAILED if missed == 12 else Outcome.OK)
    assert reason in run.reason
    assert any(reason in each for each in report.verdict.reasons)
    assert report.verdict.state is State.PASSED


@pytest.mark.parametrize("workers", [8, pytest.param(1, marks=slow), pytest.param(99, marks=slow)])
def test_no_request_more_than_allowed_is_made(workers: int, tmp_path: Path) -> None:
    """Not one, however many ask at a time."""
    script = scripted(after(0.02))
    report, asked, _ = budget(tmp_path, script, requests=5, workers=workers)
    assert asked == 5
    partly(report, 7, "the 5 requests of model.requests were made")
    assert report.model
    assert report.model.effort.requests == 5


@slow
@pytest.mark.parametrize(
    "fault", [fake.says("garbage"), fake.says("{", "length"), fake.refuses(400), fake.never_ends]
)
def test_requests_without_an_answer_count_too(fault: fake.Fault, tmp_path: Path) -> None:
    report, asked, _ = budget(tmp_path, scripted(lambda _: fault), requests=3, workers=4)
    assert asked == 3
    assert report.model
    assert report.model.effort.requests == 3
    assert (report.model.missed, report.mode) == (12, Mode.PARTIAL)


@slow
def test_second_looks_and_rewrites_count_too(tmp_path: Path) -> None:
    """Twelve questions, three second looks, and no rewrite."""

    def review(question: Question) -> str:
        return answer(question.remark(replacement="one"))

    told = '{"thought": "", "input": "any", "verdict": "holds"}'
    script = scripted(review, lambda _: '{"thought": "", "replacement": "1"}', lambda _: told)
    report, asked, _ = budget(tmp_path, script, requests=15, verify=True)
    assert asked == 15
    believed = [item for item in of_model(report) if item.standing is not Standing.UNPROVEN]
    assert len(believed) == 3
    doubts = {item.note for item in of_model(report) if item.standing is Standing.UNPROVEN}
    assert doubts == {"verify: the 15 requests of model.requests were made"}
    assert len(of_model(report)) == 12


@slow
def test_no_rewrite_is_asked_for_beyond_the_budget(tmp_path: Path) -> None:
    def review(question: Question) -> str:
        return answer(question.remark(replacement="one"))

    script = scripted(review, lambda _: '{"thought": "", "replacement": "1"}')
    report, asked, _ = budget(tmp_path, script, requests=14, inline=50)
    assert asked == 14
    edits = [item.finding.suggestion for item in of_model(report)]
    assert sum(edit is not None and "changes nothing" in edit.refused for edit in edits) == 10


@slow
def test_tokens_end_the_asking(tmp_path: Path) -> None:
    """The server tells of some 80 tokens a question."""
    report, asked, _ = budget(tmp_path, scripted(finds), tokens=300, workers=1)
    assert 2 <= asked <= 6
    partly(report, 12 - asked, "the 300 tokens of model.tokens were used")
    assert report.model
    used = report.model.effort
    assert 300 <= used.prompt_tokens + used.answer_tokens < 500


@slow
def test_tokens_are_exceeded_by_no_more_than_was_under_way(tmp_path: Path) -> None:
    report, asked, _ = budget(tmp_path, scripted(after(0.05)), tokens=100, workers=4)
    assert asked <= 8
    partly(report, 12 - asked, "tokens of model.tokens")


@slow
def test_time_ends_the_asking(tmp_path: Path) -> None:
    """What was answered by then stays."""
    report, _, seconds = budget(tmp_path, scripted(after(0.4)), seconds=1.0, workers=1)
    assert seconds < 2.5
    out = left_out(report)
    assert 8 <= len(out) <= 11
    reasons = {each.reason for each in out.values()}
    assert "the 1 seconds of model.seconds were over" in reasons
    assert len(reasons) <= 2, "and the one that it came too late for"
    assert len(of_model(report)) == 12 - len(out)
    assert report.mode is Mode.PARTIAL


@slow
def test_a_token_a_second_is_cut_off(tmp_path: Path) -> None:
    desk = Desk.of(tmp_path, TWELVE, analyzers=[LINTER])
    with FakeEngine(script=scripted(finds)) as engine:
        client = desk.review  # the trial is answered at once, all else drips

        def script(body: dict[str, Any]) -> str:
            engine.delay = 1.0
            return scripted(finds)(body)

        engine.script = script
        started = time.monotonic()
        report = client(engine, Settings(model=ModelSettings(seconds=2.0)))
        assert time.monotonic() - started < 4.5
    partly(report, 12, "")
    assert run_of(report).outcome is Outcome.FAILED


# The context


PROGRAM: Final = """\
import decimal


def unit_price(kind, rebate):
    return decimal.Decimal(kind) - rebate


def nothing():
    return None


def total(kind):
    # a line that stands around the change
    known = 1
    known = 2
    known = 3
    known = 4
    known = 5
    price = unit_price(kind, 0)
    return price


def invoice(kind):
    return total(kind)
"""
CHANGED: Final = PROGRAM.replace("unit_price(kind, 0)", "unit_price(kind, 1) / 2")
CALLEE: Final = "def unit_price(kind, rebate)"
CALLER: Final = "def invoice(kind)"
AROUND: Final = "# a line that stands around the change"


def shown(words: str) -> tuple[bool, ...]:
    """Which parts a prompt has: callees and callers, imports and the lines around."""
    return CALLEE in words and CALLER in words, AROUND in words, "import decimal" in words


@slow
def test_a_unit_that_is_too_long_is_cut_step_by_step(tmp_path: Path) -> None:
    desk = Desk.of(tmp_path, {"a.py": CHANGED.encode()}, {"a.py": PROGRAM.encode()})

    def asked(most: int) -> tuple[str, Report]:
        with FakeEngine(script=scripted(lambda _: answer()), context=100_000) as engine:
            report = desk.review(engine, Settings(model=ModelSettings(prompt_tokens=most)))
            bodies = [each.body["messages"] for each in questions(engine)]
        return "\n".join(part["content"] for part in bodies[0]) if bodies else "", report

    def size(words: str) -> int:
        return -(-len(words) // 3)  # as the server counts

    whole, _ = asked(100_000)
    assert shown(whole) == (True, True, True)
    near, _ = asked(size(whole) - 1)
    assert shown(near) == (False, True, True)
    bare, report = asked(size(near) - 1)
    assert shown(bare) == (False, False, False)
    assert report.mode is Mode.FULL
    none, report = asked(size(bare) - 1)
    assert none == ""
    assert report.mode is Mode.PARTIAL
    assert "does not fit into the model's context" in left_out(report)["a.py"].reason
    assert run_of(report).outcome is Outcome.FAILED


@slow
def test_second_looks_and_rewrites_are_cut_as_well(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": CHANGED.encode()}, {"a.py": PROGRAM.encode()})
    (unit,) = context.build(changes, tree, (), PatchCoverage(), runner(tmp_path)).units
    claim = Finding(
        TOOL, "bug", "wrong", Span("a.py", unit.added[0], unit.added[0]), Severity.ERROR,
        Confidence.MEDIUM, Category.CORRECTNESS,
    )  # fmt: skip
    prompts = Prompts.of({})
    whole = "\n".join(each.content for each in prompts.verify(unit, claim))
    assert shown(whole)[1]
    told = '{"thought": "", "input": "any", "verdict": "holds"}'
    with FakeEngine(script=lambda _: told, context=100_000) as engine:
        client = OpenAI(engine.url)
        able, unable = (
            Questions(client, prompts, wanted, Budget(wanted, time.monotonic() + 9), changes, tree)
            for wanted in (ModelSettings(prompt_tokens=n) for n in (len(whole) // 3, 50))
        )
        assert able.verify(unit, claim).confidence is Confidence.HIGH
        with pytest.raises(ContextTooLong):
            unable.verify(unit, claim)
        with pytest.raises(ContextTooLong):
            unable.rewrite(unit, claim, "it changes nothing")
        (sent,) = engine.chats()
    assert shown(sent.body["messages"][1]["content"]) == (False, True, False)


@slow
def test_the_servers_own_context_counts(tmp_path: Path) -> None:
    """Less than any question needs: nothing is sent, and the reason told."""
    desk = Desk.of(tmp_path, {"a.py": CHANGED.encode()}, {"a.py": PROGRAM.encode()})
    with FakeEngine(script=scripted(lambda _: answer()), context=1500) as engine:
        report = desk.review(engine)
        assert questions(engine) == []
    assert "172 tokens are allowed" in left_out(report)["a.py"].reason
    with FakeEngine(script=scripted(lambda _: answer()), context=900) as engine:
        report = desk.review(engine)
    assert "0 tokens are allowed" in left_out(report)["a.py"].reason


@slow
def test_a_server_that_finds_a_question_too_long_costs_that_place_alone(tmp_path: Path) -> None:
    too_long = fake.refuses(400, "exceed_context_size_error", "maximum context length is 9 tokens")

    def review(question: Question) -> str | fake.Fault:
        return too_long if question.path < "f04" else finds(question)

    report, asked, _ = budget(tmp_path, scripted(review))
    assert asked == 12
    partly(report, 4, "longer than the engine takes")


@slow
@pytest.mark.parametrize("owner", ["vllm", "llamacpp", "other"])
def test_tokens_are_counted_by_the_server_where_it_matters(owner: str, tmp_path: Path) -> None:
    """A text of fewer bytes than tokens are allowed fits, whatever a token is."""
    long = {"a.txt": b"".join(b"row %d of many\n" % n for n in range(140))}
    desk = Desk.of(tmp_path, long)

    def counts(most: int) -> tuple[int, int]:
        def script(_: dict[str, Any]) -> str:
            return answer()

        with FakeEngine(owner=owner, script=script, context=50_000) as engine:
            desk.review(engine, Settings(model=ModelSettings(prompt_tokens=most)))
            counted = [each for each in engine.seen if each.path == "/tokenize"]
            return len(counted), len(questions(engine))

    assert counts(40_000) == (0, 1)
    assert counts(4_000) == (0 if owner == "other" else 1, 1)


@slow
def test_a_huge_file_does_not_delay_the_others(tmp_path: Path) -> None:
    """Of each file one unit comes before a second of any."""
    huge = b"".join(b"row %d of very many rows in here\n" % n for n in range(2000))
    small = {f"{letter}.txt": b"x\n" for letter in "abcde"}
    desk = Desk.of(tmp_path, {"huge.txt": huge, **small})
    with FakeEngine(script=scripted(lambda _: answer())) as engine:
        desk.review(engine, Settings(model=ModelSettings(workers=1)))
        paths = [question.path for question in asked_about(engine)]
    assert set(paths[:6]) == {"huge.txt", *small}
    assert set(paths[6:]) == {"huge.txt"}
    assert len(paths) > 15
