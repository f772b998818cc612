"""A diff of the files in a folder, and which commit's configuration counts."""

from pathlib import Path

import pytest

from reviewer.errors import InputError
from reviewer.forges.local import STAGED, WORKTREE, Local
from reviewer.model import Trust
from tests.support.gitrepo import git
from tests.support.reviewing import checkout, local

BASE = {"a.py": b"x = 1\n", "gone.py": b"y = 1\n", "with space.py": b"z = 1\n"}
HEAD = {"a.py": b"x = 2\nmore = 1\n", "with space.py": b"z = 2\n", "new\n.py": b"n = 1\n"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    checkout(folder, BASE, HEAD)
    return folder


def patch(folder: Path, *options: str) -> bytes:
    return git(folder, "diff", *options, "main", "feature")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--no-prefix",),
        ("--src-prefix=i/", "--dst-prefix=w/"),
        ("--full-index", "--binary"),
        ("--unified=0",),
        ("--function-context",),
        ("--find-renames", "--stat", "--patch"),
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_diff_as_git_prints_it(options: tuple[str, ...], place: Path) -> None:
    forge = Local(folder=place, patch=patch(place, *options))
    source = forge.changes(forge.request({}))
    changed = source.changes.by_path
    assert set(changed) == {"a.py", "gone.py", "with space.py", "new\n.py"}
    assert changed["a.py"].added == {1, 2}
    oids = [changed[path].new_oid for path in ("a.py", "new\n.py")]
    assert list(source.blobs.read(oids)) == [b"x = 2\nmore = 1\n", b"n = 1\n"]
    assert source.generated(["a.py"]) == {}


def test_request_of_a_diff(place: Path) -> None:
    request = Local(folder=place, patch=b"").request({"GITHUB_REPOSITORY": "other"})
    assert (request.repository, request.head, request.trust) == ("checkout", "diff", Trust.TRUSTED)


def test_empty_diff(place: Path) -> None:
    forge = Local(folder=place, patch=b"")
    assert forge.changes(forge.request({})).changes.files == ()


@pytest.mark.parametrize("content", [b"x = 3\nmore = 1\n", b"x = 2\n", b"", b"\nx = 2\nmore = 1\n"])
def test_file_that_changed_since(content: bytes, place: Path) -> None:
    forge = Local(folder=place, patch=patch(place))
    (place / "a.py").write_bytes(content)
    with pytest.raises(
        InputError, match=r"line [12] of 'a.py' is not what the diff says"
    ) as caught:
        forge.changes(forge.request({}))
    assert "--repo" in caught.value.tip


def test_file_that_is_gone_since(place: Path) -> None:
    forge = Local(folder=place, patch=patch(place))
    (place / "a.py").unlink()
    with pytest.raises(InputError, match=r"has no 'a\.py', which the diff speaks of") as caught:
        forge.changes(forge.request({}))
    assert "--repo" in caught.value.tip


def test_folder_of_other_paths(place: Path) -> None:
    """Run in a folder below, nothing would be reviewed and nobody told."""
    below = place / "below"
    below.mkdir()
    forge = Local(folder=below, patch=patch(place))
    with pytest.raises(InputError, match="has no"):
        forge.changes(forge.request({}))


def test_line_ends_may_differ(place: Path) -> None:
    """As git diff shows a file that it checks out with CRLF."""
    (place / "a.py").write_bytes(b"x = 2\r\nmore = 1\r\n")
    forge = Local(folder=place, patch=patch(place))
    assert forge.changes(forge.request({})).changes.by_path["a.py"].added == {1, 2}


def test_deleted_and_binary_files_need_not_be_there(place: Path) -> None:
    text = (
        b"diff --git a/gone.py b/gone.py\ndeleted file mode 100644\n--- a/gone.py\n+++ /dev/null\n"
        b"@@ -1 +0,0 @@\n-y = 1\n"
        b"diff --git a/i.png b/i.png\nindex 1..2 100644\nBinary files a/i.png and b/i.png differ\n"
    )
    forge = Local(folder=place, patch=text)
    assert [change.path for change in forge.changes(forge.request({})).changes.files] == [
        "gone.py",
        "i.png",
    ]


def test_commit_that_is_trusted(place: Path, tmp_path: Path) -> None:
    """The base branch as it is now; of what is not committed, the commit below it."""
    (place / "c.py").write_text("c\n")
    git(place, "checkout", "-q", "main")
    git(place, "add", ".")
    git(place, "commit", "-q", "-m", "main moves on")
    main = git(place, "rev-parse", "main").decode().strip()
    git(place, "checkout", "-q", "feature")
    feature = git(place, "rev-parse", "feature").decode().strip()
    for number, (options, trusted) in enumerate(
        [
            ({}, main),
            ({"head": "main~1"}, main),
            ({"base": "main"}, main),
            ({"extent": STAGED}, feature),
            ({"extent": WORKTREE}, feature),
            ({"extent": WORKTREE, "base": "main"}, main),
            ({"patch": b""}, ""),
        ]
    ):
        assert local(place, tmp_path / str(number), **options).trusted_ref == trusted
