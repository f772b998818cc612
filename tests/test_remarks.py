"""What we write: in the words of a colleague, with the mark as the last line, within the limits."""

from dataclasses import replace

import pytest

from reviewer import remarks
from reviewer.marks import Marks
from reviewer.model import (
    CoverageOfFile,
    FileSummary,
    Finding,
    Judged,
    Mode,
    Outcome,
    PatchCoverage,
    Proof,
    Severity,
    Span,
    Standing,
    State,
    Status,
    Suggestion,
    ToolRun,
    Verdict,
)
from reviewer.remarks import BODY, Account
from tests.support.publishing import PATH, on_line, report, standing
from tests.support.reports import finding, review_by_model, said

MARK = Marks("octo/shop", 7).finding("0" * 32, "ruff")
PAGE = "https://example.org/rules"
WIDE = "\u202e@#`*|\U0001f600" * 400


def page(_: Finding) -> str:
    return PAGE


def test_a_comment_says_what_why_and_what_to_do() -> None:
    made = finding(
        message="the query is built from strings", help="Pass the values apart from the query."
    )
    assert remarks.comment(made, MARK, PAGE) == (
        "**error:** the query is built from strings\n\n"
        "Advice: Pass the values apart from the query\\.\n\n"
        f"Rule: [`ruff/S608`]({PAGE})\n\n{MARK}"
    )


def test_what_a_comment_may_add() -> None:
    fix = Suggestion(Span(PATH, 3, 3), "better()\n", Proof.CLEAN)
    body = remarks.comment(finding(), MARK, PAGE, ["bandit/B608", "x/y"], "lines 3-80", fix)
    assert "\n\nThis is about lines 3-80.\n\n" in body
    assert "`bandit/B608`, `x/y` say the same." in body
    assert "\n```suggestion\nbetter()\n```\n" in body
    assert body.splitlines()[-1] == MARK


def test_what_a_model_wrote_is_labelled() -> None:
    fix = Suggestion(Span(PATH, 3, 3), "better()", Proof.CLEAN)
    body = remarks.comment(said("bug", 3), MARK, PAGE, suggestion=fix)
    assert f"Rule: [`model/bug`]({PAGE}), written by a model\n" in body
    assert f"\n\n{remarks.OFFER}\n\n```suggestion\nbetter()\n```\n" in body
    item = Judged(said("bug", 3), Standing.BODY, "below warning")
    assert f"([`model/bug`]({PAGE}), by a model; below warning)" in remarks.listed(item, page)
    plain = remarks.comment(finding(), MARK, PAGE, suggestion=fix)
    assert "model" not in plain


@pytest.mark.parametrize(
    ("code", "block"),
    [
        ("", "```suggestion\n```"),
        ("\n", "```suggestion\n\n```"),
        ("a\n\nb\n", "```suggestion\na\n\nb\n```"),
        ("```\nx\n````\n", "`````suggestion\n```\nx\n````\n`````"),
        ("\tif x:\n", "```suggestion\n\tif x:\n```"),
    ],
)
def test_a_suggestion_is_the_code_itself(code: str, block: str) -> None:
    fix = Suggestion(Span(PATH, 3, 3), code, Proof.CLEAN)
    assert remarks.committable(fix)
    assert f"\n\n{block}\n\n{MARK}" in remarks.comment(finding(), MARK, PAGE, suggestion=fix)


@pytest.mark.parametrize("code", ["a\u202eb", "a\r\nb", "\x1b[0m", "x" * 20_001, "\ufeff"])
def test_what_cannot_be_seen_is_not_offered(code: str) -> None:
    assert not remarks.committable(Suggestion(Span(PATH, 3, 3), code, Proof.CLEAN))


def test_the_longest_comment_fits() -> None:
    made = finding(rule=WIDE, message=WIDE, help=WIDE)
    fix = Suggestion(Span(PATH, 3, 3), "é" * 10_000, Proof.CLEAN)
    body = remarks.comment(made, MARK, PAGE, [WIDE] * 9, "lines 1-9", fix)
    assert len(body.encode()) <= BODY and body.splitlines()[-1] == MARK


def test_a_review_is_short() -> None:
    severe = [finding(), finding(severity=Severity.WARNING), finding()]
    given = report(
        on_line(3),
        coverage=PatchCoverage(files=(CoverageOfFile("src/a.py", (1,), (2, 3, 4, 9)),), patch=20.0),
    )
    assert remarks.review(given, severe, MARK, first=True) == (
        "2 errors and 1 warning on their lines. "
        "Verdict: **failed**, score 80 of 100: 1 error.\n\n"
        "No test runs these added lines:\n\n- `src/a.py` 2\\-4, 9\n\n"
        "The rest is in the summary comment on this request and in the report of the run."
        f"\n\n{MARK}"
    )
    assert remarks.review(given, severe[:1], MARK, first=False) == (
        f"1 error more on its line.\n\n{MARK}"
    )


