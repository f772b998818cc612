"""The one policy of when a call to a forge is made a second time.

A read is repeated with growing pauses. A write is sent once; when nobody knows what became of it,
its own traces are looked for before it may be sent a second and last time. Waits that the forge
asks for are kept as long as our patience lasts.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

import msgspec
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from reviewer.errors import Unreachable

T = TypeVar("T")

READS: Final = 5
"""Times that one thing is asked for, at most."""

PAUSE: Final = 60.0
"""Seconds to wait at a limit that names no time ("Rate limits for the REST API": a minute)."""

LOOKS: Final = (1.0, 3.0)
"""Seconds before each look for the traces of a write: lists lag behind."""

_BACKOFF: Final = wait_exponential(multiplier=1, max=8)
_JITTER: Final = wait_random(0, 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case) and text of an answer."""

    status: int
    headers: Mapping[str, str]
    text: str


class Unclear(Exception):
    """Nobody knows what became of the call; the text is a reason."""


class Garbled(Unclear):
    """The call was heard and done, but the answer cannot be read."""


class Limited(Exception):
    """The call was not done, and may be made `seconds` from now; None: the forge does not say."""

    def __init__(self, reason: str, seconds: float | None) -> None:
        super().__init__(reason)
        self.seconds = seconds


def decoded(text: str | msgspec.Raw, kind: type[T]) -> T:
    """What a forge sent. Raises Garbled."""
    try:
        return msgspec.json.decode(text or "null", type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Garbled("the forge's answer cannot be read") from None


class Repeating:
    """Calls that may be repeated. `patience` is how many seconds can be waited in all.

    `pace` is the seconds between two writes, `sleep` and `clock` are those of `time`.
    """

    pace: ClassVar[float]
    patience: float
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    _written: float = float("-inf")

    def repeated(self, action: Callable[[], T]) -> T:
        """Do something harmless until it succeeds. It raises Unclear or Limited to be repeated.

        Raises ForgeError.
        """
        return self._policy(stop_after_attempt(READS), action)

    def written_once(self, send: Callable[[], T], landed: Callable[[], T | None] | None) -> T:
        """Write by `send`, at most twice; `landed` finds what an unclear attempt left, if it can.

        Raises ForgeError.
        """
        sent = False

        def attempt() -> T:
            nonlocal sent
            if sent and landed and (there := landed()) is not None:
                return there
            sent = True
            self._pace()
            try:
                return send()
            except Unclear:
                if landed and (there := self._found(landed)) is not None:
                    return there
                raise
            finally:
                self._written = self.clock()

        return self._policy(_spent, attempt)

    def _policy(self, stop: Callable[[RetryCallState], bool], action: Callable[[], T]) -> T:
        again = Retrying(
            retry=retry_if_exception_type((Unclear, Limited)),
            stop=stop,
            wait=_wait,
            before_sleep=self._afford,
            sleep=self.rest,
            reraise=True,
        )
        try:
            return again(action)
        except (Unclear, Limited) as error:
            raise Unreachable(str(error)) from None

    def _afford(self, state: RetryCallState) -> None:
        """Raise Unreachable when we have no patience for the wait to come."""
        seconds = state.next_action.sleep if state.next_action else 0.0
        if seconds > self.patience:
            error = state.outcome.exception() if state.outcome else None
            raise Unreachable(
                f"{error}; it wants a wait of {seconds:,.0f} s, "
                f"more than the {self.patience:,.0f} s that are left"
            )

    def rest(self, seconds: float) -> None:
        """Wait, at the cost of our patience."""
        self.patience -= seconds
        self.sleep(seconds)

    def _pace(self) -> None:
        early = self._written + self.pace - self.clock()
        if early > 0:
            self.sleep(early)

    def _found(self, landed: Callable[[], T | None]) -> T | None:
        for seconds in LOOKS:
            self.rest(seconds)
            if (there := landed()) is not None:
                return there
        return None


def within(seconds: float, action: Callable[[], T]) -> T:
    """Do something that may never end. Raises TimeoutError then, and leaves it behind.

    A body that trickles in has no deadline in requests, and clients have loops of their own.
    """
    done: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            done.put((action(), None))
        except BaseException as error:  # it is raised again where it belongs
            done.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # there is one where there is no error


def _spent(state: RetryCallState) -> bool:
    """Whether a write may not be sent again: done, unclear twice, or at the limit three times."""
    error = state.outcome.exception() if state.outcome else None
    most = 3 if isinstance(error, Limited) else 2
    return isinstance(error, Garbled) or state.attempt_number >= most


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, Limited):
        return _BACKOFF(state) + _JITTER(state)
    asked = error.seconds
    growing = PAUSE * 2 ** (state.attempt_number - 1)
    return (growing if asked is None else asked) + _JITTER(state)


def silence(library: str) -> None:
    """Keep the server's words off our stderr, where a runner might take them for commands."""
    for name in (library, "urllib3"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
