"""Synthetic Python projects with a pull request in them: deterministic, of a given size.

The code is made up, its shape is not: imports, functions of three to twelve statements with
branches, loops, handlers and calls, lines of ordinary length. What the reviewer is asked to do
with it (parse it, lint it, measure its functions, find its lines in a coverage report) costs what
it costs on written code of that size.
"""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.common import ran

NOUNS: Final = (
    "account address batch budget channel client column customer device document entry event "
    "filter group header index invoice item job key label message node order packet page "
    "payment policy queue record region request response result row schema session shape signal "
    "state stream table task ticket token user value vector window"
).split()
VERBS: Final = (
    "add apply build check close collect compute convert copy count create decode describe encode "
    "expand fetch filter find format group insert join list load make map merge move normalise "
    "open pack parse prepare push read render reset resolve rotate save select send sort split "
    "store sum trim update validate walk write"
).split()

EXPRESSIONS: Final = (
    "{a}", "{a}.{b}", "{n}", '"{a} of {b}"', "len({a})", "{a}[{n}]", "{a}.{b}.{v}()",
    "{a}.{v}({e})", "{a}.{v}({e}, {f})", "{a}.{v}({e}, limit={n})", "{a}[{e}]", "{a}[{n}:{e}]",
    "{e} + {n}", "{e} * {a}.{b}", "({e}, {f})", "[{e}, {f}, {n}]", "{{{n}: {e}}}", "max({e}, {f})",
    "{e} if {a} else {f}", "[one.{b} for one in {a} if one]", "{{one: {e} for one in {a}}}",
    "{a} or {e}", "sorted({a}, key=lambda one: one.{b})", 'f"{{{a}}}: {{{b}}}"',
)  # fmt: skip
"""`a` and `b` become nouns, `v` a verb, `n` a number, `e` and `f` expressions again."""

STATEMENTS: Final = (
    "    new_{a} = {e}\n    {b}.{v}(new_{a})\n",
    "    {a}.{b} = {e}\n",
    "    {a}[{n}] = {e}\n",
    "    {a}.{v}({e})\n",
    "    if {a} is None:\n        raise ValueError({e})\n",
    "    if {e} and {b}.{v}({f}):\n        {a}.{v}({n})\n    else:\n        {b}.{v}()\n",
    "    if {a}.{b} > {n}:\n        return {e}\n",
    "    for each_{a} in {e}:\n        each_{a}.{v}({f})\n",
    (
        "    for each_{a} in {b}.{v}({e}):\n        if each_{a}.{b} == {n}:\n            continue\n"
        "        {b}.append(each_{a})\n"
    ),
    (
        "    try:\n        {a}.{v}({e})\n    except (KeyError, ValueError) as error:\n"
        '        log.warning("cannot {v} %s: %s", {b}, error)\n        return {f}\n'
    ),
    "    with {a}.{v}({e}) as open_{b}:\n        open_{b}.{v}({f})\n",
    "    while {a} and {n} > len({b}):\n        {b}.append({a}.pop())\n",
    "    # Only the {a} of the {b} counts here.\n    {b}.{v}(\n        {e},\n        {f},\n    )\n",
    "\n    {a}.{v}({e}).{v}({f})\n",
)
"""Names without a prefix are imported and used by each module, so that linters see sound code."""


POOL: Final = 6000
"""Different statements; functions are made of some of them, so that no two are alike."""


@dataclass(frozen=True)
class Size:
    """What to build. `changed` files have `changed_lines` lines before the change in all, the
    others `lines` each; the change adds `added` lines in all. 0 changed lines: like the others.
    """

    files: int
    lines: int
    changed: int
    added: int
    changed_lines: int = 0


@dataclass(frozen=True)
class Project:
    """A checkout of branch `topic`, with the commit before it on `main`."""

    folder: Path
    size: Size
    changed: tuple[str, ...]
    kind: str = "A made-up Python project"

    @property
    def described(self) -> str:
        size = self.size
        whole = size.changed_lines or size.changed * size.lines
        return (
            f"{self.kind} of {size.files:,} files; {size.changed:,} of them, of "
            f"{whole:,} lines, change, and gain {size.added:,} lines."
        )


