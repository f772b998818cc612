"""A checkout whose git configuration, hooks, filters and attributes are hostile.

Whatever an earlier job or the change left in it: reading the change runs nothing of it. Each threat
is shown to fire for the careless call.
"""

import os
import shutil
from pathlib import Path

import pytest

from reviewer.errors import InputError
from reviewer.forges.local import STAGED, WORKTREE, Local
from reviewer.git import ENVIRON, HARDENED, Repository
from reviewer.model import FileChange
from reviewer.process import run
from tests.support.gitrepo import git
from tests.support.reviewing import branch, checkout, local, raw, script

BASE = {"a.py": b"x = 1\n", "b.py": b"y = 1\n"}
HEAD = {"a.py": b"x = eval(input())\n", "b.py": b"y = 1\n"}

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "checkout"
    checkout(folder, BASE, HEAD)
    return folder


@pytest.fixture
def place(tmp_path: Path, model: Path) -> Path:
    return shutil.copytree(model, tmp_path / "checkout")


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "fired"


@pytest.fixture
def evil(tmp_path: Path, canary: Path) -> str:
    return str(script(tmp_path / "evil", "evil", f"echo executed >> {canary}"))


def touched(folder: Path) -> None:
    """The work tree and the index hold changes, so that git has to look at the files."""
    (folder / "b.py").write_text("y = 22\n")
    git(folder, "-c", "core.fsmonitor=false", "update-index", "--add", "b.py", check=False)
    (folder / "b.py").write_text("y = 333\n")
    (folder / "new.py").write_text("z = 1\n")


def read(forge: Local) -> tuple[FileChange, ...]:
    """The change, with everything that a review reads of the repository."""
    request = forge.request({})
    source = forge.changes(request)
    list(source.blobs.read(change.new_oid for change in source.changes.files))
    source.generated([change.path for change in source.changes.files])
    forge.repository.at(forge.trusted_ref, ".github/reviewer.yml")
    return source.changes.files


def diff_external(folder: Path, evil: str) -> None:
    git(folder, "config", "diff.external", evil)


def textconv(folder: Path, evil: str) -> None:
    (folder / ".git/info/attributes").write_text("*.py diff=evil\n")
    git(folder, "config", "diff.evil.textconv", evil)


def fsmonitor(folder: Path, evil: str) -> None:
    git(folder, "config", "core.fsmonitor", evil)


def clean_filter(folder: Path, evil: str) -> None:
    (folder / ".gitattributes").write_text("*.py filter=evil\n")
    git(folder, "config", "filter.evil.clean", evil)
    git(folder, "config", "filter.evil.smudge", evil)


def process_filter(folder: Path, evil: str) -> None:
    (folder / ".git/info/attributes").write_text("*.py filter=evil\n")
    git(folder, "config", "filter.evil.process", evil)
    git(folder, "config", "filter.evil.required", "true")


def hooks(folder: Path, evil: str) -> None:
    place = folder / ".git" / "evil-hooks"
    place.mkdir()
    for name in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction"):
        shutil.copy(evil, place / name)
    git(folder, "config", "core.hooksPath", str(place))


def pager(folder: Path, evil: str) -> None:
    git(folder, "config", "core.pager", evil)
    git(folder, "config", "pager.diff", evil)


def alias(folder: Path, evil: str) -> None:
    git(folder, "config", "alias.changes", f"!{evil}")


def include(folder: Path, evil: str) -> None:
    other = folder / ".git" / "other"
    other.write_text(f"[core]\n\tfsmonitor = {evil}\n[diff]\n\texternal = {evil}\n")
    git(folder, "config", f"includeIf.gitdir:{folder}/.path", str(other))


def signature(folder: Path, evil: str) -> None:
    """A signed commit, which git log verifies by the program that the configuration names."""
    git(folder, "config", "gpg.program", evil)
    git(folder, "config", "log.showSignature", "true")
    data = git(folder, "cat-file", "commit", "HEAD")
    head, _, message = data.partition(b"\n\n")
    signed = head + b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\n -----END PGP SIGNATURE-----\n\n"
    name = git(folder, "hash-object", "-t", "commit", "-w", "--stdin", stdin=signed + message)
    git(folder, "update-ref", "refs/heads/feature", name.strip())


def promisor(folder: Path, evil: str) -> None:
    """A commit that is missing, and a remote that would be asked for it."""
    git(folder, "config", "core.repositoryFormatVersion", "1")
    git(folder, "config", "extensions.partialClone", "origin")
    git(folder, "config", "remote.origin.promisor", "true")
    git(folder, "config", "remote.origin.url", "ssh://host/repository")
    git(folder, "config", "protocol.allow", "always")
    git(folder, "config", "protocol.ssh.allow", "always")
    git(folder, "config", "core.sshCommand", evil)


