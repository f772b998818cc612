"""gpu/run.sh with a `docker` that writes down how it is called and answers as it is told."""

import itertools
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from reviewer.outputs import KEYS
from tests.support.room import BIN

SCRIPT = Path(__file__).parents[1] / "gpu" / "run.sh"

DOCKER = """\
#!/bin/bash
calls=$(ls "$STUB" | grep -c '^call')
printf '%s\\0' "$@" > "$STUB/call-$calls"
if [ "$1" = build ]; then echo sha256:built; exit 0; fi
for word; do case "$word" in
  *:/out) out=${word%:/out} ;;
  *:/step) step=${word%:/step} ;;
esac; done
codes=($CODES)
code=${codes[$calls]:-0}
if [ "$code" != 125 ]; then eval "$LEAVES"; fi
exit "$code"
"""

LEFT = """
printf 'verdict<<x\\npassed\\nx\\nreport-json<<y\\n/out/report.json\\ny\\n' > "$step/outputs"
echo '# fine' > "$step/summary"
"""


@dataclass(frozen=True)
class Ran:
    code: int
    printed: str
    calls: list[list[str]]
    outputs: str
    summary: str
    folder: Path

    def values(self, option: str, call: int = 0) -> list[str]:
        """What follows each `option` in a call."""
        words = self.calls[call]
        return [after for word, after in itertools.pairwise(words) if word == option]


