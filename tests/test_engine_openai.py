import concurrent.futures
import json
import re
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import msgspec
import pytest

from reviewer.engines import _answers, _dialects
from reviewer.engines._dialects import neutralised, restored
from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Message, Prompt, answered, decoded
from reviewer.engines.none import Nobody
from reviewer.errors import (
    BadSchema,
    ContextTooLong,
    EngineBusy,
    EngineDown,
    EngineError,
    EngineRefused,
    Truncated,
)
from tests.fakes import engine as fake
from tests.fakes.engine import RIGHT, FakeEngine

pytestmark = pytest.mark.slow


class Remark(msgspec.Struct, forbid_unknown_fields=True):
    line: Annotated[int, msgspec.Meta(ge=1, le=9999)]
    problem: Annotated[str, msgspec.Meta(max_length=40)]


def prompt(*contents: str, seconds: float = 5.0, tokens: int = 200) -> Prompt:
    words = contents or ("which line is wrong?",)
    messages = tuple(Message("user" if i % 2 == 0 else "assistant", c) for i, c in enumerate(words))
    return Prompt(messages, tokens, time.monotonic() + seconds)


def within(seconds: float) -> float:
    return time.monotonic() + seconds


OWNERS = {
    "reviewer": "reviewer", "vllm": "vllm", "sglang": "sglang", "llamacpp": "llama.cpp",
    "tabbyAPI": "tabbyapi", "somebody": "other",
}  # fmt: skip


@pytest.mark.parametrize(("owner", "dialect"), OWNERS.items())
def test_every_dialect_is_known_by_its_owner_and_passes_the_ladder(
    owner: str, dialect: str
) -> None:
    with FakeEngine(owner=owner) as engine:
        health = OpenAI(engine.url).health(within(5))
        assert (health.ok, health.reason, health.model) == (True, "", "good-coder")
        assert health.capabilities.dialect == dialect
        known = {"vllm", "sglang", "llama.cpp", "tabbyapi"}
        assert health.capabilities.context == (8192 if dialect in known else 0)
        native = health.capabilities.json_schema == "native"
        body = engine.chats()[0].body
        assert native == ("response_format" in body) == (dialect != "other")
        assert ("json_schema" in body) == (dialect == "tabbyapi")
        asked_in_words = "JSON Schema" in body["messages"][-1]["content"]
        assert asked_in_words == (not native)


def test_only_the_common_subset_is_sent() -> None:
    with FakeEngine() as engine:
        answered(OpenAI(engine.url, key="k9", tenant="acme/1").complete, prompt(), Remark)
    (seen,) = engine.chats()
    assert set(seen.body) == {
        "model", "messages", "max_tokens", "temperature", "top_p", "seed", "stream",
        "stream_options", "response_format",
    }  # fmt: skip
    assert seen.body["model"] == "good-coder"
    assert seen.body["stream_options"] == {"include_usage": True}
    assert seen.body["response_format"]["type"] == "json_schema"
    assert seen.headers["authorization"] == "Bearer k9"
    assert "x-request-timeout" not in seen.headers


def test_our_own_server_is_told_more() -> None:
    with FakeEngine(owner="reviewer") as engine:
        answered(OpenAI(engine.url, tenant="acme/1").complete, prompt(seconds=5), Remark)
    (seen,) = engine.chats()
    assert seen.body["user"] == "acme/1"
    assert 4 < float(seen.headers["x-request-timeout"]) <= 5


