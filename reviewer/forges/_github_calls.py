"""Every call to GitHub, repeated by the policy of `_calls`.

PyGithub sends, and does no more: its own retries and sleeps are off, because they send a POST
again that GitHub may have stored, and it is asked for plain answers (`Requester.requestJson`),
because its objects follow addresses that answers name and send requests of their own.
"""

import re
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

import github
import requests
import urllib3

from reviewer.errors import InputError
from reviewer.forges._calls import Answer, Repeating, Unclear, decoded, silence, within
from reviewer.forges._github_answers import accepted, data_of
from reviewer.version import VERSION

T = TypeVar("T")

API: Final = "https://api.github.com"

PAGE: Final = 100
"""Most items of one page (https://docs.github.com/en/rest/using-the-rest-api/using-pagination)."""

PACE: Final = 1.0
"""Seconds between two writes ("Best practices for using the REST API": pause between requests)."""

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
class Calls(Repeating):
    """The calls of one run, by `token` to the REST API at `api` (GitHub Enterprise: .../api/v3).

    `patience` is how many seconds the run can wait in all, `timeout` how long GitHub may be silent,
    `deadline` how long one request may take as a whole. Raises InputError when it cannot be.
    """

    pace: ClassVar[float] = PACE
    token: str = field(repr=False)
    api: str = API
    patience: float = 600.0
    timeout: int = 15
    deadline: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _client: github.Github = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not __debug__:
            raise InputError("Python runs with -O, which removes checks", "leave -O out")
        if not _TOKEN.fullmatch(self.token):
            raise InputError("there is no token for GitHub", "set GITHUB_TOKEN or the input token")
        address = urllib.parse.urlsplit(self.api)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise InputError("GITHUB_API_URL is not the address of an API", f"such as {API}")
        silence("github")
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

        return self.written_once(send, landed)

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

        return self.written_once(send, landed)

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
            return within(self.deadline, send)
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
