"""The Markdown summary: within GitHub's limit, whatever is in the report."""

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from reviewer.model import (
    CoverageOfFile,
    FileSummary,
    Heuristic,
    Judged,
    PatchCoverage,
    Report,
    Severity,
    Standing,
    Status,
    ToolRun,
)
from reviewer.reports.summary import LIMIT, Summary
from tests.support.reports import OVER, finding, sample

HTML = MarkdownIt("gfm-like").render


def with_findings(number: int) -> Report:
    severities = list(Severity)
    judged = tuple(
        Judged(
            finding(
                start=n + 1, severity=severities[n % 3], message=f"finding {n}.", quote="x" * 99
            ),
            Standing.INLINE if n % 2 else Standing.OFF_DIFF,
            "",
        )
        for n in range(number)
    )
    return replace(sample(), judged=judged)


def test_verdict_and_mode_come_first() -> None:
    lines = Summary().render(sample()).split("\n")
    assert lines[0] == "## reviewer: failed, score 71.2 of 100"
    assert lines[2].startswith("A partial review, of `1f0c4d8e9a7b")


def test_what_the_model_took_and_what_it_was_not_asked_is_told() -> None:
    html = HTML(Summary().render(sample()))
    for words in (
        "<summary>Model: saw 12 of 14 places</summary>",
        "<li>Model: qwen2.5-coder-7b (reviewer 0.1.0), weights 5e5e5e5e5e5e",
        "<li>Tokens: 41,234 of questions (30,000 cached by the engine), 2,345 of answers",
        "<li>Seconds: context 0.1, ask 31.5, prove 1.2",
        f"<li>Audit log: 42:{'6f' * 32}",
        f"<li>Not asked about 2 places, {OVER}: src/shop/orders.py:100-130, src/café\\xe9\\n.py:1-",
        "<li>Not believed: 1 finding, claim: refutes itself",
        "Fix refused: line 63 would not parse: expected ':'",
    ):
        assert words in html.replace("\u200b", ""), words
    assert "Model:" not in Summary().render(replace(sample(), model=None))


def test_what_does_not_fit_is_cut_from_the_least_and_counted() -> None:
    made = Summary(limit=20_000).render(with_findings(300))
    assert 15_000 < len(made.encode()) <= 20_000
    assert "### 300 findings, 150 to look at" in made
    shown = made.count("\n- **") + made.count("\n- error") + made.count("\n- note")
    assert f"**{300 - shown} findings did not fit on this page.**" in made
    assert "\n- **error**" in made
    assert "\n- **note**" not in made
    assert "<summary>150 off-diff: " in made


def test_what_fits_is_not_cut() -> None:
    assert "did not fit" not in Summary().render(with_findings(300))


@pytest.mark.slow
@pytest.mark.parametrize("char", ["$", "@", "😀", "\u202e", "\n"])
def test_no_report_is_larger_than_the_limit(char: str) -> None:
    long = char * 1500
    report = replace(
        sample(),
        request=replace(sample().request, repository=long, base=long, head=long),
        judged=tuple(
            Judged(finding(path=long, message=long, quote=long, help=long), standing, long)
            for standing in Standing
        )
        * 30,
        verdict=replace(sample().verdict, reasons=(long,) * 500),
        notes=(long,) * 500,
        runs=(ToolRun(long, sample().runs[0].outcome, long, reason=long),) * 500,
        heuristics=(Heuristic(sample().heuristics[0].name, 1, 1, (long,) * 9),) * 500,
        changes=tuple(FileSummary(long, Status.ADDED, skipped=f"{n}{long}") for n in range(500)),
        coverage=PatchCoverage(
            tuple(CoverageOfFile(long, (), tuple(range(1, 5000, 2))) for _ in range(500)),
            patch=None,
            unknown=long,
            sources=(long,) * 500,
            notes=(long,) * 500,
        ),
    )
    made = Summary().render(report)
    assert len(made.encode()) <= LIMIT
    assert "and 450 more" in made


def test_the_pieces_are_where_they_belong() -> None:
    html = HTML(Summary().render(sample()))
    assert html.count("<details>") == html.count("</details>") == len(Standing) - 2 + 4
    assert html.count("<table>") == 3
    assert "<h4><code>src/café\\xe9\\n.py</code></h4>" in html
    assert "<summary>Tools: 7 ok, 2 skipped, 1 failed</summary>" in html
    assert "<td>src/shop/orders.py</td>\n<td>50-58</td>" in html
    assert (
        "<li>6 files, binary: assets/model.bin, img/1.png, img/2.png, img/3.png, and 2 more" in html
    )
