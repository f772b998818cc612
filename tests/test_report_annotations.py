"""Annotations: only the commands that are meant, within what the runner and GitHub keep."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.model import Judged, Report, Severity, Side, Standing
from reviewer.reports.annotations import LIMIT, MESSAGE_UNITS, Annotations
from tests.support.oracles import commands
from tests.support.reports import HOSTILE, finding, reports, sample, texts


def lines(report: Report) -> list[str]:
    return Annotations().render(report).splitlines()


def only(*judged: Judged) -> Report:
    return replace(sample(), judged=judged)


def message(line: str) -> str:
    """The message as the runner reads it (actions/runner, ActionCommand.cs, TryParseV2)."""
    data = line.split("::", 2)[2]
    return data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


@given(reports())
@settings(max_examples=15, deadline=None)
def test_each_line_is_one_command_that_was_meant(report: Report) -> None:
    made = Annotations().render(report)
    shown = [i for i in report.judged if i.standing in (Standing.INLINE, Standing.FILE)]
    capped = [i for i in report.judged if i.standing is Standing.CAPPED]
    found = commands(made)
    assert len(found) == made.count("\n") == len(shown) + len(capped) + 1
    assert found[-1] == "notice"
    wanted = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
    expected = sorted(wanted[item.finding.severity] for item in (*shown, *capped))
    assert sorted(found[:-1]) == expected


@given(texts(), st.sampled_from(("rule", "message", "path", "help")))
@settings(max_examples=50, deadline=None)
def test_no_text_becomes_a_property_or_a_command(words: str, place: str) -> None:
    plain = {"rule": "S608", "message": "m", "path": "a.py", "help": "h"}
    item = Judged(finding(**{**plain, place: words or "x"}), Standing.INLINE, "", 42)  # type: ignore[arg-type]
    first = lines(only(item))[0]
    properties = first.split("::", 2)[1].removeprefix("error ")
    assert [part.split("=", 1)[0] for part in properties.split(",")] == [
        "file", "line", "endLine", "title",
    ]  # fmt: skip


def test_a_message_arrives_as_it_was() -> None:
    item = Judged(finding(message="100 %0A\nnext ::x", help=""), Standing.INLINE, "", 42)
    assert message(lines(only(item))[0]) == "100 %0A\nnext ::x"


def test_ten_of_each_level_the_worst_first_and_one_notice_for_the_rest() -> None:
    many = [
        Judged(finding(start=n + 1, severity=severity), Standing.INLINE, "", n + 1)
        for n in range(15)
        for severity in Severity
    ]
    made = lines(only(*many))
    found = commands("\n".join(made))
    assert found == ["error"] * LIMIT + ["warning"] * LIMIT + ["notice"] * LIMIT
    assert "45 findings (45 inline); 16 not shown here, the report has them" in message(made[-1])


@pytest.mark.parametrize("char", ["x", "😀", "%", "\n", "\u202e", "é"])
def test_a_message_is_not_longer_than_the_runner_takes(char: str) -> None:
    item = Judged(finding(message=char * 9000), Standing.INLINE, "", 42)
    shown = message(lines(only(item))[0])
    assert MESSAGE_UNITS - 20 < len(shown.encode("utf-16-le")) // 2 <= MESSAGE_UNITS
    assert shown.endswith("…")
    assert "\ufffd" not in shown


def test_a_removed_line_has_no_line_of_the_new_file() -> None:
    item = Judged(finding(side=Side.OLD, start=12), Standing.INLINE, "", 12)
    first = lines(only(item))[0]
    assert first.startswith("::error file=src/shop/orders.py,title=ruff/S608::removed line 12: ")


def test_what_is_below_the_bar_is_counted_alone() -> None:
    item = Judged(finding(), Standing.BODY, "below warning", 42)
    made = lines(only(item))
    assert len(made) == 1
    assert "1 finding (1 body); 1 not shown here" in message(made[0])


def test_the_last_line_says_the_verdict_even_if_its_words_are_hostile() -> None:
    verdict = replace(sample().verdict, reasons=HOSTILE)
    last = lines(replace(sample(), verdict=verdict))[-1]
    assert commands(last) == ["notice"]
    assert re.match(r"::notice title=reviewer%3A failed%2C score 71\.2 of 100::", last)
