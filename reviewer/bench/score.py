"""How good a run was: every figure a quotient of sums over its pull requests.

That makes each figure micro-averaged, and its 95 % interval a bootstrap over pull requests as
clusters (Efron and Tibshirani, 1993, chapter 13: percentiles of resampled values). Averages over
pull requests (macro) are sums of their own quotients.
"""

import math
import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from reviewer.bench.cases import CASES, GRADES, Golden
from reviewer.bench.judge import Proxy
from reviewer.bench.match import Likeness, Rule, Terms, greedy, likeness, many, match
from reviewer.bench.metrics import FUNNEL, METRICS, STAGES, Metric, Tally
from reviewer.bench.record import Record, Reviewed, Seen, Source

WEIGHTS: Final = dict(zip(GRADES, (10, 5, 2, 1), strict=True))
"""What a golden of each severity counts in the weighted recall."""

DRAWS: Final = 2000
SEED: Final = 0
"""Of the bootstrap: the same run has the same intervals."""


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure with its 95 % interval; None where the run has nothing to measure it by."""

    key: str
    value: float | None
    low: float | None
    high: float | None


class OfPr(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sums of one pull request, and what of its review did not take place ("" if all did)."""

    pr: str
    tally: Tally
    failure: str = ""


class Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run as it was judged, with all that is needed to compare it with another one.

    `funnel` is the recall after each of STAGES; `median` and `p90` are comments a pull request.
    """

    label: str
    data: str
    warning: str
    judge: str
    rule: Rule
    near: int
    tau: float
    source: str
    prs: Annotated[tuple[OfPr, ...], Meta(max_length=CASES)]
    values: tuple[Value, ...]
    funnel: tuple[Value, ...]
    median: float
    p90: float

    @property
    def basis(self) -> tuple[object, ...]:
        """What must be equal for two scores to be compared."""
        return (self.data, self.judge, self.rule, self.near, self.tau, self.source)

    def value(self, key: str) -> Value:
        """The figure of that key, of METRICS or of STAGES."""
        return next(each for each in (*self.values, *self.funnel) if each.key == key)


def score(
    record: Record, terms: Terms, source: Source | None = None, proxy: Proxy | None = None
) -> Score:
    """The score of a run, of the findings of one `source` if there is one.

    `proxy` tells duplicates. Raises what the judge does.
    """
    proxy = proxy or Proxy.shipped()
    prs = tuple(
        OfPr(each.pr, tally(_only(each, source), terms, proxy), each.failure) for each in record.prs
    )
    tallies = [each.tally for each in prs]
    posted = sorted(each.posted for each in tallies)
    run = record.run
    return Score(
        label=run.model or "without a model", data=run.data, warning=run.warning,
        judge=terms.judge.name, rule=terms.rule, near=terms.near, tau=terms.judge.tau,
        source=source or "all", prs=prs,
        values=intervals(METRICS, tallies), funnel=intervals(FUNNEL, tallies),
        median=quantile(posted, 0.5), p90=quantile(posted, 0.9),
    )  # fmt: skip


def _only(reviewed: Reviewed, source: Source | None) -> Reviewed:
    if source is None:
        return reviewed
    findings = tuple(each for each in reviewed.findings if each.source == source)
    return msgspec.structs.replace(reviewed, findings=findings)


def tally(reviewed: Reviewed, terms: Terms, proxy: Proxy) -> Tally:
    """The sums of one pull request. Raises what the judge does."""
    goldens = [golden for golden in reviewed.goldens if golden.valid]
    findings = reviewed.findings
    same = likeness(findings, goldens, terms)
    matched = match(findings, goldens, same, terms, proxy)
    posted = [finding for finding in findings if not finding.dropped]
    weights = [WEIGHTS[golden.severity] for golden in goldens]  # type: ignore[index]
    wrong = [findings[i] for i in sorted(matched.wrong)]
    return Tally(
        posted=len(posted),
        goldens=len(goldens),
        tp=len(matched.found),
        fp=len(matched.wrong),
        dup=len(matched.duplicates),
        rejected=_rejected(wrong, reviewed, terms),
        weight=sum(weights[j] for j in matched.found),
        weight_of=sum(weights),
        silent=int(not goldens and not posted and not reviewed.failure),
        silent_of=int(not goldens),
        **_rates(findings, posted),
        valid=reviewed.valid,
        valid_of=reviewed.answers,
        empty=reviewed.empty,
        seconds=reviewed.seconds,
        tokens=reviewed.prompt_tokens + reviewed.answer_tokens,
        added_lines=reviewed.added_lines,
        survived=_survived(findings, goldens, same, terms),
    )


def _rejected(wrong: Sequence[Seen], reviewed: Reviewed, terms: Terms) -> int:
    """How many findings say what experts rejected."""
    bad = [golden for golden in reviewed.goldens if not golden.valid]
    return len({i for i, _ in likeness(wrong, bad, terms)})


def _rates(findings: Sequence[Seen], posted: Sequence[Seen]) -> dict[str, int]:
    """What was measured of places and suggestions, out of those that somebody measured."""
    fixes = [finding.fix for finding in findings if finding.fix]
    places = (
        ("on_diff", [each.on_diff for each in findings]),
        ("anchored", [each.anchored for each in posted]),
        ("added", [each.added for each in posted]),
    )
    rates: dict[str, int] = {}
    for name, answers in places:
        known = [answer for answer in answers if answer is not None]
        rates |= {name: sum(known), f"{name}_of": len(known)}
    return rates | {
        "applies": sum(fix.applies for fix in fixes),
        "parses": sum(bool(fix.applies and fix.parses) for fix in fixes),
        "passes": sum(bool(fix.applies and fix.parses and fix.passes) for fix in fixes),
        "fixes_of": len(fixes),
    }


def _survived(
    findings: Sequence[Seen], goldens: Sequence[Golden], same: Likeness, terms: Terms
) -> tuple[int, ...]:
    counts = []
    for index in range(len(STAGES)):
        gone = STAGES[1 : index + 1]
        kept = frozenset(
            i for i, each in enumerate(findings) if each.spoken or each.dropped not in gone
        )
        martian = terms.rule is Rule.MARTIAN
        counts.append(len(many(same, kept) if martian else greedy(findings, goldens, same, kept)))
    return tuple(counts)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The least of the ordered values that a `share` of them does not exceed; 0 for none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def intervals(metrics: Sequence[Metric], tallies: Sequence[Tally]) -> tuple[Value, ...]:
    """Each figure with its interval."""
    values = []
    for metric in metrics:
        value = total(metric, tallies)
        drawn = sorted(each for each in resampled(metric, tallies) if each is not None)
        low, high = limits(drawn) if value is not None else (None, None)
        values.append(Value(metric.key, value, low, high))
    return tuple(values)


def total(metric: Metric, tallies: Sequence[Tally]) -> float | None:
    """A figure over all pull requests, None where there is nothing to divide by."""
    bottom = sum(map(metric.bottom, tallies))
    return sum(map(metric.top, tallies)) / bottom if bottom else None


def resampled(metric: Metric, tallies: Sequence[Tally]) -> list[float | None]:
    """The figure in each of DRAWS draws; equal indices of two lists are the same draw."""
    tops = _sums(tuple(map(metric.top, tallies)))
    bottoms = _sums(tuple(map(metric.bottom, tallies)))
    return [top / bottom if bottom else None for top, bottom in zip(tops, bottoms, strict=True)]


@lru_cache(maxsize=128)
def _sums(values: tuple[float, ...]) -> tuple[float, ...]:
    """The sum in each draw. Many figures are made from the same sums."""
    return tuple(sum(draw(values)) for draw in _draws(len(values)))


@lru_cache(maxsize=2)
def _draws(size: int) -> tuple[Callable[[Sequence[float]], tuple[float, ...]], ...]:
    """What takes the resampled values out of `size` ones, always the same.

    Of a single pull request two are drawn, because itemgetter gives one value without a tuple;
    quotients do not change.
    """
    chance = random.Random(SEED)  # noqa: S311 - statistics, no secret
    many = max(size, 2)
    draws = (chance.choices(range(size), k=many) for _ in range(DRAWS if size else 0))
    return tuple(itemgetter(*indices) for indices in draws)


def limits(ordered: Sequence[float]) -> tuple[float | None, float | None]:
    """The middle 95 % of ordered values."""
    return (quantile(ordered, 0.025), quantile(ordered, 0.975)) if ordered else (None, None)
