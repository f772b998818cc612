"""Coverage of a change from a Cobertura report of a large project, beside diff-cover (demand P6).

Both sides start from nothing: they ask git for the diff, read the report and name the lines.
"""

import json
import sys
from pathlib import Path

from benchmarks.common import BIN, Row, Table, at_most, equal, folder, paired, peak_mib, ran
from benchmarks.project import Project, Size, build, cobertura

RUNS = 3
SIZE = Size(files=5000, lines=150, changed=50, added=3000)
OURS = Path(__file__).with_name("_patch_coverage.py")
DIFF_COVER = BIN / "diff-cover"


def mib(value: float) -> str:
    return f"{value:.0f} MiB"


def ours(project: Project, report: Path) -> list[str]:
    """Our command, less the interpreter."""
    return [str(OURS), str(project.folder), "main", str(report)]


def theirs(report: Path, out: Path) -> list[str]:
    """diff-cover's command, less the interpreter."""
    return [str(DIFF_COVER), str(report), "--compare-branch", "main", "--format", f"json:{out}"]


def agreement(printed: bytes, out: Path) -> Row:
    """A row on whether both name the same lines of the same files."""
    found = json.loads(printed)["files"]
    expected = {
        path: [stats["covered_lines"], stats["violation_lines"]]
        for path, stats in json.loads(out.read_text())["src_stats"].items()
    }
    lines = sum(len(covered) + len(missing) for covered, missing in found.values())
    return equal("lines, file by file", found, expected, f"{lines:,} lines, {len(found)} files")


def with_totals(report: Path) -> None:
    """Give the root the totals that coverage.py, c8, nyc and gcovr write there."""
    text = report.read_bytes()
    valid, covered = text.count(b"<line "), text.count(b'hits="1"')
    root = b'<coverage lines-valid="%d" lines-covered="%d" ' % (valid, covered)
    if b"lines-valid=" not in text:
        report.write_bytes(text.replace(b"<coverage ", root, 1))


def run() -> Table:
    with folder() as place:
        project = build(place / "project", SIZE)
        report, out = place / "coverage.xml", place / "out.json"
        cobertura(project, report)
        with_totals(report)
        us, them = ours(project, report), theirs(report, out)
        here = project.folder
        us_time, them_time = paired(
            RUNS,
            lambda: ran([sys.executable, *us], here).seconds,
            lambda: ran([sys.executable, *them], here).seconds,
        )
        our_peak, printed = peak_mib(*us, cwd=here)
        their_peak, _ = peak_mib(*them, cwd=here)
        size = report.stat().st_size / 1e6
        rows = (
            at_most("patch coverage from XML / diff-cover", (us_time, them_time), 1 / 3),
            at_most("peak memory / diff-cover", (our_peak, their_peak), 1 / 8, mib),
            agreement(printed.stdout, out),
        )
        setting = f"{project.described} The report has {size:.1f} MB. {RUNS} paired runs."
    return Table("coverage_xml", setting, rows)


if __name__ == "__main__":
    print(run().markdown())
