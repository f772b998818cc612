"""Which files make up a model, and that they are the ones somebody vouched for.

`models.lock` lists every file of the folder with its size and SHA-256. Nothing else may lie there:
an engine loads all the weights that it finds, and prefers pickles, which run code when opened.
"""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from reviewer.errors import InputError, IntegrityError
from reviewer.server.tensors import Tensor, header

LOCK: Final = "models.lock"
LOCK_BYTES: Final = 1 << 20
VERSION: Final = 1

CODE: Final = (
    ".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".py", ".pyc", ".so", ".npy", ".npz",
)  # fmt: skip
"""Suffixes of files that run code when they are opened by what usually opens them."""

SETTLED_NS: Final = 2_000_000_000
"""A file that changed later than this before we read it may change again with the same times."""

THREADS: Final = 4


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a file: bytes, and hexadecimal digits of the hash."""

    size: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `models.lock`. Licence and source are for people."""

    version: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    files: Annotated[dict[str, Entry], Meta(min_length=1, max_length=4096)]
    licence: str = ""
    source: str = ""

    @property
    def sha256(self) -> str:
        """One hash for the whole model: that of its sorted files."""
        known = [(name, each.size, each.sha256) for name, each in sorted(self.files.items())]
        return hashlib.sha256(msgspec.json.encode(known)).hexdigest()


@dataclass(frozen=True)
class Verified:
    """A folder that is as its lock says, and the tensors in it."""

    folder: Path
    lock: Lock
    tensors: Mapping[str, Tensor]
    hashed: int
    """Files that were read in full; the rest did not change since they were."""


def lock(folder: Path, licence: str = "", source: str = "") -> Lock:
    """The lock of a folder as it is now. Raises InputError, IntegrityError."""
    with _opened(folder) as root:
        names = _names(root, folder)
        if not names:
            raise InputError(f"{folder} holds no files", "name the folder of a model")
        with ThreadPoolExecutor(THREADS) as pool:
            entries = list(pool.map(lambda name: _read(root, name), names))
    return Lock(VERSION, dict(zip(names, entries, strict=True)), licence, source)


def write(made: Lock, place: Path) -> None:
    """Write a lock. Raises OSError."""
    place.write_bytes(msgspec.json.format(msgspec.json.encode(made, order="sorted")) + b"\n")


def read(place: Path) -> Lock:
    """The lock in a file. Raises IntegrityError."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            return msgspec.json.decode(opened.read(LOCK_BYTES), type=Lock)
    except OSError as error:
        tip = f"make one where you trust the files: reviewer weights lock {place.parent}"
        raise IntegrityError(f"cannot read {place}: {error.strerror}", tip) from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise IntegrityError(f"{place} is no lock: {error}", "make a new one") from error


def verify(
    folder: Path,
    wanted: Lock,
    cache: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Verified:
    """Check a folder against a lock.

    Names, sizes and headers are checked always; a file is hashed unless `cache` says that it was
    and has not changed since. Raises IntegrityError with the first difference.
    """
    with _opened(folder) as root:
        names = _names(root, folder)
        _same_names(names, wanted.files)
        tensors = _tensors(root, wanted.files)
        seen = _seen(cache)
        stamps = {name: _stamp(root, name) for name in names}  # before the files are read
        stale = [name for name in names if seen.get(stamps[name]) != wanted.files[name]]
        with ThreadPoolExecutor(THREADS) as pool:
            for name, entry in zip(stale, pool.map(lambda n: _read(root, n), stale), strict=True):
                progress(name)
                if entry != wanted.files[name]:
                    raise IntegrityError(
                        f"{name} is not the file that was locked: its SHA-256 is another",
                        "fetch it again, or lock the folder anew if you trust what is there",
                    )
        if cache is not None:
            _remember(cache, {stamps[name]: wanted.files[name] for name in names})
    return Verified(folder, wanted, tensors, len(stale))


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """The folder by a descriptor, so that all its files are looked up in the same one."""
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(
            f"cannot open {folder}: {error.strerror}", "name the folder of a model"
        ) from error
    try:
        yield root
    finally:
        os.close(root)


def _names(root: int, folder: Path) -> list[str]:
    """The files of the folder but the lock. Raises IntegrityError for what may not be there."""
    names = []
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.name.lower().endswith(CODE):
                raise IntegrityError(
                    f"{folder / entry.name} may run code when it is opened",
                    "keep the model in a folder of its own, as safetensors",
                )
            if not entry.is_file(follow_symlinks=False):
                kind = "a symbolic link" if entry.is_symlink() else "no regular file"
                raise IntegrityError(
                    f"{folder / entry.name} is {kind}", "copy the files of the model here"
                )
            names.append(entry.name)
    return sorted(name for name in names if name != LOCK)


def _same_names(names: list[str], files: Mapping[str, Entry]) -> None:
    for kind, differing in (
        ("missing", files.keys() - set(names)),
        ("not in the lock", set(names) - files.keys()),
    ):
        if differing:
            raise IntegrityError(
                f"{min(differing)} is {kind}",
                "fetch the model again, or lock the folder anew if you trust what is there",
            )


def _tensors(root: int, files: Mapping[str, Entry]) -> dict[str, Tensor]:
    """The tensors of all files, which have the sizes of the lock. Raises IntegrityError."""
    found: dict[str, Tensor] = {}
    for name, entry in files.items():
        with _file(root, name) as descriptor:
            size = os.fstat(descriptor).st_size
            if size != entry.size:
                raise IntegrityError(
                    f"{name} has {size:,} bytes instead of {entry.size:,}", "fetch it again"
                )
            if name.endswith(".safetensors"):
                tensors = header(descriptor, name)
                if twice := found.keys() & tensors.keys():
                    raise IntegrityError(
                        f"{min(twice)[:80]} is in two files", "fetch the model again"
                    )
                found |= tensors
    return found


@contextmanager
def _file(root: int, name: str) -> Iterator[int]:
    """A regular file of the folder, opened for reading. Raises IntegrityError."""
    try:
        descriptor = os.open(
            name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root
        )
    except OSError as error:
        raise IntegrityError(f"cannot open {name}: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise IntegrityError(f"{name} is no regular file")
        yield descriptor
    finally:
        os.close(descriptor)


def _read(root: int, name: str) -> Entry:
    """The facts of a file, read in full."""
    with _file(root, name) as descriptor, os.fdopen(os.dup(descriptor), "rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return Entry(os.fstat(descriptor).st_size, digest)


Stamp = tuple[int, int, int, int, int]
"""Device, inode, size, times of change of content and of inode, in nanoseconds."""


def _stamp(root: int, name: str) -> Stamp:
    with _file(root, name) as descriptor:
        s = os.fstat(descriptor)
    return (s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns)


_memory: Final = msgspec.json.Decoder(list[tuple[Stamp, Entry]])


def _seen(cache: Path | None) -> dict[Stamp, Entry]:
    """What was hashed before. A cache that others may write, or that is damaged, knows nothing."""
    if cache is None:
        return {}
    try:
        descriptor = os.open(cache, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
                return {}
            return dict(_memory.decode(opened.read(LOCK_BYTES)))
    except (OSError, msgspec.MsgspecError, RecursionError):
        return {}


def _remember(cache: Path, entries: Mapping[Stamp, Entry]) -> None:
    """Keep the hashes of files that have settled, in a file of our own (mode 0600)."""
    before = time.time_ns() - SETTLED_NS
    settled = [(stamp, entry) for stamp, entry in entries.items() if max(stamp[3:]) < before]
    fresh = cache.with_name(f"{cache.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(msgspec.json.encode(settled))
    fresh.replace(cache)
