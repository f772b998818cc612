"""Who may use the graphics card next: reviews on one machine take turns, first come, first served.

Each takes a numbered ticket, a file that it keeps locked (flock(2)). The lowest ticket that is
locked has the card. A lock goes with its process, however that ends, so that no review waits for a
dead one. A door that is locked for moments keeps the numbers in order.
"""

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reviewer.errors import EngineDown, EngineRefused

STEP: Final = 0.05
"""Seconds between two looks at a lock: flock knows no deadline."""

MOMENT: Final = 5.0
"""Seconds that the door is waited for: who holds it longer was stopped in the middle."""


def private(folder: Path) -> Path:
    """A folder that only we can enter, made where it is missing. Raises EngineRefused."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.lstat()
    except OSError as error:
        raise EngineRefused(f"cannot use {folder}: {error.strerror}") from error
    ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
    if not ours or facts.st_mode & 0o077:
        raise EngineRefused(f"{folder} is not ours alone, so that nobody's server there is trusted")
    return folder


def locked(file: Path) -> bool:
    """Whether somebody alive holds the lock of a file."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _taken(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Ticket:
    """A place in the queue, held until it is given back or its process ends."""

    folder: Path
    number: int
    descriptor: int

    @classmethod
    def draw(cls, folder: Path, deadline: float) -> "Ticket":
        """The next number. Raises EngineDown when the door stays shut until the deadline."""
        with _door(folder, min(deadline, time.monotonic() + MOMENT)):
            number = max(_numbers(folder), default=0) + 1
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(_file(folder, number), flags, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return cls(folder, number, descriptor)

    def first(self, deadline: float) -> bool:
        """Whether it is our turn; tickets of the dead are thrown away. Raises EngineDown."""
        with _door(self.folder, min(deadline, time.monotonic() + MOMENT)):
            for number in sorted(_numbers(self.folder)):
                if number == self.number:
                    return True
                if locked(_file(self.folder, number)):
                    return False
                _file(self.folder, number).unlink(missing_ok=True)
        return True

    def give_back(self) -> None:
        """Let the next one have its turn."""
        _file(self.folder, self.number).unlink(missing_ok=True)
        os.close(self.descriptor)


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:012d}.ticket"


def _numbers(folder: Path) -> list[int]:
    return [int(file.stem) for file in folder.glob("*.ticket") if file.stem.isdecimal()]


@contextlib.contextmanager
def _door(folder: Path, deadline: float) -> Iterator[None]:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder / "door", flags, 0o600)
    try:
        while not _taken(descriptor):
            if time.monotonic() >= deadline:
                raise EngineDown(f"the queue for the graphics card does not move: {folder}")
            time.sleep(STEP)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
