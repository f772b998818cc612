"""Unified diffs as git and others write them, read into file changes. Pure: bytes in, nouns out.

Own code and not unidiff: unidiff misreads quoted names and names with spaces, and takes a
form feed or U+2028 for a line end (measured: it is also 12 to 16 times slower). The format is
that of `git diff` (git-diff(1), "Generating patch text with -p"), of which POSIX `diff -u` is a
part.
"""

import re
from collections.abc import Iterator
from typing import Final

from reviewer.errors import InputError
from reviewer.model import FileChange, Hunk, Status

HUNK: Final = re.compile(
    rb"@@ -(\d{1,10})(?:,(\d{1,10}))? \+(\d{1,10})(?:,(\d{1,10}))? @@(?: ([^\n]*)|[^\n]*)"
)
NO_LINE: Final = re.compile(rb"\n[^-+ ]")
"""Before a line that is none of a hunk's, or the mark of a missing newline at the end of a file."""

FILE: Final = b"diff --git "
ESCAPES: Final = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
    b'"': b'"', b"\\": b"\\",
}  # fmt: skip
"""The escapes of git's quoted names (git's quote.c, unquote_c_style)."""

ESCAPED: Final = re.compile(rb'\\([0-7]{3}|[abfnrtv"\\])')
DEV_NULL: Final = b"/dev/null"
PREFIXES: Final = frozenset((b"a", b"b", b"c", b"i", b"o", b"w", b"1", b"2"))
"""First letters of git's name prefixes (git-config(1), diff.mnemonicPrefix)."""

QUOTED: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')


def parse(patch: bytes) -> tuple[FileChange, ...]:
    """All file changes of `patch`, in its order.

    Text before the first file header is passed over, as `git apply` does (a mail, a commit
    message). Raises InputError, naming the line, when a hunk breaks off or a name cannot be told.
    """
    reader = _Reader(patch)
    return tuple(reader.files())


def unquote(name: bytes) -> bytes:
    """A name as it stands in a header: in double quotes with escapes, or bare."""
    if not name.startswith(b'"'):
        return name
    return ESCAPED.sub(
        lambda found: (
            ESCAPES[found[1]] if found[1] in ESCAPES else bytes([int(found[1], 8) & 0xFF])
        ),
        name[1:-1],
    )


