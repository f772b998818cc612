"""Results of other tools, from SARIF files that the user names: CodeQL, Semgrep, clippy and so on.

They are held against the change like our own findings. What the file marks as suppressed stays, as
a note. Results about files that the change does not touch are counted, not repeated.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple

from reviewer.analyzers._linter import Grade, Lines, ordered
from reviewer.analyzers._sarif import (
    Component,
    Configuration,
    Region,
    Result,
    Rule,
    Run,
    Text,
    Tool,
    address,
    content,
    decoded,
)
from reviewer.analyzers.base import Analyzer, ForeignRules
from reviewer.errors import ToolFailed
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    Finding,
    Outcome,
    Severity,
    Span,
    ToolRun,
)
from reviewer.paths import pair, trunk
from reviewer.process import Runner
from reviewer.text import HIDDEN, clip, count
from reviewer.tree import Tree

MESSAGE: Final = 1000
NAME: Final = 120
VERSION: Final = 200
ADDRESS: Final = 2000
"""Characters that are kept of a message, the name of a rule, the versions, the page of a rule."""

LEVELS: Final = {
    "error": Severity.ERROR,
    "warning": Severity.WARNING,
    "note": Severity.NOTE,
    "none": Severity.NOTE,
}
"""SARIF 2.1.0, section 3.27.10."""

NO_PROBLEM: Final = ("pass", "notApplicable")
"""Kinds of results that say that nothing is wrong (section 3.27.9)."""

NOT_IN_FORCE: Final = ("underReview", "rejected")
"""States of a suppression that does not count (section 3.35.3)."""

SURENESS: Final = ("precision", "confidence", "issue_confidence", "zizmor/confidence")
PRECISIONS: Final = {
    "very-high": Confidence.HIGH,
    "high": Confidence.HIGH,
    "medium": Confidence.MEDIUM,
    "low": Confidence.LOW,
}
"""How sure a rule or result is: properties of GitHub's code scanning, and of other tools."""

HIGH_RANK: Final = 70.0
LOW_RANK: Final = 30.0
"""Ranks (0 to 100, section 3.27.25) that count as sure and as little sure."""

GRAVE: Final = 7.0
MODERATE: Final = 4.0
"""Scores of `security-severity` from which a finding is an error, a warning: GitHub calls them high
and medium, as CVSS v3.1 does in section 5."""

TOPICS: Final = (
    (Category.SECURITY, re.compile(r"security|vulnerab|cwe|owasp|injection|crypto", re.IGNORECASE)),
    (Category.DOCUMENTATION, re.compile(r"documentation|docstring", re.IGNORECASE)),
    (Category.COMPLEXITY, re.compile(r"complexity", re.IGNORECASE)),
    (Category.DUPLICATION, re.compile(r"duplicat", re.IGNORECASE)),
    (Category.STYLE, re.compile(r"style|readab|convention|format|pedantic", re.IGNORECASE)),
)
"""What the tags of a rule say it is about, the first that fits. Most tools mean a likely bug."""

PLACEHOLDER: Final = re.compile(r"\{(\d{1,3})\}")
LINK: Final = re.compile(r"(?<!\\)\[((?:[^\]\\]|\\.){0,500})\]\([^()\s]{0,2000}\)")
"""An argument in a message, a link in one (sections 3.11.5 and 3.11.6)."""

INVISIBLE: Final = re.compile(f"[{HIDDEN}]")

WEB: Final = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class Sarif:
    """Settings of the import: `files` are SARIF 2.1.0 files.

    Relative names start at the working directory.
    """

    name: ClassVar[str] = "sarif"
    measures: ClassVar[tuple[Category, ...]] = (
        Category.CORRECTNESS,
        Category.SECURITY,
        Category.COMPLEXITY,
        Category.DUPLICATION,
        Category.DOCUMENTATION,
        Category.STYLE,
    )

    files: tuple[str, ...] = ()

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:  # noqa: ARG002
        started = time.monotonic()
        if not self.files:
            return ToolRun(
                self.name, Outcome.SKIPPED, reason="no SARIF file is named", concerned=False
            )
        lines = Lines(tree)
        found: list[Imported] = []
        broken: list[str] = []
        for name in dict.fromkeys(self.files):
            try:
                found.append(imported(name, lines, (*tree.files, *tree.asides)))
            except ToolFailed as failure:
                broken.append(f"{name}: {failure}")
        notes = [f"{item.name}: {note}" for item in found for note in item.notes]
        if not found:
            raise ToolFailed("; ".join(broken))
        categories = {category for item in found for category in item.categories}
        producers = dict.fromkeys(producer for item in found for producer in item.producers)
        return ToolRun(
            self.name,
            Outcome.FAILED if broken or any(item.failed for item in found) else Outcome.OK,
            version=clip(", ".join(producers), VERSION),
            findings=ordered(finding for item in found for finding in item.findings),
            reason="; ".join((*broken, *notes)),
            seconds=time.monotonic() - started,
            measures=tuple(category for category in self.measures if category in categories),
        )


