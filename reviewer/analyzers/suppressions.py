"""Comments and marks, new in the change, by which code asks tools to look away.

Silenced linters, type checkers, security scanners, coverage and reviews; tests that are skipped, or
that keep all others from running. They are looked for where they have their effect: in comments,
decorators, annotations and attributes, never in strings. One that moved, or that stood on the line
before it was changed, is not new. What they silence is shown all the same, by the tool that finds
it.
"""

import re
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import ClassVar, Final, NamedTuple

import msgspec

from reviewer.analyzers._languages import Sources, added_code, is_test, parse
from reviewer.analyzers.base import Analyzer, RulePage, named, not_concerned
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
from reviewer.process import Runner
from reviewer.syntax import LANGUAGES, Item, Source, language_of
from reviewer.text import clip, visible
from reviewer.tree import Tree
from reviewer.version import VERSION

ECMASCRIPT: Final = """
(comment) @name.comment
(call_expression function: [(identifier) (member_expression)] @name.call
  arguments: (arguments . [(string) (template_string)])
  (#match? @name.call
    "^((describe|it|test|suite|context|specify)([.][a-z]+)*[.](skip|only)|[fx](it|test|describe))$"))
"""

QUERIES: Final[Mapping[str, str]] = {
    "python": """
(comment) @name.comment
(decorator) @name.mark
(module (expression_statement (assignment left: (identifier) @n right: (_) @name.mark)
  (#eq? @n "pytestmark")))
""",
    "javascript": ECMASCRIPT,
    "typescript": ECMASCRIPT,
    "tsx": ECMASCRIPT,
    "go": """
(comment) @name.comment
(function_declaration body: (block (statement_list (expression_statement
  (call_expression function: (selector_expression field: (field_identifier) @f)) @name.mark)))
  (#match? @f "^Skip(f|Now)?$"))
(func_literal body: (block (statement_list (expression_statement
  (call_expression function: (selector_expression field: (field_identifier) @f)) @name.mark)))
  (#match? @f "^Skip(f|Now)?$"))
""",
    "java": """
(line_comment) @name.comment
(block_comment) @name.comment
(annotation) @name.mark
(marker_annotation) @name.mark
""",
    "rust": """
(line_comment) @name.comment
(block_comment) @name.comment
(attribute_item) @name.mark
(inner_attribute_item) @name.mark
""",
}
"""Comments, and the other places where marks stand."""

SHELL: Final = "shell"
DOCKER: Final = "docker"
YAML: Final = "yaml"
PYTHON: Final = ("python",)
SCRIPT: Final = ("javascript", "typescript", "tsx")
ANY: Final = ("python", *SCRIPT, "go", "java", "rust", SHELL, DOCKER, YAML)

BY_LINE: Final = {
    SHELL: re.compile(r"^\s*(#.*)"),
    DOCKER: re.compile(r"^\s*(#.*)"),
    YAML: re.compile(r"(?:^|\s)(#.*)"),
}
"""Comments of languages that are read line by line."""

CODES: Final = r"[A-Za-z]+[0-9]+(?:[\s,]+[A-Za-z]+[0-9]+)*"
NAMES: Final = r"[\w@][\w@/.:-]*(?:\s*,\s*[\w@][\w@/.:-]*)*"


class Marker(NamedTuple):
    """A comment that silences: what kind of tool, in which languages, and how it looks.

    Groups of the pattern: `name` is what it is called, `rules` what it names, `wide` is there when
    it works on more than a line or the statement after it.
    """

    kind: str
    languages: Sequence[str]
    pattern: re.Pattern[str]


def after_sign(kind: str, languages: Sequence[str], pattern: str) -> Marker:
    """A marker behind the sign of a comment; signs within one comment begin another part of it."""
    return Marker(kind, languages, re.compile(rf"(?:#|/[/*]\*?)!?\s*{pattern}"))


