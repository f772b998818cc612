"""A server of the OpenAI dialect that does as it is told, faults and all, over a real socket.

It stands for the servers that a test cannot run: vLLM, SGLang and TabbyAPI need a graphics card.
What it says of itself and how it refuses is taken from their documentation and reported errors.
It knows the answer to the trial, and gives `answers` before.
"""

import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

RIGHT = '{"line": 419, "problem": "division by zero"}'
TRIAL = "return total / count"
"""Stands in the trial and, let us hope, nowhere else."""


@dataclass(frozen=True)
class Seen:
    """A request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Fault = Callable[["Handler"], None]
"""Answers in place of the engine."""


@dataclass
class FakeEngine:
    """Use as a context manager. `faults` are used up one by request of chat; then all is well."""

    owner: str = "vllm"
    models: tuple[str, ...] = ("good-coder",)
    key: str = ""
    context: int = 8192
    answers: deque[str] = field(default_factory=deque)
    faults: deque[Fault] = field(default_factory=deque)
    health: int = 200
    seen: list[Seen] = field(default_factory=list)
    socket_file: Path | None = None
    tls: ssl.SSLContext | None = None
    delay: float = 0.0
    """Seconds before each piece of an answer."""
    script: Callable[[dict[str, Any]], "str | Fault"] | None = None
    """Answers what is no trial, from the body of the request, or says which fault there is."""

    def __enter__(self) -> "FakeEngine":
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        if self.socket_file is not None:
            return f"unix://{self.socket_file}"
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def chats(self) -> list[Seen]:
        """The requests for an answer."""
        return [each for each in self.seen if each.path == "/v1/chat/completions"]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        if engine.socket_file is not None:
            self.address_family = socket.AF_UNIX
            super().__init__(str(engine.socket_file), Handler)  # type: ignore[arg-type]
        else:
            super().__init__(("127.0.0.1", 0), Handler)
        if engine.tls is not None:
            self.socket = engine.tls.wrap_socket(self.socket, server_side=True)

    def server_bind(self) -> None:
        """Without asking for the name of this machine, which may take a resolver's time."""
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up: that is what several tests are about."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def engine(self) -> FakeEngine:
        return self.server.engine

    def address_string(self) -> str:
        return "peer"

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        self._note({})
        if self.path == "/health" and self.engine.owner != "other":
            self.send_json({"status": "ok"}, self.engine.health)
        elif self.path == "/v1/models":
            if self.engine.key and self.headers["Authorization"] != f"Bearer {self.engine.key}":
                self.refuse(401, "authentication_error")
                return
            self.send_json({"object": "list", "data": [self._model(n) for n in self.engine.models]})
        elif self.path == "/props" and self.engine.owner == "llamacpp":
            inner = {"n_ctx": self.engine.context}
            self.send_json({"default_generation_settings": inner, "total_slots": 4})
        elif self.path == "/v1/model" and self.engine.owner == "tabbyAPI":
            self.send_json({"parameters": {"max_seq_len": self.engine.context}})
        else:
            self.refuse(404, "not_found_error")

    def _model(self, name: str) -> dict[str, Any]:
        model: dict[str, Any] = {"id": name, "object": "model", "owned_by": self.engine.owner}
        if self.engine.owner in ("vllm", "sglang"):
            model["max_model_len"] = self.engine.context
        return model

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._note(body)
        if self.path == "/tokenize":
            # A token of three characters: what code comes to, more or less.
            text = body.get("prompt", body.get("content", ""))
            limit = self.engine.context
            self.send_json({"count": -(-len(text) // 3), "max_model_len": limit})
            return
        if self.engine.faults:
            self.engine.faults.popleft()(self)
            return
        size = sum(len(message["content"]) for message in body["messages"]) // 4
        if size >= self.engine.context:
            told = f"This model's maximum context length is {self.engine.context} tokens."
            self.send_json({"object": "error", "message": told, "code": 400}, 400)
            return
        answer = self._answer(body)
        if isinstance(answer, str):
            self.stream(answer)
        else:
            answer(self)

    def _answer(self, body: dict[str, Any]) -> str | Fault:
        if self.engine.answers:
            return self.engine.answers.popleft()
        if self.engine.script is None or TRIAL in body["messages"][-1]["content"]:
            return RIGHT
        return self.engine.script(body)

    def _note(self, body: dict[str, Any]) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.engine.seen.append(Seen(self.command, self.path, headers, body))

    def send_json(self, value: Any, status: int = 200, **headers: str) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, given in headers.items():
            self.send_header(name.replace("_", "-"), given)
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status: int, kind: str, message: str = "no", **headers: str) -> None:
        self.send_json(
            {"error": {"code": status, "type": kind, "message": message}}, status, **headers
        )

    def begin(self) -> None:
        """The head of a stream."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def event(self, value: Any) -> None:
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
        self.wfile.flush()

    def piece(self, text: str) -> None:
        self.event({"choices": [{"index": 0, "delta": {"content": text}}]})

    def stream(self, text: str, finish: str | None = "stop", *, done: bool = True) -> None:
        """A whole answer, in pieces of four characters."""
        self.begin()
        self.event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]})
        for piece in _pieces(text):
            if self.engine.delay and self.engine.ended.wait(self.engine.delay):
                return
            self.piece(piece)
        if finish is not None:
            self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        usage = {"prompt_tokens": 11, "completion_tokens": len(text) // 4 + 1}
        self.event({"choices": [], "usage": usage})
        if done:
            self.wfile.write(b"data: [DONE]\n\n")


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), 4):
        yield text[start : start + 4]


def says(text: str, finish: str | None = "stop") -> Fault:
    """An answer of this text that ends for this reason."""
    return lambda handler: handler.stream(text, finish)


def at_once(text: str) -> Fault:
    """An answer in one piece, however long."""

    def answer(handler: Handler) -> None:
        handler.begin()
        handler.piece(text)
        handler.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        handler.wfile.write(b"data: [DONE]\n\n")

    return answer


def refuses(status: int, kind: str = "server_error", message: str = "no", **headers: str) -> Fault:
    """An error of this status."""
    return lambda handler: handler.refuse(status, kind, message, **headers)


def silent(handler: Handler) -> None:
    """Never answers."""
    handler.engine.ended.wait(30)


def dripping(handler: Handler) -> None:
    """Answers for ever, a byte at a time: no timeout of a read ever comes."""
    handler.begin()
    while not handler.engine.ended.wait(0.02):
        handler.wfile.write(b":")
        handler.wfile.flush()


def dripping_head(handler: Handler) -> None:
    """The same before the end of the headers."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not handler.engine.ended.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def dies(handler: Handler) -> None:
    """Goes away in the middle of an answer, as a killed process does: with a reset."""
    handler.begin()
    handler.piece('{"line": ')
    linger = b"\1\0\0\0\0\0\0\0"
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()


def stops(handler: Handler) -> None:
    """Ends the stream in the middle, in good order."""
    handler.begin()
    handler.piece('{"line": ')


def never_ends(handler: Handler) -> None:
    """Goes on beyond any limit of tokens."""
    handler.begin()
    number = 0
    while not handler.engine.ended.is_set():
        number += 1
        handler.piece(f"{number} ")


def repeats(handler: Handler) -> None:
    """Says the same again and again, within its limit of tokens."""
    handler.begin()
    while not handler.engine.ended.is_set():
        handler.piece("the same, ")


def floods(handler: Handler) -> None:
    """Sends one line without an end."""
    handler.begin()
    while not handler.engine.ended.is_set():
        handler.wfile.write(b"data: " + b"x" * 65536)


def rubbish(handler: Handler) -> None:
    """Speaks something else."""
    handler.begin()
    handler.wfile.write(b"data: <html>\n\n")


def late_error(handler: Handler) -> None:
    """Fails after a full answer, as llama.cpp does when its own parser refuses what it wrote."""
    handler.begin()
    handler.piece(RIGHT)
    handler.event({"error": {"code": 500, "message": "does not match", "type": "server_error"}})


def redirects(handler: Handler) -> None:
    """Sends the client elsewhere."""
    handler.send_response(307)
    handler.send_header("Location", "http://127.0.0.1:9/v1/chat/completions")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def compressed(handler: Handler) -> None:
    """Answers in a coding that nobody asked for."""
    handler.send_json({}, Content_Encoding="gzip")


def plain(handler: Handler) -> None:
    """Does not stream."""
    message = {"role": "assistant", "content": RIGHT}
    handler.send_json({"choices": [{"message": message, "finish_reason": "stop"}]})


def slow(seconds: float) -> Fault:
    """A right answer after a while."""

    def answer(handler: Handler) -> None:
        time.sleep(seconds)
        handler.stream(RIGHT)

    return answer
