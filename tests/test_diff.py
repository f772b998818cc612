"""The diff parser, held against git: `git blame`, `git apply` and `git diff --numstat`."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reviewer import diff
from reviewer.errors import InputError
from reviewer.model import Side, Status
from tests.support.gitrepo import commits, git, new_repository


def only(patch: bytes) -> diff.FileChange:
    (change,) = diff.parse(patch)
    return change


def test_an_empty_diff_has_no_files() -> None:
    assert diff.parse(b"") == ()


def test_omitted_counts_are_one() -> None:
    change = only(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")
    (hunk,) = change.hunks
    assert (hunk.old_count, hunk.new_count) == (1, 1)
    assert change.added == {1}
    assert change.removed == {1}


def test_a_hunk_that_only_deletes_has_no_added_line() -> None:
    change = only(b"--- a/x\n+++ b/x\n@@ -2,2 +1,0 @@\n-a\n-b\n")
    assert change.added == frozenset()
    assert change.removed == {2, 3}


def test_the_section_is_kept() -> None:
    change = only(b"--- a/x\n+++ b/x\n@@ -1 +1 @@ def f():\n-a\n+b\n")
    assert change.hunks[0].section == "def f():"


def test_lines_count_both_sides() -> None:
    change = only(b"--- a/x\n+++ b/x\n@@ -5,3 +7,3 @@\n a\n-b\n+c\n d\n")
    assert [tuple(line) for line in change.lines()] == [
        (" ", 5, 7, "a"), ("-", 6, 0, "b"), ("+", 0, 8, "c"), (" ", 7, 9, "d"),
    ]  # fmt: skip
    assert change.commentable(Side.NEW) == {7, 8, 9}
    assert change.commentable(Side.OLD) == {5, 6, 7}
    assert change.added_text == {8: "c"}


def test_no_newline_at_end_is_no_line() -> None:
    patch = (
        b"--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n"
        b"+a\n+b\n\\ No newline at end of file\n"
    )
    assert only(patch).added_text == {1: "a", 2: "b"}


def test_a_removed_line_that_looks_like_a_header_is_a_line() -> None:
    patch = b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- a/y\n-++ z\n+++ b/y\n+@@ -1 +1 @@\n"
    change = only(patch)
    assert change.added_text == {1: "++ b/y", 2: "@@ -1 +1 @@"}
    assert change.removed == {1, 2}


def test_a_mail_around_the_diff_is_passed_over() -> None:
    patch = (
        b"From: a\nSubject: b\n\ndiff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n"
        b"@@ -1 +1 @@\n-a\n+b\n-- \n2.39.5\n\n"
    )
    assert only(patch).added_text == {1: "b"}


def test_white_space_that_a_mailer_stripped_is_a_context_line() -> None:
    change = only(b"--- a/x\n+++ b/x\n@@ -1,3 +1,4 @@\n a\n\n+b\n c\n")
    assert [line.text for line in change.lines()] == ["a", "", "b", "c"]
    assert change.added == {3}


def test_an_old_last_line_without_newline_in_a_hunk_that_must_be_walked() -> None:
    patch = b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n\n-a\n\\ No newline at end of file\n+b\n"
    (change,) = diff.parse(patch)
    assert [(line.origin, line.text) for line in change.lines()] == [
        (" ", ""), ("-", "a"), ("+", "b"),
    ]  # fmt: skip


def test_the_last_line_may_have_no_newline_in_a_hunk_that_must_be_walked() -> None:
    patch = b"--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n\n+b\n c\n\\ No newline at end of file\nBye\n"
    (hunk,) = only(patch).hunks
    assert hunk.body.endswith(b"\\ No newline at end of file")
    assert only(patch).added_text == {2: "b"}


@pytest.mark.parametrize(
    ("header", "path"),
    [
        (b"diff --git a/x y b/x y", "x y"),
        (b'diff --git "a/\\303\\244" "b/\\303\\244"', "ä"),
        (b'diff --git "a/\\377.py" "b/\\377.py"', "\udcff.py"),
        (b'diff --git "a/t\\tn\\nq\\"b\\\\" "b/t\\tn\\nq\\"b\\\\"', 't\tn\nq"b\\'),
        (b'diff --git "a/x y" b/x y', "x y"),
        (b'diff --git a/x "b/x"', "x"),
        (b"diff --git x/y x/y", "x/y"),
        (b"diff --git i/x w/x", "x"),
        (b"diff --git a/a b/c b/a b/c", "a b/c"),
    ],
)
def test_names_of_a_mode_change(header: bytes, path: str) -> None:
    change = only(header + b"\nold mode 100644\nnew mode 100755\n")
    assert change.path == path
    assert (change.old_mode, change.new_mode) == (0o100644, 0o100755)


@pytest.mark.parametrize("header", [b"diff --git a/x b/y", b'diff --git "a/x b/y', b"diff --git "])
def test_names_that_cannot_be_told_are_an_error(header: bytes) -> None:
    with pytest.raises(InputError, match="line") as caught:
        diff.parse(header + b"\nold mode 100644\nnew mode 100755\n")
    assert caught.value.tip


@pytest.mark.parametrize(
    ("lines", "path", "status"),
    [
        (b"--- /dev/null\n+++ b/x", "x", Status.ADDED),
        (b"--- a/x\n+++ /dev/null", "x", Status.DELETED),
        (b"--- a/x\t2026-01-01\n+++ b/x\t2026-01-02", "x", Status.MODIFIED),
        (b'--- "a/\\tx"\n+++ "b/\\tx"', "\tx", Status.MODIFIED),
        (b"--- x.orig\n+++ x", "x", Status.MODIFIED),
        (b"--- /dev/null\r\n+++ b/x\r", "x", Status.ADDED),
        (b"--- old/x\n+++ /dev/null", "old/x", Status.DELETED),
    ],
)
def test_plain_headers(lines: bytes, path: str, status: Status) -> None:
    hunk = {Status.ADDED: b"@@ -0,0 +1 @@\n+a\n", Status.DELETED: b"@@ -1 +0,0 @@\n-a\n"}
    change = only(lines + b"\n" + hunk.get(status, b"@@ -1 +1 @@\n-a\n+b\n"))
    assert (change.path, change.status) == (path, status)


def test_renames_and_copies_keep_both_names() -> None:
    patch = (
        b"diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n"
        b"diff --git a/x b/z\nsimilarity index 50%\ncopy from x\ncopy to z\n"
        b"index 1111111..2222222 100644\n--- a/x\n+++ b/z\n@@ -1 +1 @@\n-a\n+b\n"
    )
    renamed, copied = diff.parse(patch)
    assert (renamed.status, renamed.old_path, renamed.path) == (Status.RENAMED, "x", "y")
    assert (copied.status, copied.old_path, copied.path) == (Status.COPIED, "x", "z")
    assert copied.added == {1}


def test_binary_files_have_no_lines() -> None:
    patch = (
        b"diff --git a/x b/x\nindex 1..2 100644\nBinary files a/x and b/x differ\n"
        b"diff --git a/y b/y\nindex 1..2 100644\nGIT binary patch\nliteral 2\nJcmZ\n\nliteral 1\n"
        b"IcmZ\n\ndiff --git a/z b/z\nnew file mode 100644\nindex 0..2\n"
    )
    first, second, third = diff.parse(patch)
    assert (first.binary, second.binary, third.binary) == (True, True, False)
    assert third.status is Status.ADDED


@pytest.mark.parametrize(
    ("hunk", "what"),
    [
        (b"@@ -1,2 +1 @@\n a\n", "breaks off"),
        (b"@@ -x +1 @@\n a\n", "not readable"),
        (b"@@ -1 +1 @@\n*a\n", "begins with none"),
        (b"@@ -1 +1,2 @@\n-a\n-b\n+c\n+d\n", "more lines"),
    ],
)
def test_a_damaged_hunk_is_an_error_that_names_the_line(hunk: bytes, what: str) -> None:
    with pytest.raises(InputError, match=rf"line \d+.*{what}"):
        diff.parse(b"--- a/x\n+++ b/x\n" + hunk)


def test_a_git_header_may_end_in_text() -> None:
    patch = b"diff --git a/x b/x\nold mode 100644\nnew mode 100755\n\nBye\n"
    assert only(patch).path == "x"


def test_one_line_of_a_million_characters() -> None:
    change = only(b"--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+" + b"x" * 1_000_000 + b"\n")
    assert len(change.added_text[1]) == 1_000_000


def test_a_patch_of_empty_hunk_lines_at_its_end() -> None:
    assert only(b"--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n a\n+\n \n").added_text == {2: ""}
    assert only(b"--- a/x\n+++ b/x\n@@ -1,0 +2,2 @@\n+a\n+\n\n\n").added_text == {2: "a", 3: ""}


def test_hunks_without_lines_are_allowed() -> None:
    assert only(b"--- a/x\n+++ b/x\n@@ -1,0 +1,0 @@\n").added == frozenset()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
@example(b"--- a\n+++ b\n@@ -1 +1 @@\n")
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    for prefix in (b"", b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n", b"diff --git "):
        try:
            diff.parse(prefix + data)
        except InputError as error:
            assert error.tip


# --- against git ----------------------------------------------------------------------------------

PIECES = (
    b"alpha", b"beta\r", b"", b"\t", b"x\x0cy", "z\u2028w".encode(), b"\xff\xfe", b"--- a/x",
    b"+++ b", b"@@ -1 +1 @@", b"diff --git a/x b/x", b"\\ No newline at end of file", b"-", b"+",
    b" ", b"\x1b[0m", b"\x85", b"a\x0bb\x1c", "\ufeffbom".encode(),
)  # fmt: skip

contents = st.builds(
    lambda lines, end: b"\n".join(lines) + end,
    st.lists(st.sampled_from(PIECES), max_size=25),
    st.sampled_from([b"", b"\n"]),
)
names = st.one_of(
    st.sampled_from(
        [b"a.py", b"dir/b.py", b"sp ace.py", b"t\tab", b"new\nline", b'quo"te', b"\xff\xfe", b"-l",
         b"back\\slash", "ä.py".encode(), b"b/b.py", b"a b/a b", b" lead", b"trail "]
    ),
    st.binary(min_size=1, max_size=6).filter(
        lambda n: b"\0" not in n and b"/" not in n and n not in (b".", b"..", b".git")
    ),
)  # fmt: skip
trees = st.dictionaries(names, contents, max_size=6)


def _no_clash(files: dict[bytes, bytes]) -> dict[bytes, bytes]:
    folders = {name.split(b"/")[0] for name in files if b"/" in name}
    return {
        name: content
        for name, content in files.items()
        if name not in folders and b"\0" not in content and name.lower() not in (b".git", b"git~1")
    }


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(trees, trees, st.integers(0, 3))
def test_line_maps_agree_with_git(
    base: dict[bytes, bytes], head: dict[bytes, bytes], context: int
) -> None:
    # Half of the head stands on the base, so that there are edits and not only new files.
    edited = {n: c + b"\n" + head.get(n, b"tail") for n, c in list(base.items())[::2]}
    base, head = _no_clash(base), _no_clash({**head, **edited})
    with tempfile.TemporaryDirectory() as temp:
        repo = new_repository(Path(temp, "r"))
        before, after = commits(
            repo, *({n: ("100644", c) for n, c in files.items()} for files in (base, head))
        )
        options = ("--text", "--find-renames", "--find-copies", "--no-ext-diff", before, after)
        patch = git(repo, "diff", f"-U{context}", "--full-index", *options)
        changes = diff.parse(patch)
        _same_numbers(repo, changes, options)
        _applies_back(Path(temp), changes, base, head)
        _blame_agrees(repo, changes, before, after)


def _same_numbers(
    repo: Path, changes: tuple[diff.FileChange, ...], options: tuple[str, ...]
) -> None:
    words = iter(git(repo, "diff", "--numstat", "-z", *options).split(b"\0")[:-1])
    expected = {}
    for word in words:
        added, removed, name = word.split(b"\t", 2)
        if not name:
            next(words)
            name = next(words)
        expected[name] = (int(added), int(removed))
    found = {
        c.path.encode("utf-8", "surrogateescape"): (len(c.added), len(c.removed)) for c in changes
    }
    assert found == expected


def _applies_back(
    place: Path,
    changes: tuple[diff.FileChange, ...],
    base: dict[bytes, bytes],
    head: dict[bytes, bytes],
) -> None:
    """What our hunks say, written out again, is a patch that git applies to the same end."""
    patch = b""
    ends = {}
    for number, change in enumerate(changes):
        name = change.path.encode("utf-8", "surrogateescape")
        if change.status is Status.MODIFIED and head[name]:
            (place / f"f{number}").write_bytes(base[name])
            ends[place / f"f{number}"] = head[name]
            patch += b"--- a/f%d\n+++ b/f%d\n" % (number, number)
            for hunk in change.hunks:
                at = hunk.old_start, hunk.old_count, hunk.new_start, hunk.new_count
                patch += b"@@ -%d,%d +%d,%d @@\n%s\n" % (*at, hunk.body)
    if patch:
        git(place, "apply", "--unidiff-zero", "--whitespace=nowarn", "-p1", "-", stdin=patch)
    assert {path: path.read_bytes() for path in ends} == ends


def _blame_agrees(
    repo: Path, changes: tuple[diff.FileChange, ...], before: str, after: str
) -> None:
    for change in changes:
        if change.status not in (Status.ADDED, Status.MODIFIED):
            continue
        name = change.path.encode("utf-8", "surrogateescape")
        shown = git(repo, "blame", "--porcelain", "-s", f"{before}..{after}", "--", name)
        mine, lines = set(), shown.split(b"\n")
        for line in lines:
            words = line.split(b" ")
            if words[0] == after.encode() and len(words) >= 3:
                mine.add(int(words[2]))
        assert change.added == mine, change.path
