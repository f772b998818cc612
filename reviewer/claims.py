"""How far the model is believed: is its quote there, and does its claim make sense?

Nothing is thrown away: a remark that does not hold becomes a finding with a doubt, which the report
lists with its reason.
"""

import builtins
import keyword
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from reviewer.context import Unit
from reviewer.model import (
    Confidence,
    Finding,
    Severity,
    Span,
    Suggestion,
)
from reviewer.modelling import TOOL
from reviewer.shapes import CATEGORIES, SEVERITIES, Remark
from reviewer.text import clip

MESSAGE_CHARS: Final = 1500
SPREAD: Final = 20
"""Lines of a finding: one that is about more is about everything."""

NEAR: Final = 5
"""Lines between two findings that may be about the same."""

ALIKE: Final = 0.5
"""Words that two texts share, of all their words, from which on they say the same."""

PART: Final = 12
"""Characters of a quote that is only a part of a line: less stands in many lines."""

NUMBERED: Final = re.compile(r"[ \t]{0,8}\d{1,7}[ \t]{1,3}[+ -]? ?|[+-] ")
"""What a line begins with where the prompt shows it, and the mark of a patch."""

REFUTED: Final = re.compile(
    r"\b(?:no|not an?|isn['’]t an?|without) (?:real |actual )?(?:issue|bug|problem|defect|error)s?"
    r"\b(?! (?:if|when|unless|until|for))|"
    r"\b(?:this|it|code|change|which) (?:is|looks|seems|appears) (?:perfectly )?"
    r"(?:fine|correct|safe|ok|okay|good|intended|intentional|reasonable)\b|"
    r"\bworks? (?:as|just as) (?:intended|expected|designed)\b|\bfalse positive\b|"
    r"\bno (?:action|change|fix)(?: is)? (?:needed|required|necessary)\b|"
    r"\bnothing (?:to fix|to change|wrong)\b|\bcorrectly handle[sd]?\b",
    re.IGNORECASE,
)
PRAISE: Final = re.compile(
    r"\s*(?:lgtm|nice|great|good|well|excellent|clean|solid)\b[^.]{0,40}"
    r"(?:!|\.|,|\b(?:job|work|done|change|catch|use|idea|improvement|refactor\w*|move)\b)|"
    r"\bwell (?:done|written|structured|designed)\b|\bgood (?:job|work|practice|use)\b|\blgtm\b",
    re.IGNORECASE,
)
ADVICE: Final = re.compile(
    r"\s*(?:please |you (?:may|might|could|should) (?:want to )?)?"
    r"(?:consider|make sure|ensure|verify|double[- ]check|check (?:that|whether|if)|confirm|"
    r"it (?:would|might|may) be (?:better|good|nice|worth))\b",
    re.IGNORECASE,
)
ORDERED: Final = re.compile(
    r"\b(?:ignore|disregard|forget) (?:all |any )?(?:of )?(?:the |your |these )?"
    r"(?:previous|prior|above|earlier|other|static|system)\b|"
    r"\bas an? (?:ai|language model|assistant)\b|\bsystem prompt\b|\bmy instructions\b|"
    r"(?:^|\s)/(?:approve|merge|lgtm|close|ok-to-test|retest|rebase|assign|label)\b|"
    r"\b(?:please |must |should |to |and |you )(?:approve|merge) (?:this|the|it)\b|"
    r"\b(?:i |i'm |we )approv(?:e|ed|ing)\b|\bapproved\b[.!]|"
    r"@[\w-]+(?:\[bot\])? (?:merge|rebase|close|approve|ignore|recreate|squash)\b|"
    r"<\|[\w ]{1,40}\|>|\[/?INST\]|\bbegin (?:system|instructions?)\b",
    re.IGNORECASE,
)
"""What is no claim about code: it refutes itself, praises, gives advice without a defect, or is the
echo of an order that stands in the change."""

