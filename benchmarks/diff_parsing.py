"""Diff parsing beside unidiff and beside git, who makes the diff (demand P8).

One diff of 100,000 changed lines, with names and contents that trip parsers among them. Both sides
get it in memory and tell of each file the text of the added lines by their numbers and the numbers
of the removed ones, which is what a review asks for: the text of every line is decoded on the way.
A second row makes an object of every line, context included. What the parsers read is held against
`git diff --numstat -z` and, line by line, against the blobs. Times are taken without the odd names,
as unidiff gives up at some of them.
"""

import gc
import io
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from benchmarks.common import Row, Table, at_most, equal, folder, paired, ran
from benchmarks.project import Writer, text
from reviewer import diff

RUNS = 5
FILES = 250
LINES = 1440
CHANGED_LINES = 100_000

ODD: tuple[tuple[bytes, bytes, bytes], ...] = (
    (b"with space.py", b"a = 1\n", b"a = 2\n"),
    (b"with tab\there.py", b"a = 1\n", b"a = 2\n"),
    (b"line\nfeed.py", b"a = 1\n", b"a = 2\n"),
    (b'quo"ted.py', b"a = 1\n", b"a = 2\n"),
    (b"back\\slash.py", b"a = 1\n", b"a = 2\n"),
    ("\u00fcml\u00e4ut.py".encode(), b"a = 1\n", b"a = 2\n"),
    (b"latin\xe9.py", b"a = 1\n", b"a = 2\n"),
    (b"-leading.py", b"a = 1\n", b"a = 2\n"),
    (b"a b/b/c d.py", b"a = 1\n", b"a = 2\n"),
    (b"no newline.txt", b"a\nb", b"a\nc"),
    (b"crlf.txt", b"a\r\nb\r\n", b"a\r\nc\r\n"),
    (b"form feed.py", b"a = 1\n\x0cb = 2\n", b"a = 1\n\x0cb = 3\n\x0c\n"),
    (b"separator.js", b"a\n", "a \u2028 b\nc \x85 d\n".encode()),
    (b"looks like a header.txt", b"-- a/x\n++ b/x\n", b"-- a/y\n++ b/y\n@@ -1 +1 @@\n"),
    (b"binary.bin", b"\0\1", b"\0\2"),
    (b"empty", b"", b"x\n"),
)
"""Name, content before, content after."""


class Changed(NamedTuple):
    """What a parser says of one file: counts, and the lines of each side by their numbers."""

    added: int
    removed: int
    new: dict[int, bytes]
    old: dict[int, bytes]


def run() -> Table:
    with folder() as place:
        files = contents()
        repository = written(place / "checkout", files)
        command = ["git", "-C", str(repository), "diff", "--no-renames", "main", "topic"]
        patch = ran(command).stdout
        plain = ran([*command, "--", "src"]).stdout
        counts = numstat(ran([*command, "--numstat", "-z"]).stdout)
        ours, theirs, git, each, theirs_each = paired(
            RUNS,
            lambda: timed(lambda: edits(plain)),
            lambda: timed(lambda: unidiff_edits(plain)),
            lambda: ran([*command, "--", "src"]).seconds,
            lambda: timed(lambda: objects(plain)),
            lambda: timed(lambda: unidiff_objects(plain)),
        )
    lines = sum(added + removed for added, removed in counts.values())
    rows = [
        at_most("parse, text and numbers / unidiff", (ours, theirs), 1 / 6),
        at_most("parse, text and numbers / git diff", (ours, git), 0.35),
        replace(at_most("an object a line / unidiff", (each, theirs_each), 1), passed=None),
        equal("the same edits", edits(plain), unidiff_edits(plain), f"{lines:,} lines"),
        wrong("wrong names, counts or lines", files, counts, patch),
    ]
    return Table(
        "diff_parsing",
        f"{len(counts)} files, {len(ODD)} of them odd, {lines:,} changed lines, "
        f"{len(patch) / 1e6:.1f} MB; medians of {RUNS} paired runs.",
        tuple(rows),
    )


def contents() -> dict[bytes, tuple[bytes, bytes]]:
    """Contents before and after by name: functions go and others come, in files of usual length."""
    writer = Writer(8)
    share = CHANGED_LINES // FILES // 2
    found: dict[bytes, tuple[bytes, bytes]] = {}
    for number in range(FILES):
        kept = writer.module(LINES)
        sides = (text(writer.grown(kept, share)) for _ in range(2))
        found[b"src/module_%d.py" % number] = next(sides), next(sides)
    return found | {name: (before, after) for name, before, after in ODD}


