"""Trivy's JSON report (schema 2) as findings."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import field

from reviewer.analyzers.base import NOT_UNDERSTOOD, Name
from reviewer.errors import ToolFailed
from reviewer.model import Category, Confidence, Finding, Severity, Span
from reviewer.text import clip
from reviewer.tree import Tree

SCHEMA: Final = 2
SEVERITIES: Final = {
    "CRITICAL": Severity.ERROR,
    "HIGH": Severity.ERROR,
    "MEDIUM": Severity.WARNING,
    "LOW": Severity.NOTE,
}
"""Trivy's own scale; UNKNOWN and anything new count as a note."""

TROUBLING: Final = frozenset(("forbidden", "restricted"))
"""Classes of licences that Trivy takes from Google's licenseclassifier and rates high."""

MASK: Final = "\u2022\u2022\u2022"
QUOTE: Final = 400
MESSAGE: Final = 1000
"""Characters of a quote and of a message; some advisories are whole pages."""


class Location(msgspec.Struct, frozen=True):
    """Lines in a lock file."""

    start: int = field(name="StartLine", default=0)
    end: int = field(name="EndLine", default=0)


class Package(msgspec.Struct, frozen=True):
    """A dependency that a lock file names."""

    name: str = field(name="Name", default="")
    version: str = field(name="Version", default="")
    locations: list[Location] = field(name="Locations", default_factory=list)


class Vulnerability(msgspec.Struct, frozen=True):
    """A known weakness of a dependency."""

    id: Name = field(name="VulnerabilityID")
    package: str = field(name="PkgName")
    installed: str = field(name="InstalledVersion", default="")
    fixed: str = field(name="FixedVersion", default="")
    title: str = field(name="Title", default="")
    severity: str = field(name="Severity", default="UNKNOWN")
    url: str = field(name="PrimaryURL", default="")


class Misconfiguration(msgspec.Struct, frozen=True):
    """A check that a file failed; its cause are lines of it."""

    id: Name = field(name="ID")
    title: str = field(name="Title", default="")
    message: str = field(name="Message", default="")
    resolution: str = field(name="Resolution", default="")
    severity: str = field(name="Severity", default="UNKNOWN")
    url: str = field(name="PrimaryURL", default="")
    status: str = field(name="Status", default="FAIL")
    cause: Location = field(name="CauseMetadata", default=Location())


class Secret(msgspec.Struct, frozen=True):
    """A secret; `match` is its line with the value as asterisks."""

    rule: Name = field(name="RuleID")
    title: str = field(name="Title", default="A secret")
    severity: str = field(name="Severity", default="UNKNOWN")
    start: int = field(name="StartLine", default=0)
    end: int = field(name="EndLine", default=0)
    match: str = field(name="Match", default="")


class Licence(msgspec.Struct, frozen=True):
    """A licence of a dependency, or of a file when `package` is empty."""

    name: str = field(name="Name")
    category: str = field(name="Category", default="")
    severity: str = field(name="Severity", default="UNKNOWN")
    package: str = field(name="PkgName", default="")
    path: str = field(name="FilePath", default="")


class Result(msgspec.Struct, frozen=True):
    """What was found in one file; `null` lists come for empty ones."""

    target: str = field(name="Target")
    packages: list[Package] | None = field(name="Packages", default=None)
    vulnerabilities: list[Vulnerability] | None = field(name="Vulnerabilities", default=None)
    misconfigurations: list[Misconfiguration] | None = field(name="Misconfigurations", default=None)
    secrets: list[Secret] | None = field(name="Secrets", default=None)
    licences: list[Licence] | None = field(name="Licenses", default=None)


class Output(msgspec.Struct, frozen=True):
    """The whole report."""

    schema: int = field(name="SchemaVersion")
    results: list[Result] | None = field(name="Results", default=None)


class File:
    """A file of the change that findings are about."""

    def __init__(self, path: str, tree: Tree) -> None:
        self.path = path
        self.lines = tree.read(path).decode("utf-8", "replace").split("\n")

    def span(self, start: int, end: int) -> Span:
        """The lines if the file has them, else the file as a whole."""
        if 1 <= start <= max(start, end) <= len(self.lines):
            return Span(self.path, start, max(start, end))
        return Span(self.path)

    def naming(self, package: str, packages: Sequence[Package]) -> Span:
        """Where a dependency stands: as Trivy says, else the first line with its name in full."""
        for known in packages:
            if known.name == package and known.locations:
                return self.span(known.locations[0].start, known.locations[0].end)
        for number, line in enumerate(self.lines, 1):
            if package and package in line:
                return self.span(number, number)
        return Span(self.path)


