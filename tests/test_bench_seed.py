"""Seeded mistakes are where they say, each operator makes one, and refactors mean nothing."""

import ast
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from reviewer.bench import cases, seed
from reviewer.bench.edits import Edit, Source, apply
from reviewer.cli import main
from reviewer.errors import InputError
from tests.support.gitrepo import git, new_repository

ROOT = Path(__file__).parents[1]

SHOP = '''\
"""A shop with one place for each mistake."""

import datetime as dt
import sqlite3
import subprocess
import threading
from decimal import Decimal

LOCK = threading.Lock()
LIMIT = 3
WIDTH = 80


class Store:
    def __init__(self, base, cache=None):
        self.base = base
        self._cache = cache

    def rename(self, key: str, name: str):
        row = self.find(key, name)
        if row is None:
            return None
        self.base.execute("update t set n = ? where k = ?", (name, key))
        self._cache.pop(key)
        return self.find(key, name)

    def add(self, item, items=None):
        if items is None:
            items = []
        items.append(item)
        return items

    async def load(self, key):
        return await self.fetch(key)


def price(text, count):
    total_cents = 0
    rate = 1
    if count == LIMIT:
        total_cents = Decimal(text) * count
    for n in range(count):
        total_cents += n
    return total_cents // rate


def stamp():
    return dt.datetime.now(tz=dt.timezone.utc)


def shipped(name, ready):
    if ready:
        message = "{} leaves now".format(name)
    else:
        message = "waiting"
    with LOCK:
        print(message)
    try:
        subprocess.run(["ship", name])
    except FileNotFoundError:
        return False
    with open(name) as file:
        text = file.read()
    return text.strip()
'''
FILES = {"shop.py": SHOP.encode()}


@pytest.mark.parametrize("name", [*seed.BUGS])
def test_each_operator_makes_its_mistake(name: str) -> None:
    made = seed.seed(FILES, 50, 0, only=[name])
    assert made
    for each in made:
        ast.parse(each.content)
        (golden,) = each.goldens
        assert golden.lines is not None
        start, end = golden.lines
        assert "\n".join(each.content.decode().split("\n")[start - 1 : end]) == golden.quote
        changed = set(each.content.decode().splitlines()) ^ set(SHOP.splitlines())
        assert 0 < len(changed) <= 8


TURNED = """\
    if ready:
        message = "{} leaves now".format(name)
    else:
        message = "waiting"
"""
SAID = "f\"update t set n = '{name}' where k = '{key}'\""


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("swap-arguments", "row = self.find(key, name)", "row = self.find(name, key)"),
        ("negate-condition", "if count == LIMIT:", "if count != LIMIT:"),
        ("negate-condition", "if ready:", "if not ready:"),
        ("off-by-one", "range(count)", "range(count - 1)"),
        ("drop-await", "return await self.fetch(key)", "return self.fetch(key)"),
        ("drop-return", "    return text.strip()", "    text.strip()"),
        ("is-for-equal", "count == LIMIT", "count is LIMIT"),
        (
            "mutable-default",
            "items=None):\n        if items is None:\n            items = []\n",
            "items=[]):\n",
        ),
        ("drop-none-check", "        if row is None:\n            return None\n", ""),
        ("widen-except", "except FileNotFoundError:", "except Exception:"),
        ("leak", "with LOCK:\n        print(", "LOCK.acquire()\n    print("),
        ("leak", "with open(name) as file:\n        text", "file = open(name)\n    text"),
        ("wrong-variable", "pop(key)", "pop(name)"),
        ("sql-by-fstring", '"update t set n = ? where k = ?", (name, key)', SAID),
        ("shell-true", '["ship", name]', '" ".join(["ship", name]), shell=True'),
        ("float-money", "Decimal(text)", "float(text)"),
        ("float-money", "total_cents // rate", "total_cents / rate"),
        ("naive-datetime", "now(tz=dt.timezone.utc)", "now()"),
        ("drop-invalidation", "        self._cache.pop(key)\n", ""),
        (
            "rename-local",
            "text = file.read()\n    return text",
            "text_value = file.read()\n    return text_value",
        ),
        (
            "extract-variable",
            "    return text.strip()",
            "    result = text.strip()\n    return result",
        ),
        ("reorder-constants", "LIMIT = 3\nWIDTH = 80\n", "WIDTH = 80\nLIMIT = 3\n"),
        (
            "reorder-constants",
            "    total_cents = 0\n    rate = 1\n",
            "    rate = 1\n    total_cents = 0\n",
        ),
        (
            "invert-if",
            TURNED,
            "    if not ready:\n"
            + "    else:\n".join(TURNED.split("    else:\n")[::-1]).replace("    if ready:\n", ""),
        ),
        ("fstring-from-format", '"{} leaves now".format(name)', 'f"{name} leaves now"'),
    ],
)
def test_the_text_of_a_change(name: str, before: str, after: str) -> None:
    assert SHOP.count(before) == 1
    made = [each.content.decode() for each in seed.seed(FILES, 50, 50, only=[name])]
    assert SHOP.replace(before, after) in made


