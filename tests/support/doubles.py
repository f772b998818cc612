"""Scripts for the fake engine: models that know the truth, and what they make of it.

Each answers from the body of the request alone, as a server has to: what it is asked stands in the
messages. The same request gets the same answer, whatever came before.
"""

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reviewer.bench.cases import Golden

NUMBERED = re.compile(r" {0,5}(\d+) ([+ ]) (.*)")
FENCED = re.compile(r"^(----- \w+ -----)\n(.*?)\n\1$", re.MULTILINE | re.DOTALL)
TASKS = {"findings": "review", "verdict": "verify", "replacement": "rewrite"}
SEVERITIES = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}

Remark = dict[str, Any]
Script = Callable[[dict[str, Any]], str]


@dataclass(frozen=True)
class Question:
    """What a request asks."""

    body: Mapping[str, Any]

    @cached_property
    def parts(self) -> Mapping[str, Any]:
        """The parts of the answer that is wanted, by their names."""
        schema = self.body["response_format"]["json_schema"]["schema"]
        named = schema.get("$ref", "").rpartition("/")[2]
        return dict((schema["$defs"][named] if named else schema)["properties"])

    @property
    def task(self) -> str:
        return next(task for name, task in TASKS.items() if name in self.parts)

    @cached_property
    def remark(self) -> Mapping[str, Any]:
        """The parts of a finding."""
        return dict(self.parts["findings"]["items"]["properties"])

    @property
    def path(self) -> str:
        return str(self.remark["path"]["enum"][0])

    @cached_property
    def user(self) -> str:
        return str(self.body["messages"][1]["content"])

    @cached_property
    def lines(self) -> dict[int, str]:
        """The lines that a finding may name, by their numbers."""
        found = (each for line in self.user.split("\n") if (each := NUMBERED.fullmatch(line)))
        texts = {int(each[1]): each[3] for each in found}
        return {number: texts[number] for number in self.remark["line"]["enum"]}

    @property
    def blocks(self) -> list[str]:
        """What stands between fences."""
        return [each[2] for each in FENCED.finditer(self.user)]

    @property
    def seed(self) -> int:
        return int(self.body.get("seed", 0))

    def chance(self, *more: object) -> random.Random:
        """Chance that is the same for the same place, whatever the sample."""
        return random.Random(f"{self.path} {self.lines} {more}")


def remark(golden: Golden) -> Remark:
    """A golden as a model would tell it that is right in everything."""
    return {
        "path": golden.path,
        "quote": golden.quote,
        "line": golden.start,
        "end_line": golden.end,
        "category": golden.category,
        "problem": golden.text,
        "scenario": "",
        "severity": SEVERITIES[golden.severity],
        "replacement": golden.suggestion,
    }


def answer(remarks: Sequence[Remark]) -> str:
    return json.dumps({"thought": "", "findings": list(remarks)})


@dataclass(frozen=True)
class Truth:
    """All goldens there are, and those that a question shows."""

    goldens: Sequence[Golden]

    def of(self, question: Question) -> list[Golden]:
        return [each for each in self.goldens if self._shown(each, question)]

    def _shown(self, golden: Golden, question: Question) -> bool:
        first, last = golden.start or 0, golden.end or 0
        there = [question.lines.get(number) for number in range(first, last + 1)]
        quote = [line.rstrip() for line in golden.quote.split("\n")]
        return golden.path == question.path and [line and line.rstrip() for line in there] == quote

    def perfect(self, body: dict[str, Any]) -> str:
        """Finds all there is and nothing else; holds what is true, and has no other edit."""
        return self.telling(lambda question: [remark(each) for each in self.of(question)])(body)

    def telling(self, tell: Callable[[Question], list[Remark]]) -> Script:
        """A script that finds what `tell` says, knows what is true and never mends an edit."""

        def script(body: dict[str, Any]) -> str:
            question = Question(body)
            if question.task == "verify":
                told = question.blocks[-1]
                true = any(shares(each.text, told) for each in self.goldens)
                verdict = "holds" if true else "fails"
                return json.dumps({"thought": "", "input": "", "verdict": verdict})
            if question.task == "rewrite":
                return json.dumps({"thought": "", "replacement": None})
            return answer(tell(question))

        return script


def shares(text: str, other: str) -> bool:
    """Whether two texts have half of the words of the shorter one in common."""
    one, two = ({*re.findall(r"\w{3,}", each.lower())} for each in (text, other))
    return len(one & two) >= 0.5 * min(len(one), len(two))


