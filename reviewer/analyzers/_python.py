"""What the analyzers of Python code share: test code, line numbers, comments that silence."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final

SUFFIXES: Final = (".py", ".pyi", ".pyw")

TEST_NAME: Final = re.compile(r"test_.*|.*_test|tests?|conftest")
"""Module names that pytest and unittest take for tests, and their support."""

LONE_CR: Final = re.compile(rb"\r(?!\n)")
"""An end of line for Python, not for git (Python reference, 2.1.2)."""


def is_test(path: str) -> bool:
    """Whether `path` is test code, by its name or by a folder `test` or `tests` above it."""
    parts = PurePosixPath(path)
    return bool(TEST_NAME.fullmatch(parts.stem)) or not {"test", "tests"}.isdisjoint(parts.parts)


def rows(data: bytes) -> Callable[[int], int]:
    """Turns a tool's line number in `data` into git's, within the file.

    Tools that read Python end a line at a lone carriage return, git does not.
    """
    last = max(1, data.count(b"\n") + (not data.endswith(b"\n")))
    if not LONE_CR.search(data):
        return lambda row: min(max(row, 1), last)
    lines = [1]
    for end in re.finditer(rb"\r\n|\n|\r", data):
        lines.append(lines[-1] + (b"\n" in end[0]))
    return lambda row: min(lines[min(max(row, 1), len(lines)) - 1], last)


def silenced_by(line: bytes, marker: re.Pattern[bytes], rule: str) -> bool:
    """Whether a comment of `line` silences `rule` by name.

    `marker` finds the comment, its group "rules" the names in it. A comment without names, or one
    for a whole file, tells of no decision about this rule and does not count.
    """
    found = marker.search(line)
    names = re.findall(rb"[A-Za-z]+[0-9]+", found["rules"]) if found else []
    return any(rule.encode() == name.upper() for name in names)
