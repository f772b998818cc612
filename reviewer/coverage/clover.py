"""Clover XML, as OpenClover, PHPUnit, and Istanbul (c8, nyc, jest) write it.

Formats: https://github.com/openclover/clover (etc/schema/clover.xsd) and
https://github.com/istanbuljs/istanbuljs (packages/istanbul-reports/lib/clover/index.js).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from reviewer.coverage import _xml
from reviewer.coverage.base import CoverageFormat, Lines, Measured, Wanted

ISTANBUL: Final = "3.2.0"
"""The `clover` attribute that Istanbul writes. Its `truecount` counts the branches taken and its
`falsecount` those not taken; elsewhere they count how often a condition was true and false."""

MEASURED: Final = frozenset(("stmt", "cond", "method"))
"""The types of `line` that stand for code."""


@dataclass(frozen=True)
class Clover:
    """Reads Clover XML."""

    name: ClassVar[str] = "clover"

    def sniff(self, head: bytes) -> bool:
        element, attributes = _xml.root(head)
        return (
            element == "coverage" and "generated=" in attributes and "line-rate" not in attributes
        )

    def parse(self, report: Path, wanted: Wanted) -> Measured:
        reading = _Reading(wanted)
        _xml.read(report, reading.start, reading.end, skip=_xml.Skip("file", reading.unwanted))
        files = {path: lines.coverage() for path, lines in reading.files.items()}
        return Measured(files, *reading.totals, reading.written)


@dataclass(slots=True)
class _Reading:
    wanted: Wanted
    files: dict[str, Lines] = field(default_factory=dict)
    parents: list[str] = field(default_factory=list)
    current: Lines | None = None
    istanbul: bool = False
    totals: tuple[int, int] = (0, 0)
    written: float | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "line":
            if self.current is not None and attributes.get("type") in MEASURED:
                self.current.add(
                    int(attributes["num"]),
                    ran=int(attributes["count"]) > 0,
                    partly=self.partly(attributes),
                )
        elif name == "file":
            path = attributes.get("path") or attributes["name"]
            self.current = self.files.setdefault(path, Lines()) if self.wanted(path) else None
        elif name == "metrics" and self.parents == ["coverage", "project"]:
            self.totals = int(attributes["coveredstatements"]), int(attributes["statements"])
        elif name == "coverage":
            self.istanbul = attributes.get("clover") == ISTANBUL
            self.written = _xml.seconds(attributes.get("generated", ""))
        self.parents.append(name)

    def partly(self, attributes: dict[str, str]) -> bool:
        if attributes["type"] != "cond":
            return False
        taken, other = int(attributes.get("truecount", 1)), int(attributes.get("falsecount", 1))
        return other > 0 if self.istanbul else not (taken and other)

    def unwanted(self) -> bool:
        return self.parents[-1:] == ["file"] and self.current is None

    def end(self, name: str) -> None:
        self.parents.pop()
        if name == "file":
            self.current = None


PLUGIN: Final[type[CoverageFormat]] = Clover
