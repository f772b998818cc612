"""What the model is held to, and what is read of its answer whatever it was held to."""

import json
import time
from collections.abc import Mapping
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer import shapes
from reviewer.engines.base import decoded
from reviewer.errors import BadSchema
from reviewer.server.grammar import compiled
from reviewer.shapes import Answer, Rewrite, Verdict

LINES = (3, 4, 9)
SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "review": shapes.review("a.py", LINES, 3, suggestions=True),
    "review-without-edits": shapes.review("a.py", LINES, 1, suggestions=False),
    "review-of-no-line": shapes.review("a.py", (), 3, suggestions=True),
    "review-of-odd-path": shapes.review('a "b"\\x80 ü⏎.py', range(1, 900), 20, suggestions=True),
    "verify": msgspec.json.schema(Verdict),
    "rewrite": msgspec.json.schema(Rewrite),
    "wide": msgspec.json.schema(Answer),
}
WIDE = {"verify": Verdict, "rewrite": Rewrite}
DRAFT = jsonschema.Draft202012Validator

REMARK: dict[str, Any] = {
    "path": "a.py", "quote": "x = 1", "line": 3, "end_line": 4, "category": "bug",
    "problem": "It is wrong.", "scenario": "With 0.", "severity": "error", "replacement": None,
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_engines_can_be_held_to_each_schema(name: str) -> None:
    schema = json.loads(json.dumps(SCHEMAS[name]))
    DRAFT.check_schema(schema)
    assert compiled(json.dumps(schema))


def drawn(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit, for the words that our schemas have."""
    if "$ref" in schema:
        return drawn(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([drawn(each, root) for each in schema["anyOf"]])
    kind = schema["type"]
    if kind == "string":
        least, most = schema.get("minLength", 0), schema["maxLength"]
        return st.text(min_size=least, max_size=12) | st.just("ä" * most) | st.just("\n" * most)
    if kind == "array":
        most = min(schema["maxItems"], 3)
        return st.lists(drawn(schema["items"], root), max_size=most) if most else st.just([])
    if kind == "object":
        return st.fixed_dictionaries({k: drawn(v, root) for k, v in schema["properties"].items()})
    assert kind == "null", schema
    return st.none()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_fits_a_schema_is_read(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in SCHEMAS if name != "wide"]))
    schema = SCHEMAS[name]
    value = data.draw(drawn(schema, schema))
    DRAFT(schema).validate(value)
    shape = WIDE.get(name, Answer)
    for words in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        read = decoded(words, shape)
        assert msgspec.to_builtins(read) == value


@pytest.mark.parametrize(
    "change",
    [
        {"path": "b.py"}, {"line": 5}, {"end_line": 0}, {"line": "3"}, {"line": 3.5}, {"quote": ""},
        {"category": "style"}, {"severity": "fatal"}, {"problem": ""}, {"more": 1},
        {"quote": "q" * 401}, {"problem": "p" * 601}, {"replacement": 3},
    ],
    ids=str,
)  # fmt: skip
def test_a_schema_lets_nothing_else_pass(change: dict[str, Any]) -> None:
    schema = DRAFT(SCHEMAS["review"])
    good = {"thought": "", "findings": [REMARK]}
    assert schema.is_valid(good)
    assert not schema.is_valid({"thought": "", "findings": [REMARK | change]})


def test_a_schema_bounds_the_list_and_allows_none() -> None:
    schema = DRAFT(SCHEMAS["review"])
    assert schema.is_valid({"thought": "", "findings": []})
    assert not schema.is_valid({"thought": "", "findings": [REMARK] * 4})
    assert not schema.is_valid({"findings": []})
    edits = REMARK | {"replacement": "x = 2"}
    assert schema.is_valid({"thought": "", "findings": [edits]})
    without = DRAFT(SCHEMAS["review-without-edits"])
    assert not without.is_valid({"thought": "", "findings": [edits]})
    nowhere = DRAFT(SCHEMAS["review-of-no-line"])
    assert nowhere.is_valid({"thought": "", "findings": []})
    assert not nowhere.is_valid({"thought": "", "findings": [REMARK]})


def test_properties_are_written_in_the_order_of_thought() -> None:
    order = ["thought", "findings"]
    assert list(SCHEMAS["review"]["properties"]) == SCHEMAS["review"]["required"] == order
    remark = SCHEMAS["review"]["properties"]["findings"]["items"]
    assert list(remark["properties"])[:2] == ["path", "quote"]
    assert remark["required"] == list(remark["properties"])


def test_the_schema_of_a_large_unit_is_made_fast() -> None:
    started = time.process_time()
    words = json.dumps(shapes.review("a.py", range(1, 2000), 3, suggestions=True))
    assert compiled(words)
    assert time.process_time() - started < 1


GOOD = json.dumps({"thought": "", "findings": [REMARK]})


@pytest.mark.parametrize(
    "words",
    [
        GOOD, f"\n{GOOD}\n", f"Here it is:\n```json\n{GOOD}\n```\nThat is all.", f"{GOOD} {GOOD}",
        f"I think {{maybe}} this: {GOOD}", GOOD.replace('"thought": "", ', ""),
        GOOD.replace('"scenario": "With 0.", ', ""), GOOD.replace(', "replacement": null', ""),
        GOOD.replace('"line": 3', '"line": -7'), GOOD.replace('"a.py"', '"../../etc/passwd"'),
        GOOD.replace('"bug"', '"style"'),
    ],
    ids=range(11),
)  # fmt: skip
def test_an_answer_is_read_with_prose_around_it(words: str) -> None:
    read = decoded(words, Answer)
    assert isinstance(read, Answer)
    assert len(read.findings) == 1


BROKEN = {
    "empty": "",
    "blank": " \n\t",
    "prose": "I see no defects in this change. Well done!",
    "refusal": "I'm sorry, but I can't help with that.",
    "truncated": GOOD[:-20],
    "truncated-early": GOOD[:3],
    "fence-only": "```json\n```",
    "null": "null",
    "number": "1",
    "string": '"findings"',
    "list": "[]",
    "no-findings": "{}",
    "unknown-field": '{"findings": [], "approve": true}',
    "findings-null": '{"findings": null}',
    "findings-text": '{"findings": "none"}',
    "findings-object": '{"findings": {}}',
    "remark-text": '{"findings": ["x"]}',
    "remark-empty": '{"findings": [{}]}',
    "line-text": GOOD.replace('"line": 3', '"line": "3"'),
    "line-float": GOOD.replace('"line": 3', '"line": 3.5'),
    "line-true": GOOD.replace('"line": 3', '"line": true'),
    "line-null": GOOD.replace('"line": 3', '"line": null'),
    "line-nan": GOOD.replace('"line": 3', '"line": NaN'),
    "line-infinity": GOOD.replace('"line": 3', '"line": -Infinity'),
    "line-1e400": GOOD.replace('"line": 3', '"line": 1e400'),
    "line-huge": GOOD.replace('"line": 3', '"line": 2147483648'),
    "line-5000-digits": GOOD.replace('"line": 3', f'"line": {"9" * 5000}'),
    "quote-list": GOOD.replace('"x = 1"', '["x = 1"]'),
    "replacement-list": GOOD.replace("null", '["x"]'),
    "lone-surrogate": GOOD.replace("x = 1", "\\ud800"),
    "raw-surrogate": GOOD.replace("x = 1", "\ud800"),
    "control": GOOD.replace("x = 1", "a\nb"),
    "bad-escape": GOOD.replace("x = 1", "\\q"),
    "single-quotes": GOOD.replace('"', "'"),
    "comment": GOOD.replace("{", "{ // here\n", 1),
    "trailing-comma": GOOD.replace("}]", "},]"),
    "long-list": json.dumps({"findings": [REMARK] * (shapes.MOST + 1)}),
    "long-text": json.dumps({"findings": [REMARK | {"problem": "p" * 16_001}]}),
    "ten-megabytes-of-text": json.dumps({"thought": "t" * 10_000_000, "findings": []}),
    "ten-megabytes-of-prose": "no defects " * 900_000,
    "ten-megabytes-of-braces": "{" * 10_000_000,
    "ten-megabytes-of-lists": '{"findings":' + "[" * 10_000_000,
    "ten-megabytes-of-remarks": json.dumps({"findings": [REMARK] * 50_000}),
    "ten-megabytes-cut": '{"findings":[' + "1," * 3_000_000,
    "deep-lists": '{"findings":' + "[" * 100_000 + "]" * 100_000 + "}",
    "deep-objects": '{"findings":' * 100_000 + "1" + "}" * 100_000,
    "deep-in-a-field": '{"thought":' + "[" * 100_000 + "]" * 100_000 + ', "findings": []}',
    "byte-order-mark": "\ufeff[]",
    "nul": "\x00",
    "python": "{'findings': []}",
    "yaml": "findings: []",
    "xml": "<findings/>",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_answer_is_told_and_breaks_nothing(name: str) -> None:
    words = BROKEN[name]
    for shape in (Answer, Verdict, Rewrite) if len(words) < 1_000_000 else (Answer,):
        started = time.process_time()
        with pytest.raises(BadSchema) as error:
            decoded(words, shape)
        assert time.process_time() - started < 1
        assert len(str(error.value)) < 300
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "shape"),
    [
        ('{"thought": "", "input": "0", "verdict": "maybe"}', Verdict),
        ('{"thought": "", "input": "0"}', Verdict),
        ('{"thought": "", "input": "0", "verdict": true}', Verdict),
        ('{"thought": "", "input": "0", "verdict": "Holds"}', Verdict),
        ('{"thought": ""}', Rewrite),
        ('{"thought": "", "replacement": 3}', Rewrite),
        (json.dumps({"thought": "", "replacement": "x" * 4001}), Rewrite),
    ],
)
def test_a_second_look_and_an_edit_are_read_strictly(words: str, shape: type) -> None:
    with pytest.raises(BadSchema):
        decoded(words, shape)


def test_of_two_equal_names_one_counts_wherever_it_is_read() -> None:
    twice = GOOD.replace('"line": 3', '"line": 3, "line": 9')
    read = decoded(twice, Answer)
    assert isinstance(read, Answer)
    assert read.findings[0].line == json.loads(twice)["findings"][0]["line"] == 9
    with pytest.raises(BadSchema):
        decoded(GOOD.replace('"line": 3', '"line": 3, "line": "9"'), Answer)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.integers(0, len(GOOD)), st.integers(0, 30))
def test_a_mutated_answer_is_read_or_refused(noise: str, at: int, gone: int) -> None:
    words = GOOD[:at] + noise + GOOD[at + gone :]
    try:
        read = decoded(words, Answer)
    except BadSchema:
        return
    assert isinstance(read, Answer)
    assert len(read.findings) <= shapes.MOST
    assert msgspec.json.decode(msgspec.json.encode(read), type=Answer) == read
