"""Runs a Python script in this process, then writes its peak resident memory in KiB to a file."""

import re
import runpy
import sys
from pathlib import Path


def main() -> None:
    report, script, *words = sys.argv[1:]
    sys.argv = [script, *words]
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        status = Path("/proc/self/status").read_text()
        Path(report).write_text(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


if __name__ == "__main__":
    main()
