"""What a client is told when it gets no answer, in the form that clients of OpenAI's API read.

https://platform.openai.com/docs/guides/error-codes
"""

from typing import Any


class Failure(Exception):
    """An answer that is an error. Its text quotes neither prompt nor answer."""

    def __init__(
        self, status: int, code: str, message: str, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that is sent."""
        kind = "invalid_request_error" if self.status < 429 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": None, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """Headers that go with it."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def bad(message: str, code: str = "invalid_request") -> Failure:
    """A request that will never be right."""
    return Failure(400, code, message)


def unavailable(code: str, message: str, retry_after: int | None = None) -> Failure:
    """A request that is right, for an engine that is not there."""
    return Failure(503, code, message, retry_after)
