"""A server from its start to its end."""

import asyncio
import signal
import threading
from contextlib import suppress

from aiohttp import web

from reviewer.server import places
from reviewer.server.engine import Engine
from reviewer.server.front import Front
from reviewer.server.logs import Log, to_stderr
from reviewer.server.metrics import Metrics
from reviewer.server.settings import Settings
from reviewer.server.supervisor import TICK, Supervisor


def run(settings: Settings) -> int:
    """Serve until drained or ended; returns the exit status. Raises ConfigError."""
    return asyncio.run(serve(settings, to_stderr))


async def serve(settings: Settings, log: Log) -> int:
    """The same in a loop that runs."""
    engine = Engine(settings, Metrics(), log)
    supervisor = Supervisor(engine, settings)
    with places.listening(settings) as bound:
        port = 0 if settings.socket else bound.getsockname()[1]
        with places.announced(settings, port) as token:
            front = Front(settings, engine, supervisor, token)
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
