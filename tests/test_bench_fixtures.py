"""The pull requests that the bench asks about are what they say they are."""

import ast
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
import yaml

from reviewer.diff import parse
from reviewer.model import FileChange, Side
from tests.support.gitrepo import commits, git, new_repository

FIXTURES = Path(__file__).parents[1] / "bench" / "fixtures"
CASES = sorted(path.name for path in FIXTURES.iterdir())

BUGS = (
    "boundary", "condition", "async", "resource", "mutable-default", "none-handling",
    "exception-handling", "sql-injection", "command-injection", "time-and-money", "caching",
    "wrong-variable",
)  # fmt: skip

ON_CONTEXT = {"timeout-became-milliseconds", "thumbnail-quality-ignored-by-cache"}
"""Cases in which the change makes a line wrong that it does not touch."""

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Text = Annotated[str, msgspec.Meta(min_length=60, max_length=500)]
Row = Annotated[int, msgspec.Meta(ge=1)]


class Golden(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """A problem that a good reviewer raises; `first` to `last` are lines of head."""

    path: Short
    first: Row
    last: Row
    text: Text
    severity: Literal["note", "warning", "error"]
    category: Literal["bug", "security", "resource", "contract", "test-gap"]
    context: Literal["diff", "file", "repository"]
    quote: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    keywords: Annotated[tuple[Short, ...], msgspec.Meta(min_length=2, max_length=6)]
    suggestion: str | None = None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pull request; without goldens it is a clean control."""

    title: Short
    category: Short
    goldens: tuple[Golden, ...]


@cache
def case(name: str) -> Case:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data = yaml.load((FIXTURES / name / "case.yaml").read_bytes(), Loader=loader)
    return msgspec.convert(data, Case, strict=True)


def files(name: str, *layers: str) -> dict[str, bytes]:
    """The tree of a case: each layer's files over those before."""
    found: dict[str, bytes] = {}
    for layer in layers:
        root = FIXTURES / name / layer
        found |= {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
    return found


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, FileChange]]:
    """What git says of each pull request: its files by path. All of them are one commit."""
    repository = new_repository(tmp_path_factory.mktemp("fixtures") / "r")
    trees = [
        {
            f"{name}/{path}".encode(): ("100644", data)
            for name in CASES
            for path, data in files(name, *layers).items()
        }
        for layers in (("base",), ("base", "head"))
    ]
    patch = git(repository, "diff", "--no-renames", *commits(repository, *trees))
    found: dict[str, dict[str, FileChange]] = {name: {} for name in CASES}
    for change in parse(patch):
        name, _, path = change.path.partition("/")
        found[name][path] = change
    return found


def test_forty_bugs_of_twelve_kinds_and_twenty_controls() -> None:
    counts = Counter(case(name).category for name in CASES)
    assert counts.pop("clean") == 20
    assert set(counts) == set(BUGS)
    assert counts.total() == 40
    assert min(counts.values()) >= 3


def test_what_has_to_be_read_and_what_is_suggested() -> None:
    goldens = [golden for name in CASES for golden in case(name).goldens]
    contexts = Counter(golden.context for golden in goldens)
    # The shares that human reviewers' comments have: 50, 34 and 16 percent.
    for context, share in (("diff", 0.50), ("file", 0.34), ("repository", 0.16)):
        assert abs(contexts[context] / len(goldens) - share) <= 0.05, contexts
    assert sum(golden.suggestion is not None for golden in goldens) >= 20
    assert len({golden.quote for golden in goldens}) == len(goldens)
    assert len({case(name).title for name in CASES}) == len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_whole(name: str, changes: Mapping[str, dict[str, FileChange]]) -> None:
    clean = case(name).category == "clean"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name)
    assert name.startswith("clean-") is clean
    assert len(case(name).goldens) == (0 if clean else 1)
    base, head, fixed = (files(name, layer) for layer in ("base", "head", "fixed"))
    assert set(changes[name]) == set(head), "head holds files that it does not change"
    assert bool(fixed) is not clean
    assert set(fixed) <= set(base | head)
    assert all((base | head)[path] != data for path, data in fixed.items())
    assert all(Path(path).name.startswith("test_") for path in files(name, "tests"))
    folders = {path.name for path in (FIXTURES / name).iterdir()}
    wanted = {"case.yaml", "base", "head", "tests"} | (set() if clean else {"fixed"})
    assert folders == wanted
    for data in (*base.values(), *head.values(), *fixed.values()):
        assert data.endswith(b"\n")
        assert not data.endswith(b"\n\n")
        ast.parse(data)


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_small(name: str, changes: Mapping[str, dict[str, FileChange]]) -> None:
    assert 1 <= len(changes[name]) <= 3
    assert 10 <= sum(len(change.added) for change in changes[name].values()) <= 60


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("clean-")])
def test_a_golden_stands_where_it_says(
    name: str, changes: Mapping[str, dict[str, FileChange]]
) -> None:
    (golden,) = case(name).goldens
    change = changes[name][golden.path]
    head = files(name, "base", "head")
    lines = head[golden.path].decode().split("\n")
    place = set(range(golden.first, golden.last + 1))
    assert golden.quote.split("\n") == lines[golden.first - 1 : golden.last]
    assert place
    assert place <= change.commentable(Side.NEW), "a forge takes no comment there"
    assert bool(place & change.added) is not (name in ON_CONTEXT)
    if golden.suggestion is not None:
        lines[golden.first - 1 : golden.last] = golden.suggestion.split("\n")
        applied = head | {golden.path: "\n".join(lines).encode()}
        assert applied == head | files(name, "fixed"), "the suggestion is not the fix"
