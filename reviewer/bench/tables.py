"""Scores and comparisons for people: a table, one line, and a picture.

Each of them says by which judge and rule and on which data it was made, and what to beware of. The
table is Markdown whose columns are aligned, so that it reads well in a terminal too.
"""

import textwrap
from collections.abc import Sequence
from typing import Final, NamedTuple

from reviewer import templates
from reviewer.bench.compare import Comparison
from reviewer.bench.metrics import FUNNEL, METRICS
from reviewer.bench.score import DRAWS, SEED, Score, Value
from reviewer.text import count, log_line

DRAWN: Final = ("precision", "recall", "f1", "f05", "weighted_recall", "silence")
"""The figures in the picture: shares, so that they share one axis."""

CAUTION: Final = (
    "cases that are older than a model may be among what it learned from: a high figure on public "
    "data can be memory. Figures of different judges, rules or data cannot be compared."
)

LINE: Final = 120
"""Characters of a line below the picture."""

NOTHING: Final = "–"


def table(score: Score) -> str:
    """All figures of a run that it has something to measure by, and the funnel."""
    rows = [("figure", "value", "95 % interval")]
    rows += [
        (metric.label, *_shown(score.value(metric.key), share=metric.share))
        for metric in METRICS
        if score.value(metric.key).value is not None
    ]
    rows.append(("comments, median and 90th percentile", f"{score.median:g}, {score.p90:g}", ""))
    stages = [("recall after", "value", "95 % interval")]
    stages += [(stage.key, *_shown(score.value(stage.key), share=True)) for stage in FUNNEL]
    parts = (
        _title(score.label),
        _aligned(rows),
        _aligned(stages),
        *_failures(score),
        _basis(score),
    )
    return "\n\n".join(parts) + "\n"


def _failures(score: Score) -> tuple[str, ...]:
    """Each pull request that was not reviewed whole, with its reason; nothing if there is none."""
    failed = [each for each in score.prs if each.failure]
    if not failed:
        return ()
    told = [f"- {log_line(each.pr)}: {log_line(each.failure)}" for each in failed]
    return (f"Not reviewed whole, and counted as it is: {count(len(failed), 'PR')}",
            "\n".join(told))  # fmt: skip


def _prs(score: Score) -> str:
    failed = sum(bool(each.failure) for each in score.prs)
    told = f" ({failed:,} not reviewed whole)" if failed else ""
    return count(len(score.prs), "PR") + told


def compared(comparison: Comparison) -> str:
    """Both runs and their differences. A difference is only claimed where the interval allows."""
    shares = {metric.key: metric.share for metric in (*METRICS, *FUNNEL)}
    rows = [("figure", "first", "second", "difference", "95 % interval", "second is")]
    for change in comparison.changes:
        if change.delta is not None:
            share = shares[change.key]
            interval = _interval(change.low, change.high, share=share)
            before, after, delta = (
                _number(value, share=share) for value in (change.first, change.second, change.delta)
            )
            rows.append((change.label, before, after, delta, interval, change.claim))
    title = f"{_title(comparison.first)}\n{_title(comparison.second, 'second')}"
    left = (
        f" {count(comparison.left_out, 'PR')} in one of them only." if comparison.left_out else ""
    )
    told = (
        f"{count(comparison.prs, 'PR')}, paired.{left} Judge: {log_line(comparison.judge)}. "
        f"Rule: {comparison.rule}. Data: {log_line(comparison.data)}. {_method()}"
    )
    parts = (title, _aligned(rows), told, _caution(comparison.warning))
    return "\n\n".join(parts) + "\n"


def badge(score: Score) -> str:
    """One line."""
    words = [
        f"{label} {_number(value.value, share=True)} {_interval(value.low, value.high, share=True)}"
        for key, label in (("f05", "F0.5"), ("precision", "P"), ("recall", "R"))
        if (value := score.value(key)).value is not None
    ]
    noise = _number(score.value("noise").value, share=False)
    return (
        f"{' · '.join((*words, f'{noise} wrong a PR'))} · {_prs(score)} of "
        f"{log_line(score.data)} · judge {log_line(score.judge)}, rule {score.rule.value} · "
        "public cases may have been learned\n"
    )


class Bar(NamedTuple):
    """A figure in the picture, all parts in percent of the axis."""

    label: str
    value: float
    low: float
    high: float
    told: str


def picture(score: Score) -> str:
    """SVG: bars with their intervals, and the funnel."""
    labels = {metric.key: metric.label for metric in METRICS}
    bars = [bar for key in DRAWN if (bar := _bar(labels[key], score.value(key)))]
    funnel = [bar for stage in FUNNEL if (bar := _bar(stage.key, score.value(stage.key)))]
    told = " ".join(_basis(score).split())
    return templates.render(
        "bench/chart.svg.html.j2", title=_title(score.label), bars=bars, funnel=funnel,
        basis=textwrap.wrap(told, LINE),
    )  # fmt: skip


def _bar(label: str, value: Value) -> Bar | None:
    if value.value is None or value.low is None or value.high is None:
        return None
    told = " ".join(_shown(value, share=True))
    middle, low, high = (min(100.0, 100 * each) for each in (value.value, value.low, value.high))
    return Bar(label, middle, low, high, told)


def _title(label: str, which: str = "") -> str:
    return f"Model{f' ({which})' if which else ''}: {log_line(label)}"


def _basis(score: Score) -> str:
    told = (
        f"{_prs(score)}, findings of source: {score.source}. "
        f"Judge: {log_line(score.judge)}, threshold {score.tau:g}. Rule: {score.rule.value}, "
        f"within {count(score.near, 'line')}. Data: {log_line(score.data)}. {_method()}"
    )
    return f"{told}\n\n{_caution(score.warning)}"


def _method() -> str:
    return f"Intervals: bootstrap over PRs, {DRAWS:,} draws, seed {SEED}."


def _caution(warning: str) -> str:
    return f"Beware: {CAUTION}" + (f" {log_line(warning)}" if warning else "")


def _shown(value: Value, *, share: bool) -> tuple[str, str]:
    interval = _interval(value.low, value.high, share=share)
    return _number(value.value, share=share), interval


def _interval(low: float | None, high: float | None, *, share: bool) -> str:
    if low is None or high is None:
        return ""
    return f"[{_number(low, share=share)}, {_number(high, share=share)}]"


def _number(value: float | None, *, share: bool) -> str:
    if value is None:
        return NOTHING
    if share:
        return f"{value:.3f}"
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = "|".join(
        "-" * (width + 1) + ":" if index else "-" * (width + 2)
        for index, width in enumerate(widths)
    )
    return "\n".join((lines[0], f"|{rule}|", *lines[1:]))
