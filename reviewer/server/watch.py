"""When a worker is to be ended: it is stuck, does not stop what was cancelled, or grows."""

from dataclasses import dataclass

from reviewer.server.engine import Engine
from reviewer.server.settings import Settings
from reviewer.server.worker_link import Link

TIMES = 3
"""Looks in a row that must find it too large."""


@dataclass
class Watch:
    """Looks at one worker. `drained` is when it was asked to end."""

    engine: Engine
    settings: Settings
    link: Link
    drained: float | None = None
    retired: float | None = None
    _heavy: int = 0

    def stuck(self, now: float) -> str:
        """Why the worker is taken for stuck, "" when it is not."""
        patience, vitals = self.settings.patience, self.engine.vitals
        allowed = patience.load if vitals.heard else patience.start
        if self.engine.limits is not None:
            allowed = vitals.pace.allowed(patience.beat, patience.least)
        if now - vitals.last_sign > allowed:
            return f"the engine gave no sign of life for {allowed:.3g} seconds"
        cancelled = [each.cancelled for each in self.engine.live.values() if each.cancelled]
        if cancelled and now - min(cancelled) > patience.cancel:
            return "the engine did not stop what was cancelled"
        if self.drained and now - self.drained > patience.exit:
            return "the engine did not end when it was asked to"
        return ""

    def grown(self) -> str:
        """Why the worker is taken for too large, "" when it is not; to be asked at each look."""
        limit = self.settings.worker_bytes
        over = limit is not None and self.link.resident() > limit
        self._heavy = self._heavy + 1 if over else 0
        if self._heavy >= TIMES:
            return "the engine took more memory than it may"
        if self.engine.vitals.oversized >= TIMES:
            return "the engine took more of the GPU's memory than it planned"
        return ""

    def idle(self, now: float) -> bool:
        """Whether one that is too large may be ended: nothing runs on it, or that takes too long.

        From the first call on nothing is started on it.
        """
        self.retired = self.retired or now
        late = now - self.retired > self.settings.patience.retire
        return late or not self.engine.desk.active
