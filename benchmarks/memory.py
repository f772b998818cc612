"""Peak memory of the reviewer's own process (demand P12).

Once on a change of the size of a large pull request, with every analyzer and a coverage report,
and once on large diffs given by `--diff`. Programs that the reviewer starts are not counted: they
run under limits of their own.
"""

import json
from pathlib import Path

from benchmarks.common import REVIEWER, Row, Table, folder, peak_mib, ran
from benchmarks.project import Project, Size, build, cobertura

LARGE = Size(files=5080, lines=270, changed=52, added=3490, changed_lines=75_010)
LARGE_MIB = 120.0

ADDED = (25_000, 250_000)
"""Lines that the diffs add: about 1 and 10 MB."""

DIFF_FACTOR, DIFF_MIB = 4, 40.0


def run() -> Table:
    rows: list[Row] = []
    notes: list[str] = []
    with folder() as place:
        project = build(place / "checkout", LARGE)
        report = place / "coverage.xml"
        cobertura(project, report)
        words = ("review", "--base", "main", "--coverage", str(report))
        peak, out = reviewed(project, place, *words)
        rows.append(limited(f"large change, {described(out)}", peak, LARGE_MIB))
        notes.append(
            f"{project.described} The Cobertura report has {report.stat().st_size / 1e6:.1f} MB."
        )
    for added in ADDED:
        with folder() as place:
            project = build(place / "checkout", Size(200, 100, 100, added))
            patch = place / "change.diff"
            patch.write_bytes(ran(["git", "-C", str(project.folder), "diff", "main"]).stdout)
            size = patch.stat().st_size
            settings = place / "settings.yml"
            settings.write_text("analyzers:\n  disable: [bandit]\n")
            words = ("review", "--diff", str(patch), "--config", str(settings))
            peak, out = reviewed(project, place, *words)
            rows.append(
                limited(
                    f"--diff of {size / 1e6:.1f} MB, {described(out)}",
                    peak,
                    DIFF_FACTOR * size / 2**20 + DIFF_MIB,
                )
            )
    return Table(
        "memory", "VmHWM of the process at its end, JSON report written.", tuple(rows), tuple(notes)
    )


def reviewed(project: Project, place: Path, *words: str) -> tuple[float, Path]:
    """Peak memory of one review in MiB, and its JSON report."""
    out = place / "report.json"
    options = ("--format", "json", "--output", str(out))
    peak, _ = peak_mib(REVIEWER, *words, *options, cwd=project.folder, ok=(0, 1))
    return peak, out


def described(report: Path) -> str:
    """What took part, and how much it found."""
    found = json.loads(report.read_text())
    broken = [tool["tool"] for tool in found["tools"] if tool["outcome"] == "failed"]
    ok = sum(tool["outcome"] == "ok" for tool in found["tools"])
    failed = f", failed: {', '.join(broken)}" if broken else ""
    return f"{ok} tools{failed}, {len(found['findings']):,} findings"


def limited(what: str, mib: float, limit: float) -> Row:
    shown = f"{mib:.0f} MiB"
    return Row(what, shown, "", f"{mib / limit:.2f}×", f"≤ {limit:.0f} MiB", mib <= limit)


if __name__ == "__main__":
    print(run().markdown())
