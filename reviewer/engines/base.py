"""The seam of the engines: who answers a prompt.

An engine is a frozen dataclass whose fields are its settings. It takes text in and gives text out:
no tools, no files, no network of its own. All instants are readings of `time.monotonic`, in
seconds; whoever asks sets the deadline, and no method outlives it.

The shape of an answer is a `msgspec.Struct`. From it come both the JSON Schema that the engine is
held to while it writes, and the strict decoder that its answer must pass on our side whatever the
engine promised: one source for both, in the library that reads all other hostile JSON here.
`answered` puts the two together.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias

import msgspec

from reviewer.errors import BadSchema, EngineDown

Shape = type[msgspec.Struct]
"""What an answer must be; `forbid_unknown_fields` and bounds on every text and list are advised."""

Schema: TypeAlias = Mapping[str, Any]
"""The same as a JSON Schema."""

OPENED: Final = 64
"""Braces that are tried as the start of an answer."""

QUOTED: Final = 4000
"""Characters of a wrong answer that are shown to its writer again."""

AGAIN: Final = 0.1
"""Seconds between two times that an engine is closed."""

Finish = Literal["stop", "length", "repetition"]
"""Why an answer ended: by itself, at its limit of tokens, or because it only repeated itself."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: `role` is system, user or assistant."""

    role: Literal["system", "user", "assistant"]
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Memo:
    """Under what an answer may be remembered.

    `key` is a digest of all that the answer depends on but line numbers; `origin` is the line that
    those of this prompt count from.
    """

    key: str
    origin: int = 0


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked. `max_tokens` bounds the answer; `deadline` is an instant.

    `temperature` 0 takes the likeliest token each time; `top_k` 0 takes all tokens into account.
    `task` names the kind of question, `template` is the SHA-256 of the text that it was made from.
    Without a `memo` an answer is not remembered. Content never shows in a `repr`.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    deadline: float
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    task: str = ""
    template: str = ""
    memo: Memo | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a prompt, of its part that came from the prefix cache, and of the answer.

    None is what the engine did not tell.
    """

    prompt: int | None = None
    cached: int | None = None
    answer: int | None = None

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            _sum(self.prompt, other.prompt),
            _sum(self.cached, other.cached),
            _sum(self.answer, other.answer),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `value` is it as the Shape that was asked for, None for free text.

    `engine` names who gave it. `repaired` says that a second request had to put it into shape.
    `cached` says that it was remembered; `origin` is then that of the prompt it was given to.
    """

    text: str = field(repr=False)
    finish: Finish
    usage: Usage
    engine: str
    seconds: float
    value: msgspec.Struct | None = field(default=None, repr=False)
    repaired: bool = False
    cached: bool = False
    origin: int = 0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine says it can do; stored with each review.

    `json_schema` is "native" where it can be held to a schema while it writes. `context` is in
    tokens; 0 and "" are what it did not tell.
    """

    json_schema: Literal["native", "none"] = "none"
    context: int = 0
    model_id: str = ""
    weights_sha256: str = ""
    prefix_cache: bool = False
    max_concurrency: int = 0
    dialect: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether an engine is fit to review; if not, the `reason` and, in `tip`, what to do.

    Both are one line for readers of the review. `seconds` is how long it took to find out.
    `unsafe` says that it may not be asked because a check of integrity failed.
    """

    ok: bool
    reason: str = ""
    tip: str = ""
    model: str = ""
    capabilities: Capabilities = Capabilities()
    seconds: float = 0.0
    unsafe: bool = False


