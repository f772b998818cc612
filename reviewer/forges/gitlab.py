"""A merge request on GitLab.com or a GitLab of one's own, as a job of GitLab CI meets it."""

import os
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final

from reviewer.errors import ForgeError, InputError, Refused
from reviewer.forges import _gitlab_event as events
from reviewer.forges._fetch import Gone, Store
from reviewer.forges._gitlab_calls import Calls
from reviewer.forges._gitlab_event import Asked, Merge
from reviewer.forges._gitlab_talk import Talk
from reviewer.forges.base import Conversation, Forge, Occasion, Past, Source, Step, Taken
from reviewer.model import ChangeSet, Request

API: Final = "https://gitlab.com/api/v4"

ADVICE: Final = (
    "CI_JOB_TOKEN may not comment: make a project access token with the role Developer and the "
    "scope api, and put it into the masked CI/CD variable REVIEWER_TOKEN"
)
"""https://docs.gitlab.com/ci/jobs/ci_job_token/ ("Job token access": notes are read only), and
https://docs.gitlab.com/api/discussions/ (who may resolve a thread has the role Developer)."""

USER: Final = "oauth2"
JOB_USER: Final = "gitlab-ci-token"
"""Whose password a token is for git: of a job's this name alone, of others any
(https://docs.gitlab.com/ci/jobs/ci_job_token/, "To git clone a private project's repository")."""

TIP: Final = (
    "set REVIEWER_TOKEN to a project access token with the role Developer and the scope api"
)


@dataclass(frozen=True)
class Mute:
    """Our part without a token that may post: none, and one line on what to do about it."""

    def past(self) -> Past:
        """Raises Refused."""
        raise Refused(ADVICE)

    def take(self, step: Step) -> Taken:
        """Raises Refused."""
        del step
        raise Refused(ADVICE)


@dataclass(frozen=True)
class GitLab:
    """One job of GitLab CI with these variables, by `token`, which is "" where there is none.

    `scratch` is a private, existing folder, `git_path` is PATH for git. `patience` is how many
    seconds may be waited for GitLab in all.
    """

    name: ClassVar[str] = "gitlab"
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    scratch: Path = Path()
    git_path: str = os.defpath
    token: str = field(default="", repr=False)
    patience: float = 600.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    @cached_property
    def asked(self) -> Asked:
        """What is asked for; see its `idle` first. Raises InputError."""
        found = events.asked(self.environ)
        if found.idle:
            return found
        try:
            return events.of_merge(found, self.calls.read(self._path(found), Merge))
        except Refused as error:
            # The variables of a merge request pipeline say nearly as much.
            if found.whole:
                return found
            raise InputError(f"the merge request cannot be read: {error}", TIP) from None
        except ForgeError as error:
            raise InputError(f"the merge request cannot be read: {error}", "try again") from None

    @property
    def occasion(self) -> Occasion:
        """What the merge request says of itself. Raises InputError."""
        return self.asked.occasion

    @property
    def repository_folder(self) -> Path:
        """A repository without a work tree that holds the change; see `request`."""
        return self._store.repository.top

    @cached_property
    def calls(self) -> Calls:
        """The way to the API. Raises InputError when there is no token at all."""
        job = self.environ.get("CI_JOB_TOKEN", "")
        return Calls(
            self.token or job,
            self.environ.get("CI_API_V4_URL") or API,
            patience=self.patience,
            sleep=self.sleep,
            clock=self.clock,
            job=not self.token,
            authority=self._authority,
        )

    def request(self, environ: Mapping[str, str]) -> Request:
        """What to review, with its objects at hand. `environ` was given before.

        Raises InputError.
        """
        del environ
        asked = self.asked
        if not asked.whole:
            raise InputError(
                asked.idle or "the merge request has no change to review", "see its list of changes"
            )
        branch = f"refs/heads/{asked.target}"
        self._fetch(branch)
        target = self._store.repository.commit(f"refs/reviewer/{branch.replace('/', '-')}")
        self._complete(asked)
        return Request(
            self.name, asked.repository, asked.base, asked.head, asked.number, asked.trust, target
        )

    def changes(self, request: Request) -> Source:
        """The change itself, once `request` was asked. Raises InputError."""
        repository = replace(self._store.repository, base_oid=request.target)
        changes = repository.changes(request.base, request.head)
        return Source(changes, repository, repository.linguist)

    def notes(self, changes: ChangeSet) -> tuple[str, ...]:
        """What readers should know of how the change was read: nothing."""
        del changes
        return ()

    def conversation(self, request: Request, changes: ChangeSet | None = None) -> Conversation:
        """Our part in the merge request of this job; `changes` are read anew where not given.

        Without a token that may post it refuses everything. Raises InputError.
        """
        asked = self.asked
        if (request.repository, request.number) != (asked.repository, asked.number):
            raise InputError(
                f"the review is not about merge request !{asked.number} of {asked.repository}",
                "publish it where it was made",
            )
        if not self.token:
            return Mute()
        if changes is None:
            changes = self.changes(self.request(self.environ)).changes
        page = f"{asked.url}/-/merge_requests/{asked.number}"
        return Talk(self.calls, self._path(asked), page, changes)

    @staticmethod
    def _path(asked: Asked) -> str:
        return f"/projects/{asked.project}/merge_requests/{asked.number}"

    @property
    def _authority(self) -> str:
        return self.environ.get("CI_SERVER_TLS_CA_FILE", "")

    @cached_property
    def _store(self) -> Store:
        asked = self.asked
        if urllib.parse.urlsplit(asked.url).scheme not in ("http", "https"):
            raise InputError("CI_PROJECT_URL is not an address", "GitLab CI sets it")
        # Jobs of other merge requests leave files behind on a runner: a stranger gets none of them.
        workspace = "" if asked.fork else self.environ.get("CI_PROJECT_DIR", "")
        trusted = {"GIT_SSL_CAINFO": self._authority} if self._authority else {}
        return Store(
            f"{asked.url}.git",
            self.scratch,
            self.git_path,
            user=USER if self.token else JOB_USER,
            advice=TIP,
            object_format="sha1" if len(asked.head) == 40 else "sha256",
            checkout=Path(workspace) if workspace else None,
            token=self.token or self.environ.get("CI_JOB_TOKEN", ""),
            environ={**self.environ, **trusted},
        )

    def _complete(self, asked: Asked) -> None:
        """Fetch what is not there yet. Raises InputError."""
        missing = self._store.missing((asked.base, asked.head))
        if not missing:
            return
        try:
            self._fetch(*missing)
        except InputError:
            # The head of a fork is in the target's repository by this name alone.
            self._fetch(f"refs/merge-requests/{asked.number}/head")
            if self._store.missing((asked.base, asked.head)):
                raise

    def has(self, commit: str) -> bool:
        """Whether a commit is at hand, now that the forge was asked for it if it was not."""
        try:
            if self._store.missing([commit]):
                self._fetch(commit)
        except (InputError, Gone):
            return False
        return not self._store.missing([commit])

    def _fetch(self, *wanted: str) -> None:
        """Raises InputError."""
        try:
            self.calls.repeated(lambda: self._store.fetch(*wanted))
        except (ForgeError, Gone) as error:
            raise InputError(str(error), "is the merge request still there?") from None


PLUGIN: Final[type[Forge]] = GitLab
