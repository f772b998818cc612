"""A claim that a name is missing is believed only where the name is not to be seen."""

import time
from textwrap import dedent

import pytest

from reviewer.claims.absent import Here, why

PYTHON = dedent('''\
    """Needs nothing: import socket, def absent()."""
    import os, sys
    import xml.etree.ElementTree as etree
    import collections.abc
    from json import loads as read, dumps
    from decimal import (
        Decimal,
        ROUND_HALF_UP as HALF,  # not: socket
    )
    from typing import TYPE_CHECKING

    if TYPE_CHECKING:
        from app.models import Lazy

    LIMIT: int = 3
    FIRST, second = 1, 2
    text = "import socket"  # import socket

    def cached(function):
        inner = 1
        return function

    class Basket:
        size = 3

        def __init__(self, owner, *rest, **named):
            self.owner = owner
            self.lines: list[str] = []

        def other(self, elsewhere):
            local = elsewhere
            return local

        @cached
        def total(
            self,
            rate: Decimal,
            *,
            fee=0,
        ) -> Decimal:
            amount = sum(self.lines)
            for line, count in self.lines:
                with open(line) as handle:
                    try:
                        if (found := handle.read()):
                            return found + amount * rate + fee + count
                    except OSError as error:
                        raise ValueError from error
            return amount

    class Unlike:
        def look(self):
            return self.owner
    ''')

THERE = [
    "`os` is not imported.",
    "`sys` is never imported, so this raises NameError.",
    "os is not defined",
    "The module os was never imported.",
    "Missing import of `etree`.",
    "`read` is undefined.",
    "NameError: name 'dumps' is not defined",
    "The name `Decimal` is used but never imported.",
    "`HALF` has not been imported in this file.",
    "`collections` is used without being imported.",
    "`LIMIT` is not defined anywhere.",
    "undefined variable `FIRST`",
    "Undefined name 'second' raises at run time.",
    "`cached` does not exist.",
    "`cached()` is not defined.",
    "There is no function named `cached`.",
    "The definition of `Basket` is missing.",
    "`rate` is not defined.",
    "`fee` is undefined in this scope",
    "`amount` isn't defined.",
    "`handle` was never declared.",
    "`count` is not declared.",
    "`found` is not defined.",
    "`self.owner` is never defined.",
    "`self.lines` does not exist.",
    "`self.size` is undefined.",
    "`self.other` does not exist.",
    "`sum` is not imported.",
    "`OSError` is undefined.",
    "missing import for `open`",
]
UNKNOWN = [
    "`socket` is not imported.",
    "`absent` is not defined.",
    "`loads` is not defined.",
    "`ElementTree` is not imported.",
    "`ROUND_HALF_UP` is not imported.",
    "`Lazy` is not defined at run time.",
    "`Lazy` is not imported.",
    "`local` is not defined.",
    "`elsewhere` is undefined.",
    "`inner` is not defined here",
    "`self.missing` is never defined.",
    "`os.missing` does not exist.",
    "`etree.parse2` is not defined.",
    "`amount` is not defined when the list is empty.",
    "`found` is undefined if the file cannot be read.",
    "`amount` is not defined in the else branch.",
    "`handle` is not defined before the loop.",
    "`rate` is not checked, so a negative one pays money out.",
    "`amount` is used before it is rounded.",
    "`fee` is not included in the sum.",
    "`os` is imported twice.",
    "Missing `await` before `total`.",
    "The import of `os` is slow.",
]  # fmt: skip


def line_of(code: str, words: str) -> int:
    return code[: code.index(words)].count("\n") + 1


def said(claim: str, code: str, language: str, words: str) -> str:
    return why(claim, Here(language, (), lambda: code, line_of(code, words)))


@pytest.mark.parametrize("claim", THERE)
def test_what_is_there_is_not_missing(claim: str) -> None:
    assert said(claim, PYTHON, "python", "return found +").endswith("is missing, and it is there")


@pytest.mark.parametrize("claim", UNKNOWN)
def test_what_cannot_be_seen_may_be_missing(claim: str) -> None:
    assert said(claim, PYTHON, "python", "return found +") == ""


ORDER = dedent("""\
    first = second + 1
    second = 2
    total = total + later()

    def late():
        amount = amount * 2
        return later(), [row for row in read()], (lambda each: each)

    def later():
        return 1
    """)


@pytest.mark.parametrize(
    ("name", "words", "there"),
    [
        ("second", "first =", False), ("total", "total =", False), ("later", "total =", False),
        ("amount", "amount =", False), ("later", "return later", True), ("late", "amount =", True),
        ("row", "return later", True), ("each", "return later", True), ("first", "second =", True),
    ],
)  # fmt: skip
def test_what_comes_later_may_be_missing(name: str, words: str, there: bool) -> None:
    assert bool(said(f"`{name}` is not defined.", ORDER, "python", words)) == there


