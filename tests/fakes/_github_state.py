"""What the fake of GitHub remembers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar

from tests.fakes._github_git import File, Git

NAMES = ("actions checks contents issues metadata pull-requests security-events statuses").split()
LEVELS = ("none", "read", "write")
ADVISED = {
    "contents": "read", "metadata": "read", "pull-requests": "write", "checks": "write",
    "security-events": "write", "statuses": "write",
}  # fmt: skip
"""The permissions of the token that tests get unless they say otherwise.

Resolving a thread needs `contents: write` on GitHub (github/gh-aw#35726), which this lacks.
"""


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Refusal(Exception):
    """GitHub says no."""

    def __init__(self, status: int, message: str, errors: Sequence[Any] = ()) -> None:
        super().__init__(f"{status} {message} {list(errors)}")
        self.status, self.message, self.errors = status, message, list(errors)


def unprocessable(*errors: str) -> Refusal:
    """The 422 of the review endpoints: a list of sentences."""
    return Refusal(422, "Unprocessable Entity", errors)


def invalid(resource: str, name: str, message: str) -> Refusal:
    """The 422 of most other endpoints: a list of objects."""
    error = {"resource": resource, "code": "custom", "field": name, "message": message}
    return Refusal(422, "Validation Failed", [error])


@dataclass(frozen=True)
class Account:
    login: str
    id: int

    @property
    def bot(self) -> bool:
        return self.login.endswith("[bot]")

    @property
    def graphql_login(self) -> str:
        """GraphQL calls a bot by its name alone."""
        return self.login.removesuffix("[bot]")


ACTIONS = Account("github-actions[bot]", 41898282)


@dataclass(frozen=True)
class Token:
    account: Account
    permissions: dict[str, str]

    @property
    def integration(self) -> bool:
        """An app's token (such as GITHUB_TOKEN), which is no user."""
        return self.account.bot

    def may(self, level: str, *names: str) -> bool:
        """Has one of the permissions at least `level`?"""
        return any(
            LEVELS.index(self.permissions.get(name, "none")) >= LEVELS.index(level)
            for name in names
        )

    def refusal(self) -> Refusal:
        kind = "integration" if self.integration else "personal access token"
        return Refusal(403, f"Resource not accessible by {kind}")


@dataclass
class Pull:
    number: int
    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    head_repo: str | None
    author: Account
    title: str
    body: str = ""
    draft: bool = False
    labels: list[str] = field(default_factory=list)
    state: str = "open"
    merged: bool = False
    locked: bool = False
    merge_sha: str | None = None


@dataclass
class Item:
    """Something a user wrote. `lag`: reads of a list that still leave it out."""

    id: int
    pull: int
    user: Account
    body: str
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    minimized: str | None = None
    lag: int = 0


@dataclass
class IssueComment(Item):
    pass


@dataclass
class Review(Item):
    """`state` is PENDING, COMMENTED, CHANGES_REQUESTED, APPROVED or DISMISSED."""

    state: str = "PENDING"
    commit_id: str = ""
    submitted_at: str | None = None


@dataclass
class ReviewComment(Item):
    """`line`, `start_line` and `commit_id` are those it was made with."""

    review_id: int = 0
    path: str = ""
    line: int | None = None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    subject_type: str = "line"
    commit_id: str = ""
    diff_hunk: str = ""
    in_reply_to: int | None = None


@dataclass
class Thread:
    id: str
    pull: int
    comments: list[ReviewComment]
    resolved_by: Account | None = None

    @property
    def resolved(self) -> bool:
        return self.resolved_by is not None


@dataclass
class Check:
    id: int
    name: str
    head_sha: str
    status: str = "queued"
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    external_id: str = ""
    details_url: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = field(default_factory=list)
    account: Account = ACTIONS
    lag: int = 0


@dataclass
class Status:
    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: Account
    created_at: str = field(default_factory=now)


@dataclass
class Sarif:
    id: str
    commit_sha: str
    ref: str
    document: Any


T = TypeVar("T", Item, Check)


@dataclass
class State:
    """One repository and all that people and programs left on it."""

    git: Git
    owner: str
    name: str
    private: bool = False
    pulls: dict[int, Pull] = field(default_factory=dict)
    reviews: list[Review] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    issue_comments: list[IssueComment] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    sarifs: list[Sarif] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=dict)
    code_scanning: bool = True
    ids: Any = field(default_factory=lambda: count(3_000_000_001))
    """Above 2**31, as on github.com: GraphQL's 32-bit databaseId cannot hold them."""

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def review_comments(self) -> list[ReviewComment]:
        found = [comment for thread in self.threads for comment in thread.comments]
        return sorted(found, key=lambda comment: comment.id)

    def account(self, login: str) -> Account:
        if login == ACTIONS.login:
            return ACTIONS
        return self.accounts.setdefault(login, Account(login, 1000 + len(self.accounts)))

    def pull(self, number: int | str) -> Pull:
        if int(number) not in self.pulls:
            raise Refusal(404, "Not Found")
        return self.pulls[int(number)]

    def find(self, items: Iterable[Any], wanted: int | str) -> Any:
        """The item of that id. Raises Refusal 404."""
        for item in items:
            if str(item.id) == str(wanted):
                return item
        raise Refusal(404, "Not Found")

    def thread_of(self, comment: ReviewComment) -> Thread:
        return next(thread for thread in self.threads if comment in thread.comments)

    def review_of(self, comment: ReviewComment) -> Review:
        return next(review for review in self.reviews if review.id == comment.review_id)

    def base(self, pull: Pull) -> str:
        """The merge base, from which the diff is made."""
        return self.git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha

    def files(self, pull: Pull, head: str = "") -> tuple[File, ...]:
        return self.git.files(self.base(pull), head or pull.head_sha)

    def line_now(self, comment: ReviewComment) -> int | None:
        """The line in today's diff; None when the comment is outdated."""
        if comment.line is None:
            return None
        pull = self.pulls[comment.pull]
        if comment.side == "LEFT":
            line: int | None = comment.line
        else:
            old, new = comment.commit_id, pull.head_sha
            line = self.git.moved(comment.path, comment.line, old, new)
        file = next((f for f in self.files(pull) if f.filename == comment.path), None)
        if line is None or file is None:
            return None
        return line if any(h.at(comment.side, line) is not None for h in file.hunks) else None

    def outdated(self, comment: ReviewComment) -> bool:
        if comment.subject_type == "file":
            names = {f.filename for f in self.files(self.pulls[comment.pull])}
            return comment.path not in names
        return self.line_now(comment) is None

    def hidden(self, review: Review, account: Account) -> bool:
        """A pending review is seen by its author alone."""
        return review.state == "PENDING" and review.user != account

    def shown_comments(self, pull: int, account: Account) -> list[ReviewComment]:
        """The comments of a pull request that are not pending."""
        return [
            comment
            for comment in self.review_comments
            if comment.pull == pull and self.review_of(comment).state != "PENDING"
        ]

    def settled(self, items: Iterable[T]) -> list[T]:
        """Those that lists show by now; the others come one read nearer."""
        shown = []
        for item in items:
            if item.lag > 0:
                item.lag -= 1
            else:
                shown.append(item)
        return shown
