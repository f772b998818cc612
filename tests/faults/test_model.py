"""What goes wrong with the model, through whole reviews by the command.

Whatever it is, the static review is whole, its reader learns why no model or only half of one took
part, nothing of the prompt is left anywhere, and neither is a process or a lock.
"""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from reviewer import opinion
from reviewer.model import Mode, Report
from tests.fakes import engine as fake
from tests.fakes.engine import RIGHT, FakeEngine
from tests.support.gitrepo import git
from tests.support.modelled import (
    Question,
    answer,
    asked_about,
    left_out,
    of_others,
    questions,
    run_of,
    scripted,
)
from tests.support.reviewing import checkout, only
from tests.support.workflows import BASE, BIDI, Job, job, until

pytest.importorskip("tests.support.serving", exc_type=ImportError)
from tests.support import models
from tests.support.carded import Desk, Ended, carded, flat, processes

pytestmark = pytest.mark.slow

CANARY: Final = "ostrich_fleet_4711"
"""Stands in the code that the model is shown, and in no finding."""

PROMPT: Final = "You review one change of a program"
KEY: Final = "engine-key-0123456789abcdef"

QUOTE: Final = "    return sum(values) / len(values)"
FAULTY: Final = f"\n\ndef mean(values):\n{QUOTE}\n"
WRONG: Final = {f"src/{name}.py": f"{CANARY} = '{name}'{FAULTY}".encode() for name in "abcdef"}
RISKY: Final = b"import subprocess\n\n\ndef login(token):\n    subprocess.run(token, shell=True)\n"
FILES: Final = {**WRONG, "src/login.py": RISKY, "src/z.py": BIDI}
"""A change with one finding of an analyzer, and six that the model is to make."""


def remark(path: str) -> str:
    """The answer about a file: the one thing that is wrong there."""
    told = {
        "path": path, "quote": QUOTE, "line": 5, "end_line": 5, "category": "bug",
        "severity": "warning", "problem": "An empty list is divided by zero.",
        "scenario": "mean([]) raises ZeroDivisionError.", "replacement": None,
    }  # fmt: skip
    return answer(told)


def finds(question: Question) -> str:
    return remark(question.path) if question.path in WRONG else answer()


WORKER: Final[dict[str, Any]] = {
    "text": RIGHT, "step": 16, "context": 16384, "cache_tokens": 65536,
    "answers": {**{f'"{name}"': remark(name) for name in WRONG}, '"findings"': answer()},
}  # fmt: skip
ONE: Final = {"REVIEWER_MODEL_WORKERS": "1"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path, carded(tmp_path / "bare"), WORKER, (CANARY, PROMPT, KEY))
    (tmp_path / "tmp").mkdir()
    models.model(made.model, max_position_embeddings=16384)
    checkout(tmp_path / "checkout", {"src/a.py": b"x = 1\n"}, FILES)
    return made


def url(engine: FakeEngine) -> dict[str, str]:
    return {"REVIEWER_ENGINE_URL": engine.url, "REVIEWER_ENGINE_KEY": KEY}


def server(reply: Callable[[Question], str | fake.Fault] = finds, **changes: Any) -> FakeEngine:
    return FakeEngine(script=scripted(reply), context=16384, key=KEY, **changes)


def whole(ended: Ended) -> Report:
    """The report, in which the analyzer's finding stands and decides."""
    assert ended.code == 1
    assert [item.finding.rule for item in of_others(ended.report)] == ["bidi"]
    return ended.report


# Not fit


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a card")
@pytest.mark.parametrize(("mode", "code"), [("auto", 1), ("required", 5)])
def test_without_a_card(mode: str, code: int, desk: Desk) -> None:
    desk.python = Path(sys.executable)
    ended = desk.review(**desk.card(), REVIEWER_ENGINE_MODE=mode)
    desk.sound(ended, Mode.STATIC, "no-gpu: there is no NVIDIA graphics card in sight")
    assert ended.code == code
    assert len(of_others(ended.report)) == 1
    assert run_of(ended.report).seconds < 1
    assert "--gpus all" in flat(ended.page), "and what to do"