def test_a_member_belongs_to_its_class() -> None:
    assert said("`self.owner` is never defined.", PYTHON, "python", "return self.owner") == ""


SCRIPT = dedent("""\
    import fs, { readFile as read, type Stats } from "node:fs"
    import * as path from "path"
    const { join, parse: split } = require("path")
    const [first, second] = load()
    // const gone = 1
    /* function gone() {} */
    const text = "let gone"
    export default class Store {
      #secret = 1
      limit = 3
      constructor(name, { depth, ...rest }) {
        this.name = name
      }
      async save(rows) {
        const done = rows.map((row, at) => row.id + at)
        for (const each of rows) {
          try {
            push(each)
          } catch (problem) {
            report(problem)
          }
        }
        let total = 0
        return done
      }
    }
    function push(one) {
      let hidden = one
    }
    export const report = async (what) => {
      log(what)
    }
    """)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *((name, "report(problem)") for name in (
            "fs", "read", "path", "join", "split", "first", "second", "text", "Store", "rows",
            "done", "each", "problem", "push", "report", "this.name", "this.limit", "this.save",
            "console", "Promise")),
        ("row", "row.id"), ("at", "row.id"), ("what", "log(what)"), ("one", "hidden = one"),
    ],
)  # fmt: skip
def test_names_of_a_script_are_seen(name: str, words: str) -> None:
    assert said(f"`{name}` is not defined.", SCRIPT, "javascript", words)


@pytest.mark.parametrize(
    "name", ["gone", "readFile", "parse", "hidden", "one", "what", "log", "this.gone", "fs.gone"]
)
def test_names_that_a_script_does_not_show_may_be_missing(name: str) -> None:
    assert said(f"`{name}` is not defined.", SCRIPT, "javascript", "report(problem)") == ""


GO = dedent("""\
    package main

    import (
    >"fmt"
    >"net/http"
    >log "github.com/x/logging"
    >"example.com/store/v2"
    )

    const limit = 3

    type Server struct{ name string }

    func (s *Server) serve(w http.ResponseWriter, r *http.Request) error {
    >body, err := read(r)
    >if err != nil {
    >>return fmt.Errorf("%s", body)
    >}
    >return nil
    }

    func read(from *http.Request) (string, error) {
    >only := 1
    >return "", nil
    }
    """).replace(">", "\t")


@pytest.mark.parametrize(
    "name",
    ["fmt", "http", "log", "store", "limit", "Server", "s", "w", "r", "body", "err", "read", "len"],
)
def test_names_of_go_are_seen(name: str) -> None:
    expected = len(name) > 1
    assert bool(said(f"`{name}` is undefined.", GO, "go", "return fmt.Errorf")) == expected


@pytest.mark.parametrize("name", ["os", "logging", "only", "from", "gone", "http.Gone"])
def test_names_that_go_does_not_show_may_be_missing(name: str) -> None:
    assert said(f"`{name}` is undefined.", GO, "go", "return fmt.Errorf") == ""


def test_what_is_called_exists_and_need_not_be_imported() -> None:
    here = Here("python", ("app/book.py:40 def add(payee, amount):",), lambda: "x = 1", 1)
    assert why("`book.add` does not exist.", here)
    assert why("There is no function named `add`.", here)
    assert why("`add` is not imported.", here) == ""
    assert why("`dd` does not exist.", here) == ""


def test_without_code_nothing_is_told() -> None:
    here = Here("python", (), lambda: "", 3)
    assert why("`helper` is not defined.", here) == ""
    assert why("`print` is not defined.", here)
    long = Here("python", (), lambda: "import os\n" * 100_000, 3)
    assert why("`os` is not defined.", long) == ""


@pytest.mark.parametrize(
    "part",
    ["'''", '"""', "'", '"', "\\", "/*", "`", "(", "[", "{", "x, ", "import a, ", "from a import (",
     "def f(", "def f(a):\n  ", "for x ", " ", "\n", "a = ", "lambda ", "as ", "=> ", "#", "\t"],
)  # fmt: skip
@pytest.mark.parametrize("language", ["python", "go"])
def test_hostile_code_is_read_fast(part: str, language: str) -> None:
    code = (part * 50_000)[:50_000]
    here = Here(language, (), lambda: f"{code}\nname\n", code.count("\n") + 2)
    started = time.process_time()
    why("`name` is not defined. `a` is undefined.", here)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "part", ["`", "a.", "is not ", "a is ", "undefined ", "no ", "'a' is ", " "]
)
def test_hostile_claims_are_read_fast(part: str) -> None:
    started = time.process_time()
    why((part * 1500)[:1500], Here("python", (), lambda: PYTHON, 40))
    assert time.process_time() - started < 0.2
