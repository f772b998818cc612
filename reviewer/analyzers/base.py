"""The seam of the static analyzers.

An analyzer is a frozen dataclass. Its fields are its section of the configuration
(`analyzers.<name>`), so each has a default. A field named `profile` is filled with the profile in
force.

`run` looks at the clean room, never at a checkout. It starts programs through `runner` alone,
which puts them in a cage with a deadline and an output cap. It raises ToolMissing when its tool is
not there and ToolFailed when the tool broke; the review turns both into a ToolRun with the reason.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import ClassVar, Protocol

from reviewer.model import Category, ChangeSet, Outcome, ToolRun
from reviewer.process import Runner
from reviewer.tree import Tree

ARGV_BYTES = 96 * 1024
"""Bytes of file names for one call; Linux takes 128 KiB a word and 2 MiB in all (execve(2))."""


class Analyzer(Protocol):
    """One source of findings."""

    name: ClassVar[str]
    measures: ClassVar[tuple[Category, ...]]

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        """Judge the changed files. Findings name paths of `changes`, not of the clean room.

        Report what the tool finds in the whole changed file: whether it is on the change is
        decided by `guard`. Raises ToolMissing and ToolFailed.
        """
        ...


def named(tree: Tree, suffixes: Iterable[str]) -> list[str]:
    """Paths of the clean room whose suffix (".py", lower case) is one of `suffixes`, sorted."""
    wanted = frozenset(suffixes)
    return sorted(p for p in tree.files if PurePosixPath(p).suffix.lower() in wanted)


def batches(names: Sequence[str], limit: int = ARGV_BYTES) -> Iterator[list[str]]:
    """`names` in groups that each fit in one argument list."""
    group: list[str] = []
    size = 0
    for name in names:
        cost = len(name.encode("utf-8", "surrogateescape")) + 9
        if group and size + cost > limit:
            yield group
            group, size = [], 0
        group.append(name)
        size += cost
    if group:
        yield group


def not_concerned(tool: str, what: str) -> ToolRun:
    """The run of a tool that no changed file concerns: it judged nothing, and measures nothing."""
    return ToolRun(tool, Outcome.SKIPPED, reason=f"the change has no {what}")
