"""The git side of the fake of GitHub: one repository, its diffs, its smart HTTP service.

The diff is read here on its own, from `git diff -U3`, so that the product's reading of diffs is
never its own judge.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

ENVIRON = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "LC_ALL": "C",
}
SERVED = {"uploadpack.allowAnySHA1InWant": "true", "safe.directory": "*"}
HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
STATUS = {
    "A": "added",
    "M": "modified",
    "D": "removed",
    "R": "renamed",
    "C": "copied",
    "T": "changed",
}
PATCH_BYTES, PATCH_LINES = 500_000, 20_000
"""A file's patch above either is left out (docs.github.com, "Repository limits", diff limits)."""


@dataclass(frozen=True)
class Hunk:
    """One hunk: the lines that can be commented on, and where each stands in its text."""

    text: tuple[str, ...]
    right: Mapping[int, int]
    left: Mapping[int, int]

    def at(self, side: str, line: int) -> int | None:
        """Index into `text` of a line of one side."""
        return (self.right if side == "RIGHT" else self.left).get(line)


@dataclass(frozen=True)
class File:
    filename: str
    previous: str | None
    status: str
    blob: str
    binary: bool
    hunks: tuple[Hunk, ...]
    additions: int = 0
    deletions: int = 0

    @property
    def patch(self) -> str | None:
        text = "\n".join(line for hunk in self.hunks for line in hunk.text)
        large = len(text) > PATCH_BYTES or text.count("\n") > PATCH_LINES
        return None if self.binary or large or not text else text


@dataclass(frozen=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    name: str
    email: str
    date: str
    message: str


@dataclass(frozen=True)
class Git:
    """A git directory (bare or not)."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(ENVIRON), hash=False)

    def run(self, *words: str, stdin: bytes = b"", check: bool = True) -> bytes:
        command = ["git", "-c", "safe.directory=*", f"--git-dir={self.folder}", *words]
        done = subprocess.run(
            command, env=self.environ, input=stdin, capture_output=True, check=False
        )
        assert not check or done.returncode == 0, (words, done.stderr)
        return done.stdout if done.returncode == 0 else b""

    def sha(self, ref: str) -> str | None:
        """The commit a SHA, branch, tag or full ref names; None when there is none."""
        for name in (ref, f"refs/heads/{ref}", f"refs/tags/{ref}"):
            words = ("rev-parse", "--verify", "-q", "--end-of-options", f"{name}^{{commit}}")
            if found := self.run(*words, check=False).decode().strip():
                return found
        return None

    def set(self, ref: str, sha: str) -> None:
        self.run("update-ref", ref, sha)

    def merge_base(self, base: str, head: str) -> str | None:
        return _merge_base(self, base, head)

    def files(self, base: str, head: str) -> tuple[File, ...]:
        """The changed files between two trees, renames found."""
        return _files(self, base, head)

    def commits(self, base: str, head: str) -> list[Commit]:
        """The commits of head that are not in base, oldest first."""
        return _log(self.run("log", "-z", FORMAT, "--reverse", f"{base}..{head}", "--"))

    def commit(self, sha: str) -> Commit:
        return _log(self.run("log", "-z", FORMAT, "-1", sha, "--"))[0]

    def contains(self, head: str, commit: str, base: str) -> bool:
        """Is the commit one of base..head?"""
        return commit in self.run("rev-list", f"{base}..{head}", "--").decode().split()

    def moved(self, path: str, line: int, old: str, new: str) -> int | None:
        """Where a line of `old` stands in `new`; None when it was changed or is gone."""
        shift = 0
        for first, count, added in _shifts(self, path, old, new):
            if first > line:
                break
            if line < first + count:
                return None
            shift += added - count
        return line + shift


FORMAT = "--format=%H%n%T%n%P%n%an%n%ae%n%cI%n%B"


def _log(output: bytes) -> list[Commit]:
    commits = []
    for record in output.decode("utf-8", "replace").split("\0"):
        if record.strip():
            sha, tree, parents, name, email, date, message = record.lstrip("\n").split("\n", 6)
            commits.append(
                Commit(sha, tree, tuple(parents.split()), name, email, date, message.strip())
            )
    return commits


@lru_cache(maxsize=512)
def _merge_base(git: Git, base: str, head: str) -> str | None:
    return git.run("merge-base", base, head, check=False).decode().strip() or None


@lru_cache(maxsize=512)
def _shifts(git: Git, path: str, old: str, new: str) -> tuple[tuple[int, int, int], ...]:
    """The changed places of a file: first old line, how many go, how many come."""
    words = ("diff", "-U0", "--no-color", "--no-ext-diff", "--no-renames", old, new, "--", path)
    rows = git.run("--literal-pathspecs", *words).split(b"\n")
    found = [_numbers(match) for row in rows if (match := HUNK.match(row))]
    return tuple((start if count else start + 1, count, added) for start, count, _, added in found)


@lru_cache(maxsize=512)
def _files(git: Git, base: str, head: str) -> tuple[File, ...]:
    common = ("diff", "-M", "--no-color", "--no-ext-diff", "--no-textconv", "--full-index")
    raw = git.run(*common, "--raw", "-z", base, head, "--")
    patches = git.run(*common, "-U3", "-p", "--src-prefix=a/", "--dst-prefix=b/", base, head, "--")
    sections = [b"diff --git " + part for part in (b"\n" + patches).split(b"\ndiff --git ")[1:]]
    files, words, at = [], raw.split(b"\0"), 0
    while at < len(words) and words[at].startswith(b":"):
        _, _, _, blob, letter = words[at].split(b" ")
        status = STATUS[letter[:1].decode()]
        two = status in ("renamed", "copied")
        names = [name.decode("utf-8", "replace") for name in words[at + 1 : at + 2 + two]]
        # A change of type is shown as a removal and an addition.
        parts = [sections.pop(0) for _ in range(2 if status == "changed" else 1)]
        hunks = tuple(hunk for part in parts for hunk in _hunks(part))
        signs = [line[0] for hunk in hunks for line in hunk.text if line]
        files.append(
            File(
                filename=names[-1],
                previous=names[0] if two else None,
                status=status,
                blob=blob.decode(),
                binary=any(b"\nBinary files " in part for part in parts),
                hunks=hunks,
                additions=signs.count("+"),
                deletions=signs.count("-"),
            )
        )
        at += 2 + two
    return tuple(files)


def _hunks(section: bytes) -> list[Hunk]:
    rows = section.rstrip(b"\n").split(b"\n")
    starts = [at for at, row in enumerate(rows) if HUNK.match(row)]
    return [_hunk(rows[at:end]) for at, end in pairwise([*starts, len(rows)])]


def _hunk(rows: list[bytes]) -> Hunk:
    found = HUNK.match(rows[0])
    assert found
    old, _, new, _ = _numbers(found)
    right, left = {}, {}
    for at, row in enumerate(rows[1:], 1):
        sign = row[:1]
        if sign == b"-":
            left[old] = at
        elif sign in (b"+", b" "):
            right[new] = at
        old += sign in (b"-", b" ")
        new += sign in (b"+", b" ")
    return Hunk(tuple(row.decode("utf-8", "replace") for row in rows), right, left)


def _numbers(found: re.Match[bytes]) -> tuple[int, int, int, int]:
    start, count, first, added = found.groups()
    return (
        int(start), 1 if count is None else int(count),
        int(first), 1 if added is None else int(added),
    )  # fmt: skip
