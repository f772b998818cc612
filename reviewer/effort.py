"""What the model's part of a review may take, and what it has taken by now."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reviewer.engines.base import Completion
from reviewer.errors import BadSchema, ContextTooLong, EngineError, Truncated
from reviewer.model import Effort
from reviewer.modelling import ModelSettings

FAILURES: Final = 3
"""Questions in a row that a broken engine may leave without an answer, before it is left alone."""

OWN: Final = (BadSchema, Truncated, ContextTooLong)
"""Failures that are those of one question, and say nothing of the next."""


class Spent(EngineError):
    """Nothing more may be asked: the text is which budget is used up."""


@dataclass
class Budget:
    """Counts what is spent, from several threads. `end` is an instant.

    An engine that failed `FAILURES` times in a row is spent too. `engines` are those that answered.
    """

    settings: ModelSettings
    end: float
    effort: dict[str, Any] = field(default_factory=lambda: defaultdict(int))
    seconds: dict[str, float] = field(default_factory=dict)
    broken: str = ""
    engines: set[str] = field(default_factory=set)
    _failures: int = 0
    _open: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def spent(self) -> str:
        """Why nothing more may be asked, "" if it may."""
        if self.broken:
            return self.broken
        if time.monotonic() >= self.end:
            return f"the {self.settings.seconds:g} seconds of model.seconds were over"
        if self.effort["requests"] >= self.settings.requests:
            return f"the {self.settings.requests:,} requests of model.requests were made"
        if self.effort["prompt_tokens"] + self.effort["answer_tokens"] >= self.settings.tokens:
            return f"the {self.settings.tokens:,} tokens of model.tokens were used"
        return ""

    def add(self, **more: int) -> None:
        """Count."""
        with self._changed:
            for name, number in more.items():
                self.effort[name] += number

    @contextmanager
    def request(self) -> Iterator[Callable[[Completion], None]]:
        """One request, made inside and counted whether or not it is answered; call the result with
        the answer. Raises Spent.

        A remembered answer costs nothing. So where those under way may be the last that are
        allowed, the next one waits for what becomes of them.
        """
        self._begin()
        made: list[Completion] = []
        try:
            yield made.append
        except EngineError as error:
            self._failed(error)
            raise
        finally:
            self._ended(made)

    def _begin(self) -> None:
        with self._changed:
            while not (why := self.spent()) and (
                self.effort["requests"] + self._open >= self.settings.requests
            ):
                self._changed.wait(max(0.0, self.end - time.monotonic()))
            if why:
                raise Spent(why)
            self._open += 1

    def _failed(self, error: EngineError) -> None:
        """Too many in a row end the asking."""
        with self._changed:
            self._failures = 0 if isinstance(error, OWN) else self._failures + 1
            if self._failures >= FAILURES and not self.broken:
                self.broken = str(error)

    def _ended(self, made: Sequence[Completion]) -> None:
        with self._changed:
            self._open -= 1
            self.effort["requests"] += not any(done.cached for done in made)
            for done in made:
                self._failures = 0
                self.engines.add(done.engine)
                self.effort["prompt_tokens"] += done.usage.prompt or 0
                self.effort["cached_tokens"] += done.usage.cached or 0
                self.effort["answer_tokens"] += done.usage.answer or 0
            self._changed.notify_all()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        started = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - started
            self.seconds[name] = self.seconds.get(name, 0.0) + spent

    def total(self) -> Effort:
        """All of it."""
        return replace(Effort(seconds=tuple(self.seconds.items())), **self.effort)
