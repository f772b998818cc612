"""What goes wrong with the model, and what is told and kept then.

Each fault ends in time, with a reason and a tip that the reader of a static review gets, and leaves
no process and no lock behind. What a fault does to the whole review is tested with the review.
"""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Message, Prompt, answered
from reviewer.engines.managed import Managed
from reviewer.errors import BadSchema, EngineDown, EngineError, Truncated
from tests.fakes import engine as fake
from tests.fakes.engine import RIGHT, FakeEngine

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parents[1] / "support" / "engine_program.py"


class Remark(msgspec.Struct, forbid_unknown_fields=True):
    line: int
    problem: str


def prompt(seconds: float = 3.0) -> Prompt:
    return Prompt((Message("user", "well?"),), 300, time.monotonic() + seconds)


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[Managed]:
    (tmp_path / "weights").mkdir()
    engine = Managed(
        model_dir=tmp_path / "weights",
        folder=tmp_path / "engine",
        load_seconds=6,
        queue_seconds=1,
        environ={"PATH": os.environ["PATH"]},
        command=(sys.executable, str(PROGRAM)),
        devices=("/dev/null",),
    )
    yield engine
    engine.close()
    left = [p.name for p in tmp_path.glob("engine/*") if p.suffix in (".ticket", ".lease")]
    assert not left


def in_mode(managed: Managed, mode: str, count: Path | None = None) -> Managed:
    more = () if count is None else ("--count", str(count))
    return replace(managed, options=("--mode", mode, *more))


NOT_STARTED = {
    "no card": ({"devices": ("/nowhere",)}, "no-gpu", "--gpus all", 1.0),
    "no weights": ({"model_dir": Path("/nowhere/m")}, "no weights in /nowhere/m", "lock DIR", 1.0),
    "wrong checksum": ({"options": ("--mode", "refuses")}, "model.safetensors", "verify DIR", 4.0),
    "no memory": ({"options": ("--mode", "log")}, "9 are needed", "reviewer doctor", 4.0),
    "segfault at load": ({"options": ("--mode", "segfault")}, "signal 11", "doctor", 4.0),
    "no program": ({"command": ("/nowhere/python",)}, "cannot be started", "doctor", 4.0),
    "no server in it": ({"command": ("/bin/false",)}, "ended with status 1", "doctor", 4.0),
    "never ready": (
        {"options": ("--mode", "never ready"), "load_seconds": 1.0},
        "did not load its model within 1 s", "engine.load-seconds", 4.0,
    ),
    "knows nothing": ({"options": ("--mode", "random")}, "names line 77", "cannot review", 4.0),
}  # fmt: skip


@pytest.mark.parametrize("fault", NOT_STARTED)
def test_an_engine_that_is_not_fit_says_why_and_what_to_do(fault: str, managed: Managed) -> None:
    change, reason, tip, seconds = NOT_STARTED[fault]
    engine = replace(managed, **change)  # type: ignore[arg-type]
    started = time.monotonic()
    health = engine.health(started + 8)
    assert time.monotonic() - started < seconds
    assert not health.ok
    assert reason in health.reason
    assert tip in health.tip
    assert "\n" not in health.reason + health.tip
    engine.close()


def test_killed_in_mid_answer_it_is_started_once_more(managed: Managed, tmp_path: Path) -> None:
    engine = in_mode(managed, "dies once", tmp_path / "starts")
    assert engine.health(time.monotonic() + 6).ok
    assert answered(engine.complete, prompt(6), Remark).value == Remark(419, "division by zero")
    assert len((tmp_path / "starts").read_text().split()) == 2
    engine.close()


def test_killed_again_it_is_given_up(managed: Managed, tmp_path: Path) -> None:
    """Well when it was looked at, dead at its first real question, twice."""
    engine = in_mode(managed, "dies", tmp_path / "starts")
    assert engine.health(time.monotonic() + 6).ok
    assert answered(engine.complete, prompt(6), Remark).value is not None, (
        "the second server's first answer"
    )
    with pytest.raises(EngineDown, match="twice"):
        answered(engine.complete, prompt(6), Remark)
    assert len((tmp_path / "starts").read_text().split()) == 2
    engine.close()


def test_one_that_hangs_is_killed_and_started_once_more(managed: Managed) -> None:
    engine = in_mode(managed, "hangs")
    assert engine.health(time.monotonic() + 6).ok
    started = time.monotonic()
    with pytest.raises(EngineDown, match="no whole answer in time"):
        answered(engine.complete, prompt(0.5), Remark)
    assert time.monotonic() - started < 8
    assert answered(engine.complete, prompt(6), Remark).value is not None
    engine.close()


def test_two_runs_and_one_card(managed: Managed, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    other = replace(managed, model_dir=tmp_path / "others")
    assert managed.health(time.monotonic() + 6).ok
    started = time.monotonic()
    health = other.health(started + 6)
    assert 0.9 < time.monotonic() - started < 3
    assert "other reviews use the graphics card for longer than 1 s" in health.reason
    assert "engine.queue-seconds" in health.tip


def test_a_stale_announcement_is_no_server(managed: Managed) -> None:
    managed.folder.mkdir(mode=0o700)
    managed._announcement.write_text('{"port": 1, "token_file": "/etc/hostname"}')
    assert managed.health(time.monotonic() + 6).ok


ANSWERS: dict[str, tuple[fake.Fault, type[EngineError] | None]] = {
    "garbage": (fake.says("%$& garbage"), None),
    "half of it": (fake.says('{"line": 4'), None),
    "prose around it": (fake.says(f"Sure! {RIGHT} Anything else?"), None),
    "nothing": (fake.says(""), None),
    "cut": (fake.says('{"line": 4', "length"), Truncated),
    "ten megabytes": (fake.floods, EngineError),
    "for ever the same": (fake.repeats, Truncated),
    "without an end": (fake.never_ends, Truncated),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_bad_answer_costs_itself_and_no_other(name: str) -> None:
    fault, error = ANSWERS[name]
    with FakeEngine() as engine:
        engine.faults.append(fault)
        client = OpenAI(engine.url)
        if error is None:
            assert answered(client.complete, prompt(), Remark).value is not None
        else:
            with pytest.raises(error):
                answered(client.complete, prompt(), Remark)
        assert answered(client.complete, prompt(), Remark).value is not None


def test_garbage_for_ever_ends_soon() -> None:
    with FakeEngine() as engine:
        engine.answers.extend(["garbage"] * 99)
        with pytest.raises(BadSchema):
            answered(OpenAI(engine.url).complete, prompt(), Remark)
        assert len(engine.chats()) == 2


def test_one_token_a_second_ends_at_the_deadline() -> None:
    with FakeEngine(delay=1.0) as engine:
        started = time.monotonic()
        with pytest.raises(EngineDown, match="in time"):
            answered(OpenAI(engine.url).complete, prompt(1.5), Remark)
        assert time.monotonic() - started < 2.5
