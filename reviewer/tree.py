"""The clean room: the files of a change, and nothing else, in a private folder.

Analyzers see this folder and never a checkout. It holds regular files of the head only, made from
git objects: no symbolic link, no submodule, no file that a tool would read as its configuration.
What is left out stands in `skipped` with its reason: files + skipped = the files of the change.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple, Protocol

from reviewer.errors import InputError
from reviewer.model import ChangeSet, FileChange, Status

FILE_BYTES: Final = 1 << 20
"""Larger files are not looked into: no person reviews one, and every tool slows down on it."""

REGULAR: Final = (0o100644, 0o100755)
SYMLINK: Final = 0o120000
SUBMODULE: Final = 0o160000
"""Modes of git's tree entries (gitformat-index)."""

LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
"""How a Git LFS pointer begins (git-lfs, docs/spec.md)."""

TOOL_CONFIGURATION: Final = frozenset(
    (
        "pyproject.toml setup.cfg tox.ini mypy.ini pytest.ini ruff.toml trivy.yaml trivy.yml "
        "trivy-secret.yaml sitecustomize.py usercustomize.py oxlintrc.json zizmor.yml zizmor.yaml "
        "sonar-project.properties eslint.config.js eslint.config.mjs eslint.config.ts biome.json"
    ).split()
)
"""Names that tools we run, or tools like them, read as configuration; dotfiles count as well."""

PLAIN_NAME: Final = re.compile(
    r"\.?[A-Za-z0-9_][A-Za-z0-9_.+-]*(/\.?[A-Za-z0-9_][A-Za-z0-9_.+-]*)*"
)
"""Names that mean the same to every tool; any other file gets one of our making on disk."""

ODD_NAMES: Final = "odd-names"
"""The folder of the names of our making."""

NOT_RELATIVE: Final = "its name is not a relative path"
LEADS_OUT: Final = "its name leads out of the tree"
TOO_LONG: Final = "its name is too long for a file system"
TOO_LARGE: Final = f"its content is not available or over {FILE_BYTES >> 20} MiB"
UTF_16: Final = "UTF-16"
UNREAD: Final = (NOT_RELATIVE, LEADS_OUT, TOO_LONG, TOO_LARGE, UTF_16)
"""Reasons to leave out a file that a review should have read: readers are told of each."""

NO_LINES: Final = {
    Status.ADDED: "empty file",
    Status.COPIED: "copied without edits",
    Status.RENAMED: "renamed without edits",
}
"""Why a file has no hunk, where its status tells."""


class Entry(NamedTuple):
    """A regular file of the head: its path, object id, and size in bytes."""

    path: str
    oid: str
    size: int


class Blobs(Protocol):
    """Contents of files by git object id."""

    def read(self, oids: Iterable[str]) -> Iterator[bytes | None]:
        """One item an id, in order; None for an object that is missing or over FILE_BYTES."""
        ...

    def listing(self, head: str) -> Iterator[Entry]:
        """The regular files of `head` in order of path; none where it is not one of git's."""
        ...


@dataclass(frozen=True)
class Surroundings:
    """The files of the head that the change leaves alone. Nothing is read before it is asked for.

    `touched` are the paths of the change; `excluded` says why the settings leave a path out.
    """

    blobs: Blobs
    head: str
    touched: frozenset[str]
    excluded: Callable[[str], str]

    def files(self, wanted: Callable[[str], bool]) -> Iterator[Entry]:
        """Those whose path is `wanted`, in order of path. Raises InputError."""
        for entry in self.blobs.listing(self.head):
            if entry.path in self.touched or not wanted(entry.path):
                continue
            if not self.excluded(entry.path):
                yield entry

    def read(self, entries: Iterable[Entry]) -> Iterator[bytes | None]:
        """Their contents in order, as `Blobs.read` gives them. Raises InputError."""
        return self.blobs.read(entry.oid for entry in entries)


@dataclass(frozen=True)
class Tree:
    """The clean room of one review.

    `root` has the head's files, `aside` those that a tool would take for configuration, `base`
    the former versions of changed files. A path of the change is `files[path]` (or `asides[path]`)
    on disk, the same relative name under `root` and `base`. `skipped` maps paths to reasons.
    `around` leads to the rest of the repository, None where there is none.
    """

    root: Path
    aside: Path
    base: Path
    files: Mapping[str, str]
    asides: Mapping[str, str]
    skipped: Mapping[str, str]
    around: Surroundings | None = field(default=None, repr=False, compare=False)

    def read(self, path: str) -> bytes:
        """The head's content of a path in `files` or `asides`. Raises KeyError for others."""
        if path in self.files:
            return (self.root / self.files[path]).read_bytes()
        return (self.aside / self.asides[path]).read_bytes()

    def read_base(self, path: str) -> bytes | None:
        """The base's content of the file that is now `path`, None when it is new or unknown."""
        before = self.base / self.files.get(path, self.asides.get(path, "?"))
        return before.read_bytes() if before.is_file() else None

    def origin(self, name: str) -> str | None:
        """The path of the change for a file name that a tool printed, None if it is not ours."""
        relative = os.path.normpath(name).removeprefix(f"{self.root}/")
        return self._by_name.get(relative.removeprefix(f"{self.aside}/"))

    @cached_property
    def _by_name(self) -> Mapping[str, str]:
        return {name: path for path, name in (*self.files.items(), *self.asides.items())}


