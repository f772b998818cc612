"""Mutable global state that the change introduces: variables of a module that functions change.

Python `global` statements and module-level containers that functions fill; module-level `let` and
`var` of JavaScript and TypeScript, package-level `var` of Go and static fields of Java that
functions assign; `static mut` of Rust. What is built up while the module loads is no state, what is
filled once on first use, or is called a cache, is a note. Test code is not looked at.
"""

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from reviewer.analyzers._languages import added_code, is_api, words
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

SCRIPT_BIRTHS: Final = """
(program (lexical_declaration kind: "let" (variable_declarator name: (identifier) @name.global)))
(program (variable_declaration (variable_declarator name: (identifier) @name.global)))
(program (export_statement
  (lexical_declaration kind: "let" (variable_declarator name: (identifier) @name.global))))
(program (export_statement
  (variable_declaration (variable_declarator name: (identifier) @name.global))))
"""

BIRTHS: Final[Mapping[str, str]] = {
    "python": """
(module (expression_statement (assignment left: (identifier) @name.container right:
  [(list) (dictionary) (set) (list_comprehension) (dictionary_comprehension) (set_comprehension)])))
(module (expression_statement (assignment left: (identifier) @name.container right:
  (call function: (_) @made)))
  (#match? @made "^([a-z]+[.])?(list|dict|set|bytearray|defaultdict|OrderedDict|Counter|deque)$"))
(global_statement (identifier) @name.declared)
""",
    "javascript": SCRIPT_BIRTHS,
    "typescript": SCRIPT_BIRTHS,
    "tsx": SCRIPT_BIRTHS,
    "go": """
(source_file (var_declaration (var_spec name: (identifier) @name.global)))
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name.global))))
""",
    "java": """
(field_declaration declarator: (variable_declarator name: (identifier) @name.field)) @all
""",
    "rust": """
(static_item (mutable_specifier) name: (identifier) @name.static) @all
""",
}
"""What a file must have to hold mutable global state at all."""

ECMASCRIPT: Final = f"""{SCRIPT_BIRTHS}
(function_declaration name: (_) @name.function) @all
(generator_function_declaration name: (_) @name.function) @all
(function_expression "function" @name.function) @all
(arrow_function "=>" @name.function) @all
(method_definition name: (_) @name.function) @all
(variable_declarator name: (identifier) @name.local)
(shorthand_property_identifier_pattern) @name.local
(pair_pattern value: (identifier) @name.local)
(array_pattern (identifier) @name.local)
(rest_pattern (identifier) @name.local)
(assignment_pattern left: (identifier) @name.local)
(arrow_function parameter: (identifier) @name.local)
(catch_clause parameter: (identifier) @name.local)
(for_in_statement left: (identifier) @name.local)
(if_statement condition: (_) @name.condition) @all
(assignment_expression left: (identifier) @name.assigned) @all
(augmented_assignment_expression left: (identifier) @name.assigned) @all
(update_expression argument: (identifier) @name.assigned) @all
"""

TYPESCRIPT: Final = f"""{ECMASCRIPT}
(required_parameter pattern: (identifier) @name.local)
(optional_parameter pattern: (identifier) @name.local)
"""

