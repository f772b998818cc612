"""What to do about an engine that dies: when to start it again, and which request not to try again.

Pure: time comes in as a number.
"""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final

CRASHES: Final = 2
"""A request that was at work in so many of them is not tried again."""

REMEMBERED: Final = 1024


class Restarts:
    """Waits a little longer each time, and gives up on an engine that keeps dying."""

    def __init__(self, waits: Sequence[float], window: float) -> None:
        self._waits, self._window = waits, window
        self._times: deque[float] = deque()
        self.total = 0

    def next(self, now: float) -> float | None:
        """Seconds to wait before the next start, None when there is to be none."""
        while self._times and self._times[0] < now - self._window:
            self._times.popleft()
        if len(self._times) >= len(self._waits):
            return None
        self._times.append(now)
        self.total += 1
        return self._waits[len(self._times) - 1]


class Quarantine:
    """Requests by a hash of what they ask, and the crashes that they were present at."""

    def __init__(self) -> None:
        self._crashes: OrderedDict[bytes, int] = OrderedDict()

    @staticmethod
    def key(prompt: Sequence[int], grammar: str | None) -> bytes:
        """What makes two requests the same."""
        text = f"{','.join(map(str, prompt))}|{grammar}"
        return hashlib.sha256(text.encode()).digest()

    def blame(self, key: bytes) -> None:
        """The engine died while this one was at work."""
        self._crashes[key] = self._crashes.pop(key, 0) + 1
        if len(self._crashes) > REMEMBERED:
            self._crashes.popitem(last=False)

    def holds(self, key: bytes) -> bool:
        """Whether it is not to be tried again."""
        return self._crashes.get(key, 0) >= CRASHES


class Repetition:
    """Notices an answer that goes round in circles."""

    PERIOD: Final = 512
    """Characters of the longest circle that is noticed."""
    SPAN: Final = 4096
    """Characters that must be nothing but the circle."""
    EVERY: Final = 512

    def __init__(self) -> None:
        self._tail = ""
        self._unseen = 0

    def feed(self, text: str) -> bool:
        """Whether the answer, with this piece, goes in circles."""
        self._tail = (self._tail + text)[-(self.SPAN + self.PERIOD) :]
        self._unseen += len(text)
        if self._unseen < self.EVERY or len(self._tail) < self.SPAN + self.PERIOD:
            return False
        self._unseen = 0
        tail = self._tail
        before = tail.rfind(tail[-64:], 0, len(tail) - 1)
        period = len(tail) - 64 - before
        return (
            0 < period <= self.PERIOD and tail[-self.SPAN :] == tail[-self.SPAN - period : -period]
        )
