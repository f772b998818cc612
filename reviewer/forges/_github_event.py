"""What a run of GitHub Actions is asked to review: from the event to plain values, without I/O.

Shapes are those of https://docs.github.com/en/webhooks/webhook-events-and-payloads and of "Get a
pull request" of the REST API, which show a pull request alike.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Final

import msgspec

from reviewer.config import input_variables
from reviewer.errors import InputError
from reviewer.forges.base import Occasion
from reviewer.model import Trust
from reviewer.text import log_line

Sha = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")]
"""A commit: SHA-1 or SHA-256 in hexadecimal."""

Number = Annotated[int, msgspec.Meta(ge=1, lt=10**10)]

COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
NUMBER: Final = re.compile(r"[1-9][0-9]{0,9}")
REPOSITORY: Final = re.compile(r"[A-Za-z0-9-]{1,100}/[A-Za-z0-9._-]{1,100}")

BY_HAND: Final = "workflow_dispatch"
ON_TARGET: Final = "pull_request_target"
AFTERWARDS: Final = "workflow_run"
QUEUE: Final = "merge_group"
EVENTS: Final = ("pull_request", ON_TARGET, BY_HAND, QUEUE, AFTERWARDS)


class User(msgspec.Struct, frozen=True):
    login: str


class Repo(msgspec.Struct, frozen=True):
    full_name: str
    private: bool = False


class Label(msgspec.Struct, frozen=True):
    name: str


class End(msgspec.Struct, frozen=True):
    """One end of a pull request; `repo` is null when the fork was deleted."""

    ref: str
    sha: Sha
    repo: Repo | None = None


class Pull(msgspec.Struct, frozen=True):
    """A pull request, as events and the REST API show it."""

    number: Number
    state: str
    head: End
    base: End
    title: str | None = ""
    draft: bool | None = False
    user: User | None = None
    labels: tuple[Label, ...] = ()
    changed_files: int | None = None


class Group(msgspec.Struct, frozen=True):
    """What a merge queue wants to merge."""

    head_sha: Sha
    base_sha: Sha
    base_ref: str
    head_ref: str


class Run(msgspec.Struct, frozen=True):
    """The run of another workflow, whose end started this one."""

    head_sha: Sha
    event: str
    head_branch: str | None = None
    head_repository: Repo | None = None


class Payload(msgspec.Struct, frozen=True):
    """The parts of an event that count."""

    action: str = ""
    pull_request: Pull | None = None
    repository: Repo | None = None
    merge_group: Group | None = None
    workflow_run: Run | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is asked for.

    `idle` is set when there is nothing to do, and says why. `number` is 0 where there is no pull
    request, or where the event names none yet (`workflow_run`). `base` is the tip of the branch
    that the change is to go into. `head_repository` is "" when it was deleted. `changed_files` is
    None when nobody said.
    """

    event: str
    repository: str
    idle: str = ""
    number: int = 0
    base_ref: str = ""
    base: str = ""
    head: str = ""
    head_ref: str = ""
    head_repository: str = ""
    occasion: Occasion = field(default_factory=Occasion)
    public: bool = False
    self_hosted: bool = False
    changed_files: int | None = None

    @property
    def fork(self) -> bool:
        """Whether the head lies in another repository, or in none that is left."""
        return self.head_repository.lower() != self.repository.lower()

    @property
    def trust(self) -> Trust:
        """Who can push to the repository is trusted; no event makes up for that."""
        return Trust.UNTRUSTED if self.fork else Trust.TRUSTED

    @property
    def isolated(self) -> bool:
        """Whether the token may write although the change may come from a stranger.

        Nothing of the checkout is used then (https://docs.github.com/en/actions/reference/security,
        "Secure use": `pull_request_target` and `workflow_run`).
        """
        return self.event in (ON_TARGET, AFTERWARDS) or (self.event == BY_HAND and self.fork)