QUERIES: Final[Mapping[str, str]] = {
    "python": f"""{BIRTHS["python"]}
(module (expression_statement (assignment left: (identifier) @name.global)))
(function_definition name: (identifier) @name.function) @all
(lambda "lambda" @name.function) @all
(class_definition name: (identifier) @name.class) @all
(parameters (identifier) @name.local)
(parameters (typed_parameter (identifier) @name.local))
(parameters (default_parameter name: (identifier) @name.local))
(parameters (typed_default_parameter name: (identifier) @name.local))
(parameters [(list_splat_pattern (identifier) @name.local)
  (dictionary_splat_pattern (identifier) @name.local)])
(lambda_parameters (identifier) @name.local)
(lambda_parameters (default_parameter name: (identifier) @name.local))
(assignment left: (identifier) @name.assigned)
(augmented_assignment left: (identifier) @name.assigned)
(pattern_list (identifier) @name.assigned)
(tuple_pattern (identifier) @name.assigned)
(list_pattern (identifier) @name.assigned)
(list_splat_pattern (identifier) @name.assigned)
(named_expression name: (identifier) @name.assigned)
(for_statement left: (identifier) @name.assigned)
(for_in_clause left: (identifier) @name.local)
(as_pattern_target (identifier) @name.assigned)
(aliased_import alias: (identifier) @name.local)
(import_from_statement name: (dotted_name (identifier) @name.local))
(if_statement condition: (_) @name.condition) @all
(assignment left: (subscript value: (identifier) @name.filled))
(augmented_assignment left: (subscript value: (identifier) @name.filled))
(delete_statement (subscript value: (identifier) @name.filled))
(call function: (attribute object: (identifier) @name.filled attribute: (identifier) @method)
  (#any-of? @method "append" "extend" "insert" "add" "update" "setdefault" "pop" "popitem" "remove"
    "discard" "clear" "appendleft" "popleft" "extendleft" "sort" "reverse" "subtract"))
""",
    "javascript": f"""{ECMASCRIPT}
(formal_parameters (identifier) @name.local)
""",
    "typescript": TYPESCRIPT,
    "tsx": TYPESCRIPT,
    "go": f"""{BIRTHS["go"]}
(function_declaration name: (identifier) @name.function) @all
(method_declaration name: (field_identifier) @name.function) @all
(func_literal "func" @name.function) @all
(parameter_declaration name: (identifier) @name.local)
(variadic_parameter_declaration name: (identifier) @name.local)
(short_var_declaration left: (expression_list (identifier) @name.local))
(var_spec name: (identifier) @name.local)
(const_spec name: (identifier) @name.local)
(range_clause left: (expression_list (identifier) @name.local))
(receive_statement left: (expression_list (identifier) @name.local))
(type_switch_statement alias: (expression_list (identifier) @name.local))
(if_statement condition: (_) @name.condition) @all
(call_expression function: (selector_expression field: (field_identifier) @name.once)
  (#eq? @name.once "Do")) @all
(assignment_statement left: (expression_list (identifier) @name.assigned))
(inc_statement (identifier) @name.assigned)
(dec_statement (identifier) @name.assigned)
""",
    "java": f"""{BIRTHS["java"]}
(class_declaration name: (identifier) @name.class) @all
(method_declaration name: (identifier) @name.function) @all
(constructor_declaration name: (identifier) @name.function) @all
(lambda_expression "->" @name.function) @all
(formal_parameter name: (identifier) @name.local)
(lambda_expression parameters: (identifier) @name.local)
(inferred_parameters (identifier) @name.local)
(local_variable_declaration declarator: (variable_declarator name: (identifier) @name.local))
(enhanced_for_statement name: (identifier) @name.local)
(catch_formal_parameter name: (identifier) @name.local)
(if_statement condition: (_) @name.condition) @all
(assignment_expression left: (identifier) @name.assigned)
(update_expression (identifier) @name.assigned)
""",
    "rust": f"""{BIRTHS["rust"]}
(foreign_mod_item (extern_modifier) @name.foreign) @all
""",
}
"""Module-level names, scopes, the names that scopes declare, and assignments."""

GATES: Final[Mapping[str, re.Pattern[bytes]]] = {
    "javascript": re.compile(rb"\b(?:let|var)\b"),
    "typescript": re.compile(rb"\b(?:let|var)\b"),
    "tsx": re.compile(rb"\b(?:let|var)\b"),
    "go": re.compile(rb"\bvar\b"),
    "java": re.compile(rb"\bstatic\b"),
    "rust": re.compile(rb"\bmut\b"),
}
"""What a file holds in which BIRTHS match; Python is looked at more closely."""

BIRTH: Final = re.compile(
    r"(?:^[\f\ufeff]?|;(?:[ \t]|\\\r?\n)*+)([^\W\d]\w*+)(?:[ \t]|\\\r?\n)*+[:=]", re.MULTILINE
)
"""The names to which statements of a Python module may give something, and others."""

GAP: Final = r"(?:[\s\\]++|#[^\n]*+)*+"
FILLED: Final = re.compile(
    rf"\b([^\W\d]\w*+){GAP}(?:\[|[.]{GAP}(?:append|extend|insert|add|update|setdefault|pop|popitem"
    r"|remove|discard|clear|appendleft|popleft|extendleft|sort|reverse|subtract)\b)"
)
"""The names of what may be filled."""

DECLARED: Final = re.compile(
    r"(?:^|[;:])[ \t\f]*+global\b((?:[^\n;#\\]++|\\\r?\n)*+)", re.MULTILINE
)
"""The names in `global` statements."""

PATIENT: Final = re.compile(
    r"(?i:cach|memo|registr|registered|pool|singleton|logger|lock|_loaded|initiali[sz]ed|plugins?$"
    r"|handlers?$|hooks?$|listeners?$|subscribers?$)"
)
"""Names of state that is kept globally on purpose."""

SETTER: Final = re.compile(r"(?i)_*(?:setup|set_up|configure|install|initiali[sz]e|register)")
"""Functions whose name says that they change something for all."""