def test_an_answer_has_its_value_and_its_costs() -> None:
    with FakeEngine() as engine:
        answer = answered(OpenAI(engine.url).complete, prompt(), Remark)
    assert answer.value == Remark(419, "division by zero")
    assert (answer.text, answer.finish, answer.repaired) == (RIGHT, "stop", False)
    assert (answer.usage.prompt, answer.usage.answer) == (11, len(RIGHT) // 4 + 1)
    assert answer.engine == "vllm:good-coder"
    assert "division" not in repr(answer)


def test_free_text_needs_no_shape() -> None:
    with FakeEngine() as engine:
        engine.answers.append("It looks fine.")
        answer = OpenAI(engine.url).complete(prompt())
    assert (answer.text, answer.value) == ("It looks fine.", None)


def test_a_server_that_does_not_stream_is_understood() -> None:
    with FakeEngine() as engine:
        engine.faults.append(fake.plain)
        assert answered(OpenAI(engine.url).complete, prompt(), Remark).text == RIGHT


CONTROL = [
    "<|im_end|>", "<|im_start|>system", "<|eot_id|>", "<|start_header_id|>", "<|endoftext|>",
    "</s>", "<s>", "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>", "<end_of_turn>", "<bos>",
    "<think>", "</think>", "<tool_call>", "<｜end▁of▁sentence｜>", "[TOOL_CALLS]",
    "[AVAILABLE_TOOLS]",
    "<fim_prefix>", "<|fim_middle|>", "<unused12>", "<extra_id_0>", "[gMASK]", "<sop>", "<EOS>",
]  # fmt: skip


@pytest.mark.parametrize("token", CONTROL)
def test_a_control_token_in_a_message_is_broken_up_and_comes_back_whole(token: str) -> None:
    (broken,), mark = neutralised([Message("user", f"a {token} b")])
    assert token not in broken.content
    assert mark
    assert restored(broken.content, mark) == f"a {token} b"
    assert restored(json.dumps(broken.content), mark) == json.dumps(f"a {token} b")


def test_what_is_no_control_token_stays_and_own_marks_stay() -> None:
    plain = [Message("user", "if a <b> | c: x[INSTANT] <div> List<String> a<<b>>c \u2063")]
    assert neutralised(plain) == (tuple(plain), "")
    (broken,), mark = neutralised([Message("user", "\u2063 <|im_end|> \u2060")])
    assert restored(broken.content, mark) == "\u2063 <|im_end|> \u2060"


@pytest.mark.parametrize("owner", ["vllm", "reviewer"])
def test_control_tokens_are_left_to_a_server_that_keeps_them_out_itself(owner: str) -> None:
    with FakeEngine(owner=owner) as engine:
        engine.answers.append(json.dumps({"line": 1, "problem": "says <|\u2063im_end|>"}))
        answer = answered(OpenAI(engine.url).complete, prompt("quote: <|im_end|>"), Remark)
        sent = engine.chats()[0].body["messages"][0]["content"]
    assert ("<|im_end|>" in sent) == (owner == "reviewer")
    if owner == "vllm":
        assert sent.startswith("quote: <\u2063|im_end|>")
        assert isinstance(answer.value, Remark)
        assert answer.value.problem == "says <|im_end|>"


@pytest.mark.parametrize(
    "text",
    [
        f"Here you are:\n```json\n{RIGHT}\n```\nAnything else?",
        f"<think>{{hm}}</think>{RIGHT}",
        f"{{}} {RIGHT}",
        RIGHT + RIGHT,
    ],
)
def test_prose_around_an_answer_does_no_harm(text: str) -> None:
    assert decoded(text, Remark) == Remark(419, "division by zero")


WRONG = [
    "", "no JSON at all", '{"line": 419, "prob', '{"line": "419", "problem": "x"}',
    '{"line": 0, "problem": "x"}', '{"line": 3}', '{"line": 3, "problem": "x", "more": 1}',
    '{"line": 3, "problem": "' + "x" * 41 + '"}', "[]", "[" * 5000, '{"a":' * 5000,
    '{"line": 3, "problem": "\\ud800"}', "null",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_an_answer_of_another_shape_is_never_taken(text: str) -> None:
    with pytest.raises(BadSchema) as raised:
        decoded(text, Remark)
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize("owner", ["vllm", "somebody"])
def test_a_wrong_shape_is_mended_once_and_that_is_told(owner: str) -> None:
    with FakeEngine(owner=owner) as engine:
        engine.answers.append('{"line": "x", "problem": "y"}')
        answer = answered(OpenAI(engine.url).complete, prompt(), Remark)
        assert answer.repaired
        assert answer.value == Remark(419, "division by zero")
        first, second = engine.chats()
        roles = [message["role"] for message in second.body["messages"]]
        assert roles == ["user", "assistant", "user"]
        assert "`$.line`" in second.body["messages"][-1]["content"]
        assert len(first.body["messages"]) == 1


def test_a_wrong_shape_is_not_mended_twice() -> None:
    with FakeEngine() as engine:
        engine.answers.extend(["nonsense"] * 3)
        with pytest.raises(BadSchema):
            answered(OpenAI(engine.url).complete, prompt(), Remark)
        assert len(engine.chats()) == 2


CUT: list[tuple[fake.Fault, str]] = [
    (fake.says('{"line": 4', "length"), "cut at its limit"),
    (fake.never_ends, "cut at its limit"),
    (fake.repeats, "only repeated itself"),
]


@pytest.mark.parametrize(("fault", "reason"), CUT)
def test_an_answer_that_was_cut_is_never_taken_for_whole(fault: fake.Fault, reason: str) -> None:
    with FakeEngine() as engine:
        engine.faults.append(fault)
        with pytest.raises(Truncated, match=reason):
            answered(OpenAI(engine.url).complete, prompt(tokens=2000), Remark)
        assert len(engine.chats()) == 1


def test_free_text_that_was_cut_says_so() -> None:
    with FakeEngine() as engine:
        engine.faults.append(fake.never_ends)
        assert OpenAI(engine.url).complete(prompt(tokens=50)).finish == "length"


def test_a_repeating_text_is_seen_and_a_long_one_is_not() -> None:
    assert _answers.loops("ab" * 600)
    assert _answers.loops("x" * 100 + "0123456789 " * 200)
    assert not _answers.loops("ab" * 400)
    assert not _answers.loops("".join(f"line {n}\n" for n in range(500)))


Case = tuple[Callable[[fake.Handler], None], type[EngineError], str, int]
REFUSALS: dict[str, Case] = {
    "wrong key": (fake.refuses(401), EngineRefused, "401: it does not accept the key", 1),
    "unknown": (fake.refuses(404), EngineRefused, "404: it has no such model", 1),
    "bad request": (fake.refuses(400, "bad"), EngineRefused, r"400 \(bad\)", 1),
    "lasting 500": (fake.refuses(500), EngineRefused, r"500 \(server_error\)", 2),
    "late error": (fake.late_error, EngineRefused, "500", 2),
    "rubbish": (fake.rubbish, EngineRefused, "does not speak the OpenAI dialect", 1),
    "filtered": (fake.says(RIGHT, "content_filter"), EngineRefused, "none of text", 1),
    "redirect": (fake.redirects, EngineRefused, "leads elsewhere", 1),
    "dies": (fake.dies, EngineDown, "hung up", 2),
    "stops": (fake.stops, EngineDown, "stopped in the middle", 2),
    "no end": (fake.says("{", None), EngineDown, "stopped in the middle", 2),
    "too long": (fake.refuses(400, "exceed_context_size_error"), ContextTooLong, "longer", 1),
    "too large": (fake.refuses(413), ContextTooLong, "longer", 1),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_fault_is_named_and_repeated_no_more_than_makes_sense(name: str) -> None:
    fault, kind, reason, times = REFUSALS[name]
    with FakeEngine() as engine:
        engine.faults.extend([fault] * 9)
        with pytest.raises(kind, match=reason):
            answered(OpenAI(engine.url).complete, prompt(), Remark)
        assert len(engine.chats()) == times


@pytest.mark.parametrize("fault", [fake.dies, fake.stops, fake.late_error, fake.refuses(500)])
def test_what_happens_once_costs_nothing_but_time(fault: fake.Fault) -> None:
    with FakeEngine() as engine:
        engine.faults.append(fault)
        assert answered(OpenAI(engine.url).complete, prompt(), Remark).value is not None


def test_a_full_queue_is_waited_for_as_long_as_it_says() -> None:
    with FakeEngine() as engine:
        engine.faults.extend([fake.refuses(429, "busy", Retry_After="0.2")] * 2)
        answer = answered(OpenAI(engine.url).complete, prompt(), Remark)
        assert answer.value is not None
        assert 0.4 <= answer.seconds < 2


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    with FakeEngine() as engine:
        engine.faults.append(fake.refuses(429, "busy", Retry_After="60"))
        started = time.monotonic()
        with pytest.raises(EngineBusy, match="its queue is full") as raised:
            answered(OpenAI(engine.url).complete, prompt(), Remark)
        assert raised.value.retry_after == 60
        assert time.monotonic() - started < 1


def test_a_server_that_loads_is_waited_for() -> None:
    with FakeEngine() as engine:
        engine.faults.extend([fake.refuses(503, "unavailable_error")] * 2)
        assert answered(OpenAI(engine.url).complete, prompt(), Remark).value is not None
        assert len(engine.chats()) == 3


TOO_LONG = {
    "reviewer": {"error": {"code": "context_length_exceeded", "type": "invalid_request_error",
                 "message": "the prompt has 9000 tokens; context length 8192"}},
    "vllm": {"object": "error", "type": "BadRequestError", "code": 400, "message": "This model's "
             "maximum context length is 8192 tokens. However, you requested 9000 tokens"},
    "vllm, newer": {"error": {"type": "BadRequestError", "code": 400, "message": "The decoder "
                    "prompt (length 9000) is longer than the maximum model length of 8192."}},
    "sglang": {"object": "error", "type": "BadRequestError", "code": 400, "message": "The input "
               "(9000 tokens) is longer than the model's context length (8192 tokens)."},
    "sglang, input": {"object": "error", "code": 400, "message": "Input length (9000 tokens) "
                      "exceeds the maximum allowed length (8192 tokens)."},
    "llama.cpp": {"error": {"code": 400, "type": "exceed_context_size_error", "n_ctx": 8192,
                  "n_prompt_tokens": 9000, "message": "exceeds the available context size"}},
}  # fmt: skip


@pytest.mark.parametrize("who", TOO_LONG)
def test_too_long_is_understood_in_every_dialect(who: str) -> None:
    error = _dialects.failure(400, json.dumps(TOO_LONG[who]).encode())
    assert isinstance(error, ContextTooLong)
    assert error.limit == 8192


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"null", b"[]", b'{"error": 1}', b'{"error": "why"}', b'{"error": {}}',
     b'{"error": {"code": {}, "type": [], "message": 7, "n_ctx": "x"}}', b"[" * 99999,
     b"<html>", b'{"message": "secret prompt"}'],
)  # fmt: skip
def test_an_error_in_any_form_is_one_line_without_its_message(body: bytes) -> None:
    for status in (400, 401, 404, 413, 418, 422, 429, 500, 503):
        told = str(_dialects.failure(status, body))
        assert "\n" not in told
        assert "secret" not in told


def test_messages_of_servers_are_not_passed_on() -> None:
    with FakeEngine() as engine:
        engine.faults.append(fake.refuses(400, "x\n::error::y", "you sent SECRET"))
        with pytest.raises(EngineRefused) as raised:
            OpenAI(engine.url).complete(prompt("SECRET"))
        assert str(raised.value) == "the engine answered 400"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("3", 3.0), ("0.5", 0.5), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None),
     ("1e9", None), ("99999999", None), ("nan", None)],
)  # fmt: skip
def test_retry_after(given: str, seconds: float | None) -> None:
    assert _dialects.seconds(given) == seconds


