"""GitLab Code Quality: what GitLab's documentation asks of the format."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from reviewer import gate, words
from reviewer.model import Category, Judged, Outcome, Report, Severity, Side, Span, Standing
from reviewer.reports.codequality import CodeQuality
from tests.support.reports import finding, reports, sample

SEVERITIES = {"info", "minor", "major", "critical", "blocker"}


def entries(report: Report) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(CodeQuality().render(report))
    return made


def only(*judged: Judged) -> Report:
    return replace(sample(), judged=judged, runs=())


def test_what_is_on_the_change_is_what_the_gate_looks_at() -> None:
    assert set(words.ON_CHANGE) == set(gate.ON_CHANGE)


@given(reports())
@settings(max_examples=30, deadline=None)
def test_each_entry_has_what_gitlab_asks_for(report: Report) -> None:
    made = CodeQuality().render(report)
    assert made.startswith("[")  # no byte order mark
    for entry in json.loads(made):
        assert set(entry) == {
            "description", "check_name", "fingerprint", "severity", "location",
        }  # fmt: skip
        assert entry["severity"] in SEVERITIES
        assert re.fullmatch("[0-9a-f]{32}", entry["fingerprint"])
        assert entry["location"]["path"]
        assert entry["location"]["lines"]["begin"] >= 1
        assert "\n" not in entry["description"]


@pytest.mark.parametrize(
    ("severity", "category", "expected"),
    [
        (Severity.NOTE, Category.SECURITY, "info"),
        (Severity.WARNING, Category.SECURITY, "minor"),
        (Severity.ERROR, Category.SECURITY, "critical"),
        (Severity.ERROR, Category.COMPLEXITY, "major"),
    ],
)
def test_severities(severity: Severity, category: Category, expected: str) -> None:
    item = Judged(finding(severity=severity, category=category), Standing.INLINE, "", 42)
    assert entries(only(item))[0]["severity"] == expected


@pytest.mark.parametrize(
    ("side", "span", "anchor", "line"),
    [
        (Side.NEW, Span("a.py", 3, 9), 5, 5),
        (Side.NEW, Span("a.py"), 0, 1),
        (Side.OLD, Span("a.py", 12, 12), 12, 1),
    ],
)
def test_lines_are_those_of_the_new_file(side: Side, span: Span, anchor: int, line: int) -> None:
    item = Judged(finding(span=span, side=side), Standing.INLINE, "", anchor)
    assert entries(only(item))[0]["location"] == {"path": "a.py", "lines": {"begin": line}}


def test_a_removed_line_is_named() -> None:
    item = Judged(finding(side=Side.OLD, start=12), Standing.INLINE, "", 12)
    assert entries(only(item))[0]["description"].startswith("removed line 12: possible")


def test_all_that_is_away_from_the_change_is_one_entry() -> None:
    away = [Judged(finding(), Standing.OFF_DIFF, "")] * 2 + [Judged(finding(), Standing.KNOWN, "")]
    entry = entries(only(*away))[0]
    assert entry["description"] == "3 more findings in the JSON report: 2 off-diff, 1 known"
    assert entry["fingerprint"] == entries(only(*away[:1]))[0]["fingerprint"]


def test_a_clean_review_is_an_empty_array() -> None:
    ok = tuple(run for run in sample().runs if run.outcome is Outcome.OK)
    assert CodeQuality().render(replace(sample(), judged=(), runs=ok)) == "[]\n"
