"""The suites by the names that the command line has for them.

fixtures, fixtures:DIR   our own cases, by default those of the checkout around this folder
seed:DIR                 what `reviewer bench seed --output DIR` has made
FILE.jsonl               any other cases; paths in it start at its folder
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from reviewer.bench import cases, fixtures
from reviewer.bench.cases import Case, Suite
from reviewer.errors import InputError

FIXTURES: Final = Path("bench/fixtures")
SEEDED: Final = "cases.jsonl"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A suite, and what makes a case whose `repo` is a repository that is there.

    `placed` takes a case and a folder that is not there yet. It raises InputError.
    """

    suite: Suite
    placed: Callable[[Case, Path], Case]

    def chosen(self, limit: int | None, seed: int = 0) -> tuple[Case, ...]:
        """The cases in their order, at most `limit` of them, then chosen by chance."""
        everything = self.suite.cases
        if limit is None or limit >= len(everything):
            return everything
        chance = random.Random(seed)  # noqa: S311 - no secret
        return tuple(everything[n] for n in sorted(chance.sample(range(len(everything)), limit)))


def opened(name: str, path: str = os.defpath) -> Shelf:
    """The suite called `name`, its repositories made with `path` as PATH. Raises InputError."""
    kind, _, place = name.partition(":")
    if kind == "fixtures":
        return _fixtures(Path(place) if place else FIXTURES, path)
    if kind == "seed" and place:
        return _cases(Path(place) / SEEDED)
    return _cases(Path(name))


def _fixtures(folder: Path, path: str) -> Shelf:
    if not folder.is_dir():
        raise InputError(
            f"there is no folder {folder}",
            "run it in a checkout of this project, or name the folder: --suite fixtures:DIR",
        )
    read = fixtures.load(folder)
    by_name = {each.case.pr: each for each in read}
    return Shelf(
        fixtures.suite(read),
        lambda case, place: fixtures.repository(by_name[case.pr], place, path),
    )


def _cases(file: Path) -> Shelf:
    suite = cases.load(file)

    def placed(case: Case, _: Path) -> Case:
        if not (case.repo and case.base and case.head):
            raise InputError(f"{case.pr!a} names no repository with two commits")
        return msgspec.structs.replace(case, repo=str(file.parent / case.repo))

    return Shelf(suite, placed)
