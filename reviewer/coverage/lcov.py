"""LCOV trace files, as lcov, c8, nyc, coverage.py, cargo-llvm-cov and many others write them.

Format: https://github.com/linux-test-project/lcov/blob/master/man/geninfo.1
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from reviewer.coverage.base import (
    CoverageFormat,
    Lines,
    Measured,
    UnreadableReport,
    Wanted,
    opened,
)
from reviewer.model import FileCoverage

CHUNK: Final = 1 << 20
"""Bytes read at a time."""

RECORD_BYTES: Final = 64 << 20
"""The largest record of one file."""

END: Final = b"\nend_of_record"

SOURCE: Final = re.compile(rb"^SF:([^\r\n]+)", re.MULTILINE)
HIT: Final = re.compile(rb"^DA:(\d{1,9}),(-?\d{1,18})\b", re.MULTILINE)
BRANCH: Final = re.compile(rb"^BRDA:(\d{1,9}),[^,\r\n]*,[^\r\n]*,(\d{1,18}|-)\s*$", re.MULTILINE)
FUNCTION: Final = re.compile(rb"^FN:(\d{1,9}),(?:\d{1,9},)?([^\r\n]*)", re.MULTILINE)
CALLED: Final = re.compile(rb"^FNDA:(\d{1,18}),([^\r\n]*)", re.MULTILINE)
FOUND: Final = re.compile(rb"^LF:(\d{1,9})\b", re.MULTILINE)
RAN: Final = re.compile(rb"^LH:(\d{1,9})\b", re.MULTILINE)


@dataclass(frozen=True)
class Lcov:
    """Reads LCOV trace files."""

    name: ClassVar[str] = "lcov"

    def sniff(self, head: bytes) -> bool:
        return re.match(rb"(?:\xef\xbb\xbf)?\s*(?:#[^\n]*\n|TN:[^\n]*\n|\s)*SF:", head) is not None

    def parse(self, report: Path, wanted: Wanted) -> Measured:
        files: dict[str, Lines] = {}
        covered = measurable = 0
        for record in _records(report):
            source = SOURCE.search(record)
            if source is None:
                raise UnreadableReport("a record of it names no file")
            path = source[1].decode("utf-8", "surrogateescape").strip()
            found, ran = FOUND.search(record), RAN.search(record)
            if wanted(path):
                lines = files.setdefault(path, Lines())
                _collect(record, lines)
            if found and ran and int(ran[1]) <= int(found[1]):
                measurable += int(found[1])
                covered += int(ran[1])
            else:
                counts = [int(hit[2]) for hit in HIT.finditer(record)]
                measurable += len(counts)
                covered += sum(count > 0 for count in counts)
        done: dict[str, FileCoverage] = {path: lines.coverage() for path, lines in files.items()}
        return Measured(done, covered, measurable)


def _records(report: Path) -> Iterator[bytes]:
    """The records, without their last line. Raises UnreadableReport when the last is cut off."""
    rest = b""
    with opened(report) as file:
        while chunk := file.read(CHUNK):
            *records, rest = (rest + chunk).split(END)
            yield from records
            if len(rest) > RECORD_BYTES:
                raise UnreadableReport(f"it has a record larger than {RECORD_BYTES >> 20} MiB")
    if SOURCE.search(rest):
        raise UnreadableReport("its last record has no end: it is cut off")


def _collect(record: bytes, lines: Lines) -> None:
    """Add the lines of one record.

    A line with branches or a function but no hits of its own counts as well, as in diff-cover.
    """
    hits: Counter[int] = Counter()
    for hit in HIT.finditer(record):
        hits[int(hit[1])] += max(0, int(hit[2]))
    taken: dict[int, list[int]] = {}
    for branch in BRANCH.finditer(record):
        times = 0 if branch[2] == b"-" else int(branch[2])
        taken.setdefault(int(branch[1]), []).append(times)
    partial = {line for line, each in taken.items() if not all(each)}
    for line, each in taken.items():
        if line not in hits:
            hits[line] = 0 if line in partial else sum(each)
        elif not hits[line]:
            hits[line] = sum(each)
    calls = {call[2]: int(call[1]) for call in CALLED.finditer(record)}
    for function in FUNCTION.finditer(record):
        hits.setdefault(int(function[1]), calls.get(function[2], 0))
    for line, count in hits.items():
        lines.add(line, ran=count > 0, partly=line in partial)


PLUGIN: Final[type[CoverageFormat]] = Lcov
