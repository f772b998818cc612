"""A real server on a real port around a fake worker, in a thread with a loop of its own."""

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reviewer.server.main import serve
from reviewer.server.settings import Patience, Settings
from tests.support import models

TOP = Path(__file__).parents[2]
WORKER = TOP / "tests" / "fakes" / "worker.py"

HASTY = Patience(beat=1.0, least=0.5, start=5.0, load=5.0, fresh=0.4, cancel=1.0, exit=1.0,
                 keep_alive=0.2, memory=0.25, retire=0.3, write=0.5,
                 restarts=(0.05, 0.05, 0.05))  # fmt: skip


def command(**behaviour: Any) -> tuple[str, ...]:
    return (sys.executable, "-P", str(WORKER), json.dumps(behaviour))


def settings(folder: Path, behaviour: dict[str, Any] | None = None, **changes: Any) -> Settings:
    """Settings for a model in `folder`, which is made if it is not there."""
    if not (folder / "m").exists():
        models.model(folder / "m")
    made = Settings(
        model=folder / "m", state=folder / "state.json", worker=command(**(behaviour or {})),
        environ={"PYTHONPATH": str(TOP)}, patience=HASTY, context=4096, cache_tokens=16384,
        allow_root=True,
    )  # fmt: skip
    return replace(made, **changes)


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def text(self) -> str:
        return str(self.json["choices"][0]["message"]["content"])


@dataclass
class Server:
    settings: Settings
    lines: list[dict[str, Any]] = field(default_factory=list)
    status: int | None = None

    @property
    def state(self) -> dict[str, Any]:
        return dict(json.loads(self.settings.state.read_text()))

    @property
    def token(self) -> str:
        return Path(self.state["token_file"]).read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.state['port']}"

    def ask(
        self,
        path: str,
        body: object = None,
        *,
        method: str = "",
        timeout: float = 8,
        **headers: str,
    ) -> Reply:
        """One request on a connection of its own; a body that is not bytes is sent as JSON."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.state["port"], timeout=timeout)
        given = {"Authorization": f"Bearer {self.token}", **headers}
        try:
            connection.request(method or ("GET" if data is None else "POST"), path, data, given)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def chat(
        self,
        content: str = "Hello",
        *,
        timeout: float = 8,
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> Reply:
        """A chat of one message."""
        body = {"model": "m", "messages": [{"role": "user", "content": content}], **fields}
        return self.ask("/v1/chat/completions", body, timeout=timeout, **(headers or {}))

    def health(self) -> dict[str, Any]:
        return dict(self.ask("/health").json)

    def metric(self, name: str) -> float:
        page = self.ask("/metrics").data.decode()
        lines = [line for line in page.splitlines() if line.startswith(f"reviewer_engine_{name}")]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def wait(self, what: Callable[[], object], seconds: float = 10) -> None:
        """Until something is so."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, (self.lines, self.health())
            time.sleep(0.01)

    def wait_for_state(self, process: "subprocess.Popen[bytes]") -> None:
        """Until a server that is another process has announced itself."""
        end = time.monotonic() + 10
        while not (self.settings.token_file.exists() and self.settings.state.exists()
                   and self.settings.state.read_text()):  # fmt: skip
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)

    def ready(self) -> "Server":
        self.wait(lambda: self.settings.state.exists() and self.health()["state"] == "ready")
        return self


@contextmanager
def server(made: Settings) -> Iterator[Server]:
    """A server that runs until the end of the block. Logs are in `lines`."""
    it = Server(made)

    def log(event: str, **facts: Any) -> None:
        it.lines.append({"event": event, **facts})

    loop = asyncio.new_event_loop()
    work = loop.create_task(serve(made, log))

    def run() -> None:
        try:
            it.status = loop.run_until_complete(work)
        except asyncio.CancelledError:
            it.status = -1
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        end = time.monotonic() + 5
        while it.status is None and not any(line["event"] == "listening" for line in it.lines):
            assert time.monotonic() < end
            assert thread.is_alive()
            time.sleep(0.005)
        yield it
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(work.cancel)
        thread.join(10)
        assert not thread.is_alive()


@contextmanager
def broken(folder: Path, mode: str, *, once: bool = False, **behaviour: Any) -> Iterator[Server]:
    """A server whose engine is broken, `once` or each time; starts are in the file `starts`."""
    changes = {name: behaviour.pop(name) for name in list(behaviour) if name in CHANGES}
    given = {"mode": mode, "starts": str(folder / "starts"), "token_seconds": 0.002, **behaviour}
    if once:
        given["spent"] = str(folder / "spent")
    with server(settings(folder, given, **changes)) as it:
        yield it


CHANGES = ("worker_bytes", "gpu_lock", "gpu_wait", "cache", "patience", "lease")


def starts(it: Server) -> list[tuple[int, int]]:
    """Process and cache tokens of each start."""
    place = it.settings.state.parent / "starts"
    lines = place.read_text().splitlines() if place.exists() else []
    return [(int(pid), int(tokens)) for pid, tokens in map(str.split, lines)]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
