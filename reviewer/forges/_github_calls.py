"""Every call to GitHub, and the one policy of when a call is made a second time.

PyGithub sends, and does no more: its own retries and sleeps are off, because they send a POST
again that GitHub may have stored, and it is asked for plain answers (`Requester.requestJson`),
because its objects follow addresses that answers name and send requests of their own.

A read is repeated with growing pauses. A write is sent once; when nobody knows what became of it,
its own traces are looked for before it may be sent a second and last time. Waits that GitHub asks
for are kept as long as our patience lasts.
"""

import logging
import queue
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import github
import requests
import urllib3
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from reviewer.errors import InputError, Unreachable
from reviewer.forges._github_answers import (
    Answer,
    Garbled,
    Limited,
    Unclear,
    accepted,
    data_of,
    decoded,
)
from reviewer.version import VERSION

T = TypeVar("T")

API: Final = "https://api.github.com"

PAGE: Final = 100
"""Most items of one page (https://docs.github.com/en/rest/using-the-rest-api/using-pagination)."""

READS: Final = 5
"""Times that one thing is asked for, at most."""

PACE: Final = 1.0
"""Seconds between two writes ("Best practices for using the REST API": pause between requests)."""

PAUSE: Final = 60.0
"""Seconds to wait at a limit that names no time ("Rate limits for the REST API": a minute)."""

LOOKS: Final = (1.0, 3.0)
"""Seconds before each look for the traces of a write: lists lag behind."""

_BACKOFF: Final = wait_exponential(multiplier=1, max=8)
_JITTER: Final = wait_random(0, 1)
_TOKEN: Final = re.compile(r"[!-~]{1,1024}")

BROKEN: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    github.GithubException,
    OSError,
    ValueError,
    RuntimeError,
    AssertionError,
    AttributeError,
)
"""What PyGithub and those below it raise when an answer is broken, missing, or leads elsewhere."""


@dataclass
class Calls:
    """The calls of one run, by `token` to the REST API at `api` (GitHub Enterprise: .../api/v3).

    `patience` is how many seconds the run can wait in all, `timeout` how long GitHub may be silent,
    `deadline` how long one request may take as a whole. Raises InputError when it cannot be.
    """

    token: str = field(repr=False)
    api: str = API
    patience: float = 600.0
    timeout: int = 15
    deadline: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _written: float = field(default=float("-inf"), init=False)
    _client: github.Github = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not __debug__:
            raise InputError("Python runs with -O, which removes checks", "leave -O out")
        if not _TOKEN.fullmatch(self.token):
            raise InputError("there is no token for GitHub", "set GITHUB_TOKEN or the input token")
        address = urllib.parse.urlsplit(self.api)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise InputError("GITHUB_API_URL is not the address of an API", f"such as {API}")
        _silence()
        self._client = self._connected()

    def _connected(self) -> github.Github:
        return github.Github(
            auth=github.Auth.Token(self.token),
            base_url=self.api.rstrip("/"),
            user_agent=f"reviewer/{VERSION}",
            timeout=self.timeout,
            per_page=PAGE,
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
            lazy=True,
        )

    def read(self, path: str, kind: type[T], **parameters: str | int) -> T:
        """What a GET says. Raises ForgeError."""
        return self.repeated(
            lambda: decoded(accepted(self._sent("GET", path, None, parameters)), kind)
        )

    def query(self, question: str, variables: Mapping[str, Any], kind: type[T]) -> T:
        """The data that a GraphQL query gives. Raises ForgeError."""
        return self.repeated(lambda: decoded(data_of(self._asked(question, variables)), kind))

    def write(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None,
        kind: type[T],
        landed: Callable[[], T | None] | None,
    ) -> T:
        """What a POST, PATCH or DELETE says. Raises ForgeError.

        `landed` looks for what an earlier attempt left; None where a second one does no harm.
        """

        def send() -> T:
            return decoded(accepted(self._sent(verb, path, body)), kind)

        return self._written_once(send, landed)

    def mutate(
        self,
        name: str,
        given: Mapping[str, Any],
        wanted: str,
        landed: Callable[[], bool | None],
    ) -> bool:
        """Do a GraphQL mutation of which the fields `wanted` are read. Raises ForgeError."""
        kind = f"{name[0].upper()}{name[1:]}Input!"
        question = f"mutation($input: {kind}) {{ {name}(input: $input) {{ {wanted} }} }}"

        def send() -> bool:
            data_of(self._asked(question, {"input": given}))
            return True

        return self._written_once(send, landed)

    def repeated(self, action: Callable[[], T]) -> T:
        """Do something harmless until it succeeds. It raises Unclear or Limited to be repeated.

        Raises ForgeError.
        """
        return self._policy(stop_after_attempt(READS), action)

    def _written_once(self, send: Callable[[], T], landed: Callable[[], T | None] | None) -> T:
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
            sleep=self._rest,
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

    def _rest(self, seconds: float) -> None:
        self.patience -= seconds
        self.sleep(seconds)

    def _pace(self) -> None:
        early = self._written + PACE - self.clock()
        if early > 0:
            self.sleep(early)

    def _found(self, landed: Callable[[], T | None]) -> T | None:
        for seconds in LOOKS:
            self._rest(seconds)
            if (there := landed()) is not None:
                return there
        return None

    def _asked(self, question: str, variables: Mapping[str, Any]) -> Answer:
        body = {"query": question, "variables": variables}
        return self._sent("POST", self._client.requester.graphql_url, body)

    def _sent(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Answer:
        """One answer to one request. Raises Unclear, with none of the server's own words."""
        client = self._client

        def send() -> Answer:
            return Answer(
                *client.requester.requestJson(verb, path, dict(parameters or {}), {}, body)
            )

        try:
            return _within(self.deadline, send)
        except (TimeoutError, requests.Timeout):
            # The request that hangs keeps its connection: the next one gets another.
            self._client = self._connected()
            raise Unclear("GitHub did not answer in time") from None
        except requests.exceptions.SSLError:
            raise Unclear("GitHub's certificate is not trusted here") from None
        except requests.ConnectionError:
            raise Unclear("the connection to GitHub failed") from None
        except BROKEN:
            raise Unclear("GitHub's answer broke off, or leads elsewhere") from None


def _within(seconds: float, action: Callable[[], T]) -> T:
    """Do something that may never end. Raises TimeoutError then, and leaves it behind.

    PyGithub asks again for ever while GitHub answers 202, and a body that trickles in has no
    deadline in requests.
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


def _silence() -> None:
    """Keep the server's words off our stderr, where a runner might take them for commands."""
    for name in ("github", "urllib3"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
