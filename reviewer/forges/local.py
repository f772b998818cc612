"""A change in a git checkout, or a diff in a file, reviewed for whoever sits at the terminal."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final

from reviewer import diff
from reviewer.errors import InputError
from reviewer.forges.base import Forge, Source
from reviewer.git import Repository
from reviewer.model import ChangeSet, FileChange, Request, Status, Trust
from reviewer.text import clip
from reviewer.tree import FILE_BYTES, Entry, unsafe

STAGED: Final = "staged"
WORKTREE: Final = "worktree"


@dataclass(frozen=True)
class Local:
    """The checkout around `folder`, seen with `git_path` as PATH.

    `base` and `head` are refs; an empty base is the merge base with the default branch, an empty
    head is HEAD. `extent` is "" for commits, "staged" for the index, "worktree" for the files as
    they lie there. `index` is GIT_INDEX_FILE as a hook of git sees it. `patch` is a diff to review
    instead, of the files in `folder`; `asked` is a request whose sides are known already.
    `scratch` is a private, existing folder.
    """

    name: ClassVar[str] = "local"
    folder: Path = Path()
    scratch: Path = Path()
    git_path: str = os.defpath
    base: str = ""
    head: str = ""
    extent: str = ""
    index: str = ""
    patch: bytes | None = None
    asked: Request | None = None

    @cached_property
    def repository(self) -> Repository:
        return Repository.open(self.folder, self.scratch, self.git_path)

    def request(self, environ: Mapping[str, str]) -> Request:
        """The two sides of the comparison. The environment has no say in it."""
        del environ
        if self.asked is not None:
            return self.asked
        if self.patch is not None:
            name = self.folder.resolve().name
            return Request(self.name, name, "", "diff", trust=Trust.TRUSTED)
        base, head = self._sides()
        return Request(
            self.name,
            self.repository.top.name,
            base,
            head,
            trust=Trust.TRUSTED,
            target=self.trusted_ref,
        )

    def _sides(self) -> tuple[str, str]:
        repository = self.repository
        if self.extent:
            staged = self.extent == STAGED
            head = repository.staged(self.index) if staged else repository.worktree()
            return self.trusted_ref or repository.empty_tree(), head
        head = repository.commit(self.head or "HEAD")
        return repository.merge_base(self.trusted_ref, head), head

    @cached_property
    def trusted_ref(self) -> str:
        """The commit whose configuration is in force: the base branch as it is now, "" if none."""
        if self.asked is not None:
            return self.asked.target
        if self.patch is not None:
            return ""
        if self.base:
            return self.repository.commit(self.base)
        if self.extent:
            return self.repository.commit("HEAD") if self.repository.has_commit("HEAD") else ""
        return self.repository.commit(self.repository.default_branch())

    def changes(self, request: Request) -> Source:
        """The change between the sides of `request`. Raises InputError."""
        if self.patch is not None:
            return self._of_patch(self.patch)
        repository = replace(self.repository, base_oid=self.trusted_ref)
        changes = repository.changes(request.base, request.head)
        return Source(changes, repository, repository.linguist)

    def same_since(self, commit: str, changes: ChangeSet) -> frozenset[str]:
        """The files of a change that were the same in an earlier head, none if it is not there."""
        if self.patch is not None or not self.repository.has_commit(commit):
            return frozenset()
        differing = self.repository.differing(commit, changes.head)
        return frozenset(changes.by_path.keys() - differing)

    def titles(self, request: Request) -> str:
        """What the commits of the change are called, a line each; "" where there are none."""
        if self.patch is not None or self.extent:
            return ""
        return "\n".join(
            clip(each, 200) for each in self.repository.titles(request.base, request.head)
        )

    def _of_patch(self, patch: bytes) -> Source:
        files = diff.parse(patch)
        named = tuple(replace(change, old_oid="", new_oid=change.path) for change in files)
        folder = Folder(self.folder.resolve())
        for change in named:
            folder.verify(change)
        return Source(ChangeSet("", "diff", named), folder)


@dataclass(frozen=True)
class Folder:
    """Files of a plain folder by their path, which stands in for an object id."""

    root: Path

    def read(self, oids: Iterable[str]) -> Iterator[bytes | None]:
        """Contents of regular files inside the folder; no symbolic link is followed."""
        for path in oids:
            yield None if unsafe(path) else self._contents(self.root / path)

    def listing(self, head: str) -> Iterator[Entry]:
        """Nothing: which files of a plain folder belong to the project, nobody says."""
        del head
        return iter(())

    def verify(self, change: FileChange) -> None:
        """Raise InputError when the folder holds another version than the diff speaks of."""
        if change.status is Status.DELETED or change.binary or unsafe(change.path):
            return
        if not os.path.lexists(self.root / change.path):
            raise InputError(
                f"{self.root} has no {change.path!r}, which the diff speaks of",
                "name the folder that its paths start from by --repo",
            )
        data = next(self.read([change.path]))
        if data is None:
            return
        lines = data.decode("utf-8", "replace").split("\n")
        for line in change.lines():
            there = lines[line.new - 1] if 0 < line.new <= len(lines) else None
            if line.new and (there is None or there.rstrip("\r") != line.text.rstrip("\r")):
                raise InputError(
                    f"line {line.new} of {change.path!r} is not what the diff says it is",
                    "check out the version that the diff leads to, or name its folder by --repo",
                )

    def _contents(self, path: Path) -> bytes | None:
        try:
            if path.parent.resolve() != path.parent:
                return None
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            regular = stat.S_ISREG(status.st_mode) and status.st_size <= FILE_BYTES
            return file.read(FILE_BYTES) if regular else None


PLUGIN: Final[type[Forge]] = Local
