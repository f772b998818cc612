"""What front and worker say to each other: framed messages over a socket pair.

A frame is a header of seven bytes (the mark `RV`, the version, the length of the body as an
unsigned 32-bit number, big endian) and a body in MessagePack (msgpack.org). Both ends are ours, but
a worker whose memory was damaged by a kernel may say anything, so that every value has bounds.
"""

import socket
import struct
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

VERSION: Final = 1
MARK: Final = b"RV"
HEADER: Final = struct.Struct(">2sBI")

TO_WORKER_BYTES: Final = 8 << 20
"""Largest body of a request: a million token ids at five bytes each, and a grammar."""

TO_FRONT_BYTES: Final = 256 << 10
"""Largest body of an answer."""

TOP_K: Final = 1 << 20
"""No vocabulary is as large."""

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=1 << 31)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=1e6)]
Reason: TypeAlias = Annotated[str, Meta(max_length=2000)]


class ProtocolError(Exception):
    """The other end does not speak this protocol, or not any more."""


class Message(msgspec.Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True):
    """Base of all messages."""


class Load(Message, frozen=True, tag="load"):
    """The first message: load this model, whose files were checked."""

    folder: Annotated[str, Meta(max_length=4096)]
    context: Annotated[int, Meta(ge=256, le=1 << 24)]
    """Tokens of one request, at most."""
    cache_tokens: Annotated[int, Meta(ge=256, le=1 << 28)]
    min_cache_tokens: Annotated[int, Meta(ge=256, le=1 << 28)]
    max_batch: Annotated[int, Meta(ge=1, le=256)]
    head_dims: Annotated[tuple[Count, ...], Meta(max_length=16)]
    """Sizes of attention heads that may be."""
    builds: Annotated[str, Meta(max_length=4096)] = ""
    """Where kernels are compiled to."""


class Submit(Message, frozen=True, tag="submit"):
    """Generate. `tenant` names whose text this is: cached pages are never shared between two."""

    id: Id
    tenant: Annotated[str, Meta(max_length=256)]
    prompt: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=1 << 20)]
    max_tokens: Annotated[int, Meta(ge=1, le=1 << 20)]
    temperature: Annotated[float, Meta(ge=0, le=2)]
    top_p: Annotated[float, Meta(ge=0, le=1)]
    seed: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
    deadline: Annotated[float, Meta(gt=0, le=86400)]
    """Seconds from now."""
    grammar: Annotated[str, Meta(max_length=1 << 20)] | None = None
    """For llguidance, None for free text."""
    top_k: Annotated[int, Meta(ge=0, le=TOP_K)] = 0
    """Tokens that are left to choose from at each place, 0 for all."""


class Cancel(Message, frozen=True, tag="cancel"):
    """Stop a request, wherever it is; the answer is an `Error` with the code `cancelled`.

    Unknown ids are ignored: it may just have ended.
    """

    id: Id


class Drain(Message, frozen=True, tag="drain"):
    """Finish what is there, then exit with status 0."""


class AskStats(Message, frozen=True, tag="stats"):
    """Answer with `Stats`."""


class Progress(Message, frozen=True, tag="progress"):
    """A step on the way to `Ready`; also the sign of life until then."""

    step: Annotated[str, Meta(max_length=64)]
    done: Count = 0
    total: Count = 0


class Ready(Message, frozen=True, tag="ready"):
    """The engine is loaded, and its self-test and canary passed."""

    context: Annotated[int, Meta(ge=256, le=1 << 24)]
    """Tokens of one request, prompt and answer together."""
    cache_tokens: Annotated[int, Meta(ge=256, le=1 << 28, multiple_of=256)]
    """Tokens of all requests that run at once."""
    max_batch: Annotated[int, Meta(ge=1, le=1024)]
    load_seconds: Seconds
    planned: Annotated[int, Meta(ge=0)] = 0
    """Bytes of GPU memory that it means to do with, 0 when it cannot tell."""


class Started(Message, frozen=True, tag="started"):
    """The prompt of a request is read; its answer begins."""

    id: Id
    cached_tokens: Count


