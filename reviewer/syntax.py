"""The way to tree-sitter: which grammar a file has, and what stands where in it.

The parsing happens in `_syntax`, a caged child: what it answers is places, and the text is taken
from the bytes at hand. A query marks the name of a thing as `@name.<kind>` and, if it has an
inside, its whole as `@all`; `Source.items` puts things within things.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

import msgspec

from reviewer import _syntax
from reviewer.batches import by_size
from reviewer.errors import ToolFailed, ToolMissing
from reviewer.process import Runner, isolated_python
from reviewer.tree import Tree

LANGUAGES: Final[Mapping[str, str]] = {
    ".py": "python",
    ".pyi": "python",
    ".pyw": "python",
    ".js": "javascript",
    ".cjs": "javascript",
    ".mjs": "javascript",
    ".jsx": "javascript",
    ".ts": "typescript",
    ".cts": "typescript",
    ".mts": "typescript",
    ".tsx": "tsx",
    ".go": "go",
    ".java": "java",
    ".rs": "rust",
}
"""Grammars by suffix."""

DEPTH: Final = 60
"""Things nested deeper are not looked at; nobody writes them by hand."""

CRASHES: Final = (-6, -7, -11, -14)
"""SIGABRT, SIGBUS, SIGSEGV, SIGALRM: how a grammar fails on a file made to break it."""

RESTARTS: Final = 3
"""So many files may end the child; when one more does, the rest goes unread."""

BATCH_BYTES: Final = 1 << 20
"""Code that the child is asked about at once: each byte of it may become seventeen of matches."""

COLUMNS: Final = 1000
"""Bytes of a line up to which a column is told: to count further takes longer than it is worth."""

NOT_UNDERSTOOD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding the child's output raises: it is of another shape, not UTF-8, or too deep."""


class Place(NamedTuple):
    """Bytes `start` to `end` (exclusive, from 0), lines `line` to `last` (inclusive, from 1)."""

    start: int
    end: int
    line: int
    last: int


