"""A checkout on a machine with a graphics card, as far as `reviewer` can see, for whole reviews.

The command is that of an installation whose launcher takes a device that is there for the card, and
starts our real server with the fake worker. LANG holds what that worker is to do, as in
`serve_program`.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reviewer import words
from reviewer.engines import _queue
from reviewer.model import Mode, Report
from reviewer.reports.json import load
from tests.support import modelled
from tests.support.reviewing import environ, installation, only
from tests.support.workflows import until

CARD = """\
from functools import partial
from reviewer.commands import _engine
given = {{"command": ({python!r}, {program!r}), "devices": ("/dev/null",)}}
_engine.Managed = partial(_engine.Managed, **given)
"""
"""What each interpreter of the installation runs when it starts."""

PROGRAM = Path(__file__).with_name("serve_program.py")

HELD = (".ticket", ".lease", ".json", ".token")
"""Files of reviews that share a card: they go with the last of them."""


def carded(place: Path) -> Path:
    """The interpreter of such an installation, in `place`."""
    python = installation(place)
    (packages,) = place.glob("lib/*/site-packages")
    card = CARD.format(python=sys.executable, program=str(PROGRAM))
    (packages / "card.py").write_text(card)
    (packages / "card.pth").write_text("import card\n")
    return python


@dataclass(frozen=True)
class Ended:
    """How a review ended, and what it left. `out` and `err` are what the reader of a log sees."""

    code: int
    out: str
    err: str
    json: str = ""
    page: str = ""

    @property
    def report(self) -> Report:
        return load(self.json.encode())

    @property
    def found(self) -> list[str]:
        """The files in which the model found something."""
        return sorted(item.finding.span.path for item in modelled.of_model(self.report))


@dataclass
class Desk:
    """Reviews `place`/checkout by the command. `worker` is what the engine's worker does if well,
    `secrets` are words that must be nowhere afterwards.
    """

    place: Path
    python: Path
    worker: Mapping[str, Any]
    secrets: tuple[str, ...]
    number: int = 0

    @property
    def model(self) -> Path:
        return self.place / "m"

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def engine(self) -> Path:
        return self.data / "engine"

    def card(self, **behaviour: Any) -> dict[str, str]:
        """The settings for the engine of this machine, whose worker does as it is told."""
        told = {**self.worker, "starts": str(self.place / "starts"), **behaviour}
        return {"REVIEWER_ENGINE_MODEL_DIR": str(self.model), "LANG": json.dumps(told)}

    @property
    def starts(self) -> list[int]:
        """The cache tokens of each start of a worker."""
        place = self.place / "starts"
        lines = place.read_text().splitlines() if place.exists() else []
        return [int(line.split()[1]) for line in lines]

    @property
    def calls(self) -> int:
        """Calls of a model that are in the audit log."""
        files = (self.data / "audit").glob("*.jsonl")
        return sum(file.read_text().count('"intent"') for file in files)

    def command(self, *words: str, **settings: str) -> dict[str, Any]:
        """The arguments that start a command in the checkout."""
        env = {
            **environ(),
            **only("hidden"),
            "REVIEWER_DATA_DIR": str(self.data),
            "TMPDIR": str(self.place / "tmp"),
            "CI": "true",
            **settings,
        }
        argv = [str(self.python), "-I", "-m", "reviewer", *words]
        return {"args": argv, "cwd": self.place / "checkout", "env": env}

    @contextlib.contextmanager
    def started(self, **settings: str) -> Iterator["Running"]:
        """A review that runs; it is killed at the end of the block."""
        self.number += 1
        reports = self.place / f"reports{self.number}"
        formats = [word for name in ("json", "summary", "terminal") for word in ("--format", name)]
        given = self.command("review", "--output", str(reports), *formats, **settings)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(**given, **pipes) as child:
            try:
                yield Running(child, reports)
            finally:
                child.kill()

    def review(self, **settings: str) -> Ended:
        with self.started(**settings) as running:
            return running.ended()

    def sound(self, ended: Ended, mode: Mode, reason: str = "") -> Ended:
        """Hold a review that came to its end against what is true of all of them: mode and reason
        are told, nothing of the prompts is anywhere, and neither process nor lock is left.
        """
        assert ended.json, ended.err
        report = ended.report
        assert report.mode is mode, ended.out
        assert reason in modelled.run_of(report).reason
        for sink in (ended.out, ended.page):
            assert words.MODES[mode] in flat(sink)
            assert reason in flat(sink)
        self.clean(ended)
        return ended

    def clean(self, ended: Ended) -> None:
        """The same of any review."""
        kept = [path for path in self.data.rglob("*") if path.is_file()]
        sinks = [path.read_bytes().decode("utf-8", "replace") for path in kept]
        sinks += [ended.out, ended.err, ended.page, ended.json]
        for secret in self.secrets:
            assert not [sink for sink in sinks if secret in sink]
        assert not list((self.place / "tmp").iterdir())
        self.idle()

    def idle(self) -> None:
        """No process and no lock is left."""
        until(lambda: not processes(self.place), 5)
        files = list(self.engine.glob("*"))
        assert not [path.name for path in files if path.suffix in HELD or _queue.locked(path)]


@dataclass
class Running:
    """A review that goes on, and where it is to leave its reports."""

    child: "subprocess.Popen[bytes]"
    reports: Path

    def ended(self, seconds: float = 60.0) -> Ended:
        out, err = self.child.communicate(timeout=seconds)
        files = [self.reports / name for name in ("report.json", "report.md")]
        written = [file.read_text() if file.is_file() else "" for file in files]
        return Ended(self.child.returncode, out.decode(), err.decode(), *written)

    def cancelled(self, number: int) -> Ended:
        """The end after a signal: it comes soon, and there is no half review."""
        began = time.monotonic()
        self.child.send_signal(number)
        ended = self.ended(20)
        assert time.monotonic() - began < 5
        assert ended.code == 128 + number
        assert ended.err.endswith("reviewer: cancelled\n")
        assert (ended.json, ended.page, ended.out) == ("", "", "")
        return ended

    def killed(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.communicate(timeout=20)


def flat(told: str) -> str:
    """Words without the breaks of lines, and without what keeps Markdown from acting."""
    return re.sub(r"\s+", " ", re.sub("[\\\\\u200b\u2060]", "", told))


def processes(place: Path) -> list[int]:
    """Those that have to do with a folder, by their words."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(place) in entry.read_bytes():
                found.append(int(entry.parent.name))
    return found