def run(
    tmp_path: Path,
    codes: Sequence[int] = (),
    *,
    leaves: str = LEFT,
    image: str = "image@sha256:1",
    **environ: str,
) -> Ran:
    """Start the script as the runner starts the step of a composite action."""
    for name in ("bin", "stub", "temp", "workspace", "action/gpu"):
        (tmp_path / name).mkdir(parents=True)
    stub = tmp_path / "bin" / "docker"
    stub.write_text(DOCKER)
    stub.chmod(0o755)
    for name in ("event.json", "outputs", "summary", "env", "path"):
        (tmp_path / name).write_text("{}" if name == "event.json" else "")
    done = subprocess.run(
        [SCRIPT],
        cwd=tmp_path / "workspace",
        env={
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "STUB": str(tmp_path / "stub"),
            "CODES": " ".join(map(str, codes)),
            "LEAVES": leaves,
            "IMAGE": image,
            "GITHUB_ACTION_PATH": str(tmp_path / "action" / "gpu"),
            "GITHUB_WORKSPACE": str(tmp_path / "workspace"),
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_OUTPUT": str(tmp_path / "outputs"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_ENV": str(tmp_path / "env"),
            "GITHUB_PATH": str(tmp_path / "path"),
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "INPUT_TOKEN": "ghs_secret",
            "AWS_SECRET_ACCESS_KEY": "other-secret",
            "ACTIONS_RUNTIME_TOKEN": "runtime-secret",
            **environ,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    names = sorted((tmp_path / "stub").iterdir(), key=lambda each: int(each.name[5:]))
    calls = [name.read_bytes().decode().split("\0")[:-1] for name in names]
    assert (tmp_path / "env").read_text() == (tmp_path / "path").read_text() == ""
    assert not list((tmp_path / "temp").glob("reviewer-step.*"))
    return Ran(
        done.returncode,
        done.stdout + done.stderr,
        calls,
        (tmp_path / "outputs").read_text(),
        (tmp_path / "summary").read_text(),
        tmp_path,
    )


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_with_a_gpu(tmp_path: Path, code: int) -> None:
    ran = run(tmp_path, [code], GPUS="device=1")
    assert (ran.code, len(ran.calls)) == (code, 1)
    assert ran.values("--gpus") == ["device=1"]
    assert ran.calls[0][-1] == "image@sha256:1"
    assert "::warning::" not in ran.printed
    assert ran.outputs == f"verdict=passed\nreport-json={tmp_path}/temp/reviewer/report.json\n"
    assert ran.summary == "# fine\n"


@pytest.mark.parametrize("code", [0, 1])
def test_the_second_start_is_without_a_gpu(tmp_path: Path, code: int) -> None:
    ran = run(tmp_path, [125, code])
    assert ran.code == code
    first, second = ran.calls
    assert "--gpus" in first
    assert second == [word for word in first if word not in ("--gpus", "all")]
    assert "::warning::" in ran.printed
    assert ran.summary == "# fine\n"


def test_docker_that_starts_nothing(tmp_path: Path) -> None:
    ran = run(tmp_path, [125, 125])
    assert (ran.code, len(ran.calls)) == (2, 2)
    assert "::error::" in ran.printed
    assert ran.outputs == ran.summary == ""


def test_what_the_container_may(tmp_path: Path) -> None:
    models, data = tmp_path / "models", tmp_path / "data"
    models.mkdir()
    data.mkdir()
    ran = run(tmp_path, MODELS=str(models), DATA=str(data), MEMORY="8g")
    assert {"INPUT_ENGINE_MODEL_DIR", "REVIEWER_DATA_DIR=/data"} <= set(ran.values("-e"))
    words = ran.calls[0]
    for option in ("--rm", "--read-only"):
        assert option in words
    assert ran.values("--cap-drop") == ["ALL"]
    assert ran.values("--security-opt") == ["no-new-privileges"]
    assert ran.values("--memory") == ["8g"]
    assert ran.values("--pids-limit") == ["512"]
    (user,) = ran.values("--user")
    assert user == ("65534:65534" if os.geteuid() == 0 else f"{os.getuid()}:{os.getgid()}")
    mounts = dict(word.split(":", 1) for word in ran.values("-v"))
    step = next(place for place, there in mounts.items() if there == "/step")
    assert mounts == {
        f"{tmp_path}/workspace": "/github/workspace:ro",
        f"{tmp_path}/event.json": "/github/event.json:ro",
        f"{tmp_path}/models": "/models:ro",
        f"{tmp_path}/data": "/data",
        f"{tmp_path}/temp/reviewer": "/out",
        step: "/step",
    }
    assert not {"--privileged", "--network", "--cap-add", "--init"} & set(words)


def test_variables_go_by_name_and_no_others(tmp_path: Path) -> None:
    environ = {"INPUT_FAIL_ON": "warning", "INPUT_COVERAGE": "a.xml\nb.xml", "GITHUB_SHA": "0" * 40}
    ran = run(tmp_path, **environ)
    names = ran.values("-e")
    assert {"INPUT_TOKEN", "INPUT_FAIL_ON", "INPUT_COVERAGE", "GITHUB_SHA", "INPUT_OUTPUT"} <= set(
        names
    )
    told = {name.partition("=")[2] for name in names if "=" in name}
    assert all(text.startswith(("/github/", "/step/", "/tmp", "/triton")) for text in told)
    everything = "\0".join(ran.calls[0])
    assert "secret" not in everything
    assert "AWS" not in everything
    assert "ACTIONS_RUNTIME_TOKEN" not in everything
    assert "docker.sock" not in everything


def test_folders_of_the_job(tmp_path: Path) -> None:
    """A folder for the reports below the workspace, and a report from another job."""
    (tmp_path / "report.json").write_text("{}")
    ran = run(tmp_path, INPUT_OUTPUT="reports/mine", INPUT_REPORT=str(tmp_path / "report.json"))
    mounts = ran.values("-v")
    assert f"{tmp_path}/workspace/reports/mine:/out" in mounts
    assert f"{tmp_path}/report.json:/github/report.json:ro" in mounts
    assert f"report-json={tmp_path}/workspace/reports/mine/report.json\n" in ran.outputs


def test_without_an_image_it_is_built_from_the_repository(tmp_path: Path) -> None:
    ran = run(tmp_path, image="")
    built, started = ran.calls
    assert built[0] == "build"
    assert ran.values("--target") == ["gpu"]
    assert started[-1] == "sha256:built"


HOSTILE = {
    "a key of its own": r"printf 'PATH<<x\n/evil\nx\nverdict<<x\nfailed\nx\n'",
    "a value of two lines": r"printf 'verdict<<x\nfai\nled\nx\n'",
    "a value that sets another": r"printf 'verdict<<x\nfailed\r\nx\nevil=1\n::set-env name=x::y\n'",
}


@pytest.mark.parametrize("program", HOSTILE.values(), ids=list(HOSTILE))
def test_only_outputs_that_are_known_are_copied(tmp_path: Path, program: str) -> None:
    ran = run(tmp_path, leaves=f'{program} > "$step/outputs"')
    assert ran.outputs == "verdict=failed\n"


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("verdict<<x\nstolen\nx\n")
    leaves = f'for f in outputs summary; do ln -s "{tmp_path}/secret" "$step/$f"; done'
    ran = run(tmp_path, leaves=leaves)
    assert ran.outputs == ran.summary == ""


def test_the_script_knows_all_outputs() -> None:
    text = SCRIPT.read_text().replace("\\\n", "")
    assert f'KEYS=" {" ".join(KEYS)} "' in text


def test_shellcheck() -> None:
    assert SCRIPT.stat().st_mode & 0o111
    subprocess.run([BIN / "shellcheck", SCRIPT], check=True)
