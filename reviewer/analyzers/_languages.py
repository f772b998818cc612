"""What the analyzers that read syntax share: test code, public code, and both versions of files."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from reviewer.model import ChangeSet
from reviewer.process import Runner
from reviewer.syntax import Item, Parser, Source
from reviewer.tree import Tree

TITLES: Final[Mapping[str, str]] = {
    "python": "Python",
    "javascript": "JavaScript",
    "typescript": "TypeScript",
    "tsx": "TypeScript",
    "go": "Go",
    "java": "Java",
    "rust": "Rust",
}

TEST_FOLDERS: Final = frozenset(
    "test tests testing testdata spec specs __tests__ __mocks__".split()
)
TEST_FILE: Final = re.compile(
    r"test_.*\.py|.*_test\.(?:py|go)|(?:tests?|conftest)\.py|.*[.-](?:test|spec)\.[cm]?[jt]sx?"
    r"|(?:Test.*|.*Tests?|.*TestCase|.*IT)\.java|tests?\.rs|.*_tests?\.rs"
)
"""What pytest, Go, Jest, Surefire and Cargo take for tests, and the usual folders of such."""

NOT_API: Final = frozenset(
    "doc docs example examples demo demos benchmark benchmarks script scripts tools bin migrations"
    .split()
)  # fmt: skip
"""Folders of code that nobody imports."""


@dataclass(frozen=True)
class Sources:
    """The parsed files by path: after the change and before it, and those that were not parsed."""

    after: Mapping[str, Source]
    before: Mapping[str, Source]
    unread: tuple[str, ...]
    reason: str = ""


def is_test(path: str) -> bool:
    """Whether `path` is test code, by its name or a folder above it."""
    parts = PurePosixPath(path)
    return bool(TEST_FILE.fullmatch(parts.name)) or not TEST_FOLDERS.isdisjoint(parts.parts[:-1])


def is_api(path: str) -> bool:
    """Whether others may use what `path` defines: no test, example, script or the like."""
    parts = PurePosixPath(path)
    return (
        not is_test(path)
        and NOT_API.isdisjoint(parts.parts[:-1])
        and not any(part.startswith(".") for part in parts.parts)
        and parts.name not in ("setup.py", "conf.py", "manage.py", "noxfile.py")
    )


def python_bases(source: Source, item: Item) -> frozenset[str]:
    """The last parts of the names of a Python class's bases; "?" for what is no plain name."""
    inherited = re.match(r"\s*(?:\[[^\]]*\]\s*)?(?:\(([^()]*)\)\s*)?:", source.tail(item))
    if inherited is None:
        return frozenset("?")
    plain = re.sub(r"\[[^\]]*\]|\bmetaclass\s*=", "", inherited[1] or "").split(",")
    return frozenset(base.strip().rpartition(".")[2] for base in plain if base.strip())


def words(text: str) -> set[str]:
    """The identifiers in `text`, and whatever else is made of the same characters."""
    return set(re.findall(r"\w+", text))


def added_code(changes: ChangeSet, path: str) -> str:
    """The lines that the change adds to a file, as one text."""
    return "\n".join(changes.by_path[path].added_text.values())


def removed_words(changes: ChangeSet) -> set[str]:
    """The words of all lines that the change removes."""
    return {
        word
        for change in changes.files
        for line in change.lines()
        if line.origin == "-"
        for word in words(line.text)
    }


def known_words(changes: ChangeSet, paths: Iterable[str], tree: Tree) -> set[str]:
    """All words that the files `paths` held before, and those of removed lines.

    A name among them was not introduced by the change, but moved, implemented or followed.
    """
    known = removed_words(changes)
    for path in paths:
        known |= words((tree.read_base(path) or b"").decode("utf-8", "replace"))
    return known


def parse(paths: Iterable[str], queries: Mapping[str, str], tree: Tree, runner: Runner) -> Sources:
    """Both versions of the files `paths` of the clean room, with the matches of their query.

    For queries with few matches: all are kept. Raises ToolMissing, and ToolFailed when none of the
    files could be parsed.
    """
    parser = Parser(queries, tree, runner)
    paths = list(paths)
    after = {source.path: source for source in parser.after(paths)}
    before = {source.path: source for source in parser.before(after)}
    read = [path for path in after if path not in parser.unread]
    return Sources(
        {path: after[path] for path in read},
        {path: before[path] for path in read if path in before},
        tuple(sorted(parser.unread)),
        parser.reason,
    )
