"""The header of a safetensors file, checked before any engine reads it.

Format: https://huggingface.co/docs/safetensors#format. Eight bytes with the length of the header
(little endian), the header as JSON, then the data, which the tensors cover without hole or overlap.
"""

import math
import os
import struct
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from reviewer.errors import IntegrityError

HEADER_BYTES: Final = 100_000_000
"""The largest header that the reference implementation takes (safetensors, MAX_HEADER_SIZE)."""

SIZES: Final = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1,
    "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip
"""Bytes of one value of each type."""

Size = Annotated[int, Meta(ge=0)]


class Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a header: the type, the shape, and where it lies in the data."""

    dtype: str
    shape: Annotated[tuple[Size, ...], Meta(max_length=8)]
    data_offsets: tuple[Size, Size]

    @property
    def bytes(self) -> int:
        """Its size in the file."""
        return self.data_offsets[1] - self.data_offsets[0]


_length: Final = struct.Struct("<Q")
_entries: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def header(descriptor: int, name: str) -> dict[str, Tensor]:
    """The tensors of an open file, by their names. Raises IntegrityError, OSError."""
    size = os.fstat(descriptor).st_size
    first = os.pread(descriptor, _length.size, 0)
    if len(first) < _length.size:
        raise _broken(name, "it has no header")
    (length,) = _length.unpack(first)
    if length > min(HEADER_BYTES, size - _length.size):
        raise _broken(name, f"its header claims {length:,} bytes")
    return _covering(_parsed(_all(descriptor, length), name), size - _length.size - length, name)


def _all(descriptor: int, length: int) -> bytes:
    data = bytearray()
    while len(data) < length and (
        piece := os.pread(descriptor, length - len(data), _length.size + len(data))
    ):
        data += piece
    return bytes(data)


def _parsed(data: bytes, name: str) -> dict[str, Tensor]:
    try:
        entries = _entries.decode(data)
        entries.pop("__metadata__", None)
        return {key: msgspec.json.decode(raw, type=Tensor) for key, raw in entries.items()}
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _broken(name, f"its header is not right: {error}") from error


def _covering(tensors: dict[str, Tensor], size: int, name: str) -> dict[str, Tensor]:
    """The same tensors, which cover `size` bytes once. Raises IntegrityError."""
    end = 0
    for key, tensor in sorted(tensors.items(), key=lambda each: each[1].data_offsets):
        width = SIZES.get(tensor.dtype)
        if width is None:
            raise _broken(name, f"{key[:80]} has the unknown type {tensor.dtype[:20]}")
        if tensor.data_offsets[0] != end:
            raise _broken(name, f"{key[:80]} overlaps another tensor, or leaves a hole")
        if tensor.bytes != width * math.prod(tensor.shape):
            raise _broken(name, f"{key[:80]} does not have the size of its shape")
        end = tensor.data_offsets[1]
    if end != size:
        raise _broken(name, f"its tensors end at byte {end:,} of {size:,}")
    return tensors


def _broken(name: str, why: str) -> IntegrityError:
    return IntegrityError(f"{name} is damaged: {why}", "fetch the file again")
