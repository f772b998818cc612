"""What an answer of GitLab means: whether it is final, and whether the call may be made again.

Sources: https://docs.gitlab.com/api/rest/troubleshooting/ (status codes, `message` and `error`) and
https://docs.gitlab.com/security/rate_limits/ (429 with Retry-After in seconds).
"""

from typing import Any, Final

import msgspec

from reviewer.errors import Refused, Rejected
from reviewer.forges._calls import Answer, Limited, Unclear
from reviewer.text import log_line

LONGEST: Final = 300
"""Characters of GitLab's own words in a reason."""


def accepted(answer: Answer) -> str:
    """The text of an answer that says yes. Raises Unclear, Limited, Refused or Rejected."""
    status = answer.status
    if 200 <= status < 300:
        return answer.text
    words = said(answer.text)
    reason = f"GitLab answered {status}{': ' if words else ''}{words}"
    if status < 400 or status == 408 or status >= 500:
        raise Unclear(reason)
    if status == 429:
        after = answer.headers.get("retry-after", "")
        raise Limited(reason, float(after) if after.isdecimal() else None)
    if status in (401, 403, 404, 410, 451):
        raise Refused(reason)
    raise Rejected(reason)


def said(text: str) -> str:
    """GitLab's own words in an answer that says no, fit to be shown on one line."""
    try:
        body = msgspec.json.decode(text or "null")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    return log_line("; ".join(_words(body)), LONGEST)


def _words(body: Any) -> list[str]:
    """The sentences of an error: a text, a list of them, or lists by the name of a field."""
    if isinstance(body, str):
        return [body]
    if isinstance(body, list):
        return [word for each in body[:10] for word in _words(each)]
    if isinstance(body, dict):
        pairs = list(body.items())[:10]
        return [_named(name, word) for name, value in pairs for word in _words(value)]
    return []


def _named(name: str, word: str) -> str:
    return word if name in ("message", "error", "base") else f"{name} {word}"
