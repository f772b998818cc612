"""A pull request of 10,000 files: the model's part ends with its budget and says what it left."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reviewer import remarks
from reviewer.model import Mode, Report
from reviewer.remarks import Account
from reviewer.reports.json import load
from tests.fakes.engine import TRIAL, FakeEngine
from tests.support.reviewing import BIN, branch, environ, only, raw

pytestmark = pytest.mark.slow

FILES = 10_000
PLACES = 3
REQUESTS = 200
SPENT = f"the {REQUESTS} requests of model.requests were made"
MIB = 300
"""Peak of our own process: some 80 MiB go with the files, some 80 more with their 30,000 places."""

NOTHING = '{"thought": "", "findings": []}'
PATH = re.compile(r"src/p\d\d/module_\d+\.py")

PROGRAM = """
import pathlib, re, sys
from reviewer.cli import main
peak = pathlib.Path(sys.argv.pop(1))
try:
    code = main()
finally:
    status = pathlib.Path("/proc/self/status").read_text()
    peak.write_text(re.findall(r"VmHWM:\\s+(\\d+) kB", status)[0])
sys.exit(code)
"""


@dataclass(frozen=True)
class Done:
    """What came of the review."""

    report: Report
    data: bytes
    page: str
    said: list[str]
    asked: list[str]
    seconds: float
    mib: float


def code(number: int, factor: int) -> bytes:
    """A file with as many functions as there are places to ask about."""
    return b"".join(
        f'def part_{number}_{n}(items):\n    """Return the sum of all items, weighed."""\n'
        f"    total = 0\n    for item in items:\n        total += item * {factor}\n\n"
        f"    print(total)\n    print(items)\n    return total\n\n\n".encode()
        for n in range(PLACES)
    )


def name(number: int) -> str:
    return f"src/p{number % 100:02}/module_{number}.py"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    place = tmp_path_factory.mktemp("huge")
    before, after = ({name(n): code(n, by) for n in range(FILES)} for by in (2, 3))
    branch(place / "checkout", raw(before), raw(after), checked_out=False)
    with FakeEngine(script=lambda _: NOTHING, context=32_768) as engine:
        yield reviewed(place, engine)


def reviewed(place: Path, engine: FakeEngine) -> Done:
    out = place / "out"
    words = ("review", "--base", "main", "--head", "feature", "--output", str(out))
    formats = ("--format", "json", "--format", "summary")
    settings = {
        **only("hidden", "large-files"),
        "REVIEWER_ENGINE_URL": engine.url,
        "REVIEWER_MODEL_REQUESTS": str(REQUESTS),
        "REVIEWER_DATA_DIR": str(place / "data"),
        "CI": "true",
    }
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(place / "peak"), *words, *formats],
        cwd=place / "checkout",
        env=environ() | {"PATH": f"{BIN}:/usr/bin:/bin"} | settings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    seconds = time.monotonic() - started
    assert ended.returncode == 0, ended.stderr[-2000:]
    data = (out / "report.json").read_bytes()
    return Done(
        load(data),
        data,
        (out / "report.md").read_text(),
        ended.stderr.splitlines(),
        asked(engine),
        seconds,
        int((place / "peak").read_text()) / 1024,
    )


def asked(engine: FakeEngine) -> list[str]:
    """The paths that the engine was asked about, in the order in which it was."""
    told = (seen.body["messages"][-1]["content"] for seen in engine.chats())
    return [PATH.findall(text)[-1] for text in told if TRIAL not in text]


def test_no_more_is_asked_than_the_budget_allows(done: Done) -> None:
    assert len(done.asked) == REQUESTS
    model = done.report.model
    assert model is not None
    assert (model.effort.requests, model.effort.asked) == (REQUESTS, REQUESTS)
    assert done.report.mode is Mode.PARTIAL


def test_no_file_is_asked_about_twice_before_every_file_was_once(done: Done) -> None:
    assert max(Counter(done.asked).values()) == 1


def test_what_is_left_out_is_listed_with_its_reason(done: Done) -> None:
    model = done.report.model
    assert model is not None
    assert model.units == FILES * PLACES
    assert model.missed == len(model.left_out) == model.units - REQUESTS
    assert {each.reason for each in model.left_out} == {SPENT}
    assert {each.path for each in model.left_out} == {name(n) for n in range(FILES)}
    places = Counter((each.path, each.start, each.end) for each in model.left_out)
    assert max(places.values()) == 1
    left = Counter(each.path for each in model.left_out)
    assert {left[path] for path in done.asked} == {PLACES - 1}
    for each in model.left_out[:100]:
        assert any(each.start <= 5 + 11 * n <= each.end for n in range(PLACES))


def test_readers_are_told_in_few_words(done: Done) -> None:
    """The comment on the forge fits, and the log of the job is no flood."""
    sticky, _ = remarks.summary(done.report, Account(), lambda _: "")
    for text in (sticky, done.page):
        assert len(text.encode()) < remarks.BODY // 2
        assert f"{FILES * PLACES - REQUESTS:,}" in text
        assert SPENT in text.replace("\\", "")
    assert len(done.said) < 100
    assert len(done.data) < 8_000_000


def test_time_and_memory_are_bounded(done: Done) -> None:
    model = done.report.model
    assert model is not None
    spent: dict[str, Any] = dict(model.effort.seconds)
    assert spent["ask"] < 60, json.dumps(spent)
    assert done.seconds < 120
    assert done.mib < MIB
