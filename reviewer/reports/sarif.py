"""The findings as SARIF 2.1.0, for code scanning and for editors.

The standard is https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; what GitHub takes
of it is at https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final
from urllib.parse import quote

import msgspec

from reviewer import opinion, text
from reviewer.model import (
    Category,
    Finding,
    Judged,
    ModelReview,
    Outcome,
    Proof,
    Report,
    Severity,
    Side,
    Span,
    Standing,
    State,
    Suggestion,
    ToolRun,
)
from reviewer.reports.base import Format
from reviewer.version import VERSION
from reviewer.words import STANDINGS, by_weight, is_link

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

RESULTS: Final = 5000
"""Results of one run that GitHub shows; it takes 25,000 and keeps these."""

DESCRIPTION_CHARS: Final = 1024
NAME_CHARS: Final = 255
"""Characters of a rule's descriptions and name that GitHub takes."""

TEXT_CHARS: Final = 4000
"""Characters of a message, a help text or a quote; 5,000 results of this size stay under the 10 MB
that GitHub takes compressed."""

LEVEL: Final[Mapping[Severity, str]] = MappingProxyType(
    {Severity.NOTE: "note", Severity.WARNING: "warning", Severity.ERROR: "error"}
)

PROBLEM: Final[Mapping[Severity, str]] = MappingProxyType(
    {Severity.NOTE: "recommendation", Severity.WARNING: "warning", Severity.ERROR: "error"}
)

SECURITY: Final[Mapping[Severity, str]] = MappingProxyType(
    {Severity.NOTE: "3.0", Severity.WARNING: "5.5", Severity.ERROR: "8.0"}
)
"""GitHub shows a security-severity under 4 as low, under 7 as medium, under 9 as high."""

SUPPRESSED: Final = (Standing.MERGED, Standing.KNOWN, Standing.IGNORED, Standing.UNPROVEN)


@dataclass(frozen=True)
class Sarif:
    """Every finding as a result, every tool that did not run as a notification.

    `home` is the address of the page about the tool; without it none is named.
    """

    home: str = ""

    name: ClassVar[str] = "sarif"
    filename: ClassVar[str] = "report.sarif"

    def render(self, report: Report) -> str:
        kept = by_weight(report.judged)[:RESULTS]
        rules = _rules(kept)
        indexes = {rule["id"]: index for index, rule in enumerate(rules)}
        driver = {
            "name": "reviewer",
            "version": VERSION,
            "semanticVersion": VERSION,
            **({"informationUri": self.home} if is_link(self.home) else {}),
            "rules": rules,
        }
        run = {
            "tool": {"driver": driver},
            "automationDetails": {"id": "reviewer/"},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {
                "%SRCROOT%": {"description": {"text": "The top of the repository."}}
            },
            "invocations": [_invocation(report, len(report.judged) - len(kept))],
            "results": [_result(item, indexes) for item in kept],
            "properties": {"mode": report.mode.value, **_manifest(report.model)},
        }
        document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
        made = msgspec.json.format(msgspec.json.encode(document), indent=1).decode()
        return text.json_without_commands(made) + "\n"


def plain(words: str, limit: int = TEXT_CHARS) -> str:
    """Text for a SARIF message: `[a](b)` would be a link (section 3.11.6), a space breaks it."""
    return text.clip(text.visible(words).replace("](", "] ("), limit)


def uri(path: str) -> str:
    """A path as a relative reference (RFC 3986): its bytes, percent-encoded."""
    return quote(path.encode("utf-8", "surrogateescape"), safe="/")


def _identity(finding: Finding) -> str:
    return text.clip(text.terminal(finding.rule_id), NAME_CHARS)


def _rules(kept: Sequence[Judged]) -> list[dict[str, Any]]:
    """Each rule once, as its worst finding has it."""
    first: dict[str, Finding] = {}
    for item in kept:
        first.setdefault(_identity(item.finding), item.finding)
    return [_rule(name, finding) for name, finding in sorted(first.items())]


def _rule(name: str, finding: Finding) -> dict[str, Any]:
    security = finding.category is Category.SECURITY
    summary = plain(finding.message, DESCRIPTION_CHARS) or name
    return {
        "id": name,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": plain(finding.help, DESCRIPTION_CHARS) or summary},
        "help": {"text": plain(finding.help) or summary},
        **({"helpUri": finding.url} if is_link(finding.url) else {}),
        "defaultConfiguration": {"level": LEVEL[finding.severity]},
        "properties": {
            "precision": finding.confidence.value,
            "problem.severity": PROBLEM[finding.severity],
            "tags": [finding.category.value],
            **({"security-severity": SECURITY[finding.severity]} if security else {}),
        },
    }


