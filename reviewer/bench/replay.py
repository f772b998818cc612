"""Engines that write down what another engine answers, and that answer from what was written.

With a recording the whole review runs without a GPU: the same prompts get the same answers, the
same counts of tokens and the same failures, whatever their order.
"""

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import IO, ClassVar, Final, NoReturn

import msgspec

from reviewer import errors
from reviewer.bench.record import Answer, Count, Entry, Record
from reviewer.engines.base import Completion, Engine, Health, Prompt, Schema
from reviewer.errors import EngineError


class Writer:
    """Writes entries to an open file, each at once and whole, from any thread."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.lock = threading.Lock()

    def write(self, entry: Entry) -> None:
        """Add one line."""
        line = msgspec.json.encode(entry) + b"\n"
        with self.lock:
            self.file.write(line)
            self.file.flush()


def request_key(
    messages: Sequence[tuple[str, str]],
    schema: Schema | None,
    numbers: Mapping[str, float],
) -> str:
    """The key of a request, from plain values; `numbers` are its parameters by name."""
    told = {
        "messages": [list(message) for message in messages],
        "schema": schema,
        "max_tokens": int(numbers["max_tokens"]),
        "temperature": float(numbers.get("temperature", 0)),
        "top_p": float(numbers.get("top_p", 1)),
        "top_k": int(numbers.get("top_k", 0)),
        "seed": int(numbers.get("seed", 0)),
    }
    data = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(data.encode()).hexdigest()


def key_of(prompt: Prompt, schema: Schema | None) -> str:
    """The key of a prompt."""
    messages = [(message.role, message.content) for message in prompt.messages]
    numbers = {
        name: getattr(prompt, name)
        for name in ("max_tokens", "temperature", "top_p", "top_k", "seed")
    }
    return request_key(messages, schema, numbers)


def _text_key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


FAILURES: Final = {
    cls.__name__: cls
    for cls in (
        errors.EngineBusy, errors.EngineDown, errors.EngineRefused, errors.ContextTooLong,
        errors.Truncated, errors.BadSchema,
    )
}  # fmt: skip
"""What an engine may raise, by name."""


@dataclass(frozen=True)
class Recorder:
    """An engine that writes down what another one answers, failures too."""

    engine: Engine
    writer: Writer
    name: ClassVar[str] = "recorder"

    @property
    def patience(self) -> float:
        return self.engine.patience

    def health(self, deadline: float) -> Health:
        return self.engine.health(deadline)

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        key, started = key_of(prompt, schema), monotonic()
        try:
            done = self.engine.complete(prompt, schema)
        except EngineError as error:
            seconds, told = monotonic() - started, f"{type(error).__name__}: {error}"[:200]
            self.writer.write(Answer(key, prompt.task, seconds=seconds, error=told))
            raise
        text = done.text.encode("utf-8", "replace").decode()
        self.writer.write(
            Answer(key, prompt.task, text, done.finish, done.usage, done.engine, done.seconds)
        )
        return done

    def count(self, text: str, deadline: float) -> int | None:
        tokens = self.engine.count(text, deadline)
        self.writer.write(Count(_text_key(text), tokens))
        return tokens

    def close(self) -> None:
        self.engine.close()


class Recording:
    """An engine that answers what another one answered, at once and without a model."""

    name: ClassVar[str] = "recording"
    patience: float = 1.0

    def __init__(self, record: Record) -> None:
        self.run = record.run
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        for answer in record.answers:
            self.answers[answer.key].append(answer)
        self.tokens = {count.key: count.tokens for count in record.counts}
        self.given: dict[str, int] = defaultdict(int)
        self.lock = threading.Lock()

    def health(self, deadline: float) -> Health:  # noqa: ARG002 - it is known at once
        return Health(ok=True, model=self.run.model, capabilities=self.run.capabilities)

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        answer = self.answer(key_of(prompt, schema))
        if answer is None:
            raise errors.EngineRefused("the recording has no answer to this request")
        if answer.error:
            _fail(answer.error)
        return Completion(answer.text, answer.finish, answer.usage, answer.engine, answer.seconds)

    def answer(self, key: str) -> Answer | None:
        """The next answer under a key, None where there is none."""
        with self.lock:
            known = self.answers.get(key)
            if known is None:
                return None
            at = min(self.given[key], len(known) - 1)
            self.given[key] += 1
        return known[at]

    def count(self, text: str, deadline: float) -> int | None:  # noqa: ARG002 - it is known at once
        return self.tokens.get(_text_key(text))

    def close(self) -> None:
        """Begin anew: the first answers come first again."""
        with self.lock:
            self.given.clear()


def _fail(told: str) -> NoReturn:
    name, _, message = told.partition(": ")
    raise FAILURES.get(name, errors.EngineDown)(message)


ENGINES: Final[tuple[type[Engine], ...]] = (Recorder, Recording)
"""Both are engines: the type checker refuses another shape here."""
