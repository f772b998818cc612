"""The figures of a score: what is summed over pull requests, and by what it is divided."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias, get_args

import msgspec

from reviewer.bench.record import Stage

STAGES: Final[tuple[str, ...]] = ("generated", *get_args(Stage))
"""What a finding passes on its way to a comment, in order."""


class Tally(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sums of one pull request; fields that end in `_of` count what the field before is part of.

    `survived` are the goldens that a finding still stands for after each of STAGES.
    """

    posted: int = 0
    goldens: int = 0
    tp: int = 0
    fp: int = 0
    dup: int = 0
    rejected: int = 0
    weight: int = 0
    weight_of: int = 0
    silent: int = 0
    silent_of: int = 0
    on_diff: int = 0
    on_diff_of: int = 0
    anchored: int = 0
    anchored_of: int = 0
    added: int = 0
    added_of: int = 0
    valid: int = 0
    valid_of: int = 0
    empty: int = 0
    applies: int = 0
    parses: int = 0
    passes: int = 0
    fixes_of: int = 0
    seconds: float = 0.0
    tokens: int = 0
    added_lines: int = 0
    survived: tuple[int, ...] = ()


Sum: TypeAlias = Callable[[Tally], float]


class Metric(NamedTuple):
    """A figure: `top` summed over pull requests, by `bottom` summed likewise.

    `share` is whether it reads as one of 1; others are amounts.
    """

    key: str
    label: str
    top: Sum
    bottom: Sum
    share: bool = True


def _one(_: Tally) -> float:
    return 1


def _f(beta: float) -> tuple[Sum, Sum]:
    """F of precision and recall in counts: (1+b²)·TP / (b²·goldens + posted)."""
    square = beta * beta
    return (lambda t: (1 + square) * t.tp), (lambda t: square * t.goldens + t.posted)


def _macro(
    part: tuple[Sum, Sum],
) -> tuple[Sum, Sum]:
    """The mean over the pull requests for which the quotient is defined."""
    top, bottom = part
    return (lambda t: top(t) / bottom(t) if bottom(t) else 0), (lambda t: float(bottom(t) > 0))


def _found(t: Tally) -> float:
    return t.tp


def _posted(t: Tally) -> float:
    return t.posted


def _goldens(t: Tally) -> float:
    return t.goldens


METRICS: Final = (
    Metric("precision", "precision", _found, _posted),
    Metric("recall", "recall", _found, _goldens),
    Metric("f1", "F1", *_f(1)),
    Metric("f05", "F0.5", *_f(0.5)),
    Metric("macro_precision", "precision, mean of PRs", *_macro((_found, _posted))),
    Metric("macro_recall", "recall, mean of PRs", *_macro((_found, _goldens))),
    Metric("macro_f1", "F1, mean of PRs", *_macro(_f(1))),
    Metric("weighted_recall", "recall by severity", lambda t: t.weight, lambda t: t.weight_of),
    Metric("noise", "wrong or double, a PR", lambda t: t.fp + t.dup, _one, share=False),
    Metric("duplicates", "double, a PR", lambda t: t.dup, _one, share=False),
    Metric("rejected", "repeats of rejected ones, a PR", lambda t: t.rejected, _one, share=False),
    Metric("comments", "comments, a PR", _posted, _one, share=False),
    Metric("per_kloc", "comments, 1,000 lines added", lambda t: 1000 * t.posted,
           lambda t: t.added_lines, share=False),
    Metric("silence", "silence on clean PRs", lambda t: t.silent, lambda t: t.silent_of),
    Metric("on_diff", "generated on the diff", lambda t: t.on_diff, lambda t: t.on_diff_of),
    Metric("quote", "posted with the right quote", lambda t: t.anchored,
           lambda t: t.anchored_of),
    Metric("added", "posted on an added line", lambda t: t.added, lambda t: t.added_of),
    Metric("valid", "answers valid at once", lambda t: t.valid, lambda t: t.valid_of),
    Metric("empty", "answers without a finding", lambda t: t.empty, lambda t: t.valid_of),
    Metric("applies", "suggestions that apply", lambda t: t.applies, lambda t: t.fixes_of),
    Metric("parses", "suggestions that parse", lambda t: t.parses, lambda t: t.fixes_of),
    Metric("passes", "suggestions that pass the guard", lambda t: t.passes,
           lambda t: t.fixes_of),
    Metric("seconds", "seconds, a PR", lambda t: t.seconds, _one, share=False),
    Metric("tokens", "tokens, a PR", lambda t: t.tokens, _one, share=False),
)  # fmt: skip


def _at(index: int) -> Sum:
    return lambda t: t.survived[index]


FUNNEL: Final = tuple(
    Metric(stage, f"after {stage}" if index else "generated", _at(index), _goldens)
    for index, stage in enumerate(STAGES)
)
"""Recall after each stage: where goldens get lost."""