MARKERS: Final = (
    after_sign(
        "lint",
        PYTHON,
        rf"(?i:(?P<name>(?P<wide>(?:ruff|flake8)\s*[:=]\s*)?noqa)\b(?:\s*[:=]\s*(?P<rules>{CODES}))?)",
    ),
    after_sign("lint", PYTHON, r"(?P<name>ruff:\s*(?:ignore|disable))\s*\[(?P<rules>[^\]]*)\]"),
    after_sign(
        "lint",
        PYTHON,
        rf"(?P<name>pylint:\s*(?:disable(?:-next|-line)?|(?P<wide>skip-file)))"
        rf"(?:\s*=\s*(?P<rules>{NAMES}))?",
    ),
    after_sign("security", (*PYTHON, "go"), rf"(?P<name>nosec)\b\s*:?\s*(?P<rules>{CODES})?"),
    after_sign(
        "types",
        PYTHON,
        r"(?P<name>(?:type|pyright|ty):\s*ignore|pyre-(?:ignore|fixme))\b(?:\[(?P<rules>[^\]]*)\])?",
    ),
    after_sign("types", PYTHON, r"(?P<wide>(?P<name>mypy:\s*ignore-errors))"),
    after_sign("coverage", PYTHON, r"(?P<name>pragma:?\s*no\s*-?(?:cover|branch))\b"),
    after_sign(
        "lint",
        SCRIPT,
        r"(?P<name>(?:eslint|oxlint)-disable(?:-next-line|-line|(?P<wide>)))(?![\w-])"
        rf"\s*(?P<rules>{NAMES})?",
    ),
    after_sign("lint", SCRIPT, rf"(?P<name>biome-ignore(?:-all|-start)?)\s+(?P<rules>{NAMES})"),
    after_sign("types", SCRIPT, r"(?P<name>@ts-(?:ignore|expect-error|(?P<wide>nocheck)))\b"),
    after_sign(
        "coverage",
        SCRIPT,
        r"(?P<name>(?:istanbul|c8|v8) ignore(?: next| if| else| file| start)?"
        r"|node:coverage disable)",
    ),
    after_sign("lint", ("go",), rf"(?P<name>nolint)\b(?::\s*(?P<rules>{NAMES}))?"),
    after_sign("lint", ("go",), rf"(?P<name>lint:(?:file-)?ignore)\s+(?P<rules>{NAMES})"),
    after_sign("lint", ("java",), rf"(?P<name>noinspection)\s+(?P<rules>{NAMES})"),
    after_sign("lint", ("java",), r"(?P<name>CHECKSTYLE:OFF)\b"),
    after_sign("lint", (SHELL,), rf"(?P<name>shellcheck\s(?:[^#]*\s)?disable)=(?P<rules>{NAMES})"),
    after_sign(
        "lint", (DOCKER,), rf"(?P<name>hadolint\s+(?:global\s+)?ignore)\s*=\s*(?P<rules>{NAMES})"
    ),
    after_sign("security", (YAML,), r"(?P<name>zizmor:\s*ignore)\[(?P<rules>[^\]]*)\]"),
    after_sign(
        "security", (DOCKER, YAML), rf"(?P<name>trivy:ignore|checkov:skip)[:=](?P<rules>{NAMES})"
    ),
    after_sign("lint", ANY, r"(?P<name>NOSONAR)\b(?:\((?P<rules>[^)]*)\))?"),
    after_sign("security", ANY, rf"(?P<name>nosemgrep)\b(?:\s*:\s*(?P<rules>{NAMES}))?"),
    after_sign(
        "security", ANY, r"(?P<name>pragma:\s*allowlist(?:\s+nextline)?\s+secret|gitleaks:allow)\b"
    ),
    after_sign("reviewer", ANY, r"(?P<name>reviewer:\s*ignore)\b(?:\[(?P<rules>[^\]]*)\])?"),
)
"""Comments as their tools document them: ruff, flake8, pylint, bandit, mypy, Pyright, coverage.py,
ESLint, Oxlint, Biome, TypeScript, Istanbul, golangci-lint, Staticcheck, IntelliJ, Checkstyle,
ShellCheck, hadolint, zizmor, Trivy, Checkov, SonarQube, Semgrep, detect-secrets, gitleaks."""

