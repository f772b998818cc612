"""Names that the change introduces against the convention of their language, or without meaning.

Python (PEP 8), JavaScript and TypeScript (Google's style guides), Go (Effective Go), Java (Oracle's
code conventions) and Rust (RFC 430). A name that stood anywhere in the changed files before is not
the author's choice, nor is one that a base class, a foreign interface or a framework may have
forced; and where the file has a habit of its own, the habit wins, as these guides ask for.
"""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Final, NamedTuple, TypeAlias

from reviewer.analyzers._conventions import CALLABLES, GIVEN, GUIDES, TYPES, Verdict, judge
from reviewer.analyzers._languages import TITLES, added_code, is_api, known_words, words
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
(function_declaration name: (identifier) @name.function) @all
(generator_function_declaration name: (identifier) @name.function) @all
(method_definition name: (property_identifier) @name.method) @all
(variable_declarator name: (identifier) @name.function
  value: [(arrow_function) (function_expression)])
(variable_declarator name: (identifier) @name.variable)
(export_statement "export" @name.export) @all
"""

TYPESCRIPT: Final = f"""{ECMASCRIPT}
(class_declaration name: (type_identifier) @name.class) @all
(abstract_class_declaration name: (type_identifier) @name.class) @all
(interface_declaration name: (type_identifier) @name.interface) @all
(type_alias_declaration name: (type_identifier) @name.type)
(enum_declaration name: (identifier) @name.enum)
(required_parameter pattern: (identifier) @name.parameter)
(optional_parameter pattern: (identifier) @name.parameter)
(ambient_declaration "declare" @name.foreign) @all
"""

QUERIES: Final[Mapping[str, str]] = {
    "python": """
