"""What we write on a request: comments on lines, the body of a review, the summary comment.

All of it ends with its mark. Each text fits into `BODY` bytes: parts of it are bounded, and what is
left out of a list is counted.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from reviewer import opinion, text, words
from reviewer.model import (
    Finding,
    Judged,
    Mode,
    Outcome,
    PatchCoverage,
    Report,
    Severity,
    Suggestion,
)
from reviewer.templates import Inert, render

BODY: Final = 60_000
"""Bytes of a text. GitHub takes 65,536 characters (the message of its own error 422); some of its
proxies count bytes."""

ROWS: Final = (50, 20, 8, 3)
"""Rows of a table and items of a list: the first of these with which a text fits."""

SPARE: Final = 500
"""Bytes for a mark and for the frame of a list."""

ROOM: Final = 24_000
"""Bytes that the rest of a summary leaves for its list of findings."""

FILES: Final = 4
NAME_CHARS: Final = 200
SUGGESTION_CHARS: Final = 20_000
"""A suggestion is shown whole or not at all: a part of one would commit nonsense."""

PLAIN_CHARS: Final = 4000
"""Of an annotation, which GitHub cuts at 64 KB."""

OFFER: Final = (
    "The model wrote this edit. It applies, parses and adds no finding; nobody has run it."
)
"""What stands above an edit by the model."""

Page = Callable[[Finding], str]
"""The address of the page of a finding's rule: one that may be linked to."""


class Part(NamedTuple):
    """The beginning of a list, how much more there is, and whether it is of one."""

    shown: Sequence[Any]
    rest: str
    one: bool


@dataclass(frozen=True, slots=True)
class Account:
    """Where the findings of a report are, for the summary.

    `resolved` are those on their lines whose threads are resolved; `annotated` is how many are
    shown as annotations. `listed` have no other place, and their notes say why. `counted` are only
    counted. `hints` are remarks on the posting itself.
    """

    on_lines: int = 0
    resolved: Sequence[Judged] = ()
    annotated: int = 0
    listed: Sequence[Judged] = ()
    counted: Sequence[Judged] = ()
    hints: Sequence[str] = ()


def committable(suggestion: Suggestion) -> bool:
    """Whether a forge can offer a suggestion as it is, with nothing in it that cannot be seen."""
    code = suggestion.text
    return len(code) <= SUGGESTION_CHARS and "\r" not in code and text.visible(code) == code


def comment(
    finding: Finding,
    mark: str,
    page: str,
    also: Sequence[str] = (),
    where: str = "",
    suggestion: Suggestion | None = None,
) -> str:
    """A comment on one finding.

    `also` are rule ids that say the same, `where` says which lines are meant if the comment stands
    on others. A `suggestion` has to be `committable`, and to replace the lines commented on.
    """
    body = render(
        "comments/finding.md.j2",
        finding=finding,
        rule=text.clip(finding.rule_id, NAME_CHARS),
        where=Inert(where),
        also=_part([text.clip(name, NAME_CHARS) for name in also], FILES),
        page=Inert(page),
        by_model=opinion.by_model(finding),
    )
    parts = [text.no_commands(body.rstrip())]
    if suggestion is not None:
        parts += [OFFER] if opinion.by_model(finding) else []
        parts.append(_offer(suggestion.text))
    return closed("\n\n".join(parts), mark)


def _offer(code: str) -> str:
    """A block that can be committed (docs.github.com, "Incorporating feedback in your PR")."""
    block = text.fence(code.removesuffix("\n"), "suggestion")
    # An empty line inside would replace the lines by an empty one instead of deleting them.
    return block if code else block.replace("\n\n", "\n")


def review(report: Report, comments: Sequence[Finding], mark: str, *, first: bool) -> str:
    """The body of a review with comments on these findings; a `first` one says the verdict."""
    number = Counter(finding.severity for finding in comments)
    found = [text.count(number[kind], kind.value) for kind in reversed(Severity) if number[kind]]
    for rows in ROWS:
        body = render(
            "comments/review.md.j2",
            first=first,
            one=len(comments) == 1,
            found=Inert(" and ".join((", ".join(found[:-1]), found[-1])).removeprefix(" and ")),
            state=Inert(words.STATES[report.verdict.state]),
            score=Inert(words.score_line(report.verdict.score)),
            reasons=_part(report.verdict.reasons, rows),
            uncovered=_part(_uncovered(report.coverage), rows),
            checkpoint=opinion.checkpoint(report.model),
        )
        if len(body.encode()) <= BODY - SPARE:
            break
    return closed(text.no_commands(body), mark)


def summary(report: Report, account: Account, page: Page) -> tuple[str, frozenset[str]]:
    """The comment on the request as a whole, without a mark, and whom it lists (fingerprints)."""
    for rows in ROWS:
        least = _page(report, account, [], page, rows)
        room = BODY - SPARE - len(least.encode())
        if room >= ROOM:
            break
    blocks: list[Inert] = []
    for item in account.listed:
        block = listed(item, page)
        room -= len(block.encode()) + 1
        if room < 0:
            break
        blocks.append(block)
    shown = frozenset(item.finding.fingerprint for item in account.listed[: len(blocks)])
    return _page(report, account, blocks, page, rows), shown


