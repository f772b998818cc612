"""Broken inputs made from real ones, and the bounds within which a parser has to answer.

FUZZ is the number of inputs of each test: a few every day, 10,000 by `make fuzz`.
"""

import contextlib
import copy
import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

INPUTS: Final = int(os.environ.get("FUZZ", "10"))
FUZZED: Final = settings(
    max_examples=INPUTS,
    deadline=None,
    database=None,
    derandomize="FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
"""The everyday inputs are the same each time, so that no change fails by what it did not touch."""

SECONDS: Final = 2.0
"""Of processor time, for one input: a busy machine must not fail a test."""

NUMBERS: Final = (
    *"0 -1 1 7 99999999 2147483648 -9223372036854775809 18446744073709551616 1e400 0.5".split(),
    *("NaN", "-0", "9" * 30, "9" * 5000),
)
TEXTS: Final = (
    *("", " ", "a b c", "\0", "\u202e", "\ud800", "\ufeff", "../x", "/etc/passwd", "{", "%s"),
    *("x" * 5000, "\n\r\u2028", "`|<b>", "HIGH", "None", "1", "٣"),
)
VALUES: Final[tuple[Any, ...]] = (
    *TEXTS,
    *(None, True, [], {}, [[]], 0, -1, 1, 7, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 1.5, 1e300),
)
DEEP: Final = b"[" * 60_000
"""Deeper than the C stack of a recursive reader allows."""

PIECES: Final = (
    *b"\0 \xff \xc3 \xed\xa0\x80 \" \\ < > & ' , : { } [ ] ( ) # ; - + / ]]> <!-- \r \n".split(
        b" "
    ),
    *(b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"\\ud800", DEEP, b"<a>" * 200),
)

Change = Callable[[bytes, int, int, Sequence[bytes]], bytes]


def _at(data: bytes, where: int) -> int:
    return where % (len(data) + 1)


def _flip(data: bytes, where: int, what: int, _: Sequence[bytes]) -> bytes:
    if not data:
        return data
    at = where % len(data)
    return data[:at] + bytes([data[at] ^ (1 << what % 8)]) + data[at + 1 :]


def _cut(data: bytes, where: int, what: int, _: Sequence[bytes]) -> bytes:
    at = _at(data, where)
    return data[:at] + data[at + what % 64 :]


def _truncate(data: bytes, where: int, _: int, __: Sequence[bytes]) -> bytes:
    return data[: _at(data, where)]


def _repeat(data: bytes, where: int, what: int, _: Sequence[bytes]) -> bytes:
    at = _at(data, where)
    return data[:at] + data[at : at + what % 400] * (1 + what % 5) + data[at:]


def _splice(data: bytes, where: int, what: int, samples: Sequence[bytes]) -> bytes:
    other = samples[what % len(samples)]
    return data[: _at(data, where)] + other[_at(other, what // 7) :]


def _insert(data: bytes, where: int, what: int, _: Sequence[bytes]) -> bytes:
    at = _at(data, where)
    return data[:at] + PIECES[what % len(PIECES)] + data[at:]


def _number(data: bytes, where: int, what: int, _: Sequence[bytes]) -> bytes:
    found = list(re.finditer(rb"-?\d+", data[: 1 << 16]))
    if not found:
        return data
    start, end = found[where % len(found)].span()
    return data[:start] + NUMBERS[what % len(NUMBERS)].encode() + data[end:]


def _line(data: bytes, where: int, what: int, _: Sequence[bytes]) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    lines.insert(what % len(lines), lines[where % len(lines)])
    return b"".join(lines)


CHANGES: Final[tuple[Change, ...]] = (
    *(_flip, _cut, _truncate, _repeat, _splice, _insert, _number, _number, _number, _line),
)
POSITIONS: Final = st.integers(0, 1 << 20)


def damaged(samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of `samples` after up to four accidents, or now and then any bytes at all."""
    step = st.tuples(st.sampled_from(CHANGES), POSITIONS, POSITIONS)

    def made(parts: tuple[bytes, list[tuple[Change, int, int]]]) -> bytes:
        data = parts[0]
        for change, where, what in parts[1]:
            data = change(data, where, what, samples)
        return data

    real = st.tuples(st.sampled_from(samples), st.lists(step, min_size=1, max_size=4)).map(made)
    return st.integers(0, 19).flatmap(lambda lot: real if lot else st.binary(max_size=300))


def documents(data: bytes) -> list[Any]:
    """The JSON of `data`: one document, or one a line. Nothing when it is none."""
    try:
        return [json.loads(data)]
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in data.splitlines()]
    except ValueError:
        return []


def reshaped(samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of `samples`, JSON with up to three values replaced, repeated or taken away."""
    texts = [sample for sample in samples if documents(sample)]
    step = st.tuples(POSITIONS, st.integers(0, len(VALUES) + 3))

    def made(parts: tuple[bytes, list[tuple[int, int]]]) -> bytes:
        trees: Any = documents(parts[0])
        for where, what in parts[1]:
            places = list(_places(trees))
            if places:
                _replace(*places[where % len(places)], what)
        return b"\n".join(json.dumps(tree).encode() for tree in trees)

    return st.tuples(st.sampled_from(texts), st.lists(step, min_size=1, max_size=3)).map(made)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Each value in `tree`, as what holds it and its key there."""
    for key in list(tree if isinstance(tree, dict) else range(len(tree))):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def _replace(holder: Any, key: Any, what: int) -> None:
    if what < len(VALUES):
        holder[key] = copy.deepcopy(VALUES[what])
    elif what == len(VALUES):
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[f"{key}x"] = holder.pop(key)


def inputs(samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Everything that a parser may meet in the place of one of `samples`."""
    if any(documents(sample) for sample in samples):
        return damaged(samples) | reshaped(samples)
    return damaged(samples)


@contextlib.contextmanager
def promptly(seconds: float = SECONDS) -> Iterator[None]:
    """Fails when what is within takes more processor time than `seconds`."""

    def late(_: int, __: FrameType | None) -> None:
        raise AssertionError(f"no answer after {seconds} s of work")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
