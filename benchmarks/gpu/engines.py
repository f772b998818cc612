"""Our engine in this process, and our server around it; the same code as in production."""

import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reviewer.server import exllama, manifest
from reviewer.server import protocol as p
from reviewer.server.lint import HEAD_DIMS
from reviewer.server.settings import Settings
from tests.support import serving

READY: Final = 120.0
"""Seconds until a server must be ready."""


def loaded(folder: Path, *, context: int, cache: int, batch: int) -> exllama.Engine:
    """The engine with a model, as our worker loads it."""
    wanted = p.Load(
        folder=str(folder), context=context, cache_tokens=cache, min_cache_tokens=min(cache, 8192),
        max_batch=batch, head_dims=HEAD_DIMS,
    )  # fmt: skip
    return exllama.load(wanted, lambda _: None)


def prompt(tokens: int, seed: int) -> tuple[int, ...]:
    """Random tokens, none of them a control token: no two prompts share a page."""
    made = random.Random(seed)
    return tuple(made.randrange(300, 900) for _ in range(tokens))


def submit(
    name: str, ids: Sequence[int], tokens: int, grammar: str | None = None, tenant: str = ""
) -> p.Submit:
    """A greedy request for so many tokens."""
    return p.Submit(
        id=name, tenant=tenant, prompt=tuple(ids), max_tokens=tokens, temperature=0.0, top_p=1.0,
        seed=0, deadline=600.0, grammar=grammar,
    )  # fmt: skip


@dataclass
class Ran:
    """Requests that were answered together. Times in seconds from the first enqueue."""

    seconds: float = 0.0
    tokens: int = 0
    first: dict[str, float] = field(default_factory=dict)
    cached: dict[str, int] = field(default_factory=dict)
    logits: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Tokens a second, reading the prompts included."""
        return self.tokens / self.seconds

    @property
    def decoding(self) -> float:
        """Tokens a second after the last request began to answer."""
        return (self.tokens - len(self.first)) / (self.seconds - max(self.first.values()))


def run(engine: exllama.Engine, submits: Sequence[p.Submit], *, logits: bool = False) -> Ran:
    """Answer requests together, from the cache where it has their pages."""
    made = Ran()
    began = time.perf_counter()
    for each in submits:
        job, _ = engine.job(each)
        job.return_logits = logits
        engine.generator.enqueue(job)
    left = {each.id for each in submits}
    while left:
        for result in engine.generator.iterate():
            name = result["identifier"]
            if result["stage"] != "streaming":
                continue
            made.first.setdefault(name, time.perf_counter() - began)
            if "logits" in result:
                made.logits.setdefault(name, []).append(result["logits"][0].float().cpu())
            if result["eos"]:
                left.discard(name)
                made.tokens += result["new_tokens"]
                made.cached[name] = result["cached_tokens"]
    made.seconds = time.perf_counter() - began
    return made


def fresh(engine: exllama.Engine, submits: Sequence[p.Submit], *, logits: bool = False) -> Ran:
    """The same with nothing in the cache."""
    engine.generator.reset_page_table()
    return run(engine, submits, logits=logits)


def settings(model: Path, place: Path, **changes: Any) -> Settings:
    """Settings of our server for a model, whose manifest is written if it has none."""
    if not (model / manifest.LOCK).exists():
        manifest.write(manifest.lock(model), model / manifest.LOCK)
    paths = [str(serving.TOP), *filter(None, sys.path)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    given: dict[str, Any] = {
        "context": 8192, "cache_tokens": 65536, "worker_log": place / "worker.log",
        "allow_root": True, **changes,
    }  # fmt: skip
    return Settings(model=model, state=place / "state.json", environ=environ, **given)


@contextmanager
def served(made: Settings, seconds: float = READY) -> Iterator[serving.Server]:
    """Our server with the worker that owns the GPU, ready."""
    with serving.server(made) as it:
        end = time.monotonic() + seconds
        while it.status is None and not _ready(it):
            if time.monotonic() > end:
                raise RuntimeError(f"not ready in {seconds:g} s: {_last(it)}")
            time.sleep(0.02)
        if it.status is not None:
            raise RuntimeError(f"the server ended: {_last(it)}")
        yield it


def _ready(it: serving.Server) -> bool:
    try:
        return bool(it.health()["state"] == "ready")
    except (FileNotFoundError, ConnectionError):  # it has not announced itself, or has just ended
        return False


def _last(it: serving.Server) -> str:
    """What it said of its trouble, and what its worker printed last."""
    reasons = [line["reason"] for line in it.lines if line.get("reason")]
    log = it.settings.worker_log
    printed = log.read_text("utf-8", "replace") if log is not None and log.exists() else ""
    return " / ".join((*reasons[-1:], *printed.strip().splitlines()[-1:]))


def worker() -> int:
    """Process of the worker that this process has started."""
    for tasks in Path("/proc/self/task").iterdir():
        for child in (tasks / "children").read_text().split():
            if b"reviewer.server.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise RuntimeError("there is no worker")