SKIPPED: Final = re.compile(
    r"@?\s*(?P<name>pytest\.mark\.skip|unittest\.skip|(?<=@)skip)\b(?P<said>[^\n]*)"
    r"|@(?P<java>Disabled|Ignore)\b(?P<java_said>.*)"
    r"|(?P<go>\w+\.Skip(?:f|Now)?)\((?P<go_said>.*)\)"
    r"|#\[\s*(?P<rust>ignore)\b(?P<rust_said>.*)\]",
    re.DOTALL,
)
"""Tests that are skipped always, by a decorator, annotation, attribute or a call."""

SILENCED: Final = re.compile(
    r"@(?P<java>SuppressWarnings|SuppressFBWarnings)\b(?P<java_rules>.*)"
    r"|#(?P<wide>!)?\[\s*(?P<rust>allow|expect)\s*\((?P<rust_rules>.*)\)\s*\]",
    re.DOTALL,
)
"""Annotations and attributes that silence a compiler or linter."""

MEND: Final = "Mend what it hides, or name the rule and say why it does not hold here."

ADVICE: Final = {
    "lint": MEND,
    "types": MEND,
    "security": MEND,
    "coverage": "Test it, or say why no test can reach it.",
    "reviewer": MEND,
    "skipped-test": "Let the test run, or say why it cannot.",
    "focused-test": "Remove the mark before the change is merged.",
}
"""What to do about each; the keys are the rules."""

AUDIENCE: Final = {
    "lint": "the linter",
    "types": "the type checker",
    "security": "the security scanner",
    "coverage": "the coverage report",
    "reviewer": "this review",
}
"""Who is kept from seeing something."""

NEVER_STATED: Final = ("coverage", "types")
"""Kinds that often name no rule because there is none to name."""

HINT: Final = re.compile(
    r"(?i:noqa|nosec|nosem|nosonar|no-? *cover|no-? *branch|nolint|noinspection|ignore|disable"
    r"|fixme|pylint|pragma|checkstyle|checkov|gitleaks|@ts-)"
)
"""What every marker holds; most comments hold none of it."""

COMMENTED: Final = re.compile(rf"#[^\n]*{HINT.pattern}")
"""The same where no comment has more than one line."""

MARK_HINT: Final = re.compile(
    r"[.@]\s*[sS]kip|[.]only\b|\b[fx](?:it|test|describe)\b|@(?:Disabled|Ignore|Suppress)|#!?\["
)
"""What the line holds on which any of the other marks begins."""

OPENING: Final = re.compile(r"/\*+\s+")
"""The sign of a comment, on a line of its own or not, before its first word."""

WORD: Final = re.compile(r"[^\W\d_]{2}")
"""Where there are words, there is a reason."""

MARK_CHARS: Final = 20_000
"""A longer comment or line is read up to here."""

SHOWN: Final = 80
"""Characters of a title or of the name of a rule that a message repeats."""

NAMED: Final = 4
"""So many rules are named, the others counted."""


class Found(NamedTuple):
    """One suppression in one version of a file. `line` is where it stands, from 1."""

    kind: str
    title: str
    rules: tuple[str, ...]
    line: int
    reason: bool
    wide: bool = False

    @property
    def identity(self) -> tuple[str, str, tuple[str, ...]]:
        """What stays when it moves."""
        return self.kind, self.title, self.rules


