"""Keeps an engine running: checks the model, starts workers, ends what is ill, starts again."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from reviewer.errors import ConfigError, ReviewerError
from reviewer.server import builds, crash, manifest, places
from reviewer.server import protocol as p
from reviewer.server.engine import Engine, State
from reviewer.server.lint import Model, lint
from reviewer.server.policy import Restarts
from reviewer.server.prompt import Prompter
from reviewer.server.settings import Settings
from reviewer.server.watch import Watch
from reviewer.server.worker_link import Gone, Link

TICK = 0.25
OUT_OF_MEMORY = 75
"""Exit status of a worker without room (EX_TEMPFAIL of sysexits.h)."""


@dataclass(frozen=True)
class Prepared:
    """A model that was checked."""

    model: Model
    sha256: str
    prompter: Prompter


def prepare(settings: Settings, say: Callable[..., None]) -> Prepared:
    """Check the files of a model before anything opens them. Raises ReviewerError."""
    started = time.monotonic()
    locked = manifest.read(settings.lock_file)
    found = manifest.verify(settings.model, locked, settings.cache)
    say("weights", files=len(locked.files), hashed=found.hashed, sha256=locked.sha256,
        seconds=round(time.monotonic() - started, 3))  # fmt: skip
    model = lint(settings.model, found.tensors, settings.head_dims)
    prompter = Prompter(settings.model)
    say("model", name=model.name, context=model.context, vocab=model.vocab)
    return Prepared(model, locked.sha256, prompter)


class Supervisor:
    """Runs workers one after the other, until it is told to stop or there is no point."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine, self.settings = engine, settings
        self.patience = settings.patience
        self.prepared: Prepared | None = None
        self.restarts = Restarts(self.patience.restarts, self.patience.window)
        self.cache_tokens = settings.cache_tokens
        self.draining = asyncio.Event()
        self._killed = ""
        self._rare = max(1, round(self.patience.memory / TICK))

    async def run(self) -> int:
        """Exit status: 0 when drained, 3 when the engine could not be started once."""
        lock = None
        try:
            prepared = await asyncio.to_thread(prepare, self.settings, self.engine.log)
            self.prepared = prepared
            self.engine.metrics.weights_verified.set(1)
            lock = await self._gpu()
            return await self._workers(prepared)
        except ReviewerError as error:
            self.engine.become(State.FAILED, error.message)
            self.engine.log("failed", reason=error.message, tip=error.tip)
            return 3
        finally:
            if lock is not None:
                lock.close()

    def drain(self) -> None:
        """Take no more requests; end when the last one is answered."""
        self.draining.set()
        self.engine.become(State.DRAINING)

    async def _gpu(self) -> places.GpuLock | None:
        """The lock of the GPU. Raises ConfigError when it is not free in time."""
        if self.settings.gpu_lock is None:
            return None
        lock = places.GpuLock(self.settings.gpu_lock)
        end = time.monotonic() + self.settings.gpu_wait
        while not lock.take():
            if time.monotonic() > end:
                lock.close()
                waited = f"{self.settings.gpu_wait:g} seconds"
                raise ConfigError(f"gpu-busy: another engine kept the GPU for {waited}")
            await asyncio.sleep(TICK)
        return lock

    async def _workers(self, prepared: Prepared) -> int:
        """Start workers until there is no point. Raises ConfigError before the first was ready."""
        was_ready = False
        while not self.draining.is_set():
            kind, reason = await self._worker(prepared)
            was_ready = was_ready or self.engine.limits is not None
            if self.draining.is_set():
                break
            error = self.engine.last_error
            wait = self.restarts.next(time.monotonic())
            if wait is None or (error and error.code == "refused"):
                if not was_ready:
                    raise ConfigError(reason)
                self.engine.become(State.FAILED, reason)
                await self.draining.wait()  # until then, health tells why
                return 3
            self.engine.metrics.restarts.labels(kind).inc()
            self.engine.become(State.DEGRADED if was_ready else State.STARTING, reason)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.draining.wait()
        return 0

    async def _worker(self, prepared: Prepared) -> tuple[str, str]:
        """Run one worker to its end: the kind of end, and the reason in words."""
        self._killed = ""
        self.engine.become(State.LOADING)
        link = await self._started()
        self.engine.begin(link.send)
        link.send(self._load(prepared.model))
        watch = Watch(self.engine, self.settings, link)
        watching = asyncio.create_task(self._watch(watch))
        try:
            while True:
                self.engine.hear(await link.receive())
        except Gone:
            pass
        except p.ProtocolError as error:
            self._kill(link, "protocol", f"the engine talks nonsense: {error}")
        finally:
            watching.cancel()
            self.engine.crashed("engine_restarted")
            # Whoever closed its end and lives on is of no use.
            code = await link.close(0.0 if self._killed else 0.5)
        return self._ended(watch, code)

    async def _started(self) -> Link:
        try:
            return await Link.start(self.settings)
        except OSError as error:
            raise ConfigError(
                f"cannot start {self.settings.worker[0]}: {error.strerror}"
            ) from error

    def _load(self, model: Model) -> p.Load:
        context = min(self.settings.context, model.context, self.cache_tokens)
        return p.Load(
            str(self.settings.model.resolve()), context, self.cache_tokens,
            min(self.settings.min_cache_tokens, self.cache_tokens), self.settings.max_batch,
            self.settings.head_dims, str(builds.folder(self.settings.environ)),
        )  # fmt: skip

    def _ended(self, watch: Watch, code: int) -> tuple[str, str]:
        error = self.engine.last_error
        kind = self._killed.partition(":")[0] or "crash"
        if code == OUT_OF_MEMORY or (error and error.code == "oom"):
            kind = "oom"
            if self.engine.limits is None:  # it did not load: ask for less
                self.cache_tokens = max(
                    self.cache_tokens // 2 // 256 * 256, self.settings.min_cache_tokens
                )
        reason = self._killed.partition(":")[2] or (error.reason if error else "")
        reason = reason or f"the engine ended with status {code}"
        self.engine.log("worker ended", kind=kind, status=code, reason=reason)
        if code and kind != "drain":
            self._report(watch, kind, code, reason)
        return kind, reason

    def _report(self, watch: Watch, kind: str, code: int, reason: str) -> None:
        """Leave a report of the worker's death beside the state."""
        place, vitals = self.settings.crash_file, self.engine.vitals
        silent = round(time.monotonic() - vitals.last_sign, 3)
        words = watch.link.tail.lines
        report = crash.Report(
            kind, code, reason, silent, vitals.stats, tuple(vitals.turns), words
        )  # fmt: skip
        try:
            crash.write(place, report)
        except OSError as error:
            self.engine.log("crash report", place=str(place), problem=error.strerror)
        else:
            self.engine.log("crash report", place=str(place))

    def _kill(self, link: Link, kind: str, reason: str) -> None:
        self._killed = f"{kind}:{reason}"
        link.kill()

    async def _watch(self, watch: Watch) -> None:
        """End a worker that is stuck, does not stop what was cancelled, or grows."""
        ticks, grown, link = 0, "", watch.link
        while True:
            await asyncio.sleep(min(TICK, self.patience.beat / 4))
            ticks += 1
            now = time.monotonic()
            if ticks % self._rare == 0:
                grown = grown or self._grown(watch)
                link.send(p.AskStats())
            if stuck := watch.stuck(now):
                self.engine.metrics.watchdog_kills.inc()
                self._kill(link, "hang", stuck)
            elif grown and watch.idle(now):
                self._kill(link, "memory", grown)
            elif self.draining.is_set() and self.engine.limits is None:
                self._kill(link, "drain", "not needed any more")
            elif self.draining.is_set() and not self.engine.live and watch.drained is None:
                watch.drained = now
                link.send(p.Drain())

    def _grown(self, watch: Watch) -> str:
        """Why the worker is too large; from then on nothing new is started on it."""
        grown = watch.grown()
        if grown and not self.draining.is_set():
            self.engine.become(State.DEGRADED, grown)
        return grown
