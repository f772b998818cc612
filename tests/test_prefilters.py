"""What the analyzers that read syntax do not even parse: nothing that they would have named."""

import random
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from zlib import crc32

import pytest

from reviewer.analyzers import docs, suppressions
from reviewer.analyzers import globals as globals_
from reviewer.analyzers.base import Analyzer
from reviewer.analyzers.docs import Docs
from reviewer.analyzers.globals import Globals
from reviewer.analyzers.naming import Naming
from reviewer.analyzers.suppressions import Suppressions
from reviewer.model import ToolRun
from tests.support.room import room, runner

pytestmark = pytest.mark.slow

SITE = Path(sysconfig.get_path("purelib"))
FILES = 120

FRAGMENTS: Mapping[str, tuple[str, ...]] = {
    ".py": (
        "seen = []\n", "def visit(x):\n    seen.append(x)\n", "COUNT: int = 0\n",
        "def add():\n    global COUNT\n    COUNT += 1\n", "a = 1; rows = {}\n", "rows[1] = 2\n",
        "def fill():\n    rows[3] = 4\n", "table \\\n  = dict()\n", "x = 1  # noqa: E501\n",
        "def grow(): table \\\n  .update(x)\n", "class  \\\n  my_class:\n    pass\n",
        "def getUser(aLongName): pass\n", "class price_list:\n    def Total(self): pass\n",
        "def \\\n  getThat(): pass\n", "def do_stuff(): 'Words.'\n", "async def f(): pass\n",
        "@unittest.skip\ndef test_it(): pass\n", "pytestmark = pytest.mark.skip\n",
        "text = '''\n# noqa\n'''\n", "if x: global_ = []\n", "for userName in y: pass\n",
        "def g():\n    seen[0] += 1\n    del seen[1]\n", "def tmp(): pass\n", "x = 1 # nosec\n",
    ),
    ".js": (
        "let seen = [];\n", "function visit() { seen = 1; }\n", "var a, row_count = 0;\n",
        "export function get_it() { row_count++; }\n", "class price_list {}\n", "let $x_y = 1;\n",
        "/* eslint-disable */\n", "it.only('x', () => {});\n", "describe.skip('y', f);\n",
        "/*\n   eslint-disable-next-line no-x\n*/\n", "export const go = () => 1;\n",
        "exports.run = function () {};\n", "const stuff = () => 1;\n", "xit('z', g);\n",
    ),
    ".go": (
        "var seen []int\n", "func Visit() { seen = nil }\n", "func Get_it() {}\n",
        "x() //nolint:errcheck\n", "type Row_kind struct{}\n", "func TestA(t *T) { t.Skip() }\n",
        "type (\n\tRow struct{}\n)\n", "var (\n\tmax_rows = 1\n)\n",
    ),
    ".java": (
        "class A { static int count; void add() { count++; } }\n", "public class rows {}\n",
        "public interface B { void Get(); int get_it(); }\n", "// NOSONAR\n",
        "class C { @SuppressWarnings(\"x\") public void stuff() {} }\n",
        "class T { @Disabled void testIt() {} }\n",
    ),
    ".rs": (
        "static mut COUNT: u32 = 0;\n", "pub fn getIt() {}\n", "pub struct row_kind;\n",
        "#[\n  allow(dead_code)\n]\nfn f() {}\n", "#[test]\n#[ignore]\nfn t() {}\n",
        "enum E { first, Second }\n", "fn r#getThat() {}\n",
    ),
}  # fmt: skip


def generated(seed: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Files of some fragments each, after and before."""
    draw = random.Random(seed)
    after: dict[str, bytes] = {}
    before: dict[str, bytes] = {}
    for number in range(60):
        suffix = draw.choice(list(FRAGMENTS))
        folder = draw.choice(["src", "tests"])
        name = f"{folder}/{'test_' if folder == 'tests' else ''}f{number}{suffix}"
        parts = draw.choices(FRAGMENTS[suffix], k=draw.randint(1, 5))
        head = "package rows\n" if suffix == ".go" else ""
        after[name] = (head + "".join(parts)).encode()
        kept = [part for part in parts if draw.random() < 0.6]
        if draw.random() < 0.8:
            before[name] = (head + "".join(kept)).encode()
    return after, before


def installed(seed: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Real code of Python, which a change gives a part of its lines."""
    draw = random.Random(seed)
    files = sorted(
        SITE.glob("*/*.py"), key=lambda f: crc32(f"{seed} {f.parent.name}/{f.name}".encode())
    )
    after: dict[str, bytes] = {}
    before: dict[str, bytes] = {}
    for place in files[:FILES]:
        name, data = f"{place.parent.name}/{place.name}", place.read_bytes()
        lines = data.splitlines(keepends=True)
        start = draw.randrange(len(lines) + 1)
        after[name] = data
        before[name] = b"".join(lines[:start] + lines[start + draw.randint(1, 40) :])
    return after, before


def judged(place: Path, analyzer: Analyzer, change: Callable[[int], object], seed: int) -> ToolRun:
    place.mkdir()
    changes, tree = room(place, *change(seed))  # type: ignore[misc]
    return analyzer.run(changes, tree, runner(place))


@pytest.mark.parametrize("change", [generated, installed])
@pytest.mark.parametrize(
    ("analyzer", "where", "name"),
    [
        (Suppressions(), suppressions, "hinted"),
        (Globals(), globals_, "may_hold"),
        (Docs(), docs, "may_lack"),
        (Naming(), Naming, "_odd"),
    ],
)
def test_what_is_not_parsed_has_no_findings(
    analyzer: Analyzer,
    where: object,
    name: str,
    change: Callable[[int], object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick = judged(tmp_path / "quick", analyzer, change, 1)
    monkeypatch.setattr(where, name, lambda *_: {"all of it"})
    whole = judged(tmp_path / "whole", analyzer, change, 1)
    assert quick.findings == whole.findings
    assert whole.findings or change is installed


@pytest.mark.parametrize("analyzer", [Suppressions(), Globals(), Docs(), Naming()])
def test_a_change_that_cannot_matter_starts_no_parser(analyzer: Analyzer, tmp_path: Path) -> None:
    """No program is here that could parse; nobody asks for one."""
    before = {"src/a.py": b"def _get(rows):\n    return rows\n"}
    after = {"src/a.py": b"def _get(rows):\n    print(rows)\n    return sorted(rows)\n"}
    changes, tree = room(tmp_path, after, before)
    run = analyzer.run(changes, tree, runner(tmp_path, seconds=0.0))
    assert (run.outcome.value, run.findings, run.reason) == ("ok", (), "")
