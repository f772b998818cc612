"""A pull request on GitHub or GitHub Enterprise Server, as a run of GitHub Actions meets it."""

import os
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from reviewer.errors import ForgeError, InputError
from reviewer.forges import _github_event as events
from reviewer.forges._fetch import Gone, Store
from reviewer.forges._github_calls import API, PAGE, Calls
from reviewer.forges._github_event import Asked, Pull, Sha
from reviewer.forges._github_talk import Talk
from reviewer.forges.base import Conversation, Forge, Occasion, Source
from reviewer.model import ChangeSet, Request

SERVER: Final = "https://github.com"

USER: Final = "x-access-token"
"""Whose password a token is for git (https://docs.github.com/en/apps/creating-github-apps/
authenticating-with-a-github-app/authenticating-as-a-github-app-installation)."""

EVENT_BYTES: Final = 32 << 20
"""More than an event has: payloads are capped at 25 MB (https://docs.github.com/en/webhooks,
"Webhook events and payloads")."""

SUPERSEDED: Final = "the pull request has a newer head than the run was made for"


class Commit(msgspec.Struct, frozen=True):
    """A commit, of which the id is enough."""

    sha: Sha


class Comparison(msgspec.Struct, frozen=True):
    """What "Compare two commits" says of two commits."""

    merge_base_commit: Commit


