"""The data file of coverage.py (`.coverage`), which knows what ran and not what could have run.

Format: https://coverage.readthedocs.io/en/latest/dbschema.html
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from reviewer.coverage.base import CoverageFormat, Measured, Wanted

MAGIC: Final = b"SQLite format 3\x00"
"""How an SQLite file begins (https://www.sqlite.org/fileformat.html)."""


@dataclass(frozen=True)
class CoverageData:
    """Reads `.coverage`."""

    name: ClassVar[str] = "coverage-data"

    def sniff(self, head: bytes) -> bool:
        return head.startswith(MAGIC)

    def parse(self, report: Path, wanted: Wanted) -> Measured:
        # Importing coverage.py takes as long as a small review: only who has its file pays.
        from reviewer.coverage import _coverage_py  # noqa: PLC0415

        return _coverage_py.read(report, wanted)


PLUGIN: Final[type[CoverageFormat]] = CoverageData
