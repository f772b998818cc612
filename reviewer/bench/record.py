"""What a run did, one JSON object a line, so that it can be scored and replayed anywhere.

Each line has a `kind`:

    run     the first line: what was run, with which model, prompts, sampler and data
    answer  one answer of the engine, under `key`, the digest of the request
    count   the tokens of a text, under the SHA-256 of the text
    pr      one pull request: its goldens, every finding with the stage that dropped it, the cost

The key of a request is the SHA-256 of `{"max_tokens", "messages": [[role, content], ...],
"schema", "seed", "temperature", "top_k", "top_p"}` as JSON with sorted keys and without spaces,
`schema` null for free text. Deadlines and names of templates are no part of it. Equal requests are
answered in the order in which they were, the last answer over and over.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from reviewer.bench.cases import FILE_BYTES, Golden, Line, Place, Prose, Word, decoded, settled
from reviewer.engines.base import Capabilities, Finish, Usage
from reviewer.errors import InputError

FORMAT: Final = 1
"""A reader refuses records of another format."""

Stage: TypeAlias = Literal[
    "parsed", "anchored", "guard", "vote", "verify", "dedupe", "threshold", "cap"
]
Source: TypeAlias = Literal["model", "static", "coverage"]
Natural: TypeAlias = Annotated[int, Meta(ge=0)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0)]


class Fix(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is true of a suggestion; None where nobody looked. `refused` says why it is no more."""

    applies: bool
    parses: bool | None = None
    passes: bool | None = None
    refused: Prose = ""


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A finding. `dropped` is the stage that it did not survive, "" if it was posted.

    `on_diff`, `anchored` and `added` say of a place that somebody measured: within one hunk, quote
    equal to the lines there, touching an added line. `spoken` is the rule of a finding of another
    tool that was posted for it.
    """

    text: Prose
    path: Place = ""
    start: Line = msgspec.field(name="from", default=0)
    end: Line = msgspec.field(name="to", default=0)
    category: Word = ""
    source: Source = "model"
    rule: Word = ""
    severity: Word = ""
    confidence: Word = ""
    quote: Prose = ""
    dropped: Stage | Literal[""] = ""
    reason: Prose = ""
    spoken: Word = ""
    on_diff: bool | None = None
    anchored: bool | None = None
    added: bool | None = None
    fix: Fix | None = None


class Run(msgspec.Struct, frozen=True, tag_field="kind", tag="run", forbid_unknown_fields=True):
    """The first line. `warning` is to stand below every table made from the run.

    `prompts` are the SHA-256 of the templates by task; `sampler` and `settings` are words.
    """

    format: int
    reviewer: Word
    data: Word
    warning: Prose = ""
    model: Word = ""
    weights: Word = ""
    engine: Word = ""
    prompts: dict[Word, Word] = {}
    sampler: dict[Word, Word] = {}
    settings: dict[Word, Word] = {}
    seed: int = 0
    patience: Seconds = 0.0
    capabilities: Capabilities = Capabilities()


class Answer(
    msgspec.Struct, frozen=True, tag_field="kind", tag="answer", forbid_unknown_fields=True
):
    """What came of one request: a text, or the name and message of an EngineError."""

    key: Word
    task: Word = ""
    text: str = ""
    finish: Finish = "stop"
    usage: Usage = Usage()
    engine: Word = ""
    seconds: Seconds = 0.0
    error: Word = ""


class Count(msgspec.Struct, frozen=True, tag_field="kind", tag="count", forbid_unknown_fields=True):
    """The tokens of a text, None where the engine did not tell."""

    key: Word
    tokens: Natural | None


class Reviewed(
    msgspec.Struct, frozen=True, tag_field="kind", tag="pr", forbid_unknown_fields=True,
    omit_defaults=True,
):  # fmt: skip
    """One pull request: what was to be found, what was, and what it cost.

    Of the `answers` of the model, `valid` fitted their shape without being repaired, and `empty`
    had no finding. `added_lines` are those of the change. `vram` is the peak in bytes. `failure`
    says what of the review did not take place, "" if all of it did.
    """

    pr: Word
    goldens: tuple[Golden, ...] = ()
    findings: tuple[Seen, ...] = ()
    answers: Natural = 0
    valid: Natural = 0
    empty: Natural = 0
    seconds: Seconds = 0.0
    prompt_tokens: Natural = 0
    answer_tokens: Natural = 0
    added_lines: Natural = 0
    vram: Natural | None = None
    failure: Prose = ""


Entry: TypeAlias = Run | Answer | Count | Reviewed

_ENTRY: Final[msgspec.json.Decoder[Entry]] = msgspec.json.Decoder(Entry)


@dataclass(frozen=True, slots=True)
class Record:
    """A whole run, read back."""

    run: Run
    prs: tuple[Reviewed, ...]
    answers: tuple[Answer, ...] = field(repr=False)
    counts: tuple[Count, ...] = field(repr=False)


def load(file: Path) -> Record:
    """Read a record. Raises InputError, which names file and line."""
    try:
        if file.stat().st_size > FILE_BYTES:
            raise InputError(f"{file.name} is larger than {FILE_BYTES >> 20} MiB")
        return parse(file.read_bytes(), file.name)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", "name a record") from error


def parse(data: bytes, name: str) -> Record:
    """The same for the bytes of a file called `name`. Raises InputError."""
    entries: list[Entry] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            entries.append(_entry(line, f"{name}:{number}"))
    first = entries[0] if entries else None
    if not isinstance(first, Run) or any(isinstance(entry, Run) for entry in entries[1:]):
        raise InputError(f"{name}: the first line, and no other, tells of the run")
    if first.format != FORMAT:
        raise InputError(f"{name}: format {first.format} is not {FORMAT}", "record it again")
    prs = tuple(entry for entry in entries if isinstance(entry, Reviewed))
    if len({each.pr for each in prs}) < len(prs):
        raise InputError(f"{name}: a pull request is there twice")
    return Record(
        first,
        prs,
        tuple(entry for entry in entries if isinstance(entry, Answer)),
        tuple(entry for entry in entries if isinstance(entry, Count)),
    )


def _entry(line: bytes, where: str) -> Entry:
    entry: Entry = decoded(line, _ENTRY, where)
    if isinstance(entry, Reviewed):
        goldens = tuple(settled(golden, where) for golden in entry.goldens)
        return msgspec.structs.replace(entry, goldens=goldens)
    return entry


def render(run: Run, entries: Iterable[Answer | Count | Reviewed]) -> bytes:
    """A whole record that `parse` reads."""
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in (run, *entries))
