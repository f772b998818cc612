"""Our client of GitLab and the fake server, for the tests of publishing; see `sites.Site`."""

from collections.abc import Sequence
from pathlib import Path

from reviewer.forges.base import Conversation, PostReview
from reviewer.forges.gitlab import GitLab as Client
from reviewer.model import Request, Trust
from tests.fakes._gitlab_state import Discussion, Token
from tests.fakes.gitlab import GitLab as Server
from tests.support import sites
from tests.support.gitrepo import commits, git, new_repository
from tests.support.sites import Seen, Talking, Time


class GitLabSite(Talking):
    """A merge request of one file."""

    name = "gitlab"
    checks = False
    """The job is the check."""

    def __init__(self, folder: Path, names: Sequence[int]) -> None:
        self.folder = folder
        if not folder.exists():
            commits(new_repository(folder), {b"README.md": ("100644", b"shop\n")})
        self.base = git(folder, "rev-parse", "main").decode().strip()
        self.server = Server(self.folder)
        self.server.__enter__()
        self.token = self.server.token
        self.merge = self.server.open_merge(sites.head_of(self.folder, names))
        self.time = Time()

    def leave(self) -> None:
        self.server.__exit__(None, None, None)

    def request(self) -> Request:
        head = self.merge.newest.head
        path = self.server.state.path
        return Request("gitlab", path, self.base, head, 1, Trust.TRUSTED, self.base)

    def conversation(self, request: Request) -> Conversation:
        self.time = Time(killed=self.time.killed)
        client = Client(
            environ=self.server.environ(),
            token=self.token,
            sleep=self.time.sleep,
            clock=self.time.clock,
        )
        _, changes = sites.reviewed(self.folder, request)
        return client.conversation(request, changes)

    def push(self, names: Sequence[int], padding: int = 0) -> None:
        self.server.push(1, sites.head_of(self.folder, names, padding))

    def close(self) -> None:
        self.merge.state = "closed"

    def reopen(self) -> None:
        self.merge.state = "opened"

    def forbid(self) -> None:
        reader = Token(self.server.bot, role="reporter", scope="read_api")
        self.token = self.server.add_token("glpat-reader", reader)

    def allow(self) -> None:
        self.token = self.server.token

    def copy(self) -> None:
        """Somebody else posts what we posted, marks included."""
        for thread in self._threads():
            note = thread.notes[0]
            self.server.comment(1, note.body, **(note.position or {}))
        for note in self.notes():
            self.server.comment(1, note)

    def guess(self, review: PostReview) -> None:
        """Somebody else posts what we are about to post."""
        self.server.comment(1, review.body)
        for comment in review.comments:
            place = {"old_path": comment.path, "new_path": comment.path, "new_line": comment.end}
            self.server.comment(1, comment.body, position_type="text", **place)

    def answer(self, number: int) -> None:
        self.server.reply(self._threads()[number], "I do not think so")

    def settle(self, number: int) -> None:
        self.server.resolve(self._threads()[number])

    def comments(self) -> list[Seen]:
        found = []
        for thread in self._threads():
            note = thread.notes[0]
            line = (note.position or {}).get("new_line", 0)
            mark = note.body.splitlines()[-1]
            found.append(Seen(sites._rule(note.body), line, thread.resolved, mark))
        return found

    def notes(self) -> list[str]:
        """The summaries."""
        return [note.body for note in self._plain() if "<!-- reviewer:summary:" in note.body]

    def annotated(self) -> list[str]:
        return []

    def pending(self) -> int:
        return len(self.merge.drafts)

    def writes(self) -> int:
        return len(self.server.writes)

    def state(self) -> tuple[object, ...]:
        bodies = [
            (d.notes[0].body, d.resolved)
            for d in self.server.discussions()
            if d.notes[0] in self._plain() and d.notes[0].body not in self.notes()
        ]
        return self.comments(), bodies, self.notes(), self.annotated(), []

    def _threads(self) -> list[Discussion]:
        """Threads on lines that we began."""
        return [
            each
            for each in self.server.discussions()
            if each.notes[0].author == self.server.bot and each.notes[0].position
        ]

    def _plain(self) -> list[object]:
        return [n for n in self.server.plain_notes() if n.author == self.server.bot]
