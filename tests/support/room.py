"""Real parts for the tests of analyzers: a git repository, its clean room, a caged runner."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reviewer import tree
from reviewer.git import Repository
from reviewer.model import ChangeSet
from reviewer.process import Runner
from reviewer.tree import Tree

BIN = Path(sys.executable).parent
"""Where the tools of this environment lie."""


class Link(bytes):
    """A file content that is the target of a symbolic link."""


def commits(
    place: Path, base: Mapping[str, bytes], head: Mapping[str, bytes]
) -> tuple[Path, str, str]:
    """A bare repository in `place` with two commits of exactly these trees; their names."""
    place.mkdir()
    git = ["git", "-C", str(place)]
    subprocess.run([*git, "init", "-q", "--bare", "."], check=True)
    stream = _commit(1, "", base) + _commit(2, "from :1\ndeleteall\n", head) + b"done\n"
    subprocess.run([*git, "fast-import", "--quiet", "--done"], input=stream, check=True)
    names = subprocess.run(
        [*git, "rev-list", "refs/heads/main"], check=True, capture_output=True, text=True
    )
    newest, oldest = names.stdout.split()
    return place, oldest, newest


def _commit(mark: int, before: str, files: Mapping[str, bytes]) -> bytes:
    """One commit as git-fast-import(1) reads it."""
    parts = [
        f"commit refs/heads/main\nmark :{mark}\n"
        f"committer A U Thor <author@example.com> {1700000000 + mark} +0000\n"
        f"data 1\n{mark}\n{before}".encode()
    ]
    for path, data in files.items():
        quoted = path.encode("utf-8", "surrogateescape").replace(b"\\", b"\\\\")
        quoted = quoted.replace(b'"', b'\\"').replace(b"\n", b"\\n")
        mode = b"120000" if isinstance(data, Link) else b"100644"
        parts.append(b'M %s inline "%s"\ndata %d\n%s\n' % (mode, quoted, len(data), data))
    return b"".join(parts)


def room(
    tmp_path: Path, head: Mapping[str, bytes], base: Mapping[str, bytes] | None = None
) -> tuple[ChangeSet, Tree]:
    """The change from `base` to `head` (files by path) and its clean room, both by our own code."""
    place, oldest, newest = commits(tmp_path / "repository", base or {}, head)
    scratch, clean = tmp_path / "git-scratch", tmp_path / "room"
    scratch.mkdir()
    clean.mkdir()
    repository = Repository.open(place, scratch)
    changes = repository.changes(oldest, newest)
    return changes, tree.build(changes, repository, clean, lambda path: "")


def runner(tmp_path: Path, extra_path: Sequence[Path] = (), **settings: Any) -> Runner:
    """A caged runner that finds `extra_path` first, then our tools, then the system's."""
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    path = (*extra_path, BIN, Path("/usr/bin"), Path("/bin"))
    return Runner(path, scratch, **settings)


def living(group: int) -> bool:
    """Whether a process of this group is still at work a second later; zombies are not (Linux)."""
    for _ in range(20):
        states = [_state(place) for place in Path("/proc").glob("[0-9]*/stat")]
        if (str(group), True) not in states:
            return False
        time.sleep(0.05)
    return True


def _state(place: Path) -> tuple[str, bool]:
    """Process group, and whether the process is more than a zombie (proc(5), /proc/pid/stat)."""
    try:
        state, _, group = place.read_text().rpartition(")")[2].split()[:3]
    except (FileNotFoundError, ProcessLookupError):
        return "", False
    return group, state != "Z"
