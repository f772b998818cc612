"""The seam of the engines: who answers a prompt.

An engine is a frozen dataclass whose fields are its settings. It takes text in and gives text out:
no tools, no files, no network of its own. All instants are readings of `time.monotonic`, in
seconds; whoever asks sets the deadline, and no method outlives it.

The shape of an answer is a `msgspec.Struct`. From it come both the JSON Schema that the engine is
held to while it writes, and the strict decoder that its answer must pass on our side whatever the
engine promised: one source for both, in the library that reads all other hostile JSON here.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import msgspec

Shape = type[msgspec.Struct]
"""What an answer must be; `forbid_unknown_fields` and bounds on every text and list are advised."""

Finish = Literal["stop", "length", "repetition"]
"""Why an answer ended: by itself, at its limit of tokens, or because it only repeated itself."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: `role` is system, user or assistant."""

    role: Literal["system", "user", "assistant"]
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked. `max_tokens` bounds the answer; `deadline` is an instant.

    `temperature` 0 takes the likeliest token each time. Content never shows in a `repr`.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    deadline: float
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a prompt, of its part that came from the prefix cache, and of the answer.

    None is what the engine did not tell.
    """

    prompt: int | None = None
    cached: int | None = None
    answer: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer. `value` is it as the Shape that was asked for, None for free text.

    `engine` names who gave it. `repaired` says that a second request had to put it into shape.
    """

    text: str = field(repr=False)
    finish: Finish
    usage: Usage
    engine: str
    seconds: float
    value: msgspec.Struct | None = field(default=None, repr=False)
    repaired: bool = False


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


@dataclass(frozen=True, slots=True)
class Health:
    """Whether an engine is fit to review; if not, the `reason` and, in `tip`, what to do.

    Both are one line for readers of the review. `seconds` is how long it took to find out.
    """

    ok: bool
    reason: str = ""
    tip: str = ""
    model: str = ""
    capabilities: Capabilities = Capabilities()
    seconds: float = 0.0


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

    def complete(self, prompt: Prompt, shape: Shape | None = None) -> Completion:
        """The answer, of that shape if there is one.

        Raises EngineBusy, EngineDown, EngineRefused, ContextTooLong, Truncated, BadSchema, and
        ConfigError when its own settings are not right.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds: processes, locks. It may be used again."""
        ...
