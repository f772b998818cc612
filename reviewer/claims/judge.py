"""How far the model is believed: is its quote there, and does its claim make sense?

Nothing is thrown away: a remark that does not hold becomes a finding with a doubt, which the report
lists with its reason.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple

from reviewer.claims import absent, hollow
from reviewer.context.units import Unit
from reviewer.likeness import same
from reviewer.model import Confidence, Finding, Severity, Span, Suggestion
from reviewer.modelling import TOOL
from reviewer.shapes import CATEGORIES, QUOTE_CHARS, SEVERITIES, Remark
from reviewer.text import clip

MESSAGE_CHARS: Final = hollow.READ
SPREAD: Final = 20
"""Lines of a finding: one that is about more is about everything."""

PART: Final = 12
"""Characters of a quote that is only a part of a line and is looked for elsewhere than at the line
that is named: less stands in many lines."""

SHORT: Final = 4
"""Characters of one at the line that is named."""

NUMBERED: Final = re.compile(r"(?:L?\d{1,7}\s?[:|]|\d{1,7}(?=\s))\s{0,3}(?:\+(?:\s|$))?|\+(?:\s|$)")
"""What a line begins with where the prompt shows it: a number, and the mark of an added line."""

MARKED: Final = re.compile(
    r"⟦U\+[0-9A-F]{4,6}⟧|…\(\d[\d,]* characters?\)|… ?\(\d[\d,]* \w{1,20} more\)|…$"
)
"""What stands in a line as the model sees it and not in the file: no edit may put it there."""


class Text(NamedTuple):
    """A line of the new side as the model sees it."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a remark is, and why not ("" if it is there).

    `whole` says that it quotes all lines that it names and no others, and was shown them as they
    are: only these can be replaced.
    """

    start: int = 0
    end: int = 0
    whole: bool = False
    doubt: str = ""


class _Quote(NamedTuple):
    """Lines to look for; `part` where the first may begin and the last end inside of a line, `cut`
    where it even ends inside of a word.
    """

    keys: tuple[str, ...]
    part: bool = False
    cut: bool = False

    @property
    def size(self) -> int:
        return sum(map(len, self.keys))


class _Row(NamedTuple):
    """A line that is not empty, and the run of lines without a gap that it is in."""

    number: int
    key: str
    run: int


def located(
    remark: Remark,
    near: Sequence[Text],
    far: Callable[[], Sequence[Text]],
    around: Sequence[Text] = (),
) -> Place:
    """Where the quote stands: at the lines that are named, else the only place in `near` (what the
    model was asked about), else the only one in `far` (all that the change shows of the file).

    What it quotes of the line that it names in `around`, the code that it was shown beside the
    change, stays there, and is refused.
    """
    quotes = _quotes(remark.quote)
    if not quotes:
        return Place(doubt="anchor: quotes nothing")
    beside = any(line.number == remark.line for line in around) and any(
        start == remark.line
        for quote in quotes
        if not quote.part
        for start, _ in _standing(quote, _rows(around))
    )
    for lines in (far,) if beside else (lambda: near, far):
        there = lines()
        rows = _rows(there)
        for quote in quotes:
            found = _standing(quote, rows)
            named = _named(remark, found)
            if named or (found and not beside and (not quote.part or quote.size >= PART)):
                return _chosen(remark, named or found, there, quote)
    if beside:
        return Place(doubt="anchor: is about code that the change did not touch")
    return Place(doubt="anchor: the quote stands nowhere in what the change shows of the file")


def _chosen(
    remark: Remark, found: Sequence[tuple[int, int]], lines: Sequence[Text], quote: _Quote
) -> Place:
    """The only one of the places, with all lines that the remark names, moved with its quote."""
    if len(found) > 1:
        return Place(doubt=f"anchor: the quote stands at {len(found)} places, none the named")
    start, end = found[0]
    texts = {line.number: line.text for line in lines}
    wanted = start + min(max(0, remark.end_line - remark.line), SPREAD)
    if wanted > end and remark.line == start and all(n in texts for n in range(end, wanted + 1)):
        return Place(start, wanted)
    exact = wanted == end or remark.end_line < remark.line
    shown = not any(MARKED.search(texts[n]) for n in range(start, end + 1))
    return Place(start, end, whole=exact and shown and not quote.part)


def _named(remark: Remark, found: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those of the places that the remark names: the nearest to how it says it."""
    last = min(max(remark.line, remark.end_line), remark.line + SPREAD)
    return (
        [each for each in found if each[0] == remark.line]
        or [each for each in found if each[0] <= remark.line <= each[1]][:1]
        or [each for each in found if remark.line <= each[0] <= last]
    )


def _quotes(quote: str) -> list[_Quote]:
    """How a quote may be meant, the likeliest first: as it is, without what the prompt puts before
    a line, as a part of lines, and up to where it was cut with an ellipsis.
    """
    lines = [line.strip() for line in quote.split("\n") if line.strip()]
    bare = [NUMBERED.sub("", line, count=1) if NUMBERED.match(line) else line for line in lines]
    fenced = [line.strip("`") for line in lines if not line.startswith("```")]
    keys = [tuple(filter(None, map(key, each))) for each in (lines, bare, fenced)]
    ways = [each for each in dict.fromkeys(keys) if each]
    long = len(quote) >= QUOTE_CHARS
    parts = [_Quote(each, part=True, cut=long) for each in ways]
    cut = [_Quote(left, part=True, cut=True) for each in ways if (left := _before_ellipsis(each))]
    return [*map(_Quote, ways), *parts, *cut]