def asked(environ: Mapping[str, str], payload: bytes) -> Asked:
    """What the variables of a run and the contents of its event file ask for.

    Raises InputError when that cannot be told.
    """
    event = environ.get("GITHUB_EVENT_NAME", "")
    if event not in EVENTS:
        raise InputError(
            f"the event {log_line(event, 60)!r} speaks of no pull request",
            f"let the workflow run on {', '.join(EVENTS[:-1])} or {EVENTS[-1]}",
        )
    said = _decoded(payload)
    plain = Asked(
        event,
        repository(environ),
        public=said.repository is not None and not said.repository.private,
        self_hosted=environ.get("RUNNER_ENVIRONMENT") == "self-hosted",
    )
    if event == BY_HAND:
        return replace(plain, number=_number(_input(environ, "pr-number")))
    if event == QUEUE:
        return _of_queue(plain, said)
    if event == AFTERWARDS:
        return _of_run(plain, said)
    if said.pull_request is None:
        raise _incomplete("pull_request")
    found = of_pull(plain, said.pull_request)
    return replace(found, idle="the pull request is closed") if said.action == "closed" else found


def of_pull(plain: Asked, pull: Pull) -> Asked:
    """The same, for a pull request that is known by now."""
    words = Occasion(
        draft=bool(pull.draft),
        title=pull.title or "",
        author=pull.user.login if pull.user else "",
        branch=pull.head.ref,
        labels=tuple(label.name for label in pull.labels),
    )
    return replace(
        plain,
        idle="" if pull.state == "open" else "the pull request is closed",
        number=pull.number,
        base_ref=pull.base.ref,
        base=pull.base.sha,
        head=pull.head.sha,
        head_ref=pull.head.ref,
        head_repository=pull.head.repo.full_name if pull.head.repo else "",
        occasion=words,
        changed_files=pull.changed_files,
    )


def repository(environ: Mapping[str, str]) -> str:
    """The repository of the run, `owner/name`. Raises InputError."""
    name = environ.get("GITHUB_REPOSITORY", "")
    if not REPOSITORY.fullmatch(name) or name.split("/")[1] in (".", ".."):
        raise InputError(
            f"GITHUB_REPOSITORY is {log_line(name, 60)!r}, not the name of a repository",
            "GitHub Actions sets it: owner/name",
        )
    return name


def _decoded(payload: bytes) -> Payload:
    try:
        return msgspec.json.decode(payload, type=Payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"the event file cannot be read: {log_line(str(error), 200)}",
            "GITHUB_EVENT_PATH names the file that GitHub Actions wrote",
        ) from None


def _input(environ: Mapping[str, str], name: str) -> str:
    given = (environ.get(variable, "") for variable in input_variables(name))
    return next(filter(None, given), "")


def _number(text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise InputError(
            f"pr-number is {log_line(text, 40)!r}, not the number of a pull request"
            if text
            else "the event names no pull request",
            "give the input pr-number, such as 123",
        )
    return int(text)


def _of_queue(plain: Asked, said: Payload) -> Asked:
    group = said.merge_group
    if group is None:
        raise _incomplete("merge_group")
    return replace(
        plain,
        idle="" if said.action == "checks_requested" else "the merge queue wants no checks",
        base_ref=group.base_ref.removeprefix("refs/heads/"),
        base=group.base_sha,
        head=group.head_sha,
        head_ref=group.head_ref,
        head_repository=plain.repository,
        occasion=Occasion(branch=group.head_ref.removeprefix("refs/heads/")),
    )


def _of_run(plain: Asked, said: Payload) -> Asked:
    run = said.workflow_run
    if run is None:
        raise _incomplete("workflow_run")
    idle = ""
    if said.action != "completed":
        idle = "the other workflow has not ended yet"
    elif run.event != "pull_request":
        idle = "the other workflow did not run for a pull request"
    return replace(
        plain,
        idle=idle,
        head=run.head_sha,
        head_ref=run.head_branch or "",
        head_repository=run.head_repository.full_name if run.head_repository else "",
    )


def _incomplete(part: str) -> InputError:
    return InputError(
        f"the event file says nothing of a {part}",
        "GITHUB_EVENT_NAME and GITHUB_EVENT_PATH must speak of the same event",
    )
