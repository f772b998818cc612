"""Edits of Python source: found in its syntax tree, made in its text, so that diffs stay small."""

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from reviewer.bench.cases import Grade

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Compound: TypeAlias = ast.stmt | ast.ExceptHandler | ast.Module
Normal: TypeAlias = Callable[[ast.Module], ast.Module]


class Edit(NamedTuple):
    """`text` in place of the bytes from `start` to `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Mutation:
    """A change of one file; the first edit is the place that a reviewer should name.

    `text` says what is wrong, "" if nothing is. What changes no behaviour has a `normal` form, in
    which the trees before and after are equal.
    """

    edits: tuple[Edit, ...]
    text: str = ""
    severity: Grade = "high"
    category: str = "bug"
    normal: Normal | None = None


class Operator(NamedTuple):
    """A kind of change, and where in a file it can be made."""

    name: str
    find: "Callable[[Source], Iterator[Mutation]]"


STRANGE: Final = (b"\r", b"\f", b"\xef\xbb\xbf")
"""Bytes that make Python count lines or columns otherwise than we do."""

CODING: Final = re.compile(rb"\A(?:[^\n]*\n)?[ \t]*#[^\n]*coding[:=]")
"""A declaration of encoding (PEP 263)."""


class Source:
    """A Python file. Raises SyntaxError and ValueError when it is none that can be edited."""

    def __init__(self, data: bytes) -> None:
        if CODING.match(data) or any(each in data for each in STRANGE):
            raise ValueError("it is not plain UTF-8 text with line feeds")
        self.data = data
        self.tree = parsed(data)
        self.starts = [0]
        for line in data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.nodes = tuple(walk(self.tree))

    def at(self, line: int, column: int) -> int:
        """The offset of a place as syntax trees count it: lines from 1, columns in bytes."""
        return self.starts[line - 1] + column

    def start(self, node: ast.expr | Compound) -> int:
        """Where a node begins."""
        return self.at(node.lineno, node.col_offset)  # type: ignore[union-attr]

    def end(self, node: ast.expr | Compound) -> int:
        """Where a node ends."""
        line, column = node.end_lineno, node.end_col_offset  # type: ignore[union-attr]
        return self.at(line or 1, column or 0)

    def text(self, node: ast.expr | Compound) -> str:
        """The text of a node."""
        return self.between(self.start(node), self.end(node))

    def between(self, start: int, end: int) -> str:
        """The text between two offsets."""
        return self.data[start:end].decode()

    def line(self, number: int) -> str:
        """A line with its end."""
        return self.between(self.starts[number - 1], self.starts[number])

    def lines(self, first: int, last: int) -> str:
        """Lines with their ends."""
        return self.between(self.starts[first - 1], self.starts[last])

    def replaced(self, node: ast.expr | Compound, text: str) -> Edit:
        """Other text for a node."""
        return Edit(self.start(node), self.end(node), text)

    def without(self, node: ast.stmt) -> Edit:
        """The file without the lines of a statement."""
        first, last = node.lineno, node.end_lineno or node.lineno
        return Edit(self.starts[first - 1], self.starts[last], "")

    def alone(self, node: ast.stmt) -> bool:
        """Whether nothing else is on the lines of a statement."""
        before = self.between(self.starts[node.lineno - 1], self.start(node))
        after = self.between(self.end(node), self.starts[node.end_lineno or node.lineno])
        return not before.strip() and not after.partition("#")[0].strip()

    def functions(self) -> Iterator[Function]:
        """All functions."""
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def calls(self) -> Iterator[ast.Call]:
        """All calls."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield node

    def blocks(self) -> Iterator[list[ast.stmt]]:
        """All runs of statements."""
        for node in self.nodes:
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list) and block:
                    yield block


def parsed(data: bytes) -> ast.Module:
    """The syntax tree, without Python's own remarks on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(data)


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes in the order of the text, but none inside of an f-string.

    Before Python 3.12 those do not know where they stand.
    """
    yield tree
    if not isinstance(tree, ast.JoinedStr):
        for child in ast.iter_child_nodes(tree):
            yield from walk(child)


def dotted(node: ast.expr) -> str:
    """`a.b.c` for such a chain of names, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def parameters(function: Function) -> dict[str, ast.arg]:
    """The named parameters of a function by name, without the instance or class itself."""
    arguments = function.args
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return {each.arg: each for each in every if each.arg not in ("self", "cls")}


class Applied(NamedTuple):
    """The file after a mutation, and the lines of it that the first edit touched."""

    data: bytes
    start: int
    end: int


def apply(data: bytes, edits: Sequence[Edit]) -> Applied | None:
    """Make the edits; None if two of them overlap."""
    ordered = sorted(edits)
    pieces: list[bytes] = []
    done = written = focus = 0
    for edit in ordered:
        if edit.start < done:
            return None
        pieces += data[done : edit.start], edit.text.encode()
        written += edit.start - done
        if edit is edits[0]:
            focus = written
        written += len(pieces[-1])
        done = edit.end
    after = b"".join((*pieces, data[done:]))
    start = after.count(b"\n", 0, focus) + 1
    end = start + edits[0].text.rstrip("\n").count("\n")
    last = max(1, len(after.splitlines()))
    return Applied(after, min(start, last), min(end, last))
