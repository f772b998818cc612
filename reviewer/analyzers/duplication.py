"""Added blocks of code that stand elsewhere too: in the change, or in the repository at its head.

Tokens are compared, not text: layout, comments and imports do not count, and names and literals may
differ as long as a name always stands for the same other name. Code that only moved is no
duplicate, nor are tables of data and runs of lines that all look alike.

The rest of the repository is read once, the nearest folders first. Only files in which several
lines in a row have the punctuation of added ones are looked at token by token.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import compress
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Final

from reviewer.analyzers._clones import WINDOW, Block, Index, Outlines, Source, block, fresh, longest
from reviewer.analyzers._tokens import BY_SUFFIX, Code, Family, tokens
from reviewer.analyzers.base import Analyzer, RulePage, not_concerned
from reviewer.binding import Range
from reviewer.errors import InputError
from reviewer.languages import is_test
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
from reviewer.text import path as shown
from reviewer.tree import Entry, Tree
from reviewer.version import VERSION

APART: Final = frozenset(
    (
        "benchmarks demo demos doc docs docs_src example examples migrations sample samples "
        "tutorial tutorials"
    ).split()
)
"""Folders of code that repeats itself on purpose: each file is read, or run, on its own."""

TEST_FACTOR: Final = 2
"""Tests may repeat blocks this much larger: each tells its own story."""

FORMS: Final = 0.8
FORMS_SHARE: Final = 0.4
"""How many lines of a block must differ in more than names and literals: this part of `min_lines`
and this part of its own lines. Fewer are a table, a list of parameters or a row of like
statements, which look alike wherever they stand."""

ODD_SHARE: Final = 0.05
"""The part of the names that may stand for another name than they mostly do."""

SAME_SHARE: Final = 0.25
"""The part of the names that must be the same: if nearly all differ, so does what the code does."""

DECISIONS: Final = 2
"""Branches and loops of a block that is a warning; declarations have none."""

FILE_BYTES: Final = 256 << 10
CHANGE_BYTES: Final = 8 << 20
CLOSER_BYTES: Final = 4 << 20
"""Larger files of the repository are not compared; of the change so much is, its added part counted
twice; so much of the repository is looked at token by token. Bounds on time and memory."""

RULES: Final = (
    RulePage(
        "block",
        what="The change adds a block of code that stands elsewhere too, in the change or in the "
        "repository. Layout, comments and imports do not count; names and literals may differ. "
        "Code that moved is not named, nor are data and lists of parameters.",
        why="A mistake is mended in one copy and stays in the other, and the copies drift apart.",
        fix="Make one function of it and call it from both places; what differs is a parameter.",
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
        category=Category.DUPLICATION,
    ),
)


@dataclass
class Search:
    """The added code that is looked for, what was found of it, and what was not looked at."""

    sources: list[Source] = field(default_factory=list)
    index: Index = field(default_factory=Index)
    outlines: Outlines = field(default_factory=Outlines)
    blocks: list[Block] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Duplication:
    """From which size on a block is named, and how much of the repository is searched for it."""

    name: ClassVar[str] = "duplication"
    slowness: ClassVar[int] = 2
    measures: ClassVar[tuple[Category, ...]] = (Category.DUPLICATION,)

    min_lines: Annotated[int, Range(3, 10_000)] = 10
    """Lines of code of the smallest block; twice as many in tests."""
    min_tokens: Annotated[int, Range(2 * WINDOW, 100_000)] = 80
    """Words, literals and signs of the smallest block; twice as many in tests."""
    warn_lines: Annotated[int, Range(3, 10_000)] = 20
    """From this many lines on a block with branches or loops is a warning, outside of tests,
    examples and migrations."""
    megabytes: Annotated[int, Range(0, 1024)] = 32
    """How much of the repository's code is searched, the nearest folders first."""

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        """One finding for each added block, at the later place when both are added."""
        del runner
        started = time.monotonic()
        paths = [path for path in sorted(tree.files) if family_of(path)]
        if not paths:
            return not_concerned(self.name, "code in a language that it compares")
        search = self._search(paths, changes, tree)
        blocks = search.blocks
        if blocks:
            touched = (
                path for path in paths if len(changes.by_path[path].removed) >= self.min_lines
            )
            blocks = list(fresh(blocks, *sides(search.sources, touched, changes, tree)))
        return ToolRun(
            self.name,
            Outcome.OK,
            VERSION,
            tuple(self._finding(found) for found in chosen(blocks)),
            "; ".join(search.reasons),
            time.monotonic() - started,
            measures=self.measures,
        )

    def _search(self, paths: list[str], changes: ChangeSet, tree: Tree) -> Search:
        """All blocks that are large enough, those that only moved among them."""
        search = Search()
        others: list[str] = []
        left: float = CHANGE_BYTES
        for path in paths:
            added = changes.by_path[path].added
            if len(added) < self.min_lines:
                others.append(path)
                continue
            data = tree.read(path)
            left -= len(data) * (1 + len(added) / (1 + data.count(b"\n")))
            if left < 0:
                search.reasons.append(f"not compared, too much is added: {shown(path)} and later")
                break
            search.sources.append(source(path, data, added))
        if all(longest(each) < self._least(each.path) for each in search.sources):
            return search
        for each in search.sources:
            search.index.add(each)
            search.outlines.add(each)
        for each in search.sources:
            self._compare(search, each)
        if search.outlines.wanted:
            self._look_closer(search, ((path, tree.read(path)) for path in others))
        if search.outlines.wanted:
            self._look_closer(search, self._neighbours(search, tree))
        return search

    def _compare(self, search: Search, other: Source) -> None:
        """Add the blocks that stand in `other`; where else they stand is no longer looked for."""
        for match in search.index.matches(other):
            if match.end - match.start < self.min_tokens:
                continue
            found = block(match, self.min_lines)
            if found is not None and self._worth(found) and not told_later(found):
                search.blocks.append(found)
                search.outlines.settle(found)

    def _look_closer(self, search: Search, files: Iterable[tuple[str, bytes]]) -> None:
        """Compare those of the files that look like added code."""
        left = CLOSER_BYTES
        passed = 0
        for path, data in files:
            if not search.outlines.wanted:
                break
            if search.outlines.like(data):
                left -= len(data)
                if left < 0:
                    passed += 1
                else:
                    self._compare(search, source(path, data))
        if passed:
            search.reasons.append(f"{passed} files that look alike were too much to compare")

    def _neighbours(self, search: Search, tree: Tree) -> Iterator[tuple[str, bytes]]:
        """The rest of the repository, the nearest first."""
        if tree.around is None:
            return
        families = {each.family.suffixes for each in search.sources}
        folders = {PurePosixPath(each.path).parent for each in search.sources}
        tops = {folder.parts[:2] for folder in folders}

        def wanted(path: str) -> bool:
            family = family_of(path)
            return family is not None and family.suffixes in families

        def distance(entry: Entry) -> tuple[int, str]:
            folder = PurePosixPath(entry.path).parent
            return 0 if folder in folders else 1 if folder.parts[:2] in tops else 2, entry.path

        try:
            entries = [e for e in tree.around.files(wanted) if e.size <= FILE_BYTES]
            entries.sort(key=distance)
            near = list(within(entries, self.megabytes << 20))
            for entry, data in zip(near, tree.around.read(near), strict=True):
                if data is not None:
                    yield entry.path, data
        except InputError as error:
            search.reasons.append(f"the rest of the repository was not searched: {error}")
            return
        if len(near) < len(entries):
            search.reasons.append(
                f"{len(entries) - len(near)} of {len(entries)} files of the repository were not "
                f"searched, beyond {self.megabytes} MB"
            )

    def _worth(self, found: Block) -> bool:
        """Whether a block is large enough, and says enough, to be named."""
        path = found.match.source.path
        factor = TEST_FACTOR if is_test(path) else 1
        return (
            found.lines >= self._least(path)
            and found.end - found.start >= factor * self.min_tokens
            and found.forms >= max(FORMS * self.min_lines, FORMS_SHARE * found.lines)
            and found.odd <= ODD_SHARE
            and found.same >= SAME_SHARE
        )

    def _least(self, path: str) -> int:
        """Lines of the smallest block in a file."""
        return self.min_lines * (TEST_FACTOR if is_test(path) else 1)

    def _finding(self, found: Block) -> Finding:
        here, there = found.match.source.path, found.match.other.path
        apart = repeats(here) or repeats(there)
        grave = not apart and found.lines >= self.warn_lines and found.decisions >= DECISIONS
        beside = "above" if found.there_first < found.first else "below"
        place = beside if here == there else f"in {shown(there)}"
        renamed = "" if found.same == 1 else ", with other names"
        return Finding(
            tool=self.name,
            rule="block",
            message=f"These {found.lines} lines of code also stand {place}, lines "
            f"{found.there_first} to {found.there_last}{renamed}.",
            span=Span(here, found.first, found.last),
            severity=Severity.WARNING if grave else Severity.NOTE,
            confidence=Confidence.MEDIUM,
            category=Category.DUPLICATION,
            help="Make one function of it, with what differs as a parameter.",
        )


