"""A pull request of fifty files of real code, beside its tools one after the other (P3, P4, P5).

Ours is the whole command with every analyzer and a coverage report. The other side runs ruff and
bandit, then also lizard, detect-secrets and diff-cover, on the same files and the same report. The
findings of ruff and bandit and the lines of diff-cover must be those of our report, and lizard must
agree on each function that we call complex (`secrets` compares secrets). Both sides keep to the
same processors: to one, then to two.
"""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import installed
from benchmarks.common import BIN, REVIEWER, Row, Table, at_most, equal, folder, paired, ran
from benchmarks.project import Project, cobertura
from benchmarks.small_change import ours_lines, theirs_lines
from reviewer.agreement import topic
from reviewer.analyzers import bandit, ruff

RUNS = 3
FILES, CHANGED, ADDED = 2000, 50, 3500

WITHOUT_BANDIT: Final = {"REVIEWER_ANALYZERS_DISABLE": "bandit"}

RUFF: Final = (
    "check", "--isolated", "--no-cache", "--ignore-noqa", "--output-format=json",
    "--target-version=py314", f"--select={','.join(ruff.DEFAULT)}",
    f"--ignore={','.join(ruff.LEFT_OUT)}", "--per-file-ignores=__init__.py:F401",
)  # fmt: skip
BANDIT: Final = ("--quiet", "--format=json", "--ignore-nosec")


class Found(NamedTuple):
    """A finding of one tool, comparable with that of another."""

    path: str
    line: int
    rule: str


def run() -> Table:
    with folder() as place:
        project = installed.build(place / "checkout", FILES, CHANGED, ADDED)
        report = place / "coverage.xml"
        cobertura(project, report)
        bench = Bench(project, place, report)
        cores = sorted(os.sched_getaffinity(0))
        one, two = cores[:1], cores[:2]
        first, baseline = paired(RUNS, lambda: bench.ours(one), lambda: bench.linters(one))
        both, faster, shorter, others = paired(
            RUNS,
            lambda: bench.ours(two),
            lambda: bench.ours(two, "quick.json", WITHOUT_BANDIT),
            lambda: bench.linters(two),
            lambda: bench.others(two),
        )
        rows = [
            at_most("one core: all / ruff; bandit", (first, baseline), 1.15),
            at_most("two cores: all / ruff; bandit", (both, shorter), 0.8),
            at_most(
                "two cores: all / ruff; bandit; lizard; detect-secrets; diff-cover",
                (both, shorter + others),
                0.45,
            ),
            at_most("two cores: all but bandit / ruff; bandit", (faster, shorter), 0.1),
            *bench.agreement(),
        ]
        size = report.stat().st_size / 1e6
        notes = (
            f"{project.described} The Cobertura report has {size:.1f} MB.",
            bench.slowest("ours.json"),
            bench.slowest("quick.json"),
            bench.lost(),
            f"Tests of bandit that no rule of ours for ruff is a port of: {', '.join(unported())}.",
        )
    return Table(
        "fifty_files", f"Wall-clock medians of {RUNS} paired runs of the whole.", tuple(rows), notes
    )


