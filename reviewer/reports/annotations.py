"""The findings as annotations of a GitHub workflow run: lines for the log of the step.

The commands are at https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands,
the limits in actions/runner, ExecutionContext.cs (`_maxIssueMessageLength`, 4,096 characters a
message) and its server, which keeps 10 errors, 10 warnings and 10 notices a step and 50 a job.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final

from reviewer import text, words
from reviewer.model import Finding, Judged, Report, Severity, Side, Standing
from reviewer.reports.base import Format

LIMIT: Final = 10
"""Annotations of each level that GitHub keeps of one step."""

MESSAGE_UNITS: Final = 4096
"""UTF-16 code units of a message: what the runner counts as characters."""

TITLE_CHARS: Final = 255
PATH_CHARS: Final = 4096
"""A longer path exists on no runner (PATH_MAX of Linux)."""

LEVEL: Final[Mapping[Severity, str]] = MappingProxyType(
    {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
)

ANNOTATED: Final = (Standing.INLINE, Standing.FILE, Standing.CAPPED)
"""What is worth a comment: GitHub shows an annotation where it would show one."""


@dataclass(frozen=True)
class Annotations:
    """The worst `limit` of each level; a last notice says the verdict and what is not shown."""

    limit: int = LIMIT

    name: ClassVar[str] = "annotations"
    filename: ClassVar[str] = "annotations.txt"

    def render(self, report: Report) -> str:
        ordered = words.by_weight(i for i in report.judged if i.standing in ANNOTATED)
        lines: list[str] = []
        for severity in LEVEL:
            room = self.limit - (severity is Severity.NOTE)
            same = [item for item in ordered if item.finding.severity is severity]
            lines += map(annotation, same[:room])
        lines.append(closing(report, len(lines)))
        return "\n".join(lines) + "\n"


def annotation(item: Judged) -> str:
    """The annotation of one finding."""
    finding = item.finding
    named = ",".join(f"{key}={text.workflow_property(value)}" for key, value in _place(item))
    gone = f"{words.lines_of(finding)}: " if finding.side is Side.OLD else ""
    told = "\n".join(part for part in (gone + finding.message, finding.help) if part)
    return f"::{LEVEL[finding.severity]} {named}::{_message(told)}"


def _place(item: Judged) -> Iterator[tuple[str, str]]:
    """The properties of a command. Lines are those of the file as it is after the change."""
    finding: Finding = item.finding
    yield "file", text.clip(text.path(finding.span.path), PATH_CHARS)
    line = item.anchor or finding.span.start
    if line and finding.side is Side.NEW:
        yield "line", str(line)
        yield "endLine", str(max(line, finding.span.end))
    yield "title", text.clip(text.terminal(finding.rule_id), TITLE_CHARS)


def _message(told: str) -> str:
    """A message that the runner does not cut, and that therefore ends with a whole character."""
    shown = text.visible(told)
    units = shown.encode("utf-16-le")
    if len(units) > 2 * MESSAGE_UNITS:
        kept = units[: 2 * (MESSAGE_UNITS - 1)].decode("utf-16-le", "ignore")
        shown = f"{kept}…"
    return text.workflow_data(shown)


def closing(report: Report, shown: int) -> str:
    """One notice on the whole review, of which `shown` findings have annotations."""
    verdict = report.verdict
    title = f"reviewer: {words.STATES[verdict.state]}, {words.score_line(verdict.score)}"
    told = list(verdict.reasons)
    if report.judged:
        standings = words.counted(item.standing for item in report.judged)
        rest = len(report.judged) - shown
        hidden = f"; {rest:,} not shown here, the report has them" if rest else ""
        told.append(f"{text.count(len(report.judged), 'finding')} ({standings}){hidden}")
    told += (f"did not run: {absent}" for absent in words.not_run(report))
    told.append(words.coverage_line(report.coverage))
    return f"::notice title={text.workflow_property(title)}::{_message(chr(10).join(told))}"


PLUGIN: Final[type[Format]] = Annotations