def family_of(path: str) -> Family | None:
    """The language of a file, None for one that is not compared."""
    return BY_SUFFIX.get(PurePosixPath(path).suffix.lower())


def code(path: str, data: bytes) -> Code:
    """The tokens of a file whose language is known."""
    return tokens(data.decode("utf-8", "replace"), BY_SUFFIX[PurePosixPath(path).suffix.lower()])


def source(path: str, data: bytes, added: frozenset[int] = frozenset()) -> Source:
    """The code of a file whose language is known."""
    return Source(path, BY_SUFFIX[PurePosixPath(path).suffix.lower()], code(path, data), added)


def repeats(path: str) -> bool:
    """Whether the code of a file may repeat itself: a test, an example, a migration."""
    return is_test(path) or not APART.isdisjoint(PurePosixPath(path).parts[:-1])


def within(entries: Iterable[Entry], limit: int) -> Iterator[Entry]:
    """The first of the entries that have `limit` bytes together."""
    total = 0
    for entry in entries:
        total += entry.size
        if total > limit:
            return
        yield entry


def told_later(found: Block) -> bool:
    """Whether the other place was added too and comes later: the block is named there."""
    here, other = found.match.source, found.match.other
    shift = found.match.at - found.match.start
    lines = other.code.lines[found.start + shift : found.end + shift]
    later = (other.path, found.there_first) > (here.path, found.first)
    return later and 2 * sum(line in other.added for line in lines) > len(lines)


