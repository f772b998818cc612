"""An engine that is closed lets go of all who wait for it, and starts nothing more for them."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import ClassVar

import pytest

from reviewer.engines import _dialects
from reviewer.engines._closing import Closing
from reviewer.engines._fallback import Fallback
from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Completion, Gate, Health, Message, Prompt, Schema
from reviewer.errors import EngineBusy, EngineDown, EngineRefused
from tests.fakes import engine as fake
from tests.fakes.engine import RIGHT, FakeEngine


def prompt(seconds: float = 60.0) -> Prompt:
    return Prompt((Message("user", "well?"),), 100, time.monotonic() + seconds)


@contextmanager
def soon(seconds: float = 2.0) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def test_what_was_begun_before_ends_and_what_begins_after_does_not() -> None:
    closing = Closing()
    before = closing.times
    threading.Timer(0.05, closing.close).start()
    with soon(), pytest.raises(EngineDown, match="was closed"):
        closing.pause(60, before)
    with pytest.raises(EngineDown):
        closing.check(before)
    closing.pause(0.01, closing.times)


def test_a_busy_server_is_not_waited_for_any_longer() -> None:
    busy = fake.refuses(503, "server_error", Retry_After="50")
    with FakeEngine(script=lambda _: busy) as server, ThreadPoolExecutor(1) as pool:
        engine = OpenAI(server.url)
        asked = pool.submit(engine.complete, prompt())
        while not server.chats():
            time.sleep(0.01)
        with soon(), pytest.raises(EngineDown, match="was closed"):
            engine.close()
            asked.result()
        server.script = None
        assert engine.complete(prompt()).text == RIGHT, "it may be used again"


class Waiting:
    """Gives no answer before it is closed."""

    name: ClassVar[str] = "waiting"
    patience = 1.0

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.asked = 0

    def health(self, deadline: float) -> Health:
        self.asked += 1
        self.closed.wait(deadline - time.monotonic())
        return Health(ok=False, reason="gone")

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        self.asked += 1
        self.closed.wait(prompt.deadline - time.monotonic())
        raise EngineDown("gone")

    def count(self, text: str, deadline: float) -> int | None:
        return None

    def close(self) -> None:
        self.closed.set()


def test_no_other_engine_is_begun_with_when_all_are_closed() -> None:
    first, second = Waiting(), Waiting()
    both = Fallback((first, second))
    with ThreadPoolExecutor(1) as pool:
        looked: Future[Health] = pool.submit(both.health, time.monotonic() + 60)
        while not first.asked:
            time.sleep(0.01)
        with soon():
            both.close()
            assert looked.result().reason == "the engine was closed"
    assert (first.asked, second.asked) == (1, 0)


def test_who_begins_to_ask_while_it_is_closed_is_let_go_as_well() -> None:
    engine, gate = Waiting(), Gate()
    entered, late = threading.Event(), threading.Event()

    def ask() -> None:
        with gate:
            entered.set()
            late.wait()
            engine.closed.clear()  # it was closed before this one began
            engine.complete(prompt())

    with ThreadPoolExecutor(1) as pool:
        asked, behind = pool.submit(ask), pool.submit(ask)
        entered.wait()
        threading.Timer(0.05, late.set).start()
        with soon():
            gate.shut(engine)
            with pytest.raises(EngineDown, match="gone"):
                asked.result()
            with pytest.raises(EngineDown, match="nothing more"):
                behind.result()
    assert engine.asked == 1


def test_an_engine_that_was_given_up_is_not_waited_for() -> None:
    def refusal(code: str) -> Exception:
        return _dialects.failure(503, b'{"error": {"code": "%b"}}' % code.encode(), "9")

    assert isinstance(refusal("engine_loading"), EngineBusy)
    assert isinstance(refusal("engine_failed"), EngineDown)
    assert isinstance(refusal("out_of_memory"), EngineRefused)
