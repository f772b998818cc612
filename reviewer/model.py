"""The nouns of a review: frozen, typed, without I/O.

Paths are text decoded from the bytes that git stores as UTF-8 with `surrogateescape`, so that
every name survives; `text.path` makes one fit to show. Lines are counted as git counts them: a
line ends at LF and nowhere else, the first line is 1, ranges include both ends.
"""

import enum
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial, total_ordering
from typing import Final, NamedTuple


@total_ordering
class Ordered(enum.Enum):
    """An enumeration whose members compare in the order they are written in."""

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        members = list(type(self))
        return members.index(self) < members.index(other)


class Severity(Ordered):
    """How bad it is if it is true."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class Confidence(Ordered):
    """How sure the tool is that it is true."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Proof(Ordered):
    """What has been shown of a suggestion."""

    UNCHECKED = "unchecked"
    APPLIES = "applies"
    PARSES = "parses"
    CLEAN = "clean"


class Category(enum.Enum):
    """What a finding is about; each category is one heuristic of the score."""

    COVERAGE = "coverage"
    CORRECTNESS = "correctness"
    SECURITY = "security"
    COMPLEXITY = "complexity"
    DUPLICATION = "duplication"
    DOCUMENTATION = "documentation"
    NAMING = "naming"
    TESTS = "tests"
    STYLE = "style"


class Side(enum.Enum):
    """Which version of a file a line belongs to."""

    OLD = "old"
    NEW = "new"


class Status(enum.Enum):
    """What happened to a file, named as git names it."""

    ADDED = "added"
    COPIED = "copied"
    DELETED = "deleted"
    MODIFIED = "modified"
    RENAMED = "renamed"
    TYPE_CHANGED = "type-changed"


class Outcome(enum.Enum):
    """How the run of one tool ended. Anything but OK carries a reason."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"


class Standing(enum.Enum):
    """Where a finding ends up. Every finding has exactly one."""

    INLINE = "inline"
    """On an added line, and worth a comment there."""
    FILE = "file"
    """About a changed file as a whole."""
    BODY = "body"
    """On the change, below the bar for a comment of its own."""
    CAPPED = "capped"
    """Worth a comment, beyond the number of comments allowed."""
    MERGED = "merged"
    """Another finding on the same line says the same, and names this one."""
    OFF_DIFF = "off-diff"
    """In a changed file, on lines that the change did not add."""
    KNOWN = "known"
    """Stood there before the change."""
    IGNORED = "ignored"
    """Switched off by the settings of the base."""
    UNPROVEN = "unproven"
    """Names a place or a quote that is not there."""


class State(enum.Enum):
    """The verdict. Only PASSED is green."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REVIEWED = "not-reviewed"
    COVERAGE_UNKNOWN = "coverage-unknown"


class Mode(enum.Enum):
    """Who took part: FULL is model and analyzers, STATIC analyzers alone."""

    FULL = "full"
    STATIC = "static"
    PARTIAL = "partial"


class Trust(enum.Enum):
    """Whether the author of the change may already write to the repository."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range of lines in one file.

    `start` and `end` are 1-based and inclusive; 0 and 0 mean the file as a whole. `column` and
    `end_column` are 1-based counts of code points, the end exclusive; 0 means unknown.
    """

    path: str
    start: int = 0
    end: int = 0
    column: int = 0
    end_column: int = 0

    @property
    def whole_file(self) -> bool:
        return self.start == 0


class Line(NamedTuple):
    """One line of a hunk.

    `origin` is "+", "-" or " ". `old` and `new` are its numbers on either side, 0 where it does
    not exist. `text` has no line feed; a carriage return stays.
    """

    origin: str
    old: int
    new: int
    text: str


_line: Final = partial(tuple.__new__, Line)
"""Three times as fast as calling the class, for the one place that makes hundreds of thousands."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """One hunk of a unified diff. `body` holds its lines as bytes, each with its first column."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    section: str
    body: bytes

    def lines(self) -> Iterator[Line]:
        """The lines in the order of the patch, without the "no newline at end" markers.

        Bytes that are not UTF-8 come as U+FFFD.
        """
        old, new = self.old_start, self.new_start
        # Each line begins with an ASCII byte, so that damaged bytes never reach into the next one.
        for text in self.body.decode("utf-8", "replace").split("\n"):
            origin = text[:1]
            if origin == "+":
                yield _line(("+", 0, new, text[1:]))
                new += 1
            elif origin == "-":
                yield _line(("-", old, 0, text[1:]))
                old += 1
            elif origin != "\\":
                yield _line((" ", old, new, text[1:]))
                old += 1
                new += 1


