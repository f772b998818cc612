"""Asks tree-sitter about source files. A program of its own, started by `syntax`.

It reads a JSON object from stdin: `queries`, a query in tree-sitter's language for each grammar,
`gates`, further queries for some of them, and `files`, pairs of a file name and a grammar. It
prints one JSON object a line, one for each file in order, with the matches of the query and the
broken places, or with the reason why there are none. A file in which the gate of its grammar
matches nothing comes without matches. Places are [start, end, line, last line]: bytes from 0 with
an exclusive end, lines from 1, a line ending at LF. It imports nothing of ours.
"""

import json
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

SECONDS: Final = 5
"""For one file of up to 1 MiB; tree-sitter reads some 2 MB a second."""

MATCHES: Final = 50_000
"""For one file: a 1 MiB file of ordinary code has some 20,000."""

ERRORS: Final = 500
"""So many broken places are listed; a file with more is broken as a whole."""

NOT_INSTALLED: Final = 3
"""The exit status that says so."""

GRAMMARS: Final = {
    "python": ("tree_sitter_python", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "rust": ("tree_sitter_rust", "language"),
}


class Grammar:
    """One language with its question; grammars are loaded when the first file asks for them."""

    def __init__(self, name: str, question: str, gate: str) -> None:
        core = import_module("tree_sitter")
        module, function = GRAMMARS[name]
        language = core.Language(getattr(import_module(module), function)())
        self.core = core
        self.parser = core.Parser(language)
        self.question = core.Query(language, question)
        self.gate = core.Query(language, gate) if gate else None
        self.errors = core.Query(language, "(ERROR) @error (MISSING) @error")

    def answer(self, data: bytes) -> dict[str, Any]:
        """Matches and broken places of one file. Raises OverflowError when there are too many."""
        root = self.parser.parse(data).root_node
        broken: list[list[int]] = []
        if root.has_error:
            found = self.core.QueryCursor(self.errors).matches(root)
            broken = [place(node)[:2] for _, captured in found for node in captured["error"]]
            if len(broken) > ERRORS:
                broken = [[0, len(data)]]
        if self.gate is not None and not self.core.QueryCursor(self.gate).matches(root):
            return {"broken": broken}
        matches = self.core.QueryCursor(self.question).matches(root)
        if len(matches) > MATCHES:
            raise OverflowError
        return {
            "broken": broken,
            "matches": [
                {name: [place(node) for node in nodes] for name, nodes in captured.items()}
                for _, captured in matches
            ],
        }


def place(node: Any) -> list[int]:
    """Where a node stands. A node that takes the line feed along ends on the line it closes."""
    first, (last, column) = node.start_point[0], node.end_point
    return [node.start_byte, node.end_byte, first + 1, max(first + 1, last + (column > 0))]


def answer(grammar: Grammar, name: str) -> dict[str, Any]:
    """What is printed for one file. The alarm ends the process: no handler runs while C does."""
    signal.alarm(SECONDS)
    try:
        return grammar.answer(Path(name).read_bytes())
    except (OverflowError, MemoryError, OSError, ValueError) as error:
        return {"error": type(error).__name__}
    finally:
        signal.alarm(0)


def main() -> int:
    """Answer the request on stdin."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    request = json.load(sys.stdin)
    queries, gates = request["queries"], request.get("gates", {})
    grammars: dict[str, Grammar] = {}
    try:
        for name, language in request["files"]:
            if language not in grammars:
                grammars[language] = Grammar(language, queries[language], gates.get(language, ""))
            line = {"file": name, **answer(grammars[language], name)}
            print(json.dumps(line), flush=True)  # noqa: T201
    except ImportError:
        return NOT_INSTALLED
    return 0


if __name__ == "__main__":
    sys.exit(main())