THREATS = {
    "diff.external": (diff_external, ["diff"]),
    "diff.textconv": (textconv, ["diff"]),
    "core.fsmonitor": (fsmonitor, ["status"]),
    "filter.clean": (clean_filter, ["add", "--all", "--dry-run"]),
    "filter.process": (process_filter, ["add", "--all", "--dry-run"]),
    "core.hooksPath": (hooks, ["add", "--all"]),
    "core.pager": (pager, ["diff"]),
    "alias": (alias, ["changes"]),
    "includeIf": (include, ["status"]),
    "gpg.program": (signature, ["log", "-1"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("threat", THREATS)
def test_configuration_runs_nothing(
    threat: str, place: Path, tmp_path: Path, canary: Path, evil: str
) -> None:
    plant, careless = THREATS[threat]
    touched(place)
    plant(place, evil)
    for extent, path in (("", "a.py"), (STAGED, "b.py"), (WORKTREE, "new.py")):
        files = read(local(place, tmp_path / f"ours {extent}", extent=extent))
        assert path in {change.path for change in files}
        assert not canary.exists(), extent
    if threat == "core.pager":
        # A pager is only started on a terminal.
        words = ["script", "-qec", "git diff", "/dev/null"]
        run(words, cwd=place, env={"PATH": os.environ["PATH"], "TERM": "xterm"}, seconds=5)
    else:
        git(place, *careless, check=False)
    assert canary.exists(), "the careless call is expected to fire"


def test_missing_objects_are_not_fetched(
    place: Path, tmp_path: Path, canary: Path, evil: str
) -> None:
    promisor(place, evil)
    main = git(place, "rev-parse", "main").decode().strip()
    (place / ".git/refs/heads/main").write_text("12" * 20 + "\n")
    (place / ".git/refs/heads/other").write_text(f"{main}\n")
    with pytest.raises(InputError):
        read(local(place, tmp_path / "ours"))
    with pytest.raises(InputError):
        read(local(place, tmp_path / "ours too", base="main"))
    assert not canary.exists()
    git(place, "rev-parse", "main^{commit}", check=False)
    assert canary.exists()


def test_no_transport_even_with_a_git_that_always_fetches(
    place: Path, canary: Path, evil: str
) -> None:
    """GIT_NO_LAZY_FETCH is younger than the oldest git that we take."""
    promisor(place, evil)
    (place / ".git/refs/heads/main").write_text("12" * 20 + "\n")
    env = {**ENVIRON, "PATH": os.environ["PATH"]}
    del env["GIT_NO_LAZY_FETCH"]
    run(["git", *HARDENED, "rev-parse", "main^{commit}"], cwd=place, env=env)
    assert not canary.exists()


def test_work_tree_of_the_configuration_is_not_believed(place: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "password.py").write_text("PASSWORD = 'canary'\n")
    git(place, "config", "core.worktree", str(outside))
    assert b"password.py" in git(place, "status", "--porcelain")
    forge = local(place, tmp_path / "ours", extent=WORKTREE)
    assert forge.repository.top == place
    assert read(forge) == ()


def test_work_tree_that_is_not_there(place: Path, tmp_path: Path) -> None:
    git(place, "config", "core.worktree", "../nowhere/at/all")
    assert [change.path for change in read(local(place, tmp_path / "ours"))] == ["a.py"]


def test_folder_that_looks_like_a_bare_repository(place: Path, tmp_path: Path) -> None:
    """A change can bring a bare repository, with configuration, as ordinary files."""
    shutil.copytree(place / ".git", place / "sub")
    git(place / "sub", "config", "core.bare", "true")
    git(place / "sub", "update-ref", "refs/heads/main", "refs/heads/feature")
    assert git(place / "sub", "rev-parse", "--absolute-git-dir").strip().endswith(b"/sub")
    forge = local(place / "sub", tmp_path / "ours")
    assert forge.repository.top == place
    assert [change.path for change in read(forge)] == ["a.py"]


def test_attributes_hide_no_code(tmp_path: Path) -> None:
    attributes = b"*.py -diff -text\n*.js binary\n*.py linguist-generated\n"
    head = HEAD | {".gitattributes": attributes, "c.js": b"eval(x)\n"}
    folder = tmp_path / "checkout"
    checkout(folder, BASE, head)
    assert b"Binary files" in git(folder, "diff", "main", "feature", "--", "a.py")
    for number, extent in enumerate(("", WORKTREE)):
        options = {"extent": extent, "base": "main"} if extent else {}
        forge = local(folder, tmp_path / f"ours{number}", **options)
        source = forge.changes(forge.request({}))
        changed = source.changes.by_path
        assert changed["a.py"].added_text == {1: "x = eval(input())"}
        assert changed["c.js"].added_text == {1: "eval(x)"}
        assert source.generated(["a.py", "c.js"]) == {}


def test_attributes_of_the_checkout_hide_no_code(place: Path, tmp_path: Path) -> None:
    (place / ".git/info/attributes").write_text("*.py -diff\n")
    git(place, "config", "diff.default.binary", "true")
    git(place, "config", "core.attributesFile", str(place / ".git/info/attributes"))
    assert b"Binary files" in git(place, "diff", "main", "feature")
    (change,) = read(local(place, tmp_path / "ours"))
    assert change.added == {1}


def test_first_commit_cannot_call_itself_generated(tmp_path: Path) -> None:
    """With no base, nobody has said what is generated; the index is the change."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / ".gitattributes").write_text("* linguist-generated\n")
    (folder / "a.py").write_text("x = eval(input())\n")
    git(folder, "add", "--all")
    forge = local(folder, tmp_path / "ours", extent=STAGED)
    source = forge.changes(forge.request({}))
    assert {change.path for change in source.changes.files} == {".gitattributes", "a.py"}
    assert source.generated(["a.py"]) == {}


def test_replace_refs_do_not_change_what_is_read(place: Path, tmp_path: Path) -> None:
    git(place, "replace", "feature:a.py", git(place, "rev-parse", "main:a.py").strip())
    assert git(place, "diff", "main", "feature") == b""
    (change,) = read(local(place, tmp_path / "ours"))
    assert change.added_text == {1: "x = eval(input())"}


@pytest.mark.parametrize("kind", ["graft", "replacement"])
def test_other_parents_do_not_change_what_is_compared(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    names = []
    for number in range(3):
        (folder / "a.py").write_text(f"x = {number}\n")
        git(folder, "add", "a.py")
        git(folder, "commit", "-q", "-m", str(number))
        names.append(git(folder, "rev-parse", "HEAD").decode().strip())
    git(folder, "branch", "feature")
    git(folder, "reset", "-q", "--hard", names[0])
    git(folder, "checkout", "-q", "feature")
    if kind == "graft":
        (folder / ".git/info/grafts").write_text(f"{names[0]} {names[2]}\n")
    else:
        git(folder, "replace", "--graft", names[0], names[2])
    assert git(folder, "merge-base", "main", "feature").decode().strip() == names[2]
    forge = local(folder, tmp_path / "ours")
    assert forge.request({}).base == names[0]


def test_tag_named_like_the_default_branch(place: Path, tmp_path: Path) -> None:
    """A tag would come first, and with it its configuration."""
    git(place, "tag", "main", "feature")
    git(place, "tag", "origin/main", "feature")
    assert git(place, "diff", "main", "feature") == b""
    assert [change.path for change in read(local(place, tmp_path / "ours"))] == ["a.py"]


def test_names_of_refs_are_no_options(place: Path, tmp_path: Path, canary: Path) -> None:
    forge = local(place, tmp_path / "ours", base=f"--output={canary}")
    with pytest.raises(InputError, match="there is no commit '--output"):
        forge.request({})
    assert not canary.exists()


@as_root
def test_repository_of_another_user(place: Path, tmp_path: Path) -> None:
    for folder in (place, place / ".git"):
        os.chown(folder, 1234, 1234)
    assert git(place, "status", check=False) == b""
    assert [change.path for change in read(local(place, tmp_path / "ours"))] == ["a.py"]


def test_nothing_is_written_into_the_checkout(place: Path, tmp_path: Path) -> None:
    """But for the times of objects that git meets again, which keep them from being pruned."""
    touched(place)

    def state() -> dict[Path, object]:
        objects = place / ".git/objects"
        return {
            p: p.lstat().st_size if p.is_relative_to(objects) else p.lstat().st_mtime_ns
            for p in place.rglob("*")
        }

    before = state()
    for number, extent in enumerate(("", STAGED, WORKTREE)):
        read(local(place, tmp_path / f"ours{number}", extent=extent))
    assert state() == before


def test_hostile_names_of_git_directories(tmp_path: Path) -> None:
    """A line break in the name of the folder would be read as the end of a path."""
    folder = tmp_path / "with\nbreak"
    branch(folder, raw(BASE), raw(HEAD))
    with pytest.raises(InputError):
        Repository.open(folder, tmp_path)
