"""What everything around the model costs: a review with an engine that answers at once.

Time is that of the whole command with the model less that without, for each question asked (a hunk,
or neighbouring ones of one function), once with an empty memory and once with all answers in it.
The engine is a double in another process of the same machine, so that its own work counts to some
extent too. Memory is the peak of our own process (VmHWM), with the model and without, from 100 to
5,000 questions: what is kept of a question must not add up.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import REVIEWER, Row, Table, folder, paired, peak_mib, ran
from benchmarks.project import Project, Size, build
from reviewer import plugins

FILES = 50
ADDED = 500
LINES = 140
RUNS = 5
MILLISECONDS = 20.0

QUESTIONS = (100, 1000, 5000)
KIB = 8.0
"""More of our own memory for each further question: its place in the change and its reason are
kept, its prompt, its answer and its code are not."""

ENGINE = """
import sys
from tests.fakes.engine import FakeEngine
answer = '{"thought": "", "findings": []}'
with FakeEngine(script=lambda _: answer, context=131072, seen=type("Seen", (list,), {
    "append": lambda self, item: None})()) as engine:
    print(engine.url, flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Change:
    """A project, and a folder for what its reviews leave."""

    project: Project
    place: Path

    def words(self) -> list[str]:
        options = ["--format", "json", "--output", str(self.report)]
        return ["review", "--base", "main", *options]

    @property
    def report(self) -> Path:
        return self.place / "report.json"

    @property
    def questions(self) -> int:
        """The questions of the last review."""
        return int(json.loads(self.report.read_text())["model"]["effort"]["asked"])


def run() -> Table:
    with folder() as place, engine() as url:
        rows = [*times(place, url), *memory(place, url)]
    return Table(
        "model_overhead",
        f"An engine that answers at once. Times: medians of {RUNS} paired runs of the whole "
        f"command, all analyzers but bandit, a change of {FILES} files. Memory: hidden alone.",
        tuple(rows),
    )


@contextmanager
def engine() -> Iterator[str]:
    """The URL of the engine."""
    argv = [sys.executable, "-c", ENGINE]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.communicate()


def times(place: Path, url: str) -> Iterator[Row]:
    change = Change(build(place / "fifty", Size(FILES, LINES, FILES, ADDED)), place)
    plain = settings(place) | {"REVIEWER_ANALYZERS_DISABLE": "bandit"}
    fresh = plain | {"REVIEWER_ENGINE_URL": url, "REVIEWER_MODEL_CACHE": "false"}
    again = plain | {"REVIEWER_ENGINE_URL": url}
    seconds = paired(RUNS, *(lambda env=env: once(change, env) for env in (plain, fresh, again)))
    asked = change.questions
    without, *others = seconds
    for name, taken in zip(("asked", "remembered"), others, strict=True):
        each = 1000 * (taken - without) / asked
        yield Row(
            f"{asked} questions {name}: for each",
            f"{each:.1f} ms",
            f"{without:.2f} s without, {taken:.2f} s with",
            "",
            f"≤ {MILLISECONDS:g} ms",
            each <= MILLISECONDS,
        )


def once(change: Change, env: Mapping[str, str]) -> float:
    return ran([REVIEWER, *change.words()], change.project.folder, (0, 1), env).seconds


def memory(place: Path, url: str) -> Iterator[Row]:
    others = sorted(set(plugins.discover("reviewer.analyzers")) - {"hidden"})
    plain = settings(place) | {"REVIEWER_ANALYZERS_DISABLE": ",".join(others)}
    fresh = plain | {"REVIEWER_ENGINE_URL": url, "REVIEWER_MODEL_CACHE": "false"}
    before: tuple[int, float] | None = None
    for wanted in QUESTIONS:
        size = Size(wanted, LINES, wanted // 4, wanted * 5)
        change = Change(build(place / f"of-{wanted}", size), place)
        without, taken = peak(change, plain), peak(change, fresh)
        asked = change.questions
        more = taken - without
        grown = 0.0 if before is None else 1024 * (more - before[1]) / (asked - before[0])
        yield Row(
            f"{asked:,} questions: peak memory",
            f"{taken:.0f} MiB",
            f"{without:.0f} MiB without",
            f"{grown:.1f} KiB more a question" if before else "",
            f"≤ {KIB:g} KiB" if before else "",
            grown <= KIB if before else None,
        )
        before = asked, more


def peak(change: Change, env: Mapping[str, str]) -> float:
    """Peak memory of one review in MiB."""
    kept = dict(os.environ)
    os.environ.update(env)
    try:
        return peak_mib(REVIEWER, *change.words(), cwd=change.project.folder, ok=(0, 1))[0]
    finally:
        os.environ.clear()
        os.environ.update(kept)


def settings(place: Path) -> dict[str, str]:
    """Budgets that nothing here comes near."""
    return {
        "REVIEWER_DATA_DIR": str(place / "data"),
        "REVIEWER_MODEL_REQUESTS": "100000",
        "REVIEWER_MODEL_TOKENS": "1000000000",
        "REVIEWER_MODEL_SECONDS": "3600",
    }


if __name__ == "__main__":
    print(run().markdown())
