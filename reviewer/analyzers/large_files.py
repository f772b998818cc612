"""Large and binary files that the change adds: history keeps them for everybody, for good."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Final

from reviewer.analyzers.base import Analyzer, RulePage, not_concerned
from reviewer.binding import Range
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    FileChange,
    Finding,
    Outcome,
    Severity,
    Span,
    Status,
    ToolRun,
)
from reviewer.process import Runner
from reviewer.tree import FILE_BYTES, Tree
from reviewer.version import VERSION

BUILT: Final = frozenset(
    (
        ".exe .dll .so .dylib .a .o .obj .lib .class .jar .war .ear .pyc .pyo .pyd .wasm .whl .egg "
        ".zip .gz .tgz .bz2 .xz .7z .rar .tar .iso .dmg .deb .rpm .msi .apk .bin .sqlite .db"
    ).split()
)
"""Suffixes of what a build makes or a download brings: it belongs into a registry or a release."""


@dataclass(frozen=True)
class LargeFiles:
    """Files that do not belong into the history."""

    name: ClassVar[str] = "large-files"
    measures: ClassVar[tuple[Category, ...]] = (Category.STYLE,)

    kilobytes: Annotated[int, Range(1, FILE_BYTES >> 10)] = 500
    """An added text file over this size is named."""

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        """One finding for each added file that is binary or large."""
        del runner
        added = [c for c in changes.files if c.status in (Status.ADDED, Status.COPIED)]
        if not added:
            return not_concerned(self.name, "new file")
        findings = tuple(finding for change in added for finding in self._judge(change, tree))
        return ToolRun(self.name, Outcome.OK, VERSION, findings, measures=self.measures)

    def _judge(self, change: FileChange, tree: Tree) -> Iterator[Finding]:
        if change.binary:
            built = PurePosixPath(change.path).suffix.lower() in BUILT
            what = "This binary file is added; what builds or downloads make belongs elsewhere."
            plain = "This binary file is added: a diff will never show what changes in it."
            severity = Severity.WARNING if built else Severity.NOTE
            yield self._finding("binary-file", change, what if built else plain, severity)
            return
        size = change.added and self._size(change.path, tree)
        if size and size > self.kilobytes << 10:
            shown = f"{size / 1024:,.0f} KiB" if size < FILE_BYTES else "over 1 MiB"
            message = f"This file of {shown} is added: history keeps it for good."
            yield self._finding("large-file", change, message, Severity.WARNING)

    def _size(self, path: str, tree: Tree) -> int:
        """Bytes of the file; FILE_BYTES for one that was too large to be read."""
        if path in tree.files or path in tree.asides:
            return len(tree.read(path))
        return FILE_BYTES if "MiB" in tree.skipped.get(path, "") else 0

    def _finding(self, rule: str, change: FileChange, message: str, severity: Severity) -> Finding:
        return Finding(
            tool=self.name,
            rule=rule,
            message=message,
            span=Span(change.path),
            severity=severity,
            confidence=Confidence.HIGH,
            category=Category.STYLE,
            help="Git LFS, a package registry or a release asset can hold it.",
        )


RULES: Final = (
    RulePage(
        rule="binary-file",
        what="A binary file is added; a warning where its name says that a build made it.",
        why="A diff never shows what changes in it, and every clone carries each version for good.",
        fix="Keep what is built or downloaded in a package registry, a release or Git LFS.",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.STYLE,
        url="https://git-lfs.com",
    ),
    RulePage(
        rule="large-file",
        what="A text file over `kilobytes` is added.",
        why="History keeps it for everybody, also after it is deleted, and nobody reviews it.",
        fix="Generate or fetch it when it is needed, cut it down, or keep it in Git LFS.",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        category=Category.STYLE,
        url="https://docs.github.com/en/repositories/working-with-files/managing-large-files",
    ),
)


PLUGIN: Final[type[Analyzer]] = LargeFiles
