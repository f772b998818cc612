"""Which names the change is to blame for, and the way to the parser that four analyzers share."""

from pathlib import Path

import pytest

from reviewer import _syntax, syntax
from reviewer.analyzers._conventions import CAMEL, EXPORTED, PASCAL, SNAKE, UNEXPORTED, UPPER, Style
from reviewer.analyzers._languages import is_api, is_test, parse
from reviewer.analyzers.naming import QUERIES, Naming
from reviewer.errors import ToolFailed
from reviewer.model import Finding, Outcome, Severity
from reviewer.syntax import decoded
from tests.support.room import room, runner


def judge(
    tmp_path: Path, path: str, code: str, base: str = "", settings: Naming | None = None
) -> list[Finding]:
    before = {path: base.encode()} if base else {}
    changes, tree = room(tmp_path, {path: code.encode()}, before)
    return list((settings or Naming()).run(changes, tree, runner(tmp_path)).findings)


def named(findings: list[Finding]) -> list[str]:
    """The names that the messages quote."""
    return [finding.message.split("`")[1] for finding in findings]


@pytest.mark.parametrize(
    ("style", "name", "expected"),
    [
        (SNAKE, "getUserName", "get_user_name"),
        (SNAKE, "parseHTTPRequest", "parse_http_request"),
        (SNAKE, "_getOne_", "_get_one_"),
        (CAMEL, "get_user_name", "getUserName"),
        (CAMEL, "_x_y", "_xY"),
        (PASCAL, "price_list", "PriceList"),
        (UPPER, "maxItems", "MAX_ITEMS"),
        (EXPORTED, "Get_user_id", "GetUserID"),
        (UNEXPORTED, "user_url", "userURL"),
        (UNEXPORTED, "ID_of", "idOf"),
    ],
)
def test_styles(style: Style, name: str, expected: str) -> None:
    assert style.write(name) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("a.py", "def getUser(): pass", ["getUser"]),
        ("a.py", "def _getUser(): pass", ["_getUser"]),
        ("a.py", "def getUser(aLongName): pass", ["getUser", "aLongName"]),
        ("a.py", "def f(dX, nT): pass", []),
        ("a.py", "class A(Unknown):\n    def paintEvent(self): pass", []),
        ("a.py", "class A(abc.ABC, metaclass=M):\n    def getIt(self): pass", []),
        ("a.py", "class A(abc.ABC, metaclass=ABCMeta):\n    def getIt(self): pass", ["getIt"]),
        ("a.py", "class A(Generic[T]):\n    def getIt(self): pass", ["getIt"]),
        ("a.py", "class A(make()):\n    def getIt(self): pass", []),
        ("a.py", "class A:\n    @override\n    def getIt(self): pass", []),
        ("a.py", "class A:\n    @x\n    @typing.override\n    def getIt(self): pass", []),
        ("a.py", "class A:\n    def setUpModule(self): pass", []),
        ("a.py", "def visit_Name(): pass\ndef do_GET(): pass", []),
        ("a.py", "def getLogger(x): return logging.getLogger(x)", []),
        ("a.py", "class A:\n  def getIt(self):\n    return self.getIt()", ["getIt"]),
        ("a.py", "userName = row['userName']", []),
        ("a.py", "userName = row['user']", ["userName"]),
        ("a.py", "class my_class: pass", ["my_class"]),
        ("a.py", "class suppress:\n    def __enter__(self): pass", []),
        ("a.py", "ärgerDich = 1", []),
        ("a.js", "const { user_id } = row;", []),
        ("a.js", "const child_process = require('x');", []),
        ("a.js", "const x_y = await import('x');", []),
        ("a.js", "const row_id = 1;", ["row_id"]),
        ("a.js", "class A extends B { get_it() {} }", []),
        ("a.js", "class A { get_it() {} }", ["get_it"]),
        ("a.d.ts", "export declare function get_it(): void;", []),
        ("a.ts", "declare function get_it(a_b: string): void;", []),
        ("a.ts", "interface user_row { some_field: string }", ["user_row"]),
        ("a.go", "package a\nvar row_id int", ["row_id"]),
        ("a.go", "package a\nvar _ = 1", []),
        ("a.go", 'package a\nimport "C"\nvar row_id int', []),
        ("a_test.go", "package a\nfunc TestA_b(t *T) {}", []),
        ("A.java", "class A { @Override void get_it() {} }", []),
        ("A.java", "class A { void get_it() {} }", ["get_it"]),
        ("a.rs", "#![allow(non_snake_case)]\nfn getIt() {}", []),
        ("a.rs", "#[repr(C)]\nstruct row_t { someField: u32 }", []),
        ("a.rs", 'extern "C" fn getIt() {}', []),
        ("a.rs", "fn getIt() {}", ["getIt"]),
    ],
)
def test_names(path: str, code: str, expected: list[str], tmp_path: Path) -> None:
    assert named(judge(tmp_path, path, code + "\n")) == expected


