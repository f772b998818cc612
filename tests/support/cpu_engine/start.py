"""Starts the CPU engine for a test."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Running:
    """A server that is ready."""

    url: str
    key: str
    context: int
    slots: int
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def running(*options: str) -> Iterator[Running]:
    """The server with these options; it ends with the block."""
    argv = [sys.executable, str(Path(__file__).with_name("serve.py")), *options]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                assert process.stderr is not None
                raise RuntimeError(process.stderr.read().decode("utf-8", "replace")[-2000:])
            yield Running(**json.loads(line), process=process)
        finally:
            process.kill()