def test_the_end_of_the_audit_log_is_in_what_is_written_once() -> None:
    given = report(on_line(3), model=review_by_model())
    checkpoint = review_by_model().effort.checkpoint
    body = remarks.review(given, [finding()], MARK, first=True)
    assert f"Audit log of the model's calls: `{checkpoint}`\n" in body
    assert checkpoint not in remarks.review(given, [finding()], MARK, first=False)
    assert remarks.verdict(given).endswith(f"Audit log: `{checkpoint}`")
    assert checkpoint not in remarks.summary(given, Account(), page)[0]
    for odd in ("", "42:`x`", f"42:{'6f' * 32}\n@all"):
        effort = replace(review_by_model().effort, checkpoint=odd)
        other = report(on_line(3), model=review_by_model(effort=effort))
        assert "Audit log" not in remarks.review(other, [finding()], MARK, first=True)
        assert "Audit log" not in remarks.verdict(other)


def test_a_summary_says_who_was_asked_about_how_much() -> None:
    body, _ = remarks.summary(report(model=review_by_model()), Account(), page)
    assert "<summary>Model: saw 12 of 14 places</summary>" in body
    assert "- qwen2\\.5\\-coder\\-7b \\(reviewer 0\\.1\\.0\\), weights 5e5e5e5e5e5e\n" in body
    assert "- Not asked about 2 places, the 600 seconds of model\\.seconds were over: " in body
    assert "Model:" not in remarks.summary(report(), Account(), page)[0]


def test_a_summary_says_what_was_not_done() -> None:
    given = report(
        mode=Mode.PARTIAL,
        runs=(
            ToolRun("ruff", Outcome.FAILED, reason="it crashed"),
            ToolRun("trivy", Outcome.SKIPPED, reason="not on this machine"),
            ToolRun("shellcheck", Outcome.SKIPPED, reason="no script", concerned=False),
        ),
        changes=(FileSummary("a.bin", Status.ADDED, skipped="binary"),),
        notes=("the model did not answer",),
        verdict=Verdict(State.NOT_REVIEWED, None, ("no tool could review",), 3),
    )
    body, listed = remarks.summary(given, Account(hints=("the review was refused",)), page)
    assert listed == frozenset()
    for words in (
        "## reviewer: not reviewed, no score",
        "Partial review (1 tool failed): ",
        "- no tool could review",
        "- Did not run: ruff failed: it crashed",
        "- Did not run: trivy skipped: not on this machine",
        "- shellcheck skipped: no script",
        "- Note: the review was refused",
        "- Note: the model did not answer",
        "coverage of the change\\: no added line can be measured",
        "1 file, binary: a\\.bin",
        "Reviewed `aaaaaaaaaaaa`.",
    ):
        assert words in body, words


def test_a_summary_counts_and_lists() -> None:
    items = [standing(on_line(n, f"S{n}"), Standing.BODY) for n in (3, 4)]
    account = Account(
        on_lines=2,
        resolved=[on_line(9, "S9")],
        annotated=1,
        listed=items,
        counted=[standing(on_line(5), Standing.KNOWN)],
    )
    body, listed = remarks.summary(report(*items), account, page)
    assert listed == {item.finding.fingerprint for item in items}
    assert "2 findings with a comment on the line. 1 finding annotated on the line." in body
    assert "In the report alone: 1 known." in body
    assert "Still there, though its thread is resolved:\n\n- **error**" in body
    assert "<summary>2 findings without a comment of their own</summary>" in body
    assert f"([`ruff/S3`]({PAGE}); body)" in body


@pytest.mark.slow
def test_the_largest_summary_fits_and_counts_what_it_cuts() -> None:
    wide = [standing(on_line(n % 30 + 1, f"S{n}", message=WIDE), Standing.BODY) for n in range(400)]
    given = report(
        *wide,
        runs=tuple(ToolRun(WIDE, Outcome.FAILED, WIDE, reason=WIDE) for _ in range(200)),
        changes=tuple(
            FileSummary(WIDE + str(n), Status.ADDED, skipped=WIDE + str(n)) for n in range(200)
        ),
        notes=(WIDE,) * 200,
        verdict=Verdict(State.FAILED, 0.0, (WIDE,) * 200, 1),
        coverage=PatchCoverage(
            tuple(CoverageOfFile(WIDE + str(n), (), tuple(range(1, 900, 2))) for n in range(200)),
            0.0,
            notes=(WIDE,) * 200,
        ),
    )
    account = Account(resolved=wide[:200], listed=wide, hints=(WIDE,) * 99)
    body, listed = remarks.summary(given, account, page)
    assert len(remarks.closed(body, MARK).encode()) <= BODY
    assert 0 < len(listed) < 400
    assert f"- {400 - len(listed)} more in the report" in body
    assert body.count("<details>") == body.count("</details>")
    review = remarks.review(given, [item.finding for item in wide[:25]], MARK, first=True)
    assert len(review.encode()) <= BODY


def test_equal_reports_make_equal_texts() -> None:
    given = report(on_line(3))
    slow = replace(given, runs=tuple(replace(run, seconds=99.0) for run in given.runs))
    account = Account(listed=given.judged)
    assert remarks.summary(given, account, page) == remarks.summary(slow, account, page)


def test_a_check_and_its_annotations_are_plain() -> None:
    assert remarks.verdict(report(on_line(3))).endswith("\n\n- 1 error")
    made = finding(message="a\x1b[0m <b> @x", help="h" * 9000)
    text = remarks.plain(made)
    assert text.startswith("a⟦U+001B⟧[0m <b> @x\nhhh") and len(text) == 4000
