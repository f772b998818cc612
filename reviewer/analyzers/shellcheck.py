"""Shell scripts: broken commands, likely bugs, missing quotes, by ShellCheck.

The default rules are those that are right nearly always; `strict` adds all others as notes. A
`shellcheck disable=` of the change does not silence a rule: one that names it makes it a note.
"""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar, Final

import msgspec

from reviewer.analyzers import _shell
from reviewer.analyzers._linter import (
    Heard,
    Lines,
    Remark,
    ask,
    ordered,
    path_of,
    version_of,
)
from reviewer.analyzers.base import NOT_UNDERSTOOD, Analyzer, ForeignRules, batches, not_concerned
from reviewer.errors import ToolFailed
from reviewer.languages import is_test
from reviewer.model import Category, ChangeSet, Outcome, ToolRun
from reviewer.process import Runner
from reviewer.tree import Tree

SUFFIXES: Final = (".sh", ".bash", ".ksh", ".dash")

SHEBANG: Final = re.compile(rb"#![ \t]*(?:\S*/)?(?:env[ \t]+(?:-\S+[ \t]+)*)?(?:\S*/)?([a-z]+)")
SHELLS: Final = (b"sh", b"bash", b"dash", b"ksh", b"ash", b"busybox")
"""The shells that ShellCheck knows (shellcheck(1), --shell)."""

SEVERAL: Final = re.compile(
    r"\$\{?[A-Za-z0-9_]*(?:flags|opts?|options?|args?|params?|cmd|command)\}?", re.IGNORECASE
)
"""A variable like $CFLAGS: without quotes on purpose, or nothing would be passed on."""

ONCE_A_FILE: Final = ("1017",)
"""Rules that speak of every line when they speak of the file: it has the line ends of Windows."""


class Comment(msgspec.Struct, frozen=True, rename="camel"):
    """One remark: lines and columns are 1-based, columns in characters."""

    file: str
    line: int
    end_line: int
    column: int
    end_column: int
    level: str
    code: int
    message: str


class Output(msgspec.Struct, frozen=True):
    """What one call prints (--format=json1)."""

    comments: tuple[Comment, ...]


@dataclass(frozen=True)
class Shellcheck:
    """Settings of ShellCheck: `ignore` takes rules away ("SC2086")."""

    name: ClassVar[str] = "shellcheck"
    measures: ClassVar[tuple[Category, ...]] = (
        Category.CORRECTNESS,
        Category.SECURITY,
        Category.STYLE,
    )

    profile: str = "default"
    ignore: tuple[str, ...] = ()

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:  # noqa: ARG002
        started = time.monotonic()
        paths = scripts(tree)
        if not paths:
            return not_concerned(self.name, "shell script")
        program = str(runner.which("shellcheck"))
        call = [program, "--norc", "--format=json1", *self._rules(), "--"]
        lines = Lines(tree)

        def linter(place: Path, names: Sequence[str]) -> Heard:
            found: list[Comment] = []
            for batch in batches(names):
                found += decoded(runner.run([*call, *batch], cwd=place, ok=(0, 1)).stdout)
            return Heard([remark(comment, tree, lines) for comment in found], [])

        told, _ = ask(tree, paths, runner, linter, (_shell.spoilt, _shell.named_only))
        findings = []
        for item, silenced in merged(told):
            lenient = is_test(item.path) or split_on_purpose(item, lines)
            grade = _shell.weight(item.rule[2:], item.level, lenient=lenient)
            findings.append(item.finding(self.name, grade, silenced=silenced))
        return ToolRun(
            self.name,
            Outcome.OK,
            version=version_of(program, runner),
            findings=ordered(findings),
            seconds=time.monotonic() - started,
            measures=self.measures,
        )

    def _rules(self) -> list[str]:
        ignored = {code.upper().removeprefix("SC") for code in self.ignore}
        if self.profile == "strict":
            return [f"--exclude={','.join(sorted({*_shell.LEFT_OUT, *ignored}))}"]
        return [f"--include={','.join(code for code in _shell.DEFAULT if code not in ignored)}"]


def scripts(tree: Tree) -> list[str]:
    """The shell scripts of the change, by suffix or, where there is none, by their first line."""
    return sorted(path for path in (*tree.files, *tree.asides) if is_script(path, tree))


def is_script(path: str, tree: Tree) -> bool:
    """Whether `path` is a script for a shell that ShellCheck knows."""
    name = PurePosixPath(path)
    if name.suffix.lower() not in (*SUFFIXES, ""):
        return False
    found = SHEBANG.match(tree.read(path)[:256])
    return found[1] in SHELLS if found else name.suffix != ""


def decoded(output: bytes) -> tuple[Comment, ...]:
    """ShellCheck's output as it should be. Raises ToolFailed for anything else."""
    try:
        return msgspec.json.decode(output, type=Output).comments
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"its output cannot be understood: {error}") from error


def remark(comment: Comment, tree: Tree, lines: Lines) -> Remark:
    """What one comment says."""
    path = path_of(tree, comment.file)
    start = lines.within(path, comment.line)
    end = max(start, lines.within(path, comment.end_line))
    one_line = start == end == comment.line == comment.end_line
    columns = (comment.column, comment.end_column)
    code = f"SC{comment.code}"
    return Remark(
        path,
        code,
        comment.message,
        start,
        end,
        *(columns if one_line and 0 < columns[0] <= columns[1] else (0, 0)),
        level=comment.level,
        url=_shell.URL.format(comment.code),
    )


def split_on_purpose(item: Remark, lines: Lines) -> bool:
    """Whether it is about a variable that by its name holds several words for a command."""
    line = lines.split(item.path)[item.start - 1].decode("utf-8", "replace")
    return bool(SEVERAL.fullmatch(line[item.column - 1 : item.end_column - 1]))


def merged(told: Iterable[tuple[Remark, bool]]) -> list[tuple[Remark, bool]]:
    """The same remark about one line, or of ONCE_A_FILE, as one that says how often it holds."""
    groups: dict[tuple[object, ...], list[tuple[Remark, bool]]] = {}
    for item, silenced in told:
        whole = item.rule[2:] in ONCE_A_FILE
        place = () if whole else (item.start, item.end)
        key = (item.path, item.rule, item.message, silenced, *place)
        groups.setdefault(key, []).append((item, silenced))
    result = []
    for members in groups.values():
        item, silenced = min(members)
        if len(members) > 1:
            where = "lines" if item.rule[2:] in ONCE_A_FILE else "places on this line"
            item = item._replace(message=f"{item.message} ({len(members)} {where})")
        result.append((item, silenced))
    return result


FOREIGN: Final = ForeignRules(
    program="ShellCheck",
    about="Finds bugs and missing quotes in sh, bash, dash and ksh scripts.",
    names=r"SC(\d{4})",
    url="https://www.shellcheck.net/wiki/{rule}",
)

PLUGIN: Final[type[Analyzer]] = Shellcheck