def sides(
    sources: Iterable[Source], shrunk: Iterable[str], changes: ChangeSet, tree: Tree
) -> tuple[Iterator[Code], Iterator[Code]]:
    """Code after and before the change: the sources, files that it shrunk, deleted files."""
    known = {each.path: each.code for each in sources}
    paths = sorted({*known, *shrunk})
    after = (known.get(path) or code(path, tree.read(path)) for path in paths)

    def before() -> Iterator[Code]:
        for path in paths:
            data = tree.read_base(path)
            if data is None:
                continue
            change = changes.by_path[path]
            grown = path in known and not change.removed
            yield without(known[path], change.added) if grown else code(path, data)
        for change in changes.files:
            if change.path in tree.skipped and change.removed and family_of(change.path):
                lines = (line.text for line in change.lines() if line.origin == "-")
                yield code(change.path, "\n".join(lines).encode())

    return after, before()


def without(code: Code, lines: frozenset[int]) -> Code:
    """The code less the tokens on these lines: what a file was to which nothing but they came."""
    kept = [line not in lines for line in code.lines]
    return Code(
        code.text,
        "".join(compress(code.shape, kept)),
        tuple(compress(code.starts, kept)),
        tuple(compress(code.lines, kept)),
    )


def chosen(blocks: Iterable[Block]) -> list[Block]:
    """The largest of blocks that overlap, in order of path and line."""
    taken: list[Block] = []
    by_path: dict[str, list[Block]] = {}
    for found in sorted(blocks, key=size):
        rivals = by_path.setdefault(found.match.source.path, [])
        if all(found.last < rival.first or rival.last < found.first for rival in rivals):
            rivals.append(found)
            taken.append(found)
    return sorted(taken, key=lambda found: (found.match.source.path, found.first))


def size(found: Block) -> tuple[int, str, int, str, int]:
    """The order in which blocks are chosen: the largest, then by place."""
    here, there = found.match.source.path, found.match.other.path
    return -found.lines, here, found.first, there, found.there_first


PLUGIN: Final[type[Analyzer]] = Duplication
