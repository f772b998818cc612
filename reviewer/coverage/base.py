"""The seam of the coverage report formats.

A format is recognised by content, never by name. A report is hostile input: no path in it is ever
opened, XML entities are refused, sizes are capped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from reviewer.model import FileCoverage

Wanted = Callable[[str], bool]
"""Says whether a path of the report could be one of the changed files; others need only be counted."""

SNIFF_BYTES = 4096
"""How much of a report `sniff` is shown."""

REPORT_BYTES = 512 * 1024 * 1024
"""The largest report that is read; larger ones are refused with a reason."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one report says.

    `files` has the lines of the wanted files by the path as the report spells it, with the roots
    that the report names already applied. `covered` of `measurable` lines ran in the whole report.
    `written` is when it was made, in seconds since 1970, None when it does not say. `notes` are
    remarks for the reader.
    """

    files: Mapping[str, FileCoverage]
    covered: int
    measurable: int
    written: float | None = None
    notes: tuple[str, ...] = field(default=())


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
