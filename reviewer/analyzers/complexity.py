"""Functions that the change made hard to follow: too many branches, too long, too deep.

Each function is measured before and after the change, in all languages that lizard reads. It is
named when the change took it over a limit, made it clearly worse beyond the limit, or added it
beyond the limit; what was there already is not the author's doing. A function that only moved or
got a new name is compared with its former self.

Most changes touch no function beyond a limit. So the new versions are measured first, and the
former ones only of files that have such a function, and of those that it may come from.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import msgspec

from reviewer.analyzers import _lizard
from reviewer.analyzers._extents import Extent, Ranges, extents, meeting, suspect
from reviewer.analyzers.base import NOT_UNDERSTOOD, Analyzer, RulePage, named, not_concerned
from reviewer.batches import by_size
from reviewer.errors import ToolFailed, ToolMissing
from reviewer.languages import is_test
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    FileChange,
    Finding,
    Outcome,
    Severity,
    Span,
    ToolRun,
)
from reviewer.process import Runner, isolated_python
from reviewer.tree import Tree

SUFFIXES: Final = tuple(
    (
        ".c .cc .cjs .cpp .cs .cxx .erl .es .escript .f .f03 .f08 .f70 .f90 .f95 .for .fpp .ftn "
        ".gd .go .h .hh .hpp .hrl .java .js .jsx .kt .kts .lua .m .mjs .mm .pck .php .pkb .pks .pl "
        ".plb .pls .pm .py .r .rb .rs .scala .sol .sql .st .swift .ts .tsx .ttcn .ttcnpp .vue .zig"
    ).split()
)
"""What lizard has a reader for."""

ADVICE: Final = {
    "complexity": "Split it by task, or turn branches into early returns or a table.",
    "length": "Move parts that have a name of their own into functions.",
    "parameters": "Group those that belong together into an object.",
    "nesting": "Return early, or move the inner block into a function.",
}
"""What to do about a function beyond the limit; the keys are the rules."""

WORDS: Final = {
    "complexity": "a cyclomatic complexity of {}",
    "length": "{} lines of code",
    "parameters": "{} parameters",
    "nesting": "control structures nested {} deep",
}


class Function(msgspec.Struct, frozen=True):
    """One function as measured. Lines are 1-based; `length` counts lines of code."""

    name: str
    signature: str
    start: int
    end: int
    complexity: int
    length: int
    tokens: int
    parameters: int
    nesting: int


class Answer(msgspec.Struct, frozen=True):
    """One line of the child's output."""

    version: str = ""
    file: str = ""
    functions: tuple[Function, ...] = ()
    error: str = ""


class Located(NamedTuple):
    """A function and the path of the change it is in."""

    path: str
    function: Function


KEYS: Final[tuple[Callable[[Located], object], ...]] = (
    lambda at: (at.path, at.function.signature, at.function.tokens, at.function.complexity),
    lambda at: (at.path, at.function.signature),
    lambda at: (at.path, at.function.name),
    lambda at: (at.function.tokens, at.function.length, at.function.complexity),
)
"""What makes two functions the same, the surest first; the last finds those that moved."""


BATCH_BYTES: Final = 4 << 20
"""Code for one call of the child, which has a deadline: lizard reads some 1.4 MB a second."""

SEVERITY: Final = {
    "complexity": Severity.WARNING,
    "length": Severity.NOTE,
    "parameters": Severity.NOTE,
    "nesting": Severity.WARNING,
}
"""Length and parameters grow for good reasons as well; branches and depth are what bugs hide in."""


