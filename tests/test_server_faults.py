"""The engine dies, hangs, floods and lies: what the client is told, and how the server goes on."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reviewer.server.settings import WORKER
from tests.support import models, serving
from tests.support.serving import Reply, broken, gone, starts

pytestmark = pytest.mark.slow


ENVIRON = {"PYTHONPATH": str(serving.TOP)}

KINDS = {
    "crash": "crash", "exit": "crash", "oom-twice": "oom", "garbage": "protocol",
    "truncated": "crash", "huge": "protocol", "flooding": "protocol", "ghost": "protocol",
    "hang": "hang", "grow-vram": "memory",
}  # fmt: skip


@pytest.mark.parametrize(("mode", "kind"), KINDS.items())
def test_an_engine_that_dies_is_started_again(tmp_path: Path, mode: str, kind: str) -> None:
    with broken(tmp_path, mode, once=True) as it:
        it.ready()
        reply = it.chat(max_tokens=3000)
        assert (reply.status, reply.code) == (503, "engine_restarted")
        assert reply.headers["Retry-After"]
        assert it.ready().chat(max_tokens=50).status == 200, "one retry is enough"
        assert it.health()["restarts"] == 1
        assert [line["kind"] for line in it.lines if line["event"] == "worker ended"] == [kind]
        assert it.metric(f'restarts_total{{reason="{kind}"}}') == 1
        (first, _), (second, _) = starts(it)
        assert gone(first)
        assert not gone(second)
    assert gone(second)


def test_a_stream_that_breaks_off_says_so(tmp_path: Path) -> None:
    with broken(tmp_path, "crash", once=True) as it:
        reply = it.ready().chat(max_tokens=50, stream=True)
    events = [part for part in reply.data.decode().split("\n\n") if part]
    assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "engine_restarted"
    assert "data: [DONE]" not in events


def test_a_request_that_kills_the_engine_twice_is_put_aside(tmp_path: Path) -> None:
    poison = json.loads((models.TOKENIZERS / "chatml" / "tokenizer.json").read_text())
    token = poison["model"]["vocab"]["~"]
    with broken(tmp_path, "crash", poison=token) as it:
        healthy: list[Reply] = []
        for _ in range(2):
            it.ready()
            beside = threading.Thread(
                target=lambda: healthy.append(it.chat("friend", max_tokens=2000))
            )
            beside.start()
            it.wait(lambda: it.health()["active"] == 1)
            assert it.chat("bad ~ one", max_tokens=50).code == "engine_restarted"
            beside.join()
        it.ready()
        reply = it.chat("bad ~ one", max_tokens=50)
        assert (reply.status, reply.code) == (422, "quarantined")
        assert len(starts(it)) == 3
        assert {each.code for each in healthy} == {"engine_restarted"}
        assert it.chat("another friend", max_tokens=50).status == 200


def test_an_engine_that_keeps_dying_is_given_up(tmp_path: Path) -> None:
    with broken(tmp_path, "crash") as it:
        for number in range(4):
            it.ready()
            assert it.chat(f"{number}", max_tokens=50).code == "engine_restarted"
        it.wait(lambda: it.health()["state"] == "failed")
        assert len(starts(it)) == 4
        reply = it.chat("5")
        assert (reply.status, reply.code) == (503, "engine_failed")
        assert "Retry-After" not in reply.headers
        assert "status -9" in it.health()["reason"]
        assert it.ask("/health/live").status == 200
        assert it.ask("/health").status == 503
        assert it.ask("/admin/drain", b"").status == 202
        it.wait(lambda: it.status is not None)
        assert it.status == 3


def test_health_turns_red_before_the_watchdog_acts(tmp_path: Path) -> None:
    with broken(tmp_path, "hang", once=True) as it:
        it.ready()
        asking = threading.Thread(target=it.chat, kwargs={"max_tokens": 50})
        asking.start()
        it.wait(lambda: it.ask("/health").status == 503)
        facts = it.health()
        assert facts["state"] == "ready"
        assert "has not moved" in facts["reason"]
        asking.join()
        it.ready()
        assert it.metric("watchdog_kills_total") == 1


def test_a_request_out_of_memory_fails_alone(tmp_path: Path) -> None:
    token = json.loads((models.TOKENIZERS / "chatml" / "tokenizer.json").read_text())
    with broken(tmp_path, "oom", poison=token["model"]["vocab"]["~"]) as it:
        it.ready()
        reply = it.chat("~", max_tokens=50)
        assert (reply.status, reply.code) == (503, "out_of_memory")
        assert it.chat("x", max_tokens=50).status == 200
        assert it.metric("oom_total") == 1
        assert it.chat("y", max_tokens=50).status == 200
        assert it.health()["restarts"] == 0


def test_an_answer_that_leaves_its_grammar_is_none(tmp_path: Path) -> None:
    with broken(tmp_path, "constraint") as it:
        reply = it.ready().chat(max_tokens=50)
        assert (reply.status, reply.code) == (500, "constraint_failed")
        assert it.metric("constrained_errors_total") == 1


def test_an_answer_in_circles_is_cut(tmp_path: Path) -> None:
    with broken(tmp_path, "well", text="again and " * 4000, step=100) as it:
        reply = it.ready().chat(max_tokens=390)
        assert reply.json["choices"][0]["finish_reason"] == "length"
        assert reply.json["usage"]["completion_tokens"] < 100
        it.wait(lambda: it.health()["active"] == 0)


def test_what_was_cancelled_must_stop(tmp_path: Path) -> None:
    with broken(tmp_path, "deaf", token_seconds=0.01) as it:
        it.ready()
        reply = it.chat(max_tokens=3000, headers={"X-Request-Timeout": "0.3"})
        assert reply.code == "deadline_exceeded"
        assert it.health()["active"] == 1, "its pages are taken until the engine lets go"
        it.wait(lambda: len(starts(it)) == 2)
        it.ready()
        assert it.health()["active"] == 0


def test_a_request_that_the_engine_forgot_ends_at_its_deadline(tmp_path: Path) -> None:
    with broken(tmp_path, "mute", once=True) as it:
        it.ready()
        reply = it.chat(max_tokens=50, headers={"X-Request-Timeout": "0.3"})
        assert reply.code == "deadline_exceeded"
        it.wait(lambda: len(starts(it)) == 2)
        assert it.ready().chat(max_tokens=5).status == 200


LOADING = {
    "load-crash": "status -11", "load-refused": "flash-attn is not here",
    "load-oom": "no room for the weights", "load-hang": "no sign of life",
}  # fmt: skip


@pytest.mark.parametrize(("mode", "why"), LOADING.items())
def test_an_engine_that_does_not_start_ends_the_server(tmp_path: Path, mode: str, why: str) -> None:
    patience = replace(serving.HASTY, start=0.3, restarts=(0.01, 0.01))
    with broken(tmp_path, mode, patience=patience) as it:
        it.wait(lambda: it.status is not None)
    assert it.status == 3
    (line,) = [line for line in it.lines if line["event"] == "failed"]
    assert why in line["reason"]
    tries = 1 if mode == "load-refused" else 3
    assert len(starts(it)) == tries, "what a restart does not mend is not tried again"
    assert all(gone(pid) for pid, _ in starts(it))
    assert not it.settings.state.exists()
    assert not it.settings.token_file.exists()


def test_without_room_it_is_tried_with_less(tmp_path: Path) -> None:
    with broken(tmp_path, "load-oom", once=True) as it:
        assert it.ready().chat(max_tokens=2).status == 200
        assert [tokens for _, tokens in starts(it)] == [16384, 8192]


def test_while_it_loads_one_is_asked_to_come_back(tmp_path: Path) -> None:
    with broken(tmp_path, "well", load_seconds=0.6) as it:
        it.wait(lambda: it.health()["state"] == "loading")
        reply = it.chat(max_tokens=1)
        assert (reply.status, reply.code) == (503, "engine_loading")
        assert int(reply.headers["Retry-After"]) >= 1
        assert it.ask("/tokenize", {"prompt": "x"}).code == "engine_loading"
        assert it.ask("/health").status == 503
        assert it.ask("/health/live").status == 200
        it.ready()


def test_after_a_crash_one_is_told_how_long_loading_takes(tmp_path: Path) -> None:
    with broken(tmp_path, "crash", once=True, load_seconds=1.2) as it:
        it.wait(lambda: it.health()["state"] == "loading")
        assert it.chat().headers["Retry-After"] == "10", "nobody knows yet"
        assert it.ready().chat(max_tokens=50).code == "engine_restarted"
        it.wait(lambda: it.health()["state"] == "loading")
        assert it.chat().headers["Retry-After"] == "2"


def flip(folder: Path) -> None:
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)


DAMAGED = {
    "flipped": (flip, "SHA-256"),
    "truncated": (lambda f: os.truncate(f / "model.safetensors", 100), "100 bytes instead of"),
    "pickle": (lambda f: (f / "adapter_model.bin").write_bytes(b"x"), "may run code"),
    "missing": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing"),
    "unlocked": (lambda f: (f / "models.lock").unlink(), "cannot read"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGED.values(), ids=DAMAGED)
def test_weights_that_are_not_right_are_never_opened(tmp_path: Path, damage: Any, why: str) -> None:
    damage(models.model(tmp_path / "m"))
    with broken(tmp_path, "well") as it:
        it.wait(lambda: it.status is not None)
    assert it.status == 3
    assert starts(it) == [], "the engine was not started"
    (line,) = [line for line in it.lines if line["event"] == "failed"]
    assert why in line["reason"]


def test_one_engine_at_a_time_on_a_gpu(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    lock = tmp_path / "gpu.lock"
    with broken(one, "well", gpu_lock=lock) as first:
        first.ready()
        with broken(two, "well", gpu_lock=lock, gpu_wait=0.3) as second:
            second.wait(lambda: second.status is not None)
            assert second.status == 3
            assert starts(second) == []
            assert "gpu-busy" in second.lines[-1]["reason"]
        os.kill(starts(first)[0][0], signal.SIGKILL)
        first.ready()
        with broken(two, "well", gpu_lock=lock, gpu_wait=20) as second:
            second.wait(lambda: second.health()["state"] == "starting")
            time.sleep(0.3)
            assert starts(second) == []
            first.ask("/admin/drain", b"")
            second.ready()


def test_a_drained_server_answers_what_it_has_and_ends(tmp_path: Path) -> None:
    with broken(tmp_path, "well", token_seconds=0.02) as it:
        it.ready()
        replies: list[Reply] = []
        asking = [
            threading.Thread(target=lambda: replies.append(it.chat(max_tokens=30)))
            for _ in range(4)
        ]
        for thread in asking:
            thread.start()
        it.wait(lambda: it.health()["active"] == 4)
        assert it.ask("/admin/drain", b"").status == 202
        refused = it.chat(max_tokens=1)
        assert (refused.status, refused.code) == (503, "engine_draining")
        assert refused.headers["Retry-After"]
        for thread in asking:
            thread.join()
        assert [reply.status for reply in replies] == [200] * 4
        it.wait(lambda: it.status is not None)
    assert it.status == 0
    assert gone(starts(it)[0][0])


def test_it_ends_with_its_owner(tmp_path: Path) -> None:
    lease = tmp_path / "lease"
    with lease.open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        with broken(tmp_path, "hang", lease=lease) as it:
            it.ready()
            asking = threading.Thread(target=it.chat, kwargs={"max_tokens": 50})
            asking.start()
            it.wait(lambda: it.health()["active"] == 1)
            owner.close()
            it.wait(lambda: it.status is not None)
            asking.join()
    assert gone(starts(it)[0][0])
    assert not it.settings.state.exists()


def test_the_real_worker_says_what_it_lacks(tmp_path: Path) -> None:
    """On a machine without torch; where torch is, it lacks flash-attn or a GPU."""
    made = serving.settings(tmp_path, worker=WORKER, worker_log=tmp_path / "log")
    made = replace(made, patience=replace(serving.HASTY, start=60.0, load=60.0))
    with serving.server(made) as it:
        it.wait(lambda: it.status is not None, 60)
    assert it.status == 3
    (line,) = [line for line in it.lines if line["event"] == "failed"]
    assert "cannot import" in line["reason"] or "no-gpu" in line["reason"]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_the_real_worker_ends_with_the_front() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        words = [*WORKER, str(theirs.fileno())]
        started = subprocess.Popen(words, pass_fds=[theirs.fileno()], env=ENVIRON, cwd="/")
        theirs.close()
        ours.close()
        assert started.wait(20) != 0
