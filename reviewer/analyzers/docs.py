"""Public interfaces that the change adds without a word on what they do.

Python modules, classes and functions without a docstring; what JavaScript and TypeScript export, Go
exports, Java and Rust make public, without a comment above. Only new definitions count, and only
where the code documents its like: a project that does without is left in peace. Tests, examples,
scripts, overrides, accessors and overloads need no words of their own.
"""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple, TypeAlias

from reviewer.analyzers._languages import added_code, is_api, python_bases, removed_words, words
from reviewer.analyzers.base import Analyzer, RulePage, named, not_concerned
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    Finding,
    Outcome,
    Severity,
    Span,
    ToolRun,
)
from reviewer.process import Runner
from reviewer.syntax import LANGUAGES, Item, Parser, Source, language_of
from reviewer.tree import Tree
from reviewer.version import VERSION

ECMASCRIPT: Final = """
(comment) @name.comment
(export_statement "export" @name.export) @all
(function_declaration name: (identifier) @name.function) @all
(generator_function_declaration name: (identifier) @name.function) @all
(variable_declarator name: (identifier) @name.function
  value: [(arrow_function) (function_expression)]) @all
"""

TYPESCRIPT: Final = f"""{ECMASCRIPT}
(class_declaration name: (type_identifier) @name.class) @all
(abstract_class_declaration name: (type_identifier) @name.class) @all
(interface_declaration name: (type_identifier) @name.interface) @all
(enum_declaration name: (identifier) @name.enum) @all
"""

QUERIES: Final[Mapping[str, str]] = {
    "python": """
(function_definition name: (identifier) @name.function) @all
(class_definition name: (identifier) @name.class) @all
(decorated_definition (decorator) @name.decorator) @all
(function_definition body: (block .
  (expression_statement [(string) (concatenated_string)] @name.doc)))
(class_definition body: (block .
  (expression_statement [(string) (concatenated_string)] @name.doc)))
(module (expression_statement (assignment left: (identifier) @all right: [
  (list (string (string_content) @name.exported))
  (tuple (string (string_content) @name.exported))])
  (#eq? @all "__all__")))
""",
    "javascript": f"""{ECMASCRIPT}
(class_declaration name: (identifier) @name.class) @all
(assignment_expression
  left: (member_expression property: (property_identifier) @name.function)
  right: [(function_expression) (arrow_function)]) @all
""",
    "typescript": TYPESCRIPT,
    "tsx": TYPESCRIPT,
    "go": """
(comment) @name.comment
(package_clause (package_identifier) @name.package)
(function_declaration name: (identifier) @name.function) @all
(method_declaration name: (field_identifier) @name.method) @all
(type_declaration (type_spec name: (type_identifier) @name.type) @all)
(type_declaration "type" @name.group) @all
""",
    "java": """
(line_comment) @name.comment
(block_comment) @name.comment
(class_declaration name: (identifier) @name.class) @all
(interface_declaration name: (identifier) @name.interface) @all
(enum_declaration name: (identifier) @name.enum) @all
(record_declaration name: (identifier) @name.record) @all
(method_declaration name: (identifier) @name.method) @all
""",
    "rust": """
(line_comment) @name.comment
(block_comment) @name.comment
(attribute_item) @name.attribute
(mod_item name: (identifier) @name.module) @all
(function_item name: (identifier) @name.function) @all
(struct_item name: (type_identifier) @name.struct) @all
(enum_item name: (type_identifier) @name.enum) @all
(union_item name: (type_identifier) @name.union) @all
(trait_item name: (type_identifier) @name.trait) @all
""",
}
"""Definitions, and what documents them."""

TYPES: Final = ("class", "interface", "enum", "record", "struct", "union", "trait", "type")
DEFINITIONS: Final = (*TYPES, "function", "method")

GATES: Final[Mapping[str, re.Pattern[bytes]]] = {
    "javascript": re.compile(rb"\bexport"),
    "typescript": re.compile(rb"\bexport"),
    "tsx": re.compile(rb"\bexport"),
    "go": re.compile(rb"\b(?:func|type)\b"),
    "java": re.compile(rb"\b(?:public|interface)\b"),
    "rust": re.compile(rb"\bpub\b"),
}
"""What a file holds that has something for others; Python is looked at more closely."""

