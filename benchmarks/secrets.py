"""Secrets on the added lines of a large change, beside detect-secrets (demand P9).

The change adds 100,000 lines of real code and, among them and in files of settings, made-up secrets
of the kinds that detect-secrets has a detector for. Both sides look at the same lines, ours by the
whole analyzer with the process that it starts, and neither may ask the network. A secret is found
when its line is reported.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from pathlib import Path

from benchmarks._seeds import NEW_KINDS, Place, seeded
from benchmarks.common import BIN, Row, Table, folder, paired, ran, seconds
from benchmarks.project import check_out, commit_head, file_entry
from reviewer import tree
from reviewer.analyzers.secrets import Secrets
from reviewer.git import Repository
from reviewer.process import Runner

RUNS = 3
DEMAND = 60_000
"""Lines a second."""


def run() -> Table:
    given = seeded()
    with folder() as place:
        check_out(place / "checkout", stream(given.files))
        ours = Ours(place)
        theirs = Theirs(place, given.files)
        fast, slow = paired(RUNS, ours.scan, theirs.scan)
    lines = sum(data.count(b"\n") for data in given.files.values())
    new = {at for at, kind in given.planted.items() if kind in NEW_KINDS}
    old = given.planted.keys() - new
    fewer = replace(
        counted("planted secrets found, kinds that detect-secrets knows", ours, theirs, old),
        demand="no fewer",
        passed=len(ours.found & old) >= len(theirs.found & old),
    )
    rows = (
        speed(lines / fast, lines / slow),
        fewer,
        counted("planted secrets found, newer kinds", ours, theirs, new),
        Row(
            "lines reported without a planted secret",
            str(len(ours.found - given.planted.keys())),
            str(len(theirs.found - given.planted.keys())),
            "",
            "",
            None,
        ),
    )
    notes = (
        f"Ours took {seconds(fast)}, the start of its process included.",
        f"Missed by us: {missed(given.planted, ours.found)}.",
        f"Missed by detect-secrets: {missed(given.planted, theirs.found)}.",
    )
    setting = f"{lines:,} added lines in {len(given.files)} files, {len(given.planted)} secrets in "
    setting += f"them; medians of {RUNS} paired runs."
    return Table("secrets", setting, rows, notes)


def speed(ours: float, theirs: float) -> Row:
    """Lines a second of both sides."""
    ratio = f"{ours / theirs:.3g}×"
    what = "added lines a second"
    return Row(what, f"{ours:,.0f}", f"{theirs:,.0f}", ratio, f"≥ {DEMAND:,}", ours >= DEMAND)


def stream(files: dict[str, bytes]) -> Iterator[bytes]:
    """A history whose second commit adds all files."""
    yield commit_head(1, "main")
    yield file_entry("README.md", b"# A project\n")
    yield commit_head(2, "topic")
    for path, data in files.items():
        yield file_entry(path, data)


def counted(what: str, ours: "Ours", theirs: "Theirs", planted: Set[Place]) -> Row:
    """How many of these places both sides report."""
    found = [f"{len(side.found & planted)} of {len(planted)}" for side in (ours, theirs)]
    return Row(what, *found, "", "", None)


def missed(planted: dict[Place, str], found: Iterable[Place]) -> str:
    """How many of each kind were not found."""
    left = Counter(kind for at, kind in planted.items() if at not in set(found))
    return ", ".join(f"{kind} {number}" for kind, number in left.most_common()) or "nothing"


class Ours:
    """The analyzer on the change, in the cage that every review uses."""

    def __init__(self, place: Path) -> None:
        room, scratch = place / "room", place / "scratch"
        for new in (room, scratch):
            new.mkdir()
        scratch.chmod(0o1777)
        repository = Repository.open(place / "checkout", place / "scratch")
        ends = [repository.commit(name) for name in ("main", "topic")]
        self.changes = repository.changes(*ends)
        self.tree = tree.build(self.changes, repository, room, lambda _: "")
        self.runner = Runner((BIN,), scratch)
        self.found: frozenset[Place] = frozenset()

    def scan(self) -> float:
        started = time.perf_counter()
        done = Secrets().run(self.changes, self.tree, self.runner)
        taken = time.perf_counter() - started
        self.found = frozenset(Place(f.span.path, f.span.start) for f in done.findings)
        return taken


class Theirs:
    """detect-secrets on the same files, all of whose lines the change adds."""

    def __init__(self, place: Path, files: Iterable[str]) -> None:
        self.checkout = place / "checkout"
        self.command = [str(BIN / "detect-secrets"), "scan", "--no-verify", *files]
        self.found: frozenset[Place] = frozenset()

    def scan(self) -> float:
        done = ran(self.command, self.checkout)
        results = json.loads(done.stdout)["results"]
        self.found = frozenset(
            Place(os.path.normpath(path), item["line_number"])
            for path, items in results.items()
            for item in items
        )
        return done.seconds


if __name__ == "__main__":
    print(run().markdown())
