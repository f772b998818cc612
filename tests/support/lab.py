"""A small project with a merge request, a fake GitLab around it, and our GitLab on top."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from reviewer import diff
from reviewer.forges.base import Comment, PostReview
from reviewer.forges.gitlab import GitLab
from reviewer.marks import Marks
from reviewer.model import ChangeSet, Request, Side
from tests.fakes.gitlab import GitLab as Fake
from tests.support.gitrepo import commits, git, new_repository
from tests.support.hub import PATH, Clock

OLD = [f"line_{number} = {number}" for number in range(1, 41)]
EDITED = [*OLD[:4], "first = 1", "second = 2", *OLD[4:19], *OLD[20:]]
"""Lines 5 and 6 are new, the old line 20 is gone."""
TEXT = "\n".join


def tree(**files: list[str]) -> dict[bytes, tuple[str, bytes]]:
    """Files by their names, in which `__` stands for a dot."""
    return {
        name.replace("__", ".").encode(): ("100644", TEXT([*lines, ""]).encode())
        for name, lines in files.items()
    }


BASE = tree(app__py=OLD, before__py=OLD, gone__py=["x = 1", "y = 2"])
MOVED = tree(app__py=["# new", *OLD], before__py=OLD, gone__py=["x = 1", "y = 2"])
HEAD = tree(app__py=EDITED, after__py=EDITED, fresh__py=["a = 1", "b = 2", "c = 3"])


@dataclass
class Lab:
    """The fake and the commits of its project; `target` is the tip of main."""

    fake: Fake
    folder: Path
    place: Path
    base: str
    target: str
    head: str
    clock: Clock = field(default_factory=Clock)

    def forge(self, environ: Mapping[str, str] | None = None, **more: Any) -> GitLab:
        """Our GitLab for a job with these variables, by the token of a project."""
        scratch = self.place / f"scratch-{len(list(self.place.iterdir()))}"
        scratch.mkdir()
        given = {
            "environ": self.fake.environ() if environ is None else environ,
            "token": self.fake.token,
            "scratch": scratch,
            "git_path": PATH,
            "sleep": self.clock.sleep,
            "clock": self.clock,
        }
        return GitLab(**{**given, **more})

    def talk(self, **more: Any) -> Any:
        """Our part in merge request 1."""
        return self.forge(**more).conversation(self.request(), self.changes())

    def request(self) -> Request:
        return Request("gitlab", self.fake.state.path, self.base, self.head, 1)

    def changes(self) -> ChangeSet:
        found = git(self.folder, "diff", "--full-index", "-C", "-C", self.base, self.head)
        return ChangeSet(self.base, self.head, diff.parse(found))

    @property
    def marks(self) -> Marks:
        return Marks(self.fake.state.path, 1)

    def comment(
        self, path: str, start: int, end: int = 0, side: Side = Side.NEW, text: str = "It is so."
    ) -> Comment:
        mark = self.marks.finding(f"{hash((path, start, end, side)) % 16**32:032x}", "ruff")
        return Comment(path, side, start, end or start, f"{text}\n\n{mark}", mark)

    def review(self, *comments: Comment) -> PostReview:
        mark = self.marks.review(self.head, "0" * 32)
        return PostReview(self.head, f"I had a look.\n\n{mark}", mark, comments)


@contextmanager
def lab(place: Path, **rules: Any) -> Iterator[Lab]:
    """A GitLab with merge request 1, whose target has moved on; `rules` go to the fake."""
    place.mkdir(exist_ok=True)
    folder = place / "upstream.git"
    made, [base, target, head] = _history()
    shutil.copytree(made.name, folder)
    with Fake(folder, **rules) as fake:
        fake.open_merge(head)
        yield Lab(fake, folder, place, base, target, head)


@cache
def _history() -> tuple[tempfile.TemporaryDirectory[str], list[str]]:
    """A bare repository with main and the change beside it; the merge base, tip of main, head."""
    made = tempfile.TemporaryDirectory()
    with tempfile.TemporaryDirectory() as name:
        folder = new_repository(Path(name) / "made")
        [base, head] = commits(folder, BASE, HEAD)
        git(folder, "branch", "feature", head)
        git(folder, "checkout", "-q", "-B", "main", base)
        (folder / "app.py").write_bytes(MOVED[b"app.py"][1])
        git(folder, "commit", "-q", "-a", "-m", "moved")
        target = git(folder, "rev-parse", "HEAD").decode().strip()
        git(folder, "clone", "-q", "--bare", "--template=", ".", made.name)
    return made, [base, target, head]