class Answer(msgspec.Struct, frozen=True):
    """What the child prints for one file."""

    file: str
    broken: tuple[tuple[int, int], ...] = ()
    matches: tuple[dict[str, tuple[Place, ...]], ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One thing of a file: its kind, the place of its name and of the whole, what it is within."""

    kind: str
    name: str
    place: Place
    whole: Place
    parent: "Item | None"

    def outside(self) -> "Iterator[Item]":
        """What it is within, the innermost first."""
        item = self.parent
        while item is not None:
            yield item
            item = item.parent

    def within(self, *kinds: str) -> "Item | None":
        """The innermost of these kinds that it is within."""
        return next((item for item in self.outside() if item.kind in kinds), None)


@dataclass(frozen=True)
class Source:
    """One version of a file, as parsed."""

    path: str
    language: str
    data: bytes
    answer: Answer

    def text(self, start: int, end: int) -> str:
        """The source text between two bytes; what is not UTF-8 comes as U+FFFD."""
        return self.data[start:end].decode("utf-8", "replace")

    def head(self, item: Item) -> str:
        """What a definition says before its name ("public static int ")."""
        return self.text(max(item.whole.start, item.place.start - 2000), item.place.start)

    def tail(self, item: Item) -> str:
        """What follows its name, up to 400 bytes."""
        return self.text(item.place.end, item.place.end + 400)

    def line_after(self, place: Place) -> str:
        """The rest of the line behind `place`, up to 400 bytes."""
        return self.text(place.end, place.end + 400).partition("\n")[0]

    def before(self, place: Place) -> str:
        """The part of its line in front of `place`, up to 400 bytes."""
        start = max(self.data.rfind(b"\n", 0, place.start) + 1, place.start - 400)
        return self.text(start, place.start)

    def columns(self, place: Place) -> tuple[int, int]:
        """1-based columns in code points, the end exclusive; 0 and 0 when too far out."""
        begin = self.data.rfind(b"\n", 0, place.start) + 1
        if place.end - begin > COLUMNS or place.line != place.last:
            return 0, 0
        skipped = 3 if begin == 0 and self.data.startswith(b"\xef\xbb\xbf") else 0
        first = len(self.text(begin + skipped, place.start)) + 1
        return first, first + len(self.text(place.start, place.end))

    @cached_property
    def _broken(self) -> tuple[list[int], list[int]]:
        """Starts and ends of the broken places, without those inside others."""
        starts: list[int] = []
        ends: list[int] = []
        for start, end in sorted(self.answer.broken, key=lambda pair: (pair[0], -pair[1])):
            if not ends or start >= ends[-1]:
                starts.append(start)
                ends.append(end)
        return starts, ends

    def sound(self, place: Place) -> bool:
        """Whether the parser understood the code around `place`."""
        starts, ends = self._broken
        at = bisect_right(starts, place.start) - 1
        return at < 0 or place.start >= ends[at]

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The things of the file that the parser understood, in order of their start."""
        found = []
        for match in self.answer.matches:
            name = next((name for name in match if name.startswith("name.")), "")
            if not name:
                raise ToolFailed("its output has something without a name")
            kind, places = name.removeprefix("name."), match[name]
            whole = match["all"][0] if "all" in match else places[0]
            if self.sound(places[0]):
                found.append((whole.start, -whole.end, kind, places[0], whole))
        items: list[Item] = []
        open_: list[Item] = []
        for start, end, kind, place, whole in sorted(found):
            while open_ and (open_[-1].whole.end < -end or open_[-1].whole.end <= start):
                open_.pop()
            if len(open_) < DEPTH:
                parent = open_[-1] if open_ else None
                item = Item(kind, self.text(place.start, place.end), place, whole, parent)
                items.append(item)
                if whole != place:
                    open_.append(item)
        return tuple(items)


def language_of(path: str) -> str:
    """The grammar for `path`, "" if there is none."""
    return LANGUAGES.get(PurePosixPath(path).suffix.lower(), "")


@dataclass
class Parser:
    """Parses files of the clean room, a portion at a time, so that never all are in memory.

    A file in which the query of `gates` for its language matches nothing comes without matches.
    `unread` are the paths that could not be parsed, `partly` those that could in part.
    """

    queries: Mapping[str, str]
    tree: Tree
    runner: Runner
    gates: Mapping[str, str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    partly: list[str] = field(default_factory=list)
    crashes: int = 0

    def after(self, paths: Iterable[str]) -> Iterator[Source]:
        """The files as they are after the change, in order.

        Raises ToolMissing, and ToolFailed when none of the files could be parsed.
        """
        asked = read = 0
        for group in self._groups(self.tree.root, paths):
            asked += len(group)
            for source in self._parsed(self.tree.root, group):
                read += 1
                if source.answer.broken:
                    self.partly.append(source.path)
                yield source
        if asked and not read:
            raise ToolFailed("could parse none of the files")

    def before(self, paths: Iterable[str]) -> Iterator[Source]:
        """The files as they were before the change, in order, without new ones."""
        there = (path for path in paths if (self.tree.base / self.tree.files[path]).is_file())
        for group in self._groups(self.tree.base, there):
            yield from self._parsed(self.tree.base, group)

    @property
    def reason(self) -> str:
        """Which files were not judged, or not in full; "" when all were."""
        said = []
        if self.unread:
            said.append(f"could not parse {', '.join(sorted(self.unread))}")
        partly = [path for path in self.partly if path not in self.unread]
        if partly:
            said.append(f"could not parse all of {', '.join(partly)}")
        return "; ".join(said)

    def _groups(self, folder: Path, paths: Iterable[str]) -> Iterator[list[str]]:
        names = self.tree.files
        return by_size(paths, lambda path: (folder / names[path]).stat().st_size, BATCH_BYTES)

    def _parsed(self, folder: Path, paths: Sequence[str]) -> Iterator[Source]:
        """The sources of one portion."""
        names = {str(folder / self.tree.files[path]): path for path in paths}
        answers = self._asked([(name, language_of(path)) for name, path in names.items()])
        self.unread |= {p for n, p in names.items() if n not in answers or answers[n].error}
        for name, path in names.items():
            if path not in self.unread:
                data, answer = fitting(Path(name).read_bytes(), answers.pop(name))
                yield Source(path, language_of(path), data, answer)

    def _asked(self, files: Sequence[tuple[str, str]]) -> dict[str, Answer]:
        """The answers by file name; a file that ends the child has none, the others do."""
        answers: dict[str, Answer] = {}
        left = list(files)
        while left and self.crashes <= RESTARTS:
            languages = {language for _, language in left}
            done = self.runner.run(
                isolated_python(Path(_syntax.__file__)),
                cwd=self.tree.root,
                stdin=msgspec.json.encode(
                    {
                        "files": left,
                        "queries": {name: self.queries[name] for name in languages},
                        "gates": {name: self.gates.get(name, "") for name in languages},
                    }
                ),
                ok=(0, _syntax.NOT_INSTALLED, *CRASHES),
            )
            if done.returncode == _syntax.NOT_INSTALLED:
                raise ToolMissing("tree-sitter or one of its grammars is not installed")
            self.crashes += done.returncode != 0
            said = decoded(done.stdout, [name for name, _ in left], whole=done.returncode == 0)
            answers |= {answer.file: answer for answer in said}
            left = left[len(said) + 1 :]
        return answers


def fitting(data: bytes, answer: Answer) -> tuple[bytes, Answer]:
    """A file and its answer. Raises ToolFailed for places that the file does not have."""
    places = [place for match in answer.matches for found in match.values() for place in found]
    empty = any(not found for match in answer.matches for found in match.values())
    last = data.count(b"\n") + 1
    if empty or not all(
        0 <= place.start <= place.end <= len(data) and 1 <= place.line <= place.last <= last
        for place in places
    ):
        raise ToolFailed("its output names places that the file does not have")
    return data, answer


def decoded(output: bytes, names: Sequence[str], *, whole: bool) -> list[Answer]:
    """The child's output as it should be: one answer a file, in order; all of them if `whole`.

    Raises ToolFailed for anything else.
    """
    lines = output if whole else output[: output.rfind(b"\n") + 1]
    try:
        answers = msgspec.json.Decoder(Answer).decode_lines(lines)
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"its output cannot be understood: {error}") from error
    said = [answer.file for answer in answers]
    if said != list(names if whole else names[: len(said)]):
        raise ToolFailed("its output does not fit the files it was given")
    return answers
