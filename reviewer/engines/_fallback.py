"""Several engines in the order of preference, as one."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from reviewer.engines._closing import CLOSED, Closing
from reviewer.engines.base import Completion, Engine, Health, Prompt, Schema
from reviewer.errors import EngineDown


@dataclass
class _Chosen:
    """The one in use, by its number: -1 before the first look, one too many when none is left."""

    number: int = -1
    reason: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: Closing = field(default_factory=Closing)


@dataclass(frozen=True)
class Fallback:
    """The first of `engines` that is well answers; when it goes down, the next that is well does.

    One that was left is not asked again: a review has one way, and that is forward.
    """

    name: ClassVar[str] = "fallback"
    engines: Sequence[Engine]
    _chosen: _Chosen = field(default_factory=_Chosen, init=False, repr=False, compare=False)

    @property
    def patience(self) -> float:
        """Seconds that a look at the health of all may take."""
        return sum(engine.patience for engine in self.engines)

    def health(self, deadline: float) -> Health:
        """That of the first that is well; else every reason, and the first tip."""
        begun = self._chosen.closing.times
        with self._chosen.lock:
            return self._next(0, deadline, begun)

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        """Ask the one in use, and move on when it is down."""
        chosen, begun = self._chosen, self._chosen.closing.times
        while True:
            number = self._in_use(prompt.deadline, begun)
            try:
                return self.engines[number].complete(prompt, schema)
            except EngineDown:
                with chosen.lock:
                    if chosen.number == number:
                        self._next(number + 1, prompt.deadline, begun)
                    if chosen.number == len(self.engines):
                        raise

    def count(self, text: str, deadline: float) -> int | None:
        """Ask the one in use."""
        number = self._chosen.number
        inside = 0 <= number < len(self.engines)
        return self.engines[number].count(text, deadline) if inside else None

    def close(self) -> None:
        """Close all."""
        self._chosen.closing.close()
        for engine in self.engines:
            engine.close()

    def _in_use(self, deadline: float, begun: int) -> int:
        chosen = self._chosen
        with chosen.lock:
            chosen.closing.check(begun)
            if chosen.number < 0:
                self._next(0, deadline, begun)
            if chosen.number == len(self.engines):
                raise EngineDown(chosen.reason)
            return chosen.number

    def _next(self, first: int, deadline: float, begun: int) -> Health:
        """Choose the first that is well, from this number on; none once we were closed."""
        started = time.monotonic()
        chosen, found = self._chosen, []
        for number, engine in enumerate(self.engines[first:], first):
            health = engine.health(min(deadline, time.monotonic() + engine.patience))
            if chosen.closing.times != begun:
                return Health(ok=False, reason=CLOSED, seconds=time.monotonic() - started)
            chosen.number = number
            if health.ok:
                return health
            found.append(health)
        chosen.number = len(self.engines)
        chosen.reason = "; ".join(health.reason for health in found) or "no other model is set up"
        tip = next((health.tip for health in found if health.tip), "")
        spent = time.monotonic() - started
        return Health(ok=False, reason=chosen.reason, tip=tip, seconds=spent)
