"""Units of review as they are kept until somebody asks about them: places, numbers and weights."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import IO, Final, NamedTuple

from reviewer.context.outlines import Definition, Outline, Spot
from reviewer.context.pieces import OLD_ONLY, Group, Limits, Piece, endless, groups, rows
from reviewer.context.risk import Risk, weigh
from reviewer.model import FileChange, Finding
from reviewer.text import clip, count

CALLS: Final = 24
OWNERS: Final = 3
IMPORTS: Final = 40
IMPORT_BYTES: Final = 800
EVIDENCE: Final = 10
UNITS_OF_A_FINDING: Final = 20
"""So much of each is remembered of a unit; a finding goes to so many units that it touches."""

TITLE_CHARS: Final = 200
MARK_CHARS: Final = 40
"""What the mark on a line that was cut may take."""

ONLY_REMOVES: Final = "only removes lines, in no function or class that is known"


class Region(NamedTuple):
    """Lines from number `line` on, in bytes `start` to `end` of their file."""

    line: int
    start: int
    end: int

    def read(self, file: IO[bytes]) -> str:
        """Its text; what is not UTF-8 comes as U+FFFD."""
        file.seek(self.start)
        return file.read(self.end - self.start).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Draft:
    """Where everything is that a unit will hold.

    `calls` are spots for what its own file defines, and names. `owners` are the names of the
    functions that it changes. `imports` are those of the file, shared with its other drafts.
    """

    path: str
    title: str
    pieces: tuple[Piece, ...]
    shown: tuple[tuple[int, int], ...]
    around: tuple[Region, ...]
    imports: tuple[Region, ...]
    calls: tuple[Spot | str, ...]
    owners: tuple[str, ...]
    evidence: tuple[Finding, ...]
    uncovered: tuple[int, ...]
    risk: Risk

    def shows(self, line: int) -> bool:
        """Whether the hunks show line `line` of the new side."""
        return any(first <= line <= last for first, last in self.shown)


class Omission(NamedTuple):
    """New-side lines that become no unit, and why."""

    start: int
    end: int
    reason: str


@dataclass(frozen=True)
class File:
    """One changed file with what is known of it.

    `number` is its number in the register, `missing` are the lines that no test ran, in order.
    """

    change: FileChange
    outline: Outline
    number: int
    findings: Sequence[Finding]
    missing: Sequence[int]

    def drafts(self, limits: Limits) -> Iterator[Draft | Omission]:
        """Its units, and what becomes none, so that every added line is in one of them."""
        sound = []
        for number, hunk in enumerate(self.change.hunks):
            lines = rows(hunk)
            if endless(hunk, lines, limits):
                last = hunk.new_start + sum(row.origin not in OLD_ONLY for row in lines) - 1
                what = count(limits.longest, "character")
                yield Omission(hunk.new_start, last, f"adds a line of more than {what}")
            else:
                sound.append((number, hunk))
        made = []
        for group in groups(sound, self.outline, limits):
            known = any(group.owners) and bool(group.shown)
            if group.added or known:
                made.append(group)
            else:
                place = max(group.first, 1)
                yield Omission(place, max(group.last, place), ONLY_REMOVES)
        evidence = self._evidence(made)
        for group, found in zip(made, evidence, strict=True):
            yield self._draft(group, found, limits)

    def _draft(self, group: Group, found: Sequence[Finding], limits: Limits) -> Draft:
        uncovered = self._uncovered(group)
        text = "\n".join(
            line.text[: limits.line]
            for piece in group.pieces
            for line in piece.lines(self.change.hunks)
            if line.origin != " "
        )
        functions = [each for each in group.owners if each is not None and each.function]
        return Draft(
            path=self.change.path,
            title=self._title(group),
            pieces=tuple(group.pieces),
            shown=tuple(_runs(group.shown)),
            around=_around(group, self.outline, limits),
            imports=self._imports,
            calls=self._calls(group),
            owners=tuple(each.name for each in functions[:OWNERS]),
            evidence=tuple(found),
            uncovered=uncovered,
            risk=weigh(self.change.path, text, len(group.added), found, len(uncovered)),
        )

    def _uncovered(self, group: Group) -> tuple[int, ...]:
        if not group.added:
            return ()
        added = frozenset(group.added)
        begin = bisect_left(self.missing, group.added[0])
        end = bisect_right(self.missing, group.added[-1])
        return tuple(line for line in self.missing[begin:end] if line in added)

    def _title(self, group: Group) -> str:
        if not self.outline.data:
            return clip(group.section.strip(), TITLE_CHARS)
        owner = group.owner
        if owner is None:
            return ""
        start, end = self.outline.starts[owner.line - 1 : owner.line + 1]
        line = self.outline.data[start : min(end, start + 4 * TITLE_CHARS)]
        return clip(line.decode("utf-8", "replace").strip(), TITLE_CHARS)

    @cached_property
    def _imports(self) -> tuple[Region, ...]:
        starts = self.outline.starts
        return tuple(
            Region(bisect_right(starts, start), start, min(end, start + IMPORT_BYTES))
            for start, end in self.outline.imports[:IMPORTS]
        )

    def _calls(self, group: Group) -> tuple[Spot | str, ...]:
        """What the added lines call, without what the unit shows anyway."""
        found: list[Spot | str] = []
        shown = frozenset(group.shown)
        inside = {each for owner in group.owners if owner for each in owner.chain()}
        for name in self.outline.called(group.added, CALLS):
            here = self.outline.by_name.get(name)
            if here is None:
                found.append(name)
            elif here.line not in shown and here not in inside:
                found.append(Spot(self.number, here.line, self.outline.starts[here.line - 1]))
        return tuple(found)

    def _evidence(self, made: Sequence[Group]) -> list[list[Finding]]:
        """The findings on the lines of each group."""
        found: list[list[Finding]] = [[] for _ in made]
        lasts = [group.last for group in made]
        for finding in sorted(self.findings, key=_order):
            first = bisect_left(lasts, finding.span.start)
            for number in range(first, min(first + UNITS_OF_A_FINDING, len(made))):
                if len(found[number]) < EVIDENCE and _on(finding, made[number]):
                    found[number].append(finding)
        return found


def _on(finding: Finding, group: Group) -> bool:
    """Whether the finding is on a line that the unit shows between its first and last change."""
    at = bisect_left(group.shown, max(finding.span.start, group.first))
    return at < len(group.shown) and group.shown[at] <= min(finding.span.end, group.last)


def _order(finding: Finding) -> tuple[object, ...]:
    return (finding.span, finding.rule_id, finding.message)


def _runs(lines: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Sorted numbers as ranges with both ends."""
    if not lines:
        return
    first = lines[0]
    for one, two in pairwise(lines):
        if two > one + 1:
            yield first, one
            first = two
    yield first, lines[-1]


