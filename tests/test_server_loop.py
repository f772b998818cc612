"""The worker's loop and masks: a real grammar and tokenizer, and a generator by a script."""

import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

import jsonschema
import numpy as np
import pytest

from reviewer.server import mask, selftest
from reviewer.server import protocol as p
from reviewer.server.failures import Failure
from reviewer.server.grammar import compiled
from reviewer.server.loop import Loop, OutOfMemory
from reviewer.server.prompt import Prompter
from tests.support import models

CHATML = models.TOKENIZERS / "chatml"
PROMPTER = Prompter(CHATML)
ENDS = tuple(json.loads((CHATML / "generation_config.json").read_text())["eos_token_id"])
TOKENS = mask.tokenizer((CHATML / "tokenizer.json").read_text(), 1000, ENDS)

SCHEMA = {
    "type": "object",
    "properties": {
        "findings": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {
                    "line": {"type": "integer", "minimum": 1, "maximum": 999},
                    "severity": {"enum": ["note", "warning", "error"]},
                    "message": {"type": "string", "maxLength": 20},
                },
                "required": ["line", "severity", "message"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["findings"],
    "additionalProperties": False,
}
GRAMMAR = compiled(json.dumps(SCHEMA))


class Logits:
    """A tensor as far as a mask looks at it."""

    def __init__(self, values: "np.ndarray[Any, np.dtype[np.float32]]") -> None:
        self.values = values

    def numpy(self) -> "np.ndarray[Any, np.dtype[np.float32]]":
        return self.values


def decoded(seed: int, grammar: str, width: int = 1100) -> tuple[str, mask.JsonMask]:
    """What a random model writes when it is held to a grammar."""
    dice = np.random.default_rng(seed)
    held = mask.JsonMask(TOKENS, grammar, ENDS)
    held.begin("")
    ids: list[int] = []
    for _ in range(2000):
        assert held.prepare_logit_mask() is True
        logits = Logits(dice.normal(size=width).astype(np.float32))
        assert held.mask_logits(logits) is logits
        token = int(logits.values.argmax())
        assert logits.values[token] > -np.inf
        if token in ENDS:
            break
        ids.append(token)
        held.feed(np.array([[token]]))
    else:
        raise AssertionError("it does not end")
    return PROMPTER.trusted.decode(ids, skip_special_tokens=False), held


@pytest.mark.parametrize("seed", range(12))
def test_a_random_model_writes_json_of_the_schema(seed: int) -> None:
    text, held = decoded(seed, GRAMMAR)
    jsonschema.validate(json.loads(text), SCHEMA)
    assert not held.error
    assert held.seconds > 0


def test_the_canary_comes_from_any_model() -> None:
    for seed in range(5):
        selftest.canary(decoded(seed, compiled(selftest.CANARY))[0])


@pytest.mark.parametrize("text", ["", "{", '{"well": 1}', "[]", "null", '{"well": "yes"}'])
def test_a_canary_that_is_not_right(text: str) -> None:
    with pytest.raises(selftest.Unwell):
        selftest.canary(text)


def test_a_token_outside_of_the_grammar_ends_the_answer() -> None:
    held = mask.JsonMask(TOKENS, GRAMMAR, ENDS)
    held.begin()
    held.prepare_logit_mask()
    held.feed(PROMPTER.trusted.token_to_id("x"))
    assert held.error == "the answer left its grammar"
    held.prepare_logit_mask()
    logits = held.mask_logits(Logits(np.ones(1000, dtype=np.float32)))
    assert set(np.flatnonzero(logits.values > -np.inf)) == set(ENDS)


@pytest.mark.parametrize("width", [906, 1024, 5000])
def test_heads_of_any_size(width: int) -> None:
    text, _ = decoded(1, GRAMMAR, width)
    jsonschema.validate(json.loads(text), SCHEMA)


def test_a_grammar_that_is_none() -> None:
    with pytest.raises(ValueError, match="not right"):
        mask.JsonMask(TOKENS, '{"grammars": []}', ENDS)


@pytest.mark.parametrize(
    "schema", ["{", "[]", '{"type": "nope"}', '{"not": {}}', '{"type":"string","pattern":"(("}']
)
def test_a_schema_that_cannot_be_held(schema: str) -> None:
    with pytest.raises(Failure) as refused:
        compiled(schema)
    assert refused.value.code == "invalid_schema"
    assert "\n" not in refused.value.message


def test_differences_are_relative() -> None:
    one = np.array([[100.0, -50.0], [3.0, 4.0]])
    assert selftest.difference(one, one) == 0
    assert selftest.difference(one, one + 1) == pytest.approx(0.01)


@dataclass
class Inner:
    name: str
    script: list[dict[str, Any]]
    cached_pages: int = 2
    cached_tokens: int = 5
    sequences: tuple[int, ...] = (0,)


@dataclass
class Generator:
    """ExLlamaV2's, as far as the loop sees it: each turn gives the next result of each job."""

    jobs: list[Inner] = field(default_factory=list)
    resets: int = 0
    problem: Exception | None = None

    def enqueue(self, job: Inner) -> None:
        assert len(job.script) < 100, "Job requires more pages than are available"
        self.jobs.append(job)

    def iterate(self) -> list[dict[str, Any]]:
        if self.problem:
            raise self.problem
        results = []
        for job in list(self.jobs):
            result = job.script.pop(0)
            results.append({"identifier": job.name, "eos": False, **result})
            if result.get("eos"):
                self.jobs.remove(job)
        return results

    def cancel(self, job: Inner) -> None:
        self.jobs.remove(job)

    def clear_queue(self) -> None:
        self.jobs.clear()

    def reset_page_table(self) -> None:
        assert not self.jobs
        self.resets += 1


def word(text: str, count: int = 1) -> dict[str, Any]:
    return {"stage": "streaming", "text": text, "token_ids": np.zeros((1, count))}


def last(text: str = "", reason: str = "stop_token", tokens: int = 3) -> dict[str, Any]:
    return {
        **(word(text) if text else {"stage": "streaming"}), "eos": True, "eos_reason": reason,
        "new_tokens": tokens, "time_prefill": 0.5, "time_generate": 1.5,
    }  # fmt: skip


PREFILL = [{"stage": "started"}, {"stage": "prefill", "curr_progress": 5, "max_progress": 9}]


class Bench:
    """A loop with what it says."""

    def __init__(self, *scripts: list[dict[str, Any]], held: Any = None) -> None:
        self.said: list[p.Message] = []
        self.generator = Generator()
        self.scripts = list(scripts)
        self.held = held
        self.wiped = 0
        self.loop = Loop(
            self.generator, self.make, self.said.extend, self.wipe,
            lambda error: "out of memory" in str(error),
        )  # fmt: skip

    def make(self, submit: p.Submit) -> tuple[Any, Any]:
        if submit.grammar == "bad":
            raise ValueError("the grammar is not right")
        return Inner(submit.id, self.scripts.pop(0)), self.held

    def wipe(self) -> None:
        self.wiped += 1

    def turn(self, *inbox: p.ToWorker) -> bool:
        return self.loop.turn(inbox)

    def take(self, *kinds: type[p.Message]) -> list[p.Message]:
        found = [m for m in self.said if not kinds or isinstance(m, kinds)]
        self.said.clear()
        return found


def submit(name: str, tenant: str = "a", deadline: float = 60.0, grammar: str | None = None) -> p.Submit:  # fmt: skip # noqa: E501
    return p.Submit(name, tenant, (1, 2, 3), 256, 0.0, 1.0, 0, deadline, grammar)


def test_an_answer_from_start_to_end() -> None:
    bench = Bench([*PREFILL, *[word(f"{n} ") for n in range(20)], last("end")])
    bench.turn(submit("x"))
    assert [type(m) for m in bench.take()] == [p.Beat]
    bench.turn()
    assert bench.take(p.Started) == [], "the prompt is not read yet"
    for _ in range(21):
        bench.turn()
    started, *deltas, done = bench.take(p.Started, p.Delta, p.Done)
    assert started == p.Started("x", 2 * 256 + 5)
    assert "".join(d.text for d in deltas) == "".join(f"{n} " for n in range(20)) + "end"
    assert sum(d.tokens for d in deltas) == 21
    assert len(deltas) < 20, "pieces are sent together"
    assert done == p.Done("x", "stop", 3, 0.5, 1.5, 0.0)
    assert not bench.loop.jobs


def test_beats_tell_turns_that_read_prompts_from_others() -> None:
    bench = Bench([*PREFILL, word("a"), word("b"), last()])
    bench.turn(submit("x"))
    for _ in range(4):
        bench.turn()
    beats = [m for m in bench.take(p.Beat) if isinstance(m, p.Beat)]
    assert [(beat.active, beat.prefill) for beat in beats] == [
        (1, 1), (1, 1), (1, 1), (1, 0), (0, 0)
    ]  # fmt: skip


def test_an_answer_that_is_cut() -> None:
    bench = Bench([word("a"), last(reason="max_new_tokens")])
    bench.turn(submit("x"))
    bench.turn()
    assert [m.finish for m in bench.take(p.Done)] == ["length"]


def test_an_answer_that_left_its_grammar_is_an_error() -> None:
    held = mask.JsonMask(TOKENS, GRAMMAR, ENDS)
    held.feed(PROMPTER.trusted.token_to_id("x"))
    bench = Bench([word("x"), last()], held=held)
    bench.turn(submit("x"))
    bench.turn()
    assert bench.take(p.Error, p.Done) == [p.Error("constraint", held.error, "x")]


def test_cancelling_frees_the_engine_at_once() -> None:
    bench = Bench([*PREFILL, *[word("a")] * 50], [word("b")] * 50)
    bench.turn(submit("x"), submit("y"))
    bench.turn(p.Cancel("x"), p.Cancel("unknown"))
    assert [job.name for job in bench.generator.jobs] == ["y"]
    assert bench.take(p.Error) == [p.Error("cancelled", "as asked", "x")]


def test_a_deadline_ends_a_request() -> None:
    bench = Bench([word("a")] * 50)
    bench.turn(submit("x", deadline=0.001))
    time.sleep(0.01)
    bench.turn()
    assert [m.code for m in bench.take(p.Error)] == ["deadline"]
    assert not bench.generator.jobs


def test_between_tenants_nothing_is_kept() -> None:
    bench = Bench([last("a")], [last("b")], [last("c")])
    bench.turn(submit("1", "a"))
    bench.turn(submit("2", "a"))
    assert (bench.generator.resets, bench.wiped) == (1, 1)
    bench.turn(submit("3", "b"))
    assert (bench.generator.resets, bench.wiped) == (2, 2)


def test_two_tenants_are_never_side_by_side() -> None:
    bench = Bench([word("a")] * 9, [word("b")] * 9)
    bench.turn(submit("1", "a"), submit("2", "b"))
    assert [(m.id, m.code) for m in bench.take(p.Error)] == [("2", "bad_request")]
    assert list(bench.loop.jobs) == ["1"]


def test_a_request_that_does_not_fit_fails_alone() -> None:
    bench = Bench([word("a")] * 200, [last("b")])
    bench.turn(submit("1"), submit("2", grammar="bad"), submit("3"))
    assert [(m.id, m.code) for m in bench.take(p.Error)] == [
        ("1", "bad_request"), ("2", "bad_request"),
    ]  # fmt: skip


def test_without_memory_requests_fail_and_twice_ends_the_process() -> None:
    bench = Bench(*[[word("a")] * 9] * 3)
    bench.generator.problem = RuntimeError("CUDA out of memory")
    bench.turn(submit("1"), submit("2"))
    assert [(m.id, m.code) for m in bench.take(p.Error)] == [("1", "oom"), ("2", "oom")]
    assert not bench.generator.jobs
    with pytest.raises(OutOfMemory):
        bench.turn(submit("3"))


def test_any_other_error_is_not_survived() -> None:
    bench = Bench([word("a")] * 9)
    bench.generator.problem = RuntimeError("CUDA error: an illegal memory access")
    with pytest.raises(RuntimeError, match="illegal"):
        bench.turn(submit("1"))


def test_draining_ends_with_the_last_answer() -> None:
    bench = Bench([word("a"), word("b"), last()])
    assert bench.turn(submit("1"), p.Drain())
    assert bench.turn()
    assert not bench.turn()
    (beat,) = [m for m in bench.said[-1:] if isinstance(m, p.Beat)]
    assert (beat.active, beat.pages) == (0, 0)


def test_any_order_of_messages_leaves_nothing() -> None:
    for seed in range(30):
        dice = random.Random(seed)
        bench = Bench(*[[word("a")] * dice.randint(1, 9) + [last()] for _ in range(40)])
        names = [str(number) for number in range(40)]
        over: list[str] = []
        for name in names:
            bench.turn(submit(name))
            if dice.random() < 0.5:
                bench.turn(p.Cancel(dice.choice(names)))
        for _ in range(12):
            bench.turn()
        over = [m.id for m in bench.take(p.Error, p.Done)]
        assert sorted(over) == sorted(names), "each request ends exactly once"
        assert not bench.generator.jobs
        assert not bench.loop.jobs
