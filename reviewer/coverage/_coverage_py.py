"""What coverage.py recorded, completed by its own analysis of the source.

Only `CoverageData` is used, never `Coverage`: that one would read the configuration of the
checkout, which may name plug-ins to import. So the exclusions are coverage.py's defaults.
"""

import contextlib
import io
import re
import sqlite3
import tokenize
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coverage import CoverageData
from coverage.config import DEFAULT_EXCLUDE, DEFAULT_PARTIAL, DEFAULT_PARTIAL_ALWAYS
from coverage.exceptions import CoverageException
from coverage.misc import join_regex
from coverage.parser import PythonParser
from coverage.plugin import FileReporter
from coverage.results import analysis_from_file_reporter

from reviewer.coverage.base import (
    LAST_LINE,
    Derive,
    Measured,
    UnreadableReport,
    Wanted,
    opened,
)
from reviewer.model import FileCoverage

TABLES: Final = frozenset("coverage_schema meta file context line_bits arc tracer".split())
"""The tables of coverage.py's schema 7, the one since version 5.0."""

FILE_BYTES: Final = 16 << 20
"""Bit sets of one file in all its contexts together; decoding takes a hundred times that."""

ARCS: Final = 5_000_000
"""Jumps recorded of one file in all its contexts together."""

ENCODINGS: Final = frozenset(("utf-8", "utf-8-sig", "ascii", "us-ascii", "iso-8859-1"))
"""Source encodings that are decoded; some of the others take quadratic time (punycode)."""

SLOW: Final = re.compile(r"^(?:\s{200}|[ \t]*(?:async )?def .{500})", re.MULTILINE)
"""Text on which coverage.py's default exclusion patterns take quadratic time."""

SOURCE_BYTES: Final = 512 << 10
"""The largest source that is analysed, which takes about ten seconds a megabyte."""

EXCLUDE: Final = join_regex(DEFAULT_EXCLUDE)
NO_BRANCH: Final = join_regex(DEFAULT_PARTIAL + DEFAULT_PARTIAL_ALWAYS)

SOURCE: Final = "source.py"
"""What the one analysed file is called within the analysis."""


def read(report: Path, wanted: Wanted) -> Measured:
    """The wanted files as `derived`. Raises UnreadableReport."""
    opened(report).close()
    try:
        _guard(report)
        # Read-only means immutable here: SQLite leaves any journal beside the file alone.
        data = CoverageData(str(report), read_only=True)
        # Any other method before `read` would take the file for one to be made anew, and erase it.
        data.read()
        with data.keep_db_open():
            paths = [path for path in sorted(data.measured_files()) if wanted(path)]
            python = [path for path in paths if not data.file_tracer(path)]
            derived: dict[str, Derive] = {path: _executed(data, path) for path in python}
    except (CoverageException, sqlite3.Error, ValueError, TypeError) as error:
        raise UnreadableReport("it is not a readable data file of coverage.py") from error
    traced = sorted(set(paths) - set(python))
    notes = tuple(f"{path} was measured by a plug-in of coverage.py" for path in traced)
    return Measured({}, 0, 0, notes=notes, derived=derived)


def _guard(report: Path) -> None:
    """Refuse a database that computes (views, generated columns) or that is dear to decode."""
    uri = f"{report.absolute().as_uri()}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
        for kind, name in database.execute("SELECT type, name FROM sqlite_schema").fetchall():
            columns = database.execute("SELECT hidden FROM pragma_table_xinfo(?)", (name,))
            plain = kind == "table" and name in TABLES and not any(hidden for (hidden,) in columns)
            if kind != "index" and not plain:
                raise UnreadableReport("its tables are not those of coverage.py")
        sets = "SELECT max(length(numbits)), sum(length(numbits)) FROM line_bits GROUP BY file_id"
        for longest, together in database.execute(sets):
            if longest > LAST_LINE // 8 or together > FILE_BYTES:
                raise UnreadableReport("it has more lines than any source")
        for (count,) in database.execute("SELECT count(*) FROM arc GROUP BY file_id"):
            if count > ARCS:
                raise UnreadableReport("it has more jumps than any source")


def _executed(data: CoverageData, path: str) -> "Executed":
    lines = frozenset(data.lines(path) or ())
    if not all(isinstance(line, int) and line <= LAST_LINE for line in lines):
        raise UnreadableReport("it names a line number that no file has")
    arcs = frozenset(data.arcs(path) or ()) if data.has_arcs() else None
    return Executed(lines, arcs)


@dataclass(frozen=True)
class Executed:
    """What ran in one file: lines, and jumps between lines where branches were measured."""

    lines: frozenset[int]
    arcs: frozenset[tuple[int, int]] | None

    def __call__(self, source: bytes) -> FileCoverage:
        """The coverage of the file with this content. Raises UnreadableReport."""
        data = CoverageData(no_disk=True)
        try:
            if self.arcs is None:
                data.add_lines({SOURCE: self.lines})
            else:
                data.add_arcs({SOURCE: self.arcs})
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                analysis = analysis_from_file_reporter(data, 0, _Source(source), SOURCE)
            partial = frozenset(analysis.missing_branch_arcs())
        except (
            *(CoverageException, SyntaxError, ValueError, LookupError, AssertionError),
            *(RecursionError, MemoryError),
        ) as error:
            raise UnreadableReport("its source is not Python that can be analysed") from error
        finally:
            data.close(force=True)
        covered = frozenset(analysis.executed)
        return FileCoverage(covered, frozenset(analysis.missing), partial & covered)


class _Source(FileReporter):
    """A file of Python for coverage.py's analysis, as its own reporter does it, from memory."""

    def __init__(self, source: bytes) -> None:
        super().__init__(SOURCE)
        self._parser = PythonParser(text=_text(source), exclude=EXCLUDE)
        self._parser.parse_source()

    def lines(self) -> set[int]:
        return self._parser.statements

    def excluded_lines(self) -> set[int]:
        return self._parser.excluded

    def translate_lines(self, lines: Iterable[int]) -> set[int]:
        return self._parser.translate_lines(lines)

    def translate_arcs(self, arcs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        return self._parser.translate_arcs(arcs)

    def no_branch_lines(self) -> set[int]:
        return self._parser.lines_matching(NO_BRANCH)

    def arcs(self) -> set[tuple[int, int]]:
        return self._parser.arcs()

    def exit_counts(self) -> dict[int, int]:
        return self._parser.exit_counts()


def _text(source: bytes) -> str:
    """The source as coverage.py decodes it. Raises SyntaxError, ValueError, UnreadableReport."""
    if len(source) > SOURCE_BYTES:
        raise UnreadableReport(f"its source is larger than {SOURCE_BYTES >> 10} KiB")
    data = source.replace(b"\r\n", b"\n").replace(b"\f", b" ")
    if b"\r" in data:
        raise UnreadableReport("its source has line ends that git does not count")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    if encoding not in ENCODINGS:
        raise UnreadableReport(f"its source is in {encoding}")
    text = data.decode(encoding, "replace")
    if SLOW.search(text):
        raise UnreadableReport("its source has lines too long to analyse")
    return text if text.endswith("\n") else f"{text}\n"
