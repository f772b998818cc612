"""What must not go wrong: damaged weights, a worker that is killed, prompts that are too long."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.gpu import engines
from benchmarks.gpu.rows import Row, figure, is_so
from reviewer.server import manifest
from tests.support import serving

FORMAT: Final[dict[str, Any]] = {
    "type": "json_schema",
    "json_schema": {
        "name": "findings",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "line": {"type": "integer", "minimum": 1, "maximum": 999},
                "kind": {"enum": ["bug", "security"]},
            },
            "required": ["line", "kind"],
            "additionalProperties": False,
        },
    },
}


def run(work: Path) -> Iterator[Row]:
    """All drills on the tiny model."""
    model = work / "tiny"
    yield from refused(model, work / "damaged")
    place = work / "drills"
    place.mkdir(exist_ok=True)
    with engines.served(engines.settings(model, place, context=4096)) as it:
        for drill in (constrained, too_long, tenants, killed):
            yield from drill(it)


def truncated(weights: Path) -> None:
    """As after a download that broke off."""
    os.truncate(weights, weights.stat().st_size - 4096)


def corrupted(weights: Path) -> None:
    """One byte is another."""
    with weights.open("r+b") as opened:
        opened.seek(-1000, os.SEEK_END)
        byte = opened.read(1)
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([byte[0] ^ 1]))


def refused(model: Path, place: Path) -> Iterator[Row]:
    """Weights that are not those of the manifest never get to the engine."""
    for damage in (truncated, corrupted):
        shutil.rmtree(place, ignore_errors=True)
        copy = place / "m"
        shutil.copytree(model, copy)
        manifest.write(manifest.lock(copy), copy / manifest.LOCK)
        damage(min(copy.glob("*.safetensors")))
        with serving.server(engines.settings(copy, place)) as it:
            end = time.monotonic() + 20
            while it.status is None and time.monotonic() < end:
                time.sleep(0.01)
        said = next((line["reason"] for line in it.lines if line["event"] == "failed"), "")
        right = it.status == 3 and "safetensors" in said
        what = f"weights that are {damage.__name__} are refused"
        yield is_so(what, said[:120] or f"status {it.status}", right)
    shutil.rmtree(place)


def constrained(it: serving.Server) -> Iterator[Row]:
    """Random weights, and yet an answer in the schema."""
    reply = it.chat(max_tokens=64, response_format=FORMAT, timeout=60)
    try:
        value = json.loads(reply.text)
        right = set(value) == {"line", "kind"} and value["kind"] in ("bug", "security")
        right = right and 1 <= value["line"] <= 999
    except (ValueError, KeyError, TypeError):
        right = False
    yield is_so("an answer is held to its schema", reply.data.decode()[:0] or _text(reply), right)


def _text(reply: serving.Reply) -> str:
    return reply.text if reply.status == 200 else f"{reply.status} {reply.code}"


def too_long(it: serving.Server) -> Iterator[Row]:
    """A prompt without room is turned down before the engine sees it."""
    began = time.perf_counter()
    reply = it.chat("word " * 20000)
    seconds = time.perf_counter() - began
    right = (reply.status, reply.code) == (400, "context_length_exceeded")
    yield is_so("an overlong prompt", f"{_text(reply)}, {seconds * 1000:.0f} ms", right, "400")


def tenants(it: serving.Server) -> Iterator[Row]:
    """Pages are used again by who filled them, and by nobody else."""
    text = "def function(argument):\n    return argument + 1\n" * 60

    def cached(tenant: str) -> int:
        reply = it.chat(text, max_tokens=4, user=tenant, timeout=60)
        return int(reply.json["usage"]["prompt_tokens_details"]["cached_tokens"])

    first, again, other = cached("one"), cached("one"), cached("two")
    value = f"first {first}, again {again}, of another {other}"
    yield is_so("cached tokens of two tenants", value, first == other == 0 < again, "never shared")


def killed(it: serving.Server) -> Iterator[Row]:
    """SIGKILL in the middle of an answer: it says so, and the server comes back."""
    import threading  # noqa: PLC0415 - of this drill alone

    replies: list[serving.Reply] = []

    def ask() -> None:
        replies.append(it.chat("Count.", max_tokens=3000, temperature=1.0, timeout=60))

    asked = threading.Thread(target=ask)
    asked.start()
    _until(lambda: it.health()["active"] == 1, 20)
    process = engines.worker()
    os.kill(process, signal.SIGKILL)
    began = time.monotonic()
    asked.join()
    code = _text(replies[0])
    yield is_so("kill -9 during an answer", code, code == "503 engine_restarted", "503, at once")
    _until(lambda: it.health()["state"] == "ready" and engines.worker() != process, 120)
    yield figure("ready again after", time.monotonic() - began, " s")
    answer = it.chat("Count.", max_tokens=8, timeout=60)
    yield is_so("the next answer", str(answer.status), answer.status == 200, "200")


def _until(what: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise RuntimeError("it did not come to that in time")
        time.sleep(0.01)