class Bench:
    """The commands of both sides, and what they leave in `place`."""

    def __init__(self, project: Project, place: Path, report: Path) -> None:
        self.project, self.place, self.report = project, place, report

    def ours(
        self, cores: Sequence[int], name: str = "ours.json", env: Mapping[str, str] | None = None
    ) -> float:
        words = [REVIEWER, "review", "--base", "main", "--coverage", str(self.report)]
        words += ["--format", "json", "--output", str(self.place / name)]
        return ran(pinned(words, cores), self.project.folder, (0, 1), env).seconds

    def linters(self, cores: Sequence[int]) -> float:
        return sum(
            self._kept(name, [str(BIN / name), *options, *self.project.changed], cores)
            for name, options in (("ruff", RUFF), ("bandit", BANDIT))
        )

    def others(self, cores: Sequence[int]) -> float:
        cover = [str(BIN / "diff-cover"), str(self.report), "--compare-branch=main", "--quiet"]
        cover += ["--format", f"json:{self.place / 'diff-cover.json'}"]
        secrets = [str(BIN / "detect-secrets"), "scan", "--no-verify", *self.project.changed]
        return sum(
            self._kept(name, words, cores)
            for name, words in (
                ("lizard", [str(BIN / "lizard"), "-w", *self.project.changed]),
                ("detect-secrets", secrets),
                ("cover", cover),
            )
        )

    def _kept(self, name: str, words: Sequence[str], cores: Sequence[int]) -> float:
        done = ran(pinned(words, cores), self.project.folder, (0, 1))
        (self.place / name).write_bytes(done.stdout)
        return done.seconds

    def told(self, name: str) -> Any:
        return json.loads((self.place / name).read_text())

    def agreement(self) -> list[Row]:
        """Whether both sides found the same."""
        report, cover = self.told("ours.json"), self.told("diff-cover.json")
        theirs = {
            "ruff": {
                Found(self._path(item["filename"]), item["location"]["row"], item["code"])
                for item in self.told("ruff")
            },
            "bandit": {
                Found(self._path(item["filename"]), place(item), item["test_id"])
                for item in self.told("bandit")["results"]
                if item["test_id"] not in bandit.LEFT_OUT and item["issue_confidence"] != "LOW"
            },
        }
        rows = []
        for tool, found in theirs.items():
            mine = {Found(*each) for each in of_tool(report, tool)}
            rows.append(equal(f"findings of {tool}", mine, found, f"{len(found)}"))
        lines = ours_lines(report)
        count = sum(len(covered) + len(missing) for covered, missing in lines.values())
        rows.append(
            equal("covered and missing lines", lines, theirs_lines(cover), f"{count:,} lines")
        )
        named = complex_by_us(report)
        measured = named & complex_by_lizard((self.place / "lizard").read_text())
        rows.append(
            equal("functions that we call too complex, by lizard", named, measured, f"{len(named)}")
        )
        return rows

    def _path(self, name: str) -> str:
        return os.path.relpath(self.project.folder / name, self.project.folder)

    def slowest(self, name: str) -> str:
        """Which analyzers took longest, and what their times add up to."""
        tools = sorted(self.told(name)["tools"], key=lambda tool: -tool["seconds"])
        whole = sum(tool["seconds"] for tool in tools)
        shown = ", ".join(f"{tool['tool']} {tool['seconds']:.2f} s" for tool in tools[:8])
        return f"`{name}`: analyzers that ran side by side took {whole:.1f} s: {shown}."

    def lost(self) -> str:
        """Which findings of bandit, in the whole files, nothing else tells of without it."""
        others: dict[tuple[str, object], list[range]] = {}
        for item in self.told("quick.json")["findings"]:
            key = (item["path"], topic(f"{item['tool']}/{item['rule']}"))
            others.setdefault(key, []).append(range(item["start"], item["end"] + 1))
        all_, gone = Counter[str](), Counter[str]()
        for item in self.told("ours.json")["findings"]:
            if item["tool"] == "bandit":
                all_[item["rule"]] += 1
                places = others.get((item["path"], topic(f"bandit/{item['rule']}")), [])
                mine = range(item["start"], item["end"] + 1)
                if not any(set(mine) & set(other) for other in places):
                    gone[item["rule"]] += 1
        told = ", ".join(
            f"{rule} {number} of {all_[rule]}" for rule, number in sorted(gone.items())
        )
        return (
            f"Without bandit {gone.total()} of its {all_.total()} findings in the whole files are "
            f"told by nobody: {told or 'none'}."
        )


def pinned(words: Sequence[str], cores: Sequence[int]) -> list[str]:
    """The command, kept to these processors (taskset(1))."""
    if not shutil.which("taskset"):
        raise SystemExit("taskset is not here: install util-linux")
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *words]


def of_tool(report: Any, tool: str) -> list[tuple[str, int, str]]:
    """Place and rule of the findings of one tool, those outside of the change too."""
    return [(f["path"], f["start"], f["rule"]) for f in report["findings"] if f["tool"] == tool]


def complex_by_us(report: Any) -> set[Found]:
    """Functions that we say to be too complex; the rule is the complexity."""
    return {
        Found(f["path"], f["start"], re.findall(r"complexity of (\d+)", f["message"])[0])
        for f in report["findings"]
        if (f["tool"], f["rule"]) == ("complexity", "complexity")
    }


def complex_by_lizard(warnings: str) -> set[Found]:
    """The same of lizard: `a.py:12: warning: work has 20 NLOC, 16 CCN, ...`."""
    pattern = re.compile(r"^(.+?):(\d+): warning: .* (\d+) CCN", re.MULTILINE)
    return {Found(path, int(line), value) for path, line, value in pattern.findall(warnings)}


def place(item: Any) -> int:
    """The first line of what bandit reports."""
    within = () if item["test_id"] in bandit.WHOLE_FUNCTION else item["line_range"]
    return min((item["line_number"], *within))


def unported() -> list[str]:
    """The tests that we have bandit run and ruff has no port of among the rules we ask it for."""
    listed = ran([str(BIN / "bandit"), "--help"]).stdout.decode()
    ported = {rule.replace("S", "B", 1) for rule in ruff.DEFAULT}
    named = [code for code, _ in bandit.NAMED.findall(listed) if re.fullmatch(r"B\d{3}", code)]
    return [code for code in named if code not in {*bandit.LEFT_OUT, *ported}]


if __name__ == "__main__":
    print(run().markdown())
