"""The heads of functions that the change calls and leaves alone, from the rest of the repository.

Only files that the riskiest units import from, or share a package with, are read, and they are not
parsed: a regular expression finds what is defined at the start of a line.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from reviewer.context.drafts import Draft
from reviewer.context.outlines import NAME_CHARS, SIGNATURE_BYTES, Register, family_of, signature
from reviewer.errors import InputError
from reviewer.tree import Entry, Tree

UNITS: Final = 200
"""The units for whose sake files are read; a model answers as many in some ten minutes."""

FILES: Final = 60
FILE_BYTES: Final = 256 << 10
TOTAL_BYTES: Final = 2 << 20
"""So many files of up to this size, and so much in all, is read."""

PLACES: Final = 2
"""So many definitions of one name are told."""

GENERIC: Final = frozenset(("__init__", "index", "mod", "lib"))
"""Files that go by the name of their folder."""

PACKAGES: Final = frozenset(("go", "java"))
"""Languages in which the files of a folder see each other without an import."""

DEFINITION: Final = re.compile(
    rb"^[ \t]*(?:[A-Za-z@][\w().]{0,40}[ \t]+){0,5}"
    rb"(?:def|class|function\*?|func|fn|struct|interface|enum|trait|record|type)[ \t]+"
    rb"(?:\([^)\n]{0,200}\)[ \t]*)?(\w+)"
    rb"|^[ \t]*(?:export[ \t]+)?const[ \t]+(\w+)[^=\n]{0,200}=[ \t]*(?:async\b[ \t]*)?"
    rb"(?:function\b|\([^\n]{0,400}=>|\w+[ \t]*=>)"
    rb"|^[ \t]*(?:(?:public|protected|private|static|final|abstract|synchronized)[ \t]+){1,5}"
    rb"[\w<>\[\], .?]{1,120}?[ \t](\w+)[ \t]*\(",
    re.MULTILINE,
)
"""Heads of definitions in the languages that have a grammar here."""

Heads = Mapping[tuple[str, str], tuple[str, ...]]
"""By family and name: "path:line signature"."""


@dataclass
class _Wanted:
    """Names that are called and not known, and the modules and folders they may come from."""

    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    modules: set[str] = field(default_factory=set)
    folders: set[PurePosixPath] = field(default_factory=set)

    def score(self, path: str) -> int:
        """How likely the file defines one of the names, 0 for not at all."""
        family = family_of(path)
        if not self.names.get(family):
            return 0
        place = PurePosixPath(path)
        inside = place.parent.name in self.modules
        if place.stem in GENERIC:
            return int(inside)
        beside = place.parent in self.folders
        if family in PACKAGES:
            return 2 * beside + inside + (place.stem in self.modules)
        return (1 + beside + inside) * (place.stem in self.modules)


def callees(drafts: Sequence[Draft], tree: Tree, register: Register) -> Heads:
    """What the first of `drafts` call and the change does not define. Costs nothing if it fails."""
    if tree.around is None:
        return {}
    wanted = _wanted(drafts[:UNITS], tree, register)
    if not wanted.names:
        return {}
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    try:
        chosen = list(_chosen(tree.around.files(lambda path: wanted.score(path) > 0), wanted))
        for entry, data in zip(chosen, tree.around.read(chosen), strict=True):
            family = family_of(entry.path)
            for name, head in _heads(entry.path, data or b"", wanted.names[family]):
                known = found.get((family, name), ())
                if len(known) < PLACES:
                    found[family, name] = (*known, head)
    except InputError:
        return found
    return found


def _wanted(drafts: Iterable[Draft], tree: Tree, register: Register) -> _Wanted:
    wanted = _Wanted()
    read: set[str] = set()
    for draft in drafts:
        family = family_of(draft.path)
        names = [
            call
            for call in draft.calls
            if isinstance(call, str) and not register.defined(call, family)
        ]
        if not names:
            continue
        wanted.names[family].update(names)
        if draft.path not in read:
            read.add(draft.path)
            wanted.folders.add(PurePosixPath(draft.path).parent)
            with (tree.root / tree.files[draft.path]).open("rb") as file:
                for region in draft.imports:
                    wanted.modules.update(re.findall(r"\w+", region.read(file)))
    return wanted


def _chosen(entries: Iterable[Entry], wanted: _Wanted) -> Iterator[Entry]:
    """The likeliest files within the limits."""
    left = TOTAL_BYTES
    likely = sorted(entries, key=lambda entry: (-wanted.score(entry.path), entry.path))
    for entry in [each for each in likely if each.size <= FILE_BYTES][:FILES]:
        left -= entry.size
        if left >= 0:
            yield entry


def _heads(path: str, data: bytes, names: set[str]) -> Iterator[tuple[str, str]]:
    """The wanted names that a file defines, with their heads."""
    line, at = 1, 0
    for found in DEFINITION.finditer(data):
        name = found[found.lastindex or 0].decode("utf-8", "replace")
        if name in names and len(name) <= NAME_CHARS:
            line, at = line + data.count(b"\n", at, found.start()), found.start()
            text = data[at : at + SIGNATURE_BYTES].lstrip().decode("utf-8", "replace")
            yield name, f"{path}:{line} {signature(text)}"
