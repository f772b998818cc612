"""Starts an image as the runner of GitHub Actions starts a container action.

The words, mounts and variables are those of `DockerCommandManager.DockerRun` and
`ContainerActionHandler` (actions/runner, src/Runner.Worker): every variable by name, values in the
environment of the client; no `--init`, no `--user`, no `--gpus`.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.image.engine import IMAGE

FILES: Final = {"GITHUB_OUTPUT": "set_output_x", "GITHUB_STEP_SUMMARY": "step_summary_x"}
FORBIDDEN: Final = {"GITHUB_ENV": "set_env_x", "GITHUB_PATH": "add_path_x"}


@dataclass(frozen=True)
class Job:
    """A job's folders below `folder`, with `workspace` as its checkout."""

    folder: Path
    workspace: Path
    event: str = "{}"
    docker: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX))

    def __post_init__(self) -> None:
        for name in ("_github_home", "_github_workflow", "_runner_file_commands"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "_github_workflow" / "event.json").write_text(self.event)
        for name in (*FILES.values(), *FORBIDDEN.values()):
            (self.folder / "_runner_file_commands" / name).touch()
        self.docker.bind(str(self.folder / "docker.sock"))
        self.docker.listen()
        self.docker.setblocking(False)

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *_: object) -> None:
        self.docker.close()

    def left(self, variable: str) -> str:
        """What the action wrote into the file that `variable` named."""
        name = (FILES | FORBIDDEN)[variable]
        return (self.folder / "_runner_file_commands" / name).read_text()

    def variables(self, inputs: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
        """All that the container sees beside its image's own."""
        commands = "/github/file_commands"
        return {
            **{f"INPUT_{name.replace(' ', '_').upper()}": text for name, text in inputs.items()},
            "HOME": "/github/home",
            "GITHUB_WORKSPACE": "/github/workspace",
            "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            **{name: f"{commands}/{file}" for name, file in (FILES | FORBIDDEN).items()},
            "RUNNER_TEMP": "/github/runner_temp",
            "RUNNER_OS": "Linux",
            "ACTIONS_RUNTIME_TOKEN": "runtime-token-of-the-job",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "identity-token-of-the-job",
            **environ,
            "GITHUB_ACTIONS": "true",
            "CI": "true",
        }

    def words(self, variables: Mapping[str, str], *extra: str) -> list[str]:
        """The arguments of the client; `extra` are options that a test needs beside them."""
        mounts = {
            self.folder / "docker.sock": "/var/run/docker.sock",
            self.folder: "/github/runner_temp",
            self.folder / "_github_home": "/github/home",
            self.folder / "_github_workflow": "/github/workflow",
            self.folder / "_runner_file_commands": "/github/file_commands",
            self.workspace: "/github/workspace",
        }
        return [
            *("run", "--label", "0f0f0f", "--workdir", "/github/workspace", "--rm"),
            *(word for name in variables for word in ("-e", name)),
            *(word for here, there in mounts.items() for word in ("-v", f"{here}:{there}")),
            *(*extra, IMAGE),
        ]

    def asked_docker(self) -> bool:
        """Whether anything in the container connected to Docker's socket."""
        try:
            self.docker.accept()[0].close()
        except BlockingIOError:
            return False
        return True
