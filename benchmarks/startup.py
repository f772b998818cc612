"""Start-up beside bare Python and diff-cover (demand P1)."""

import sys
from functools import partial

from benchmarks.common import BIN, REVIEWER, Row, Table, at_most, paired, ran

RUNS = 11

COMMANDS = (("--version",), ("--help",), ("review", "--help"))


def run() -> Table:
    bare = [sys.executable, "-c", "pass"]
    peer = [str(BIN / "diff-cover"), "--version"]
    rows: list[Row] = []
    for words in COMMANDS:
        ours = [REVIEWER, *words]
        # The warm-up run of `paired` leaves the .pyc files behind.
        us, python, cover = paired(
            RUNS,
            partial(seconds_of, ours),
            partial(seconds_of, bare),
            partial(seconds_of, peer),
        )
        name = f"reviewer {' '.join(words)}"
        rows.append(at_most(f"{name} / python -c pass", (us, python), 6))
        rows.append(at_most(f"{name} / diff-cover --version", (us, cover), 0.5))
    return Table("startup", f"Wall-clock medians of {RUNS} paired runs, .pyc present.", tuple(rows))


def seconds_of(argv: list[str]) -> float:
    return ran(argv).seconds


if __name__ == "__main__":
    print(run().markdown())
