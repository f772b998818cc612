"""What a suggestion does to the lines it replaces, and what none may do. Pure.

A forge commits the text of a suggestion in place of whole lines and ends them by line feeds. GitLab
ends the last one as the last replaced line was (its lib/gitlab/diff/suggestion.rb), and GitHub has
been seen to commit carriage returns that nobody wrote. So what is proven of a file with carriage
returns is not what would be committed: such files take no suggestions.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from reviewer.model import FileChange, Suggestion
from reviewer.text import HIDDEN, redact

LINES: Final = 40
CHARACTERS: Final = 4000
"""The most that one suggestion replaces or puts: what is committed by a click is read in full."""

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
CLOSERS: Final = (")", "]", "}")
"""Lines that begin so stand where their bracket was opened, not in the block around them."""

_HIDDEN: Final = re.compile(f"[{HIDDEN}]")
_INDENT: Final = re.compile(r"[ \t]*")
_LETTER: Final = re.compile(r"[^\W\d_]")
_OF_PATCH: Final = re.compile(r"[+-](?![+-])")
_ELISION: Final = re.compile(
    r"\s*(?:(?:#|//|/\*+|--|<!--)\s*(?:\.{3}|…|existing (?:code|logic|implementation)\b"
    r"|(?:the )?rest of (?:the |this )?(?:code|function|method|class|file|implementation|body)\b"
    r"|(?:code )?unchanged\W*$)|…)",
    re.IGNORECASE,
)
"""A line that stands for others: committed, it would delete them."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`new` in place of lines `start` to `end` of a file that is `head`, in `lines`.

    Lines are without their line feeds. `first` and `last` are the bytes of the replaced lines, the
    end exclusive; `put` is what comes in their place.
    """

    path: str
    start: int
    end: int
    head: bytes
    lines: tuple[str, ...]
    new: tuple[str, ...]
    first: int
    last: int
    put: bytes

    @property
    def old(self) -> tuple[str, ...]:
        """The lines that are replaced."""
        return self.lines[self.start - 1 : self.end]

    @property
    def after(self) -> bytes:
        """The file with the edit."""
        return self.head[: self.first] + self.put + self.head[self.last :]

    def moved(self, place: tuple[int, int]) -> tuple[int, int] | None:
        """Where bytes of the head are after the edit; None for those that meet what it replaces."""
        start, end = place
        if end <= self.first:
            return place
        by = len(self.put) - (self.last - self.first)
        return (start + by, end + by) if start >= self.last else None


def edit(suggestion: Suggestion, head: bytes, change: FileChange) -> Edit | str:
    """The edit that a suggestion is to `head`, the changed file, or why it is none.

    Reasons are one line each, for whoever wrote the suggestion.
    """
    span = suggestion.span
    if len(suggestion.text) > CHARACTERS or span.end - span.start >= LINES:
        return f"is too long: at most {LINES} lines and {CHARACTERS} characters are offered"
    if not any(
        hunk.new_start <= span.start <= span.end < hunk.new_start + hunk.new_count
        for hunk in change.hunks
    ):
        return f"lines {span.start} to {span.end} are not all in one hunk of the change"
    if b"\r" in head:
        return "the file has carriage returns, which a forge does not keep"
    try:
        lines = tuple(head.decode("utf-8").removesuffix("\n").split("\n"))
    except UnicodeDecodeError:
        return "the file is not UTF-8"
    if not 1 <= span.start <= span.end <= len(lines):
        return f"lines {span.start} to {span.end} are not all in the file"
    if span.start == 1 and head.startswith(BYTE_ORDER_MARK):
        return "the first line has a byte order mark, which nobody can see in a suggestion"
    text = suggestion.text
    new = tuple(text.removesuffix("\n").split("\n")) if text else ()
    made = _placed(span.path, (span.start, span.end), head, lines, new)
    return next((said for check in CHECKS if (said := check(made))), made)


def _placed(
    path: str, rows: tuple[int, int], head: bytes, lines: tuple[str, ...], new: tuple[str, ...]
) -> Edit:
    """The edit with its bytes. What is put ends as what is replaced did, as GitLab has it."""
    start, end = rows
    first = sum(len(line.encode()) + 1 for line in lines[: start - 1])
    last = min(len(head), first + sum(len(line.encode()) + 1 for line in lines[start - 1 : end]))
    # What no encoding takes is hidden, and refused for that.
    put = "".join(f"{line}\n" for line in new).encode("utf-8", "replace")
    if not head[first:last].endswith(b"\n"):
        put = put.removesuffix(b"\n")
    return Edit(path, start, end, head, lines, new, first, last, put)


def _idle(edit: Edit) -> str:
    """What changes nothing, or nothing that one can see."""
    if edit.new == edit.old:
        return "changes nothing"
    before, after = ([line.rstrip() for line in e if line.strip()] for e in (edit.old, edit.new))
    return "changes nothing but white space" if before == after else ""


def _bare(edit: Edit) -> str:
    """GitLab deletes the lines where GitHub puts empty ones."""
    blank = edit.new and not any(line.strip() for line in edit.new)
    return "is nothing but empty lines" if blank else ""


def _long(edit: Edit) -> str:
    return f"is longer than {LINES} lines" if len(edit.new) > LINES else ""


def _ended(edit: Edit) -> str:
    after = edit.after
    if not after:
        return "would leave the file empty"
    same = after.endswith(b"\n") is edit.head.endswith(b"\n")
    return "" if same else "would change how the file ends"


def _hidden(edit: Edit) -> str:
    had, has = (Counter(_HIDDEN.findall("\n".join(each))) for each in (edit.old, edit.new))
    if "\r" in has:
        return "has a carriage return; lines of this file end by a line feed alone"
    added = sorted(has - had)
    return f"has a hidden character, U+{ord(added[0]):04X}" if added else ""


def _secret(edit: Edit) -> str:
    text = "\n".join(edit.new)
    return "has what looks like a secret" if redact(text) != text else ""


def _patch(edit: Edit) -> str:
    """A patch in place of the lines: some of it even parses, as signs before expressions."""
    signs = [bool(_OF_PATCH.match(line)) for line in edit.new if line.strip()]
    inside = all(line[:1] in "+- @" for line in edit.new)
    if not any(signs) or not inside or any(_OF_PATCH.match(line) for line in edit.old):
        return ""
    return "is a patch; only the new lines are wanted"


def _elided(edit: Edit) -> str:
    """Whether a line of it stands for code that is left out."""
    stand = next((line for line in edit.new if _ELISION.match(line)), None)
    if stand is None or stand in edit.old:
        return ""
    return "has a line that stands for code left out; all lines are wanted"


def _repeating(edit: Edit) -> str:
    """Lines around the replaced ones, given once more: committed, they would be there twice."""
    new, old = edit.new, edit.old
    for size in range(1, len(new) + 1):
        below = edit.lines[edit.end : edit.end + size]
        above = edit.lines[max(0, edit.start - 1 - size) : edit.start - 1]
        if _tells(below) and new[-size:] == below != old[-size:]:
            return f"repeats line {edit.end + size}, which stays below it"
        if _tells(above) and new[:size] == above != old[:size]:
            return f"repeats line {edit.start - size}, which stays above it"
    return ""


def _tells(lines: Sequence[str]) -> bool:
    """Whether lines are more than brackets: those are often the same."""
    return any(_LETTER.search(line) for line in lines)


def _styled(edit: Edit) -> str:
    """Tabs and spaces as in the file. One space says nothing: comments are indented so."""
    usual = _styles(edit.old) or _styles(edit.lines)
    odd = _styles(edit.new) - usual if usual else set()
    return f"is indented by {min(odd)}, unlike the file" if odd else ""


def _styles(lines: Sequence[str]) -> set[str]:
    indents = {indent(line) for line in lines if line.strip()}
    styles = {"tabs": "\t", "spaces": "  ", "tabs after spaces": " \t"}
    found = {name for name, begins in styles.items() if any(i.startswith(begins) for i in indents)}
    mixed = any(" \t" in i for i in indents)
    return found | ({"tabs after spaces"} if mixed else set())


CHECKS: Final[Sequence[Callable[[Edit], str]]] = (
    _long, _hidden, _idle, _bare, _ended, _secret, _patch, _elided, _repeating, _styled,
)  # fmt: skip
"""What holds for the text of any file; each says why it does not, "" if it does."""


def indent(line: str) -> str:
    """The white space that a line begins with."""
    return _INDENT.match(line)[0]  # type: ignore[index]  # it matches nothing at all, too


def dedented(edit: Edit, held: Collection[int], held_after: Collection[int]) -> str:
    """Whether the edit leaves the block of the lines it replaces; "" if it stays.

    A dedented line of Python often parses, as a part of another block. So the first line has to
    stand where the first one stood, and none further left than those that are replaced. Rows of
    the file in `held`, and of the file with the edit in `held_after`, carry on a line above, in
    brackets or in a string: their indentation says nothing.
    """
    new = _counting(edit.new, edit.start, held_after)
    old = _counting(edit.old, edit.start, held)
    above = [] if old else _counting(edit.lines[: edit.start - 1], 1, held)[-1:]
    if not new or not old + above:
        return ""
    if old and new[0] != old[0]:
        return (
            f"its first line is indented by {_width(new[0])} columns, not by the "
            f"{_width(old[0])} of the line it replaces"
        )
    least = min(map(_width, old + above))
    if min(map(_width, new)) < least:
        return f"a line is indented by less than {least} columns, outside of what it replaces"
    return ""


def _counting(lines: Sequence[str], start: int, held: Collection[int]) -> list[str]:
    """The indentation of the lines whose indentation says in which block they are."""
    return [
        indent(line)
        for row, line in enumerate(lines, start)
        if line.strip() and row not in held and not line.lstrip().startswith(CLOSERS)
    ]


def _width(indentation: str) -> int:
    """Columns; a tab fills up to eight (Python reference, 2.1.8)."""
    return len(indentation.expandtabs(8))
