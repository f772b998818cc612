"""The engine's loop, apart from the engine: messages in, one turn of the generator, messages out.

The generator is the synchronous one of ExLlamaV2, which is not thread safe: every call of it is
made here. No exception is caught but lack of memory: after an error of a kernel the state of the
GPU is unknown, and the process must end.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from reviewer.server import protocol as p
from reviewer.server.plan import PAGE

FLUSH_SECONDS: Final = 0.02
FLUSH_TOKENS: Final = 8
"""Pieces of an answer are sent together, in batches of this size or age."""

OOM_SECONDS: Final = 60
"""Lack of memory twice in this time ends the process."""


class OutOfMemory(Exception):
    """There is no room, again: the process is to end with status 75 (EX_TEMPFAIL)."""


class Generator(Protocol):
    """What we use of exllamav2's ExLlamaV2DynamicGenerator."""

    def enqueue(self, job: Any) -> Any: ...
    def iterate(self) -> list[dict[str, Any]]: ...
    def cancel(self, job: Any) -> None: ...
    def clear_queue(self) -> None: ...
    def reset_page_table(self) -> None: ...


@dataclass
class Job:
    """A request in the generator. `inner` is its own object, `mask` that of its grammar."""

    submit: p.Submit
    inner: Any
    mask: Any
    end: float
    started: bool = False
    text: list[str] = field(default_factory=list)
    tokens: int = 0
    flushed: float = field(default_factory=time.monotonic)


@dataclass
class Loop:
    """`make` turns a request into the generator's job and its mask, or raises ValueError.

    `forget` wipes the cache between two tenants; `is_oom` knows the engine's lack of memory.
    """

    generator: Generator
    make: Callable[[p.Submit], tuple[Any, Any]]
    send: Callable[[Sequence[p.Message]], None]
    forget: Callable[[], None]
    is_oom: Callable[[RuntimeError], bool]
    jobs: dict[str, Job] = field(default_factory=dict)
    tenant: str | None = None
    draining: bool = False
    last_oom: float | None = None

    def turn(self, inbox: Iterable[p.ToWorker]) -> bool:
        """One turn; whether there is to be another. Raises OutOfMemory."""
        began = time.monotonic()
        for message in inbox:
            if isinstance(message, p.Submit):
                self._submit(message)
            elif isinstance(message, p.Cancel) and message.id in self.jobs:
                self._drop(message.id, "cancelled", "as asked")
            elif isinstance(message, p.Drain):
                self.draining = True
        for name, job in list(self.jobs.items()):
            if began > job.end:
                self._drop(name, "deadline", "the request did not end before its deadline")
        prefill = sum(not job.started for job in self.jobs.values())
        if self.jobs:
            self._iterate()
        seconds = time.monotonic() - began
        self.send([p.Beat(seconds, len(self.jobs), prefill, self._pages())])
        return bool(self.jobs) or not self.draining

    def _pages(self) -> int:
        sizes = (len(j.submit.prompt) + j.submit.max_tokens for j in self.jobs.values())
        return sum(-(-size // PAGE) for size in sizes)

    def _submit(self, submit: p.Submit) -> None:
        try:
            if submit.tenant != self.tenant:
                self._change(submit.tenant)
            inner, mask = self.make(submit)
            self.generator.enqueue(inner)
        except (ValueError, AssertionError) as error:
            # The generator asserts that a job fits, before it has changed anything.
            reason = str(error) if isinstance(error, ValueError) else "it does not fit the engine"
            self.send([p.Error("bad_request", reason[:300], submit.id)])
            return
        end = time.monotonic() + submit.deadline
        self.jobs[submit.id] = Job(submit, inner, mask, end)

    def _change(self, tenant: str) -> None:
        """Leave nothing of one tenant for the next. Raises ValueError."""
        if self.jobs:
            raise ValueError("another tenant is at work")
        self.generator.reset_page_table()
        self.forget()
        self.tenant = tenant

    def _drop(self, name: str, code: str, reason: str) -> None:
        self.generator.cancel(self.jobs.pop(name).inner)
        self.send([p.Error(code, reason, name)])

    def _iterate(self) -> None:
        try:
            results = self.generator.iterate()
        except RuntimeError as error:
            if not self.is_oom(error):
                raise
            self._without_memory()
            return
        for result in results:
            job = self.jobs.get(result.get("identifier", ""))
            if job is not None:
                self._result(job, result)

    def _without_memory(self) -> None:
        self.generator.clear_queue()
        now = time.monotonic()
        if self.last_oom is not None and now - self.last_oom < OOM_SECONDS:
            raise OutOfMemory
        self.last_oom = now
        self.send([p.Error("oom", "no room for this request", name) for name in self.jobs])
        self.jobs.clear()

    def _result(self, job: Job, result: dict[str, Any]) -> None:
        if result["stage"] != "streaming":
            return
        if not job.started:
            job.started = True
            self.send([p.Started(job.submit.id, cached(job.inner))])
        job.text.append(result.get("text", ""))
        if (ids := result.get("token_ids")) is not None:
            job.tokens += int(ids.shape[-1])
        old = time.monotonic() - job.flushed > FLUSH_SECONDS
        if result["eos"]:
            self._end(job, result)
        elif job.tokens and (old or job.tokens >= FLUSH_TOKENS):
            self.send([self._piece(job)])

    def _piece(self, job: Job) -> p.Delta:
        piece = p.Delta(job.submit.id, "".join(job.text), max(1, job.tokens))
        job.text.clear()
        job.tokens, job.flushed = 0, time.monotonic()
        return piece

    def _end(self, job: Job, result: dict[str, Any]) -> None:
        del self.jobs[job.submit.id]
        if job.mask is not None and job.mask.error:
            self.send([p.Error("constraint", job.mask.error, job.submit.id)])
            return
        last: list[p.Message] = [self._piece(job)] if any(job.text) else []
        finish = "length" if result.get("eos_reason") == "max_new_tokens" else "stop"
        done = p.Done(
            job.submit.id, finish, int(result["new_tokens"]),
            max(0.0, result["time_prefill"]), max(0.0, result["time_generate"]),
            job.mask.seconds if job.mask is not None else 0.0,
        )  # fmt: skip
        self.send([*last, done])


def cached(inner: Any) -> int:
    """Tokens of a job's prompt that were in the cache (exllamav2, generator/dynamic.py)."""
    whole = int(inner.cached_pages) * PAGE + int(inner.cached_tokens)
    return whole // max(1, len(inner.sequences))
