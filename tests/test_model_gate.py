"""The model proposes, code disposes: what it may and may not do to the verdict and the findings."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

from reviewer.config import Gate, Settings
from reviewer.engines.none import Nobody
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
from reviewer.modelling import EngineMode, EngineSettings, ModelSettings
from tests.fakes import engine as fake
from tests.fakes.engine import FakeEngine
from tests.support.modelled import (
    Desk,
    Question,
    answer,
    of_model,
    of_others,
    prints,
    questions,
    run_of,
    scripted,
)
from tests.support.reviewing import Done, Says, checkout, only, reviewer

ROWS: Final = b"".join(b"row %d of many\n" % n for n in range(1, 41))


def static(**changes: Any) -> Finding:
    found = Finding(
        "linter", "S1", "unsafe", Span("a.txt", 5, 5), Severity.WARNING, Confidence.LOW,
        Category.SECURITY,
    )  # fmt: skip
    return replace(found, **changes)


def says(*findings: Finding) -> Says:
    return Says("linter", findings, (Category.SECURITY, Category.CORRECTNESS))


def remarks(*changes: Mapping[str, Any]) -> Callable[[Question], str]:
    """What the model says of line 5 or others."""
    return lambda question: answer(*(question.remark(**{"line": 5, **each}) for each in changes))


GRAVE: Final = {"line": 30, "severity": "error", "category": "security"}
ECHO: Final = {"line": 5, "severity": "error", "category": "security"}


def reviews(
    place: Path, analyzer: Says, settings: Settings, *said: Mapping[str, Any]
) -> tuple[Report, Report]:
    """The same change with what the model says, and without a model."""
    desk = Desk.of(place, {"a.txt": ROWS}, analyzers=[analyzer])
    with FakeEngine(script=scripted(remarks(*said))) as engine:
        return desk.review(engine, settings), desk.review(settings=settings)


STRICT: Final = Gate(confidence=Confidence.LOW, score=99.0)


slow: Final = pytest.mark.slow


@pytest.mark.parametrize("gate", [pytest.param(Gate(), marks=slow), STRICT])
def test_the_model_does_not_move_score_or_verdict(gate: Gate, tmp_path: Path) -> None:
    report, plain = reviews(tmp_path, says(), Settings(gate=gate), GRAVE, {"severity": "error"})
    assert len(of_model(report)) == 2
    assert all(item.standing is Standing.INLINE for item in of_model(report))
    assert (report.verdict, report.heuristics) == (plain.verdict, plain.heuristics)
    assert report.verdict.state is State.PASSED
    assert report.mode is Mode.FULL


@slow
def test_it_does_where_a_setting_says_so(tmp_path: Path) -> None:
    settings = Settings(model=ModelSettings(gate=True))
    report, plain = reviews(tmp_path, says(), settings, GRAVE)
    assert (report.verdict.state, report.verdict.exit_code) == (State.FAILED, 1)
    assert "1 finding is an error" in report.verdict.reasons[0]
    assert report.verdict.score is not None
    assert plain.verdict.score is not None
    assert report.verdict.score < plain.verdict.score
    assert plain.verdict.state is State.PASSED


@slow
def test_it_does_not_for_what_is_not_believed(tmp_path: Path) -> None:
    settings = Settings(model=ModelSettings(gate=True))
    told = {**GRAVE, "quote": "this stands nowhere"}
    report, plain = reviews(tmp_path, says(), settings, told)
    assert of_model(report)[0].standing is Standing.UNPROVEN
    assert report.verdict == plain.verdict


# Duplicates of what analyzers say


@pytest.mark.parametrize(
    ("before", "bar"),
    [
        pair if pair == (Confidence.LOW, Confidence.HIGH) else pytest.param(*pair, marks=slow)
        for pair in product(Confidence, Confidence)
    ],
)
def test_a_duplicate_makes_a_static_finding_surer_and_the_gate_no_stricter(
    before: Confidence, bar: Confidence, tmp_path: Path
) -> None:
    settings = Settings(gate=Gate(confidence=bar, score=97.0))
    grave = static(severity=Severity.ERROR, confidence=before)
    report, plain = reviews(tmp_path, says(grave), settings, ECHO)
    (echo,), (other,) = of_model(report), of_others(report)
    assert (echo.standing, echo.note) == (Standing.MERGED, "linter/S1 says it already")
    assert "(also model/security)" in other.finding.message
    after = list(Confidence).index(other.finding.confidence) - list(Confidence).index(before)
    kept_back = before < bar and list(Confidence).index(bar) == list(Confidence).index(before) + 1
    assert after == (0 if kept_back or before is Confidence.HIGH else 1)
    assert (report.verdict, report.heuristics) == (plain.verdict, plain.heuristics)


@slow
def test_several_duplicates_are_one_step(tmp_path: Path) -> None:
    found = static(span=Span("a.txt", 3, 9))
    settings = Settings(gate=Gate(confidence=Confidence.LOW))
    far = [
        {**ECHO, "line": 3, "problem": "Paths escape the root."},
        {**ECHO, "line": 9, "problem": "Joining the parts is unsafe with a leading slash."},
    ]
    report, plain = reviews(tmp_path, says(found), settings, *far)
    assert [item.standing for item in of_model(report)] == [Standing.MERGED] * 2
    (other,) = of_others(report)
    assert other.finding.confidence is Confidence.MEDIUM
    assert other.finding.message.count("also model") == 1
    assert (report.verdict, report.heuristics) == (plain.verdict, plain.heuristics)


@slow
@pytest.mark.parametrize(
    ("severity", "confidence", "standing"),
    [
        (Severity.ERROR, Confidence.HIGH, Standing.MERGED),
        (Severity.ERROR, Confidence.LOW, Standing.MERGED),
        (Severity.WARNING, Confidence.HIGH, Standing.INLINE),
    ],
)
def test_a_duplicate_that_counts_is_merged_only_with_what_counts_as_much(
    severity: Severity, confidence: Confidence, standing: Standing, tmp_path: Path
) -> None:
    found = static(severity=severity, confidence=confidence)
    settings = Settings(model=ModelSettings(gate=True))
    report, _ = reviews(tmp_path, says(found), settings, ECHO)
    assert [item.standing for item in of_model(report)] == [standing]
    assert len(of_others(report)) == 1
    assert report.verdict.exit_code == 1
    assert report.verdict.reasons[0].startswith("1 finding is an error")


OTHERS: Final = {
    "another category": {**ECHO, "category": "bug"},
    "another line": GRAVE,
    "in doubt": {**ECHO, "quote": "this stands nowhere"},
    "praise": {**ECHO, "problem": "Great job!", "scenario": ""},
}


@slow
@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_duplicate_leaves_static_findings_as_they_are(name: str, tmp_path: Path) -> None:
    low = static(severity=Severity.NOTE, confidence=Confidence.LOW)
    report, plain = reviews(tmp_path, says(low, static(rule="S2")), Settings(), OTHERS[name])
    assert prints(of_others(report)) == prints(of_others(plain))
    assert of_model(report)[0].standing is not Standing.MERGED


@slow
def test_static_findings_are_commented_on_before_those_of_a_model(tmp_path: Path) -> None:
    """As many as there are comments: the model's come after."""
    found = [static(span=Span("a.txt", n, n), confidence=Confidence.HIGH) for n in range(1, 11)]
    told = [{**GRAVE, "severity": "warning", "line": 20}]
    report, plain = reviews(tmp_path, says(*found), Settings(), *told)
    assert prints(of_others(report)) == prints(of_others(plain))
    assert sum(item.standing is Standing.INLINE for item in of_others(report)) == 10
    assert of_model(report)[0].standing is Standing.CAPPED


