"""What stands in the changed files: definitions, calls and imports, and who is where.

An `Outline` is the structure of one file and lives as long as that file is looked at. A `Register`
remembers of all of them where each name is defined and who calls it: numbers, no text, so that it
stays small; what it is asked for is read from the clean room then.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from sys import intern
from typing import Final, NamedTuple

from reviewer.syntax import Item, Source, language_of
from reviewer.text import clip

_ECMASCRIPT: Final = """
(function_declaration name: (identifier) @name.function) @all
(generator_function_declaration name: (identifier) @name.function) @all
(method_definition name: (_) @name.function) @all
(variable_declarator name: (identifier) @name.function
  value: [(arrow_function) (function_expression)]) @all
(assignment_expression left: (member_expression property: (property_identifier) @name.function)
  right: [(arrow_function) (function_expression)]) @all
(call_expression function: (identifier) @name.call)
(call_expression function: (member_expression property: (property_identifier) @name.call))
(new_expression constructor: (identifier) @name.call)
(import_statement) @name.import
"""

_TYPESCRIPT: Final = f"""{_ECMASCRIPT}
(class_declaration name: (type_identifier) @name.class) @all
(abstract_class_declaration name: (type_identifier) @name.class) @all
(interface_declaration name: (type_identifier) @name.class) @all
(public_field_definition name: (property_identifier) @name.function
  value: [(arrow_function) (function_expression)]) @all
"""

QUERIES: Final = {
    "python": """
(function_definition name: (identifier) @name.function) @all
(class_definition name: (identifier) @name.class) @all
(decorated_definition definition: (function_definition name: (identifier) @name.function)) @all
(decorated_definition definition: (class_definition name: (identifier) @name.class)) @all
(call function: (identifier) @name.call)
(call function: (attribute attribute: (identifier) @name.call))
(import_statement) @name.import
(import_from_statement) @name.import
""",
    "javascript": f"""{_ECMASCRIPT}
(class_declaration name: (identifier) @name.class) @all
(field_definition property: (property_identifier) @name.function
  value: [(arrow_function) (function_expression)]) @all
""",
    "typescript": _TYPESCRIPT,
    "tsx": _TYPESCRIPT,
    "go": """
(function_declaration name: (identifier) @name.function) @all
(method_declaration name: (field_identifier) @name.function) @all
(type_declaration (type_spec name: (type_identifier) @name.class)) @all
(call_expression function: (identifier) @name.call)
(call_expression function: (selector_expression field: (field_identifier) @name.call))
(import_declaration) @name.import
""",
    "java": """
(method_declaration name: (identifier) @name.function) @all
(constructor_declaration name: (identifier) @name.function) @all
(class_declaration name: (identifier) @name.class) @all
(interface_declaration name: (identifier) @name.class) @all
(enum_declaration name: (identifier) @name.class) @all
(record_declaration name: (identifier) @name.class) @all
(method_invocation name: (identifier) @name.call)
(object_creation_expression type: (type_identifier) @name.call)
(import_declaration) @name.import
""",
    "rust": """
(function_item name: (identifier) @name.function) @all
(struct_item name: (type_identifier) @name.class) @all
(enum_item name: (type_identifier) @name.class) @all
(trait_item name: (type_identifier) @name.class) @all
(impl_item type: (_) @name.class) @all
(mod_item name: (identifier) @name.class) @all
(call_expression function: (identifier) @name.call)
(call_expression function: (field_expression field: (field_identifier) @name.call))
(call_expression function: (scoped_identifier name: (identifier) @name.call))
(use_declaration) @name.import
""",
}
"""Definitions, calls and imports in the words of each grammar's node-types.json."""

FAMILIES: Final = {"typescript": "javascript", "tsx": "javascript"}
"""Languages that call each other's functions go by one name."""

NAME_CHARS: Final = 80
NAMES: Final = 100_000
"""Longer names and more of them are not remembered: some 25 MiB."""

PLACES: Final = 4
"""A name that stands in more places says nothing about which one is meant."""

