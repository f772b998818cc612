"""Do two texts speak of the same problem? Two judges with one answer: a number from 0 to 1.

The proxy is the cosine of TF-IDF vectors over a frozen corpus: fast, the same every time, and good
enough to see one reviewer get better or worse. Numbers that compare different reviewers are made by
a model that is asked three times.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Annotated, Final, Protocol

import msgspec
from msgspec import Meta

from reviewer import templates
from reviewer.bench.words import words
from reviewer.engines.base import Engine, Message, Prompt, answered
from reviewer.errors import EngineError
from reviewer.text import clip

TAU: Final = 0.30
"""Likeness from which on the proxy takes two texts for the same problem."""

MAJORITY: Final = 0.5
"""The same for the share of a model's votes."""

CORPUS: Final = Path(__file__).with_name("corpus.json")

Pair = tuple[str, str]
"""What a reviewer said, and what a golden says."""


class Judge(Protocol):
    """Compares remarks with goldens. `name` and `tau`, its threshold, are printed with scores."""

    @property
    def name(self) -> str: ...

    @property
    def tau(self) -> float: ...

    def likeness(self, pairs: Sequence[Pair]) -> list[float]:
        """How alike the texts of each pair are, 0 to 1; from `tau` on they are the same."""
        ...


class Corpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many of `documents` texts hold each word. `source` says what texts they were."""

    source: str
    documents: Annotated[int, Meta(ge=1)]
    words: dict[str, Annotated[int, Meta(ge=1)]]


def freeze(texts: Iterable[str], source: str) -> Corpus:
    """The words of these texts, to be kept in a file: scores change when it does."""
    held = [set(words(text)) for text in texts]
    counts = Counter(word for each in held for word in each)
    return Corpus(source, len(held), dict(sorted(counts.items())))


@dataclass(frozen=True)
class Proxy:
    """TF-IDF with logarithmic counts (Salton and Buckley, 1988); unknown words weigh the most."""

    corpus: Corpus = field(repr=False)
    tau: float = TAU

    @classmethod
    def shipped(cls, tau: float = TAU) -> "Proxy":
        """The proxy with the corpus of this package."""
        return cls(msgspec.json.decode(CORPUS.read_bytes(), type=Corpus), tau)

    @property
    def name(self) -> str:
        """Kind of judge, and the digest of what it knows."""
        known = hashlib.sha256(msgspec.json.encode(self.corpus)).hexdigest()[:8]
        return f"proxy {known}"

    def likeness(self, pairs: Sequence[Pair]) -> list[float]:
        vectors = {text: self.vector(text) for pair in pairs for text in pair}
        return [cosine(vectors[one], vectors[other]) for one, other in pairs]

    def vector(self, text: str) -> Mapping[str, float]:
        """Weights of its words, of length 1 in all; nothing for a text without words."""
        total, known = self.corpus.documents, self.corpus.words
        raw = {
            word: (1 + math.log(times)) * (1 + math.log((1 + total) / (1 + known.get(word, 0))))
            for word, times in Counter(words(text)).items()
        }
        length = math.sqrt(sum(weight * weight for weight in raw.values()))
        return {word: weight / length for word, weight in raw.items()}


def cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The cosine of two vectors of length 1, 0 where one has no words."""
    return min(1.0, sum(weight * other[word] for word, weight in one.items() if word in other))


class Opinion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model says about a pair: first why, so that it thinks before it decides."""

    why: Annotated[str, Meta(max_length=400)]
    same: bool


TEMPLATE: Final = "bench/judge.txt.j2"
VOTES: Final = 3
ANSWER_TOKENS: Final = 200
TEXT_CHARS: Final = 4000


@dataclass(frozen=True)
class ModelJudge:
    """Asks an engine at temperature 0, `votes` times with changing order and seed.

    `model` names it in tables, `seconds` bound each answer. A pair is not asked about again once
    the majority is certain.
    """

    engine: Engine
    model: str
    seconds: float = 60.0
    votes: int = VOTES
    seed: int = 0
    tau: float = MAJORITY

    @property
    def name(self) -> str:
        """Kind of judge, model, votes, and the digest of the question."""
        return f"model {self.model}, {self.votes} votes, question {_digest()[:8]}"

    def likeness(self, pairs: Sequence[Pair]) -> list[float]:
        """Raises EngineError when so many votes failed that no majority can be certain."""
        known: dict[Pair, float] = {}
        for pair in pairs:
            if pair not in known:
                known[pair] = self._share(pair)
        return [known[pair] for pair in pairs]

    def _share(self, pair: Pair) -> float:
        """The share of the votes that say it is the same."""
        needed = self.votes // 2 + 1
        counts = {True: 0, False: 0}
        failure: EngineError | None = None
        for number in range(self.votes):
            try:
                counts[self._vote(pair, number)] += 1
            except EngineError as error:
                failure = error
            if needed in counts.values():
                return counts[True] / sum(counts.values())
        raise failure or EngineError("the judge cannot decide: it needs an odd number of votes")

    def _vote(self, pair: Pair, number: int) -> bool:
        one, other = (clip(text, TEXT_CHARS) for text in (pair if number % 2 == 0 else pair[::-1]))
        told = templates.render(
            TEMPLATE,
            one=msgspec.json.encode(one).decode(),
            other=msgspec.json.encode(other).decode(),
        )
        prompt = Prompt(
            (Message("user", told),), ANSWER_TOKENS, monotonic() + self.seconds,
            seed=self.seed + number, task="judge", template=_digest(),
        )  # fmt: skip
        value = answered(self.engine.complete, prompt, Opinion).value
        return isinstance(value, Opinion) and value.same


def _digest() -> str:
    return hashlib.sha256((templates.folder() / TEMPLATE).read_bytes()).hexdigest()