PYTHON_NAMES: Final = re.compile(r"\b(?:def|class)\s+[^\W_]")
PYTHON_DIVIDED: Final = re.compile(rb"\b(?:def|class)\s*\\")
"""A public definition of Python, and one whose name is on another line."""

DECORATED_AWAY: Final = re.compile(
    r"@\s*(?:[\w.]+\.(?:setter|deleter|getter|register)\b|(?:[\w.]+\.)?(?:overload|override|overrides)\b"
    r"|(?:[\w.]+\.)?(?:pass_context|fixture)\b)"
)
"""Decorators of functions whose words stand elsewhere: with the getter, the base, the first."""

HARMLESS_BASES: Final = frozenset("object ABC ABCMeta Protocol Generic".split())
"""Bases whose methods no class overrides."""

INNER: Final = frozenset("Meta Config Media Arguments Params".split())
"""Classes within classes that a framework reads."""

GO_KNOWN: Final = frozenset(
    (
        "Error Read ServeHTTP String Write Unwrap Len Less Swap Close Is As Format MarshalJSON "
        "UnmarshalJSON MarshalText UnmarshalText MarshalYAML UnmarshalYAML Scan Value"
    ).split()
)
"""Methods of interfaces that everybody knows; revive's rule `exported` has the first nine."""

JAVA_KNOWN: Final = re.compile(
    r"(?:get|set|is|has)[A-Z]\w*|hashCode|equals|toString|compareTo|main"
)
"""Accessors, and methods whose words stand in java.lang."""

SMALL: Final = 4
"""Lines of an accessor."""

DOCUMENTED: Final = 0.5
"""Where fewer of the definitions had words before, the project does without."""

MODULE: Final = "module"
"""The kind of a Python file as a whole."""

Tally: TypeAlias = Counter[tuple[str, bool]]
"""Numbers of public definitions, of modules and of the rest, by whether they are documented."""


class Definition(NamedTuple):
    """A public definition, by its name within its class, and whether it has words."""

    kind: str
    name: str
    line: int
    documented: bool


@dataclass(frozen=True)
class Docs:
    """A missing text is a note, and a warning under `strict`."""

    name: ClassVar[str] = "docs"
    measures: ClassVar[tuple[Category, ...]] = (Category.DOCUMENTATION,)

    profile: str = "default"

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        started = time.monotonic()
        paths = [path for path in named(tree, LANGUAGES) if is_api(path) and not is_stub(path)]
        if not paths:
            return not_concerned(self.name, "code with an interface for others")
        parser = Parser(QUERIES, tree, runner)
        asked = [path for path in paths if may_lack(path, tree.read(path), changes)]
        removed = removed_words(changes)
        missing = {
            source.path: found
            for source in parser.after(asked)
            if (found := undocumented(source, changes.by_path[source.path].added, removed))
        }
        before = Before(paths, missing, parser)
        findings = [
            self._finding(path, item, habit)
            for path, found in missing.items()
            if path not in parser.unread
            for item in found
            if item.name not in before.names.get(path, ())
            and (habit := custom(item, before.of_file.get(path), before.of_language(path)))
            is not None
        ]
        return ToolRun(
            self.name,
            Outcome.OK,
            version=VERSION,
            findings=tuple(findings),
            reason=parser.reason,
            seconds=time.monotonic() - started,
            measures=self.measures,
        )

    def _finding(self, path: str, item: Definition, confidence: Confidence) -> Finding:
        what = "docstring" if path.endswith((".py", ".pyw")) else "comment"
        name = "new module" if item.kind == MODULE else f"public {item.kind} `{item.name}`"
        return Finding(
            tool=self.name,
            rule="undocumented",
            message=f"The {name} has no {what} that says what it is for.",
            span=Span(path, item.line, item.line),
            severity=Severity.WARNING if self.profile == "strict" else Severity.NOTE,
            confidence=confidence,
            category=Category.DOCUMENTATION,
            help="Say what a caller has to know: what it does, takes and gives, and how it fails.",
        )


