"""A server from its start to its end."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from aiohttp import web

from reviewer.errors import ConfigError
from reviewer.server import places
from reviewer.server.content import WARNING, ContentLog
from reviewer.server.engine import Engine
from reviewer.server.front import Front
from reviewer.server.logs import Log, to_stderr
from reviewer.server.metrics import Metrics
from reviewer.server.settings import Settings
from reviewer.server.supervisor import TICK, Supervisor


def run(settings: Settings) -> int:
    """Serve until drained or ended; returns the exit status. Raises ConfigError."""
    if os.geteuid() == 0 and not settings.allow_root:
        raise ConfigError(
            "refusing to run as root: a flaw in a library of the engine would own this machine",
            "run as a plain user; in a container that has none, say --allow-root",
        )
    return asyncio.run(serve(settings, to_stderr))


async def serve(settings: Settings, log: Log) -> int:
    """The same in a loop that runs."""
    engine = Engine(settings, Metrics(), log)
    supervisor = Supervisor(engine, settings)
    with _content(settings, log) as content, places.listening(settings) as bound:
        port = 0 if settings.socket else bound.getsockname()[1]
        with places.announced(settings, port) as token:
            front = Front(settings, engine, supervisor, token, content)
            # A client that leaves ends its request: nobody else would read the answer.
            runner = web.AppRunner(
                front.app(), handler_cancellation=True, access_log=None, shutdown_timeout=1.0
            )
            try:
                await runner.setup()
                await web.SockSite(runner, bound).start()
                log("listening", port=port)
                return await _until_the_end(settings, supervisor, log)
            finally:
                await runner.cleanup()
                front.close()


@contextmanager
def _content(settings: Settings, log: Log) -> Iterator[ContentLog | None]:
    """The log of prompts and answers, if it is wanted. Raises ConfigError."""
    if settings.content_log is None:
        yield None
        return
    with closing(ContentLog(settings.content_log)) as content:
        log("warning", text=WARNING, place=str(settings.content_log))
        yield content


async def _until_the_end(settings: Settings, supervisor: Supervisor, log: Log) -> int:
    """Run the engine until it ends, its owner is gone, or a signal asks for it."""
    work = asyncio.create_task(supervisor.run())
    lease = asyncio.create_task(_released(settings))
    _on_signals(supervisor, work, settings.patience.exit)
    try:
        await asyncio.wait({work, lease}, return_when=asyncio.FIRST_COMPLETED)
        if lease.done() and not work.done():
            log("owner gone")
            return 0
        return 143 if work.cancelled() else work.result()
    finally:
        for task in (work, lease):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _released(settings: Settings) -> None:
    """Wait until the owner of our lease is gone; for ever without a lease."""
    while settings.lease is None or not places.released(settings.lease):
        await asyncio.sleep(TICK)


def _on_signals(supervisor: Supervisor, work: "asyncio.Task[int]", patience: float) -> None:
    """The first signal drains and gives running requests a moment; a second ends all at once."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()

    def asked_to_end() -> None:
        if supervisor.draining.is_set():
            work.cancel()
            return
        supervisor.drain()
        loop.call_later(patience, work.cancel)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_end)
