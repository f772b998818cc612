"""A log of chained records in files, one a day (UTC), in a folder that is ours alone.

Several processes may write at once: each record is written under a lock (flock(2)), after those of
others were read and found right. A record is on the disk when writing it returns.
"""

import contextlib
import errno
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from reviewer import private
from reviewer.audit import chain
from reviewer.audit.chain import Broken, Checkpoint, Keys, Place, Walk
from reviewer.text import clip

PATIENCE: Final = 10.0
STEP: Final = 0.005
"""Seconds that another writer is waited for, and between two looks: flock knows no deadline."""

NAME: Final = re.compile(r"audit-(\d{4}-\d\d-\d\d)(?:-(\d{1,6}))?\.jsonl", re.ASCII)
REASON: Final = 200
TORN: Final = "it has no end: its writer was stopped in the middle"


class Segment(NamedTuple):
    """One file of a log: its day, and a number where a day has several."""

    day: date
    number: int
    file: Path


class Problem(NamedTuple):
    """What is wrong with a log, and where: `line` counts from 1; 0 is the log as a whole."""

    file: str
    line: int
    text: str


class Verified(NamedTuple):
    """What a log holds, where its chain begins and ends, and what is wrong with it.

    `most` is how many records it ever had at least, also those that cannot be read.
    """

    records: int
    segments: int
    first: Place
    last: Place
    most: int
    problems: tuple[Problem, ...]


def segments(folder: Path) -> list[Segment]:
    """The files of a log, oldest first. Raises OSError."""
    found = []
    for place in folder.iterdir():
        name = NAME.fullmatch(place.name)
        with contextlib.suppress(ValueError):
            if name is not None:
                found.append(Segment(date.fromisoformat(name[1]), int(name[2] or 0), place))
    return sorted(found)


def verify(folder: Path, keys: Keys, checkpoint: Checkpoint | None = None) -> Verified:
    """Check a whole log, by its chain and against a checkpoint. Raises OSError."""
    walk, problems = Walk(keys, checkpoint), []
    found = segments(folder)
    for segment in found:
        with _reading(segment.file) as opened:
            for number, line in enumerate(_lines(opened), 1):
                whole = line.endswith(b"\n")
                wrong = walk.line(line[:-1], first=number == 1) if whole else TORN
                if wrong:
                    problems.append(Problem(segment.file.name, number, wrong))
    problems += (Problem("", 0, text) for text in walk.end())
    first, last = walk.start or Place(), walk.place or Place()
    return Verified(walk.records, len(found), first, last, walk.most, tuple(problems))


