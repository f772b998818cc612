"""Cases with known truth from any Python repository: one mistake, or none, in each.

Mistakes are made by one operator a case, in the text at a place that the syntax tree gives, so that
the change is no larger than the mistake. Changes that mean nothing are the negatives. The same
repository, numbers and seed give the same cases, commit ids included.
"""

import ast
import os
import random
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reviewer.bench import bugs, cases, hazards, refactors, repos
from reviewer.bench.cases import Case, Golden
from reviewer.bench.edits import Applied, Mutation, Operator, Source, apply, parsed
from reviewer.errors import InputError
from reviewer.git import Repository

BUGS: Final[Mapping[str, Operator]] = {
    each.name: each for each in (*bugs.OPERATORS, *hazards.OPERATORS)
}
CLEAN: Final[Mapping[str, Operator]] = {each.name: each for each in refactors.OPERATORS}

FILE_BYTES: Final = 256 << 10
"""Larger files are data in the clothes of code."""

TESTS: Final = re.compile(
    r"(^|/)(tests?|testing|docs|examples)/|(^|/)(test_[^/]*|conftest|setup)\.py$"
)
"""A mistake in a test is another kind of mistake."""

WARNING: Final = "Seeded mistakes: how often they are found says little about organic ones."


@dataclass(frozen=True, slots=True)
class Seeded:
    """A case: one file with new content, and what there is to be said of it."""

    pr: str
    path: str
    content: bytes = field(repr=False)
    goldens: tuple[Golden, ...]


def seed(
    files: Mapping[str, bytes], count: int, clean: int, number: int = 0, only: Sequence[str] = ()
) -> tuple[Seeded, ...]:
    """`count` cases with a mistake and `clean` ones without, fewer where no place is left.

    `number` is the seed, `only` names the operators to use. Operators take turns, so that none of
    them makes most of the cases. Raises InputError for an unknown operator.
    """
    unknown = [name for name in only if name not in {**BUGS, **CLEAN}]
    if unknown:
        raise InputError(
            f"there is no operator {unknown[0]!a}", f"use {', '.join((*BUGS, *CLEAN))}"
        )
    sources = dict(_sources(files))
    made: list[Seeded] = []
    for operators, wanted in ((BUGS, count), (CLEAN, clean)):
        chosen = [each for name, each in operators.items() if not only or name in only]
        made += _turns([_made(sources, each, number) for each in chosen], wanted)
    return tuple(made)


def _sources(files: Mapping[str, bytes]) -> Iterator[tuple[str, Source]]:
    for path, data in sorted(files.items()):
        if path.endswith(".py") and len(data) <= FILE_BYTES and not TESTS.search(path):
            try:
                yield path, Source(data)
            except (SyntaxError, ValueError, RecursionError):
                continue


def _turns(streams: Sequence[Iterator[Seeded]], wanted: int) -> Iterator[Seeded]:
    """One item of each stream in turn until enough are there, or none is left."""
    living = deque(streams)
    while living and wanted > 0:
        stream = living.popleft()
        item = next(stream, None)
        if item is not None:
            wanted -= 1
            living.append(stream)
            yield item


def _made(sources: Mapping[str, Source], operator: Operator, number: int) -> Iterator[Seeded]:
    """The cases of one operator in an order of chance, each at another place."""
    chance = random.Random(f"{number} {operator.name}")  # noqa: S311 - no secret
    places = [
        (path, mutation) for path, source in sources.items() for mutation in operator.find(source)
    ]
    chance.shuffle(places)
    seen: set[tuple[str, bytes]] = set()
    for path, mutation in places:
        after = mutated(sources[path], mutation)
        if after is not None and (path, after.data) not in seen:
            seen.add((path, after.data))
            goldens = () if mutation.normal else (_golden(path, after, mutation),)
            yield Seeded(f"{operator.name}-{len(seen):03}", path, after.data, goldens)


def mutated(source: Source, mutation: Mutation) -> Applied | None:
    """The file after the mutation; None unless it parses and means what it is to mean.

    A mistake changes the syntax tree; what is no mistake changes the text, and the normal form of
    the tree stays.
    """
    after = apply(source.data, mutation.edits)
    try:
        tree = parsed(after.data) if after else None
    except (SyntaxError, ValueError, RecursionError):
        return None
    if tree is None or after is None:
        return None
    if mutation.normal is None:
        return None if _same(source.tree, tree) else after
    return after if _same(mutation.normal(parsed(source.data)), mutation.normal(tree)) else None


def _same(one: Any, other: Any) -> bool:
    """Whether two syntax trees are equal but for where things stand."""
    if type(one) is not type(other):
        return False
    if isinstance(one, ast.AST):
        return all(
            _same(getattr(one, name, None), getattr(other, name, None)) for name in one._fields
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _golden(path: str, after: Applied, mutation: Mutation) -> Golden:
    lines = after.data.decode().split("\n")[after.start - 1 : after.end]
    text = " ".join(mutation.text.split())
    return Golden(
        text, path, after.start, after.end, mutation.severity, mutation.category, "file",
        quote="\n".join(lines),
    )  # fmt: skip


def read(folder: Path, scratch: Path, path: str = os.defpath) -> tuple[dict[str, bytes], str]:
    """The files of the HEAD of a repository that can be read, and its commit id.

    `scratch` is a private folder. Raises InputError.
    """
    repository = Repository.open(folder, scratch, path)
    head = repository.commit("HEAD")
    entries = list(repository.listing(head))
    contents = repository.read(entry.oid for entry in entries)
    files = {
        entry.path: content
        for entry, content in zip(entries, contents, strict=True)
        if content is not None
    }
    return files, head


def write(
    seeded: Sequence[Seeded], files: Mapping[str, bytes], name: str, folder: Path,
    path: str = os.defpath,
) -> Path:  # fmt: skip
    """Write `cases.git` and `cases.jsonl` into `folder`; returns the latter.

    Branch `main` has the repository as it was, a branch named after each case its change. `name`
    says what was seeded. Raises InputError.
    """
    commits = [repos.Commit("main", files)]
    commits += [repos.Commit(each.pr, {each.path: each.content}, "main") for each in seeded]
    folder.mkdir(parents=True, exist_ok=True)
    made = repos.write(folder / "cases.git", commits, path)
    suite = tuple(
        Case(each.pr, "cases.git", made["main"], made[each.pr], goldens=each.goldens)
        for each in seeded
    )
    target = folder / "cases.jsonl"
    target.write_bytes(cases.render("seeded", name, WARNING, suite))
    return target
