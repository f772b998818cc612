"""JSON of coverage.py (`coverage json`).

Format: https://coverage.readthedocs.io/en/latest/commands/cmd_json.html
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from reviewer.coverage.base import (
    CoverageFormat,
    Lines,
    Measured,
    UnreadableReport,
    Wanted,
    opened,
)
from reviewer.model import FileCoverage

WEST: Final = timezone(timedelta(hours=-12))
"""The time stamp is local and names no zone: it is taken for the latest moment it can mean."""


class _Meta(msgspec.Struct):
    version: str
    timestamp: str = ""


class _Totals(msgspec.Struct):
    covered_lines: int
    num_statements: int


class _Report(msgspec.Struct):
    meta: _Meta
    files: dict[str, msgspec.Raw]
    totals: _Totals


class _File(msgspec.Struct):
    executed_lines: list[int]
    missing_lines: list[int]
    missing_branches: list[tuple[int, int]] = []


@dataclass(frozen=True)
class CoverageJson:
    """Reads the output of `coverage json`."""

    name: ClassVar[str] = "coverage-json"

    def sniff(self, head: bytes) -> bool:
        return re.match(rb'\s*\{\s*"meta"\s*:\s*\{', head) is not None

    def parse(self, report: Path, wanted: Wanted) -> Measured:
        with opened(report) as file:
            data = file.read()
        try:
            whole = msgspec.json.decode(data, type=_Report)
            files = {
                path: _coverage(msgspec.json.decode(raw, type=_File))
                for path, raw in whole.files.items()
                if wanted(path)
            }
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableReport(f"it is not what coverage.py writes: {error}") from error
        totals = whole.totals
        return Measured(files, totals.covered_lines, totals.num_statements, _written(whole.meta))


def _coverage(file: _File) -> FileCoverage:
    lines = Lines()
    partial = {source for source, _ in file.missing_branches}
    for line in file.executed_lines:
        lines.add(line, ran=True, partly=line in partial)
    for line in file.missing_lines:
        lines.add(line, ran=False)
    return lines.coverage()


def _written(meta: _Meta) -> float | None:
    try:
        stamp = datetime.fromisoformat(meta.timestamp)
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=WEST)).timestamp()
    except (ValueError, OverflowError):
        return None


PLUGIN: Final[type[CoverageFormat]] = CoverageJson
