"""An engine in another process, spoken to over a socket that both have inherited.

The process that reads the code of a change can open no connection: the engine, its key and its
server are in one that never meets that code. What passes between them is a question, its schema and
the answer, as frames of MessagePack behind their length. Each side takes the other for hostile.
"""

import contextlib
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec

from reviewer.engines.base import (
    NOT_UNDERSTOOD,
    Completion,
    Engine,
    Gate,
    Health,
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

FRAME_BYTES: Final = 8 << 20
"""The largest frame: a prompt of a million characters and its schema are half of it."""

LONGEST: Final = 86400.0
"""Most seconds that a question may be given: a queue for the card may take a day."""

SLACK: Final = 5.0
"""Seconds beyond its deadline that an answer is waited for: the other side tells why it is late."""

GONE: Final = "the process of the engine is gone"

Seconds = Annotated[float, msgspec.Meta(ge=0, le=LONGEST)]


class _Question(msgspec.Struct, forbid_unknown_fields=True):
    """What is wanted; `seconds` are left for it, the instant in `prompt` means nothing."""

    id: int
    kind: Literal["health", "complete", "count"]
    seconds: Seconds
    prompt: Prompt | None = None
    schema: dict[str, Any] | None = None
    text: str = ""


class _Fault(msgspec.Struct, forbid_unknown_fields=True):
    """An error, by the name of its class."""

    kind: str
    message: str
    repeats: int = 0
    retry_after: float | None = None
    limit: int = 0
    tip: str = ""


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    """A completion, without a value: that is decoded by who asked."""

    text: str
    finish: Literal["stop", "length", "repetition"]
    usage: tuple[int | None, int | None, int | None]
    engine: str
    seconds: float
    cached: bool
    origin: int


class _Reply(msgspec.Struct, forbid_unknown_fields=True):
    """The answer to the question of this number: one of the four."""

    id: int
    fault: _Fault | None = None
    health: Health | None = None
    written: _Written | None = None
    count: int | None = None


PLAIN: Final[Mapping[str, Callable[[str, int], EngineError]]] = {
    kind.__name__: kind for kind in (EngineError, EngineDown, EngineRefused, Truncated, BadSchema)
}


class _Line:
    """Frames over a socket: one thread reads, any thread writes."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._lock = threading.Lock()

    def send(self, message: msgspec.Struct) -> None:
        """Raises OSError and ValueError (too large)."""
        data = msgspec.msgpack.encode(message)
        if len(data) > FRAME_BYTES:
            raise ValueError(f"a frame of {len(data):,} bytes")
        with self._lock:
            self.connection.sendall(struct.pack("!I", len(data)) + data)

    def frames(self) -> Iterator[bytes]:
        """Ends where the other side ends, or sends what is too large."""
        with contextlib.suppress(OSError):
            while head := self._exactly(4):
                (length,) = struct.unpack("!I", head)
                if length > FRAME_BYTES or not (data := self._exactly(length)):
                    return
                yield data

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = self.connection.recv(min(size - len(data), 1 << 20))
            if not chunk:
                return b""
            data += chunk
        return bytes(data)


@dataclass
class _Waiting:
    """The questions that have no answer yet."""

    line: _Line | None = None
    last: int = 0
    over: bool = False
    asked: dict[int, "queue.SimpleQueue[_Reply | None]"] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Relayed:
    """The engine at the other end of `connection`; `patience` is that engine's."""

    name: ClassVar[str] = "relayed"
    connection: socket.socket
    patience: float = LONGEST
    _waiting: _Waiting = field(default_factory=_Waiting, init=False, repr=False, compare=False)

    def health(self, deadline: float) -> Health:
        """What the other side says of it."""
        try:
            told = self._ask(deadline, kind="health").health
        except (EngineError, ConfigError) as error:
            return Health(ok=False, reason=str(error), tip=getattr(error, "tip", ""))
        return told or Health(ok=False, reason=GONE)

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        """Have it asked."""
        plain = None if schema is None else dict(schema)
        told = self._ask(prompt.deadline, kind="complete", prompt=prompt, schema=plain).written
        if told is None:
            raise EngineRefused("the process of the engine gave no answer to what it was asked")
        return Completion(
            told.text, told.finish, _usage(told), told.engine, told.seconds,
            cached=told.cached, origin=told.origin,
        )  # fmt: skip

    def count(self, text: str, deadline: float) -> int | None:
        """Have it count."""
        try:
            return self._ask(deadline, kind="count", text=text).count
        except (EngineError, ConfigError):
            return None

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def _ask(self, deadline: float, **question: Any) -> _Reply:
        """Raises EngineError, ConfigError and IntegrityError."""
        waiting = self._waiting
        seconds = min(max(deadline - time.monotonic(), 0.0), LONGEST)
        told: queue.SimpleQueue[_Reply | None] = queue.SimpleQueue()
        with waiting.lock:
            if waiting.line is None:
                waiting.line = _Line(self.connection)
                threading.Thread(target=self._listen, args=(waiting.line,), daemon=True).start()
            if waiting.over:
                raise EngineDown(GONE)
            waiting.last += 1
            number = waiting.last
            waiting.asked[number] = told
        try:
            waiting.line.send(_Question(id=number, seconds=seconds, **question))
            reply = told.get(timeout=seconds + SLACK)
        except queue.Empty:
            raise EngineDown("the process of the engine does not answer") from None
        except (ValueError, UnicodeEncodeError) as error:
            raise EngineRefused("the prompt is too large, or no Unicode") from error
        except OSError as error:
            raise EngineDown(GONE) from error
        finally:
            with waiting.lock:
                waiting.asked.pop(number, None)
        if reply is None:
            raise EngineDown(GONE)
        if reply.fault is not None:
            raise _raised(reply.fault)
        return reply

    def _listen(self, line: _Line) -> None:
        """Hand each answer to who waits for it; what is no answer ends the conversation."""
        waiting = self._waiting
        with contextlib.suppress(*NOT_UNDERSTOOD):
            for data in line.frames():
                reply = msgspec.msgpack.decode(data, type=_Reply)
                with waiting.lock:
                    told = waiting.asked.get(reply.id)
                if told is not None:
                    told.put(reply)
        with waiting.lock:
            waiting.over = True
            for told in waiting.asked.values():
                told.put(None)


def serve(engine: Engine, connection: socket.socket, workers: int) -> None:
    """Answer the questions that come over `connection` by `engine`, until the other side ends.

    `workers` questions at a time; others wait. Then the engine is closed.
    """
    line = _Line(connection)
    pool = ThreadPoolExecutor(workers)
    gate = Gate()
    try:
        for data in line.frames():
            question = msgspec.msgpack.decode(data, type=_Question)
            end = time.monotonic() + question.seconds
            pool.submit(_answer, gate, engine, line, question, end)
    except NOT_UNDERSTOOD:
        # Whoever speaks so is not our review any more.
        return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        gate.shut(engine)


def _answer(gate: Gate, engine: Engine, line: _Line, question: _Question, deadline: float) -> None:
    reply = _Reply(question.id)
    try:
        with gate:
            _asked(engine, question, deadline, reply)
    except (EngineError, ConfigError, IntegrityError) as error:
        reply.fault = _fault(error)
    with contextlib.suppress(OSError, ValueError):
        line.send(reply)


def _asked(engine: Engine, question: _Question, deadline: float, reply: _Reply) -> None:
    """Put what the engine says into the reply. Raises what the engine does."""
    if question.kind == "health":
        reply.health = engine.health(deadline)
    elif question.kind == "count":
        reply.count = engine.count(question.text, deadline)
    elif question.prompt is not None:
        prompt = replace(question.prompt, deadline=deadline)
        reply.written = _written(engine.complete(prompt, question.schema))


def _written(done: Completion) -> _Written:
    usage = (done.usage.prompt, done.usage.cached, done.usage.answer)
    return _Written(
        done.text, done.finish, usage, done.engine, done.seconds, done.cached, done.origin
    )


def _usage(told: _Written) -> Usage:
    return Usage(*told.usage)


def _fault(error: EngineError | ConfigError | IntegrityError) -> _Fault:
    return _Fault(
        kind=type(error).__name__,
        message=str(error),
        repeats=getattr(error, "repeats", 0),
        retry_after=getattr(error, "retry_after", None),
        limit=getattr(error, "limit", 0),
        tip=getattr(error, "tip", ""),
    )


def _raised(fault: _Fault) -> EngineError | ConfigError | IntegrityError:
    if fault.kind in ("ConfigError", "IntegrityError"):
        kind = ConfigError if fault.kind == "ConfigError" else IntegrityError
        return kind(fault.message, fault.tip)
    if fault.kind == "EngineBusy":
        return EngineBusy(fault.message, fault.retry_after)
    if fault.kind == "ContextTooLong":
        return ContextTooLong(fault.message, fault.limit)
    return PLAIN.get(fault.kind, EngineError)(fault.message, fault.repeats)
