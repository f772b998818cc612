"""A whole review in a network namespace without any interface, beside one with the network (P14).

Nothing may change but the time of day: the same digest, no time spent waiting. Where strace is
installed, every attempt to reach an address is counted too, those that the cage refuses included.
"""

import json
import re
import shutil
import statistics
from collections import Counter
from pathlib import Path

from benchmarks.common import REVIEWER, Row, Table, equal, folder, ran, seconds
from benchmarks.project import Size, build, cobertura
from benchmarks.small_change import with_dockerfile

RUNS = 3
SIZE = Size(files=400, lines=200, changed=20, added=600)

SLACK = 1.25
"""Waiting for a name or a connection takes seconds; this leaves room for the machine's noise."""

ATTEMPT = re.compile(r"\b(?:connect|sendto|sendmsg)\([^\n]*(?:AF_INET6?\b|htons\()")
"""Making a socket is none: urllib3 makes one when it is imported, to see whether IPv6 is there."""


def run() -> Table:
    alone = unshare()
    if not alone:
        note = "This system lets nobody make a network namespace (unshare -n): not measured."
        return Table("offline", note, ())
    with folder() as place:
        project = build(place / "checkout", SIZE)
        cobertura(project, place / "coverage.xml")
        with_dockerfile(project.folder)
        with_it, without = place / "with.json", place / "without.json"
        words = [REVIEWER, "review", "--base", "main", "--coverage", str(place / "coverage.xml")]
        words += ["--format", "json", "--output"]
        taken: dict[str, list[float]] = {"with": [], "without": []}
        for _ in range(RUNS):
            taken["with"].append(reviewed([*words, str(with_it)], project.folder))
            taken["without"].append(reviewed([*alone, *words, str(without)], project.folder))
        median = {name: statistics.median(times) for name, times in taken.items()}
        ratio = median["without"] / median["with"]
        rows = [
            Row(
                "whole review, network cut / with it",
                seconds(median["without"]),
                seconds(median["with"]),
                f"{ratio:.2f}×",
                f"≤ {SLACK}×",
                ratio <= SLACK,
            ),
            equal("digest", digest(without), digest(with_it), digest(without)[:12]),
            equal("outcomes of the tools", outcomes(without), outcomes(with_it), counted(without)),
        ]
        if shutil.which("strace"):
            found = attempts([*words, str(with_it)], project.folder, place / "trace")
            rows.append(Row("attempts to reach an address", str(found), "", "", "0", found == 0))
    return Table("offline", f"{project.described} Medians of {RUNS} paired runs.", tuple(rows))


def unshare() -> list[str]:
    """How to start a program without any network here, [] where that is not allowed."""
    for words in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare") and not ran([*words, "true"], ok=range(256)).returncode:
            return words
    return []


def reviewed(command: list[str], checkout: Path) -> float:
    return ran(command, checkout, (0, 1)).seconds


def digest(report: Path) -> str:
    found: str = json.loads(report.read_text())["digest"]
    return found


def outcomes(report: Path) -> str:
    tools = json.loads(report.read_text())["tools"]
    return ", ".join(f"{tool['tool']} {tool['outcome']}" for tool in tools)


def counted(report: Path) -> str:
    found = Counter(tool["outcome"] for tool in json.loads(report.read_text())["tools"])
    return ", ".join(f"{number} {outcome}" for outcome, number in sorted(found.items()))


def attempts(command: list[str], checkout: Path, trace: Path) -> int:
    """System calls of the review and all its children that name an internet address."""
    words = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace)]
    ran([*words, *command], checkout, (0, 1))
    return len(ATTEMPT.findall(trace.read_text(errors="replace")))


if __name__ == "__main__":
    print(run().markdown())
