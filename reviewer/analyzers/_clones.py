"""Finds what two pieces of code share: windows of tokens, looked up and extended.

Every step is linear in the tokens: each window is tried in a few places only, and a place that was
extended is not tried again, so that code which repeats itself without end costs no more.
"""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from reviewer.analyzers._tokens import DECISIONS, NAME, SHAPES, Code, Family, outline

WINDOW: Final = 32
"""Tokens that two places must share in a row before they are compared further."""

STEP: Final = 8
"""Every so many tokens of the added code a window is remembered: what two places share in
WINDOW + STEP - 1 tokens is found."""

KINDS: Final = 6
"""Different tokens in a window that says something; "a, b, c, d" has two."""

PLACES: Final = 4
"""Places that are tried for one window."""

PLACE_BITS: Final = 24
PLACE_MASK: Final = (1 << PLACE_BITS) - 1
"""A place is a source's number and, in so many bits, a token's: a file of 1 MiB has fewer."""

ADDED_SHARE: Final = 0.9
KEPT: Final = 2
"""The part of a window that the change must have added, and the lines in a row that it may have
kept inside of a block: a diff takes a brace or a `return` of other code for the same as before."""

PUNCTUATION: Final = 12
"""Characters of punctuation in four lines that say something."""

TRIES: Final = 8
"""Files that are looked at for the sake of the same such lines."""

HITS: Final = 3
"""Different groups of such lines that make a file worth a closer look; a block of ten lines that
were copied with their layout has seven."""


DECIDING: Final = tuple(SHAPES[word] for word in sorted(DECISIONS))


class Source(NamedTuple):
    """The code of one file, and which of its lines the change added (1-based numbers)."""

    path: str
    family: Family
    code: Code
    added: Collection[int] = frozenset()


class Match(NamedTuple):
    """The tokens `start` to before `end` of `source`, like those of `other` from `at` on."""

    source: Source
    start: int
    end: int
    other: Source
    at: int


class Block(NamedTuple):
    """The whole lines of a match, first and last added by the change, on both sides.

    The tokens are those from `start` to before `end`. `lines` counts those that hold a name or a
    keyword, `forms` how many of them differ in more than names and literals, `decisions` the
    branches and loops. `same` is the part of the names that are the same on both sides, `odd` the
    part that stand for another name than they mostly do.
    """

    match: Match
    first: int
    last: int
    there_first: int
    there_last: int
    start: int
    end: int
    lines: int
    forms: int
    decisions: int
    same: float
    odd: float


class Index:
    """Added code, to be looked up by windows of its tokens.

    Windows are known by their hashes, and places are numbers: a change of megabytes has hundreds of
    thousands of them. What two windows of one hash share is looked at before it is believed.
    """

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.places: dict[str, dict[int, list[int] | int]] = {}

    def add(self, source: Source) -> None:
        """Remember the windows of the added code of `source`."""
        shape = source.code.shape
        added = [0, *accumulate(line in source.added for line in source.code.lines)]
        number = len(self.sources) << PLACE_BITS
        self.sources.append(source)
        found = self.places.setdefault(source.family.suffixes, {})
        for start in range(0, len(shape) - WINDOW + 1, STEP):
            window = shape[start : start + WINDOW]
            share = added[start + WINDOW] - added[start]
            if share >= ADDED_SHARE * WINDOW and len(set(window)) >= KINDS:
                key = hash(window)
                places = found.setdefault(key, number + start)
                if isinstance(places, list):
                    if len(places) < PLACES:
                        places.append(number + start)
                elif places != number + start:
                    found[key] = [places, number + start]

    def matches(self, other: Source) -> Iterator[Match]:
        """What the added code shares with `other`, which may be one of the sources."""
        shape = other.code.shape
        found = self.places.get(other.family.suffixes, {})
        at, end = 0, len(shape) - WINDOW
        while at <= end:
            places = found.get(hash(shape[at : at + WINDOW]))
            if places is None:
                at += 1
                continue
            furthest = 0
            for place in places if isinstance(places, list) else (places,):
                source, start = self.sources[place >> PLACE_BITS], place & PLACE_MASK
                apart = abs(start - at) if source.path == other.path else len(shape)
                if apart >= WINDOW:
                    match = _extended(source, start, other, at, apart)
                    furthest = max(furthest, match.end - start)
                    yield match
            at += max(1, furthest - WINDOW + 1)


def _extended(source: Source, start: int, other: Source, at: int, apart: int) -> Match:
    """The match around a shared window; it never grows over `apart` tokens, into itself."""
    mine, theirs = source.code.shape, other.code.shape
    length = shared(mine, start, theirs, at, apart)
    # The window before this one was remembered as well, unless it said little.
    furthest = min(2 * WINDOW, start, at, apart - length)
    before = 0
    while before < furthest and mine[start - before - 1] == theirs[at - before - 1]:
        before += 1
    return Match(source, start - before, start + length, other, at - before)


def shared(one: str, start: int, two: str, at: int, limit: int) -> int:
    """How many characters one[start:] and two[at:] begin with alike, at most `limit`."""
    limit = min(limit, len(one) - start, len(two) - at)
    length, step = 0, WINDOW
    while step and length < limit:
        step = min(step, limit - length)
        if one[start + length : start + length + step] == two[at + length : at + length + step]:
            length += step
            step *= 2
        else:
            step //= 2
    return length


