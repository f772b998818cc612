"""Forges for the tests of publishing: a real client of ours against a stateful fake of each.

A change is made of lines; one that holds `BAD-n` is a finding of rule `n`, so that findings can be
told apart in whatever is posted.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from reviewer import diff
from reviewer.forges.base import Conversation, PostReview, Step, Taken
from reviewer.forges.github import GitHub as Client
from reviewer.model import (
    ChangeSet,
    Confidence,
    FileSummary,
    Judged,
    Report,
    Request,
    Severity,
    Standing,
    Trust,
)
from reviewer.posting import Manner
from reviewer.publish import Delivery, deliver
from tests.fakes._github_state import ACTIONS, ReviewComment, Thread
from tests.fakes.github import GitHub as Server
from tests.support.gitrepo import commits, git, new_repository
from tests.support.publishing import PATH, Killed, Log, report
from tests.support.reports import finding

KEY = b"key of the tests"
SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def source(names: Sequence[int], padding: int = 0) -> bytes:
    """A file with a finding for each of the names, `padding` lines further down."""
    lines = [f"# moved {n}" for n in range(padding)]
    for name in names:
        lines += [f"value_{name} = {name}", f"BAD-{name} = run(value_{name})"]
    return ("\n".join(lines) + "\n").encode()


def head_of(folder: Path, names: Sequence[int], padding: int = 0) -> str:
    """A commit above `main`, on no branch, whose file has these findings."""
    data = source(names, padding)
    oid = git(folder, "hash-object", "-w", "--stdin", stdin=data).strip()
    kind = b"100644 blob"
    for part in reversed(PATH.encode().split(b"/")):
        oid = git(folder, "mktree", stdin=b"%s %s\t%s\n" % (kind, oid, part)).strip()
        kind = b"040000 tree"
    return git(folder, "commit-tree", oid, "-p", "main", "-m", "x").decode().strip()


def reviewed(folder: Path, request: Request) -> tuple[Report, ChangeSet]:
    """The review of a commit: at most ten findings inline, the others beyond that or too mild."""
    patch = git(folder, "diff", "--full-index", request.base, request.head)
    changes = ChangeSet(request.base, request.head, diff.parse(patch))
    judged: list[Judged] = []
    for change in changes.files:
        for line, text in sorted(change.added_text.items()):
            if found := re.match(r"BAD-(\d+)", text):
                judged.append(_judged(int(found[1]), change.path, line, text))
    inline = [item for item in judged if item.standing is Standing.INLINE]
    for item in inline[10:]:
        beyond = replace(item, standing=Standing.CAPPED, note="beyond the limit")
        judged[judged.index(item)] = beyond
    files = tuple(
        FileSummary(c.path, c.status, c.old_path, len(c.added), len(c.removed))
        for c in changes.files
    )
    return report(*judged, request=request, changes=files), changes


def _judged(name: int, path: str, line: int, text: str) -> Judged:
    severity = SEVERITIES[name % 3]
    made = finding(
        f"rule{name}",
        path,
        line,
        quote=text,
        severity=severity,
        confidence=Confidence.HIGH,
        message=f"the value {name} is run",
    )
    if severity is Severity.NOTE:
        return Judged(made, Standing.BODY, "below warning", line)
    return Judged(made, Standing.INLINE, "on a line of the change", line)


class Site(Protocol):
    """A request on a forge, as its users and its database see it."""

    name: str
    checks: bool
    """Whether it takes checks; the job itself is one then, and comments are made one by one."""
    talks: bool
    """Whether there is a conversation; `found`, `deliver`, `notes` and `state` do without."""
    folder: Path

    def request(self) -> Request: ...
    def conversation(self, request: Request) -> Conversation: ...
    def deliver(self, report: Report, changes: ChangeSet, manner: Manner, log: Log) -> Delivery: ...
    def push(self, names: Sequence[int], padding: int = 0) -> None: ...
    def close(self) -> None: ...
    def reopen(self) -> None: ...
    def forbid(self) -> None: ...
    def allow(self) -> None: ...
    def copy(self) -> None: ...
    def guess(self, review: PostReview) -> None: ...
    def answer(self, number: int) -> None: ...
    def settle(self, number: int) -> None: ...
    def comments(self) -> list["Seen"]: ...
    def found(self) -> tuple[list[str], int]: ...
    def notes(self) -> list[str]: ...
    def annotated(self) -> list[str]: ...
    def pending(self) -> int: ...
    def writes(self) -> int: ...
    def state(self) -> tuple[object, ...]: ...


@dataclass(frozen=True)
class Seen:
    """A comment of ours on a line, as readers see it."""

    rule: str
    line: int
    resolved: bool
    mark: str


@dataclass
class Time:
    """A clock that goes on by sleeping alone, and at one of whose ticks the process is killed."""

    now: float = 0.0
    ticks: int = 0
    killed: int = 0
    slept: float = 0.0

    def clock(self) -> float:
        self.ticks += 1
        if self.ticks == self.killed:
            raise Killed
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


class Talking:
    """A site with a conversation, on which readers find each finding by its name."""

    talks = True

    def deliver(
        self: Any, report: Report, changes: ChangeSet, manner: Manner, log: Log
    ) -> Delivery:
        talk = self.conversation(report.request)
        return deliver(report, changes, talk, manner, log.beside())

    def found(self: Any) -> tuple[list[str], int]:
        """The rules of the findings that readers see, and the number of those only counted."""
        listed = [rule for note in self.notes() for rule in listed_in(note)]
        return [*(each.rule for each in self.comments()), *self.annotated(), *listed], 0


class GitHubSite(Talking):
    """Our client of GitHub and the fake server, with a pull request of one file."""

    name = "github"
    checks = True

    def __init__(self, folder: Path, names: Sequence[int]) -> None:
        self.folder = folder
        if not folder.exists():
            commits(new_repository(folder), {b"README.md": ("100644", b"shop\n")})
        self.base = git(folder, "rev-parse", "main").decode().strip()
        self.server = Server(self.folder, permissions={"contents": "write"})
        self.server.__enter__()
        self.token = self.server.token
        self.pull = self.server.open_pull(head_of(self.folder, names))
        self.time = Time()

    def leave(self) -> None:
        self.server.__exit__(None, None, None)

    def request(self) -> Request:
        return Request("github", "o/r", self.base, self.pull.head_sha, 1, Trust.TRUSTED, self.base)

    def conversation(self, request: Request) -> Conversation:
        self.time = Time(killed=self.time.killed)
        client = Client(
            environ=self.server.environ(),
            token=self.token,
            checks=True,
            sleep=self.time.sleep,
            clock=self.time.clock,
        )
        return client.conversation(request)

    def push(self, names: Sequence[int], padding: int = 0) -> None:
        self.server.push(1, head_of(self.folder, names, padding))

    def close(self) -> None:
        self.server.close(1)

    def reopen(self) -> None:
        self.pull.state = "open"

    def forbid(self) -> None:
        self.token = self.server.add_token("ghs_fork", read_only=True)

    def allow(self) -> None:
        self.token = self.server.token

    def copy(self) -> None:
        """Somebody else posts what we posted, marks included."""
        for thread in self._threads():
            wish = {"path": PATH, "line": 1, "body": thread.comments[0].body}
            self.server.review(1, "me too", comments=[wish])
        for note in self.notes():
            self.server.comment(1, note)

    def guess(self, review: PostReview) -> None:
        """Somebody else posts what we are about to post."""
        wishes = [{"path": c.path, "line": c.end, "body": c.body} for c in review.comments]
        self.server.review(1, review.body, comments=wishes)

    def answer(self, number: int) -> None:
        self.server.reply(self._threads()[number], "I do not think so")

    def settle(self, number: int) -> None:
        self.server.resolve(self._threads()[number])

    def comments(self) -> list[Seen]:
        found = []
        for thread in self._threads():
            comment = thread.comments[0]
            found.append(
                Seen(
                    _rule(comment.body),
                    comment.line or 0,
                    thread.resolved,
                    comment.body.splitlines()[-1],
                )
            )
        return found

    def notes(self) -> list[str]:
        return [note.body for note in self.server.issue_comments if note.user == ACTIONS]

    def annotated(self) -> list[str]:
        here = [check for check in self.server.checks if check.head_sha == self.pull.head_sha]
        return [_value(note["message"]) for check in here[-1:] for note in check.annotations]

    def pending(self) -> int:
        return sum(r.state == "PENDING" for r in self.server.reviews if r.user == ACTIONS)

    def writes(self) -> int:
        return sum(request.path != "/graphql" for request in self.server.writes)

    def state(self) -> tuple[object, ...]:
        submitted = [r for r in self.server.reviews if r.user == ACTIONS]
        return (
            self.comments(),
            [(r.body, r.state) for r in submitted],
            self.notes(),
            self.annotated(),
            [s.document for s in self.server.sarifs[-1:]],
        )

    def _threads(self) -> list[Thread]:
        """Threads that we began, and that others see."""
        shown: list[ReviewComment] = self.server.state.shown_comments(1, ACTIONS)
        return [
            thread
            for thread in self.server.threads
            if thread.comments[0].user == ACTIONS and thread.comments[0] in shown
        ]


def _rule(body: str) -> str:
    found = re.search(r"`ruff/rule(\d+)`", body)
    return f"rule{found[1]}" if found else ""


def _value(message: str) -> str:
    found = re.search(r"the value (\d+) is run", message)
    return f"rule{found[1]}" if found else ""


SITES: Mapping[str, Callable[..., Any]] = {"github": GitHubSite}


@dataclass
class Mortal:
    """A conversation that is killed before or after its nth step; 0 is never."""

    inner: Conversation
    call: int = 0
    when: str = "before"
    calls: int = 0

    def past(self) -> Any:
        return self.inner.past()

    def take(self, step: Step) -> Taken:
        self.calls += 1
        if (self.calls, self.when) == (self.call, "before"):
            raise Killed
        taken = self.inner.take(step)
        if self.calls == self.call:
            raise Killed
        return taken


def listed_in(note: str) -> list[str]:
    """The rules that a summary lists, without those it only says are still there."""
    body = re.sub(r"Still there[^\n]*\n\n(?:- [^\n]*\n)+", "", note)
    return [f"rule{name}" for name in re.findall(r"\[`ruff/rule(\d+)`\]", body)]
