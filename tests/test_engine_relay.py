"""An engine at the other end of a socket: the same answers, errors and ends as beside us."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.engines._relay import FRAME_BYTES, Relayed, serve
from reviewer.engines.base import (
    Capabilities,
    Completion,
    Health,
    Memo,
    Message,
    Prompt,
    Schema,
    Usage,
)
from reviewer.errors import (
    BadSchema,
    ConfigError,
    ContextTooLong,
    EngineBusy,
    EngineDown,
    EngineError,
    EngineRefused,
    IntegrityError,
    Truncated,
)

ASKED = Prompt(
    (Message("system", "s"), Message("user", "ü \x00 " + "x" * 100_000)),
    max_tokens=7, deadline=0.0, temperature=0.5, top_p=0.9, top_k=40, seed=3,
    task="review", template="t", memo=Memo("key", 12),
)  # fmt: skip
SCHEMA = {"type": "object", "properties": {"a": {"enum": [1, "two"]}}}


@dataclass
class Plain:
    """Answers at once, or raises."""

    name: ClassVar[str] = "plain"
    raises: Exception | None = None
    patience: float = 3.0
    asked: list[tuple[Prompt, Schema | None]] = field(default_factory=list)
    wait: threading.Event | None = None
    closed: threading.Event = field(default_factory=threading.Event)

    def health(self, deadline: float) -> Health:
        assert deadline > time.monotonic()
        return Health(ok=True, model="m", capabilities=Capabilities("native", 4096, "m", "ab"))

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        self.asked.append((prompt, schema))
        if self.wait is not None:
            self.wait.wait(10)
        if self.raises is not None:
            raise self.raises
        text = prompt.messages[-1].content[:5]
        return Completion(text, "stop", Usage(9, None, 2), "e", 0.5, cached=True, origin=4)

    def count(self, text: str, deadline: float) -> int | None:
        del deadline
        return len(text) or None

    def close(self) -> None:
        self.closed.set()


@contextlib.contextmanager
def relayed(engine: Plain, workers: int = 4) -> Iterator[Relayed]:
    theirs, ours = socket.socketpair()
    thread = threading.Thread(target=serve, args=(engine, theirs, workers))
    thread.start()
    made = Relayed(ours, 3.0)
    try:
        yield made
    finally:
        made.close()
        if engine.wait is not None:
            engine.wait.set()
        thread.join(5)
        assert not thread.is_alive()
        assert engine.closed.is_set()
        theirs.close()


def asked(seconds: float = 5.0) -> Prompt:
    return _due(ASKED, seconds)


def _due(prompt: Prompt, seconds: float) -> Prompt:
    return replace(prompt, deadline=time.monotonic() + seconds)


def test_everything_comes_through_as_it_is() -> None:
    engine = Plain()
    with relayed(engine) as made:
        health = made.health(time.monotonic() + 5)
        assert (health.ok, health.model) == (True, "m")
        assert health.capabilities == Capabilities("native", 4096, "m", "ab")
        prompt = asked()
        done = made.complete(prompt, SCHEMA)
        assert done == Completion(
            "ü \x00 x", "stop", Usage(9, None, 2), "e", 0.5, cached=True, origin=4
        )
        assert made.count("four", time.monotonic() + 5) == 4
        assert made.count("", time.monotonic() + 5) is None
    (there, schema) = engine.asked[0]
    assert abs(there.deadline - prompt.deadline) < 0.5
    assert _due(there, 0).messages == prompt.messages
    assert (there.memo, there.task, there.top_k, there.seed) == (Memo("key", 12), "review", 40, 3)
    assert schema == SCHEMA


@pytest.mark.parametrize(
    "error",
    [
        EngineDown("gone", 1), EngineRefused("no", 2), Truncated("cut"), BadSchema("odd"),
        EngineBusy("busy", 12.5), EngineBusy("busy"), ContextTooLong("long", 2048),
    ],
)  # fmt: skip
def test_errors_of_the_engine(error: EngineError) -> None:
    with relayed(Plain(error)) as made, pytest.raises(type(error)) as raised:
        made.complete(asked())
    assert type(raised.value) is type(error)
    assert str(raised.value) == str(error)
    assert vars(raised.value) == vars(error)


@pytest.mark.parametrize("kind", [ConfigError, IntegrityError])
def test_errors_that_end_a_review(kind: type[ConfigError | IntegrityError]) -> None:
    with relayed(Plain(kind("what", "tip"))) as made, pytest.raises(kind) as raised:
        made.complete(asked())
    assert (raised.value.message, raised.value.tip) == ("what", "tip")


def test_many_at_once() -> None:
    with relayed(Plain(), 8) as made, ThreadPoolExecutor(32) as pool:
        texts = [str(number).rjust(5, "0") for number in range(200)]
        prompts = [_due(Prompt((Message("user", text),), 5, 0.0), 10) for text in texts]
        assert [done.text for done in pool.map(made.complete, prompts)] == texts


def test_who_waits_is_told_that_the_other_side_is_gone() -> None:
    engine = Plain(wait=threading.Event())
    with relayed(engine) as made, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(made.complete, asked(60))
        while not engine.asked:
            time.sleep(0.01)
        made.close()
        with pytest.raises(EngineDown, match="gone"):
            waiting.result(5)
        with pytest.raises(EngineDown, match="gone"):
            made.complete(asked())
        assert not made.health(time.monotonic() + 1).ok


def test_a_prompt_that_is_too_large_or_no_unicode() -> None:
    with relayed(Plain()) as made:
        for text in ("x" * (FRAME_BYTES + 1), "\udc80"):
            with pytest.raises(EngineRefused):
                made.complete(_due(Prompt((Message("user", text),), 5, 0.0), 5))
        assert made.complete(asked()).text


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_rubbish_ends_the_conversation_and_nothing_else(data: bytes, framed: bool) -> None:
    """In both directions: no exception leaves a thread, and the engine is closed."""
    engine = Plain()
    theirs, ours = socket.socketpair()
    thread = threading.Thread(target=serve, args=(engine, theirs, 1))
    thread.start()
    sent = struct.pack("!I", len(data)) + data if framed else data
    with contextlib.suppress(OSError):
        ours.sendall(sent)
        ours.shutdown(socket.SHUT_WR)
    thread.join(5)
    assert engine.closed.is_set()
    theirs.close()
    ours.close()
    theirs, ours = socket.socketpair()
    made = Relayed(ours)
    with contextlib.suppress(OSError):
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
    assert not made.health(time.monotonic() + 0.5).ok
    made.close()
    theirs.close()
