"""How hunks become units of review: cut where they are too large, joined where they belong.

A `Piece` is a run of lines of one hunk. It is numbers alone, so that the pieces of ten thousand
files fit in memory beside the change that they point into.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from reviewer.context.outlines import Definition, Outline
from reviewer.model import Hunk, Line

NEAR: Final = 20
"""Lines between changes outside of any definition that are still looked at together."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one unit: `added` lines, `characters` of its hunks, characters `around` them.

    A line is cut after `line` characters, far beyond what a prompt shows of it, so that secrets are
    whole where they are looked for; a hunk that adds one of more than `longest` is taken for
    generated. At most 3,000 characters around, because models get worse with more (the entity
    contexts of Ataraxy-Labs/inspect, 5,000 against 3,000).
    """

    added: int = 160
    characters: int = 12_000
    around: int = 3_000
    line: int = 5000
    longest: int = 5_000


class Piece(NamedTuple):
    """Bytes `begin` to `end` of the body of hunk number `hunk`, which begin at these lines."""

    hunk: int
    begin: int
    end: int
    old: int
    new: int

    def lines(self, hunks: Sequence[Hunk]) -> Iterator[Line]:
        """Its lines, given the hunks of its file."""
        body = hunks[self.hunk].body[self.begin : self.end]
        return Hunk(self.old, 0, self.new, 0, "", body).lines()


@dataclass(slots=True)
class Group:
    """What becomes one unit: pieces in order, and what is known of their lines.

    `added` are the numbers of its added lines, `shown` those and its context lines. `owners` are
    the innermost definitions of the changed lines in order, None among them for what is in none.
    `first` and `last` are the new-side places of the first and last changed line, `lost` that of
    removed lines for which it is not yet known whether others replace them, else 0; `ends_in` is
    the innermost definition of the last changed line.
    """

    section: str
    pieces: list[Piece] = field(default_factory=list)
    added: list[int] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    owners: list[Definition | None] = field(default_factory=list)
    size: int = 0
    first: int = 0
    last: int = 0
    lost: int = 0
    ends_in: Definition | None = None

    def own(self, owner: Definition | None) -> None:
        """A changed line is in `owner`."""
        self.ends_in = owner
        if owner not in self.owners:
            self.owners.append(owner)

    def joins(self, other: "Group", limits: Limits) -> bool:
        """Whether `other`, which follows, is about the same."""
        if len(self.added) + len(other.added) > limits.added:
            return False
        if self.size + other.size > limits.characters:
            return False
        if self.ends_in is not None or other.owners[0] is not None:
            return self.ends_in is other.owners[0]
        same = bool(self.section) and self.section == other.section
        return same or other.first - self.last <= NEAR

    def join(self, other: "Group") -> None:
        """Take `other` in."""
        self.pieces += other.pieces
        self.added += other.added
        self.shown += other.shown
        for owner in other.owners:
            self.own(owner)
        self.ends_in = other.ends_in
        self.size += other.size
        self.last = other.last

    @property
    def owner(self) -> Definition | None:
        """The innermost definition that all changed lines are in."""
        chains = [list(each.chain()) if each else [] for each in self.owners]
        return next((each for each in chains[0] if all(each in chain for chain in chains)), None)


class Row(NamedTuple):
    """One line of a hunk: its origin as a byte, and its bytes."""

    origin: int
    size: int


ADDED: Final = ord("+")
REMOVED: Final = ord("-")
REMARK: Final = ord("\\")
"""Origins of lines in a hunk; the last is that of "No newline at end of file"."""

OLD_ONLY: Final = (REMOVED, REMARK)
NEW_ONLY: Final = (ADDED, REMARK)
"""Origins of what does not count on the other side."""


def rows(hunk: Hunk) -> list[Row]:
    """The lines of a hunk with their sizes."""
    return [Row(line[0] if line else 0, len(line)) for line in hunk.body.split(b"\n")]


def endless(hunk: Hunk, lines: Sequence[Row], limits: Limits) -> bool:
    """Whether the hunk adds a line that nobody wrote by hand."""
    if all(row.size <= limits.longest for row in lines):
        return False
    return any(line.origin == "+" and len(line.text) > limits.longest for line in hunk.lines())


def groups(hunks: Iterable[tuple[int, Hunk]], outline: Outline, limits: Limits) -> Iterator[Group]:
    """The units that the numbered hunks of one file make, in order."""
    held: Group | None = None
    for number, hunk in hunks:
        for group in _cut(number, hunk, outline, limits):
            if held is not None and held.joins(group, limits):
                held.join(group)
                continue
            if held is not None:
                yield held
            held = group
    if held is not None:
        yield held


def _cut(number: int, hunk: Hunk, outline: Outline, limits: Limits) -> Iterator[Group]:
    """The hunk in parts that each fit; what has no change of its own is left out."""
    lines = rows(hunk)
    start = begin = 0
    old, new = hunk.old_start, hunk.new_start
    while start < len(lines):
        stop = _stop(lines, start, new, outline, limits)
        group = Group(hunk.section)
        at, before = begin, (old, new)
        for row in lines[start:stop]:
            _take(group, row, new, outline, limits)
            at += row.size + 1
            old += row.origin not in NEW_ONLY
            new += row.origin not in OLD_ONLY
        _lose(group, outline)
        if group.owners:
            group.pieces.append(Piece(number, begin, at - 1, *before))
            yield group
        start, begin = stop, at


def _take(group: Group, row: Row, new: int, outline: Outline, limits: Limits) -> None:
    """Count one line, which is or would be line `new`."""
    if row.origin == REMARK:
        return
    group.size += min(row.size, limits.line) + 1
    if row.origin == REMOVED:
        group.lost = new
    else:
        group.shown.append(new)
    if row.origin == ADDED:
        group.lost = 0
        group.added.append(new)
        group.own(outline.owner(new))
    if row.origin in (ADDED, REMOVED):
        group.first = group.first or new
        group.last = new
    else:
        _lose(group, outline)


def _lose(group: Group, outline: Outline) -> None:
    """Lines were removed and none came in their place: they were where the line before them is."""
    if group.lost:
        group.own(outline.owner(group.lost - 1))
        group.lost = 0


def _stop(lines: Sequence[Row], start: int, new: int, outline: Outline, limits: Limits) -> int:
    """Before which line a part that begins at `start` ends: at a definition if one is near."""
    added = size = 0
    border = 0
    for at in range(start, len(lines)):
        row = lines[at]
        added += row.origin == ADDED
        size += min(row.size, limits.line) + 1
        if at > start and (added > limits.added or size > limits.characters):
            return border or at
        if (2 * added > limits.added or 2 * size > limits.characters) and new in outline.borders:
            border = at if row.origin != REMOVED else border
        new += row.origin not in OLD_ONLY
    return len(lines)
