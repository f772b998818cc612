"""The shapes of the model's answers.

Each question has a schema of its own, in which paths and lines are enumerations of what it shows,
so that an engine that is held to it can name nothing else. What comes back is decoded by the wider
shapes here: an engine that is held to nothing may name a line that is not there, and that costs the
finding its standing, not the whole answer.
"""

from collections.abc import Collection
from typing import Annotated, Any, Final, Literal

import msgspec

from reviewer.engines.base import Schema
from reviewer.model import Category

THOUGHT_CHARS: Final = 1200
QUOTE_CHARS: Final = 400
SENTENCES: Final = 600
"""Characters of what is wrong, and of when: a comment of a hundred words."""

REPLACEMENT_CHARS: Final = 4000

MOST: Final = 50
"""Findings in one answer that are read at all; a longer list is no answer."""

CATEGORIES: Final = {
    "bug": Category.CORRECTNESS,
    "security": Category.SECURITY,
    "resource": Category.CORRECTNESS,
    "contract": Category.CORRECTNESS,
    "test-gap": Category.TESTS,
}
"""What a finding can be about, and the heuristic that it belongs to."""

SEVERITIES: Final = ("error", "warning", "note")

Long = Annotated[str, msgspec.Meta(max_length=4 * REPLACEMENT_CHARS)]
Number = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]


class Remark(msgspec.Struct, forbid_unknown_fields=True):
    """One finding as the model tells it: nothing of it is believed yet."""

    path: Long
    line: Number
    end_line: Number
    quote: Long
    category: Long
    severity: Long
    problem: Long
    scenario: Long = ""
    replacement: Long | None = None


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    """The answer to a review."""

    findings: Annotated[list[Remark], msgspec.Meta(max_length=MOST)]
    thought: Long = ""


class Verdict(msgspec.Struct, forbid_unknown_fields=True):
    """What comes of looking at one claim again."""

    thought: Annotated[str, msgspec.Meta(max_length=THOUGHT_CHARS)]
    input: Annotated[str, msgspec.Meta(max_length=SENTENCES)]
    verdict: Literal["holds", "fails", "unclear"]


class Rewrite(msgspec.Struct, forbid_unknown_fields=True):
    """Another edit, or none."""

    thought: Annotated[str, msgspec.Meta(max_length=THOUGHT_CHARS)]
    replacement: Annotated[str, msgspec.Meta(max_length=REPLACEMENT_CHARS)] | None


def review(path: str, lines: Collection[int], most: int, *, suggestions: bool) -> Schema:
    """The JSON Schema of an answer of at most `most` findings on these `lines` of `path`.

    Without a line there is nothing to find: an enumeration of nothing is no schema (JSON Schema
    2020-12, Validation, section 6.1.2).
    """
    if not lines:
        findings = {"type": "array", "items": {"type": "null"}, "maxItems": 0}
        return _object(thought=_text(THOUGHT_CHARS), findings=findings)
    numbers = {"enum": sorted(lines)}
    remark = _object(
        path={"enum": [path]},
        quote=_text(QUOTE_CHARS, 1),
        line=numbers,
        end_line=numbers,
        category={"enum": list(CATEGORIES)},
        problem=_text(SENTENCES, 1),
        scenario=_text(SENTENCES, 1),
        severity={"enum": list(SEVERITIES)},
        replacement={"anyOf": [_text(REPLACEMENT_CHARS), {"type": "null"}]}
        if suggestions
        else {"type": "null"},
    )
    findings = {"type": "array", "items": remark, "maxItems": most}
    return _object(thought=_text(THOUGHT_CHARS), findings=findings)


def _text(most: int, least: int = 0) -> dict[str, Any]:
    bounds = {"minLength": least} if least else {}
    return {"type": "string", **bounds, "maxLength": most}


def _object(**properties: Any) -> dict[str, Any]:
    """All properties are required, and in this order: engines write them so."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
