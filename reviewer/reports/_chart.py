"""Shapes of the charts in the HTML page: numbers and our own words, nothing of the change."""

from typing import Final, NamedTuple

from reviewer.model import CoverageOfFile

CELLS: Final = 240
"""Cells of a strip: each is more than a pixel wide on a phone."""

KINDS: Final = ("covered", "partial", "missing")
"""What a cell shows, the worst last."""


class Bar(NamedTuple):
    """A part of a strip, from `x` on, in cells."""

    x: int
    width: int
    kind: str


class Strip(NamedTuple):
    """The measurable added lines of one file in their order, `each` of them to a cell."""

    cells: int
    each: int
    bars: tuple[Bar, ...]


def strip(file: CoverageOfFile) -> Strip:
    """The lines of a file as bars of one kind; a cell of several lines shows the worst of them."""
    rank = dict.fromkeys(file.covered, 0) | dict.fromkeys(file.partial, 1)
    rank |= dict.fromkeys(file.missing, 2)
    ranks = [rank[line] for line in sorted(rank)]
    each = max(1, -(-len(ranks) // CELLS))
    worst = [max(ranks[at : at + each]) for at in range(0, len(ranks), each)]
    bars: list[Bar] = []
    for x, kind in enumerate(KINDS[rank] for rank in worst):
        if bars and bars[-1].kind == kind:
            bars[-1] = bars[-1]._replace(width=bars[-1].width + 1)
        else:
            bars.append(Bar(x, 1, kind))
    return Strip(len(worst), each, tuple(bars))


def level(score: float) -> str:
    """How a score from 0 to 100 is coloured; the number stands beside it."""
    return "good" if score >= 80 else "fair" if score >= 50 else "poor"
