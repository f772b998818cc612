"""What the model's part of a review may take, and what it has taken by now."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reviewer.engines.base import Completion
from reviewer.model import Effort
from reviewer.modelling import ModelSettings

FAILURES: Final = 3
"""Questions in a row that a broken engine may leave without an answer, before it is left alone."""


@dataclass
class Budget:
    """Counts what is spent, from several threads. `end` is an instant.

    An engine that failed `FAILURES` times in a row is spent too.
    """

    settings: ModelSettings
    end: float
    effort: dict[str, Any] = field(default_factory=lambda: defaultdict(int))
    seconds: dict[str, float] = field(default_factory=dict)
    broken: str = ""
    _failures: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

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
        with self._lock:
            for name, number in more.items():
                self.effort[name] += number

    def asked(self, done: Completion) -> None:
        """Count a request that was answered; a remembered answer costs nothing."""
        self._failures = 0
        if not done.cached:
            usage = done.usage
            self.add(
                requests=1,
                prompt_tokens=usage.prompt or 0,
                cached_tokens=usage.cached or 0,
                answer_tokens=usage.answer or 0,
            )

    def failed(self, reason: str) -> None:
        """Count a request without an answer; too many in a row end the asking."""
        with self._lock:
            self.effort["requests"] += 1
            self._failures += 1
            if self._failures >= FAILURES and not self.broken:
                self.broken = reason

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
