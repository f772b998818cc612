"""One question to the model and what is made of its answer."""

import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any, Final

import msgspec

from reviewer import shapes, text, votes
from reviewer.claims import judge as claims
from reviewer.claims.judge import Text
from reviewer.context.units import Unit
from reviewer.effort import Budget
from reviewer.engines.base import (
    Ask,
    Completion,
    Engine,
    Memo,
    Message,
    Prompt,
    Schema,
    Shape,
    answered,
)
from reviewer.errors import ContextTooLong
from reviewer.model import ChangeSet, Confidence, Finding
from reviewer.modelling import ModelSettings
from reviewer.prompts import Prompts
from reviewer.tree import Tree

MARGIN: Final = 128
"""Tokens for what a chat template adds to the messages."""

CALL: Final = 60.0
"""Seconds that a request may take at least, and half of all time at most: a server that hangs must
not cost the whole review."""

TOO_LONG: Final = "does not fit into the model's context"

NO_PART: Final = ("instructions", "prompts", "workers", "cache", "audit", "seconds", "requests",
                  "tokens", "inline", "inline_from", "gate", "verify", "votes")  # fmt: skip
"""Settings that an answer does not depend on, or that are in the prompt."""

SMALLER: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"callers": (), "callees": ()},
    {"callers": (), "callees": (), "imports": (), "around": (), "evidence": ()},
)
"""What is left away, step by step, of a unit that is too long."""

FILES: Final = 16
"""Files whose shown lines are kept: as many as are asked about at a time."""