# Modes


@slow
def test_nothing_configured_is_no_failure(tmp_path: Path) -> None:
    report = Desk.of(tmp_path, {"a.txt": ROWS}, analyzers=[says()]).review()
    run = run_of(report)
    assert (run.outcome, run.concerned) == (Outcome.SKIPPED, False)
    assert (report.mode, report.verdict.state) == (Mode.STATIC, State.PASSED)
    assert report.verdict.reasons == ()
    assert report.model is None


REQUIRED: Final = Settings(engine=EngineSettings(mode=EngineMode.REQUIRED))


@pytest.mark.parametrize(
    "fault", [pytest.param("unwell", marks=slow), pytest.param("nobody", marks=slow), "no answers"]
)
def test_a_model_that_is_required_and_absent_ends_with_5(fault: str, tmp_path: Path) -> None:
    found = static(severity=Severity.ERROR, confidence=Confidence.HIGH)
    desk = Desk.of(tmp_path, {"a.txt": ROWS}, analyzers=[says(found)])
    with FakeEngine(script=scripted(lambda _: fake.rubbish)) as engine:
        if fault == "unwell":
            engine.answers.append('{"line": 77, "problem": "x"}')
        report = desk.review(Nobody() if fault == "nobody" else engine, REQUIRED)
    assert (report.verdict.state, report.verdict.exit_code) == (State.NOT_REVIEWED, 5)
    assert "a review by a model is required" in report.verdict.reasons[0]
    assert run_of(report).reason in report.verdict.reasons[0]
    assert prints(of_others(report)) == prints(of_others(desk.review()))


