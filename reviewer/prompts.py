"""From a unit of review to the words that the model reads.

All that comes from the change is data between two fence lines that it cannot hold: what looks like
one in it is moved to the right. Secrets are taken out and hidden characters are marks before
anything is put into a prompt. What is the same for all questions comes first, so that an engine
reads it once.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from reviewer import globs, templates, text
from reviewer.context.units import Unit
from reviewer.engines.base import Memo, Message
from reviewer.errors import ConfigError
from reviewer.model import Finding, Line
from reviewer.modelling import Instruction, Reach

TASKS: Final = ("review", "verify", "rewrite")
PARTS: Final = "=== user ===\n"
"""The line of a template between what the system says and what the user says."""

LINE_CHARS: Final = 500
"""More of a line is not shown: no person reads it either."""

EVIDENCE: Final = 8
"""Findings of analyzers that are shown of one unit."""

EVIDENCE_CHARS: Final = 240
REASON_CHARS: Final = 400
DESCRIPTION_CHARS: Final = 2000

KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^\n]{0,20}\n"
    r"(?:[^\n:]{0,80}:[^\n]{0,80}\n){0,4}(?:[ \t]{0,80}\n)?"
    r"((?:[^\n]{0,40}?[A-Za-z0-9+/=]{32,}+[^\n]{0,20}(?:\n|\Z))+"
    r"(?:[^\n]{1,80}\n(?=[^\n]{0,40}-----END))?)"
)
"""A private key over several lines (RFC 7468): no single line of its body tells what it is."""

NAMED: Final = re.compile(
    r"(?P<name>(?:passw|pwd|secret|token|api[_-]?key|credential|private[_-]?key)[\w.-]{0,40}+"
    r"[\"']?\]?[ \t]{0,4}(?::=|=>|:|=)[ \t]{0,4})"
    r"(?P<quote>[\"'])(?P<value>[^\"'\s]{6,200})(?P=quote)",
    re.IGNORECASE,
)
"""Text in quotes that goes by a name of secrets. Analyzers look for these on added lines; a prompt
shows others as well."""

FENCE: Final = re.compile(r"^(?=-{3,} ?[0-9a-f]{8,} ?-{3,}\s*$)", re.MULTILINE)
"""Before a line that looks like a fence and is none."""

PLACED: Final = re.compile(r"[\d\s]+")
"""What changes in a prompt when the code that it is about moves."""

SHARED: Final = (
    "path", "title", "change", "around", "imports", "callees", "callers", "evidence", "uncovered",
    "fence",
)  # fmt: skip
NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "review": (*SHARED, "most", "suggestions", "instructions", "description"),
        "verify": (*SHARED, "line", "end_line", "claim"),
        "rewrite": (*SHARED, "line", "end_line", "claim", "replacement", "reason"),
    }
)
"""What each template may show."""


@dataclass(frozen=True, slots=True)
class Template:
    """The words of one task; `digest` is their SHA-256, 64 hexadecimal digits."""

    name: str
    source: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def parts(self) -> tuple[str, str]:
        """What becomes of the system's message, and of the user's. Raises ConfigError."""
        system, found, user = self.source.partition(PARTS)
        if not found:
            raise ConfigError(
                f"the prompt {self.name} has no line {PARTS.strip()!r}",
                "put it between what holds for all questions and the question itself",
            )
        return system, user

    def messages(self, values: Mapping[str, Any]) -> tuple[Message, Message]:
        """What the system says, and what the user says. Raises ConfigError."""
        told = [templates.render_text(self.name, part, values).strip() for part in self.parts]
        return Message("system", told[0]), Message("user", told[1])


@dataclass(frozen=True)
class Prompts:
    """The templates in force, and what goes into each prompt whatever it is about.

    `masks` are secrets that analyzers met in the change.
    """

    templates: Mapping[str, Template]
    instructions: tuple[Instruction, ...] = ()
    description: str = ""
    reach: Reach = Reach.CALLEES
    masks: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, str], **more: Any) -> "Prompts":
        """Ours, but for the tasks whose template is `given`."""
        chosen = {
            task: Template(task, given.get(task) or templates.source(f"prompts/{task}.txt.j2"))
            for task in TASKS
        }
        return cls(MappingProxyType(chosen), **more)

    @cached_property
    def digests(self) -> tuple[tuple[str, str], ...]:
        """The SHA-256 of each template by its name."""
        return tuple((task, self.templates[task].digest) for task in TASKS)

    def review(self, unit: Unit, most: int, *, suggestions: bool) -> tuple[Message, ...]:
        """Whether the change has defects. Raises ConfigError."""
        more = {
            "most": most,
            "suggestions": suggestions,
            "instructions": [
                each.text for each in self.instructions if globs.first(each.paths, unit.path)
            ],
            "description": text.clip(self._shown(self.description), DESCRIPTION_CHARS),
        }
        return self._messages("review", unit, more)

    def verify(self, unit: Unit, finding: Finding) -> tuple[Message, ...]:
        """Whether one claim holds. Raises ConfigError."""
        return self._messages("verify", unit, self._claim(finding))

    def rewrite(
        self, unit: Unit, finding: Finding, replacement: str, reason: str
    ) -> tuple[Message, ...]:
        """A better edit than one that was refused. Raises ConfigError."""
        more = {
            "replacement": self._shown(replacement),
            "reason": text.clip(self._shown(reason), REASON_CHARS),
        }
        return self._messages("rewrite", unit, self._claim(finding) | more)

    def memo(self, unit: Unit, settings: Collection[str], most: int, *, suggestions: bool) -> Memo:
        """Under what the answer about `unit` is remembered, wherever in its file it stands."""
        moved = replace(unit, **_moved(unit, unit.start - 1))
        words = (each.content for each in self.review(moved, most, suggestions=suggestions))
        made = hashlib.sha256()
        for part in (*words, *settings, self.templates["review"].digest):
            data = part.encode("utf-8", "surrogatepass")
            made.update(len(data).to_bytes(8, "big") + data)
        return Memo(made.hexdigest(), unit.start)

    def line(self, line: str) -> str:
        """A line of code as the model sees it."""
        return text.clip(self._shown(line.rstrip("\r")), LINE_CHARS)

    def _shown(self, words: str) -> str:
        if not words:
            return ""
        return text.visible(NAMED.sub(_unnamed, text.redact(words, self.masks)))

    def _claim(self, finding: Finding) -> dict[str, Any]:
        return {
            "line": finding.span.start,
            "end_line": finding.span.end,
            "claim": self._shown(finding.message),
        }

    def _messages(self, task: str, unit: Unit, more: Mapping[str, Any]) -> tuple[Message, ...]:
        hidden = replace(self, masks=(*self.masks, *_keys(unit)))
        values = {
            name: FENCE.sub(" ", value) if isinstance(value, str) else value
            for name, value in (*hidden.code(unit).items(), *more.items())
        }
        # Without numbers: code that moves keeps its fence, so that its answer is found again.
        texts = PLACED.sub(" ", "\0".join(map(str, values.values())))
        digest = hashlib.sha256(texts.encode("utf-8", "surrogatepass")).hexdigest()
        values["fence"] = f"----- {digest[:16]} -----"
        return self.templates[task].messages(values)

    def code(self, unit: Unit) -> dict[str, Any]:
        """What every template may show of a unit."""
        near = self.reach is not Reach.DIFF
        far = self.reach is Reach.CALLEES
        return {
            "path": text.path(unit.path),
            "title": self.line(unit.title).strip().replace("`", "'") if near else "",
            "change": "\n".join(map(self._numbered, unit.lines)),
            "around": self._around(unit.around) if near else "",
            "imports": self._shown("\n".join(unit.imports)) if near else "",
            "callees": self._shown("\n".join(map(_unplaced, unit.callees))) if far else "",
            "callers": self._shown("\n".join(map(_unplaced, unit.callers))) if far else "",
            "evidence": "\n".join(map(self._remark, unit.evidence[:EVIDENCE])),
            "uncovered": ", ".join(map(str, unit.uncovered)),
        }

    def _numbered(self, line: Line) -> str:
        number = f"{line.new:>6}" if line.new else " " * 6
        return f"{number} {line.origin} {self.line(line.text)}"

    def _around(self, lines: Sequence[tuple[int, str]]) -> str:
        """Numbered lines, with a mark where some are left out."""
        told: list[str] = []
        before = lines[0][0] - 1 if lines else 0
        for number, words in lines:
            if number != before + 1:
                told.append("       ...")
            told.append(f"{number:>6}   {self.line(words)}")
            before = number
        return "\n".join(told)

    def _remark(self, finding: Finding) -> str:
        said = self._shown(text.one_line(f"{finding.rule_id}: {finding.message}"))
        return f"{finding.span.start}: {text.clip(said, EVIDENCE_CHARS)}"


def _keys(unit: Unit) -> list[str]:
    """The bodies of private keys that a unit shows."""
    sides = (
        (line.text for line in unit.lines if line.new),
        (line.text for line in unit.lines if line.old),
        (words for _, words in unit.around),
    )
    return [found for side in sides for found in KEY.findall("\n".join(side) + "\n")]


def _unnamed(found: re.Match[str]) -> str:
    """The same without the value, marked as `text.redact` marks what it takes out."""
    size = len(found["value"])
    return f"{found['name']}{found['quote']}…({size} characters){found['quote']}"


def _unplaced(signature: str) -> str:
    """`path:12 def f()` without the number: it changes when something else does."""
    return re.sub(r"^([^\n]{0,400}?):\d+ ", r"\1: ", signature)


def _moved(unit: Unit, by: int) -> dict[str, Any]:
    """The parts of a unit that have line numbers, as if it stood `by` lines further up."""
    return {
        "lines": tuple(line._replace(new=line.new - by if line.new else 0) for line in unit.lines),
        "around": tuple((number - by, words) for number, words in unit.around),
        "evidence": tuple(
            replace(each, span=replace(each.span, start=each.span.start - by))
            for each in unit.evidence
        ),
        "uncovered": tuple(number - by for number in unit.uncovered),
    }


Reader = Callable[[str], str | None]
"""Reads a file of the branch that the change is to go into, None where there is none."""


def given(folder: str, read: Reader) -> dict[str, str]:
    """The templates in a folder of that branch. Raises ConfigError when there is none."""
    names = {task: f"{folder.strip('/')}/{task}.txt.j2" for task in TASKS}
    found = {task: words for task, name in names.items() if (words := read(name)) is not None}
    if not found:
        raise ConfigError(
            f"model.prompts: there is no template in {folder}",
            f"put one of {', '.join(f'{task}.txt.j2' for task in TASKS)} there, and merge it",
        )
    for task, words in found.items():
        for part in Template(task, words).parts:
            templates.check_text(task, part, NAMES[task])
    return found