@dataclass(frozen=True)
class Suppressions:
    """Lists what the change silences. It has no settings."""

    name: ClassVar[str] = "suppressions"
    measures: ClassVar[tuple[Category, ...]] = (Category.STYLE, Category.TESTS)

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        started = time.monotonic()
        known = named(tree, LANGUAGES)
        lined = {p: language for p in (*tree.files, *tree.asides) if (language := by_line(p))}
        if not known and not lined:
            return not_concerned(self.name, "file in a language whose suppressions it knows")
        parsed = [path for path in known if hinted(path, added_code(changes, path))]
        sources = parse(parsed, QUERIES, tree, runner) if parsed else Sources({}, {}, ())
        versions = {
            path: (once(of_source(source)), once(of_source(sources.before.get(path))))
            for path, source in sources.after.items()
        }
        versions |= {
            path: (
                once(of_lines(language, tree.read(path))),
                once(of_lines(language, tree.read_base(path) or b"")),
            )
            for path, language in lined.items()
        }
        moved = Counter(removed_lines(changes))
        findings = [
            finding(path, found)
            for path, (after, before) in sorted(versions.items())
            for found in new(changes, path, after, before, moved)
        ]
        return ToolRun(
            self.name,
            Outcome.OK,
            version=VERSION,
            findings=tuple(findings),
            reason=sources.reason,
            seconds=time.monotonic() - started,
            measures=self.measures,
        )


def hinted(path: str, added: str) -> bool:
    """Whether the added lines of a file may hold a suppression: most hold none, and need no parser.

    Where they do, this says so; it may say so where they do not.
    """
    comment = COMMENTED if language_of(path) == "python" else HINT
    return bool(comment.search(added) or MARK_HINT.search(added))


def once(found: Iterable[Found]) -> list[Found]:
    """Without those that a line repeats."""
    return list({(item.line, item.identity): item for item in found}.values())


def by_line(path: str) -> str:
    """The language of a file that is read line by line, "" if it is none."""
    name = PurePosixPath(path).name.lower()
    if name.endswith((".sh", ".bash", ".ksh", ".bats")):
        return SHELL
    if name.startswith(("dockerfile", "containerfile")) or name.endswith(".dockerfile"):
        return DOCKER
    return YAML if name.endswith((".yml", ".yaml")) else ""


def removed_lines(changes: ChangeSet) -> Iterator[str]:
    """The lines that the change removes anywhere, without the space around them."""
    for change in changes.files:
        for line in change.lines():
            if line.origin == "-" and line.text.strip():
                yield line.text.strip()


def new(
    changes: ChangeSet,
    path: str,
    after: Sequence[Found],
    before: Sequence[Found],
    moved: "Counter[str]",
) -> Iterator[Found]:
    """The suppressions on added lines for which none of the same kind was removed."""
    change = changes.by_path[path]
    gone = Counter(found.identity for found in before if found.line in change.removed)
    for found in after:
        if found.line not in change.added:
            continue
        text = change.added_text[found.line].strip()
        if gone[found.identity]:
            gone[found.identity] -= 1
        elif moved[text]:
            moved[text] -= 1
        else:
            yield found


def of_source(source: Source | None) -> Iterator[Found]:
    """The suppressions of a parsed file, those in places that do not parse as well."""
    if source is None:
        return
    whole = msgspec.structs.replace(source.answer, broken=())
    items = replace(source, answer=whole).items
    remarks = {
        item.place.line
        for item in items
        if item.kind == "comment" and not list(in_comment(source.language, item.name, 0))
    }
    for item in items:
        if item.kind == "comment":
            yield from in_comment(source.language, item.name, item.place.line, remarks)
        else:
            yield from in_mark(source, item, remarks)


def of_lines(language: str, data: bytes) -> Iterator[Found]:
    """The suppressions of a file that is read line by line."""
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        comment = BY_LINE[language].search(line[:MARK_CHARS])
        if comment:
            yield from in_comment(language, comment[1], number)


