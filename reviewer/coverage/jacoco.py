"""JaCoCo XML. Paths are packages: `com/example/Thing.java`, below some source folder.

Format: https://www.jacoco.org/jacoco/trunk/coverage/report.dtd
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from reviewer.coverage import _xml
from reviewer.coverage.base import CoverageFormat, Lines, Measured, Wanted


@dataclass(frozen=True)
class JaCoCo:
    """Reads JaCoCo XML."""

    name: ClassVar[str] = "jacoco"

    def sniff(self, head: bytes) -> bool:
        element, attributes = _xml.root(head)
        return element == "report" and "name=" in attributes and b"JACOCO" in head

    def parse(self, report: Path, wanted: Wanted) -> Measured:
        reading = _Reading(wanted)
        # Classes repeat the source files' lines by method.
        skip = _xml.Skip("class", lambda: reading.in_class)
        _xml.read(report, reading.start, reading.end, skip=skip)
        files = {path: lines.coverage() for path, lines in reading.files.items()}
        return Measured(files, *reading.totals, reading.written)


@dataclass(slots=True)
class _Reading:
    wanted: Wanted
    files: dict[str, Lines] = field(default_factory=dict)
    depth: int = 0
    in_class: bool = False
    package: str = ""
    current: Lines | None = None
    totals: tuple[int, int] = (0, 0)
    written: float | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if name == "line":
            if self.current is not None:
                ran = int(attributes["ci"]) > 0
                partly = int(attributes.get("mb", 0)) > 0
                self.current.add(int(attributes["nr"]), ran=ran, partly=partly)
        elif name == "sourcefile":
            path = "/".join(part for part in (self.package, attributes["name"]) if part)
            self.current = self.files.setdefault(path, Lines()) if self.wanted(path) else None
        elif name == "class":
            self.in_class = True
        elif name == "package":
            self.package = attributes["name"]
        elif name == "counter" and self.depth == 2 and attributes.get("type") == "LINE":
            covered = int(attributes["covered"])
            self.totals = covered, covered + int(attributes["missed"])
        elif name == "sessioninfo":
            dumped = _xml.seconds(attributes["dump"]) or 0.0
            self.written = max(self.written or 0.0, dumped)

    def end(self, name: str) -> None:
        self.depth -= 1
        if name == "sourcefile":
            self.current = None
        elif name == "class":
            self.in_class = False


PLUGIN: Final[type[CoverageFormat]] = JaCoCo
