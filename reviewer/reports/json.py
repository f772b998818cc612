r"""The whole review as JSON: written, and read back as the hostile input it is.

`docs/report.schema.json` describes it. Undecodable bytes of names and source text stand as \xNN,
see `text.portable`. The digest is the SHA-256 of the document without `digest`, the `seconds` of
tools and the `effort` of the model, as JSON with sorted keys and no white space, in UTF-8: equal
for equal reviews.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

import msgspec
from msgspec import structs

from reviewer import text
from reviewer.errors import InputError, IntegrityError
from reviewer.model import (
    Category,
    Confidence,
    FileSummary,
    Finding,
    Heuristic,
    Judged,
    Mode,
    ModelReview,
    Outcome,
    PatchCoverage,
    Proof,
    Report,
    Request,
    Severity,
    Side,
    Span,
    Standing,
    State,
    Status,
    Suggestion,
    ToolRun,
    Trust,
    Verdict,
)
from reviewer.reports.base import Format

T = TypeVar("T")

SCHEMA_VERSION: Final = 1
REPORT_BYTES: Final = 64 << 20
"""The largest report that is read: ten thousand findings with their quotes take about 10 MiB."""

Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""A line, a column or a number of them; 32 bits as in the formats and forges it goes to."""
Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Amount = Annotated[float, msgspec.Meta(ge=0)]


class RequestRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was asked for."""

    forge: str
    repository: str
    base: str
    head: str
    number: Count
    trust: Trust
    target: str


class VerdictRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The decision of the gate."""

    state: State
    score: Percent | None
    reasons: list[str]
    exit_code: Annotated[int, msgspec.Meta(ge=0, le=255)]


class HeuristicRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One part of the score; null is not applicable."""

    name: Category
    weight: Amount
    score: Percent | None
    evidence: list[str]


class ToolRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one tool fared. `findings` counts those of it in the list of findings."""

    tool: str
    version: str
    outcome: Outcome
    reason: str
    seconds: Amount
    concerned: bool
    measures: list[Category]
    findings: Count


class ChangeRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A changed file. `skipped` says why it was not looked into, empty if it was."""

    path: str
    status: Status
    old_path: str
    added: Count
    removed: Count
    skipped: str


class CoveredRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The added lines of one file that can be measured."""

    path: str
    covered: list[Count]
    missing: list[Count]
    partial: list[Count]


class CoverageRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Percentages of lines; null is unknown or not measurable, `unknown` says why."""

    patch: Percent | None
    total: Percent | None
    unknown: str
    sources: list[str]
    notes: list[str]
    files: list[CoveredRecord]


class SpanRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of a file."""

    path: str
    start: Count
    end: Count
    column: Count
    end_column: Count


class SuggestionRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`text` in place of the lines of `span`, what was shown of it, why it is not offered."""

    span: SpanRecord
    text: str
    proof: Proof
    refused: str


class FindingRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One remark. Lines and columns count from 1, 0 is the whole file or unknown."""

    fingerprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    tool: str
    rule: str
    severity: Severity
    confidence: Confidence
    category: Category
    standing: Standing
    standing_reason: str
    path: str
    side: Side
    start: Count
    end: Count
    column: Count
    end_column: Count
    anchor: Count
    message: str
    quote: str
    help: str
    url: str
    occurrence: Count
    suggestion: SuggestionRecord | None


class LeftOutRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of the change that the model was not asked about, 0 and 0 for the whole file."""

    path: str
    start: Count
    end: Count
    reason: str


class EffortRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model's part took: places, requests, tokens, seconds by stage."""

    asked: Count
    cached: Count
    requests: Count
    repaired: Count
    prompt_tokens: Count
    cached_tokens: Count
    answer_tokens: Count
    seconds: list[tuple[str, Amount]]
    checkpoint: str


class ModelRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model's part: with prompts, shape, settings and model it can be repeated."""

    model: str
    weights: str
    engine: str
    version: str
    context: Count
    units: Count
    missed: Count
    left_out: list[LeftOutRecord]
    prompts: list[tuple[str, str]]
    shape: str
    settings: list[tuple[str, str]]
    effort: EffortRecord


class ReportRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A review: what was asked, what was decided and why, and everything that was found."""

    schema_version: Literal[1]
    digest: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    request: RequestRecord
    mode: Mode
    verdict: VerdictRecord
    heuristics: list[HeuristicRecord]
    tools: list[ToolRecord]
    changes: list[ChangeRecord]
    coverage: CoverageRecord
    notes: list[str]
    model: ModelRecord | None
    findings: list[FindingRecord]


class _Version(msgspec.Struct, frozen=True):
    schema_version: int


@dataclass(frozen=True)
class Json:
    """The report for programs: complete, versioned, with a digest."""

    name: ClassVar[str] = "json"
    filename: ClassVar[str] = "report.json"

    def render(self, report: Report) -> str:
        findings = [_mapped(_finding_record(judged), text.portable) for judged in report.judged]
        record = structs.replace(_mapped(_record(report), text.portable), findings=findings)
        record = structs.replace(record, digest=digest(record))
        made = msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"
        return text.json_without_commands(made.decode())


def load(data: bytes) -> Report:
    """The report that `render` wrote.

    The runs carry the findings of their tool as they stand in the report, and no masks. Raises
    InputError for what is no report of this version, IntegrityError for one that was changed.
    """
    if len(data) > REPORT_BYTES:
        raise InputError(
            f"the report is larger than {REPORT_BYTES >> 20} MiB", "review fewer files at once"
        )
    try:
        version = msgspec.json.decode(data, type=_Version).schema_version
        if version != SCHEMA_VERSION:
            raise InputError(
                f"the report has schema version {version}, this reviewer reads {SCHEMA_VERSION}",
                "write and read the report with the same release",
            )
        record = msgspec.json.decode(data, type=ReportRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"not a report: {text.log_line(str(error), 300)}", "write it with `--format json`"
        ) from error
    if record.digest != digest(record):
        raise IntegrityError(
            "the report does not match its digest", "somebody edited it: run the review again"
        )
    return _report(_mapped(record, text.original))


def digest(record: ReportRecord) -> str:
    """64 hexadecimal digits over everything but the digest, the times and the model's effort."""
    tools = [_without(tool, "seconds") for tool in record.tools]
    model = None if record.model is None else _without(record.model, "effort")
    rest = _without(record, "digest") | {"tools": tools, "model": model}
    return hashlib.sha256(msgspec.json.encode(rest, order="sorted")).hexdigest()


