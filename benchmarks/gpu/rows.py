"""Rows of the table, as steps write them: one JSON object a line, so that a step may be killed."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

RESULT: Final = {True: "PASS", False: "MISS", None: ""}


class Row(msgspec.Struct, frozen=True):
    """A figure. `passed` is None where nothing is demanded; `number` is for other rows to use."""

    what: str
    value: str
    demand: str = ""
    passed: bool | None = None
    key: str = ""
    number: float = 0.0


def least(what: str, number: float, limit: float, unit: str = "", key: str = "") -> Row:
    """A row whose number must be `limit` at least."""
    return Row(what, shown(number, unit), f"≥ {limit:g}{unit}", number >= limit, key, number)


def most(what: str, number: float, limit: float, unit: str = "", key: str = "") -> Row:
    """A row whose number may be `limit` at most."""
    return Row(what, shown(number, unit), f"≤ {limit:g}{unit}", number <= limit, key, number)


def figure(what: str, number: float, unit: str = "", key: str = "") -> Row:
    """A row that nothing is demanded of."""
    return Row(what, shown(number, unit), key=key, number=number)


def is_so(what: str, value: str, right: bool, demand: str = "so") -> Row:  # noqa: FBT001
    """A row that is right or not."""
    return Row(what, value, demand, right)


def shown(number: float, unit: str) -> str:
    """Three digits that count, and whole thousands."""
    return f"{number:,.0f}{unit}" if abs(number) >= 100 else f"{number:.3g}{unit}"


def write(place: Path, rows: Iterable[Row]) -> None:
    """One line a row, each as soon as it is there."""
    with place.open("wb") as opened:
        for row in rows:
            opened.write(msgspec.json.encode(row) + b"\n")
            opened.flush()


def read(place: Path) -> list[Row]:
    """What a step has written so far; half of a line is none."""
    data = place.read_bytes() if place.exists() else b""
    whole, _, _ = data.rpartition(b"\n")
    return [msgspec.json.decode(line, type=Row) for line in whole.splitlines()]


def compared(rows: Sequence[Row]) -> Iterator[Row]:
    """Ours beside transformers, where both were measured."""
    numbers = {row.key: row.number for row in rows if row.key and row.number}
    for key, ours in numbers.items():
        theirs = numbers.get(f"transformers {key}")
        if theirs is None:
            continue
        ratio, what = ours / theirs, f"{key}: ours over transformers"
        yield least(what, ratio, 3, "×") if key == "batch 16" else figure(what, ratio, "×")
    for kind, limit in (("FP16", 0.6), ("EXL2", None)):
        size, rate, copy = (numbers.get(key) for key in (f"{kind} size", f"{kind} rate", "copy"))
        if size and rate and copy:
            what = f"{kind}, one stream: share of the limit that the memory's bandwidth sets"
            share = rate * size / copy
            yield figure(what, share) if limit is None else least(what, share, limit)


def markdown(rows: Sequence[Row]) -> str:
    """One table of GitHub-flavoured Markdown."""
    cells = [("what", "value", "demand", "result")]
    cells += [(row.what, row.value, row.demand, RESULT[row.passed]) for row in rows]
    clean = [[cell.replace("|", "/").replace("\n", " ") for cell in line] for line in cells]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in clean
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join((lines[0], rule, *lines[1:])) + "\n"
