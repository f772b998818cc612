"""The seam of the report formats.

A format is a frozen dataclass and a pure function of the report. Everything in a report that came
from the change, a tool or a model is hostile: `text` neutralises it for where it is shown.
"""

from typing import ClassVar, Protocol

from reviewer.model import Report


class Format(Protocol):
    """One way to show a report. `filename` is what `--output DIR` calls it."""

    name: ClassVar[str]
    filename: ClassVar[str]

    def render(self, report: Report) -> str: ...
