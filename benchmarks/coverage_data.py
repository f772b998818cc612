"""Coverage of a change from coverage.py's data file, beside `coverage xml` and diff-cover (P7).

The peers need both steps: the data file knows what ran, not what could have run, so that
`coverage xml` analyses every source of the project before diff-cover looks at a few.
"""

import sys
from pathlib import Path

from coverage import CoverageData

from benchmarks.common import Table, at_most, folder, paired, peak_mib, ran
from benchmarks.coverage_xml import agreement, mib, ours, theirs
from benchmarks.project import Project, Size, build, measured

RUNS = 1
SIZE = Size(files=1500, lines=250, changed=15, added=900)


def record(project: Project, file: Path) -> None:
    """A data file in which some lines of every module ran."""
    data = CoverageData(str(file))
    sources = sorted(project.folder.rglob("src/*/*.py"))
    data.add_lines(
        {str(path): [n for n, hit, _ in measured(path.read_text()) if hit] for path in sources}
    )
    data.close(force=True)


def run() -> Table:
    with folder() as place:
        project = build(place / "project", SIZE)
        data, xml, out = place / "data", place / "coverage.xml", place / "out.json"
        record(project, data)
        here = project.folder
        us, them = ours(project, data), theirs(xml, out)
        convert = [
            sys.executable,
            "-m",
            "coverage",
            "xml",
            "-q",
            f"--data-file={data}",
            "-o",
            str(xml),
        ]
        us_time, them_time = paired(
            RUNS,
            lambda: ran([sys.executable, *us], here).seconds,
            lambda: ran(convert, here).seconds + ran([sys.executable, *them], here).seconds,
        )
        our_peak, printed = peak_mib(*us, cwd=here)
        rows = (
            at_most(
                "patch coverage from .coverage / coverage xml; diff-cover",
                (us_time, them_time),
                1 / 20,
            ),
            agreement(printed.stdout, out),
        )
        setting = f"{project.described} {RUNS} paired run after one to warm up."
    return Table("coverage_data", setting, rows, (f"Our peak memory is {mib(our_peak)}.",))


if __name__ == "__main__":
    print(run().markdown())