@dataclass(frozen=True)
class Complexity:
    """Limits, each the largest value that is still good.

    `complexity` is lizard's own limit and the highest that NIST SP 500-235 (section 2.5) found to
    work; `length` and `parameters` are those of SonarSource's rules S138 and S107, `nesting` that
    of ESLint's max-depth. `worse` is the part of a limit by which a function beyond it may still
    grow unnamed.
    """

    name: ClassVar[str] = "complexity"
    slowness: ClassVar[int] = 2
    measures: ClassVar[tuple[Category, ...]] = (Category.COMPLEXITY,)

    complexity: int = 15
    length: int = 100
    parameters: int = 7
    nesting: int = 4
    worse: float = 0.2

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        started = time.monotonic()
        paths = named(tree, SUFFIXES)
        if not paths:
            return not_concerned(self.name, "file in a language that lizard reads")
        files = Files(changes, tree, runner)
        after = files.after(paths, {rule: getattr(self, rule) for rule in ADVICE})
        broken = [path for path in paths if path not in after]
        if len(broken) == len(paths):
            raise ToolFailed("none of the files could be measured")
        suspects = {
            path: functions
            for path, functions in after.items()
            if any(self._beyond(f) and meets(f, touched(changes.by_path[path])) for f in functions)
        }
        before = files.before(suspects)
        found = pairs(located(suspects), located(before))
        left = shrunk(changes, set(after) - set(suspects), self._new(found))
        if left:
            known = {path: after[path] for path in left if after[path]}
            known |= files.after(path for path in left if path not in known)
            before |= files.before(known)
            found = pairs(located(suspects | known), located(before))
        findings = sorted(
            (
                self._finding(new, old, rule, tree)
                for new, old in found
                for rule in ADVICE
                if self._bad(getattr(new.function, rule), getattr(old, rule, None), rule)
            ),
            key=lambda finding: (finding.span, finding.rule),
        )
        return ToolRun(
            self.name,
            Outcome.OK,
            version=files.version,
            findings=tuple(findings),
            reason=f"could not measure {', '.join(broken)}" if broken else "",
            seconds=time.monotonic() - started,
            measures=self.measures,
        )

    def _beyond(self, function: Function) -> bool:
        return any(getattr(function, rule) > getattr(self, rule) for rule in ADVICE)

    def _new(self, found: Sequence[tuple[Located, Function | None]]) -> list[Function]:
        """The functions beyond a limit that no former version of their file has."""
        return [at.function for at, old in found if old is None and self._beyond(at.function)]

    def _bad(self, new: int, old: int | None, rule: str) -> bool:
        """Whether the change is to blame for this value."""
        limit: int = getattr(self, rule)
        if old is None or old <= limit:
            return new > limit
        return new - old >= max(1, math.ceil(self.worse * limit))

    def _finding(self, at: Located, old: Function | None, rule: str, tree: Tree) -> Finding:
        """The quote is the function's first line: it stays when the body changes."""
        value, limit = getattr(at.function, rule), getattr(self, rule)
        was = f", {getattr(old, rule)} before this change" if old else ""
        what = WORDS[rule].format(value)
        lines = tree.read(at.path).split(b"\n")
        start = min(max(1, at.function.start), len(lines))
        end = min(max(start, at.function.end), len(lines))
        return Finding(
            tool=self.name,
            rule=rule,
            message=f"`{at.function.name}` has {what}{was}; the limit is {limit}.",
            span=Span(at.path, start, end),
            severity=Severity.NOTE if is_test(at.path) else SEVERITY[rule],
            confidence=Confidence.HIGH,
            category=Category.COMPLEXITY,
            quote=lines[start - 1].decode("utf-8", "replace").strip(),
            help=ADVICE[rule],
        )


@dataclass
class Files:
    """Measures files of the clean room; `version` is lizard's as soon as one was measured."""

    changes: ChangeSet
    tree: Tree
    runner: Runner
    version: str = ""

    def after(
        self, paths: Iterable[str], limits: Mapping[str, int] | None = None
    ) -> dict[str, tuple[Function, ...]]:
        """The functions that the change may have touched, without files that cannot be measured.

        A file may come without functions if none of them is beyond one of the `limits`. There may
        be others than those. Raises ToolMissing and ToolFailed.
        """
        spans: dict[str, Ranges | None] = {}
        harmless: dict[str, tuple[Function, ...]] = {}
        for path in paths:
            code = text(self.tree.root / self.tree.files[path])
            found = self._touched(path, code, touched(self.changes.by_path[path]))
            lines = code.split("\n")
            if found is None or not limits or any(suspect(each, lines, limits) for each in found):
                spans[path] = places(found)
            else:
                harmless[path] = ()
        return harmless | self._measured(self.tree.root, spans)

    def before(self, paths: Iterable[str]) -> dict[str, tuple[Function, ...]]:
        """The same of the former versions."""
        spans: dict[str, Ranges | None] = {}
        for path in paths:
            place = self.tree.base / self.tree.files[path]
            if place.is_file():
                ranges = touched_before(self.changes.by_path[path])
                found = self._touched(path, text(place), ranges)
                spans[path] = places(found)
        return self._measured(self.tree.base, spans)

    @staticmethod
    def _touched(path: str, code: str, ranges: Ranges) -> list[Extent] | None:
        """The functions of Python that have a line in `ranges`, None if that is not known."""
        found = extents(code) if path.lower().endswith(".py") else None
        return None if found is None else meeting(found, ranges)

    def _measured(
        self, folder: Path, paths: Mapping[str, Ranges | None]
    ) -> dict[str, tuple[Function, ...]]:
        found: dict[str, tuple[Function, ...]] = {}
        names = {path: folder / self.tree.files[path] for path in paths}
        for group in by_size(names, lambda path: names[path].stat().st_size, BATCH_BYTES):
            done = self.runner.run(
                isolated_python(Path(_lizard.__file__)),
                cwd=self.tree.root,
                stdin=msgspec.json.encode({"files": [(str(names[p]), paths[p]) for p in group]}),
                ok=(0, _lizard.NOT_INSTALLED),
            )
            if done.returncode == _lizard.NOT_INSTALLED:
                raise ToolMissing("lizard is not installed")
            self.version, answers = decoded(done.stdout, [str(names[path]) for path in group])
            found |= {p: a.functions for p, a in zip(group, answers, strict=True) if not a.error}
        return found


