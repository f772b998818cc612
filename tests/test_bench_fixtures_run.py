"""Each bug of the bench's pull requests is one: its test fails before the fix and passes after."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.test_bench_fixtures import CASES, files

pytestmark = pytest.mark.slow

PROGRAM = """
import json, os, sys
import pytest

codes = {}
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        # A process of its own, forked: the trees have modules of the same name, and to import
        # pytest takes longer than to run the tests of one.
        os.chdir(name)
        sys.path.insert(0, os.getcwd())
        sys.stdout = open("output", "w")
        words = ["-q", "--import-mode=importlib", "--rootdir=.", "-c", os.devnull]
        code = pytest.main([*words, "-p", "no:cacheprovider", "-W", "error", "tests"])
        sys.stdout.flush()
        os._exit(code)
    codes[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(codes))
"""
"""Runs pytest in each folder that is named; prints the exit codes as JSON."""

PASSED, FAILED = 0, 1
"""Exit codes of pytest; its others say that the tests did not run (pytest, "Exit codes")."""


def tree(folder: Path, name: str, *layers: str) -> str:
    place = folder / "-".join((name, *layers))
    found = files(name, *layers) | {f"tests/{p}": d for p, d in files(name, "tests").items()}
    for path, data in found.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)
    return place.name


def run(folder: Path, names: list[str]) -> dict[str, int]:
    # They need pytest alone; to load the plugins that are installed takes most of the time.
    environ = {"PATH": os.environ["PATH"], "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names],
        cwd=folder, env=environ, capture_output=True, timeout=300, check=True,
    )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=dict[str, int])


def told(folder: Path, codes: dict[str, int], wanted: int) -> dict[str, str]:
    """What pytest said of each tree whose exit code is not the wanted one."""
    return {name: (folder / name / "output").read_text() for name in codes if codes[name] != wanted}


BUGS = [name for name in CASES if not name.startswith("clean-")]
CLEAN = [name for name in CASES if name.startswith("clean-")]


@pytest.mark.parametrize(
    ("names", "layers", "wanted"),
    [
        pytest.param(BUGS, ("base", "head"), FAILED, id="a bug fails its test"),
        pytest.param(BUGS, ("base", "head", "fixed"), PASSED, id="the fix passes it"),
        pytest.param(CLEAN, ("base", "head"), PASSED, id="a clean control passes its test"),
    ],
)
def test_a_case_does_what_it_says(
    names: list[str], layers: tuple[str, ...], wanted: int, tmp_path: Path
) -> None:
    codes = run(tmp_path, [tree(tmp_path, name, *layers) for name in names])
    assert len(codes) == len(names)
    assert told(tmp_path, codes, wanted) == {}
