"""Whole reviews by the real command with a real server: llama.cpp with a random model.

What such a model says is of the right shape and means nothing, so that none of it may be believed.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import unidiff

from reviewer.model import Mode, Outcome, Report, Standing, ToolRun
from reviewer.modelling import TOOL
from reviewer.question import MARGIN
from reviewer.reports.json import load
from tests.support.gitrepo import git
from tests.support.reviewing import BIN, branch, environ, only, raw

start = pytest.importorskip("tests.support.cpu_engine.start")
proxies = pytest.importorskip("tests.support.cpu_engine.proxy")
pytest.importorskip("xllamacpp")

pytestmark = pytest.mark.slow  # it runs a real server

FILES = 5
MANY = 21
"""Of each language. Three files, one of each, make five places to ask about."""

SHORT = """\
Find defects. At most {{ most }}.
=== user ===
File {{ path }}:
{{ fence }}
{{ change }}
{{ fence }}
"""
"""A template of the base's own: over a short prompt this engine answers four times as fast."""

OWN = {"the answer was cut at its limit of tokens", "the answer only repeated itself"}
"""Why a question of so talkative a model stays without an answer."""

CONTEXT = 8192
ANSWER = 1200

PYTHON = '''\
def total_{n}(orders, rate, log):
    """Return the sum of all orders."""
    found = sum(order.price * {by} for order in orders)
    subprocess.run("log " + log, shell={shell})
    return found / rate


'''
SCRIPT = """\
export function total{n}(orders, rate) {{
  const found = orders.map((order) => order.price * {by});
  return found.reduce((one, two) => one + two) / rate;
}}

"""
GO = """\
func Total{n}(orders []Order, rate int) int {{
\tfound := 0
\tfor _, order := range orders {{
\t\tfound += order.Price * {by}
\t}}
\treturn found / rate
}}

"""
HEADS = {"py": "import subprocess\n\n\n", "js": '"use strict";\n\n', "go": "package shop\n\n"}
BODIES = {"py": PYTHON, "js": SCRIPT, "go": GO}
TOOLS = only("ruff", "hidden", "naming")


def files(by: int, shell: str, number: int = FILES) -> dict[str, bytes]:
    """Files of three languages, in which `by` and `shell` differ before and after the change."""
    return {
        f"src/{kind}/part{n}.{kind}": (
            HEADS[kind] + "".join(body.format(n=k, by=by, shell=shell) for k in range(3))
        ).encode()
        for kind, body in BODIES.items()
        for n in range(number)
    }


