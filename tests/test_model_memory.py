"""What was answered before is not asked again, wherever it stands by now; what changed is."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from reviewer.config import Settings
from reviewer.engines._openai import OpenAI
from reviewer.model import Finding, Report, Standing
from reviewer.modelling import ModelSettings
from reviewer.state import Remembering
from tests.fakes import engine as fake
from tests.fakes.engine import FakeEngine
from tests.support.modelled import (
    Desk,
    Question,
    answer,
    asked_about,
    of_model,
    questions,
    scripted,
)
from tests.support.reviewing import checkout, only, reviewer

slow: Final = pytest.mark.slow


def function(name: str, size: int = 12) -> list[str]:
    body = [f"    {name}_{n} = step({n})" for n in range(size)]
    return [f"def {name}(step):", *body, f"    return {name}_0", "", ""]


BASE: Final = [*function("first"), *function("second"), *function("third")]
WRONG: Final = "    second_6 = step(6) / 0"
AT: Final = 24
HEAD: Final = [line.replace("    second_6 = step(6)", WRONG) for line in BASE]


def code(lines: list[str]) -> bytes:
    return "\n".join(lines).encode() + b"\n"


def finds(question: Question) -> str | fake.Fault:
    """Divisions by zero, each at the lines that are wrong."""
    told = [
        question.remark(
            number,
            problem=f"{line.split()[0]} divides by zero.",
            scenario="Each call raises ZeroDivisionError.",
        )
        for number, line in question.added.items()
        if line.endswith("/ 0")
    ]
    return answer(*told)


@dataclass
class Memory:
    """Reviews changes with one memory, by a server that finds divisions by zero."""

    place: Path
    server: FakeEngine
    number: int = 0

    def review(
        self,
        head: Mapping[str, bytes],
        base: Mapping[str, bytes],
        settings: Settings | None = None,
        server: FakeEngine | None = None,
    ) -> tuple[Report, int]:
        """The report, and how many questions about the change it took."""
        self.number += 1
        desk = Desk.of(self.place / f"change{self.number}", head, base)
        client = OpenAI((server or self.server).url)
        folder = self.place / "answers"
        engine = Remembering(client, folder, b"k" * 32, time.time)
        before = len(questions(server or self.server))
        report = desk.review(engine, settings)
        return report, len(questions(server or self.server)) - before


def memory(place: Path, server: FakeEngine) -> Memory:
    (place / "answers").mkdir(mode=0o700)
    return Memory(place, server)


def lines_of(report: Report) -> list[tuple[str, int, int]]:
    """Place and anchor of what is commented on."""
    return [
        (item.finding.span.path, item.finding.span.start, item.anchor)
        for item in of_model(report)
        if item.standing is Standing.INLINE
    ]


def findings(report: Report) -> list[Finding]:
    return [item.finding for item in of_model(report)]


CHANGE: Final = ({"a.py": code(HEAD)}, {"a.py": code(BASE)})


def test_the_same_head_is_not_asked_about_again(tmp_path: Path) -> None:
    with FakeEngine(script=scripted(finds)) as server:
        book = memory(tmp_path, server)
        first, asked = book.review(*CHANGE)
        trials = len(server.chats()) - asked
        second, again = book.review(*CHANGE)
    assert (asked, again) == (1, 0)
    assert len(server.chats()) == asked + 2 * trials
    assert trials == 1
    assert lines_of(first) == [("a.py", AT, AT)]
    assert [(each.finding, each.standing) for each in of_model(first)] == [
        (each.finding, each.standing) for each in of_model(second)
    ]
    assert second.mode is first.mode
    assert second.model
    effort = second.model.effort
    assert (effort.requests, effort.cached, effort.asked) == (0, 1, 1)
    assert effort.prompt_tokens + effort.answer_tokens == 0


MORE: Final = [f"setting_{n} = {n}" for n in range(7)]


def test_a_unit_that_moved_is_answered_from_memory_at_its_new_lines(tmp_path: Path) -> None:
    """Seven lines more above it: in another hunk, which alone is asked about."""
    with FakeEngine(script=scripted(finds)) as server:
        book = memory(tmp_path, server)
        first, asked = book.review(*CHANGE)
        moved, new = book.review({"a.py": code([*MORE, *HEAD])}, {"a.py": code(BASE)})
        about = [question.lines for question in asked_about(server)][-1]
    assert (asked, new) == (1, 1)
    assert max(about) < AT
    assert lines_of(first) == [("a.py", AT, AT)]
    assert lines_of(moved) == [("a.py", AT + 7, AT + 7)]
    assert findings(moved)[0].fingerprint == findings(first)[0].fingerprint
    assert findings(moved)[0].quote == WRONG


@slow
def test_a_unit_that_moved_with_its_base_costs_nothing(tmp_path: Path) -> None:
    with FakeEngine(script=scripted(finds)) as server:
        book = memory(tmp_path, server)
        book.review(*CHANGE)
        moved, new = book.review({"a.py": code([*MORE, *HEAD])}, {"a.py": code([*MORE, *BASE])})
        back, none = book.review({"a.py": code(HEAD[2:])}, {"a.py": code(BASE[2:])})
    assert (new, none) == (0, 0)
    assert lines_of(moved) == [("a.py", AT + 7, AT + 7)]
    assert lines_of(back) == [("a.py", AT - 2, AT - 2)]


@slow
@pytest.mark.parametrize("by", [1, 80, 9_990])
def test_lines_may_get_more_digits(by: int, tmp_path: Path) -> None:
    more = [f"s{n} = {n}" for n in range(by)]
    with FakeEngine(script=scripted(finds)) as server:
        book = memory(tmp_path, server)
        book.review(*CHANGE)
        moved, new = book.review({"a.py": code([*more, *HEAD])}, {"a.py": code([*more, *BASE])})
    assert new == 0
    assert lines_of(moved) == [("a.py", AT + by, AT + by)]


def changed(where: str, by: str) -> dict[str, bytes]:
    return {"a.py": code([line.replace(where, by) for line in HEAD])}


EDITS: Final = {
    "the wrong line": changed(WRONG, "    second_6 = step(66) / 0"),
    "a number in it": changed("second_7 = step(7)", "second_7 = step(8)"),
    "white space in it": changed("    second_6 =", "    second_6  ="),
    "a line near it": changed("second_5 = step(5)", "second_5 = step(55)"),
}


@slow
@pytest.mark.parametrize("name", EDITS)
def test_what_was_edited_is_asked_about_anew(name: str, tmp_path: Path) -> None:
    with FakeEngine(script=scripted(finds)) as server:
        book = memory(tmp_path, server)
        book.review(*CHANGE)
        report, new = book.review(EDITS[name], CHANGE[1])
    assert new == 1
    assert lines_of(report) == [("a.py", AT, AT)]


@slow
def test_another_file_with_the_same_code_is_asked_about(tmp_path: Path) -> None:
    with FakeEngine(script=scripted(finds)) as server:
        book = memory(tmp_path, server)
        book.review(*CHANGE)
        report, new = book.review({"b.py": code(HEAD)}, {"b.py": code(BASE)})
    assert new == 1
    assert lines_of(report) == [("b.py", AT, AT)]


SETTINGS: Final[dict[str, tuple[dict[str, Any], int]]] = {
    "workers": ({"workers": 1}, 0),
    "seconds": ({"seconds": 55.0}, 0),
    "inline": ({"inline": 1}, 0),
    "gate": ({"gate": True}, 0),
    "findings": ({"findings": 4}, 1),
    "suggestions": ({"suggestions": False}, 1),
    "answer tokens": ({"answer_tokens": 900}, 1),
    "temperature": ({"temperature": 0.5}, 1),
    "no memory": ({"cache": False}, 1),
    "samples": ({"samples": 3}, 3),
}


@slow
@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_an_answer_depends_on_ask_anew(name: str, tmp_path: Path) -> None:
    change, expected = SETTINGS[name]
    with FakeEngine(script=scripted(finds)) as server:
        book = memory(tmp_path, server)
        book.review(*CHANGE)
        settings = Settings(model=ModelSettings(**change))
        report, new = book.review(*CHANGE, settings)
        _, again = book.review(*CHANGE, settings)
    assert new == expected
    assert again == (1 if name == "no memory" else 0)
    assert lines_of(report) == [("a.py", AT, AT)]


@slow
def test_another_model_is_asked_anew(tmp_path: Path) -> None:
    with (
        FakeEngine(script=scripted(finds)) as server,
        FakeEngine(script=scripted(finds), models=("better-coder",)) as other,
    ):
        book = memory(tmp_path, server)
        book.review(*CHANGE)
        assert book.review(*CHANGE, server=other)[1] == 1
        assert book.review(*CHANGE, server=other)[1] == 0
        assert book.review(*CHANGE)[1] == 0


@slow
def test_second_looks_and_rewrites_are_remembered_too(tmp_path: Path) -> None:
    settings = Settings(model=ModelSettings(verify=True))
    told = '{"thought": "", "input": "any", "verdict": "holds"}'

    def review(question: Question) -> str:
        return answer(question.remark(max(question.added), replacement="    second_6 = step(6"))

    def rewrite(_: Question) -> str:
        return '{"thought": "", "replacement": "    second_6 = step(6) / 1"}'

    with FakeEngine(script=scripted(review, rewrite, lambda _: told)) as server:
        book = memory(tmp_path, server)
        first, asked = book.review(*CHANGE, settings)
        tasks = Counter(question.task for question in asked_about(server))
        second, again = book.review(*CHANGE, settings)
        moved, new = book.review(
            {"a.py": code([*MORE, *HEAD])}, {"a.py": code([*MORE, *BASE])}, settings
        )
    assert (asked, tasks) == (3, Counter(review=1, verify=1, rewrite=1))
    assert (again, findings(second)) == (0, findings(first))
    # The reason of a refusal names a line: after a move the rewrite is asked for again.
    assert new <= 1
    edit = findings(moved)[0].suggestion
    assert edit is not None
    assert (edit.text, edit.span.start) == ("    second_6 = step(6) / 1", AT + 7)


@slow
def test_a_broken_answer_is_not_believed_from_memory(tmp_path: Path) -> None:
    """It is mended once more, and what was asked about before stays as it was."""
    with (
        FakeEngine(script=scripted(lambda _: "garbage")) as broken,
        FakeEngine(script=scripted(finds)) as server,
    ):
        book = memory(tmp_path, server)
        report, asked = book.review(*CHANGE, server=broken)
        assert (asked, lines_of(report)) == (2, [])
        report, asked = book.review(*CHANGE)
    assert asked == 1
    assert lines_of(report) == [("a.py", AT, AT)]


@slow
def test_an_entry_that_somebody_else_wrote_is_asked_anew(tmp_path: Path) -> None:
    with FakeEngine(script=scripted(finds)) as server:
        book = memory(tmp_path, server)
        first, _ = book.review(*CHANGE)
        (entry,) = [each for each in (tmp_path / "answers").rglob("*") if each.is_file()]
        entry.write_bytes(entry.read_bytes().replace(b"divides", b"approve"))
        second, again = book.review(*CHANGE)
    assert again == 1
    assert findings(second) == findings(first)


# By the command: the settings and templates are those of the base

TEMPLATE: Final = "{}\n=== user ===\nFile {{{{ path }}}}:\n{{{{ change }}}}\n"


@slow
def test_the_command_remembers_and_asks_anew_by_another_template(tmp_path: Path) -> None:
    def run(number: int, words: str) -> int:
        place = tmp_path / f"run{number}"
        place.mkdir()
        mine = {
            ".github/reviewer.yml": b"model:\n  prompts: prompts\n",
            "prompts/review.txt.j2": TEMPLATE.format(words).encode(),
        }
        before, after = {**mine, "a.py": code(BASE)}, {**mine, "a.py": code(HEAD)}
        checkout(place / "checkout", before, after)
        asked = len(questions(server))
        done = reviewer("review", cwd=place / "checkout", env={**only("hidden"), **env})
        assert done.code == 0, done.err
        assert "divides by zero" in done.out
        return len(questions(server)) - asked

    with FakeEngine(script=scripted(finds)) as server:
        env = {"REVIEWER_ENGINE_URL": server.url, "REVIEWER_DATA_DIR": str(tmp_path / "data")}
        asked = [run(n, words) for n, words in enumerate(["Look.", "Look.", "Look!", "Look."])]
    assert asked == [1, 0, 1, 0]
