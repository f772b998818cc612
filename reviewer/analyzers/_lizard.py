"""Measures functions with lizard. A program of its own, started by the analyzer `complexity`.

It reads a JSON object from stdin: `limits` by name, and `files`, pairs of a file name and the
ranges of lines (inclusive) that matter in it, null for all. It prints one JSON object a line: first
the version, then one for each file with its functions, or with the reason why it could not be
measured. A Python file in which no function around those lines can be beyond a limit is answered
without functions: to see that takes a third of the time. It imports nothing of ours. Comments of
the code that switch lizard off are not obeyed.
"""

import ast
import json
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

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

BRANCH: Final = re.compile(r"\b(?:if|elif|for|while|except|finally|and|or|case)\b")
"""What lizard counts as a branch in Python (its PythonReader), and the same words in text."""

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


def functions(name: str, code: str, nodes: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """The functions of one file in order of their start. `nodes` are those of Python's parser."""
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
    depths = {node.lineno: depth(node.body) for node in nodes}
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


def python_functions(code: str) -> list[Any] | None:
    """The functions of Python code, None if it does not parse."""
    try:
        waiting: list[ast.AST] = [ast.parse(code)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, FUNCTIONS):
            found.append(node)
        waiting += inside(node)
    return found


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


def harmless(
    nodes: Sequence[Any],
    code: str,
    ranges: Sequence[Sequence[int]],
    limits: Mapping[str, int],
) -> bool:
    """Whether no function of Python code that has a line in `ranges` can be beyond a limit.

    By bounds that are never below what lizard measures: lines of text, words that may be branches,
    commas of the head.
    """
    lines = re.split(r"[\r\n]", code)
    for node in nodes:
        first, last = node.lineno, node.end_lineno
        if not any(start <= last and first <= end for start, end in ranges):
            continue
        head = lines[first - 1 : max(first, node.body[0].lineno - 1)]
        if (
            last - first + 1 > limits["length"]
            or len(BRANCH.findall("\n".join(lines[first - 1 : last]))) + 1 > limits["complexity"]
            or "".join(head).count(",") + 1 > limits["parameters"]
            or depth(node.body) > limits["nesting"]
        ):
            return False
    return True


def measured(
    name: str,
    ranges: Sequence[Sequence[int]] | None = None,
    limits: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """What is printed for one file."""
    signal.alarm(SECONDS)
    try:
        code = Path(name).read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
        nodes = python_functions(code) if name.lower().endswith(".py") else None
        if nodes is not None and ranges and limits and harmless(nodes, code, ranges, limits):
            return {"file": name}
        return {"file": name, "functions": functions(name, code, nodes or ())}
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
    for name, ranges in request["files"]:
        print(json.dumps(measured(name, ranges, request["limits"])))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
