"""Cobertura XML, as coverage.py, c8, nyc, gcovr and many others write it.

Format: https://github.com/cobertura/web/blob/master/htdocs/xml/coverage-04.dtd
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from reviewer.coverage import _xml
from reviewer.coverage.base import CoverageFormat, Lines, Measured, Wanted

CONDITIONS: Final = re.compile(r"\((\d{1,9})/(\d{1,9})\)")
"""The counts in `condition-coverage="50% (1/2)"`."""


@dataclass(frozen=True)
class Cobertura:
    """Reads Cobertura XML."""

    name: ClassVar[str] = "cobertura"

    def sniff(self, head: bytes) -> bool:
        element, attributes = _xml.root(head)
        return element == "coverage" and "line-rate" in attributes

    def parse(self, report: Path, wanted: Wanted) -> Measured:
        reading = _Reading(wanted)
        skip = _xml.Skip("class", reading.unwanted)
        _xml.read(report, reading.start, reading.end, {"source": reading.source}, skip)
        return reading.result()


@dataclass(slots=True)
class _Reading:
    wanted: Wanted
    sources: list[str] = field(default_factory=list)
    files: dict[str, Lines] = field(default_factory=dict)
    current: Lines | None = None
    in_class: bool = False
    in_method: bool = False
    totals: tuple[int, int] | None = None
    counted: list[int] = field(default_factory=lambda: [0, 0])
    written: float | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "line":
            if not self.in_method:
                self.line(attributes)
        elif name == "class":
            self.in_class = True
            path = self.rooted(attributes["filename"])
            self.current = self.files.setdefault(path, Lines()) if self.wanted(path) else None
        elif name == "method":
            self.in_method = True
        elif name == "source":
            self.sources.append("")
        elif name == "coverage":
            self.written = _xml.seconds(attributes.get("timestamp", ""))
            if "lines-valid" in attributes and "lines-covered" in attributes:
                self.totals = int(attributes["lines-covered"]), int(attributes["lines-valid"])

    def line(self, attributes: dict[str, str]) -> None:
        if self.totals is None:
            self.counted[0] += int(attributes["hits"]) > 0
            self.counted[1] += 1
        if self.current is not None:
            conditions = CONDITIONS.search(attributes.get("condition-coverage", ""))
            self.current.add(
                int(attributes["number"]),
                ran=int(attributes["hits"]) > 0,
                partly=conditions is not None and int(conditions[1]) < int(conditions[2]),
            )

    def end(self, name: str) -> None:
        if name == "method":
            self.in_method = False
        elif name == "class":
            self.in_class = False
            self.current = None

    def unwanted(self) -> bool:
        """Whether a class has begun whose lines are of no interest, not even to be counted."""
        return self.in_class and self.current is None and self.totals is not None

    def source(self, text: str) -> None:
        self.sources[-1] += text

    def rooted(self, filename: str) -> str:
        """`filename` under the one root that the report names; with several, any may be meant."""
        roots = [source.strip() for source in self.sources if source.strip()]
        absolute = filename.startswith(("/", "\\")) or filename[1:2] == ":"
        if absolute or len(roots) != 1:
            return filename
        return f"{roots[0]}/{filename}"

    def result(self) -> Measured:
        covered, measurable = self.totals or self.counted
        files = {path: lines.coverage() for path, lines in self.files.items()}
        return Measured(files, covered, measurable, self.written)


PLUGIN: Final[type[CoverageFormat]] = Cobertura