def drifted(golden: Golden, by: int) -> Remark:
    """A golden on the wrong lines, rightly quoted."""
    told = remark(golden)
    return told | {"line": told["line"] + by, "end_line": told["end_line"] + by}


NITS = (
    "Consider renaming this for readability.",
    "You might want to add a docstring here.",
    "Make sure that this is covered by tests.",
)
PRAISE = (
    "Nice refactoring, this reads much better now.",
    "Good use of the standard library here.",
    "Well structured and easy to follow.",
)
SPECULATION = {
    "`{}` can be None when the caller passes nothing, and the next access raises.": "bug",
    "`{}` is read before the settings are loaded, so the first request sees old ones.": "contract",
    "An overflow of `{}` on 32-bit platforms truncates large totals silently.": "bug",
    "Two threads may write `{}` at the same moment and one update disappears.": "resource",
    "The encoding of `{}` depends on the locale; umlauts come out garbled.": "contract",
    "`{}` grows without bounds in a process that lives long.": "resource",
}
"""What a model says that guesses, and the category that it gives it."""

WORD = re.compile(r"\b[a-z_]{4,}\b")
DEFINED = re.compile(r"^(?:async )?(?:def|class) (\w+)", re.MULTILINE)


def claim(question: Question, number: int, problem: str, **more: object) -> Remark:
    """A remark on a line, rightly quoted."""
    return {
        "path": question.path,
        "quote": question.lines[number],
        "line": number,
        "end_line": number,
        "category": "bug",
        "problem": problem,
        "scenario": "",
        "severity": "warning",
        "replacement": None,
        **more,
    }


def worded(question: Question) -> list[int]:
    """The lines that have something to speak of."""
    return [number for number, line in question.lines.items() if WORD.search(line)]


def rejected(question: Question) -> list[Remark]:
    """Four remarks that a reader would reject: a nit, praise, a claim about code that is not
    there, and one about a name that is said to be missing and is not.
    """
    chance = question.chance("rejected")
    places = worded(question)
    one, two, three, four = chance.choices(places, k=4)
    gone = {"quote": f"self._cursor.execute_many(batch_{chance.randrange(99)})"}
    made = [
        claim(question, one, chance.choice(NITS)),
        claim(question, two, chance.choice(PRAISE)),
        claim(question, three, "The cursor is not closed when the batch fails.", **gone),
    ]
    defined = DEFINED.search("\n".join(question.lines.values()))
    if defined is not None:
        told = f"`{defined[1]}` is not defined in this module, so that the call raises NameError."
        made.append(claim(question, four, told))
    return made


def noise(question: Question, salt: object) -> list[Remark]:
    """A claim without ground that no check of ours can refute by itself."""
    chance = question.chance("noise", salt)
    places = worded(question)
    if not places:
        return []
    number = chance.choice(places)
    name = chance.choice(WORD.findall(question.lines[number]))
    problem, category = chance.choice([*SPECULATION.items()])
    return [claim(question, number, problem.format(name), category=category)]


SYNONYMS = {
    "returns": "gives back", "raises": "throws", "whole": "entire", "every": "each",
    "wrong": "incorrect", "once": "one time", "never": "not ever", "list": "sequence",
    "instead": "rather", "so": "therefore", "are": "get", "always": "in any case",
}  # fmt: skip


def paraphrased(golden: Golden, chance: random.Random) -> Remark:
    """The golden in other words: sentences in another order, a fifth of the words left out, some
    replaced; now and then only one of its lines.
    """
    sentences = re.split(r"(?<=[.;]) ", golden.text)
    chance.shuffle(sentences)
    words = [
        SYNONYMS.get(word, word)
        for word in " ".join(sentences).split()
        if len(word) > 12 or chance.random() > 0.2
    ]
    told = remark(golden) | {"problem": " ".join(words)}
    if chance.random() < 0.5:
        quote = golden.quote.split("\n")
        at = chance.randrange(len(quote))
        told |= {"quote": quote[at], "line": golden.start + at, "end_line": golden.start + at,
                 "replacement": None}  # fmt: skip
    return told


def flaky(truth: Truth, samples: int = 3) -> Script:
    """Each golden in two of three samples, in other words each time; each of three claims without
    ground in one of them.
    """

    def tell(question: Question) -> list[Remark]:
        sample = question.seed % samples
        told = []
        for golden in truth.of(question):
            missed = question.chance("missed", golden.text).randrange(samples)
            if sample != missed:
                told.append(paraphrased(golden, question.chance(golden.text, sample)))
        for salt in range(samples):
            if question.chance("when", salt).randrange(samples) == sample:
                told += noise(question, salt)
        return told

    return truth.telling(tell)
