"""Changes that point elsewhere: links, names and pointers that lead out of the clean room."""

import io
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reviewer import tree
from reviewer.analyzers.ruff import Ruff
from reviewer.errors import InputError
from reviewer.forges.local import WORKTREE, Local
from reviewer.reports.json import Json
from reviewer.reports.terminal import Terminal
from reviewer.tree import Tree
from tests.support.gitrepo import commits, git, new_repository
from tests.support.reviewing import branch, local, reviewed
from tests.support.room import BIN

CANARY = "canary-outside"

REGULAR = ("100644", b"import os\nx = 1\n")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "settings.py").write_text(f"import os\nPASSWORD = '{CANARY}'\n")
    return folder


def room_of(forge: Local, place: Path) -> Tree:
    """The clean room as a review makes it."""
    source = forge.changes(forge.request({}))
    clean = place / "clean"
    clean.mkdir(parents=True)
    return tree.build(source.changes, source.blobs, clean, lambda path: "")


def assert_inside(room: Tree, place: Path) -> None:
    """The clean room holds regular files and folders, and no byte from outside."""
    for path in (place / "clean").rglob("*"):
        assert not path.is_symlink()
        assert path.is_dir() or CANARY.encode() not in path.read_bytes()


LINKS = {
    "absolute": lambda outside: os.fsencode(outside / "settings.py"),
    "relative": lambda outside: b"../outside/settings.py",
    "folder": os.fsencode,
    "environment": lambda outside: b"/proc/self/environ",
    "dangling": lambda outside: b"/nowhere",
    "itself": lambda outside: b"innocent.py",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LINKS)
