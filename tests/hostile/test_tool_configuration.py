"""Changes with configuration, plug-ins, suppressions and links for the tools that review them.

Each threat is shown twice: the careless call falls for it, which keeps the fixture honest, and the
analyzer does not. Code of the change that runs writes to a canary file.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from reviewer.analyzers.bandit import Bandit
from reviewer.analyzers.base import Analyzer
from reviewer.analyzers.complexity import Complexity
from reviewer.analyzers.ruff import Ruff
from tests.support.room import BIN, Link, room, runner

pytestmark = pytest.mark.slow  # each attack runs the careless call as well

EVIL = Path(__file__).parent / "evil_repo"

BRANCHES = b"".join(b"    if value == %d:\n        return %d\n" % (i, i) for i in range(20))
COMPLEX = b"def branches(value):\n" + BRANCHES


def evil() -> dict[str, bytes]:
    """The hostile repository as a change, with a function that is too complex."""
    files = {
        path.relative_to(EVIL).as_posix(): path.read_bytes()
        for path in sorted(EVIL.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return {**files, "complex.py": COMPLEX}


def checkout(place: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, Link):
            target.symlink_to(os.fsdecode(data))
        else:
            target.write_bytes(data)
    return place


def careless(
    argv: Sequence[str], cwd: Path, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    program = sys.executable if argv[0] == "python" else str(BIN / argv[0])
    return subprocess.run(
        [program, *argv[1:]], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "pwned"
    monkeypatch.setenv("PWN", str(place))
    return place


@pytest.fixture
def environment(canary: Path, tmp_path: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8", "PWN": str(canary)}


@pytest.mark.parametrize(
    ("plugin", "rules"),
    [
        (Ruff, {"target.py": {"F401", "S307"}}),
        (Bandit, {"target.py": {"B307"}}),
        (Complexity, {"complex.py": {"complexity"}}),
    ],
    ids=["ruff", "bandit", "complexity"],
)
def test_evil_repository(
    plugin: type[Analyzer], rules: dict[str, set[str]], tmp_path: Path, canary: Path
) -> None:
    changes, tree = room(tmp_path, evil())
    tools = runner(tmp_path, extra={"PWN": str(canary)})
    run = plugin().run(changes, tree, tools)
    assert not canary.exists(), canary.read_text()
    for path, expected in rules.items():
        assert expected <= {f.rule for f in run.findings if f.span.path == path}


@pytest.mark.parametrize(
    ("argv", "folder", "added"),
    [
        (["python", "-m", "bandit", "--version"], "shadow", {}),
        (["python", "-c", "import yaml"], "shadow", {}),
        (["python", "-c", ""], ".", {"PYTHONPATH": "."}),
    ],
    ids=["python -m", "import", "PYTHONPATH"],
)
def test_careless_calls_run_the_code_of_the_change(
    argv: list[str],
    folder: str,
    added: dict[str, str],
    tmp_path: Path,
    canary: Path,
    environment: dict[str, str],
) -> None:
    place = tmp_path / "checkout"
    shutil.copytree(EVIL, place)
    careless(argv, place / folder, {**environment, **added})
    assert canary.exists()


class Silencer(NamedTuple):
    """Files that silence a tool which is called like this, and the rule that must be found."""

    plugin: type[Analyzer]
    files: dict[str, bytes]
    argv: list[str]
    rule: str
    path: str = "app.py"


SILENCERS = {
    "ruff pyproject": Silencer(
        Ruff,
        {"app.py": b"undefined()\n", "pyproject.toml": b"[tool.ruff]\nlint.select = []\n"},
        ["ruff", "check", "--no-cache", "."],
        "F821",
    ),
    "ruff.toml": Silencer(
        Ruff,
        {"app.py": b"undefined()\n", "ruff.toml": b"exclude = ['*.py']\n"},
        ["ruff", "check", "--no-cache", "."],
        "F821",
    ),
    "ruff gitignore": Silencer(
        Ruff,
        {"app.py": b"undefined()\n", ".ignore": b"*.py\n"},
        ["ruff", "check", "--no-cache", "--isolated", "."],
        "F821",
    ),
    "noqa": Silencer(
        Ruff,
        {"app.py": b"undefined()  # noqa\n"},
        ["ruff", "check", "--no-cache", "--isolated", "."],
        "F821",
    ),
    "ruff: noqa": Silencer(
        Ruff,
        {"app.py": b"# ruff: noqa\nundefined()\n"},
        ["ruff", "check", "--no-cache", "--isolated", "."],
        "F821",
    ),
    "ruff folder": Silencer(
        Ruff,
        {"venv/app.py": b"undefined()\n"},
        ["ruff", "check", "--no-cache", "--isolated", "."],
        "F821",
        "venv/app.py",
    ),
    "bandit pyproject": Silencer(
        Bandit,
        {"app.py": b"eval(code)\n", "pyproject.toml": b"[tool.bandit]\nskips = ['B307']\n"},
        ["bandit", "-q", "-r", "-c", "pyproject.toml", "."],
        "B307",
    ),
    "bandit ini": Silencer(
        Bandit,
        {"app.py": b"eval(code)\n", ".bandit": b"[bandit]\nskips: B307\n"},
        ["bandit", "-q", "-r", "."],
        "B307",
    ),
    "nosec": Silencer(
        Bandit,
        {"app.py": b"eval(code)  # nosec\n"},
        ["bandit", "-q", "-r", "."],
        "B307",
    ),
    "bandit folder": Silencer(
        Bandit,
        {"x.git/app.py": b"eval(code)\n"},
        ["bandit", "-q", "x.git/app.py"],
        "B307",
        "x.git/app.py",
    ),
    "lizard forgives": Silencer(
        Complexity,
        {"app.py": COMPLEX.replace(b"\n", b"\n    # lizard forgives\n", 1)},
        ["lizard", "-w", "-C", "15", "."],
        "complexity",
    ),
    "generated code": Silencer(
        Complexity,
        {"app.py": b"# GENERATED CODE\n" + COMPLEX},
        ["lizard", "-w", "-C", "15", "."],
        "complexity",
    ),
}


@pytest.mark.parametrize("name", SILENCERS)
def test_silencers_silence_the_careless_call_alone(
    name: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    case = SILENCERS[name]
    place = checkout(tmp_path / "checkout", case.files)
    naive = careless(case.argv, place, environment)
    assert naive.returncode == 0, f"the careless call is not silenced: {naive.stdout}"

    changes, tree = room(tmp_path, case.files)
    run = case.plugin().run(changes, tree, runner(tmp_path))
    assert (case.rule, case.path) in {(f.rule, f.span.path) for f in run.findings}


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        (b"eval(code)", "warning"),
        (b"eval(code)  # noqa # nosec", "warning"),
        (b"eval(code)  # noqa: F401  # nosec: B101", "warning"),
        (b"eval(code)  # noqa: F401, S307  # nosec: B101, B307", "note"),
        (b"eval(code)  # NOQA:S307 # NoSec B307", "note"),
    ],
)
@pytest.mark.parametrize(("plugin", "rule"), [(Ruff, "S307"), (Bandit, "B307")])
def test_a_comment_that_names_the_rule_makes_it_a_note(
    plugin: type[Analyzer], rule: str, line: bytes, severity: str, tmp_path: Path
) -> None:
    changes, tree = room(tmp_path, {"app.py": b"code = input()\n" + line + b"\n"})
    found = [f for f in plugin().run(changes, tree, runner(tmp_path)).findings if f.rule == rule]
    assert [finding.severity.value for finding in found] == [severity]
    assert ("comment on the line silences" in found[0].message) is (severity == "note")


def targets(secret: Path) -> dict[str, Callable[[Path], bytes]]:
    return {
        "absolute": lambda _: os.fsencode(secret),
        "relative": lambda place: os.fsencode(os.path.relpath(secret, place)),
        "folder": lambda _: os.fsencode(secret.parent),
        "environ": lambda _: b"/proc/self/environ",
    }


@pytest.mark.parametrize("kind", ["absolute", "relative", "folder", "environ"])
@pytest.mark.parametrize("plugin", [Ruff, Bandit, Complexity])
def test_links_lead_nowhere(
    plugin: type[Analyzer], kind: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    secret = tmp_path / "outside" / "settings.py"
    secret.parent.mkdir()
    secret.write_bytes(b"CANARY = eval(canary)\n" + COMPLEX)
    place = tmp_path / "checkout"
    link = Link(targets(secret)[kind](place))
    files = {"innocent.py": link, "app.py": b"print(1)\n"}
    if kind == "absolute":
        checkout(place, files)
        naive = careless(["bandit", "-q", "innocent.py"], place, environment)
        assert "CANARY" in naive.stdout, "the careless call follows the link"

    changes, tree = room(tmp_path, files)
    run = plugin().run(changes, tree, runner(tmp_path))
    assert run.findings == ()
    assert "canary" not in repr(run).lower()
    assert "symbolic link" in tree.skipped["innocent.py"]
