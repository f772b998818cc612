"""Faults that the fake of GitHub plays on request: see `GitHub.fault`."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

HTML = b"<html><head><title>Unicorn!</title></head><body>GitHub is having a bad day</body></html>"


@dataclass(frozen=True)
class Reply:
    """Bytes to send. `missing`: bytes promised and not sent; `reset`, `hang`: no answer at all."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0
    reset: bool = False
    hang: float = 0.0


@dataclass(frozen=True)
class Fault:
    """What happens to a request. `stored`: the work is done all the same.

    `spoil` makes the reply from the true one (which is None when nothing was done). `orphan` and
    `lag` change the work instead.
    """

    name: str
    spoil: Callable[[Reply | None], Reply] | None = None
    stored: bool = False
    orphan: str | None = None
    lag: int = 0


def _reply(status: int, body: Any, headers: Mapping[str, str]) -> Reply:
    kind = "text/html" if isinstance(body, bytes) else "application/json; charset=utf-8"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, data, {"Content-Type": kind, **headers})


def answer(
    status: int, body: Any, headers: Mapping[str, str] | None = None, *, stored: bool = False
) -> Fault:
    """Any answer: bytes are sent as HTML, everything else as JSON."""
    reply = _reply(status, body, headers or {})
    return Fault(str(status), lambda _: reply, stored)


def error(
    status: int, message: str, headers: Mapping[str, str] | None = None, *, stored: bool = False
) -> Fault:
    return answer(status, _message(message), headers, stored=stored)


def _message(text: str) -> dict[str, str]:
    return {"message": text, "documentation_url": "https://docs.github.com/rest"}


def bad_gateway(*, stored: bool = False) -> Fault:
    """502 with a page of HTML. GitHub has been seen to send it after storing the review."""
    return answer(502, HTML, stored=stored)


def server_error(status: int = 503, *, stored: bool = False) -> Fault:
    return error(status, "Service Unavailable", stored=stored)


def secondary_limit(retry_after: float | None = 30, status: int = 403) -> Fault:
    """403 or 429, usually with Retry-After (seconds)."""
    text = "You have exceeded a secondary rate limit. Please wait a few minutes."
    after = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return error(status, text, after)


def primary_limit(reset_in: float = 3000, status: int = 403) -> Fault:
    """Nothing left until the reset, `reset_in` seconds from when the answer is sent."""

    def spoil(_: Reply | None) -> Reply:
        moment = str(int(time.time() + reset_in))
        headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": moment}
        body = _message("API rate limit exceeded for installation ID 1.")
        return _reply(status, body, headers)

    return Fault("primary limit", spoil)


def abuse() -> Fault:
    """A limit in the shape of a 422."""
    body = {
        "message": "Validation Failed",
        "errors": [{"resource": "PullRequestReview", "code": "abuse", "field": "base",
                    "message": "was submitted too quickly"}],
        "documentation_url": "https://docs.github.com/rest",
    }  # fmt: skip
    return answer(422, body)


def unauthorized() -> Fault:
    return error(401, "Bad credentials")


def forbidden() -> Fault:
    return error(403, "Resource not accessible by integration")


def not_found() -> Fault:
    return error(404, "Not Found")


def redirect(to: str, status: int = 307) -> Fault:
    body = {"message": "Moved Permanently", "url": to}
    return answer(status, body, {"Location": to})


def reset(*, stored: bool = False) -> Fault:
    """The connection is reset."""
    return Fault("reset", lambda _: Reply(0, reset=True), stored)


def hang(seconds: float = 3600, *, stored: bool = False) -> Fault:
    """Silence, then the connection is closed without an answer."""
    return Fault("hang", lambda _: Reply(0, hang=seconds), stored)


def cut(*, stored: bool = True) -> Fault:
    """The body ends before its Content-Length."""
    return Fault("cut", lambda r: replace(r or Reply(200, b"{"), missing=100), stored)


def bad_json(*, stored: bool = True) -> Fault:
    """The status of success with half a body."""
    return Fault("bad json", lambda r: replace(r or Reply(200), body=b'{"id": 1, "bo'), stored)


def orphan(state: str = "COMMENTED") -> Fault:
    """Where the review is refused (422), a record of it without comments stays behind.

    `state` is PENDING or COMMENTED.
    """
    return Fault("orphan", orphan=state)


def lag(reads: int = 1) -> Fault:
    """What is written is left out of the next `reads` reads of a list."""
    return Fault("lag", lag=reads)


@dataclass
class Rule:
    """One line of the script: which requests it meets, and what they meet."""

    method: str
    path: str
    action: Fault | Callable[[], object]
    nth: int = 1
    times: float = 1
    contains: str = ""
    seen: int = 0

    def meets(self, method: str, path: str, body: bytes) -> bool:
        """Counts the request; True from the nth match on, `times` times."""
        hit = fnmatchcase(method, self.method) and fnmatchcase(path, self.path)
        if not hit or self.contains.encode() not in body:
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times
