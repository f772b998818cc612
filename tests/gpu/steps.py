"""Steps of a benchmark that go wrong, for test_table.py."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gpu.rows import Row, figure


def well(work: Path) -> Iterator[Row]:
    yield figure(f"in {work.name}", 1)


def fails(work: Path) -> Iterator[Row]:
    yield from well(work)
    raise ValueError("no such kernel")


def hangs(work: Path) -> Iterator[Row]:
    yield from well(work)
    time.sleep(60)


def crashes(work: Path) -> Iterator[Row]:
    yield from well(work)
    os.kill(os.getpid(), signal.SIGSEGV)
