"""Is it there? Findings are grounded in the change: place checked, code quoted, secrets removed."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from reviewer import globs
from reviewer.model import ChangeSet, Finding, Side, Span, ToolRun
from reviewer.text import clip, redact
from reviewer.tree import Tree

QUOTE_LINES: Final = 12
LINE_CHARS: Final = 400
"""A quote shows this much of a long range or line: enough to recognise it."""

READ_CHARS: Final = 20_000
"""Secrets are looked for in this much of a line before it is cut, so that none is cut in two."""

LARGEST: Final = 2**31 - 1
"""No line or column has a greater number: formats and forges count in 32 bits."""


IGNORE: Final = re.compile(
    r"\breviewer:\s{0,8}ignore\[(?P<rules>[^\[\]]{1,400})\](?P<reason>[^\r\n]*)"
)
"""A comment that switches rules off on its line: rules as the settings name them, and a reason."""

CLOSERS: Final = ("*/", "-->", "#}", "%>")
"""Ends of comments, which are no part of a reason."""

REASON_CHARS: Final = 200


class Grounded(NamedTuple):
    """A finding with its quote, and why its place is in doubt ("" if it is not)."""

    finding: Finding
    doubt: str


def ground(
    runs: Sequence[ToolRun], changes: ChangeSet, tree: Tree
) -> tuple[tuple[ToolRun, ...], tuple[Grounded, ...]]:
    """Quote, number and redact the findings of `runs`.

    Returns the runs with their findings as they may be shown and without masks, and the same
    findings in order of path and line.
    """
    lines = _Lines(tree)
    masks = tuple(sorted({mask for run in runs for mask in run.masks}))
    seen: Counter[str] = Counter()
    shown: list[ToolRun] = []
    grounded: list[Grounded] = []
    for run in runs:
        findings: list[Finding] = []
        for finding in sorted(run.findings, key=_order):
            there = lines(finding.span.path)
            doubt = finding.doubt or _doubt(finding, changes, there)
            finding = _shown(_possible(finding), there, masks)
            identity = finding.fingerprint
            if identity in seen:
                finding = replace(finding, occurrence=seen[identity])
            seen[identity] += 1
            findings.append(finding)
            grounded.append(Grounded(finding, doubt))
        reason = redact(run.reason, masks)
        shown.append(replace(run, findings=tuple(findings), reason=reason, masks=()))
    return tuple(shown), tuple(sorted(grounded, key=lambda item: _order(item.finding)))


def ignored(grounded: Iterable[Grounded], changes: ChangeSet, tree: Tree) -> Mapping[str, str]:
    """Why findings are switched off by a comment on their first line, by their fingerprints.

    Only a line that the change did not add has a say: what a change adds cannot silence what is
    said about it.
    """
    lines = _Lines(tree)
    reasons: dict[str, str] = {}
    for finding, doubt in grounded:
        span = finding.span
        if doubt or span.whole_file or finding.side is Side.OLD:
            continue
        there = lines(span.path)
        if span.start in changes.by_path[span.path].added or span.start > len(there):
            continue
        reason = _ignoring(there[span.start - 1], finding.rule_id)
        if reason:
            reasons[finding.fingerprint] = f"ignored by the line itself: {reason}"
    return reasons


def _ignoring(line: str, rule_id: str) -> str:
    """The reason that a comment on `line` gives for ignoring the rule, "" if none ignores it."""
    for comment in IGNORE.finditer(line):
        rules = [word.strip() for word in comment["rules"].split(",")]
        if globs.first((rule for rule in rules if not globs.problem(rule)), rule_id):
            reason = comment["reason"].strip()
            for closer in CLOSERS:
                reason = reason.removesuffix(closer).strip()
            return clip(redact(reason), REASON_CHARS) or "no reason is given"
    return ""


def _order(finding: Finding) -> tuple[object, ...]:
    return (finding.span, finding.tool, finding.rule, finding.message)


class _Lines:
    """The head's lines of a file, counted as git counts them; the last file's are kept.

    Findings are asked about file by file, and a change may have ten thousand of them.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.path = ""
        self.lines: tuple[str, ...] = ()

    def __call__(self, path: str) -> tuple[str, ...]:
        """All lines of `path`, none for a file that is not at hand."""
        if path != self.path:
            self.path, self.lines = path, self._read(path)
        return self.lines

    def _read(self, path: str) -> tuple[str, ...]:
        if path not in self.tree.files and path not in self.tree.asides:
            return ()
        text = self.tree.read(path).decode("utf-8", "replace")
        return tuple(line.rstrip("\r") for line in text.removesuffix("\n").split("\n"))


def _doubt(finding: Finding, changes: ChangeSet, lines: Sequence[str]) -> str:
    span = finding.span
    if span.path not in changes.by_path:
        return "names a file that the change does not touch"
    if not 0 <= span.start <= span.end <= LARGEST:
        return "names a range of lines that cannot be"
    if span.whole_file:
        return ""
    if finding.side is Side.NEW and lines and span.end > len(lines):
        return f"names line {span.end} of a file of {len(lines)} lines"
    return ""


def _possible(finding: Finding) -> Finding:
    """Without numbers that no place can have: they would make the report unreadable."""
    suggestion = finding.suggestion
    if suggestion is not None and _possible_span(suggestion.span) != suggestion.span:
        suggestion = None
    return replace(finding, span=_possible_span(finding.span), suggestion=suggestion)


def _possible_span(span: Span) -> Span:
    if not 0 <= span.start <= span.end <= LARGEST:
        return Span(span.path)
    if not (0 <= span.column <= LARGEST and 0 <= span.end_column <= LARGEST):
        return Span(span.path, span.start, span.end)
    return span


def _shown(finding: Finding, lines: Sequence[str], masks: Sequence[str]) -> Finding:
    """The finding quoted and redacted, as the first of its kind: tools count otherwise than we."""
    suggestion = finding.suggestion
    if suggestion is not None and redact(suggestion.text, masks) != suggestion.text:
        suggestion = None
    quote = redact(_quote(finding, lines), masks)
    return replace(
        finding,
        message=redact(finding.message, masks),
        quote="\n".join(line[:LINE_CHARS] for line in quote.split("\n")[:QUOTE_LINES]),
        help=redact(finding.help, masks),
        suggestion=suggestion,
        occurrence=0,
        doubt="",
    )


def _quote(finding: Finding, lines: Sequence[str]) -> str:
    """The code of the finding's span, unless the tool gave a quote."""
    span = finding.span
    if finding.quote or span.whole_file or finding.side is Side.OLD:
        return finding.quote
    quote = lines[span.start - 1 : min(span.end, span.start + QUOTE_LINES - 1)]
    return "\n".join(line[:READ_CHARS] for line in quote)
