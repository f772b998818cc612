"""A GitLab for tests: stateful, aware of the diff, held to GitLab's published documentation.

It is a real HTTP server on 127.0.0.1 around a real bare git repository:

    from tests.fakes import _github_faults as faults
    from tests.fakes.gitlab import GitLab

    with GitLab(bare_repository) as lab:                     # project 5, "group/project"
        merge = lab.open_merge(head=sha, target="main")      # merge.iid == 1
        environ = lab.environ(1)                             # CI_MERGE_REQUEST_IID ...
        lab.fault("POST", "*/bulk_publish", faults.bad_gateway(stored=True))
        ... run the product ...
        assert [note.body for note in lab.diff_notes(1)] == [...]

`lab.token` is that of a project access token with the role Developer, `lab.job_token` that of a
job, which may only read. People take part by `lab.comment`, `lab.reply`, `lab.resolve`, `lab.push`.
`lab.notifications` holds, for each notification, the texts that it told of.

The page of the documentation that each operation is taken from is in `_gitlab_schema.PAGES`; a
request or an answer that breaks it is kept in `lab.violations`, as are quick actions and
suggestions for other lines than those commented on. The `with` block ends with an AssertionError
when there is one.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from tests.fakes._github_faults import Fault, Rule
from tests.fakes._github_git import Git
from tests.fakes._github_server import Server
from tests.fakes._gitlab_desk import PREFIX, Desk, Request
from tests.fakes._gitlab_state import Discussion, Merge, Note, State, Token, User

LIMITED = {
    "message": {"error": "This endpoint has been requested too many times. Try again later."}
}
"""The body of a 429 (docs.gitlab.com/administration/settings/rate_limit_on_notes_creation/)."""


class GitLab:
    """See the top of this file. `relative` is the path below which the whole site lies."""

    def __init__(self, folder: Path, *, path: str = "group/project", **rules: Any) -> None:
        git_dir = folder / ".git" if (folder / ".git").is_dir() else folder
        self._server = Server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.state = State(Git(git_dir), path, url=self.url, **rules)
        self.desk = Desk(self.state)
        self._server.answer = self.desk.answer
        self._server.broken = self.desk.violations.append
        self.api_url = self.url + PREFIX
        self.clone_url = f"{self.url}/{path}.git"
        self.bot = self.state.user("project_5_bot")
        self.token = self.add_token("glpat-test", Token(self.bot))
        self.job_token = self.add_token("glcbt-test", Token(self.state.user("dev"), kind="job"))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._server.close()
        if kind is None:
            assert not self.violations, "\n".join(self.violations)

    @property
    def violations(self) -> list[str]:
        return self.desk.violations

    @property
    def requests(self) -> list[Request]:
        return self.desk.requests

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.is_write]

    @property
    def notifications(self) -> list[list[str]]:
        return self.state.notifications

    def add_token(self, value: str, token: Token) -> str:
        self.state.tokens[value] = token
        return value

    def user(self, name: str) -> User:
        return self.state.user(name)

    def merge(self, iid: int = 1) -> Merge:
        return self.state.merges[iid]

    def discussions(self, iid: int = 1) -> list[Discussion]:
        return self.merge(iid).discussions

    def diff_notes(self, iid: int = 1) -> list[Note]:
        """The first notes of the threads on lines."""
        return [d.notes[0] for d in self.discussions(iid) if d.notes[0].position]

    def plain_notes(self, iid: int = 1) -> list[Note]:
        """The first notes of all others."""
        return [d.notes[0] for d in self.discussions(iid) if not d.notes[0].position]

    # What people and programs do

    def open_merge(
        self,
        head: str,
        target: str = "main",
        *,
        source: str = "feature",
        author: str = "dev",
        source_project: int | None = 5,
        **more: Any,
    ) -> Merge:
        iid = len(self.state.merges) + 1
        title = more.pop("title", "A change")
        merge = Merge(iid, source, target, self.user(author), title, source_project, **more)
        self.state.merges[iid] = merge
        self.state.version(merge, head)
        return merge

    def push(self, iid: int, head: str) -> None:
        """A new version of a merge request."""
        self.state.version(self.merge(iid), head)

    def comment(self, iid: int, body: str, author: str = "alice", **position: Any) -> Discussion:
        note = Note(next(self.state.ids), self.user(author), body, position or None)
        note.type = "DiffNote" if position else None
        return self.state.add_note(self.merge(iid), note, individual=not position)

    def reply(self, discussion: Discussion, body: str, author: str = "alice") -> None:
        kind = discussion.notes[0].type
        discussion.notes.append(Note(next(self.state.ids), self.user(author), body, type=kind))

    def resolve(self, discussion: Discussion) -> None:
        for note in discussion.notes:
            note.resolved = True

    def fault(self, method: str, path: str, fault: Fault, **when: Any) -> None:
        """The next request whose method and path (without /api/v4) match these globs fails.

        `when`: `nth`, `times`, `contains` of `_github_faults.Rule`.
        """
        self.desk.faults.append(Rule(method, path, fault, **when))

    def after(self, method: str, path: str, action: Callable[[], object], **when: Any) -> None:
        """Something happens right after a request."""
        self.desk.actions.append(Rule(method, path, action, **when))

    # What a job sees

    def site(self) -> dict[str, str]:
        """Variables of any job (docs.gitlab.com/ci/variables/predefined_variables/)."""
        return {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_SERVER_URL": self.url,
            "CI_API_V4_URL": self.api_url,
            "CI_PROJECT_ID": str(self.state.id),
            "CI_PROJECT_PATH": self.state.path,
            "CI_PROJECT_URL": f"{self.url}/{self.state.path}",
            "CI_PROJECT_VISIBILITY": "private",
            "CI_JOB_TOKEN": self.job_token,
        }

    def environ(
        self, iid: int = 1, kind: str = "detached", more: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Variables of a merge request pipeline of one of the three kinds."""
        merge = self.merge(iid)
        merged = kind != "detached"
        return {
            **self.site(),
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_COMMIT_SHA": "d" * 40 if merged else merge.newest.head,
            "CI_MERGE_REQUEST_IID": str(iid),
            "CI_MERGE_REQUEST_EVENT_TYPE": kind,
            "CI_MERGE_REQUEST_PROJECT_ID": str(self.state.id),
            "CI_MERGE_REQUEST_PROJECT_PATH": self.state.path,
            "CI_MERGE_REQUEST_PROJECT_URL": f"{self.url}/{self.state.path}",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(merge.source_project or ""),
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": merge.source,
            "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": merge.newest.head if merged else "",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": merge.target,
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": merge.newest.base,
            "CI_MERGE_REQUEST_TITLE": merge.title,
            "CI_MERGE_REQUEST_LABELS": ",".join(merge.labels),
            **(more or {}),
        }
