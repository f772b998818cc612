"""Stands in for `reviewer serve`: the same words, files, states and end, and a model that knows one
answer. `--mode` is a fault: see `main`.
"""

import argparse
import fcntl
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fakes import engine as fake


def main() -> int:
    """Serve until the lease is released or SIGTERM comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    for name in ("--state", "--lease", "--cache"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--allow-root", action="store_true")
    parser.add_argument("--mode", default="well")
    parser.add_argument("--load", type=float, default=0.0)
    parser.add_argument("--count", type=Path)
    given = parser.parse_args()
    if given.count is not None:
        with given.count.open("a") as file:
            file.write(f"{os.getpid()}\n")
    starts = len(given.count.read_text().split()) if given.count else 1
    if given.mode == "refuses":
        sys.stderr.write("reviewer: the manifest does not fit: model.safetensors\n")
        sys.stderr.write("tip: reviewer weights verify DIR\n")
        return 4
    if given.mode == "log":
        told = {"event": "failed", "reason": "2.1 GiB are free, 9 are needed"}
        sys.stderr.write(json.dumps(told) + "\n")
        return 3
    if given.mode == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    return serve(given, first=starts == 1)


def serve(given: argparse.Namespace, *, first: bool) -> int:
    """Announce, load, answer."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    engine = fake.FakeEngine(owner="reviewer", key="t0k3n")
    engine.health = 503
    token = given.state.with_name(given.state.name + ".token")
    with engine, given.state.open("w") as state:
        fcntl.flock(state, fcntl.LOCK_EX)
        token.write_text("t0k3n")
        facts = {"port": engine.port, "host": "127.0.0.1", "pid": os.getpid()}
        state.write(json.dumps({**facts, "token_file": str(token)}))
        state.flush()
        time.sleep(given.load)
        if given.mode != "never ready":
            engine.health = 200
        after_trial(engine, given.mode, first=first)
        while not released(given.lease):
            time.sleep(0.02)
    return 0


def after_trial(engine: fake.FakeEngine, mode: str, *, first: bool) -> None:
    """The second answer and those that follow it are faults."""
    if mode == "dies" or (mode == "dies once" and first):
        engine.faults.extend([lambda each: each.stream(fake.RIGHT), kill])
    if mode == "hangs":
        engine.faults.extend([lambda each: each.stream(fake.RIGHT), hang])
    if mode == "random":
        engine.answers.append('{"line": 77, "problem": "x"}')


def kill(handler: fake.Handler) -> None:
    """As by SIGKILL: in the middle of an answer."""
    handler.begin()
    handler.piece('{"line": 4')
    os.kill(os.getpid(), signal.SIGKILL)


def hang(handler: fake.Handler) -> None:
    """The whole process stops, health and all."""
    threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGSTOP)).start()
    handler.engine.ended.wait(30)


def released(lease: Path) -> bool:
    """Whether our owner is gone."""
    try:
        with lease.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    return True


if __name__ == "__main__":
    sys.exit(main())
