"""Python: insecure calls and settings, by bandit, of medium confidence and up.

`# nosec` of the change silences nothing here: a test that it names becomes a note, a bare `nosec`
changes nothing. Passwords that bandit quotes are masked.
"""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from reviewer.analyzers._python import SUFFIXES, is_test, rows, silenced_by
from reviewer.analyzers.base import (
    NOT_UNDERSTOOD,
    Analyzer,
    ForeignRules,
    Name,
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
    ToolRun,
)
from reviewer.process import Runner
from reviewer.tree import Tree

LEFT_OUT: Final = tuple(
    (
        "B101 "  # assert: an idiom, and seldom a guard
        "B401 B402 B403 B404 B405 B406 B407 B408 B409 B411 B412 B413 B415 "  # imports, not uses
        "B311 B603 B606 B607"  # random numbers and programs without a shell: seldom at fault
    ).split()
)
"""Tests that only `strict` runs: they ask for a look and are nearly always let be."""

NOT_IN_TESTS: Final = tuple(
    (
        "B101 B103 B104 B105 B106 B107 B108 B110 B112 B113 B202 B301 B302 B306 B308 B310 B311 B314 "
        "B318 B324 B403 B404 B501 B506 B603 B604 B606 B607 B608 B701"
    ).split()
)
"""Tests that say nothing about test code: it asserts, hard-codes and provokes on purpose."""

SHARD_BYTES: Final = 400_000
"""Code for one more process: bandit reads about 17,000 lines a second and starts in 0.15 s."""

SEVERITIES: Final = {
    "LOW": Severity.NOTE,
    "MEDIUM": Severity.WARNING,
    "HIGH": Severity.ERROR,
    "UNDEFINED": Severity.NOTE,
}

CONFIDENCES: Final = {
    "LOW": Confidence.LOW,
    "MEDIUM": Confidence.MEDIUM,
    "HIGH": Confidence.HIGH,
    "UNDEFINED": Confidence.LOW,
}

PASSWORD: Final = re.compile(r"(Possible hardcoded password): '(.*)'", re.DOTALL)
"""What B105, B106 and B107 say, with the password itself."""

PLAIN_WORD: Final = re.compile(r"[A-Za-z][a-z_ -]*|.{0,5}", re.DOTALL)
"""No password but a name or a word: to mask it everywhere would blank out ordinary text."""

WHOLE_FUNCTION: Final = ("B107",)
"""Tests whose range of lines is the function; they mean its first line."""

SILENCED: Final = re.compile(rb"#\s*nosec\b:?(?P<rules>[^#]*)", re.IGNORECASE)
"""A comment that silences tests on its line (bandit, "Exclusions")."""


class Issue(msgspec.Struct, frozen=True):
    """One result. Lines are 1-based."""

    filename: str
    test_id: Name
    issue_text: str
    issue_severity: str
    issue_confidence: str
    line_number: int
    line_range: tuple[int, ...] = ()
    more_info: str = ""


class Unread(msgspec.Struct, frozen=True):
    """A file that bandit could not judge."""

    filename: str
    reason: str = ""


class Output(msgspec.Struct, frozen=True):
    """What one call prints; `metrics` has an entry for each file that was read."""

    errors: tuple[Unread, ...]
    results: tuple[Issue, ...]
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Bandit:
    """Settings of bandit: `skip` takes tests away ("B608"), `jobs` is the number of processes, if
    there are as many processors.
    """

    stand_in: ClassVar[str] = "ruff"
    name: ClassVar[str] = "bandit"
    slowness: ClassVar[int] = 9
    measures: ClassVar[tuple[Category, ...]] = (Category.SECURITY,)

    profile: str = "default"
    skip: tuple[str, ...] = ()
    jobs: int = 2
    beside_ruff: bool | None = None
    """Whether it runs where ruff did too; unless this says so, not under the profile `quiet`. It
    takes most of the time of a review, and ruff's S rules are ports of most of its tests. Those
    that nothing else looks for are B104 to B108, B110, B112, B303, B310, B313 to B319, B613 to
    B615 and B703. It always runs when `gate.required` names it."""

    def spared(self, other: Analyzer) -> str:
        """Why it need not run: ruff looks for the same, and does so with all of its S rules."""
        beside = self.profile != "quiet" if self.beside_ruff is None else self.beside_ruff
        ignored: tuple[str, ...] = getattr(other, "ignore", ())
        if beside or any(rule.startswith("S") or rule == "ALL" for rule in ignored):
            return ""
        why = "profile quiet" if self.beside_ruff is None else "beside-ruff is false"
        return f"ruff's S rules stand in ({why})"

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:  # noqa: ARG002
        started = time.monotonic()
        paths = named(tree, SUFFIXES)
        if not paths:
            return not_concerned(self.name, "Python file")
        program = runner.which("bandit")
        jobs = min(self.jobs, processors())
        calls = [
            [*self._call(program, test=test), *batch]
            for test in (False, True)
            for shard in shards([p for p in paths if is_test(p) is test], tree, jobs)
            for batch in batches([tree.files[path] for path in shard])
        ]
        with ThreadPoolExecutor(jobs) as pool:
            done = pool.map(lambda argv: runner.run(argv, cwd=tree.root, ok=(0, 1)), calls)
            outputs = [decoded(finished.stdout) for finished in done]
        read = {tree.origin(name) for output in outputs for name in output.metrics}
        read -= {tree.origin(error.filename) for output in outputs for error in output.errors}
        unread = [path for path in paths if path not in read]
        if len(unread) == len(paths):
            raise ToolFailed("could read none of the files")
        findings, masks = judged([issue for output in outputs for issue in output.results], tree)
        return ToolRun(
            self.name,
            Outcome.OK,
            version=version(program, tree, runner),
            findings=findings,
            reason=f"could not read {', '.join(unread)}" if unread else "",
            seconds=time.monotonic() - started,
            measures=self.measures,
            masks=masks,
        )

    def _call(self, program: Path, *, test: bool) -> list[str]:
        """The command line up to the file names. An empty --exclude excludes nothing."""
        left_out = () if self.profile == "strict" else LEFT_OUT
        skipped = {*left_out, *self.skip, *(NOT_IN_TESTS if test else ())}
        options = [f"--skip={','.join(sorted(skipped))}"] if skipped else []
        return [
            str(program),
            "--quiet",
            "--format=json",
            "--ignore-nosec",
            "--confidence-level=medium",
            "--exclude=",
            *options,
            "--",
        ]