CHANCE: Final = 0.6
"""The temperature of several answers where none is set: at 0 they would all be the same."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, as the engine takes it. `about` is what the answer depends on beside the unit
    and the settings.
    """

    task: str
    unit: Unit
    messages: tuple[Message, ...]
    shape: Shape
    schema: Schema | None = None
    sample: int = 0
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class Questions:
    """Asks `engine` about units of `changes`; `context` is its own, in tokens, 0 if unknown.

    All methods raise EngineError and ConfigError; the first three may be called by many threads.
    """

    engine: Engine
    prompts: Prompts
    settings: ModelSettings
    budget: Budget
    changes: ChangeSet
    tree: Tree
    context: int = 0

    def review(self, unit: Unit) -> tuple[Finding, ...]:
        """What the model finds in a unit, each with its doubt."""
        unit, messages = self._fitting(unit, self._review)
        answers = [self._answer(unit, messages, n) for n in range(self.settings.samples)]
        found = [tuple(self._finding(unit, each) for each in answer) for answer in answers]
        return found[0] if len(found) == 1 else votes.count(found, self.settings.votes)

    def verify(self, unit: Unit, finding: Finding) -> Finding:
        """The finding, surer or with a doubt, after a second look at it alone."""
        unit, messages = self._fitting(unit, lambda less: self.prompts.verify(less, finding))
        about = _about(unit, finding)
        question = _Question("verify", unit, messages, shapes.Verdict, about=about)
        told = self._asked(question).value
        if not isinstance(told, shapes.Verdict) or told.verdict == "unclear":
            return replace(finding, doubt="verify: a second look could not tell", suggestion=None)
        if told.verdict == "fails":
            return replace(finding, doubt="verify: a second look says no", suggestion=None)
        return replace(finding, confidence=Confidence.HIGH)

    def rewrite(self, unit: Unit, finding: Finding, reason: str) -> str | None:
        """Another text for the suggestion of a finding, None if the model has none."""
        before = "" if finding.suggestion is None else finding.suggestion.text
        unit, messages = self._fitting(
            unit, lambda less: self.prompts.rewrite(less, finding, before, reason)
        )
        about = (*_about(unit, finding), before, reason)
        question = _Question("rewrite", unit, messages, shapes.Rewrite, about=about)
        told = self._asked(question).value
        return told.replacement if isinstance(told, shapes.Rewrite) else None

    @cached_property
    def wanted(self) -> tuple[tuple[str, str], ...]:
        """The settings that an answer depends on."""
        names = (each.name for each in fields(self.settings) if each.name not in NO_PART)
        return tuple((name, _plain(getattr(self.settings, name))) for name in names)

    @cached_property
    def shape(self) -> str:
        """The SHA-256 of the schema of an answer, but for the paths and lines of each unit."""
        schema = self._schema("", ())
        return hashlib.sha256(msgspec.json.encode(schema, order="sorted")).hexdigest()

    def _schema(self, path: str, lines: Collection[int]) -> Schema:
        wanted = self.settings
        return shapes.review(path, lines, wanted.findings, suggestions=wanted.suggestions)

    def _review(self, unit: Unit) -> tuple[Message, ...]:
        wanted = self.settings
        return self.prompts.review(unit, wanted.findings, suggestions=wanted.suggestions)

    def _fitting(
        self, unit: Unit, told: Callable[[Unit], tuple[Message, ...]]
    ) -> tuple[Unit, tuple[Message, ...]]:
        """The messages about as much of a unit as fits. Raises ContextTooLong."""
        limit = self.settings.prompt_tokens
        if self.context:
            limit = max(0, min(limit, self.context - self.settings.answer_tokens - MARGIN))
        for less in SMALLER:
            smaller = replace(unit, **less)
            messages = told(smaller)
            if self._tokens("\n".join(each.content for each in messages), limit) <= limit:
                return smaller, messages
        raise ContextTooLong(f"{TOO_LONG}: {limit:,} tokens are allowed for a question", limit)

    def _tokens(self, words: str, limit: int) -> int:
        """Tokens of a text, exactly where that matters and the engine tells."""
        size = len(words.encode("utf-8", "surrogatepass"))
        if size <= limit:
            return size  # no token has less than a byte
        told = self.engine.count(words, self._deadline())
        return size // 3 if told is None else told

    def _deadline(self) -> float:
        now = time.monotonic()
        return min(self.budget.end, now + max(CALL, self.settings.seconds / 2))

    def _answer(
        self, unit: Unit, messages: tuple[Message, ...], sample: int
    ) -> list[shapes.Remark]:
        """One answer's remarks."""
        shown = text.path(unit.path)
        schema = self._schema(shown, unit.anchors)
        question = _Question("review", unit, messages, shapes.Answer, schema, sample)
        told = self._asked(question).value
        return told.findings if isinstance(told, shapes.Answer) else []

    def _asked(self, asked: _Question) -> Completion:
        """Ask, count what it took, and have a wrong answer mended once."""
        wanted = self.settings
        chance = CHANCE if wanted.samples > 1 and not wanted.temperature else wanted.temperature
        prompt = Prompt(
            messages=asked.messages,
            max_tokens=wanted.answer_tokens,
            deadline=self._deadline(),
            temperature=chance if asked.task == "review" else 0.0,
            top_p=wanted.top_p,
            top_k=wanted.top_k,
            seed=(wanted.seed + asked.sample) % 2**31,
            task=asked.task,
            template=dict(self.prompts.digests)[asked.task],
            memo=self._memo(asked) if wanted.cache else None,
        )
        done = answered(self._counted, prompt, asked.shape, asked.schema)
        known = done.cached and asked.task == "review" and not asked.sample
        self.budget.add(repaired=int(done.repaired), cached=int(known))
        return done

    def _memo(self, asked: _Question) -> Memo:
        wanted = self.settings
        settings = [self.shape, *(f"{name}={value}" for name, value in self.wanted)]
        return self.prompts.memo(
            asked.unit, [*settings, asked.task, str(asked.sample), *asked.about],
            wanted.findings, suggestions=wanted.suggestions,
        )  # fmt: skip

    @property
    def _counted(self) -> Ask:
        """The engine's `complete`, counted, its remembered answers moved to where the code is."""

        def ask(prompt: Prompt, schema: Schema | None) -> Completion:
            with self.budget.request() as answer:
                done = self.engine.complete(prompt, schema)
                answer(done)
            if done.cached and prompt.memo is not None and done.origin != prompt.memo.origin:
                return replace(done, text=moved(done.text, prompt.memo.origin - done.origin))
            return done

        return ask

    def _finding(self, unit: Unit, remark: shapes.Remark) -> Finding:
        """A remark at its place, with its doubt if there is one."""
        near = tuple(
            Text(line.new, self.prompts.line(line.text)) for line in unit.lines if line.new
        )
        around = tuple(Text(number, self.prompts.line(line)) for number, line in unit.around)
        place = claims.located(remark, near, lambda: self._shown(unit.path), around)
        found = claims.finding(remark, unit, place)
        shown = text.path(unit.path)
        doubt = claims.doubt(remark, unit, shown, self._source, place) or place.doubt
        return replace(found, doubt=doubt, suggestion=None) if doubt else found

    @cached_property
    def _shown(self) -> Callable[[str], tuple[Text, ...]]:
        """All new-side lines of a file that the change shows; those of some files are kept."""

        @lru_cache(FILES)
        def shown(path: str) -> tuple[Text, ...]:
            change = self.changes.by_path.get(path)
            lines = () if change is None else change.lines()
            return tuple(Text(line.new, self.prompts.line(line.text)) for line in lines if line.new)

        return shown

    def _source(self, path: str) -> str:
        if path not in self.tree.files and path not in self.tree.asides:
            return ""
        return self.tree.read(path).decode("utf-8", "replace")


def _about(unit: Unit, finding: Finding) -> tuple[str, ...]:
    """A claim, wherever its unit stands."""
    lines = (finding.span.start - unit.start, finding.span.end - unit.start)
    return finding.message, *map(str, lines)


def moved(answer: str, by: int) -> str:
    """A remembered answer about code that now stands `by` lines further down."""
    try:
        told = msgspec.json.decode(answer, type=shapes.Answer)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return answer
    for remark in islice(told.findings, shapes.MOST):
        remark.line += by
        remark.end_line += by
    return msgspec.json.encode(told).decode()


def _plain(value: Any) -> str:
    return str(getattr(value, "value", value))
