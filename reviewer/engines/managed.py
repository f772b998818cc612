"""Our own server on this machine's graphics card, started when it is needed.

One that runs already for the same weights is used as it is. Otherwise reviews take turns with the
card. What we started ends with us.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Final

from reviewer.engines import _health, _launcher, _queue
from reviewer.engines._closing import Closing
from reviewer.engines._launcher import Launched
from reviewer.engines._openai import OpenAI
from reviewer.engines._queue import Ticket
from reviewer.engines.base import Completion, Engine, Health, Prompt, Schema
from reviewer.errors import ConfigError, EngineDown, EngineError, EngineRefused

COMMAND: Final = (sys.executable, "-I", "-m", "reviewer", "serve")
"""Ourselves. `-I`: nothing in the working directory is taken for a module of ours."""

DEVICES: Final = ("/dev/nvidiactl", "/dev/dxg")
"""What shows an NVIDIA card: its driver on Linux, and Windows's under WSL."""

PASSED_ON: Final = (
    "PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES", "TORCH_EXTENSIONS_DIR", "TORCH_CUDA_ARCH_LIST", "TRITON_CACHE_DIR",
    "XDG_CACHE_HOME",
)  # fmt: skip
"""What the server sees of our variables: where things lie, and which card is ours."""

STARTS: Final = 2
"""A server that went away is started once more; twice is a fault that stays."""

NO_START_TIP: Final = "reviewer doctor looks at the driver, the card and the weights"

LOOK: Final = 2.0
"""Seconds that a server has to show that it is alive."""


class NotStarted(EngineError):
    """There is no server, with a tip of its own."""

    def __init__(self, message: str, tip: str) -> None:
        super().__init__(message)
        self.tip = tip


@dataclass
class _Held:
    """What is ours while it runs."""

    client: OpenAI | None = None
    server: Launched | None = None
    ticket: Ticket | None = None
    starts: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    closing: Closing = field(default_factory=Closing)


