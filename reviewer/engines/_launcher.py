"""Runs our engine's server as a process of its own, and finds the one that runs already.

The two share a folder that only we can enter. The server writes there where it listens and which
file holds its token, and keeps that announcement locked while it runs. We keep a lease locked: it
ends when that is released, by us or by our death.
"""

import fcntl
import hashlib
import os
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import msgspec

from reviewer import process
from reviewer.engines._queue import locked
from reviewer.errors import ToolError

FILE_BYTES: Final = 4096
"""More than an announcement or a token has."""

LINES: Final = 20
"""Last lines of its log that are kept for a reason."""

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class _Announced(msgspec.Struct):
    """Where a server listens: a port of this machine, or a unix socket."""

    token_file: str
    host: str = "127.0.0.1"
    port: Port | None = None
    socket: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A server that runs: its URL and its token."""

    url: str
    token: str = field(repr=False)


class _LogLine(msgspec.Struct):
    """The part of a line of its log that says why it ends, and what to do."""

    reason: str = ""
    tip: str = ""


def announcement(folder: Path, model_dir: Path) -> Path:
    """Where the server of this model writes that it is there."""
    digest = hashlib.sha256(os.fsencode(model_dir.resolve())).hexdigest()[:16]
    return folder / f"{digest}.json"


def found(file: Path) -> Found | None:
    """The server that an announcement is about, None where none is alive or ready to be asked."""
    if not locked(file):
        return None
    try:
        told = msgspec.json.decode(_read(file), type=_Announced)
        token = _read(Path(told.token_file)).decode("ascii").strip()
    except (OSError, ValueError, msgspec.MsgspecError):
        return None
    if told.socket:
        return Found(f"unix://{told.socket}", token)
    host = f"[{told.host}]" if ":" in told.host else told.host
    return None if told.port is None else Found(f"http://{host}:{told.port}", token)


def _read(file: Path) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read(FILE_BYTES)


class Launched:
    """A server that we started; it ends with `end`, and with us."""

    def __init__(self, argv: Sequence[str], lease: Path, env: Mapping[str, str]) -> None:
        """Start it, with the words that name its lease. Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._lease: int | None = os.open(lease, flags, 0o600)
        fcntl.flock(self._lease, fcntl.LOCK_EX)
        self._lease_file = lease
        self._lines: deque[str] = deque(maxlen=LINES)
        self._end = threading.Event()
        self._failed = ""
        # It dies with the thread that started it (prctl(2), PR_SET_PDEATHSIG): that waits for it.
        self._thread = threading.Thread(target=self._attend, args=(argv, dict(env)), daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def reason(self) -> tuple[str, str]:
        """Why it ended, and its own tip, from the last that it said."""
        said = [_said(line) for line in self._lines]
        whys = [each.reason for each in said if each.reason]
        tips = [each.tip for each in said if each.tip]
        last = whys[-1] if whys else self._failed or "it ended without a word"
        return last[:300], tips[-1][:300] if tips else ""

    def end(self) -> None:
        """Ask it to end, and see to it that it does within seconds."""
        self._end.set()
        if self._lease is not None:
            self._lease_file.unlink(missing_ok=True)
            os.close(self._lease)
            self._lease = None
        self._thread.join(2 * process.GRACE)

    def _attend(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        try:
            code = process.attend(
                argv,
                cwd=self._lease_file.parent,
                env=env,
                out=self._lines.append,
                err=self._lines.append,
                ended=self._end.is_set,
            )
        except ToolError as error:
            self._failed = f"it {error}"
        else:
            self._failed = (
                f"it ended with status {code}" if code >= 0 else f"signal {-code} ended it"
            )


def _said(line: str) -> _LogLine:
    """What a line gives as a reason or a tip: that of the program itself, or that of its log."""
    if line.startswith("reviewer: "):
        return _LogLine(reason=line.removeprefix("reviewer: "))
    if line.startswith("tip: "):
        return _LogLine(tip=line.removeprefix("tip: "))
    try:
        return msgspec.json.decode(line, type=_LogLine)
    except msgspec.MsgspecError:
        return _LogLine()