@dataclass(frozen=True)
class GitHub:
    """One run of GitHub Actions with these variables, by `token`.

    `scratch` is a private, existing folder, `git_path` is PATH for git. With `checks` our check
    runs are read as well. `patience` is how many seconds may be waited for GitHub in all.
    """

    name: ClassVar[str] = "github"
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    scratch: Path = Path()
    git_path: str = os.defpath
    token: str = field(default="", repr=False)
    checks: bool = False
    patience: float = 600.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    @cached_property
    def asked(self) -> Asked:
        """What is asked for; see its `idle` first. Raises InputError."""
        found = events.asked(self.environ, self._payload())
        if found.idle or found.event not in (events.BY_HAND, events.AFTERWARDS):
            return found
        try:
            if found.event == events.BY_HAND:
                path = f"/repos/{found.repository}/pulls/{found.number}"
                return events.of_pull(found, self.calls.read(path, Pull))
            return self._of_run(found)
        except ForgeError as error:
            raise InputError(
                f"the pull request cannot be read: {error}",
                "give the job the permission `pull-requests: read`",
            ) from None

    @property
    def occasion(self) -> Occasion:
        """What the pull request says of itself. Raises InputError."""
        return self.asked.occasion

    @property
    def repository_folder(self) -> Path:
        """A repository without a work tree that holds the change; see `request`."""
        return self._store.repository.top

    @cached_property
    def calls(self) -> Calls:
        """The way to the API. Raises InputError when there is no token."""
        api = self.environ.get("GITHUB_API_URL") or API
        return Calls(self.token, api, patience=self.patience, sleep=self.sleep, clock=self.clock)

    def request(self, environ: Mapping[str, str]) -> Request:
        """What to review, with its objects at hand. `environ` was given before.

        Raises InputError.
        """
        del environ
        asked = self.asked
        if not asked.head or not asked.base:
            raise InputError(asked.idle or "the event names no change", "see the event of this run")
        base = self._merge_base(asked)
        self._complete(asked, (base, asked.base, asked.head))
        return Request(
            self.name, asked.repository, base, asked.head, asked.number, asked.trust, asked.base
        )

    def changes(self, request: Request) -> Source:
        """The change itself, once `request` was asked. Raises InputError."""
        repository = replace(self._store.repository, base_oid=request.target)
        changes = repository.changes(request.base, request.head)
        return Source(changes, repository, repository.linguist)

    def notes(self, changes: ChangeSet) -> tuple[str, ...]:
        """What readers should know of how the change was read."""
        there, found = self.asked.changed_files, len(changes.files)
        if there is None or there == found:
            return ()
        return (f"GitHub counts {there:,} changed files and git {found:,}: see the list of files",)

    def conversation(self, request: Request) -> Conversation:
        """Our part in a request on the repository of this run. Raises InputError."""
        here = events.repository(self.environ)
        if request.repository.lower() != here.lower() or not events.COMMIT.fullmatch(request.head):
            raise InputError(
                f"the review is not about a commit of {here}", "publish it where it was made"
            )
        return Talk(self.calls, here, request.number, request.head, self.checks)

    def _payload(self) -> bytes:
        name = self.environ.get("GITHUB_EVENT_PATH", "")
        try:
            with Path(name).open("rb") as file:
                return file.read(EVENT_BYTES)
        except OSError as error:
            raise InputError(
                f"the event file {name!r} cannot be read: {error.strerror}",
                "GITHUB_EVENT_PATH names the file that GitHub Actions wrote",
            ) from None

    def _of_run(self, found: Asked) -> Asked:
        """The pull request that another workflow ran for: the open one with that very head.

        The event names none when it came from a fork, and its files are not to be believed.
        """
        owner = found.head_repository.partition("/")[0]
        path = f"/repos/{found.repository}/pulls"
        here, head = found.head_repository.lower(), f"{owner}:{found.head_ref}"
        for pull in self.calls.read(path, tuple[Pull, ...], state="open", head=head, per_page=PAGE):
            said = events.of_pull(found, pull)
            if said.head == found.head and said.head_repository.lower() == here:
                return said
        return replace(found, idle=SUPERSEDED)

    @cached_property
    def _store(self) -> Store:
        asked = self.asked
        server = (self.environ.get("GITHUB_SERVER_URL") or SERVER).rstrip("/")
        if urllib.parse.urlsplit(server).scheme not in ("http", "https"):
            raise InputError("GITHUB_SERVER_URL is not an address", f"such as {SERVER}")
        workspace = "" if asked.isolated else self.environ.get("GITHUB_WORKSPACE", "")
        return Store(
            f"{server}/{asked.repository}.git",
            self.scratch,
            self.git_path,
            user=USER,
            advice="give the job the permission `contents: read`",
            object_format="sha1" if len(asked.head) == 40 else "sha256",
            checkout=Path(workspace) if workspace else None,
            token=self.token,
            environ=self.environ,
        )

    def _merge_base(self, asked: Asked) -> str:
        """From the history of the checkout, else in one request."""
        if found := self._store.merge_base(asked.base, asked.head):
            return found
        path = f"/repos/{asked.repository}/compare/{asked.base}...{asked.head}"
        try:
            # Files and their patches are on the first page only.
            answer = self.calls.read(path, Comparison, per_page=1, page=2)
        except ForgeError as error:
            raise InputError(
                f"the merge base cannot be told: {error}",
                "give the job the permission `contents: read`, or check out with fetch-depth: 0",
            ) from None
        return answer.merge_base_commit.sha

    def _complete(self, asked: Asked, commits: tuple[str, ...]) -> None:
        """Fetch those of the commits that are not there. Raises InputError."""
        missing = self._store.missing(commits)
        if not missing:
            return
        try:
            self._fetch(*missing)
        except Gone:
            for commit in missing:
                self._fetch_one(asked, commit)

    def _fetch_one(self, asked: Asked, commit: str) -> None:
        try:
            self._fetch(commit)
        except Gone as error:
            if commit != asked.head or not asked.number:
                raise InputError(str(error), "run the workflow again") from None
        else:
            return
        try:
            self._fetch(f"refs/pull/{asked.number}/head")
        except Gone as error:
            raise InputError(str(error), "is the pull request still there?") from None
        if self._store.missing([commit]):
            raise InputError(
                f"{commit[:12]} is superseded: {SUPERSEDED}", "the run for the newer head counts"
            )

    def has(self, commit: str) -> bool:
        """Whether a commit is at hand, now that the forge was asked for it if it was not."""
        try:
            if self._store.missing([commit]):
                self._fetch(commit)
        except (InputError, Gone):
            return False
        return not self._store.missing([commit])

    def _fetch(self, *wanted: str) -> None:
        """Raises Gone, and InputError."""
        try:
            self.calls.repeated(lambda: self._store.fetch(*wanted))
        except ForgeError as error:
            raise InputError(
                str(error),
                "check out with fetch-depth: 0, or let the runner reach GitHub",
            ) from None


PLUGIN: Final[type[Forge]] = GitHub
