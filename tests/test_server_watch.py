"""An engine that grows or hangs is replaced, and what died leaves a report."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import models, serving
from tests.support.serving import Reply, broken, starts

pytestmark = pytest.mark.slow


def test_an_engine_that_grows_is_replaced(tmp_path: Path) -> None:
    with broken(tmp_path, "grow", once=True, worker_bytes=150 << 20) as it:
        it.ready()
        reply = it.chat(max_tokens=4000, timeout=30, headers={"X-Request-Timeout": "25"})
        assert reply.code == "engine_restarted"
        it.ready()
        assert it.metric('restarts_total{reason="memory"}') == 1


def test_an_engine_that_takes_more_of_the_gpu_than_it_planned_is_replaced(tmp_path: Path) -> None:
    """What runs is answered first, and nothing new is begun."""
    patience = replace(serving.HASTY, retire=30.0)
    with broken(tmp_path, "grow-vram", once=True, token_seconds=0.01, patience=patience) as it:
        it.ready()
        replies: list[Reply] = []
        asking = threading.Thread(target=lambda: replies.append(it.chat(max_tokens=250)))
        asking.start()
        it.wait(lambda: it.health()["state"] == "degraded")
        assert "more of the GPU's memory than it planned" in it.health()["reason"]
        refused = it.chat(max_tokens=1)
        assert (refused.status, refused.code) == (503, "engine_degraded")
        assert refused.headers["Retry-After"]
        assert it.metric('vram_bytes{kind="reserved"}') > it.metric('vram_bytes{kind="planned"}')
        asking.join()
        assert [reply.status for reply in replies] == [200]
        it.ready()
        assert it.metric('restarts_total{reason="memory"}') == 1
        assert it.chat(max_tokens=5).status == 200
        assert len(starts(it)) == 2


def test_the_watchdog_knows_the_pace_of_the_engine(tmp_path: Path) -> None:
    """One that always answered at once is not given the time of one that nobody knows."""
    tilde = json.loads((models.TOKENIZERS / "chatml" / "tokenizer.json").read_text())
    poison = tilde["model"]["vocab"]["~"]
    patience = replace(serving.HASTY, beat=30.0, least=0.4)
    with broken(tmp_path, "hang", once=True, poison=poison, patience=patience) as it:
        it.ready()
        for number in range(25):
            assert it.chat(f"{number}", max_tokens=1).status == 200
        began = time.monotonic()
        assert it.chat("~", max_tokens=50, timeout=20).code == "engine_restarted"
        assert time.monotonic() - began < 10
        it.ready()
        (line,) = [line for line in it.lines if line["event"] == "worker ended"]
        assert "no sign of life for 0.4 seconds" in line["reason"]


def test_a_death_leaves_a_report_without_text(tmp_path: Path) -> None:
    words = "loading\nCUDA error: \x1b[31man illegal memory access\n"
    with broken(tmp_path, "crash", once=True, words=words) as it:
        it.ready()
        assert it.chat("CANARY-IN", max_tokens=50).code == "engine_restarted"
        it.ready()
        (line,) = [line for line in it.lines if line["event"] == "crash report"]
        place = Path(line["place"])
        assert place.stat().st_mode & 0o777 == 0o600
        report = json.loads(place.read_text())
        assert (report["kind"], report["status"]) == ("crash", -9)
        assert report["output"] == ["loading", "CUDA error: ⟦U+001B⟧[31man illegal memory access"]
        assert report["turns"][-1]["active"] == 1
        assert "CANARY-IN" not in place.read_text()


def test_reports_are_few_and_small(tmp_path: Path) -> None:
    words, loud = "a line of some length\n", 50_000
    patience = replace(serving.HASTY, restarts=(0.01,) * 4)
    log = tmp_path / "worker.log"
    made = serving.settings(
        tmp_path, {"mode": "load-crash", "words": words, "loud": loud},
        patience=patience, worker_log=log,
    )  # fmt: skip
    with serving.server(made) as it:
        it.wait(lambda: it.status is not None, 20)
    found = sorted(place.name for place in tmp_path.glob("state.json.crash*"))
    assert found == ["state.json.crash", "state.json.crash.1", "state.json.crash.2"]
    assert all((tmp_path / name).stat().st_size < 64_000 for name in found)
    assert log.stat().st_size == len(words) * loud
    assert log.stat().st_mode & 0o777 == 0o600