class _Reader:
    """A position in a patch. Lines end at LF alone."""

    def __init__(self, patch: bytes) -> None:
        self.patch = patch
        self.at = 0

    def files(self) -> Iterator[FileChange]:
        while self.at < len(self.patch):
            line = self.line()
            if line.startswith(FILE):
                yield self.git_file(line)
            elif line.startswith(b"--- ") and self.peek().startswith(b"+++ "):
                yield self.plain_file(line)

    def line(self) -> bytes:
        """The line at the position, which moves past it."""
        line = self.peek()
        self.at += len(line) + 1
        return line

    def peek(self) -> bytes:
        end = self.patch.find(b"\n", self.at)
        return self.patch[self.at : end if end >= 0 else len(self.patch)]

    def error(self, what: str) -> InputError:
        number = self.patch.count(b"\n", 0, min(self.at, len(self.patch))) + 1
        return InputError(
            f"the diff is damaged near line {number}: {what}",
            "make it again with `git diff` and pass it on unchanged",
        )

    def git_file(self, header: bytes) -> FileChange:
        """The change below one `diff --git` line."""
        fields: dict[bytes, bytes] = {}
        binary = False
        while self.at < len(self.patch):
            line = self.peek()
            if line.startswith((FILE, b"@@ ")):
                break
            if line.startswith(b"--- ") and b"old" not in fields:
                fields[b"old"] = self.line()[4:]
                fields[b"new"] = self.line().removeprefix(b"+++ ")
                break
            if line.startswith((b"Binary files ", b"GIT binary patch")):
                binary = True
            known = HEADER_LINE.match(line)
            if known is None and not binary:
                break
            if known is not None:
                fields[known[0]] = line[known.end() :]
            self.line()
        return self.described(header, fields, binary=binary)

    def described(self, header: bytes, fields: dict[bytes, bytes], *, binary: bool) -> FileChange:
        """What the extended header lines say, and the hunks after them."""
        old, new = self.names(header, fields)
        status = Status.MODIFIED
        old_mode = new_mode = 0
        oids = (b"", b"")
        if b"index " in fields:
            names, _, mode = fields[b"index "].partition(b" ")
            first, _, second = names.partition(b"..")
            oids = (first, second)
            old_mode = new_mode = _mode(mode)
        if b"old mode " in fields:
            old_mode, new_mode = _mode(fields[b"old mode "]), _mode(fields.get(b"new mode ", b""))
        if b"new file mode " in fields:
            status, old_mode, new_mode = Status.ADDED, 0, _mode(fields[b"new file mode "])
        elif b"deleted file mode " in fields:
            status, old_mode, new_mode = Status.DELETED, _mode(fields[b"deleted file mode "]), 0
        elif b"rename from " in fields:
            status = Status.RENAMED
        elif b"copy from " in fields:
            status = Status.COPIED
        moved = status in (Status.RENAMED, Status.COPIED)
        return FileChange(
            path=_text(old if status is Status.DELETED else new),
            status=status,
            old_path=_text(old) if moved else "",
            old_mode=old_mode,
            new_mode=new_mode,
            old_oid=oids[0].decode("ascii", "replace"),
            new_oid=oids[1].decode("ascii", "replace"),
            binary=binary,
            hunks=tuple(self.hunks()),
        )

    def names(self, header: bytes, fields: dict[bytes, bytes]) -> tuple[bytes, bytes]:
        """Old and new name, from the least ambiguous place that has them."""
        for old, new in ((b"rename from ", b"rename to "), (b"copy from ", b"copy to ")):
            if old in fields and new in fields:
                return unquote(fields[old]), unquote(fields[new])
        if b"old" in fields:
            return _pair(fields[b"old"], fields[b"new"])
        return self.names_of_header(header[len(FILE) :])

    def names_of_header(self, names: bytes) -> tuple[bytes, bytes]:
        """Names of a bare `diff --git a/x b/x`: only there both are the same name."""
        if names.startswith(b'"'):
            first = QUOTED.match(names)
            if first is None:
                raise self.error("a quoted name does not end")
            return _unprefixed(unquote(first[0]), unquote(names[first.end() + 1 :]))
        if names.endswith(b'"') and b' "' in names:
            middle = names.index(b' "')
            return _unprefixed(names[:middle], unquote(names[middle + 1 :]))
        half = len(names) // 2
        old, new = _unprefixed(names[:half], names[half + 1 :])
        if old != new or names[half : half + 1] != b" ":
            raise self.error("the names of a file cannot be told apart")
        return old, new

    def plain_file(self, header: bytes) -> FileChange:
        """The change below `---` and `+++` lines without a `diff --git` line."""
        before, after = header[4:], self.line()[4:]
        old, new = _pair(before, after)
        status = Status.MODIFIED
        if _bare(before) == DEV_NULL:
            status = Status.ADDED
        elif _bare(after) == DEV_NULL:
            status = Status.DELETED
        path = old if status is Status.DELETED else new
        return FileChange(path=_text(path), status=status, hunks=tuple(self.hunks()))

    def hunks(self) -> Iterator[Hunk]:
        while self.patch.startswith(b"@@ -", self.at):
            found = HUNK.match(self.patch, self.at)
            if found is None:
                raise self.error("a hunk header is not readable")
            self.at = found.end() + 1
            old_start, old, new_start, new, section = found.groups(b"")
            counts = int(old or 1), int(new or 1)
            yield Hunk(
                int(old_start),
                counts[0],
                int(new_start),
                counts[1],
                section.decode("utf-8", "replace"),
                self.body(*counts),
            )

    def body(self, old: int, new: int) -> bytes:
        """The lines of a hunk of `old` and `new` lines.

        Taken whole up to the first line that cannot be one of a hunk, and checked by counting: both
        run at memory speed. Where the counts do not fit (text after the last hunk that looks like
        a line of it, stripped white space) the lines are walked one by one.
        """
        start, end, marks = self.at, self.at - 1, 0
        while found := NO_LINE.search(self.patch, end):
            end = found.start()
            if found[0] != b"\n\\":
                break
            end, marks = end + 1, marks + 1
        else:
            end = len(self.patch) - self.patch.endswith(b"\n")
        lines = self.patch.count(b"\n", start - 1, end) - marks
        if (
            lines - self.patch.count(b"\n+", start - 1, end) == old
            and lines - self.patch.count(b"\n-", start - 1, end) == new
        ):
            self.at = end + 1
            return self.patch[start:end]
        return self.walked(old, new)

    def walked(self, old: int, new: int) -> bytes:
        lines: list[bytes] = []
        while old or new:
            if self.at >= len(self.patch):
                raise self.error("a hunk breaks off")
            line = self.line()
            origin = line[:1]
            if origin == b"+":
                new -= 1
            elif origin == b"-":
                old -= 1
            elif origin in (b" ", b"", b"\r"):
                old, new = old - 1, new - 1
                line = line if origin == b" " else b" " + line
            elif origin != b"\\":
                raise self.error("a line of a hunk begins with none of + - and space")
            if old < 0 or new < 0:
                raise self.error("a hunk has more lines than its header says")
            lines.append(line)
        if self.peek().startswith(b"\\ "):
            lines.append(self.line())
        return b"\n".join(lines)


HEADER_LINE: Final = re.compile(
    rb"(?:(?:old|new|new file|deleted file) mode|(?:copy|rename) (?:from|to)|index"
    rb"|(?:dis)?similarity index|Binary files) |GIT binary patch"
)
"""The extended header lines of git-diff(1)."""


def _mode(text: bytes) -> int:
    return int(text, 8) if re.fullmatch(rb"[0-7]{6}", text) else 0


def _bare(name: bytes) -> bytes:
    """The name of a `---` or `+++` line: unquoted, without the time that follows a tab."""
    quoted = QUOTED.match(name)
    if quoted:
        return unquote(quoted[0])
    return name.partition(b"\t")[0].rstrip(b"\r")


def _pair(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """Names of a pair of `---` and `+++` lines; where one is /dev/null, the other for both."""
    before, after = _bare(old), _bare(new)
    if before == DEV_NULL or after == DEV_NULL:
        name = after if before == DEV_NULL else before
        name = name[2:] if name[1:2] == b"/" and name[:1] in PREFIXES else name
        return name, name
    return _unprefixed(before, after)


def _unprefixed(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """Both names without git's prefixes (a/ and b/, or those of diff.mnemonicPrefix)."""
    prefixes = old[:1], new[:1]
    if old[1:2] == new[1:2] == b"/" and prefixes[0] != prefixes[1] and set(prefixes) <= PREFIXES:
        return old[2:], new[2:]
    return old, new


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