def test_a_name_that_stood_there_before_is_not_introduced(tmp_path: Path) -> None:
    base = "from x import getUser\n"
    assert judge(tmp_path, "a.py", "def getUser(): pass\n", base) == []


def test_a_name_of_a_removed_line_of_another_file_has_moved(tmp_path: Path) -> None:
    body = "".join(f"    x{n} = {n}\n" for n in range(20))
    changes, tree = room(
        tmp_path,
        {"new.py": b"import re\n\n\ndef getUser():\n    return 1\n"},
        {"old.py": f"def getUser():\n{body}".encode()},
    )
    assert Naming().run(changes, tree, runner(tmp_path)).findings == ()


def test_the_habit_of_the_file_wins(tmp_path: Path) -> None:
    base = "def getA(): pass\ndef getB(): pass\ndef good(): pass\n"
    assert judge(tmp_path, "a.py", base + "def getC(): pass\n", base) == []


def test_the_habit_of_a_few_in_a_large_file_does_not(tmp_path: Path) -> None:
    good = "".join(f"def good_{n}(): pass\n" for n in range(20))
    base = "def getA(): pass\ndef getB(): pass\n" + good
    assert len(judge(tmp_path, "a.py", base + "def getC(): pass\n", base)) == 1


def test_only_a_public_name_is_a_warning(tmp_path: Path) -> None:
    code = "def getA(): pass\ndef _getB(): pass\ndef f():\n    def getC(): pass\n"
    found = judge(tmp_path, "a.py", code)
    assert dict(zip(named(found), (f.severity for f in found), strict=True)) == {
        "getA": Severity.WARNING,
        "_getB": Severity.NOTE,
        "getC": Severity.NOTE,
    }


def test_places_are_those_of_the_name(tmp_path: Path) -> None:
    (found,) = judge(tmp_path, "a.py", "\ufeffx = 'é'; getUser = x\n")
    assert (found.span.start, found.span.column, found.span.end_column) == (1, 10, 17)


def test_further_words_without_meaning(tmp_path: Path) -> None:
    found = judge(tmp_path, "a.py", "def frob(): pass\n", settings=Naming(("frob",)))
    assert [finding.rule for finding in found] == ["meaningless"]


@pytest.mark.parametrize(
    ("path", "test", "api"),
    [
        ("src/app.py", False, True),
        ("tests/data/app.py", True, False),
        ("app_test.go", True, False),
        ("a/b.spec.tsx", True, False),
        ("src/test/java/A.java", True, False),
        ("ShopTest.java", True, False),
        ("latest/app.py", False, True),
        ("contest.py", False, True),
        ("docs/conf.py", False, False),
        ("setup.py", False, False),
        ("examples/run.js", False, False),
    ],
)
def test_what_tests_and_interfaces_are(path: str, test: bool, api: bool) -> None:
    assert (is_test(path), is_api(path)) == (test, api)


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"Segmentation fault\n",
        b'{"file": "b.py"}\n',
        b'{"file": "a.py"}\n{"file": "a.py"}\n',
        b'{"file": "a.py", "matches": 3}\n',
        b'{"file": "a.py", "matches": [{"name.x": [[1, 2]]}]}\n',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_rubbish_is_a_failure_with_a_reason(output: bytes) -> None:
    with pytest.raises(ToolFailed, match="its output"):
        decoded(output, ["a.py"], whole=True)


