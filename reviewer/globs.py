"""Path patterns as in gitignore(5), with `**`, `*` and `?` alone.

A pattern without an inner slash fits at any depth, others start at the root. What fits a folder
fits all in it. Every other character, brackets included, stands for itself. No pattern can make
matching slow: in the regular expressions made here each star is settled once and for all by the
first place where the text after it fits (atomic groups), so time grows with the length of the
pattern times that of the path.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Final

PATTERN_CHARACTERS: Final = 256
"""Longest pattern; the longest in the templates of github/gitignore are under 100 characters."""


class Pattern:
    """The rule of a setting that is a path pattern."""

    def wanted(self, noun: str) -> str:
        """`noun` ("text") is said as what it is here."""
        return noun.replace("text", "a pattern such as `docs/**`")

    def allows(self, value: str) -> bool:
        return not problem(value)


Glob = Annotated[str, Pattern()]


def problem(pattern: str) -> str:
    """Why `pattern` cannot be used, "" if it can."""
    if not pattern.strip("/"):
        return "is empty"
    if len(pattern) > PATTERN_CHARACTERS:
        return f"is longer than {PATTERN_CHARACTERS} characters"
    if pattern.startswith("!"):
        return "starts with `!`, and patterns cannot be negated"
    return ""


def first(patterns: Iterable[str], path: str) -> str:
    """The first of `patterns` that `path` fits, "" if it fits none."""
    return next((pattern for pattern in patterns if _compiled(pattern).match(path)), "")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = pattern.strip("/").split("/")
    if len(parts) == 1 and not pattern.startswith("/"):
        parts.insert(0, "**")
    if pattern.endswith("/") and parts[-1] == "**":
        parts.append("*")
    inside = parts[-1] == "**" or pattern.endswith("/")
    while parts and parts[-1] == "**":
        parts.pop()
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(part)
    # A run of plain parts after `**` is taken at the first folder where it fits. That is enough:
    # what a later place leaves to match, an earlier one leaves as well.
    head, *tails = ["".join(_segment(part) for part in run) for run in runs]
    anywhere = "".join(f"(?>(?:[^/]*/)*?{tail})" for tail in tails if tail)
    return re.compile(head + anywhere + ("." if inside else ""), re.DOTALL)


def _segment(part: str) -> str:
    """One name between slashes, with the slash or the end after it."""
    if not part.strip("*"):
        return r"[^/]+(?:/|\Z)"
    head, *tails = [
        "".join("[^/]" if char == "?" else re.escape(char) for char in literal)
        for literal in re.sub(r"\*+", "*", part).split("*")
    ]
    if not tails:
        return head + r"(?:/|\Z)"
    middle = "".join(f"(?>[^/]*?{literal})" for literal in tails[:-1])
    return f"(?>{head}{middle}[^/]*{tails[-1]}" + r"(?:/|\Z))"