def test_refactors_run_as_before(tmp_path: Path) -> None:
    """Executed, not only compared: the same output from each version of one program."""
    program = (
        "def f(n):\n    low = 1\n    high = 2\n    if n in (1, 2):\n        word = 'in'\n"
        "    else:\n        word = 'out'\n    total = low + high * n\n"
        "    print('{}: {}'.format(word, total))\n    return total + n\n\n\n"
        "print([f(n) for n in range(4)])\n"
    )
    files = {"p.py": program.encode()}
    made = seed.seed(files, 0, 50)
    assert {each.pr[:-4] for each in made} == {*seed.CLEAN}

    def output(text: bytes) -> str:
        done = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, check=True
        )
        return done.stdout

    before = output(program.encode())
    distinct = {each.pr[:-4]: each.content for each in made}
    assert {output(content) for content in distinct.values()} == {before}


HAZARD = {
    "rename-local": [
        "def f():\n    a = 1\n    def g():\n        return a\n    return g\n",
        "def f():\n    global a\n    a = 1\n",
        "def f(a):\n    a = a + 1\n    return a\n",
        "def f(*a):\n    a = a[1:]\n    return a\n",
        "def f():\n    a = 1\n    return f'{a}'\n",
        "def f():\n    a = 1\n    return locals()\n",
        "def f():\n    a = 1\n    return [a for _ in 'x']\n",
        "def f():\n    import os as a\n    a = 2\n    return a\n",
        "def f():\n    try:\n        a = 1\n    except OSError as a:\n        pass\n",
    ],
    "invert-if": [
        "def f(a):\n    if a:\n        x()\n    elif a > 1:\n        y()\n    else:\n        z()\n",
        "def f(a):\n    if a < 1:\n        x()\n    else:\n        y()\n",
        "def f(a):\n    if a: x()\n    else: y()\n",
    ],
    "reorder-constants": ["def f():\n    a = 1\n    a = 2\n", "class E:\n    A = 1\n    B = 2\n",
                          "def f():\n    a = 1\n    b = a\n"],
    "fstring-from-format": ["'{0}'.format(a)\n", "'{}'.format(a())\n", "'{:d}'.format(a)\n",
                            "'{} {}'.format(*a)\n", "'{}\\n'.format(a)\n", "'{'.format(a)\n"],
    "extract-variable": ["f = lambda: g()\n", "def f(a):\n    if a: return g(a)\n"],
    "leak": ["with open('x') as f:\n    t = '''a\n  b'''\n"],
    "is-for-equal": ["if a == None:\n    pass\n", "if a == True:\n    pass\n"],
    "widen-except": ["try:\n    x()\nexcept OSError:\n    raise\n"],
    "mutable-default": ["def f(a=1):\n    if a is None:\n        a = []\n    return a\n"],
    "drop-none-check": ["def f(a):\n    if a is None:\n        return 1\n"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in HAZARD.items() for text in texts]
)
def test_nothing_is_changed_where_it_would_be_something_else(name: str, text: str) -> None:
    assert seed.seed({"a.py": text.encode()}, 9, 9, only=[name]) == ()


def test_only_an_elif_free_branch_is_turned() -> None:
    text = "def f(a):\n    if a:\n        x()\n    else:\n        y()\n        # last\n"
    (made,) = seed.seed({"a.py": text.encode()}, 0, 9, only=["invert-if"])
    assert made.content == (
        b"def f(a):\n    if not a:\n        y()\n    else:\n        x()\n        # last\n"
    )


