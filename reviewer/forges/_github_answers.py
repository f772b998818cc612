"""What an answer of GitHub means: whether it is final, and whether the call may be made again.

Sources: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api,
"Best practices for using the REST API" and "Troubleshooting the REST API" beside it, and
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from reviewer.errors import Refused, Rejected
from reviewer.forges._calls import Answer, Limited, Unclear, decoded
from reviewer.text import log_line

LONGEST: Final = 300
"""Characters of GitHub's own words in a reason."""

_LIMIT: Final = re.compile(r"rate limit|abuse detection|submitted too quickly", re.IGNORECASE)
_PASSES: Final = re.compile(r"something went wrong|timed? ?out|timeout", re.IGNORECASE)
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_FORBIDDEN: Final = ("NOT_FOUND", "FORBIDDEN", "INSUFFICIENT_SCOPES")


class Complaint(msgspec.Struct, frozen=True):
    """One error of a GraphQL answer."""

    message: str = ""
    type: str | None = None


NULL: Final = msgspec.Raw(b"null")


class Reply(msgspec.Struct, frozen=True):
    """A GraphQL answer (https://spec.graphql.org/October2021/, section 7.1)."""

    data: msgspec.Raw = NULL
    errors: tuple[Complaint, ...] = ()


def accepted(answer: Answer) -> str:
    """The text of an answer that says yes. Raises Unclear, Limited, Refused or Rejected."""
    status = answer.status
    if 200 <= status < 300:
        return answer.text
    words = said(answer.text)
    reason = f"GitHub answered {status}{': ' if words else ''}{words}"
    if status < 400 or status == 408 or status >= 500:
        raise Unclear(reason)
    if _limits(answer, words):
        raise Limited(reason, _wait(answer.headers))
    if status in (401, 403, 404, 410, 451):
        raise Refused(reason)
    raise Rejected(reason)


def data_of(answer: Answer) -> msgspec.Raw:
    """The data of a GraphQL answer without errors. Raises what `accepted` raises."""
    reply = decoded(accepted(answer), Reply)
    if reply.data != NULL and not reply.errors:
        return reply.data
    words = "; ".join(error.message for error in reply.errors)
    reason = f"GitHub answered: {log_line(words, LONGEST) or 'nothing'}"
    kinds = {error.type for error in reply.errors}
    if "RATE_LIMITED" in kinds or _LIMIT.search(words):
        raise Limited(reason, _wait(answer.headers))
    if kinds & {*_FORBIDDEN}:
        raise Refused(reason)
    if not words or _PASSES.search(words):
        raise Unclear(reason)
    raise Rejected(reason)


def said(text: str) -> str:
    """GitHub's own words in an answer that says no, fit to be shown on one line."""
    try:
        body = msgspec.json.decode(text or "null")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    return log_line("; ".join(dict.fromkeys(filter(None, _words(body)))), LONGEST)


def _words(body: Any) -> list[str]:
    """The sentences of an error: `message`, and `errors` as sentences or objects."""
    if isinstance(body, str):
        return [body]
    if isinstance(body, list):
        return [word for each in body[:10] for word in _words(each)]
    if not isinstance(body, dict):
        return []
    message = body.get("message")
    code = body.get("code") if isinstance(body.get("code"), str) else ""
    own = message if isinstance(message, str) else ""
    return [own or str(code), *_words(body.get("errors")), *(["abuse"] if code == "abuse" else [])]


def _limits(answer: Answer, words: str) -> bool:
    if answer.status == 429:
        return True
    if answer.status == 403:
        headers = answer.headers
        spent = headers.get("x-ratelimit-remaining") == "0"
        return spent or "retry-after" in headers or bool(_LIMIT.search(words))
    # reviewdog and others met the secondary limit as a 422 with the code "abuse".
    return answer.status == 422 and bool(_LIMIT.search(words) or "abuse" in words.split("; "))


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds until the call may be made again, by the server's own clock; None if not said."""
    now = _time(headers.get("date", ""))
    after = headers.get("retry-after", "")
    if _SECONDS.fullmatch(after):
        return float(after)
    if after and now is not None and (then := _time(after)) is not None:
        return max(0.0, then - now)
    reset = headers.get("x-ratelimit-reset", "")
    if (
        headers.get("x-ratelimit-remaining") == "0"
        and _SECONDS.fullmatch(reset)
        and now is not None
    ):
        return max(0.0, float(reset) - now) + 1
    return None


def _time(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date (RFC 9110, section 5.6.7)."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
