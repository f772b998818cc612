"""Which code the model sees: the change in units, the riskiest first, each with what surrounds it.

A unit is what one question is about: neighbouring hunks in one function or class, with the lines
around them, imports, the heads of what they call and of who calls them, and what the analyzers and
the coverage say. Every added line of a file that was looked into is in exactly one unit, or in what
is left out with its reason.

The units are a sequence that fills each one in when it is asked for: between questions only numbers
are kept, and the text stays in the change and in the clean room, which must outlive the context.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, overload

from reviewer.context import drafts, surroundings
from reviewer.context.drafts import Draft, Omission
from reviewer.context.outlines import QUERIES, Outline, Register, Spot, family_of, outline
from reviewer.context.pieces import Limits
from reviewer.context.risk import is_sensitive
from reviewer.errors import ToolError
from reviewer.languages import is_test
from reviewer.model import ChangeSet, Finding, LeftOut, Line, PatchCoverage, Side
from reviewer.process import Runner
from reviewer.syntax import Parser, language_of
from reviewer.text import clip, count
from reviewer.tree import Tree

LIMITS: Final = Limits()

PARSED_BYTES: Final = 32 << 20
"""Of so much code the structure is read, some half a minute's work, the sensitive first; the rest
goes without."""

IMPORT_CHARS: Final = 200
CALLEES: Final = 10
CALLERS: Final = 5
"""So much of each goes into a unit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one question is about.

    `language` is a grammar's name ("python"), "" where there is none. `title` is the first line of
    the innermost definition that all changes are in, "" outside of any. `lines` are those of the
    hunks in the order of the patch, `around` numbered new-side lines near them in the definitions
    that they touch. `callees` and `callers` are "path:line signature". Texts are those of the
    change, hostile as it may be, without the carriage returns before their ends; what is too long
    is cut with a mark.
    """

    path: str
    language: str
    title: str
    lines: tuple[Line, ...]
    around: tuple[tuple[int, str], ...]
    imports: tuple[str, ...]
    callees: tuple[str, ...]
    callers: tuple[str, ...]
    evidence: tuple[Finding, ...]
    uncovered: tuple[int, ...]
    risk: float
    reasons: tuple[str, ...]

    @property
    def anchors(self) -> tuple[int, ...]:
        """New-side numbers of the added and context lines, in order."""
        return tuple(sorted(line.new for line in self.lines if line.new))

    @property
    def added(self) -> tuple[int, ...]:
        """New-side numbers of the added lines, in order."""
        return tuple(line.new for line in self.lines if line.origin == "+")

    @property
    def start(self) -> int:
        """The first anchor, 0 if there is none."""
        return min(self.anchors, default=0)

    @property
    def end(self) -> int:
        """The last anchor, 0 if there is none."""
        return max(self.anchors, default=0)


class Place(NamedTuple):
    """Where a unit is: its first and last anchor, both 0 if there is none."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Context:
    """What there is to ask about, the riskiest first, and what is not asked about.

    `places` are those of the `units`, for which nothing has to be read. `note` says why the units
    lack structure (definitions, callees), "" if they do not.
    """

    units: Sequence[Unit]
    places: tuple[Place, ...]
    left_out: tuple[LeftOut, ...]
    note: str = ""


