"""Coverage reports written to harm: every one becomes a reason, quickly, and nothing is opened."""

import os
import pickle
import socket
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reviewer.coverage.base import REPORT_BYTES, CoverageFormat, UnreadableReport
from reviewer.measure import find, measure
from reviewer.model import ChangeSet, PatchCoverage
from reviewer.plugins import discover
from reviewer.tree import Tree
from tests.support.room import room

CASES = Path(__file__).parents[1] / "cases" / "coverage"
FORMATS: list[CoverageFormat] = [cls() for cls in discover("reviewer.coverage").values()]
SECRET = "root:x:0:0"

Change = tuple[ChangeSet, Tree]


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> Change:
    place = tmp_path_factory.mktemp("change")
    return room(place, {"src/x.py": b"a = 1\nb = 2\n", "etc/passwd": b"a\n", "x.py": b"a\n"})


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """Each report is read within five seconds, whatever is in it."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 5


def looked_at(change: Change, path: Path) -> PatchCoverage:
    return measure([path], FORMATS, *change)


def refused(change: Change, path: Path, reason: str) -> None:
    found = looked_at(change, path)
    assert found.patch is None
    assert found.files == ()
    assert reason in found.unknown
    assert SECRET not in found.unknown


# XML

ENTITIES = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
BOMBS = {
    "billion laughs": f'[<!ENTITY l0 "lol">{ENTITIES}]',
    "quadratic": f'[<!ENTITY l9 "{"A" * 2000}">]',
    "external": '[<!ENTITY l9 SYSTEM "file:///etc/passwd">]',
    "parameter": '[<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]',
    "unparsed": '[<!NOTATION n SYSTEM "n"><!ENTITY l9 SYSTEM "/etc/passwd" NDATA n>]',
}
ROOTS = {
    "cobertura": '<coverage line-rate="1">{}</coverage>',
    "clover": '<coverage generated="1">{}</coverage>',
    "jacoco": '<report name="JACOCO">{}</report>',
}


@pytest.mark.parametrize("kind", ROOTS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_entities_are_refused(bomb: str, kind: str, change: Change, tmp_path: Path) -> None:
    path = tmp_path / "report"
    doctype = f"<!DOCTYPE x {BOMBS[bomb]}>"
    path.write_text(f'<?xml version="1.0"?>{doctype}{ROOTS[kind].format("&l9;" * 2000)}')
    refused(change, path, "declares XML entities")


@pytest.mark.parametrize(
    ("doctype", "kind"),
    [
        ('coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd"', "cobertura"),
        ('report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"', "jacoco"),
    ],
)
def test_genuine_doctypes_are_read_and_never_fetched(
    doctype: str, kind: str, change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    path = tmp_path / "report"
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE {doctype}>{ROOTS[kind].format("")}')
    assert "measures none" in looked_at(change, path).unknown


@pytest.mark.parametrize("kind", ROOTS)
def test_deep_nesting_is_refused(kind: str, change: Change, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text(ROOTS[kind].format("<a>" * 200_000 + "</a>" * 200_000))
    refused(change, path, "nested more than")


@pytest.mark.slow
@pytest.mark.parametrize("junk", ['<a b="{}"/>', "<!--{}-->", "<a{}/>", "<![CDATA[{}]]>"])
def test_endless_tokens_are_refused_or_skipped(junk: str, change: Change, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text(ROOTS["cobertura"].format(junk.format("x" * (50 << 20))))
    assert looked_at(change, path).patch is None


@pytest.mark.parametrize("encoding", ["undefined", "zip", "utf-7", "punycode", "utf-32", "x" * 99])
def test_odd_encodings(encoding: str, change: Change, tmp_path: Path) -> None:
    path = tmp_path / "report"
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    path.write_text(head + ROOTS["cobertura"].format(""))
    assert looked_at(change, path).patch is None


# Numbers

NUMBERS = ["-1", "99999999999", "1e3", "", "x", "0x10", "1" * 5000, "nan", "None"]
NUMBERED = {
    "cobertura": '<coverage line-rate="1"><class filename="src/x.py"><line number="NUMBER" '
    'hits="1"/></class></coverage>',
    "clover": '<coverage generated="1"><file name="src/x.py"><line num="NUMBER" count="1" '
    'type="stmt"/></file></coverage>',
    "jacoco": '<report name="JACOCO"><sourcefile name="src/x.py"><line nr="NUMBER" ci="1"/>'
    "</sourcefile></report>",
    "lcov": "SF:src/x.py\nDA:NUMBER,1\nend_of_record\n",
    "go": "mode: set\nm/src/x.py:NUMBER.1,2.2 1 1\n",
    "json": '{"meta": {"version": "7"}, "totals": {"covered_lines": 1, "num_statements": 1}, '
    '"files": {"src/x.py": {"executed_lines": [NUMBER], "missing_lines": []}}}',
}


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("kind", NUMBERED)
def test_numbers_out_of_range(kind: str, number: str, change: Change, tmp_path: Path) -> None:
    """No line number but that of a real line is ever reported."""
    path = tmp_path / "report"
    path.write_text(NUMBERED[kind].replace("NUMBER", number))
    found = looked_at(change, path)
    for file in found.files:
        assert {*file.covered, *file.missing} <= {1, 2}
    assert found.patch in (None, 100.0)


@pytest.mark.slow
def test_go_blocks_cannot_keep_us_busy(change: Change, tmp_path: Path) -> None:
    path = tmp_path / "report"
    for blocks in (
        "m/src/x.py:1.1,9000000.2 1 1\n",
        "".join(f"m/src/x.py:1.{i},90000.2 1 1\n" for i in range(10_000)),
    ):
        path.write_text(f"mode: set\n{blocks}")
        refused(change, path, "longer than any source")


# Paths

PATHS = [
    "../../etc/passwd",
    "../../../../../../etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/dev/zero",
    "file:///etc/passwd",
    "\\\\evil.example\\share\\x.py",
    "\\\\?\\C:\\Windows\\x.py",
    "//evil.example/share/x.py",
    "https://evil.example/x.py",
    "C:\\Windows\\win.ini",
    "~root/.ssh/id_rsa",
    "$HOME/x.py",
    "`touch pwned`/x.py",
    "-rf",
    "src/../../x.py",
    "src/x.py\0.txt",
    "a" * 5000 + "/x.py",
    "",
    ".",
    "\u202egnp.x.py",
]


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("source", ["", "/", "/etc", "../..", "\\\\evil\\share"])
def test_paths_are_matched_and_never_opened(
    name: str, source: str, change: Change, tmp_path: Path
) -> None:
    """Whatever it names, the only files opened are the report and the clean room's."""
    text = name.replace("&", "&amp;").replace("\0", "&#0;")
    path = tmp_path / "report"
    path.write_text(
        f'<coverage line-rate="1"><source>{source}</source><class filename="{text}">'
        '<lines><line number="1" hits="1"/></lines></class></coverage>',
    )
    lcov = tmp_path / "lcov"
    lcov.write_text(f"SF:{name}\nDA:1,1\nend_of_record\n")
    changes, tree = change
    with opens() as opened:
        found = measure([path, lcov], FORMATS, changes, tree)
    assert opened
    room_of_it = tree.root.parent
    assert [o for o in opened if o not in (path, lcov) and room_of_it not in o.parents] == []
    assert {file.path for file in found.files} <= set(tree.files)


