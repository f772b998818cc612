"""The server over real HTTP, with a worker that is well: what is answered, and what is refused."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewer.server import front
from tests.support import serving
from tests.support.serving import Reply, Server

pytestmark = pytest.mark.slow

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"],
          "additionalProperties": False}  # fmt: skip


def wish(schema: object = SCHEMA) -> dict[str, Any]:
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "strict": True, "schema": schema},
        }
    }


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = serving.settings(tmp_path_factory.mktemp("well"), {"token_seconds": 0.001})
    with serving.server(made) as server:
        yield server.ready()


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """20 tokens a second."""
    behaviour = {"token_seconds": 0.05, "max_batch": 2}
    made = serving.settings(tmp_path_factory.mktemp("slow"), behaviour, max_queue=3)
    with serving.server(made) as server:
        yield server.ready()


def idle(it: Server) -> None:
    it.wait(lambda: it.health()["active"] == it.health()["queued"] == 0)


def test_an_answer(it: Server) -> None:
    reply = it.chat(max_tokens=4)
    assert reply.status == 200
    assert reply.text == "w0 w1 w2 w3 "
    choice = reply.json["choices"][0]
    assert choice["finish_reason"] == "length"
    usage = reply.json["usage"]
    assert usage["completion_tokens"] == 4
    assert usage["prompt_tokens_details"] == {"cached_tokens": 7}
    assert usage["total_tokens"] == usage["prompt_tokens"] + 4
    assert reply.json["model"] == "m"


def events(data: bytes) -> list[str]:
    parts = data.decode().split("\n\n")
    assert parts.pop() == ""
    return parts


def test_a_stream(it: Server) -> None:
    reply = it.chat(max_tokens=3, stream=True, stream_options={"include_usage": True})
    assert reply.headers["Content-Type"] == "text/event-stream"
    *parts, last = events(reply.data)
    assert last == "data: [DONE]"
    chunks = [json.loads(part.removeprefix("data: ")) for part in parts]
    texts = [c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]]
    assert "".join(texts) == "w0 w1 w2 "
    assert [c["choices"][0]["finish_reason"] for c in chunks[-2:-1]] == ["length"]
    assert chunks[-1]["usage"]["completion_tokens"] == 3
    assert len({c["id"] for c in chunks}) == 1


def test_a_stream_says_that_it_is_alive(tmp_path: Path) -> None:
    with serving.server(serving.settings(tmp_path, {"prefill_seconds": 0.7})) as it:
        reply = it.ready().chat(max_tokens=1, stream=True)
    assert events(reply.data).count(": still here") >= 2


def test_the_model(it: Server) -> None:
    reply = it.ask("/v1/models")
    assert [model["id"] for model in reply.json["data"]] == ["m"]
    assert reply.json["data"][0]["max_model_len"] == 4096
    assert reply.json["data"][0]["owned_by"] == "reviewer"


def test_the_context_that_is_told_is_the_one_that_is_taken(tmp_path: Path) -> None:
    made = serving.settings(
        tmp_path, {"cache_tokens": 4096}, cache_tokens=4096, min_cache_tokens=1024
    )
    with serving.server(made) as it:
        told = it.ready().ask("/v1/models").json["data"][0]["max_model_len"]
        assert told == 15 * 256, "a part of the cache is never promised"
        used = it.chat(max_tokens=1).json["usage"]["prompt_tokens"]
        assert it.chat(max_tokens=told - used).status == 200
        assert it.chat(max_tokens=told - used + 1).code == "context_length_exceeded"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"n": 2}, "$.n"),
    ({"tools": []}, "not supported: `tools`"),
    ({"tool_choice": "none"}, "not supported: `tool_choice`"),
    ({"logprobs": True}, "not supported: `logprobs`"),
    ({"functions": []}, "not supported: `functions`"),
    ({"logit_bias": {}}, "not supported: `logit_bias`"),
    ({"modalities": ["audio"]}, "not supported: `modalities`"),
    ({"frequency_penalty": 1}, "$.frequency_penalty"),
    ({"stop": ["\n"]}, "$.stop"),
    ({"temperature": 3}, "$.temperature"),
    ({"temperature": "hot"}, "$.temperature"),
    ({"top_k": -1}, "$.top_k"),
    ({"top_k": 1.5}, "$.top_k"),
    ({"top_k": True}, "$.top_k"),
    ({"top_k": "40"}, "$.top_k"),
    ({"top_k": 1 << 21}, "$.top_k"),
    ({"max_tokens": 0}, "$.max_tokens"),
    ({"max_tokens": 1.5}, "$.max_tokens"),
    ({"messages": []}, "$.messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "$.messages[0].role"),
    ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "not supported: `name`"),
    ({"messages": [{"role": "assistant", "content": "x"}]}, "last message must be of the user"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
     "image_url"),
    ({"response_format": {"type": "grammar"}}, "$.response_format.type"),
    (wish({"type": "object", "not": {}}), 'Unimplemented keys: ["not"]'),
    (wish({"type": "string", "uniqueItems": True, "if": {}}), "Unimplemented"),
    (wish({"$ref": "#/nowhere"}), "cannot be enforced"),
    (wish([]), "no object"),
    (wish({"description": "x" * 70_000}), "more than 65,536"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "why"), REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_what_is_not_supported_is_named(it: Server, fields: dict[str, Any], why: str) -> None:
    reply = it.chat(**fields)
    assert reply.status == 400
    assert reply.json["error"]["type"] == "invalid_request_error"
    assert why in reply.json["error"]["message"]


BODIES = [
    b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"model": "m"}', b"[" * 100_000,
    b'{"a":' * 100_000, b'{"model": "m", "messages": [{"role": "user", "content": "\\ud800"}]}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_bodies_that_are_no_requests(it: Server, body: bytes) -> None:
    reply = it.ask("/v1/chat/completions", body)
    assert reply.status == 400
    assert reply.code == "invalid_request"


def test_harmless_fields_are_let_through(it: Server) -> None:
    reply = it.chat(
        max_completion_tokens=1, n=1, stop=None, presence_penalty=0, user="pr-1", seed=-5,
        metadata={"a": "b"}, store=False, response_format={"type": "text"}, top_p=0.9,
    )  # fmt: skip
    assert reply.status == 200
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert it.chat(messages=[{"role": "user", "content": parts}], max_tokens=1).status == 200


def test_how_to_sample_reaches_the_engine(tmp_path: Path) -> None:
    with serving.server(serving.settings(tmp_path, {"echo": True, "step": 8})) as it:
        it.ready()
        asked = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 7}
        assert json.loads(it.chat(**asked).text) == asked
        usual = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "seed": 0}
        assert json.loads(it.chat().text) == usual
        assert json.loads(it.chat(top_k=None).text) == usual


@pytest.mark.parametrize("form", [wish(), {"response_format": {"type": "json_object"}}])
def test_json_is_asked_for(it: Server, form: dict[str, Any]) -> None:
    it.lines.clear()
    assert it.chat(max_tokens=1, **form).status == 200
    assert [line["constrained"] for line in it.lines if line["event"] == "request"] == [True]


def test_a_prompt_without_room(it: Server) -> None:
    for content, tokens in (("word " * 5000, 10), ("x", 4096), ("word " * 800_000, 1)):
        reply = it.chat(content, max_tokens=tokens)
        assert (reply.status, reply.code) == (400, "context_length_exceeded")
        assert "maximum context length is 4096 tokens" in reply.json["error"]["message"]


def test_another_model(it: Server) -> None:
    assert it.chat(model="gpt-9").code == "model_not_found"


def test_a_body_that_is_too_large(it: Server) -> None:
    reply = it.ask("/v1/chat/completions", b" " * ((4 << 20) + 1))
    assert (reply.status, reply.code) == (413, "too_large")

    def chunks() -> Iterator[bytes]:  # without a length
        for _ in range(50):
            yield b" " * 100_000

    connection = http.client.HTTPConnection("127.0.0.1", it.state["port"], timeout=10)
    headers = {"Authorization": f"Bearer {it.token}"}
    try:
        connection.request("POST", "/v1/chat/completions", chunks(), headers, encode_chunked=True)
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # it did not want to hear the rest
    finally:
        connection.close()
    assert it.chat(max_tokens=1).status == 200


@pytest.mark.parametrize(
    "given", ["", "Bearer ", "Bearer wrong", "Basic x", "bearer x", "Bearer ä"]
)
@pytest.mark.parametrize(
    "path", ["/v1/models", "/metrics", "/v1/chat/completions", "/tokenize", "/"]
)
def test_without_the_token_nothing_is_said(it: Server, path: str, given: str) -> None:
    body = b"{}" if path in ("/v1/chat/completions", "/tokenize") else None
    reply = it.ask(path, body, Authorization=given.encode().decode("latin-1"))
    assert (reply.status, reply.code) == (401, "invalid_api_key")


def test_draining_needs_the_token(it: Server) -> None:
    assert it.ask("/admin/drain", b"", Authorization="Bearer x").status == 401
    assert it.health()["state"] == "ready"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.nip.io", "127.0.0.1:80:80", "0.0.0.0", "localhost@evil", ""]
)
def test_another_name_for_us_is_refused(it: Server, host: str) -> None:
    assert it.ask("/health", Host=host).status in (400, 403)
    assert it.ask("/tokenize", {"prompt": "x"}, Host=host).status in (400, 403)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost:1234", "localhost", "[::1]:5"])
def test_our_own_names(it: Server, host: str) -> None:
    assert it.ask("/health", Host=host).status == 200


def test_what_does_not_exist(it: Server) -> None:
    assert it.ask("/nowhere").status == 404
    assert it.ask("/v1/chat/completions").status == 405
    assert it.ask("/health/live", Authorization="").json == {"live": True}


def test_metrics_count(it: Server) -> None:
    before = it.metric("completion_tokens_total")
    it.chat(max_tokens=5)
    assert it.metric("completion_tokens_total") == before + 5
    assert it.metric("weights_verified") == 1
    assert it.metric("pages_total") == 64
    assert it.metric("ttft_seconds_count") > 0


def test_many_at_once(it: Server) -> None:
    replies: list[int] = []

    def one(number: int) -> None:
        replies.append(it.chat(f"request {number}", max_tokens=20, user=f"pr{number % 3}").status)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [200] * 24
    idle(it)


def test_no_log_holds_text(it: Server) -> None:
    it.chat("CANARY-IN", max_tokens=3)
    it.chat("CANARY-IN", max_tokens=3, stream=True)
    it.chat("CANARY-IN", n=2)
    it.ask("/tokenize", {"prompt": "CANARY-IN"})
    told = json.dumps(it.lines)
    assert "CANARY-IN" not in told
    assert "w0" not in told
    assert it.token not in told


def raw_chat(it: Server, **fields: Any) -> socket.socket:
    """A request whose answer nobody reads."""
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}
    data = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", it.state["port"]))
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
        f"Authorization: Bearer {it.token}\r\n\r\n"
    )
    connection.sendall(head.encode() + data)
    return connection


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_its_request(slow: Server, stream: bool) -> None:
    connection = raw_chat(slow, max_tokens=2000, stream=stream)
    slow.wait(lambda: slow.health()["active"] == 1)
    connection.close()
    began = time.monotonic()
    idle(slow)
    assert time.monotonic() - began < 1.0
    assert slow.chat(max_tokens=1).status == 200


def test_a_client_that_leaves_while_its_prompt_is_read(tmp_path: Path) -> None:
    with serving.server(serving.settings(tmp_path, {"prefill_seconds": 60.0})) as it:
        connection = raw_chat(it.ready(), stream=True)
        it.wait(lambda: it.metric("prefill_jobs") == 1)
        connection.close()
        began = time.monotonic()
        idle(it)
        assert time.monotonic() - began < 1.0
        assert it.health()["restarts"] == 0


def test_a_client_that_leaves_the_queue(slow: Server) -> None:
    held = [raw_chat(slow, max_tokens=1000) for _ in range(2)]
    slow.wait(lambda: slow.health()["active"] == 2)
    waiting = raw_chat(slow, max_tokens=1000)
    slow.wait(lambda: slow.health()["queued"] == 1)
    waiting.close()
    slow.wait(lambda: slow.health()["queued"] == 0)
    assert slow.health()["active"] == 2
    for connection in held:
        connection.close()
    idle(slow)


def test_a_full_queue_says_when_to_come_back(slow: Server) -> None:
    held = [raw_chat(slow, max_tokens=1000) for _ in range(5)]
    slow.wait(lambda: slow.health()["queued"] == 3)
    reply = slow.chat(max_tokens=1)
    assert (reply.status, reply.code) == (429, "overloaded")
    assert int(reply.headers["Retry-After"]) >= 1
    for connection in held:
        connection.close()
    idle(slow)


@pytest.mark.parametrize("stream", [True, False])
def test_a_deadline_ends_a_request(slow: Server, stream: bool) -> None:
    began = time.monotonic()
    reply = slow.chat(max_tokens=2000, stream=stream, headers={"X-Request-Timeout": "0.4"})
    assert time.monotonic() - began < 2.0
    if stream:
        assert json.loads(events(reply.data)[-1][6:])["error"]["code"] == "deadline_exceeded"
    else:
        assert (reply.status, reply.code) == (504, "deadline_exceeded")
    idle(slow)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon", "1e9"])
def test_a_deadline_that_is_none(it: Server, seconds: str) -> None:
    assert it.chat(headers={"X-Request-Timeout": seconds}).status == 400


def test_tenants_take_turns(slow: Server) -> None:
    """The fake worker ends with an error when two of them are there at once."""
    held = [raw_chat(slow, max_tokens=8, user=user) for user in ("a", "b")]
    assert slow.chat(max_tokens=4, user="a").status == 200
    assert slow.chat(max_tokens=4, user="c").status == 200
    for connection in held:
        connection.close()
    assert slow.health()["restarts"] == 0
    idle(slow)


def test_rubbish_is_answered_at_once_while_others_generate(it: Server) -> None:
    """The best of some tries, since other programs of this machine delay the rest."""
    held = [raw_chat(it, max_tokens=900, stream=True) for _ in range(16)]
    it.wait(lambda: it.health()["active"] == 15)  # the last waits for room
    tries: dict[Callable[[], Reply], int] = {
        lambda: it.ask("/v1/models", Authorization="x"): 401,
        lambda: it.ask("/v1/chat/completions", b"{"): 400,
        lambda: it.chat("word " * 20_000): 400,
    }
    for attempt, status in tries.items():
        times = []
        for _ in range(9):
            began = time.perf_counter()
            assert attempt().status == status
            times.append(time.perf_counter() - began)
        assert min(times) < 0.02
    for connection in held:
        connection.close()
    idle(it)


def test_a_client_that_does_not_read_loses_its_request_alone(tmp_path: Path) -> None:
    made = serving.settings(tmp_path, {"width": 4000}, client_bytes=100_000)
    with serving.server(made) as it:
        it.ready()
        connection = raw_chat(it, max_tokens=3900, stream=True)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        it.wait(lambda: any(line.get("finish") == "slow_client" for line in it.lines))
        connection.close()
        idle(it)
        assert it.health()["restarts"] == 0


def test_a_body_that_does_not_come(it: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "BODY_SECONDS", 0.2)
    for path in ("/v1/chat/completions", "/tokenize"):
        with socket.create_connection(("127.0.0.1", it.state["port"]), timeout=5) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
                f"Authorization: Bearer {it.token}\r\n\r\n{{".encode()
            )
            assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")
