"""Folders and files that nobody else may read or write."""

import errno
import os
import stat
from pathlib import Path


def folder(place: Path) -> Path:
    """A folder that only we can enter, made where it is missing.

    Raises OSError: a symbolic link, somebody else's, or one that others may enter is none.
    """
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = place.lstat()
    ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()
    if not ours or facts.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "it is not ours alone (chmod 700)", str(place))
    return place


def contents(file: Path, limit: int) -> bytes:
    """A regular file of ours, its first `limit` bytes; no symbolic link is followed.

    Raises OSError.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags), "rb") as opened:
        facts = os.fstat(opened.fileno())
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "it is no file of ours", str(file))
        return opened.read(limit)