CHILD = """
import json, os, signal, sys
for name, language in json.load(sys.stdin)["files"]:
    if "bad" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    print(json.dumps({"file": name}), flush=True)
"""


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser that is ended by every file whose name holds "bad"."""
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    monkeypatch.setattr(_syntax, "__file__", str(child))


@pytest.mark.usefixtures("fragile")
def test_a_file_that_ends_the_parser_costs_no_other(tmp_path: Path) -> None:
    names = ["a.py", "bad1.py", "c.py", "bad2.py", "e.py"]
    changes, tree = room(tmp_path, dict.fromkeys(names, b"someName = 1\n"))
    run = Naming().run(changes, tree, runner(tmp_path))
    assert (run.outcome, run.reason) == (Outcome.OK, "could not parse bad1.py, bad2.py")


@pytest.mark.usefixtures("fragile")
def test_too_many_of_them_leave_the_rest_unread(tmp_path: Path) -> None:
    names = ["a.py", *(f"bad{n}.py" for n in range(syntax.RESTARTS + 1)), "last.py"]
    _, tree = room(tmp_path, dict.fromkeys(names, b"x = 1\n"))
    sources = parse(names, QUERIES, tree, runner(tmp_path))
    assert sorted(sources.after) == ["a.py"]
    assert "last.py" in sources.unread


@pytest.mark.slow
def test_files_in_portions_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = b"".join(b"def good_%d(): pass\n" % n for n in range(9))
    before = {"0.py": good, "1.py": b"def getA(): pass\ndef getB(): pass\n"}
    after = {path: data + b"def getC(): pass\n" for path, data in before.items()}
    after |= {f"{n}.py": b"def getD(): pass\n" for n in range(2, 5)}
    changes, tree = room(tmp_path, after, before)
    whole = Naming().run(changes, tree, runner(tmp_path))
    monkeypatch.setattr(syntax, "BATCH_BYTES", 1)
    assert Naming().run(changes, tree, runner(tmp_path)).findings == whole.findings
    assert [f.span.path for f in whole.findings] == ["0.py", "2.py", "3.py", "4.py"]


@pytest.mark.usefixtures("fragile")
def test_files_that_end_the_parser_are_counted_over_all_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syntax, "BATCH_BYTES", 1)
    names = ["a.py", *(f"bad{n}.py" for n in range(syntax.RESTARTS + 1)), "last.py"]
    _, tree = room(tmp_path, dict.fromkeys(names, b"x = 1\n"))
    assert parse(names, QUERIES, tree, runner(tmp_path)).unread == tuple(names[1:])


@pytest.mark.usefixtures("fragile")
def test_no_file_that_parses_is_a_failure(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"bad.py": b"someName = 1\n"})
    with pytest.raises(ToolFailed, match="none of the files"):
        Naming().run(changes, tree, runner(tmp_path))


@pytest.mark.slow
def test_a_file_that_is_too_much_is_named(tmp_path: Path) -> None:
    much = b"aName = 1\n" * (_syntax.MATCHES + 1)
    changes, tree = room(tmp_path, {"much.py": much, "a.py": b"def getUser(): pass\n"})
    run = Naming().run(changes, tree, runner(tmp_path))
    assert run.reason == "could not parse much.py"
    assert [finding.span.path for finding in run.findings] == ["a.py"]


def test_places_within_broken_code_are_not_believed(tmp_path: Path) -> None:
    code = "def getA(): pass\n)))) def getB class\n"
    changes, tree = room(tmp_path, {"a.py": code.encode()})
    run = Naming().run(changes, tree, runner(tmp_path))
    assert run.reason == "could not parse all of a.py"
    assert named(list(run.findings)) == ["getA"]
