r"""Coverage of the change: reads the reports, finds the changed files in them, counts added lines.

A path of a report is matched to the changed files and never opened. Where a report spells its
paths from another root (`/app/src/x.py`, `C:\work\x.py`, Java packages, Go modules), the longest
common end decides, and only if it is unique and fits the root that the whole report points to.
What stays in doubt is not matched and is named.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from reviewer.analyzers.base import RulePage
from reviewer.coverage.base import (
    SNIFF_BYTES,
    CoverageFormat,
    Measured,
    UnreadableReport,
    opened,
)
from reviewer.languages import is_test
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    CoverageOfFile,
    FileCoverage,
    Finding,
    Outcome,
    PatchCoverage,
    Severity,
    Span,
    ToolRun,
)
from reviewer.paths import pair, trunk
from reviewer.tree import Tree

PLACES: Final = tuple(
    (
        ".coverage coverage.xml cobertura.xml coverage.json lcov.info clover.xml jacoco.xml "
        "cover.out coverage.out coverage.txt c.out coverage.lcov coverage/lcov.info "
        "coverage/clover.xml coverage/cobertura-coverage.xml coverage/coverage.xml "
        "reports/coverage.xml build/logs/clover.xml target/site/cobertura/coverage.xml "
        "target/site/jacoco/jacoco.xml target/site/jacoco-aggregate/jacoco.xml "
        "build/reports/jacoco/test/jacocoTestReport.xml build/reports/kover/report.xml"
    ).split()
)
"""Where the tools write by default: coverage.py, c8, nyc, jest, go, JaCoCo's Maven and Gradle
plug-ins, kover, PHPUnit, cargo-llvm-cov."""

CODE: Final = frozenset(
    (
        ".c .cc .clj .cpp .cs .cxx .dart .erl .ex .exs .go .groovy .h .hpp .java .js .jsx .kt .lua "
        ".m .mjs .cjs .mm .php .pl .py .pyx .rb .rs .scala .svelte .swift .ts .tsx .vue"
    ).split()
)
"""Files that coverage tools measure; a change without any has no line to measure."""

QUOTE_LINES: Final = 5
"""Lines of the source that a finding quotes."""

NAMED: Final = 5
"""Paths that a note names; the rest is counted."""


@dataclass
class _Paths:
    """Answers which paths are wanted, and remembers all."""

    names: frozenset[str]
    seen: set[str] = field(default_factory=set)

    def __call__(self, path: str) -> bool:
        self.seen.add(path)
        return path.replace("\\", "/").rpartition("/")[2] in self.names


@dataclass(frozen=True)
class _Reading:
    """One usable report: coverage by changed file, and what it says of the whole project."""

    name: str
    files: Mapping[str, FileCoverage]
    totals: tuple[int, int]
    seen: frozenset[str]


class _Stale(UnreadableReport):
    """The report speaks of another version of the files."""


def find(directory: Path) -> list[Path]:
    """The reports in the usual places under `directory`. No symbolic link is followed."""
    return [directory / place for place in PLACES if _regular(directory, place)]


def _regular(directory: Path, place: str) -> bool:
    path = directory
    mode = stat.S_IFDIR
    for part in place.split("/"):
        path = path / part
        try:
            mode = path.lstat().st_mode
        except (OSError, ValueError):
            return False
        if stat.S_ISLNK(mode):
            return False
    return stat.S_ISREG(mode)


def measure(
    reports: Sequence[Path], formats: Sequence[CoverageFormat], changes: ChangeSet, tree: Tree
) -> PatchCoverage:
    """Coverage of the lines that `changes` adds, from all `reports` together.

    A line ran if one report says so. A report that is broken, unknown, stale or matches no changed
    file becomes a note; when none is left, the coverage is unknown. Never raises for the content
    of a report.
    """
    code = [p for p in sorted(tree.files) if PurePosixPath(p).suffix.lower() in CODE]
    code = [p for p in code if changes.by_path[p].added]
    readings: list[_Reading] = []
    notes: list[str] = []
    for report in reports:
        try:
            readings.append(_read(report, formats, changes, tree, notes))
        except UnreadableReport as error:
            notes.append(f"{report}: {error}")
    total = _total(readings, notes)
    matched = [reading for reading in readings if reading.files]
    notes += [f"{r.name}: it measures none of the changed files" for r in readings if not r.files]
    sources = tuple(reading.name for reading in matched)
    if not matched:
        reason = "; ".join(notes) if reports else "there is no coverage report"
        reason = reason if code else ""
        return PatchCoverage(total=total, unknown=reason, notes=tuple(notes))
    files = _added(matched, changes)
    seen = {path for reading in matched for path in reading.files}
    unmeasured = [path for path in code if path not in seen and not is_test(path)]
    if unmeasured:
        notes.append(f"not measured by any report: {_names(unmeasured)}")
    measurable = sum(len(file.covered) + len(file.missing) for file in files)
    covered = sum(len(file.covered) for file in files)
    patch = 100 * covered / measurable if measurable else None
    return PatchCoverage(files, patch, total, "", sources, tuple(notes))


def _read(
    report: Path,
    formats: Sequence[CoverageFormat],
    changes: ChangeSet,
    tree: Tree,
    notes: list[str],
) -> _Reading:
    """One report, held against the changed files. Raises UnreadableReport."""
    with opened(report) as file:
        head = file.read(SNIFF_BYTES)
        changed = os.fstat(file.fileno()).st_mtime
    if not head:
        raise UnreadableReport("it is empty")
    known = next((candidate for candidate in formats if candidate.sniff(head)), None)
    if known is None:
        raise UnreadableReport("no coverage format recognises it")
    paths = _Paths(frozenset(path.rpartition("/")[2] for path in tree.files))
    measured = known.parse(report, paths)
    if changes.head_time is not None:
        written = changed if measured.written is None else measured.written
        if int(written) < int(changes.head_time):
            raise _Stale("it is older than the head of the change")
    notes += [f"{report}: {note}" for note in measured.notes]
    wanted = [*measured.files, *measured.derived]
    pairs, doubtful = pair(wanted, tree.files, trunk(paths.seen))
    if doubtful:
        notes.append(f"{report}: could be more than one file, not counted: {_names(doubtful)}")
    files: dict[str, FileCoverage] = {}
    for path, spelled in sorted(pairs.items()):
        content = tree.read(path)
        try:
            files[path] = _coverage(measured, spelled, content)
        except _Stale:
            raise
        except UnreadableReport as error:
            notes.append(f"{report}: {path}: {error}")
    return _Reading(
        str(report), files, (measured.covered, measured.measurable), frozenset(paths.seen)
    )


def _coverage(measured: Measured, spelled: str, content: bytes) -> FileCoverage:
    """Lines of one file. Raises _Stale when the file is shorter than the report has it."""
    lines = content.count(b"\n") + (not content.endswith(b"\n"))
    if spelled in measured.derived:
        found = measured.derived[spelled](content)
    else:
        found = measured.files[spelled]
    last = max(found.covered | found.missing, default=0)
    # Some tools count an empty line after the last line feed.
    if last > lines + 1:
        raise _Stale(f"it has a line {last} of {spelled}, which has {lines} lines at the head")
    return found


def _total(readings: Iterable[_Reading], notes: list[str]) -> float | None:
    """Percent of the whole project: the reports' own totals, each project counted once."""
    counted: list[_Reading] = []
    for reading in readings:
        if reading.totals[1] <= 0 or not 0 <= reading.totals[0] <= reading.totals[1]:
            continue
        overlap = [other for other in counted if other.seen & reading.seen]
        if not overlap:
            counted.append(reading)
        elif any(other.totals != reading.totals for other in overlap):
            notes.append("total coverage is unknown: reports differ on files that they share")
            return None
    covered = sum(reading.totals[0] for reading in counted)
    measurable = sum(reading.totals[1] for reading in counted)
    return 100 * covered / measurable if measurable else None


