"""The findings on the change as a GitLab Code Quality report.

The format is at https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format: one
JSON array, without a byte order mark. It knows problems and nothing else, so that findings away
from the change are counted in one entry, and tools that did not run are named in another; both
stand at our settings file. The JSON report has everything.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

import msgspec

from reviewer import text, words
from reviewer.model import Category, Finding, Judged, Report, Severity, Side
from reviewer.reports.base import Format

SEVERITY: Final[Mapping[Severity, str]] = MappingProxyType(
    {Severity.NOTE: "info", Severity.WARNING: "minor", Severity.ERROR: "major"}
)
HOLE: Final = "critical"
"""An error of security. "blocker" is left to the verdict, which is no finding."""

PLACE: Final = ".github/reviewer.yml"
"""Where the entries about the review itself stand: GitLab takes none without a path."""

DESCRIPTION_CHARS: Final = 2000
"""Characters of a description: a list of one-line entries is made of them."""


@dataclass(frozen=True)
class CodeQuality:
    """One entry a finding on the change, the worst first."""

    name: ClassVar[str] = "codequality"
    filename: ClassVar[str] = "gl-code-quality-report.json"

    def render(self, report: Report) -> str:
        on_change = [item for item in report.judged if item.standing in words.ON_CHANGE]
        entries = [*_about_review(report), *map(_entry, words.by_weight(on_change))]
        made = msgspec.json.format(msgspec.json.encode(entries), indent=1).decode()
        return text.json_without_commands(made) + "\n"


def _entry(item: Judged) -> dict[str, Any]:
    """One finding. A line that is gone has no number any more: line 1 stands for it."""
    finding = item.finding
    gone = finding.side is Side.OLD
    told = f"{words.lines_of(finding)}: {finding.message}" if gone else finding.message
    return _problem(
        told,
        check=finding.rule_id,
        fingerprint=finding.fingerprint,
        severity=_severity(finding),
        path=text.path(finding.span.path),
        line=1 if gone else item.anchor or finding.span.start or 1,
    )


def _severity(finding: Finding) -> str:
    hole = finding.category is Category.SECURITY and finding.severity is Severity.ERROR
    return HOLE if hole else SEVERITY[finding.severity]


def _about_review(report: Report) -> Iterator[dict[str, Any]]:
    """What GitLab would otherwise not show, each with a fingerprint that stays."""
    elsewhere = [item.standing for item in report.judged if item.standing not in words.ON_CHANGE]
    if elsewhere:
        number = text.count(len(elsewhere), "more finding")
        yield _own("elsewhere", f"{number} in the JSON report: {words.counted(elsewhere)}", "info")
    absent = words.not_run(report)
    if absent:
        number = text.count(len(absent), "tool")
        yield _own("not-run", f"{number} did not run: {'; '.join(absent)}", "minor")


def _own(rule: str, told: str, severity: str) -> dict[str, Any]:
    check = f"reviewer/{rule}"
    fingerprint = hashlib.sha256(check.encode()).hexdigest()[:32]
    return _problem(
        told, check=check, fingerprint=fingerprint, severity=severity, path=PLACE, line=1
    )


def _problem(
    told: str, *, check: str, fingerprint: str, severity: str, path: str, line: int
) -> dict[str, Any]:
    return {
        "description": text.clip(text.terminal(told), DESCRIPTION_CHARS),
        "check_name": text.terminal(check),
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {"path": path, "lines": {"begin": line}},
    }


PLUGIN: Final[type[Format]] = CodeQuality