WATCHING: list[list[Path]] = []


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and WATCHING and isinstance(arguments[0], str | bytes | os.PathLike):
        WATCHING[-1].append(Path(os.fsdecode(arguments[0])))


sys.addaudithook(watch)


class opens:  # noqa: N801
    """The files that are opened in the block, by the interpreter's own audit events."""

    def __enter__(self) -> list[Path]:
        WATCHING.append([])
        return WATCHING[-1]

    def __exit__(self, *_: object) -> None:
        WATCHING.pop()


# Files


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"SF:x.py\n")
        file.truncate(500 << 20)


def link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "500 MB": (sparse, f"larger than {REPORT_BYTES >> 20} MiB"),
    "link": (link, "symbolic link"),
    "folder": (Path.mkdir, "not a regular file"),
    "pipe": (os.mkfifo, "not a regular file"),
    "missing": (lambda path: None, "cannot be opened"),
}


@pytest.mark.parametrize("kind", FILES)
def test_odd_files_are_refused_at_once(kind: str, change: Change, tmp_path: Path) -> None:
    make, reason = FILES[kind]
    path = tmp_path / "lcov.info"
    make(path)
    tracemalloc.start()
    refused(change, path, reason)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_random_bytes_are_no_report(change: Change, tmp_path: Path) -> None:
    for head in (
        b"",
        b"\x00",
        b"<",
        b"{",
        b"TN:",
        b"\xff\xfe",
        b"SQLite format 3\0",
        b"mode: set\n",
    ):
        path = tmp_path / "report"
        path.write_bytes(head + b"\x9c\x00\xff\n:,<>" * 1000)
        assert looked_at(change, path).patch is None


# The data file of coverage.py

SCHEMA = (CASES / "coverage-data" / "lines" / "report.coverage").read_bytes()