def test_symbolic_links_are_not_opened(
    kind: str, outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", CANARY)
    link = ("120000", LINKS[kind](outside))
    folder = tmp_path / "checkout"
    branch(folder, {b"a.py": REGULAR}, {b"a.py": ("100644", b"x = 2\n"), b"innocent.py": link})
    if kind in ("absolute", "relative"):
        careless = [BIN / "ruff", "check", "--isolated", "--no-cache", "--output-format=full", "."]
        shown = subprocess.run(careless, cwd=folder, capture_output=True, text=True, check=False)
        naive = Path(folder / "innocent.py").read_text()
        assert CANARY in naive
        assert "innocent.py" in shown.stdout
    for extent, base in (("", ""), (WORKTREE, "main")):
        place = tmp_path / f"ours{extent}"
        forge = local(folder, place, extent=extent, base=base)
        report = reviewed(forge, place, [Ruff()])
        (skipped,) = [file for file in report.changes if file.path == "innocent.py"]
        assert skipped.skipped == "symbolic link"
        for text in (Json().render(report), Terminal().render(report)):
            assert CANARY not in text
        for path in (place / "room").rglob("*"):
            assert not path.is_symlink()
            assert path.is_dir() or CANARY.encode() not in path.read_bytes()


def test_careless_tool_prints_what_a_link_points_to(outside: Path, tmp_path: Path) -> None:
    (tmp_path / "innocent.py").symlink_to(outside / "settings.py")
    words = ["-q", "-f", "json", str(tmp_path / "innocent.py")]
    done = subprocess.run([BIN / "bandit", *words], capture_output=True, text=True, check=False)
    assert CANARY in done.stdout


def test_folder_that_became_a_link(outside: Path, tmp_path: Path) -> None:
    """In the checkout the old path now leads outside; what is read is the commit."""
    folder = tmp_path / "checkout"
    branch(
        folder,
        {b"conf/settings.py": REGULAR},
        {b"conf": ("120000", os.fsencode(outside)), b"new.py": ("100644", b"y = 2\n")},
    )
    assert CANARY in (folder / "conf/settings.py").read_text()
    room = room_of(local(folder, tmp_path / "ours"), tmp_path / "ours")
    assert_inside(room, tmp_path / "ours")
    assert dict(room.skipped) == {"conf": "symbolic link", "conf/settings.py": "deleted"}
    assert set(room.files) == {"new.py"}


def added(path: bytes, mode: bytes = b"100644") -> bytes:
    """A diff that adds `path` with the lines of the file outside."""
    quoted = b'"b/' + b"".join(b"\\%03o" % byte for byte in path) + b'"'
    return (
        b"diff --git " + quoted.replace(b"b/", b"a/", 1) + b" " + quoted + b"\n"
        b"new file mode " + mode + b"\nindex 0000000..1111111\n--- /dev/null\n+++ " + quoted + b"\n"
        b"@@ -0,0 +1,2 @@\n+import os\n+PASSWORD = '" + CANARY.encode() + b"'\n"
    )


NAMES = {
    "up": lambda outside: b"../outside/settings.py",
    "up and down": lambda outside: b"src/../../outside/settings.py",
    "absolute": lambda outside: os.fsencode(outside / "settings.py"),
    "git": lambda outside: b".git/config",
    "git in capitals": lambda outside: b"sub/.Git/hooks/pre-commit",
    "twice the slash": lambda outside: b"src//settings.py",
    "NUL": lambda outside: b"a\0b.py",
    "4 KB": lambda outside: b"/".join([b"d" * 200] * 20) + b"/x.py",
    "300 bytes": lambda outside: b"n" * 300,
}


@pytest.mark.parametrize("kind", NAMES)
def test_names_of_a_diff_that_lead_out(kind: str, outside: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    new_repository(folder)
    name = NAMES[kind](outside)
    (folder / "fine.py").write_text(f"import os\nPASSWORD = '{CANARY}'\n")
    forge = Local(folder=folder, patch=added(b"fine.py") + added(name))
    room = room_of(forge, tmp_path / "ours")
    assert set(room.files) == {"fine.py"}
    assert room.skipped[os.fsdecode(name)].startswith("its name")
    held = {p.name for p in (tmp_path / "ours").rglob("*")}
    assert held == {"clean", "root", "aside", "base", "fine.py"}


@pytest.mark.parametrize("what", ["file", "folder", "pipe", "device"])
def test_links_in_the_folder_of_a_diff(what: str, outside: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    plant: dict[str, Callable[[], object]] = {
        "file": lambda: (folder / "settings.py").symlink_to(outside / "settings.py"),
        "folder": lambda: (folder / "conf").symlink_to(outside),
        "pipe": lambda: os.mkfifo(folder / "settings.py"),
        "device": lambda: (folder / "settings.py").symlink_to("/dev/zero"),
    }
    plant[what]()
    path = "conf/settings.py" if what == "folder" else "settings.py"
    room = room_of(Local(folder=folder, patch=added(path.encode())), tmp_path / "ours")
    assert_inside(room, tmp_path / "ours")
    assert "not available" in room.skipped[path]


def test_link_of_a_diff(outside: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "conf").symlink_to(outside)
    patch = (
        b"diff --git a/conf b/conf\nnew file mode 120000\nindex 0000000..1111111\n--- /dev/null\n"
        b"+++ b/conf\n@@ -0,0 +1 @@\n+" + os.fsencode(outside) + b"\n\\ No newline at end of file\n"
    )
    room = room_of(Local(folder=folder, patch=patch), tmp_path / "ours")
    assert dict(room.skipped) == {"conf": "symbolic link"}


def test_diff_that_says_other_than_the_folder(outside: Path, tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout/a.py").write_text("something = 'else'\n")
    with pytest.raises(InputError, match="is not what the diff says"):
        room_of(Local(folder=tmp_path / "checkout", patch=added(b"a.py")), tmp_path / "ours")


def crafted(folder: Path, *names: bytes) -> tuple[str, str]:
    """A repository whose head holds names that git itself refuses to check out."""
    new_repository(folder)
    (before,) = commits(folder, {b"a.py": REGULAR})
    blob = git(folder, "rev-parse", f"{before}:a.py").strip()
    raw = bytes.fromhex(blob.decode())
    inner = b"100644 config\0" + raw + b"100644 x.py\0" + raw
    words = ("hash-object", "-t", "tree", "-w", "--literally", "--stdin")
    below = bytes.fromhex(git(folder, *words, stdin=inner).decode())
    entries = b"100644 a.py\0" + raw
    entries += b"".join(b"40000 " + name + b"\0" + below for name in sorted(names))
    top = git(folder, *words, stdin=entries).decode().strip()
    after = git(folder, "commit-tree", top, "-p", before, "-m", "crafted").decode().strip()
    git(folder, "update-ref", "refs/heads/main", before)
    git(folder, "update-ref", "refs/heads/feature", after)
    git(folder, "symbolic-ref", "HEAD", "refs/heads/feature")
    return before, after


def test_crafted_trees(tmp_path: Path) -> None:
    names = (b"..", b".", b".git", b".GIT", b"-dash", b"C:\\x", b"fine")
    folder = tmp_path / "checkout"
    crafted(folder, *names)
    room = room_of(local(folder, tmp_path / "ours"), tmp_path / "ours")
    assert set(room.files) == {
        f"{name}/{file}" for name in ("-dash", "C:\\x", "fine") for file in ("config", "x.py")
    }
    assert set(room.skipped) == {
        f"{name}/{file}" for name in ("..", ".", ".git", ".GIT") for file in ("config", "x.py")
    }
    held = {p.relative_to(tmp_path / "ours").parts[0] for p in (tmp_path / "ours").rglob("*")}
    assert held == {"clean", "git-scratch"}


def test_archives_and_pointers_are_left_alone(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", bytes(10 << 20))
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"
    folder = tmp_path / "checkout"
    branch(
        folder,
        {b"a.py": REGULAR},
        {
            b"a.py": ("100644", b"x = 2\n"),
            b"bomb.zip": ("100644", archive.getvalue()),
            b"bomb.py": ("100644", archive.getvalue()),
            b"model.bin": ("100644", pointer),
        },
    )
    room = room_of(local(folder, tmp_path / "ours"), tmp_path / "ours")
    assert room.skipped["bomb.zip"] == "binary"
    assert room.skipped["model.bin"] == "Git LFS pointer"
    assert room.read("bomb.py") == archive.getvalue()
    assert sum(p.stat().st_size for p in (tmp_path / "ours/clean").rglob("*")) < 1 << 20


def test_case_twins(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    twins = {b"README.md": REGULAR, b"readme.md": REGULAR, b"Src/a.py": REGULAR}
    branch(folder, {}, {**twins, b"src/a.py": REGULAR})
    room = room_of(local(folder, tmp_path / "ours"), tmp_path / "ours")
    assert len({name.lower() for name in room.files.values()}) == 4


def test_same_file_twice_in_a_diff(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "a.py").write_text(f"import os\nPASSWORD = '{CANARY}'\n")
    forge = Local(folder=folder, patch=added(b"a.py") * 2)
    report = reviewed(forge, tmp_path, [Ruff()])
    assert [file.path for file in report.changes] == ["a.py", "a.py"]
