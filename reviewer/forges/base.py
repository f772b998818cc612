"""The seam of the forges: where a change comes from and where its review goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from reviewer.model import ChangeSet, Report, Request
from reviewer.tree import Blobs


@dataclass(frozen=True)
class Source:
    """A change, and the contents of its files by object id or by path at the base."""

    changes: ChangeSet
    blobs: Blobs


class Forge(Protocol):
    """One place where changes live."""

    name: ClassVar[str]

    def request(self, environ: Mapping[str, str]) -> Request:
        """What to review. Raises InputError when that cannot be told."""
        ...

    def changes(self, request: Request) -> Source:
        """The change itself. Raises InputError when it cannot be read."""
        ...

    def publish(self, report: Report) -> None:
        """Bring the review to its readers. Raises NotDelivered."""
        ...
