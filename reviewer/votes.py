"""Several answers to one question: what enough of them say is believed.

An error of chance is rarely made twice, a defect that is there is seen again. Two findings are the
same here if they are near each other and quote the same code or say it in similar words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from reviewer import claims
from reviewer.model import Confidence, Finding

ALIKE: Final = 0.2
"""Share of words in common; two descriptions of one defect by one model rarely have less."""


@dataclass
class _Group:
    """Findings that are one, and the answers that they are from."""

    lead: Finding
    answers: set[int] = field(default_factory=set)


def count(answers: Sequence[Sequence[Finding]], wanted: int) -> tuple[Finding, ...]:
    """Each finding once, the best told first; with a doubt if fewer than `wanted` answers have it.

    One that all answers have is surer. Findings that have a doubt already do not vote.
    """
    needed = min(wanted, len(answers))
    groups: list[_Group] = []
    told: list[Finding] = []
    for number, findings in enumerate(answers):
        for finding in findings:
            if finding.doubt:
                told.append(finding)
                continue
            group = next((each for each in groups if _agree(each.lead, finding)), None)
            if group is None:
                group = _Group(finding)
                groups.append(group)
            group.answers.add(number)
    groups.sort(key=lambda group: -len(group.answers))
    return (*(_counted(group, needed, len(answers)) for group in groups), *_once(told))


def _agree(one: Finding, other: Finding) -> bool:
    apart = max(one.span.start, other.span.start) - min(one.span.end, other.span.end)
    if one.span.path != other.span.path or apart > claims.NEAR:
        return False
    same_code = (one.span.start, one.span.end) == (other.span.start, other.span.end)
    return (same_code and one.rule == other.rule) or (
        claims.alike(one.message, other.message) >= ALIKE
    )


def _counted(group: _Group, needed: int, all_answers: int) -> Finding:
    votes = len(group.answers)
    if votes < needed:
        doubt = f"vote: {votes} of {all_answers} answers say so, {needed} are needed"
        return replace(group.lead, doubt=doubt, suggestion=None)
    if votes == all_answers > 1:
        return replace(group.lead, confidence=Confidence.HIGH)
    return group.lead


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Doubted findings without the repetitions of another answer."""
    return list({(each.span, each.rule, each.message): each for each in findings}.values())
