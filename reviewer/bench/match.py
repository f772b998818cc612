"""Which finding is which golden.

Both are paired one to one, the likest first; then what is left of the findings is either a
duplicate or wrong. The rule of Martian's benchmark lets one vague remark stand for several goldens:
its numbers are comparable with published ones and with nothing else.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reviewer.bench.cases import Golden
from reviewer.bench.judge import Judge, Pair, Proxy
from reviewer.bench.record import Seen
from reviewer.bench.words import identifiers

NEAR: Final = 3
"""Lines that a finding may be off (k of L_k)."""

ALIKE: Final = 0.5
"""Likeness of two remarks from which on they say the same."""

AROUND: Final = 5
"""Lines within which remarks about the same identifiers say the same."""


class Rule(enum.Enum):
    """What makes a finding a golden."""

    STRICT = "strict"
    """Its place and what it says."""
    SEMANTIC = "semantic"
    """What it says."""
    LOCATION = "location"
    """Its place: for diagnosis, because it flatters."""
    MARTIAN = "martian"
    """What it says, many findings and goldens to one another."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How findings are judged: the rule, its distance in lines, and who compares the texts."""

    judge: Judge
    rule: Rule = Rule.STRICT
    near: int = NEAR


@dataclass(frozen=True, slots=True)
class Matched:
    """What came of the findings that were posted, by their indices.

    `found` is the finding of each golden that was found. Under Martian's rule a finding may stand
    there twice; `absorbed` are the findings that matched a golden and are its finding nowhere.
    """

    found: Mapping[int, int]
    absorbed: frozenset[int]
    duplicates: frozenset[int]
    wrong: frozenset[int]


Likeness = Mapping[tuple[int, int], float]
"""How alike finding and golden are, by their indices, for the pairs that the rule takes for one."""


def distance(finding: Seen, golden: Golden) -> int | None:
    """Lines between the two, 0 where they overlap; None if they are not in the same file.

    A golden without a line is wherever its file is mentioned, and one without a path everywhere.
    """
    if golden.lines is None:
        named = not golden.path or golden.path in (finding.path, *finding.text.split())
        return 0 if named else None
    if finding.path != golden.path:
        return None
    if not finding.start:
        return None
    start, end = golden.lines
    return max(0, start - finding.end, finding.start - end)


def likeness(findings: Sequence[Seen], goldens: Sequence[Golden], terms: Terms) -> Likeness:
    """The pairs that are the same by these terms. Raises what the judge does."""
    places = [(i, j) for i in range(len(findings)) for j in range(len(goldens))]
    if terms.rule in (Rule.STRICT, Rule.LOCATION):
        places = [
            (i, j)
            for i, j in places
            if (lines := distance(findings[i], goldens[j])) is not None and lines <= terms.near
        ]
    if terms.rule is Rule.LOCATION:
        return {(i, j): 1 / (1 + (distance(findings[i], goldens[j]) or 0)) for i, j in places}
    pairs: list[Pair] = [(findings[i].text, goldens[j].text) for i, j in places]
    scores = terms.judge.likeness(pairs)
    return {
        place: score
        for place, score in zip(places, scores, strict=True)
        if score >= terms.judge.tau
    }


def greedy(
    findings: Sequence[Seen], goldens: Sequence[Golden], same: Likeness, kept: frozenset[int]
) -> dict[int, int]:
    """One finding of `kept` for each golden and one golden for each finding, the likest first.

    Pairs of one file come before the others; equally like ones by their distance, then in order.
    """

    def rank(place: tuple[int, int]) -> tuple[object, ...]:
        finding, golden = findings[place[0]], goldens[place[1]]
        lines = distance(finding, golden)
        far = lines if lines is not None else 1 << 31
        return (finding.path != golden.path, -same[place], far, place)

    found: dict[int, int] = {}
    taken: set[int] = set()
    for finding, golden in sorted((place for place in same if place[0] in kept), key=rank):
        if finding not in taken and golden not in found:
            found[golden] = finding
            taken.add(finding)
    return found


def match(
    findings: Sequence[Seen],
    goldens: Sequence[Golden],
    same: Likeness,
    terms: Terms,
    proxy: Proxy,
) -> Matched:
    """What came of the posted findings; `proxy` tells which of the rest are duplicates."""
    posted = frozenset(i for i, finding in enumerate(findings) if not finding.dropped)
    absorbed: frozenset[int] = frozenset()
    if terms.rule is Rule.MARTIAN:
        found = many(same, posted)
        absorbed = frozenset(i for i, _ in same if i in posted) - {*found.values()}
    else:
        found = greedy(findings, goldens, same, posted)
    rest = sorted(posted - {*found.values()} - absorbed)
    known = [findings[i] for i in found.values()] + [goldens[j] for j in found]
    duplicates = _duplicates([findings[i] for i in rest], known, proxy)
    repeated = frozenset(i for i, double in zip(rest, duplicates, strict=True) if double)
    return Matched(found, absorbed, repeated, frozenset(rest) - repeated)


def many(same: Likeness, kept: frozenset[int]) -> dict[int, int]:
    """The likest finding of `kept` for each golden, the same one for several if need be."""
    found: dict[int, int] = {}
    for (finding, golden), score in sorted(same.items()):
        if finding in kept and (golden not in found or score > same[found[golden], golden]):
            found[golden] = finding
    return found


def _duplicates(rest: Sequence[Seen], known: Sequence[Seen | Golden], proxy: Proxy) -> list[bool]:
    """Which of `rest` say what one of `known`, or an earlier one of `rest`, says already."""
    said: list[Seen | Golden] = list(known)
    answers = []
    for finding in rest:
        answers.append(_said(finding, said, proxy))
        said.append(finding)
    return answers


def _said(finding: Seen, said: Sequence[Seen | Golden], proxy: Proxy) -> bool:
    names = identifiers(finding.text)
    for other in said:
        if names and other.path == finding.path and names == identifiers(other.text):
            first, last = other.start or 0, other.end or 0
            if max(first - finding.end, finding.start - last) <= AROUND:
                return True
    scores = proxy.likeness([(finding.text, other.text) for other in said])
    return any(score >= ALIKE for score in scores)
