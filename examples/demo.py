"""Reviews the pull requests of the example project: `python examples/demo.py [--model] [FOLDER]`.

Unpacks the history that `parcels/parcels.fast-import` holds into FOLDER (`.demo` if none is given),
lays beside it what continuous integration left behind for each pull request, and runs the command
line that everybody runs: on a small one first, then on a large one. Both have defects planted in
them (`parcels/defects.json`), so both reviews must fail: this script succeeds when they do.

With --model the reviews ask a server as well. No model is behind it: `engine.py` replays answers
that were written by hand, so that each thing that a review makes of an answer is to be seen.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from engine import DIALECT, MODEL, Engine, load
from make import BASE, CI, COVERAGE, HEAD, SMALL, STREAM, unpack

GATE_FAILED = 1
"""The exit code of a review whose gate failed (README.md, exit codes)."""

REPORTS = {SMALL: f"review-{SMALL}", HEAD: "review"}
"""Folders of the reports, by the branch of the pull request; `-model` is added with a model."""

FORMATS = ("json", "sarif", "summary")

COMMENTS = "15"
"""Five more comments on lines than without a model: so many are the model's at most."""


def main() -> int:
    """Review with or without what stands in for a model."""
    arguments = argparse.ArgumentParser(description="Reviews the example project.")
    arguments.add_argument("--model", action="store_true", help="ask a recording as well")
    arguments.add_argument("folder", nargs="?", default=".demo", help="default: .demo")
    given = arguments.parse_args()
    place = Path(given.folder).resolve()
    if not given.model:
        return demo(place, REPORTS)
    folders = {branch: f"{name}-model" for branch, name in REPORTS.items()}
    data = place / "data"
    shutil.rmtree(data, ignore_errors=True)  # what it remembers of the last time
    with Engine(load()) as engine:
        settings = {
            "REVIEWER_ENGINE_URL": engine.url,
            "REVIEWER_ENGINE_DIALECT": DIALECT,
            "REVIEWER_COMMENTS_INLINE": COMMENTS,
            "REVIEWER_DATA_DIR": str(data),
        }
        code = demo(place, folders, (*FORMATS, "html"), settings)
    tell(engine, place / folders[HEAD] / "report.html")
    return code


def demo(
    place: Path,
    folders: Mapping[str, str],
    formats: tuple[str, ...] = FORMATS,
    settings: Mapping[str, str] | None = None,
) -> int:
    """Review the example in `place`; 0 if each gate failed as it should, else 1."""
    project = place / "parcels"
    for old in (project, *(place / name for name in folders.values())):
        shutil.rmtree(old, ignore_errors=True)
    unpack(STREAM.read_bytes(), project)
    for branch, name in folders.items():
        shutil.copytree(CI / branch, project, dirs_exist_ok=True)
        code = review(project, branch, place / name, formats, settings or {})
        if code != GATE_FAILED or not (place / name / "report.json").is_file():
            print(f"\nreviewer ended with {code}: it should report what is planted and end with 1.")
            return 1
    print("\nThe files of these reviews:")
    for name in folders.values():
        for file in sorted((place / name).iterdir()):
            print(f"  {file}")
    print("\nBoth ended with 1, as they should: these pull requests have defects planted in them.")
    return 0


def review(
    project: Path, branch: str, reports: Path, formats: tuple[str, ...], settings: Mapping[str, str]
) -> int:
    """Review one branch as a user would, and return the exit code."""
    options = ["--base", BASE, "--head", branch, "--coverage", COVERAGE]
    files = [word for name in formats for word in ("--format", name)]
    command = [*options, "--format", "terminal", *files, "--output", str(reports)]
    print(f"$ cd {project}")
    for name, value in settings.items():
        print(f"$ export {name}={value}")
    print(f"$ reviewer review {' '.join(command)}\n", flush=True)
    # -I: what lies in the reviewed folder is never imported.
    reviewer = [sys.executable, "-I", "-m", "reviewer", "review"]
    environ = {**os.environ, **settings}
    code = subprocess.run([*reviewer, *command], cwd=project, env=environ, check=False).returncode
    print(flush=True)
    return code


def tell(engine: Engine, page: Path) -> None:
    """Say who answered in place of a model, what it had no answer to, and where the page is."""
    print(
        f"\nNo model took part. `{MODEL}` replayed answers that were written by hand for this\n"
        "demonstration, mistakes included: what the reviews made of them is real, and they say\n"
        "nothing of what a model can do."
    )
    answers = len(engine.recording.answers)
    print(f"{len(engine.given)} of {answers} answers were used; ", end="")
    print(f"{len(engine.missing)} questions had none.")
    for question in engine.missing:
        print(f"  {question}")
    print(f"\nThe page for the browser: {page}")


if __name__ == "__main__":
    sys.exit(main())