@dataclass
class Imported:
    """What one file says. `failed` means that a tool itself says that it has not done its work."""

    name: str
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    producers: list[str] = field(default_factory=list)
    categories: set[Category] = field(default_factory=set)
    failed: bool = False


def imported(name: str, lines: Lines, changed: Sequence[str]) -> Imported:
    """The results of the file `name` about the `changed` files. Raises ToolFailed."""
    log = decoded(content(name))
    if not log.version.startswith("2.1."):
        raise ToolFailed(f"it is SARIF {plain(log.version, 20)}, not 2.1.0")
    if not log.runs:
        raise ToolFailed("it holds no run of a tool")
    said = Imported(name)
    left = Counter[str]()
    for run in log.runs:
        note(run, said)
        items = list(problems(run))
        spelled = {path for item in items for path, _ in item.places if path}
        pairs, doubtful = pair(sorted(spelled), changed, trunk(spelled))
        paths = {spelling: path for path, spelling in pairs.items()}
        for item in items:
            here = next(((paths[p], region) for p, region in item.places if p in paths), None)
            if here is not None:
                said.findings.append(finding(item, span(*here, lines)))
            elif any(path in doubtful for path, _ in item.places):
                left["about a file that could be more than one of the changed files"] += 1
            else:
                left["about files that the change does not touch"] += 1
    said.categories |= {item.category for item in said.findings}
    said.categories = said.categories or {Category.CORRECTNESS}
    said.notes += [f"{count(number, 'result')} {what}" for what, number in sorted(left.items())]
    return said


class Problem(NamedTuple):
    """A result that says that something is wrong, and where: paths as the file spells them."""

    result: Result
    rule: Rule | None
    driver: Component
    places: list[tuple[str, Region]]


def problems(run: Run) -> Iterator[Problem]:
    """What is wrong by the results of one run, and still is."""
    tool = run.tool
    known = {rule.id: rule for part in (*tool.extensions, tool.driver) for rule in part.rules}
    for result in run.results or ():
        if result.kind in NO_PROBLEM or result.baseline_state == "absent":
            continue
        physical = (place.physical_location for place in result.locations)
        places = [(address(p.artifact_location, run), p.region) for p in physical if p is not None]
        yield Problem(result, rule_of(result, tool, known), tool.driver, places)


def note(run: Run, said: Imported) -> None:
    """Notes which tool ran, what it judges, and whether it says that it did."""
    driver = run.tool.driver
    number = driver.semantic_version or driver.version or ""
    said.producers.append(word(f"{driver.name or 'unnamed'} {number}"))
    for component in (driver, *run.tool.extensions):
        said.categories |= {category_of(rule.properties) for rule in component.rules}
    if run.results is None:
        said.failed = True
        said.notes.append(f"{said.producers[-1]} has not looked for anything")
    elif not all(invocation.execution_successful for invocation in run.invocations):
        said.failed = True
        said.notes.append(f"{said.producers[-1]} says that it did not end well")


def span(path: str, region: Region, lines: Lines) -> Span:
    """The place in the file as it is. Columns are left out unless they fit one line."""
    if region.start_line < 1:
        return Span(path)
    start = lines.within(path, region.start_line)
    end = max(start, lines.within(path, region.end_line or start))
    if end > start and region.end_column == 1:
        end -= 1
    text = lines.split(path)[start - 1].decode("utf-8", "replace")
    width = len(text) if text == text.encode("ascii", "ignore").decode() else 0
    fits = 0 < region.start_column <= region.end_column <= width + 1
    if start != region.start_line or end != start or not fits:
        return Span(path, start, end)
    return Span(path, start, end, region.start_column, region.end_column)


def finding(item: Problem, place: Span) -> Finding:
    """What one result says, in our terms."""
    result, rule = item.result, item.rule
    name = word(result.rule_id or result.rule.id or (rule.id if rule else "")) or "result"
    driver = re.sub(r"[^a-z0-9]+", "-", item.driver.name[:NAME].lower()).strip("-") or "unnamed"
    message = message_of(result.message, rule, item.driver) or f"{driver} gives no message"
    grade = weight(result, rule)
    if suppressed(result):
        grade = grade._replace(severity=Severity.NOTE)
        message += " (suppressed in the SARIF file)"
    page = rule.help_uri if rule else ""
    return Finding(
        Sarif.name,
        f"{driver}/{name.removeprefix(f'{driver}/')}",
        message,
        place,
        *grade,
        url=page if len(page) <= ADDRESS and WEB.fullmatch(page) else "",
    )