class Before:
    """The habits and names of the changed files before; only those are read that have a say."""

    def __init__(
        self, paths: Sequence[str], missing: Mapping[str, Sequence[Definition]], parser: Parser
    ) -> None:
        self.names: dict[str, set[str]] = {}
        self.of_file: dict[str, Tally] = {}
        self.languages: dict[str, Tally] = defaultdict(Counter)
        self._read(missing, parser)
        open_ = {
            language_of(path)
            for path, found in missing.items()
            if not all(tells(self.of_file.get(path), item) for item in found)
        }
        rest = (p for p in paths if p not in self.of_file and language_of(p) in open_)
        self._read(rest, parser)

    def _read(self, paths: Iterable[str], parser: Parser) -> None:
        for source in parser.before(paths):
            items = list(public(source))
            self.names[source.path] = {item.name for item in items}
            self.of_file[source.path] = Counter((slot(item), item.documented) for item in items)
            self.languages[source.language].update(self.of_file[source.path])

    def of_language(self, path: str) -> Tally:
        """The habits of all files in the language of this one, where it does not tell itself."""
        return self.languages[language_of(path)]


def may_lack(path: str, data: bytes, changes: ChangeSet) -> bool:
    """Whether something public that the change adds to a file may have no words.

    Where something has none, this says so; it may say so where all has.
    """
    gate = GATES.get(language_of(path))
    if gate is not None:
        return gate.search(data) is not None
    if hidden(path):
        return False
    return bool(
        (1 in changes.by_path[path].added and not MODULE_DOC.match(data))
        or PYTHON_NAMES.search(added_code(changes, path))
        or PYTHON_DIVIDED.search(data)
    )


def undocumented(source: Source, added: frozenset[int], removed: set[str]) -> list[Definition]:
    """The public definitions on added lines that have no words, without those that moved."""
    return [
        item
        for item in public(source)
        if not item.documented
        and item.line in added
        and item.name.rpartition(".")[2] not in removed
    ]


def tells(habits: Tally | None, item: Definition) -> bool:
    """Whether habits say something about definitions like this one."""
    return habits is not None and any(habits[slot(item), yes] for yes in (True, False))


def is_stub(path: str) -> bool:
    """Whether the file declares what is documented where it is implemented."""
    return path.endswith((".pyi", ".d.ts", ".d.mts", ".d.cts"))


def slot(item: Definition) -> str:
    """Modules have a habit of their own."""
    return MODULE if item.kind == MODULE else ""


def custom(item: Definition, of_file: Tally | None, of_language: Tally) -> Confidence | None:
    """How sure it is that such a thing is documented here, None when it is not the custom.

    The file itself tells, else the other changed files of its language. Where nobody tells, it is
    half sure; but of modules nobody is sure.
    """
    for habits in (of_file, of_language):
        good, bad = (habits[slot(item), yes] for yes in (True, False)) if habits else (0, 0)
        if good + bad:
            return Confidence.HIGH if good >= DOCUMENTED * (good + bad) else None
    return None if item.kind == MODULE else Confidence.MEDIUM


def public(source: Source) -> Iterator[Definition]:
    """The definitions of a file that others may use."""
    rule = {"python": python, "go": go, "java": java, "rust": rust}.get(source.language, ecmascript)
    yield from rule(source)


def qualified(item: Item) -> str:
    """Its name within the types around it."""
    outer = [one.name for one in item.outside() if one.kind in TYPES]
    return ".".join((*reversed(outer), item.name))


def python(source: Source) -> Iterator[Definition]:
    """Modules, classes and functions whose name does not begin with an underscore."""
    if hidden(source.path):
        return
    with_doc = {item.parent for item in source.items if item.kind == "doc"}
    exported = {item.name for item in source.items if item.kind == "exported"}
    found = [
        Definition(item.kind, qualified(item), item.place.line, item in with_doc)
        for item in source.items
        if item.kind in ("class", "function") and python_public(source, item, exported)
    ]
    if found:
        yield Definition(MODULE, "", 1, bool(MODULE_DOC.match(source.data)))
    yield from found


def hidden(path: str) -> bool:
    """Whether a Python module is private, by its name or that of a package."""
    return any(part.startswith("_") and part != "__init__.py" for part in path.split("/"))


MODULE_DOC: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t\f]*(?:#[^\n]*)?\r?\n)*+[ \t\f]*[rRuU]?(?:\"|')"
)
"""A file that begins, after comments, with a string."""


def python_public(source: Source, item: Item, exported: set[str]) -> bool:
    """Whether a class or function is for others to use, and needs words of its own."""
    around = list(item.outside())
    outer = [one for one in around if one.kind != "decorator"]
    if any(one.kind != "class" for one in outer):
        return False
    if any(one.name.startswith("_") for one in (item, *outer)):
        return False
    if exported and (outer[-1] if outer else item).name not in exported:
        return False
    if any(one.kind == "decorator" and DECORATED_AWAY.match(one.name) for one in around):
        return False
    if item.kind == "class":
        return not (outer and item.name in INNER)
    return not outer or python_bases(source, outer[0]) <= HARMLESS_BASES


