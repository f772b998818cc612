"""Small repositories of our own making, written by `git fast-import` (git-fast-import(1))."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reviewer.errors import InputError, ToolError
from reviewer.git import ENVIRON, HARDENED, make_bare
from reviewer.process import run

WHEN: Final = 1767225600
"""Seconds since 1970 of every commit: the same input gives the same commit ids."""

SECONDS: Final = 300.0

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that `refs/heads/<name>` will point to.

    `files` come on top of what the commit called `parent` has; without one they are all there is.
    """

    name: str
    files: Files = field(repr=False)
    parent: str = ""


def write(folder: Path, commits: Sequence[Commit], path: str = os.defpath) -> dict[str, str]:
    """Make a bare repository at `folder`, which must not exist; returns commit ids by name.

    Raises InputError.
    """
    try:
        make_bare(folder, "sha1")
    except FileExistsError as error:
        raise InputError(f"{folder} is there already", "name another place") from error
    (folder / "HEAD").write_text(f"ref: refs/heads/{commits[0].name}\n")
    marks = folder / "marks"
    _git(folder, ("fast-import", "--quiet", f"--export-marks={marks}"), _stream(commits), path)
    known = dict(line.split() for line in marks.read_text().splitlines())
    marks.unlink()
    return {commit.name: known[f":{number}"] for number, commit in enumerate(commits, 1)}


def _git(folder: Path, words: Sequence[str], stdin: bytes, path: str) -> None:
    env = {**ENVIRON, "PATH": path}
    argv = ("git", *HARDENED, f"--git-dir={folder}", *words)
    try:
        done = run(argv, cwd=folder, env=env, stdin=stdin, seconds=SECONDS)
    except ToolError as error:
        raise InputError(f"git {error}", "install git 2.31 or newer") from error
    if done.returncode:
        raise InputError(f"git cannot write {folder}: {done.complaint}")


def _stream(commits: Sequence[Commit]) -> bytes:
    marks = {commit.name: number for number, commit in enumerate(commits, 1)}
    parts: list[bytes] = []
    for number, commit in enumerate(commits, 1):
        parts += [
            b"commit refs/heads/%s\nmark :%d\n" % (commit.name.encode(), number),
            b"committer bench <bench@invalid> %d +0000\n" % (WHEN + number),
            _data(commit.name.encode()),
        ]
        if commit.parent:
            parts.append(b"from :%d\n" % marks[commit.parent])
        for name, content in commit.files.items():
            parts += [b"M 100644 inline %s\n" % _quoted(name), _data(content)]
    return b"".join(parts)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _quoted(name: str) -> bytes:
    return b'"' + b"".join(b"\\%03o" % byte for byte in os.fsencode(name)) + b'"'
