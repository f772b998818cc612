"""Changes read from real repositories of every shape."""

import os
import stat
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from reviewer import tree
from reviewer.errors import InputError
from reviewer.forges.local import STAGED, WORKTREE
from reviewer.git import Repository
from reviewer.model import ChangeSet, FileChange, Status
from tests.support.gitrepo import commits, git, new_repository
from tests.support.reviewing import branch, checkout, local, raw

BASE = {"a.py": b"x = 1\n"}
HEAD = {"a.py": b"x = 2\n"}

Entries = Mapping[bytes, tuple[str, bytes]]


def opened(folder: Path, tmp_path: Path) -> Repository:
    scratch = tmp_path / "ours"
    scratch.mkdir()
    return Repository.open(folder, scratch)


def changes(tmp_path: Path, base: Entries, head: Entries) -> ChangeSet:
    folder = tmp_path / "checkout"
    before, after = branch(folder, base, head, checked_out=False)
    return opened(folder, tmp_path).changes(before, after)


def by_name(folder: Path, tmp_path: Path, **options: object) -> dict[str, FileChange]:
    forge = local(folder, tmp_path / "ours", **options)
    return dict(forge.changes(forge.request({})).changes.by_path)


def test_merge_base_and_not_the_tip_of_the_branch(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    before, after = checkout(folder, BASE, HEAD)
    git(folder, "checkout", "-q", "main")
    (folder / "other.py").write_text("y = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "main moves on")
    git(folder, "checkout", "-q", "feature")
    forge = local(folder, tmp_path / "ours")
    request = forge.request({})
    assert (request.base, request.head) == (before, after)
    assert set(forge.changes(request).changes.by_path) == {"a.py"}
    assert forge.trusted_ref == git(folder, "rev-parse", "main").decode().strip()


@pytest.mark.parametrize(
    ("refs", "chosen"),
    [
        (["refs/heads/master", "refs/heads/main"], "refs/heads/main"),
        (["refs/heads/master"], "refs/heads/master"),
        (["refs/heads/main", "refs/remotes/origin/master"], "refs/remotes/origin/master"),
        (["refs/remotes/origin/HEAD", "refs/remotes/origin/main"], "refs/remotes/origin/HEAD"),
    ],
)
def test_default_branch(refs: list[str], chosen: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    before, _ = checkout(folder, BASE, HEAD)
    git(folder, "update-ref", "-d", "refs/heads/main")
    for ref in refs:
        git(folder, "update-ref", ref, before)
    assert opened(folder, tmp_path).default_branch() == chosen


def test_no_default_branch(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    checkout(folder, BASE, HEAD)
    git(folder, "branch", "-m", "main", "trunk")
    with pytest.raises(InputError, match="no main or master") as caught:
        opened(folder, tmp_path).default_branch()
    assert caught.value.tip == "name one: --base REF"


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not in a git repository") as caught:
        opened(tmp_path, tmp_path)
    assert "--repo" in caught.value.tip


def test_broken_repository(tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout/.git").write_text("gitdir: /nowhere\n")
    with pytest.raises(InputError, match=r"git cannot read .*checkout/.git: .*not a git"):
        opened(tmp_path / "checkout", tmp_path)


def test_no_git(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="git cannot be started") as caught:
        Repository.open(tmp_path, tmp_path, path=str(tmp_path))
    assert "install git" in caught.value.tip


def shallow(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    checkout(folder, BASE, HEAD)
    git(folder, "checkout", "-q", "main")
    (folder / "other.py").write_text("y = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "main moves on")
    clone = tmp_path / "clone"
    where = f"file://{folder}"
    git(tmp_path, "clone", "-q", "--depth=1", "--branch=feature", where, "clone")
    return clone


def test_shallow_clone_without_the_base(tmp_path: Path) -> None:
    clone = shallow(tmp_path)
    git(clone, "update-ref", "-d", "refs/remotes/origin/HEAD")
    with pytest.raises(InputError, match="no main or master") as caught:
        by_name(clone, tmp_path)
    assert "git fetch" in caught.value.tip
    with pytest.raises(InputError, match="no commit 'v1'") as caught:
        by_name(clone, tmp_path / "too", base="v1")
    assert "git fetch origin v1" in caught.value.tip


def test_shallow_clone_without_a_merge_base(tmp_path: Path) -> None:
    clone = shallow(tmp_path)
    git(clone, "fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main")
    with pytest.raises(InputError, match="no common ancestor in this shallow clone") as caught:
        by_name(clone, tmp_path, base="origin/main")
    assert "git fetch --unshallow" in caught.value.tip
    git(clone, "fetch", "-q", "--unshallow", "origin")
    assert set(by_name(clone, tmp_path / "cured", base="origin/main")) == {"a.py"}


def test_time_of_a_shallow_head(tmp_path: Path) -> None:
    """Its parents are missing, which our own repository is not told."""
    clone = shallow(tmp_path)
    forge = local(clone, tmp_path / "ours")
    head = forge.repository.commit("HEAD")
    time_of_head = forge.repository.changes(forge.repository.empty_tree(), head).head_time
    assert time_of_head == float(git(clone, "log", "-1", "--format=%ct"))


def test_unrelated_histories(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    checkout(folder, BASE, HEAD)
    git(folder, "checkout", "-q", "--orphan", "other")
    git(folder, "commit", "-q", "-m", "unrelated")
    with pytest.raises(InputError, match="no common ancestor"):
        by_name(folder, tmp_path)


def test_merge_commit_as_head(tmp_path: Path) -> None:
    """As a forge checks out a pull request: lines are those of the merge."""
    folder = tmp_path / "checkout"
    lines = b"".join(b"v%d = %d\n" % (n, n) for n in range(1, 31))
    checkout(folder, {"b.py": lines}, {"b.py": lines.replace(b"v20 = 20", b"MARK = 1")})
    git(folder, "checkout", "-q", "main")
    (folder / "b.py").write_bytes(b"n = 0\n" * 3 + lines)
    git(folder, "commit", "-q", "-a", "-m", "base moves on")
    git(folder, "checkout", "-q", "--detach", "main")
    git(folder, "merge", "-q", "--no-edit", "feature")
    assert by_name(folder, tmp_path)["b.py"].added_text == {23: "MARK = 1"}
    assert by_name(folder, tmp_path / "head", head="feature")["b.py"].added_text == {20: "MARK = 1"}


def test_detached_head_from_a_folder_below(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    checkout(folder, BASE, {**HEAD, "deep/er/c.py": b"z = 1\n"})
    git(folder, "checkout", "-q", "--detach")
    assert set(by_name(folder / "deep" / "er", tmp_path)) == {"a.py", "deep/er/c.py"}


@pytest.mark.parametrize("extent", ["", STAGED, WORKTREE])
def test_linked_worktree(extent: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    checkout(folder, BASE, HEAD)
    git(folder, "worktree", "add", "-q", "--detach", "../linked", "feature")
    linked = tmp_path / "linked"
    assert (linked / ".git").is_file()
    (linked / "a.py").write_text("x = 3\n")
    if extent:
        git(linked, "add", "a.py")
    texts = by_name(linked, tmp_path, extent=extent)["a.py"].added_text
    assert texts == {1: "x = 3" if extent else "x = 2"}


@pytest.mark.parametrize("extent", ["", STAGED, WORKTREE])
def test_submodule_checkout(extent: str, tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    checkout(inner, BASE, HEAD)
    checkout(outer, BASE, HEAD)
    allow = ("-c", "protocol.file.allow=always")
    git(outer, *allow, "submodule", "add", "-q", "-b", "feature", str(inner), "sub")
    sub = outer / "sub"
    assert (sub / ".git").is_file()
    git(sub, "branch", "main", "origin/main")
    git(sub, "update-ref", "-d", "refs/remotes/origin/HEAD")
    (sub / "a.py").write_text("x = 3\n")
    if extent:
        git(sub, "add", "a.py")
    changed = by_name(sub, tmp_path, extent=extent)
    assert changed["a.py"].added_text == {1: "x = 3" if extent else "x = 2"}


def test_bare_repository(tmp_path: Path) -> None:
    checkout(tmp_path / "checkout", BASE, HEAD)
    git(tmp_path, "clone", "-q", "--bare", "checkout", "bare")
    bare = tmp_path / "bare"
    assert by_name(bare, tmp_path, base="main", head="feature")["a.py"].added == {1}
    for extent in (STAGED, WORKTREE):
        with pytest.raises(InputError, match="is a bare repository") as caught:
            by_name(bare, tmp_path / extent, extent=extent)
        assert "--base" in caught.value.tip


def test_sha256_repository(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main", "--object-format=sha256")
    before, after = commits(folder, raw(BASE), raw(HEAD))
    git(folder, "update-ref", "refs/heads/main", before)
    git(folder, "checkout", "-q", "-f", "-b", "feature", after)
    (change,) = by_name(folder, tmp_path).values()
    assert (len(change.new_oid), change.added) == (64, {1})
    (folder / "a.py").write_text("x = 3\n")
    forge = local(folder, tmp_path / "ours too", extent=WORKTREE)
    source = forge.changes(forge.request({}))
    assert list(source.blobs.read([source.changes.files[0].new_oid])) == [b"x = 3\n"]


def test_packed_objects_and_alternates(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    checkout(origin, BASE, HEAD)
    git(origin, "repack", "-q", "-a", "-d", "-f")
    git(origin, "pack-refs", "--all")
    git(tmp_path, "clone", "-q", "--shared", "origin", "checkout")
    assert not list((tmp_path / "checkout/.git/objects").glob("??/*"))
    changed = by_name(tmp_path / "checkout", tmp_path, base="origin/main")
    assert changed["a.py"].added_text == {1: "x = 2"}


def test_partial_clone_without_the_files(tmp_path: Path) -> None:
    checkout(tmp_path / "origin", BASE, HEAD)
    git(tmp_path / "origin", "config", "uploadpack.allowFilter", "true")
    where = f"file://{tmp_path / 'origin'}"
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", where, "partial")
    with pytest.raises(InputError, match="git cannot compare") as caught:
        by_name(tmp_path / "partial", tmp_path, base="main", head="feature")
    assert "no --filter" in caught.value.tip


def test_broken_object(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    long = b"".join(b"%d\n" % (n * n) for n in range(20_000))
    before, _ = checkout(folder, {"a.py": long}, HEAD)
    oid = git(folder, "rev-parse", f"{before}:a.py").decode().strip()
    broken = folder / ".git/objects" / oid[:2] / oid[2:]
    broken.chmod(0o644)
    broken.write_bytes(broken.read_bytes()[:5000])
    repository = opened(folder, tmp_path)
    with pytest.raises(InputError, match="git cannot read the object") as caught:
        repository.at(before, "a.py")
    assert "git fsck" in caught.value.tip


# The index and the work tree


def stages(tmp_path: Path) -> Path:
    """A checkout whose HEAD, index and work tree differ, with new and ignored files."""
    folder = tmp_path / "checkout"
    checkout(folder, BASE, {**HEAD, ".gitignore": b"*.log\n"})
    (folder / "a.py").write_text("x = 33\n")
    (folder / "staged.py").write_text("s = 1\n")
    git(folder, "add", ".")
    (folder / "a.py").write_text("x = 444\n")
    (folder / "new.py").write_text("n = 1\n")
    (folder / "build.log").write_text("ignored\n")
    (folder / "private.txt").write_text("ignored in this clone\n")
    (folder / ".git/info/exclude").write_text("private.*\n")
    return folder


def test_staged_and_work_tree_and_commits(tmp_path: Path) -> None:
    folder = stages(tmp_path)
    committed = by_name(folder, tmp_path / "commits")
    staged = by_name(folder, tmp_path / "staged", extent=STAGED)
    lying = by_name(folder, tmp_path / "worktree", extent=WORKTREE)
    assert {path: dict(change.added_text) for path, change in committed.items()} == {
        ".gitignore": {1: "*.log"},
        "a.py": {1: "x = 2"},
    }
    assert {path: dict(change.added_text) for path, change in staged.items()} == {
        "a.py": {1: "x = 33"},
        "staged.py": {1: "s = 1"},
    }
    assert {path: dict(change.added_text) for path, change in lying.items()} == {
        "a.py": {1: "x = 444"},
        "new.py": {1: "n = 1"},
        "staged.py": {1: "s = 1"},
    }


def test_contents_of_the_work_tree_can_be_read(tmp_path: Path) -> None:
    forge = local(stages(tmp_path), tmp_path / "ours", extent=WORKTREE)
    source = forge.changes(forge.request({}))
    oids = [change.new_oid for change in source.changes.files]
    assert list(source.blobs.read(oids)) == [b"x = 444\n", b"n = 1\n", b"s = 1\n"]


def test_base_of_the_work_tree(tmp_path: Path) -> None:
    lying = by_name(stages(tmp_path), tmp_path, extent=WORKTREE, base="main")
    assert set(lying) == {".gitignore", "a.py", "new.py", "staged.py"}


def test_edit_of_equal_size_in_the_second_of_the_index(tmp_path: Path) -> None:
    """Git looks into such a file because the index is not younger: a copy must keep its time."""
    folder = tmp_path / "checkout"
    checkout(folder, BASE, HEAD)
    old = time.time() - 100
    for number in (3, 4):
        (folder / "a.py").write_text(f"x = {number}\n")
        os.utime(folder / "a.py", (old, old))
        if number == 3:
            git(folder, "-c", "core.trustctime=false", "add", "a.py")
    os.utime(folder / ".git/index", (old, old))
    git(folder, "config", "core.trustctime", "false")
    assert b"a.py" in git(folder, "diff", "--name-only")
    lying = by_name(folder, tmp_path, extent=WORKTREE)
    assert lying["a.py"].added_text == {1: "x = 4"}


def test_split_index(tmp_path: Path) -> None:
    folder = stages(tmp_path)
    git(folder, "update-index", "--split-index")
    assert list((folder / ".git").glob("sharedindex.*"))
    assert set(by_name(folder, tmp_path, extent=STAGED)) == {"a.py", "staged.py"}


def test_unborn_branch(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "checkout")
    (folder / "a.py").write_text("x = 1\n")
    git(folder, "add", ".")
    (folder / "b.py").write_text("y = 1\n")
    assert set(by_name(folder, tmp_path / "staged", extent=STAGED)) == {"a.py"}
    assert set(by_name(folder, tmp_path / "lying", extent=WORKTREE)) == {"a.py", "b.py"}
    with pytest.raises(InputError, match="no commit 'HEAD'"):
        by_name(folder, tmp_path)


def test_nothing_staged(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    checkout(folder, BASE, HEAD)
    assert by_name(folder, tmp_path, extent=STAGED) == {}


def test_merge_conflict_in_the_index(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    checkout(folder, BASE, HEAD)
    git(folder, "checkout", "-q", "main")
    (folder / "a.py").write_text("x = 3\n")
    git(folder, "commit", "-q", "-a", "-m", "other")
    git(folder, "merge", "feature", check=False)
    with pytest.raises(InputError, match="git cannot read the index") as caught:
        by_name(folder, tmp_path, extent=STAGED)
    assert "merge conflicts" in caught.value.tip


def test_line_ends_of_the_work_tree(tmp_path: Path) -> None:
    """Under text=auto a checkout with CRLF is no change, and an edit is one line."""
    folder = tmp_path / "checkout"
    head = {".gitattributes": b"* text=auto\n", "a.py": b"x = 1\ny = 2\n"}
    checkout(folder, head, head)
    (folder / "a.py").write_bytes(b"x = 1\r\ny = 3\r\n")
    lying = by_name(folder, tmp_path, extent=WORKTREE)
    assert {path: change.added for path, change in lying.items()} == {"a.py": {2}}


# Kinds of changes


def test_kinds_of_changes(tmp_path: Path) -> None:
    code = b"".join(b"line %d\n" % number for number in range(20))
    link, script = ("120000", b"a.py"), ("100755", code)
    changed = changes(
        tmp_path,
        {
            b"moved.py": ("100644", code),
            b"edited.py": ("100644", code + b"old\n"),
            b"copied.py": ("100644", code + b"copied\n"),
            b"mode.sh": ("100644", code),
            b"gone.py": ("100644", b"x\n"),
            b"type.py": ("100644", b"x\n"),
            b"link": link,
            b"sub": ("160000", b"1" * 40),
            b"image.png": ("100644", b"\x89PNG\0" + bytes(range(256))),
        },
        {
            b"moved here.py": ("100644", code),
            b"edited here.py": ("100644", code + b"new\n"),
            b"copied.py": ("100644", code + b"copied\nmore\n"),
            b"copy.py": ("100644", code + b"copied\n"),
            b"mode.sh": script,
            b"type.py": link,
            b"link": ("120000", b"b.py"),
            b"sub": ("160000", b"2" * 40),
            b"new-sub": ("160000", b"3" * 40),
            b"image.png": ("100644", b"\x89PNG\0" + bytes(range(255))),
        },
    ).by_path
    assert {path: (change.status, change.old_path) for path, change in changed.items()} == {
        "moved here.py": (Status.RENAMED, "moved.py"),
        "edited here.py": (Status.RENAMED, "edited.py"),
        "copied.py": (Status.MODIFIED, ""),
        "copy.py": (Status.COPIED, "copied.py"),
        "mode.sh": (Status.MODIFIED, ""),
        "gone.py": (Status.DELETED, ""),
        "type.py": (Status.TYPE_CHANGED, ""),
        "link": (Status.MODIFIED, ""),
        "sub": (Status.MODIFIED, ""),
        "new-sub": (Status.ADDED, ""),
        "image.png": (Status.MODIFIED, ""),
    }
    assert changed["edited here.py"].added == {21}
    assert changed["mode.sh"].new_mode == 0o100755
    assert (changed["type.py"].old_mode, changed["type.py"].new_mode) == (0o100644, tree.SYMLINK)
    assert {path: tree.kind_of(change) for path, change in changed.items()} == {
        "moved here.py": "renamed without edits",
        "edited here.py": "",
        "copied.py": "",
        "copy.py": "copied without edits",
        "mode.sh": "no line changed",
        "gone.py": "deleted",
        "type.py": "symbolic link",
        "link": "symbolic link",
        "sub": "submodule",
        "new-sub": "submodule",
        "image.png": "binary",
    }
    assert all(len(c.new_oid) == 40 for c in changed.values() if c.status is not Status.DELETED)


def test_odd_contents(tmp_path: Path) -> None:
    changed = changes(
        tmp_path,
        raw({"crlf.py": b"a\r\nb\r\n", "end.py": b"a"}),
        raw(
            {
                "crlf.py": b"a\r\nB\r\n",
                "end.py": b"a\nb",
                "nul.js": b"eval('\0')\n",
                "nul.dat": b"a\0b\n",
                "latin.py": b"# caf\xe9\nx = 1\n",
                "bom.py": b"\xef\xbb\xbfx = 1\n",
                "feed.py": b"a\fb\x1c\xc2\x85c\n\xe2\x80\xa8d\n",
                "long.js": b"x" * 1_000_000 + b"\n",
                "empty.py": b"",
            }
        ),
    ).by_path
    assert changed["crlf.py"].added_text == {2: "B\r"}
    assert changed["end.py"].added == {1, 2}
    assert changed["nul.js"].added_text == {1: "eval('\0')"}
    assert changed["nul.dat"].binary
    assert changed["latin.py"].added_text == {1: "# caf\ufffd", 2: "x = 1"}
    assert changed["bom.py"].added_text == {1: "\ufeffx = 1"}
    assert changed["feed.py"].added == {1, 2}
    assert len(changed["long.js"].added_text[1]) == 1_000_000
    assert changed["empty.py"].hunks == ()


NAMES = (
    b"with space.py",
    b"tab\there.py",
    b"new\nline.py",
    b'quo"te.py',
    b"back\\slash.py",
    b"caf\xc3\xa9.py",
    b"byte\xff.py",
    b"-leading.py",
    b":(glob)magic.py",
    b"a => b.py",
    b"{a => b}/c.py",
    b"a b/a b",
    b"x" * 255,
    b"/".join([b"d" * 200] * 20),
)


def test_odd_names(tmp_path: Path) -> None:
    entries = {name: ("100644", b"x = %d\n" % n) for n, name in enumerate(NAMES)}
    edited = {name: ("100644", b"x = %d\ny = 1\n" % n) for n, name in enumerate(NAMES)}
    folder = tmp_path / "checkout"
    before, after = branch(folder, entries, edited, checked_out=False)
    repository = opened(folder, tmp_path)
    changed = repository.changes(before, after).by_path
    assert {os.fsencode(path) for path in changed} == set(NAMES)
    for number, name in enumerate(NAMES):
        path = os.fsdecode(name)
        assert changed[path].added == {2}
        assert repository.at(before, path) == b"x = %d\n" % number


def test_odd_names_without_edits(tmp_path: Path) -> None:
    entries = {name: ("100644", b"x = %d\n" % n) for n, name in enumerate(NAMES)}
    modes = {name: ("100755", data) for name, (_, data) in entries.items()}
    changed = changes(tmp_path, entries, modes).by_path
    assert {os.fsencode(path) for path in changed} == set(NAMES)
    assert {change.new_mode for change in changed.values()} == {0o100755}
    assert all(change.new_oid for change in changed.values())


def test_work_tree_with_odd_names(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    checkout(folder, BASE, HEAD)
    names = [name for name in NAMES if len(name) < 300]
    for name in names:
        place = os.path.join(os.fsencode(folder), name)  # noqa: PTH118
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120
        Path(os.fsdecode(place)).write_text("x = 1\n")
    assert {os.fsencode(p) for p in by_name(folder, tmp_path, extent=WORKTREE)} == set(names)


def test_linguist_is_asked_of_the_base(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    base = {
        ".gitattributes": b"gen/** linguist-generated\n*.txt linguist-generated=false\n",
        "lib/.gitattributes": b"* linguist-vendored=true\n",
    }
    head = {
        ".gitattributes": b"* linguist-generated\n",
        "src/.gitattributes": b"* linguist-generated\n",
        "gen/odd \xff\n.py".encode("latin-1").decode("latin-1"): b"x\n",
        "lib/b.py": b"x\n",
        "src/c.py": b"x\n",
        "d.txt": b"x\n",
    }
    checkout(folder, base, head)
    forge = local(folder, tmp_path / "ours")
    source = forge.changes(forge.request({}))
    told = source.generated([change.path for change in source.changes.files])
    odd = next(path for path in head if path.startswith("gen/"))
    assert told == {
        odd: "generated",
        "lib/.gitattributes": "vendored",
        "lib/b.py": "vendored",
    }


def test_thousand_files(tmp_path: Path) -> None:
    names = [f"pkg{n % 37}/m{n}.py" for n in range(1000)]
    folder = tmp_path / "checkout"
    before, after = branch(
        folder, {}, raw(dict.fromkeys(names, b"x = 1\n" * 10)), checked_out=False
    )
    started = time.monotonic()
    repository = opened(folder, tmp_path)
    files = repository.changes(before, after).files
    contents = list(repository.read(change.new_oid for change in files))
    assert {change.path for change in files} == set(names)
    assert contents == [b"x = 1\n" * 10] * 1000
    assert time.monotonic() - started < 10


def test_reading_many_and_large_and_missing(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    large = b"x" * (tree.FILE_BYTES + 1)
    just = b"y" * tree.FILE_BYTES
    files = {"large.py": large, **{f"just{n}.py": just for n in range(12)}, "small.py": b"z"}
    checkout(folder, {}, files)
    repository = opened(folder, tmp_path)
    oids = {n: git(folder, "rev-parse", f"HEAD:{n}").decode().strip() for n in files}
    asked = [oids["large.py"], "0" * 40, "", *[oids["just0.py"]] * 12, oids["small.py"]]
    folder_oid = git(folder, "rev-parse", "HEAD^{tree}").decode().strip()
    found = list(repository.read([*asked, folder_oid]))
    assert found == [None, None, None, *[just] * 12, b"z", None]
    assert list(repository.read([])) == []


def test_files_at_a_commit(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    before, _ = branch(
        folder,
        {
            b"a.py": ("100644", b"x"),
            b"link": ("120000", b"a.py"),
            b"folder/b.py": ("100755", b"y"),
            b"large": ("100644", b"x" * (tree.FILE_BYTES + 1)),
        },
        raw(HEAD),
    )
    repository = opened(folder, tmp_path)
    asked = ("a.py", "link", "folder", "folder/b.py", "large", "absent")
    assert [repository.at(before, path) for path in asked] == [b"x", None, None, b"y", None, None]
    assert [repository.has(before, path) for path in asked] == [True] * 5 + [False]


def test_our_own_repository_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    checkout(folder, BASE, HEAD)
    repository = opened(folder, tmp_path)
    assert repository.own == tmp_path / "ours" / "git"
    held = subprocess.run(
        ["git", "-C", str(repository.own), "config", "--local", "--list"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert held == ["core.repositoryformatversion=0", "core.bare=true"]
    assert not list(repository.own.rglob("hooks"))
    assert all(stat.S_ISREG(p.lstat().st_mode) for p in repository.own.rglob("*") if p.is_file())
