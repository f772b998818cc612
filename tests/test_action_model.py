"""The action with a model: four processes, of which one alone speaks to the engine."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewer.audit import logbook
from reviewer.audit.chain import Checkpoint, Keys
from tests.fakes.engine import FakeEngine
from tests.support.workflows import BASE, Ended, Job, job

pytestmark = pytest.mark.slow

HEAD = {"src/a.py": b"x = 1\n\n\ndef mean(values):\n    return sum(values) / len(values)\n"}
KEY, AUDIT = "engine-key-0123456789abcdef", "audit-key-0123456789abcdef0123456789"


def finds(body: dict[str, Any]) -> str:
    """The one thing that there is to find."""
    shown = body["messages"][-1]["content"]
    line = re.search(r"^ *(\d+) \+ (    return sum.*)$", shown, re.MULTILINE)
    findings = []
    if line:
        findings = [
            {
                "path": "src/a.py", "quote": line[2], "line": int(line[1]),
                "end_line": int(line[1]), "category": "bug", "severity": "warning",
                "problem": "An empty list is divided by zero.",
                "scenario": "mean([]) raises ZeroDivisionError.", "replacement": None,
            }
        ]  # fmt: skip
    return json.dumps({"thought": "", "findings": findings})


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Job]:
    with job(tmp_path, BASE, HEAD) as found:
        yield found


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(script=finds, key=KEY, context=16384) as found:
        yield found


def run(made: Job, engine: FakeEngine | str, **more: str) -> Ended:
    url = engine if isinstance(engine, str) else engine.url
    given = {
        "INPUT_ENGINE-URL": url,
        "INPUT_ENGINE-KEY": KEY,
        "INPUT_AUDIT-KEY": AUDIT,
        "REVIEWER_DATA_DIR": str(made.place / "data"),
    }
    return made.run(**made.event(), **{**given, **more})


def asked(engine: FakeEngine) -> int:
    """Questions about the change."""
    return sum("src/a.py" in str(each.body) for each in engine.chats())


def test_what_the_model_finds_is_posted_once(made: Job, engine: FakeEngine) -> None:
    done = run(made, engine)
    assert (done.code, done.err) == (0, "")
    assert done.outputs["mode"] == "full"
    (comment,) = made.hub.review_comments
    assert (comment.path, comment.line) == ("src/a.py", 5)
    assert "ZeroDivisionError" in comment.body
    assert asked(engine) == 1
    again = run(made, engine)
    assert (again.code, again.outputs["mode"]) == (0, "full")
    assert asked(engine) == 1, "the second answer is remembered"
    assert len(made.hub.review_comments) == 1


def test_who_has_which_secret(made: Job, engine: FakeEngine) -> None:
    done = run(made, engine)
    everything = [done.out, done.err, done.summary, *done.outputs.values()]
    everything += [path.read_text("utf-8", "replace") for path in files(made.place / "data")]
    everything += [path.read_text("utf-8", "replace") for path in files(made.reports)]
    for secret in (KEY, AUDIT, made.hub.token):
        assert not [
            text for text in everything if secret in text.replace(f"::add-mask::{secret}", "")
        ]
    headers = [value for each in engine.seen for value in each.headers.values()]
    assert f"Bearer {KEY}" in headers
    assert not [text for text in headers if made.hub.token in text]


def files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "key"]


def test_each_call_is_in_the_log_and_its_end_in_the_report(made: Job, engine: FakeEngine) -> None:
    run(made, engine)
    model = json.loads((made.reports / "report.json").read_text())["model"]
    found = logbook.verify(
        made.place / "data" / "audit",
        Keys.parse(AUDIT),
        Checkpoint.parse(model["effort"]["checkpoint"]),
    )
    assert found.problems == ()
    assert found.records == 2 * 2 + 1, "the trial, a question, and the review"
    text = "".join(path.read_text() for path in files(made.place / "data" / "audit"))
    assert "mean" not in text
    assert "src/a.py" not in text


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_an_engine_that_is_not_there(made: Job, mode: str) -> None:
    done = run(made, "http://127.0.0.1:9", **{"INPUT_ENGINE-MODE": mode})
    assert done.code == (0 if mode == "auto" else 5)
    assert done.outputs["mode"] == "static"
    assert "nothing answers at" in done.summary
    assert "nothing answers at 127.0.0.1:9" in done.out
    report = json.loads((made.reports / "report.json").read_text())
    assert report["model"] is None


def test_a_server_elsewhere_has_to_be_allowed(made: Job) -> None:
    done = run(made, "https://models.example.com")
    assert done.code == 2
    assert "models.example.com is not this machine" in done.out


def test_an_engine_that_dies_in_the_middle(made: Job, engine: FakeEngine) -> None:
    def dies(body: dict[str, Any]) -> str:
        del body
        raise ConnectionError

    engine.script = dies
    done = run(made, engine)
    assert done.code == 0
    assert done.outputs["mode"] == "partial"
    report = json.loads((made.reports / "report.json").read_text())
    assert report["model"]["missed"] == 1


def test_a_review_without_a_model_starts_no_engine(made: Job, engine: FakeEngine) -> None:
    done = run(made, engine, **{"INPUT_ENGINE-MODE": "off"})
    assert (done.code, done.outputs["mode"]) == (0, "static")
    assert not engine.seen
    assert not (made.place / "data").exists()


def test_what_was_asked_about_is_not_asked_again_without_a_memory(
    made: Job, engine: FakeEngine
) -> None:
    """The summary on the pull request says up to where a model was asked."""
    forgetful = {"INPUT_MODEL-CACHE": "false"}
    run(made, engine, **forgetful)
    assert asked(engine) == 1
    (summary,) = made.hub.issue_comments
    assert "reviewer:asked:" in summary.body
    made.hub.push(1, made.commit("feature", "src/b.py", b"z = 3\n"))
    done = run(made, engine, **forgetful)
    assert (done.code, done.outputs["mode"]) == (0, "full")
    assert asked(engine) == 1, "that file is as it was"
    assert sum("src/b.py" in str(each.body) for each in engine.chats()) == 1
    (comment,) = made.hub.review_comments
    assert not comment.minimized, "nobody has looked whether it is mended"
    again = run(made, engine, **forgetful, **{"INPUT_MODEL-FINDINGS": "2"})
    assert again.outputs["mode"] == "full"
    assert asked(engine) == 2, "asked otherwise, it may know more"


def test_a_comment_of_the_model_is_hidden_when_its_code_is_gone(
    made: Job, engine: FakeEngine
) -> None:
    run(made, engine)
    engine.script = lambda _: '{"thought": "", "findings": []}'
    shutil.rmtree(made.place / "data")
    summary = made.hub.issue_comments[0]
    summary.body = summary.body.replace("reviewer:asked:", "reviewer:nothing:")
    run(made, engine)
    (comment,) = made.hub.review_comments
    assert not comment.minimized, "its code still stands there"
    made.hub.push(
        1, made.commit("feature", "src/a.py", HEAD["src/a.py"].replace(b"len(values)", b"1"))
    )
    run(made, engine)
    (comment,) = made.hub.review_comments
    assert comment.minimized
