"""Python: errors, likely bugs and insecure calls, by ruff.

The default rules are those that are right nearly always; `strict` adds the opinions. Comments of
the change that silence a rule (`noqa`, `ruff: ignore`) do not silence it here: what they name
becomes a note, and a bare `noqa` changes nothing.
"""

import itertools
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from reviewer.analyzers import _ruff_rules
from reviewer.analyzers._python import SUFFIXES, is_test, rows, silenced_by
from reviewer.analyzers.base import (
    NOT_UNDERSTOOD,
    Analyzer,
    ForeignRules,
    RulePage,
    batches,
    named,
    not_concerned,
)
from reviewer.errors import ToolFailed
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    Finding,
    Outcome,
    Severity,
    Span,
    Suggestion,
    ToolRun,
)
from reviewer.process import Runner
from reviewer.tree import Tree

BROKEN: Final = tuple(
    (
        "F407 F501 F502 F503 F505 F506 F507 F508 F509 F521 F524 F525 F621 F622 F631 F632 F633 F634 "
        "F701 F702 F704 F706 F707 F821 F822 F823 F901 "
        "PLE0100 PLE0101 PLE0115 PLE0117 PLE0118 PLE0237 PLE0241 PLE0302 PLE0303 PLE0304 PLE0305 "
        "PLE0307 PLE0308 PLE0309 PLE0604 PLE0605 PLE0643 PLE0704 PLE1132 PLE1142 PLE1205 PLE1206 "
        "PLE1300 PLE1307 PLE1507 PLE1519 PLE1520 PLE1700 "
        "B002 B016 B030 B039 PLW0129 PLW1501 RUF008 RUF016 YTT101 YTT102 YTT103"
    ).split()
)
"""Rules for code that fails, or does the opposite of what it says, when it runs."""

LIKELY: Final = tuple(
    (
        "F402 F504 F522 F523 F601 F602 F811 E722 W605 "
        "B003 B004 B005 B006 B012 B014 B015 B017 B018 B020 B021 B022 B023 B025 B026 B029 B031 B032 "
        "B033 B034 B035 "
        "PLW0127 PLW0128 PLW0131 PLW0133 PLW0177 PLW0211 PLW0245 PLW0406 PLW0711 PLW1507 PLW1508 "
        "PLW1509 PLW2101 PLR0206 PLR1708 "
        "ASYNC100 ASYNC105 ASYNC210 ASYNC212 ASYNC222 ASYNC250 ASYNC251 "
        "RUF006 RUF018 RUF020 RUF024 RUF026 RUF030 RUF032 RUF033 RUF034 RUF040 RUF048 RUF049 "
        "RUF060 RUF071 LOG007 T100 PGH005 PIE794 PIE796 SIM222 SIM223 "
        "YTT201 YTT202 YTT203 YTT204 YTT301 YTT302 YTT303"
    ).split()
)
"""Rules for code that seldom means what it says."""

LEFTOVER: Final = ("F401", "F541", "F841", "F842")
"""Rules for things that are left over and harm nobody yet."""

INSECURE: Final = {
    Severity.ERROR: tuple(
        "S201 S202 S304 S312 S321 S324 S501 S502 S507 S602 S605 S609 S701".split()
    ),
    Severity.WARNING: tuple(
        "S102 S103 S113 S301 S302 S305 S306 S307 S308 S323 S503 S505 S506 S508 S509 S601 S604 S608 "
        "S610 S611 S612 S702 S704 RUF064".split()
    ),
    Severity.NOTE: ("S504",),
}
"""Security rules by the severity that bandit gives to its test of the same number."""

DEFAULT: Final = (*BROKEN, *LIKELY, *LEFTOVER, *(code for s in INSECURE.values() for code in s))

STRICT: Final = tuple(
    (
        "F E4 E7 E9 W6 A ARG ASYNC B BLE C4 DTZ ERA FLY FURB G INP ISC LOG N PERF PGH PIE PL PT "
        "RET RSE RUF S SIM SLF SLOT T10 T20 TRY YTT"
    ).split()
)

LEFT_OUT: Final = tuple(
    (
        "S105 S106 S107 "  # bandit and the search for secrets have these, and hide the value
        "PLE2502 PLE2510 PLE2512 PLE2513 PLE2514 PLE2515 RUF001 RUF002 RUF003 "  # hidden characters
        "C901 PLR0911 PLR0912 PLR0913 PLR0914 PLR0915 PLR0916 PLR0917 PLR1702 "  # see `complexity`
        "RUF100 RUF101 RUF102 RUF103 RUF104 RUF200 "  # comments for ruff, its configuration
        "PLR2004 TRY003 PLC0415"  # mostly opinions that a project must choose for itself
    ).split()
)
"""Rules that are never asked for."""

NOT_IN_TESTS: Final = tuple(
    (
        "S101 S103 S104 S108 S110 S112 S113 S202 S301 S302 S306 S308 S310 S311 S314 S318 S324 S501 "
        "S506 S603 S604 S607 S608 S701 ARG PLR SLF B017 B018 B015 ERA T20 INP"
    ).split()
)
"""Rules that say nothing about test code: it asserts, hard-codes and provokes on purpose."""

