"""Answers in the forms of OpenAI's API: one JSON object, or a stream of server-sent events.

https://platform.openai.com/docs/api-reference/chat/object
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import time
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from reviewer.server.failures import Failure
from reviewer.server.live import Live
from reviewer.server.protocol import Done

DONE: Final = b"data: [DONE]\n\n"
KEEP_ALIVE: Final = b": still here\n\n"


@dataclass
class Answer:
    """What all parts of one answer have in common."""

    id: str
    model: str
    fingerprint: str
    prompt_tokens: int
    cached_tokens: int = 0
    created: int = field(default_factory=lambda: int(time.time()))
    texts: list[str] = field(default_factory=list)

    def whole(self, done: Done, live: Live) -> bytes:
        """The answer as one object."""
        text = "".join(self.texts)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": None,
            "finish_reason": done.finish,
        }
        whole = {**self._head("chat.completion"), "choices": [choice], "usage": self._usage(done)}
        return msgspec.json.encode({**whole, "timings": _timings(done, live)})

    def first(self) -> bytes:
        """The first event of a stream."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> bytes:
        """A piece of the text."""
        return self._chunk({"content": text})

    def last(self, done: Done) -> bytes:
        """The event that says why the text ends."""
        return self._chunk({}, done.finish)

    def usage(self, done: Done, live: Live) -> bytes:
        """The event with the numbers of tokens."""
        head = self._head("chat.completion.chunk")
        told = {"usage": self._usage(done), "timings": _timings(done, live)}
        return event({**head, "choices": [], **told})

    def _chunk(self, delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**self._head("chat.completion.chunk"), "choices": [choice]})

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }

    def _usage(self, done: Done) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": done.completion_tokens,
            "total_tokens": self.prompt_tokens + done.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
        }


def event(value: dict[str, Any]) -> bytes:
    """One event of a stream. JSON has no line feeds of its own, so that it is one line."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def failed(failure: Failure) -> bytes:
    """The event that ends a stream which broke off."""
    return event(failure.body)


def _timings(done: Done, live: Live) -> dict[str, float]:
    """Milliseconds of each stage."""
    return {
        "queue": _ms((live.submitted or live.entered) - live.entered),
        "prefill": _ms(done.prefill_seconds),
        "decode": _ms(done.decode_seconds),
        "mask": _ms(done.mask_seconds),
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