@slow
def test_a_model_that_is_required_and_well_passes(tmp_path: Path) -> None:
    desk = Desk.of(tmp_path, {"a.txt": ROWS}, analyzers=[says()])
    with FakeEngine(script=scripted(remarks(GRAVE))) as engine:
        report = desk.review(engine, REQUIRED)
    assert (report.verdict.state, report.verdict.exit_code) == (State.PASSED, 0)


# By the command

CODE: Final = b"import subprocess\n\n\ndef run(word):\n    subprocess.run(word, shell=True)\n"


def command(place: Path, url: str, **env: str) -> tuple[Done, dict[str, Any]]:
    """A review by the command, and the report that it leaves."""
    checkout(place / "checkout", {"a.py": b"x = 1\n"}, {"a.py": CODE})
    given = {**only("bandit"), "REVIEWER_DATA_DIR": str(place / "data"), **env}
    words = ("review", "--format", "json", "--output", str(place / "report.json"))
    address = {"REVIEWER_ENGINE_URL": url} if url else {}
    done = reviewer(*words, cwd=place / "checkout", env={**given, **address})
    return done, json.loads((place / "report.json").read_text())


def static_rules(report: Mapping[str, Any]) -> set[str]:
    return {each["rule"] for each in report["findings"] if each["tool"] != "model"}


@slow
def test_off_sends_nothing(tmp_path: Path) -> None:
    with FakeEngine(script=scripted(remarks())) as engine:
        done, report = command(tmp_path, engine.url, REVIEWER_ENGINE_MODE="off")
        assert engine.seen == []
    assert done.code in (0, 1)
    assert (report["mode"], report["model"]) == ("static", None)
    assert static_rules(report)
    assert not any("model" in reason for reason in report["verdict"]["reasons"])


@slow
def test_required_and_dead_ends_with_5_and_keeps_the_static_review(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9"
    done, report = command(tmp_path, url, REVIEWER_ENGINE_MODE="required")
    assert done.code == 5
    assert report["verdict"]["exit_code"] == 5
    assert static_rules(report)
    assert "a review by a model is required" in report["verdict"]["reasons"][0]


@slow
def test_required_and_not_configured_ends_with_5(tmp_path: Path) -> None:
    done, report = command(tmp_path, "", REVIEWER_ENGINE_MODE="required")
    assert done.code == 5
    assert static_rules(report)


@slow
@pytest.mark.parametrize("audit", ["required", "best-effort"])
def test_without_its_audit_log_a_review_asks_no_model(audit: str, tmp_path: Path) -> None:
    """The folder of the log is a file: nothing can be written there, whoever we are."""
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data/audit").write_bytes(b"")
    with FakeEngine(script=scripted(lambda q: answer())) as engine:
        done, report = command(tmp_path, engine.url, REVIEWER_MODEL_AUDIT=audit)
        asked = len(engine.chats())
    if audit == "required":
        assert (done.code, report["verdict"]["exit_code"]) == (4, 4)
        assert asked == 0
        assert report["model"] is None
        assert any("audit" in reason for reason in report["verdict"]["reasons"])
    else:
        assert done.code in (0, 1)
        assert len(questions(engine)) == 1
        assert "audit" in done.err
    assert static_rules(report)


@slow
def test_what_the_model_finds_is_in_the_report_of_the_command(tmp_path: Path) -> None:
    def review(question: Question) -> str:
        return answer(question.remark(4, category="bug", severity="error"))

    with FakeEngine(script=scripted(review)) as engine:
        done, report = command(tmp_path, engine.url)
    told = [each for each in report["findings"] if each["tool"] == "model"]
    assert [each["standing"] for each in told] == ["inline"]
    assert report["mode"] == "full"
    assert report["model"]["effort"]["requests"] == 1
    plain, before = command(tmp_path / "plain", "")
    assert (done.code, report["verdict"]) == (plain.code, before["verdict"])
    assert static_rules(report) == static_rules(before)
    assert list((tmp_path / "data/audit").iterdir())


@slow
def test_another_thing_on_lines_of_a_finding_is_no_duplicate(tmp_path: Path) -> None:
    found = static(span=Span("a.txt", 3, 9))
    report, _ = reviews(tmp_path, says(found), Settings(), {**ECHO, "line": 7})
    assert [item.standing for item in of_model(report)] == [Standing.INLINE]