@dataclass(frozen=True)
class FileChange:
    """What a change does to one file.

    `path` is the name after the change, or the last name of a deleted file; `old_path` is set
    when the file had another name before (renamed, copied). Modes are git's (0o100644, 0o120000
    symlink, 0o160000 submodule), 0 where the side does not exist or the patch does not say. Object
    ids are full hexadecimal names, "" where unknown. `binary` means git gave no lines for it.
    """

    path: str
    status: Status
    old_path: str = ""
    old_mode: int = 0
    new_mode: int = 0
    old_oid: str = ""
    new_oid: str = ""
    binary: bool = False
    hunks: tuple[Hunk, ...] = ()

    def lines(self) -> Iterator[Line]:
        """All lines of all hunks."""
        for hunk in self.hunks:
            yield from hunk.lines()

    def edits(self) -> tuple[dict[int, str], list[int]]:
        """Text of each added line by its number, and the numbers of the removed lines.

        One pass without a `Line` for each line, and nothing kept: a large diff would otherwise
        stay in memory several times over.
        """
        added: dict[int, str] = {}
        removed: list[int] = []
        for hunk in self.hunks:
            old, new = hunk.old_start, hunk.new_start
            for text in hunk.body.decode("utf-8", "replace").split("\n"):
                origin = text[:1]
                if origin == "+":
                    added[new] = text[1:]
                    new += 1
                elif origin == "-":
                    removed.append(old)
                    old += 1
                elif origin != "\\":
                    old += 1
                    new += 1
        return added, removed

    @cached_property
    def _numbers(self) -> tuple[frozenset[int], frozenset[int]]:
        added, removed = self.edits()
        return frozenset(added), frozenset(removed)

    @property
    def added(self) -> frozenset[int]:
        """Numbers of the added lines, new side."""
        return self._numbers[0]

    @property
    def removed(self) -> frozenset[int]:
        """Numbers of the removed lines, old side."""
        return self._numbers[1]

    @property
    def added_text(self) -> Mapping[int, str]:
        """Text of each added line by its number, new side; read anew each time."""
        return self.edits()[0]

    def commentable(self, side: Side) -> frozenset[int]:
        """Line numbers on `side` where a forge accepts a comment.

        GitHub and GitLab take the lines inside hunks: added and context lines on the new side,
        removed and context lines on the old one.
        """
        if side is Side.NEW:
            return frozenset(line.new for line in self.lines() if line.new)
        return frozenset(line.old for line in self.lines() if line.old)


