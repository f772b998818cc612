"""Records are read back strictly, and a recording answers as the engine did."""

import hashlib
import io
import json
import random
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reviewer import errors
from reviewer.bench import record
from reviewer.bench.cases import Golden
from reviewer.bench.findings import DROPPED, on_diff, quoted, seen
from reviewer.bench.record import FORMAT, Answer, Count, Fix, Reviewed, Run, Seen
from reviewer.bench.replay import Recorder, Recording, Writer, key_of, request_key
from reviewer.diff import parse as parse_diff
from reviewer.engines.base import Capabilities, Completion, Health, Message, Prompt, Schema, Usage
from reviewer.errors import InputError
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    Finding,
    Judged,
    Proof,
    Severity,
    Span,
    Standing,
    Suggestion,
)

RUN = Run(FORMAT, "0.1", "fixtures 12", model="qwen", capabilities=Capabilities(context=4096))
PROMPT = Prompt((Message("system", "be brief"), Message("user", "é?")), 64, 10.0, task="review")
SCHEMA = {"type": "object"}
REVIEWED = Reviewed(
    "1",
    (Golden("t", "a.py", 1, 2),),
    (Seen("t", "a.py", 1, 1, dropped="vote", fix=Fix(applies=True)),),
    answers=3, valid=2, seconds=1.5, vram=1 << 30,
)  # fmt: skip


class Counting:
    """An engine whose answers tell how often it was asked; it fails when it is told to."""

    name: ClassVar[str] = "counting"
    patience: float = 2.0

    def __init__(self) -> None:
        self.asked = 0

    def health(self, deadline: float) -> Health:
        return Health(ok=True, model="qwen")

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        self.asked += 1
        if "fail" in prompt.messages[-1].content:
            raise errors.Truncated("it stopped")
        return Completion(f"answer {self.asked} \ud800", "length", Usage(5, None, 2), "e", 0.5)

    def count(self, text: str, deadline: float) -> int | None:
        return len(text) if text else None

    def close(self) -> None: ...


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = (Answer("k", "review", "text", usage=Usage(3)), Count("c", None), REVIEWED)
    file = tmp_path / "r.jsonl"
    file.write_bytes(record.render(RUN, entries))
    read = record.load(file)
    assert read.run == RUN
    assert (*read.answers, *read.counts, *read.prs) == entries
    kinds = [json.loads(line)["kind"] for line in file.read_text().splitlines()]
    assert kinds == ["run", "answer", "count", "pr"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "first line"),
        (record.render(RUN, (REVIEWED, REVIEWED)), "twice"),
        (record.render(RUN, ()) * 2, "no other"),
        (record.render(Run(99, "0", "d"), ()), "format 99"),
        (record.render(RUN, ()) + b'{"kind": "pr", "pr": "1", "more": 1}', "x:2: .*more"),
        (record.render(RUN, ()) + b'{"kind": "verdict"}', "x:2"),
        (record.render(RUN, ()) + b'{"kind": "count", "key": "k", "tokens": -1}', "x:2"),
        (record.render(RUN, ()) + b'{"kind": "pr", "pr": "1", "findings": [{"text": "a", '
         b'"dropped": "never"}]}', "x:2"),
    ],
)  # fmt: skip
def test_a_wrong_record_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        record.parse(data, "x")


def test_damaged_records_never_break_the_reader() -> None:
    chance = random.Random(3)
    whole = record.render(RUN, (Answer("k", text="t"), REVIEWED))
    refused = 0
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        try:
            record.parse(bytes(data), "x")
        except InputError:
            refused += 1
    assert refused > 500


def test_the_key_is_made_of_what_the_engine_is_told() -> None:
    key = key_of(PROMPT, SCHEMA)
    same = replace(PROMPT, deadline=99.0, task="verify", template="abc")
    assert key_of(same, dict(SCHEMA)) == key
    others: list[dict[str, Any]] = [
        {"max_tokens": 65}, {"seed": 1}, {"temperature": 0.5}, {"top_p": 0.9}, {"top_k": 3},
        {"messages": PROMPT.messages[:1]},
    ]  # fmt: skip
    keys = {key_of(replace(PROMPT, **change), SCHEMA) for change in others}
    assert len({key, key_of(PROMPT, None), *keys}) == len(others) + 2


def test_the_key_is_as_documented() -> None:
    """By the words of the module, with plain values as they come from HTTP."""
    plain = request_key(
        [("system", "be brief"), ("user", "é?")], SCHEMA, {"max_tokens": 64, "temperature": 0}
    )
    assert plain == key_of(PROMPT, SCHEMA)
    told = (
        '{"max_tokens":64,"messages":[["system","be brief"],["user","\\u00e9?"]],'
        '"schema":{"type":"object"},"seed":0,"temperature":0.0,"top_k":0,"top_p":1.0}'
    )
    assert plain == hashlib.sha256(told.encode()).hexdigest()


