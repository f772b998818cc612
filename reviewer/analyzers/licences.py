"""Licences that the settings deny, brought in by a file header or a new dependency.

A header is an SPDX identifier or the words of a licence, in added comments. Dependencies are judged
by the licences that `package-lock.json` names; other lock files name none, and Trivy knows more
where it is installed. A licence that the project itself is under is never a finding.
"""

import posixpath
import re
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, Final, NamedTuple

import msgspec

from reviewer.analyzers.base import Analyzer, RulePage
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    Finding,
    Outcome,
    Severity,
    Span,
    ToolRun,
)
from reviewer.process import Runner
from reviewer.text import clip, visible
from reviewer.tree import Tree
from reviewer.version import VERSION

RESTRICTING: Final = (
    "BUSL-*",
    "CC-BY-NC*",
    "Commons-Clause",
    "Elastic-*",
    "PolyForm-*",
    "SSPL-*",
)
"""Licences that forbid some use, so that whoever takes such code along may not pass the whole on
freely: sections 5 and 6 of the Open Source Definition (opensource.org/osd) rule them out."""

COPYLEFT: Final = ("AGPL-*", "GPL-*")
"""Licences that bind the whole that a part of it is used in (GPL-2.0, section 2 b)."""

OWN_LICENCE: Final = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENCE.md", "COPYING")
"""Where a project says what it is under (choosealicense.com; GNU's COPYING)."""

COMMENT: Final = re.compile(
    r"[ \t]*(?:#|//|/\*|\*|--|;|%|<!--|\"\"\"|''')[#/*\-;%! ]{0,100}(.{0,400})"
)
"""A line of a comment, or the first of a docstring, and what it says."""

SPDX: Final = re.compile(r"SPDX-License-Identifier:[ \t]*([\w.+() \t-]{1,200})")
"""The tag of SPDX specification 2.3, annex E."""

OPERATORS: Final = frozenset(("OR", "AND", "WITH"))
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][\w.+-]*")

PROSE: Final = (".md", ".markdown", ".rst", ".adoc", ".txt")
"""Suffixes of texts that speak about licences and have no comments."""

GRANT: Final = re.compile(
    r"licen[sc]ed under|under the terms|distributed under|redistribute|governed by|subject to|"
    r"permission|provided under|released under",
    re.IGNORECASE,
)
"""What a header says beside the name of the licence; without it the name is only mentioned."""

VERSION_OF: Final = re.compile(r"version (\d+)(?:\.(\d))?", re.IGNORECASE)
LATER: Final = re.compile(r"any later version", re.IGNORECASE)

LAST: Final[Mapping[str, str]] = {"SSPL": "1.0", "BUSL": "1.1", "Elastic": "2.0", "CC-BY-NC": "4.0"}
"""The version in use of licences whose headers need not say it."""

WORDS: Final[Mapping[str, str]] = {
    "AGPL": r"GNU Affero General Public Licen[sc]e",
    "LGPL": r"GNU (?:Lesser|Library) General Public Licen[sc]e",
    "GPL": r"GNU General Public Licen[sc]e",
    "SSPL": r"Server Side Public Licen[sc]e",
    "BUSL": r"Business Source Licen[sc]e",
    "Elastic": r"Elastic Licen[sc]e",
    "Commons-Clause": r"Commons Clause",
    "CC-BY-NC": r"Creative Commons Attribution.{0,3}Non-?Commercial|CC[ -]BY-NC",
    "PolyForm": r"PolyForm \w+",
}
"""The names that licences give themselves, by the SPDX family."""

NAMED: Final = re.compile("|".join(f"({pattern})" for pattern in WORDS.values()), re.IGNORECASE)

READ: Final = 20_000
"""Bytes of a licence file in which its name is looked for."""

NEAR: Final = 600
"""Characters around the name in which a grant and a version are looked for."""

LOCK: Final = "package-lock.json"


class Package(msgspec.Struct, frozen=True):
    """One entry of `packages` (docs.npmjs.com, package-lock.json); licences come in all types."""

    version: str = ""
    license: object = None


