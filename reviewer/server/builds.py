"""The kernels that are compiled when the engine is imported for the first time.

That takes minutes in which the import says nothing (torch.utils.cpp_extension.load), and a build
that was killed leaves a lock behind which later ones wait for without end (torch.utils.file_baton).
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reviewer.server.protocol import Progress

NAME: Final = "exllamav2_ext"
"""What exllamav2 calls its kernels (exllamav2/ext.py)."""

QUIET: Final = 300.0
"""Seconds after which a build that has written nothing is taken for dead: no file takes as long."""

LOOK: Final = 2.0


def folder(environ: Mapping[str, str]) -> Path:
    """Where torch builds, by the variables of its process (torch.utils.cpp_extension)."""
    cache = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME", "/")) / ".cache")
    return Path(environ.get("TORCH_EXTENSIONS_DIR") or Path(cache, "torch_extensions"))


@contextmanager
def told(root: Path, say: Callable[[Progress], None], look: float = LOOK) -> Iterator[None]:
    """In the block, each file that a compiler has finished is said as progress."""
    over = threading.Event()

    def watch() -> None:
        known = _objects(root)
        while not over.wait(look):
            if (found := _objects(root)) != known:
                known = found
                say(Progress("build", found))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def unlock(
    root: Path, say: Callable[[Progress], None], quiet: float = QUIET, look: float = LOOK
) -> None:
    """Take away the lock of a build that is dead; wait as long as that is not sure."""
    for lock in root.glob(f"**/{NAME}/lock"):
        while (age := _age(lock)) is not None:
            if age > quiet:
                lock.unlink(missing_ok=True)
                break
            say(Progress("build", int(age)))
            time.sleep(look)


def _objects(root: Path) -> int:
    return sum(1 for _ in root.glob(f"**/{NAME}/*.o"))


def _age(lock: Path) -> float | None:
    """Seconds since a build has written anything, None when it is over."""
    if not lock.exists():
        return None
    times: list[float] = []
    for place in lock.parent.iterdir():
        try:
            times.append(place.stat().st_mtime)
        except OSError:  # a file that a compiler was done with
            continue
    return time.time() - max(times, default=0.0)
