"""The review as JUnit XML, for CI servers that show test results and nothing else.

There is no standard. What is written keeps to the strictest reader, the schema `junit-10.xsd` of
https://github.com/jenkinsci/xunit-plugin, and to what GitLab reads
(https://docs.gitlab.com/ci/testing/unit_test_reports/), which keeps one of two test cases with the
same class and name.
"""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from reviewer import text, words
from reviewer.model import Judged, Outcome, Report, Severity, State, Suggestion, ToolRun, Verdict
from reviewer.reports.base import Format

NAME_CHARS: Final = 200
MESSAGE_CHARS: Final = 1000
DETAIL_CHARS: Final = 4000
"""Characters of a name, of a message and of the text below it."""

QUOTE_LINES: Final = 6

NOT_XML: Final = re.compile("[\ufffe\uffff]")
"""What XML 1.0 forbids beside what `text.visible` marks (section 2.2, Char)."""


@dataclass(frozen=True)
class JUnit:
    """A test suite a tool, a test case a finding.

    Errors and warnings on the change are failures. Every other finding is a skipped test case that
    says why. A tool that found nothing passes, one that was skipped is skipped, one that broke is
    an error. The first suite is the verdict.
    """

    name: ClassVar[str] = "junit"
    filename: ClassVar[str] = "junit.xml"

    def render(self, report: Report) -> str:
        root = ET.Element("testsuites", name="reviewer")
        _verdict(root, report.verdict)
        found: dict[str, list[Judged]] = {}
        for item in words.by_place(report.judged):
            found.setdefault(item.finding.tool, []).append(item)
        for run in report.runs:
            _tool(root, run, found.pop(run.tool, []))
        for tool, items in sorted(found.items()):
            _findings(_suite(root, tool), items)
        for suite in root:
            _sum_up(suite)
        ET.indent(root, " ")
        made = ET.tostring(root, encoding="unicode")
        made = f'<?xml version="1.0" encoding="UTF-8"?>\n{made}\n'
        return text.markup_without_commands(made)


def plain(shown: str, limit: int) -> str:
    """Text that XML can hold, hidden characters as marks."""
    marked = NOT_XML.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text.visible(shown))
    return text.clip(marked, limit)


def _suite(root: ET.Element, name: str, seconds: float = 0.0) -> ET.Element:
    return ET.SubElement(root, "testsuite", name=plain(name, NAME_CHARS), time=f"{seconds:.3f}")


def _case(suite: ET.Element, group: str, name: str) -> ET.Element:
    names = {"classname": plain(group, NAME_CHARS), "name": plain(name, NAME_CHARS)}
    return ET.SubElement(suite, "testcase", names)


def _result(case: ET.Element, tag: str, message: str, detail: str = "", kind: str = "") -> None:
    """Why a case did not pass. `tag` is failure, error or skipped."""
    result = ET.SubElement(case, tag, message=plain(text.one_line(message), MESSAGE_CHARS))
    if kind:
        result.set("type", kind)
    if detail:
        result.text = plain(detail, DETAIL_CHARS)


def _verdict(root: ET.Element, verdict: Verdict) -> None:
    case = _case(_suite(root, "reviewer"), "reviewer", "verdict")
    told = f"{words.STATES[verdict.state]}, {words.score_line(verdict.score)}"
    tag = {State.FAILED: "failure", State.NOT_REVIEWED: "error", State.COVERAGE_UNKNOWN: "skipped"}
    if verdict.state in tag:
        _result(case, tag[verdict.state], told, "\n".join(verdict.reasons), verdict.state.value)
    else:
        ET.SubElement(case, "system-out").text = plain(told, DETAIL_CHARS)


def _tool(root: ET.Element, run: ToolRun, found: Sequence[Judged]) -> None:
    suite = _suite(root, run.tool, run.seconds)
    if run.outcome is not Outcome.OK or not found:
        case = _case(suite, run.tool, "run")
        if run.outcome is not Outcome.OK:
            tag = "error" if run.outcome is Outcome.FAILED else "skipped"
            _result(case, tag, f"{run.tool} {run.outcome.value}: {run.reason}")
    _findings(suite, found)


def _findings(suite: ET.Element, found: Sequence[Judged]) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for item in found:
        finding = item.finding
        group = text.path(finding.span.path)
        name = f"{text.terminal(finding.rule)}, {words.lines_of(finding)}"
        key = plain(group, NAME_CHARS), plain(name, NAME_CHARS - 12)
        seen[key] += 1
        again = f" (no. {seen[key]})" if seen[key] > 1 else ""
        case = _case(suite, key[0], key[1] + again)
        if item.standing in words.ON_CHANGE and finding.severity > Severity.NOTE:
            _result(case, "failure", finding.message, _detail(item), finding.severity.value)
        else:
            standing = f"{finding.severity.value}, {item.standing.value} ({item.note})"
            _result(case, "skipped", f"{standing}: {finding.message}")


def _detail(item: Judged) -> str:
    finding = item.finding
    lines = finding.quote.split("\n") if finding.quote else []
    place = f"{text.path(finding.span.path)}, {words.lines_of(finding)}"
    sure = f"{finding.rule_id}, {item.standing.value}, {finding.confidence.value} confidence"
    quote = "\n".join(f"  {line}" for line in lines[:QUOTE_LINES])
    why = f"why: {finding.help}" if finding.help else ""
    fix = _fix(finding.suggestion) if finding.suggestion else ""
    link = finding.url if words.is_link(finding.url) else ""
    return "\n".join(part for part in (place, sure, quote, why, fix, link) if part)


def _fix(suggestion: Suggestion) -> str:
    told, shown = words.fix(suggestion)
    return f"fix {told}:\n{suggestion.text}" if shown else f"fix {told}"


def _sum_up(suite: ET.Element) -> None:
    """The numbers that readers show before they look at the cases."""
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))


PLUGIN: Final[type[Format]] = JUnit