def _before_ellipsis(keys: Sequence[str]) -> tuple[str, ...]:
    """What stands before the first "..." at the end of a line, () if there is none."""
    for at, line in enumerate(keys):
        for mark in ("...", "…"):
            if line.endswith(mark):
                rest = line.removesuffix(mark)
                return (*keys[:at], rest) if rest else tuple(keys[:at])
    return ()


def key(line: str) -> str:
    """A line without the white space that no language needs: all but that between two words."""
    return re.sub(r" (?!\w)|(?<!\w) ", "", " ".join(line.split()))


@lru_cache(maxsize=8)
def _rows_of(lines: tuple[Text, ...]) -> tuple[_Row, ...]:
    rows: list[_Row] = []
    run = before = 0
    for number, words in lines:
        run += number != before + 1
        before = number
        said = key(words)
        if said:
            rows.append(_Row(number, said, run))
    return tuple(rows)


def _rows(lines: Sequence[Text]) -> tuple[_Row, ...]:
    return _rows_of(tuple(lines))


def _standing(quote: _Quote, rows: Sequence[_Row]) -> list[tuple[int, int]]:
    """First and last line of each place where `quote` stands, without gaps."""
    size = len(quote.keys)
    if quote.part and quote.size < SHORT:
        return []
    return [
        (rows[at].number, rows[at + size - 1].number)
        for at in range(len(rows) - size + 1)
        if rows[at].run == rows[at + size - 1].run
        and _fits(quote, [row.key for row in rows[at : at + size]])
    ]


def _fits(quote: _Quote, texts: Sequence[str]) -> bool:
    keys = quote.keys
    if not quote.part:
        return tuple(texts) == keys
    if len(keys) == 1:
        return _inside(keys[0], texts[0], cut=quote.cut)
    return (
        tuple(texts[1:-1]) == keys[1:-1]
        and texts[0].endswith(keys[0])
        and _edge(texts[0], len(texts[0]) - len(keys[0]))
        and texts[-1].startswith(keys[-1])
        and (quote.cut or _edge(texts[-1], len(keys[-1])))
    )


def _inside(part: str, line: str, *, cut: bool) -> bool:
    at = line.find(part)
    while at >= 0:
        if _edge(line, at) and (cut or _edge(line, at + len(part))):
            return True
        at = line.find(part, at + 1)
    return False


def _edge(line: str, at: int) -> bool:
    """Whether no word goes on at this place."""
    pair = line[max(0, at - 1) : at + 1]
    return at in (0, len(line)) or not all(char.isalnum() or char == "_" for char in pair)


def finding(remark: Remark, unit: Unit, place: Place) -> Finding:
    """The remark as a finding at its place, or with its doubt at no line."""
    words = " ".join(part.strip() for part in (remark.problem, remark.scenario) if part.strip())
    severity = Severity(remark.severity) if remark.severity in SEVERITIES else Severity.NOTE
    suggestion = None
    if remark.replacement is not None and place.whole and not MARKED.search(remark.replacement):
        span = Span(unit.path, place.start, place.end)
        suggestion = Suggestion(span, remark.replacement.removesuffix("\n"))
    rule = remark.category if remark.category in CATEGORIES else "bug"
    return Finding(
        tool=TOOL,
        rule=rule,
        message=clip(words, MESSAGE_CHARS),
        span=Span(unit.path, place.start, place.end),
        severity=severity,
        confidence=Confidence.MEDIUM,
        category=CATEGORIES[rule],
        quote=clip(remark.quote, QUOTE_CHARS) if place.doubt else "",
        suggestion=suggestion,
        doubt=place.doubt,
    )


Source = Callable[[str], str]
"""The head's text of a file, "" where it is not at hand."""


def doubt(
    remark: Remark, unit: Unit, shown_path: str, source: Source, place: Place | None = None
) -> str:
    """Why the claim is not believed, "" if nothing speaks against it. `place` is its own."""
    if remark.path != shown_path:
        return "anchor: names a file that it was not asked about"
    if remark.category not in CATEGORIES:
        return "claim: is about none of what was asked for"
    why = hollow.why(remark.problem, remark.scenario)
    if not why:
        line = place.start if place is not None and place.start else remark.line
        words = f"{remark.problem}\n{remark.scenario}"[:MESSAGE_CHARS]
        here = absent.Here(unit.language, unit.callees, lambda: source(unit.path), line)
        why = absent.why(words, here)
    return f"claim: {why}" if why else ""


def once(findings: Iterable[Finding]) -> list[Finding]:
    """The same findings, in which each after the first that says the same has a doubt."""
    kept: list[Finding] = []
    told: list[Finding] = []
    for item in findings:
        if not item.doubt and any(same(item, before) for before in kept):
            told.append(replace(item, doubt="claim: repeats another finding", suggestion=None))
            continue
        if not item.doubt:
            kept.append(item)
        told.append(item)
    return told