@dataclass(frozen=True)
class ChangeSet:
    """The change from `base` to `head` (commit ids, or words such as "worktree").

    `head_time` is when the head came to be, in seconds since 1970, None where unknown: a coverage
    report older than it says nothing about it.
    """

    base: str
    head: str
    files: tuple[FileChange, ...]
    head_time: float | None = None

    @cached_property
    def by_path(self) -> Mapping[str, FileChange]:
        return {change.path: change for change in self.files}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` in place of the lines of `span`, and why it is not offered, "" while nobody says."""

    span: Span
    text: str
    proof: Proof = Proof.UNCHECKED
    refused: str = ""


def fingerprint(rule_id: str, path: str, lines: Iterable[str], occurrence: int) -> str:
    """That of a finding of this rule that quotes these lines; see `Finding.fingerprint`."""
    quote = "\n".join(line.strip() for line in lines)
    parts = (rule_id, path, quote, str(occurrence))
    data = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark of one tool.

    `rule` is the tool's own name for it ("S105"); `rule_id` is unique over all tools. `quote` is
    the source text of the span, redacted. `occurrence` counts equal findings on equal code from
    0, so that two of them keep two identities. `doubt` is why whoever asked the tool does not
    believe it, "" if nothing speaks against it; it ends as the note of the standing.
    """

    tool: str
    rule: str
    message: str
    span: Span
    severity: Severity
    confidence: Confidence
    category: Category
    quote: str = ""
    help: str = ""
    url: str = ""
    side: Side = Side.NEW
    suggestion: Suggestion | None = None
    occurrence: int = 0
    doubt: str = ""

    @property
    def rule_id(self) -> str:
        return f"{self.tool}/{self.rule}"

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that stay when the code moves: no line number goes in."""
        lines = self.quote.split("\n")
        return fingerprint(self.rule_id, self.span.path, lines, self.occurrence)


@dataclass(frozen=True, slots=True)
class ToolRun:
    """What came of running one tool.

    `concerned` is False when the change has no file of the tool's kind: being skipped is then no
    loss. `measures` are the categories it judged, whether it found something or not. `masks` are
    secret texts it met: they are removed from all that is shown and never leave the process.
    `unsafe` says that it was not run because a check of integrity failed.
    """

    tool: str
    outcome: Outcome
    version: str = ""
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    concerned: bool = True
    measures: tuple[Category, ...] = ()
    masks: tuple[str, ...] = field(default=(), repr=False)
    unsafe: bool = False


@dataclass(frozen=True, slots=True)
class FileCoverage:
    """Lines of one file as a coverage report sees them.

    `covered` ran; `missing` did not; `partial` ran with a branch not taken and is also in
    `covered`. Lines in none of them cannot be measured.
    """

    covered: frozenset[int] = frozenset()
    missing: frozenset[int] = frozenset()
    partial: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class CoverageOfFile:
    """The added lines of one changed file that can be measured."""

    path: str
    covered: tuple[int, ...]
    missing: tuple[int, ...]
    partial: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PatchCoverage:
    """Coverage of the added lines, in percent from 0 to 100.

    `patch` is None when it is unknown (`unknown` says why) or when no added line can be measured
    (`unknown` is empty then). `total` is the whole project's, None when unknown. `notes` name
    reports and paths that could not be used.
    """

    files: tuple[CoverageOfFile, ...] = ()
    patch: float | None = None
    total: float | None = None
    unknown: str = ""
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def measurable(self) -> int:
        return sum(len(file.covered) + len(file.missing) for file in self.files)


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding with its standing, the reason for it, and the line a comment goes to.

    `anchor` is a line of the finding's side that the change touched, 0 where there is none.
    """

    finding: Finding
    standing: Standing
    note: str
    anchor: int = 0


@dataclass(frozen=True, slots=True)
class Heuristic:
    """One part of the score. `score` is 0 to 100; None is N/A, and `evidence` says why."""

    name: Category
    weight: float
    score: float | None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision of the gate. `score` is 0 to 100, None when nothing could be judged."""

    state: State
    score: float | None
    reasons: tuple[str, ...]
    exit_code: int


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: what `head` adds to `base`, both commit ids or words such as "staged".

    `base` is the merge base. `target` is the commit of the branch that the change is to go into:
    its settings are in force; "" where there is none. `number` is the pull request, 0 where there
    is none.
    """

    forge: str
    repository: str
    base: str
    head: str
    number: int = 0
    trust: Trust = Trust.UNTRUSTED
    target: str = ""


@dataclass(frozen=True, slots=True)
class FileSummary:
    """A changed file as the report lists it. `skipped` says why it was not looked into."""

    path: str
    status: Status
    old_path: str = ""
    added: int = 0
    removed: int = 0
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Lines of the new side that the model was not asked about; 0 and 0 are the whole file."""

    path: str
    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Effort:
    """What the model's part took; it differs between two runs of the same review.

    Units `asked` about, and those whose answer was `cached`; tokens that the engine told of;
    wall-clock `seconds` by stage. `checkpoint` is the end of the audit log, "" without one.
    """

    asked: int = 0
    cached: int = 0
    requests: int = 0
    repaired: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    answer_tokens: int = 0
    seconds: tuple[tuple[str, float], ...] = ()
    checkpoint: str = ""


@dataclass(frozen=True, slots=True)
class ModelReview:
    """The model's part of a review: who was asked about how much, by which words and settings.

    What the engine does not tell (`weights`, its `version`, `context` in tokens) is "" or 0. Of the
    `units` there were to ask about, `missed` were not asked about: `left_out` begins with them and
    their reasons, and goes on with what there was no need or no way to ask about. `prompts` are the
    SHA-256 of each template by its name, `shape` that of the JSON Schema of an answer: with the
    settings and the model they are enough to repeat it.
    """

    model: str
    weights: str = ""
    engine: str = ""
    version: str = ""
    context: int = 0
    units: int = 0
    missed: int = 0
    left_out: tuple[LeftOut, ...] = ()
    prompts: tuple[tuple[str, str], ...] = ()
    shape: str = ""
    settings: tuple[tuple[str, str], ...] = ()
    effort: Effort = Effort()

    @property
    def identity(self) -> str:
        """32 hexadecimal digits: equal where the same model is asked the same way."""
        parts = (
            self.model, self.weights, self.engine, self.version,
            self.prompts, self.shape, self.settings,
        )  # fmt: skip
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole review: plain data, enough to publish, repeat and question it.

    `model` is None where no model took part.
    """

    request: Request
    mode: Mode
    verdict: Verdict
    changes: tuple[FileSummary, ...]
    runs: tuple[ToolRun, ...]
    judged: tuple[Judged, ...]
    coverage: PatchCoverage
    heuristics: tuple[Heuristic, ...]
    notes: tuple[str, ...] = ()
    model: ModelReview | None = None
