"""GitHub Actions: workflows and actions that outsiders can take over, by zizmor, offline.

Findings keep zizmor's own severity and confidence, but for a few that much good practice does
without: these are notes unless the profile is `strict`. Comments of the change (`zizmor: ignore`)
silence nothing here: they make a rule that they name a note.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from reviewer.analyzers._linter import (
    Grade,
    Heard,
    Lines,
    Remark,
    ask,
    ordered,
    path_of,
    unread_reason,
    version_of,
)
from reviewer.analyzers.base import (
    NOT_UNDERSTOOD,
    Analyzer,
    ForeignRules,
    Name,
    batches,
    not_concerned,
)
from reviewer.errors import ToolFailed
from reviewer.model import Category, ChangeSet, Confidence, Outcome, Severity, ToolRun
from reviewer.process import Runner
from reviewer.tree import Tree

INPUT: Final = re.compile(
    r"(?:.*/)?\.github/(?:workflows/[^/]+|dependabot)\.ya?ml|(?:.*/)?action\.ya?ml"
)
"""What zizmor reads: workflows, composite actions, Dependabot's settings."""

SEVERITIES: Final = {"High": Severity.ERROR, "Medium": Severity.WARNING}
CONFIDENCES: Final = {"High": Confidence.HIGH, "Medium": Confidence.MEDIUM}
"""zizmor's grades; what is below these is a note, and little sure."""

SURE: Final = frozenset(
    (
        "github-env hardcoded-container-credentials insecure-commands template-injection "
        "typosquat-uses unsound-condition unsound-contains"
    ).split()
)
"""Rules whose high grade, where zizmor is sure as well, is an error; for others it is a warning."""

CUSTOM: Final = frozenset(
    (
        "adhoc-packages dependabot-cooldown misfeature secrets-inherit self-repository "
        "superfluous-actions unpinned-images unpinned-tools use-trusted-publishing"
    ).split()
)
"""Rules about hardening that each project decides on for itself: notes."""

MEDIUM_IS_CUSTOM: Final = frozenset(("excessive-permissions", "template-injection"))
"""Rules of which the findings of medium confidence are such: permissions that are not narrowed, and
values that only the workflow itself or a maintainer sets."""

POLICY: Final = """\
rules:
  unpinned-uses:
    config:
      policies:
        actions/*: ref-pin
        github/*: ref-pin
        dependabot/*: ref-pin
        "*": hash-pin
"""
"""zizmor's settings: who can change GitHub's own actions can change the runner as well."""

MILD: Final = "mild"
MILD_VALUES: Final = {
    "unpinned-uses": re.compile(r".*@v?\d[\w.+-]*"),
    "template-injection": re.compile(r"(?:.*\{\{\s*)?github\.ref(?:_name|_type)?(?:\s*\}\})?"),
}
"""What a finding of these rules may point to and is but a note: a tag, which can be moved but is
not meant to; the name of a branch or tag, which only those who may push can choose."""

WHOLE: Final = 2
"""A route this long leads to a job, or above: the finding is about its head, not each line."""

PRAGMA: Final = re.compile(rb"zizmor(?=[ \t]*:[ \t]*ignore)")
BROKEN_INPUT: Final = (1, 3)
"""How zizmor ends when a file is not YAML or no workflow (main.rs, --strict-collection)."""


class Offsets(msgspec.Struct, frozen=True):
    """A range in bytes."""

    start: int
    end: int


class Place(msgspec.Struct, frozen=True):
    """Where a feature is."""

    offset_span: Offsets


class Concrete(msgspec.Struct, frozen=True):
    """The text that a finding points to."""

    location: Place
    feature: str


class Local(msgspec.Struct, frozen=True):
    """A file on this machine, by the name that was asked for."""

    verbatim_path: str


class Key(msgspec.Struct, frozen=True, rename="pascal"):
    """Where an input came from."""

    local: Local


class Route(msgspec.Struct, frozen=True):
    """The way from the top of the document to a feature."""

    route: tuple[msgspec.Raw, ...] = ()


class Symbolic(msgspec.Struct, frozen=True):
    """What a location is to its finding."""

    key: Key
    annotation: str
    kind: str
    route: Route = Route()


class Location(msgspec.Struct, frozen=True):
    """One place of a finding."""

    symbolic: Symbolic
    concrete: Concrete


class Determinations(msgspec.Struct, frozen=True):
    """zizmor's own grades."""

    confidence: str
    severity: str


class Result(msgspec.Struct, frozen=True):
    """One finding."""

    ident: Name
    desc: str
    url: str
    determinations: Determinations
    locations: tuple[Location, ...]