class Above:
    """Tells whether a comment stands directly above a line, over attributes if need be."""

    def __init__(self, source: Source) -> None:
        self.comments: set[int] = set()
        self.attributes: dict[int, int] = {}
        for item in source.items:
            if item.kind == "comment" and not source.before(item.place).strip():
                self.comments.add(item.place.last)
            elif item.kind == "attribute":
                self.attributes[item.place.last] = item.place.line

    def __call__(self, line: int) -> bool:
        above = line - 1
        while above in self.attributes:
            above = self.attributes[above] - 1
        return above in self.comments


def ecmascript(source: Source) -> Iterator[Definition]:
    """What a module exports."""
    above = Above(source)
    for item in source.items:
        if item.kind not in DEFINITIONS:
            continue
        outer = item.parent
        if outer is not None and outer.kind == "export" and outer.parent is None:
            lines = [outer.whole.line, item.whole.line]
        elif outer is None and re.match(r"(?:module\.)?exports\.", source.head(item)):
            lines = [item.whole.line]
        else:
            continue
        yield Definition(item.kind, item.name, item.place.line, any(map(above, lines)))


def go(source: Source) -> Iterator[Definition]:
    """What begins with a capital, outside of programs."""
    if any(item.kind == "package" and item.name == "main" for item in source.items):
        return
    above = Above(source)
    for item in source.items:
        if item.kind not in DEFINITIONS or not item.name[:1].isupper():
            continue
        name = item.name
        if item.kind == "method":
            receiver = re.findall(r"\w+", re.sub(r"\[.*", "", source.head(item)))
            if item.name in GO_KNOWN or not receiver or not receiver[-1][:1].isupper():
                continue
            name = f"{receiver[-1]}.{name}"
        outer = item.parent
        lines = [item.whole.line, *([outer.whole.line] if outer and outer.kind == "group" else [])]
        yield Definition(item.kind, name, item.place.line, any(map(above, lines)))


def java(source: Source) -> Iterator[Definition]:
    """Public types and their public methods."""
    above = Above(source)
    for item in source.items:
        if item.kind not in DEFINITIONS or not all(
            one.kind in TYPES and java_public(source, one) for one in item.outside()
        ):
            continue
        if not java_public(source, item):
            continue
        if item.kind == "method":
            size = item.whole.last - item.whole.line + 1
            if "@Override" in source.head(item) or (
                JAVA_KNOWN.fullmatch(item.name) and (size <= SMALL or item.name == "main")
            ):
                continue
        yield Definition(item.kind, qualified(item), item.place.line, above(item.whole.line))


def java_public(source: Source, item: Item) -> bool:
    """Whether it says public, or is a member of an interface that does not say private."""
    said = words(source.head(item))
    within = item.parent is not None and item.parent.kind == "interface"
    return "public" in said or (within and "private" not in said)


def rust(source: Source) -> Iterator[Definition]:
    """What is `pub`, outside of programs."""
    if re.search(r"(?:^|/)(?:main|build)\.rs$", source.path):
        return
    above = Above(source)
    for item in source.items:
        if item.kind not in DEFINITIONS or not rust_public(source, item):
            continue
        if item.within(*DEFINITIONS) or any(
            outer.kind == "module" and not rust_public(source, outer) for outer in item.outside()
        ):
            continue
        yield Definition(item.kind, qualified(item), item.place.line, above(item.whole.line))


def rust_public(source: Source, item: Item) -> bool:
    """Whether it is `pub` without a restriction."""
    return bool(re.match(r"pub\b(?!\s*\()", source.head(item)))


RULES: Final = (
    RulePage(
        rule="undocumented",
        what="A public module, class or function is added without a docstring or comment, in code "
        "that documents its like.",
        why="Callers have to read the code to learn what it does, what it gives and how it fails.",
        fix="Say what a caller has to know: what it does, what it takes and gives, how it fails.",
        before="def parse(text):\n    ...",
        after='def parse(text):\n    """The entries of `text`. Raises ValueError."""\n    ...',
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
        category=Category.DOCUMENTATION,
        url="https://peps.python.org/pep-0257/",
    ),
)

PLUGIN: Final[type[Analyzer]] = Docs