HEALTH: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "loading": ({"health": 503}, {}, "it is not ready", "wait until it has loaded"),
    "broken": ({"health": 500}, {}, "the engine failed: 500", "what its log says"),
    "other model": ({}, {"model": "x"}, "does not serve x; it serves: good-coder", "engine.model"),
    "two models": ({"models": ("a", "b")}, {}, "name one of its models: a, b", "engine.model"),
    "no models": ({"models": ()}, {}, "name one of its models: none", "engine.model"),
    "key": ({"key": "secret"}, {"key": "wrong"}, "does not accept the key", "the engine's key"),
}


@pytest.mark.parametrize("name", HEALTH)
def test_each_step_of_the_ladder_has_its_reason_and_its_tip(name: str) -> None:
    server, options, reason, tip = HEALTH[name]
    with FakeEngine(**server) as engine:
        started = time.monotonic()
        health = OpenAI(engine.url, **options).health(within(1))
        assert not health.ok
        assert reason in health.reason
        assert tip in health.tip
        assert time.monotonic() - started < 1.5
        assert health.seconds < 1.5


TRIALS = {
    "wrong line": ('{"line": 416, "problem": "x"}', "names line 416"),
    "no JSON": ("I would say it is line 419", "trial failed: the answer is no JSON"),
    "wrong shape": ('{"line": "four"}', "trial failed: the answer has not the shape asked for"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_a_model_that_does_not_find_the_bug_does_not_review(name: str) -> None:
    text, reason = TRIALS[name]
    with FakeEngine() as engine:
        engine.answers.extend([text] * 2)
        health = OpenAI(engine.url).health(within(5))
    assert not health.ok
    assert reason in health.reason
    assert health.tip.startswith("this model cannot review code")
    assert health.model == "good-coder"


def test_the_ladder_ends_in_time_with_a_model_that_is_too_slow() -> None:
    with FakeEngine(delay=0.2) as engine:
        started = time.monotonic()
        health = OpenAI(engine.url).health(within(0.8))
        assert time.monotonic() - started < 1.3
    assert not health.ok
    assert "no whole answer in time" in health.reason


def test_nobody_there_is_found_out_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    health = OpenAI(f"http://127.0.0.1:{port}").health(within(20))
    assert not health.ok
    assert health.reason == f"nothing answers at 127.0.0.1:{port}"
    assert health.seconds < 5


def test_a_refused_address_is_a_reason() -> None:
    health = OpenAI("http://localhost:1").health(within(5))
    assert not health.ok
    assert "what localhost means" in health.reason
    assert health.tip == "write 127.0.0.1"


def test_nobody_says_why() -> None:
    nobody = Nobody("no GPU", "buy one")
    health = nobody.health(0)
    assert (health.ok, health.reason, health.tip) == (False, "no GPU", "buy one")
    with pytest.raises(EngineDown, match="no GPU"):
        nobody.complete(prompt())


def test_no_secret_shows_in_a_repr() -> None:
    told = repr(OpenAI("http://127.0.0.1:1", key="K-1")) + repr(prompt("the code"))
    assert not re.search("K-1|the code", told)


def test_text_that_is_no_unicode_is_refused_here() -> None:
    with FakeEngine() as engine, pytest.raises(EngineRefused, match="no Unicode"):
        OpenAI(engine.url).complete(prompt("\udc80"))


def test_whoever_waits_is_let_go_when_the_engine_is_closed() -> None:
    with FakeEngine(faults=deque([fake.silent, fake.dripping])) as server:
        engine = OpenAI(server.url)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(engine.complete, prompt(seconds=30)) for _ in range(2)]
            while len(server.chats()) < 2:
                time.sleep(0.01)
            started = time.monotonic()
            engine.close()
            for each in asked:
                with pytest.raises(EngineDown):
                    each.result(5)
            assert time.monotonic() - started < 3
        assert engine.complete(prompt()).text == RIGHT


@pytest.mark.parametrize("owner", ["reviewer", "vllm", "sglang", "llamacpp"])
def test_tokens_are_counted_by_the_server(owner: str) -> None:
    with FakeEngine(owner) as server:
        engine = OpenAI(server.url)
        assert engine.count("twelve chars", time.monotonic() + 5) == 4
        (counted,) = [each.body for each in server.seen if each.path == "/tokenize"]
        assert "twelve chars" in counted.values()
        assert counted.get("parse_special", False) is False
        assert engine.count("\udc80", time.monotonic() + 5) is None


def test_nobody_counts_where_there_is_no_way_to_ask() -> None:
    with FakeEngine("somebody else") as server:
        assert OpenAI(server.url).count("text", time.monotonic() + 5) is None
    assert OpenAI("http://127.0.0.1:9").count("text", time.monotonic() + 1) is None


def test_top_k_is_sent_where_it_is_known() -> None:
    for owner, wanted in (("vllm", 40), ("somebody else", None)):
        with FakeEngine(owner) as server:
            OpenAI(server.url).complete(replace(prompt(), top_k=40))
            OpenAI(server.url).complete(prompt())
            first, second = server.chats()
        assert (first.body.get("top_k"), second.body.get("top_k")) == (wanted, None)
