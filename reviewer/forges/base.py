"""The seam of the forges: where a change comes from and where its review goes.

A review is brought to a forge step by step. `Conversation.past` tells what is there of ours,
`publish.plan` makes of it the steps that are still missing, `Conversation.take` takes one. Steps
that were taken show in the past, so that a run that was killed anywhere can start again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias

from reviewer.model import ChangeSet, Request, Side, State
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


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a pull request says of itself: hostile words, used by the rules for skipping only."""

    draft: bool = False
    title: str = ""
    author: str = ""
    branch: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remark:
    """A thread that a comment of ours on a line began.

    `thread` is the forge's own name for it, `mark` the last line of the comment. `answered` means
    that somebody else wrote in it.
    """

    thread: str
    path: str
    mark: str
    resolved: bool = False
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """Something of ours on the request as a whole: a review, a comment or a check.

    `mark` is the last line of its text, for a check what it was made from. A `pending` review is
    seen by nobody else yet, a `demanding` one still asks for changes.
    """

    id: str
    mark: str
    body: str = ""
    url: str = ""
    pending: bool = False
    demanding: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """What a request looks like now, and what our own account said on it, oldest first.

    What others wrote is not in here, whatever marks they put under it.
    """

    head: str
    open: bool = True
    remarks: tuple[Remark, ...] = ()
    reviews: tuple[Said, ...] = ()
    notes: tuple[Said, ...] = ()
    checks: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment to be made on lines `start` to `end` (equal for one line) of one hunk.

    `mark` is the last line of `body`.
    """

    path: str
    side: Side
    start: int
    end: int
    body: str
    mark: str


@dataclass(frozen=True, slots=True)
class PostReview:
    """One review of `commit` with its comments; `mark` is the last line of `body`.

    With `demanding` it asks for changes where the forge lets us.
    """

    commit: str
    body: str
    mark: str
    comments: tuple[Comment, ...] = ()
    demanding: bool = False


@dataclass(frozen=True, slots=True)
class DropReview:
    """Throw a pending review of ours away that an earlier run left behind."""

    id: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take back what an earlier review of ours asks for; `reason` is shown in its place."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """Mark a thread of ours as done."""

    thread: str


@dataclass(frozen=True, slots=True)
class PutNote:
    """Write the note on the request, in place of the one with the id `replaces` if there is one."""

    body: str
    mark: str
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class PutCheck:
    """Say by a check on `commit` how the review ended.

    `mark` goes along unseen. `annotations`, 50 at most, are comments of which only place and text
    count, with the words notice, warning or failure.
    """

    commit: str
    state: State
    title: str
    summary: str
    mark: str
    annotations: tuple[tuple[str, Comment], ...] = ()


@dataclass(frozen=True, slots=True)
class UploadSarif:
    """Hand a SARIF document on to the forge's own list of alerts."""

    commit: str
    document: str


Step: TypeAlias = PostReview | DropReview | Withdraw | Resolve | PutNote | PutCheck | UploadSarif


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken. `left` are the marks of the comments that the forge did not take."""

    url: str = ""
    left: tuple[str, ...] = ()


class Conversation(Protocol):
    """One request on a forge, as far as we take part in it."""

    def past(self) -> Past:
        """What is there. Raises ForgeError."""
        ...

    def take(self, step: Step) -> Taken:
        """Take one step, at most once however often the forge fails in between.

        Raises ForgeError; then the step either was not taken or shows in the past.
        """
        ...


class Forge(Protocol):
    """One place where changes live."""

    name: ClassVar[str]

    def request(self, environ: Mapping[str, str]) -> Request:
        """What to review. Raises InputError when that cannot be told."""
        ...

    def changes(self, request: Request) -> Source:
        """The change itself. Raises InputError when it cannot be read."""
        ...