INVALID_SYNTAX: Final = "invalid-syntax"
UNREADABLE: Final = "E902"
"""The rule by which ruff says that it cannot read a file; without it, it says nothing."""

SILENCED: Final = re.compile(
    rb"#\s*(?:flake8[:=]\s*)?(?:noqa\s*:|ruff\s*:\s*ignore\s*\[)(?P<rules>[^#\]]*)", re.IGNORECASE
)
"""A comment that names rules to silence on its line (ruff, "Error suppression")."""


class Place(msgspec.Struct, frozen=True):
    """A position: 1-based, columns in code points."""

    row: int
    column: int


class Edit(msgspec.Struct, frozen=True):
    """One replacement of a fix."""

    content: str
    location: Place
    end_location: Place


class Fix(msgspec.Struct, frozen=True):
    """How ruff would repair it."""

    applicability: str
    edits: tuple[Edit, ...]
    message: str | None = None


class Diagnostic(msgspec.Struct, frozen=True):
    """One line of ruff's output."""

    code: str | None
    filename: str
    message: str
    location: Place
    end_location: Place
    url: str | None = None
    noqa_row: int | None = None
    fix: Fix | None = None


@dataclass(frozen=True)
class Ruff:
    """Settings of ruff.

    `select` adds rules to those of the profile, `ignore` takes rules away; both hold ruff's codes
    or prefixes. `target_version` is the oldest Python that the code is for ("py312"); by default
    new syntax is never an error.
    """

    name: ClassVar[str] = "ruff"
    measures: ClassVar[tuple[Category, ...]] = (
        Category.CORRECTNESS,
        Category.SECURITY,
        Category.STYLE,
    )

    profile: str = "default"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    target_version: str = "py314"

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:  # noqa: ARG002
        started = time.monotonic()
        paths = named(tree, SUFFIXES)
        if not paths:
            return not_concerned(self.name, "Python file")
        program = runner.which("ruff")
        version = runner.run([str(program), "--version"], cwd=tree.root).stdout
        found: list[Diagnostic] = []
        for test in (False, True):
            ignored = (*LEFT_OUT, *self.ignore, *(NOT_IN_TESTS if test else ()))
            names = [tree.files[path] for path in paths if is_test(path) is test]
            for batch in batches(names):
                done = runner.run([*self._call(program, ignored), *batch], cwd=tree.root, ok=(0, 1))
                found += decoded(done.stdout)
        findings, unread = judged(found, tree)
        if len(unread) == len(paths):
            raise ToolFailed("could read none of the files")
        return ToolRun(
            self.name,
            Outcome.OK,
            version=version.decode("utf-8", "replace").strip().removeprefix("ruff ")[:40],
            findings=findings,
            reason=f"could not read {', '.join(unread)}" if unread else "",
            seconds=time.monotonic() - started,
            measures=self.measures,
        )

    def _call(self, program: Path, ignored: Sequence[str]) -> list[str]:
        """The command line up to the file names. Nothing but it configures ruff."""
        rules = (UNREADABLE, *DEFAULT, *(STRICT if self.profile == "strict" else ()), *self.select)
        return [
            str(program),
            "check",
            "--isolated",
            "--no-cache",
            "--ignore-noqa",
            "--quiet",
            "--no-fix",
            "--output-format=json-lines",
            f"--target-version={self.target_version}",
            f"--select={','.join(rules)}",
            f"--ignore={','.join(ignored)}",
            "--per-file-ignores=__init__.py:F401",
            "--",
        ]


def decoded(output: bytes) -> list[Diagnostic]:
    """Ruff's output as it should be. Raises ToolFailed for anything else."""
    try:
        return msgspec.json.Decoder(Diagnostic).decode_lines(output)
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"its output cannot be understood: {error}") from error


def judged(found: Iterable[Diagnostic], tree: Tree) -> tuple[tuple[Finding, ...], list[str]]:
    """The findings in order, and the paths that ruff could not read."""
    by_path: dict[str, list[Diagnostic]] = defaultdict(list)
    for item in found:
        path = tree.origin(item.filename)
        if path is None:
            raise ToolFailed("it reported a file that it was not given")
        by_path[path].append(item)
    findings: list[Finding] = []
    unread: list[str] = []
    for path, items in sorted(by_path.items()):
        data = tree.read(path)
        row, lines = rows(data), data.split(b"\n")
        fit = plain(lines)
        for item in items:
            if item.code == UNREADABLE:
                unread.append(path)
            else:
                findings.append(finding(item, path, lines, fit, row))
    findings.sort(key=lambda f: (f.span, f.rule, f.message))
    return tuple(findings), unread