def processors() -> int:
    """Processors that this process may use: more shards than that only start more often."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def shards(paths: Sequence[str], tree: Tree, jobs: int) -> list[list[str]]:
    """`paths` in up to `jobs` groups of about equal size, in as few as SHARD_BYTES allows."""
    sizes = {path: (tree.root / tree.files[path]).stat().st_size for path in paths}
    count = min(max(1, jobs), 1 + sum(sizes.values()) // SHARD_BYTES)
    groups: list[list[str]] = [[] for _ in range(count)]
    loads = [0] * count
    for path in sorted(paths, key=lambda path: (-sizes[path], path)):
        lightest = loads.index(min(loads))
        groups[lightest].append(path)
        loads[lightest] += sizes[path]
    return [group for group in groups if group]


def version(program: Path, tree: Tree, runner: Runner) -> str:
    """The version installed beside `program`; asking itself takes as long as a review."""
    library = program.parent.parent / "lib"
    for place in sorted(library.glob("python3*/site-packages/bandit-*.dist-info")):
        return place.name.removeprefix("bandit-").removesuffix(".dist-info")
    said = runner.run([str(program), "--version"], cwd=tree.root).stdout.decode("utf-8", "replace")
    return said.partition("\n")[0].removeprefix("bandit ").strip()[:40]


def decoded(output: bytes) -> Output:
    """Bandit's output as it should be. Raises ToolFailed for anything else."""
    try:
        return msgspec.json.decode(output, type=Output)
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"its output cannot be understood: {error}") from error


def judged(issues: Sequence[Issue], tree: Tree) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """The findings in order, and the passwords among them."""
    findings: list[Finding] = []
    masks: set[str] = set()
    texts: dict[str, tuple[list[bytes], Callable[[int], int]]] = {}
    for issue in issues:
        path = tree.origin(issue.filename)
        if path is None or path not in tree.files:
            raise ToolFailed("it reported a file that it was not given")
        if path not in texts:
            data = tree.read(path)
            texts[path] = data.split(b"\n"), rows(data)
        password = PASSWORD.fullmatch(issue.issue_text)
        if password and not PLAIN_WORD.fullmatch(password[2]):
            masks.add(password[2])
        findings.append(finding(issue, path, password[1] if password else "", *texts[path]))
    findings.sort(key=lambda f: (f.span, f.rule, f.message))
    return tuple(findings), tuple(sorted(masks))


def finding(
    issue: Issue,
    path: str,
    message: str,
    lines: Sequence[bytes],
    row: Callable[[int], int],
) -> Finding:
    """What one issue says; `message` takes the place of its text unless empty."""
    within = () if issue.test_id in WHOLE_FUNCTION else issue.line_range
    start = row(min((issue.line_number, *within)))
    end = row(max((issue.line_number, *within)))
    severity = SEVERITIES.get(issue.issue_severity, Severity.NOTE)
    text = message or issue.issue_text
    if any(silenced_by(line, SILENCED, issue.test_id) for line in lines[start - 1 : end]):
        severity = Severity.NOTE
        text += " (a comment on the line silences this test)"
    return Finding(
        tool=Bandit.name,
        rule=issue.test_id,
        message=text,
        span=Span(path, start, end),
        severity=severity,
        confidence=CONFIDENCES.get(issue.issue_confidence, Confidence.LOW),
        category=Category.SECURITY,
        url=issue.more_info,
    )


NAMED: Final = re.compile(r"^\s+(B\d{3})\s+(\w+)$", re.MULTILINE)
"""How `bandit --help` lists its tests."""

BLACKLISTS: Final = {"B3": "calls", "B4": "imports"}
"""The first digit of the tests that are lists of names (bandit, "Blacklist Plugins")."""

DOCS: Final = "https://bandit.readthedocs.io/en/latest"


def _usual(runner: Runner) -> list[RulePage]:
    """All its tests by name."""
    argv = [str(runner.which("bandit")), "--help"]
    told = runner.run(argv, cwd=runner.scratch).stdout.decode("utf-8", "replace")
    return [_page(code, name) for code, name in NAMED.findall(told)]


def _asked(rule: str, runner: Runner) -> RulePage | None:
    return next((page for page in _usual(runner) if page.rule == rule), None)


def _page(code: str, name: str) -> RulePage:
    listed = BLACKLISTS.get(code[:2]) if code != "B324" else None
    place = f"blacklists/blacklist_{listed}.html" if listed else f"plugins/{code}_{name}.html"
    return RulePage(
        rule=code,
        what=f"{name.replace('_', ' ').capitalize()}.",
        category=Category.SECURITY,
        url=f"{DOCS}/{place.lower()}",
    )


FOREIGN: Final = ForeignRules(
    program="bandit",
    about="Calls and settings in Python that are often insecure.",
    names=r"B\d{3}",
    url=f"{DOCS}/plugins/index.html",
    ask=_asked,
    usual=_usual,
)


PLUGIN: Final[type[Analyzer]] = Bandit
