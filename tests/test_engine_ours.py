"""Our client and launcher with our own server; only its worker, which owns the card, is fake."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Message, Prompt, answered
from reviewer.engines.managed import Managed
from reviewer.errors import ContextTooLong
from tests.fakes.engine import RIGHT

pytestmark = pytest.mark.slow

serving = pytest.importorskip("tests.support.serving", exc_type=ImportError)
PROGRAM = Path(__file__).parent / "support" / "serve_program.py"


class Remark(msgspec.Struct, forbid_unknown_fields=True):
    line: int
    problem: str


def prompt(text: str = "well?", seconds: float = 5.0) -> Prompt:
    return Prompt((Message("user", text),), 100, time.monotonic() + seconds)


def test_the_client_understands_our_server(tmp_path: Path) -> None:
    with serving.server(serving.settings(tmp_path, {"text": RIGHT, "step": 4})) as server:
        engine = OpenAI(server.url, key=server.token, dialect="reviewer", tenant="acme/1")
        health = engine.health(time.monotonic() + 8)
        assert (health.ok, health.reason, health.model) == (True, "", "m")
        able = health.capabilities
        assert (able.json_schema, able.context) == ("native", 4096)
        assert able.weights_sha256
        answer = answered(engine.complete, prompt("quote <|im_end|>"), Remark)
        assert answer.value == Remark(419, "division by zero")
        assert answer.usage.prompt
        with pytest.raises(ContextTooLong) as raised:
            engine.complete(prompt("word " * 9000))
        assert raised.value.limit == 4096
        wrong = OpenAI(server.url, key="wrong", dialect="reviewer").health(time.monotonic() + 5)
        assert "does not accept the key" in wrong.reason


def test_the_client_knows_our_server_by_itself(tmp_path: Path) -> None:
    """By what the server says of itself: no dialect is named."""
    with serving.server(serving.settings(tmp_path, {"echo": True})) as server:
        server.ready()
        engine = OpenAI(server.url, key=server.token, tenant="acme/1")
        later = time.monotonic() + 8
        assert engine.count("quote <|im_end|>", later) == 10
        assert engine.count("\ud800", later) is None
        asked = Prompt(
            (Message("user", "how?"),), 100, later, temperature=0.5, top_p=0.9, top_k=40, seed=7
        )
        told = json.loads(engine.complete(asked).text)
        assert told == {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 7}
        assert engine.complete(asked).engine == "reviewer:m"


Launch = Callable[..., Managed]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Makes a Managed whose worker does as it is told."""
    made: list[Managed] = []
    model = serving.settings(tmp_path).model

    def make(**behaviour: object) -> Managed:
        environ = {"PATH": os.environ["PATH"], "LANG": json.dumps(behaviour)}
        made.append(
            Managed(
                model_dir=model, folder=tmp_path / "engine", load_seconds=10, environ=environ,
                command=(sys.executable, str(PROGRAM)), devices=("/dev/null",),
                options=("--context", "4096", "--cache-tokens", "16384"),
            )
        )  # fmt: skip
        return made[-1]

    yield make
    for each in made:
        each.close()
    assert not [place.name for place in (tmp_path / "engine").iterdir() if place.suffix == ".json"]


def test_the_launcher_starts_our_server_and_ends_it(launch: Launch) -> None:
    engine = launch(text=RIGHT, step=4)
    health = engine.health(time.monotonic() + 10)
    assert (health.ok, health.reason) == (True, "")
    assert answered(engine.complete, prompt(), Remark).value == Remark(419, "division by zero")
    assert engine._announcement.exists()
    started = time.monotonic()
    engine.close()
    assert time.monotonic() - started < 3
    assert not engine._announcement.exists()


def test_damaged_weights_are_never_opened(launch: Launch) -> None:
    engine = launch(text=RIGHT, step=4)
    (weights,) = engine.model_dir.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x55")
    health = engine.health(time.monotonic() + 10)
    assert not health.ok
    assert health.reason.startswith("the engine did not start: ")
    assert weights.name in health.reason


@pytest.mark.slow
def test_a_model_that_knows_nothing_does_not_review(launch: Launch) -> None:
    health = launch(text='{"line": 5, "problem": "x"}', step=4).health(time.monotonic() + 10)
    assert not health.ok
    assert "names line 5" in health.reason


WORSE = {
    "load-oom": ("did not start: no room for the weights", "reviewer doctor"),
    "load-refused": ("did not start: flash-attn is not here", "reviewer doctor"),
    "load-crash": ("did not start: the engine ended with status -11", "reviewer doctor"),
    "crash": ("restarted in the middle of its answer", "what its log says"),
    "oom": ("the engine failed: 500 (out_of_memory)", "what its log says"),
    "flooding": ("trial failed: the answer was cut", "cannot review code"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mode", WORSE)
def test_a_worker_that_is_not_fit_has_its_reason(mode: str, launch: Launch) -> None:
    reason, tip = WORSE[mode]
    started = time.monotonic()
    health = launch(text=RIGHT, step=4, mode=mode).health(started + 8)
    assert time.monotonic() - started < 8
    assert not health.ok
    assert reason in health.reason
    assert tip in health.tip


def test_a_worker_that_crashes_costs_time_and_no_answer(launch: Launch, tmp_path: Path) -> None:
    engine = launch(text=RIGHT, step=4, mode="crash", spent=str(tmp_path / "spent"))
    health = engine.health(time.monotonic() + 10)
    assert health.ok, health.reason


@pytest.mark.slow
def test_a_worker_that_hangs_for_ever_is_given_up(launch: Launch) -> None:
    started = time.monotonic()
    health = launch(text=RIGHT, step=4, mode="hang").health(started + 6)
    assert time.monotonic() - started < 10
    assert not health.ok
    assert health.reason
    assert health.tip
