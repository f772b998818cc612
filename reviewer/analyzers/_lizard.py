"""Measures functions with lizard. A program of its own, started by the analyzer `complexity`.

It reads a JSON list of file names from stdin and prints one JSON object a line: first the version,
then one for each file with its functions, or with the reason why it could not be measured. It
imports nothing of ours. Comments of the code that switch lizard off are not obeyed.
"""

import ast
import json
import signal
import sys
from collections.abc import Iterator
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


def functions(lizard: Any, name: str, code: str) -> list[dict[str, Any]]:
    """The functions of one file in order of their start."""
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
    depths = python_nesting(code) if suffix == "py" else {}
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


def python_nesting(code: str) -> dict[int, int]:
    """Depth of control structures of each function by its first line; {} if it does not parse."""
    try:
        nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, FUNCTIONS)]
        return {node.lineno: depth(node.body) for node in nodes}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def depth(body: list[ast.stmt]) -> int:
    """How deep control structures are nested in `body`; an `elif` is no deeper than its `if`."""
    return max(map(depth_of, body), default=0)


def depth_of(node: ast.AST) -> int:
    """The same for one statement. Functions and classes within are measured on their own."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return 0
    if isinstance(node, ast.If):
        chained = len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
        otherwise = depth(node.orelse)
        return max(1 + depth(node.body), otherwise if chained else 1 + otherwise)
    inner = max(map(depth_of, ast.iter_child_nodes(node)), default=0)
    return inner + isinstance(node, NESTING)


def measured(lizard: Any, name: str) -> dict[str, Any]:
    """What is printed for one file."""
    signal.alarm(SECONDS)
    try:
        code = Path(name).read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
        return {"file": name, "functions": functions(lizard, name, code)}
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
        import lizard  # noqa: PLC0415
    except ImportError:
        return NOT_INSTALLED
    signal.signal(signal.SIGALRM, too_slow)
    print(json.dumps({"version": lizard.version}))  # noqa: T201
    for name in json.load(sys.stdin):
        print(json.dumps(measured(lizard, name)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
