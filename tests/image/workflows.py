"""Runs workflows for real: act starts their jobs in containers of the engine, beside our fake.

Other repositories' actions cannot be fetched, so what passes artifacts on is a folder of the host.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from image import pin
from tests.fakes.github import GitHub
from tests.image.engine import BASE, IMAGE, REPOSITORY, Engine
from tests.support.gitrepo import git, new_repository

EXAMPLES: Final = REPOSITORY / "examples" / "workflows"

ARTIFACTS: Final = {
    "actions/upload-artifact": 'mkdir -p "/artifacts/$NAME" && cp -r "$WHERE" "/artifacts/$NAME/"',
    "actions/download-artifact": 'mkdir -p "$WHERE" && cp -r "/artifacts/$NAME/." "$WHERE/"',
}
"""What stands in for the actions that store files between jobs."""

COMPOSITE: Final = """\
name: artifact
description: stands in for the real one
inputs: {{name: {{}}, path: {{}}, retention-days: {{}}, run-id: {{}}, github-token: {{}}}}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        NAME: ${{{{ inputs.name }}}}
        WHERE: ${{{{ inputs.path }}}}
      run: {command}
"""


@contextmanager
def served(engine: Engine, folder: Path) -> Iterator[Path]:
    """Docker's API in front of the engine; the path of its socket."""
    place = folder / "engine.sock"
    service = subprocess.Popen(
        ["podman", "system", "service", "--time=0", f"unix://{place}"],
        env=engine.building,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            if place.exists():
                break
            time.sleep(0.1)
        yield place
    finally:
        service.terminate()
        service.wait(20)
        engine.podman("rm", "-f", "-t", "0", *_ours(engine), check=False)


def _ours(engine: Engine) -> list[str]:
    listed = engine.podman("ps", "-aq", "--filter", "name=^act-").stdout.split()
    return listed or ["-i", "none"]


def released(engine: Engine, folder: Path) -> Path:
    """The action as a release has it: its manifests name the built image by digest."""
    (told,) = json.loads(engine.podman("image", "inspect", IMAGE).stdout)
    image = f"{IMAGE.partition(':')[0]}@{told['Digest']}"
    for name in pin.BUILT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)
    pin.pin(dict.fromkeys(pin.BUILT, image), folder)
    return folder


@dataclass(frozen=True)
class Ran:
    """A workflow that came to its end, and what it printed."""

    code: int
    log: str


@dataclass(frozen=True)
class Act:
    """A host for workflows. `action` is the folder of ours, `folder` a place for its files."""

    engine: Engine
    socket: Path
    action: Path
    folder: Path

    @property
    def temporary(self) -> Path:
        """The jobs' folder for temporary files, which act calls /tmp."""
        return self.folder / "temporary"

    @property
    def artifacts(self) -> Path:
        """What jobs left for others."""
        return self.folder / "artifacts"

    def run(
        self, workflow: Path, event: str, payload: Mapping[str, Any], hub: GitHub, token: str = ""
    ) -> Ran:
        """One workflow on one event, unchanged, in a repository that holds nothing else."""
        checkout = self._repository(workflow)
        shutil.rmtree(self.temporary, ignore_errors=True)
        for place in (self.temporary, self.artifacts):
            place.mkdir(exist_ok=True)
            place.chmod(0o1777)
        (self.folder / "event.json").write_text(json.dumps(payload))
        shared = f"-v {self.temporary}:/tmp -v {self.artifacts}:/artifacts"
        variables = {**hub.environ(), "RUNNER_ENVIRONMENT": "github-hosted"}
        del variables["GITHUB_TOKEN"]
        done = subprocess.run(
            [
                *(Path(sys.executable).parent / "act", event, "-e", self.folder / "event.json"),
                *("-P", f"ubuntu-latest={BASE}", "--pull=false", "--rm", "--network", "host"),
                *("--container-daemon-socket", "-", "--container-options", shared),
                *("-s", f"GITHUB_TOKEN={token or hub.token}"),
                *(word for name, at in self._local(workflow) for word in _replaced(name, at)),
                *(word for k, v in variables.items() for word in ("--env", f"{k}={v}")),
            ],
            cwd=checkout,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "DOCKER_HOST": f"unix://{self.socket}",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )
        return Ran(done.returncode, done.stdout)

    def _repository(self, workflow: Path) -> Path:
        folder = self.folder / f"repository-{workflow.stem}"
        if not folder.exists():
            new_repository(folder)
            (folder / ".github" / "workflows").mkdir(parents=True)
            shutil.copy(workflow, folder / ".github" / "workflows")
            git(folder, "add", "-A")
            git(folder, "commit", "-q", "-m", "A workflow from the README")
        return folder

    def _local(self, workflow: Path) -> Iterator[tuple[str, Path]]:
        """The actions that the workflow names, and the folders that they come from here."""
        for action in re.findall(r"uses: (\S+@\S+)", workflow.read_text("utf-8")):
            name = action.partition("@")[0]
            if name.startswith("OWNER/"):
                yield action, self.action
                continue
            place = self.folder / "actions" / name
            place.mkdir(parents=True, exist_ok=True)
            command = json.dumps(ARTIFACTS[name])
            (place / "action.yml").write_text(COMPOSITE.format(command=command))
            yield action, place


def _replaced(name: str, place: Path) -> tuple[str, str]:
    return "--local-repository", f"{name}={place}"
