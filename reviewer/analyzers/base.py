"""The seam of the static analyzers.

An analyzer is a frozen dataclass. Its fields are its section of the configuration
(`analyzers.<name>`), so each has a default. A field named `profile` is filled with the profile in
force.

A class variable `slowness` of more than 0 has it started before others: seconds, roughly, that it
takes for a change of fifty files.

One that another may stand in for is also a `Spared`.

`run` looks at the clean room, never at a checkout. It starts programs through `runner` alone,
which puts them in a cage with a deadline and an output cap. It raises ToolMissing when its tool is
not there and ToolFailed when the tool broke; the review turns both into a ToolRun with the reason.

Beside the class, its module describes its rules: `RULES`, a tuple of RulePage, for rules of our
own; `FOREIGN`, a ForeignRules, for those that another program defines and documents. From them come
`reviewer explain` and docs/rules.md.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Final, Protocol, runtime_checkable

import msgspec

from reviewer.model import Category, ChangeSet, Confidence, Outcome, Severity, ToolRun
from reviewer.process import Runner
from reviewer.tree import Tree

ARGV_BYTES = 96 * 1024
"""Bytes of file names for one call; Linux takes 128 KiB a word and 2 MiB in all (execve(2))."""

Name = Annotated[str, msgspec.Meta(min_length=1)]
"""The name of a rule in the output of a tool."""

NOT_UNDERSTOOD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding the output of a tool raises: it is of another shape, not UTF-8, or too deep."""


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


@runtime_checkable
class Spared(Protocol):
    """An analyzer that need not run where another one did: the one of the name `stand_in`."""

    stand_in: ClassVar[str]

    def spared(self, other: Analyzer) -> str:
        """Why it need not run, "" if it has to. `other` is the one that would stand in."""
        ...


@dataclass(frozen=True, slots=True)
class RulePage:
    """What readers are told about one rule: Markdown, and code in `before` and `after`.

    `rule` is its name within the tool. `severity`, `confidence` and `category` are those of most of
    its findings; None where each finding has its own. `url` is a page of the tool's makers.
    """

    rule: str
    what: str
    why: str = ""
    fix: str = ""
    before: str = ""
    after: str = ""
    severity: Severity | None = None
    confidence: Confidence | None = None
    category: Category | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class ForeignRules:
    """The rules that another program defines, and looks for in whole files.

    `names` is a regular expression that each of their names matches as a whole. `url` is the page
    of one: `{rule}`, `{lower}` and the named groups of `names` are filled in. `ask` asks the
    program about one rule (None: it has no such rule), `usual` for those worth listing.
    """

    program: str
    about: str
    names: str
    url: str
    ask: Callable[[str, Runner], RulePage | None] | None = None
    usual: Callable[[Runner], Iterable[RulePage]] | None = None


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
    return ToolRun(tool, Outcome.SKIPPED, reason=f"the change has no {what}", concerned=False)
