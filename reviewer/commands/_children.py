"""The two processes that the action is made of, and the little that each of them is given."""

import contextlib
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import reviewer
from reviewer import outputs, process, templates
from reviewer.config import Sections, for_children
from reviewer.engines.managed import PASSED_ON
from reviewer.errors import NotDelivered, ToolError
from reviewer.inputs import value
from reviewer.text import clip

REVIEWERS: Final = ("TRIVY_CACHE_DIR",)
"""What the review sees of our variables, beside the settings."""

PUBLISHERS: Final = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
    "RUNNER_ENVIRONMENT", "INPUT_PR-NUMBER", "INPUT_PR_NUMBER",
)  # fmt: skip
"""What the publisher sees of them: the way to the forge, and to the pull request."""

OF_GITLAB: Final = (
    "GITLAB_CI", "CI_API_V4_URL", "CI_SERVER_TLS_CA_FILE", "CI_PROJECT_ID", "CI_PROJECT_PATH",
    "CI_PROJECT_URL", "CI_PIPELINE_SOURCE", "CI_COMMIT_SHA", "CI_COMMIT_BRANCH",
    "CI_OPEN_MERGE_REQUESTS", "CI_JOB_TOKEN",
)  # fmt: skip
"""The same for GitLab, beside what begins with CI_MERGE_REQUEST_."""

FILES: Final = ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE")
"""Files of the step by which a process speaks to later steps: not the publisher's business."""

ENGINES: Final = (
    "REVIEWER_DATA_DIR", "REVIEWER_ENGINE_KEY", "REVIEWER_AUDIT_KEY", "XDG_STATE_HOME",
    "GITHUB_RUN_ID", "GITHUB_ACTOR", "GITHUB_EVENT_NAME",
    "CI_JOB_ID", "GITLAB_USER_LOGIN", "CI_PIPELINE_SOURCE",
)  # fmt: skip
"""What the engine's process sees of them: where its data is, its keys, and what its log names."""

KEYS: Final = ("engine-key", "audit-key")
"""The inputs that are for the engine's process alone."""

SETTLE: Final = 20.0
"""Seconds for the engine to end once the review has: our own server lets go of the card in them."""

ISSUE_BYTES: Final = 1 << 16
COMPLAINT_CHARS: Final = 600


@dataclass(frozen=True)
class Ended:
    """How a child ended: its status, and its last complaint."""

    code: int
    complaint: str = ""


