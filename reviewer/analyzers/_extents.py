"""Functions of Python in text: where they are, and whether one can be beyond a limit.

Not a parser: it reads indentation, in time linear in the text, and holds for code that parses. Its
bounds are never below what lizard measures, so that most functions need not be measured at all.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

BRANCH: Final = re.compile(r"\b(?:if|elif|for|while|except|finally|and|or|case)\b")
"""What lizard counts as a branch in Python (its PythonReader), and the same words in text."""

HEAD: Final = re.compile(r"^( *)(?:async\s+)?def\b", re.MULTILINE)
"""How a function begins."""

NESTING: Final = re.compile(r"^( *)(?:async\s+)?(?:if|for|while|try|match)\b", re.MULTILINE)
"""How a control structure begins: always on a line of its own."""

BRACKETS: Final = re.compile(r"[()\[\]{},]")

TEXT: Final = re.compile(
    r"""\#[^\n]*+"""
    r'''|"""(?:[^"\\]|\\[\s\S]|"(?!""))*+(?:"""|\Z)'''
    r"""|'''(?:[^'\\]|\\[\s\S]|'(?!''))*+(?:'''|\Z)"""
    r"""|"[^"\\\n]*+(?:\\[\s\S][^"\\\n]*+)*+"?"""
    r"""|'[^'\\\n]*+(?:\\[\s\S][^'\\\n]*+)*+'?"""
)
"""A comment or a string."""

ODD: Final = re.compile(r"^[ \t]*\f|\r", re.MULTILINE)
"""Lines that begin or end in a way that indentation says nothing of."""

Ranges = Sequence[tuple[int, int]]
"""First and last lines, 1-based and inclusive."""


class Extent(NamedTuple):
    """A function that is in no other: its first and last line, and its text without strings."""

    first: int
    last: int
    bare: str


def extents(code: str) -> list[Extent] | None:
    """The functions that are in no other; None where indentation does not tell.

    Brackets may hold lines that are indented less, which end an extent too soon: what it has does
    not parse then.
    """
    bare = TEXT.sub(_empty, code).expandtabs()
    if ODD.search(bare):
        return None
    found = []
    line, at = 1, 0
    while head := HEAD.search(bare, at):
        line += bare.count("\n", at, head.start())
        after = re.compile(rf"^ {{0,{len(head[1])}}}[^\s)\]}}]", re.MULTILINE)
        over = after.search(bare, head.end())
        at = over.start() if over else len(bare)
        first, line = line, line + bare.count("\n", head.start(), at)
        found.append(Extent(first, line - (over is not None), bare[head.start() : at]))
    return found


def _empty(text: re.Match[str]) -> str:
    """Lines in place of those of a string, the last of which looks like the end of brackets."""
    lines = text[0].count("\n")
    return "\n" * lines + ")" if lines else ""


def meeting(extents: Sequence[Extent], ranges: Ranges) -> list[Extent]:
    """Those that have a line in one of the ranges."""
    return [
        each
        for each in extents
        if any(start <= each.last and each.first <= end for start, end in ranges)
    ]


def suspect(extent: Extent, lines: Sequence[str], limits: Mapping[str, int]) -> bool:
    """Whether it, or a function in it, may be beyond a limit. `lines` are those of the file."""
    return (
        extent.last - extent.first + 1 > limits["length"]
        or len(BRANCH.findall("\n".join(lines[extent.first - 1 : extent.last]))) + 1
        > limits["complexity"]
        or max(_commas(extent.bare, head.end()) for head in HEAD.finditer(extent.bare)) + 1
        > limits["parameters"]
        or _nesting(extent.bare) > limits["nesting"]
    )


def _commas(bare: str, start: int) -> int:
    """Commas of the head of a function, up to the end of its brackets."""
    depth = commas = 0
    for sign in BRACKETS.finditer(bare, start):
        if sign[0] == ",":
            commas += 1
        elif sign[0] in "([{":
            depth += 1
        else:
            depth -= 1
            if depth <= 0 and sign[0] == ")":
                break
    return commas


def _nesting(bare: str) -> int:
    """How deep control structures are within each other, by their indentation."""
    around: list[int] = []
    deepest = 0
    for found in NESTING.finditer(bare):
        while around and around[-1] >= len(found[1]):
            around.pop()
        around.append(len(found[1]))
        deepest = max(deepest, len(around))
    return deepest
