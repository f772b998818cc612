"""What an engine that died leaves behind: its last words and its last turns, and nobody's text.

The words are what its process printed, of which the worker sees to it that no prompt is in them.
"""

import os
import time
from collections import deque
from pathlib import Path
from typing import IO, Final

import msgspec

from reviewer.server.protocol import Beat, Stats
from reviewer.text import clip, visible
from reviewer.version import VERSION

KEPT: Final = 3
"""Reports; the newest has the plain name, the older ones a number."""

LINES: Final = 100
LINE: Final = 300
"""Last lines that are kept, and characters of each."""

LOG_BYTES: Final = 16 << 20
"""Of all that is printed, when somebody wants to have it in a file."""

CHUNK: Final = 64 << 10


class Report(msgspec.Struct, frozen=True):
    """What is written down of a death. `silent` are the seconds since its last sign of life."""

    kind: str
    status: int
    reason: str
    silent: float
    memory: Stats | None
    turns: tuple[Beat, ...]
    output: tuple[str, ...]
    time: float = msgspec.field(default_factory=lambda: round(time.time(), 3))
    version: str = VERSION


class Tail:
    """The end of what a process prints, by the reading end of a pipe.

    `copy` gets the whole of it, up to a limit.
    """

    def __init__(self, pipe: int, copy: IO[bytes] | None = None) -> None:
        os.set_blocking(pipe, False)
        self.pipe, self._copy, self._room = pipe, copy, LOG_BYTES
        self._lines: deque[bytes] = deque(maxlen=LINES)
        self._rest = b""

    def read(self) -> bool:
        """Take a part of what is there; whether there was any."""
        try:
            data = os.read(self.pipe, CHUNK)
        except OSError:
            return False
        self._keep(data)
        *whole, rest = (self._rest + data).split(b"\n")
        self._lines.extend(line[: 4 * LINE] for line in whole)
        self._rest = rest[: 4 * LINE]  # what goes on without an end has its start kept
        return bool(data)

    def _keep(self, data: bytes) -> None:
        if self._copy is None or self._room <= 0:
            return
        try:
            self._copy.write(data[: self._room])
            self._copy.flush()
        except OSError:  # the disk is full: the end is kept here all the same
            self._room = 0
        self._room -= len(data)

    @property
    def lines(self) -> tuple[str, ...]:
        """The last lines, with what cannot be seen made visible."""
        held = [*self._lines, self._rest] if self._rest else self._lines
        return tuple(clip(visible(line.decode("utf-8", "replace")), LINE) for line in held)

    def close(self) -> None:
        """Take what is left, of which a process that goes on printing may make much."""
        for _ in range(LOG_BYTES // CHUNK):
            if not self.read():
                break
        os.close(self.pipe)
        if self._copy is not None:
            self._copy.close()


def write(place: Path, report: Report) -> None:
    """Write a report (mode 0600), and let the oldest go. Raises OSError."""
    names = [place, *(place.with_name(f"{place.name}.{number}") for number in range(1, KEPT))]
    for number in reversed(range(1, KEPT)):
        if os.path.lexists(names[number - 1]):
            names[number - 1].replace(names[number])
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(place, flags, 0o600), "wb") as opened:
        opened.write(msgspec.json.format(msgspec.json.encode(report), indent=1))