@dataclass(frozen=True)
class Zizmor:
    """Settings of zizmor: `ignore` takes rules away ("artipacked")."""

    name: ClassVar[str] = "zizmor"
    measures: ClassVar[tuple[Category, ...]] = (Category.SECURITY,)

    profile: str = "default"
    ignore: tuple[str, ...] = ()

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:  # noqa: ARG002
        started = time.monotonic()
        paths = sorted(path for path in (*tree.files, *tree.asides) if INPUT.fullmatch(path))
        if not paths:
            return not_concerned(self.name, "workflow")
        program = str(runner.which("zizmor"))
        lines = Lines(tree)
        end = started + runner.seconds

        def linter(place: Path, names: Sequence[str]) -> Heard:
            settings = place.with_suffix(".yaml")
            settings.write_text("rules: {}\n" if self.profile == "strict" else POLICY)
            call = [*self._call(program), f"--config={settings}", "--"]
            heard = Heard([], [])
            waiting = list(batches(names))
            while waiting:
                batch = waiting.pop()
                if time.monotonic() > end:
                    raise ToolFailed(f"did not end within {runner.seconds:g} s")
                done = runner.run([*call, *batch], cwd=place, ok=(0, *BROKEN_INPUT))
                if done.returncode == 0:
                    heard.remarks.extend(
                        remark(result, tree, lines)
                        for result in decoded(done.stdout)
                        if result.ident not in self.ignore
                    )
                elif len(batch) == 1:
                    heard.unread.append(path_of(tree, batch[0]))
                else:
                    half = len(batch) // 2
                    waiting += batch[:half], batch[half:]
            return heard

        told, unread = ask(tree, paths, runner, linter, (spoilt, lambda data: data))
        findings = [
            item.finding(self.name, self._weight(item), silenced=silenced)
            for item, silenced in told
        ]
        return ToolRun(
            self.name,
            Outcome.OK,
            version=version_of(program, runner),
            findings=ordered(findings),
            reason=unread_reason(unread, paths),
            seconds=time.monotonic() - started,
            measures=self.measures,
        )

    def _call(self, program: str) -> list[str]:
        persona = "pedantic" if self.profile == "strict" else "regular"
        return [
            program,
            "--offline",
            "--strict-collection",
            "--no-exit-codes",
            "--no-progress",
            "--quiet",
            "--format=json-v1",
            f"--persona={persona}",
        ]

    def _weight(self, item: Remark) -> Grade:
        """The grades, less what is custom."""
        level, sure, *mild = item.level.split(" ")
        severity = SEVERITIES.get(level, Severity.NOTE)
        confidence = CONFIDENCES.get(sure, Confidence.LOW)
        if severity is Severity.ERROR and not (item.rule in SURE and sure == "High"):
            severity = Severity.WARNING
        custom = item.rule in CUSTOM or (item.rule in MEDIUM_IS_CUSTOM and sure != "High")
        custom = custom or MILD in mild
        if custom and self.profile != "strict":
            severity = Severity.NOTE
        return Grade(severity, confidence, Category.SECURITY)


def spoilt(data: bytes) -> bytes:
    """The file without comments that silence zizmor, line by line as long as before."""
    return PRAGMA.sub(b"romziz", data)


def decoded(output: bytes) -> list[Result]:
    """Its output as it should be. Raises ToolFailed for anything else."""
    try:
        return msgspec.json.decode(output, type=list[Result])
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"its output cannot be understood: {error}") from error


def remark(result: Result, tree: Tree, lines: Lines) -> Remark:
    """What one result says, at the first of its primary places. Raises ToolFailed without one."""
    primary = [place for place in result.locations if place.symbolic.kind == "Primary"]
    if not primary:
        raise ToolFailed("it reported something without a place")
    symbolic, concrete = primary[0].symbolic, primary[0].concrete
    path = path_of(tree, symbolic.key.local.verbatim_path)
    span = concrete.location.offset_span
    start, end, column, end_column = lines.at(path, span.start, span.end - span.start)
    if len(symbolic.route.route) <= WHOLE:
        end, column, end_column = start, 0, 0
    level = f"{result.determinations.severity} {result.determinations.confidence}"
    pointed = lines.text(path)[span.start : span.end].decode("utf-8", "replace")
    mild = MILD_VALUES.get(result.ident)
    if mild is not None and mild.fullmatch(pointed.strip("\"' ")):
        level += f" {MILD}"
    return Remark(
        path,
        result.ident,
        f"{result.desc}: {symbolic.annotation}",
        start,
        end,
        column,
        end_column,
        level=level,
        url=result.url,
    )


FOREIGN: Final = ForeignRules(
    program="zizmor",
    about="Finds GitHub Actions workflows that outsiders can take over.",
    names=r"[a-z][a-z-]+",
    url="https://docs.zizmor.sh/audits/#{rule}",
)

PLUGIN: Final[type[Analyzer]] = Zizmor
