"""Go cover profiles (`go test -coverprofile`). Paths are import paths: `example.com/mod/x.go`.

Format: https://pkg.go.dev/golang.org/x/tools/cover
A block ran or it did not; a line ran when one of the blocks on it did. There are no branches.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from reviewer.coverage.base import (
    LAST_LINE,
    CoverageFormat,
    Lines,
    Measured,
    UnreadableReport,
    Wanted,
    opened,
)

MODE: Final = re.compile(rb"mode: (?:set|count|atomic)\r?\n")

BLOCK: Final = re.compile(rb"(.+):(\d{1,9})\.\d{1,9},(\d{1,9})\.\d{1,9} (\d{1,9}) (\d{1,20})\r?\n?")
"""path:line.column,line.column statements count"""

BLOCK_LINES: Final = 100_000
"""The longest block: a block holds no control flow, so that real ones are far shorter."""

LINES: Final = 5_000_000
"""Lines of all wanted blocks together, so that overlapping blocks cannot keep us busy."""


LINE_BYTES: Final = 8192
"""The longest line: a path of PATH_MAX (4096 bytes) and six numbers fit."""


@dataclass(frozen=True)
class Go:
    """Reads Go cover profiles."""

    name: ClassVar[str] = "go"

    def sniff(self, head: bytes) -> bool:
        return MODE.match(head) is not None

    def parse(self, report: Path, wanted: Wanted) -> Measured:
        ran: dict[bytes, bool] = {}
        with opened(report) as file:
            file.readline(LINE_BYTES)
            while line := file.readline(LINE_BYTES):
                place, _, count = line.rstrip(b"\r\n").rpartition(b" ")
                if BLOCK.fullmatch(line):
                    ran[place] = ran.get(place, False) or int(count) > 0
                elif not MODE.match(line):
                    raise UnreadableReport("a line of it is not a block of a cover profile")
        files: dict[str, Lines | None] = {}
        covered = measurable = budget = 0
        for place, hit in ran.items():
            block = BLOCK.fullmatch(place + b" 0")
            if block is None:
                raise UnreadableReport("a line of it is not a block of a cover profile")
            path = block[1].decode("utf-8", "surrogateescape")
            if path not in files:
                files[path] = Lines() if wanted(path) else None
            lines = files[path]
            first, last, statements = int(block[2]), int(block[3]), int(block[4])
            measurable += statements
            covered += statements if hit else 0
            if lines is not None:
                budget += last - first + 1
                if last - first > BLOCK_LINES or budget > LINES or last > LAST_LINE:
                    raise UnreadableReport("its blocks are longer than any source")
                for number in range(first, last + 1):
                    lines.add(number, ran=hit)
        done = {path: lines.coverage() for path, lines in files.items() if lines is not None}
        return Measured(done, covered, measurable)


PLUGIN: Final[type[CoverageFormat]] = Go