_NAME: Final = r"[`'\"](?P<{}>[A-Za-z_][\w.]{{0,120}})(?:\(\))?[`'\"]"
MISSING: Final = re.compile(
    rf"{_NAME.format('a')}[\w ,]{{0,30}} (?:is|are|was|were|has|does|been)(?: \w+){{0,2}}? "
    r"(?:not|never|un)(?: been| currently)? ?(?:defined|imported|declared|exists?\b)|"
    rf"\bundefined (?:name|variable|symbol|function|identifier|method)? ?{_NAME.format('b')}|"
    rf"\b(?:missing|lacks|without)(?: an?| the)? (?:import|definition|declaration) (?:of|for) "
    rf"{_NAME.format('c')}|"
    rf"\bno (?:import|definition|declaration|function|method|name)(?: of| for| named| called)? "
    rf"{_NAME.format('d')}",
    re.IGNORECASE,
)
"""A claim that a name is not there."""

DEFINING: Final = "def|class|function|func|fn|const|let|var|type|interface|struct|enum|trait"

WORD: Final = re.compile(r"[A-Za-z_]\w{2,}")


class Text(NamedTuple):
    """A line of the new side as the model sees it."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a remark is, and why not ("" if it is there). `whole` says that it is quoted whole."""

    start: int = 0
    end: int = 0
    whole: bool = False
    doubt: str = ""


def located(remark: Remark, near: Sequence[Text], far: Callable[[], Sequence[Text]]) -> Place:
    """Where the quote stands: at the lines that are named, else the only place in `near` (what the
    model was shown), else the only one in `far` (all that the change shows of the file).
    """
    quote = _quoted(remark.quote)
    if not quote:
        return Place(doubt="anchor: quotes nothing")
    for lines in (near, far()):
        found = _standing(quote, lines)
        if not found:
            continue
        named = [each for each in found if each[0] == remark.line] or (
            [each for each in found if each[0] <= remark.line <= each[1]]
        )
        if not named and len(found) > 1:
            return Place(doubt=f"anchor: the quote stands at {len(found)} places, none the named")
        start, end = (named or found)[0]
        return _widened(remark, start, end, lines)
    return Place(doubt="anchor: the quote stands nowhere in what the change shows of the file")


def _widened(remark: Remark, start: int, end: int, lines: Sequence[Text]) -> Place:
    """The lines that the remark names, moved with its quote, as far as the change shows them."""
    wanted = start + min(max(0, remark.end_line - remark.line), SPREAD)
    if wanted <= end:
        return Place(start, end, whole=wanted == end or remark.end_line < remark.line)
    there = {line.number for line in lines}
    if remark.line == start and all(number in there for number in range(start, wanted + 1)):
        return Place(start, wanted)
    return Place(start, end)


def _quoted(quote: str) -> list[str]:
    """The lines of a quote without white space at their ends, and without empty ones."""
    return [line.strip() for line in quote.split("\n") if line.strip()]


def _standing(quote: Sequence[str], lines: Sequence[Text]) -> list[tuple[int, int]]:
    """First and last line of each place where `quote` stands."""
    full = [line for line in lines if line.text.strip()]
    texts = [line.text.strip() for line in full]
    bare = [NUMBERED.sub("", line, count=1).strip() for line in quote]
    for wanted in dict.fromkeys((tuple(quote), tuple(bare))):
        size = len(wanted)
        found = [
            (full[at].number, full[at + size - 1].number)
            for at in range(len(texts) - size + 1)
            if tuple(texts[at : at + size]) == wanted
            and full[at + size - 1].number - full[at].number < 2 * size
        ]
        if found:
            return found
    if len(quote) == 1:
        for part in dict.fromkeys((quote[0], bare[0])):
            found = [(line.number, line.number) for line in full if part in line.text]
            if found and len(part) >= PART:
                return found
    return []


Source = Callable[[str], str]
"""The head's text of a file, "" where it is not at hand."""


