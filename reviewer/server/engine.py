"""The engine as the front sees it: its state, the requests at work, and what it says of them."""

import math
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import msgspec

from reviewer.server import protocol as p
from reviewer.server.admission import Desk, Ticket
from reviewer.server.failures import Failure, bad, unavailable
from reviewer.server.live import Live
from reviewer.server.logs import Log
from reviewer.server.metrics import Metrics
from reviewer.server.plan import PAGE
from reviewer.server.policy import Quarantine
from reviewer.server.request import Ask
from reviewer.server.settings import Settings
from reviewer.server.vitals import Vitals


class State(StrEnum):
    """Where the engine is between its start and its end."""

    STARTING = "starting"
    LOADING = "loading"
    WARMING = "warming"
    READY = "ready"
    DRAINING = "draining"
    DEGRADED = "degraded"
    FAILED = "failed"


RETRY_AFTER = {
    State.STARTING: 10, State.LOADING: 10, State.WARMING: 5, State.DEGRADED: 5, State.DRAINING: 30,
}  # fmt: skip
"""Seconds after which another try is worth it, before it is known how long loading takes; other
states do not pass."""

LONGEST_WAIT = 60

STATUS = {
    "bad_request": (400, "invalid_request"),
    "deadline": (504, "deadline_exceeded"),
    "oom": (503, "out_of_memory"),
    "constraint": (500, "constraint_failed"),
    "cancelled": (503, "cancelled"),
}
"""What a client is told for each code of the worker; the rest is a 500."""


