"""Who may ask, and in which form everybody is told no: what stands before all handlers."""

import hmac
import re
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from reviewer.server.failures import Failure
from reviewer.server.metrics import Metrics

OPEN: Final = ("/health", "/health/live")
"""What may be asked without the token: no text of anybody is in it."""

HOST: Final = re.compile(r"(127\.0\.0\.1|\[::1\]|localhost)(:\d{1,5})?", re.ASCII)
"""By which names we are spoken to. Another is that of a page that had its name moved to here."""

CODES: Final = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
"""How the errors of aiohttp itself are called."""

CLIENT_GONE: Final = 499
"""The code that nginx has for it."""


def answered(metrics: Metrics) -> Middleware:
    """Errors in the form of the API, and each answer counted."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        code = CLIENT_GONE
        try:
            response = await handler(request)
        except Failure as failure:
            code = failure.status
            return web.json_response(failure.body, status=code, headers=failure.headers)
        except web.HTTPException as error:
            code = error.status
            body: dict[str, Any] = Failure(code, CODES.get(code, "http_error"), error.reason).body
            return web.json_response(body, status=code)
        else:
            code = response.status
            return response
        finally:
            metrics.requests.labels(str(code)).inc()

    return handle


def guarded(token: str) -> Middleware:
    """Only those who know our name and the token get in."""
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not HOST.fullmatch(request.host):
            raise Failure(403, "wrong_host", "this server is called by 127.0.0.1 alone")
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if request.path not in OPEN and not hmac.compare_digest(given, expected):
            raise Failure(401, "invalid_api_key", "the bearer token is not the one of this server")
        return await handler(request)

    return handle
