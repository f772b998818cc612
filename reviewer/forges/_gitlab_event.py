"""What a job of GitLab CI is asked to review: from its variables to plain values, without I/O.

Variables are those of https://docs.gitlab.com/ci/variables/predefined_variables/, the merge request
is that of https://docs.gitlab.com/api/merge_requests/, "Retrieve a merge request".
"""

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Final

import msgspec

from reviewer.errors import InputError
from reviewer.forges.base import Occasion
from reviewer.model import Trust
from reviewer.text import log_line

Sha = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")]
"""A commit: SHA-1 or SHA-256 in hexadecimal."""

COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}")
PATH: Final = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[\w.-]{1,255}(?:/[\w.-]{1,255}){1,20}")
BRANCH: Final = re.compile(r"(?!.*(?:\.\.|@\{|//|/\.|\.lock$))[^\x00-\x20\x7f~^:?*\[\\]{1,250}")
"""What git takes for the name of a branch, roughly (git-check-ref-format(1))."""

BY_HAND: Final = ("INPUT_PR-NUMBER", "INPUT_PR_NUMBER")
"""The input `pr-number`. GitLab's own variables have no hyphens."""

MERGED: Final = ("merged_result", "merge_train")
"""Kinds of pipelines whose CI_COMMIT_SHA is a merge of the two branches."""


class User(msgspec.Struct, frozen=True):
    id: int
    username: str = ""


class Refs(msgspec.Struct, frozen=True):
    base_sha: Sha
    head_sha: Sha


class Merge(msgspec.Struct, frozen=True):
    """A merge request. `source_project_id` is null when the fork was deleted."""

    iid: int
    state: str
    target_branch: str
    target_project_id: int
    sha: Sha | None = None
    source_project_id: int | None = None
    source_branch: str = ""
    title: str = ""
    draft: bool = False
    labels: tuple[str, ...] = ()
    author: User | None = None
    diff_refs: Refs | None = None
    web_url: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a job is asked for.

    `idle` is set when there is nothing to do, and says why. `project` is the target's id or path
    as the API takes it, `repository` its path. `base` is the merge base, `target` the name of the
    branch that the change is to go into.
    """

    project: str
    repository: str
    url: str
    idle: str = ""
    number: int = 0
    base: str = ""
    head: str = ""
    target: str = ""
    fork: bool = True
    occasion: Occasion = field(default_factory=Occasion)

    @property
    def trust(self) -> Trust:
        """Who can push to the project is trusted."""
        return Trust.UNTRUSTED if self.fork else Trust.TRUSTED

    @property
    def public(self) -> bool:
        """Whether everybody can send code to the runner: nobody, as a fork has its own runners.

        https://docs.gitlab.com/ci/pipelines/merge_request_pipelines/, "Use with forked projects".
        """
        return False

    @property
    def self_hosted(self) -> bool:
        """Nobody asks where strangers cannot send code."""
        return False

    @property
    def whole(self) -> bool:
        """Whether the variables say enough for a review."""
        return bool(self.number and self.base and self.head and self.target)


def asked(environ: Mapping[str, str]) -> Asked:
    """What the variables of a job ask for. Raises InputError when that cannot be told."""
    if environ.get("CI_MERGE_REQUEST_IID"):
        return _of_merge_pipeline(environ)
    here = Asked(environ.get("CI_PROJECT_ID", ""), _path(environ, "CI_PROJECT_PATH"), _url(environ))
    if given := next((environ[name] for name in BY_HAND if environ.get(name)), ""):
        return replace(here, number=_number(given))
    listed = environ.get("CI_OPEN_MERGE_REQUESTS", "").split(",")[0]
    if listed:
        path, _, number = listed.rpartition("!")
        return _of_branch(replace(here, number=_number(number)), path, environ)
    if environ.get("CI_COMMIT_BRANCH"):
        return replace(here, idle="there is no open merge request for this branch")
    raise InputError(
        "this pipeline belongs to no merge request",
        "run the job in merge request pipelines, or name one by the variable INPUT_PR_NUMBER",
    )


def of_merge(plain: Asked, merge: Merge) -> Asked:
    """The same, now that the merge request was read."""
    head = plain.head or merge.sha or ""
    refs = merge.diff_refs
    current = refs.base_sha if refs is not None and refs.head_sha == head else ""
    return replace(
        plain,
        idle="" if merge.state == "opened" else "the merge request is not open",
        number=merge.iid,
        base=current or plain.base,
        head=head,
        target=_branch(merge.target_branch),
        fork=merge.source_project_id != merge.target_project_id,
        occasion=Occasion(
            draft=merge.draft,
            title=merge.title,
            author=merge.author.username if merge.author else "",
            branch=merge.source_branch,
            labels=merge.labels,
        ),
    )


def _of_merge_pipeline(environ: Mapping[str, str]) -> Asked:
    """A pipeline of a merge request. In a fork's, CI_PROJECT_PATH is the fork."""
    merged = environ.get("CI_MERGE_REQUEST_EVENT_TYPE") in MERGED
    head = environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "")
    if not head and not merged:
        head = environ.get("CI_COMMIT_SHA", "")
    project = environ.get("CI_MERGE_REQUEST_PROJECT_ID", "")
    labels = environ.get("CI_MERGE_REQUEST_LABELS", "")
    return Asked(
        project=project,
        repository=_path(environ, "CI_MERGE_REQUEST_PROJECT_PATH"),
        url=environ.get("CI_MERGE_REQUEST_PROJECT_URL") or _url(environ),
        number=_number(environ["CI_MERGE_REQUEST_IID"]),
        base=_commit(environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")),
        head=_commit(head),
        target=_branch(environ.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "")),
        fork=environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "") != project,
        occasion=Occasion(
            draft=environ.get("CI_MERGE_REQUEST_DRAFT") == "true",
            title=environ.get("CI_MERGE_REQUEST_TITLE", ""),
            branch=environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", ""),
            labels=tuple(filter(None, labels.split(","))),
        ),
    )


def _of_branch(here: Asked, path: str, environ: Mapping[str, str]) -> Asked:
    """A plain pipeline of a branch that a merge request is open for, maybe of another project."""
    head = _commit(environ.get("CI_COMMIT_SHA", ""))
    if path == here.repository:
        return replace(here, head=head)
    if not PATH.fullmatch(path):
        raise _strange("CI_OPEN_MERGE_REQUESTS", path)
    site = here.url.removesuffix(here.repository)
    return replace(
        here,
        project=urllib.parse.quote(path, safe=""),
        repository=path,
        url=f"{site}{path}",
        head=head,
    )


def _url(environ: Mapping[str, str]) -> str:
    return environ.get("CI_PROJECT_URL", "")


def _path(environ: Mapping[str, str], name: str) -> str:
    path = environ.get(name, "")
    if not PATH.fullmatch(path):
        raise _strange(name, path)
    return path


def _number(text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise InputError(
            f"{log_line(text, 40)!r} is not the number of a merge request",
            "give its IID in the variable INPUT_PR_NUMBER, such as 123",
        )
    return int(text)


def _commit(text: str) -> str:
    if text and not COMMIT.fullmatch(text):
        raise _strange("a commit", text)
    return text


def _branch(text: str) -> str:
    if text and not BRANCH.fullmatch(text):
        raise _strange("the target branch", text)
    return text


def _strange(name: str, value: str) -> InputError:
    return InputError(f"{name} is {log_line(value, 60)!r}", "GitLab CI sets it otherwise")