def block(match: Match, least: int) -> Block | None:
    """The whole added lines of a match, None if fewer than `least` of them tell something."""
    mine, theirs, shift = match.source.code, match.other.code, match.at - match.start
    start, end = match.start, match.end
    while start < end and start and mine.lines[start - 1] == mine.lines[start]:
        start += 1
    while start < end < len(mine.lines) and mine.lines[end] == mine.lines[end - 1]:
        end -= 1
    rows = mine.rows(start, end)
    rows = _added(rows, mine, match.source.added)
    forms = Counter(mine.shape[row.start : row.stop] for row in rows)
    telling = [count for form, count in forms.items() if any(map(str.isalpha, form))]
    if not rows or sum(telling) < least:
        return None
    names = [index for row in rows for index in row if mine.shape[index] == NAME]
    pairs = [(mine.word(index), theirs.word(index + shift)) for index in names]
    first, last = rows[0].start, rows[-1].stop - 1
    return Block(
        match=match,
        first=mine.lines[first],
        last=mine.lines[last],
        there_first=theirs.lines[first + shift],
        there_last=theirs.lines[last + shift],
        start=first,
        end=last + 1,
        lines=sum(telling),
        forms=len(telling),
        decisions=sum(map(mine.shape[first : last + 1].count, DECIDING)),
        same=sum(a == b for a, b in pairs) / max(1, len(pairs)),
        odd=max(_odd(pairs), _odd([(b, a) for a, b in pairs])) / max(1, len(pairs)),
    )


def _odd(pairs: Iterable[tuple[str, str]]) -> int:
    """How often a first word does not come with the second one that it mostly comes with."""
    most: dict[str, int] = {}
    counts = Counter(pairs)
    for (one, _), count in counts.items():
        most[one] = max(count, most.get(one, 0))
    return counts.total() - sum(most.values())


def _added(rows: list[range], code: Code, added: Collection[int]) -> list[range]:
    """The longest part of `rows` in which the change kept no more than KEPT lines in a row."""
    best = range(0)
    first = last = -KEPT - 2
    for number, row in enumerate(rows):
        if code.lines[row.start] in added:
            first = number if number - last > KEPT + 1 else first
            last = number
            best = max(best, range(first, last + 1), key=len)
    return rows[best.start : best.stop]


def longest(source: Source) -> int:
    """Lines of code of the longest part of `source` that could be a block."""
    code = source.code
    return len(_added(code.rows(0, len(code.lines)), code, source.added))


class Outlines:
    """The punctuation of added lines, to pass over files that share none of it."""

    def __init__(self) -> None:
        self.wanted: set[int] = set()
        self.tried: Counter[int] = Counter()

    def add(self, source: Source) -> None:
        """Remember the added lines of `source`."""
        lines = source.code.text.split("\n")
        self.wanted.update(_telling(lines[number - 1] for number in sorted(source.added)))

    def settle(self, block: Block) -> None:
        """Forget the lines of a block: in which other places they stand need not be known."""
        lines = block.match.source.code.text.split("\n")
        self.wanted.difference_update(_telling(lines[block.first - 1 : block.last]))

    def like(self, data: bytes) -> bool:
        """Whether a file may hold some of the added code.

        Lines that have spoken for TRIES files, and still are not settled, are forgotten: they stand
        everywhere and tell nothing.
        """
        found = self.wanted.intersection(map(hash, _groups(outline(data))))
        if len(found) < HITS:
            return False
        self.tried.update(found)
        self.wanted.difference_update(group for group in found if self.tried[group] == TRIES)
        return True


def _groups(lines: Sequence[bytes]) -> Iterator[tuple[bytes, ...]]:
    """Each four lines in a row."""
    return zip(lines, lines[1:], lines[2:], lines[3:], strict=False)


def _telling(lines: Iterable[str]) -> Iterator[int]:
    """Hashes of the punctuation of those that say something: a third of what they take."""
    text = "\n".join(lines).encode("ascii", "ignore")
    return (hash(group) for group in _groups(outline(text)) if sum(map(len, group)) >= PUNCTUATION)


def fresh(
    blocks: Sequence[Block], after: Iterable[Code], before: Iterable[Code]
) -> Iterator[Block]:
    """The blocks of which there is more `after` the change than `before`: the others only moved.

    Both are the code of the files that the change touched.
    """
    windows = [_windows(block) for block in blocks]
    wanted = frozenset(window for group in windows for window in group)
    more = Counter(window for code in after for window in _found(code, wanted))
    more.subtract(window for code in before for window in _found(code, wanted))
    for block, group in zip(blocks, windows, strict=True):
        if 2 * sum(more[window] > 0 for window in group) > len(group):
            yield block


def _windows(block: Block) -> list[str]:
    """Windows of a block, side by side."""
    shape = block.match.source.code.shape
    places = range(block.start, block.end - WINDOW + 1, WINDOW)
    return [shape[at : at + WINDOW] for at in places]


def _found(code: Code, wanted: Container[str]) -> Iterator[str]:
    for at in range(len(code.shape) - WINDOW + 1):
        window = code.shape[at : at + WINDOW]
        if window in wanted:
            yield window
