"""Our own cases, each a folder: `case.yaml`, the files before (`base/`), after (`head/`) and as
they should be (`fixed/`), and tests that fail on the second and pass on the third (`tests/`).
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from reviewer import yamlfile
from reviewer.bench import repos
from reviewer.bench.cases import Case, Golden, Suite, settled
from reviewer.binding import NULL, Entries, Items, Written
from reviewer.errors import InputError

CLEAN: Final = "clean"
"""The category of a change in which there is nothing to find."""

FILE_BYTES: Final = 1 << 20
FILES: Final = 200
"""A case is small."""


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1, max_length=300)]
    category: Annotated[str, Meta(min_length=1, max_length=100)]
    goldens: Annotated[tuple[Golden, ...], Meta(max_length=100)]


@dataclass(frozen=True, slots=True)
class Fixture:
    """One case, each version with all of its files by path; `tests` are beside the fixed one."""

    case: Case
    title: str
    category: str
    base: repos.Files = field(repr=False)
    head: repos.Files = field(repr=False)
    fixed: repos.Files = field(repr=False)
    tests: repos.Files = field(repr=False)


def load(folder: Path) -> tuple[Fixture, ...]:
    """All cases below `folder`, by name. Raises InputError and ConfigError, which say where."""
    try:
        places = sorted(place.parent for place in folder.glob("*/case.yaml"))
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}") from error
    if not places:
        raise InputError(f"{folder} has no case", "name the folder that holds */case.yaml")
    return tuple(read(place) for place in places)


def read(place: Path) -> Fixture:
    """The case in one folder. Raises InputError and ConfigError."""
    file = place / "case.yaml"
    where = f"{place.name}/case.yaml"
    try:
        tree = yamlfile.read(file.read_bytes(), where)
        base, head, fixed, tests = (
            dict(_files(place / name)) for name in ("base", "head", "fixed", "tests")
        )
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from error
    try:
        told = msgspec.convert(_plain(tree), _Told, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {error}") from error
    goldens = tuple(settled(golden, where) for golden in told.goldens)
    if bool(goldens) == (told.category == CLEAN):
        raise InputError(f"{where}: a case has goldens, or the category {CLEAN}, not both")
    after = base | head
    if after == base:
        raise InputError(f"{where}: head/ changes nothing")
    case = Case(place.name, goldens=goldens)
    return Fixture(case, told.title, told.category, base, after, after | fixed, tests)


def _plain(written: Written) -> Any:
    """What was written, as msgspec converts it."""
    match written:
        case Entries():
            return {name.text: _plain(value) for name, value in written.entries}
        case Items():
            return [_plain(item) for item in written.items]
    return None if written.among(NULL) else written.text


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Regular files below `folder` in order; caches that a run of the tests left are none."""
    found = 0
    for place in sorted(folder.rglob("*")):
        if place.is_dir() or "__pycache__" in place.parts or ".pytest_cache" in place.parts:
            continue
        found += 1
        if place.is_symlink() or not place.is_file() or found > FILES:
            raise InputError(f"{place} is no regular file, or one too many")
        if place.stat().st_size > FILE_BYTES:
            raise InputError(f"{place} is larger than {FILE_BYTES >> 20} MiB")
        yield place.relative_to(folder).as_posix(), place.read_bytes()


def repository(fixture: Fixture, folder: Path, path: str = os.defpath) -> Case:
    """Make a bare repository at `folder` with both commits; returns the case that names them.

    Branch `main` is the base, branch `change` the head. Raises InputError.
    """
    commits = (
        repos.Commit("main", fixture.base),
        repos.Commit("change", fixture.head, "main"),
    )
    made = repos.write(folder, commits, path)
    return msgspec.structs.replace(
        fixture.case, repo=str(folder), base=made["main"], head=made["change"]
    )


def suite(fixtures: tuple[Fixture, ...]) -> Suite:
    """The cases with the digest of all that is in them."""
    digest = hashlib.sha256()
    for fixture in fixtures:
        digest.update(msgspec.json.encode(fixture.case))
        for files in (fixture.base, fixture.head):
            for name, content in files.items():
                digest.update(b"%s\0%d\0%s" % (os.fsencode(name), len(content), content))
    return Suite(f"fixtures {digest.hexdigest()[:12]}", tuple(each.case for each in fixtures))
