"""Steps of workflows for tests: `reviewer action` as the runner starts it, and a GitHub of ours."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.github import GitHub
from tests.support.gitrepo import git
from tests.support.reviewing import Done, Files, branch, environ, only, raw

BIDI = b"# checked \xe2\x80\xaeby nobody\n"
"""A comment with a bidirectional override, which is an error."""

BASE = {"src/a.py": b"x = 1\n"}
BAD = {"src/a.py": b"x = 1\n" + BIDI}
GOOD = {"src/a.py": b"x = 1\ny = 2\n"}


@dataclass(frozen=True)
class Ended(Done):
    """How a step ended, and what it left behind. `out` is its log."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    summary: str = ""


def outputs_in(place: Path) -> dict[str, str]:
    """The outputs in a file of the step (actions/runner, SetOutputFileCommand)."""
    found: dict[str, str] = {}
    lines = iter(place.read_text().split("\n") if place.is_file() else ())
    for line in lines:
        key, _, end = line.partition("<<")
        if end:
            value = []
            while (part := next(lines)) != end:
                value.append(part)
            found[key] = "\n".join(value)
    return found


@dataclass
class Job:
    """A job on a pull request: its GitHub, its checkout, its files."""

    place: Path
    hub: GitHub
    base: str
    head: str
    python: Path = Path(sys.executable)
    analyzers: tuple[str, ...] = ("hidden",)

    @property
    def workspace(self) -> Path:
        return self.place / "workspace"

    @property
    def reports(self) -> Path:
        return self.place / "temp" / "reviewer"

    def end(self, ref: str, sha: str, repository: str | None = "") -> dict[str, Any]:
        name = self.hub.repository if repository == "" else repository
        repo = None if name is None else {"full_name": name, "private": True}
        return {"ref": ref, "sha": sha, "repo": repo}

    def event(self, name: str = "pull_request", **more: Any) -> dict[str, str]:
        """The variables and the file of an event; `pull` changes what the pull request says."""
        pull = self.hub.pulls.get(1)
        private = more.pop("private", True)
        payload: dict[str, Any] = {
            "action": "opened",
            "repository": {"full_name": self.hub.repository, "private": private},
        }
        if name.startswith("pull_request") and pull is not None:
            payload["pull_request"] = {
                "number": 1,
                "state": "open",
                "draft": False,
                "title": "A change",
                "user": {"login": "author"},
                "labels": [],
                "head": self.end("topic", pull.head_sha, pull.head_repo),
                "base": self.end("main", pull.base_sha),
                **more.pop("pull", {}),
            }
        payload |= more
        file = self.place / "event.json"
        file.write_text(json.dumps(payload))
        return {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(file)}

    def environ(self, **more: str) -> dict[str, str]:
        """The variables of a step."""
        return {
            **environ(),
            **only(*self.analyzers),
            **self.hub.environ(),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(self.place / "output"),
            "GITHUB_STEP_SUMMARY": str(self.place / "summary"),
            "GITHUB_ENV": str(self.place / "env"),
            "GITHUB_PATH": str(self.place / "path"),
            "RUNNER_TEMP": str(self.place / "temp"),
            "TMPDIR": str(self.place / "tmp"),
            "ACTIONS_RUNTIME_TOKEN": "runtime-secret-0123456789",
            "NO_PROXY": "127.0.0.1",
            **more,
        }

    @contextmanager
    def started(self, *words: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command that runs in the step."""
        for name in ("output", "summary"):
            (self.place / name).unlink(missing_ok=True)
        with subprocess.Popen(
            [str(self.python), "-I", "-m", "reviewer", *(words or ("action",))],
            cwd=self.workspace,
            env=self.environ(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as child:
            yield child

    def run(self, *words: str, **more: str) -> Ended:
        """`reviewer action`, or another command, from its start to its end."""
        with self.started(*words, **more) as child:
            out, err = child.communicate(timeout=120)
        return self.ended(child.returncode, out, err)

    def ended(self, code: int, out: bytes, err: bytes) -> Ended:
        summary = self.place / "summary"
        return Ended(
            code,
            out.decode(),
            err.decode(),
            outputs_in(self.place / "output"),
            summary.read_text() if summary.is_file() else "",
        )

    def commit(self, ref: str, name: str, data: bytes) -> str:
        """One more commit on a branch of the hub's repository, with one file changed."""
        place = self.place / "repository"
        git(place, "checkout", "-q", ref)
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
        git(place, "add", name)
        git(place, "commit", "-q", "-m", "more")
        return git(place, "rev-parse", "HEAD").decode().strip()


@contextmanager
def job(place: Path, base: Files, head: Files, **options: Any) -> Iterator[Job]:
    """A job on pull request 1, from `topic` to `main`, whose head is checked out."""
    pull = options.pop("pull", {})
    repository = place / "repository"
    before, after = branch(repository, raw(base), raw(head))
    for name in ("temp", "tmp"):
        (place / name).mkdir()
    with GitHub(repository, **options) as hub:
        hub.open_pull(head="feature", **pull)
        git(place, "clone", "-q", str(repository), "workspace")
        yield Job(place, hub, before, after)


def until(what: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)
