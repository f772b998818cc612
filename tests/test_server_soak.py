"""Two hundred requests at once, many of them left half-way, and an engine that dies: no leaks."""

import asyncio
import contextlib
import gc
import os
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support import serving
from tests.support.serving import Server

REQUESTS = 200
ROUNDS = 3


async def one(session: aiohttp.ClientSession, it: Server, dice: random.Random) -> str:
    """A request that is answered, refused, or left after a moment."""
    body: dict[str, Any] = {
        "model": "m",
        "messages": [{"role": "user", "content": "word " * dice.randint(1, 300)}],
        "max_tokens": dice.randint(1, 400),
        "stream": dice.random() < 0.5,
        "user": f"pr{dice.randint(1, 3)}",
    }
    patience = dice.choice([0.01, 0.1, 0.5, 30.0, 30.0])
    try:
        async with asyncio.timeout(patience):
            async with session.post(f"{it.url}/v1/chat/completions", json=body) as answer:
                await answer.read()
                return str(answer.status)
    except TimeoutError:
        return "left"


async def storm(it: Server, seed: int) -> Counter[str]:
    headers = {"Authorization": f"Bearer {it.token}"}
    dice = random.Random(seed)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        asked = (one(session, it, dice) for _ in range(REQUESTS))
        return Counter(await asyncio.gather(*asked))


def held() -> tuple[int, int]:
    """Open files and threads of this process, which is server and client at once."""
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir()), threading.active_count()


def children() -> set[str]:
    """Processes that this one has started and that run."""
    place = Path(f"/proc/self/task/{os.getpid()}/children")
    threads = Path("/proc/self/task").iterdir()
    found: set[str] = set()
    for each in threads:
        # A thread may end while we look.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.update((each / place.name).read_text().split())
    return found


@pytest.mark.slow
def test_nothing_leaks(tmp_path: Path) -> None:
    behaviour = {"token_seconds": 0.001, "starts": str(tmp_path / "starts")}
    made = serving.settings(tmp_path, behaviour, max_queue=100)
    before_all = children()
    with serving.server(made) as it:
        it.ready()
        asyncio.run(storm(it, 0))
        it.wait(lambda: it.health()["active"] == it.health()["queued"] == 0, 30)
        before = held()
        for seed in range(1, ROUNDS + 1):
            told = asyncio.run(storm(it, seed))
            assert told["200"] > 20, told
            assert told["left"] > 20, told
            assert set(told) <= {"200", "429", "left"}, told
            it.wait(lambda: it.health()["active"] == it.health()["queued"] == 0, 30)
            assert it.metric("pages_used") == 0
            assert it.chat(max_tokens=5).status == 200
        it.wait(lambda: all(now <= then for now, then in zip(held(), before, strict=True)), 5)
        assert len(children() - before_all) == 1
        assert it.health()["restarts"] == 0, "the fake worker ends when too much is admitted"
        assert len((tmp_path / "starts").read_text().splitlines()) == 1
    assert children() == before_all


@pytest.mark.slow
def test_nothing_leaks_when_the_engine_dies_again_and_again(tmp_path: Path) -> None:
    behaviour = {"mode": "crash", "token_seconds": 0.001, "starts": str(tmp_path / "starts")}
    before_all = children()
    made = serving.settings(tmp_path, behaviour)
    with serving.server(made) as it:
        it.ready()
        told = asyncio.run(storm(it, 1))
        it.wait(lambda: it.health()["active"] == it.health()["queued"] == 0, 30)
        assert set(told) <= {"200", "429", "422", "503", "left"}, told
        assert it.health()["active"] == it.health()["queued"] == 0
    assert children() == before_all