def written(repository: Path, files: dict[bytes, tuple[bytes, bytes]]) -> Path:
    """A repository with the files before on `main` and after on `topic`."""
    ran(["git", "init", "-q", "-b", "main", str(repository)])
    stream = repository / ".git" / "stream"
    with stream.open("wb") as file:
        for side, branch in enumerate((b"main", b"topic")):
            file.write(b"commit refs/heads/%s\ncommitter A <a@b> 1767225600 +0000\n" % branch)
            file.write(b"data 1\nx\n")
            for name, sides in files.items():
                quoted = b"".join(b"\\%03o" % byte for byte in name)
                data = sides[side]
                file.write(b'M 100644 inline "%s"\ndata %d\n%s\n' % (quoted, len(data), data))
    ran(["sh", "-c", f"git -C '{repository}' fast-import --quiet < '{stream}'"])
    return repository


def numstat(output: bytes) -> dict[bytes, tuple[int, int]]:
    """Added and removed lines by name; git shows `-` for binary files, which have none."""
    rows = (entry.split(b"\t", 2) for entry in output.split(b"\0") if entry)
    return {name: (int(a) if a != b"-" else 0, int(r) if r != b"-" else 0) for a, r, name in rows}


def timed(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


Edits = dict[str, tuple[dict[int, str], list[int]]]
"""Text of the added lines by number, and numbers of the removed lines, of each path."""


def edits(patch: bytes) -> Edits:
    return {change.path: change.edits() for change in diff.parse(patch)}


def unidiff_edits(patch: bytes) -> Edits:
    found: Edits = {}
    for file in unidiffed(patch):
        added: dict[int, str] = {}
        removed: list[int] = []
        for hunk in file:
            for line in hunk:
                if line.is_added:
                    added[line.target_line_no or 0] = line.value[:-1]
                elif line.is_removed:
                    removed.append(line.source_line_no or 0)
        found[file.path] = added, removed
    return found


def objects(patch: bytes) -> int:
    return sum(len(line.text) for change in diff.parse(patch) for line in change.lines())


def unidiff_objects(patch: bytes) -> int:
    return sum(len(line.value) for file in unidiffed(patch) for hunk in file for line in hunk)


def unidiffed(patch: bytes) -> PatchSet:
    """The diff as unidiff reads it: from text, split at line feeds alone."""
    return PatchSet(io.StringIO(patch.decode("utf-8", "replace"), newline="\n"))


def ours_of(patch: bytes) -> dict[bytes, Changed]:
    return {
        os.fsencode(change.path): Changed(
            len(change.added),
            len(change.removed),
            {line.new: line.text.encode() for line in change.lines() if line.new},
            {line.old: line.text.encode() for line in change.lines() if line.old},
        )
        for change in diff.parse(patch)
    }


def unidiff_of(patch: bytes) -> dict[bytes, Changed]:
    found: dict[bytes, Changed] = {}
    for file in unidiffed(patch):
        lines = [line for hunk in file for line in hunk]
        found[file.path.encode()] = Changed(
            file.added,
            file.removed,
            {n.target_line_no: n.value.rstrip("\n").encode() for n in lines if n.target_line_no},
            {n.source_line_no: n.value.rstrip("\n").encode() for n in lines if n.source_line_no},
        )
    return found


def mistakes(
    said: dict[bytes, Changed],
    files: dict[bytes, tuple[bytes, bytes]],
    counts: dict[bytes, tuple[int, int]],
) -> int:
    """Names that are wrong or missing, plus files with wrong counts, plus wrong lines."""
    wrong = len(set(said) ^ set(counts))
    for name in set(said) & set(counts):
        changed, sides = said[name], files[name]
        wrong += (changed.added, changed.removed) != counts[name]
        for lines, blob in ((changed.old, sides[0]), (changed.new, sides[1])):
            real = shown(blob).split(b"\n")
            wrong += sum(number > len(real) or real[number - 1] != t for number, t in lines.items())
    return wrong


def shown(blob: bytes) -> bytes:
    """As both parsers give text: bytes that are not UTF-8 as U+FFFD."""
    return blob.decode("utf-8", "replace").encode()


def wrong(
    what: str,
    files: dict[bytes, tuple[bytes, bytes]],
    counts: dict[bytes, tuple[int, int]],
    patch: bytes,
) -> Row:
    ours = mistakes(ours_of(patch), files, counts)
    try:
        theirs = str(mistakes(unidiff_of(patch), files, counts))
    except UnidiffParseError as error:
        theirs = f"gives up: {str(error).partition(chr(58))[0]}"
    return Row(what, str(ours), theirs, "", "0", ours == 0)


if __name__ == "__main__":
    print(run().markdown())