@dataclass(frozen=True)
class Change:
    """A checkout with a change in it; `place` is a folder for what goes with its review."""

    place: Path

    @classmethod
    def made(cls, place: Path, number: int = FILES) -> "Change":
        prompts = {"prompts/review.txt.j2": SHORT.encode()}
        before, after = files(2, "False", number), files(3, "True", number)
        branch(place / "checkout", raw(prompts | before), raw(prompts | after))
        return cls(place)

    @property
    def folder(self) -> Path:
        return self.place / "checkout"

    def lines(self) -> dict[str, dict[int, str]]:
        """The new-side lines that the change shows, by path, as another parser reads them."""
        text = git(self.folder, "diff", "-U3", "main", "feature").decode()
        return {
            file.path: {
                line.target_line_no: line.value.rstrip("\n")
                for hunk in file
                for line in hunk
                if line.target_line_no
            }
            for file in unidiff.PatchSet(text)
        }

    def begin(self, url: str, key: str, **more: str) -> subprocess.Popen[bytes]:
        """The command, at work."""
        engine = {"REVIEWER_ENGINE_URL": url, "REVIEWER_ENGINE_KEY": key} if url else {}
        settings = {
            "REVIEWER_DATA_DIR": str(self.place / "data"),
            "REVIEWER_MODEL_TEMPERATURE": "1",
            "REVIEWER_MODEL_REACH": "diff",
            "REVIEWER_MODEL_ANSWER_TOKENS": str(ANSWER),
        }
        return subprocess.Popen(
            [BIN / "reviewer", "review", "--base", "main", "--format", "json"],
            cwd=self.folder,
            env=environ() | TOOLS | settings | engine | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def reviewed(self, url: str = "", key: str = "", **more: str) -> Report:
        """The report of a review that came to its end."""
        with self.begin(url, key, **more) as process:
            out, err = process.communicate(timeout=400)
        assert process.returncode == 1, err.decode()  # shell=True fails the gate
        return load(out)


@dataclass(frozen=True)
class Whole:
    """A review with the model and one without, and all that was asked in between."""

    change: Change
    report: Report
    static: Report
    proxy: Any
    context: int


@contextmanager
def engine(*options: str) -> Iterator[tuple[str, str, Any, Any]]:
    """A server behind a proxy that answers the trial: its URL and key, both themselves."""
    with start.running(*options) as server:
        proxy = proxies.Proxy(server.url)
        with proxy.running() as url:
            yield url, server.key, proxy, server


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    change = Change.made(tmp_path_factory.mktemp("whole"))
    with engine("--context", str(CONTEXT)) as (url, key, proxy, server):
        report = change.reviewed(url, key)
        yield Whole(change, report, change.reviewed(), proxy, server.context)


def model_run(report: Report) -> ToolRun:
    return next(run for run in report.runs if run.tool == TOOL)


def static_part(report: Report) -> tuple[Any, ...]:
    """What a model must not touch."""
    judged = tuple(item for item in report.judged if item.finding.tool != TOOL)
    runs = tuple(
        (run.tool, run.outcome, run.reason, run.findings) for run in report.runs if run.tool != TOOL
    )
    verdict = report.verdict
    reasons = [
        reason for reason in verdict.reasons if not reason.startswith(("model ", "the model "))
    ]
    decided = (verdict.state, verdict.score, verdict.exit_code, reasons)
    return judged, runs, decided, report.heuristics, report.changes, report.coverage


def test_without_the_proxy_the_random_model_reviews_nothing(tmp_path: Path) -> None:
    change = Change.made(tmp_path, 1)
    with start.running("--context", str(CONTEXT)) as server:
        report = change.reviewed(server.url, server.key)
    run = model_run(report)
    assert (report.mode, report.model, run.outcome) == (Mode.STATIC, None, Outcome.SKIPPED)
    assert run.reason.startswith("trial failed: the bug is on line 419, and the model names line")
    assert "this model cannot review code: name another by engine.model" in run.reason
    assert static_part(report) == static_part(change.reviewed())


def test_everything_is_asked_about(whole: Whole) -> None:
    model = whole.report.model
    assert model is not None
    assert (model.model, model.engine, model.context) == ("tiny-random", "llama.cpp", CONTEXT)
    assert model.units == len(whole.proxy.chats) == 5 * FILES
    assert whole.proxy.trials == 1
    lost = sum(each.finish != "stop" for each in whole.proxy.chats)
    assert model.missed == lost <= model.units // 5
    assert whole.report.mode is (Mode.PARTIAL if lost else Mode.FULL)
    assert {each.reason for each in model.left_out} <= OWN


def test_every_answer_fits_its_schema(whole: Whole) -> None:
    told = [each for each in whole.proxy.chats if each.finish == "stop"]
    for each in told:
        schema = each.schema
        assert schema["properties"]["findings"]["items"]["properties"]["path"]["enum"]
        jsonschema.Draft202012Validator(schema).validate(proxies.json.loads(each.answer))
    model = whole.report.model
    assert model is not None
    assert model.effort.repaired == 0
    assert model.effort.answer_tokens == sum(each.usage["completion_tokens"] for each in told)


def test_all_that_was_said_is_in_the_report(whole: Whole) -> None:
    told = [
        remark
        for each in whole.proxy.chats
        if each.finish == "stop"
        for remark in proxies.json.loads(each.answer)["findings"]
    ]
    assert len(told) > 10
    assert len(model_run(whole.report).findings) == len(told)
    assert sum(item.finding.tool == TOOL for item in whole.report.judged) == len(told)


def test_nothing_of_it_is_shown_that_does_not_stand_in_the_change(whole: Whole) -> None:
    lines = whole.change.lines()
    for item in whole.report.judged:
        finding = item.finding
        if finding.tool != TOOL or item.standing in (Standing.UNPROVEN, Standing.MERGED):
            continue
        shown = lines[finding.span.path]
        quoted = [line.strip() for line in finding.quote.split("\n")]
        there = [shown[n].strip() for n in range(finding.span.start, finding.span.end + 1)]
        assert quoted == there
        said = [
            [line.strip() for line in remark["quote"].split("\n") if line.strip()]
            for each in whole.proxy.chats
            if each.finish == "stop"
            for remark in proxies.json.loads(each.answer)["findings"]
            if remark["problem"].strip() in finding.message
        ]
        assert any(all(any(part in line for line in there) for part in one) for one in said)
    inline = [
        item
        for item in whole.report.judged
        if item.finding.tool == TOOL and item.standing is Standing.INLINE
    ]
    assert len(inline) <= 1


def test_the_static_result_is_that_without_a_model(whole: Whole) -> None:
    assert whole.static.mode is Mode.STATIC
    assert static_part(whole.report) == static_part(whole.static)
    assert any(item.standing is Standing.INLINE for item in whole.static.judged)


def test_a_second_review_asks_only_what_was_not_answered(whole: Whole) -> None:
    before = len(whole.proxy.chats)
    lost = sum(each.finish != "stop" for each in whole.proxy.chats)
    model = whole.report.model
    assert model is not None
    with engine("--context", str(CONTEXT)) as (url, key, proxy, _):
        again = whole.change.reviewed(url, key)
    assert again.model is not None
    assert again.model.effort.cached == before - lost
    assert len(proxy.chats) == lost
    if not lost:
        assert again.judged == whole.report.judged


def test_nothing_breaks_over_a_hundred_questions(tmp_path: Path) -> None:
    """Streams one after the other, cached prefixes, and twice as many at a time as there is room
    for."""
    change = Change.made(tmp_path, MANY)
    with engine("--context", str(CONTEXT), "--slots", "4") as (url, key, proxy, _):
        report = change.reviewed(url, key, REVIEWER_MODEL_PROMPTS="prompts")
    model = report.model
    assert model is not None
    assert model.units == len(proxy.chats) == 5 * MANY
    assert {each.status for each in proxy.chats} == {200}
    assert all(each.whole for each in proxy.chats)
    assert {each.reason for each in model.left_out} <= OWN
    assert model.missed <= model.units // 5
    assert model_run(report).outcome is Outcome.OK
    assert not [
        item
        for item in report.judged
        if item.finding.tool == TOOL and item.standing is Standing.INLINE
    ]


def test_what_does_not_fit_is_left_out_with_the_reason(tmp_path: Path) -> None:
    """Tokens are counted by the server's own tokenizer, and agree with what it says was used."""
    change = Change.made(tmp_path, 1)
    with engine("--context", str(CONTEXT)) as (url, key, proxy, _):
        more = {"REVIEWER_MODEL_REACH": "callees", "REVIEWER_MODEL_TEMPERATURE": "0"}
        none = change.reviewed(url, key, REVIEWER_MODEL_PROMPT_TOKENS="500", **more)
        assert proxy.chats == []
        allowed = min(counts(proxy).values())
        some = change.reviewed(url, key, REVIEWER_MODEL_PROMPT_TOKENS=str(allowed), **more)
    assert none.model is not None
    assert some.model is not None
    reason = "does not fit into the model's context: {:,} tokens are allowed for a question"
    assert [each.reason for each in none.model.left_out] == [reason.format(500)] * 5
    assert 0 < len(proxy.chats) < 5
    left = [each.reason for each in some.model.left_out]
    assert left.count(reason.format(allowed)) == 5 - len(proxy.chats)
    for each in proxy.chats:
        counted = counts(proxy)[each.prompt]
        assert counted <= allowed
        if each.usage:
            assert 0 < each.usage["prompt_tokens"] - counted < MARGIN


def counts(proxy: Any) -> dict[str, int]:
    """How many tokens the server said that each text has."""
    return {
        each.body["content"]: len(proxies.json.loads(each.data)["tokens"])
        for each in proxy.seen
        if each.path == "/tokenize"
    }


def test_a_context_that_takes_no_question(tmp_path: Path) -> None:
    change = Change.made(tmp_path, 1)
    with engine("--context", "2048") as (url, key, proxy, _):
        report = change.reviewed(url, key)
    run, model = model_run(report), report.model
    assert proxy.chats == []
    assert model is not None
    assert (report.mode, run.outcome) == (Mode.PARTIAL, Outcome.FAILED)
    assert (model.units, model.missed) == (5, 5)
    assert "does not fit into the model's context: 720 tokens are allowed" in run.reason
    assert static_part(report) == static_part(change.reviewed())


def test_a_server_that_is_killed_in_mid_review(tmp_path: Path) -> None:
    change = Change.made(tmp_path, 4)
    with engine("--context", str(CONTEXT), "--slots", "2") as (url, key, proxy, server):
        with change.begin(url, key) as process:
            for _ in range(6):
                assert proxy.asked.acquire(timeout=60)
            os.kill(server.process.pid, signal.SIGKILL)
            killed = time.monotonic()
            out, err = process.communicate(timeout=60)
        assert process.returncode == 1, err.decode()  # shell=True fails the gate
    assert time.monotonic() - killed < 30
    report = load(out)
    run, model = model_run(report), report.model
    assert (report.mode, run.outcome) == (Mode.PARTIAL, Outcome.FAILED)
    assert "hung up before the end of its answer" in run.reason
    assert model is not None
    assert 0 < model.missed == len(model.left_out) <= model.units
    assert model.effort.asked == model.units - model.missed
    assert static_part(report) == static_part(change.reviewed())
