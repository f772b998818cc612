"""The audit log: every call of a model in it, nothing that was said, and no change unseen."""

import fcntl
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reviewer import cli
from reviewer.audit import chain, logbook
from reviewer.audit.chain import Broken, Checkpoint, Keys, Place
from reviewer.audit.log import Audited, Log, Run
from reviewer.audit.logbook import Book, Verified, verify
from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Message, Prompt
from reviewer.errors import ConfigError, EngineDown, EngineRefused, InputError, IntegrityError
from tests.fakes import engine as fake
from tests.fakes.engine import RIGHT, FakeEngine

KEYS = Keys(b"k" * 32)
RUN = Run("77", "acme/parcels", 12, "a" * 40, "octocat", "pull_request")
NOON = datetime(2026, 8, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SCHEMA = {"type": "object", "properties": {"line": {"enum": [1, 2]}}}


class Clock:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def book(folder: Path, clock: Clock | None = None, keys: Keys = KEYS) -> Book:
    return Book(folder, keys, clock or Clock())


def log(folder: Path, clock: Clock | None = None, **options: Any) -> tuple[Log, list[str]]:
    """A log, and what it warns of."""
    warned: list[str] = []
    options = {"keys": KEYS} | options
    return Log(folder, RUN, clock or Clock(), warned.append, **options), warned


def prompt(*contents: str, **changes: Any) -> Prompt:
    messages = tuple(Message("user", each) for each in contents or ("which line is wrong?",))
    given = {"task": "review", "template": "e" * 64, "seed": 7} | changes
    return Prompt(messages, 200, time.monotonic() + 10, **given)


def records(folder: Path) -> list[dict[str, Any]]:
    files = [each.file for each in logbook.segments(folder)]
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def kinds(folder: Path) -> list[str]:
    return [each["kind"] for each in records(folder)]


def sound(folder: Path, keys: Keys = KEYS, checkpoint: Checkpoint | None = None) -> Verified:
    found = verify(folder, keys, checkpoint)
    assert found.problems == ()
    return found


def everything(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hundreds of records are written, the disk is not waited for."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


# Calls


def test_every_call_has_an_intent_and_a_result(tmp_path: Path) -> None:
    made, warned = log(tmp_path / "audit")
    with FakeEngine() as server:
        engine = Audited(OpenAI(server.url), made, "0.9")
        assert engine.health(time.monotonic() + 5).ok
        assert engine.complete(prompt(), SCHEMA).text == RIGHT
        server.faults.append(fake.refuses(401))
        with pytest.raises(EngineRefused):
            engine.complete(prompt())
        server.faults += [fake.dies, fake.dies]
        with pytest.raises(EngineDown):
            engine.complete(prompt())
        assert engine.patience > 0
        assert engine.count("four letters", time.monotonic() + 5) == 4
        engine.close()
    made.review(kept=3, dropped=2, redactions=1)
    found = records(tmp_path / "audit")
    assert [each["kind"] for each in found] == ["intent", "result"] * 4 + ["review"]
    assert [each.get("outcome") for each in found[1::2]] == [
        "ok", "stop", "EngineRefused", "EngineDown",
    ]  # fmt: skip
    assert [each["call"] for each in found[1::2]] == [0, 2, 4, 6]
    for each in found:
        named = {name: each[name] for name in ("run_id", "repo", "pr", "actor", "event")}
        assert named == {
            "run_id": "77", "repo": "acme/parcels", "pr": 12, "actor": "octocat",
            "event": "pull_request",
        }  # fmt: skip
        assert (each["head_sha"], each["ts"]) == ("a" * 40, "2026-08-31T12:00:00.000Z")
        assert each["key_id"] == chain.key_id(KEYS.current) != ""
    intent, result = found[2:4]
    assert intent["params"] == {
        "max_tokens": 200, "seed": 7, "temperature": 0.0, "top_k": 0, "top_p": 1.0,
    }  # fmt: skip
    assert (intent["engine"], intent["engine_version"]) == ("vllm", "0.9")
    assert (intent["model_name"], intent["model_sha256"]) == ("good-coder", "")
    assert (intent["task"], intent["prompt_template_sha256"]) == ("review", "e" * 64)
    assert result["response_sha256"] == made.digest(RIGHT.encode())
    assert (result["prompt_tokens"], result["response_tokens"]) == (11, 12)
    assert result["latency_ms"] >= 0
    assert {"findings_kept": 3, "findings_dropped": 2, "redactions": 1}.items() <= found[-1].items()
    assert warned == []
    assert made.checkpoint().n == sound(tmp_path / "audit").records == 9


def test_a_call_that_is_cancelled_has_a_result_as_well(tmp_path: Path) -> None:
    made, _ = log(tmp_path / "audit")
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with FakeEngine() as server:
            engine = Audited(OpenAI(server.url), made)
            assert engine.health(time.monotonic() + 5).ok
            server.faults.append(fake.silent)
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt):
                engine.complete(prompt())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ConfigError):
        Audited(OpenAI("ftp://somewhere"), made).complete(prompt())
    outcomes = [each.get("outcome") for each in records(tmp_path / "audit")[1::2]]
    assert outcomes == ["ok", "interrupted", "ConfigError"]


