"""Run all steps within nine minutes, print one table, and keep it: `benchmarks/gpu/run.sh`.

Each step is a process of its own, which is killed when its time is over: a segmentation fault, a
hang or a lack of memory is a row with its reason, and the next step goes on.
"""

import argparse
import datetime as dt
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.gpu import rows
from benchmarks.gpu.rows import Row

TOTAL: Final = 530.0
"""Seconds for everything."""

LEAST: Final = 5.0
"""Seconds with which a step is still started."""


ERROR: Final = re.compile(r"[\w.]+(Error|Exception|Refused|Unwell)\b")
"""The last line of a traceback."""


@dataclass(frozen=True)
class Step:
    """A function that yields rows, and the seconds that it may take."""

    name: str
    seconds: float
    package: str = "benchmarks.gpu"

    @property
    def place(self) -> str:
        """Its module and function."""
        module, _, function = self.name.partition(".")
        return f"{self.package}.{module}:{function or 'run'}"


TOGETHER: Final = (Step("build", 240), Step("build.models", 180))
"""At the same time: the first is busy with processors, the second with the disk."""

STEPS: Final = (
    Step("attention", 40),
    Step("logits", 60),
    Step("drills", 90),
    Step("speed", 110),
    Step("peer", 70),
    Step("large", 90),
    Step("burst", 60),
    Step("peer.static", 60),
)

CHILD: Final = """
import sys
from importlib import import_module
from pathlib import Path
from benchmarks.gpu import rows
module, _, function = sys.argv[1].partition(":")
work = Path(sys.argv[2])
rows.write(Path(sys.argv[3]), getattr(import_module(module), function)(work))
"""


class Running:
    """A step that was started; what it prints goes into a file."""

    def __init__(self, step: Step, work: Path, seconds: float) -> None:
        self.step, self.seconds = step, min(step.seconds, seconds)
        self.rows = work / f"{step.name}.rows"
        self.log = work / f"{step.name}.log"
        self.rows.unlink(missing_ok=True)
        self.began = time.monotonic()
        argv = [sys.executable, "-c", CHILD, step.place, work, self.rows]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                argv, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def end(self) -> list[Row]:
        """Its rows, with the reason where it did not come to its end."""
        left = self.seconds - (time.monotonic() - self.began)
        try:
            code: int | None = self.process.wait(max(left, 0.1))
        except subprocess.TimeoutExpired:
            code = None
        # Workers lead groups of their own and end with their parent.
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        found = rows.read(self.rows)
        print(f"{self.step.name}: {time.monotonic() - self.began:.0f} s", file=sys.stderr)
        return found if code == 0 else [*found, self._broken(code)]

    def _broken(self, code: int | None) -> Row:
        said = self.log.read_text("utf-8", "replace").strip().splitlines() or [""]
        named = [line for line in said if ERROR.match(line)]
        why = f"not done after {self.seconds:.0f} s" if code is None else f"ended with {code}"
        told = f"{why}: {(named or said)[-1][:300]}"
        return Row(f"step {self.step.name}", told, "an end", passed=False)


def measured(work: Path, only: list[str]) -> list[Row]:
    """All rows, in time."""
    began = time.monotonic()

    def left() -> float:
        return TOTAL - (time.monotonic() - began)

    running = [Running(step, work, left()) for step in TOGETHER]
    found = [row for each in running for row in each.end()]
    for step in STEPS:
        if only and step.name not in only:
            continue
        if left() < LEAST:
            found.append(Row(f"step {step.name}", "no time is left", "an end", passed=False))
        else:
            found += Running(step, work, left()).end()
    return [*found, *rows.compared(found), rows.most("everything", TOTAL - left(), 540, " s")]


def main() -> int:
    """1 when a demand is missed."""
    arguments = argparse.ArgumentParser(prog="benchmarks/gpu/run.sh")
    arguments.add_argument("steps", nargs="*", help="steps to run (default: all)")
    arguments.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    arguments.add_argument("--output", type=Path, help="a folder for gpu.json and gpu.md")
    given = arguments.parse_args()
    known = {step.name for step in STEPS}
    if unknown := set(given.steps) - known:
        arguments.error(f"{', '.join(sorted(unknown))}: there are {', '.join(sorted(known))}")
    found = measured(given.work, given.steps)
    day = dt.datetime.now(tz=dt.UTC).date().isoformat()
    text = f"# The engine on a GPU, {day}\n\n{rows.markdown(found)}"
    print(text)
    if given.output is not None:
        given.output.mkdir(parents=True, exist_ok=True)
        (given.output / "gpu.md").write_text(text, "utf-8")
        (given.output / "gpu.json").write_bytes(msgspec.json.encode(found))
    return int(any(row.passed is False for row in found))


if __name__ == "__main__":
    sys.exit(main())