def listed(item: Judged, page: Page) -> Inert:
    """A finding as one item of a list."""
    finding = item.finding
    block = render(
        "comments/listed.md.j2",
        finding=finding,
        rule=text.clip(finding.rule_id, NAME_CHARS),
        path=text.clip(finding.span.path, NAME_CHARS),
        lines=Inert(words.lines_of(finding)),
        note=item.note,
        page=Inert(page(finding)),
        by_model=opinion.by_model(finding),
    )
    return Inert(block.rstrip("\n"))


def verdict(report: Report) -> str:
    """The verdict and its reasons, for a check; it has no mark."""
    told = render("comments/verdict.md.j2", **_verdict(report, ROWS[1])).strip()
    checkpoint = opinion.checkpoint(report.model)
    return f"{told}\n\nAudit log: `{checkpoint}`" if checkpoint else told


def plain(finding: Finding) -> str:
    """A finding as the plain text of an annotation."""
    told = "\n".join(part for part in (finding.message, finding.help) if part)
    return text.clip(text.terminal(told, lines=True), PLAIN_CHARS)


def _verdict(report: Report, rows: int) -> dict[str, Any]:
    return {
        "mode": Inert(_mode(report).capitalize()),
        "size": Inert(words.size_line(report)),
        "coverage": words.coverage_line(report.coverage),
        "reasons": _part(report.verdict.reasons, rows),
    }


def _page(report: Report, account: Account, blocks: Sequence[Inert], page: Page, rows: int) -> str:
    """The summary with these of its findings; it counts the others."""
    absent = [run for run in report.runs if run.outcome is not Outcome.OK]
    skipped = words.skipped(report)
    body = render(
        "comments/summary.md.j2",
        state=Inert(words.STATES[report.verdict.state]),
        score=Inert(words.score_line(report.verdict.score)),
        **_verdict(report, rows),
        absent=_part([run for run in absent if run.concerned], rows),
        idle=_part([run for run in absent if not run.concerned], rows),
        notes=_part((*account.hints, *report.notes, *report.coverage.notes), rows),
        found=Inert(_found(account)),
        resolved=_part([listed(item, page) for item in account.resolved[:rows]], rows),
        listed=blocks,
        listed_in_all=len(account.listed),
        cut=len(account.listed) - len(blocks),
        uncovered=_part(_uncovered(report.coverage), rows),
        heuristics=_part(report.heuristics, rows),
        asked=Inert(opinion.extent(report.model)) if report.model else "",
        model=text.clip(opinion.name(report.model), NAME_CHARS) if report.model else "",
        left=_part(itertools.starmap(_reason, opinion.left_out(report).items()), rows),
        skipped=_part(itertools.starmap(_reason, skipped.items()), rows),
        skipped_files=sum(len(paths) for paths in skipped.values()),
        head=text.clip(words.short(report.request.head), NAME_CHARS),
    )
    return text.no_commands(body)


def _mode(report: Report) -> str:
    """`partial review (bandit, trivy failed)`."""
    failed = [run.tool for run in report.runs if run.outcome is Outcome.FAILED]
    if report.mode is not Mode.PARTIAL or not failed:
        return words.MODES[report.mode]
    return f"{words.MODES[report.mode]} ({text.count(len(failed), 'tool')} failed)"


def _found(account: Account) -> str:
    """Where the findings are, in sentences."""
    parts = []
    if account.on_lines:
        parts.append(f"{text.count(account.on_lines, 'finding')} with a comment on the line.")
    if account.annotated:
        parts.append(f"{text.count(account.annotated, 'finding')} annotated on the line.")
    if not (account.on_lines or account.annotated or account.listed):
        parts.append("No finding asks for a comment.")
    if account.counted:
        standings = words.counted(item.standing for item in account.counted)
        parts.append(f"In the report alone: {standings}.")
    return " ".join(parts)


def _uncovered(coverage: PatchCoverage) -> list[tuple[str, str]]:
    return [
        (text.path(text.clip(file.path, NAME_CHARS)), words.ranges(file.missing))
        for file in coverage.files
        if file.missing
    ]


def _part(items: Iterable[Any], limit: int) -> Part:
    every = list(items)
    return Part(*words.some(every, limit), one=len(every) == 1)


def _reason(reason: str, paths: Sequence[str]) -> tuple[str, int, list[str], str]:
    first, rest = words.some(paths, FILES)
    return reason, len(paths), [text.path(path) for path in first], rest


def closed(body: str, mark: str) -> str:
    """The text with its mark as the last line, apart from what is above it."""
    return f"{body.rstrip()}\n\n{mark}"
