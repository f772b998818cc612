"""Whether two findings of the model are one: the same defect at the same place in other words."""

import re
from functools import lru_cache
from typing import Final

from reviewer.model import Finding

NEAR: Final = 5
"""Lines between two findings that may be about the same."""

ALIKE: Final = 0.6
"""Share of words in common from which on findings on different lines say the same. One defect made
twice is often told in the same words, but for the name that it is about."""

OVERLAPPING: Final = 0.25
"""The same where their lines overlap."""

WORD: Final = re.compile(r"[^\W\d_]{3,}")
COMMON: Final = frozenset(
    "the and that this for with not but when from are was will has have can its which then than "
    "into line lines code value function method call calls called change new added".split()
)
"""Words that say nothing about what a text is about."""

ENDING: Final = re.compile(r"(?<=\w{3})(?:ings?|ed|e?s|e)$")


def alike(one: str, other: str) -> float:
    """The share of words that two texts have in common, 0 to 1 (Jaccard index)."""
    mine, yours = words_of(one), words_of(other)
    return len(mine & yours) / len(mine | yours) if mine and yours else float(one == other)


@lru_cache(maxsize=256)
def words_of(text: str) -> frozenset[str]:
    """The words that a text is about, in lower case and without their endings."""
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = frozenset(word.lower() for word in WORD.findall(parts)) - COMMON
    return frozenset(ENDING.sub("", word) for word in words)


NAMED: Final = re.compile(r"`([^`\n]{1,80})`|\b([A-Za-z]+(?:_\w+)+|[a-z]+[A-Z]\w*)\b|(\w+)\(\)")


@lru_cache(maxsize=256)
def _names(text: str) -> frozenset[str]:
    """The names of the code that a text is about."""
    return frozenset("".join(found).strip("() ") for found in NAMED.findall(text))


def apart(one: Finding, other: Finding) -> int:
    """Lines between two findings of one file; 0 or less if they overlap."""
    return max(one.span.start, other.span.start) - min(one.span.end, other.span.end)


def same(one: Finding, other: Finding) -> bool:
    """Whether two findings of the model say the same about the same place."""
    if one.span.path != other.span.path or apart(one, other) > NEAR:
        return False
    if one.span.start == other.span.start and one.rule == other.rule:
        return True
    if apart(one, other) <= 0:
        return alike(one.message, other.message) >= OVERLAPPING
    return not differ(one, other) and alike(one.message, other.message) >= ALIKE


def differ(one: Finding, other: Finding) -> bool:
    """Whether two findings on different lines speak of names of the code, and of no common one."""
    mine, yours = _names(one.message), _names(other.message)
    return apart(one, other) > 0 and bool(mine and yours) and not mine & yours
