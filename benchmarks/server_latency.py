"""How soon the engine server turns down what it must, while sixteen answers are generated.

The server is a process of its own; the engine is the tests' fake, at 50 tokens a second for each.
"""

import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from benchmarks.common import Row, Table, folder
from tests.support import models, serving

RUNS: Final = 200
RUNNING: Final = 16
LIMIT: Final = 0.020

BEHAVIOUR: Final = {"token_seconds": 0.02, "context": 16384, "cache_tokens": 1 << 20}
CHANGES: Final = {"context": 16384, "cache_tokens": 1 << 20}

PROGRAM: Final = """
import json, sys
from pathlib import Path
from reviewer.server.main import run
from tests.support import serving
sys.exit(run(serving.settings(Path(sys.argv[1]), *map(json.loads, sys.argv[2:3]),
                              **json.loads(sys.argv[3]))))
"""


def run() -> Table:
    with folder() as place:
        models.model(place / "m", max_position_embeddings=16384)
        words = [sys.executable, "-c", PROGRAM, str(place), *map(json.dumps, (BEHAVIOUR, CHANGES))]
        with subprocess.Popen(words, cwd=serving.TOP, stderr=subprocess.DEVNULL) as started:
            try:
                it = serving.Server(serving.settings(place, **CHANGES))
                it.wait_for_state(started)
                rows = measured(it.ready())
            finally:
                started.terminate()
    setting = f"{RUNS} requests each on a connection that stays open, {RUNNING} streams running."
    return Table("server latency", setting, rows)


def measured(it: serving.Server) -> tuple[Row, ...]:
    held = [streaming(it) for _ in range(RUNNING)]
    it.wait(lambda: it.health()["active"] == RUNNING)
    far = chat("word " * 200_000)
    near = chat("def function(argument): return argument\n" * 1500)
    rows = (
        row(it, "wrong token", "/v1/chat/completions", b"{}", 401, token="wrong"),
        row(it, "malformed JSON", "/v1/chat/completions", b'{"model": ', 400),
        row(it, "field not supported", "/v1/chat/completions", b'{"tools": []}', 400),
        row(it, "prompt of 1 MB, too long", "/v1/chat/completions", far, 400),
        row(it, "prompt of 60 kB, too long", "/v1/chat/completions", near, 400),
        row(it, "health", "/health", None, 200),
    )
    assert it.health()["active"] == RUNNING, "they must run until the end"
    for each in held:
        each.close()
    return rows


def chat(content: str) -> bytes:
    body = {"model": "m", "messages": [{"role": "user", "content": content}]}
    return json.dumps(body).encode()


def streaming(it: serving.Server) -> socket.socket:
    """A stream that nobody reads: the answer is small."""
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 16000,
            "stream": True}  # fmt: skip
    data = json.dumps(body).encode()
    opened = socket.create_connection(("127.0.0.1", it.state["port"]))
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
        f"Authorization: Bearer {it.token}\r\n\r\n"
    )
    opened.sendall(head.encode() + data)
    return opened


def row(
    it: serving.Server, what: str, path: str, body: bytes | None, status: int, token: str = ""
) -> Row:
    connection = http.client.HTTPConnection("127.0.0.1", it.state["port"], timeout=10)
    headers = {"Authorization": f"Bearer {token or it.token}"}

    def ask() -> float:
        began = time.perf_counter()
        connection.request("POST" if body is not None else "GET", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        took = time.perf_counter() - began
        assert answer.status == status, answer.status
        return took

    times = sorted(timed(ask))
    connection.close()
    median, high = statistics.median(times), times[int(len(times) * 0.99)]
    return Row(
        what, f"{median * 1e3:.1f} ms, p99 {high * 1e3:.1f} ms", "", "",
        f"median < {LIMIT * 1e3:.0f} ms", median < LIMIT,
    )  # fmt: skip


def timed(ask: Callable[[], float]) -> list[float]:
    ask()
    return [ask() for _ in range(RUNS)]


if __name__ == "__main__":
    print(run().markdown())