@dataclass(frozen=True)
class Managed:
    """Our server with the weights in `model_dir`.

    `folder` is where reviews on this machine meet: it has to outlive jobs, and to be ours alone.
    `load_seconds` is how long a start may take, `queue_seconds` how long others are waited for.
    `options` are further words of `reviewer serve`, `environ` our variables, `tenant` as OpenAI's.
    """

    name: ClassVar[str] = "managed"
    model_dir: Path = Path("models")
    folder: Path = Path("reviewer-engine")
    load_seconds: float = 600.0
    queue_seconds: float = 300.0
    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    tenant: str = ""
    command: tuple[str, ...] = COMMAND
    devices: tuple[str, ...] = DEVICES
    _held: _Held = field(default_factory=_Held, init=False, repr=False, compare=False)

    @property
    def patience(self) -> float:
        """Seconds that a look at its health may take: it may have to wait, load and be tried."""
        return self.queue_seconds + self.load_seconds + _health.RUNNING

    def health(self, deadline: float) -> Health:
        """Find or start it, and have it climb the ladder."""
        started, begun = time.monotonic(), self._held.closing.times
        try:
            client = self._ready(deadline, begun)
        except EngineError as error:
            tip = error.tip if isinstance(error, NotStarted) else _health.tip(error)
            spent = time.monotonic() - started
            return Health(ok=False, reason=str(error), tip=tip, seconds=spent)
        health = client.health(min(deadline, time.monotonic() + _health.RUNNING))
        if not health.ok:
            self._end()
        return replace(health, seconds=time.monotonic() - started)

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        """Ask it. One that went away is started once more, one that hangs is killed."""
        held, begun = self._held, self._held.closing.times
        client = self._ready(prompt.deadline, begun)
        try:
            return client.complete(prompt, schema)
        except EngineDown:
            if held.closing.times != begun or self._well(client):
                raise
            with self._alone(prompt.deadline):
                if held.client is client:
                    self._end()
            if time.monotonic() >= prompt.deadline:
                raise
        return self._ready(prompt.deadline, begun).complete(prompt, schema)

    def count(self, text: str, deadline: float) -> int | None:
        """Ask it, if it is there."""
        client = self._held.client
        return None if client is None else client.count(text, deadline)

    def close(self) -> None:
        """End the server, if it is ours, and let the next review have the card."""
        held = self._held
        held.closing.close()
        if (client := held.client) is not None:
            client.close()
        self._end()
        held.starts = 0

    def _end(self) -> None:
        held = self._held
        with held.lock:
            if held.client is not None:
                held.client.close()
            if held.server is not None:
                held.server.end()
            if held.ticket is not None:
                held.ticket.give_back()
            held.client = held.server = held.ticket = None

    @contextlib.contextmanager
    def _alone(self, deadline: float) -> Iterator[None]:
        """One thread at a time starts and ends servers. Raises EngineDown at the deadline."""
        lock = self._held.lock
        if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise EngineDown("the engine is being started, and there is no time left to wait")
        try:
            yield
        finally:
            lock.release()

    def _ready(self, deadline: float, begun: int) -> OpenAI:
        """A server that can be asked, unless we were closed since that was `begun`.

        Raises EngineError.
        """
        held = self._held
        with self._alone(deadline):
            held.closing.check(begun)
            if held.client is None:
                self._check()
                try:
                    held.client = self._other() or self._started(deadline, begun)
                except OSError as error:
                    raise EngineRefused(f"cannot use {self.folder}: {error.strerror}") from error
                finally:
                    if held.client is None:
                        self._end()
            return held.client

    def _check(self) -> None:
        if not any(os.path.exists(device) for device in self.devices):  # noqa: PTH110 - a device
            raise NotStarted(
                "no-gpu: there is no NVIDIA graphics card in sight",
                "run on a machine with one and give the container --gpus all, or set engine.url",
            )
        if not self.model_dir.is_dir():
            raise NotStarted(
                f"there are no weights in {self.model_dir}",
                "put the model there, and write its manifest: reviewer weights lock DIR",
            )

    def _other(self) -> OpenAI | None:
        """A server of these weights that somebody else runs, if it is well."""
        _queue.private(self.folder)
        found = _launcher.found(self._announcement)
        if found is None:
            return None
        client = OpenAI(found.url, key=found.token, dialect="reviewer", tenant=self.tenant)
        return client if self._well(client) else None

    @property
    def _announcement(self) -> Path:
        return _launcher.announcement(self.folder, self.model_dir)

    def _started(self, deadline: float, begun: int) -> OpenAI:
        """Wait for our turn, or for somebody else's server; start one; wait until it is there."""
        held = self._held
        if held.starts >= STARTS:
            raise EngineDown("the engine went away twice, and is not started a third time")
        end = min(deadline, time.monotonic() + self.queue_seconds)
        held.ticket = Ticket.draw(self.folder, end)
        while not held.ticket.first(end):
            if time.monotonic() >= end:
                waited = f"{self.queue_seconds:g} s"
                raise NotStarted(
                    f"other reviews use the graphics card for longer than {waited}",
                    "run fewer jobs at a time, or wait longer by engine.queue-seconds",
                )
            held.closing.pause(_queue.STEP, begun)
            if other := self._other():
                held.ticket.give_back()
                held.ticket = None
                return other
        held.starts += 1
        held.server = Launched(self._argv(), self._lease, self._environ())
        end = min(deadline, time.monotonic() + self.load_seconds)
        return self._announced(held.server, end, begun)

    def _announced(self, server: Launched, deadline: float, begun: int) -> OpenAI:
        """The server that we started, once it has loaded its model. Raises EngineError."""
        while time.monotonic() < deadline:
            if not server.alive:
                why, tip = server.reason()
                raise NotStarted(f"the engine did not start: {why}", tip or NO_START_TIP)
            if found := _launcher.found(self._announcement):
                client = OpenAI(found.url, key=found.token, dialect="reviewer", tenant=self.tenant)
                if self._well(client):
                    return client
            self._held.closing.pause(_queue.STEP, begun)
        raise NotStarted(
            f"the engine did not load its model within {self.load_seconds:g} s",
            "allow more by engine.load-seconds, or name a smaller model",
        )

    def _well(self, client: OpenAI) -> bool:
        try:
            client.look(time.monotonic() + LOOK)
        except (EngineError, ConfigError):
            return False
        return True

    @property
    def _lease(self) -> Path:
        return self._announcement.with_suffix(".lease")

    def _argv(self) -> list[str]:
        place = self._announcement
        where = ["--state", str(place), "--lease", str(self._lease)]
        cache = ["--cache", str(place.with_suffix(".hashes"))]
        # We are what it would be: a container may have no other user.
        root = ["--allow-root"] if os.geteuid() == 0 else []
        words = [*where, *cache, *root, *self.options]
        return [*self.command, str(self.model_dir.resolve()), *words]

    def _environ(self) -> dict[str, str]:
        return {name: self.environ[name] for name in PASSED_ON if name in self.environ}


PLUGIN: Final[type[Engine]] = Managed