class Writer:
    """Writes functions and modules; the same seed gives the same text."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.statements = [self._filled(n, STATEMENTS, 2).splitlines() for n in range(POOL)]
        self.number = 0

    def _filled(self, number: int, templates: Sequence[str], depth: int) -> str:
        """One of `templates` with expressions of at most `depth` levels in it."""
        inner = [
            self._filled(self.random.randrange(len(EXPRESSIONS)), EXPRESSIONS, depth - 1)
            if depth
            else self.random.choice(NOUNS)
            for _ in range(2)
        ]
        first, second = self.random.sample(NOUNS, 2)
        return templates[number % len(templates)].format(
            a=first,
            b=second,
            v=self.random.choice(VERBS),
            n=self.random.randint(1, 999),
            e=inner[0],
            f=inner[1],
        )

    def function(self) -> list[str]:
        self.number += 1
        pick = self.random.choice
        count = self.random.randint(3, 12)
        first, second, third = self.random.sample(NOUNS, 3)
        name = f"{pick(VERBS)}_{first}_{self.number}"
        return [
            f"def {name}({second}, {third}: int = {self.number % 97}):",
            f'    """{pick(VERBS).capitalize()} the {first} of one {second}."""',
            *(line for lines in self.random.choices(self.statements, k=count) for line in lines),
            f"    return {third}",
            "",
            "",
        ]

    def module(self, lines: int) -> list[list[str]]:
        """A module of exactly `lines` lines, as its head and its functions."""
        wrapped = [", ".join(NOUNS[at : at + 10]) for at in range(0, len(NOUNS), 10)]
        names = [f"    {line}," for line in wrapped]
        head = ['"""One module of the project."""', "", "import logging", ""]
        head += ["from project.registry import (", *names, "    store,", ")", ""]
        head += ["log = logging.getLogger(__name__)", "REGISTRY = (", *names, ")", "", ""]
        parts = [head]
        left = lines - len(head)
        while left > 0:
            part = self.function()
            if len(part) > left:
                part = [f"{self.random.choice(NOUNS).upper()}_{n} = {n}" for n in range(left)]
            parts.append(part)
            left -= len(part)
        return parts

    def grown(self, parts: list[list[str]], added: int) -> list[list[str]]:
        """`parts` with `added` more lines: whole functions, then statements in functions."""
        parts = [list(part) for part in parts]
        left = added
        while left:
            new = self.function()
            at = self.random.randrange(1, len(parts))
            if len(new) <= left:
                parts.insert(at, new)
                left -= len(new)
            elif parts[at][0].startswith("def "):
                left -= 1
                parts[at].insert(2, f"    log.debug('step {left} of %s', store)")
            else:
                left -= 1
                parts[at].insert(0, f"STEP_{left} = {left}")
        return parts


def shares(total: int, count: int) -> list[int]:
    """`total` in `count` nearly equal whole numbers."""
    return [total * (n + 1) // count - total * n // count for n in range(count)]


def build(folder: Path, size: Size, seed: int = 1) -> Project:
    """Write the project to the new `folder` as a git repository and check it out."""
    writer = Writer(seed)
    names = [
        f"src/{NOUNS[n % len(NOUNS)]}/{VERBS[n // 7 % len(VERBS)]}_{n}.py"
        for n in range(size.files)
    ]
    step = max(1, size.files // size.changed)
    changed = names[: step * size.changed : step]
    grown = dict(zip(changed, shares(size.added, size.changed), strict=True))
    lengths = dict.fromkeys(names, size.lines)
    if size.changed_lines:
        lengths |= zip(changed, shares(size.changed_lines, size.changed), strict=True)

    def stream() -> Iterator[bytes]:
        yield commit_head(1, "main")
        after: dict[str, bytes] = {}
        for name in names:
            parts = writer.module(lengths[name])
            yield file_entry(name, text(parts))
            if name in grown:
                after[name] = text(writer.grown(parts, grown[name]))
        yield commit_head(2, "topic")
        for name, content in after.items():
            yield file_entry(name, content)

    check_out(folder, stream())
    return Project(folder, size, tuple(changed))


def check_out(folder: Path, stream: Iterable[bytes]) -> None:
    """Make a repository of a fast-import stream in the new `folder`, and check out `topic`."""
    folder.mkdir(parents=True)
    ran(["git", "init", "-q", "-b", "main", str(folder)])
    written = folder / ".git" / "stream"
    with written.open("wb") as file:
        file.writelines(stream)
    ran(["sh", "-c", f"git -C '{folder}' fast-import --quiet < '{written}'"])
    written.unlink()
    ran(["git", "-C", str(folder), "checkout", "-q", "topic"])


def commit_head(mark: int, branch: str) -> bytes:
    """The head of a commit of a fast-import stream, on top of the one before it."""
    head = f"commit refs/heads/{branch}\nmark :{mark}\n"
    told = f"committer A <a@example.org> {1767225600 + mark} +0000\ndata 1\nx\n"
    before = f"from :{mark - 1}\n" if mark > 1 else ""
    return (head + told + before).encode()


def file_entry(name: str, content: bytes) -> bytes:
    """A file of that commit."""
    return b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(content), content)


def text(parts: Sequence[Sequence[str]]) -> bytes:
    """The parts of a module as the content of its file."""
    return "".join(f"{line}\n" for part in parts for line in part).encode()


def measured(source: str) -> Iterator[tuple[int, bool, bool]]:
    """Number of each line that a coverage tool would measure, whether it ran, whether it forks.

    Made up as well, and the same for the same text: about one line in six has not run.
    """
    for number, line in enumerate(source.split("\n"), 1):
        word = line.strip()
        if word and not word.startswith(('"', "#", "}", "else:", "try:")):
            yield number, (number * 7 + len(word)) % 6 != 0, word.startswith(("if ", "elif "))


def cobertura(project: Project, report: Path) -> None:
    """A Cobertura report of all files of the checkout, laid out as coverage.py writes it."""
    covered = valid = 0
    body: list[str] = []
    for package in sorted((project.folder / "src").iterdir()):
        body.append(
            f'\t\t<package name="src.{package.name}" line-rate="0.8" branch-rate="0.5" '
            'complexity="0">\n\t\t\t<classes>\n'
        )
        for module in sorted(package.iterdir()):
            lines = list(measured(module.read_text()))
            covered += sum(hit for _, hit, _ in lines)
            valid += len(lines)
            body.append(
                f'\t\t\t\t<class name="{module.name}" '
                f'filename="{module.relative_to(project.folder)}" complexity="0" '
                'line-rate="0.8" branch-rate="0.5">\n\t\t\t\t\t<methods/>\n\t\t\t\t\t<lines>\n'
            )
            body += (
                f'\t\t\t\t\t\t<line number="{number}" hits="{int(hit)}"'
                + f' branch="true" condition-coverage="{50 + 50 * hit}% ({1 + hit}/2)"' * forks
                + "/>\n"
                for number, hit, forks in lines
            )
            body.append("\t\t\t\t\t</lines>\n\t\t\t\t</class>\n")
        body.append("\t\t\t</classes>\n\t\t</package>\n")
    with report.open("w") as file:
        file.write(
            '<?xml version="1.0" ?>\n<coverage version="7.0" '
            f'timestamp="{int(time.time() * 1000)}" lines-valid="{valid}" '
            f'lines-covered="{covered}" line-rate="{covered / valid:.4g}" branches-valid="0" '
            'branches-covered="0" branch-rate="0" complexity="0">\n'
            "\t<!-- Generated by a benchmark -->\n\t<sources>\n"
            f"\t\t<source>{project.folder}</source>\n\t</sources>\n\t<packages>\n"
        )
        file.writelines(body)
        file.write("\t</packages>\n</coverage>\n")
