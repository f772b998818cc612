"""The benchmark's table comes out whatever its steps do; no GPU is needed."""

import time
from pathlib import Path

import pytest

from benchmarks.gpu import rows
from benchmarks.gpu.__main__ import STEPS, TOGETHER, TOTAL, Running, Step
from tests.support.serving import TOP


def ran(tmp_path: Path, name: str, seconds: float = 20) -> list[rows.Row]:
    return Running(Step(f"steps.{name}", seconds, "tests.gpu"), tmp_path, 60).end()


def test_rows_of_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TOP)
    assert ran(tmp_path, "well") == [rows.figure(f"in {tmp_path.name}", 1)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("fails", "ended with 1: ValueError: no such kernel"), ("crashes", "ended with -11")],
)
def test_a_step_that_fails_keeps_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(TOP)
    first, last = ran(tmp_path, name)
    assert first.what == f"in {tmp_path.name}"
    assert (last.what, last.passed) == (f"step steps.{name}", False)
    assert last.value.startswith(reason)


@pytest.mark.slow
def test_a_step_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TOP)
    began = time.monotonic()
    last = ran(tmp_path, "hangs", 1)[-1]
    assert time.monotonic() - began < 10
    assert last.value.startswith("not done after 1 s")


def test_all_steps_are_there() -> None:
    for step in (*TOGETHER, *STEPS):
        module, _, function = step.place.partition(":")
        source = (TOP / f"{module.replace('.', '/')}.py").read_text()
        assert f"\ndef {function}(" in source
    assert TOTAL < 540


def test_ours_beside_transformers() -> None:
    found = [
        rows.figure("a", 90, key="batch 16"), rows.figure("b", 45, key="transformers batch 16"),
        rows.figure("c", 7, key="batch 1"), rows.figure("d", 3000, key="copy"),
        rows.figure("e", 3, key="FP16 size"), rows.figure("f", 700, key="FP16 rate"),
    ]  # fmt: skip
    ratio, share = rows.compared(found)
    assert (ratio.value, ratio.passed) == ("2×", False)
    assert (share.number, share.passed) == (pytest.approx(0.7), True)
    table = rows.markdown([ratio, share]).splitlines()
    assert table[2].split("|")[1:5] != table[3].split("|")[1:5]
    assert [line.split("|")[4].strip() for line in table[2:]] == ["MISS", "PASS"]


def test_half_of_a_row_is_none(tmp_path: Path) -> None:
    place = tmp_path / "rows"
    rows.write(place, [rows.figure("a", 1), rows.figure("b", 2)])
    data = place.read_bytes()
    place.write_bytes(data[:-5])
    assert rows.read(place) == [rows.figure("a", 1)]
    assert rows.read(tmp_path / "none") == []
