"""The scripts in docs/ci.md, whole, with Podman as their `docker` and the built image."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reviewer.version import VERSION
from tests.image.engine import IMAGE, Engine
from tests.image.test_image import checkout
from tests.support.gitrepo import git
from tests.test_ci_snippets import FORMATS, SNIPPETS, VARIABLES

pytestmark = pytest.mark.slow

OWNER = 1001
"""Whom the checkout belongs to: the user of a CI's agent is not root."""

PROGRAMS = {"docker": '#!/bin/sh\nexec podman "$@"\n', "id": f"#!/bin/sh\necho {OWNER}\n"}


def _jenkins(snippet: str) -> str:
    found: list[tuple[str, str]] = re.findall(r"sh (?:'''(.*?)'''|'(.*?)'\n)", snippet, re.DOTALL)
    return "\n".join(whole or line for whole, line in found)


def _of_yaml(*keys: str | int) -> Callable[[str], str]:
    def read(snippet: str) -> str:
        part: Any = yaml.safe_load(snippet)
        for key in keys:
            part = part[key]
        return str(part)

    return read


SCRIPTS: Mapping[str, Callable[[str], str]] = {
    "Plain Docker": str,
    "Jenkins": _jenkins,
    "Azure Pipelines": _of_yaml("steps", 1, "script"),
    "Buildkite": lambda snippet: _of_yaml("steps", 0, "command")(snippet).replace("$$", "$"),
    "CircleCI": _of_yaml("jobs", "review", "steps", 1, "run", "command"),
}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """What these systems check out: the change, and its target on the remote."""
    base, head = checkout(tmp_path / "upstream")
    git(tmp_path / "upstream", "branch", "topic", head)
    git(tmp_path / "upstream", "reset", "-q", "--hard", base)
    git(tmp_path, "clone", "-q", "-b", "topic", "upstream", "work")
    made = tmp_path / "work"
    for path in (made, *made.rglob("*")):
        os.chown(path, OWNER, OWNER, follow_symlinks=False)
    return made


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_script_of_the_page_works(name: str, engine: Engine, work: Path, tmp_path: Path) -> None:
    for program, text in PROGRAMS.items():
        place = tmp_path / "bin" / program
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
        place.chmod(0o755)
    engine.podman("tag", IMAGE, f"ghcr.io/owner/reviewer:{VERSION}")
    done = subprocess.run(
        ["bash", "-euc", SCRIPTS[name](SNIPPETS[name])],
        cwd=work,
        env={
            **engine.environ,
            **VARIABLES,
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "WORKSPACE": str(work),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    wanted = {form for form in FORMATS if f"--format {form.name}" in SNIPPETS[name]}
    assert wanted or "bandit/B602" in done.stdout
    for form in wanted:
        report = work / "reviewer-reports" / form.filename
        assert "app.py" in report.read_text("utf-8")
        assert report.stat().st_uid == OWNER
