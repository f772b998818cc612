"""What the benchmarks share: programs timed in turn, rows of figures, a temporary folder.

A benchmark is a module with `run() -> Table`; `python -m benchmarks.NAME` prints the table. Times
are wall-clock medians of paired runs (A B A B ...): what disturbs one side disturbs the other.
Absolute times move with the machine; the ratios are the result.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BIN: Final = Path(sys.executable).parent
"""Where the reviewer and its peers are installed: beside this Python."""

REVIEWER: Final = str(BIN / "reviewer")
PEAK: Final = str(Path(__file__).with_name("_peak.py"))


@dataclass(frozen=True)
class Row:
    """One comparison. `passed` is None for a figure that no demand is made of."""

    what: str
    ours: str
    theirs: str
    ratio: str
    demand: str
    passed: bool | None

    @property
    def result(self) -> str:
        return {True: "PASS", False: "MISS", None: ""}[self.passed]


@dataclass(frozen=True)
class Table:
    """All rows of one benchmark. `setting` says what was measured on; `notes` what to know."""

    title: str
    setting: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The table as GitHub-flavoured Markdown."""
        if not self.rows:
            return f"## {self.title}\n\n{self.setting}\n"
        cells = [
            ("what", "ours", "other side", "ratio", "demand", "result"),
            *((r.what, r.ours, r.theirs, r.ratio, r.demand, r.result) for r in self.rows),
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
            for row in cells
        ]
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        notes = "".join(f"\n{note}\n" for note in self.notes)
        return "\n".join(
            (f"## {self.title}", "", self.setting, "", lines[0], rule, *lines[1:], notes)
        )


@dataclass(frozen=True)
class Ran:
    """A program that came to its end; `cpu` counts its children too. Both times in seconds."""

    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float
    cpu: float


def ran(
    argv: Sequence[str],
    cwd: Path | None = None,
    ok: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
) -> Ran:
    """Run a program; ends the benchmark unless its exit code is in `ok`."""
    surroundings = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", **(env or {})}
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, env=surroundings, capture_output=True, check=False)
    seconds, after = time.perf_counter() - started, os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    if done.returncode not in ok:
        told = done.stderr.decode(errors="replace")[-2000:]
        raise SystemExit(f"{' '.join(argv)[:200]} ended with {done.returncode}:\n{told}")
    return Ran(done.returncode, done.stdout, done.stderr, seconds, cpu)


def paired(runs: int, *sides: Callable[[], float]) -> list[float]:
    """The median of each side, which returns its own measure; called in turn, once to warm up."""
    for side in sides:
        side()
    taken = [[side() for side in sides] for _ in range(runs)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def peak_mib(script: str, *argv: str, cwd: Path, ok: Sequence[int] = (0,)) -> tuple[float, Ran]:
    """Peak resident memory in MiB of a Python script's own process, without its children.

    From VmHWM of /proc/self/status (proc(5)): Linux only. rusage would count the largest child,
    and what the process that started it had used.
    """
    with folder() as place:
        report = place / "peak"
        # Without -P the modules beside _peak.py would hide those of the standard library.
        done = ran([sys.executable, "-P", PEAK, str(report), script, *argv], cwd, ok)
        return int(report.read_text()) / 1024, done


def folder() -> AbstractContextManager[Path]:
    """A temporary folder that everybody may enter, as the programs we cage run as nobody."""
    return _Folder()


class _Folder(AbstractContextManager[Path]):
    def __enter__(self) -> Path:
        self.holder = tempfile.TemporaryDirectory(prefix="benchmark-")
        place = Path(self.holder.name)
        place.chmod(0o755)
        return place

    def __exit__(self, *_: object) -> None:
        self.holder.cleanup()


def seconds(value: float) -> str:
    """`12 ms` or `1.23 s`."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def at_most(
    what: str, sides: tuple[float, float], limit: float, shown: Callable[[float], str] = seconds
) -> Row:
    """A row whose demand is that ours over theirs is at most `limit`."""
    ours, theirs = sides
    ratio = ours / theirs
    return Row(what, shown(ours), shown(theirs), f"{ratio:.3g}×", f"≤ {limit:.3g}×", ratio <= limit)


def equal(what: str, ours: object, theirs: object, shown: str = "") -> Row:
    """A row whose demand is that both sides say the same."""
    same = ours == theirs
    return Row(
        what, shown or str(ours), shown if same and shown else str(theirs), "", "equal", same
    )
