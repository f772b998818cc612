"""Front and worker: what they say arrives as it was said, and nothing else is believed."""

import socket
import struct

import msgspec
import pytest

from reviewer.server import protocol as p

TO_WORKER = [
    p.Load("/models/7b", 4096, 16384, 8192, 16, (64, 128), "/cache/torch_extensions"),
    p.Submit("a", "tenant", (1, 2, 3), 16, 0.2, 0.95, (1 << 63) - 1, 30.0, '{"grammars":[]}', 40),
    p.Submit("a", "", (1,), 1, 0.0, 1.0, 0, 0.5),
    p.Cancel("a"),
    p.Drain(),
    p.AskStats(),
]
TO_FRONT = [
    p.Progress("load", 1, 28),
    p.Ready(4096, 16384, 16, 12.5),
    p.Ready(4096, 16384, 16, 12.5, 20 << 30),
    p.Started("a", 512),
    p.Delta("a", "häß\u2028", 3),
    p.Done("a", "stop", 3, 0.1, 0.2, 0.01),
    p.Error("oom", "no room", "a"),
    p.Error("internal", "kernel"),
    p.Beat(0.02, 3, 1, 40),
    p.Stats(1, 2, 3),
]


@pytest.mark.parametrize("message", TO_WORKER, ids=lambda m: type(m).__name__)
def test_requests_arrive(message: p.ToWorker) -> None:
    front, worker = socket.socketpair()
    with front, worker:
        front.sendall(p.frame(message) * 2)
        assert [p.receive(worker), p.receive(worker)] == [message, message]
        front.close()
        assert p.receive(worker) is None


@pytest.mark.parametrize("message", TO_FRONT, ids=lambda m: type(m).__name__)
def test_answers_arrive(message: p.ToFront) -> None:
    data = p.frame(message)
    body = data[p.HEADER.size :]
    assert p.length(data[: p.HEADER.size], p.TO_FRONT_BYTES) == len(body)
    assert p.to_front(body) == message


@pytest.mark.parametrize("cut", [1, p.HEADER.size, p.HEADER.size + 1, -1])
def test_a_stream_that_ends_in_a_message_is_an_error(cut: int) -> None:
    front, worker = socket.socketpair()
    with front, worker:
        front.sendall(p.frame(TO_WORKER[1])[:cut])
        front.close()
        with pytest.raises(p.ProtocolError, match="ends within"):
            p.receive(worker)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"HTTP/1.", "no message"),
        (p.HEADER.pack(b"RV", 2, 1), "version 2"),
        (p.HEADER.pack(b"RV", p.VERSION, p.TO_FRONT_BYTES + 1), "more than 262,144"),
        (p.HEADER.pack(b"RV", p.VERSION, (1 << 32) - 1), "more than"),
    ],
)
def test_a_header_that_is_none(header: bytes, why: str) -> None:
    with pytest.raises(p.ProtocolError, match=why):
        p.length(header, p.TO_FRONT_BYTES)


BROKEN = [
    b"",
    b"\xc1",
    b"\x91" * 100_000,
    msgspec.msgpack.encode({"kind": "beat"}),
    msgspec.msgpack.encode({"kind": "memory", "used": 1, "reserved": -1, "total": 1}),
    msgspec.msgpack.encode({"kind": "submit"}),
    msgspec.msgpack.encode({"kind": "delta", "id": "a", "text": "x", "tokens": -1}),
    msgspec.msgpack.encode({"kind": "delta", "id": "a", "text": "x" * 70_000, "tokens": 1}),
    msgspec.msgpack.encode({"kind": "done", "id": "a", "finish": "because"}),
    msgspec.msgpack.encode({"kind": "cancel", "id": "a", "more": 1}),
    msgspec.msgpack.encode({"kind": "started", "id": "a", "cached_tokens": 1, "more": 1}),
    struct.pack(">I", 7),
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_a_body_that_is_no_message(body: bytes) -> None:
    with pytest.raises(p.ProtocolError):
        p.to_front(body)


def test_the_complaint_does_not_quote_the_answer() -> None:
    body = msgspec.msgpack.encode({"kind": "done", "id": "a", "finish": "SECRET"})
    with pytest.raises(p.ProtocolError) as caught:
        p.to_front(body)
    assert "SECRET" not in str(caught.value)