@dataclass(frozen=True)
class _Units(Sequence[Unit]):
    """The units in order, each made when it is asked for."""

    drafts: Sequence[Draft]
    changes: ChangeSet
    tree: Tree
    names: Register
    elsewhere: Mapping[tuple[str, str], tuple[str, ...]]
    limits: Limits

    def __len__(self) -> int:
        return len(self.drafts)

    @overload
    def __getitem__(self, at: int) -> Unit: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Unit, ...]: ...
    def __getitem__(self, at: int | slice) -> Unit | tuple[Unit, ...]:
        if isinstance(at, slice):
            return tuple(self._filled(draft) for draft in self.drafts[at])
        return self._filled(self.drafts[at])

    def _filled(self, draft: Draft) -> Unit:
        hunks = self.changes.by_path[draft.path].hunks
        lines = tuple(
            line._replace(text=self._cut(line.text))
            for piece in draft.pieces
            for line in piece.lines(hunks)
        )
        around, imports = self._texts(draft)
        family = family_of(draft.path)
        return Unit(
            path=draft.path,
            language=language_of(draft.path),
            title=draft.title,
            lines=lines,
            around=around,
            imports=imports,
            callees=self._callees(draft, family),
            callers=self._callers(draft, family),
            evidence=draft.evidence,
            uncovered=draft.uncovered,
            risk=draft.risk.value,
            reasons=draft.risk.reasons,
        )

    def _cut(self, text: str) -> str:
        text = text.removesuffix("\r")
        more = len(text) - self.limits.line
        if more <= 0:
            return text
        return f"{text[: self.limits.line]}… ({count(more, 'character')} more)"

    def _texts(self, draft: Draft) -> tuple[tuple[tuple[int, str], ...], tuple[str, ...]]:
        """The lines around, and the imports that the hunks do not show, read from the file."""
        if not (draft.around or draft.imports):
            return (), ()
        around: list[tuple[int, str]] = []
        with self._file(draft.path).open("rb") as file:
            for each in draft.around:
                texts = each.read(file).removesuffix("\n").split("\n")
                around += ((each.line + n, self._cut(text)) for n, text in enumerate(texts))
            imports = [
                clip(" ".join(each.read(file).split()), IMPORT_CHARS)
                for each in draft.imports
                if not draft.shows(each.line)
            ]
        return tuple(around), tuple(imports)

    def _file(self, path: str) -> Path:
        return self.tree.root / self.tree.files[path]

    def _callees(self, draft: Draft, family: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for call in draft.calls:
            if isinstance(call, Spot):
                found |= dict.fromkeys(self._shown([call]))
            else:
                there = self._shown(self.names.defined(call, family))
                found |= dict.fromkeys(there or self.elsewhere.get((family, call), ()))
            if len(found) >= CALLEES:
                break
        return tuple(found)[:CALLEES]

    def _callers(self, draft: Draft, family: str) -> tuple[str, ...]:
        spots = (
            spot
            for name in draft.owners
            for spot in self.names.callers(name, family)
            if self.names.paths[spot.file] != draft.path or not draft.shows(spot.line)
        )
        return tuple(dict.fromkeys(self._shown(spots)))[:CALLERS]

    def _shown(self, spots: Iterable[Spot]) -> list[str]:
        return [self.names.shown(s, self._file(self.names.paths[s.file])) for s in spots]


def build(
    changes: ChangeSet,
    tree: Tree,
    findings: Sequence[Finding],
    coverage: PatchCoverage,
    runner: Runner,
    limits: Limits = LIMITS,
) -> Context:
    """What to ask about a change whose clean room is `tree`.

    `findings` are those of the analyzers, `coverage` that of the change. The order is total: risk,
    path, line. Never raises for what a file holds; when the parser is missing or broken, the
    units have less around them, and `Context.note` says so.
    """
    evidence: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.side is Side.NEW and not finding.span.whole_file:
            evidence[finding.span.path].append(finding)
    uncovered = {file.path: sorted(file.missing) for file in coverage.files}
    left_out = [LeftOut(path, 0, 0, reason) for path, reason in tree.skipped.items()]
    register = Register()
    made: list[Draft] = []
    reading = _Reading(changes, tree, runner)
    for each in reading.outlines():
        file = drafts.File(
            changes.by_path[each.path],
            each,
            register.add(each),
            evidence.get(each.path, ()),
            uncovered.get(each.path, ()),
        )
        for draft in file.drafts(limits):
            if isinstance(draft, Omission):
                left_out.append(LeftOut(each.path, draft.start, draft.end, draft.reason))
            else:
                made.append(draft)
    made.sort(key=lambda draft: (-draft.risk.value, draft.path, draft.pieces))
    left_out.sort(key=lambda each: (each.path, each.start, each.end))
    elsewhere = surroundings.callees(made, tree, register)
    units = _Units(made, changes, tree, register, elsewhere, limits)
    places = tuple(map(_place, made))
    return Context(units, places, tuple(left_out), reading.note)


def _place(draft: Draft) -> Place:
    if not draft.shown:
        return Place(draft.path, 0, 0)
    return Place(draft.path, draft.shown[0][0], draft.shown[-1][1])


class _Reading:
    """Reads the structure of the changed files, one after the other."""

    def __init__(self, changes: ChangeSet, tree: Tree, runner: Runner) -> None:
        self.tree = tree
        self.parser = Parser(QUERIES, tree, runner)
        self.paths = sorted(
            (path for path in changes.by_path if path in tree.files or path in tree.asides),
            key=lambda path: (is_test(path), not is_sensitive(path), path),
        )
        self.beyond = 0
        self.failure = ""

    @property
    def note(self) -> str:
        """Why units lack structure, "" if none does."""
        unread = len(self.parser.unread)
        said = [
            self.failure,
            f"could not parse {count(unread, 'file')}" * bool(unread),
            f"did not parse {count(self.beyond, 'file')} beyond {PARSED_BYTES >> 20} MiB of code"
            * bool(self.beyond),
        ]
        return "; ".join(filter(None, said))

    def outlines(self) -> Iterator[Outline]:
        """One for each file that was looked into; those without structure are empty and last."""
        done = set()
        try:
            for source in self.parser.after(self._chosen()):
                done.add(source.path)
                yield outline(source)
        except ToolError as error:
            self.failure = str(error)
        yield from (Outline(path) for path in self.paths if path not in done)

    def _chosen(self) -> Iterator[str]:
        """The files to parse, up to a limit on their bytes."""
        left = PARSED_BYTES
        for path in self.paths:
            if path in self.tree.files and language_of(path):
                left -= (self.tree.root / self.tree.files[path]).stat().st_size
                if left < 0:
                    self.beyond += 1
                else:
                    yield path