def test_nothing_that_was_said_is_in_the_log(tmp_path: Path) -> None:
    canaries = [f"canary-{number:03d}-{random.Random(number).random()}" for number in range(10)]
    made, _ = log(tmp_path / "audit")
    with FakeEngine() as server:
        engine = Audited(OpenAI(server.url), made)
        for canary in canaries:
            server.answers.append(f"so it is: {canary}")
            server.answers.append(RIGHT)
            engine.complete(prompt(f"src/{canary}.py", f"password = '{canary}'"))
            schema = {"type": "object", "properties": {"path": {"enum": [canary]}}}
            engine.complete(prompt("ask"), schema)
            server.faults.append(fake.refuses(400, message=canary))
            with pytest.raises(EngineRefused):
                engine.complete(prompt(canary))
    assert made.checkpoint().n == 60
    assert [each for each in canaries if each.encode() in everything(tmp_path)] == []


def test_names_that_others_gave_are_short_and_without_secrets(tmp_path: Path) -> None:
    token = "ghp_" + "x1Y2" * 9
    hostile = Run("1\ud800\n", f"https://bot:{token}@x/y", 1, "b", "n" * 5000, "\x1b[2J")
    Log(tmp_path / "audit", hostile, Clock(), print, KEYS).append("intent", {})
    (found,) = records(tmp_path / "audit")
    assert token.encode() not in everything(tmp_path)
    assert len(found["actor"]) == 200
    assert everything(tmp_path).isascii()
    assert b"\x1b" not in everything(tmp_path)
    sound(tmp_path / "audit")


def test_without_a_key_digests_are_plain_and_the_chain_holds(tmp_path: Path) -> None:
    keyed, plain = log(tmp_path / "a")[0], log(tmp_path / "b", keys=chain.NO_KEYS)[0]
    assert keyed.digest(b"x") != plain.digest(b"x")
    plain.append("intent", {})
    assert records(tmp_path / "b")[0]["key_id"] == ""
    sound(tmp_path / "b", chain.NO_KEYS)
    assert [each.text for each in verify(tmp_path / "b", KEYS).problems] == [
        "the last record is under no key: anybody can have written all of them"
    ]


@pytest.mark.slow
def test_a_thousand_calls_of_many_threads_are_two_thousand_records(tmp_path: Path) -> None:
    made, _ = log(tmp_path / "audit")
    with FakeEngine() as server, ThreadPoolExecutor(8) as pool:
        engine = Audited(OpenAI(server.url), made)
        list(pool.map(lambda n: engine.complete(prompt(str(n))), range(1000)))
    assert sound(tmp_path / "audit", checkpoint=made.checkpoint()).records == 2000
    found = records(tmp_path / "audit")
    answered = [each["call"] for each in found if each["kind"] == "result"]
    asked = [each["seq"] for each in found if each["kind"] == "intent"]
    assert sorted(answered) == asked


