"""Remembered answers: asked once, sealed, bounded, and never the cause of an error."""

import os
import random
import resource
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reviewer import cli, state
from reviewer.commands import _data as data
from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Completion, Memo, Message, Prompt
from reviewer.errors import ConfigError, EngineRefused, InputError
from reviewer.state import Remembering
from tests.fakes import engine as fake
from tests.fakes.engine import RIGHT, FakeEngine

KEY = b"s" * 32
NOW = 1_800_000_000.0
DAY = 86400.0


def within(seconds: float) -> float:
    return time.monotonic() + seconds


def prompt(
    text: str = "  7 | return a / b", memo: str = "a1", origin: int = 7, **changes: Any
) -> Prompt:
    given = {"task": "review", "template": "e" * 64, "memo": Memo(memo, origin)} | changes
    return Prompt((Message("user", text),), 200, within(10), **given)


@pytest.fixture
def server() -> Iterator[FakeEngine]:
    with FakeEngine() as engine:
        yield engine


Made = Callable[..., Remembering]


@pytest.fixture
def made(server: FakeEngine, tmp_path: Path) -> Made:
    """An engine that remembers, and is well; what its trial asked is not counted."""

    def make(**options: Any) -> Remembering:
        given: dict[str, Any] = {"folder": tmp_path / "answers", "key": KEY, "clock": lambda: NOW}
        engine = Remembering(OpenAI(server.url), **(given | options))
        assert engine.health(within(5)).ok
        server.seen.clear()
        return engine

    return make


def entries(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.is_file())


def twice(engine: Remembering, one: Prompt, other: Prompt | None = None) -> Completion:
    engine.complete(one)
    return engine.complete(other or one)


def test_an_answer_is_given_again_and_the_engine_is_asked_once(
    made: Made, server: FakeEngine, tmp_path: Path
) -> None:
    engine = made()
    first = engine.complete(prompt())
    assert (first.cached, first.text, first.usage.prompt) == (False, RIGHT, 11)
    again = made().complete(prompt())
    assert server.chats() == []
    assert (again.cached, again.text, again.finish, again.origin) == (True, RIGHT, "stop", 7)
    assert (again.usage.prompt, again.usage.answer) == (0, 0)
    assert again.engine == first.engine
    (file,) = entries(tmp_path / "answers")
    assert file.stat().st_mode & 0o777 == 0o600
    assert {each.stat().st_mode & 0o777 for each in file.parents if each.is_relative_to(
        tmp_path / "answers")} == {0o700}  # fmt: skip
    assert b"return" not in file.read_bytes()


def test_a_moved_question_is_the_same_and_says_where_it_was(made: Made, server: FakeEngine) -> None:
    engine = made()
    schema = {"properties": {"line": {"enum": [7, 8]}}}
    engine.complete(prompt(), schema)
    moved = {"properties": {"line": {"enum": [1207, 1208]}}}
    found = engine.complete(prompt(" 1207 | return a / b", origin=1207), moved)
    assert (found.cached, found.origin, len(server.chats())) == (True, 7, 1)


OTHERS: dict[str, Any] = {
    "memo": lambda: prompt(memo="a2"),
    "words": lambda: prompt("  7 | return b / a"),
    "role": lambda: replace(prompt(), messages=(Message("system", "  7 | return a / b"),)),
    "template": lambda: prompt(template="f" * 64),
    "task": lambda: prompt(task="verify"),
    "tokens": lambda: replace(prompt(), max_tokens=201),
    "warm": lambda: prompt(temperature=0.5),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=list(OTHERS))
def test_another_question_is_asked(made: Made, server: FakeEngine, other: Any) -> None:
    assert not twice(made(), prompt(), other()).cached
    assert len(server.chats()) == 2


def test_a_seed_tells_samples_apart_and_greedy_answers_not(made: Made, server: FakeEngine) -> None:
    engine = made()
    assert twice(engine, prompt(seed=1), prompt(seed=2)).cached
    assert not twice(
        engine, prompt(seed=1, temperature=0.7), prompt(seed=2, temperature=0.7)
    ).cached
    assert engine.complete(prompt(seed=2, temperature=0.7)).cached
    for changes in ({"top_p": 0.5}, {"top_k": 3}):
        assert not engine.complete(prompt(seed=2, temperature=0.7, **changes)).cached


def test_another_schema_model_or_key_is_asked(made: Made, server: FakeEngine) -> None:
    engine = made()
    engine.complete(prompt(), {"type": "object"})
    assert not engine.complete(prompt(), {"type": "array"}).cached
    assert not engine.complete(prompt()).cached
    assert engine.complete(prompt()).cached
    server.models = ("other-coder",)
    assert not made().complete(prompt()).cached
    server.models = ("good-coder",)
    assert made().complete(prompt()).cached
    assert not made(key=b"t" * 32).complete(prompt()).cached


