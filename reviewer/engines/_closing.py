"""Lets go of whoever waits for an engine, when it is closed."""

import threading
from typing import Final

from reviewer.errors import EngineDown

CLOSED: Final = "the engine was closed"


class Closing:
    """Counts how often an engine was closed.

    What was begun before ends, wherever it waits, and starts nothing more; what begins afterwards
    is not concerned.
    """

    def __init__(self) -> None:
        self.times = 0
        self._changed = threading.Condition()

    def close(self) -> None:
        """Let go of all who wait now."""
        with self._changed:
            self.times += 1
            self._changed.notify_all()

    def check(self, begun: int) -> None:
        """Raises EngineDown where `times` is not what it was when a thing was begun."""
        if self.times != begun:
            raise EngineDown(CLOSED)

    def pause(self, seconds: float, begun: int) -> None:
        """Wait that long. Raises EngineDown as `check` does, at once."""
        with self._changed:
            self._changed.wait_for(lambda: self.times != begun, seconds)
        self.check(begun)
