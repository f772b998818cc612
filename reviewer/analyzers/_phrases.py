"""Phrases by which a change tries to talk to the model that reviews it.

Matched in lower case, without hidden characters, in compatibility form (NFKC), and across the
lines of a comment. Every pattern is bounded and is tried only where its literal stands, so that the
time is linear in the text.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from reviewer.text import HIDDEN

UNSEEN: Final = re.compile(f"[{HIDDEN}]")
LEAD: Final = re.compile(r"^[\s#/*;%<!>|\"'`+-]+")
"""Comment signs before the words of a line."""

PHRASES: Final = tuple(
    (needle, re.compile(pattern))
    for needle, pattern in (
        *(
            (
                verb,
                (
                    rf"\b{verb}\s{{1,4}}"
                    r"(?:(?:all|any|every|the|your|these|those|of|my|both)\s{1,4}){0,4}"
                    r"(?:previous|prior|above|preceding|earlier|existing|former|system|other)\s{1,4}"
                    r"(?:[a-z]{1,20}\s{1,4}){0,2}"
                    r"(?:instruction|prompt|rule|guideline|direction|command|order)s?\b"
                ),
            )
            for verb in ("ignore", "disregard", "forget", "override", "bypass")
        ),
        (
            "you are",
            r"\byou are (?:now )?(?:an?|the) (?:[a-z]{1,20}[ -]){0,3}(?:code[- ])?reviewer\b",
        ),
        (
            "as a",
            (
                r"\bas an? (?:ai|llm|large language model)(?:,| assistant| language model| model"
                r"| reviewer| code reviewer)"
            ),
        ),
        (
            "this",
            (
                r"\b(?:do not|don'?t|never|must not|should not|skip|avoid) "
                r"(?:report|flag|mention|review|analy[sz]e|comment on|look at)(?:ing)? "
                r"(?:any(?:thing)? (?:in|about|on|of) )?this "
                r"(?:file|code|line|change|diff|function|pull request|merge request|pr|patch)\b"
            ),
        ),
        (
            "any",
            (
                r"\b(?:do not|don'?t|never|must not|should not) (?:report|flag|mention|raise) "
                r"(?:any|a single) (?:security |potential |of the )?"
                r"(?:issue|bug|finding|vulnerabilit|problem|concern)"
            ),
        ),
        (
            "this",
            (
                r"\b(?:approve|accept|merge|lgtm) this "
                r"(?:pull request|merge request|pr|mr|change|diff|patch|commit)\b"
                r"(?! (?:if|when|after|once|until|unless))"
            ),
        ),
        (
            "review",
            (
                r"\b(?:note|message|instruction|attention|order|hint)s? (?:to|for) "
                r"(?:the |all |any |our )?(?:ai|llm|language model|automated|automatic|bot)[- ]"
                r"(?:code[- ])?review"
            ),
        ),
        (
            "review",
            (
                r"\b(?:already|previously) (?:been )?(?:reviewed|audited|approved)\b[^.]{0,60}"
                r"\b(?:skip|no (?:need|further|issues)|do not|don't|nothing to)\b[^.]{0,20}"
                r"\b(?:review|report|flag|check|analy[sz]e)"
            ),
        ),
        (
            " prompt",
            (
                r"\b(?:reveal|print|repeat|output|show|leak) (?:me )?(?:your|the) "
                r"(?:system|initial|hidden|original) prompt"
            ),
        ),
        (
            "an",
            (
                r"\b(?:ignorier|missacht|vergiss|vergesse)\w{0,4} (?:\w{1,12} ){0,3}"
                r"(?:vorherigen|bisherigen|obigen|früheren|vorigen) (?:\w{1,12} )?"
                r"(?:anweisungen|instruktionen|befehle|regeln|vorgaben)"
            ),
        ),
        (
            "ignor",
            (
                r"\b(?:ignor[a-zé]{1,4}|oublie[zr]?) (?:\w{1,12} ){0,4}"
                r"(?:instructions|consignes|instrucciones|órdenes|instruções|istruzioni) "
                r"(?:précédentes|antérieures|anteriores|previas|prévias|precedenti|ci-dessus)"
            ),
        ),
        (
            "игнор",
            (
                r"игнорируй(?:те)? (?:все )?(?:предыдущие|прошлые|прежние|вышеуказанные) "
                r"(?:инструкции|указания|команды|правила)"
            ),
        ),
        (
            "忽略",
            r"忽略\w{0,6}(?:之前|先前|以上|上述|前面|此前)\w{0,4}(?:指令|指示|提示|说明|命令|规则)",
        ),
        ("تجاهل", r"تجاهل (?:جميع |كل )?(?:التعليمات|الأوامر|القواعد|الإرشادات) (?:السابقة|أعلاه)"),
        ("無視", r"(?:以前|これまで|上記|前)の\w{0,6}(?:指示|命令|ルール)を?\w{0,6}無視"),
        ("무시", r"(?:이전|앞선|위)의? ?(?:모든 )?(?:지시|명령|지침)\w{0,3} ?무시"),
    )
)
"""Literal that each match holds, and the pattern."""

TURNS: Final = re.compile(
    r"<\|(?:im_start|im_end|system|user|assistant|end_of_turn|start_of_turn|eot_id|begin_of_text"
    r"|start_header_id|end_header_id)\|>|(?<!\w)\[/?(?:INST|TOOL_CALLS|SYSTEM_PROMPT)\]|<</?SYS>>"
    r"|<(?:start|end)_of_turn>"
    r"|^[\s#/*;\"'<!-]{0,12}#{2,3} ?(?:System|SYSTEM|Instruction|INSTRUCTION)s? ?:"
)
"""Marks of a turn in the chat formats of ChatML, Llama, Mistral, Gemma and Alpaca."""


def turns(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines that open or close a turn of a chat: index and the mark."""
    for index, line in enumerate(lines):
        found = TURNS.search(line) if "<" in line or "[" in line or "##" in line else None
        if found:
            yield index, found[0].strip()


def addresses(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines in which a phrase begins: index and the phrase."""
    plain = [folded(line) for line in lines]
    starts = list(accumulate((len(line) + 1 for line in plain[:-1]), initial=0))
    text = " ".join(plain)
    for needle, pattern in PHRASES:
        if needle in text:
            for match in pattern.finditer(text):
                yield bisect_right(starts, match.start()) - 1, match[0]


def folded(line: str) -> str:
    """The words of a line: no comment signs, no hidden characters, compatibility form."""
    if not line.isascii():
        line = unicodedata.normalize("NFKC", UNSEEN.sub("", line))
    return LEAD.sub("", line.rstrip()).lower()