# Changes of a log


@pytest.fixture
def written(tmp_path: Path, unhurried: None) -> Path:
    """A log of four days with five records each."""
    folder, clock = tmp_path / "audit", Clock()
    for day in range(4):
        clock.now = NOON + day * DAY
        writer = book(folder, clock)
        for number in range(5):
            writer.append("intent", {"number": number, "text": "what was asked"})
    return folder


def lines(folder: Path) -> tuple[Path, list[bytes]]:
    file = logbook.segments(folder)[1].file
    return file, file.read_bytes().splitlines(keepends=True)


def edited(found: list[bytes]) -> list[bytes]:
    return [*found[:2], found[2].replace(b"what was asked", b"what was not asked"), *found[3:]]


def deleted(found: list[bytes]) -> list[bytes]:
    return found[:2] + found[3:]


def swapped(found: list[bytes]) -> list[bytes]:
    return [*found[:2], found[3], found[2], *found[4:]]


def inserted(found: list[bytes]) -> list[bytes]:
    return [*found[:2], found[1], *found[2:]]


def blank(found: list[bytes]) -> list[bytes]:
    return [*found[:2], b"\n", *found[2:]]


def respaced(found: list[bytes]) -> list[bytes]:
    return [*found[:2], found[2].replace(b'":', b'": '), *found[3:]]


def doubled(found: list[bytes]) -> list[bytes]:
    """Most readers take the last of two fields of one name, some the first."""
    return [*found[:2], b'{"text":"nothing",' + found[2][1:], *found[3:]]


def cut(found: list[bytes]) -> list[bytes]:
    return found[:2]


