"""What the analyzers around a linter share: copies to hand on, places in files, silencing comments.

A linter gets copies of the changed files of its kind and nothing beside them, in which every
comment that would silence it is spoilt. Where a file has such comments, it is asked again with
those of them in place that name a rule: what it no longer says then becomes a note.
"""

import contextlib
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from reviewer.errors import ToolFailed
from reviewer.model import Category, Confidence, Finding, Severity, Span
from reviewer.process import Runner
from reviewer.text import clip
from reviewer.tree import Tree

MESSAGE = 400
"""Characters of a message that are kept; the longest of the linters' own are about 250."""

VERSION = re.compile(rb"\d+(?:\.\d+)+[0-9A-Za-z.+-]*")

Edit = Callable[[bytes], bytes]


class Grade(NamedTuple):
    """How bad, how sure and about what."""

    severity: Severity
    confidence: Confidence
    category: Category


class Remark(NamedTuple):
    """One thing that a linter says of a changed file. Lines and columns are those of `Span`."""

    path: str
    rule: str
    message: str
    start: int
    end: int
    column: int = 0
    end_column: int = 0
    level: str = ""
    url: str = ""
    help: str = ""

    def finding(self, tool: str, grade: Grade, *, silenced: bool = False) -> Finding:
        """The finding that says it."""
        message = clip(" ".join(self.message.split()), MESSAGE)
        if silenced:
            grade = grade._replace(severity=Severity.NOTE)
            message += " (a comment silences this rule)"
        span = Span(self.path, self.start, self.end, self.column, self.end_column)
        return Finding(
            tool,
            self.rule,
            message,
            span,
            *grade,
            help=clip(" ".join(self.help.split()), MESSAGE),
            url=self.url,
        )


class Heard(NamedTuple):
    """What a linter said of some files, and which it could not read."""

    remarks: list[Remark]
    unread: list[str]


Ask = Callable[[Path, Sequence[str]], Heard]
"""Runs the linter in a folder on files named relative to it."""


def ask(
    tree: Tree, paths: Sequence[str], runner: Runner, linter: Ask, edits: tuple[Edit, Edit]
) -> tuple[list[tuple[Remark, bool]], list[str]]:
    """All remarks on `paths`, each with whether a comment that names its rule silences it.

    `edits` spoil comments in a file without moving a line: the first those that silence the linter,
    the second those of them that name no rule. Also returns the paths that could not be read.
    """
    spoil, blanket = edits
    with folder(runner) as place:
        texts = {path: tree.read(path) for path in paths}
        spoilt = {path: spoil(data) for path, data in texts.items()}
        full = linter(place, copied(place, tree, spoilt))
        marked = {path: blanket(texts[path]) for path in paths if spoilt[path] != texts[path]}
        marked = {path: data for path, data in marked.items() if data != spoilt[path]}
        named = place.with_name("named")
        kept = linter(named, copied(named, tree, marked)) if marked else Heard([], [])
    return list(_compared(full.remarks, kept.remarks, marked)), sorted(set(full.unread))


@contextlib.contextmanager
def folder(runner: Runner) -> Iterator[Path]:
    """A new folder for copies, open to a caged program. It is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="linter-", dir=runner.scratch) as place:
        Path(place).chmod(0o755)
        yield Path(place) / "files"


def copied(place: Path, tree: Tree, texts: Mapping[str, bytes]) -> list[str]:
    """Writes files below `place`; their names there, which are those of the clean room."""
    place.mkdir()
    names = []
    for path, data in texts.items():
        name = tree.files.get(path) or tree.asides[path]
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        names.append(name)
    return names


def _compared(
    full: Iterable[Remark], kept: Iterable[Remark], marked: Mapping[str, bytes]
) -> Iterator[tuple[Remark, bool]]:
    left = Counter(kept)
    for remark in full:
        silenced = remark.path in marked and not left[remark]
        left[remark] -= not silenced
        yield remark, silenced


def path_of(tree: Tree, name: str) -> str:
    """The changed file that a linter calls `name`. Raises ToolFailed."""
    path = tree.origin(name)
    if path is None:
        raise ToolFailed("it reported a file that it was not given")
    return path


class Lines:
    """Places in the changed files, as git counts lines."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.known: dict[str, tuple[bytes, list[bytes]]] = {}

    def _read(self, path: str) -> tuple[bytes, list[bytes]]:
        if path not in self.known:
            data = self.tree.read(path)
            self.known[path] = data, data.removesuffix(b"\n").split(b"\n")
        return self.known[path]

    def text(self, path: str) -> bytes:
        """The content of a changed file."""
        return self._read(path)[0]

    def split(self, path: str) -> list[bytes]:
        """Its lines, at least one, without the line feeds."""
        return self._read(path)[1]

    def within(self, path: str, line: int) -> int:
        """`line`, or the nearest line that the file has."""
        return min(max(line, 1), len(self.split(path)))

    def at(self, path: str, offset: int, length: int) -> tuple[int, int, int, int]:
        """First line, last line, column and end column of `length` bytes from `offset`.

        Columns are 0 where the range has more than one line.
        """
        data = self.text(path)
        offset = min(max(offset, 0), len(data))
        end = min(offset + max(length, 0), len(data))
        start_line = data.count(b"\n", 0, offset) + 1
        end_line = start_line + data.count(b"\n", offset, max(offset, end - 1))
        start, last = self.within(path, start_line), self.within(path, end_line)
        if start_line != end_line or start != start_line:
            return start, last, 0, 0
        head = data[data.rfind(b"\n", 0, offset) + 1 : offset]
        body = data[offset:end].removesuffix(b"\n")
        column = len(head.decode("utf-8", "replace")) + 1
        return start, last, column, column + len(body.decode("utf-8", "replace"))


def version_of(program: str, runner: Runner) -> str:
    """What `--version` says it is."""
    said = runner.run([program, "--version"], cwd=runner.scratch).stdout
    found = VERSION.search(said)
    return found[0].decode()[:40] if found else "unknown"


def unread_reason(unread: Sequence[str], paths: Sequence[str]) -> str:
    """The reason that names the files that could not be read, "" for none.

    Raises ToolFailed when there is no other.
    """
    if unread and len(unread) == len(paths):
        raise ToolFailed("could read none of the files")
    return f"could not read {', '.join(unread)}" if unread else ""


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in order of place."""
    return tuple(sorted(findings, key=lambda f: (f.span, f.rule, f.message)))