STARTUP: Final = frozenset("init main setup configure".split())
"""Functions that run once, before others."""


NAMELESS: Final = ("func", "function", "lambda", "=>", "->")
"""What stands for the name of a function that has none."""

KINDS: Final = {"java": "a static field", "go": "a package-level variable"}
"""What global variables are called, where they are not a module's."""


class State(NamedTuple):
    """A module-level variable that something changes: where it is born, where it is changed."""

    name: str
    born: Item | None
    changed: Item | None
    rule: str
    grave: bool


@dataclass(frozen=True)
class Globals:
    """Looks for mutable global state. It has no settings."""

    name: ClassVar[str] = "globals"
    measures: ClassVar[tuple[Category, ...]] = (Category.CORRECTNESS,)

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        started = time.monotonic()
        paths = [path for path in named(tree, LANGUAGES) if is_api(path)]
        if not paths:
            return not_concerned(self.name, "code but tests and scripts")
        asked = [path for path in paths if may_hold(path, tree.read(path), changes)]
        parser = Parser(QUERIES, tree, runner, gates=BIRTHS)
        found: list[tuple[str, Finding]] = []
        for source in parser.after(asked):
            added = changes.by_path[source.path].added
            for state in states(source):
                at = next(
                    (i for i in (state.born, state.changed) if i and i.place.line in added), None
                )
                if at is not None:
                    found.append((state.name, finding(source, state, at)))
        old = {
            (source.path, state.name)
            for source in parser.before(dict.fromkeys(f.span.path for _, f in found))
            for state in states(source)
        }
        findings = [
            each
            for name, each in found
            if (each.span.path, name) not in old and each.span.path not in parser.unread
        ]
        return ToolRun(
            self.name,
            Outcome.OK,
            version=VERSION,
            findings=tuple(sorted(findings, key=lambda f: (f.span, f.rule))),
            reason=parser.reason,
            seconds=time.monotonic() - started,
            measures=self.measures,
        )


def may_hold(path: str, data: bytes, changes: ChangeSet) -> bool:
    """Whether a file may hold state that the change introduces: most hold none, and need no parser.

    Where one does, this says so; it may say so where it does not.
    """
    gate = GATES.get(language_of(path))
    if gate is not None:
        return gate.search(data) is not None
    text = data.decode("utf-8", "replace")
    added = words(added_code(changes, path))
    declared = DECLARED.findall(text) if "global" in text else ()
    if any(not added.isdisjoint(words(names)) for names in declared):
        return True
    born = added.intersection(BIRTH.findall(text))
    return bool(born) and not born.isdisjoint(FILLED.findall(text))


def finding(source: Source, state: State, at: Item) -> Finding:
    """What is said of one variable."""
    column, end_column = source.columns(at.place)
    message, advice = said(source, state, at)
    return Finding(
        tool=Globals.name,
        rule=state.rule,
        message=message,
        span=Span(source.path, at.place.line, at.place.line, column, end_column),
        severity=Severity.WARNING if state.grave else Severity.NOTE,
        confidence=Confidence.HIGH if state.rule == "static-mut" else Confidence.MEDIUM,
        category=Category.CORRECTNESS,
        help=advice,
    )


def said(source: Source, state: State, at: Item) -> tuple[str, str]:
    """The message and the advice."""
    if state.rule == "static-mut":
        return (
            f"`{state.name}` is a `static mut`: nothing keeps two threads from racing for it.",
            "Use an atomic, a `Mutex` or a `OnceLock`.",
        )
    if state.changed is None:
        return (
            f"`{state.name}` is static and not final: any code may change it for all.",
            "Make it final, or keep it in the object that needs it.",
        )
    born, changed = state.born, state.changed
    doer = changed.within("function")
    by = f"`{doer.name}`" if doer and doer.name not in NAMELESS else "a function"
    what = KINDS.get(source.language, "a module-level variable")
    origin = f" (line {born.place.line})" if born and born is not at else ""
    there = f" in line {changed.place.line}" if changed is not at else ""
    verb = "fills" if state.rule == "filled" else "assigns"
    return (
        f"`{state.name}` is {what}{origin} that {by} {verb}{there}: mutable global state.",
        "Pass it in, return it, or keep it in an object that callers own.",
    )