def same(model: Path) -> None:
    """The model stays as it is."""


def flip(model: Path) -> None:
    data = bytearray((model / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (model / "model.safetensors").write_bytes(data)


def truncate(model: Path) -> None:
    os.truncate(model / "model.safetensors", 100)


def pickle(model: Path) -> None:
    (model / "adapter_model.bin").write_bytes(b"x")


UNFIT: Final[dict[str, tuple[dict[str, Any], Callable[[Path], Any], str, int]]] = {
    "no memory": ({"mode": "load-oom"}, same, "no room for the weights", 4),
    "refuses": ({"mode": "load-refused"}, same, "flash-attn is not here", 1),
    "dies": ({"mode": "load-crash"}, same, "ended with status -11", 4),
    "never loaded": ({"load_seconds": 60}, same, "did not load its model within 3 s", 1),
    "knows nothing": ({"text": '{"line": 5, "problem": "x"}'}, same, "names line 5", 1),
    "no weights": ({}, lambda model: model.rename(f"{model}2"), "there are no weights in /", 0),
    "flipped": ({}, flip, "is not the file that was locked: its SHA-256 is another", 0),
    "truncated": ({}, truncate, "has 100 bytes instead of", 0),
    "pickle": ({}, pickle, "may run code when it is opened", 0),
}


@pytest.mark.parametrize("name", UNFIT)
def test_an_engine_that_is_not_fit_leaves_the_static_review(name: str, desk: Desk) -> None:
    behaviour, damage, reason, starts = UNFIT[name]
    damage(desk.model)
    seconds = "3" if name == "never loaded" else "30"
    ended = desk.review(**desk.card(**behaviour), REVIEWER_ENGINE_LOAD_SECONDS=seconds)
    report = whole(desk.sound(ended, Mode.STATIC, reason))
    assert len(desk.starts) == starts
    assert any(reason in each for each in report.verdict.reasons)
    assert not ended.found
    if damage in (flip, truncate):
        assert "fetch it again" in flat(ended.page), "and what to do"


def test_an_analyzer_that_is_missing_beside_a_model_that_is_well(desk: Desk) -> None:
    with server() as engine:
        ended = desk.review(**url(engine), **only("hidden", "ruff"))
    whole(desk.sound(ended, Mode.FULL))
    for sink in (ended.page, ended.out):
        assert "ruff skipped: ruff is not installed" in flat(sink)
    assert ended.found == sorted(WRONG)


# In the middle


def test_without_room_it_is_tried_with_less(desk: Desk) -> None:
    ended = desk.review(**desk.card(mode="load-oom", spent=str(desk.place / "spent")))
    whole(desk.sound(ended, Mode.FULL))
    assert desk.starts == [65536, 32768]


@pytest.mark.parametrize("mode", ["crash", "hang"])
def test_a_worker_that_goes_away_once_costs_time_and_no_answer(mode: str, desk: Desk) -> None:
    ended = desk.review(**desk.card(mode=mode, well=3, spent=str(desk.place / "spent")))
    whole(desk.sound(ended, Mode.FULL))
    assert len(desk.starts) == 2
    assert ended.found == sorted(WRONG)


def poisoned(desk: Desk, *names: str) -> int:
    """Put a sign in these files that the tokenizer has a token of its own for: its number."""
    for name in names:
        path = desk.place / "checkout" / name
        path.write_bytes(path.read_bytes() + b"bad = 'bad ~ one'\n")
    git(desk.place / "checkout", "commit", "-q", "-a", "-m", "poison")
    tokens = json.loads((models.TOKENIZERS / "chatml" / "tokenizer.json").read_text())
    return int(tokens["model"]["vocab"]["~"])


def test_a_question_that_kills_the_worker_costs_itself(desk: Desk) -> None:
    poison = poisoned(desk, "src/c.py")
    ended = desk.review(**desk.card(mode="crash", poison=poison), **ONE)
    report = whole(desk.sound(ended, Mode.PARTIAL, "not asked about 1 place of the change"))
    assert set(left_out(report)) == {"src/c.py"}
    assert ended.found == sorted(set(WRONG) - {"src/c.py"})


def test_a_worker_that_goes_away_each_time_costs_the_rest(desk: Desk) -> None:
    poison = poisoned(desk, *WRONG)
    ended = desk.review(**desk.card(mode="crash", poison=poison), **ONE)
    report = whole(desk.sound(ended, Mode.PARTIAL, "the engine"))
    assert set(left_out(report)) >= set(WRONG)
    assert len(desk.starts) <= 8


def test_memory_that_runs_out_in_the_middle_costs_the_rest(desk: Desk) -> None:
    ended = desk.review(**desk.card(mode="oom", well=3), **ONE)
    report = whole(desk.sound(ended, Mode.PARTIAL, "out_of_memory"))
    assert report.model
    assert (report.model.units, report.model.missed) == (len(FILES), len(FILES) - 2)
    assert len(desk.starts) == 1


def test_a_server_that_is_killed_is_started_once_more(desk: Desk) -> None:
    with desk.started(**desk.card(token_seconds=0.05)) as running:
        until(lambda: desk.calls > 1)
        (state,) = desk.engine.glob("*.json")
        os.kill(json.loads(state.read_text())["pid"], signal.SIGKILL)
        ended = running.ended()
    whole(desk.sound(ended, Mode.FULL))
    assert len(desk.starts) == 2
    assert ended.found == sorted(WRONG)


def test_a_slow_engine_is_asked_about_the_riskiest_first(desk: Desk) -> None:
    with server(lambda _: answer(), delay=0.08) as engine:
        ended = desk.review(**url(engine), **ONE, REVIEWER_MODEL_SECONDS="2")
        asked = [each.path for each in asked_about(engine)]
    report = whole(desk.sound(ended, Mode.PARTIAL, "model.seconds were over"))
    assert asked[0] == "src/login.py"
    missed = set(left_out(report))
    assert missed >= set(FILES) - set(asked)
    assert missed
    assert any(path in flat(ended.page) for path in missed)
    assert sum(seconds for _, seconds in report.model.effort.seconds) < 4  # type: ignore[union-attr]


# Two reviews and one card


def other(desk: Desk) -> dict[str, str]:
    """The settings of a review by another model."""
    if not (desk.place / "other").exists():
        models.model(desk.place / "other", max_position_embeddings=16384)
    return {"REVIEWER_ENGINE_MODEL_DIR": str(desk.place / "other")}


def elsewhere(desk: Desk) -> dict[str, str]:
    """A place for the temporary files of a review that is killed: they stay."""
    (desk.place / "stays").mkdir()
    return {"TMPDIR": str(desk.place / "stays")}


def test_two_reviews_at_once_by_one_model(desk: Desk) -> None:
    settings = desk.card(token_seconds=0.02) | {"REVIEWER_MODEL_CACHE": "false"}
    with desk.started(**settings) as one, desk.started(**settings) as two:
        both = [one.ended(), two.ended()]
    for ended in both:
        whole(desk.sound(ended, Mode.FULL))
        assert ended.found == sorted(WRONG)
    assert len(desk.starts) <= 2, "one is the guest of the other, at least for as long as that runs"


def test_a_card_is_waited_for_and_free_when_its_holder_is_killed(desk: Desk) -> None:
    with desk.started(**desk.card(load_seconds=60), **elsewhere(desk)) as holder:
        until(lambda: len(desk.starts) == 1)
        short = {**desk.card(), **other(desk), "REVIEWER_ENGINE_QUEUE_SECONDS": "0.5"}
        late = desk.review(**short)
        assert late.report.mode is Mode.STATIC
        assert "other reviews use the graphics card for longer than 0.5 s" in flat(late.page)
        assert "engine.queue-seconds" in flat(late.out)
        assert whole(late)
        with desk.started(**desk.card(), REVIEWER_MODEL_CACHE="false") as waiting:
            until(lambda: len(list(desk.engine.glob("*.ticket"))) == 2)
            holder.killed()
            ended = waiting.ended()
    whole(desk.sound(ended, Mode.FULL))
    assert len(desk.starts) == 2


def test_what_a_killed_review_left_is_no_server(desk: Desk) -> None:
    with desk.started(**desk.card(token_seconds=0.3), **elsewhere(desk)) as running:
        until(lambda: desk.calls > 1)
        running.killed()
    until(lambda: not processes(desk.place))
    assert list(desk.engine.glob("*.ticket"))
    desk.sound(desk.review(**desk.card()), Mode.FULL)


# Cancelled


CANCELLED: Final[dict[str, tuple[dict[str, Any], Callable[[Desk], bool], int]]] = {
    "while it waits for the card": ({}, lambda d: len([*d.engine.glob("*.ticket")]) == 2, 15),
    "while it loads": ({"load_seconds": 60}, lambda d: len(d.starts) == 1, 2),
    "while it answers": ({"token_seconds": 0.3}, lambda d: d.calls > 1, 15),
    "while it hangs": ({"mode": "hang", "well": 1}, lambda d: d.calls > 1, 2),
}


@pytest.mark.parametrize("when", CANCELLED)
def test_cancelled(when: str, desk: Desk) -> None:
    behaviour, begun, number = CANCELLED[when]
    if "card" in when:
        with desk.started(**{**desk.card(load_seconds=60), **other(desk)}) as holder:
            until(lambda: len(desk.starts) == 1)
            with desk.started(**desk.card(**behaviour)) as running:
                until(lambda: begun(desk))
                running.cancelled(number)
            desk.clean(holder.cancelled(signal.SIGINT))
        return
    with desk.started(**desk.card(**behaviour)) as running:
        until(lambda: begun(desk))
        desk.clean(running.cancelled(number))


SILENT: Final = {
    "silent": fake.silent,
    "busy": fake.refuses(503, "server_error", Retry_After="100"),
    "drips": fake.dripping,
}


@pytest.mark.parametrize("name", SILENT)
def test_cancelled_while_a_server_elsewhere_is_asked(name: str, desk: Desk) -> None:
    with server(lambda _: SILENT[name]) as engine, desk.started(**url(engine)) as running:
        until(lambda: bool(questions(engine)))
        desk.clean(running.cancelled(signal.SIGINT))


def test_on_a_terminal_it_says_what_it_waits_for_and_ends_by_control_c(desk: Desk) -> None:
    ours, theirs = pty.openpty()
    with server(lambda _: fake.silent) as engine:
        given = desk.command("review", **url(engine), CI="", TERM="xterm")
        with subprocess.Popen(
            **given, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        ) as child:  # fmt: skip
            os.close(theirs)
            shown = ""
            while "the model: through with 0 of 8 places" not in shown:
                shown += os.read(ours, 4096).decode("utf-8", "replace")
            os.write(ours, b"\x03")
            began = time.monotonic()
            assert child.wait(20) == 130
            assert time.monotonic() - began < 5
    os.close(ours)


# The audit log


def broken(desk: Desk) -> None:
    """Leave a log in which a record was changed."""
    with server() as engine:
        desk.review(**url(engine), REVIEWER_MODEL_CACHE="false")
    (log,) = (desk.data / "audit").glob("*.jsonl")
    log.write_text(log.read_text().replace('"outcome":"stop"', '"outcome":"stp"', 1))


@pytest.mark.parametrize("audit", ["required", "best-effort"])
def test_a_log_that_was_tampered_with(audit: str, desk: Desk) -> None:
    broken(desk)
    with server() as engine:
        ended = desk.review(**url(engine), REVIEWER_MODEL_AUDIT=audit)
        asked = len(questions(engine))
    if audit == "best-effort":
        whole(desk.sound(ended, Mode.FULL))
        assert "the audit log is broken" in ended.err
        assert ended.found == sorted(WRONG)
        return
    desk.sound(ended, Mode.STATIC, "the audit log is broken")
    assert (ended.code, asked, len(engine.chats())) == (4, 0, 0)
    assert [item.finding.rule for item in of_others(ended.report)] == ["bidi"]


# The one or the other


def named(ended: Ended) -> str:
    """The model that readers are told of."""
    model = ended.report.model
    assert model
    for sink in (ended.page, ended.out):
        assert opinion.name(model) in flat(sink)
    return model.model


def test_by_the_card_when_the_server_is_down(desk: Desk) -> None:
    ended = desk.review(**desk.card(), REVIEWER_ENGINE_URL="http://127.0.0.1:9")
    whole(desk.sound(ended, Mode.FULL))
    assert named(ended) == "m"
    assert ended.found == sorted(WRONG)


def test_by_the_server_when_it_comes_first(desk: Desk) -> None:
    with server() as engine:
        ended = desk.review(**desk.card(), **url(engine))
    whole(desk.sound(ended, Mode.FULL))
    assert named(ended) == "good-coder"
    assert desk.starts == []


def test_by_the_card_when_the_server_goes_away(desk: Desk) -> None:
    def review(question: Question) -> str | fake.Fault:
        return finds(question) if len(questions(engine)) < 3 else fake.dies

    with server(review) as engine:
        ended = desk.review(**desk.card(), **url(engine), **ONE)
    whole(desk.sound(ended, Mode.FULL, "it went away, and reviewer:m answered"))
    assert named(ended) == "good-coder"
    assert ended.found == sorted(WRONG)
    assert len(desk.starts) == 1


def test_both_down_is_two_reasons(desk: Desk) -> None:
    settings = desk.card(mode="load-refused") | {"REVIEWER_ENGINE_URL": "http://127.0.0.1:9"}
    ended = desk.review(**settings)
    whole(desk.sound(ended, Mode.STATIC, "nothing answers at 127.0.0.1:9; the engine did not"))


# By the action


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Job]:
    with job(tmp_path, BASE, {**FILES, "src/a.py": WRONG["src/a.py"]}) as found:
        yield found


def inputs(made: Job, **more: str) -> dict[str, str]:
    given = {f"INPUT_{name.upper().replace('_', '-')}": told for name, told in more.items()}
    data = {"REVIEWER_DATA_DIR": str(made.place / "data"), "INPUT_ENGINE-KEY": KEY}
    return {**made.event(), **data, **given}


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a card")
def test_the_action_without_a_card(made: Job) -> None:
    models.model(made.place / "m")
    done = made.run(**inputs(made, engine_model_dir=str(made.place / "m")))
    assert (done.code, done.outputs["mode"]) == (1, "static")
    assert "no-gpu: there is no NVIDIA graphics card" in flat(done.summary)
    assert "no-gpu: there is no NVIDIA graphics card" in flat(done.out)
    assert len(made.hub.review_comments) == 1
    until(lambda: not processes(made.place))


def test_the_action_is_cancelled_while_a_model_loads(made: Job) -> None:
    made.python = carded(made.place / "bare")
    models.model(made.place / "m")
    told = {**WORKER, "load_seconds": 60, "starts": str(made.place / "starts")}
    given = inputs(made, engine_model_dir=str(made.place / "m"))
    with made.started(**given, LANG=json.dumps(told)) as child:
        until((made.place / "starts").exists)
        ended(made, child)


def test_the_action_is_cancelled_while_a_server_is_asked(made: Job) -> None:
    with server(lambda _: fake.silent) as engine:
        given = inputs(made, engine_url=engine.url)
        with made.started(**given) as child:
            until(lambda: bool(questions(engine)))
            ended(made, child)


def ended(made: Job, child: "subprocess.Popen[bytes]") -> None:
    """Cancel it: it says so in time, posts nothing, and leaves nobody behind."""
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=30)
    assert time.monotonic() - began < 5
    done = made.ended(child.returncode, out, err)
    assert done.code == 143
    assert "cut off" in done.summary
    assert made.hub.review_comments == []
    until(lambda: not processes(made.place))
    assert list((made.place / "tmp").iterdir()) == []


def test_the_action_without_its_audit_log(made: Job) -> None:
    (made.place / "data").mkdir(mode=0o700)
    (made.place / "data/audit").write_bytes(b"")
    with server() as engine:
        done = made.run(**inputs(made, engine_url=engine.url, model_audit="required"))
        assert engine.chats() == []
    assert (done.code, done.outputs["mode"]) == (4, "static")
    assert "audit" in done.summary
    assert len(made.hub.review_comments) == 1
