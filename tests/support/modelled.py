"""Whole reviews in which a scripted model takes part, over real HTTP."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reviewer.config import Settings
from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Engine
from reviewer.model import Finding, Judged, LeftOut, Report, ToolRun
from reviewer.modelling import TOOL
from tests.fakes.engine import TRIAL, FakeEngine, Fault, Seen
from tests.support.reviewing import Analyzers, checkout, local, reviewed

NUMBERED = re.compile(r"^ {0,5}(\d+) ([+ ]) (.*)$", re.MULTILINE)
TASKS = {"findings": "review", "verdict": "verify", "replacement": "rewrite"}


@dataclass(frozen=True)
class Question:
    """What a request asks: its task, and the file that it is about.

    `lines` are those that an answer may name, `added` the added lines that it shows, by their
    numbers; `words` is all that the user says. Whether it asks for edits is `edits`.
    """

    task: str
    path: str
    lines: tuple[int, ...]
    added: Mapping[int, str]
    words: str
    edits: bool

    @classmethod
    def of(cls, body: Mapping[str, Any], paths: Iterable[str] = ()) -> "Question":
        """The question in the body of a request to a server that takes schemas.

        What is no review names no file in its schema: it is about the one of `paths` in its words.
        """
        schema = body["response_format"]["json_schema"]["schema"]
        if "$ref" in schema:
            schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
        parts = schema["properties"]
        task = next(task for name, task in TASKS.items() if name in parts)
        words = body["messages"][1]["content"]
        item = parts["findings"]["items"]["properties"] if task == "review" else {}
        named = (path for path in sorted(paths, key=len, reverse=True) if path in words)
        return cls(
            task=task,
            path=item["path"]["enum"][0] if item else next(named, ""),
            lines=tuple(item["line"]["enum"]) if item else (),
            added={int(n): text for n, mark, text in NUMBERED.findall(words) if mark == "+"},
            words=words,
            edits=bool(item) and item["replacement"] != {"type": "null"},
        )

    def remark(self, line: int = 0, **changes: Any) -> dict[str, Any]:
        """A finding on an added line, the first without `line`, as a model should tell it."""
        number = line or min(self.added)
        told = {
            "path": self.path,
            "quote": self.added.get(number, "").strip(),
            "line": number,
            "end_line": number,
            "category": "bug",
            "problem": f"The value of row {number} overflows its buffer.",
            "scenario": "Any input longer than the buffer is written past its end.",
            "severity": "warning",
            "replacement": None,
        }
        return {**told, **changes}


def answer(*remarks: Mapping[str, Any]) -> str:
    """The text of an answer to a review."""
    return json.dumps({"thought": "", "findings": remarks})


Reply = Callable[[Question], str | Fault]


def scripted(review: Reply, rewrite: Reply | None = None, verify: Reply | None = None) -> Any:
    """A script of the fake engine; what is asked without a reply is answered by nothing found."""

    met: set[str] = set()

    def script(body: dict[str, Any]) -> str | Fault:
        question = Question.of(body, tuple(met))
        met.add(question.path)
        reply = {"review": review, "rewrite": rewrite, "verify": verify}[question.task]
        return reply(question) if reply else json.dumps({"thought": "", "replacement": None})

    return script


def silent_model(_: Question) -> str:
    """Finds nothing."""
    return answer()


def questions(engine: FakeEngine) -> list[Seen]:
    """The requests about the change: all but the trial."""
    return [each for each in engine.chats() if TRIAL not in each.body["messages"][1]["content"]]


def asked_about(engine: FakeEngine) -> list[Question]:
    """What the requests about the change ask, in the order they came in."""
    bodies = [each.body for each in questions(engine)]
    met = {Question.of(body).path for body in bodies}
    return [Question.of(body, met - {""}) for body in bodies]


@dataclass
class Desk:
    """Reviews one checkout, as often as it is wanted."""

    place: Path
    analyzers: Analyzers = ()
    number: int = 0

    @classmethod
    def of(
        cls,
        place: Path,
        head: Mapping[str, bytes],
        base: Mapping[str, bytes] | None = None,
        analyzers: Analyzers = (),
    ) -> "Desk":
        """A checkout in `place` of a change from `base` to `head`."""
        same = {"readme": b"x\n"}
        checkout(place / "checkout", {**same, **(base or {})}, {**same, **head})
        return cls(place, analyzers)

    def review(
        self, engine: FakeEngine | Engine | None = None, settings: Settings | None = None
    ) -> Report:
        """One review, by a server or any engine, or without a model."""
        self.number += 1
        place = self.place / f"review{self.number}"
        place.mkdir()
        client = OpenAI(engine.url) if isinstance(engine, FakeEngine) else engine
        forge = local(self.place / "checkout", place)
        return reviewed(forge, place, self.analyzers, settings, engine=client)


def run_of(report: Report) -> ToolRun:
    """The model's run."""
    return next(run for run in report.runs if run.tool == TOOL)


def of_model(report: Report) -> list[Judged]:
    """The model's findings."""
    return [item for item in report.judged if item.finding.tool == TOOL]


def of_others(report: Report) -> list[Judged]:
    """The analyzers' findings."""
    return [item for item in report.judged if item.finding.tool != TOOL]


def left_out(report: Report) -> dict[str, LeftOut]:
    """What the model was not asked about, by path."""
    assert report.model is not None
    return {each.path: each for each in report.model.left_out}


def prints(found: Iterable[Judged]) -> list[tuple[Finding, str]]:
    """Findings with their standings, to be compared."""
    return [(item.finding, item.standing.value) for item in found]