def states(source: Source) -> Iterator[State]:
    """The mutable global state of a file, each variable once."""
    if source.language == "rust":
        for item in source.items:
            if item.kind == "static" and not item.within("foreign"):
                yield State(item.name, item, None, "static-mut", grave=True)
        return
    born = births(source)
    changes = [item for item in source.items if item.kind in ("assigned", "filled")]
    scopes = Scopes(source)
    seen: set[str] = set()
    for item in changes:
        if item.name in seen or not scopes.is_global(item, born):
            continue
        seen.add(item.name)
        rule = "filled" if item.kind == "filled" else "assigned"
        yield State(item.name, born.get(item.name), item, rule, grave=not scopes.patient(item))
    for name, item in born.items():
        if source.language == "java" and name not in seen:
            yield State(name, item, None, "static", grave=False)


def births(source: Source) -> dict[str, Item]:
    """The variables that may hold state, by name, where they are defined first.

    In Python a name that is only assigned needs no birth: its `global` statement tells.
    """
    found: dict[str, Item] = {}
    for item in source.items:
        if item.kind in ("global", "container"):
            found.setdefault(item.name, item)
        elif item.kind == "field":
            said = words(source.head(item))
            if "static" in said and "final" not in said:
                found.setdefault(item.name, item)
    return found


class Scopes:
    """Which names the functions of a file declare as their own."""

    def __init__(self, source: Source) -> None:
        self.python = source.language == "python"
        self.own: dict[Item, set[str]] = defaultdict(set)
        self.declared: dict[Item, set[str]] = defaultdict(set)
        self.asked: dict[Item, set[str]] = defaultdict(set)
        self.containers = {item.name for item in source.items if item.kind == "container"}
        for item in source.items:
            scope = item.within("function", "class")
            if scope is None:
                continue
            if item.kind == "condition":
                self.asked[scope] |= words(item.name)
            elif item.kind == "declared":
                self.declared[scope].add(item.name)
            elif item.kind in ("local", "function", "class") or (
                self.python and item.kind == "assigned"
            ):
                self.own[scope].add(item.name)

    def is_global(self, item: Item, born: Mapping[str, Item]) -> bool:
        """Whether this change, made within a function, reaches a variable of the module."""
        scope = item.within("function")
        if scope is None or scope.name in STARTUP:
            return False
        name = item.name
        if self.python and item.kind == "assigned":
            return name in self.declared[scope]
        if name not in (self.containers if self.python else born):
            return False
        around = [one for one in item.outside() if one.kind in ("function", "class")]
        return not any(
            name in self.own[one] and name not in self.declared[one]
            for one in around
            if one.kind == "function" or self.python
        )

    def patient(self, item: Item) -> bool:
        """Whether the state is kept on purpose: by a name, or set when it is first needed."""
        scope = item.within("function")
        return (
            bool(PATIENT.search(item.name))
            or (scope is not None and SETTER.match(scope.name) is not None)
            or item.within("once") is not None
            or (scope is not None and item.name in self.asked[scope])
        )


RULES: Final = (
    RulePage(
        rule="assigned",
        what="A variable of a module is introduced that functions assign.",
        why="What a function does then depends on what ran before it: tests disturb each other, "
        "and threads race.",
        fix="Pass it in, return it, or keep it in an object that callers own.",
        before="count = 0\n\ndef add():\n    global count\n    count += 1",
        after="class Counter:\n    def __init__(self):\n        self.count = 0\n\n"
        "    def add(self):\n        self.count += 1",
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
        category=Category.CORRECTNESS,
    ),
    RulePage(
        rule="filled",
        what="A list, dictionary or set of a module is introduced that functions fill.",
        why="It grows for as long as the program runs, and all callers share it.",
        fix="Pass it in, return it, or keep it in an object that callers own; for a cache, use "
        "one with a limit.",
        before="seen = []\n\ndef visit(node):\n    seen.append(node)",
        after="def visit(node, seen):\n    seen.append(node)",
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
        category=Category.CORRECTNESS,
    ),
    RulePage(
        rule="static",
        what="A static field is introduced that is not final.",
        why="Any code may change it for all.",
        fix="Make it final, or keep it in the object that needs it.",
        before="static int limit = 3;",
        after="static final int LIMIT = 3;",
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
        category=Category.CORRECTNESS,
    ),
    RulePage(
        rule="static-mut",
        what="A `static mut` of Rust is introduced.",
        why="Nothing keeps two threads from racing for it.",
        fix="Use an atomic, a `Mutex` or a `OnceLock`.",
        before="static mut COUNT: u32 = 0;",
        after="static COUNT: AtomicU32 = AtomicU32::new(0);",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        category=Category.CORRECTNESS,
        url="https://doc.rust-lang.org/nightly/edition-guide/rust-2024/static-mut-references.html",
    ),
)

PLUGIN: Final[type[Analyzer]] = Globals
