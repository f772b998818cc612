"""`reviewer bench run`: which cases, by whose answers, and what is said of those that fail."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from reviewer import plugins
from reviewer.bench import cases, fixtures, record, repos, suites
from reviewer.bench.cases import Case, Golden
from reviewer.bench.findings import every
from reviewer.bench.judge import Proxy
from reviewer.bench.match import Terms
from reviewer.bench.metrics import STAGES
from reviewer.bench.record import FORMAT, Record, Reviewed, Run, Seen
from reviewer.bench.run import Shared, remains
from reviewer.bench.score import tally
from reviewer.cli import main
from reviewer.diff import parse as parse_diff
from reviewer.engines.base import Capabilities, Completion, Health, Message, Prompt, Usage
from reviewer.errors import EngineDown, InputError
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    Finding,
    Judged,
    Severity,
    Span,
    Standing,
)
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.slow

ALONE = "ruff"


@pytest.fixture(autouse=True)
def _one_analyzer(monkeypatch: pytest.MonkeyPatch) -> None:
    """None but ruff: what the others find is tested elsewhere."""

    off = [name for name in plugins.discover("reviewer.analyzers") if name != ALONE]
    monkeypatch.setenv("REVIEWER_ANALYZERS_DISABLE", ",".join(off))


def suite(folder: Path, names: Sequence[str] = ("one", "two")) -> Path:
    """Cases in a file with their repository beside it, the last of them without its commits."""
    commits = [repos.Commit("main", {"a.py": b"import os\nprint(os.sep)\n"})]
    commits += [repos.Commit(name, {"a.py": b"import os\nprint(2)\n"}, "main") for name in names]
    made = repos.write(folder / "cases.git", commits)
    golden = Golden("The import of os is not used any more.", "a.py", 1, 1)
    known = [Case(name, "cases.git", made["main"], made[name], goldens=(golden,)) for name in names]
    known[-1] = msgspec.structs.replace(known[-1], head="f" * 40)
    file = folder / "cases.jsonl"
    file.write_bytes(cases.render("mine", "1", "", tuple(known)))
    return file


def test_a_case_that_fails_is_named_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # In a checkout, where a bare repository is found by nobody who looks for work trees.
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text("ref: refs/heads/main\n")
    out = tmp_path / "out"
    file = suite(tmp_path)
    assert main(["bench", "run", "--suite", str(file), "--output", str(out)]) == 0
    told = capsys.readouterr().out
    assert "- two: there is no commit 'ffffffff" in told
    assert "2 PRs (1 not reviewed whole)" in told
    one, two = record.load(out / "record.jsonl").prs
    assert (one.failure, two.failure[:18], len(two.goldens)) == ("", "there is no commit", 1)
    assert [(each.rule, each.start, each.on_diff) for each in one.findings] == [
        ("ruff/F401", 1, True)
    ]
    assert sorted(each.name for each in out.iterdir()) == [
        "badge.txt", "chart.svg", "record.jsonl", "score.json", "table.md",
    ]  # fmt: skip
    values = json.loads((out / "score.json").read_text())["values"]
    assert {each["key"]: each["value"] for each in values}["recall"] in (0.0, 0.5)


def test_a_run_of_which_nothing_came_has_its_own_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = suite(tmp_path, ["one"])
    assert main(["bench", "run", "--suite", str(file)]) == 3
    assert "no case was reviewed whole: there is no commit" in capsys.readouterr().err


def test_progress_is_one_plain_line_a_case_in_ci(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    assert main(["bench", "run", "--suite", str(suite(tmp_path))]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "reviewer: waiting for the model",
        "reviewer: case 1 of 2: one",
        "reviewer: case 2 of 2: two",
    ]


def test_a_server_that_is_not_there_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeEngine() as engine:
        url = engine.url
    assert main(["bench", "run", "--suite", str(suite(tmp_path)), "--url", url]) == 3
    assert "the model is not well" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"data": "others 1"}, "the record is of other cases: others 1"),
        ({"prompts": {"review": "0" * 64}}, "the record is of other prompts: review"),
    ],
)
def test_a_record_of_something_else_is_not_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], complaint: str
) -> None:
    file = str(suite(tmp_path))
    kept = tmp_path / "kept.jsonl"
    with FakeEngine(script=lambda _: '{"findings": []}') as engine:
        words = ["--url", engine.url, "--record", str(kept), "--samples", "2"]
        assert main(["bench", "run", "--suite", file, *words]) == 0
    done = record.load(kept)
    assert (done.run.settings["samples"], len(done.answers)) == ("2", 2)
    assert done.run.model == "good-coder"
    assert main(["bench", "run", "--suite", file, "--replay", str(kept)]) == 0
    same = ["--replay", str(kept), "--record", str(kept)]
    assert main(["bench", "run", "--suite", file, *same]) == 2
    kept.write_bytes(record.render(msgspec.structs.replace(done.run, **change), done.answers))
    capsys.readouterr()
    assert main(["bench", "run", "--suite", file, "--replay", str(kept)]) == 2
    assert complaint in capsys.readouterr().err


def test_a_replay_takes_over_what_the_questions_depend_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, kept, again = str(suite(tmp_path)), tmp_path / "kept.jsonl", tmp_path / "again.jsonl"
    with FakeEngine(script=lambda _: '{"findings": []}') as engine:
        words = ["--url", engine.url, "--record", str(kept), "--reach", "diff", "--verify"]
        assert main(["bench", "run", "--suite", file, *words]) == 0
    monkeypatch.delenv("REVIEWER_ANALYZERS_DISABLE")
    words = ["--replay", str(kept), "--record", str(again)]
    assert main(["bench", "run", "--suite", file, *words]) == 0
    before, after = record.load(kept), record.load(again)
    assert before.run.settings["analyzers.bandit"] == "off"
    assert after.run.settings == before.run.settings
    assert [each.findings for each in after.prs] == [each.findings for each in before.prs]
    assert [each.failure for each in after.prs] == [each.failure for each in before.prs]


def test_other_prompts_can_be_tried(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "review.txt.j2").write_text("Look.\n=== user ===\n{{ change }}\n")
    with FakeEngine(script=lambda _: '{"findings": []}') as engine:
        words = ["--url", engine.url, "--prompts", str(folder)]
        assert main(["bench", "run", "--suite", str(suite(tmp_path)), *words]) == 0
        asked = engine.chats()[-1].body["messages"]
    assert asked[0]["content"] == "Look."


@pytest.mark.parametrize(
    "words", [["--limit", "0"], ["--tau", "2"], ["--suite", "fixtures:none"], ["--samples", "x"]]
)
def test_what_is_wrong_ends_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["bench", "run", "--suite", str(suite(tmp_path)), *words]) == 2
    assert capsys.readouterr().err.startswith("reviewer: ")


def test_cases_are_chosen_by_chance_in_their_order(tmp_path: Path) -> None:
    shelf = suites.opened(str(suite(tmp_path, [f"n{n:02}" for n in range(30)])))
    names = [case.pr for case in shelf.chosen(10, 1)]
    assert names == sorted(names)
    assert names == [case.pr for case in shelf.chosen(10, 1)]
    assert names != [case.pr for case in shelf.chosen(10, 2)]
    assert shelf.chosen(99) == shelf.chosen(None) == shelf.suite.cases


def test_suites_have_names(tmp_path: Path) -> None:
    source = Path(__file__).parents[1] / "bench/fixtures"
    shutil.copytree(source / "tail-of-zero-lines", tmp_path / "cases/tail")
    shelf = suites.opened(f"fixtures:{tmp_path / 'cases'}")
    (case,) = shelf.chosen(None)
    placed = shelf.placed(case, tmp_path / "made.git")
    assert (placed.pr, placed.repo) == ("tail", str(tmp_path / "made.git"))
    assert shelf.suite == fixtures.suite(fixtures.load(tmp_path / "cases"))
    suite(tmp_path)
    seeded = suites.opened(f"seed:{tmp_path}")
    (one, _) = seeded.chosen(None)
    assert seeded.placed(one, tmp_path / "unused").repo == str(tmp_path / "cases.git")
    with pytest.raises(InputError, match="names no repository"):
        seeded.placed(Case("x", diff="x.diff"), tmp_path / "unused")


REMARK = {
    "path": "a.py", "line": 3, "end_line": 3, "quote": "x", "category": "bug",
    "severity": "error", "problem": "It {breaks}.",
}  # fmt: skip


def test_what_is_left_of_an_answer_that_is_none() -> None:
    text = json.dumps({"findings": [REMARK, {**REMARK, "line": "three"}, {"problem": 5}]})
    found = remains(text[:-10])
    assert [(each.text, each.path, each.start, each.dropped) for each in found] == [
        ("It {breaks}.", "a.py", 3, "parsed"),
        ("It {breaks}.", "a.py", 0, "parsed"),
    ]
    assert remains("{" * 5000) == []
    assert len(remains(json.dumps([REMARK] * 500))) <= 100


class Telling:
    """An engine that answers what it is told to."""

    name = "telling"
    patience = 1.0

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.looked = 0

    def health(self, deadline: float) -> Health:
        self.looked += 1
        return Health(ok=True, model="m", capabilities=Capabilities(context=self.looked))

    def complete(self, prompt: Prompt, schema: object = None) -> Completion:
        if not self.texts:
            raise EngineDown("gone")
        return Completion(self.texts.pop(0), "stop", Usage(), "telling", 0.0)

    def count(self, text: str, deadline: float) -> int | None:
        return len(text)

    def close(self) -> None:
        raise AssertionError("it is not ours to close")


ASKED = Prompt((Message("user", "?"),), 10, 0.0, task="review")
MENDING = replace(ASKED, messages=(*ASKED.messages, Message("assistant", "?")))


def test_answers_are_counted_and_the_engine_is_kept() -> None:
    full = json.dumps({"findings": [REMARK]})
    wrong = json.dumps({"findings": [{**REMARK, "more": 1}]})
    engine = Telling('{"findings": []}', full, wrong, wrong, "prose")
    shared = Shared(engine)
    for prompt in (ASKED, ASKED, ASKED, MENDING, replace(ASKED, task="verify")):
        shared.complete(prompt)
    counts = shared.counts
    assert (counts.answers, counts.valid, counts.empty, len(counts.lost)) == (3, 2, 1, 1)
    assert [shared.health(0).capabilities.context for _ in range(2)] == [1, 1]
    with pytest.raises(EngineDown):
        shared.complete(ASKED)
    assert shared.health(0).capabilities.context == 2
    assert (shared.count("four", 0), shared.patience) == (4, 1.0)
    shared.close()


def test_a_failed_case_is_not_silent() -> None:
    terms, proxy = Terms(Proxy.shipped()), Proxy.shipped()
    silent = tally(Reviewed("1"), terms, proxy)
    failed = tally(Reviewed("1", failure="model: gone"), terms, proxy)
    assert (silent.silent, silent.silent_of) == (1, 1)
    assert (failed.silent, failed.silent_of) == (0, 1)


PATCH = b"--- a/a.py\n+++ b/a.py\n@@ -1,1 +1,2 @@\n one\n+two\n"


def test_what_another_tool_speaks_for_still_stands() -> None:
    text = "The shell gets what the user typed."
    mine = Finding(
        "model", "security", text, Span("a.py", 2, 2), Severity.ERROR, Confidence.MEDIUM,
        Category.SECURITY,
    )  # fmt: skip
    other = replace(mine, tool="bandit", rule="B602", message="shell=True")
    merged = Judged(mine, Standing.MERGED, "bandit/B602 says it already")
    changes = ChangeSet("b", "h", parse_diff(PATCH))
    for standing, speaker in ((Standing.INLINE, "bandit/B602"), (Standing.CAPPED, "")):
        judged = (merged, Judged(other, standing, ""))
        told = tuple(every(judged, changes, lambda _: ["one", "two"]))
        assert (told[0].spoken, told[0].dropped) == (speaker, "dedupe")
        pr = Reviewed("1", (Golden(text, "a.py", 2, 2),), told)
        proxy = Proxy.shipped()
        survived = tally(pr, Terms(proxy), proxy).survived
        assert survived[STAGES.index("cap")] == bool(speaker)


def test_a_repetition_is_dropped_as_one() -> None:
    finding = Finding(
        "model", "bug", "x", Span("a.py", 2, 2), Severity.ERROR, Confidence.MEDIUM,
        Category.CORRECTNESS,
    )  # fmt: skip
    changes = ChangeSet("b", "h", parse_diff(PATCH))
    notes = ("claim: repeats another finding", "claim: repeats an order that is no claim")
    judged = [Judged(finding, Standing.UNPROVEN, note) for note in notes]
    told = every(judged, changes, lambda _: ["one", "two"])
    assert [each.dropped for each in told] == ["dedupe", "guard"]


def test_a_record_with_failures_is_read_back() -> None:
    lost = Seen("x", dropped="parsed")
    written = Reviewed("1", findings=(lost,), failure="model: gone")
    data = record.render(Run(FORMAT, "0", "d"), [written])
    assert record.parse(data, "x") == Record(Run(FORMAT, "0", "d"), (written,), (), ())
