import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reviewer.engines import _launcher, _queue
from reviewer.engines._openai import OpenAI
from reviewer.engines._queue import Ticket
from reviewer.engines.base import Completion, Message, Prompt
from reviewer.engines.managed import Managed
from reviewer.errors import EngineDown, EngineRefused

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parent / "support" / "engine_program.py"
HOLDER = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
QUESTION = (Message("user", "well?"),)


def within(seconds: float) -> float:
    return time.monotonic() + seconds


def ask(engine: Managed, seconds: float = 5.0) -> Completion:
    return engine.complete(Prompt(QUESTION, 100, within(seconds)))


@pytest.fixture
def managed(tmp_path: Path) -> Iterator[Managed]:
    (tmp_path / "weights").mkdir()
    engine = Managed(
        model_dir=tmp_path / "weights",
        folder=tmp_path / "engine",
        load_seconds=8,
        queue_seconds=2,
        options=("--count", str(tmp_path / "starts")),
        environ={"PATH": os.environ["PATH"], "INPUT_TOKEN": "secret"},
        command=(sys.executable, str(PROGRAM)),
        devices=("/dev/null",),
    )
    yield engine
    engine.close()


def mode(engine: Managed, name: str, *more: str) -> Managed:
    return replace(engine, options=(*engine.options, "--mode", name, *more))


def starts(engine: Managed) -> list[int]:
    file = engine.folder.parent / "starts"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def gone(pid: int, seconds: float = 5.0) -> bool:
    end = within(seconds)
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_it_starts_is_well_answers_and_ends(managed: Managed) -> None:
    health = managed.health(within(8))
    assert (health.ok, health.reason, health.capabilities.dialect) == (True, "", "reviewer")
    assert ask(managed).text
    (pid,) = starts(managed)
    environ = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"secret" not in environ
    managed.close()
    assert gone(pid)
    assert not list(managed.folder.glob("*.ticket"))
    assert not list(managed.folder.glob("*.lease"))


def test_it_may_be_used_again_after_its_end(managed: Managed) -> None:
    assert managed.health(within(8)).ok
    managed.close()
    assert managed.health(within(8)).ok
    assert len(starts(managed)) == 2


def test_a_slow_load_is_waited_for(managed: Managed) -> None:
    engine = mode(managed, "well", "--load", "0.6")
    health = engine.health(within(8))
    assert health.ok
    assert health.seconds > 0.6
    engine.close()


def test_a_healthy_server_of_another_review_is_used(managed: Managed) -> None:
    assert managed.health(within(8)).ok
    second = replace(managed)
    assert second.health(within(8)).ok
    assert len(starts(managed)) == 1
    second.close()
    assert managed.health(within(8)).ok, "closing a guest does not close the house"


def test_when_the_host_goes_the_guest_starts_its_own(managed: Managed) -> None:
    assert managed.health(within(8)).ok
    guest = replace(managed)
    assert guest.health(within(8)).ok
    managed.close()
    assert ask(guest).text
    assert len(starts(managed)) == 2
    guest.close()


def test_two_at_once_share_one_server(managed: Managed) -> None:
    engine = mode(managed, "well", "--load", "0.3")
    both = [engine, replace(engine)]
    found = []
    threads = [
        threading.Thread(target=lambda e=each: found.append(e.health(within(8)).ok))
        for each in both
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True, True]
    assert len(starts(managed)) == 1
    for each in both:
        each.close()


def test_another_model_waits_for_its_turn_and_gets_it(managed: Managed, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    assert managed.health(within(8)).ok
    other = replace(managed, model_dir=tmp_path / "others")
    late = other.health(within(0.4))
    assert not late.ok
    assert "other reviews use the graphics card" in late.reason
    threading.Timer(0.3, managed.close).start()
    assert other.health(within(8)).ok
    other.close()


def test_it_dies_with_us(managed: Managed, tmp_path: Path) -> None:
    """A job that is killed without a word leaves no server behind."""
    script = tmp_path / "job.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from reviewer.engines.managed import Managed\n"
        f"engine = Managed(Path({str(managed.model_dir)!r}), Path({str(managed.folder)!r}),\n"
        f"    options={managed.options!r}, command={managed.command!r}, devices=('/dev/null',),\n"
        f"    environ={{'PATH': {os.environ['PATH']!r}}})\n"
        "print(engine.health(time.monotonic() + 8).ok, flush=True)\n"
        "time.sleep(60)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=env) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == b"True\n"
        job.kill()
    (pid,) = starts(managed)
    assert gone(pid)
    assert managed.health(within(8)).ok, "the ticket of the dead is thrown away"


def test_many_threads_survive_one_death(managed: Managed) -> None:
    engine = mode(managed, "dies once")
    assert engine.health(within(8)).ok
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(engine, 8).text)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert len(starts(managed)) == 2
    engine.close()


def test_tickets_come_in_order_and_those_of_the_dead_do_not_count(tmp_path: Path) -> None:
    folder = _queue.private(tmp_path / "q")
    first, second, third = (Ticket.draw(folder, within(1)) for _ in range(3))
    assert [each.first(within(1)) for each in (first, second, third)] == [True, False, False]
    second.give_back()
    os.close(first.descriptor)  # as the system does for a process that was killed
    assert third.first(within(1))
    assert Ticket.draw(folder, within(1)).number == 4
    third.give_back()


def test_a_door_that_is_held_costs_no_more_than_the_deadline(tmp_path: Path) -> None:
    folder = _queue.private(tmp_path / "q")
    with _queue._door(folder, within(1)):
        started = time.monotonic()
        with pytest.raises(EngineDown, match="does not move"):
            Ticket.draw(folder, within(0.2))
        assert time.monotonic() - started < 1


def test_a_folder_that_others_can_enter_is_not_used(managed: Managed, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    health = replace(managed, folder=shared).health(within(5))
    assert not health.ok
    assert "not ours alone" in health.reason
    link = tmp_path / "link"
    link.symlink_to(_queue.private(tmp_path / "real"))
    with pytest.raises(EngineRefused):
        _queue.private(link)
    assert not starts(managed)


@pytest.mark.parametrize(
    "told",
    ["", "{", "[]", "{}", '{"port": 0, "token_file": "T"}', '{"port": "x", "token_file": "T"}',
     '{"port": 80, "token_file": "/nowhere"}', '{"token_file": "T"}', "\ud800"],
)  # fmt: skip
def test_an_announcement_that_says_nothing_is_no_server(told: str, tmp_path: Path) -> None:
    file, token = tmp_path / "a.json", tmp_path / "t"
    token.write_text("x")
    file.write_bytes(told.replace('"T"', f'"{token}"').encode("utf-8", "surrogatepass"))
    assert _launcher.found(file) is None, "nobody holds its lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        holder.stdout.readline()
        assert _launcher.found(file) is None
        holder.kill()


def test_an_announcement_elsewhere_is_not_followed(managed: Managed) -> None:
    """Even in our own folder, a host that is not this machine gets no byte."""
    assert not managed._well(replace(_client(), url="http://192.0.2.1:80"))


def _client() -> OpenAI:
    return OpenAI("http://127.0.0.1:1")


def test_a_stopped_server_is_killed_when_it_is_time(managed: Managed) -> None:
    assert managed.health(within(8)).ok
    (pid,) = starts(managed)
    os.kill(pid, signal.SIGSTOP)
    managed.close()
    assert gone(pid, 1)
