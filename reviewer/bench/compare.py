"""Is one run better than another? A paired bootstrap: both are drawn at the same pull requests.

What is easy and what is hard varies far more between pull requests than between reviewers, so that
two intervals may overlap where the difference is certain, and only the interval of the difference
says something (Koehn, 2004, "Statistical significance tests for machine translation evaluation").
"""

from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from reviewer.bench.cases import NOT_UNDERSTOOD
from reviewer.bench.metrics import FUNNEL, METRICS, STAGES, Metric
from reviewer.bench.score import OfPr, Score, limits, resampled, total
from reviewer.errors import InputError

Claim: TypeAlias = Literal["higher", "lower", "not shown"]
"""What may be said of the second run: nothing as soon as the interval holds 0."""

FILE_BYTES: Final = 256 << 20


class Change(msgspec.Struct, frozen=True):
    """A figure of both runs, the second less the first with its 95 % interval, and the claim."""

    key: str
    label: str
    first: float | None
    second: float | None
    delta: float | None
    low: float | None
    high: float | None
    claim: Claim


class Comparison(msgspec.Struct, frozen=True):
    """Two runs on the `prs` that both of them have; `left_out` are those of only one."""

    first: str
    second: str
    data: str
    warning: str
    judge: str
    rule: str
    prs: int
    left_out: int
    changes: tuple[Change, ...]


def load(file: Path) -> Score:
    """A score that was written as JSON. Raises InputError."""
    try:
        if file.stat().st_size > FILE_BYTES:
            raise InputError(f"{file.name} is larger than {FILE_BYTES >> 20} MiB")
        return parse(file.read_bytes(), file.name)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", "name a score") from error


def parse(data: bytes, name: str) -> Score:
    """The same for the bytes of a file called `name`. Raises InputError."""
    tip = "make one: reviewer bench score RECORD --format json --output FILE"
    try:
        score = msgspec.json.decode(data, type=Score)
    except NOT_UNDERSTOOD as error:
        raise InputError(f"{name} is no score: {str(error)[:200]}", tip) from error
    if any(len(each.tally.survived) != len(STAGES) for each in score.prs):
        raise InputError(f"{name} is no score of today's stages", tip)
    return score


def compare(first: Score, second: Score) -> Comparison:
    """The second run against the first.

    Raises InputError when they were judged otherwise, or have no pull request in common.
    """
    if first.basis != second.basis:
        raise InputError(
            "the scores differ in data, judge, rule or source", "score both records alike"
        )
    ours, theirs = _by_pr(first), _by_pr(second)
    common = [name for name in ours if name in theirs]
    if not common:
        raise InputError("the scores have no pull request in common")
    changes = [
        _change(metric, [ours[n] for n in common], [theirs[n] for n in common])
        for metric in (*METRICS, *FUNNEL)
    ]
    return Comparison(
        first=first.label, second=second.label, data=first.data, warning=first.warning,
        judge=first.judge, rule=first.rule.value, prs=len(common),
        left_out=len({*ours} ^ {*theirs}), changes=tuple(changes),
    )  # fmt: skip


def _by_pr(score: Score) -> dict[str, OfPr]:
    return {each.pr: each for each in score.prs}


def _change(metric: Metric, first: list[OfPr], second: list[OfPr]) -> Change:
    one, other = ([each.tally for each in run] for run in (first, second))
    pairs = zip(resampled(metric, other), resampled(metric, one), strict=True)
    deltas = sorted(value for pair in pairs if (value := _less(*pair)) is not None)
    before, after = total(metric, one), total(metric, other)
    delta = _less(after, before)
    low, high = limits(deltas) if delta is not None else (None, None)
    return Change(metric.key, metric.label, before, after, delta, low, high, claim(low, high))


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def claim(low: float | None, high: float | None) -> Claim:
    """What an interval of a difference allows to be said."""
    if low is not None and low > 0:
        return "higher"
    if high is not None and high < 0:
        return "lower"
    return "not shown"
