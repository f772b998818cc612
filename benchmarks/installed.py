"""Projects of real code: what is installed beside this Python, with a pull request in it.

`requirements-dev.txt` locks what is installed, so that the code is the same wherever it is the same
version. The head of the pull request is the code as it is; the base lacks whole statements of the
changed files, functions among them, so that the change adds what somebody once wrote.
"""

import ast
import hashlib
import random
import sysconfig
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from benchmarks.project import Project, Size, check_out, commit_head, file_entry, shares
from reviewer.languages import is_test

SITE: Final = Path(sysconfig.get_path("purelib"))

LENGTHS: Final = range(800, 3500)
"""Lines of the files that change: what is changed often is longer than most."""

STATEMENT: Final = range(3, 41)
"""Lines of a statement that the change adds."""


def modules() -> dict[str, bytes]:
    """The code by a name of its own, in an order that is drawn but always the same.

    Tests and copies of other packages are left out, and so is what is not plain text. Folders
    below that of the package become part of the name.
    """
    found: dict[str, bytes] = {}
    for path in SITE.rglob("*.py"):
        package, *rest = path.relative_to(SITE).parts
        name = f"src/{package}/{'__'.join(rest)}" if rest else f"src/single/{package}"
        data = path.read_bytes()
        copied = "_vendor" in rest or b"@generated" in data[:1000]
        if data.isascii() and b"\r" not in data and not copied and not is_test(name):
            found[name] = data
    return dict(sorted(found.items(), key=lambda each: hashlib.sha256(each[0].encode()).digest()))


def build(folder: Path, files: int, changed: int, added: int) -> Project:
    """Write a project of `files` files to the new `folder` as a git repository; `changed` of them
    gain about `added` lines in all. Ends the benchmark when not so much code is installed.
    """
    code = modules()
    before: dict[str, bytes] = {}
    for name, data in code.items():
        if len(before) == changed:
            break
        wanted = shares(added, changed)[len(before)]
        if data.count(b"\n") in LENGTHS and (base := without(data, wanted, seed=len(before))):
            before[name] = base
    others = [name for name in code if name not in before]
    names = [*before, *others[: files - changed]]
    if len(names) < files:
        raise SystemExit(f"only {len(names)} modules are installed: run `make setup`")

    def stream() -> Iterator[bytes]:
        yield commit_head(1, "main")
        for name in names:
            yield file_entry(name, before.get(name, code[name]))
        yield commit_head(2, "topic")
        for name in before:
            yield file_entry(name, code[name])

    check_out(folder, stream())
    whole = sum(code[name].count(b"\n") for name in before)
    gained = whole - sum(data.count(b"\n") for data in before.values())
    size = Size(files, 0, changed, gained, whole - gained)
    return Project(folder, size, tuple(sorted(before)), "A project of installed Python packages")


def without(data: bytes, lines: int, seed: int) -> bytes:
    """The module without statements of `lines` lines in all, or a few more; b"" if it is a table,
    which has no such statements.
    """
    statements = list(removable(ast.parse(data)))
    random.Random(seed).shuffle(statements)
    gone: set[int] = set()
    for span in statements:
        if len(gone) >= lines:
            break
        if gone.isdisjoint(span):
            gone.update(span)
    if len(gone) < lines:
        return b""
    whole = data.split(b"\n")
    base = b"\n".join(line for number, line in enumerate(whole, 1) if number not in gone)
    ast.parse(base)
    return base


def removable(module: ast.Module) -> Iterator[range]:
    """The lines of each statement that code can do without: another one stands before it."""
    for parent in ast.walk(module):
        body: Sequence[ast.stmt] = getattr(parent, "body", ())
        if isinstance(body, list):
            for before, statement in pairwise(body):
                marks = getattr(statement, "decorator_list", ())
                start = min([statement.lineno, *(mark.lineno for mark in marks)])
                span = range(start, (statement.end_lineno or start) + 1)
                if len(span) in STATEMENT and before.end_lineno != start:
                    yield span
