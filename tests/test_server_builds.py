"""The first start, in which kernels are compiled: it shows progress, and no dead build stops it."""

import os
import time
from pathlib import Path

import pytest

from reviewer.server import builds
from reviewer.server.protocol import Progress


@pytest.fixture(params=["", "py312_cu130"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of the kernels, below a root that is tmp_path."""
    made = tmp_path / request.param / builds.NAME
    made.mkdir(parents=True)
    return made


def wait(said: list[Progress], number: int) -> None:
    end = time.monotonic() + 5
    while len(said) < number:
        assert time.monotonic() < end, said
        time.sleep(0.005)


def test_each_file_is_progress(tmp_path: Path, place: Path) -> None:
    (place / "old.o").touch()
    said: list[Progress] = []
    with builds.told(tmp_path, said.append, 0.01):
        time.sleep(0.05)
        assert said == [], "nothing is done yet"
        for number in (1, 2):
            (place / f"{number}.o").touch()
            wait(said, number)
    assert said == [Progress("build", 2), Progress("build", 3)]


def test_without_a_build_nothing_is_said(tmp_path: Path) -> None:
    said: list[Progress] = []
    builds.unlock(tmp_path / "nowhere", said.append)
    with builds.told(tmp_path / "nowhere", said.append, 0.01):
        time.sleep(0.03)
    assert said == []


def test_the_lock_of_a_dead_build_goes(tmp_path: Path, place: Path) -> None:
    lock = place / "lock"
    other = tmp_path / "other" / "lock"
    other.parent.mkdir()
    for each in (place / "a.o", lock, other):
        each.touch()
        os.utime(each, (1, 1))
    said: list[Progress] = []
    builds.unlock(tmp_path, said.append)
    assert said == []
    assert not lock.exists()
    assert other.exists(), "it is another library's"


def test_a_build_that_may_live_is_waited_for(tmp_path: Path, place: Path) -> None:
    lock = place / "lock"
    lock.touch()
    os.utime(lock, (1, 1))
    (place / "a.o").touch()
    said: list[Progress] = []
    began = time.monotonic()
    builds.unlock(tmp_path, said.append, 0.2, 0.01)
    assert 0.1 < time.monotonic() - began < 5
    assert len(said) > 2
    assert not lock.exists()


FOLDERS = {
    "named": ({"TORCH_EXTENSIONS_DIR": "/x", "HOME": "/h", "XDG_CACHE_HOME": "/c"}, "/x"),
    "cache": ({"HOME": "/h", "XDG_CACHE_HOME": "/c"}, "/c/torch_extensions"),
    "home": ({"HOME": "/h"}, "/h/.cache/torch_extensions"),
}


@pytest.mark.parametrize(("environ", "folder"), FOLDERS.values(), ids=FOLDERS)
def test_where_torch_builds(environ: dict[str, str], folder: str) -> None:
    assert builds.folder(environ) == Path(folder)
