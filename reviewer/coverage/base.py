"""The seam of the coverage report formats.

A format is recognised by content, never by name. A report is hostile input: no path in it is ever
opened, XML entities are refused, sizes are capped.
"""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, ClassVar, Final, Protocol

from reviewer.model import FileCoverage

Wanted = Callable[[str], bool]
"""Says whether a path of the report could be one of the changed files; others need only be counted.

It is asked about every path of the report: the paths together tell where the project's root is.
"""

Derive = Callable[[bytes], FileCoverage]
"""Coverage of a file that the report alone does not give: it follows from the file's content.

Raises UnreadableReport when that content cannot be analysed.
"""

SNIFF_BYTES: Final = 4096
"""How much of a report `sniff` is shown."""

REPORT_BYTES: Final = 256 * 1024 * 1024
"""The largest report that is read; larger ones are refused with a reason. A project of 1.5 million
lines has a Cobertura report of 25 MB."""

LAST_LINE: Final = 10_000_000
"""The highest line number that is believed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one report says.

    `files` has the lines of the wanted files by the path as the report spells it, with the roots
    that the report names already applied; `derived` has the wanted files whose lines need the
    source. `covered` of `measurable` lines (statements, where the format counts those) ran in the
    whole report, 0 of 0 when it does not say. `written` is when it was made, in seconds since
    1970, None when it does not say. `notes` are remarks for the reader. Raises UnreadableReport for
    totals that cannot be.
    """

    files: Mapping[str, FileCoverage]
    covered: int
    measurable: int
    written: float | None = None
    notes: tuple[str, ...] = ()
    derived: Mapping[str, Derive] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.covered <= self.measurable:
            raise UnreadableReport("its totals contradict each other")


class UnreadableReport(Exception):
    """The report is broken, hostile or too large; the text is the reason that readers see."""


class CoverageFormat(Protocol):
    """One file format."""

    name: ClassVar[str]

    def sniff(self, head: bytes) -> bool:
        """Whether the first SNIFF_BYTES of a file look like this format."""
        ...

    def parse(self, report: Path, wanted: Wanted) -> Measured:
        """Read `report`, keeping the lines of `wanted` paths alone. Raises UnreadableReport."""
        ...


@dataclass(slots=True)
class Lines:
    """Collects the lines of one file. A line that ran in one place of the report has run."""

    covered: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)
    partial: set[int] = field(default_factory=set)

    def add(self, line: int, *, ran: bool, partly: bool = False) -> None:
        """Note one line. Line 0 is code without a line. Raises UnreadableReport out of range."""
        if not 0 <= line <= LAST_LINE:
            raise UnreadableReport("it names a line number that no file has")
        if line:
            (self.covered if ran else self.missing).add(line)
            if ran and partly:
                self.partial.add(line)

    def coverage(self) -> FileCoverage:
        covered = frozenset(self.covered)
        return FileCoverage(covered, frozenset(self.missing) - covered, frozenset(self.partial))


def opened(report: Path) -> BinaryIO:
    """`report` opened for reading. Raises UnreadableReport unless it is a regular file that fits.

    A symbolic link is refused: in a checkout it would be the change's choice what is read.
    """
    try:
        descriptor = os.open(report, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        link = report.is_symlink()
        raise UnreadableReport(
            "it is a symbolic link" if link else f"it cannot be opened ({error})"
        ) from error
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_size <= REPORT_BYTES:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISREG(status.st_mode):
        raise UnreadableReport(f"it is larger than {REPORT_BYTES >> 20} MiB")
    raise UnreadableReport("it is not a regular file")
