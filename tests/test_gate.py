"""Standings, score and verdict."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer import diff, gate
from reviewer.config import Comments, CoverageSettings, FailOn, Gate, RuleSetting, Settings
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    CoverageOfFile,
    FileSummary,
    Finding,
    Heuristic,
    Judged,
    Outcome,
    PatchCoverage,
    Severity,
    Side,
    Span,
    Standing,
    State,
    Status,
    ToolRun,
)
from reviewer.modelling import EngineMode, EngineSettings, ModelSettings
from reviewer.tree import TOO_LARGE

CHANGES = ChangeSet(
    "b",
    "h",
    diff.parse(
        b"--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,4 @@\n a\n-b\n+c\n+d\n e\n"
        b"--- /dev/null\n+++ b/y.py\n@@ -0,0 +1,1 @@\n+a\n"
    ),
)
SETTINGS = Settings()
FILES = (FileSummary("x.py", Status.MODIFIED, added=2, removed=1),)
OK = ToolRun("ruff", Outcome.OK, measures=(Category.CORRECTNESS,))
KNOWN = PatchCoverage((CoverageOfFile("x.py", (1, 2, 3, 4, 5), ()),), patch=100.0, total=50.0)


def finding(
    start: int = 2,
    end: int = 0,
    path: str = "x.py",
    severity: Severity = Severity.ERROR,
    confidence: Confidence = Confidence.HIGH,
    side: Side = Side.NEW,
) -> Finding:
    span = Span(path, start, end or start)
    return Finding("ruff", "F821", "m", span, severity, confidence, Category.CORRECTNESS, side=side)


def one(item: Finding, settings: Settings = SETTINGS, doubt: str = "") -> Judged:
    (judged,) = gate.judge([(item, doubt)], CHANGES, settings)
    assert judged.note, "every standing has its reason"
    return judged


def test_an_added_line_is_commented_on() -> None:
    judged = one(finding(2))
    assert (judged.standing, judged.anchor) == (Standing.INLINE, 2)


def test_a_range_is_anchored_at_its_first_added_line() -> None:
    assert one(finding(1, 4)).anchor == 2
    assert one(finding(3, 4)).anchor == 3


@pytest.mark.parametrize("start", [1, 4, 99])
def test_a_line_that_was_not_added_is_off_the_diff(start: int) -> None:
    assert one(finding(start)).standing is Standing.OFF_DIFF


def test_the_old_side_has_its_own_lines() -> None:
    assert one(finding(2, side=Side.OLD)).standing is Standing.INLINE
    assert one(finding(3, side=Side.OLD)).standing is Standing.OFF_DIFF


def test_doubt_is_unproven_with_its_reason() -> None:
    judged = one(finding(), doubt="names a file that is not there")
    assert (judged.standing, judged.note) == (
        Standing.UNPROVEN,
        "names a file that is not there",
    )


def test_rules_switch_off_and_change_severity() -> None:
    off = replace(SETTINGS, rules=(RuleSetting(None, rules=("ruff/F*",)),))
    assert one(finding(), off).standing is Standing.IGNORED
    note = replace(SETTINGS, rules=(RuleSetting(Severity.NOTE, rules=("ruff",)),))
    judged = one(finding(), note)
    assert (judged.standing, judged.finding.severity) == (Standing.BODY, Severity.NOTE)


def test_the_base_may_know_or_ignore_a_finding() -> None:
    item = finding()
    found = [(item, "")]
    why = {item.fingerprint: "the base ignores it: generated"}
    (ignored,) = gate.judge(found, CHANGES, SETTINGS, ignored=why)
    assert (ignored.standing, ignored.note) == (Standing.IGNORED, why[item.fingerprint])
    (known,) = gate.judge(found, CHANGES, SETTINGS, known={item.fingerprint})
    assert known.standing is Standing.KNOWN
    assert known.note


def test_below_the_bar_goes_to_the_body() -> None:
    assert one(finding(severity=Severity.NOTE)).standing is Standing.BODY
    assert one(finding(confidence=Confidence.LOW)).standing is Standing.BODY


def test_a_whole_file_has_no_line() -> None:
    item = replace(finding(), span=Span("x.py"))
    assert one(item).standing is Standing.FILE
    assert one(replace(item, severity=Severity.NOTE)).standing is Standing.BODY


def test_the_cap_keeps_the_worst() -> None:
    items = [
        finding(2, severity=Severity.WARNING),
        finding(3, severity=Severity.ERROR),
        finding(1, path="y.py", severity=Severity.ERROR, confidence=Confidence.MEDIUM),
    ]
    settings = replace(SETTINGS, comments=Comments(inline=2))
    judged = gate.judge([(item, "") for item in items], CHANGES, settings)
    assert [j.standing for j in judged] == [Standing.CAPPED, Standing.INLINE, Standing.INLINE]


def test_two_tools_that_agree_are_one_comment_that_names_both() -> None:
    ruff = replace(finding(2), rule="S602", confidence=Confidence.MEDIUM)
    bandit = replace(finding(2), tool="bandit", rule="B602", severity=Severity.WARNING)
    other = replace(finding(2), tool="bandit", rule="B603")
    elsewhere = replace(finding(3), tool="bandit", rule="B602")
    judged = gate.judge([(f, "") for f in (ruff, bandit, other, elsewhere)], CHANGES, SETTINGS)
    assert [j.standing for j in judged] == [
        Standing.INLINE, Standing.MERGED, Standing.INLINE, Standing.INLINE,
    ]  # fmt: skip
    assert judged[0].finding.message == "m (also bandit/B602)"
    assert judged[0].finding.confidence is Confidence.HIGH
    assert judged[0].finding.fingerprint == ruff.fingerprint
    assert judged[1].note == "ruff/S602 says the same on this line"


def test_agreement_makes_the_unsure_surer_by_one_step() -> None:
    low = replace(finding(2), rule="S301", confidence=Confidence.LOW)
    also = replace(low, tool="bandit", rule="B301", severity=Severity.NOTE)
    judged = gate.judge([(also, ""), (low, "")], CHANGES, SETTINGS)
    assert [j.standing for j in judged] == [Standing.MERGED, Standing.INLINE]
    assert judged[1].finding.confidence is Confidence.MEDIUM


severities = st.sampled_from(Severity)


def test_the_cap_prefers_holes_and_bugs_to_remarks_on_form() -> None:
    form = replace(finding(2), category=Category.COVERAGE)
    bug = replace(finding(3), confidence=Confidence.MEDIUM)
    settings = replace(SETTINGS, comments=Comments(inline=1))
    judged = gate.judge([(form, ""), (bug, "")], CHANGES, settings)
    assert [j.standing for j in judged] == [Standing.CAPPED, Standing.INLINE]


findings = st.builds(
    finding,
    start=st.integers(0, 6),
    end=st.integers(0, 6),
    path=st.sampled_from(["x.py", "y.py"]),
    severity=severities,
    confidence=st.sampled_from(Confidence),
    side=st.sampled_from(Side),
)


@given(st.lists(st.tuples(findings, st.sampled_from(["", "doubt"]))), st.integers(0, 3))
def test_every_finding_has_one_standing_and_a_reason(
    found: list[tuple[Finding, str]], limit: int
) -> None:
    judged = gate.judge(found, CHANGES, replace(SETTINGS, comments=Comments(inline=limit)))
    assert [j.finding.fingerprint for j in judged] == [item.fingerprint for item, _ in found]
    assert all(j.note for j in judged)
    assert sum(j.standing is Standing.INLINE for j in judged) <= limit
    for item in judged:
        if item.standing is Standing.INLINE:
            change = CHANGES.by_path[item.finding.span.path]
            old = item.finding.side is Side.OLD
            assert item.anchor in (change.removed if old else change.added)


# --- score ----------------------------------------------------------------------------------------


def parts(
    *judged: Judged, coverage: PatchCoverage = KNOWN, added: int = 10
) -> dict[str, Heuristic]:
    found = gate.heuristics(judged, [OK], coverage, added, SETTINGS)
    return {part.name.value: part for part in found}


def test_what_no_tool_judged_is_not_applicable() -> None:
    assert parts()["security"].score is None
    assert parts()["correctness"].score == 100
    failed = gate.heuristics((), [replace(OK, outcome=Outcome.FAILED)], KNOWN, 1, SETTINGS)
    assert [p.score for p in failed if p.name is Category.CORRECTNESS] == [None]


def test_every_category_is_a_heuristic_once() -> None:
    assert sorted(parts()) == sorted(category.value for category in Category)


def test_an_error_takes_a_quarter_and_size_is_allowed_for() -> None:
    error = one(finding(2))
    assert parts(error)["correctness"].score == 75
    assert parts(error, added=1000)["correctness"].score == 97.5
    assert parts(*[error] * 9)["correctness"].score == 0
    assert parts(one(finding(1)))["correctness"].score == 100


def test_evidence_of_a_whole_file_names_no_line() -> None:
    assert parts(one(finding(0)))["correctness"].evidence == ("x.py ruff/F821",)


def test_evidence_names_places_and_counts_the_rest() -> None:
    assert parts(*[one(finding(2))] * 7)["correctness"].evidence == (
        *["x.py:2 ruff/F821"] * 5,
        "and 2 more",
    )


def test_coverage_is_its_own_score() -> None:
    assert parts()["coverage"].score == 100
    assert parts(coverage=PatchCoverage(unknown="no report"))["coverage"].evidence == ("no report",)
    assert parts(coverage=PatchCoverage())["coverage"].score is None
    few = PatchCoverage((CoverageOfFile("x.py", (), (1,)),), patch=0.0)
    assert parts(coverage=few)["coverage"].score is None


def test_the_score_is_the_weighted_mean_of_what_applies() -> None:
    some = [
        Heuristic(Category.COVERAGE, 30, 50.0),
        Heuristic(Category.STYLE, 10, 100.0),
        Heuristic(Category.TESTS, 60, None),
    ]
    assert gate.score(some) == 62.5
    assert gate.score([]) is None
    assert gate.score([Heuristic(Category.STYLE, 0, 100.0)]) is None


# --- verdict --------------------------------------------------------------------------------------


def decide(
    *judged: Judged,
    files: tuple[FileSummary, ...] = FILES,
    runs: tuple[ToolRun, ...] = (OK,),
    coverage: PatchCoverage = KNOWN,
    settings: Settings = SETTINGS,
) -> tuple[State, int, tuple[str, ...]]:
    score = gate.heuristics(judged, runs, coverage, 10, settings)
    verdict = gate.verdict(files, judged, runs, coverage, score, settings)
    return verdict.state, verdict.exit_code, verdict.reasons


def test_nothing_wrong_passes() -> None:
    assert decide() == (State.PASSED, 0, ())


def test_an_error_on_the_change_fails() -> None:
    state, code, reasons = decide(one(finding()), one(finding()))
    assert (state, code) == (State.FAILED, 1)
    assert reasons == ("2 findings are each an error",)
    assert decide(one(finding()))[2] == ("1 finding is an error",)


def test_fail_on_and_confidence_are_settings() -> None:
    warning = one(finding(severity=Severity.WARNING))
    assert decide(warning)[1] == 0
    wary = replace(SETTINGS, gate=Gate(fail_on=FailOn.WARNING))
    assert decide(warning, settings=wary)[2] == ("1 finding is a warning or worse",)
    calm = replace(SETTINGS, gate=Gate(fail_on=FailOn.NONE))
    assert decide(one(finding()), settings=calm)[1] == 0
    assert decide(one(finding(confidence=Confidence.LOW)))[1] == 0


@pytest.mark.parametrize("start", [1])
def test_findings_off_the_change_do_not_fail(start: int) -> None:
    assert decide(one(finding(start)))[0] is State.PASSED


def test_an_empty_change_is_not_reviewed_and_no_failure() -> None:
    state, code, reasons = decide(files=())
    assert (state, code) == (State.NOT_REVIEWED, 0)
    assert "empty" in reasons[0]
    skipped = (FileSummary("x.png", Status.MODIFIED, skipped="binary"),)
    assert "(binary)" in decide(files=skipped)[2][0]


def test_code_that_could_not_be_read_is_never_green_in_silence() -> None:
    large = FileSummary("big.py", Status.ADDED, added=9, skipped=TOO_LARGE)
    state, code, reasons = decide(files=(large,))
    assert (state, code) == (State.NOT_REVIEWED, 3)
    assert reasons == (f"big.py was not looked into: {TOO_LARGE}",)
    assert decide(files=(large, *FILES))[2] == reasons
    assert decide(files=(large,) * 7)[2][-1] == "nor were 2 more files"
    data = replace(large, path="big.csv")
    assert decide(files=(data,))[1] == 0


def test_a_finding_about_a_file_without_content_counts() -> None:
    link = FileSummary("x.py", Status.MODIFIED, skipped="symbolic link")
    item = one(replace(finding(), span=Span("x.py")))
    assert decide(item, files=(link,))[:2] == (State.FAILED, 1)


def test_a_tool_that_did_not_look_is_named() -> None:
    lost = ToolRun("bandit", Outcome.FAILED, reason="was ended by SIGSEGV")
    assert decide(runs=(OK, lost)) == (State.PASSED, 0, ("bandit failed: was ended by SIGSEGV",))
    idle = ToolRun("bandit", Outcome.SKIPPED, reason="no Python file", concerned=False)
    assert decide(runs=(OK, idle))[2] == ()


def test_no_tool_at_all_is_not_green() -> None:
    lost = ToolRun("ruff", Outcome.SKIPPED, reason="ruff is not installed")
    assert decide(runs=(lost,))[:2] == (State.NOT_REVIEWED, 3)


def test_required_tools_must_have_looked() -> None:
    lost = ToolRun("bandit", Outcome.SKIPPED, reason="bandit is not installed")
    needy = replace(SETTINGS, gate=Gate(required=("bandit", "trivy")))
    state, code, reasons = decide(runs=(OK, lost), settings=needy)
    assert (state, code) == (State.NOT_REVIEWED, 2)
    assert reasons == (
        "bandit skipped: bandit is not installed",
        "trivy is required and switched off",
    )
    met = replace(SETTINGS, gate=Gate(required=("ruff",)))
    assert decide(settings=met)[0] is State.PASSED


def covered(share: float, total: float | None = None) -> PatchCoverage:
    lines = (CoverageOfFile("x.py", tuple(range(1, 10)), (10,)),)
    return PatchCoverage(lines, patch=share, total=total)


def test_coverage_of_the_change_has_a_threshold_without_rounding() -> None:
    assert decide(coverage=covered(80))[0] is State.PASSED
    state, _, reasons = decide(coverage=covered(79.996))
    assert state is State.FAILED
    assert reasons == ("coverage of the change is 79.996 %, under 80 %",)
    off = replace(SETTINGS, coverage=CoverageSettings(patch=None))
    assert decide(coverage=covered(1), settings=off)[0] is State.PASSED


def test_too_few_lines_are_not_judged() -> None:
    few = PatchCoverage((CoverageOfFile("x.py", (), (1, 2, 3, 4)),), patch=0.0)
    assert decide(coverage=few)[0] is State.PASSED


def test_total_coverage_has_a_threshold() -> None:
    wanted = replace(SETTINGS, coverage=CoverageSettings(total=90))
    assert decide(coverage=covered(100, 89.99), settings=wanted)[2] == (
        "total coverage is 89.99 %, under 90 %",
    )
    assert decide(coverage=covered(100, 90), settings=wanted)[0] is State.PASSED


def test_unknown_coverage_is_never_green() -> None:
    unknown = PatchCoverage(unknown="no report")
    assert decide(coverage=unknown) == (
        State.COVERAGE_UNKNOWN,
        0,
        ("coverage is unknown: no report",),
    )
    needed = replace(SETTINGS, coverage=CoverageSettings(required=True))
    assert decide(coverage=unknown, settings=needed)[1] == 2
    off = replace(SETTINGS, coverage=CoverageSettings(patch=None))
    assert decide(coverage=unknown, settings=off)[0] is State.PASSED
    prose = (FileSummary("x.md", Status.MODIFIED, added=2),)
    assert decide(files=prose, coverage=unknown)[0] is State.PASSED


def test_the_score_has_a_threshold() -> None:
    wanted = replace(SETTINGS, gate=Gate(score=90, fail_on=FailOn.NONE))
    assert decide(one(finding()), settings=wanted)[2] == ("the score is 87.5, under 90",)
    assert decide(settings=wanted)[0] is State.PASSED


# The model


def of_model(start: int = 2, category: Category = Category.CORRECTNESS) -> Finding:
    return replace(finding(start, severity=Severity.WARNING), tool="model", category=category)


def test_the_model_counts_only_where_it_shall() -> None:
    found = [(finding(2), ""), (of_model(3), "")]
    assert list(gate.counted(found, SETTINGS)) == found[:1]
    counting = Settings(model=ModelSettings(gate=True))
    assert gate.counted(found, counting) == found


def test_the_model_has_its_own_cap_and_its_own_bar() -> None:
    found = [(of_model(2), ""), (of_model(3), "")]
    few = Settings(model=ModelSettings(inline=1))
    standings = [each.standing for each in gate.judge(found, CHANGES, few)]
    assert standings == [Standing.INLINE, Standing.CAPPED]
    grave = Settings(model=ModelSettings(inline_from=Severity.ERROR))
    assert one(of_model(), grave).standing is Standing.BODY


def test_what_an_analyzer_says_already_is_merged_with_it() -> None:
    low = replace(finding(2, confidence=Confidence.LOW), severity=Severity.WARNING)
    said, echo = gate.judge([(low, ""), (of_model(2), "")], CHANGES, SETTINGS)
    assert (said.standing, echo.standing) == (Standing.BODY, Standing.MERGED)
    assert said.finding.confidence is Confidence.LOW, "not so sure as to reach the gate"
    high, _ = gate.judge(
        [(replace(low, confidence=Confidence.MEDIUM), ""), (of_model(2), "")], CHANGES, SETTINGS
    )
    assert high.finding.confidence is Confidence.HIGH


def test_a_model_that_is_required_must_have_been_asked() -> None:
    required = Settings(engine=EngineSettings(mode=EngineMode.REQUIRED))
    asked = ToolRun("model", Outcome.OK)
    assert decide(runs=(OK, asked), settings=required)[:2] == (State.PASSED, 0)
    away = ToolRun("model", Outcome.SKIPPED, reason="nothing answers")
    assert decide(runs=(OK, away), settings=required)[:2] == (State.NOT_REVIEWED, 5)
    assert decide(runs=(OK, away))[:2] == (State.PASSED, 0)
    assert decide(runs=(OK,), settings=required)[:2] == (State.NOT_REVIEWED, 5)
    assert decide(runs=(asked,))[:2] == (State.NOT_REVIEWED, 3), "a model alone is no review"


def test_a_check_of_integrity_that_failed_stops_the_review() -> None:
    unsafe = ToolRun("model", Outcome.FAILED, reason="the audit log is broken", unsafe=True)
    assert decide(runs=(OK, unsafe))[:2] == (State.NOT_REVIEWED, 4)


def test_a_model_that_was_asked_in_part_is_named() -> None:
    partly = ToolRun("model", Outcome.OK, reason="not asked about 2 places")
    given_ = gate.verdict(FILES, (), (OK, partly), KNOWN, (), SETTINGS)
    assert given_.reasons == ("model: not asked about 2 places",)
