"""JUnit XML: well formed, of the shape that the strictest reader takes, and with honest numbers."""

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given, settings

from reviewer.model import Judged, Outcome, Report, Severity, Standing, State, ToolRun
from reviewer.reports.junit import JUnit
from tests.support.reports import HOSTILE, finding, reports, sample

SHAPE = {
    "testsuites": ({"name"}, {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id",
         "package", "file", "log", "url", "group"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name"},
        {"name", "time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}  # fmt: skip
"""Attributes that an element must have, those it may have, and its children: junit-10.xsd of
https://github.com/jenkinsci/xunit-plugin, without what we do not write."""


def tree(report: Report) -> ET.Element:
    made: ET.Element = fromstring(JUnit().render(report).encode())
    return made


def cases(report: Report) -> list[ET.Element]:
    return list(tree(report).iter("testcase"))


def only(*judged: Judged) -> Report:
    return replace(sample(), judged=judged, runs=())


@given(reports())
@settings(max_examples=15, deadline=None)
def test_it_has_the_shape_that_readers_take(report: Report) -> None:
    root = tree(report)
    assert root.tag == "testsuites"
    for element in root.iter():
        required, allowed, children = SHAPE[element.tag]
        assert required <= set(element.attrib) <= allowed
        assert {child.tag for child in element} <= children
    for suite in root:
        assert int(suite.attrib["tests"]) == len(suite)
        for attribute, tag in (
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            assert int(suite.attrib[attribute]) == len(list(suite.iter(tag)))


@given(reports())
@settings(max_examples=15, deadline=None)
def test_every_finding_is_a_case_of_its_own(report: Report) -> None:
    """GitLab keeps one of two cases of a suite with the same class and name."""
    for suite in tree(report):
        names = Counter((case.get("classname"), case.get("name")) for case in suite)
        assert not names or max(names.values()) == 1
    found = [case for case in cases(report) if case.get("name") not in ("run", "verdict")]
    assert len(found) == len(report.judged)


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("standing", Standing)
def test_errors_and_warnings_on_the_change_fail(severity: Severity, standing: Standing) -> None:
    item = Judged(finding(severity=severity), standing, "because", 42)
    case = cases(only(item))[1]
    on_change = standing.value in ("inline", "file", "body", "capped")
    fails = on_change and severity is not Severity.NOTE
    assert [child.tag for child in case] == ["failure" if fails else "skipped"]
    if not fails:
        told = case[0].attrib["message"]
        assert told.startswith(f"{severity.value}, {standing.value} (because): possible SQL")


@pytest.mark.parametrize(
    ("run", "tag", "words"),
    [
        (ToolRun("ruff", Outcome.OK), None, ""),
        (ToolRun("ruff", Outcome.SKIPPED, reason="no file"), "skipped", "ruff skipped: no file"),
        (ToolRun("ruff", Outcome.FAILED, reason="it broke"), "error", "ruff failed: it broke"),
    ],
)  # fmt: skip
def test_a_tool_without_findings(run: ToolRun, tag: str | None, words: str) -> None:
    case = cases(replace(sample(), judged=(), runs=(run,)))[1]
    assert (case.get("classname"), case.get("name")) == ("ruff", "run")
    assert [child.tag for child in case] == ([tag] if tag else [])
    assert not tag or case[0].get("message") == words


@pytest.mark.parametrize(
    ("state", "tag"),
    [
        (State.PASSED, "system-out"),
        (State.FAILED, "failure"),
        (State.NOT_REVIEWED, "error"),
        (State.COVERAGE_UNKNOWN, "skipped"),
    ],
)
def test_the_verdict_is_the_first_case(state: State, tag: str) -> None:
    case = cases(replace(sample(), verdict=replace(sample().verdict, state=state)))[0]
    assert case.get("name") == "verdict"
    assert [child.tag for child in case] == [tag]


def test_what_xml_forbids_is_a_mark() -> None:
    every = "".join(chr(n) for n in range(0x20)) + "\x7f\x85\udcff\ufffe\uffff\U0001ffff]]>"
    item = Judged(finding(message=every, quote=every, path=every), Standing.INLINE, every, 42)
    failure = cases(only(item))[1][0]
    assert "⟦U+0000⟧" in failure.attrib["message"]
    assert "⟦U+FFFE⟧⟦U+FFFF⟧" in (failure.text or "")


def test_hostile_text_arrives_as_text() -> None:
    item = Judged(finding(message=HOSTILE[2], quote=HOSTILE[13]), Standing.INLINE, "", 42)
    failure = cases(only(item))[1][0]
    assert failure.attrib["message"] == HOSTILE[2]
    assert HOSTILE[13] in (failure.text or "")
