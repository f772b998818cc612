"""Runs every benchmark and writes benchmarks/results/DATE-MACHINE.md: `python -m benchmarks`."""

import argparse
import datetime as dt
import importlib
import os
import pkgutil
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

import benchmarks
from benchmarks.common import ran

PACKAGES = ("bandit", "coverage", "detect-secrets", "diff_cover", "lizard", "ruff", "unidiff")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", help="benchmarks to run (default: all)")
    chosen = arguments.parse_args().names or every()
    texts: list[str] = []
    missed = 0
    for name in chosen:
        table = importlib.import_module(f"benchmarks.{name}").run()
        missed += sum(row.passed is False for row in table.rows)
        texts.append(table.markdown())
        print(texts[-1], flush=True)
    if chosen == every():
        machine = words()
        day = dt.datetime.now(tz=dt.UTC).date().isoformat()
        name = re.sub(r"[^a-z0-9]+", "-", machine.lower()).strip("-")
        target = Path(__file__).parent / "results" / f"{day}-{name}.md"
        target.parent.mkdir(exist_ok=True)
        head = f"# Benchmarks, {day}\n\n{machine}; {versions()}.\n\n"
        target.write_text(head + "\n".join(texts))
        print(f"written: benchmarks/results/{target.name}")
    return 1 if missed else 0


def every() -> list[str]:
    """Names of the modules here that have a `run`."""
    names = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(
        name
        for name in names
        if not name.startswith("_")
        and hasattr(importlib.import_module(f"benchmarks.{name}"), "run")
    )


def words() -> str:
    """The machine in words that name nobody."""
    return f"{os.cpu_count()} cores {platform.machine()} {platform.system()}"


def versions() -> str:
    """What took part, ours not included."""
    git = ran(["git", "--version"]).stdout.decode().strip()
    listed = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {platform.python_version()}, {git}, {listed}"


if __name__ == "__main__":
    sys.exit(main())