def _around(group: Group, outline: Outline, limits: Limits) -> tuple[Region, ...]:
    """Lines of the definitions that a group changes: their heads, then the nearest ones."""
    owners = [each for each in group.owners if each is not None]
    taken = set(group.shown)
    chosen: list[int] = []
    starts = outline.starts
    left = limits.around
    for line in _nearest(owners, taken, group):
        size = starts[line] - starts[line - 1]
        if size > limits.longest:
            continue
        left -= min(size, limits.line + MARK_CHARS)
        if left < 0:
            break
        taken.add(line)
        chosen.append(line)
    return tuple(
        Region(first, starts[first - 1], starts[last]) for first, last in _runs(sorted(chosen))
    )


def _nearest(owners: Sequence[Definition], taken: set[int], group: Group) -> Iterator[int]:
    """Numbers of lines in `owners` that are not `taken`, in the order of their worth."""
    for owner in owners:
        for each in owner.chain():
            if each.line not in taken:
                yield each.line
    inside = list(_merged(owners))
    cursors = [place for run in _runs(group.shown) for place in ((run[0] - 1, -1), (run[1] + 1, 1))]
    heads = {each.line for owner in owners for each in owner.chain()}
    while cursors:
        alive = []
        for line, step in cursors:
            if line in taken and line not in heads:
                continue
            if not any(first <= line <= last for first, last in inside):
                continue
            if line not in taken:
                yield line
            alive.append((line + step, step))
        cursors = alive


def _merged(owners: Sequence[Definition]) -> Iterator[tuple[int, int]]:
    """The ranges of lines that the definitions cover."""
    held: tuple[int, int] | None = None
    for first, last in sorted((each.first, each.last) for each in owners):
        if held is not None and first <= held[1] + 1:
            held = held[0], max(held[1], last)
            continue
        if held is not None:
            yield held
        held = first, last
    if held is not None:
        yield held
