"""Reads the stream of an OpenAI-compatible server."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from reviewer.engines._dialects import late_failure
from reviewer.engines.base import NOT_UNDERSTOOD, Finish, Usage
from reviewer.errors import EngineDown, EngineRefused
from reviewer.http import Reply

LOOP_CHARS: Final = 1024
PERIOD_CHARS: Final = 160
"""An answer whose last 1,024 characters are one piece of at most 160, again and again, says
nothing new: small models at temperature 0 end so."""

LOOK_EVERY: Final = 64
"""Pieces of an answer between two looks at its end."""


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Cached(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Cached | None = None

    def ours(self) -> Usage:
        cached = self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else None
        return Usage(self.prompt_tokens, cached, self.completion_tokens)


class _Chunk(msgspec.Struct):
    """One event of a stream, or a whole answer."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


@dataclass
class Written:
    """What an engine wrote: its text, why it ended, and the tokens that it took."""

    finish: Finish | None = None
    usage: Usage = field(default_factory=Usage)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def take(self, chunk: _Chunk) -> None:
        """Add what one event says. Raises EngineDown and EngineRefused."""
        if chunk.error is not None:
            raise late_failure(chunk.error)
        if chunk.usage is not None:
            self.usage = chunk.usage.ours()
        for choice in chunk.choices[:1]:
            said = choice.delta or choice.message
            if said is not None and said.content:
                self.pieces.append(said.content)
            if choice.finish_reason is not None:
                self.finish = _finish(choice.finish_reason)


def _finish(reason: str) -> Finish:
    if reason in ("stop", "length"):
        return "stop" if reason == "stop" else "length"
    if reason == "error":
        raise EngineDown("the engine failed in the middle of its answer", 1)
    raise EngineRefused("the engine ended its answer for a reason that is none of text")


def read(reply: Reply, max_tokens: int) -> Written:
    """A whole answer, cut where it passes `max_tokens` or only repeats itself.

    Raises EngineDown when it ends in the middle, and EngineRefused when it is no answer at all.
    """
    written = Written()
    for number, data in enumerate(_events(reply), 1):
        if data == b"[DONE]":
            break
        try:
            written.take(msgspec.json.decode(data, type=_Chunk))
        except NOT_UNDERSTOOD as error:
            raise EngineRefused("the engine does not speak the OpenAI dialect") from error
        # A piece holds one token at least, so that this many pieces are too many tokens.
        if len(written.pieces) > max_tokens:
            written.finish = "length"
            return written
        if number % LOOK_EVERY == 0 and loops("".join(written.pieces[-LOOP_CHARS:])):
            written.finish = "repetition"
            return written
    if written.finish is None:
        raise EngineDown("the engine stopped in the middle of its answer", 1)
    return written


def _events(reply: Reply) -> Iterator[bytes]:
    """The events of a stream; a server that does not stream sends a single one."""
    if reply.headers.get("content-type", "").startswith("application/json"):
        yield reply.whole().body
        return
    yield from reply.events()


def loops(text: str) -> bool:
    """Whether a text ends in one short piece that is repeated."""
    tail = text[-LOOP_CHARS:]
    if len(tail) < LOOP_CHARS:
        return False
    return any(tail[period:] == tail[:-period] for period in range(1, PERIOD_CHARS + 1))