def _added(readings: Sequence[_Reading], changes: ChangeSet) -> tuple[CoverageOfFile, ...]:
    """The measurable added lines of all changed files that have some, by path."""
    files: list[CoverageOfFile] = []
    for path in sorted({path for reading in readings for path in reading.files}):
        added = changes.by_path[path].added
        found = [reading.files[path] for reading in readings if path in reading.files]
        covered = added & frozenset().union(*(one.covered for one in found))
        missing = added & frozenset().union(*(one.missing for one in found)) - covered
        whole = frozenset().union(*(one.covered - one.partial for one in found))
        partial = covered & frozenset().union(*(one.partial for one in found)) - whole
        if covered or missing:
            files.append(
                CoverageOfFile(
                    path, tuple(sorted(covered)), tuple(sorted(missing)), tuple(sorted(partial))
                )
            )
    return tuple(files)


def _names(paths: Sequence[str]) -> str:
    rest = len(paths) - NAMED
    return ", ".join(paths[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def uncovered(coverage: PatchCoverage, tree: Tree, changes: ChangeSet) -> ToolRun:
    """The uncovered added lines as findings, one for each run of lines.

    A run goes on over added lines that cannot be measured, and ends at any other line. Lines with
    a branch not taken are notes of their own.
    """
    if coverage.patch is None:
        reason = coverage.unknown or "no added line can be measured"
        return ToolRun("coverage", Outcome.SKIPPED, reason=reason)
    findings: list[Finding] = []
    for file in coverage.files:
        text = tree.read(file.path).decode("utf-8", "replace").split("\n")
        added = changes.by_path[file.path].added
        seen: Counter[tuple[str, str]] = Counter()
        for rule, lines in (("uncovered", file.missing), ("partial", file.partial)):
            measured = frozenset((*file.covered, *file.missing))
            for start, end in _runs(lines, added - measured):
                quote = "\n".join(text[start - 1 : end][:QUOTE_LINES])
                finding = _finding(rule, Span(file.path, start, end), quote)
                findings.append(replace(finding, occurrence=seen[rule, quote]))
                seen[rule, quote] += 1
    return ToolRun("coverage", Outcome.OK, findings=tuple(findings), measures=(Category.COVERAGE,))


def _runs(lines: Iterable[int], bridge: frozenset[int]) -> list[tuple[int, int]]:
    """First and last line of each run; a gap within one consists of `bridge` lines."""
    runs: list[tuple[int, int]] = []
    for line in lines:
        if runs and all(gap in bridge for gap in range(runs[-1][1] + 1, line)):
            runs[-1] = runs[-1][0], line
        else:
            runs.append((line, line))
    return runs


def _finding(rule: str, span: Span, quote: str) -> Finding:
    one = span.start == span.end
    where = f"Line {span.start} is" if one else f"Lines {span.start}–{span.end} are"
    if rule == "partial":
        where = f"Line {span.start} does" if one else f"Lines {span.start}–{span.end} do"
        message = f"{where} run in the tests, but not every branch there is taken."
    else:
        message = f"{where} not run by any test."
    severity = Severity.NOTE if rule == "partial" else Severity.WARNING
    return Finding(
        "coverage", rule, message, span, severity, Confidence.HIGH, Category.COVERAGE, quote
    )


RULES: Final = (
    RulePage(
        rule="uncovered",
        what="Lines that the change adds are not run by any test.",
        why="Nothing would notice if they did something else.",
        fix="Add a test that runs them, or remove them if nothing can.",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        category=Category.COVERAGE,
    ),
    RulePage(
        rule="partial",
        what="Added lines run in the tests, but not every branch there is taken.",
        why="The way that was never taken is the one that surprises later.",
        fix="Add a test for the other case.",
        before="def test_price():\n    assert price(3, discount=True) == 2",
        after="def test_price():\n    assert price(3, discount=True) == 2\n"
        "    assert price(3, discount=False) == 3",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.COVERAGE,
    ),
)
