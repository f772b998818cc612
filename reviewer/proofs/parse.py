"""Whether files parse, by Python's own library. A program of its own, started by `proofs`.

It reads a JSON object from stdin: `kind`, one of KINDS, and `files`, names of files. It prints one
JSON object a line, one for each file in order: why it does not parse (`error`, "" if it does) and
for Python the ranges of rows, first and last from 1, that carry on a line above (`held`). Nothing
of a file is executed. It imports nothing of ours.
"""

import io
import json
import signal
import sys
import tokenize
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

SECONDS: Final = 10
"""For one file of up to 1 MiB: the tokenizer of Python 3.11 reads some 400 KB a second."""

WORDS: Final = 200
"""Characters of an error."""

NO_CODE: Final = frozenset(
    (tokenize.ENCODING, tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
)

Held = list[tuple[int, int]]


def python(data: bytes) -> Held:
    """The rows that carry on a line. Raises SyntaxError and others for what is no Python.

    Compiled, not only parsed: `return` outside of a function parses. Bytes that are declared to be
    anything but UTF-8 would mean something else than what readers are shown (PEP 263).
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    if encoding not in ("utf-8", "utf-8-sig"):
        raise SyntaxError("the file is declared to be no UTF-8")
    compile(data, "file", "exec", dont_inherit=True)
    try:
        return list(held(data))
    except (tokenize.TokenError, SyntaxError):
        return []


def held(data: bytes) -> Iterator[tuple[int, int]]:
    """Ranges of rows that carry on the line above the first of them."""
    begun = 0
    for token in tokenize.tokenize(io.BytesIO(data).readline):
        if token.type == tokenize.NEWLINE:
            if token.start[0] > begun > 0:
                yield begun + 1, token.start[0]
            begun = 0
        elif not begun and token.type not in NO_CODE:
            begun = token.start[0]


def _json(data: bytes) -> Held:
    json.loads(data)
    return []


def _toml(data: bytes) -> Held:
    tomllib.loads(data.decode("utf-8"))
    return []


KINDS: Final[dict[str, Callable[[bytes], Held]]] = {"python": python, "json": _json, "toml": _toml}


def answer(kind: str, name: str) -> dict[str, Any]:
    """What is printed for one file. The alarm ends the process: no handler runs while C does."""
    signal.alarm(SECONDS)
    try:
        return {"held": KINDS[kind](Path(name).read_bytes()), "error": ""}
    except SyntaxError as error:
        return {"error": f"line {error.lineno or 1}: {error.msg}"[:WORDS]}
    except (ValueError, OverflowError, RecursionError, MemoryError, OSError) as error:
        return {"error": (str(error) or type(error).__name__)[:WORDS]}
    finally:
        signal.alarm(0)


def main() -> int:
    """Answer the request on stdin."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    request = json.load(sys.stdin)
    for name in request["files"]:
        line = {"file": name, **answer(request["kind"], name)}
        print(json.dumps(line), flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