class Engine(Protocol):
    """Answers prompts."""

    name: ClassVar[str]

    @property
    def patience(self) -> float:
        """Seconds that `health` may take at most, for whoever sets its deadline."""
        ...

    def health(self, deadline: float) -> Health:
        """Whether it is fit to review, found out now and by the deadline. Raises nothing."""
        ...

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        """The answer, held to that schema where the engine can do it.

        Raises EngineBusy, EngineDown, EngineRefused, ContextTooLong, ConfigError when its own
        settings are not right, and Truncated when an answer that has a schema did not end.
        """
        ...

    def count(self, text: str, deadline: float) -> int | None:
        """Tokens of a text by the model's own tokenizer; None where it does not tell."""
        ...

    def close(self) -> None:
        """Let go of what it holds: processes, locks. It may be used again."""
        ...


class Gate:
    """Who asks an engine, from several threads, is inside; once it is shut, nobody gets in.

    Futures cannot tell that: a signal may come after a thread was started, and before it is known.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._shut = False
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        """Raises EngineDown when it is shut."""
        with self._changed:
            if self._shut:
                raise EngineDown("nothing more is asked")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def shut(self, engine: Engine) -> None:
        """Close the engine until nobody is inside: some may only begin to ask at that moment."""
        with self._changed:
            self._shut = True
        engine.close()
        while not self._left():
            engine.close()

    def _left(self) -> bool:
        """Whether nobody is inside any more, or after a while."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._inside, AGAIN)


Ask = Callable[[Prompt, Schema | None], Completion]
"""What `Engine.complete` is."""


def answered(ask: Ask, prompt: Prompt, shape: Shape, schema: Schema | None = None) -> Completion:
    """An answer of that shape; a wrong one is shown to its writer and mended once.

    The engine is held to `schema`, without it to that of the shape. Raises what `Engine.complete`
    does, and BadSchema.
    """
    schema = schema or msgspec.json.schema(shape)
    written = ask(prompt, schema)
    try:
        return replace(written, value=decoded(written.text, shape))
    except BadSchema as error:
        again = ask(_mending(prompt, written.text, error, schema), schema)
        value = decoded(again.text, shape)
        usage = written.usage + again.usage
        spent = written.seconds + again.seconds
        return replace(again, value=value, usage=usage, seconds=spent, repaired=True)


def instruction(schema: Schema) -> str:
    """The words that ask for a schema, where nothing else holds the engine to it."""
    told = msgspec.json.encode(schema).decode()
    return f"Answer with one JSON object and nothing else. It must fit this JSON Schema:\n{told}"


def _mending(prompt: Prompt, text: str, error: BadSchema, schema: Schema) -> Prompt:
    """The question once more, with the wrong answer and what is wrong with it."""
    again = (
        Message("assistant", text[:QUOTED]),
        Message("user", f"That is not right: {error}. {instruction(schema)}"),
    )
    messages = (*prompt.messages, *again)
    return replace(prompt, messages=messages, temperature=0.0, memo=None)


def decoded(text: str, shape: Shape) -> msgspec.Struct:
    """The answer as `shape`; prose and fences around it are left out. Raises BadSchema.

    The error names the place of the fault, and quotes nothing of the answer.
    """
    try:
        return msgspec.json.decode(text, type=shape)
    except NOT_UNDERSTOOD as error:
        first = error
    opened = (found.start() for found in re.finditer("{", text))
    for start in islice(opened, OPENED):
        try:
            _, end = json.JSONDecoder().raw_decode(text, start)
            return msgspec.json.decode(text[start:end], type=shape)
        except (ValueError, RecursionError):
            continue
    raise BadSchema(_named(first)) from first


NOT_UNDERSTOOD: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding raises: it is of another shape, not UTF-8, or too deep."""


SAID: Final = re.compile(
    r"(unknown field|enum value) .*?(?= - at `\$[\w.\[\]]{0,80}`$|\Z)", re.DOTALL
)
"""What msgspec quotes of an answer in its words on it: no place for the words of a model."""


def _named(error: Exception) -> str:
    """What is wrong with an answer, in words of msgspec and of our own alone."""
    if isinstance(error, msgspec.ValidationError):
        told = SAID.sub(r"\1", str(error))
        return f"the answer has not the shape asked for: {told[:160]}"
    return "the answer is no JSON"
