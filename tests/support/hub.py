"""A small repository with a pull request, a fake GitHub around it, and our GitHub on top."""

import copy
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from reviewer.forges.base import Conversation
from reviewer.forges.github import GitHub
from reviewer.model import Request
from tests.fakes.github import GitHub as Fake
from tests.support.gitrepo import commits, git, new_repository

EVENTS = Path(__file__).parent / "events"
PATH = "/usr/local/bin:/usr/bin:/bin"

LINES = [f"line_{number} = {number}" for number in range(1, 41)]
OLD = "\n".join(LINES) + "\n"
NEW = "\n".join([*LINES[:19], "added = call()", *LINES[20:]]) + "\n"
"""The pull request changes line 20."""
MOVED = "\n".join(["# one", "# two", "# three", *LINES]) + "\n"
"""Meanwhile the base got three lines on top: merged, the change is on line 23."""


def event(name: str = "pull_request", **changes: Any) -> dict[str, Any]:
    """A real payload of GitHub's (see events/LICENSE); `changes` are `a__b=value`, set at a.b."""
    payload = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    for place, value in changes.items():
        *parents, last = place.split("__")
        node = payload
        for parent in parents:
            node = node[parent]
        node[last] = copy.deepcopy(value)
    return payload


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now

    @property
    def waits(self) -> list[int]:
        """The whole seconds of each sleep: jitter adds less than one."""
        return [int(seconds) for seconds in self.slept]


@dataclass
class Hub:
    """The fake, the commits of its repository, and what a run of a workflow would find."""

    fake: Fake
    folder: Path
    place: Path
    base: str
    target: str
    head: str
    clock: Clock = field(default_factory=Clock)

    def environ(self, name: str = "pull_request", **more: str) -> dict[str, str]:
        """The variables of a run on the event `name`, whose file is written."""
        file = self.place / "event.json"
        if not file.exists():
            self.say(self.payload())
        return {
            **self.fake.environ(),
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(file),
            "RUNNER_ENVIRONMENT": "github-hosted",
            **more,
        }

    def say(self, payload: Mapping[str, Any]) -> None:
        """Write the event file."""
        (self.place / "event.json").write_text(json.dumps(payload), "utf-8")

    def payload(self, number: int = 1, **changes: Any) -> dict[str, Any]:
        """The event of a push to pull request `number` as the fake has it."""
        pull = self.fake.pulls[number]
        repository = {"full_name": self.fake.repository, "private": False}
        source = {"full_name": pull.head_repo} if pull.head_repo else None
        said = {
            "number": number,
            "repository": repository,
            "pull_request__number": number,
            "pull_request__state": pull.state,
            "pull_request__title": pull.title,
            "pull_request__base__sha": pull.base_sha,
            "pull_request__base__ref": pull.base_ref,
            "pull_request__base__repo": repository,
            "pull_request__head__sha": pull.head_sha,
            "pull_request__head__ref": pull.head_ref,
            "pull_request__head__repo": source,
            "pull_request__changed_files": len(self.fake.state.files(pull)),
        }
        return event(**{**said, **changes})

    def forge(self, environ: Mapping[str, str] | None = None, **more: Any) -> GitHub:
        """Our GitHub for a run with these variables."""
        found = self.environ() if environ is None else environ
        scratch = self.place / f"scratch-{len(list(self.place.iterdir()))}"
        scratch.mkdir()
        return GitHub(
            environ=found,
            scratch=scratch,
            git_path=PATH,
            token=found.get("GITHUB_TOKEN", ""),
            sleep=self.clock.sleep,
            clock=self.clock,
            **more,
        )

    def talk(self, **more: Any) -> Conversation:
        """Our part in pull request 1, once its head was reviewed."""
        request = Request("github", self.fake.repository, self.base, self.head, 1)
        return self.forge({**self.fake.environ()}, **more).conversation(request)

    def checkout(self, *options: str, ref: str = "refs/pull/1/merge") -> Path:
        """What actions/checkout leaves: by default the merge commit and no history."""
        folder = self.place / "workspace"
        git(self.place, "init", "-q", str(folder))
        fetch = ("fetch", "-q", "--no-tags", *(options or ("--depth=1",)))
        source = f"file://{self.folder}"
        git(folder, *fetch, source, f"+{ref}:refs/remotes/pull/1/merge")
        git(folder, "checkout", "-q", "--detach", "refs/remotes/pull/1/merge")
        return folder


def tree(text: str, **more: bytes) -> dict[bytes, tuple[str, bytes]]:
    files = {b"app.py": ("100644", text.encode()), b"other.py": ("100644", b"x = 1\n")}
    return files | {name.encode(): ("100644", data) for name, data in more.items()}


@contextmanager
def hub(place: Path, text: str = NEW, **more: Any) -> Iterator[Hub]:
    """A GitHub with pull request 1, whose base has moved on; `more` goes to the fake."""
    place.mkdir(exist_ok=True)
    folder = place / "upstream"
    folder.mkdir()
    git(folder, "init", "-q", "--bare", "-b", "main")
    stream, [base, target, head] = _history(text)
    git(folder, "fast-import", "--quiet", stdin=stream)
    with Fake(folder, **more) as fake:
        fake.open_pull(head=head, base="main")
        yield Hub(fake, folder, place, base, target, head)


@cache
def _history(text: str) -> tuple[bytes, list[str]]:
    """A stream for git: main, and topic beside it; base, tip of main, head; refs/pull/1/merge."""
    with tempfile.TemporaryDirectory() as name:
        folder = new_repository(Path(name) / "made")
        [base, target] = commits(folder, tree(OLD), tree(MOVED))
        git(folder, "checkout", "-q", "-b", "topic", base)
        (folder / "app.py").write_text(text, "utf-8")
        git(folder, "commit", "-q", "-a", "-m", "change")
        head = git(folder, "rev-parse", "HEAD").decode().strip()
        git(folder, "checkout", "-q", "--detach", target)
        git(folder, "merge", "-q", "--no-ff", "-m", "merge", head)
        git(folder, "update-ref", "refs/pull/1/merge", "HEAD")
        return git(folder, "fast-export", "main", "topic", "refs/pull/1/merge"), [
            base,
            target,
            head,
        ]