def test_what_is_not_worth_remembering(made: Made, server: FakeEngine, tmp_path: Path) -> None:
    engine = made()
    server.answers.append(f"the key is AKIA{'X7' * 8}")
    assert not twice(engine, prompt()).cached
    (tmp_path / "answers").rename(tmp_path / "before")
    server.faults.append(fake.says("cut", "length"))
    assert not twice(engine, prompt()).cached
    assert not twice(engine, replace(prompt(), memo=None)).cached
    server.faults.append(fake.refuses(401))
    with pytest.raises(EngineRefused):
        engine.complete(prompt(memo="a3"))
    assert not engine.complete(prompt(memo="a3")).cached


def test_a_model_that_is_not_known_is_not_remembered(server: FakeEngine, tmp_path: Path) -> None:
    engine = Remembering(OpenAI(server.url), tmp_path / "answers", KEY, lambda: NOW)
    assert not twice(engine, prompt()).cached
    assert entries(tmp_path) == []


def test_an_answer_of_a_stand_in_is_not_kept(made: Made, tmp_path: Path) -> None:
    engine = made()
    with FakeEngine(models=("stand-in",)) as other:
        assert not twice(replaced(engine, other), prompt()).cached
    assert entries(tmp_path) == []


def replaced(engine: Remembering, other: FakeEngine) -> Remembering:
    """The engine was well, and then another one answers in its place."""
    met = engine._met
    made = replace(engine, engine=OpenAI(other.url))
    made._met.capabilities = met.capabilities
    return made


def corrupt(file: Path) -> None:
    found = file.read_bytes()
    file.write_bytes(found.replace(b"419", b"418"))


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def linked(file: Path) -> None:
    file.rename(file.parent.parent.parent / "moved")
    file.symlink_to(file.parent.parent.parent / "moved")


def foreign(file: Path) -> None:
    file.write_bytes(b"0" * 64 + b'\n{"text":"fine","engine":"x","origin":1}')


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def huge(file: Path) -> None:
    with file.open("ab") as opened:
        opened.truncate(1 << 30)