class Lock(msgspec.Struct, frozen=True):
    """A lock file of version 2 or later, by the place of each package."""

    packages: dict[str, Package] = msgspec.field(default_factory=dict)


class Header(NamedTuple):
    """A licence expression, the line that names it, and whether by its identifier."""

    expression: str
    line: int
    tagged: bool


@dataclass(frozen=True)
class Licences:
    """Which licences may not come in.

    `deny` has SPDX identifiers with `*` and `?` ("AGPL-*"). The profile `strict` also notes strong
    copyleft.
    """

    name: ClassVar[str] = "licences"
    measures: ClassVar[tuple[Category, ...]] = (Category.STYLE,)

    deny: tuple[str, ...] = RESTRICTING
    profile: str = "default"

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        """One finding for each header and each new dependency under such a licence."""
        del runner
        started = time.monotonic()
        findings: list[Finding] = []
        unread: list[str] = []
        own: frozenset[str] | None = None
        for change in changes.files:
            if change.path not in tree.files and change.path not in tree.asides:
                continue
            prose = change.path.lower().endswith(PROSE)
            found = [] if prose else [(header, "") for header in headers(change.added_text)]
            if posixpath.basename(change.path) == LOCK:
                try:
                    found += locked(tree.read(change.path), tree.read_base(change.path))
                except (msgspec.MsgspecError, RecursionError):
                    unread.append(change.path)
            for header, package in found:
                severity = self._severity(header.expression)
                if severity is None:
                    continue
                own = own_licences(tree) if own is None else own
                if not any(word.startswith(tuple(own)) for word in families(header.expression)):
                    findings.append(self._finding(change.path, header, package, severity))
        reason = f"cannot be understood: {', '.join(map(visible, unread))}" if unread else ""
        seconds = time.monotonic() - started
        return ToolRun(
            self.name, Outcome.OK, VERSION, tuple(findings), reason, seconds, measures=self.measures
        )

    def _severity(self, expression: str) -> Severity | None:
        """How bad a licence is; None if it is none of the wanted ones."""
        if denied(expression, self.deny):
            return Severity.WARNING
        if self.profile == "strict" and denied(expression, COPYLEFT):
            return Severity.NOTE
        return None

    def _finding(self, path: str, header: Header, package: str, severity: Severity) -> Finding:
        licence = clip(visible(header.expression), 80)
        what = f"The new dependency {clip(visible(package), 80)}" if package else "This code"
        why = "the settings deny it" if severity is Severity.WARNING else "it binds the whole"
        return Finding(
            tool=self.name,
            rule="dependency-licence" if package else "licence-header",
            message=f"{what} is under {licence}: {why}.",
            span=Span(path, header.line, header.line),
            severity=severity,
            confidence=Confidence.HIGH if header.tagged else Confidence.MEDIUM,
            category=Category.STYLE,
            help="Use something else, or allow the licence by `analyzers.licences.deny`.",
        )


def denied(expression: str, patterns: tuple[str, ...]) -> bool:
    """Whether a licence expression leaves no choice but a denied licence.

    Of alternatives (OR) one that is not denied is enough; brackets are not told apart, so that an
    expression with both OR and AND counts as alternatives.
    """
    words = IDENTIFIER.findall(expression.upper())
    known = [
        any(fnmatchcase(word, pattern.upper()) for pattern in patterns)
        for word in words
        if word not in OPERATORS
    ]
    return bool(known) and (all(known) if "OR" in words else any(known))


def families(expression: str) -> frozenset[str]:
    """The licences of an expression without their versions: "GPL-3.0-only" is of "GPL"."""
    words = IDENTIFIER.findall(expression.upper())
    return frozenset(re.split(r"-\d", word)[0] for word in words) - OPERATORS


def own_licences(tree: Tree) -> frozenset[str]:
    """What the project is under, by the licence files that the change does not touch."""
    found: set[str] = set()
    if tree.around is not None:
        entries = list(tree.around.files(OWN_LICENCE.__contains__))
        for data in tree.around.read(entries):
            text = " ".join((data or b"")[:READ].decode("utf-8", "replace").split())
            found |= {family(match).upper() for match in NAMED.finditer(text)}
    return frozenset(found)