def test_a_recording_answers_in_the_same_order() -> None:
    file = io.BytesIO(record.render(RUN, ()))
    file.seek(0, io.SEEK_END)
    recorder = Recorder(Counting(), Writer(file))
    asked = [recorder.complete(PROMPT, SCHEMA) for _ in range(2)]
    failing = replace(PROMPT, messages=(Message("user", "fail"),))
    with pytest.raises(errors.Truncated):
        recorder.complete(failing)
    assert recorder.count("four", 0) == 4
    assert recorder.count("", 0) is None
    assert (recorder.patience, recorder.health(0).model) == (2.0, "qwen")

    replayed = Recording(record.parse(file.getvalue(), "x"))
    assert replayed.health(0).capabilities.context == 4096
    again = [replayed.complete(PROMPT, SCHEMA) for _ in range(3)]
    assert [each.text for each in again] == ["answer 1 ?", "answer 2 ?", "answer 2 ?"]
    assert (again[0].finish, again[0].usage) == (asked[0].finish, asked[0].usage)
    with pytest.raises(errors.Truncated, match="it stopped"):
        replayed.complete(failing)
    assert (replayed.count("four", 0), replayed.count("", 0), replayed.count("?", 0)) == (
        4, None, None,
    )  # fmt: skip
    replayed.close()
    assert replayed.complete(PROMPT, SCHEMA).text == "answer 1 ?"


def test_a_request_that_nobody_made_is_refused() -> None:
    with pytest.raises(errors.EngineRefused, match="no answer"):
        Recording(record.parse(record.render(RUN, ()), "x")).complete(PROMPT)


def test_lines_of_many_threads_stay_whole() -> None:
    file = io.BytesIO(record.render(RUN, ()))
    file.seek(0, io.SEEK_END)
    recorder = Recorder(Counting(), Writer(file))
    threads = [threading.Thread(target=recorder.complete, args=(PROMPT,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(record.parse(file.getvalue(), "x").answers) == 20


PATCH = b"""\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,3 +1,4 @@
 one
+two
 three
 four
"""
CHANGES = ChangeSet("b", "h", parse_diff(PATCH))
LINES = ["one", "two", "three", "four"]
FINDING = Finding(
    "model", "bug", "wrong", Span("a.py", 2, 3), Severity.WARNING, Confidence.LOW,
    Category.CORRECTNESS, quote="  two\nthree", suggestion=Suggestion(Span("a.py", 2, 3), "x",
                                                                      Proof.PARSES),
)  # fmt: skip


@pytest.mark.parametrize(
    ("standing", "note", "stage"),
    [
        (Standing.INLINE, "", ""),
        (Standing.FILE, "", ""),
        (Standing.UNPROVEN, "vote: one of three", "vote"),
        (Standing.UNPROVEN, "verify: no", "verify"),
        (Standing.UNPROVEN, "claim: praise", "guard"),
        (Standing.UNPROVEN, "anchor: no such line", "anchored"),
        (Standing.UNPROVEN, "names a file that the change does not touch", "anchored"),
        (Standing.MERGED, "", "dedupe"),
        (Standing.CAPPED, "", "cap"),
        (Standing.KNOWN, "", "threshold"),
    ],
)
def test_a_standing_is_a_stage(standing: Standing, note: str, stage: str) -> None:
    got = seen(Judged(FINDING, standing, note), CHANGES, lambda _: LINES)
    assert (got.dropped, got.reason, got.source) == (stage, note, "model")
    assert (got.on_diff, got.anchored, got.added) == (True, True, True)
    assert got.fix == Fix(applies=True, parses=True, passes=False)


def test_every_standing_has_its_stage() -> None:
    assert {*Standing} - {*DROPPED} == {Standing.INLINE, Standing.FILE}


def test_a_place_is_measured_against_the_change() -> None:
    (change,) = CHANGES.files
    assert on_diff(Span("a.py", 1, 4), change)
    assert not on_diff(Span("a.py", 4, 5), change)
    assert quoted("two", [" two "])
    assert not quoted("two", ["two", "three"])
    elsewhere = replace(FINDING, tool="ruff", span=Span("b.py", 1, 1), suggestion=None)
    got = seen(Judged(elsewhere, Standing.UNPROVEN, ""), CHANGES, lambda _: [])
    assert (got.on_diff, got.anchored, got.added) == (False, False, False)
    assert (got.source, got.fix) == ("static", None)
