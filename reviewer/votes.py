"""Several answers to one question: what enough of them say is believed.

An error of chance is rarely made twice, a defect that is there is seen again. Two findings of
different answers are the same here if they are about the same lines, or near each other and told in
similar words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from reviewer import likeness
from reviewer.model import Confidence, Finding

ALIKE: Final = 0.2
"""Share of words in common; two descriptions of one defect by one model rarely have less."""

THERE: Final = 0.3
"""What the same lines and the same rule are worth beside the words: less than words that fit."""

THERE_ALIKE: Final = 0.1
"""Share of words in common on the same lines. Without any, of 227 false claims about the cases in
bench/fixtures, simulated at one in three answers, 26 found a second one on their line."""


@dataclass
class _Group:
    """Findings that are one, and the answers that they are from."""

    findings: list[Finding]
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
            group = _group_of(finding, number, groups)
            if group is None:
                group = _Group([])
                groups.append(group)
            group.findings.append(finding)
            group.answers.add(number)
    groups.sort(key=lambda group: -len(group.answers))
    return (*(_counted(group, needed, len(answers)) for group in groups), *_once(told))


def _group_of(finding: Finding, answer: int, groups: Sequence[_Group]) -> _Group | None:
    """The group that says the same most closely.

    An answer tells one defect once: what it has said already in other words is another defect.
    """
    best, most = None, 0.0
    for group in groups:
        if answer in group.answers:
            agreement = float(any(likeness.same(finding, each) for each in group.findings))
        else:
            agreement = max(_agreement(finding, each) for each in group.findings)
        if agreement > most:
            best, most = group, agreement
    return best


def _agreement(one: Finding, other: Finding) -> float:
    """How far two findings say the same, 0 if they do not."""
    if one.span.path != other.span.path or likeness.apart(one, other) > likeness.NEAR:
        return 0.0
    words = likeness.alike(one.message, other.message)
    if (one.span, one.rule) == (other.span, other.rule) and words >= THERE_ALIKE:
        return THERE + words
    if likeness.differ(one, other):
        return 0.0
    return words if words >= ALIKE else 0.0


def _counted(group: _Group, needed: int, all_answers: int) -> Finding:
    votes = len(group.answers)
    lead = group.findings[0]
    if votes < needed:
        doubt = f"vote: {votes} of {all_answers} answers say so, {needed} are needed"
        return replace(lead, doubt=doubt, suggestion=None)
    if votes == all_answers > 1:
        return replace(lead, confidence=Confidence.HIGH)
    return lead


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """Doubted findings without the repetitions of another answer."""
    return list({(each.span, each.rule, each.message): each for each in findings}.values())