def finding(remark: Remark, unit: Unit, place: Place) -> Finding:
    """The remark as a finding at its place, or with its doubt at no line."""
    words = " ".join(part.strip() for part in (remark.problem, remark.scenario) if part.strip())
    severity = Severity(remark.severity) if remark.severity in SEVERITIES else Severity.NOTE
    suggestion = None
    if remark.replacement is not None and place.whole:
        span = Span(unit.path, place.start, place.end)
        suggestion = Suggestion(span, remark.replacement.removesuffix("\n"))
    known = remark.category in CATEGORIES
    return Finding(
        tool=TOOL,
        rule=remark.category if known else "bug",
        message=clip(words, MESSAGE_CHARS),
        span=Span(unit.path, place.start, place.end),
        severity=severity,
        confidence=Confidence.MEDIUM,
        category=CATEGORIES[remark.category if known else "bug"],
        quote=remark.quote if place.doubt else "",
        suggestion=suggestion,
        doubt=place.doubt,
    )


def doubt(remark: Remark, unit: Unit, shown_path: str, source: Source) -> str:
    """Why the claim is not believed, "" if nothing speaks against it."""
    words = f"{remark.problem} {remark.scenario}"
    if remark.path != shown_path:
        return "anchor: names a file that it was not asked about"
    if remark.category not in CATEGORIES:
        return "claim: is about none of what was asked for"
    if ORDERED.search(words):
        return "claim: repeats an order that is no claim about code"
    if not WORD.search(remark.problem):
        return "claim: says nothing"
    if REFUTED.search(words):
        return "claim: refutes itself"
    if PRAISE.match(remark.problem):
        return "claim: is praise"
    if ADVICE.match(remark.problem):
        return "claim: is advice, and names no defect"
    return _not_missing(words, unit, source)


def _not_missing(words: str, unit: Unit, source: Source) -> str:
    """Why a name that is said to be missing is not, "" where that is not said or cannot be told."""
    for said in MISSING.finditer(words):
        name = next(filter(None, said.groups())).rpartition(".")[2]
        if _defined(name, unit, source(unit.path)):
            return f"claim: says that {clip(name, 60)} is missing, and it is there"
    return ""


def _defined(name: str, unit: Unit, code: str) -> bool:
    """Whether `name` is defined, imported or a parameter in `code`, or is known to the language."""
    if unit.language == "python" and (hasattr(builtins, name) or keyword.iskeyword(name)):
        return True
    if any(re.search(rf"\b{re.escape(name)}\(", each) for each in unit.callees):
        return True
    word = rf"\b{re.escape(name)}\b"
    return any(
        re.search(pattern, code, re.MULTILINE)
        for pattern in (
            rf"^[^\n#]{{0,200}}\b(?:import|from|require|use|using|include)\b[^\n]{{0,200}}{word}",
            rf"\b(?:{DEFINING})\s+(?:\([^\n()]{{0,80}}\)\s*)?{word}",
            rf"^[ \t]{{0,80}}{word}[ \t]{{0,8}}(?::[^\n=]{{0,80}})?=(?!=)",
            rf"\b(?:def|function|func|fn|lambda)\b[^\n]{{0,200}}[(,][ \t]{{0,8}}\*{{0,2}}{word}",
        )
    )


def alike(one: str, other: str) -> float:
    """The share of words that two texts have in common, 0 to 1 (Jaccard index)."""
    mine, yours = words_of(one), words_of(other)
    return len(mine & yours) / len(mine | yours) if mine and yours else 0.0


COMMON: Final = frozenset(
    "the and that this for with not but when from are was will has have can its which then than "
    "into line lines code value function method call calls called change new added".split()
)
"""Words that say nothing about what a text is about."""


def words_of(text: str) -> frozenset[str]:
    """The words that a text is about, in lower case."""
    return frozenset(word.lower() for word in WORD.findall(text)) - COMMON


def same(one: Finding, other: Finding) -> bool:
    """Whether two findings of the model say the same about the same place."""
    if one.span.path != other.span.path:
        return False
    apart = max(one.span.start, other.span.start) - min(one.span.end, other.span.end)
    if apart > NEAR:
        return False
    same_lines = one.span.start == other.span.start and one.rule == other.rule
    return same_lines or alike(one.message, other.message) >= ALIKE


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


def by_line(texts: Mapping[int, str]) -> tuple[Text, ...]:
    """Lines in order of their numbers."""
    return tuple(Text(number, texts[number]) for number in sorted(texts))
