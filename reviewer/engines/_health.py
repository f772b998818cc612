"""The ladder that an engine has to climb before it reviews: there, loaded, the right model, and a
planted bug found in time.
"""

import time
from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from reviewer.engines.base import Ask, Capabilities, Health, Message, Prompt, answered
from reviewer.errors import (
    BadSchema,
    ConfigError,
    ContextTooLong,
    EngineBusy,
    EngineDown,
    EngineError,
    Truncated,
)

RUNNING: Final = 20.0
"""Seconds that the ladder takes at most when the engine is running already."""

TRIAL_TOKENS: Final = 200
"""Enough for the shape below at three characters a token."""

SYSTEM: Final = "You review code changes. You answer with one JSON object."
TRIAL: Final = """\
Which added line of this change always fails when it is run? Each line begins with its number.

```diff
 416   def average(values):
 417       total = sum(values)
+418       count = 0
+419       return total / count
+420
+421   def greet(name):
+422       return "Hello, " + name
```

Give its number as "line" and, in a few words, what goes wrong as "problem"."""
WRONG: Final = frozenset({418, 419})
"""The line that fails, and the one that makes it fail: both answers are those of a reader."""


class Trial(msgspec.Struct, forbid_unknown_fields=True):
    """What comes back from the trial."""

    line: Annotated[int, msgspec.Meta(ge=1, le=9999)]
    problem: Annotated[str, msgspec.Meta(max_length=300)]


class Unfit(EngineError):
    """It answers, and has not understood the trial."""


def climb(
    deadline: float, loaded: Callable[[], None], meet: Callable[[], Capabilities], ask: Ask
) -> Health:
    """Take the steps one by one, all before the instant `deadline`; the first that fails counts.

    `loaded` and `meet` raise EngineError when the model is not loaded or not the right one.
    """
    started = time.monotonic()
    able = Capabilities()
    try:
        loaded()
        able = meet()
        trial(ask, deadline)
    except ConfigError as error:
        return Health(ok=False, reason=error.message, tip=error.tip, seconds=_since(started))
    except EngineError as error:
        return Health(
            ok=False,
            reason=str(error),
            tip=tip(error),
            model=able.model_id,
            capabilities=able,
            seconds=_since(started),
        )
    return Health(ok=True, model=able.model_id, capabilities=able, seconds=_since(started))


def trial(ask: Ask, deadline: float) -> None:
    """Have the engine find a planted bug. Raises EngineError."""
    messages = (Message("system", SYSTEM), Message("user", TRIAL))
    try:
        answer = answered(ask, Prompt(messages, TRIAL_TOKENS, deadline, task="trial"), Trial).value
    except BadSchema as error:
        raise Unfit(f"trial failed: {error}") from error
    except Truncated as error:
        raise Unfit(f"trial failed: {error}") from error
    if not isinstance(answer, Trial) or answer.line not in WRONG:
        line = answer.line if isinstance(answer, Trial) else 0
        raise Unfit(f"trial failed: the bug is on line 419, and the model names line {line}")


def tip(error: EngineError) -> str:
    """What to do about it."""
    if isinstance(error, Unfit):
        return "this model cannot review code: name another by engine.model or engine.model-dir"
    if isinstance(error, EngineBusy):
        return "wait until it has loaded its model and worked off its queue, or give it more room"
    if isinstance(error, ContextTooLong):
        return "serve the model with a context of 8,192 tokens or more"
    if isinstance(error, EngineDown) or error.repeats:
        return "see whether the model's server runs, and what its log says: reviewer doctor"
    return "compare engine.url, engine.model and the engine's key with the model's server"


def _since(started: float) -> float:
    return time.monotonic() - started
