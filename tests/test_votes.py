"""Several answers: what most of them say stays, what one of them says has a doubt."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer import votes
from reviewer.model import Category, Confidence, Finding, Severity, Span, Suggestion


def found(
    start: int, message: str, end: int = 0, rule: str = "bug", path: str = "a.py", doubt: str = ""
) -> Finding:
    span = Span(path, start, end or start)
    kind = Category.CORRECTNESS
    medium = Confidence.MEDIUM
    return Finding(
        "model", rule, message, span, Severity.ERROR, medium, kind, "", doubt=doubt,
        suggestion=Suggestion(span, "pass"),
    )  # fmt: skip


FEE = found(12, "The fee is taken off and booked nowhere.")
FEE_AGAIN = found(13, "Nobody books the fee that is taken off here.", rule="contract")
LOOP = found(40, "The loop reads past the end of the list.")


def believed(told: Sequence[Finding]) -> list[Finding]:
    return [each for each in told if not each.doubt]


def test_what_enough_answers_say_is_believed() -> None:
    told = votes.count([[FEE], [FEE_AGAIN, LOOP], []], 2)
    assert told[0] == FEE
    assert told[1] == replace(
        LOOP, doubt="vote: 1 of 3 answers say so, 2 are needed", suggestion=None
    )
    assert len(told) == 2


def test_what_all_answers_say_is_surer() -> None:
    (told,) = votes.count([[FEE], [FEE_AGAIN]], 2)
    assert told == replace(FEE, confidence=Confidence.HIGH)
    (single,) = votes.count([[FEE]], 2)
    assert single == FEE


def test_the_same_lines_and_rule_agree_in_few_words_and_not_in_none() -> None:
    other = found(12, "The fee is lost for each closing.")
    assert believed(votes.count([[FEE], [other], []], 2)) == [FEE]
    unlike = found(12, "Printers stay open.")
    assert not believed(votes.count([[FEE], [unlike], []], 2))
    assert not believed(votes.count([[FEE], [replace(other, rule="security")], []], 2))


@pytest.mark.parametrize(
    "other",
    [
        found(30, FEE.message), found(12, FEE.message, path="b.py"),
        found(13, "The currency of the account is not looked at."),
    ],
)  # fmt: skip
def test_what_is_about_something_else_does_not_agree(other: Finding) -> None:
    assert not believed(votes.count([[FEE], [other], []], 2))


def test_an_answer_has_one_vote() -> None:
    assert not believed(votes.count([[FEE, FEE, FEE_AGAIN], [], []], 2))


def test_two_defects_on_neighbouring_lines_are_counted_apart() -> None:
    start = found(12, "The lower bound of the range is compared with < and the first row is lost.")
    stop = found(13, "The upper bound of the range is compared with < and the last row is lost.")
    told = votes.count([[start, stop], [stop, start], [start, stop]], 2)
    assert [(each.span.start, each.doubt) for each in told] == [(12, ""), (13, "")]
    told = votes.count([[start, stop], [start], []], 2)
    assert believed(told) == [start]


def test_what_is_in_doubt_does_not_vote() -> None:
    doubted = replace(FEE, doubt="claim: is praise")
    told = votes.count([[doubted], [doubted, FEE]], 2)
    assert [each.doubt for each in told] == [
        "vote: 1 of 2 answers say so, 2 are needed", "claim: is praise",
    ]  # fmt: skip


def test_more_votes_than_answers_cannot_be_asked_for() -> None:
    assert believed(votes.count([[FEE], [FEE]], 9))
    assert votes.count([], 2) == ()


SUBJECTS = (
    "fee account rate token cursor header parser socket ledger voucher basket session folder index "
    "buffer worker queue mirror region invoice refund tenant cookie digest"
).split()
WAYS = (
    "The {0} is taken from the {1} before it was checked, so the {2} is wrong",
    "`{0}` is read from {1} unchecked; a wrong {2} is the result",
    "Because nothing checks the {0} of the {1}, the {2} comes out wrong",
)
FLUKES = (
    "When `{0}` is empty `{1}` raises a KeyError nobody catches",
    "An exception in `{0}` leaves {1} open",
    "`{0}` can be None, and then {1} fails with an AttributeError",
    "Two threads may write to the {0} and the {1} is inconsistent",
    "`{0}` overflows for a large {1}",
    "A negative `{0}` reaches the {1} and is not refused",
    "A None in `{0}` makes `{1}` fail with an AttributeError",
    "The {0} may grow without bounds, as the {1} is never emptied",
)
RULES = ("bug", "security", "resource", "contract")


def samples(chance: random.Random) -> list[list[Finding]]:
    """Three answers: each of two true findings in two of them, two invented ones in each.

    `help` of a true one is its number.
    """
    answers: list[list[Finding]] = [[], [], []]
    for number in range(2):
        names = chance.sample(SUBJECTS, 3)
        line = 20 + 12 * number + chance.randrange(6)
        rule = chance.choice(RULES)
        for answer in chance.sample(range(3), 2):
            words = chance.choice(WAYS).format(*names)
            at = line + chance.choice((0, 0, 0, 1, -1))
            kind = rule if chance.random() < 0.8 else chance.choice(RULES)
            answers[answer].append(replace(found(at, words, rule=kind), help=str(number)))
    for answer in answers:
        for _ in range(2):
            words = chance.choice(FLUKES).format(*chance.sample(SUBJECTS, 2))
            answer.append(found(chance.randrange(15, 55), words, rule=chance.choice(RULES)))
        chance.shuffle(answer)
    return answers


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_chance_is_outvoted_and_truth_is_not(seed: int) -> None:
    chance = random.Random(seed)
    kept = noise = 0
    rounds = 100
    for _ in range(rounds):
        stay = believed(votes.count(samples(chance), 2))
        kept += len({each.help for each in stay if each.help})
        noise += sum(not each.help for each in stay)
    assert kept / (2 * rounds) >= 0.95
    assert noise / (6 * rounds) <= 0.1


FINDINGS = st.builds(
    found,
    st.integers(1, 30),
    st.sampled_from([FEE.message, FEE_AGAIN.message, LOOP.message, "", "x", "费用未入账"]),
    rule=st.sampled_from(RULES),
    doubt=st.sampled_from(["", "", "claim: is praise"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(FINDINGS, max_size=5), max_size=4), st.integers(1, 5))
def test_nothing_is_invented_and_no_place_is_lost(
    answers: list[list[Finding]], wanted: int
) -> None:
    told = votes.count(answers, wanted)
    given_ = [each for answer in answers for each in answer]
    plain = {(each.span, each.rule, each.message) for each in given_}
    assert {(each.span, each.rule, each.message) for each in told} <= plain
    assert len(told) <= len(given_)
    assert bool(told) == bool(given_)
    assert votes.count(answers, wanted) == told
    assert wanted > 1 or not any(each.doubt.startswith("vote") for each in told)
