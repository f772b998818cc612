"""A proxy before the CPU engine: it answers the trial, which no random model passes, and carries
all else to the server and back byte by byte, with a record of it.
"""

import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.engine import RIGHT, TRIAL

CHAT = "/v1/chat/completions"
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER without a wait: closing the socket then resets the connection (socket(7))."""


@dataclass(frozen=True)
class Exchange:
    """A request that went through, and what came back; `whole` says that it came to its end."""

    path: str
    body: dict[str, Any]
    status: int
    data: bytes
    whole: bool

    @property
    def prompt(self) -> str:
        """The messages of a chat, as our client counts them."""
        return "\n".join(message["content"] for message in self.body["messages"])

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema that a chat is held to."""
        found: dict[str, Any] = self.body["response_format"]["json_schema"]["schema"]
        return found

    def events(self) -> list[dict[str, Any]]:
        """The events of a stream."""
        lines = self.data.decode().split("\n")
        return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]

    @property
    def answer(self) -> str:
        """The text of a stream."""
        choices = [choice for event in self.events() for choice in event.get("choices", ())]
        return "".join(choice["delta"].get("content") or "" for choice in choices)

    @property
    def finish(self) -> str:
        """Why a stream ended, "" if it was cut."""
        choices = [choice for event in self.events() for choice in event.get("choices", ())]
        return next((c["finish_reason"] for c in choices if c.get("finish_reason")), "")

    @property
    def usage(self) -> dict[str, Any]:
        """The tokens that it took, as the server says."""
        return next((e["usage"] for e in reversed(self.events()) if e.get("usage")), {})


@dataclass
class Proxy:
    """Stands before the server at `url`. `trials` counts those it answered itself."""

    url: str
    seen: list[Exchange] = field(default_factory=list)
    trials: int = 0
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released once for each question that arrives."""

    @property
    def chats(self) -> list[Exchange]:
        """The questions that were asked."""
        return [each for each in self.seen if each.path == CHAT]

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its own URL."""
        server = _Server(("127.0.0.1", 0), self)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without asking for the name of this machine, which may take a resolver's time."""
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up, and so do servers that are killed."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        self._carry(b"")

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == CHAT and TRIAL in json.loads(data)["messages"][-1]["content"]:
            self.server.proxy.trials += 1
            self._pass()
            return
        if self.path == CHAT:
            self.server.proxy.asked.release()
        self._carry(data)

    def _pass(self) -> None:
        """The right answer to the trial."""
        choice = {"index": 0, "delta": {"content": RIGHT}, "finish_reason": "stop"}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        told = json.dumps({"choices": [choice]}).encode()
        self.wfile.write(b"data: " + told + b"\n\ndata: [DONE]\n\n")

    def _carry(self, data: bytes) -> None:
        place = urlsplit(self.server.proxy.url)
        there = http.client.HTTPConnection(place.hostname or "", place.port)
        heard, status, whole = bytearray(), 0, False
        try:
            there.request(self.command, self.path, data or None, dict(self.headers.items()))
            answer = there.getresponse()
            status = answer.status
            self.send_response(status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.end_headers()
            while piece := answer.read1(65536):
                heard += piece
                self.wfile.write(piece)
            whole = True
        except (OSError, http.client.HTTPException):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        finally:
            there.close()
            body = json.loads(data) if data else {}
            self.server.proxy.seen.append(Exchange(self.path, body, status, bytes(heard), whole))