def database(tmp_path: Path, *statements: str) -> Path:
    path = tmp_path / "data"
    path.write_bytes(SCHEMA)
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i id, '' path FROM n"
)


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["DROP TABLE file", f"CREATE VIEW file AS {ENDLESS}"], "tables are not those"),
        (["CREATE TABLE more (x)"], "tables are not those"),
        (["CREATE VIRTUAL TABLE more USING fts5(x)"], "tables are not those"),
        (["ALTER TABLE file ADD COLUMN y AS (zeroblob(900000000))"], "tables are not those"),
        (["UPDATE line_bits SET numbits = zeroblob(2000000)"], "more lines than any source"),
        (["UPDATE line_bits SET numbits = 'text'"], "not a readable data file"),
        (["UPDATE line_bits SET numbits = 12345"], "not a readable data file"),
        (["DROP TABLE meta"], "not a readable data file"),
        (["UPDATE coverage_schema SET version = 99"], "not a readable data file"),
        (["DROP TABLE coverage_schema"], "not a readable data file"),
        (["UPDATE meta SET value = 'x' WHERE key = 'has_arcs'"], "not a readable data file"),
    ],
)
def test_hostile_databases(statements: list[str], reason: str, tmp_path: Path) -> None:
    change = room(tmp_path, {"src/shop/basket.py": b"a = 1\n"})
    path = database(tmp_path, *statements)
    before = path.read_bytes()
    refused(change, path, reason)
    assert path.read_bytes() == before


def test_a_journal_beside_the_data_file_is_left_alone(tmp_path: Path) -> None:
    """A hot journal would be rolled back and the file that it names deleted."""
    change = room(tmp_path, {"src/shop/basket.py": b"a = 1\n"})
    path = database(tmp_path)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    journal = tmp_path / "data-journal"
    name = str(victim).encode()
    magic = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
    tail = len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + magic
    header = magic + bytes(4) + bytes(4) + (13).to_bytes(4, "big") + (512).to_bytes(4, "big")
    journal.write_bytes(header + (4096).to_bytes(4, "big") + bytes(484) + bytes(4) + name + tail)
    before = journal.read_bytes()
    looked_at(change, path)
    assert victim.read_text() == "precious"
    assert journal.read_bytes() == before


@pytest.mark.parametrize(
    "source",
    [
        b"x = " + b"(" * 100_000,
        b"x = " + b"-" * 100_000 + b"1",
        b"x = a" + b".b" * 100_000,
        b"x = 1" + b"+1" * 100_000,
        b"x = " + b"lambda: " * 20_000 + b"1",
        b"if a:\n b\n" + b"elif c:\n d\n" * 20_000,
        b"\n" * 500_000,
        b"def " + b")->:" * 100_000,
        b"# coding: punycode\nx = 1\n",
        b"# coding: nonsense\nx = 1\n",
        b"x = 1\0",
        b"x = 1\ry = 2\n",
        b"x = '\\d'\n",
        b"\xff\xff",
        b"import os; os.abort()\n",
    ],
)
def test_hostile_sources_are_analysed_or_refused(source: bytes, tmp_path: Path) -> None:
    data = database(tmp_path)
    files: dict[str, bytes] = {"src/shop/basket.py": source}
    found = looked_at(room(tmp_path, files), data)
    assert found.patch is not None or found.unknown or found.sources


CONFIGURATION = {
    "pyproject.toml": '[tool.coverage.run]\nplugins = ["evil"]\n',
    ".coveragerc": "[run]\nplugins = evil\n",
}


MEASURE = """
import sys, pickle
from pathlib import Path
from reviewer.measure import find, measure
from reviewer.plugins import discover
formats = [cls() for cls in discover("reviewer.coverage").values()]
changes, tree = pickle.load(sys.stdin.buffer)
print(measure(find(Path.cwd()), formats, changes, tree).patch)
"""


@pytest.mark.parametrize("name", CONFIGURATION)
def test_the_configuration_beside_a_data_file_is_not_read(name: str, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    canary = tmp_path / "canary"
    (checkout / name).write_text(CONFIGURATION[name])
    (checkout / "evil.py").write_text(
        f"open({str(canary)!r}, 'w').close()\ndef coverage_init(reg, options): pass\n"
    )
    (checkout / ".coverage").write_bytes(SCHEMA)
    head = {"src/shop/basket.py": (CASES / "source" / "basket.py").read_bytes()}
    changes, tree = room(tmp_path, head)
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.environ["PATH"]}
    ours = subprocess.run(
        [sys.executable, "-P", "-c", MEASURE],
        input=pickle.dumps((changes, replace(tree, around=None))),
        cwd=checkout,
        env=environment,
        capture_output=True,
        check=True,
    )
    assert float(ours.stdout) == 100 * 16 / 22
    assert not canary.exists()
    subprocess.run(
        [sys.executable, "-m", "coverage", "json"], cwd=checkout, capture_output=True, check=False
    )
    assert canary.exists(), "the naive call no longer runs the plug-in: this test shows nothing"


def test_links_in_a_checkout_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "coverage.xml").symlink_to("/etc/passwd")
    assert find(tmp_path) == []


def test_every_format_refuses_every_other_formats_reports() -> None:
    """A report that is parsed by the wrong format is a reason, not a crash."""
    for report in CASES.glob("*/*/report.*"):
        for known in FORMATS:
            try:
                known.parse(report, lambda path: True)
            except UnreadableReport:
                continue
