"""Words that are no claim about code: they refute themselves, praise, advise, or repeat an order.

Words alone tell little about whether a claim is true (by length and hedges, valid remarks are told
from rejected ones hardly better than by chance), so nothing is refused here for its tone. What is
refused says of itself that nothing is wrong, or names no defect at all. A concession ("correct for
ASCII, but ...") is part of a claim and stays.
"""

import re
import unicodedata
from typing import Final

from reviewer.claims.orders import any_of, repeated
from reviewer.text import HIDDEN

READ: Final = 1500
"""Characters that are judged: no more of a claim is shown."""

LETTERS: Final = 3
"""A text with fewer says nothing."""

SENTENCE: Final = 4
"""Words of a sentence that says something."""


_ONE: Final = r"(?:issue|bug|problem|defect|vulnerability|concern|flaw|finding|mistake)"
_MANY: Final = (
    r"(?:issues?|bugs?|problems?|defects?|vulnerabilit(?:y|ies)|concerns?|flaws?|mistakes?"
    r"|anything wrong|security risks?)"
)
_LIKE: Final = r"(?:\w+ ){0,2}?"
_CLAUSE: Final = (
    r"(?:^|[.;:,!?)\n–—-]\s{0,3}|\b(?:but|so|hence|thus|therefore|actually|however|overall"
    r"|which means|meaning|conclude|conclusion|case) (?:that )?)"
)
_IT: Final = (
    r"(?:(?:this|that|it|all|everything|which)|(?:this|the|these|those|all)(?: \w+){0,2}? "
    r"(?:code|change|changes|logic|implementation|function|method|fix|approach|behaviou?r|line"
    r"|lines|edit|diff|patch|refactoring))"
)
_SURELY: Final = (
    r"(?:(?:actually|really|probably|likely|still|just|perfectly|completely|entirely|all|already"
    r"|otherwise|overall|generally|logically|technically|also|therefore|thus|quite|very|in fact"
    r"|to be|be|so) ){0,3}"
)
_BE: Final = r"(?:is|are|looks?|seems?|appears?|was|were|[’']s)"
_HERE: Final = r"(?: in (?:this|the) (?:code|change|diff|file|lines?))?"
_FOUND: Final = r"(?:found|present|detected|introduced|identified)"

NOTHING: Final = any_of(
    r"\W*(?:n/?a|none|nothing|null|not applicable|todo|tbd|unknown|string|text|problem|scenario"
    r"|(?:i (?:see|find|found) )?(?:nothing|no (?:\w+ ){0,2}(?:issues?|problems?|bugs?|defects?"
    r"|findings?|scenario|input|situation))(?: (?:was |were )?(?:found|detected|identified))?)\W*"
)
"""A whole text that stands for none."""

DENIED: Final = any_of(
    r"\b(?:there (?:is|are|was|were|seems? to be|appears? to be)|there[’']s"
    r"|(?:i|we) (?:see|find|found)|has|have|contains?|shows?|introduces?|reveals?|found) "
    rf"(?:no|not any|not an?|nothing) {_LIKE}{_MANY}\b"
    r"(?! (?:reports?|trackers?|numbers?|ids?|details?|pages?)\b)",
    rf"\bthere (?:is|are|was|were)n[’']t (?:any |an? ){_LIKE}{_MANY}\b",
    r"\b(?:do|does|did|could|can)(?: not|n[’']t) "
    rf"(?:see|find|contain|introduce|have|detect|reveal) (?:any |an? ){_LIKE}{_MANY}\b",
    rf"\b(?:is|are|was|[’']s) {_SURELY}not {_SURELY}(?:an? ){_LIKE}{_ONE}\b",
    rf"\b(?:isn|aren|wasn)[’']t {_SURELY}(?:an? ){_LIKE}{_ONE}\b",
    rf"{_CLAUSE}(?:so )?(?:no|not an?) {_LIKE}{_MANY}"
    rf"(?: (?:here|exists?|(?:(?:was|were|is|are) )?{_FOUND}))?{_HERE}\s{{0,3}}(?:$|[.;!,)\n])",
    r"\bfalse positive[.!]?\s*$",
    r"\b(?:this|it) (?:is|was|seems|looks like) (?:likely )?a false positive",
    r"\bno (?:action|changes?|fix|further action|modifications?)(?: is| are)? "
    r"(?:needed|required|necessary)\b",
    r"\bnothing (?:is wrong|wrong here|to (?:fix|report|change|worry|flag)"
    r"|needs to be (?:changed|fixed))",
    r"\bno (?:failing|concrete|failure|realistic|specific|such) "
    r"(?:input|scenario|case|situation)\b",
    r"\b(?:this|that|it|such a case|the (?:case|scenario|situation)) "
    r"(?:cannot|can[’']t|can not|will never|should never) (?:actually |really |ever )?"
    r"(?:happen|occur)\b",
    r"\bi (?:was wrong|misread|retract|withdraw)\b",
    r"\bon (?:second thought|closer (?:look|inspection))\b",
)
"""Says that there is no defect."""