def unsafe(path: str) -> str:
    """Why `path` may not be written anywhere, "" if it may."""
    parts = path.split("/")
    if path.startswith("/") or "\0" in path or not path:
        return NOT_RELATIVE
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        return LEADS_OUT
    if any(len(os.fsencode(part)) > 255 for part in parts) or len(os.fsencode(path)) > 3500:
        return TOO_LONG
    return ""


def is_configuration(path: str) -> bool:
    """Whether a tool could take the file for its configuration."""
    parts = PurePosixPath(path).parts
    return any(part.startswith(".") for part in parts) or parts[-1].lower() in TOOL_CONFIGURATION


def kind_of(change: FileChange) -> str:
    """Why a file has no content to review, judged by the change alone; "" if it has."""
    if change.status is Status.DELETED:
        return "deleted"
    if change.new_mode == SYMLINK:
        return "symbolic link"
    if change.new_mode == SUBMODULE:
        return "submodule"
    if change.binary:
        return "binary"
    if not change.hunks:
        return NO_LINES.get(change.status, "no line changed")
    return unsafe(change.path)


def content_of(data: bytes | None) -> str:
    """Why this content is not looked into, "" if it is."""
    if data is None:
        return TOO_LARGE
    if data.startswith(LFS_POINTER):
        return "Git LFS pointer"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return UTF_16
    return ""


def build(changes: ChangeSet, blobs: Blobs, place: Path, excluded: Callable[[str], str]) -> Tree:
    """Write the clean room of `changes` under `place`, an empty private folder.

    `excluded` says why a path is left out by the settings, "" if it is not. Raises InputError when
    the disk does not take the files.
    """
    skipped: dict[str, str] = {}
    chosen: list[FileChange] = []
    for change in changes.files:
        reason = kind_of(change) or excluded(change.path)
        if reason:
            skipped[change.path] = reason
        else:
            chosen.append(change)
    files: dict[str, str] = {}
    asides: dict[str, str] = {}
    folders: set[Path] = set()
    taken: set[str] = set()
    room = {name: place / name for name in ("root", "aside", "base")}
    try:
        for folder in room.values():
            folder.mkdir()
        heads = blobs.read(change.new_oid for change in chosen)
        for number, (change, data) in enumerate(zip(chosen, heads, strict=True)):
            reason = content_of(data)
            if reason or data is None:
                skipped[change.path] = reason
                continue
            aside = is_configuration(change.path)
            name = _name(change.path, number, taken)
            (asides if aside else files)[change.path] = name
            _write(room["aside" if aside else "root"] / name, data, folders)
        placed = files | asides
        before = [c for c in chosen if c.path in placed]
        before = [c for c in before if c.old_oid.strip("0") and c.old_mode in REGULAR]
        for change, data in zip(before, blobs.read(c.old_oid for c in before), strict=True):
            if data is not None:
                _write(room["base"] / placed[change.path], data, folders)
    except OSError as error:
        raise InputError(
            f"cannot write the clean room: {error.strerror}", f"is there space in {place}?"
        ) from error
    around = Surroundings(blobs, changes.head, frozenset(changes.by_path), excluded)
    return Tree(room["root"], room["aside"], room["base"], files, asides, skipped, around)


def _name(path: str, number: int, taken: set[str]) -> str:
    """The name on disk: its own if that is plain and free, else one of ours with its suffix."""
    plain = PLAIN_NAME.fullmatch(path) and not path.startswith(f"{ODD_NAMES}/")
    if plain and path.lower() not in taken:
        taken.add(path.lower())
        return path
    suffix = PurePosixPath(path).suffix
    return f"{ODD_NAMES}/{number}{suffix if re.fullmatch(r'[.][A-Za-z0-9]+', suffix) else ''}"


def _write(target: Path, data: bytes, folders: set[Path]) -> None:
    if target.parent not in folders:
        target.parent.mkdir(parents=True, exist_ok=True)
        folders.add(target.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(target, flags, 0o644), "wb") as file:
        file.write(data)
