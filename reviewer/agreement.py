"""Two tools that say the same thing at the same place are one remark that names both.

The other findings keep their place in the report, with the standing `merged`.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from reviewer import likeness
from reviewer.model import Confidence, Finding, Judged, Side, Standing

SAME: Final = (
    (r"secrets/.*", r"trivy/secret.*", r"bandit/B10[5-7]", r"ruff/S10[5-7]"),
    (r"complexity/complexity", r"ruff/C901"),
    (r"complexity/parameters", r"ruff/PLR0913"),
    (r"docs/.*", r"ruff/D10\d"),
    (r"naming/.*", r"ruff/N8\d\d"),
    (r"suppressions/.*", r"ruff/PGH00\d"),
    (r"hidden/.*", r"ruff/PLE25\d\d", r"bandit/B613"),
    (r"hadolint/.*DL3002", r"trivy/.*DS-?0*002"),
    (r"hadolint/.*DL300[67]", r"trivy/.*DS-?0*001"),
    (r"ruff/S(\d{3})", r"bandit/B(\d{3})"),
)
"""Each row lists rules about one thing; the first row that fits counts. Groups of a pattern must
match too: ruff's S602 is a port of bandit's B602, number by number
(https://docs.astral.sh/ruff/rules/#flake8-bandit-s)."""

_PATTERNS: Final = [[re.compile(pattern) for pattern in row] for row in SAME]


def topic(rule_id: str) -> tuple[object, ...]:
    """What a rule is about: equal for rules that say the same thing."""
    for number, row in enumerate(_PATTERNS):
        for pattern in row:
            found = pattern.fullmatch(rule_id)
            if found:
                return (number, *found.groups())
    return (rule_id,)


def merge(judged: Sequence[Judged]) -> tuple[Judged, ...]:
    """Of findings of several tools on one topic and line, the gravest speaks for all.

    It becomes surer by one step; the others stand as merged, in the order of `judged`.
    """
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, item in enumerate(judged):
        finding = item.finding
        if item.anchor and finding.side is Side.NEW:
            key = (finding.span.path, item.anchor, topic(finding.rule_id))
            groups[key].append(index)
    result = list(judged)
    for members in groups.values():
        if len({judged[i].finding.tool for i in members}) < 2:
            continue
        lead = max(members, key=lambda i: (_weight(judged[i]), -i))
        spoken = judged[lead].finding
        others = sorted({judged[i].finding.rule_id for i in members} - {spoken.rule_id})
        surer = Confidence.MEDIUM if spoken.confidence is Confidence.LOW else Confidence.HIGH
        message = f"{spoken.message} (also {', '.join(others)})"
        result[lead] = replace(
            judged[lead], finding=replace(spoken, message=message, confidence=surer)
        )
        for index in members:
            if index != lead:
                result[index] = replace(
                    judged[index],
                    standing=Standing.MERGED,
                    note=f"{spoken.rule_id} says the same on this line",
                )
    return tuple(result)


def echoes(
    judged: Sequence[Judged], tool: str, most: Confidence | None = None
) -> tuple[Judged, ...]:
    """What `tool` says on a line where another one says something of the same kind is merged.

    The other's finding is named by it and becomes surer by one step, but not sure enough to reach
    `most` by that, if `tool` is one that has no say in what fails the gate. One that has a say is
    merged only with what is as grave and as sure, so that the gate misses nothing.
    """
    result = list(judged)
    surer: set[int] = set()
    for index, item in enumerate(judged):
        finding = item.finding
        if finding.tool != tool or item.standing is not Standing.BODY or not item.anchor:
            continue
        for other, spoken in enumerate(result):
            if spoken.standing is not Standing.BODY or not _echo(finding, spoken.finding):
                continue
            more = spoken.finding if other in surer else _surer(spoken.finding, finding, most)
            as_grave = more.severity >= finding.severity and more.confidence >= finding.confidence
            if most is None and not as_grave:
                continue
            surer.add(other)
            result[other] = replace(spoken, finding=more)
            note = f"{spoken.finding.rule_id} says it already"
            result[index] = replace(item, standing=Standing.MERGED, note=note)
            break
    return tuple(result)


def _echo(finding: Finding, other: Finding) -> bool:
    """Whether `finding` is about what another tool's finding is about."""
    mine, theirs = finding.span, other.span
    return (
        other.tool != finding.tool
        and other.category is finding.category
        and other.side is finding.side
        and mine.path == theirs.path
        and theirs.start > 0
        and mine.start <= theirs.end
        and theirs.start <= mine.end
        and (mine.start == theirs.start or _in_common(finding, other))
    )


def _in_common(finding: Finding, other: Finding) -> bool:
    """Whether they share a word: there is more than one thing to say of many lines."""
    mine = likeness.words_of(finding.message)
    return bool(mine & likeness.words_of(f"{other.message} {other.help}"))


def _surer(spoken: Finding, by: Finding, most: Confidence | None) -> Finding:
    step = Confidence.MEDIUM if spoken.confidence is Confidence.LOW else Confidence.HIGH
    held = most is not None and spoken.confidence < most <= step
    sure = spoken.confidence if held else step
    return replace(spoken, message=f"{spoken.message} (also {by.rule_id})", confidence=sure)


def _weight(item: Judged) -> tuple[object, object]:
    return item.finding.severity, item.finding.confidence
