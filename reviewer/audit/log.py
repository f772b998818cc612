"""The audit log: before every call of a model a record of the intent, after it one of the result.

It tells for which review, what kind of question, which model, when, and what it cost. It holds no
prompt, no answer, no code and no name of a file: texts are there as digests, keyed ones where there
is a key, because a short text may be guessed from a plain one. See `chain` for what a record proves
and `logbook` for the files.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final

from reviewer.audit import chain
from reviewer.audit.chain import NO_KEYS, Broken, Checkpoint, Keys
from reviewer.audit.logbook import Book
from reviewer.engines.base import Capabilities, Completion, Engine, Health, Prompt, Schema
from reviewer.errors import EngineError, IntegrityError, ReviewerError
from reviewer.text import clip, portable, redact

DAYS: Final = 90
"""How long records are kept, as GitHub keeps logs (GitHub Docs, "Configuring the retention period
for GitHub Actions artifacts and logs in your organization")."""

SHORT: Final = 200
"""Characters of a name that others gave."""

TIP: Final = "`reviewer audit verify` says what is wrong with the log; or name another data folder"


@dataclass(frozen=True, slots=True)
class Run:
    """The review that calls are made for; "" and 0 are what is not known."""

    run_id: str = ""
    repo: str = ""
    pr: int = 0
    head_sha: str = ""
    actor: str = ""
    event: str = ""


@dataclass
class _State:
    """Whether old records were deleted, why nothing more is written, of what was warned."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    tidied: bool = False
    stopped: str = ""
    warned: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Log:
    """The log in `folder`, under `keys`, of one `run`; `clock` gives the time of day.

    Where it is `required`, what cannot be recorded must not happen: the first record that cannot
    be written, or a chain that is found broken, raises IntegrityError, and so does every record
    after it. Otherwise `warn` is told once of each reason, and the review goes on. Records older
    than `days` are deleted. For any number of threads.
    """

    folder: Path
    run: Run
    clock: Callable[[], datetime]
    warn: Callable[[str], None]
    keys: Keys = NO_KEYS
    required: bool = False
    days: int = DAYS
    _state: _State = field(default_factory=_State, init=False, repr=False, compare=False)

    @cached_property
    def _book(self) -> Book:
        return Book(self.folder, self.keys, self.clock)

    def append(self, kind: str, fields: Mapping[str, Any]) -> int | None:
        """Write a record; its number, None where it could not be. Raises IntegrityError."""
        state = self._state
        with state.lock:
            if state.stopped:
                raise IntegrityError(state.stopped, TIP)
            try:
                return self._written(kind, self._about() | dict(fields))
            except (OSError, Broken) as error:
                reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
                went_on = "calls of the model go on without a record"
                self._failed(f"the audit log cannot be written: {reason}", went_on)
        return None

    def review(self, *, kept: int, dropped: int, redactions: int) -> int | None:
        """Record how many findings of the model were believed and how many were not; `append`."""
        counts = {"findings_kept": kept, "findings_dropped": dropped, "redactions": redactions}
        return self.append("review", counts)

    def checkpoint(self) -> Checkpoint:
        """What to publish of the log as it stands now."""
        with self._state.lock:
            place = self._book.place
            return Checkpoint(place.n, place.head, self._book.last)

    def digest(self, text: bytes) -> str:
        """The digest of a text, which never is that of a record."""
        return chain.mac(self.keys.current, b"text:" + text)

    def _about(self) -> dict[str, Any]:
        given = asdict(self.run)
        return {name: plain(str(each)) if name != "pr" else each for name, each in given.items()}

    def _written(self, kind: str, fields: Mapping[str, Any]) -> int:
        """Delete what is too old, once, and write; go on where the chain began anew."""
        state = self._state
        try:
            if not state.tidied:
                state.tidied = True
                today = self.clock().astimezone(UTC).date()
                self._book.purge(today - timedelta(days=self.days))
            return self._book.append(kind, fields)
        except Broken as broken:
            self._failed(f"the audit log is broken: {broken}", "a new file was begun")
        return self._book.append(kind, fields)

    def _failed(self, reason: str, otherwise: str) -> None:
        state = self._state
        if self.required:
            state.stopped = reason
            raise IntegrityError(reason, TIP)
        if reason not in state.warned:
            state.warned.add(reason)
            self.warn(f"{reason}; {otherwise}")


def plain(name: str) -> str:
    """A name that others gave, as it may stand in the log: short, valid, without secrets."""
    return clip(redact(portable(name)), SHORT)


@dataclass
class _Met:
    """What the engine said of itself when it was last well."""

    capabilities: Capabilities = field(default_factory=Capabilities)


@dataclass(frozen=True)
class Audited:
    """An engine whose every call is in a log; `version` is the engine's, where it is known.

    The trial by which `health` finds out whether a model is fit is a call as well.
    """

    name: ClassVar[str] = "audited"
    engine: Engine
    log: Log
    version: str = ""
    _met: _Met = field(default_factory=_Met, init=False, repr=False, compare=False)

    @property
    def patience(self) -> float:
        """That of the engine."""
        return self.engine.patience

    def health(self, deadline: float) -> Health:
        """That of the engine; not well where a record is required and cannot be written."""
        started = time.monotonic()
        try:
            call = self.log.append("intent", {"task": "trial"} | self._model())
            health = self.engine.health(deadline)
            self._met.capabilities = health.capabilities
            outcome = "ok" if health.ok else "unwell"
            self.log.append("result", _result(call, outcome, started) | self._model())
        except IntegrityError as error:
            spent = time.monotonic() - started
            return Health(ok=False, reason=error.message, tip=error.tip, seconds=spent, unsafe=True)
        return health

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        """Record, ask, record. Raises IntegrityError where a record is required and fails."""
        call = self.log.append("intent", self._intent(prompt, schema))
        started, outcome = time.monotonic(), "interrupted"
        found: dict[str, Any] = {}
        try:
            done = self.engine.complete(prompt, schema)
            outcome, found = done.finish, self._answer(done)
        except (EngineError, ReviewerError) as error:
            outcome = type(error).__name__
            raise
        finally:
            self.log.append("result", _result(call, outcome, started) | found)
        return done

    def count(self, text: str, deadline: float) -> int | None:
        """Ask the engine: no model is called for that."""
        return self.engine.count(text, deadline)

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def _model(self) -> dict[str, Any]:
        known = self._met.capabilities
        return {
            "engine": plain(known.dialect), "engine_version": plain(self.version),
            "model_name": plain(known.model_id), "model_sha256": plain(known.weights_sha256),
        }  # fmt: skip

    def _intent(self, prompt: Prompt, schema: Schema | None) -> dict[str, Any]:
        digest = self.log.digest
        asked = chain.canonical([[each.role, each.content] for each in prompt.messages])
        held_to = "" if schema is None else digest(chain.canonical(dict(schema)))
        return self._model() | {
            "task": plain(prompt.task),
            "prompt_template_sha256": plain(prompt.template),
            "prompt_sha256": digest(asked),
            "schema_sha256": held_to,
            "params": {
                "max_tokens": prompt.max_tokens, "seed": prompt.seed, "top_k": prompt.top_k,
                "temperature": prompt.temperature, "top_p": prompt.top_p,
            },
        }  # fmt: skip

    def _answer(self, done: Completion) -> dict[str, Any]:
        return {
            "answered_by": plain(done.engine),
            "response_sha256": self.log.digest(done.text.encode("utf-8", "surrogatepass")),
            "prompt_tokens": done.usage.prompt,
            "cached_tokens": done.usage.cached,
            "response_tokens": done.usage.answer,
        }


def _result(call: int | None, outcome: str, started: float) -> dict[str, Any]:
    """`call` is the number of the record of the intent."""
    latency = round((time.monotonic() - started) * 1000)
    return {"call": call, "outcome": outcome, "latency_ms": latency}