def in_comment(
    language: str, text: str, line: int, remarks: Container[int] = ()
) -> Iterator[Found]:
    """The suppressions of one comment that begins on `line`; `remarks` are lines that explain."""
    if not HINT.search(text):
        return
    opening = OPENING.match(text)
    if opening:
        text, line = f"/* {text[opening.end() :]}", line + opening[0].count("\n")
    for number, part in enumerate(text.split("\n")):
        part = part[:MARK_CHARS]
        matches = [
            (marker, match)
            for marker in MARKERS
            if language in marker.languages
            for match in marker.pattern.finditer(part)
        ]
        rest = part
        for _, match in matches:
            rest = rest.replace(match[0], " ")
        for marker, match in matches:
            groups = match.groupdict()
            yield Found(
                marker.kind,
                re.sub(r"\s+", " ", groups["name"]).strip(),
                tuple(sorted(set(re.findall(r"[\w@/.:-]+", groups.get("rules") or "")))),
                line + number,
                reason=bool(WORD.search(rest)) or line - 1 in remarks,
                wide=groups.get("wide") is not None,
            )


def in_mark(source: Source, item: Item, remarks: set[int]) -> Iterator[Found]:
    """The suppression that a decorator, annotation, attribute or call is, if it is one."""
    text = item.name[:MARK_CHARS]
    told = not remarks.isdisjoint((item.place.line - 1, item.place.line))
    if item.kind == "call":
        kind = "focused-test" if re.search(r"only$|^f", text) else "skipped-test"
        if is_test(source.path):
            yield Found(kind, text, (), item.place.line, reason=told)
        return
    skipped = SKIPPED.match(text)
    if skipped and (is_test(source.path) or skipped["rust"]):
        title = next(v for k, v in skipped.groupdict().items() if v and not k.endswith("said"))
        said = "".join(v or "" for k, v in skipped.groupdict().items() if k.endswith("said"))
        reason = told or bool(WORD.search(re.sub(r"\breason\s*=", "", said)))
        yield Found("skipped-test", title, (), item.place.line, reason=reason)
    silenced = SILENCED.match(text)
    if silenced:
        said = silenced["java_rules"] or silenced["rust_rules"] or ""
        rules = re.findall(r'"([\w.:-]+)"' if silenced["java"] else r"[\w:]+", said)
        if silenced["rust"]:
            rules = re.findall(r"[\w:]+", re.sub(r"\breason\s*=.*", "", said, flags=re.DOTALL))
        stated = told or bool(re.search(r"\b(?:reason|justification)\s*=", said))
        title = silenced["java"] or silenced["rust"]
        wide = silenced["wide"] is not None
        yield Found("lint", title, tuple(sorted(set(rules))), item.place.line, stated, wide)


def finding(path: str, found: Found) -> Finding:
    """What is said of a new suppression."""
    testing = found.kind in ("skipped-test", "focused-test")
    return Finding(
        tool=Suppressions.name,
        rule=found.kind,
        message=message(found),
        span=Span(path, found.line, found.line),
        severity=Severity.WARNING if is_grave(path, found) else Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.TESTS if testing else Category.STYLE,
        help=ADVICE[found.kind],
    )


def is_grave(path: str, found: Found) -> bool:
    """Whether it hides more than anybody can have looked at, or takes a test away unexplained."""
    match found.kind:
        case "focused-test":
            return True
        case "skipped-test":
            return not found.reason
        case "reviewer":
            return not (found.rules and found.reason)
        case "security":
            return not (found.rules or found.reason or is_test(path))
        case "lint":
            return found.wide and not (found.rules or found.reason or is_test(path))
    return False


def message(found: Found) -> str:
    """What it does, and whether it says why."""
    title = clip(visible(found.title), SHOWN)
    unsaid = "" if found.reason else " It gives no reason."
    if found.kind == "focused-test":
        return f"`{title}` keeps all other tests from running."
    if found.kind == "skipped-test":
        return f"`{title}` is new: this test no longer runs.{unsaid}"
    who = AUDIENCE[found.kind]
    where = "in this file" if found.wide else "here"
    if found.kind == "coverage":
        return f"`{title}` is new: it takes this code out of {who}.{unsaid}"
    if found.rules:
        rules = ", ".join(f"`{clip(visible(rule), SHOWN)}`" for rule in found.rules[:NAMED])
        more = len(found.rules) - NAMED
        rules += f" and {more} more" if more > 0 else ""
        return f"`{title}` is new: it hides {rules} from {who} {where}.{unsaid}"
    named_ = "" if found.kind in NEVER_STATED else ", and names no rule"
    return f"`{title}` is new: it hides everything from {who} {where}{named_}.{unsaid}"


