"""Reviews the pull request of the example project: `python examples/demo.py [FOLDER]`.

Unpacks the history that `parcels/parcels.fast-import` holds into FOLDER (`.demo` if none is given),
lays its coverage report beside it, and runs the command line that everybody runs. The pull request
has defects planted in it (`parcels/defects.json`), so the review must fail: this script succeeds
when it does.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from make import BASE, COVERAGE, HEAD, STREAM, unpack

GATE_FAILED = 1
"""The exit code of a review whose gate failed (README.md, exit codes)."""


def demo(place: Path) -> int:
    """Review the example in `place`; 0 if the gate failed as it should, else 1."""
    project, review = place / "parcels", place / "review"
    for old in (project, review):
        shutil.rmtree(old, ignore_errors=True)
    unpack(STREAM.read_bytes(), project)
    shutil.copy(COVERAGE, project / "coverage.xml")
    options = ["--base", BASE, "--head", HEAD, "--coverage", "coverage.xml"]
    formats = ["--format", "json", "--format", "sarif", "--format", "summary"]
    command = [*options, "--format", "terminal", *formats, "--output", str(review)]
    print(f"$ cd {project}\n$ reviewer review {' '.join(command)}\n", flush=True)
    # -I: what lies in the reviewed folder is never imported.
    reviewer = [sys.executable, "-I", "-m", "reviewer", "review"]
    code = subprocess.run([*reviewer, *command], cwd=project, check=False).returncode
    if code != GATE_FAILED or not (review / "report.json").is_file():
        print(f"\nreviewer ended with {code}: it should report the planted defects and end with 1.")
        return 1
    print("\nThe files of this review:")
    for file in sorted(review.iterdir()):
        print(f"  {file}")
    print("\nreviewer ended with 1, as it should: this pull request has defects planted in it.")
    return 0


if __name__ == "__main__":
    sys.exit(demo(Path(sys.argv[1] if len(sys.argv) > 1 else ".demo").resolve()))
