"""Models that know the truth, each through the real `reviewer bench run` over real HTTP.

What they find is known, so that what is lost or let through on the way is ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from reviewer.bench import fixtures, record
from reviewer.bench.cases import Golden
from reviewer.bench.judge import Proxy
from reviewer.bench.match import Terms
from reviewer.bench.metrics import STAGES
from reviewer.bench.record import Record, Seen
from reviewer.bench.score import Score, score
from reviewer.cli import main
from tests.fakes.engine import FakeEngine, at_once
from tests.support import doubles
from tests.support.doubles import Question, Script, Truth

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parents[1] / "bench" / "fixtures"
ALL = tuple(sorted(place.parent.name for place in FIXTURES.glob("*/case.yaml")))
FEW = ("tail-of-zero-lines", "clean-read-until-empty")
UNTOUCHED = 2
"""Goldens on a line that the change makes wrong without touching it: no comment goes there."""

few = pytest.mark.parametrize("names", [pytest.param(FEW, id="few")])
every = pytest.mark.parametrize("names", [pytest.param(ALL, id="all")])


@dataclass(frozen=True)
class Bench:
    """Runs doubles; `goldens` are those of the chosen cases."""

    place: Path
    suite: str
    goldens: tuple[Golden, ...]

    @property
    def truth(self) -> Truth:
        return Truth(self.goldens)

    def run(self, script: Script, *words: str) -> Record:
        """What came of a run by a model of this script."""
        with FakeEngine(script=script) as engine:
            return self.by("--url", engine.url, *words)

    def by(self, *words: str) -> Record:
        number = len(list(self.place.glob("*.jsonl")))
        file = str(self.place / f"{number}.jsonl")
        assert main(["bench", "run", "--suite", self.suite, "--record", file, *words]) == 0
        return record.load(Path(file))


@pytest.fixture
def bench(
    names: Sequence[str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    """All caps are raised, so that what a cap hides is not taken for what is lost. The analyzers
    that take time run where edits are proven.
    """
    folder = tmp_path / "cases"
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(FIXTURES / name)
    for name in ("MODEL_INLINE", "COMMENTS_INLINE"):
        monkeypatch.setenv(f"REVIEWER_{name}", "100")
    monkeypatch.setenv("REVIEWER_MODEL_FINDINGS", "20")
    if "edit" not in request.node.name:
        off = "bandit,docs,duplication,globals,secrets"
        monkeypatch.setenv("REVIEWER_ANALYZERS_DISABLE", off)
    read = fixtures.load(folder)
    goldens = tuple(golden for each in read for golden in each.case.goldens)
    return Bench(tmp_path, f"fixtures:{folder}", goldens)


def of_model(done: Record) -> list[Seen]:
    return [each for pr in done.prs for each in pr.findings if each.source == "model"]


def scored(done: Record) -> Score:
    return score(done, Terms(Proxy.shipped()), "model")


def value(scored: Score, key: str) -> float:
    found = scored.value(key).value
    assert found is not None
    return found


def unfiltered(done: Record) -> Record:
    """As if all that was generated had been posted."""
    prs = (
        msgspec.structs.replace(
            pr,
            findings=tuple(msgspec.structs.replace(each, dropped="") for each in pr.findings),
        )
        for pr in done.prs
    )
    return Record(done.run, tuple(prs), (), ())


def told(done: Record) -> list[bytes]:
    """The findings of each case, to the byte."""
    return [msgspec.json.encode(pr.findings) for pr in done.prs]


@every
def test_nothing_that_is_right_gets_lost(bench: Bench) -> None:
    done = bench.run(bench.truth.perfect)
    result = scored(done)
    for stage in STAGES[: STAGES.index("anchored")]:
        assert value(result, stage) == 1.0
    assert value(result, "cap") >= 0.95
    assert value(result, "precision") == 1.0
    assert value(result, "on_diff") == 1.0
    assert value(result, "silence") == 1.0
    assert value(result, "valid") == 1.0
    lost = [each for each in of_model(done) if each.dropped and not each.spoken]
    assert len(lost) <= UNTOUCHED, lost
    assert {each.reason for each in lost} <= {"the change did not touch these lines"}
    assert not any(pr.failure for pr in done.prs)


@every
def test_a_good_edit_is_proven(bench: Bench) -> None:
    done = bench.run(bench.truth.perfect)
    wanted = sum(golden.suggestion is not None for golden in bench.goldens)
    fixes = [each.fix for each in of_model(done) if each.fix is not None]
    refused = [(each.path, each.fix.refused) for each in of_model(done)
               if each.fix is not None and not each.fix.passes]  # fmt: skip
    assert (len(fixes), refused) == (wanted, [])


@few
def test_a_recording_gives_the_same_findings_to_the_byte(bench: Bench) -> None:
    script = doubles.flaky(bench.truth)
    words = ("--samples", "3", "--votes", "2", "--verify")
    first = bench.run(script, *words)
    file = str(bench.place / "0.jsonl")
    again = bench.by("--replay", file)
    assert told(again) == told(first)
    assert any(pr.findings for pr in first.prs)
    assert {each.task for each in first.answers} == {"review", "verify"}
    assert not any(pr.failure for pr in (*first.prs, *again.prs))
    assert again.run == msgspec.structs.replace(first.run, patience=again.run.patience)
    assert sorted(each.key for each in again.answers) == sorted(e.key for e in first.answers)


@every
def test_a_quote_that_drifted_is_put_right_or_refused(bench: Bench) -> None:
    offsets = [by for by in range(-20, 21) if by]

    def tell(question: Question) -> list[doubles.Remark]:
        found = bench.truth.of(question)
        return [doubles.drifted(golden, by) for golden in found for by in offsets]

    script = bench.truth.telling(tell)
    done = bench.run(lambda body: at_once(script(body)))
    right = {(each.path, each.start, each.end) for each in bench.goldens}
    found = of_model(done)
    assert len(found) == len(offsets) * len(bench.goldens)
    placed = [each for each in found if "places, none the named" not in each.reason]
    there = [each for each in placed if (each.path, each.start, each.end) in right]
    assert len(there) >= 0.98 * len(placed)
    assert len(placed) >= 0.9 * len(found)
    elsewhere = [each for each in placed if each not in there]
    assert all(each.dropped == "anchored" for each in elsewhere), elsewhere


@every
def test_rejected_remarks_are_kept_out(bench: Bench) -> None:
    def tell(question: Question) -> list[doubles.Remark]:
        good = [doubles.remark(each) for each in bench.truth.of(question)]
        return good + doubles.rejected(question) * bool(good)

    done = bench.run(bench.truth.telling(tell))
    before, after = scored(unfiltered(done)), scored(done)
    assert value(before, "precision") < 0.4
    assert value(after, "precision") >= 2 * value(before, "precision")
    assert value(after, "cap") >= value(before, "cap") - 0.1


NOISE = re.compile("|".join(each.replace("{}", r"\w+") for each in doubles.SPECULATION))


def is_noise(finding: Seen) -> bool:
    return NOISE.fullmatch(finding.text) is not None


@every
def test_votes_keep_what_is_seen_again(bench: Bench) -> None:
    done = bench.run(doubles.flaky(bench.truth), "--samples", "3", "--votes", "2")
    found = of_model(done)
    believed = [each for each in found if each.dropped != "vote"]
    kept = [
        golden
        for golden in bench.goldens
        if any(doubles.shares(golden.text, each.text) for each in believed)
    ]
    assert len(kept) >= 0.95 * len(bench.goldens)
    told = [each for each in found if is_noise(each)]
    dropped = [each for each in told if each.dropped == "vote"]
    assert len(dropped) >= 0.9 * len(told) > 0


@every
def test_a_second_look_keeps_what_it_calls_true(bench: Bench) -> None:
    def tell(question: Question) -> list[doubles.Remark]:
        good = [doubles.remark(each) for each in bench.truth.of(question)]
        return good + doubles.noise(question, 0) + doubles.noise(question, 1)

    script = bench.truth.telling(tell)
    without, verified = (scored(bench.run(script, *words)) for words in ((), ("--verify",)))
    assert value(verified, "precision") == 1.0
    assert value(without, "precision") < 0.5
    assert value(verified, "verify") >= value(without, "verify") - 0.05