def places(found: Sequence[Extent] | None) -> Ranges | None:
    """The lines of functions, None where these are not known."""
    return None if found is None else [(each.first, each.last) for each in found]


def text(place: Path) -> str:
    """What lizard is given of a file."""
    return place.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")


def decoded(output: bytes, names: Iterable[str]) -> tuple[str, list[Answer]]:
    """The child's output as it should be: the version, then one answer a file, in order.

    Raises ToolFailed for anything else.
    """
    try:
        answers = msgspec.json.Decoder(Answer).decode_lines(output)
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"its output cannot be understood: {error}") from error
    if [answer.file for answer in answers] != ["", *names]:
        raise ToolFailed("its output does not fit the files it was given")
    return answers[0].version, answers[1:]


def located(functions: Mapping[str, Iterable[Function]]) -> list[Located]:
    """The functions with their paths, in order of path."""
    return [Located(path, f) for path, found in sorted(functions.items()) for f in found]


def touched(change: FileChange) -> Ranges:
    """The first and last line of each hunk, with the lines around it that the diff shows."""
    return [(hunk.new_start, hunk.new_start + hunk.new_count) for hunk in change.hunks]


def touched_before(change: FileChange) -> Ranges:
    """The same of the former version."""
    return [(hunk.old_start, hunk.old_start + hunk.old_count) for hunk in change.hunks]


def meets(function: Function, ranges: Ranges) -> bool:
    """Whether the function has a line in one of the ranges."""
    return any(start <= function.end and function.start <= end for start, end in ranges)


def shrunk(changes: ChangeSet, paths: Iterable[str], new: Sequence[Function]) -> list[str]:
    """Those of `paths` that one of the `new` functions may have moved from.

    Half of its lines are enough: a diff takes lines of a neighbour for those that stayed.
    """
    if not new:
        return []
    least = min(function.length for function in new) // 2
    return [path for path in sorted(paths) if len(changes.by_path[path].removed) > least]


def pairs(
    after: Sequence[Located], before: Sequence[Located]
) -> list[tuple[Located, Function | None]]:
    """Each function after the change with itself before it, None for a new one."""
    found: dict[int, Function] = {}
    open_after = dict(enumerate(after))
    open_before = dict(enumerate(before))
    for key in KEYS:
        olds: dict[object, list[int]] = defaultdict(list)
        for index in sorted(open_before, reverse=True):
            olds[key(open_before[index])].append(index)
        for index, new in list(open_after.items()):
            candidates = olds.get(key(new))
            if candidates:
                found[index] = open_before.pop(candidates.pop()).function
                del open_after[index]
    return [(new, found.get(index)) for index, new in enumerate(after)]


RULES: Final = (
    RulePage(
        rule="complexity",
        what="A function that the change took over the limit of cyclomatic complexity, or made "
        "clearly worse beyond it: 1, and 1 more for each branch, loop and boolean operator.",
        why="Each branch doubles what a reader has to keep in mind and a test has to reach.",
        fix=ADVICE["complexity"],
        before="def price(kind):\n    if kind == 'a':\n        return 1\n    elif kind == 'b':\n"
        "        return 2\n    ...  # and fourteen more",
        after="PRICES = {'a': 1, 'b': 2}\n\ndef price(kind):\n    return PRICES[kind]",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        category=Category.COMPLEXITY,
        url="https://github.com/terryyin/lizard",
    ),
    RulePage(
        rule="length",
        what="A function that the change made longer than the limit of lines of code.",
        why="What does not fit on a screen cannot be seen as a whole, and seldom does one thing.",
        fix=ADVICE["length"],
        before="def report(rows):\n    ...  # 60 lines that read\n    ...  # 60 lines that write",
        after="def report(rows):\n    write(read(rows))",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.COMPLEXITY,
        url="https://github.com/terryyin/lizard",
    ),
    RulePage(
        rule="parameters",
        what="A function with more parameters than the limit.",
        why="Callers mix them up, and those that always come together want to be one thing.",
        fix=ADVICE["parameters"],
        before="def draw(x, y, width, height, red, green, blue, alpha):\n    ...",
        after="def draw(box, colour):\n    ...",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.COMPLEXITY,
        url="https://github.com/terryyin/lizard",
    ),
    RulePage(
        rule="nesting",
        what="Control structures nested deeper than the limit.",
        why="Each level is one more condition to remember when reading the innermost line.",
        fix=ADVICE["nesting"],
        before="for row in rows:\n    if row:\n        for cell in row:\n            if cell:\n"
        "                while cell.next:\n                    ...",
        after="for cell in cells(rows):\n    follow(cell)",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        category=Category.COMPLEXITY,
        url="https://github.com/terryyin/lizard",
    ),
)


PLUGIN: Final[type[Analyzer]] = Complexity