FINE: Final = any_of(
    rf"{_CLAUSE}{_IT} {_BE} {_SURELY}"
    r"(?:fine|correct|safe|ok|okay|good|intended|intentional|reasonable|right|valid|sound"
    r"|acceptable|harmless|by design|as (?:intended|expected|designed)|desired"
    r"|not (?:wrong|broken)|the (?:correct|expected|intended|desired|right)"
    r"|(?:correct|expected|intended|valid) behaviou?r|(?:correctly|properly|safely|well) \w+)\b",
    rf"{_CLAUSE}{_IT} (?:\w+ )?(?:correctly|properly|safely|appropriately) (?!un|in|not\b)\w+s\b",
    rf"{_CLAUSE}{_IT} {_SURELY}(?:works?|behaves?|functions?) "
    r"(?:fine|correctly|properly|well|(?:just )?as (?:intended|expected|designed))\b",
    rf"{_CLAUSE}works? (?:just )?as (?:intended|expected|designed)\b",
)
"""Says that the code is fine."""

PRAISE: Final = any_of(
    r"\W*(?:lgtm|looks good|well done|kudos|thank(?:s| you) for|i like|i love)\b",
    r"\W*(?:nice|great|excellent|awesome|perfect|good job|thank you|thanks)\s*[!.,]",
    r"\W*(?:very |really |a )?(?:nice|great|good|excellent|clean|solid|awesome|clever|elegant|neat"
    r"|smart|fantastic|perfect)(?:,| and| \w+){0,2}? (?:job|work|change|catch|use of|idea"
    r"|improvement|fix|addition|approach|solution|implementation|refactor\w*|move|clean-?up"
    r"|practice|test coverage|design|choice|pr|to see)\b",
    r"\W*(?:this|the) (?:\w+ ){0,3}?(?:improves?|enhances?) (?:the )?(?:\w+ ){0,2}?"
    r"(?:readability|maintainability|clarity|quality|structure|robustness|security|error handling"
    r"|performance|consistency)\b",
    r"\W*(?:very |really |quite )?(?:well|nicely|cleanly)[- ]"
    r"(?:structured|written|designed|organi[sz]ed|factored|tested|documented|named|done)"
    r"(?=\W*(?:$|and\b))",
    rf"\W*{_IT} (?:is|are|looks?) (?:very |really |quite )?(?:well|nicely|cleanly)[- ]\w+",
    r"\W*(?:this|the) (?:\w+ ){0,2}?(?:is|are) (?:an? )?(?:very |really |nice |quite )?"
    r"(?:good|great|nice|excellent|elegant|clean|readable)\b",
)
"""Begins with praise."""

_ADVISE: Final = r"(?:i|we) (?:would )?(?:suggest|recommend|advise)"
ADVICE: Final = any_of(
    r"\W*(?:suggestion|nit|minor|style|nitpick|optional|tip)\s*[:,]",
    r"\W*(?:please |we should |you (?:may|might|could|should) (?:also )?(?:want to )?"
    r"|it (?:is|may be|might be) (?:recommended|advisable|best|better|worth|good practice) to )?"
    r"(?:consider (?!(?!\w+ing\b|whether\b|if\b|that\b)[^.:;,–—]{0,80}[:;,–—])"
    r"|(?:make|be) sure\b|ensure (?:that|the|all|it|this|your|you|proper|there)\b"
    r"|(?:re-?)?(?:verify|validate|confirm|double[- ]check|check) "
    r"(?:that|whether|if|the|all|this|it|your)\b)",
    rf"\W*{_ADVISE}\b",
    r"\W*it (?:would|might|may|could) be (?:better|good|nice|worth|helpful|useful|cleaner|wise"
    r"|beneficial|preferable)\b",
    r"\W*it is (?:recommended|advisable|better|best|good practice)\b",
    r"\W*you (?:may|might|could) want to\b",
    rf"\W*{_IT} (?:could|should|can|might) be (?:improved|simplified|refactored|more|renamed"
    r"|documented|cleaned|extracted|moved|shortened|optimi[sz]ed|better)\b",
)
"""Begins with advice and names no defect; "Consider an empty list: it fails" does."""