def test_the_same_seed_makes_the_same_cases() -> None:
    one, other = seed.seed(FILES, 20, 5, 1), seed.seed(FILES, 20, 5, 1)
    assert one == other
    assert seed.seed(FILES, 20, 5, 2) != one
    bugs = [each for each in one if each.goldens]
    assert (len(bugs), len(one)) == (20, 25)
    assert len({each.pr[:-4] for each in bugs}) >= 14


def test_what_cannot_be_edited_is_left_alone() -> None:
    files = {
        "broken.py": b"def f(:\n", "crlf.py": b"if a:\r\n    b(c, d)\r\n",
        "data.txt": b"if a: b(c, d)",
        "latin.py": b"# coding: latin-1\nif a: b('\xe9')\n", "null.py": b"a = 1\0\n",
        "tests/test_a.py": b"b(c, d)\n", "deep.py": b"a = " + b"(" * 5000,
        "bom.py": b"\xef\xbb\xbfb(c, d)\n",
    }  # fmt: skip
    assert seed.seed(files, 9, 9) == ()


def test_columns_are_counted_in_bytes() -> None:
    files = {"a.py": "x = 'ü'; b(één, d)\n".encode()}
    (made,) = seed.seed(files, 1, 0, only=["swap-arguments"])
    assert made.content == "x = 'ü'; b(d, één)\n".encode()


def test_an_unknown_operator_is_named() -> None:
    with pytest.raises(InputError, match="drop-table"):
        seed.seed(FILES, 1, 1, only=["drop-table"])


def test_edits_that_overlap_are_refused() -> None:
    assert apply(b"abcdef", (Edit(0, 3, "x"), Edit(2, 4, "y"))) is None
    done = apply(b"a\nb\nc\n", (Edit(2, 3, "x\ny"), Edit(0, 1, "0\n1")))
    assert done is not None
    assert (done.data, done.start, done.end) == (b"0\n1\nx\ny\nc\n", 3, 4)


@pytest.mark.slow
def test_our_own_modules_give_every_kind_of_text(tmp_path: Path) -> None:
    """Real code: each change parses, touches few lines, and nothing raises."""
    names = ("paths.py", "coverage/_coverage_py.py")
    files = {name: (ROOT / "reviewer" / name).read_bytes() for name in names}
    made = seed.seed(files, 30, 10)
    assert len(made) == 40
    for each in made:
        Source(each.content)
        assert each.content != files[each.path]


def test_a_repository_becomes_cases_with_commits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = new_repository(tmp_path / "repo")
    (repo / "src").mkdir()
    (repo / "src" / "shop.py").write_text(SHOP)
    (repo / "README.md").write_text("shop\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "x")
    words = ["bench", "seed", str(repo), "--count", "4", "--clean", "2", "--output"]
    assert main([*words, str(tmp_path / "out")]) == 0
    assert "4 mistakes, 2 changes" in capsys.readouterr().out
    suite = cases.load(tmp_path / "out" / "cases.jsonl")
    assert "Seeded mistakes" in suite.warning
    assert [bool(case.goldens) for case in suite.cases] == [True] * 4 + [False] * 2
    bare = tmp_path / "out" / "cases.git"
    for case in suite.cases:
        assert git(bare, "diff", "--name-only", case.base, case.head) == b"src/shop.py\n"
    assert git(bare, "show", "main:README.md") == b"shop\n"
    assert main([*words, str(tmp_path / "again")]) == 0
    assert cases.load(tmp_path / "again" / "cases.jsonl") == suite
    assert main([*words, str(tmp_path / "out")]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_package_can_be_seeded() -> None:
    """Every change compiles, and every operator finds its places but those for other programs."""
    files = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in (ROOT / "reviewer").rglob("*.py")
    }
    made = seed.seed(files, 300, 150)
    assert len(made) == 450
    for each in made:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            compile(each.content, each.path, "exec")
        for golden in each.goldens:
            assert golden.lines is not None
            assert golden.lines[1] <= len(each.content.splitlines())
    elsewhere = {"drop-invalidation", "shell-true", "float-money", "mutable-default"}
    assert {each.pr[:-4] for each in made} >= {*seed.BUGS} - elsewhere
