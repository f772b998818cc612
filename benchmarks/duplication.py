"""What the search for duplicates adds to a review, and how it grows with the repository.

The made-up projects are the worst case: their functions are drawn from a few hundred bodies, so
that what the change adds stands in the repository many times over.
"""

from pathlib import Path

from benchmarks.common import REVIEWER, Row, Table, at_most, folder, paired, ran
from benchmarks.project import Project, Size, build

RUNS = 3
SMALL = Size(files=1000, lines=250, changed=4, added=120)
LARGE = Size(files=5080, lines=270, changed=52, added=3490, changed_lines=75_010)


def run() -> Table:
    rows: list[Row] = []
    notes: list[str] = []
    for size in (SMALL, LARGE):
        with folder() as place:
            project = build(place / "checkout", size)
            notes.append(project.described)
            rows.append(_compared(project, place / "without.yml"))
    return Table(
        "duplication",
        f"Wall-clock medians of {RUNS} paired runs of the whole command.",
        tuple(rows),
        tuple(notes),
    )


def _compared(project: Project, without: Path) -> Row:
    without.write_text("analyzers:\n  disable: [duplication]\n")
    everything = [REVIEWER, "review", "--base", "main", "--format", "json"]
    less = [*everything, "--config", str(without)]
    times = paired(
        RUNS,
        lambda: ran(everything, project.folder, (0, 1)).seconds,
        lambda: ran(less, project.folder, (0, 1)).seconds,
    )
    what = f"{project.size.files:,} files, {project.size.added:,} added lines: "
    return at_most(f"{what}whole review / without duplication", (times[0], times[1]), 1.25)


if __name__ == "__main__":
    print(run().markdown())