def family(match: re.Match[str]) -> str:
    """The SPDX family that a match of NAMED stands for."""
    return list(WORDS)[(match.lastindex or 1) - 1]


def headers(added: Mapping[int, str]) -> Iterator[Header]:
    """The licences that added comments name, a block of comment lines at a time."""
    block: list[tuple[int, str]] = []
    for number in sorted(added):
        comment = COMMENT.match(added[number])
        if block and (comment is None or block[-1][0] != number - 1):
            yield from of_block(block)
            block = []
        if comment is not None:
            block.append((number, comment[1]))
    yield from of_block(block)


def of_block(block: list[tuple[int, str]]) -> Iterator[Header]:
    """The licences of one block of comment lines: by their identifiers, else by their names."""
    tags = [(number, tag) for number, text in block if (tag := SPDX.search(text))]
    if tags:
        for number, tag in tags:
            yield Header(tag[1].strip(" \t-"), number, tagged=True)
        return
    starts: list[int] = []
    length = 0
    for _, text in block:
        starts.append(length)
        length += len(text) + 1
    whole = " ".join(text for _, text in block)
    seen: set[str] = set()
    for match in NAMED.finditer(whole):
        name = family(match)
        around = whole[max(0, match.start() - NEAR) : match.end() + NEAR]
        if name not in seen and GRANT.search(around):
            seen.add(name)
            number = block[bisect_right(starts, match.start()) - 1][0]
            yield Header(identifier(name, match[0], around), number, tagged=False)


def identifier(name: str, words: str, around: str) -> str:
    """The SPDX identifier of a licence by its family, its own name, and what is said around it."""
    if name == "PolyForm":
        return words.replace(" ", "-") + "-1.0.0"
    if not name.endswith("GPL"):
        return "-".join(filter(None, (name, LAST.get(name))))
    version = VERSION_OF.search(around)
    if version is None:
        return f"{name}-1.0-or-later"
    later = "or-later" if LATER.search(around) else "only"
    return f"{name}-{version[1]}.{version[2] or 0}-{later}"


def locked(after: bytes, before: bytes | None) -> Iterator[tuple[Header, str]]:
    """The licence and name of each package that a lock file newly has, or has under a new licence.

    Raises msgspec.MsgspecError and RecursionError for a lock file that cannot be understood.
    """
    new = msgspec.json.decode(after, type=Lock).packages
    try:
        old = msgspec.json.decode(before or b"{}", type=Lock).packages
    except (msgspec.MsgspecError, RecursionError):
        old = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(after.split(b"\n"), start=1):
        key = re.match(rb'[ \t]*"([^"\\]{1,400})": \{', line)
        if key is not None:
            lines.setdefault(key[1].decode("utf-8", "replace"), number)
    for place, package in new.items():
        known = place in old and old[place].license == package.license
        if place and not known and isinstance(package.license, str):
            name = place.rpartition("node_modules/")[2]
            yield Header(package.license[:200], lines.get(place, 0), tagged=True), name


RULES: Final = (
    RulePage(
        "licence-header",
        what="Added code says that it is under a licence that the settings deny: by an SPDX "
        "identifier, or by the words that grant the licence.",
        why="Who takes such code along may be bound by its terms, or may not pass it on at all.",
        fix="Write it anew, take it from elsewhere, or allow the licence by "
        "`analyzers.licences.deny`.",
        before="# SPDX-License-Identifier: BUSL-1.1",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        category=Category.STYLE,
        url="https://spdx.org/licenses/",
    ),
    RulePage(
        "dependency-licence",
        what="`package-lock.json` newly names a package whose licence the settings deny.",
        why="The licence of a part may bind the whole.",
        fix="Choose another package, or allow the licence by `analyzers.licences.deny`.",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        category=Category.STYLE,
        url="https://spdx.org/licenses/",
    ),
)


PLUGIN: Final[type[Analyzer]] = Licences