(function_definition name: (identifier) @name.function) @all
(class_definition name: (identifier) @name.class) @all
(decorated_definition (decorator) @name.decorator) @all
(parameters (identifier) @name.parameter)
(parameters (typed_parameter (identifier) @name.parameter))
(parameters (default_parameter name: (identifier) @name.parameter))
(parameters (typed_default_parameter name: (identifier) @name.parameter))
(assignment left: (identifier) @name.variable)
(assignment left: (pattern_list (identifier) @name.variable))
(assignment left: (attribute object: (identifier) @self attribute: (identifier) @name.attribute)
  (#eq? @self "self"))
(for_statement left: (identifier) @name.variable)
(as_pattern_target (identifier) @name.variable)
""",
    "javascript": f"""{ECMASCRIPT}
(class_declaration name: (identifier) @name.class) @all
(formal_parameters (identifier) @name.parameter)
(formal_parameters (assignment_pattern left: (identifier) @name.parameter))
""",
    "typescript": TYPESCRIPT,
    "tsx": TYPESCRIPT,
    "go": """
(function_declaration name: (identifier) @name.function) @all
(method_declaration name: (field_identifier) @name.method) @all
(type_spec name: (type_identifier) @name.type) @all
(type_alias name: (type_identifier) @name.type)
(method_elem name: (field_identifier) @name.method)
(field_declaration name: (field_identifier) @name.field)
(const_spec name: (identifier) @name.constant)
(var_spec name: (identifier) @name.variable)
(short_var_declaration left: (expression_list (identifier) @name.variable))
(parameter_declaration name: (identifier) @name.parameter)
""",
    "java": """
(class_declaration name: (identifier) @name.class) @all
(interface_declaration name: (identifier) @name.interface) @all
(enum_declaration name: (identifier) @name.enum) @all
(record_declaration name: (identifier) @name.class) @all
(method_declaration name: (identifier) @name.method) @all
(field_declaration declarator: (variable_declarator name: (identifier) @name.field)) @all
(local_variable_declaration declarator: (variable_declarator name: (identifier) @name.variable))
(formal_parameter name: (identifier) @name.parameter)
""",
    "rust": """
(function_item name: (identifier) @name.function) @all
(struct_item name: (type_identifier) @name.type) @all
(enum_item name: (type_identifier) @name.enum) @all
(trait_item name: (type_identifier) @name.trait) @all
(type_item name: (type_identifier) @name.type) @all
(enum_variant name: (identifier) @name.variant)
(field_declaration name: (field_identifier) @name.field)
(const_item name: (identifier) @name.constant) @all
(static_item name: (identifier) @name.constant) @all
(let_declaration pattern: (identifier) @name.variable)
(parameter pattern: (identifier) @name.parameter)
(mod_item name: (identifier) @name.module) @all
(impl_item trait: (_) @name.implementation) @all
(foreign_mod_item (extern_modifier) @name.foreign) @all
""",
}
"""Where names are given."""

MEANINGLESS: Final = frozenset(
    (
        "foo bar baz qux quux foobar foo_bar asdf qwerty blah xxx yyy zzz aaa bbb tmp stuff thing "
        "something whatever do_it do_stuff do_something do_thing do_things doit dostuff klass "
        "myclass my_class myfunc my_func myfunction my_function untitled "
        "test1 test2 temp1 temp2 tmp1 tmp2 foo1 foo2 func1 func2 helper1 helper2"
    ).split()
)
"""Names that say nothing about what they name, in lower case."""

ODD: Final = {
    "python": re.compile(
        r"\bclass\s+((?:_*[a-z0-9]|\w+_)\w*)|\bdef\s+(_*[A-Z]\w*)"
        r"|\b_*[a-z][a-z0-9]*[A-Z][A-Za-z0-9]*\b"
    ),
    "go": re.compile(r"\w*_\w*"),
}
"""Names that may be against the convention, where it is easy to tell."""

SIGNED: Final = re.compile(r"[\w$]*\$[\w$]*|r#\w+")
"""Names with a sign in them, which no word has."""

DIVIDED: Final = re.compile(rb"\b(?:def|class)\s*\\")
"""A definition of Python whose name is on another line."""

HABIT: Final = 2
"""So many names of a kind against the convention, and a quarter of all, are the file's habit."""


Tally: TypeAlias = Counter[tuple[str, bool]]
"""Numbers of names by group and by whether they are against the convention."""


class Doubt(NamedTuple):
    """An introduced name: what is said if it is against the convention, and if it is empty."""

    name: str
    group: str
    against: Finding | None
    empty: Finding | None


@dataclass(frozen=True)
class Naming:
    """`meaningless` are further names that say nothing, in lower case."""

    name: ClassVar[str] = "naming"
    measures: ClassVar[tuple[Category, ...]] = (Category.NAMING,)

    meaningless: tuple[str, ...] = ()

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        started = time.monotonic()
        paths = named(tree, LANGUAGES)
        if not paths:
            return not_concerned(self.name, "file in a language whose naming it knows")
        odd = {path: self._odd(path, changes, tree) for path in paths}
        known = known_words(changes, paths, tree) if any(odd.values()) else set()
        asked = [path for path, names in odd.items() if names - known]
        parser = Parser(QUERIES, tree, runner)
        doubts = {
            source.path: found
            for source in parser.after(asked)
            if (found := list(self._doubts(source, changes.by_path[source.path].added, known)))
        }
        habits = Habits(paths, doubts, parser)
        findings = [
            finding
            for path, found in doubts.items()
            if path not in parser.unread
            for finding in judged(found, habits.of(path))
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

    def _odd(self, path: str, changes: ChangeSet, tree: Tree) -> set[str]:
        """The words on added lines about which something may be said if they are new names."""
        text = added_code(changes, path)
        added = words(text)
        odd = ODD.get(language_of(path))
        if odd is None or DIVIDED.search(tree.read(path)):
            return added.union(SIGNED.findall(text))
        named_so = {match[match.lastindex or 0] for match in odd.finditer(text)}
        return named_so | {word for word in added if word.lower() in self._empty}

    @cached_property
    def _empty(self) -> frozenset[str]:
        return MEANINGLESS.union(self.meaningless)

    def _doubts(self, source: Source, added: frozenset[int], known: set[str]) -> Iterator[Doubt]:
        """The introduced names of one file that something may be said about."""
        for item in source.items:
            if item.kind not in GIVEN or item.place.line not in added or item.name in known:
                continue
            verdict = judge(source, item)
            empty = (
                item.name.lower() in self._empty
                and is_public(source, item)
                and not item.within(*TYPES)
            )
            if verdict or empty:
                yield Doubt(
                    item.name,
                    group(item),
                    convention(source, item, verdict) if verdict else None,
                    meaningless(source, item) if empty else None,
                )


class Habits:
    """Which names the changed files had before; only those are read that have a say."""

    def __init__(
        self, paths: Sequence[str], doubts: Mapping[str, Sequence[Doubt]], parser: Parser
    ) -> None:
        self.of_file: dict[str, Tally] = {}
        self.of_language: dict[str, Tally] = defaultdict(Counter)
        asked = [path for path, found in doubts.items() if any(each.against for each in found)]
        self._read(asked, parser)
        new = {language_of(path) for path in asked if path not in self.of_file}
        rest = (p for p in paths if p not in self.of_file and language_of(p) in new)
        self._read(rest, parser)

    def _read(self, paths: Iterable[str], parser: Parser) -> None:
        for source in parser.before(paths):
            self.of_file[source.path] = tally(source)
            self.of_language[source.language].update(self.of_file[source.path])

    def of(self, path: str) -> Tally:
        """The habits of a file; for a new one, of all those in its language."""
        return self.of_file.get(path, self.of_language[language_of(path)])


def judged(doubts: Iterable[Doubt], habits: Tally) -> Iterator[Finding]:
    """The findings of one file, each name once."""
    seen: set[str] = set()
    for doubt in doubts:
        against = None if habitual(habits, doubt.group) else doubt.against
        finding = against or doubt.empty
        if finding and doubt.name not in seen:
            seen.add(doubt.name)
            yield finding


def group(item: Item) -> str:
    """The kinds that one habit covers."""
    if item.kind in TYPES:
        return "type"
    return "callable" if item.kind in CALLABLES else "value"


def tally(source: Source) -> Tally:
    """How many names of a group are right or wrong; each name counts once."""
    names = {
        (group(item), item.name): judge(source, item) is not None
        for item in source.items
        if item.kind in GIVEN
    }
    return Counter((kind, bad) for (kind, _), bad in names.items())


def habitual(habits: Tally, kind: str) -> bool:
    """Whether names against the convention are at home here."""
    bad, good = habits[kind, True], habits[kind, False]
    return bad >= HABIT and 3 * bad >= good


def is_public(source: Source, item: Item) -> bool:
    """Whether others may call the name: then it is hard to change later."""
    if item.kind not in (*TYPES, *CALLABLES) or not is_api(source.path):
        return False
    match source.language:
        case "python":
            return not item.within("function") and not any(
                one.name.startswith("_") for one in (item, *item.outside())
            )
        case "go":
            return item.name[:1].isupper()
        case "java":
            return "public" in words(source.head(item))
        case "rust":
            return bool(re.search(r"\bpub\b(?!\s*\()", source.head(item)))
    return bool(item.within("export")) and not item.within(*CALLABLES)


def convention(source: Source, item: Item, verdict: Verdict) -> Finding:
    """A name against the convention: a warning where others will have to live with it."""
    guide, url = GUIDES[source.language]
    kind = "function" if item.kind == "method" and source.language == "python" else item.kind
    plural = "classes" if kind == "class" else f"{kind}s"
    grave = is_public(source, item) and verdict.confidence is Confidence.HIGH
    return replace(
        remark(
            source,
            item,
            f"`{item.name}` is not in {verdict.style.title}, in which {TITLES[source.language]} "
            f"writes {plural} ({guide}).",
        ),
        rule="convention",
        severity=Severity.WARNING if grave else Severity.NOTE,
        confidence=verdict.confidence,
        help=f"Rename it to `{verdict.style.write(item.name)}`.",
        url=url,
    )


def meaningless(source: Source, item: Item) -> Finding:
    """A name that says nothing."""
    message = f"`{item.name}` does not say what the {item.kind} is for."
    return replace(remark(source, item, message), help="Name it after what it does or holds.")


def remark(source: Source, item: Item, message: str) -> Finding:
    """A note on a name."""
    line = item.place.line
    return Finding(
        tool=Naming.name,
        rule="meaningless",
        message=message,
        span=Span(source.path, line, line, *source.columns(item.place)),
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
        category=Category.NAMING,
    )


RULES: Final = (
    RulePage(
        rule="convention",
        what="A name that the change introduces is not in the style of its language, nor in one "
        "that the file has a habit of.",
        why="The style of a name tells readers what it stands for before they look it up.",
        fix="Rename it as the message says.",
        before="def getUser(): ...",
        after="def get_user(): ...",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.NAMING,
        url="https://peps.python.org/pep-0008/#naming-conventions",
    ),
    RulePage(
        rule="meaningless",
        what="A name that the change introduces says nothing about what it stands for.",
        why="Readers have to find out and keep in mind what it is.",
        fix="Name it after what it does or holds.",
        before="def do_stuff(orders): ...",
        after="def merge(orders): ...",
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
        category=Category.NAMING,
    ),
)

PLUGIN: Final[type[Analyzer]] = Naming
