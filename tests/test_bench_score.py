"""Scores by hand: matching, figures, intervals, comparisons, and what is printed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import msgspec
import pytest

from reviewer.bench import tables
from reviewer.bench.cases import Golden
from reviewer.bench.compare import claim, compare, parse
from reviewer.bench.judge import Pair, Proxy
from reviewer.bench.match import Rule, Terms, distance, greedy, likeness, match
from reviewer.bench.metrics import FUNNEL, METRICS
from reviewer.bench.record import FORMAT, Fix, Record, Reviewed, Run, Seen
from reviewer.bench.score import Score, quantile, score
from reviewer.errors import InputError

PROXY = Proxy.shipped()
LEAK = "The file handle is never closed when parsing raises"
SQL = "SQL injection: the query text is built from the user's name"
RACE = "Race: two threads read the counter before either writes it"
NOISE = "Consider a friendlier greeting in this banner"


@dataclass(frozen=True)
class Exact:
    """A judge that knows the likeness of each pair."""

    known: dict[Pair, float]
    name: str = "exact"
    tau: float = 0.3

    def likeness(self, pairs: Sequence[Pair]) -> list[float]:
        return [self.known.get(pair, float(pair[0] == pair[1])) for pair in pairs]


STRICT = Terms(Exact({}))


def finding(text: str, line: int = 10, path: str = "a.py", **more: object) -> Seen:
    return Seen(text, path, line, line, **more)  # type: ignore[arg-type]


def golden(text: str, line: int = 10, path: str = "a.py", **more: object) -> Golden:
    return Golden(text, path, line, line, **more)  # type: ignore[arg-type]


def reviewed(pr: str, findings: Sequence[Seen], goldens: Sequence[Golden], **more: int) -> Reviewed:
    return Reviewed(pr, tuple(goldens), tuple(findings), **more)


def record(*prs: Reviewed) -> Record:
    run = Run(FORMAT, "0.1", "fixtures 1234", "Ours alone.", "qwen", seed=0)
    return Record(run, prs, (), ())


def values(scored: Score) -> dict[str, float | None]:
    return {each.key: each.value for each in (*scored.values, *scored.funnel)}


def test_near_is_three_lines_and_no_more() -> None:
    truth = [golden(LEAK, 10)]
    assert likeness([finding(LEAK, 13)], truth, STRICT)
    assert not likeness([finding(LEAK, 14)], truth, STRICT)
    assert likeness([finding(LEAK, 14)], truth, Terms(STRICT.judge, Rule.SEMANTIC))
    assert not likeness([finding(LEAK, 10, "b.py")], truth, STRICT)


def test_a_golden_without_a_line_is_where_its_file_is_named() -> None:
    assert distance(finding("x"), Golden("t", "a.py")) == 0
    assert distance(finding("x", path="b.py"), Golden("t", "a.py")) is None
    assert distance(finding("see a.py there", path="b.py"), Golden("t", "a.py")) == 0
    assert distance(finding("x"), Golden("t")) == 0


def test_the_likest_pair_is_taken_first() -> None:
    judge = Exact({("f1", "g1"): 0.6, ("f1", "g2"): 0.5, ("f2", "g1"): 0.9})
    findings, goldens = [finding("f1"), finding("f2")], [golden("g1"), golden("g2")]
    same = likeness(findings, goldens, Terms(judge))
    assert greedy(findings, goldens, same, frozenset({0, 1})) == {0: 1, 1: 0}


def test_the_same_path_comes_before_likeness() -> None:
    judge = Exact({("far", "g"): 0.9, ("near", "g"): 0.4})
    findings, goldens = [finding("far", path="b.py"), finding("near")], [golden("g")]
    same = likeness(findings, goldens, Terms(judge, Rule.SEMANTIC))
    assert greedy(findings, goldens, same, frozenset({0, 1})) == {0: 1}


def test_one_vague_remark_is_one_golden_but_many_for_martian() -> None:
    judge = Exact({("vague", "g1"): 0.8, ("vague", "g2"): 0.7, ("also", "g1"): 0.5})
    findings, goldens = [finding("vague"), finding("also")], [golden("g1"), golden("g2")]
    results = {}
    for rule in (Rule.SEMANTIC, Rule.MARTIAN):
        terms = Terms(judge, rule)
        results[rule] = match(findings, goldens, likeness(findings, goldens, terms), terms, PROXY)
    assert results[Rule.SEMANTIC].found == {0: 0}
    assert results[Rule.MARTIAN].found == {0: 0, 1: 0}
    assert results[Rule.MARTIAN].absorbed == {1}
    assert not results[Rule.MARTIAN].wrong


def test_the_rest_are_duplicates_or_wrong() -> None:
    findings = [
        finding(LEAK), finding(LEAK, 11), finding(NOISE, 40), finding(NOISE, 60),
        finding("`open_all` twice", 70), finding("Nothing calls open_all()", 74),
        finding("The scheduler retries `open_all` forever", 90), finding("dropped", dropped="vote"),
    ]  # fmt: skip
    goldens = [golden(LEAK)]
    got = match(findings, goldens, likeness(findings, goldens, STRICT), STRICT, PROXY)
    assert got.found == {0: 0}
    assert got.duplicates == {1, 3, 5}
    assert got.wrong == {2, 4, 6}


def test_figures_computed_by_hand() -> None:
    """Two PRs with goldens and a clean one: TP 2, FP 1, DUP 1, FN 2, posted 4."""
    scored = score(
        record(
            reviewed("1", [finding(LEAK), finding(LEAK, 11), finding(NOISE, 50)],
                     [golden(LEAK, severity="critical"), golden(SQL, 30, severity="low")],
                     seconds=6, prompt_tokens=900, answer_tokens=100, added_lines=100),
            reviewed("2", [finding(RACE)], [golden(RACE, severity="high"), golden(SQL, 40)],
                     added_lines=100),
            reviewed("3", [finding(SQL, dropped="vote")], []),
        ),
        STRICT,
    )  # fmt: skip
    got = values(scored)
    expected = {
        "precision": 2 / 4, "recall": 2 / 4, "f1": 0.5, "f05": 0.5,
        "macro_precision": (1 / 3 + 1) / 2, "macro_recall": 0.5,
        "macro_f1": (2 / 5 + 2 / 3) / 2, "weighted_recall": 15 / 18, "noise": 2 / 3,
        "duplicates": 1 / 3, "comments": 4 / 3, "per_kloc": 20.0, "silence": 1.0,
        "seconds": 2.0, "tokens": 1000 / 3,
    }  # fmt: skip
    assert {key: got[key] for key in expected} == pytest.approx(expected)
    assert (scored.median, scored.p90) == (1, 3)


def test_f_half_leans_to_precision() -> None:
    truth = [golden(text, line) for text, line in ((LEAK, 10), (SQL, 30), (RACE, 50))]
    got = values(score(record(reviewed("1", [finding(LEAK)], truth)), STRICT))
    precision, recall = 1.0, 1 / 3
    assert got["f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert got["f05"] == pytest.approx(1.25 * precision * recall / (0.25 * precision + recall))


def test_a_perfect_run() -> None:
    prs = [reviewed(str(n), [finding(LEAK)], [golden(LEAK)]) for n in range(3)]
    scored = score(record(*prs, reviewed("clean", [], [])), STRICT)
    for key in ("precision", "recall", "f1", "f05", "macro_f1", "silence", "weighted_recall"):
        value = scored.value(key)
        assert (value.value, value.low, value.high) == (1.0, 1.0, 1.0), key
    assert values(scored)["noise"] == 0


def test_an_empty_run_has_no_precision() -> None:
    got = values(score(record(reviewed("1", [], [golden(LEAK)])), STRICT))
    assert got["precision"] is None
    assert got["recall"] == got["f1"] == got["f05"] == 0
    assert got["silence"] is None
    assert values(score(record(), STRICT))["f1"] is None


def test_a_flood_is_noise() -> None:
    flood = [finding(f"{NOISE} {n}", 100 * n) for n in range(1, 51)]
    got = values(score(record(reviewed("1", [finding(LEAK), *flood], [golden(LEAK)]),
                              reviewed("2", flood, [])), STRICT))  # fmt: skip
    assert got["precision"] == pytest.approx(1 / 101)
    assert got["noise"] == 50
    assert got["duplicates"] == pytest.approx(49)
    assert got["silence"] == 0


def test_rejected_remarks_are_no_goldens() -> None:
    truth = [golden(LEAK), golden(NOISE, 50, valid=False)]
    got = values(score(record(reviewed("1", [finding(NOISE, 50)], truth)), STRICT))
    assert (got["recall"], got["precision"], got["rejected"]) == (0, 0, 1)


def test_the_funnel_says_where_goldens_get_lost() -> None:
    findings = [
        finding(LEAK), finding(SQL, 30, dropped="anchored"), finding(RACE, 50, dropped="cap")
    ]  # fmt: skip
    truth = [golden(LEAK), golden(SQL, 30), golden(RACE, 50)]
    got = values(score(record(reviewed("1", findings, truth)), STRICT))
    assert got["generated"] == got["parsed"] == 1
    assert got["anchored"] == got["guard"] == got["threshold"] == pytest.approx(2 / 3)
    assert got["cap"] == got["recall"] == pytest.approx(1 / 3)


def test_places_answers_and_suggestions_are_counted_where_measured() -> None:
    findings = [
        finding(LEAK, on_diff=True, anchored=True, added=False,
                fix=Fix(applies=True, parses=True, passes=True)),
        finding(SQL, 30, on_diff=True, anchored=False, added=True,
                fix=Fix(applies=True, parses=False, passes=True)),
        finding(RACE, 50, on_diff=False, dropped="anchored", fix=Fix(applies=False)),
        finding(NOISE, 70),
    ]  # fmt: skip
    got = values(score(record(reviewed("1", findings, [], answers=4, valid=3, empty=1)), STRICT))
    expected = {"on_diff": 2 / 3, "quote": 1 / 2, "added": 1 / 2, "applies": 2 / 3,
                "parses": 1 / 3, "passes": 1 / 3, "valid": 3 / 4, "empty": 1 / 4}  # fmt: skip
    assert {key: got[key] for key in expected} == pytest.approx(expected)


def test_one_source_can_be_scored_alone() -> None:
    run = record(reviewed("1", [finding(LEAK), finding(SQL, 30, source="static")], [golden(LEAK)]))
    assert values(score(run, STRICT))["precision"] == 0.5
    assert values(score(run, STRICT, "model"))["precision"] == 1
    assert values(score(run, STRICT, "static"))["precision"] == 0


def many(good: float, number: int = 7) -> Record:
    """40 PRs of which a share is found, and each third has a wrong remark."""
    chance = random.Random(number)
    prs = []
    for n in range(40):
        findings = [finding(LEAK)] if chance.random() < good else []
        findings += [finding(NOISE, 90)] if n % 3 == 0 else []
        prs.append(reviewed(str(n), findings, [golden(LEAK)]))
    return record(*prs)


def test_intervals_are_the_same_each_time_and_hold_the_value() -> None:
    one, other = score(many(0.5), STRICT), score(many(0.5), STRICT)
    assert one == other
    for each in one.values:
        if each.value is not None:
            assert each.low is not None
            assert each.high is not None
            assert each.low <= each.value <= each.high
    recall = one.value("recall")
    assert recall.value is not None
    # 95 % of a share p of 40: p ± 1.96·sqrt(p(1-p)/40), the normal approximation
    half = 1.96 * (recall.value * (1 - recall.value) / 40) ** 0.5
    assert (recall.high or 0) - (recall.low or 0) == pytest.approx(2 * half, abs=0.04)


def test_quantiles_are_values_that_are_there() -> None:
    assert [quantile([1, 2, 3, 4], share) for share in (0, 0.5, 0.9, 1)] == [1, 2, 4, 4]
    assert quantile([], 0.5) == 0


def test_a_clear_difference_is_claimed_and_none_is_not() -> None:
    weak, strong = score(many(0.3), STRICT), score(many(0.9), STRICT)
    changes = {each.key: each for each in compare(weak, strong).changes}
    assert changes["recall"].claim == "higher"
    assert changes["recall"].low is not None
    assert changes["recall"].low > 0
    back = {each.key: each.claim for each in compare(strong, weak).changes}
    assert back["recall"] == "lower"
    same = compare(weak, weak)
    assert {each.claim for each in same.changes} == {"not shown"}
    assert all(each.delta in (0, None) for each in same.changes)


def test_an_interval_that_holds_nothing_claims_nothing() -> None:
    assert [claim(*each) for each in ((-1, 1), (0, 1), (-1, 0), (0.01, 1), (-1, -0.01))] == [
        "not shown", "not shown", "not shown", "higher", "lower",
    ]  # fmt: skip
    assert claim(None, None) == "not shown"


def test_pairs_are_compared_where_both_have_them() -> None:
    one = score(record(reviewed("1", [], []), reviewed("2", [], [])), STRICT)
    other = score(record(reviewed("2", [], []), reviewed("3", [], [])), STRICT)
    got = compare(one, other)
    assert (got.prs, got.left_out) == (1, 2)
    with pytest.raises(InputError, match="in common"):
        compare(one, score(record(reviewed("9", [], [])), STRICT))


def test_scores_of_other_rules_are_not_compared() -> None:
    run = many(0.5)
    with pytest.raises(InputError, match="differ"):
        compare(score(run, STRICT), score(run, Terms(STRICT.judge, Rule.SEMANTIC)))


def test_what_is_printed_says_how_it_was_made() -> None:
    scored = score(many(0.5), Terms(PROXY))
    drawn = " ".join(ET.fromstring(tables.picture(scored)).itertext())
    told = (tables.table(scored), tables.badge(scored), " ".join(drawn.split()),
            tables.compared(compare(scored, scored)))  # fmt: skip
    for text in told:
        for word in (PROXY.name, "strict", "fixtures 1234"):
            assert word in text
        assert "learned" in text
    assert "Ours alone." in told[0]
    assert told[1].count("\n") == 1
    columns = {line.count("|") for line in told[0].splitlines() if line.startswith("|")}
    assert columns == {4}


def test_the_picture_is_svg_that_nothing_can_break_out_of() -> None:
    run = msgspec.structs.replace(record().run, model="</text><script>alert(1)</script>")
    scored = score(Record(run, many(0.5).prs, (), ()), STRICT)
    root = ET.fromstring(tables.picture(scored))
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names == {"svg", "style", "text", "rect", "path"}
    bars = [each for each in root.iter() if each.get("class") == "figure"]
    recall = scored.value("recall").value
    assert recall is not None
    assert float(bars[1].get("width", "0")) == pytest.approx(420 * recall, abs=0.1)


def test_a_score_survives_being_written_and_nothing_else_does() -> None:
    scored = score(many(0.5), STRICT)
    whole = msgspec.json.encode(scored)
    assert parse(whole, "x") == scored
    short = whole.replace(b'"survived":[', b'"survived":[0,', 1)
    chance = random.Random(5)
    damaged = []
    for _ in range(50):
        at = chance.randrange(len(whole))
        damaged.append(whole[:at] + chance.randbytes(3) + whole[at + 2 :])
    refused = 0
    for data in (short, b"", b"[1]", *damaged):
        try:
            compare(scored, parse(data, "x"))
        except InputError:
            refused += 1
    assert refused > 40


def test_figures_have_one_name_each() -> None:
    keys = [each.key for each in (*METRICS, *FUNNEL)]
    assert len({*keys}) == len(keys)
