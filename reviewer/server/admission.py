"""Who may generate now, who waits, and who is sent away. Pure: time comes in as a number."""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from reviewer.server.plan import PAGE

FULL: Final = 0.95
"""Share of the cache's pages that running requests may need in the end."""

PREFILL: Final = 2
"""Prompts that are read at once: each turn of the engine reads a chunk of every one of them, and
all running answers wait for that."""

SKIPS: Final = 4
"""Times that a request may be passed by others which fit where it does not."""

RATE_SECONDS: Final = 10
"""How far back the speed is measured."""


@dataclass(eq=False)
class Ticket:
    """A request in the queue or at work. `deadline` is a point in time, in seconds."""

    id: str
    tenant: str
    prompt_tokens: int
    max_tokens: int
    deadline: float
    skipped: int = 0

    @property
    def pages(self) -> int:
        """Of the cache, when it runs to its end."""
        return -(-(self.prompt_tokens + self.max_tokens) // PAGE)


@dataclass(frozen=True)
class Busy:
    """Why a request is sent away, and the seconds after which it may be worth another try."""

    reason: str
    retry_after: int


@dataclass
class Rate:
    """Tokens a second over the last busy seconds."""

    _seconds: deque[list[int]] = field(default_factory=lambda: deque(maxlen=RATE_SECONDS))

    def add(self, tokens: int, now: float) -> None:
        """`tokens` were generated."""
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0])
        self._seconds[-1][1] += tokens

    def __call__(self, now: float) -> float | None:
        """The speed, None while too little was seen."""
        whole = [n for second, n in self._seconds if int(now) - 60 < second < int(now)]
        return sum(whole) / len(whole) if len(whole) >= 3 else None


@dataclass
class Desk:
    """The queue before the engine. `pages` are those of its cache."""

    pages: int
    max_batch: int
    max_queue: int
    prefills: int = PREFILL
    """Prompts that are read at once; one when the engine ran out of memory."""
    rate: Rate = field(default_factory=Rate)
    waiting: list[Ticket] = field(default_factory=list)
    active: dict[str, Ticket] = field(default_factory=dict)
    prefill: set[str] = field(default_factory=set)

    @property
    def used(self) -> int:
        """Pages that running requests need in the end."""
        return sum(ticket.pages for ticket in self.active.values())

    @property
    def room(self) -> int:
        """Pages that running requests may need in the end."""
        return max(1, int(FULL * self.pages))

    def enter(self, ticket: Ticket, now: float) -> Busy | None:
        """Take a request into the queue, or say why not."""
        speed = self.rate(now)
        ahead = sum(each.max_tokens for each in (*self.waiting, *self.active.values()))
        wait = ahead / speed if speed else 0.0
        if len(self.waiting) >= self.max_queue:
            return Busy(f"{len(self.waiting)} requests are waiting", _seconds(wait))
        if self.waiting and speed and now + wait > ticket.deadline:
            return Busy(f"there is work for {_seconds(wait)} seconds", _seconds(wait))
        self.waiting.append(ticket)
        return None

    def next(self) -> Ticket | None:
        """The request to start now, which counts as running from here on.

        A request of another tenant waits until the engine is empty, so that its pages can be
        cleared. Whoever does not fit is passed at most `SKIPS` times.
        """
        passed: list[Ticket] = []
        for ticket in self._in_turn():
            if self._fits(ticket):
                for each in passed:
                    each.skipped += 1
                self.waiting.remove(ticket)
                self.active[ticket.id] = ticket
                self.prefill.add(ticket.id)
                return ticket
            if ticket.skipped >= SKIPS:
                return None
            passed.append(ticket)
        return None

    def _in_turn(self) -> list[Ticket]:
        """Who was passed too often first, then as they came."""
        return sorted(self.waiting, key=lambda each: each.skipped < SKIPS)

    def _fits(self, ticket: Ticket) -> bool:
        return (
            len(self.active) < self.max_batch
            and len(self.prefill) < self.prefills
            and self.used + ticket.pages <= self.room
            and all(each.tenant == ticket.tenant for each in self.active.values())
        )

    def started(self, name: str) -> None:
        """The prompt of a request is read."""
        self.prefill.discard(name)

    def leave(self, name: str) -> None:
        """A request is over, wherever it was."""
        self.prefill.discard(name)
        self.active.pop(name, None)
        self.waiting = [ticket for ticket in self.waiting if ticket.id != name]


def _seconds(wait: float) -> int:
    return min(max(1, math.ceil(wait)), 60)
