"""Comments on lines: which finding can have one, on which lines, and what it says. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Final

from reviewer import agreement, remarks, rules, words
from reviewer.forges.base import Comment
from reviewer.guard import LINE_CHARS, QUOTE_LINES
from reviewer.marks import Marks
from reviewer.model import (
    ChangeSet,
    FileChange,
    Finding,
    Hunk,
    Judged,
    Proof,
    Report,
    Side,
    Span,
    Standing,
    Suggestion,
    Trust,
    fingerprint,
)
from reviewer.modelling import TOOL
from reviewer.shapes import CATEGORIES
from reviewer.text import redact

LONGEST: Final = 20
"""Lines of a comment: a longer range is said in words, and the comment goes to its anchor."""

SUGGESTED: Final = 100
"""Lines that one suggestion replaces."""

SAME: Final = 2
"""Equal findings on equal code that are told apart where it is asked whether one still stands."""

_ADDRESS: Final = re.compile(r"https://[A-Za-z0-9._~/#-]{1,500}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Comments:
    """The comments that a report can make on the lines of `changes`.

    Pages of rules are linked to if they begin with one of `homes`, else to our own.
    """

    report: Report
    changes: ChangeSet
    marks: Marks
    homes: tuple[str, ...] = ()

    def mark(self, finding: Finding) -> str:
        """What a comment on the finding ends with."""
        return self.marks.finding(finding.fingerprint, finding.tool)

    def hunk(self, item: Judged) -> Hunk | None:
        """The hunk that a comment on the finding goes to; None where a forge takes none."""
        change = self.changes.by_path.get(item.finding.span.path)
        if change is None or not item.anchor or not sendable(change.path):
            return None
        side = item.finding.side
        here = (hunk for hunk in change.hunks if _inside(hunk, side, item.anchor, item.anchor))
        return next(here, None)

    def stands(self, fingerprint: str, path: str) -> bool:
        """Whether the code that a finding of the model was about is still in the change."""
        change = self.changes.by_path.get(path)
        if change is None:
            return False
        if path not in self._standing:
            self._standing[path] = frozenset(_fingerprints(change))
        return fingerprint in self._standing[path]

    @cached_property
    def _standing(self) -> dict[str, frozenset[str]]:
        """By path, what findings of the model there can be on the lines of the change."""
        return {}

    def page(self, finding: Finding) -> str:
        """The page of a finding's rule, the one it names only if that is known to be harmless."""
        known = any(finding.url.startswith(home) for home in self.homes)
        return (
            finding.url
            if known and _ADDRESS.fullmatch(finding.url)
            else rules.page(finding.rule_id)
        )

    def on_line(self, item: Judged) -> Comment:
        """The comment on a finding that has a hunk."""
        finding, suggestion = item.finding, self._suggestion(item)
        if suggestion is not None:
            start, end = suggestion.span.start, suggestion.span.end
        else:
            start, end = self._lines(item)
        also = sorted(set(self._agreeing.get(_topic(item), ())) - {finding.rule_id})
        said = finding.message.removesuffix(f" (also {', '.join(also)})")
        here = (start, end) == (finding.span.start, finding.span.end)
        mark = self.mark(finding)
        body = remarks.comment(
            replace(finding, message=said),
            mark,
            self.page(finding),
            also,
            "" if here else words.lines_of(finding),
            suggestion,
        )
        return Comment(finding.span.path, finding.side, start, end, body, mark)

    def annotation(self, item: Judged) -> Comment:
        """The finding as an annotation."""
        finding = item.finding
        start, end = self._lines(item)
        body = remarks.plain(finding)
        return Comment(finding.span.path, finding.side, start, end, body, self.mark(finding))

    @cached_property
    def _agreeing(self) -> Mapping[tuple[object, ...], list[str]]:
        """Rule ids of merged findings, by path, line and topic."""
        found: dict[tuple[object, ...], list[str]] = defaultdict(list)
        for item in self.report.judged:
            if item.standing is Standing.MERGED and item.anchor:
                found[_topic(item)].append(item.finding.rule_id)
        return found

    def _lines(self, item: Judged) -> tuple[int, int]:
        """The lines of the finding if one hunk has them all and they are few, else its anchor."""
        span = item.finding.span
        if self._whole(item, span) and span.end - span.start < LONGEST:
            return span.start, span.end
        return item.anchor, item.anchor

    def _whole(self, item: Judged, span: Span) -> bool:
        hunk = self.hunk(item)
        return hunk is not None and _inside(hunk, item.finding.side, span.start, span.end)

    def _suggestion(self, item: Judged) -> Suggestion | None:
        """What can be committed with one click: proven, seen in full, and from somebody trusted."""
        suggestion = item.finding.suggestion
        if suggestion is None or self.report.request.trust is Trust.UNTRUSTED:
            return None
        span = suggestion.span
        clean = suggestion.proof is Proof.CLEAN and not suggestion.refused
        proven = clean and remarks.committable(suggestion)
        placed = item.finding.side is Side.NEW and span.path == item.finding.span.path
        few = span.end - span.start < SUGGESTED
        return suggestion if proven and placed and few and self._whole(item, span) else None


def _fingerprints(change: FileChange) -> Iterator[str]:
    """Those of all findings that a model could make on the lines that the change shows."""
    rules_of_model = [f"{TOOL}/{kind}" for kind in CATEGORIES]
    for hunk in change.hunks:
        lines = [redact(line.text.rstrip("\r"))[:LINE_CHARS] for line in hunk.lines() if line.new]
        for start in range(len(lines)):
            for end in range(start + 1, min(start + QUOTE_LINES, len(lines)) + 1):
                for rule, occurrence in product(rules_of_model, range(SAME)):
                    yield fingerprint(rule, change.path, lines[start:end], occurrence)


def sendable(path: str) -> bool:
    """Whether a name is text: forges take JSON, which has no other bytes."""
    return not _SURROGATE.search(path)


def _inside(hunk: Hunk, side: Side, start: int, end: int) -> bool:
    old = side is Side.OLD
    first, number = (hunk.old_start, hunk.old_count) if old else (hunk.new_start, hunk.new_count)
    return first <= start <= end < first + number


def _topic(item: Judged) -> tuple[object, ...]:
    finding = item.finding
    return finding.span.path, item.anchor, agreement.topic(finding.rule_id)