TASTE: Final = any_of(
    r"\b(?:missing|lacks?|has no|have no|needs?|add(?:ing)?|without|no|should have|is not) "
    r"(?:an? |the |any |proper |more |clear |better ){0,2}"
    r"(?:docstrings?|type (?:hints?|annotations?)|documentation|documented|(?:inline |code )?"
    r"comments?(?= (?:explain|describ|to |for|here|above|about)|\s*[.!]|$))\b",
    r"\b(?:docstrings?|type (?:hints?|annotations?)|comments?) (?:is|are) missing\b",
    r"\b(?:for|improves?|improving|reduces?|reducing|hurts?|affects?|harms?|better|more|poor) "
    r"(?:the |code |better |consistency and |clarity and |improved ){0,2}"
    r"(?:readability|readable|maintainability|maintainable)\b",
    r"\b(?:less|more|not very|not) "
    r"(?:readable|descriptive|pythonic|idiomatic|self-explanatory)\b",
    r"\b(?:variable|function|parameter|method|class|constant|argument)(?: \S{1,60})? names? "
    r"(?:\S{1,60} )?(?:is|are|could|should|does|do) (?:be |not |too |very |a bit |more )?"
    r"(?:descriptive|clear|unclear|confusing|misleading|generic|short|long|follow\w*|snake\w*"
    r"|camel\w*|vague|ambiguous|meaningful)",
    r"\b(?:violates?|does not follow|doesn[’']t follow|against|per) (?:the )?"
    r"(?:pep ?-?8|naming conventions?|style guide\w*|coding style|code style)\b",
    r"\bunused imports?\b|\bmagic (?:numbers?|strings?|constants?)\b",
    r"\b(?:line|function name|name) is (?:too|very) long\b|\btrailing whitespace is\b",
)
"""Is about style, names or documentation."""

TURN: Final = any_of(
    r"\b(?:but|however|yet|except|unless|until|though|although|whereas|while|otherwise|no longer"
    r"|still|instead|nevertheless|apart from|despite"
    r"|only (?:if|when|for|while|because|as long as|on|in|until|with|by))\b"
)
"""After it, something else holds than before."""

BOUNDED: Final = re.compile(
    r"\s*(?:\w+ ){0,2}?(?:if|when|whenever|as long as|for|on|in|with|at|under|by|before|after"
    r"|from|to|of|where)\b(?! (?:this|the) (?:code|change|diff|file|lines?|function)\b)"
)
"""What was said holds under a condition."""

NOT: Final = any_of(
    r"n[’']t\b",
    r"\b(?:not|never|no|nothing|none|nobody|fails?|raises?|crash\w*|loses?|lost|wrong\w*"
    r"|leaks?|skips?|twice|misses|drops?|breaks?)\b",
)
REASON: Final = re.compile(r"[^.;:\n]{0,40}?\b(?:because|since|as|given|due to|thanks to)\b")


def why(problem: str, scenario: str) -> str:
    """Why these words are no claim about code, "" if they may be one."""
    problem, scenario = _plain(problem[:READ]), _plain(scenario[:READ])
    if repeated(problem) or repeated(scenario):
        return "repeats an order that is no claim about code"
    if sum(map(str.isalpha, problem)) < LETTERS or NOTHING.fullmatch(problem):
        return "says nothing"
    if _refuted(problem) or _refuted(scenario):
        return "refutes itself"
    if scenario and NOTHING.fullmatch(scenario):
        return "names no situation in which it happens"
    praise = PRAISE.match(problem)
    if praise and not TURN.search(problem, praise.end()):
        return "is praise"
    if ADVICE.match(problem):
        return "is advice, and names no defect"
    if TASTE.search(problem):
        return "is about style or documentation"
    return ""


def _plain(words: str) -> str:
    """Without what a reader does not see, and compatible characters as one (UAX #15, NFKC)."""
    if words.isascii():
        return words.strip()
    return unicodedata.normalize("NFKC", re.sub(f"[{HIDDEN}]", "", words)).strip()


def _refuted(words: str) -> bool:
    """Whether it ends in saying that nothing is wrong."""
    for said in DENIED.finditer(words):
        after = words[said.end() :]
        if not (TURN.search(".".join(after.split(".", 2)[:2])) or _goes_on(after)):
            return True
    for said in FINE.finditer(words):
        after = words[said.end() :]
        if TURN.search(after):
            continue
        if REASON.match(after) or not (_goes_on(after) or NOT.search(after)):
            return True
    return False


def _goes_on(after: str) -> bool:
    """Whether another sentence follows something that holds under a condition."""
    if not BOUNDED.match(after):
        return False
    rest = re.split(r"[.;:!?\n]\s", after, maxsplit=1)
    return len(rest) > 1 and len(rest[1].split()) >= SENTENCE