DAMAGE = [corrupt, emptied, cut, linked, foreign, a_folder, a_pipe, huge]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_a_miss(
    made: Made, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    engine = made()
    engine.complete(prompt())
    (file,) = entries(tmp_path / "answers")
    damage(file)
    assert not engine.complete(prompt()).cached
    if damage is not a_folder:
        assert engine.complete(prompt()).cached


def test_an_entry_under_another_name_is_a_miss(made: Made, tmp_path: Path) -> None:
    engine = made()
    engine.complete(prompt())
    (one,) = entries(tmp_path)
    engine.complete(prompt(memo="a2"))
    (other,) = {*entries(tmp_path)} - {one}
    one.replace(other)
    assert not engine.complete(prompt(memo="a2")).cached


@pytest.mark.parametrize("mode", [0o777, 0o750, 0o701])
def test_a_folder_that_others_may_enter_is_not_used(made: Made, tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "answers"
    engine = made()
    engine.complete(prompt())
    folder.chmod(mode)
    assert not engine.complete(prompt()).cached
    engine.complete(prompt(memo="a2"))
    engine.close()
    assert len(entries(folder)) == 1


def test_a_link_is_no_folder_and_a_full_disk_no_error(made: Made, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir(0o700)
    (tmp_path / "answers").symlink_to(real)
    engine = made()
    assert not twice(engine, prompt()).cached
    assert entries(real) == []
    other = made(folder=tmp_path / "other")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        assert not twice(other, prompt()).cached
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert entries(tmp_path / "other") == []
    assert twice(other, prompt()).cached


@pytest.mark.parametrize("clock", [float("nan"), float("inf"), -1e300, 1e300, 0.0])
def test_a_mad_clock_is_no_error(made: Made, clock: float) -> None:
    engine = made(clock=lambda: clock)
    assert twice(engine, prompt()).text == RIGHT
    engine.close()


def test_entries_grow_old_unless_they_are_used(made: Made, tmp_path: Path) -> None:
    now = [NOW]
    engine = made(clock=lambda: now[0], days=10.0)
    engine.complete(prompt())
    engine.complete(prompt(memo="a2"))
    now[0] += 9 * DAY
    assert engine.complete(prompt()).cached
    now[0] += 9 * DAY
    assert engine.complete(prompt()).cached
    assert len(entries(tmp_path)) == 2
    engine.close()
    assert len(entries(tmp_path)) == 1
    now[0] -= 400 * DAY
    assert engine.complete(prompt()).cached
    now[0] += 800 * DAY
    assert not engine.complete(prompt()).cached


def test_what_was_not_used_for_longest_goes_first(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOW]

    def tick() -> float:
        now[0] += 1
        return now[0]

    engine = made(clock=tick, most=1000)
    for number in range(10):
        engine.complete(prompt(memo=f"b{number}"))
    size = entries(tmp_path)[0].stat().st_size
    assert engine.complete(prompt(memo="b0")).cached
    engine.close()
    left = len(entries(tmp_path))
    assert left == int(900 / size)
    assert [engine.complete(prompt(memo=f"b{number}")).cached for number in (0, 9, 8, 1)] == [
        True, True, True, False,
    ]  # fmt: skip
    monkeypatch.setattr(state, "EVERY", 1)
    engine.complete(prompt(memo="b2"))
    engine.complete(prompt(memo="b3"))
    assert sum(file.stat().st_size for file in entries(tmp_path)) <= 1000
    assert not twice(made(most=10), prompt(memo="large")).cached


def test_many_at_once(made: Made, server: FakeEngine, tmp_path: Path) -> None:
    engines = [made(most=2000), made(most=2000)]
    another = made(most=2000)
    chance = random.Random(3)
    stop = threading.Event()

    def trimming() -> None:
        while not stop.wait(0.002):
            another.close()

    thread = threading.Thread(target=trimming)
    thread.start()
    with ThreadPoolExecutor(4) as pool:
        asked = [prompt(memo=f"c{chance.randrange(12)}") for _ in range(60)]
        found = list(pool.map(lambda n: engines[n % 2].complete(asked[n]).text, range(60)))
    stop.set()
    thread.join()
    assert set(found) == {RIGHT}
    assert len(server.chats()) < 60
    assert [file for file in entries(tmp_path) if file.name.startswith("tmp")] == []


# What the commands share


def test_the_place_of_data(tmp_path: Path) -> None:
    assert data.folder({"REVIEWER_DATA_DIR": "/d", "HOME": "/h"}) == Path("/d")
    assert data.folder({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path("/s/reviewer")
    assert data.folder({"XDG_STATE_HOME": "s", "HOME": "/h"}) == Path("/h/.local/state/reviewer")
    assert data.log({"HOME": "/h"}).name == "audit"
    with pytest.raises(ConfigError, match="absolute"):
        data.folder({"REVIEWER_DATA_DIR": "d"})
    with pytest.raises(InputError, match="HOME is not set"):
        data.folder({})
    assert data.keys({"INPUT_AUDIT-KEY": "i" * 16, "REVIEWER_AUDIT_KEY": "e" * 16}).current == (
        b"i" * 16
    )
    assert data.keys({"REVIEWER_AUDIT_KEY": "e" * 16}).current == b"e" * 16


def test_one_secret_for_all_who_ask_at_once(tmp_path: Path) -> None:
    place = tmp_path / "answers"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(data.secret, [place] * 40))
    assert len(found) == 1
    assert [len(each) for each in found] == [32]
    assert [file.name for file in entries(place)] == ["key"]
    assert (place / "key").stat().st_mode & 0o777 == 0o600
    (place / "key").write_bytes(b"short")
    assert len(data.secret(place)) == 32
    (place / "key").unlink()
    (place / "key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        data.secret(place)


def test_the_command_forgets_all_and_nothing_else(
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "_listen", lambda: None)
    monkeypatch.setenv("REVIEWER_DATA_DIR", str(tmp_path))
    folder = tmp_path / "answers"
    assert cli.main(["cache", "purge"]) == 0
    assert capsys.readouterr().out == f"{folder}: 0 answers forgotten\n"
    engine = made()
    for number in range(3):
        engine.complete(prompt(memo=str(number)))
    data.secret(folder)
    (folder / "notes.txt").write_text("mine")
    (folder / "aa").mkdir(exist_ok=True)
    (folder / "aa" / "notes.txt").write_text("mine")
    (folder / "bc").symlink_to(tmp_path)
    assert cli.main(["cache", "purge"]) == 0
    assert capsys.readouterr().out == f"{folder}: 3 answers forgotten\n"
    left = {str(file.relative_to(folder)) for file in entries(folder)}
    assert left == {"notes.txt", "aa/notes.txt", "key"}
    assert not engine.complete(prompt(memo="1")).cached
    folder.chmod(0o777)
    assert cli.main(["cache", "purge"]) == 2
    assert "tip: name its folder" in capsys.readouterr().err
