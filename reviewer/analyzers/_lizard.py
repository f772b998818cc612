"""Measures functions with lizard. A program of its own, started by the analyzer `complexity`.

It reads a JSON object from stdin: `files`, pairs of a file name and the lines (first and last) of
the functions that matter in it, null for all. It prints one JSON object a line: first the version,
then one for each file with its functions, or with the reason why it could not be measured. It
imports nothing of ours. Comments of the code that switch lizard off are not obeyed.
"""

import ast
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

SECONDS: Final = 10
"""For one file; lizard reads some 40,000 lines a second."""

NOT_INSTALLED: Final = 3
"""The exit status that says so."""

BRACES: Final = frozenset(
    (
        "c cpp cc cxx h hh hpp cs go java js cjs mjs jsx ts tsx kt kts m mm php rs scala sol swift "
        "vue"
    ).split()
)
"""Suffixes of the languages in which lizard's nesting extension tells where a block ends."""

NESTING: Final = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)
"""What nests in Python, as pylint's too-many-nested-blocks counts it, and `match`."""

FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)

PARTS: Final = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement of Python holds others."""

CRASHES: Final = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, OSError,
    RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""How a parser fails on code that nobody foresaw; one file must not cost the others."""


def without_comments(tokens: Iterator[str], reader: Any) -> Iterator[str]:
    """Lizard's own step for comments, less its obedience to "lizard forgives" and the like."""
    for token in tokens:
        comment = reader.get_comment_from_token(token)
        if comment is None:
            yield token
        else:
            yield from "\n" * comment.count("\n")


def functions(
    name: str, code: str, definitions: Sequence["Definition"] = ()
) -> list[dict[str, Any]]:
    """The functions of one file in order of their start. `definitions` are Python's own."""
    import lizard  # noqa: PLC0415  # most changes never need it

    suffix = Path(name).suffix[1:].lower()
    context = lizard.FileInfoBuilder(name)
    reader = lizard.get_reader_for(name)(context)
    tokens = reader.generate_tokens(code)
    steps = lizard.get_extensions(["ns"] if suffix in BRACES else [])
    for step in steps:
        own = without_comments if step is lizard.comment_counter else step
        tokens = own(tokens, reader)
    for _ in reader(tokens, reader):
        pass
    depths = {each.first: depth(each.body) for each in definitions}
    return [
        {
            "name": found.name,
            "signature": found.long_name,
            "start": found.start_line,
            "end": found.end_line,
            "complexity": found.cyclomatic_complexity,
            "length": found.nloc,
            "tokens": found.token_count,
            "parameters": sum(
                not (suffix == "py" and at == 0 and parameter in ("self", "cls"))
                for at, parameter in enumerate(found.parameters)
            ),
            "nesting": depths.get(found.start_line, getattr(found, "max_nested_structures", 0)),
        }
        for found in sorted(context.fileinfo.function_list, key=lambda f: f.start_line)
    ]


class Definition(NamedTuple):
    """A function of Python: its first and last line, that of its first statement, and its body."""

    first: int
    last: int
    begin: int
    body: Sequence[ast.stmt]


def python_functions(code: str, offset: int = 0) -> list[Definition] | None:
    """The functions of Python code that begins after `offset` lines, None if it does not parse."""
    try:
        waiting: list[ast.AST] = [ast.parse(code)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, FUNCTIONS):
            first, last, begin = node.lineno, node.end_lineno or node.lineno, node.body[0].lineno
            found.append(Definition(first + offset, last + offset, begin + offset, node.body))
        waiting += inside(node)
    return found


def around(code: str, spans: Sequence[tuple[int, int]]) -> tuple[str, list[Definition]] | None:
    """Python code with nothing but what is on the lines of `spans`, and the functions there.

    Each line stays where it is; a `pass` ends what would have no end. None where that does not
    parse.
    """
    lines = code.split("\n")
    kept = [""] * len(lines)
    found: list[Definition] = []
    for first, last in spans:
        part = lines[first - 1 : last]
        inner = part[0][:1].isspace()
        text = "\n".join(["if 1:", *part] if inner else part)
        definitions = python_functions(text, first - 1 - inner)
        if definitions is None:
            return None
        found += definitions
        kept[first - 1 : last + 1] = [*part, "pass"][: len(lines) - first + 1]
    return "\n".join(kept), found


def inside(node: ast.AST) -> list[ast.AST]:
    """The statements, handlers and cases directly within a statement: no expression has any."""
    return [inner for part in PARTS for inner in getattr(node, part, ())]


def depth(body: Sequence[ast.AST]) -> int:
    """How deep control structures are nested in `body`; an `elif` is no deeper than its `if`."""
    return max(map(depth_of, body), default=0)


def depth_of(node: ast.AST) -> int:
    """The same for one statement. Functions and classes within are measured on their own."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return 0
    deepest = 0
    while isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        deepest = max(deepest, 1 + depth(node.body))
        node = node.orelse[0]
    return max(deepest, depth(inside(node)) + isinstance(node, NESTING))


def measured(name: str, spans: Sequence[tuple[int, int]] | None = None) -> dict[str, Any]:
    """What is printed for one file."""
    signal.alarm(SECONDS)
    try:
        code = Path(name).read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
        definitions = None
        if name.lower().endswith(".py"):
            part = None if spans is None else around(code, spans)
            code, definitions = part or (code, python_functions(code))
        return {"file": name, "functions": functions(name, code, definitions or ())}
    except CRASHES as error:
        return {"file": name, "error": type(error).__name__}
    finally:
        signal.alarm(0)


def too_slow(*_: object) -> None:
    raise TimeoutError


def main() -> int:
    """Measure the files named on stdin."""
    sys.argv = [""]  # lizard puts the folder of argv[0] on the path of imports
    try:
        version = import_module("lizard_ext").version
    except ImportError:
        return NOT_INSTALLED
    signal.signal(signal.SIGALRM, too_slow)
    print(json.dumps({"version": version}))  # noqa: T201
    request = json.load(sys.stdin)
    for name, spans in request["files"]:
        print(json.dumps(measured(name, spans)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
