"""The demonstration with a recording in place of a model: each written answer comes to what the
recording says that a review makes of it.
"""

import html
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jsonschema
import pytest

from reviewer import shapes
from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Message, Prompt, answered

EXAMPLES = Path(__file__).parents[1] / "examples"
FOLDERS = {"price-list": "review-price-list-model", "pull-request": "review-model"}
"""Where the demonstration writes its reports, by the branch of the pull request."""


@pytest.fixture(scope="module")
def player() -> ModuleType:
    spec = importlib.util.spec_from_file_location("examples_engine", EXAMPLES / "engine.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # msgspec looks there for the names in annotations
    spec.loader.exec_module(module)
    return module


def question(words: str, change: str) -> str:
    """A question about lines of a file, in `words` that no template of ours has."""
    return f"{words} a.py:\n{change}\n{words}"


CHANGE = "     1   def f():\n       -     return 1\n     2 +     return 2"


def asked(url: str, dialect: str, user: str) -> shapes.Answer:
    engine = OpenAI(url, dialect=dialect)
    prompt = Prompt((Message("system", "-"), Message("user", user)), 1200, time.monotonic() + 20)
    schema = shapes.review("a.py", (1, 2), 3, suggestions=True)
    found = answered(engine.complete, prompt, shapes.Answer, schema).value
    assert isinstance(found, shapes.Answer)
    return found


def test_an_answer_is_found_by_file_and_change_whatever_the_words(player: ModuleType) -> None:
    answer = {"thought": "two, not one", "findings": []}
    change = player.digest(CHANGE)
    recorded = player.Recorded("review", answer, path="a.py", change=change)
    with player.Engine(player.Recording("by hand", (recorded,))) as engine:
        for words in ("The change of", "Der Unterschied in"):
            told = asked(engine.url, player.DIALECT, question(words, CHANGE))
            assert told.thought == "two, not one"
        assert (dict(engine.given), engine.missing) == ({0: 2}, [])


def test_what_was_not_recorded_has_no_findings_and_is_counted(player: ModuleType) -> None:
    answer = {"thought": "two, not one", "findings": []}
    recorded = player.Recorded("review", answer, path="a.py", change=player.digest(CHANGE))
    with player.Engine(player.Recording("by hand", (recorded,))) as engine:
        other = CHANGE.replace("return 2", "return 3")
        told = asked(engine.url, player.DIALECT, question("The change of", other))
    assert (told.thought, told.findings) == ("", [])
    assert not engine.given
    assert engine.missing == [f"review {player.digest(other)} -     return 1"]


def test_it_says_that_it_is_no_model(player: ModuleType) -> None:
    with player.Engine(player.load()) as engine:
        health = OpenAI(engine.url, dialect=player.DIALECT).health(time.monotonic() + 20)
    assert health.ok, health.reason
    assert "no-model" in health.model
    assert "No model wrote them" in engine.recording.about


def test_what_is_recorded_is_what_a_model_held_to_the_schema_could_write(
    player: ModuleType,
) -> None:
    reviews = [each for each in player.load().answers if each.task == "review"]
    for each in reviews:
        findings = each.answer["findings"]
        assert len(findings) == len(each.expect), each.path
        lines = {found[key] for found in findings for key in ("line", "end_line")}
        jsonschema.validate(each.answer, shapes.review(each.path, lines, 3, suggestions=True))
    keys = [(each.path, each.change) for each in reviews]
    assert len(set(keys)) == len(keys)


class Demo(NamedTuple):
    """What the demonstration printed, and its reports and pages by branch."""

    shown: str
    reports: Mapping[str, Any]
    pages: Mapping[str, str]

    def said(self) -> list[dict[str, Any]]:
        """What the reports hold of the model."""
        findings = [each for report in self.reports.values() for each in report["findings"]]
        return [each for each in findings if each["tool"] == "model"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    place = tmp_path_factory.mktemp("demo")
    command = [sys.executable, EXAMPLES / "demo.py", "--model", place]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    texts = {
        name: {
            branch: (place / folder / name).read_text("utf-8") for branch, folder in FOLDERS.items()
        }
        for name in ("report.json", "report.html")
    }
    reports = {branch: json.loads(text) for branch, text in texts["report.json"].items()}
    return Demo(ran.stdout, reports, texts["report.html"])


@pytest.mark.slow
def test_the_reviews_are_full_and_name_the_recording(demo: Demo, player: ModuleType) -> None:
    for branch, report in demo.reports.items():
        assert report["mode"] == "full"
        assert report["model"]["model"] == player.MODEL
        assert report["model"]["missed"] == 0
        assert player.MODEL in demo.pages[branch]
    assert demo.shown.count("(full review)") == len(FOLDERS)
    last = demo.shown.rstrip("\n").rsplit("\n", 1)[1]
    assert last.endswith("/review-model/report.html")


@pytest.mark.slow
def test_every_answer_is_used_and_no_question_goes_without(demo: Demo, player: ModuleType) -> None:
    answers = len(player.load().answers)
    assert f"{answers} of {answers} answers were used; 0 questions had none." in demo.shown


@pytest.mark.slow
def test_each_finding_stands_where_the_recording_expects_it(demo: Demo, player: ModuleType) -> None:
    said = {(each["path"], each["message"]): each for each in demo.said()}
    met = 0
    for answer in player.load().answers:
        for written, expected in zip(answer.answer.get("findings", ()), answer.expect, strict=True):
            found = said[answer.path, f"{written['problem']} {written['scenario']}"]
            edit = found["suggestion"]
            assert found["standing_reason"].startswith(expected.note), found
            came = found["standing"], found["start"], edit["proof"] if edit else None
            met += 1
            assert came == (expected.standing, expected.line, expected.proof), found
    assert met == len(demo.said())


@pytest.mark.slow
def test_all_that_can_become_of_a_finding_is_shown(demo: Demo) -> None:
    said = demo.said()
    assert {each["standing"] for each in said} == {"inline", "body", "capped", "merged", "unproven"}
    unproven = [each["standing_reason"] for each in said if each["standing"] == "unproven"]
    assert {reason.split(":")[0] for reason in unproven} == {"anchor", "claim"}
    refused = [each["suggestion"]["refused"] for each in said if each["suggestion"]]
    assert [reason for reason in refused if "Undefined name" in reason] == [*filter(None, refused)]
    assert any(refused)


@pytest.mark.slow
def test_what_is_offered_is_clean_and_on_the_page(demo: Demo, player: ModuleType) -> None:
    pages = {branch: html.unescape(page) for branch, page in demo.pages.items()}
    offered = 0
    for branch, report in demo.reports.items():
        for each in report["findings"]:
            edit = each["suggestion"]
            if each["tool"] == "model" and each["standing"] == "inline" and edit:
                if edit["proof"] == "clean":
                    offered += 1
                    missing = [
                        line for line in edit["text"].split("\n") if line not in pages[branch]
                    ]
                    assert missing == []
                else:
                    assert edit["refused"]
    written = [each for answer in player.load().answers for each in answer.expect]
    clean = [each for each in written if (each.standing, each.proof) == ("inline", "clean")]
    assert offered == len(clean) > 3
