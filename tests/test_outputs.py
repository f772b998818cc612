"""What a step leaves behind: fixed outputs that no value breaks, a summary that always fits."""

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer import outputs
from reviewer.model import Mode, State
from tests.support.reports import sample

WORDS = [f"{number:032x}" for number in range(1000)]


def parsed(data: bytes) -> dict[str, str]:
    """What the runner reads (actions/runner, FileCommandManager.cs, SetOutputFileCommand)."""
    found: dict[str, str] = {}
    lines = iter(data.decode().split("\n"))
    for line in lines:
        if "<<" not in line and "=" not in line:
            assert not line
            continue
        heredoc = "<<" in line and ("=" not in line or line.index("<<") < line.index("="))
        key, _, rest = line.partition("<<" if heredoc else "=")
        if heredoc:
            rest = "\n".join(itertools.takewhile(lambda each, end=rest: each != end, lines))
        assert key not in found
        found[key] = rest
    return found


def put(values: dict[str, str], place: Path) -> dict[str, str]:
    fresh = iter(WORDS).__next__
    outputs.put(values, {"GITHUB_OUTPUT": str(place)}, fresh)
    return parsed(place.read_bytes())


def test_all_keys_and_no_others(tmp_path: Path) -> None:
    found = put({"verdict": "passed", "evil": "1"}, tmp_path / "out")
    assert tuple(found) == outputs.KEYS
    assert (found["verdict"], found["score"]) == ("passed", "")


@given(st.text(), st.sampled_from(outputs.KEYS))
def test_no_value_makes_another_output(value: str, key: str) -> None:
    fresh = iter(WORDS).__next__
    place = Path(os.environ.get("TMPDIR", "/tmp"), f"outputs-{os.getpid()}")
    outputs.put({key: value}, {"GITHUB_OUTPUT": str(place)}, fresh)
    data = place.read_bytes()
    place.unlink()
    assert tuple(parsed(data)) == outputs.KEYS


@pytest.mark.parametrize(
    "value",
    [
        "x\nPATH=/evil",
        f"x\n{WORDS[0]}\nverdict=passed",
        f"{WORDS[0]}{WORDS[1]}",
        "a<<b\nc\nb",
        "\r",
    ],
)
def test_hostile_values(value: str, tmp_path: Path) -> None:
    found = put({"review-url": value}, tmp_path / "out")
    assert found["review-url"] == value
    assert tuple(found) == outputs.KEYS


def test_earlier_outputs_stay(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.write_text("own=1\n")
    assert put({}, place)["own"] == "1"


def test_outside_of_a_workflow_nothing_is_written() -> None:
    outputs.put({}, {}, iter(WORDS).__next__)
    assert outputs.room({}) == 0
    assert not outputs.summarise("x", {})


def test_what_a_report_tells() -> None:
    full = sample()
    found = outputs.of_report(full)
    assert found["verdict"] in [state.value for state in State]
    assert found["mode"] in [mode.value for mode in Mode]
    assert set(found) < set(outputs.KEYS)
    assert int(found["findings"]) > 0
    assert set(outputs.of_failure()) < set(outputs.KEYS)


def test_the_summary_never_grows_beyond_what_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "summary"
    environ = {"GITHUB_STEP_SUMMARY": str(place)}
    assert outputs.room(environ) == outputs.SUMMARY_BYTES
    half = "é" * (outputs.SUMMARY_BYTES // 4)
    assert outputs.summarise(half, environ)
    assert outputs.room(environ) == outputs.SUMMARY_BYTES // 2 - 1
    assert not outputs.summarise(half, environ)
    assert outputs.summarise("x" * (outputs.room(environ) - 1), environ)
    assert place.stat().st_size == outputs.SUMMARY_BYTES
    assert not outputs.summarise("", environ)


@pytest.mark.parametrize("place", ["", "/proc/none/summary", "/nonexistent/x", "/"])
def test_a_summary_that_cannot_be_written(place: str) -> None:
    assert not outputs.summarise("text", {"GITHUB_STEP_SUMMARY": place})


def test_the_log_holds_no_commands_but_ours(capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"GITHUB_ACTIONS": "true"}
    with outputs.group("a\n::error::b", environ):
        outputs.say("::add-mask::x\n##[group]y ghp_" + "a1B2" * 9)
    outputs.mask("s3cret%", environ)
    outputs.warn("one\n::error::two", environ)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "::group::a%0A::error::b"
    assert not lines[1].lstrip().startswith("::")
    assert "##[" not in lines[1]
    assert "a1B2a1B2" not in lines[1]
    assert lines[2:] == [
        "::endgroup::",
        "::add-mask::s3cret%25",
        "::warning title=reviewer::one%0A::error::two",
    ]


def test_elsewhere_there_are_no_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with outputs.group("title", {}):
        outputs.mask("s3cret", {})
        outputs.warn("trouble", {})
    assert capsys.readouterr() == ("", "reviewer: trouble\n")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://github.com/o/r/pull/1#discussion_r2", True),
        ("javascript:alert(1)", False),
        ("https://x\nverdict=passed", False),
        ("https://x y", False),
        ("", False),
    ],
)
def test_addresses(text: str, kept: bool) -> None:
    assert outputs.address(text) == (text if kept else "")
