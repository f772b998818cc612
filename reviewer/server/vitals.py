"""What a worker shows of itself while it runs, and what that says of it.

Pure: time comes in as a number.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from reviewer.server.protocol import Beat, Stats

TURNS: Final = 200
"""Last turns that are remembered, for the report of its death."""

GROWTH: Final = 1.1
"""GPU memory that it may hold, as a share of what it planned."""


class Pace:
    """How long its turns take, and so after which time without one it is stuck.

    Only turns that read a part of a prompt count: they are the longest that there are.
    """

    KEPT: Final = 256
    ENOUGH: Final = 20
    """Turns after which its pace is known."""
    TIMES: Final = 4
    """Of the 99th percentile, and of what is usual at most."""

    def __init__(self) -> None:
        self._turns: deque[float] = deque(maxlen=self.KEPT)

    def add(self, seconds: float) -> None:
        """A turn took so long."""
        self._turns.append(seconds)

    def allowed(self, usual: float, least: float) -> float:
        """Seconds without a turn: `usual` until its pace is known, and never less than `least`."""
        if len(self._turns) < self.ENOUGH:
            return usual
        p99 = sorted(self._turns)[math.ceil(0.99 * len(self._turns)) - 1]
        return min(max(self.TIMES * p99, least), self.TIMES * usual)


@dataclass
class Vitals:
    """Of one worker. `last_sign` is when anything was heard of it, or when it was started."""

    last_sign: float
    heard: bool = False
    oversized: int = 0
    """Looks in a row that found more GPU memory with it than it planned."""
    stats: Stats | None = None
    pace: Pace = field(default_factory=Pace)
    turns: deque[Beat] = field(default_factory=lambda: deque(maxlen=TURNS))

    def sign(self, now: float) -> None:
        """It said something."""
        self.last_sign, self.heard = now, True

    def turn(self, beat: Beat) -> None:
        """Its loop went round."""
        if beat.active or beat.prefill:
            self.turns.append(beat)
        if beat.prefill:
            self.pace.add(beat.seconds)

    def weigh(self, stats: Stats, planned: int) -> None:
        """So much memory it holds, and so much it planned (bytes, 0 when it could not tell)."""
        self.stats = stats
        over = planned and stats.reserved > GROWTH * planned
        self.oversized = self.oversized + 1 if over else 0
