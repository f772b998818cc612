"""Any OpenAI-compatible server: ours, vLLM, SGLang, llama.cpp, TabbyAPI, and such as we do not
know.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception

from reviewer import http
from reviewer.engines import _answers, _dialects, _health
from reviewer.engines._answers import Written
from reviewer.engines._closing import Closing
from reviewer.engines._dialects import Details, Dialect, Model, Models, State
from reviewer.engines.base import (
    NOT_UNDERSTOOD,
    Capabilities,
    Completion,
    Health,
    Prompt,
    Schema,
    instruction,
)
from reviewer.errors import (
    EngineBusy,
    EngineError,
    EngineRefused,
    Truncated,
)
from reviewer.http import Client, Switch

CHAT: Final = "/v1/chat/completions"
MODELS: Final = "/v1/models"
LISTING: Final = 1 << 20
"""Most bytes of a list of models."""

TIMEOUT: Final = "x-request-timeout"
LONGEST: Final = 900.0
"""How our own server is told when an answer is of no more use, and the most that it takes."""

KEY_CHARS: Final = 16
"""A shorter key is a word that stands for none, as in the documentation of vLLM ("token-abc123")
and llama.cpp ("no-key"): it may well be a part of an honest answer."""

BUSY_FIRST: Final = 0.25
BUSY_MOST: Final = 10.0
"""Seconds between two tries where the server does not say: doubled each time."""


@dataclass
class _Met:
    """What was learnt of a server when it was first spoken to."""

    dialect: Dialect | None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    switch: Switch = field(default_factory=Switch)
    closing: Closing = field(default_factory=Closing)


@dataclass(frozen=True)
class OpenAI:
    """One server.

    `url` is where it is, `allow` the hosts that may be elsewhere (see `http.place`), `key` its API
    key, `model` which of its models (without: its only one), `dialect` its kind (without: by what
    it says of itself), `ca_file` the certificates of a private authority, `silence` the longest
    time without a byte and `patience` the time for the ladder, in seconds. `tenant` names whose
    text it is: our own server shares no cached text between two. Raises ConfigError when it is used
    with a URL that is refused.
    """

    name: ClassVar[str] = "openai"
    url: str = ""
    allow: tuple[str, ...] = ()
    key: str = field(default="", repr=False)
    model: str = ""
    dialect: str = ""
    ca_file: Path | None = None
    silence: float = 300.0
    patience: float = _health.RUNNING
    tenant: str = ""
    _met: _Met = field(default_factory=_Met, init=False, repr=False, compare=False)

    def health(self, deadline: float) -> Health:
        """The ladder: there, loaded, the right model, and a bug found in a trial."""
        return _health.climb(
            deadline,
            lambda: self._patient(deadline)(self.look, deadline),
            lambda: self._meet(deadline),
            self.complete,
        )

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        """Ask, and wait while it is busy."""
        started = time.monotonic()
        able = self._meet(prompt.deadline)
        written: Written = self._patient(prompt.deadline)(self._once, prompt, schema)
        if schema is not None:
            _whole(written)
        return Completion(
            text=written.text,
            finish=written.finish or "stop",
            usage=written.usage,
            engine=f"{able.dialect}:{able.model_id}",
            seconds=time.monotonic() - started,
        )

    def count(self, text: str, deadline: float) -> int | None:
        """Ask a server that has an endpoint for it."""
        try:
            able = self._meet(deadline)
            dialect = self._met.dialect or _dialects.OTHER
            if not dialect.tokenize:
                return None
            body = msgspec.json.encode(dialect.to_count(able.model_id, text))
            with self._client.open("POST", dialect.tokenize, body, deadline) as reply:
                answer = reply.whole()
            return dialect.counted(answer.body) if answer.status == 200 else None
        except (EngineError, UnicodeEncodeError):
            return None

    def close(self) -> None:
        """End what is being asked."""
        self._met.closing.close()
        self._met.switch.off()

    def _patient(self, deadline: float) -> Retrying:
        """Asks until there is an answer, or until asking again would be of no use or too late."""
        closing, begun = self._met.closing, self._met.closing.times
        return Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, EngineError)),
            stop=lambda state: _enough(state, deadline),
            wait=_pause,
            sleep=lambda seconds: closing.pause(seconds, begun),
            reraise=True,
        )

    @property
    def _client(self) -> Client:
        place = http.place(self.url, self.allow)
        return Client(place, self.key, self.silence, self.ca_file, switch=self._met.switch)

    def look(self, deadline: float) -> None:
        """Ask a server that knows it whether its model is loaded. Raises EngineError."""
        dialect = _dialects.named(self.dialect) if self.dialect else None
        path = "/health" if dialect is None else dialect.health
        if not path:
            return
        answer = self._client.get(path, deadline, LISTING)
        # Who knows no /health may be well for all that; the steps above will show.
        if answer.status not in (200, 401, 404, 405):
            raise _dialects.failure(answer.status, answer.body, _after(answer.headers))

    def _meet(self, deadline: float) -> Capabilities:
        """What the server says of itself, asked once. Raises EngineError."""
        met = self._met
        if met.dialect is None:
            model: Model = self._patient(deadline)(self._model, deadline)
            dialect = (
                _dialects.named(self.dialect)
                if self.dialect
                else _dialects.dialect_of(model.owned_by)
            )
            met.capabilities = self._details(model, dialect, deadline)
            met.dialect = dialect
        return met.capabilities

    def _model(self, deadline: float) -> Model:
        answer = self._client.get(MODELS, deadline, LISTING)
        if answer.status != 200:
            raise _dialects.failure(answer.status, answer.body, _after(answer.headers))
        try:
            found = msgspec.json.decode(answer.body, type=Models).data
        except NOT_UNDERSTOOD as error:
            raise EngineRefused("what answers is no OpenAI-compatible server") from error
        wanted = [model for model in found if self.model in ("", model.id)]
        if len(wanted) == 1:
            return wanted[0]
        ids = ", ".join(model.id[:80] for model in found[:5]) or "none"
        if self.model:
            raise EngineRefused(f"the engine does not serve {self.model}; it serves: {ids}")
        raise EngineRefused(f"engine.model has to name one of its models: {ids}")

    def _details(self, model: Model, dialect: Dialect, deadline: float) -> Capabilities:
        known = Capabilities(
            json_schema=dialect.json_schema,
            context=model.context,
            model_id=model.id,
            prefix_cache=dialect.prefix_cache,
            dialect=dialect.name,
        )
        if dialect.spans:
            own = self._read("/health", State, deadline)
            return replace(known, weights_sha256=own.weights or "", version=own.version)
        if dialect.details:
            more = self._read(dialect.details, Details, deadline)
            context = more.context or known.context
            version = more.version or more.build_info
            return replace(known, context=context, max_concurrency=more.slots, version=version)
        return known

    def _read(self, path: str, kind: type[Any], deadline: float) -> Any:
        """Facts that are good to know, and that no review depends on."""
        answer = self._client.get(path, deadline, LISTING)
        try:
            return msgspec.json.decode(answer.body, type=kind) if answer.status == 200 else kind()
        except NOT_UNDERSTOOD:
            return kind()

    def _once(self, prompt: Prompt, schema: Schema | None) -> Written:
        dialect = self._met.dialect or _dialects.OTHER
        messages, mark = (
            (prompt.messages, "") if dialect.spans else _dialects.neutralised(prompt.messages)
        )
        body = self._body(replace(prompt, messages=messages), schema, dialect)
        client = self._client
        if dialect.spans:
            seconds = min(prompt.deadline - time.monotonic(), LONGEST)
            client = replace(client, extra={TIMEOUT: f"{max(seconds, 0.1):.1f}"})
        with client.open("POST", CHAT, body, prompt.deadline) as reply:
            if reply.status != 200:
                answer = reply.whole()
                raise _dialects.failure(answer.status, answer.body, _after(answer.headers))
            written = _answers.read(reply, prompt.max_tokens)
        written.pieces = [self._without_key(_dialects.restored(written.text, mark))]
        return written

    def _without_key(self, text: str) -> str:
        """An answer in which our own key is not repeated: it would be published."""
        return text.replace(self.key, "…") if len(self.key) >= KEY_CHARS else text

    def _body(self, prompt: Prompt, schema: Schema | None, dialect: Dialect) -> bytes:
        messages = [{"role": each.role, "content": each.content} for each in prompt.messages]
        if schema is not None and dialect.json_schema == "none":
            # In the last message: many chat templates take no two of one role in a row.
            messages[-1]["content"] += f"\n\n{instruction(schema)}"
        fields: dict[str, Any] = {
            "model": self._met.capabilities.model_id,
            "messages": messages,
            "max_tokens": prompt.max_tokens,
            "temperature": prompt.temperature,
            "top_p": prompt.top_p,
            "seed": prompt.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if schema is not None:
            fields |= dialect.format(schema)
        if prompt.top_k and dialect.top_k:
            fields["top_k"] = prompt.top_k
        if dialect.spans and self.tenant:
            fields["user"] = self.tenant
        try:
            return msgspec.json.encode(fields)
        except UnicodeEncodeError as error:
            raise EngineRefused("the prompt holds characters that are no Unicode") from error


def _whole(written: Written) -> None:
    """Raises Truncated for an answer that did not end by itself."""
    if written.finish == "length":
        raise Truncated("the answer was cut at its limit of tokens")
    if written.finish == "repetition":
        raise Truncated("the answer only repeated itself")


def _after(headers: Mapping[str, str]) -> str:
    return headers.get("retry-after", "")


def _pause(state: RetryCallState) -> float:
    """Seconds before the next try: the server's own word if it gives one."""
    error = state.outcome.exception() if state.outcome else None
    said = error.retry_after if isinstance(error, EngineBusy) else None
    doubled: float = BUSY_FIRST * 2 ** min(state.attempt_number - 1, 10)
    return min(doubled, BUSY_MOST) if said is None else said


def _enough(state: RetryCallState, deadline: float) -> bool:
    """Whether no other try makes sense: this fault lasts, or the pause outlasts the deadline."""
    error = state.outcome.exception() if state.outcome else None
    repeats = error.repeats if isinstance(error, EngineError) else 0
    late = time.monotonic() + state.upcoming_sleep >= deadline
    return state.attempt_number > repeats or late
