"""The only home of HTTP clients that we write: short conversations with a model's server.

What is sent is private code, so that the rules are strict. No proxies: a runner sets them for all
programs, and a proxy would carry the change away. No redirects, no cookies, no compressed answers.
One connection a request: a server that hangs up after a stream (llama.cpp does) then surprises
nobody. Each request has a deadline that holds however slowly bytes drip in, and a size cap.

Where a server may be is decided by `place`: this machine by a literal loopback address or a unix
socket, or, over TLS, a host that trusted settings name. Its addresses are checked after DNS, and
the one that was checked is the one that is connected to.
"""

import contextlib
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import httpx

from reviewer.errors import ConfigError, EngineDown, EngineRefused
from reviewer.version import VERSION

CONNECT: Final = 10.0
"""Longest time for a connection, in seconds: three lost SYN packets (RFC 6298, 1 + 2 + 4 s)."""

REFUSED_REPEATS: Final = 2
"""A server that is being restarted refuses connections for a moment."""

ANSWER_BYTES: Final = 4 << 20
"""Most bytes of an answer: thousands of tokens, each of them as an event of 300 bytes."""

URL_CHARS: Final = 2048
SOCKET_BYTES: Final = 107
"""Longest name of a unix socket (unix(7), sun_path)."""

METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)
"""Where clouds hand out credentials: AWS, Google, Azure and others (both families), Alibaba, the
host of Azure, Oracle; from their pages on instance metadata."""

NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses inside of IPv6 (RFC 6052)."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is, by `place`: its origin, and the path that its API lies below.

    `socket` is the file of a unix socket, "" without. `local` is on this machine.
    """

    scheme: str
    host: str
    port: int
    path: str = ""
    socket: str = ""
    local: bool = True

    @property
    def name(self) -> str:
        """What readers are told: no path, since some services have a key there."""
        return self.socket or f"{_bracketed(self.host)}:{self.port}"


def place(url: str, allow: Collection[str] = ()) -> Place:
    """Where `url` leads, if it may lead there. `allow` names hosts that are not this machine.

    Takes `http://127.0.0.1:8000`, `https://models.example.com/v1` and `unix:///run/engine.sock`;
    a last `/v1` is left away. Raises ConfigError.
    """
    if len(url) > URL_CHARS or not re.fullmatch(r"[!-\[\]-~]+", url):
        raise _refused(url, "it holds characters that no address needs")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused(url, str(error)) from error
    if "@" in parts.netloc:
        raise _refused(url, "it holds a user name", "give the key by itself, not in the address")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise _refused(url, "it holds a query or a fragment")
    if parts.scheme == "unix":
        return _unix(parts, url)
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise _refused(url, "it is neither http://HOST, https://HOST nor unix:///FILE")
    local = _judge(parts, url, {each.lower().rstrip(".") for each in allow})
    path = parts.path.rstrip("/").removesuffix("/v1")
    port = port or {"http": 80, "https": 443}[parts.scheme]
    return Place(parts.scheme, parts.hostname.rstrip("."), port, path, local=local)


def _unix(parts: SplitResult, url: str) -> Place:
    if parts.netloc or not parts.path.startswith("/") or len(parts.path) > SOCKET_BYTES:
        raise _refused(url, "a unix socket is named by its full path: unix:///run/engine.sock")
    return Place("http", "localhost", 80, socket=parts.path)


def _judge(parts: SplitResult, url: str, allow: Collection[str]) -> bool:
    """Whether the host is this machine. Raises ConfigError when we must not speak to it."""
    host = (parts.hostname or "").rstrip(".")
    address = _literal(host)
    if address is not None and address.is_loopback:
        return True
    if host == "localhost" or host.endswith(".localhost"):
        raise _refused(url, "what localhost means is decided elsewhere", "write 127.0.0.1")
    if address is None and re.fullmatch(r"\d+|0x[0-9a-f]*", host.rpartition(".")[2]):
        raise _refused(url, "its host is a number that programs read differently")
    if address is None and not re.fullmatch(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?", host):
        raise _refused(url, "its host is no name")
    if host not in allow:
        raise _refused(
            url, f"{host} is not this machine", f"if your code may go there, allow {host} by name"
        )
    if parts.scheme != "https":
        raise _refused(url, "private code would cross the network in the clear", "use https")
    if address is not None and (why := forbidden(address)):
        raise _refused(url, why)
    return False


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refused(url: str, why: str, tip: str = "") -> ConfigError:
    shown = re.sub(r"//[^/@]*@", "//…@", url)[:120]
    return ConfigError(f"engine.url {shown!r}: {why}", tip or "name the model's server by its URL")


def forbidden(address: _Address) -> str:
    """Why a host that was allowed by name may not be at `address`, "" if it may."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            return forbidden(inner)
    if address in METADATA or address.is_link_local:
        return f"{address} is where clouds keep credentials"
    if address.is_loopback or address.is_unspecified:
        return f"{address} is this machine under another's name"
    if address.is_multicast or address.is_reserved:
        return f"{address} is no address of a server"
    return ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass
class Reply:
    """An answer that is coming in."""

    status: int
    headers: Mapping[str, str]
    _chunks: Iterator[bytes]
    _cap: int

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. Raises EngineDown, and EngineRefused beyond the cap."""
        size = 0
        for chunk in self._chunks:
            size += len(chunk)
            if size > self._cap:
                raise EngineRefused(f"the engine answered more than {self._cap:,} bytes")
            yield chunk

    def whole(self) -> Answer:
        """All of it. Raises as `chunks` does."""
        return Answer(self.status, self.headers, b"".join(self.chunks()))

    def events(self) -> Iterator[bytes]:
        """The data of each server-sent event (WHATWG, "Server-sent events"), one line each.

        Ends where the stream ends, whether in order or not. Raises as `chunks` does.
        """
        rest = bytearray()
        for chunk in self.chunks():
            rest += chunk
            if b"\n" not in chunk:
                continue
            *lines, rest = rest.split(b"\n")
            for line in lines:
                if line.startswith(b"data:"):
                    yield bytes(line[5:].strip())


class Switch:
    """Ends conversations that are going on, from another thread."""

    def __init__(self) -> None:
        self._clocks: set[_Clock] = set()
        self._lock = threading.Lock()

    def off(self) -> None:
        """End them all; new ones may begin."""
        with self._lock:
            clocks = tuple(self._clocks)
        for clock in clocks:
            clock.end()

    @contextlib.contextmanager
    def holding(self, clock: "_Clock") -> Iterator[None]:
        """While a conversation goes on."""
        with self._lock:
            self._clocks.add(clock)
        try:
            yield
        finally:
            with self._lock:
                self._clocks.discard(clock)


@dataclass(frozen=True)
class Client:
    """Speaks to one server. `token` goes into each request, and is shown to nobody, and so do
    `extra` headers.

    `silence` is the longest time without a byte, in seconds: it has to outlast the server's queue.
    `ca_file` holds the certificates that sign the server's own; without it the system's are used.
    `switch` ends what goes on.
    """

    place: Place
    token: str = field(default="", repr=False)
    silence: float = 300.0
    ca_file: Path | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    switch: Switch = field(default_factory=Switch)

    def get(self, path: str, deadline: float, cap: int = ANSWER_BYTES) -> Answer:
        """Read `path`. Raises EngineDown and EngineRefused."""
        with self.open("GET", path, None, deadline, cap) as reply:
            return reply.whole()

    @contextlib.contextmanager
    def open(
        self, method: str, path: str, body: bytes | None, deadline: float, cap: int = ANSWER_BYTES
    ) -> Iterator[Reply]:
        """Send a request and read its answer as it comes, all before the instant `deadline`.

        Raises EngineDown and EngineRefused, in the block as well.
        """
        addresses = self._addresses(deadline)
        for number, address in enumerate(addresses, 1):
            clock = _Clock(deadline, self.place.name)
            with contextlib.ExitStack() as stack:
                stack.enter_context(clock)
                stack.enter_context(self.switch.holding(clock))
                stack.enter_context(self._translated(clock))
                client = stack.enter_context(self._client(clock))
                request = client.build_request(
                    method,
                    f"{self.place.scheme}://{_bracketed(address)}:{self.place.port}"
                    f"{self.place.path}{path}",
                    content=body,
                    headers=self._headers(has_body=body is not None),
                    extensions={"trace": clock.trace, "sni_hostname": self.place.host},
                )
                try:
                    response = client.send(request, stream=True)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if number < len(addresses):
                        continue
                    raise
                stack.callback(response.close)
                yield self._reply(response, clock, cap)
                return

    def _client(self, clock: "_Clock") -> httpx.Client:
        left = max(clock.left(), 0.001)
        transport = httpx.HTTPTransport(
            verify=_tls(self.ca_file) if self.place.scheme == "https" else _no_tls(),
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
            uds=self.place.socket or None,
        )
        timeout = httpx.Timeout(min(left, self.silence), connect=min(left, CONNECT))
        return httpx.Client(transport=transport, timeout=timeout, trust_env=False)

    def _headers(self, *, has_body: bool) -> dict[str, str]:
        default = {"http": 80, "https": 443}[self.place.scheme]
        port = "" if self.place.port == default else f":{self.place.port}"
        headers = {
            "host": _bracketed(self.place.host) + port,
            "accept-encoding": "identity",
            "connection": "close",
            "user-agent": f"reviewer/{VERSION}",
            **self.extra,
        }
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        return {**headers, "content-type": "application/json"} if has_body else headers

    def _reply(self, response: httpx.Response, clock: "_Clock", cap: int) -> Reply:
        if response.is_redirect or 300 <= response.status_code < 400:
            raise EngineRefused(f"{self.place.name} leads elsewhere, where nobody follows")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise EngineRefused(f"{self.place.name} answers compressed, unasked")
        return Reply(response.status_code, dict(response.headers), _raw(response, clock), cap)

    def _addresses(self, deadline: float) -> list[str]:
        if self.place.local:
            return [self.place.host]
        found = resolved(self.place.host, self.place.port, deadline)
        for address in found:
            if why := forbidden(ipaddress.ip_address(address)):
                raise EngineRefused(f"{self.place.host}: {why}")
        return found

    @contextlib.contextmanager
    def _translated(self, clock: "_Clock") -> Iterator[None]:
        """What goes wrong on the way, in our words; httpx.RequestError is all of it."""
        name = self.place.name
        try:
            yield
        except (httpx.RequestError, httpx.InvalidURL) as error:
            if clock.over or isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
                raise EngineDown(f"{name} gave no whole answer in time") from error
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise EngineDown(f"{name} has a certificate that nobody here trusts") from error
            if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                raise EngineDown(f"nothing answers at {name}", REFUSED_REPEATS) from error
            if isinstance(error, httpx.LocalProtocolError | httpx.InvalidURL):
                raise EngineRefused(f"{name} cannot be asked this: {error}") from error
            raise EngineDown(f"{name} hung up before the end of its answer", 1) from error


def _raw(response: httpx.Response, clock: "_Clock") -> Iterator[bytes]:
    yield from response.iter_raw()
    if clock.over:  # without a length, a socket that was shut looks like an orderly end
        raise EngineDown(f"{clock.name} gave no whole answer in time")


class _Clock:
    """Ends a conversation at its deadline, whichever of its many waits it is in.

    A timeout of a read begins anew with each byte; what a deadline can do is to shut the socket,
    which wakes whoever waits for it. httpx shows its sockets to a trace.
    """

    def __init__(self, deadline: float, name: str) -> None:
        self.deadline = deadline
        self.over = False
        self.name = name
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(self.left(), 0.0), self.end)
        self._timer.daemon = True

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def __enter__(self) -> "_Clock":
        if self.left() <= 0:
            raise EngineDown(f"there was no time left to ask {self.name}")
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Learn of the socket, and of the one that TLS puts in its place."""
        if event.startswith("connection.") and event.endswith(
            ("connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete")
        ):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
            if self.over:
                self._shut()

    def end(self) -> None:
        """End it now, whatever time is left."""
        self.over = True
        self._shut()

    def _shut(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)


def resolved(host: str, port: int, deadline: float) -> list[str]:
    """The addresses of `host`, in the system's order. Raises EngineDown.

    The system's resolver knows no deadline, so that it is asked in a thread that may be left.
    """
    told: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            told.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except OSError as error:
            told.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = told.get(timeout=max(0.0, min(CONNECT, deadline - time.monotonic())))
    except queue.Empty:
        raise EngineDown(f"nobody told in time where {host} is") from None
    if isinstance(answer, OSError):
        raise EngineDown(f"nobody knows where {host} is", REFUSED_REPEATS) from answer
    return [address for address in answer if "%" not in address]


@cache
def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise EngineRefused(f"{ca_file} holds no certificates that can be read") from error


@cache
def _no_tls() -> ssl.SSLContext:
    """For plain HTTP: without it, httpx reads all certificates of the world for nothing."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