def understood(
    printed: bytes, tree: Tree, denied: frozenset[str]
) -> tuple[tuple[Finding, ...], tuple[str, ...], int]:
    """The findings, in order and each once, and the secrets among them. Raises ToolFailed.

    Also returns how many results are about files that are none of the change.
    """
    try:
        output = msgspec.json.decode(printed, type=Output)
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"its report cannot be understood: {error}") from None
    if output.schema != SCHEMA:
        raise ToolFailed(f"its report has schema {output.schema}, not {SCHEMA}")
    findings: list[Finding] = []
    masks: set[str] = set()
    elsewhere = 0
    for result in output.results or ():
        for licence in result.licences or ():
            findings += licensed(licence, tree, denied)
        path = tree.origin(result.target)
        checks = [c for c in result.misconfigurations or () if c.status == "FAIL"]
        if path is None:
            elsewhere += sum(map(len, (checks, result.vulnerabilities or (), result.secrets or ())))
            continue
        file = File(path, tree)
        findings += (misconfigured(file, check) for check in checks)
        packages = result.packages or ()
        findings += (vulnerable(file, item, packages) for item in result.vulnerabilities or ())
        for secret in result.secrets or ():
            finding, texts = leaked(file, secret)
            findings.append(finding)
            masks |= texts
    ordered = sorted(dict.fromkeys(findings), key=lambda f: (f.span, f.rule, f.message))
    return tuple(ordered), tuple(sorted(masks, key=lambda text: (-len(text), text))), elsewhere


def told(
    rule: str, message: str, span: Span, severity: Severity, confidence: Confidence, url: str = ""
) -> Finding:
    """A finding of this analyzer."""
    return Finding(
        "trivy",
        rule,
        clip(" ".join(message.split()), MESSAGE),
        span,
        severity,
        confidence,
        Category.SECURITY,
        url=url if url.startswith("https://") else "",
    )


def misconfigured(file: File, item: Misconfiguration) -> Finding:
    """A failed check at its cause."""
    message = f"{(item.message or item.title).rstrip('.')}. {item.resolution}"
    span = file.span(item.cause.start, item.cause.end)
    severity = SEVERITIES.get(item.severity, Severity.NOTE)
    return told(item.id, message, span, severity, Confidence.MEDIUM, item.url)


def vulnerable(file: File, item: Vulnerability, packages: Sequence[Package]) -> Finding:
    """A weak dependency where the file names it."""
    cure = f"Update to {item.fixed}." if item.fixed else "No fixed version is known."
    message = f"{item.package} {item.installed} has {item.id} ({item.title}). {cure}"
    span = file.naming(item.package, packages)
    severity = SEVERITIES.get(item.severity, Severity.NOTE)
    return told(item.id, message, span, severity, Confidence.HIGH, item.url)


def licensed(item: Licence, tree: Tree, denied: frozenset[str]) -> Iterator[Finding]:
    """A licence that the settings deny, or one that asks much of who uses it."""
    path = tree.origin(item.path)
    if path is None or not (item.name in denied or item.category in TROUBLING):
        return
    subject = f"{item.package} is" if item.package else "This file is"
    if item.name in denied:
        message, severity = f"{subject} under {item.name}, which is denied here.", Severity.ERROR
    else:
        message = (
            f"{subject} under {item.name}, a licence of the class \u201c{item.category}\u201d."
        )
        message += " Check that your project may use it."
        severity = Severity.WARNING
    span = File(path, tree).naming(item.package, ())
    yield told("licence", message, span, severity, Confidence.MEDIUM)


def leaked(file: File, item: Secret) -> tuple[Finding, set[str]]:
    """A secret, told without its value, and the texts to hide."""
    span = file.span(item.start, item.end)
    lines = file.lines[span.start - 1 : span.end] if not span.whole_file else []
    masks = {text for line in lines for text in starred(line.rstrip("\r"), item.match)}
    message = f"{item.title} stands here. Revoke it, then remove it from the history."
    finding = told(
        item.rule, message, span, SEVERITIES.get(item.severity, Severity.NOTE), Confidence.HIGH
    )
    quote = "\n".join(lines)
    for text in sorted(masks, key=len, reverse=True):
        quote = quote.replace(text, MASK)
    return replace(finding, quote=clip(quote, QUOTE)), masks


def starred(line: str, match: str) -> list[str]:
    """What `match` hides of `line` behind asterisks; the whole line if the two do not fit."""
    if len(match) != len(line):
        return [line.strip()] if line.strip() else []
    hidden = "".join(
        character if star == "*" != character else "\n"
        for character, star in zip(line, match, strict=True)
    )
    return [text for text in hidden.split("\n") if text]
