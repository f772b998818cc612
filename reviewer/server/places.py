"""Files and sockets by which a server is found, kept private, and ended with its owner."""

import fcntl
import json
import os
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from reviewer.errors import ConfigError
from reviewer.server.settings import Settings

PORTS: Final = 5
"""Ports that are tried from the one that was asked for."""

BACKLOG: Final = 128


def listening(settings: Settings) -> socket.socket:
    """A socket of Unix in a private folder, else on the loopback. Raises ConfigError.

    It listens before anybody is told of it, so that nobody who is told comes too early.
    """
    bound = _tcp(settings) if settings.socket is None else _unix(settings.socket)
    bound.listen(BACKLOG)
    return bound


def _tcp(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    last = min(settings.port + PORTS, 65536) if settings.port else 1
    problem: OSError | None = None
    for port in range(settings.port, last):
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.bind((settings.host, port))
        except OSError as error:
            bound.close()
            problem = error
        else:
            return bound
    raise ConfigError(f"no port to listen on: {problem}", "leave --port out to take any")


def _unix(place: Path) -> socket.socket:
    folder = place.parent.stat()
    if folder.st_uid != os.geteuid() or stat.S_IMODE(folder.st_mode) & 0o077:
        raise ConfigError(f"{place.parent} is not private", f"make it so: chmod 700 {place.parent}")
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _unlink_stale(place)
        bound.bind(os.fspath(place))
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"cannot listen on {place}: {error}", "name another by --socket"
        ) from error
    return bound


def _unlink_stale(place: Path) -> None:
    """Take away a socket that nobody listens on. Raises OSError when somebody does."""
    if not place.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(place))
        except ConnectionRefusedError:
            place.unlink()


@contextmanager
def announced(settings: Settings, port: int) -> Iterator[str]:
    """A new bearer token, and two files of ours (mode 0600) while we run: the token, and a state.

    The state says port, process and token file, and is locked, so that one which a killed server
    left behind is known. Raises ConfigError when another server has announced itself there.
    """
    place = settings.state
    try:
        if not released(place):
            raise ConfigError(
                f"{place} is that of a server that runs",
                "use that one, or name another by --state",
            )
        place.unlink(missing_ok=True)
        settings.token_file.unlink(missing_ok=True)
        made = secrets.token_urlsafe(32)
        with _private(settings.token_file) as opened:
            opened.write(made)
        with _private(place) as opened:
            fcntl.flock(opened.fileno(), fcntl.LOCK_EX)
            where = {"socket": os.fspath(settings.socket)} if settings.socket else {"port": port}
            facts = {**where, "host": settings.host, "pid": os.getpid()}
            json.dump({**facts, "token_file": os.fspath(settings.token_file)}, opened)
            opened.flush()
            yield made
    except OSError as error:
        raise ConfigError(f"cannot write {place}: {error}", "name another by --state") from error
    finally:
        # Not what is another's: that one's lock is held.
        if released(place):
            place.unlink(missing_ok=True)
            settings.token_file.unlink(missing_ok=True)


def _private(place: Path) -> TextIO:
    """A new file that only we may read. Raises OSError when the place is taken."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(place, flags, 0o600), "w")


def released(place: Path) -> bool:
    """Whether nobody holds the lock of a file, or the file is not there."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


class GpuLock:
    """One engine at a time on a GPU: a lock that ends with the process that holds it."""

    def __init__(self, place: Path) -> None:
        self._descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> bool:
        """Whether it is ours now."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let it go."""
        os.close(self._descriptor)
