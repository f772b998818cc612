"""How much may go wrong in a piece of code, from what can be counted: riskiest is asked first."""

import math
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from reviewer.languages import is_code, is_test
from reviewer.model import Category, Finding

ACCESS: Final = frozenset(
    (
        "login logout session cookie csrf cors oauth saml jwt token secret password passwd "
        "credential cipher hmac signature signing permission acl rbac role privilege sudo admin "
        "payment billing invoice checkout refund upload sandbox escape sql"
    ).split()
)
PLACES: Final = ACCESS | frozenset("security migration workflow dockerfile".split())
DEEDS: Final = ACCESS | frozenset(
    (
        "subprocess popen system shell exec execute eval pickle marshal unsafe dangerously urlopen "
        "redirect verify random md sha chmod tempfile select insert"
    ).split()
)
STEMS: Final = tuple("auth crypt encrypt decrypt sanitiz sanitis deserializ deserialis".split())
HARMLESS: Final = frozenset("author authors authored authoring".split())
"""What the CWE Top 25 is about, as people name it: access, secrets, injection, deserialisation.
The words of a path, those of code, and the beginnings of both."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

BRANCH: Final = re.compile(
    r"\b(?:if|elif|else|for|while|case|catch|except|match|switch|select|and|or|await)\b|&&|\|\|"
)
MANY_BRANCHES: Final = 8
LARGE: Final = 40
"""Branches and added lines from which they are named as a reason."""

RUN: Final = frozenset((".sh", ".sql", ".tf", ".yml", ".yaml"))
"""Suffixes of what is run without being program code that tests can run."""

TEST: Final = 0.4
NO_CODE: Final = 0.3
"""By so much less can code go wrong that only tests run, and text that no computer runs."""


class Risk(NamedTuple):
    """A number from 0, and what it comes from in a few words each, the heaviest first."""

    value: float
    reasons: tuple[str, ...]


def is_sensitive(path: str) -> bool:
    """Whether a file is about security, by its name or a folder above it."""
    return _speaks(path, PLACES)


def _speaks(text: str, wanted: frozenset[str]) -> bool:
    """Whether one of the `wanted` words is in `text`, also as a part of camelCase or snake_case."""
    words = {word.lower() for word in _WORD.findall(text)}
    if not words.isdisjoint(wanted) or not wanted.isdisjoint(w.removesuffix("s") for w in words):
        return True
    return any(word.startswith(STEMS) for word in words - HARMLESS)


def weigh(path: str, text: str, added: int, findings: Sequence[Finding], uncovered: int) -> Risk:
    """The risk of `added` lines with this `text`, of which `uncovered` lines ran in no test."""
    branches = len(BRANCH.findall(text))
    categories = {each.category for each in findings}
    complex_ = Category.COMPLEXITY in categories
    parts = [
        (3.0 * is_sensitive(path), "security-sensitive path"),
        (2.0 * _speaks(text, DEEDS), "security-sensitive code"),
        (2.0 * (Category.SECURITY in categories), "security finding"),
        (
            1.5 * complex_ + math.log2(1 + branches) / 4,
            "complexity" * (complex_ or branches >= MANY_BRANCHES),
        ),
        (min(2.0, math.log2(1 + uncovered) / 2), "uncovered lines"),
        (0.5 * bool(categories - {Category.SECURITY, Category.COMPLEXITY}), "static findings"),
        (math.log2(1 + added) / 4, "size" * (added >= LARGE)),
    ]
    parts.sort(key=lambda part: -part[0])
    value = sum(part for part, _ in parts) * _share(path)
    return Risk(round(value, 3), tuple(reason for part, reason in parts if part and reason))


def _share(path: str) -> float:
    if is_test(path):
        return TEST
    runs = is_code(path) or PurePosixPath(path).suffix.lower() in RUN
    return 1.0 if runs else NO_CODE
