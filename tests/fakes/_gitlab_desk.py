"""How the fake of GitLab answers a request: token, schema, faults, the operation, its record."""

import base64
import binascii
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.fakes import _github_backend as backend
from tests.fakes import _gitlab_rest as rest
from tests.fakes import _gitlab_schema as schema
from tests.fakes._github_faults import Fault, Reply, Rule
from tests.fakes._gitlab_state import Refusal, State, Token

PREFIX = "/api/v4"
JSON = {"Content-Type": "application/json"}
PAGED = ("page", "per_page")
UNPAGED = (f"{schema.MR}/versions", f"{schema.MR}/draft_notes")
"""Lists that GitLab answers whole (lib/api/draft_notes.rb does not paginate)."""


@dataclass
class Request:
    """One request as it came, and the status it got (0: no answer)."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    user: str
    status: int = 0

    @property
    def is_write(self) -> bool:
        return self.method not in ("GET", "HEAD") and ".git/" not in self.path


class Desk:
    """Takes requests one at a time and answers them."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.requests: list[Request] = []
        self.violations: list[str] = state.complaints
        self.faults: list[Rule] = []
        self.actions: list[Rule] = []
        self.lock = threading.RLock()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        parts = urlsplit(target)
        path = parts.path.removeprefix(PREFIX)
        with self.lock:
            token = self._token(headers)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            user = token.user.username if token else ""
            record = Request(method, path, query, _json(body), user)
            self.requests.append(record)
            rule = next((r for r in self.faults if r.meets(method, path, body)), None)
            fault = rule.action if rule and isinstance(rule.action, Fault) else Fault("")
            worked = None
            if fault.stored or fault.spoil is None:
                worked = self._work(record, token, headers, parts.query, body)
            reply = fault.spoil(worked) if fault.spoil else worked
            assert reply
            record.status = reply.status
            for action in [r.action for r in self.actions if r.meets(method, path, body)]:
                assert not isinstance(action, Fault)
                action()
        return reply

    def _token(self, headers: Mapping[str, str]) -> Token | None:
        kind, _, value = headers.get("authorization", "").partition(" ")
        name = ""
        if kind.lower() == "basic":
            try:
                name, _, value = base64.b64decode(value).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return None
        found = self.state.tokens.get(headers.get("private-token", value))
        job = self.state.tokens.get(headers.get("job-token", ""))
        if job is not None and job.kind != "job":
            return None
        if found is not None and found.kind == "job" and name != "gitlab-ci-token":
            return None
        return found or job

    def _work(
        self,
        record: Request,
        token: Token | None,
        headers: Mapping[str, str],
        query: str,
        body: bytes,
    ) -> Reply:
        if found := re.fullmatch(r"/(.+?)\.git(/.*)", record.path):
            return self._git(record, token, found[1], found[2], headers, query, body)
        try:
            return self._api(record, token)
        except Refusal as refusal:
            fields = {k.replace("_", "-"): v for k, v in refusal.headers.items()}
            return Reply(refusal.status, json.dumps(refusal.body).encode(), {**JSON, **fields})

    def _git(
        self,
        record: Request,
        token: Token | None,
        name: str,
        tail: str,
        headers: Mapping[str, str],
        query: str,
        body: bytes,
    ) -> Reply:
        if token is None:
            return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="GitLab"'})
        if name != self.state.path:
            return Reply(404, b"")
        if "git-receive-pack" in tail + query:
            self.violations.append(f"a push was tried: {record.path}")
            return Reply(403, b"")
        folder = self.state.git.folder
        status, fields, content = backend.serve(folder, record.method, tail, query, headers, body)
        return Reply(status, content, dict(fields))

    def _api(self, record: Request, token: Token | None) -> Reply:
        name = f"{record.method} {record.path}"
        hit = rest.find(record.method, record.path)
        if hit is None:
            self.violations.append(f"{name}: the fake has no such operation")
            raise Refusal(404, "404 Not Found", "error")
        template, params = hit
        self._admit(record.method, template, params, token)
        assert token
        strange = [key for key in record.query if record.is_write or key not in PAGED]
        wrong = schema.wrong_request(record.method, template, record.body)
        if strange or wrong:
            self.violations += [f"{name}: {text}" for text in (*strange, *wrong)]
            raise Refusal(400, "; ".join([*strange, *wrong]), "error")
        call = rest.Call(self.state, token, params, record.body)
        status, answer = rest.ROUTES[record.method, template](call)
        if status == 204:
            return Reply(204)
        complaints = schema.wrong_answer(record.method, template, answer)
        self.violations += [f"{name}: the fake's answer: {text}" for text in complaints]
        links = {}
        if isinstance(answer, list) and template not in UNPAGED:
            answer, links = self._page(record, answer)
        return Reply(status, json.dumps(answer).encode(), {**JSON, **links})

    def _admit(
        self, method: str, template: str, params: Mapping[str, str], token: Token | None
    ) -> None:
        """Raises Refusal where the token may not."""
        if token is None or (token.kind == "job" and template == "/user"):
            raise Refusal(401, "401 Unauthorized")
        if params.get("id", str(self.state.id)) not in (str(self.state.id), self.state.path):
            raise Refusal(404, "404 Project Not Found")
        if token.kind == "job" and (method, template) not in rest.BY_JOB:
            raise Refusal(403, "403 Forbidden")
        if token.scope != "api" and method != "GET":
            raise Refusal(403, "insufficient_scope", "error")

    def _page(self, record: Request, rows: list[Any]) -> tuple[list[Any], dict[str, str]]:
        """One page and its headers (docs.gitlab.com/api/rest/#offset-based-pagination)."""
        size = min(int(record.query.get("per_page", 20)), 100)
        page = int(record.query.get("page", 1))
        more = len(rows) > page * size
        headers = {"X-Page": str(page), "X-Per-Page": str(size), "X-Next-Page": ""}
        if more:
            query = urlencode({**record.query, "page": page + 1, "per_page": size})
            headers["X-Next-Page"] = str(page + 1)
            headers["Link"] = f'<{self.state.url}{PREFIX}{record.path}?{query}>; rel="next"'
        return rows[(page - 1) * size : page * size], headers


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
