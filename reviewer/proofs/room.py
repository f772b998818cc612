"""A clean room for trying out edits: versions of files beside each other, each on its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from reviewer.model import ChangeSet, FileChange, Hunk
from reviewer.proofs.edit import Edit
from reviewer.tree import Tree


class Trial(NamedTuple):
    """An edit, and the paths in the room of its file without it and with it."""

    edit: Edit
    before: str
    after: str


@dataclass(frozen=True)
class Room:
    """Versions of changed files as a clean room, and the change that they are of it."""

    changes: ChangeSet
    tree: Tree

    def only(self, paths: Collection[str]) -> "Room":
        """The same with no other files than these."""
        files = {path: name for path, name in self.tree.files.items() if path in paths}
        kept = tuple(change for change in self.changes.files if change.path in paths)
        return Room(replace(self.changes, files=kept), replace(self.tree, files=files))


def furnished(
    edits: Sequence[Edit], changes: ChangeSet, tree: Tree, place: Path
) -> tuple[Room, list[Trial]]:
    """A room below `place` with both versions of each edit's file. Raises OSError.

    Version 3 of `a/b.py` is `v3/a/b.py`: what a path says by its folders and its end it says still.
    Its former version is that of the change, and all of the file is changed: a guard that blames
    what was touched looks at all of it, before and after the edit alike.
    """
    heads = {edit.path: edit.head for edit in edits}
    versions = [*heads.items(), *((edit.path, edit.after) for edit in edits)]
    empty = replace(tree, root=place / "root", base=place / "base", files={}, asides={}, skipped={})
    files: dict[str, str] = {}
    changed: list[FileChange] = []
    for number, (path, data) in enumerate(versions):
        name, base = f"v{number}/{tree.files[path]}", tree.read_base(path)
        _write(empty.root / name, data)
        if base is not None:
            _write(empty.base / name, base)
        files[f"v{number}/{path}"] = name
        change = changes.by_path[path]
        changed.append(replace(change, path=f"v{number}/{path}", hunks=_whole(base or b"", data)))
    paths = list(files)
    at: Mapping[str, str] = dict(zip(heads, paths, strict=False))
    trials = [
        Trial(edit, at[edit.path], after)
        for edit, after in zip(edits, paths[len(heads) :], strict=True)
    ]
    room = Room(replace(changes, files=tuple(changed)), replace(empty, files=files))
    return room, trials


def _whole(before: bytes, after: bytes) -> tuple[Hunk]:
    """One hunk that replaces all lines of a file."""
    old, new = ([] if not e else e.removesuffix(b"\n").split(b"\n") for e in (before, after))
    body = b"\n".join([*(b"-" + line for line in old), *(b"+" + line for line in new)])
    return (Hunk(min(1, len(old)), len(old), min(1, len(new)), len(new), "", body),)


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
