"""Every call to GitLab, repeated by the policy of `_calls`.

python-gitlab sends, and does no more: its own retries and waits are off, because they send a POST
again that GitLab may have stored, and no answer is turned into its objects. Redirects are not
followed: its tokens stand in headers of their own, which would go along to another host.
"""

import re
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import gitlab
import requests
import urllib3

from reviewer.errors import InputError, Rejected
from reviewer.forges._calls import Answer, Repeating, Unclear, decoded, silence, within
from reviewer.forges._gitlab_answers import accepted
from reviewer.version import VERSION

T = TypeVar("T")

V4: Final = "/api/v4"

PAGE: Final = 100
"""Most items of a page (https://docs.gitlab.com/api/rest/#offset-based-pagination)."""

PAGES: Final = 100
"""Most pages that are read. A merge request takes 5,000 comments (https://docs.gitlab.com/
administration/instance_limits/, "Number of comments per issue, merge request, or commit")."""

PACE: Final = 0.2
"""Seconds between two writes: a user may create 300 notes a minute (https://docs.gitlab.com/
administration/settings/rate_limit_on_notes_creation/)."""

_TOKEN: Final = re.compile(r"[!-~]{1,1024}")

BROKEN: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    gitlab.GitlabError,
    OSError,
    ValueError,
)
"""What python-gitlab and those below it raise when an answer is broken, missing, or leads
elsewhere."""


@dataclass(frozen=True)
class _Line:
    """A client, and the answers it has heard."""

    client: gitlab.Gitlab
    heard: list[requests.Response]


@dataclass
class Calls(Repeating):
    """The calls of one run to the REST API at `api` (.../api/v4).

    `token` is a personal, project or group access token, or with `job` that of a CI/CD job.
    `authority` is a file with the certificates to trust, "" for the usual ones.
    """

    pace: ClassVar[float] = PACE
    token: str = field(repr=False)
    api: str
    patience: float = 600.0
    timeout: int = 15
    deadline: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    job: bool = False
    authority: str = ""
    _line: _Line = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise InputError("there is no token for GitLab", "set REVIEWER_TOKEN")
        address = urllib.parse.urlsplit(self.api)
        whole = address.scheme in ("http", "https") and address.hostname
        if not whole or not address.path.rstrip("/").endswith(V4):
            raise InputError(
                "CI_API_V4_URL is not the address of an API", "such as https://gitlab.com/api/v4"
            )
        if self.authority and not Path(self.authority).is_file():
            raise InputError(
                f"there is no file {self.authority}",
                "CI_SERVER_TLS_CA_FILE names the certificates of the authority to trust",
            )
        silence("gitlab")
        self._line = self._dialled()

    def _dialled(self) -> _Line:
        heard: list[requests.Response] = []

        def hear(response: requests.Response, **_: Any) -> None:
            heard[:] = [response]

        client = gitlab.Gitlab(
            self.api.rstrip("/").removesuffix(V4),
            private_token=None if self.job else self.token,
            job_token=self.token if self.job else None,
            ssl_verify=self.authority or True,
            timeout=self.timeout,
            user_agent=f"reviewer/{VERSION}",
            keep_base_url=True,
        )
        client.session.max_redirects = 0
        client.session.hooks["response"].append(hear)
        return _Line(client, heard)

    def read(self, path: str, kind: type[T], **parameters: str | int) -> T:
        """What a GET says. Raises ForgeError."""
        return self.repeated(
            lambda: decoded(accepted(self._sent("GET", path, None, parameters)), kind)
        )

    def pages(self, path: str, kind: type[T]) -> list[T]:
        """All items of a list. Raises ForgeError."""
        items: list[T] = []
        for page in range(1, PAGES + 1):
            found = self.read(path, list[kind], page=page, per_page=PAGE)  # type: ignore[valid-type]
            items += found
            if len(found) < PAGE:
                return items
        raise Rejected(f"there are more than {PAGE * PAGES:,} entries")

    def write(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None,
        kind: type[T],
        landed: Callable[[], T | None] | None,
    ) -> T:
        """What a POST, PUT or DELETE says. Raises ForgeError.

        `landed` looks for what an earlier attempt left; None where a second one does no harm.
        """
        return self.written_once(
            lambda: decoded(accepted(self._sent(verb, path, body)), kind), landed
        )

    def _sent(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Answer:
        """One answer to one request. Raises Unclear, with none of the server's own words."""
        line = self._line

        def send() -> Answer:
            line.heard.clear()
            try:
                line.client.http_request(
                    verb.lower(),
                    path,
                    query_data=dict(parameters or {}),
                    post_data=None if body is None else dict(body),
                    max_retries=0,
                )
            except (gitlab.GitlabHttpError, gitlab.GitlabAuthenticationError):
                # They leave out the headers, which tell how long to wait.
                if not line.heard:
                    raise
            said = line.heard[-1]
            headers = {name.lower(): value for name, value in said.headers.items()}
            return Answer(said.status_code, headers, said.text)

        try:
            return within(self.deadline, send)
        except (TimeoutError, requests.Timeout):
            # The request that hangs keeps its connection: the next one gets another.
            self._line = self._dialled()
            raise Unclear("GitLab did not answer in time") from None
        except requests.exceptions.SSLError:
            raise Unclear("GitLab's certificate is not trusted here") from None
        except requests.ConnectionError:
            raise Unclear("the connection to GitLab failed") from None
        except BROKEN:
            raise Unclear("GitLab's answer broke off, or leads elsewhere") from None
