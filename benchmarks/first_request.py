"""From start to the first request to the model, on a small pull request, beside pr-agent (P11).

Both review the same checkout with the same server, which answers at once, and are ended when their
first question arrives. Ours asks a question after its analyzers, because what they find is shown to
the model; the look at the engine's health goes on beside them, and its first request is a row of
its own. pr-agent reads a local branch (its `local` provider), asks nobody but the server, and takes
its tokenizer from the files of a package that it depends on, so that it waits for no download.

It is no dependency of ours: name its program by PR_AGENT, or install it where PATH finds it.
"""

import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common import REVIEWER, Row, Table, at_most, folder, seconds
from benchmarks.project import Project, Size, build
from tests.fakes.engine import FakeEngine, Seen

SIZE = Size(files=200, lines=250, changed=4, added=120)
RUNS = 5
PATIENCE = 120.0

TIME, MEMORY = 1 / 6, 1 / 3


@dataclass(frozen=True)
class First:
    """Seconds from the start to the first request and to the first question, and MiB by then."""

    request: float
    question: float
    mib: float


@dataclass
class Watch:
    """Notes when requests come in, and how much memory who asks has used (VmHWM of proc(5))."""

    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    question: float = 0.0
    mib: float = 0.0

    def answer(self, _: Mapping[str, Any]) -> str:
        """The answer to each question, noted when it is the first."""
        if not self.question and self.process is not None:
            self.question = time.perf_counter() - self.started
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            self.mib = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
        return '{"thought": "", "findings": []}'


class Stamped(list[Seen]):
    """A list that knows when its first item came."""

    first: float = 0.0

    def append(self, item: Seen) -> None:
        self.first = self.first or time.perf_counter()
        super().append(item)


@dataclass
class Side:
    """A program and what it needs to find the server."""

    argv: Sequence[str]
    env: Mapping[str, str]
    taken: list[First] = field(default_factory=list)

    def median(self, name: str) -> float:
        return float(statistics.median(getattr(each, name) for each in self.taken))


def run() -> Table:
    with folder() as place:
        project = build(place / "checkout", SIZE)
        sides = [Side(ours(), our_settings(place))]
        disabled = {"REVIEWER_ANALYZERS_DISABLE": "bandit"}
        sides.append(Side(ours(), our_settings(place) | disabled))
        if peer := program():
            sides.append(Side([peer, "--pr_url=main", "review"], their_settings(Path(peer))))
        for number in range(RUNS + 1):
            for side in sides:
                found = first(side, project, place)
                side.taken += [found] if number else []  # the first is to warm up
    return Table(
        "first_request",
        f"Medians of {RUNS} runs in turn. VmHWM of the own process when the first question comes.",
        rows(*sides) if peer else alone(*sides),
        (project.described,),
    )


def rows(ours: Side, quick: Side, theirs: Side) -> tuple[Row, ...]:
    question, mib = theirs.median("question"), theirs.median("mib")
    first = ours.median("request")
    return (
        at_most("start to first question", (ours.median("question"), question), TIME),
        at_most("the same without bandit", (quick.median("question"), question), TIME),
        at_most("start to first request of any kind", (first, theirs.median("request")), TIME),
        at_most("peak memory by then", (ours.median("mib"), mib), MEMORY, lambda v: f"{v:.0f} MiB"),
    )


def alone(ours: Side, quick: Side) -> tuple[Row, ...]:
    told = (
        ("start to first question", seconds(ours.median("question"))),
        ("the same without bandit", seconds(quick.median("question"))),
        ("start to first request of any kind", seconds(ours.median("request"))),
        ("peak memory by then", f"{ours.median('mib'):.0f} MiB"),
    )
    return tuple(
        Row(what, value, "pr-agent is not installed", "", "", None) for what, value in told
    )


def ours() -> list[str]:
    return [REVIEWER, "review", "--base", "main", "--format", "json"]


def our_settings(place: Path) -> dict[str, str]:
    """Nothing is remembered, so that each run has something to ask."""
    return {"REVIEWER_DATA_DIR": str(place / "data"), "REVIEWER_MODEL_CACHE": "false"}


def their_settings(peer: Path) -> dict[str, str]:
    """For pr-agent (its docs, "Locally" and "Changing a model") and for what it builds upon."""
    packages = peer.resolve().parent.parent.glob("lib/python*/site-packages")
    tokenizers = [each / "litellm/litellm_core_utils/tokenizers" for each in packages]
    return {
        "CONFIG__GIT_PROVIDER": "local",
        "CONFIG__MODEL": "openai/good-coder",
        "CONFIG__CUSTOM_MODEL_MAX_TOKENS": "32000",
        "OPENAI__KEY": "none",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "TIKTOKEN_CACHE_DIR": str(next(iter(tokenizers), "")),
    }


def program() -> str:
    """Where pr-agent is, "" if it is nowhere."""
    return os.environ.get("PR_AGENT", "") or shutil.which("pr-agent") or ""


def first(side: Side, project: Project, place: Path) -> First:
    """Start the program, and end it when it has asked."""
    watch = Watch()
    seen = Stamped()
    with FakeEngine(script=watch.answer, seen=seen, context=131_072) as engine:
        where = {"REVIEWER_ENGINE_URL": engine.url, "OPENAI__API_BASE": f"{engine.url}/v1"}
        plain = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
        with (place / "log").open("wb") as log:
            watch.started = time.perf_counter()
            watch.process = subprocess.Popen(
                side.argv,
                cwd=project.folder,
                env=plain | dict(side.env) | where,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            with ended(watch.process):
                while not watch.mib and watch.process.poll() is None:
                    if time.perf_counter() - watch.started > PATIENCE:
                        break
                    time.sleep(0.005)
        if not watch.mib:
            told = (place / "log").read_text(errors="replace")[-2000:]
            raise SystemExit(f"{side.argv[0]} asked nothing:\n{told}")
    return First(seen.first - watch.started, watch.question, watch.mib)


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """The process and those that it started are gone after the block."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    print(run().markdown())