def _result(item: Judged, indexes: Mapping[str, int]) -> dict[str, Any]:
    finding, name = item.finding, _identity(item.finding)
    return {
        "ruleId": name,
        "ruleIndex": indexes[name],
        "level": LEVEL[finding.severity],
        "message": {"text": plain(finding.message) or name},
        "locations": [{"physicalLocation": _location(item)}],
        # GitHub recognises an alert again by the first of them alone.
        "partialFingerprints": {
            "primaryLocationLineHash": finding.fingerprint,
            "reviewer/v1": finding.fingerprint,
        },
        "suppressions": [_suppression(item)] if item.standing in SUPPRESSED else [],
        **_fixes(finding.suggestion),
        "properties": {
            "confidence": finding.confidence.value,
            "standing": item.standing.value,
            "standingReason": plain(item.note, DESCRIPTION_CHARS),
        },
    }


def _artifact(path: str) -> dict[str, str]:
    return {"uri": uri(path), "uriBaseId": "%SRCROOT%"}


def _location(item: Judged) -> dict[str, Any]:
    """The place in the new file: line 1 stands for all of it, and for what is no longer in it."""
    finding = item.finding
    gone = finding.side is Side.OLD or item.standing is Standing.UNPROVEN
    if finding.span.whole_file or gone:
        region: dict[str, Any] = {"startLine": 1}
    else:
        region = _region(finding.span)
        if finding.quote:
            region["snippet"] = {"text": text.clip(text.visible(finding.quote), TEXT_CHARS)}
    return {"artifactLocation": _artifact(finding.span.path), "region": region}


def _region(span: Span) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": span.start, "endLine": max(span.start, span.end)}
    if span.column:
        region["startColumn"] = span.column
        if span.end_column > span.column or (span.end_column and span.end > span.start):
            region["endColumn"] = span.end_column
    return region


def _suppression(item: Judged) -> dict[str, str]:
    words = f"{STANDINGS[item.standing]}: {item.note}"
    return {
        "kind": "external",
        "status": "accepted",
        "justification": plain(words, DESCRIPTION_CHARS),
    }


def _fixes(suggestion: Suggestion | None) -> dict[str, Any]:
    """A suggestion that is known to apply, as a replacement of whole lines."""
    if suggestion is None or suggestion.proof < Proof.APPLIES or suggestion.span.whole_file:
        return {}
    span = suggestion.span
    replacement = {
        "deletedRegion": {"startLine": span.start, "endLine": max(span.start, span.end)},
        "insertedContent": {"text": text.visible(suggestion.text.removesuffix("\n"))},
    }
    change = {"artifactLocation": _artifact(span.path), "replacements": [replacement]}
    words = {"text": f"Replace it; the new text {suggestion.proof.value}."}
    return {"fixes": [{"description": words, "artifactChanges": [change]}]}


def _invocation(report: Report, cut: int) -> dict[str, Any]:
    notifications = [
        _not_run(run) for run in report.runs if run.outcome is not Outcome.OK or run.reason
    ]
    if cut:
        words = f"{text.count(cut, 'finding')} of {len(report.judged):,} left out here: "
        notifications.append(
            _notification("results-cut", "warning", words + "the JSON report has them all.")
        )
    return {
        "executionSuccessful": report.verdict.state is not State.NOT_REVIEWED,
        "toolExecutionNotifications": notifications,
    }


def _not_run(run: ToolRun) -> dict[str, Any]:
    """One on a tool that did not run, or not on everything."""
    level = "error" if run.outcome is Outcome.FAILED else "warning" if run.concerned else "note"
    words = plain(f"{run.tool} {run.outcome.value}: {run.reason}", DESCRIPTION_CHARS)
    return _notification(f"tool-{run.outcome.value}", level, words)


def _manifest(model: ModelReview | None) -> dict[str, Any]:
    """What the model's part can be repeated from."""
    told = opinion.manifest(model) if model else []
    return {"model": {plain(key, NAME_CHARS): plain(value) for key, value in told}} if told else {}


def _notification(name: str, level: str, words: str) -> dict[str, Any]:
    return {"descriptor": {"id": name}, "level": level, "message": {"text": words}}


PLUGIN: Final[type[Format]] = Sarif
