"""HTTP for the fake of GitHub: requests in, replies out, faults on the wire."""

import gzip
import socket
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes._github_faults import Reply

Answer = Callable[[str, str, dict[str, str], bytes], Reply]
"""From method, target, headers (names in lower case) and body."""


class Server(ThreadingHTTPServer):
    """Answers at an address (port 0: any free one) until closed, each client in a thread.

    `answer` is given before the start, and `broken`, which hears of the fake's own bugs.
    """

    daemon_threads = True
    block_on_close = False

    answer: Answer
    broken: Callable[[str], object]

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, Handler)
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._loop = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def start(self) -> None:
        self._loop.start()

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self._loop.join()
        self.server_close()
        for client in list(self._open):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event; anything else is a bug of the fake."""
        if not isinstance(sys.exception(), ConnectionError):
            self.broken(traceback.format_exc())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def log_message(self, *words: Any) -> None:
        pass

    def _serve(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        body = self._body(headers)
        self._send(self.server.answer(self.command, self.path, headers, body))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _body(self, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(headers.get("content-length", 0)))
        if headers.get("content-encoding") == "gzip":
            del headers["content-encoding"]
            return gzip.decompress(body)
        return body

    def _send(self, reply: Reply) -> None:
        if reply.hang or reply.reset:
            self.server.closing.wait(reply.hang)
            self._hang_up(hard=reply.reset)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body) + reply.missing))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()
        if reply.missing:
            self._hang_up(hard=False)

    def _hang_up(self, *, hard: bool) -> None:
        """`hard`: with a reset instead of an end (SO_LINGER of zero seconds, socket(7))."""
        self.close_connection = True
        if hard:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.rfile.close()
            self.connection.close()