class Delta(Message, frozen=True, tag="delta"):
    """A piece of the answer: `tokens` of them, whose text may wait for the next piece."""

    id: Id
    text: Annotated[str, Meta(max_length=64 << 10)]
    tokens: Annotated[int, Meta(ge=1, le=1 << 16)]


class Done(Message, frozen=True, tag="done"):
    """The answer is complete, or was cut at `max_tokens`."""

    id: Id
    finish: Annotated[str, Meta(pattern="^(stop|length)$")]
    completion_tokens: Count
    prefill_seconds: Seconds
    decode_seconds: Seconds
    mask_seconds: Seconds = 0.0


class Error(Message, frozen=True, tag="error"):
    """A request failed; without `id` the worker did, and is about to exit.

    `code` is one of `CODES`. The reason quotes neither prompt nor answer.
    """

    code: Annotated[str, Meta(max_length=64)]
    reason: Reason
    id: Id | None = None


CODES: Final = (
    "bad_request", "cancelled", "deadline", "oom", "constraint", "internal", "refused",
)  # fmt: skip
"""`refused`: this machine or these weights will not do, and a restart would not help."""


class Beat(Message, frozen=True, tag="beat"):
    """One turn of the engine loop, sent at least once a second."""

    seconds: Seconds
    """How long it took."""
    active: Count
    prefill: Count
    """Requests of whose prompts something was read in this turn."""
    pages: Count
    """Pages of the cache in use."""


class Stats(Message, frozen=True, tag="memory"):
    """Bytes of GPU memory."""

    used: Annotated[int, Meta(ge=0)]
    reserved: Annotated[int, Meta(ge=0)]
    total: Annotated[int, Meta(ge=0)]


ToWorker: TypeAlias = Load | Submit | Cancel | Drain | AskStats
ToFront: TypeAlias = Progress | Ready | Started | Delta | Done | Error | Beat | Stats

_T = TypeVar("_T")

_to_worker: Final[msgspec.msgpack.Decoder[ToWorker]] = msgspec.msgpack.Decoder(ToWorker)
_to_front: Final[msgspec.msgpack.Decoder[ToFront]] = msgspec.msgpack.Decoder(ToFront)


def frame(message: Message) -> bytes:
    """A message as the bytes that go over the wire."""
    body = msgspec.msgpack.encode(message)
    return HEADER.pack(MARK, VERSION, len(body)) + body


def length(header: bytes, limit: int) -> int:
    """The length of the body that follows a header. Raises ProtocolError."""
    mark, version, size = HEADER.unpack(header)
    if mark != MARK:
        raise ProtocolError("this is no message")
    if version != VERSION:
        raise ProtocolError(f"version {version} of the protocol, not {VERSION}")
    if size > limit:
        raise ProtocolError(f"a message of {size:,} bytes, more than {limit:,}")
    return int(size)


def to_front(body: bytes) -> ToFront:
    """A message of the worker. Raises ProtocolError."""
    return _decode(_to_front, body)


def to_worker(body: bytes) -> ToWorker:
    """A message of the front. Raises ProtocolError."""
    return _decode(_to_worker, body)


def receive(channel: socket.socket) -> ToWorker | None:
    """The next message to the worker, None when the front is gone. Raises ProtocolError."""
    header = _exactly(channel, HEADER.size)
    if not header:
        return None
    size = length(header, TO_WORKER_BYTES)
    body = _exactly(channel, size)
    if len(body) < size:
        raise ProtocolError("the stream ends within a message")
    return to_worker(body)


def _decode(decoder: "msgspec.msgpack.Decoder[_T]", body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        # What it complains of may be quoted from an answer: the kind of trouble is enough.
        raise ProtocolError(f"a message that is none: {type(error).__name__}") from error


def _exactly(channel: socket.socket, size: int) -> bytes:
    """`size` bytes, none at the end of the stream. Raises ProtocolError when it ends in between."""
    data = bytearray()
    while len(data) < size:
        piece = channel.recv(size - len(data))
        if not piece:
            if data:
                raise ProtocolError("the stream ends within a message")
            break
        data += piece
    return bytes(data)
