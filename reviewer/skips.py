"""Whether a pull request is reviewed at all, by the rules of its base."""

from collections.abc import Iterable, Sequence

from reviewer import globs
from reviewer.config import Skip
from reviewer.forges.base import Occasion
from reviewer.model import ChangeSet

SLASH = "\u2215"
"""DIVISION SLASH, in place of the slash that would part a title into folders."""


def reason(rules: Skip, occasion: Occasion) -> str:
    """Why the pull request is not reviewed, "" if it is. The words are the rules', not its own."""
    if rules.drafts and occasion.draft:
        return "it is a draft"
    if pattern := _whole(rules.labels, occasion.labels):
        return f"one of its labels fits skip.labels: {pattern}"
    if pattern := _whole(rules.titles, (occasion.title,)):
        return f"its title fits skip.titles: {pattern}"
    if pattern := _whole(rules.authors, (occasion.author,)):
        return f"its author fits skip.authors: {pattern}"
    if pattern := globs.first(rules.branches, occasion.branch):
        return f"its branch fits skip.branches: {pattern}"
    return ""


def reason_of(rules: Skip, changes: ChangeSet) -> str:
    """Why the change is not reviewed by the files in it, "" if it is."""
    touched = [path for file in changes.files for path in (file.path, file.old_path) if path]
    if touched and all(globs.first(rules.paths, path) for path in touched):
        return "each of its files fits skip.paths"
    return ""


def _whole(patterns: Sequence[str], words: Iterable[str]) -> str:
    """The first of `patterns` that one of the words fits from end to end, in whatever case."""
    folded = [word.casefold().replace("/", SLASH) for word in words]
    for pattern in patterns:
        single = (pattern.casefold().replace("/", SLASH),)
        if any(word and globs.first(single, word) for word in folded):
            return pattern
    return ""