def finding(
    item: Diagnostic,
    path: str,
    lines: Sequence[bytes],
    fit: Sequence[bytes],
    row: Callable[[int], int],
) -> Finding:
    """What one diagnostic says, in our words; a fix of it may change the lines `fit` alone."""
    rule = item.code or INVALID_SYNTAX
    severity, confidence, category = weight(rule)
    message = item.message
    if rule in ("S602", "S605") and "seems safe" in message:
        severity = Severity.NOTE
    start, end = row(item.location.row), row(item.end_location.row)
    if item.end_location.column == 1 and end > start:
        end -= 1
    comment = row(item.noqa_row) if item.noqa_row else end
    if silenced_by(lines[comment - 1], SILENCED, rule):
        severity = Severity.NOTE
        message += " (a comment on the line silences this rule)"
    same = start == item.location.row and start <= end == item.end_location.row
    span = Span(path, start, max(start, end))
    first, last = item.location.column, item.end_location.column
    if same and first >= 1 and (start < end or first <= last):
        span = Span(path, start, end, first, last)
    return Finding(
        tool=Ruff.name,
        rule=rule,
        message=message,
        span=span,
        severity=severity,
        confidence=confidence,
        category=category,
        help=(item.fix.message or "") if item.fix else "",
        url=item.url or "",
        suggestion=suggestion(item.fix, path, fit) if item.fix and same else None,
    )


@cache
def weight(rule: str) -> tuple[Severity, Confidence, Category]:
    """How bad, how sure and about what: by the lists above, the rest of `strict` is style."""
    if rule == INVALID_SYNTAX or rule in BROKEN:
        return Severity.ERROR, Confidence.HIGH, Category.CORRECTNESS
    if rule in LIKELY:
        return Severity.WARNING, Confidence.MEDIUM, Category.CORRECTNESS
    for severity, rules in INSECURE.items():
        if rule in rules:
            return severity, Confidence.MEDIUM, Category.SECURITY
    if re.fullmatch(r"S\d+", rule):
        return Severity.NOTE, Confidence.LOW, Category.SECURITY
    return Severity.NOTE, Confidence.HIGH, Category.STYLE


def plain(lines: Iterable[bytes]) -> list[bytes]:
    """The lines up to the first with a carriage return: ruff and git count and end them alike."""
    return list(itertools.takewhile(lambda line: b"\r" not in line, lines))


def suggestion(fix: Fix, path: str, lines: Sequence[bytes]) -> Suggestion | None:
    """A safe fix as new text of whole lines, each with its line feed; "" removes them.

    `lines` are `plain` ones. None when the fix is not safe or goes beyond them: what a reader then
    accepts by one click might not be what ruff meant.
    """
    if fix.applicability != "safe" or not fix.edits:
        return None
    edits = sorted(fix.edits, key=lambda edit: (edit.location.row, edit.location.column))
    first = edits[0].location.row
    last = max(e.end_location.row - (e.end_location.column == 1) for e in edits)
    last = max(last, first)
    if not 1 <= first <= last < len(lines):
        return None
    old = [line.decode("utf-8", "replace") + "\n" for line in lines[first - 1 : last]]
    if old[0].startswith("\ufeff") or any("\ufffd" in line for line in old):
        return None
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    before, after, at = "".join(old), "", 0
    for edit in edits:
        begin = _offset(edit.location, first, starts)
        end = _offset(edit.end_location, first, starts)
        if not at <= begin <= end <= len(before):
            return None
        after, at = after + before[at:begin] + edit.content, end
    after += before[at:]
    if "\r" in after or (after and not after.endswith("\n")):
        return None
    return Suggestion(Span(path, first, last), after)


def _offset(place: Place, first: int, starts: Sequence[int]) -> int:
    """Where `place` is in the text that begins with line `first`; -1 outside of it."""
    line = place.row - first
    return starts[line] + place.column - 1 if 0 <= line < len(starts) else -1


def _graded(page: RulePage) -> RulePage:
    severity, confidence, category = weight(page.rule)
    return replace(page, severity=severity, confidence=confidence, category=category)


def _asked(rule: str, runner: Runner) -> RulePage | None:
    page = _ruff_rules.one(rule, runner)
    return _graded(page) if page else None


def _usual(runner: Runner) -> list[RulePage]:
    """The rules of the default profile."""
    return [_graded(page) for page in _ruff_rules.every(runner) if page.rule in DEFAULT]


RULES: Final = (
    RulePage(
        rule=INVALID_SYNTAX,
        what="The file is no valid Python.",
        why="It cannot be imported or run, and no other tool can look into it.",
        fix="Repair the syntax. If it is right for a newer Python, set `target-version`.",
        before="def total(items:\n    return sum(items)",
        after="def total(items):\n    return sum(items)",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        category=Category.CORRECTNESS,
    ),
)

FOREIGN: Final = ForeignRules(
    program="ruff",
    about="Errors, likely bugs and insecure calls in Python.",
    names=r"[A-Z]+[0-9]+",
    url="https://docs.astral.sh/ruff/rules/",
    ask=_asked,
    usual=_usual,
)


PLUGIN: Final[type[Analyzer]] = Ruff
