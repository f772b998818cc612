"""How the fake of GitHub answers a request: token, contract, faults, the operation, its record."""

import base64
import binascii
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from tests.fakes import _github_backend as backend
from tests.fakes import _github_contract as contract
from tests.fakes import _github_graphql as graphql
from tests.fakes import _github_repo  # noqa: F401 - adds its operations
from tests.fakes import _github_rest as rest
from tests.fakes import _github_reviews as rules
from tests.fakes._github_faults import HTML, Fault, Reply, Rule
from tests.fakes._github_nodes import Context
from tests.fakes._github_shapes import Shapes
from tests.fakes._github_state import Refusal, State, Token

JSON = "application/json; charset=utf-8"
HOURLY = 1000
"""Requests an hour of a workflow's token (docs.github.com, "Rate limits for the REST API")."""


@dataclass
class Request:
    """One request as it came, and the status it got (0: no answer).

    `path` is without prefix and query; `at` is in seconds of a monotonic clock.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    is_write: bool
    account: str
    at: float
    status: int = 0
    fault: str = ""


@dataclass(frozen=True)
class Asked:
    """A request at work."""

    record: Request
    headers: Mapping[str, str]
    body: bytes
    query: str
    token: Token | None
    fault: Fault


class Desk:
    """Takes requests one at a time and answers them."""

    def __init__(self, state: State, site: str, prefix: str) -> None:
        """`site` is the server's address; `prefix` begins the paths of the API ("" or /api/v3)."""
        self.state = state
        self.tokens: dict[str, Token] = {}
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.remaining = HOURLY
        """Requests left before the primary limit, until `resets_at` (seconds since 1970)."""
        self.resets_at = time.time() + 3600
        self.faults: list[Rule] = []
        self.actions: list[Rule] = []
        self.lock = threading.RLock()
        self.changed: Callable[[], None] = lambda: None
        self.prefix = prefix.rstrip("/")
        self.graphql_path = self.prefix.removesuffix("/v3") + "/graphql"
        self.shapes = Shapes(state, site + self.prefix, site)

    def dump(self) -> dict[str, Any]:
        """All that is remembered, as plain JSON values."""
        names = "reviews threads review_comments issue_comments checks statuses sarifs".split()
        rows = {name: [asdict(item) for item in getattr(self.state, name)] for name in names}
        return {
            "pulls": [asdict(pull) for pull in self.state.pulls.values()],
            **rows,
            "requests": [asdict(request) for request in self.requests],
            "violations": list(self.violations),
        }

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        parts = urlsplit(target)
        path = self._path(unquote(parts.path))
        with self.lock:
            if path == "/_state":
                return Reply(200, json.dumps(self.dump()).encode(), {"Content-Type": JSON})
            if path is None:
                return self._refused(Refusal(404, "Not Found"))
            hits = [rule.action for rule in self.faults if rule.meets(method, path, body)]
            fault = hits[0] if hits and isinstance(hits[0], Fault) else Fault("")
            token = self._token(headers)
            record = self._record(method, path, parts.query, body)
            record.account, record.fault = token.account.login if token else "", fault.name
            self.requests.append(record)
            asked = Asked(record, headers, body, parts.query, token, fault)
            worked = self._work(asked) if fault.stored or fault.spoil is None else None
            reply = fault.spoil(worked) if fault.spoil else worked
            assert reply
            record.status = reply.status
            for action in [r.action for r in self.actions if r.meets(method, path, body)]:
                assert not isinstance(action, Fault)
                action()
            self.changed()
        return reply

    def _path(self, path: str) -> str | None:
        """The path as faults and records name it; None outside of the API."""
        if path == self.graphql_path:
            return "/graphql"
        if path == "/_state" or ".git/" in path:
            return path
        return path.removeprefix(self.prefix) if path.startswith(self.prefix + "/") else None

    def _record(self, method: str, path: str, query: str, body: bytes) -> Request:
        try:
            data = json.loads(body) if body else None
        except ValueError:
            data = None
        writes = method not in ("GET", "HEAD") and ".git/" not in path
        if path == "/graphql":
            writes = isinstance(data, dict) and graphql.is_mutation(data.get("query"))
        words = dict(parse_qsl(query, keep_blank_values=True))
        return Request(method, path, words, data, writes, "", time.monotonic())

    def _token(self, headers: Mapping[str, str]) -> Token | None:
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                value = base64.b64decode(value).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return None
        return self.tokens.get(value)

    def _work(self, asked: Asked) -> Reply:
        if repository := re.fullmatch(r"/([^/]+/[^/]+?)\.git(/.*)", asked.record.path):
            return self._git(asked, *repository.groups())
        if time.time() >= self.resets_at:
            self.remaining, self.resets_at = HOURLY, time.time() + 3600
        self.remaining -= asked.record.path != "/rate_limit"
        try:
            reply = self._api(asked)
        except Refusal as refusal:
            reply = self._refused(refusal)
        except rules.StoredButLost:
            return Reply(502, HTML, {"Content-Type": "text/html"})
        limits = {
            "x-ratelimit-limit": str(HOURLY),
            "x-ratelimit-remaining": str(max(0, self.remaining)),
            "x-ratelimit-reset": str(int(self.resets_at)),
            "x-github-request-id": f"{len(self.requests):04X}",
        }
        return replace(reply, headers={**reply.headers, **limits})

    def _git(self, asked: Asked, name: str, tail: str) -> Reply:
        if asked.token is None and (self.state.private or "authorization" in asked.headers):
            return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="GitHub"'})
        reads = asked.token and asked.token.may("read", "contents")
        if name != self.state.full_name or (self.state.private and not reads):
            return Reply(404, b"Repository not found.")
        if "git-receive-pack" in tail + asked.query:
            self.violations.append(f"a push was tried: {asked.record.path}")
            return Reply(403, b"Write access to repository not granted.")
        status, fields, content = backend.serve(
            self.state.git.folder, asked.record.method, tail, asked.query, asked.headers, asked.body
        )
        return Reply(status, content, dict(fields))

    def _api(self, asked: Asked) -> Reply:
        if asked.token is None:
            known = "authorization" in asked.headers
            raise Refusal(401, "Bad credentials" if known else "Requires authentication")
        if self.remaining < 0:
            raise Refusal(403, "API rate limit exceeded for installation ID 1.")
        if asked.record.path == "/graphql":
            return self._graphql(asked.record, asked.token)
        return self._rest(asked, asked.token)

    def _graphql(self, record: Request, token: Token) -> Reply:
        context = Context(self.state, token, self.shapes.page)
        answer = graphql.answer(context, record.body)
        self.violations += [f"POST /graphql: {text}" for text in context.complaints]
        return Reply(200, json.dumps(answer).encode(), {"Content-Type": JSON})

    def _rest(self, asked: Asked, token: Token) -> Reply:
        record = asked.record
        name = f"{record.method} {record.path}"
        hit = rest.find(record.method, record.path)
        if hit is None:
            self.violations.append(f"{name}: the fake has no such operation")
            raise Refusal(404, "Not Found")
        route, params = hit
        what = (route.method, route.template, params)
        if wrong := contract.check_request(*what, record.query, asked.body):
            self.violations += [f"{name}: {text}" for text in wrong]
            raise Refusal(422, "Invalid request.\n\n" + "\n".join(wrong))
        self._admit(route, params, token)
        call = rest.Call(
            self.state, self.shapes, token, params, record.query, record.body or {}, record.path,
            accept=asked.headers.get("accept", ""), orphan=asked.fault.orphan,
            lag=asked.fault.lag, limit=(max(0, self.remaining), int(self.resets_at)),
        )  # fmt: skip
        status, answer = route.work(call)
        if isinstance(answer, bytes):
            return Reply(status, answer, {"Content-Type": "text/plain; charset=utf-8"})
        data = b"" if status == 204 else json.dumps(answer).encode()
        wrong = contract.check_answer(*what, status, data)
        self.violations += [f"{name}: the fake's answer: {text}" for text in wrong]
        return Reply(status, data, {"Content-Type": JSON, **self._links(call)})

    def _admit(self, route: rest.Route, params: Mapping[str, str], token: Token) -> None:
        """Raises Refusal where the token may not. Whoever has a token may read what is public."""
        own = {"owner": self.state.owner, "repo": self.state.name}
        if any(params.get(key, value) != value for key, value in own.items()):
            raise Refusal(404, "Not Found")
        if not route.needs or (route.method == "GET" and not self.state.private):
            return
        if not token.may("read" if route.method == "GET" else "write", *route.needs):
            raise token.refusal()

    def _links(self, call: rest.Call) -> dict[str, str]:
        """The Link header of a page (RFC 8288)."""
        url = self.shapes.base + call.path
        rows = [
            f'<{url}?{urlencode({**call.query, "page": page})}>; rel="{name}"'
            for name, page in call.links.items()
        ]
        return {"Link": ", ".join(rows)} if rows else {}

    def _refused(self, refusal: Refusal) -> Reply:
        body = {
            "message": refusal.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": str(refusal.status),
            **({"errors": refusal.errors} if refusal.errors else {}),
        }
        return Reply(refusal.status, json.dumps(body).encode(), {"Content-Type": JSON})
