"""A small pull request, coverage included, beside diff-cover alone on the same report (demand P2).

Everything but bandit looks at the change. diff-cover's time goes with the size of the coverage
report, so two sizes are measured; the larger is that of a project for which somebody measures
patch coverage.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.common import (
    BIN,
    REVIEWER,
    Row,
    Table,
    at_most,
    equal,
    folder,
    paired,
    ran,
    seconds,
)
from benchmarks.project import Project, Size, build, cobertura

RUNS = 5
FILES = (1000, 4000)
LINES = 250
CHANGED = 4
ADDED = 120

DOCKERFILE = "FROM python:3.12-slim\nCOPY src /app\nUSER 1000\nCMD python -m app\n"


def run() -> Table:
    rows: list[Row] = []
    notes: list[str] = []
    for files in FILES:
        with folder() as place:
            project = build(place / "checkout", Size(files, LINES, CHANGED, ADDED))
            report = place / "coverage.xml"
            cobertura(project, report)
            size = report.stat().st_size / 1e6
            notes.append(f"{project.described} The Cobertura report has {size:.1f} MB.")
            rows += _compared(project, report, f"{files:,} files, no Trivy", "bandit, trivy")
            notes.append(_slowest(report))
            with_dockerfile(project.folder)
            rows += _compared(project, report, f"{files:,} files, Dockerfile", "bandit")
            notes.append(_slowest(report))
    notes.append(
        "With a Dockerfile in the change Trivy runs too, where it is installed; before, it is left "
        "out."
    )
    return Table(
        "small_change",
        f"Wall-clock medians of {RUNS} paired runs of the whole command, git included.",
        tuple(rows),
        tuple(notes),
    )


def with_dockerfile(checkout: Path) -> None:
    """Commit a Dockerfile on top of the change."""
    (checkout / "Dockerfile").write_text(DOCKERFILE)
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    when = {"GIT_COMMITTER_DATE": "2026-01-02T00:00:00Z"}
    ran(["git", "-C", str(checkout), "add", "Dockerfile"])
    ran(["git", "-C", str(checkout), *identity, "commit", "-q", "-m", "x"], env=when)


def _compared(project: Project, report: Path, name: str, disabled: str) -> list[Row]:
    config = report.with_name("settings.yml")
    config.write_text(f"analyzers:\n  disable: [{disabled}]\n")
    ours_to, theirs_to = report.with_name("ours.json"), report.with_name("theirs.json")
    ours = [REVIEWER, "review", "--base", "main", "--coverage", str(report)]
    ours += ["--config", str(config), "--format", "json", "--output", str(ours_to)]
    theirs = [str(BIN / "diff-cover"), str(report), "--compare-branch=main"]
    theirs += ["--quiet", "--format", f"json:{theirs_to}"]
    times = paired(
        RUNS,
        lambda: ran(ours, project.folder, (0, 1)).seconds,
        lambda: ran(theirs, project.folder).seconds,
    )
    us, them = json.loads(ours_to.read_text()), json.loads(theirs_to.read_text())
    working = sum(tool["outcome"] == "ok" for tool in us["tools"])
    mine, others = ours_lines(us), theirs_lines(them)
    count = sum(len(covered) + len(missing) for covered, missing in mine.values())
    return [
        at_most(f"{name}: {working} tools / diff-cover", (times[0], times[1]), 0.6),
        equal(f"{name}: covered and missing lines", mine, others, f"{count} lines"),
    ]


def _slowest(report: Path) -> str:
    tools = json.loads(report.with_name("ours.json").read_text())["tools"]
    slow = sorted(tools, key=lambda tool: -tool["seconds"])[:4]
    told = ", ".join(f"{tool['tool']} {seconds(tool['seconds'])}" for tool in slow)
    return f"Slowest of the tools, which run side by side: {told}."


def ours_lines(report: Any) -> dict[str, tuple[list[int], list[int]]]:
    """Covered and missing added lines by path, from our JSON."""
    return {
        file["path"]: (file["covered"], file["missing"]) for file in report["coverage"]["files"]
    }


def theirs_lines(report: Any) -> dict[str, tuple[list[int], list[int]]]:
    """The same from diff-cover's JSON."""
    return {
        path: (file["covered_lines"], file["violation_lines"])
        for path, file in report["src_stats"].items()
        if file["covered_lines"] or file["violation_lines"]
    }


if __name__ == "__main__":
    print(run().markdown())
