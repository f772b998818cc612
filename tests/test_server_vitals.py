"""What is concluded from what a worker shows of itself, and what is kept of its end."""

import os
from pathlib import Path

import msgspec
import pytest

from reviewer.server import crash
from reviewer.server import protocol as p
from reviewer.server.vitals import Pace, Vitals


def pace(*seconds: float) -> Pace:
    made = Pace()
    for each in seconds:
        made.add(each)
    return made


PACES = {
    "unknown": (pace(*[0.1] * 19), 30.0),
    "fast": (pace(*[0.05] * 20), 10.0),
    "steady": (pace(*[5.0] * 100), 20.0),
    "one slow turn in a hundred": (pace(*[5.0] * 99, 25.0), 20.0),
    "two": (pace(*[5.0] * 98, 20.0, 20.0), 80.0),
    "slower than usual": (pace(*[9.0] * 50), 36.0),
    "without end": (pace(*[500.0] * 50), 120.0),
    "long ago": (pace(*[20.0] * 50, *[3.0] * Pace.KEPT), 12.0),
}


@pytest.mark.parametrize(("made", "allowed"), PACES.values(), ids=PACES)
def test_the_time_without_a_turn_follows_the_pace(made: Pace, allowed: float) -> None:
    assert made.allowed(30.0, 10.0) == allowed


def test_only_turns_that_read_a_prompt_are_a_measure() -> None:
    vitals = Vitals(0.0)
    for number in range(500):
        vitals.turn(p.Beat(0.01, 3, 0, 9))
        if number % 20 == 0:
            vitals.turn(p.Beat(4.0, 3, 1, 9))
    assert vitals.pace.allowed(30.0, 10.0) == 16.0


def test_the_last_turns_are_remembered_but_for_idle_ones() -> None:
    vitals = Vitals(0.0)
    for number in range(500):
        vitals.turn(p.Beat(0.5, 0, 0, 0))
        vitals.turn(p.Beat(float(number), 1, 0, 1))
    assert [beat.seconds for beat in vitals.turns] == [float(n) for n in range(300, 500)]


def test_memory_of_the_gpu_is_held_against_the_plan() -> None:
    vitals = Vitals(0.0)
    for reserved, seen in ((100, 0), (110, 0), (111, 1), (999, 2), (110, 0), (111, 1)):
        vitals.weigh(p.Stats(1, reserved, 1000), 100)
        assert vitals.oversized == seen
    vitals.weigh(p.Stats(1, 999, 1000), 0)
    assert vitals.oversized == 0, "without a plan there is nothing to hold it against"


def tail(*writes: bytes) -> crash.Tail:
    reading, writing = os.pipe()
    made = crash.Tail(reading)
    for data in writes:
        os.write(writing, data)
        assert made.read()
    os.close(writing)
    assert not made.read()
    made.close()
    return made


def test_the_last_lines_are_kept() -> None:
    assert tail().lines == ()
    assert tail(b"one\ntw", b"o\nthree").lines == ("one", "two", "three")
    many = tail(*[b"%d\n" % number for number in range(500)]).lines
    assert many == tuple(str(number) for number in range(400, 500))


def test_lines_are_bounded_and_harmless() -> None:
    long = tail(*[b"x" * 60_000] * 5, b"\nend\xff\x00\n")
    assert [len(line) for line in long.lines] == [crash.LINE, len("end\ufffd⟦U+0000⟧")]
    assert long.lines[0].endswith("…")


REPORT = crash.Report("crash", -9, "it died", 0.1, None, (), ("a",))


def test_the_oldest_report_goes(tmp_path: Path) -> None:
    place = tmp_path / "s.crash"
    for number in range(5):
        crash.write(place, report(number))
    told = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert set(told) == {"s.crash", "s.crash.1", "s.crash.2"}
    for name, number in (("s.crash", 4), ("s.crash.1", 3), ("s.crash.2", 2)):
        assert f'"status": {number}' in told[name]


def report(number: int) -> crash.Report:
    return msgspec.structs.replace(REPORT, status=number)


def test_a_report_never_follows_a_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    place = tmp_path / "s.crash"
    place.symlink_to(other)
    crash.write(place, REPORT)
    assert other.read_text() == "mine"
    assert not place.is_symlink()