class Book:
    """The writer of a log. Not for several threads at once.

    `place` is where its chain stands, `last` the time of its last record, "" before the first.
    """

    def __init__(self, folder: Path, keys: Keys, clock: Callable[[], datetime]) -> None:
        self.folder, self.keys, self.clock = folder, keys, clock
        self.place = Place()
        self.last = ""
        self._known = False
        self._segment: Segment | None = None
        self._offset = 0

    def append(self, kind: str, fields: Mapping[str, Any]) -> int:
        """Write a record; its number. Raises OSError, and Broken as `_arrive` does."""
        with _alone(private.folder(self.folder)):
            self._arrive()
            return self._write(kind, fields)

    def purge(self, before: date) -> int:
        """Delete the files of days `before` this one; how many. Raises OSError and Broken.

        A record that is kept says what went. The newest day stays. Nothing goes while the clock is
        behind the last record, or the chain would begin with a record that is broken.
        """
        with _alone(private.folder(self.folder)):
            self._arrive()
            found = segments(self.folder)
            if not found or _stamp(self._now()) < self.last:
                return 0
            before = min(before, max(self._now().date(), found[-1].day))
            old = [each for each in found if each.day < before]
            start = self._start(found[len(old) :])
            if not old or start is None:
                return 0
            deleted = {"records": start.n, "head": start.head, "files": len(old)}
            self._write(chain.PURGED, deleted)
            for segment in old:
                segment.file.unlink(missing_ok=True)
            return len(old)

    def _now(self) -> datetime:
        return self.clock().astimezone(UTC)

    def _arrive(self) -> None:
        """Follow what others wrote, mend the end, and begin anew where the chain is broken.

        Raises Broken when it did that: a second call goes on from there.
        """
        try:
            torn = self._follow(segments(self.folder))
        except Broken as broken:
            # What is there stays as it is, for those who want to know what happened.
            most = max(self.place.n, verify(self.folder, self.keys).most)
            self.place = Place(most, self.place.head)
            self._segment = self._fresh()
            self._write(chain.BROKEN, {"reason": clip(str(broken), REASON)})
            raise
        if torn:
            self._write("recovered", {"bytes": torn})

    def _follow(self, found: list[Segment]) -> int:
        """Walk to the end; bytes of a record there that was never finished. Raises Broken."""
        if self._segment is not None and self._segment not in found:
            raise Broken(f"{self._segment.file.name} is gone")
        if found and self._segment == found[-1]:
            return self._read(found[-1])
        # A file of a later day, or the first look: its first record is trusted for its place.
        begun = [number for number, each in enumerate(found) if _begun(each.file)]
        self._known, torn = False, 0
        for segment in found[begun[-1] if begun else 0 :]:
            if torn:
                raise Broken(f"{segment.file.name} follows a record that was never finished")
            self._segment, self._offset = segment, 0
            torn = self._read(segment)
        return torn

    def _read(self, segment: Segment) -> int:
        """Follow the chain in one file from our offset; bytes after it that were cut off."""
        with _reading(segment.file) as opened:
            if os.fstat(opened.fileno()).st_size < self._offset:
                raise Broken(f"{segment.file.name} is shorter than it was")
            opened.seek(self._offset)
            for line in _lines(opened):
                if not line.endswith(b"\n"):
                    if len(line) == chain.LONGEST:
                        raise Broken(f"{segment.file.name} has a line that is too long")
                    os.truncate(segment.file, self._offset)
                    return len(line)
                head = chain.opened(line[:-1], self.keys)
                before = self.place if self._known else head.before
                self._moved(
                    chain.followed(head, before, self.keys, first=self._offset == 0),
                    head.ts, len(line),
                )  # fmt: skip
        return 0

    def _moved(self, place: Place, ts: str, size: int) -> None:
        self.place, self.last, self._known = place, ts, True
        self._offset += size

    def _fresh(self) -> Segment:
        """A new file of this day, behind all that are there."""
        self._offset = 0
        found = segments(self.folder)
        day = max([self._now().date(), *(each.day for each in found)])
        number = max((each.number + 1 for each in found if each.day == day), default=0)
        name = f"audit-{day}-{number}.jsonl" if number else f"audit-{day}.jsonl"
        return Segment(day, number, self.folder / name)

    def _write(self, kind: str, fields: Mapping[str, Any]) -> int:
        """Add a record to the end. Raises OSError."""
        now = self._now()
        if self._segment is None or now.date() > self._segment.day:
            self._segment = self._fresh()
        line = chain.sealed(kind, _stamp(now), fields, self.place, self.keys.current)
        _add(self._segment.file, line, self._offset)
        number = self.place.n
        self._moved(chain.opened(line[:-1], self.keys).after, _stamp(now), len(line))
        return number

    def _start(self, kept: list[Segment]) -> Place | None:
        """Where the chain will begin with these files alone, None where that cannot be told."""
        for segment in kept:
            with _reading(segment.file) as opened:
                for line in _lines(opened):
                    try:
                        return chain.opened(line.removesuffix(b"\n"), self.keys).before
                    except Broken:
                        return None
        return self.place


def _stamp(now: datetime) -> str:
    """`2026-11-21T08:15:00.123Z`."""
    return now.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _reading(file: Path) -> BinaryIO:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(os.open(file, flags), "rb")


def _lines(opened: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends, one that is too long in pieces."""
    while line := opened.readline(chain.LONGEST):
        yield line


def _begun(file: Path) -> bool:
    """Whether it has a first line."""
    with _reading(file) as opened:
        return b"\n" in opened.readline(chain.LONGEST)


def _add(file: Path, line: bytes, offset: int) -> None:
    """Write a line at the end of a file, which is at `offset`, or nothing. Raises OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(file, flags, 0o600)
    try:
        _whole(descriptor, line)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, offset)
        raise
    finally:
        os.close(descriptor)
    if not offset:
        _settle(file.parent)


def _whole(descriptor: int, line: bytes) -> None:
    """Write a line and wait until it is on the disk. Raises OSError."""
    if os.write(descriptor, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _settle(folder: Path) -> None:
    """Have the names in a folder on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time. Raises TimeoutError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder / "lock", flags, 0o600)
    end = time.monotonic() + PATIENCE
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise TimeoutError(
                        errno.ETIMEDOUT, "another writer does not let go of it", str(folder)
                    ) from None
                time.sleep(STEP)
        yield
    finally:
        os.close(descriptor)