ATTACKS = {
    edited: (3, "it was changed"),
    deleted: (3, "records 7 to 7 are missing before it"),
    swapped: (3, "records 7 to 7 are missing before it"),
    inserted: (3, "its number is 6 where 7 belongs"),
    blank: (3, "it is no record"),
    respaced: (3, "it was changed"),
    doubled: (3, "it was changed"),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("keys", [KEYS, chain.NO_KEYS])
def test_every_change_is_caught_where_it_is(
    tmp_path: Path, unhurried: None, attack: Callable[[list[bytes]], list[bytes]], keys: Keys
) -> None:
    folder, clock = tmp_path / "audit", Clock()
    for day in range(3):
        clock.now = NOON + day * DAY
        for _ in range(5):
            book(folder, clock, keys).append("intent", {"text": "what was asked"})
    sound(folder, keys)
    file, found = lines(folder)
    file.write_bytes(b"".join(attack(found)))
    first = verify(folder, keys).problems[0]
    assert first == (file.name, *ATTACKS[attack])


def test_records_of_another_log_under_the_same_key_do_not_fit(
    written: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    for _ in range(10):
        book(other, Clock(NOON - DAY)).append("intent", {})
    spliced = b"".join(each + b"\n" for each in everything(other).split(b"\n")[5:10])
    file, _ = lines(written)
    file.write_bytes(spliced)
    wrong = "it does not follow the record before it"
    assert verify(written, KEYS).problems == (
        (file.name, 1, wrong), ("audit-2026-09-02.jsonl", 1, wrong),
    )  # fmt: skip


def test_a_record_of_a_break_cannot_be_used_again(written: Path) -> None:
    damage(written)
    log(written, Clock(NOON + 3 * DAY))[0].append("intent", {})
    used = logbook.segments(written)[-1].file
    begun = used.read_bytes().splitlines(keepends=True)[0]
    book(written, Clock(NOON + 4 * DAY)).append("intent", {})
    later = written / "audit-2026-09-05.jsonl"
    later.write_bytes(begun)
    found = [each for each in verify(written, KEYS).problems if each.file == later.name]
    assert [each.text for each in found] == ["its number is 20 where 23 belongs"]


def test_a_first_line_that_is_no_record_is_one_problem(written: Path) -> None:
    file = logbook.segments(written)[0].file
    file.write_bytes(b"x" + file.read_bytes()[1:])
    assert verify(written, KEYS).problems == ((file.name, 1, "it is no record"),)


def test_a_cut_file_and_a_deleted_one_show_at_the_next(written: Path) -> None:
    file, found = lines(written)
    file.write_bytes(b"".join(cut(found)))
    assert verify(written, KEYS).problems == (
        ("audit-2026-09-02.jsonl", 1, "records 7 to 9 are missing before it"),
    )
    file.unlink()
    assert verify(written, KEYS).problems == (
        ("audit-2026-09-02.jsonl", 1, "records 5 to 9 are missing before it"),
    )
    logbook.segments(written)[0].file.unlink()
    assert verify(written, KEYS).problems == (
        ("", 0, "records 0 to 9 are missing, and nothing says they were old"),
    )


def test_a_cut_tail_shows_by_the_checkpoint_alone(written: Path) -> None:
    found = sound(written)
    published = Checkpoint(found.last.n, found.last.head)
    writer = book(written, Clock(NOON + 4 * DAY))
    writer.append("intent", {})
    sound(written, checkpoint=published)
    assert str(Checkpoint.parse(f" {published}\n")) == str(published)
    files = [each.file for each in logbook.segments(written)]
    files[-1].unlink()
    tail = files[-2].read_bytes().splitlines(keepends=True)
    files[-2].write_bytes(b"".join(tail[:-2]))
    sound(written)
    assert [each.text for each in verify(written, KEYS, published).problems] == [
        "records 18 to 19 are missing: the end was cut off"
    ]
    forged = Checkpoint(4, "0" * 64)
    assert verify(written, KEYS, forged).problems == (
        ("audit-2026-08-31.jsonl", 4, "it is not that of the checkpoint"),
    )
    for file in files[:-1]:
        file.unlink()
    assert len(verify(written, KEYS, published).problems) == 1


def test_single_bits_are_caught(written: Path) -> None:
    found = sound(written)
    published = Checkpoint(found.last.n, found.last.head)
    file, _ = lines(written)
    data = file.read_bytes()
    unseen = []
    for bit in range(0, len(data) * 8, 97):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << (bit % 8)
        file.write_bytes(flipped)
        if not verify(written, KEYS, published).problems:
            unseen.append(bit)
    assert unseen == []


def test_who_has_no_key_cannot_write_a_log_anew(written: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    for each in records(written):
        book(forged, keys=chain.NO_KEYS).append(each["kind"], {"text": "nothing was asked"})
    sound(forged, chain.NO_KEYS)
    assert verify(forged, KEYS).problems
    other = tmp_path / "other"
    book(other, keys=Keys(b"o" * 32)).append("intent", {})
    name = chain.key_id(b"o" * 32)
    assert f"under the key '{name}'" in verify(other, KEYS).problems[0].text


def test_keys_are_rotated_and_an_old_one_writes_no_more(tmp_path: Path, unhurried: None) -> None:
    old, new = Keys.parse("o" * 32), Keys.parse(f"{'n' * 32} {'o' * 32}")
    folder = tmp_path / "audit"
    book(folder, keys=chain.NO_KEYS).append("intent", {})
    book(folder, keys=old).append("intent", {})
    book(folder, keys=new).append("intent", {})
    assert sound(folder, new).records == 3
    assert "n" * 32 not in repr(new)
    assert "o" * 32 not in repr(new)
    file = logbook.segments(folder)[0].file
    end = records(folder)[-1]
    place = Place(3, end["hash"])
    late = chain.sealed("intent", end["ts"], {}, place, b"o" * 32)
    with file.open("ab") as opened:
        opened.write(late)
    assert verify(folder, new).problems == (
        (file.name, 4, "it is under an older key than the record before it"),
    )
    with pytest.raises(ConfigError, match="shorter than 16"):
        Keys.parse("short")


HOSTILE = {
    "deep": b"[" * 60000,
    "list": b"[1]",
    "nan": b'{"a":NaN}',
    "number": b'{"v":' + b"9" * 5000 + b"}",
    "types": b'{"v":1,"seq":"0","ts":1,"kind":[],"prev":{},"key_id":0,"hash":null}',
    "bytes": b"\xff\xfe\x00",
    "purged": b'{"kind":"purged","v":1}',
    "nothing": b"",
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_lines_are_no_records(line: bytes) -> None:
    with pytest.raises(Broken, match="no record"):
        chain.opened(line, KEYS)


def test_a_line_without_an_end_is_read_in_pieces(written: Path) -> None:
    file, _ = lines(written)
    with file.open("ab") as opened:
        opened.write(b"x" * 300_000)
    found = verify(written, KEYS).problems
    assert {each.text for each in found} >= {logbook.TORN}
    assert found[0].line == 6


@pytest.mark.parametrize(
    "text", ["", "1", "1:xyz", f"-1:{'0' * 64}", f"1:{'0' * 64}:2", "x" * 9999]
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        Checkpoint.parse(text)


# Writers that are stopped, and several of them


def test_a_torn_line_is_dropped_and_that_is_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    book(folder).append("intent", {"n": 1})
    file = logbook.segments(folder)[0].file
    with file.open("ab") as opened:
        opened.write(b'{"half": "a rec')
    assert verify(folder, KEYS).problems == ((file.name, 2, logbook.TORN),)
    book(folder).append("intent", {"n": 2})
    assert kinds(folder) == ["intent", "recovered", "intent"]
    assert records(folder)[1]["bytes"] == 15
    sound(folder)


def test_a_first_line_that_was_torn(tmp_path: Path) -> None:
    folder, clock = tmp_path / "audit", Clock()
    book(folder, clock).append("intent", {})
    clock.now += DAY
    (folder / "audit-2026-09-01.jsonl").write_bytes(b'{"half')
    book(folder, clock).append("intent", {})
    assert kinds(folder) == ["intent", "recovered", "intent"]
    clock.now += DAY
    (folder / "audit-2026-09-02.jsonl").write_bytes(b"")
    book(folder, clock).append("intent", {})
    sound(folder)
    empty = tmp_path / "empty"
    empty.mkdir(0o700)
    (empty / "audit-2026-08-31.jsonl").write_bytes(b"")
    book(empty).append("intent", {})
    assert sound(empty).records == 1


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from reviewer.audit.chain import Keys
from reviewer.audit.logbook import Book
book = Book(Path(sys.argv[1]), Keys(b"k" * 32), lambda: datetime.now(UTC))
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    book.append("intent", {"number": number, "filler": "x" * 500})
"""


def writer(folder: Path, number: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-c", WRITER, str(folder), str(number)]
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={"PYTHONPATH": str(Path(__file__).parents[1])}
    )
    assert started.stdout is not None
    started.stdout.readline()
    return started


def test_two_processes_make_one_chain(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    for each in [writer(folder, 40), writer(folder, 40)]:
        assert each.wait(30) == 0
        assert each.stdout is not None
        each.stdout.close()
    found = sound(folder)
    assert found.records == 80
    numbers = [each["number"] for each in records(folder)]
    assert sorted(numbers) == sorted([*range(40), *range(40)])


@pytest.mark.slow
def test_a_writer_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    folder, chance = tmp_path / "audit", random.Random(11)
    for _ in range(40):
        started = writer(folder, 10**6)
        time.sleep(chance.random() * 0.03)
        started.send_signal(signal.SIGKILL)
        started.wait()
        assert started.stdout is not None
        started.stdout.close()
    Book(folder, KEYS, lambda: datetime.now(UTC)).append("intent", {})
    assert sound(folder).records > 40


def test_two_writers_in_one_process_and_over_midnight(tmp_path: Path, unhurried: None) -> None:
    folder, clock = tmp_path / "audit", Clock()
    one, other = book(folder, clock), book(folder, clock)
    for each in (one, other, other, one):
        each.append("intent", {})
    clock.now += DAY
    for each in (other, one, other):
        each.append("intent", {})
    assert sound(folder).segments == 2
    assert one.place.n == 6
    assert other.place.n == 7


def test_a_writer_that_does_not_let_go_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logbook, "PATIENCE", 0.03)
    folder = tmp_path / "audit"
    made, warned = log(folder)
    made.append("intent", {})
    with (folder / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert made.append("intent", {}) is None
    assert len(warned) == 1
    assert "another writer" in warned[0]
    assert made.append("intent", {}) == 1
    sound(folder)


# Time


@pytest.mark.parametrize("jump", [-timedelta(hours=1), -DAY, -timedelta(days=400)])
def test_a_clock_that_goes_back_changes_no_order_and_deletes_nothing(
    written: Path, jump: timedelta
) -> None:
    clock = Clock(NOON + 3 * DAY + jump)
    made, warned = log(written, clock, days=0)
    made.append("intent", {})
    made.append("intent", {})
    assert sound(written).records == 22
    assert [each["seq"] for each in records(written)] == list(range(22))
    assert warned == []


def test_what_is_older_than_ninety_days_goes_and_the_rest_verifies(tmp_path: Path) -> None:
    folder, now = tmp_path / "audit", NOON + 200 * DAY
    for age in (120, 91, 90, 89):
        book(folder, Clock(now - age * DAY)).append("intent", {"age": age})
    published = sound(folder).last
    made, _ = log(folder, Clock(now))
    made.append("intent", {})
    assert [each.get("age") for each in records(folder)] == [90, 89, None, None]
    assert kinds(folder) == ["intent", "intent", "purged", "intent"]
    found = sound(folder, checkpoint=Checkpoint(published.n, published.head))
    assert (found.first.n, found.last.n) == (2, 6)
    old = verify(folder, KEYS, Checkpoint(1, "0" * 64)).problems
    assert [each.text for each in old] == ["the checkpoint is older than all records that are kept"]
    logbook.segments(folder)[0].file.unlink()
    assert "nothing says they were old" in verify(folder, KEYS).problems[0].text


def test_a_log_that_slept_for_long_keeps_its_head(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    for number in range(3):
        book(folder, Clock(NOON + number * DAY)).append("intent", {})
    late = NOON + 300 * DAY
    log(folder, Clock(late))[0].append("intent", {})
    assert kinds(folder) == ["purged", "intent"]
    assert sound(folder).first.n == 3
    late += 300 * DAY
    log(folder, Clock(late))[0].append("intent", {})
    assert sound(folder).first.n == 5


def test_a_purge_that_was_cut_off_is_finished_by_the_next(tmp_path: Path) -> None:
    folder, now = tmp_path / "audit", NOON + 10 * DAY
    for age in (9, 8, 7, 1):
        book(folder, Clock(now - age * DAY)).append("intent", {})
    kept = [each.file.read_bytes() for each in logbook.segments(folder)]
    names = [each.file for each in logbook.segments(folder)]
    assert book(folder, Clock(now)).purge((now - 5 * DAY).date()) == 3
    for name, data in list(zip(names, kept, strict=True))[1:3]:
        name.write_bytes(data)
    sound(folder)
    assert book(folder, Clock(now)).purge((now - 5 * DAY).date()) == 2
    assert sound(folder).first.n == 3


def test_the_newest_day_is_never_purged(written: Path) -> None:
    assert book(written, Clock(NOON + 3 * DAY)).purge(date(2999, 1, 1)) == 3
    assert sound(written).records == 6
    assert book(written, Clock(NOON + 2 * DAY)).purge(date(2999, 1, 1)) == 0


def test_nothing_is_purged_where_the_rest_would_begin_with_a_broken_record(written: Path) -> None:
    file = logbook.segments(written)[2].file
    file.write_bytes(b"x" + file.read_bytes()[1:])
    made, warned = log(written, Clock(NOON + 3 * DAY), days=1)
    made.append("intent", {})
    assert warned == []
    assert len(logbook.segments(written)) == 4
    made, _ = log(written, Clock(NOON + 4 * DAY), days=1)
    made.append("intent", {})
    assert sound(written).first.n == 15


# A log that is broken or cannot be written


def damage(folder: Path) -> str:
    file = logbook.segments(folder)[-1].file
    found = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(edited(found)))
    return file.name


def test_a_broken_log_is_left_and_a_new_file_says_so(written: Path) -> None:
    name = damage(written)
    before = (written / name).read_bytes()
    made, warned = log(written, Clock(NOON + 3 * DAY))
    assert made.append("intent", {}) == 21
    assert warned == ["the audit log is broken: it was changed; a new file was begun"]
    assert (written / name).read_bytes() == before
    (_, _, _, _, fresh) = logbook.segments(written)
    assert fresh.file.name == "audit-2026-09-03-1.jsonl"
    assert kinds(written)[-2:] == ["broken", "intent"]
    assert [each[:2] for each in verify(written, KEYS).problems] == [
        (name, 3), (fresh.file.name, 1),
    ]  # fmt: skip
    again, warned = log(written, Clock(NOON + 4 * DAY))
    assert again.append("intent", {}) == 22
    assert warned == []
    assert len(verify(written, KEYS).problems) == 2


@pytest.mark.parametrize("attack", ["gone", "shorter", "first"])
def test_a_log_that_breaks_under_its_writer(written: Path, attack: str) -> None:
    clock = Clock(NOON + 3 * DAY)
    made, warned = log(written, clock)
    made.append("intent", {})
    file = logbook.segments(written)[-1].file
    if attack == "gone":
        file.unlink()
    elif attack == "shorter":
        file.write_bytes(b"")
    else:
        file.write_bytes(b"x\n" * 30)
        made, warned = log(written, clock)
    number = made.append("intent", {})
    assert number is not None
    assert number > {"gone": 21, "shorter": 21, "first": 45}[attack]
    made.append("intent", {})
    assert len(warned) == 1
    assert kinds_of_last(written) == ["broken", "intent", "intent"]


def kinds_of_last(folder: Path) -> list[str]:
    found = logbook.segments(folder)[-1].file.read_bytes().splitlines()
    return [json.loads(line)["kind"] for line in found]


def test_a_key_that_was_taken_away_breaks_the_chain(written: Path) -> None:
    made, warned = log(written, Clock(NOON + 4 * DAY), keys=chain.NO_KEYS)
    made.append("intent", {})
    assert "which was not given" in warned[0]
    assert verify(written, KEYS).problems


def test_a_required_log_that_is_broken_stops_the_model(written: Path) -> None:
    damage(written)
    made, warned = log(written, Clock(NOON + 3 * DAY), required=True)
    with FakeEngine() as server:
        engine = Audited(OpenAI(server.url), made)
        health = engine.health(time.monotonic() + 5)
        assert not health.ok
        assert health.reason == "the audit log is broken: it was changed"
        assert "reviewer audit verify" in health.tip
        for _ in range(2):
            with pytest.raises(IntegrityError, match="is broken"):
                engine.complete(prompt())
        assert server.seen == []
    assert kinds(written)[-1] == "broken"
    assert warned == []


def unusable(folder: Path) -> dict[str, Callable[[], object]]:
    return {
        "file": lambda: folder.write_bytes(b""),
        "link": lambda: (folder.with_name("x").mkdir(0o700), folder.symlink_to("x")),
        "open": lambda: (folder.mkdir(), folder.chmod(0o777)),
        "read": lambda: (folder.mkdir(), folder.chmod(0o750)),
    }


@pytest.mark.parametrize("how", ["file", "link", "open", "read"])
@pytest.mark.parametrize("required", [True, False])
def test_a_folder_that_is_not_ours_alone(tmp_path: Path, how: str, required: bool) -> None:
    folder = tmp_path / "audit"
    unusable(folder)[how]()
    made, warned = log(folder, required=required)
    with FakeEngine() as server:
        engine = Audited(OpenAI(server.url), made)
        if required:
            with pytest.raises(IntegrityError, match="cannot be written"):
                engine.complete(prompt())
            assert server.seen == []
        else:
            assert engine.complete(prompt()).text == RIGHT
            assert len(warned) == 1
            assert "go on without a record" in warned[0]


@contextmanager
def full_at(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: what a full disk looks like."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_no_half_record(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    made, warned = log(folder)
    made.append("intent", {})
    size = logbook.segments(folder)[0].file.stat().st_size
    with full_at(size + 50), FakeEngine() as server:
        assert Audited(OpenAI(server.url), made).complete(prompt()).text == RIGHT
        assert logbook.segments(folder)[0].file.stat().st_size == size
        strict, _ = log(folder, required=True)
        with pytest.raises(IntegrityError):
            Audited(OpenAI(server.url), strict).complete(prompt())
        assert len(server.chats()) == 1
    assert len(warned) == 1
    assert made.append("intent", {}) == 1
    sound(folder)


def test_a_required_result_that_cannot_be_written_is_no_answer(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    made, _ = log(folder, required=True)
    with FakeEngine() as server:
        engine = Audited(OpenAI(server.url), made)
        server.faults.append(lambda handler: (folder.chmod(0o777), handler.stream(RIGHT)))
        with pytest.raises(IntegrityError, match="ours alone"):
            engine.complete(prompt())
    folder.chmod(0o700)
    assert kinds(folder) == ["intent"]


# The command

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    kept: dict[str, str] = {}
    monkeypatch.setattr(cli, "_listen", lambda: None)

    def run(*words: str, **env: str) -> tuple[int, str, str]:
        kept.update(env)
        for name, value in kept.items():
            monkeypatch.setenv(name, value)
        code = cli.main(words)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_verify_says_what_is_there_and_what_is_wrong(written: Path, command: Command) -> None:
    data, key = str(written.parent), KEYS.current.decode()
    code, out, err = command("audit", "verify", REVIEWER_DATA_DIR=data, REVIEWER_AUDIT_KEY=key)
    head = sound(written).last
    assert (code, err) == (0, "")
    assert out == f"{written}: 20 records in 4 files, under a key; it ends at 20:{head.head}\n"
    published = f"{head.n}:{head.head}"
    assert command("audit", "verify", "--checkpoint", published)[0] == 0
    file, found = lines(written)
    file.write_bytes(b"".join(edited(found)))
    code, out, err = command("audit", "verify", "--folder", str(written))
    assert (code, out.splitlines()[0]) == (4, f"{file.name}:3: it was changed")
    assert "tip: copy the folder" in err
    refused = command("audit", "purge", "--before", "2026-09-02", "--folder", str(written))
    assert refused[0] == 4
    assert len(logbook.segments(written)) == 4
    file.write_bytes(b"x\n" * 100)
    out = command("audit", "verify")[1]
    assert "and 80 more problems" in out


def test_purge_deletes_days(written: Path, command: Command) -> None:
    data, key = str(written.parent), KEYS.current.decode()
    env = {"REVIEWER_DATA_DIR": data, "REVIEWER_AUDIT_KEY": key}
    code, out, _ = command("audit", "purge", "--before", "2026-09-02", **env)
    assert (code, out) == (0, f"{written}: 2 files of days before 2026-09-02 deleted\n")
    assert sound(written).first.n == 10
    for words, tip in (
        (("--before", "soon"), "2026-08-31"),
        (("--days", str(10**9)), "fewer"),
    ):
        code, _, err = command("audit", "purge", *words)
        assert (code, tip in err) == (2, True)


def test_a_log_that_is_not_there(tmp_path: Path, command: Command) -> None:
    empty = tmp_path / "state" / "reviewer" / "audit"
    code, _, err = command("audit", "verify", XDG_STATE_HOME=str(tmp_path / "state"))
    assert (code, "tip: name its folder" in err) == (2, True)
    empty.mkdir(0o700, parents=True)
    code, _, err = command("audit", "verify")
    assert (code, f"no log in {empty}" in err) == (2, True)
    assert command("audit", "verify", "--checkpoint", f"3:{'0' * 64}")[0] == 4
    assert command("audit", "verify", "--checkpoint", "3")[0] == 2
    assert command("audit", "verify", REVIEWER_AUDIT_KEY="short")[0] == 2
    assert command("audit", "verify", REVIEWER_DATA_DIR="relative")[0] == 2
