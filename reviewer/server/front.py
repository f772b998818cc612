"""The HTTP side of the server: who may ask, what is answered, and nothing of how it is made."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final

from aiohttp import web

from reviewer.server import access
from reviewer.server import request as asked
from reviewer.server.access import CLIENT_GONE
from reviewer.server.chat import PromptError
from reviewer.server.completions import DONE, KEEP_ALIVE, Answer, failed
from reviewer.server.content import ContentLog
from reviewer.server.engine import Engine, State, too_long
from reviewer.server.failures import Failure, bad
from reviewer.server.grammar import compiled
from reviewer.server.live import Live
from reviewer.server.metrics import CONTENT_TYPE
from reviewer.server.prompt import TooLong
from reviewer.server.protocol import Delta, Done, Started
from reviewer.server.request import Ask
from reviewer.server.settings import Settings
from reviewer.server.supervisor import Prepared, Supervisor
from reviewer.version import VERSION

TIMEOUT_HEADER: Final = "X-Request-Timeout"
"""Seconds that a request may take."""

OWNER: Final = "reviewer"
"""By which a client knows what kind of server this is (OpenAI, "The model object": owned_by)."""

THREADS: Final = 2
BODY_SECONDS: Final = 20


class Front:
    """The handlers. `token` is what a client must know."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        supervisor: Supervisor,
        token: str,
        content: ContentLog | None = None,
    ) -> None:
        self.settings, self.engine, self.supervisor = settings, engine, supervisor
        self.content = content
        self.begun = time.time()
        self._token = token
        self._pool = ThreadPoolExecutor(THREADS, "prompt")

    def app(self) -> web.Application:
        """The application."""
        before = [access.answered(self.engine.metrics), access.guarded(self._token)]
        app = web.Application(client_max_size=self.settings.body_bytes, middlewares=before)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/tokenize", self.tokenize)
        app.router.add_get("/health", self.health)
        app.router.add_get("/health/live", self.live)
        app.router.add_get("/metrics", self.metrics)
        app.router.add_post("/admin/drain", self.drain)
        return app

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def live(self, _: web.Request) -> web.Response:
        """GET /health/live: we are there, whatever the engine does."""
        return web.json_response({"live": True})

    async def health(self, _: web.Request) -> web.Response:
        """GET /health: 200 when a request would be served now."""
        well, facts = self.engine.health()
        prepared = self.supervisor.prepared
        facts["model"] = prepared.model.name if prepared else None
        facts["version"] = VERSION
        facts["weights"] = prepared.sha256[:16] if prepared else None
        facts["uptime"] = round(time.time() - self.begun, 1)
        facts["restarts"] = self.supervisor.restarts.total
        facts["content_logged"] = self.content is not None
        return web.json_response(facts, status=200 if well else 503)

    async def metrics(self, _: web.Request) -> web.Response:
        """GET /metrics."""
        self.engine.gauges()
        page = self.engine.metrics.text()
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE})

    async def models(self, _: web.Request) -> web.Response:
        """GET /v1/models: the one model."""
        model = {
            "id": self._prepared().model.name, "object": "model", "created": int(self.begun),
            "owned_by": OWNER, "max_model_len": self.engine.window,
        }  # fmt: skip
        return web.json_response({"object": "list", "data": [model]})

    async def tokenize(self, request: web.Request) -> web.Response:
        """POST /tokenize: how many tokens a text is in a prompt."""
        wanted = asked.count(await self._body(request))
        prepared = self._model(wanted.model)
        window = self.engine.window
        if window is None:
            raise self.engine.unready()
        loop = asyncio.get_running_loop()
        count = await loop.run_in_executor(self._pool, prepared.prompter.count, wanted.prompt)
        return web.json_response({"count": count, "max_model_len": window})

    async def drain(self, _: web.Request) -> web.Response:
        """POST /admin/drain: take no more, end when the last request is answered."""
        self.supervisor.drain()
        return web.json_response({"state": State.DRAINING}, status=202)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        started = time.monotonic()
        ask = asked.parse(await self._body(request))
        prepared = self._model(ask.model)
        seconds = self._seconds(request)
        prompt, grammar = await self._prompt(prepared, ask)
        with self.engine.admit(ask, prompt, grammar, seconds) as live:
            name = live.ticket.id
            answer = Answer(name, prepared.model.name, prepared.sha256[:16], len(prompt))
            code, finish = CLIENT_GONE, ""
            try:
                if ask.stream:
                    response, finish = await self._stream(request, ask, live, answer)
                else:
                    response, finish = await self._whole(live, answer)
                code = response.status
            except Failure as failure:
                code, finish = failure.status, failure.code
                raise
            finally:
                self.engine.log(
                    "request", id=name, tenant=ask.tenant, code=code, finish=finish,
                    prompt_tokens=len(prompt), cached_tokens=answer.cached_tokens,
                    tokens=live.tokens,
                    constrained=grammar is not None, stream=ask.stream,
                    seconds=round(time.monotonic() - started, 4),
                    queue=round((live.submitted or time.monotonic()) - live.entered, 4),
                )  # fmt: skip
                if self.content is not None:
                    self.content.write(name, ask.turns, "".join(answer.texts), finish)
        return response

    async def _body(self, request: web.Request) -> bytes:
        """The body. Raises Failure when it is too large, or does not come."""
        length, limit = request.content_length or 0, self.settings.body_bytes
        if length > limit:
            raise Failure(413, "too_large", f"a body of {length:,} bytes, more than {limit:,}")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await request.read()
        except TimeoutError as error:
            raise Failure(408, "timeout", "the body did not come") from error

    def _prepared(self) -> Prepared:
        """The model. Raises Failure (503) while there is none."""
        if self.supervisor.prepared is None:
            raise self.engine.unready()
        return self.supervisor.prepared

    def _model(self, name: str | None) -> Prepared:
        """The model, if it is meant. Raises Failure."""
        prepared = self._prepared()
        if name not in (None, prepared.model.name):
            raise Failure(404, "model_not_found", f"the model here is {prepared.model.name}")
        return prepared

    def _seconds(self, request: web.Request) -> float:
        text = request.headers.get(TIMEOUT_HEADER)
        if text is None:
            return self.settings.deadline
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0.0 < seconds <= self.settings.max_deadline:
            raise bad(
                f"{TIMEOUT_HEADER} is not between 0 and {self.settings.max_deadline:g} seconds"
            )
        return seconds

    async def _prompt(self, prepared: Prepared, ask: Ask) -> tuple[tuple[int, ...], str | None]:
        """The tokens and the grammar, made apart from the loop that everybody waits for."""
        context = self.engine.context
        room = context - ask.max_tokens
        loop = asyncio.get_running_loop()
        try:
            grammar = None
            if ask.schema is not None:
                grammar = await loop.run_in_executor(self._pool, compiled, ask.schema)
            ids = await loop.run_in_executor(self._pool, prepared.prompter.ids, ask.turns, room)
        except TooLong as error:
            raise too_long(context, error.at_least, ask.max_tokens) from error
        except PromptError as error:
            raise bad(str(error)) from error
        return ids, grammar

    async def _whole(self, live: Live, answer: Answer) -> tuple[web.Response, str]:
        """The answer in one piece, and why it ended."""
        while True:
            event = await live.next(self.settings.max_deadline)
            if isinstance(event, Started):
                answer.cached_tokens = event.cached_tokens
            elif isinstance(event, Delta):
                answer.texts.append(event.text)
            elif isinstance(event, Done):
                body = answer.whole(event, live)
                return web.Response(body=body, content_type="application/json"), event.finish

    async def _stream(
        self, request: web.Request, ask: Ask, live: Live, answer: Answer
    ) -> tuple[web.StreamResponse, str]:
        """The answer as it comes, and why it ended. Raises Failure only before anything is sent."""
        first = await live.next(self.settings.patience.keep_alive)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        event, finish = first, "client_gone"
        send = partial(self._send, request, response)
        try:
            await response.prepare(request)
            await send(answer.first())
            while not isinstance(event, Done):
                if isinstance(event, Started):
                    answer.cached_tokens = event.cached_tokens
                elif event is None:
                    await send(KEEP_ALIVE)
                elif event.text:
                    if self.content is not None:
                        answer.texts.append(event.text)
                    await send(answer.piece(event.text))
                event = await live.next(self.settings.patience.keep_alive)
            finish = event.finish
            await send(answer.last(event))
            if ask.with_usage:
                await send(answer.usage(event, live))
            await send(DONE)
        except Failure as failure:
            finish = failure.code
            with suppress(ConnectionError):
                await send(failed(failure))
        except ConnectionError:
            return response, "client_gone"
        return response, finish

    async def _send(self, request: web.Request, response: web.StreamResponse, data: bytes) -> None:
        """Write a part of a stream. Raises Failure when the client does not read it."""
        try:
            async with asyncio.timeout(self.settings.patience.write):
                await response.write(data)
        except TimeoutError as error:
            if request.transport is not None:
                request.transport.abort()
            raise Failure(503, "slow_client", "the client does not read its answer") from error
