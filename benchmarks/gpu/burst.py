"""Two hundred requests at the same moment, over HTTP, at our server on the small model."""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from benchmarks.gpu import engines
from benchmarks.gpu.rows import Row, figure, is_so
from tests.support import serving

REQUESTS: Final = 200
ANSWER: Final = 64
RULES: Final = "Review the change. Say what is wrong, and where, and nothing else. " * 40
CHANGE: Final = "-    return argument + {0}\n+    return argument - {0}  # change {0}\n"


def run(work: Path) -> Iterator[Row]:
    """Times to the first piece of text, as a client sees them."""
    place = work / "burst"
    place.mkdir(exist_ok=True)
    made = engines.settings(
        work / "small", place, cache_tokens=131072, max_batch=32, max_queue=REQUESTS,
        deadline=300.0,
    )  # fmt: skip
    with engines.served(made) as it:
        asyncio.run(burst(it, 8))
        began = time.perf_counter()
        answers = asyncio.run(burst(it, REQUESTS))
        seconds = time.perf_counter() - began
    first = sorted(each.first for each in answers if each.tokens)
    statuses = Counter(each.status for each in answers)
    value = ", ".join(f"{count} of {status}" for status, count in statuses.items())
    all_answered = len(first) == REQUESTS
    yield is_so(f"{REQUESTS} requests at once: statuses", value, all_answered, "all answered")
    if not first:
        return
    middle, high = statistics.median(first), first[int(len(first) * 0.99) - 1]
    yield figure(f"{REQUESTS} requests at once: first token, p50", middle, " s")
    yield figure(f"{REQUESTS} requests at once: first token, p99", high, " s")
    rate = sum(each.tokens for each in answers) / seconds
    yield figure(f"{REQUESTS} requests at once: all of them", rate, " tok/s")


@dataclass
class Answer:
    """Status of HTTP, seconds to the first text, tokens."""

    status: int = 0
    first: float = 0.0
    tokens: int = 0


async def burst(it: serving.Server, count: int) -> list[Answer]:
    """So many requests at the same moment."""
    limits = TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {it.token}"}
    async with ClientSession(
        it.url, connector=limits, headers=headers, timeout=ClientTimeout(total=300)
    ) as session:
        name = it.settings.model.name
        asked = (_asked(session, name, RULES + CHANGE.format(n) * 8) for n in range(count))
        return await asyncio.gather(*asked)


async def _asked(session: ClientSession, model: str, content: str) -> Answer:
    body = {
        "model": model, "messages": [{"role": "user", "content": content}], "stream": True,
        "max_tokens": ANSWER, "temperature": 1.0, "stream_options": {"include_usage": True},
    }  # fmt: skip
    made = Answer()
    began = time.perf_counter()
    async with session.post("/v1/chat/completions", json=body) as answer:
        made.status = answer.status
        async for line in answer.content:
            event = _event(line)
            if event.get("usage"):
                made.tokens = int(event["usage"]["completion_tokens"])
            if not made.first and any(each["delta"].get("content") for each in event["choices"]):
                made.first = time.perf_counter() - began
    return made


def _event(line: bytes) -> dict[str, Any]:
    """A line of a stream, empty when it says nothing."""
    data = line.removeprefix(b"data: ").strip()
    event = json.loads(data) if line.startswith(b"data: {") else {}
    return {"choices": [], **event}
