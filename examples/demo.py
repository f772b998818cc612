"""Reviews the pull requests of the example project: `python examples/demo.py [FOLDER]`.

Unpacks the history that `parcels/parcels.fast-import` holds into FOLDER (`.demo` if none is given),
lays beside it what continuous integration left behind for each pull request, and runs the command
line that everybody runs: on a small one first, then on a large one. Both have defects planted in
them (`parcels/defects.json`), so both reviews must fail: this script succeeds when they do.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from make import BASE, CI, COVERAGE, HEAD, SMALL, STREAM, unpack

GATE_FAILED = 1
"""The exit code of a review whose gate failed (README.md, exit codes)."""

REPORTS = {SMALL: f"review-{SMALL}", HEAD: "review"}
"""Folders of the reports, by the branch of the pull request."""


def demo(place: Path) -> int:
    """Review the example in `place`; 0 if each gate failed as it should, else 1."""
    project = place / "parcels"
    for old in (project, *(place / name for name in REPORTS.values())):
        shutil.rmtree(old, ignore_errors=True)
    unpack(STREAM.read_bytes(), project)
    for branch, name in REPORTS.items():
        shutil.copytree(CI / branch, project, dirs_exist_ok=True)
        code = review(project, branch, place / name)
        if code != GATE_FAILED or not (place / name / "report.json").is_file():
            print(f"\nreviewer ended with {code}: it should report what is planted and end with 1.")
            return 1
    print("\nThe files of these reviews:")
    for name in REPORTS.values():
        for file in sorted((place / name).iterdir()):
            print(f"  {file}")
    print("\nBoth ended with 1, as they should: these pull requests have defects planted in them.")
    return 0


def review(project: Path, branch: str, reports: Path) -> int:
    """Review one branch as a user would, and return the exit code."""
    options = ["--base", BASE, "--head", branch, "--coverage", COVERAGE]
    formats = ["--format", "json", "--format", "sarif", "--format", "summary"]
    command = [*options, "--format", "terminal", *formats, "--output", str(reports)]
    print(f"$ cd {project}\n$ reviewer review {' '.join(command)}\n", flush=True)
    # -I: what lies in the reviewed folder is never imported.
    reviewer = [sys.executable, "-I", "-m", "reviewer", "review"]
    code = subprocess.run([*reviewer, *command], cwd=project, check=False).returncode
    print(flush=True)
    return code


if __name__ == "__main__":
    sys.exit(demo(Path(sys.argv[1] if len(sys.argv) > 1 else ".demo").resolve()))
