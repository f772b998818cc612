"""Time and memory from 10 to 10,000 changed files (demand P13).

Linear means: ten times the files take at most ten times as long, and at most ten times the memory.
Time is processor time: wall-clock time of minutes tells of the other users of a shared machine.
The exponent between two sizes is log10 of the ratio; a fixed cost makes it smaller, so the last one
counts. Each size is a project that changes in every file. Our own work is git, the diff, the clean
room, one analyzer that needs no program (hidden), judging and the report.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import REVIEWER, Row, Table, folder, peak_mib
from benchmarks.project import Project, Size, build
from reviewer import plugins

SIZES = (10, 100, 1000, 10_000)
LINES = 140
ADDED = 10
RUNS = 3
LARGE = 1000
EXPONENT = 1.1
"""1 is linear; the rest is for the noise of a shared machine."""


@dataclass(frozen=True)
class Cost:
    """What one review took, and the tools that broke in it."""

    files: int
    seconds: float
    mib: float
    broken: str


def run() -> Table:
    rows: list[Row] = []
    others = sorted(set(plugins.discover("reviewer.analyzers")) - {"hidden"})
    for name, disabled in (
        ("our own work", ", ".join(others)),
        ("all analyzers but bandit", "bandit"),
    ):
        costs = [cost(files, disabled) for files in SIZES]
        for before, after in zip([None, *costs], costs, strict=False):
            rows += compared(name, before, after)
    return Table(
        "growth",
        f"Files of {LINES} lines, {ADDED} added to each. Processor time with all children, median "
        f"of {RUNS} runs (one from {LARGE:,} files on), VmHWM of our own process.",
        tuple(rows),
    )


def cost(files: int, disabled: str) -> Cost:
    with folder() as place:
        project = build(place / "checkout", Size(files, LINES, files, ADDED * files))
        settings = place / "settings.yml"
        settings.write_text(f"analyzers:\n  disable: [{disabled}]\n")
        taken = [once(project, settings) for _ in range(RUNS if files < LARGE else 1)]
        tools = json.loads((place / "report.json").read_text())["tools"]
    broken = ", ".join(tool["tool"] for tool in tools if tool["outcome"] == "failed")
    seconds, mib = sorted(taken)[len(taken) // 2]
    return Cost(files, seconds, mib, broken)


def once(project: Project, settings: Path) -> tuple[float, float]:
    """Processor seconds, children included, and MiB of one review."""
    words = ("--base", "main", "--config", str(settings), "--format", "json")
    out = ("--output", str(settings.with_name("report.json")))
    mib, done = peak_mib(REVIEWER, "review", *words, *out, cwd=project.folder, ok=(0, 1))
    return done.cpu, mib


def compared(name: str, before: Cost | None, after: Cost) -> list[Row]:
    """Rows for time and memory of one size, with the exponent from the size before."""
    rows: list[Row] = []
    for what, unit in (("seconds", "s"), ("mib", "MiB")):
        value: float = getattr(after, what)
        shown = f"{value:.2f} {unit}" if unit == "s" else f"{value:.0f} {unit}"
        title = f"{name}, {after.files:,} files" + f", failed: {after.broken}" * bool(after.broken)
        if before is None:
            rows.append(Row(title, shown, "", "", "", None))
            continue
        exponent = math.log10(value / getattr(before, what))
        linear = exponent <= EXPONENT and not after.broken
        rows.append(Row(title, shown, "", f"exponent {exponent:.2f}", f"≤ {EXPONENT}", linear))
    return rows


if __name__ == "__main__":
    print(run().markdown())
