"""Pull requests with known truth, one JSON object a line, the same for every source of data.

    {"suite": "mine", "version": "3", "warning": "older than the models"}           may be missing
    {"pr": "1", "repo": "cases.git", "base": "SHA", "head": "SHA", "diff": "", "goldens": [
      {"path": "a.py", "from": 3, "to": 4, "text": "...", "severity": "high",
       "category": "bug", "context": "diff", "valid": true}]}

A golden is a problem that a good reviewer would raise; none of them makes a clean control. A
comment that experts rejected has `valid` false: it is no golden, and whoever repeats it is wrong.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias, TypeVar, get_args

import msgspec
from msgspec import Meta

from reviewer.errors import InputError

FILE_BYTES: Final = 512 << 20
CASES: Final = 20_000
"""The largest file that is read, and the most cases in it: far beyond any published set."""

Line: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Word: TypeAlias = Annotated[str, Meta(max_length=200)]
Place: TypeAlias = Annotated[str, Meta(max_length=4096)]
Prose: TypeAlias = Annotated[str, Meta(max_length=50_000)]
Grade: TypeAlias = Literal["critical", "high", "medium", "low"]

GRADES: Final[tuple[Grade, ...]] = get_args(Grade)
SPOKEN: Final = {"error": "high", "warning": "medium", "note": "low", "": "medium"}
"""Other words for a grade: the severities of a finding, and none at all."""


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One problem: lines `start` to `end` of the new side of `path`, 0 and 0 where not known.

    `context` says how much code one must see to find it (diff, file, repository). `quote` is the
    code it is about, `keywords` are words that tell it from others, `suggestion` its cure.
    """

    text: Annotated[str, Meta(min_length=1, max_length=50_000)]
    path: Place = ""
    start: Line | None = msgspec.field(name="from", default=0)
    end: Line | None = msgspec.field(name="to", default=0)
    severity: Word = "medium"
    category: Word = ""
    context: Word = ""
    valid: bool = True
    quote: Prose = ""
    keywords: Annotated[tuple[Word, ...], Meta(max_length=100)] = ()
    suggestion: Prose | None = None

    @property
    def lines(self) -> tuple[int, int] | None:
        """First and last line, None where not known."""
        return (self.start, self.end) if self.start and self.end else None


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A pull request with what is to be found in it.

    `repo` is a repository that has the commits `base` and `head`; `diff` is a file with the
    change. Both are paths beside the file that names them, "" where there is none.
    """

    pr: Annotated[str, Meta(min_length=1, max_length=200)]
    repo: Place = ""
    base: Word = ""
    head: Word = ""
    diff: Place = ""
    goldens: Annotated[tuple[Golden, ...], Meta(max_length=1000)] = ()


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    suite: Annotated[str, Meta(min_length=1, max_length=200)]
    version: Word = ""
    warning: Annotated[str, Meta(max_length=2000)] = ""


_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_HEADER: Final = msgspec.json.Decoder(_Header)
_CASE: Final = msgspec.json.Decoder(Case)


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases and where they are from.

    `data` names the set with its version and the first digits of its SHA-256. `warning` is what
    every table made from it must say, such as that models may have seen it in training.
    """

    data: str
    cases: tuple[Case, ...]
    warning: str = ""


def load(file: Path) -> Suite:
    """The cases in a file. Raises InputError, which names file and line."""
    try:
        if file.stat().st_size > FILE_BYTES:
            raise InputError(f"{file.name} is larger than {FILE_BYTES >> 20} MiB", "split it")
        return parse(file.read_bytes(), file.name)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", "name a file of cases") from error


def parse(data: bytes, name: str) -> Suite:
    """The same for the bytes of a file called `name`. A first line that begins with # is skipped.

    Raises InputError.
    """
    header, cases, seen = _Header(name), [], set()
    for number, line in _lines(data):
        where = f"{name}:{number}"
        if number == 1 and line.startswith(b"#"):
            continue
        fields = decoded(line, _FIELDS, where)
        if number == 1 and "pr" not in fields:
            header = decoded(line, _HEADER, where)
            continue
        case = decoded(line, _CASE, where)
        if case.pr in seen:
            raise InputError(f"{where}: the pull request {case.pr!a} is there twice")
        seen.add(case.pr)
        goldens = tuple(settled(golden, where) for golden in case.goldens)
        cases.append(msgspec.structs.replace(case, goldens=goldens))
    if len(cases) > CASES:
        raise InputError(f"{name} has more than {CASES:,} cases", "split it")
    digest = hashlib.sha256(data).hexdigest()[:12]
    words = (header.suite, header.version, digest)
    return Suite(" ".join(word for word in words if word), tuple(cases), header.warning)


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines that hold something, with their numbers; a byte order mark is no part of them."""
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            yield number, line.strip()


_T = TypeVar("_T")

NOT_UNDERSTOOD: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding raises: it is of another shape, not UTF-8, or too deep."""


def decoded(line: bytes, decoder: msgspec.json.Decoder[_T], where: str) -> _T:
    """One JSON value as the decoder reads it. Raises InputError."""
    try:
        return decoder.decode(line)
    except NOT_UNDERSTOOD as error:
        raise InputError(f"{where}: {str(error)[:200] or 'nested too deep'}") from error


def settled(golden: Golden, where: str) -> Golden:
    """The golden with its lines in order and its severity as one of GRADES. Raises InputError.

    Published sets have ranges that end before they begin, and goldens without a line.
    """
    severity = golden.severity.strip().lower()
    severity = SPOKEN.get(severity, severity)
    if severity not in GRADES:
        raise InputError(f"{where}: unknown severity {severity!a}", f"use {', '.join(GRADES)}")
    known = [line for line in (golden.start, golden.end) if line]
    start, end = (min(known), max(known)) if known else (0, 0)
    return msgspec.structs.replace(golden, start=start, end=end, severity=severity)


def render(suite: str, version: str, warning: str, cases: tuple[Case, ...]) -> bytes:
    """Cases as a file that `parse` reads."""
    values = (_Header(suite, version, warning), *cases)
    return b"".join(msgspec.json.encode(value) + b"\n" for value in values)
