"""The seam of the forges: where a change comes from and where its review goes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from reviewer.model import ChangeSet, Report, Request
from reviewer.tree import Blobs

Linguist = Callable[[Sequence[str]], Mapping[str, str]]
"""Of some paths, those that the base's .gitattributes call generated or vendored, with the word."""


def nothing_generated(paths: Sequence[str]) -> Mapping[str, str]:
    """A Linguist for a change without a base to ask."""
    del paths
    return {}


@dataclass(frozen=True)
class Source:
    """A change, the contents of its files, and what its base says of them."""

    changes: ChangeSet
    blobs: Blobs
    generated: Linguist = nothing_generated


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
