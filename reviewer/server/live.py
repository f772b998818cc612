"""One request on its way: what the engine says of it, for whoever answers the client."""

import asyncio
import time
from typing import TypeAlias

from reviewer.server.admission import Ticket
from reviewer.server.failures import Failure
from reviewer.server.policy import Repetition
from reviewer.server.protocol import Delta, Done, Started, Submit

Event: TypeAlias = Started | Delta | Done


class Live:
    """A request from its admission to its end. All times are of the monotonic clock."""

    def __init__(self, ticket: Ticket, submit: Submit, key: bytes, buffer: int) -> None:
        self.ticket = ticket
        self.submit = submit
        self.key = key
        self.entered = time.monotonic()
        self.submitted: float | None = None
        self.cancelled: float | None = None
        self.first: float | None = None
        self.last = self.entered
        self.tokens = 0
        self.over = False
        self._room = buffer
        self._repetition = Repetition()
        self._events: asyncio.Queue[Event | Failure] = asyncio.Queue()

    def put(self, event: Event | Failure) -> None:
        """Something happened."""
        self.over = self.over or isinstance(event, Done | Failure)
        self._events.put_nowait(event)

    def take(self, delta: Delta) -> bool:
        """A piece of the answer; whether there was room for it."""
        self._room -= len(delta.text)
        if self._room < 0:
            return False
        self.put(delta)
        return True

    def in_circles(self, text: str) -> bool:
        """Whether the answer repeats itself without end."""
        return self._repetition.feed(text)

    async def next(self, patience: float) -> Event | None:
        """What happened next, None when nothing did for `patience` seconds. Raises Failure."""
        left = self.ticket.deadline - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, min(patience, left))):
                event = await self._events.get()
        except TimeoutError:
            if left <= patience:
                raise Failure(
                    504, "deadline_exceeded", "the request did not end before its deadline"
                ) from None
            return None
        if isinstance(event, Failure):
            raise event
        if isinstance(event, Delta):
            self._room += len(event.text)
        return event
