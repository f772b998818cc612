"""The front's end of a worker: its process, and the messages to and from it."""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from reviewer.server import protocol
from reviewer.server.crash import Tail
from reviewer.server.settings import Settings

OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1", "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip
"""Libraries of the worker call nobody, and write nothing beside themselves."""

STATM: Final = "/proc/{}/statm"
"""Sizes of a process in pages; the second is what lies in memory (proc(5))."""


def _private(place: Path) -> IO[bytes]:
    """An empty file that only we may read. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(place, flags, 0o600), "wb")


class Gone(Exception):
    """The worker's process has ended, or closed its end."""


@dataclass
class Link:
    """A worker that was started. Its process leads a group of its own, which is killed whole."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tail: Tail

    @classmethod
    async def start(cls, settings: Settings) -> "Link":
        """Start a worker. Raises OSError."""
        starting = asyncio.create_task(cls._start(settings))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Half of a start cannot be taken back: finish it first.
            await (await starting).close(0.0)
            raise

    @classmethod
    async def _start(cls, settings: Settings) -> "Link":
        log = None if settings.worker_log is None else _private(settings.worker_log)
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        tail = Tail(reading, log)
        try:
            process = await asyncio.create_subprocess_exec(
                *settings.worker,
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                env={**settings.environ, **OFFLINE},
                cwd="/",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        except OSError:
            ours.close()
            tail.close()
            raise
        finally:
            theirs.close()
            os.close(writing)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        link = cls(process, reader, writer, tail)
        asyncio.get_running_loop().add_reader(reading, link.listen)
        return link

    def listen(self) -> None:
        """Take what it printed, which is the start of what it has to say of its end."""
        if not self.tail.read():
            asyncio.get_running_loop().remove_reader(self.tail.pipe)

    def send(self, message: protocol.Message) -> None:
        """Send a message; a worker that is gone is noticed by `receive`."""
        if not self.writer.is_closing():
            self.writer.write(protocol.frame(message))

    async def receive(self) -> protocol.ToFront:
        """The next message. Raises Gone, ProtocolError."""
        try:
            header = await self.reader.readexactly(protocol.HEADER.size)
            size = protocol.length(header, protocol.TO_FRONT_BYTES)
            body = await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Gone from error
        return protocol.to_front(body)

    def kill(self) -> None:
        """End it and everything it started, now."""
        if self.process.returncode is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    async def close(self, patience: float) -> int:
        """Its exit status, after at most `patience` seconds; negative is the signal it died of."""
        self.writer.close()
        try:
            async with asyncio.timeout(patience):
                return await self.process.wait()
        except TimeoutError:
            self.kill()
            return await self.process.wait()
        except asyncio.CancelledError:
            self.kill()
            await self.process.wait()
            raise
        finally:
            asyncio.get_running_loop().remove_reader(self.tail.pipe)
            self.tail.close()
            with suppress(OSError):
                await self.writer.wait_closed()

    def resident(self) -> int:
        """Bytes of host memory that it holds, 0 where the system does not say."""
        try:
            with open(STATM.format(self.process.pid), "rb") as opened:  # noqa: PTH123 - no path
                return int(opened.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return 0