def _without(record: msgspec.Struct, name: str) -> dict[str, Any]:
    """The fields of a record but one."""
    return {key: value for key, value in structs.asdict(record).items() if key != name}


def schema() -> str:
    """The JSON Schema (2020-12) of the report, as `docs/report.schema.json` has it."""
    document = msgspec.json.schema(ReportRecord)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of reviewer",
    }
    return msgspec.json.format(msgspec.json.encode(head | document), indent=2).decode() + "\n"


def _mapped(value: Any, function: Callable[[str], str]) -> Any:
    """A record with `function` applied to each of its texts: records all the way, no dictionaries.

    Those would take ten times the memory in a report of tens of thousands of findings.
    """
    if isinstance(value, str):
        return function(value)
    if isinstance(value, list):
        return [_mapped(item, function) for item in value]
    if isinstance(value, tuple):
        return tuple(_mapped(item, function) for item in value)
    if isinstance(value, msgspec.Struct):
        fields = value.__struct_fields__
        return type(value)(*(_mapped(getattr(value, name), function) for name in fields))
    return value


def _like(value: object, shape: type[T]) -> T:
    """The fields of `shape` filled from the attributes of the same names, at every depth."""
    return msgspec.convert(value, shape, from_attributes=True)


def _record(report: Report) -> ReportRecord:
    """The report without its findings."""
    counts = Counter(judged.finding.tool for judged in report.judged)
    return ReportRecord(
        schema_version=SCHEMA_VERSION,
        digest="0" * 64,
        request=_like(report.request, RequestRecord),
        mode=report.mode,
        verdict=_like(report.verdict, VerdictRecord),
        heuristics=[_like(item, HeuristicRecord) for item in report.heuristics],
        tools=[
            ToolRecord(
                tool=run.tool,
                version=run.version,
                outcome=run.outcome,
                reason=run.reason,
                seconds=run.seconds,
                concerned=run.concerned,
                measures=list(run.measures),
                findings=counts[run.tool],
            )
            for run in report.runs
        ],
        changes=[_like(item, ChangeRecord) for item in report.changes],
        coverage=_like(report.coverage, CoverageRecord),
        notes=list(report.notes),
        model=None if report.model is None else _like(report.model, ModelRecord),
        findings=[],
    )


def _finding_record(judged: Judged) -> FindingRecord:
    finding, span, proposal = judged.finding, judged.finding.span, judged.finding.suggestion
    return FindingRecord(
        fingerprint=finding.fingerprint,
        tool=finding.tool,
        rule=finding.rule,
        severity=finding.severity,
        confidence=finding.confidence,
        category=finding.category,
        standing=judged.standing,
        standing_reason=judged.note,
        path=span.path,
        side=finding.side,
        start=span.start,
        end=span.end,
        column=span.column,
        end_column=span.end_column,
        anchor=judged.anchor,
        message=finding.message,
        quote=finding.quote,
        help=finding.help,
        url=finding.url,
        occurrence=finding.occurrence,
        suggestion=None if proposal is None else _like(proposal, SuggestionRecord),
    )


def _report(record: ReportRecord) -> Report:
    judged = tuple(_judged(item) for item in record.findings)
    return Report(
        request=_like(record.request, Request),
        mode=record.mode,
        verdict=_like(record.verdict, Verdict),
        changes=tuple(_like(item, FileSummary) for item in record.changes),
        runs=tuple(
            ToolRun(
                tool=run.tool,
                outcome=run.outcome,
                version=run.version,
                findings=tuple(item.finding for item in judged if item.finding.tool == run.tool),
                reason=run.reason,
                seconds=run.seconds,
                concerned=run.concerned,
                measures=tuple(run.measures),
            )
            for run in record.tools
        ),
        judged=judged,
        coverage=_like(record.coverage, PatchCoverage),
        heuristics=tuple(_like(item, Heuristic) for item in record.heuristics),
        notes=tuple(record.notes),
        model=None if record.model is None else _like(record.model, ModelReview),
    )


def _judged(record: FindingRecord) -> Judged:
    proposal = record.suggestion
    finding = Finding(
        tool=record.tool,
        rule=record.rule,
        message=record.message,
        span=_like(record, Span),
        severity=record.severity,
        confidence=record.confidence,
        category=record.category,
        quote=record.quote,
        help=record.help,
        url=record.url,
        side=record.side,
        suggestion=None if proposal is None else _like(proposal, Suggestion),
        occurrence=record.occurrence,
    )
    spans = [finding.span, *([finding.suggestion.span] if finding.suggestion else [])]
    if any(span.end < span.start for span in spans):
        raise InputError("a finding of the report ends before it starts")
    if finding.fingerprint != record.fingerprint:
        raise IntegrityError(
            "a finding of the report does not match its fingerprint", "run the review again"
        )
    return Judged(finding, record.standing, record.standing_reason, record.anchor)


PLUGIN: Final[type[Format]] = Json