SIGNATURE_CHARS: Final = 200
SIGNATURE_BYTES: Final = 600
"""As much of a definition is read for its signature."""


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A function or class: lines `first` to `last` with its decorators, its name on `line`."""

    name: str
    function: bool
    first: int
    last: int
    line: int
    outer: "Definition | None"

    def chain(self) -> "Iterator[Definition]":
        """It and what it is within, the innermost first."""
        each: Definition | None = self
        while each is not None:
            yield each
            each = each.outer


class Call(NamedTuple):
    """A call of `name` on a line."""

    line: int
    name: str


@dataclass(frozen=True)
class Outline:
    """The structure of one file. `imports` are its import statements as ranges of bytes."""

    path: str
    data: bytes = b""
    definitions: Sequence[Definition] = ()
    calls: Sequence[Call] = ()
    imports: Sequence[tuple[int, int]] = ()

    @cached_property
    def starts(self) -> list[int]:
        """The byte that each line begins at; line 1 is at 0, and one past the last is the end."""
        return list(accumulate((len(line) + 1 for line in self.data.split(b"\n")), initial=0))

    @cached_property
    def borders(self) -> frozenset[int]:
        """The first lines of definitions."""
        return frozenset(each.first for each in self.definitions)

    @cached_property
    def _sections(self) -> tuple[list[int], list[Definition | None]]:
        """The lines where another definition becomes the innermost, and which."""
        lines: list[int] = [0]
        owners: list[Definition | None] = [None]
        open_: list[Definition] = []

        def close(before: float) -> None:
            while open_ and open_[-1].last < before:
                last = open_.pop().last
                lines.append(max(lines[-1], last + 1))
                owners.append(open_[-1] if open_ else None)

        for each in self.definitions:
            close(each.first)
            open_.append(each)
            lines.append(max(lines[-1], each.first))
            owners.append(each)
        close(float("inf"))
        return lines, owners

    def owner(self, line: int) -> Definition | None:
        """The innermost definition that the line is in."""
        lines, owners = self._sections
        return owners[bisect_right(lines, line) - 1]

    @cached_property
    def by_name(self) -> dict[str, Definition]:
        """The first definition of each name."""
        return {each.name: each for each in reversed(self.definitions)}

    def called(self, lines: Sequence[int], limit: int) -> tuple[str, ...]:
        """What is called on these lines, which are sorted; each name once, up to `limit`."""
        if not lines:
            return ()
        wanted = frozenset(lines)
        begin = bisect_left(self.calls, (lines[0], ""))
        end = bisect_left(self.calls, (lines[-1] + 1, ""), begin)
        names = (call.name for call in self.calls[begin:end] if call.line in wanted)
        return tuple(dict.fromkeys(names))[:limit]


def outline(source: Source) -> Outline:
    """The structure of one parsed file; broken places have none."""
    definitions: list[Definition] = []
    known: dict[int, Definition] = {}
    calls: list[Call] = []
    imports: list[tuple[int, int]] = []
    for item in source.items:
        if item.kind == "import":
            imports.append((item.place.start, item.place.end))
        elif len(item.name) > NAME_CHARS:
            continue
        elif item.kind == "call":
            calls.append(Call(item.place.line, intern(item.name)))
        elif item.place.start not in known:  # a decorated one comes twice, the larger one first
            definition = _definition(item, known)
            known[item.place.start] = definition
            definitions.append(definition)
    definitions.sort(key=lambda each: (each.first, -each.last))
    return Outline(source.path, source.data, definitions, calls, imports)


def _definition(item: Item, known: dict[int, Definition]) -> Definition:
    around = (known.get(each.place.start) for each in item.outside())
    return Definition(
        intern(item.name),
        item.kind == "function",
        item.whole.line,
        item.whole.last,
        item.place.line,
        next((each for each in around if each is not None), None),
    )


def family_of(path: str) -> str:
    """The family of languages of a file, "" for one without grammar."""
    language = language_of(path)
    return FAMILIES.get(language, language)


def signature(text: str) -> str:
    """The head of the definition that `text` begins with, on one line.

    It ends with its first line outside of brackets, or before the block that it opens.
    """
    depth = 0
    end = len(text)
    for at, sign in enumerate(text):
        if sign in "([{":
            if sign == "{" and not depth:
                end = at
                break
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif depth <= 0 and sign in ";\n":
            end = at
            break
    return clip(" ".join(text[:end].split()).rstrip(": "), SIGNATURE_CHARS)


class Spot(NamedTuple):
    """A place in the change that has a signature: file by number, line, byte its line begins at."""

    file: int
    line: int
    byte: int


@dataclass
class Register:
    """Where names are defined and called, over all outlines that were added.

    Files go by their number in `paths`, spots by theirs.
    """

    paths: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    _spots: "array[int]" = field(default_factory=lambda: array("q"))
    _defined: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _called: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def add(self, outline: Outline) -> int:
        """Remember what `outline` defines and calls; the number of its file."""
        file = len(self.paths)
        self.paths.append(outline.path)
        self.families.append(family_of(outline.path))
        numbers: dict[int, int] = {}
        for each in outline.definitions:
            numbers[each.line] = self._spot(file, each.line, outline)
            _note(self._defined, each.name, numbers[each.line])
        for call in outline.calls:
            within = outline.owner(call.line)
            line = call.line if within is None else within.line
            if _full(self._called, call.name):
                continue
            if line not in numbers:
                numbers[line] = self._spot(file, line, outline)
            _note(self._called, call.name, numbers[line])
        return file

    def _spot(self, file: int, line: int, outline: Outline) -> int:
        self._spots.extend((file, line, outline.starts[line - 1]))
        return len(self._spots) // 3 - 1

    def _found(self, numbers: Sequence[int]) -> list[Spot]:
        return [Spot(*self._spots[3 * n : 3 * n + 3]) for n in numbers]

    def defined(self, name: str, family: str) -> list[Spot]:
        """Where `name` may be defined, none if it may be in too many places."""
        numbers = self._defined.get(name, ())
        if len(numbers) >= PLACES:
            return []
        return [spot for spot in self._found(numbers) if self.families[spot.file] == family]

    def callers(self, name: str, family: str) -> list[Spot]:
        """Who calls `name`, none if several things have that name."""
        if len(self._defined.get(name, ())) > 1:
            return []
        found = self._found(self._called.get(name, ()))
        return [spot for spot in found if self.families[spot.file] == family]

    def shown(self, spot: Spot, file: Path) -> str:
        """`path:line signature`, read from `file`, its file in the clean room."""
        with file.open("rb") as opened:
            opened.seek(spot.byte)
            data = opened.read(SIGNATURE_BYTES).lstrip()
        return f"{self.paths[spot.file]}:{spot.line} {signature(data.decode('utf-8', 'replace'))}"


def _full(names: dict[str, tuple[int, ...]], name: str) -> bool:
    """Whether no more is to be remembered of a name."""
    known = names.get(name)
    return len(names) >= NAMES if known is None else len(known) >= PLACES


def _note(names: dict[str, tuple[int, ...]], name: str, spot: int) -> None:
    known = names.get(name, ())
    if not _full(names, name) and spot not in known:
        names[name] = (*known, spot)
