"""The clean room: what comes in, under which name, and what stays outside with which reason."""

import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer import tree
from reviewer.errors import InputError
from reviewer.model import ChangeSet, FileChange, Hunk, Status
from reviewer.tree import Tree

HUNK = Hunk(0, 0, 1, 1, "", b"+x\n")


@dataclass(frozen=True)
class Held:
    """Contents by object id."""

    contents: Mapping[str, bytes] = field(default_factory=dict)

    def read(self, oids: Iterable[str]) -> Iterator[bytes | None]:
        return (self.contents.get(oid) for oid in oids)


def change(path: str, *, old_oid: str = "", old_mode: int = 0, oid: str = "") -> FileChange:
    return FileChange(
        path,
        Status.MODIFIED if old_oid else Status.ADDED,
        old_mode=old_mode,
        new_mode=0o100644,
        old_oid=old_oid,
        new_oid=oid or f"oid of {path}",
        hunks=(HUNK,),
    )


def built(place: Path, *paths: str, data: bytes = b"x\n") -> Tree:
    files = tuple(change(path) for path in paths)
    blobs = Held({file.new_oid: data for file in files})
    return tree.build(ChangeSet("b", "h", files), blobs, place, lambda path: "")


def test_plain_files_keep_their_names(tmp_path: Path) -> None:
    room = built(tmp_path, "a.py", "src/pkg/_b.py", "src/v1.2/c++.cpp")
    assert set(room.files) == {"a.py", "src/pkg/_b.py", "src/v1.2/c++.cpp"}
    for path, name in room.files.items():
        assert path == name
        assert (room.root / name).read_bytes() == b"x\n" == room.read(path)
        assert room.origin(name) == room.origin(str(room.root / name)) == path
    assert room.origin("other.py") is None


def test_configuration_lies_aside(tmp_path: Path) -> None:
    names = ("pyproject.toml", "sub/.bandit", ".github/workflows/ci.yml", "x/Trivy.YAML", "a.py")
    room = built(tmp_path, *names)
    assert set(room.asides) == set(names) - {"a.py"}
    assert [p.name for p in room.root.rglob("*")] == ["a.py"]
    assert room.read(".github/workflows/ci.yml") == b"x\n"
    assert room.origin(str(room.aside / "sub/.bandit")) == "sub/.bandit"


@pytest.mark.parametrize(
    "path",
    [
        "-x.py",
        "a b.py",
        "a\nb.py",
        'a"b.py',
        "caf\udce9.py",
        "é.py",
        "a;b.py",
        "$(x).py",
        "odd-names/0.py",
    ],
)
def test_odd_names_get_one_of_ours(path: str, tmp_path: Path) -> None:
    room = built(tmp_path, path)
    name = room.files[path]
    assert name == "odd-names/0.py"
    assert room.read(path) == b"x\n"
    assert room.origin(name) == path


def test_suffixes_of_odd_names_are_plain(tmp_path: Path) -> None:
    room = built(tmp_path, "-a.p\ny", "-b", "-c.PY")
    assert sorted(room.files.values()) == ["odd-names/0", "odd-names/1", "odd-names/2.PY"]


def test_case_twins_are_two_files(tmp_path: Path) -> None:
    room = built(tmp_path, "README.md", "readme.md", "Readme.MD")
    assert len({name.lower() for name in room.files.values()}) == 3


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "not a relative path"),
        ("/etc/passwd", "not a relative path"),
        ("a\0b", "not a relative path"),
        ("../a.py", "leads out"),
        ("a/../../x.py", "leads out"),
        ("a//b.py", "leads out"),
        ("./a.py", "leads out"),
        ("a/", "leads out"),
        (".git/config", "leads out"),
        ("sub/.GIT/hooks/pre-commit", "leads out"),
        ("x" * 256, "too long"),
        ("é" * 128, "too long"),
        ("/".join(["d" * 200] * 21), "too long"),
    ],
)
def test_unsafe_names_are_skipped(path: str, reason: str, tmp_path: Path) -> None:
    room = built(tmp_path, path, "a.py")
    assert reason in room.skipped[path]
    assert set(room.files) == {"a.py"}
    assert {p.name for p in tmp_path.rglob("*")} == {"root", "aside", "base", "a.py"}


def test_names_of_the_greatest_length(tmp_path: Path) -> None:
    room = built(tmp_path, "x" * 255, "/".join(["d" * 250] * 13))
    assert not room.skipped
    assert all(room.read(path) == b"x\n" for path in room.files)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "not available or over 1 MiB"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
        ("x = 1\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_contents_that_are_not_looked_into(data: bytes | None, reason: str, tmp_path: Path) -> None:
    blobs = Held({} if data is None else {"1": data})
    changes = ChangeSet("b", "h", (change("a.py", oid="1"),))
    room = tree.build(changes, blobs, tmp_path, lambda path: "")
    assert reason in room.skipped["a.py"]
    assert not room.files


def test_former_versions(tmp_path: Path) -> None:
    files = (
        change("a.py", old_oid="1", old_mode=0o100644),
        change("-b.py", old_oid="2", old_mode=0o100755),
        change("link.py", old_oid="3", old_mode=tree.SYMLINK),
        change("new.py", old_oid="0" * 40),
    )
    contents = {"1": b"one", "2": b"two", "3": b"a.py", **{f.new_oid: b"x" for f in files}}
    room = tree.build(ChangeSet("b", "h", files), Held(contents), tmp_path, lambda path: "")
    assert [room.read_base(file.path) for file in files] == [b"one", b"two", None, None]
    assert room.read_base("absent.py") is None


def test_settings_leave_files_out(tmp_path: Path) -> None:
    changes = ChangeSet("b", "h", (change("a.py"), change("gen/b.py")))
    blobs = Held({file.new_oid: b"x" for file in changes.files})
    told = {"gen/b.py": "generated"}
    room = tree.build(changes, blobs, tmp_path, lambda path: told.get(path, ""))
    assert (set(room.files), dict(room.skipped)) == ({"a.py"}, told)


names = st.text(
    st.sampled_from("ab./-\\\0\n é\udcff") | st.characters(codec="utf-8"), max_size=8
) | st.sampled_from(("..", ".git/x", "a/../b", "/x", "a" * 300, "pyproject.toml", "A.py", "a.py"))


@settings(max_examples=25, deadline=None)
@given(st.lists(names, unique=True, max_size=8))
def test_files_and_skipped_are_the_change(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str]
) -> None:
    """Every file is in exactly one of the three, and the room holds nothing else."""
    place = tmp_path_factory.mktemp("room", numbered=True)
    room = built(place, *paths)
    everything = [*room.files, *room.asides, *room.skipped]
    assert sorted(everything) == sorted(paths)
    lying = {p for p in place.rglob("*") if not p.is_dir()}
    assert lying == {room.root / n for n in room.files.values()} | {
        room.aside / n for n in room.asides.values()
    }
    assert all(room.skipped.values())


FULL = """
import resource, sys
from pathlib import Path
from tests.test_tree import built
from reviewer.errors import InputError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    built(Path(sys.argv[1]), "a.py", data=b"x" * 5000)
except InputError as error:
    print(error.message, "|", error.tip)
"""


def test_full_disk_never_cuts_a_file(tmp_path: Path) -> None:
    """A write that takes only a part is how a disk begins to be full."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot write the clean room: File too large | is there space" in done.stdout


def test_place_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(InputError, match="cannot write the clean room: File exists"):
        built(tmp_path, "a.py")