class Engine:
    """Admits requests and routes what the worker says. All calls are from one event loop."""

    def __init__(self, settings: Settings, metrics: Metrics, log: Log) -> None:
        self.settings, self.metrics, self.log = settings, metrics, log
        self.state = State.STARTING
        self.reason = ""
        self.limits: p.Ready | None = None
        self.loaded_in: float | None = None
        self.desk = Desk(0, 1, settings.max_queue)
        self.live: dict[str, Live] = {}
        self.quarantine = Quarantine()
        self.last_error: p.Error | None = None
        self.vitals = Vitals(time.monotonic())
        self.send: Callable[[p.Message], None] = lambda _: None

    def begin(self, send: Callable[[p.Message], None]) -> None:
        """A worker was started; `send` reaches it."""
        self.send, self.limits, self.last_error = send, None, None
        self.vitals = Vitals(time.monotonic())

    def become(self, state: State, reason: str = "") -> None:
        """Change the state, and say so."""
        if state is not self.state:
            self.log("state", state=state, reason=reason)
        self.state, self.reason = state, reason

    # Requests

    @property
    def context(self) -> int:
        """Tokens of prompt and answer together. Raises Failure (503) unless ready."""
        if self.state is not State.READY or self.window is None:
            raise self.unready()
        return self.window

    @property
    def window(self) -> int | None:
        """The same while the engine takes nothing, None without an engine that is loaded."""
        if self.limits is None or not self.desk.pages:
            return None
        return min(self.limits.context, self.desk.room * PAGE)

    def unready(self) -> Failure:
        """Why nothing can be asked now (503)."""
        why = f": {self.reason}" if self.reason else ""
        wait = RETRY_AFTER.get(self.state)
        if wait is not None and self.loaded_in is not None and self.state is not State.DRAINING:
            wait = min(max(1, math.ceil(self.loaded_in)), LONGEST_WAIT)
        return unavailable(f"engine_{self.state}", f"the engine is {self.state}{why}", wait)

    @contextmanager
    def admit(
        self, ask: Ask, prompt: Sequence[int], grammar: str | None, seconds: float
    ) -> Iterator[Live]:
        """A request in the queue, or at work, until the end of the block.

        Raises Failure when it cannot be taken.
        """
        if len(prompt) + ask.max_tokens > self.context:
            raise too_long(self.context, len(prompt), ask.max_tokens)
        key = self.quarantine.key(prompt, grammar)
        if self.quarantine.holds(key):
            raise Failure(422, "quarantined", "the engine died of this request, twice")
        now = time.monotonic()
        name = uuid.uuid4().hex
        ticket = Ticket(name, ask.tenant, len(prompt), ask.max_tokens, now + seconds)
        submit = p.Submit(
            name, ask.tenant, tuple(prompt), ask.max_tokens,
            ask.temperature, ask.top_p, ask.seed, seconds, grammar, ask.top_k,
        )  # fmt: skip
        if busy := self.desk.enter(ticket, now):
            raise Failure(429, "overloaded", busy.reason, busy.retry_after)
        live = self.live[name] = Live(ticket, submit, key, self.settings.client_bytes)
        self.pump()
        try:
            yield live
        finally:
            self.release(live)

    def release(self, live: Live) -> None:
        """Nobody waits for a request any more.

        The desk counts it as long as the worker works on it.
        """
        if live.over or live.cancelled is not None:
            return
        if live.submitted is None:
            self._forget(live)
        else:
            live.cancelled = time.monotonic()
            self.send(p.Cancel(live.ticket.id))
        self.pump()

    def _forget(self, live: Live) -> None:
        self.live.pop(live.ticket.id, None)
        self.desk.leave(live.ticket.id)

    def pump(self) -> None:
        """Start what may be started."""
        while self.state in (State.READY, State.DRAINING) and (ticket := self.desk.next()):
            live = self.live[ticket.id]
            now = live.submitted = time.monotonic()
            self.metrics.queue_seconds.observe(now - live.entered)
            left = max(0.001, ticket.deadline - now)
            self.send(msgspec.structs.replace(live.submit, deadline=left))

    def crashed(self, code: str) -> None:
        """The worker is gone, and with it all that was at work or in the queue."""
        for live in list(self.live.values()):
            if live.submitted is not None:
                self.quarantine.blame(live.key)
            if not live.over:
                live.put(unavailable(code, "the engine ended while it was at work", 2))
        self.live.clear()
        self.send = lambda _: None
        if self.state is State.READY:
            self.become(State.DEGRADED)
        self.desk = Desk(0, 1, self.settings.max_queue)

    # What the worker says

    def hear(self, message: p.ToFront) -> None:
        """Take a message of the worker. Raises ProtocolError for what cannot be."""
        self.vitals.sign(time.monotonic())
        if isinstance(message, p.Delta):
            self._delta(self._known(message.id), message)
        elif isinstance(message, p.Started):
            live = self._known(message.id)
            self.desk.started(message.id)
            self.metrics.cached_tokens.inc(message.cached_tokens)
            self.metrics.prompt_tokens.inc(live.ticket.prompt_tokens)
            live.put(message)
            self.pump()
        elif isinstance(message, p.Done):
            live = self._known(message.id)
            self.metrics.mask.inc(message.mask_seconds)
            self.metrics.truncated.inc(message.finish == "length")
            self._end(live, message)
        elif isinstance(message, p.Error):
            self._error(message)
        else:
            self._condition(message)

    def _known(self, name: str) -> Live:
        live = self.live.get(name)
        if live is None or live.submitted is None:
            raise p.ProtocolError("about a request that it was not given")
        return live

    def _delta(self, live: Live, delta: p.Delta) -> None:
        live.tokens += delta.tokens
        if live.tokens > live.submit.max_tokens + 1:  # one for the token that ends it
            raise p.ProtocolError("more tokens than were asked for")
        now = time.monotonic()
        self.desk.rate.add(delta.tokens, now)
        self.metrics.completion_tokens.inc(delta.tokens)
        if live.first is None:
            live.first = now
            self.metrics.ttft.observe(now - live.entered)
        else:
            self.metrics.inter_token.observe((now - live.last) / delta.tokens)
        live.last = now
        if live.over or live.cancelled is not None:
            return
        if live.in_circles(delta.text):
            self.release(live)
            live.put(delta)
            live.put(p.Done(live.ticket.id, "length", live.tokens, 0.0, now - live.entered))
        elif not live.take(delta):
            self.release(live)
            live.put(Failure(503, "slow_client", "the client does not read its answer"))

    def _error(self, error: p.Error) -> None:
        if error.code == "oom":
            self.metrics.oom.inc()
            self.desk.prefills = 1
        if error.id is None:
            self.last_error = error
            return
        if error.code == "constraint":
            self.metrics.constrained_errors.inc()
        status, code = STATUS.get(error.code, (500, "engine_error"))
        self._end(self._known(error.id), Failure(status, code, error.reason))

    def _end(self, live: Live, event: p.Done | Failure) -> None:
        if not live.over:
            live.put(event)
        self._forget(live)
        self.pump()

    def _condition(self, message: p.Progress | p.Ready | p.Beat | p.Stats) -> None:
        if isinstance(message, p.Beat):
            self.metrics.iterate.observe(message.seconds)
            self.vitals.turn(message)
        elif isinstance(message, p.Stats):
            for kind in ("used", "reserved", "total"):
                self.metrics.vram.labels(kind).set(getattr(message, kind))
            self.vitals.weigh(message, self.limits.planned if self.limits else 0)
        elif isinstance(message, p.Progress):
            if self.state in (State.LOADING, State.WARMING):
                self.become(State.WARMING if message.step == "warm" else State.LOADING)
        elif self.limits is None:
            self.limits = message
            self.loaded_in = message.load_seconds
            self.metrics.load_seconds.set(message.load_seconds)
            self.metrics.vram.labels("planned").set(message.planned)
            pages = message.cache_tokens // PAGE
            self.desk = Desk(pages, message.max_batch, self.settings.max_queue)
            if self.state is not State.DRAINING:
                self.become(State.READY)
        else:
            raise p.ProtocolError("ready twice")

    # What others may know

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether a request would be served now, and the facts, as of this moment."""
        silent = time.monotonic() - self.vitals.last_sign
        fresh = silent < self.settings.patience.fresh or not self.desk.active
        reason = self.reason if fresh else f"the engine has not moved for {silent:.0f} seconds"
        well = self.state is State.READY and fresh
        facts = {"active": len(self.desk.active), "queued": len(self.desk.waiting)}
        return well, {"state": self.state, "well": well, "reason": reason, **facts}

    def gauges(self) -> None:
        """Bring the metrics that are a condition up to date."""
        self.metrics.queue_depth.set(len(self.desk.waiting))
        self.metrics.active_jobs.set(len(self.desk.active))
        self.metrics.prefill_jobs.set(len(self.desk.prefill))
        self.metrics.pages_used.set(self.desk.used)
        self.metrics.pages_total.set(self.desk.pages)


def too_long(context: int, prompt: int, answer: int) -> Failure:
    """A prompt that has no room (400), in the words that clients of OpenAI's API look for."""
    return bad(
        f"This model's maximum context length is {context} tokens. However, you requested at least "
        f"{prompt + answer} tokens ({prompt} in the messages, {answer} in the completion).",
        "context_length_exceeded",
    )