def rule_of(result: Result, tool: Tool, known: Mapping[str, Rule]) -> Rule | None:
    """What its tool says of its rule: by number, else by name or the beginning of the name."""
    component, at = tool.driver, result.rule.tool_component.index
    if 0 <= at < len(tool.extensions):
        component = tool.extensions[at]
    number = result.rule_index if result.rule_index >= 0 else result.rule.index
    if 0 <= number < len(component.rules):
        return component.rules[number]
    name = result.rule_id or result.rule.id
    return known.get(name) or known.get(name.rpartition("/")[0])


def message_of(message: Text, rule: Rule | None, driver: Component) -> str:
    """The message on one line: arguments filled in, links as their words."""
    text = message.text
    for strings in (rule.message_strings if rule else {}, driver.global_message_strings):
        if not text and message.id in strings:
            text = strings[message.id].text
    text = clip(text, 4 * MESSAGE)
    if message.arguments:
        words = [clip(word, MESSAGE) for word in message.arguments]
        text = PLACEHOLDER.sub(
            lambda found: words[int(found[1])] if int(found[1]) < len(words) else found[0], text
        )
    text = LINK.sub(r"\1", text)
    return plain(re.sub(r"\\([\[\]\\])", r"\1", text), MESSAGE)


def plain(text: str, limit: int) -> str:
    """The text on one line, at most `limit` characters."""
    return clip(" ".join(text[: 4 * limit].split()), limit)


def word(text: str) -> str:
    """A name on one line, without characters that a reader cannot see."""
    return plain(INVISIBLE.sub("", text[: 4 * NAME]), NAME)


def suppressed(result: Result) -> bool:
    """Whether somebody has decided to let it be, and nobody contests that."""
    states = [item.status for item in result.suppressions or ()]
    return bool(states) and not any(state in NOT_IN_FORCE for state in states)


def weight(result: Result, rule: Rule | None) -> Grade:
    """Severity and confidence by the result, else by the rule, else what SARIF says is usual."""
    bags = [result.properties, *([rule.properties] if rule else [])]
    usual = rule.default_configuration if rule else Configuration()
    severity = LEVELS.get(result.level or usual.level, Severity.WARNING)
    if result.kind != "fail" and not result.level:
        severity = Severity.NOTE
    score = next((s for bag in bags if (s := number(bag.get("security-severity"))) >= 0), -1.0)
    if score >= 0 and result.kind == "fail":
        severity = Severity.ERROR if score >= GRAVE else Severity.WARNING
        severity = severity if score >= MODERATE else Severity.NOTE
    rank = result.rank if result.rank >= 0 else usual.rank
    confidence = Confidence.MEDIUM
    if rank >= 0:
        confidence = Confidence.HIGH if rank >= HIGH_RANK else confidence
        confidence = Confidence.LOW if rank < LOW_RANK else confidence
    for word in (str(bag.get(key, "")).lower() for bag in reversed(bags) for key in SURENESS):
        confidence = PRECISIONS.get(word, confidence)
    category = category_of(*bags)
    if category is Category.CORRECTNESS and score >= 0:
        category = Category.SECURITY
    return Grade(severity, confidence, category)


def number(value: object) -> float:
    """A score that is written as a number or as text, -1 for anything else."""
    try:
        return float(value) if isinstance(value, str | int | float) else -1.0
    except (ValueError, OverflowError):
        return -1.0


def category_of(*bags: Mapping[str, Any]) -> Category:
    """What the tags in these properties are about."""
    tags = [tag for bag in bags for tag in listed(bag.get("tags"))]
    for category, pattern in TOPICS:
        if any(pattern.search(tag) for tag in tags):
            return category
    return Category.CORRECTNESS


def listed(value: object) -> list[str]:
    """The short texts of a list; nothing for anything else."""
    return (
        [item for item in value if isinstance(item, str) and len(item) < NAME]
        if isinstance(value, list)
        else []
    )


FOREIGN: Final = ForeignRules(
    program="the tool that wrote the file",
    about="A result of another tool. Its own documentation says more; where the file names a page, "
    "the finding links to it.",
    names=r"\S+",
    url="",
)

PLUGIN: Final[type[Analyzer]] = Sarif