@dataclass(frozen=True)
class Children:
    """Starts them. `private` is a folder of ours that everybody may enter but not list."""

    environ: Mapping[str, str]
    sections: Sections
    path: Sequence[Path]
    private: Path

    @contextlib.contextmanager
    def engine(self, words: Sequence[str], *, wanted: bool) -> Iterator[int | None]:
        """`reviewer engine` beside what is done inside, which gets the other end of its line.

        That is the number of a descriptor, None where no model is `wanted`. The engine hangs up
        when nobody holds it any more, and has SETTLE seconds to end what it has started.
        """
        if not wanted:
            yield None
            return
        place = self.private / "engine"
        place.mkdir(mode=0o700)
        theirs, ours = socket.socketpair()
        over = threading.Event()
        argv = _argv(["engine", *words, "--fd", str(theirs.fileno())])
        env = {**self._plain(place), **self._settings(), **self._engine_environ()}

        def attend() -> None:
            with contextlib.suppress(ToolError):
                process.attend(
                    argv, cwd=place, env=env, out=outputs.say, err=outputs.say,
                    ended=over.is_set, inherits=[theirs.fileno()],
                )  # fmt: skip

        thread = threading.Thread(target=attend, daemon=True)
        thread.start()
        try:
            yield ours.fileno()
        finally:
            for end in (theirs, ours):
                end.close()
            thread.join(SETTLE)
            over.set()
            thread.join(process.GRACE + 1.0)
            _show_issues(place)

    def _settings(self) -> dict[str, str]:
        return for_children(self.environ, self.sections)

    def _engine_environ(self) -> dict[str, str]:
        """What the engine's process sees of our variables."""
        names = {name for name in self.environ if name in (*ENGINES, *PASSED_ON)}
        keys = {f"INPUT_{name.upper()}": value(self.environ, name) for name in KEYS}
        return {name: self.environ[name] for name in names} | keys

    def review(
        self,
        words: Sequence[str],
        cwd: Path,
        readable: Sequence[Path],
        engine: int | None = None,
    ) -> Ended:
        """`reviewer review` without token, network and privileges; it writes to `report`.

        It runs as nobody when we are root and everybody may reach what it works with: our own
        files, and those in `readable`. `engine` is its end of the line to the model. Raises
        NotDelivered when it cannot run.
        """
        place = self.report.parent
        place.mkdir(mode=0o700)
        ours = (Path(reviewer.__file__).parent, templates.folder(), *readable)
        nobody = (
            os.geteuid() == 0
            and process.runnable_by_all(Path(sys.executable))
            and all(map(process.reachable_by_all, ours))
        )
        if nobody:
            os.chown(place, process.NOBODY, process.NOBODY)
        passed = {name: self.environ[name] for name in REVIEWERS if name in self.environ}
        env = {**self._plain(place), **passed, **for_children(self.environ, self.sections)}
        words = ["review", *words, "--format", "json", "--output", str(self.report)]
        inherits = [] if engine is None else [engine]
        words += [f"--engine-fd={number}" for number in inherits]
        heard = _Complaints()
        try:
            code = process.attend(
                _argv(words), cwd=cwd, env=env, out=outputs.say, err=heard,
                sealed=True, nobody=nobody, inherits=inherits,
            )  # fmt: skip
        except ToolError as error:
            raise NotDelivered(f"the review {error}") from error
        finally:
            _show_issues(place)
        return Ended(code, str(heard))

    @property
    def report(self) -> Path:
        """Where the review leaves its report."""
        return self.private / "review" / "report.json"

    def publish(self, words: Sequence[str], token: str) -> Ended:
        """`reviewer publish` with the token, away from the change.

        Its standard output is our own: it prints annotations there. Raises NotDelivered when it
        cannot run.
        """
        place = self.private / "publish"
        place.mkdir(mode=0o700)
        forge = {
            name: given
            for name, given in self.environ.items()
            if (name.startswith(("GITHUB_", "CI_MERGE_REQUEST_")) and name not in FILES)
            or name in (*PUBLISHERS, *OF_GITLAB)
        }
        secrets = {"INPUT_TOKEN": token, "INPUT_MARKER-KEY": value(self.environ, "marker-key")}
        settings = for_children(self.environ, self.sections)
        env = {**self._plain(place), **settings, **forge, **secrets}
        heard = _Complaints()
        try:
            code = process.attend(
                _argv(["publish", *words]), cwd=place, env=env, out=outputs.command, err=heard
            )
        except ToolError as error:
            raise NotDelivered(f"publishing {error}") from error
        finally:
            _show_issues(place)
        return Ended(code, str(heard))

    def _plain(self, place: Path) -> dict[str, str]:
        """What every program needs."""
        return {
            "PATH": os.pathsep.join(map(str, self.path)),
            "HOME": "/nonexistent",
            "TMPDIR": str(place),
            "LANG": "C.UTF-8",
            "CI": "true",
        }


class _Complaints:
    """Logs what a child complains about, and remembers the end of it."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=2)

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        outputs.say(line)

    def __str__(self) -> str:
        told = (line.removeprefix("reviewer: ").removeprefix("tip: ") for line in self.lines)
        return clip(". ".join(told), COMPLAINT_CHARS)


def _argv(words: Sequence[str]) -> list[str]:
    """Ourselves. `-I`: nothing in the working directory is taken for a module of ours."""
    return [sys.executable, "-I", "-m", "reviewer", *words]


def _show_issues(place: Path) -> None:
    """Log the ready-made issues of a child that crashed: its folder is gone soon."""
    for file in sorted(place.glob("reviewer-crash-*.md")):
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        with os.fdopen(descriptor, "rb") as opened:
            for line in opened.read(ISSUE_BYTES).decode("utf-8", "replace").splitlines():
                outputs.say(line)
