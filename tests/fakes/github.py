"""A GitHub for tests: stateful, aware of the diff, held to GitHub's official contracts.

It is a real HTTP server on 127.0.0.1 around a real git repository:

    from tests.fakes.github import GitHub, faults

    with GitHub(repository_folder) as hub:                       # bare or not; repository "o/r"
        pull = hub.open_pull(head=sha, base="main")              # pull.number == 1
        environ = hub.environ()                                  # GITHUB_API_URL, GITHUB_TOKEN ...
        hub.fault("POST", "*/pulls/1/reviews", faults.bad_gateway(stored=True))
        hub.after("GET", "*/pulls/1", lambda: hub.push(1, other_sha))
        ... run the product ...
        assert [c.body for c in hub.review_comments] == [...]

REST is at `hub.api_url`, GraphQL at `hub.graphql_url`, git at `hub.clone_url`. `hub.token` is the
token of a workflow with the permissions `ADVISED` (_github_state.py); `permissions=` changes them
(resolving a thread needs `{"contents": "write"}`, as on GitHub), `hub.add_token` adds others.
People take part by `hub.comment`, `hub.reply`, `hub.review`, `hub.resolve`, `hub.push`,
`hub.retarget`, `hub.close`. What was posted is in `hub.reviews`, `hub.review_comments`,
`hub.issue_comments`, `hub.threads`, `hub.checks`, `hub.statuses`, `hub.sarifs`; all that was asked
is in `hub.requests`.

Every request and every answer is checked against the OpenAPI description and the GraphQL schema
that GitHub publishes. A breach is kept in `hub.violations`, and the `with` block ends with an
AssertionError when there is one (`strict=False`: it does not).

As a program, for containers: `python -m tests.fakes.github --help`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.fakes import _github_faults as faults
from tests.fakes import _github_program as program
from tests.fakes import _github_reviews as rules
from tests.fakes._github_desk import Desk, Request
from tests.fakes._github_faults import Fault, Rule
from tests.fakes._github_git import Git
from tests.fakes._github_server import Server
from tests.fakes._github_state import (
    ACTIONS,
    ADVISED,
    NAMES,
    Check,
    IssueComment,
    Pull,
    Review,
    ReviewComment,
    Sarif,
    State,
    Status,
    Thread,
    Token,
)

__all__ = ["GitHub", "faults"]

SAME = "the repository itself"


class GitHub:
    """See the top of this file."""

    def __init__(
        self,
        repository_folder: Path,
        *,
        repository: str = "o/r",
        prefix: str = "",
        permissions: Mapping[str, str] | None = None,
        private: bool = False,
        strict: bool = True,
        bind: tuple[str, int] = ("127.0.0.1", 0),
        host: str = "",
    ) -> None:
        """`prefix` is /api/v3 for an Enterprise server; `host` the name that clients use."""
        owner, _, name = repository.partition("/")
        self.state = State(Git(_git_dir(repository_folder)), owner, name, private)
        self.state.account(owner)
        self._server = Server(bind)
        self.url = f"http://{host or '127.0.0.1'}:{self._server.server_port}"
        self.desk = Desk(self.state, self.url, prefix)
        self._server.answer = self.desk.answer
        self._server.broken = self.desk.violations.append
        self.api_url = self.url + self.desk.prefix
        self.graphql_url = self.url + self.desk.graphql_path
        self.clone_url = f"{self.url}/{repository}.git"
        self.token = self.add_token("ghs_test", permissions=permissions)
        self._strict = strict

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._server.close()
        broken = "\n".join(self.violations)
        if error is not None and broken:
            error.add_note(f"GitHub's contract was broken:\n{broken}")
        elif self._strict:
            assert not broken, broken

    # What is there

    @property
    def repository(self) -> str:
        return self.state.full_name

    @property
    def pulls(self) -> dict[int, Pull]:
        return self.state.pulls

    @property
    def reviews(self) -> list[Review]:
        return self.state.reviews

    @property
    def review_comments(self) -> list[ReviewComment]:
        return self.state.review_comments

    @property
    def threads(self) -> list[Thread]:
        return self.state.threads

    @property
    def issue_comments(self) -> list[IssueComment]:
        return self.state.issue_comments

    @property
    def checks(self) -> list[Check]:
        return self.state.checks

    @property
    def statuses(self) -> list[Status]:
        return self.state.statuses

    @property
    def sarifs(self) -> list[Sarif]:
        return self.state.sarifs

    @property
    def remaining(self) -> int:
        """Requests left before the primary limit."""
        return self.desk.remaining

    @remaining.setter
    def remaining(self, number: int) -> None:
        self.desk.remaining = number

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.is_write]

    def environ(self) -> dict[str, str]:
        """The variables by which a workflow's step finds its GitHub."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_SERVER_URL": self.url,
            "GITHUB_API_URL": self.api_url,
            "GITHUB_GRAPHQL_URL": self.graphql_url,
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_TOKEN": self.token,
        }

    @property
    def requests(self) -> list[Request]:
        return self.desk.requests

    @property
    def violations(self) -> list[str]:
        return self.desk.violations

    def event(self, number: int, action: str = "opened") -> dict[str, Any]:
        """The content of the file at GITHUB_EVENT_PATH for an event `pull_request`."""
        return {
            "action": action,
            "number": number,
            "pull_request": self.desk.shapes.pull(self.pulls[number]),
            "repository": self.desk.shapes.repository(),
            "sender": self.desk.shapes.user(self.pulls[number].author),
        }

    # What people do

    def open_pull(
        self,
        head: str,
        base: str = "main",
        *,
        number: int = 0,
        head_ref: str = "topic",
        head_repo: str | None = SAME,
        author: str = "author",
        title: str = "A change",
        **more: Any,
    ) -> Pull:
        """Opens a pull request. `head_repo`: a fork's name, or None for a fork that is gone."""
        with self.desk.lock:
            number = number or max(self.pulls, default=0) + 1
            sha, tip = self.state.git.sha(head), self.state.git.sha(base)
            assert sha, f"no commit {head}"
            assert tip, f"no branch {base}"
            source = self.repository if head_repo == SAME else head_repo
            user = self.state.account(author)
            pull = Pull(number, base, tip, head_ref, sha, source, user, title, **more)
            self.pulls[number] = pull
            self.state.git.set(f"refs/pull/{number}/head", sha)
            return pull

    def push(self, number: int, head: str) -> None:
        """A new head (also by force), which brings the base up to date."""
        with self.desk.lock:
            pull, sha = self.pulls[number], self.state.git.sha(head)
            assert sha, f"no commit {head}"
            pull.head_sha = sha
            pull.base_sha = self.state.git.sha(pull.base_ref) or pull.base_sha
            self.state.git.set(f"refs/pull/{number}/head", sha)

    def merge(self, number: int) -> str:
        """Makes refs/pull/N/merge, what a workflow checks out by default; its SHA."""
        with self.desk.lock:
            pull, git = self.pulls[number], self.state.git
            ends = (pull.base_sha, pull.head_sha)
            tree = git.run("merge-tree", "--write-tree", *ends).decode().strip()
            parents = [word for end in ends for word in ("-p", end)]
            pull.merge_sha = git.run("commit-tree", tree, *parents, "-m", "Merge").decode().strip()
            git.set(f"refs/pull/{number}/merge", pull.merge_sha)
            return pull.merge_sha

    def retarget(self, number: int, base: str) -> None:
        with self.desk.lock:
            tip = self.state.git.sha(base)
            assert tip, f"no branch {base}"
            self.pulls[number].base_ref, self.pulls[number].base_sha = base, tip

    def close(self, number: int, *, merged: bool = False) -> None:
        with self.desk.lock:
            self.pulls[number].state, self.pulls[number].merged = "closed", merged

    def add_token(
        self,
        token: str,
        login: str = ACTIONS.login,
        permissions: Mapping[str, str] | None = None,
        *,
        read_only: bool = False,
    ) -> str:
        """Another token. `read_only`: as a workflow of a fork gets it. A user's may write all."""
        account = self.state.account(login)
        usual = dict(ADVISED) if account.bot else dict.fromkeys(NAMES, "write")
        allowed = {**usual, **(permissions or {})}
        if read_only:
            allowed = {k: "none" if v == "none" else "read" for k, v in allowed.items()}
        self.desk.tokens[token] = Token(account, allowed)
        return token

    def comment(self, number: int, body: str, login: str = "alice") -> IssueComment:
        """Somebody comments on the pull request."""
        with self.desk.lock:
            user = self.state.account(login)
            return rules.add_issue_comment(self.state, self.pulls[number], user, body)

    def review(
        self,
        number: int,
        body: str,
        login: str = "alice",
        *,
        event: str = "COMMENT",
        comments: Sequence[Mapping[str, Any]] = (),
        commit_id: str = "",
    ) -> Review:
        """Somebody reviews. An empty `event` leaves the review pending."""
        with self.desk.lock:
            wish = {"body": body, "event": event, "comments": comments, "commit_id": commit_id}
            user = self.state.account(login)
            return rules.submit_review(self.state, self.pulls[number], user, wish)

    def reply(self, comment: ReviewComment | Thread, body: str, login: str = "alice") -> None:
        """Somebody answers in the thread."""
        with self.desk.lock:
            first = comment.comments[0] if isinstance(comment, Thread) else comment
            user = self.state.account(login)
            rules.reply(self.state, self.pulls[first.pull], user, first.id, body)

    def resolve(self, thread: Thread, login: str = "alice") -> None:
        with self.desk.lock:
            thread.resolved_by = self.state.account(login)

    # The script

    def fault(
        self,
        method: str,
        path: str,
        fault: Fault,
        *,
        nth: int = 1,
        times: float = 1,
        contains: str = "",
    ) -> None:
        """Plays a fault of `faults` from the nth matching request on, `times` times.

        `method` and `path` are shell patterns; the path has no prefix and no query ("/graphql",
        "/o/r.git/*" too). `contains` is a text that the request's body must hold.
        """
        self.desk.faults.append(Rule(method, path, fault, nth, times, contains))

    def after(self, method: str, path: str, action: Callable[[], object], *, nth: int = 1) -> None:
        """Does something once the nth matching request is worked on, before it is answered."""
        self.desk.actions.append(Rule(method, path, action, nth))


def _git_dir(folder: Path) -> Path:
    return folder / ".git" if (folder / ".git").is_dir() else folder


if __name__ == "__main__":
    program.main(GitHub)