RULES: Final = (
    RulePage(
        rule="lint",
        what="A new comment, annotation or attribute that silences a linter: `noqa`, `pylint: "
        "disable`, `eslint-disable`, `oxlint-disable`, `biome-ignore`, `nolint`, `lint:ignore`, "
        "`@SuppressWarnings`, `#[allow(...)]`, `shellcheck disable`, `hadolint ignore`, `NOSONAR`. "
        "A warning when it silences every rule in a whole file without a reason.",
        why="What is silenced stays, and so does the next defect that somebody adds to the line.",
        fix=ADVICE["lint"],
        before="import os  # noqa",
        after="import os  # noqa: F401 - plug-ins are registered on import",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.STYLE,
    ),
    RulePage(
        rule="types",
        what="A new comment that silences a type checker: `type: ignore`, `pyright: ignore`, "
        "`@ts-ignore`, `@ts-expect-error`, `@ts-nocheck`.",
        why="The checker no longer sees whether the line is right, nor when it ceases to be.",
        fix=ADVICE["types"],
        before="total = add(text)  # type: ignore",
        after="total = add(int(text))",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.STYLE,
    ),
    RulePage(
        rule="security",
        what="A new comment that silences a scanner for insecure code or secrets: `nosec`, "
        "`nosemgrep`, `zizmor: ignore`, `trivy:ignore`, `checkov:skip`, `pragma: allowlist "
        "secret`, `gitleaks:allow`. A warning when it names neither a rule nor a reason.",
        why="A bare one hides every weakness of the line, also those that come later.",
        fix=ADVICE["security"],
        before="subprocess.run(command, shell=True)  # nosec",
        after="subprocess.run(command, shell=True)  # nosec B602 - the command is a constant",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        category=Category.STYLE,
    ),
    RulePage(
        rule="coverage",
        what="A new comment that takes code out of the coverage: `pragma: no cover`, `istanbul "
        "ignore`, `c8 ignore`.",
        why="The share of tested code rises without a test.",
        fix=ADVICE["coverage"],
        before="if broken:  # pragma: no cover",
        after="if broken:",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.STYLE,
    ),
    RulePage(
        rule="reviewer",
        what="A new `reviewer: ignore[rule] reason`. It silences nothing in the change that brings "
        "it. A warning when the rule or the reason is missing.",
        why="From the next change on, what it names is no longer reported on its line.",
        fix=ADVICE["reviewer"],
        before="run(command)  # reviewer: ignore[bandit/B602]",
        after="run(command)  # reviewer: ignore[bandit/B602] the command is a constant",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.STYLE,
    ),
    RulePage(
        rule="skipped-test",
        what="A test that is newly skipped, always: `pytest.mark.skip`, `unittest.skip`, "
        "`it.skip`, `xit`, `t.Skip` as a step of the test itself, `@Disabled`, `@Ignore`, "
        "`#[ignore]`. A note when a reason is given.",
        why="A skipped test guards nothing, and is seldom taken up again.",
        fix=ADVICE["skipped-test"],
        before="@pytest.mark.skip\ndef test_pay(): ...",
        after='@pytest.mark.skip(reason="the bank\'s test server is down until May")\n'
        "def test_pay(): ...",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        category=Category.TESTS,
    ),
    RulePage(
        rule="focused-test",
        what="A test that keeps all others from running: `it.only`, `describe.only`, `fit`.",
        why="The run is green because the other tests are left out.",
        fix=ADVICE["focused-test"],
        before="it.only('pays', () => { ... });",
        after="it('pays', () => { ... });",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        category=Category.TESTS,
    ),
)

PLUGIN: Final[type[Analyzer]] = Suppressions
