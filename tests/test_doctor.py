import argparse
import json
import os
import subprocess
from pathlib import Path

import pytest

from reviewer import doctor
from reviewer.commands import _doctor_options
from reviewer.commands import doctor as command
from reviewer.doctor import Card, Line, State
from reviewer.engines.base import Health
from reviewer.model import Outcome, ToolRun
from tests.fakes.engine import FakeEngine
from tests.support.gitrepo import git
from tests.support.hub import hub

pytestmark = pytest.mark.slow

GIB = 1 << 30
CARD = Card("NVIDIA L4", "580.65.06", 23034, 22000)


@pytest.mark.parametrize(
    ("line", "state", "found"),
    [
        (doctor.git("git version 2.39.5\n"), State.OK, "2.39.5"),
        (doctor.git("git version 2.30.9 (Apple)"), State.FAILED, "git 2.30 is too old"),
        (doctor.git(""), State.FAILED, "git is not installed"),
        (doctor.history(checkout=True, shallow=False), State.OK, "whole"),
        (doctor.history(checkout=True, shallow=True), State.WARNING, "shallow"),
        (doctor.history(checkout=False, shallow=False), State.WARNING, "no checkout"),
        (doctor.disk("/tmp", 40 * GIB), State.OK, "40.0 GiB free in /tmp"),
        (doctor.disk("/tmp", GIB // 2), State.WARNING, "0.5 GiB"),
        (doctor.disk("/tmp", 1000), State.FAILED, "0.0 GiB"),
        (doctor.analyzer(ToolRun("ruff", Outcome.OK, "0.17.6")), State.OK, "0.17.6"),
        (doctor.analyzer(ToolRun("x", Outcome.OK, "1", reason="half")), State.WARNING, "1: half"),
        (doctor.analyzer(ToolRun("x", Outcome.SKIPPED, reason="gone")), State.WARNING, "gone"),
        (doctor.analyzer(ToolRun("x", Outcome.FAILED, reason="broke")), State.FAILED, "broke"),
        (doctor.analyzer(ToolRun("x", Outcome.SKIPPED, concerned=False)), State.OK, "ready"),
        (doctor.container(inside=True, programs=()), State.OK, "this is one"),
        (doctor.container(inside=False, programs=("podman",)), State.OK, "podman can run one"),
        (doctor.container(inside=False, programs=()), State.WARNING, "neither docker"),
        (doctor.token(given=False), State.WARNING, "no GITHUB_TOKEN"),
        (doctor.token(given=True, problem="401"), State.FAILED, "401"),
        (doctor.token(given=True, push=True), State.OK, "reads and writes"),
        (doctor.token(given=True), State.OK, "it reads the repository"),
        (doctor.packages([("torch", "2.11.0")]), State.OK, "torch 2.11.0"),
        (doctor.packages([("a", "1"), ("b", "")]), State.WARNING, "missing: b"),
        (doctor.weights("/m", 0, manifest=True, cards=()), State.FAILED, "no weights in /m"),
        (doctor.weights("/m", GIB, manifest=False, cards=()), State.FAILED, "nobody vouches"),
        (doctor.weights("/m", GIB, manifest=True, cards=(CARD,)), State.OK, "1.0 GiB in /m"),
        (doctor.weights("/m", 40 * GIB, manifest=True, cards=(CARD,)), State.FAILED, "more than"),
        (doctor.model("off", "http://x", ""), State.OK, "switched off by engine.mode"),
        (doctor.model("auto", "", ""), State.OK, "are not set: reviews are static"),
        (doctor.model("auto", "unix:///s", "/m"), State.OK, "unix:///s, else engine.model-dir /m"),
        (doctor.data("/data", "", required=True), State.OK, "/data"),
        (doctor.data("/data", "no room", required=False), State.WARNING, "not kept: no room"),
        (doctor.data("/data", "no room", required=True), State.FAILED, "not kept: no room"),
        (doctor.engine(Health(ok=True, model="m", seconds=1.25)), State.OK, "m found the planted"),
        (doctor.engine(Health(ok=False, reason="why", tip="do")), State.FAILED, "why"),
    ],
)
def test_a_fact_and_its_line(line: Line, state: State, found: str) -> None:
    assert line.state is state
    assert found in line.found
    assert bool(line.cure) == (state is not State.OK)


def test_cards_are_read_from_what_nvidia_smi_prints() -> None:
    printed = "NVIDIA H100 80GB HBM3, 580.65.06, 81559, 81000\nOdd, 1\nX, 9, [N/A], 3\n\n"
    assert doctor.parse_cards(printed) == (
        Card("NVIDIA H100 80GB HBM3", "580.65.06", 81559, 81000),
    )


@pytest.mark.parametrize(
    ("cards", "states"),
    [
        ((), [State.WARNING]),
        ((CARD,), [State.OK, State.OK]),
        ((Card("Old", "535.1", 24000, 23000),), [State.FAILED, State.OK]),
        ((Card("Small", "580.1", 6000, 5000),), [State.OK, State.WARNING]),
    ],
)
def test_a_card_needs_a_driver_and_room(cards: tuple[Card, ...], states: list[State]) -> None:
    assert [line.state for line in doctor.graphics(cards)] == states


def test_the_worst_line_decides() -> None:
    lines = [doctor.ok("a", ""), doctor.failed("b", "", ""), doctor.warning("c", "", "")]
    assert doctor.worst(lines) is State.FAILED
    assert doctor.worst([]) is State.OK


Out = pytest.CaptureFixture[bytes]


def run(words: list[str], environ: dict[str, str], capsysbinary: Out) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    _doctor_options.add(parser.add_subparsers())
    code = command.main(parser.parse_args(["doctor", *words]), environ)
    return code, capsysbinary.readouterr().out.decode()


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with a card, by its nvidia-smi."""
    folder = tmp_path / "bin"
    folder.mkdir()
    smi = folder / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho 'NVIDIA L4, 580.65.06, 23034, 22000'\n")
    smi.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "CI": "true"}


def test_a_whole_check_up(machine: dict[str, str], tmp_path: Path, capsysbinary: Out) -> None:
    place = tmp_path / "repo"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    git(place, "commit", "-q", "--allow-empty", "-m", "one")
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"x" * 1000)
    with FakeEngine() as engine:
        words = ["--repo", str(place), "--json", "--url", engine.url, "--model-dir", str(weights)]
        code, printed = run(words, machine, capsysbinary)
    told = json.loads(printed)
    checks = {each["name"]: each for each in told["checks"]}
    assert (code, told["state"]) == (2, "failed"), "nobody vouches for the weights"
    assert checks["weights"]["cure"].startswith("write its manifest: reviewer weights lock")
    assert [n for n, each in checks.items() if each["state"] == "failed"] == ["weights"]
    assert checks["engine"]["found"].startswith("good-coder found the planted bug")
    assert checks["graphics card"]["found"] == "NVIDIA L4: 21.5 of 22.5 GiB free"
    assert checks["driver"]["found"] == "580.65.06"
    assert checks["history"]["state"] == "ok"
    for tool in ("ruff", "bandit", "shellcheck", "hadolint", "oxlint", "zizmor", "secrets"):
        assert checks[f"analyzer {tool}"]["state"] == "ok", checks[f"analyzer {tool}"]
        assert checks[f"analyzer {tool}"]["found"][0].isdigit()


def test_a_shallow_clone_a_bad_setting_and_a_dead_engine(tmp_path: Path, capsysbinary: Out) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-q", "-b", "main")
    (origin / ".github").mkdir()
    (origin / ".github" / "reviewer.yml").write_text("gaet: {}\n")
    git(origin, "add", ".")
    for _ in range(2):
        git(origin, "commit", "-q", "--allow-empty", "-m", "one")
    place = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", f"file://{origin}", str(place)], check=True
    )
    environ = {"PATH": os.environ["PATH"], "CI": "true"}
    words = ["--repo", str(place), "--url", "http://localhost:1"]
    code, printed = run(words, environ, capsysbinary)
    assert code == 2
    text = " ".join(printed.split())
    assert "→ git fetch --unshallow, or fetch-depth: 0" in text
    assert "failed settings" in text
    assert "gaet" in text
    assert "failed engine" in text
    assert "→ write 127.0.0.1" in text


def test_the_engine_of_the_settings_is_tried(
    machine: dict[str, str], tmp_path: Path, capsysbinary: Out
) -> None:
    place, kept = tmp_path / "repo", tmp_path / "data"
    (place / ".github").mkdir(parents=True)
    (kept / "audit").mkdir(parents=True)
    (kept / "audit").chmod(0o755)
    git(place, "init", "-q", "-b", "main")
    with FakeEngine() as engine:
        written = f"engine: {{url: '{engine.url}'}}\nmodel: {{audit: required}}\n"
        (place / ".github" / "reviewer.yml").write_text(written)
        git(place, "add", ".")
        git(place, "commit", "-q", "-m", "one")
        environ = {**machine, "REVIEWER_DATA_DIR": str(kept)}
        code, printed = run(["--repo", str(place), "--json"], environ, capsysbinary)
        (kept / "audit").chmod(0o700)
        again, later = run(["--repo", str(place), "--json"], environ, capsysbinary)
    checks = {each["name"]: each for each in json.loads(printed)["checks"]}
    assert checks["model"]["found"] == f"auto: engine.url {engine.url}"
    assert checks["engine"]["found"].startswith("good-coder found the planted bug")
    assert (code, checks["data folder"]["state"]) == (2, "failed")
    assert "not ours alone" in checks["data folder"]["found"]
    checks = {each["name"]: each for each in json.loads(later)["checks"]}
    assert (again, checks["data folder"]["found"]) == (0, str(kept))
    assert not (kept / "answers").exists()


def test_an_analyzer_that_is_gone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Out
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for name in ("git", "python3"):
        (empty / name).symlink_to(subprocess.check_output(["which", name], text=True).strip())
    monkeypatch.setattr(command.parts, "search_path", lambda *_: [empty])
    code, printed = run(["--repo", str(tmp_path), "--json"], {"CI": "true"}, capsysbinary)
    checks = {each["name"]: each for each in json.loads(printed)["checks"]}
    assert checks["analyzer hadolint"]["state"] == "warning"
    assert checks["analyzer hadolint"]["found"] == "hadolint is not installed"
    assert "analyzers.disable: [hadolint]" in checks["analyzer hadolint"]["cure"]
    assert checks["graphics card"]["found"] == "no NVIDIA card is in sight"
    assert code == 0


@pytest.mark.parametrize(
    ("change", "state", "found"),
    [
        ({}, "ok", "repository"),
        ({"GITHUB_TOKEN": "ghs_0000000000000000000000000000000000bad"}, "failed", "401"),
        ({"GITHUB_REPOSITORY": ""}, "warning", "not tried"),
        ({"GITHUB_API_URL": "http://127.0.0.1:1"}, "failed", ""),
    ],
)
def test_a_token_is_tried_by_one_read(
    change: dict[str, str], state: str, found: str, tmp_path: Path
) -> None:
    with hub(tmp_path / "hub") as github:
        environ = {**github.fake.environ(), **change}
        line = command._token(environ)
        assert (line.state.value, found in line.found) == (state, True), line
        assert environ["GITHUB_TOKEN"] not in line.found
