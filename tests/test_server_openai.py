"""The official client of OpenAI's API drives the server: chat, streams, errors."""

import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from tests.support import serving
from tests.support.serving import Server

pytestmark = pytest.mark.slow

ANSWER = json.dumps({"findings": [{"line": 3, "message": "naïve 🙂"}]}, ensure_ascii=False)


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = serving.settings(tmp_path_factory.mktemp("openai"), {"text": ANSWER})
    with serving.server(made) as server:
        yield server.ready()


@pytest.fixture(scope="module")
def client(it: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{it.url}/v1", api_key=it.token, max_retries=0, timeout=10) as made:
        yield made


MESSAGES = [
    {"role": "system", "content": "You review changes."},
    {"role": "user", "content": "diff --git a/x b/x"},
]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "review",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"findings": {"type": "array", "items": {"type": "object"}}},
            "required": ["findings"],
            "additionalProperties": False,
        },
    },
}


def test_models(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["m"]
    assert client.models.list().data[0].owned_by == "reviewer"


def test_chat(client: OpenAI) -> None:
    done = client.chat.completions.create(
        model="m", messages=MESSAGES, response_format=SCHEMA, max_tokens=100, temperature=0, seed=7
    )
    assert done.choices[0].message.content == ANSWER
    assert done.choices[0].finish_reason == "stop"
    assert done.usage is not None
    assert done.usage.completion_tokens == len(ANSWER)
    assert done.usage.prompt_tokens_details is not None
    assert done.usage.prompt_tokens_details.cached_tokens == 7
    assert done.system_fingerprint


def test_streaming(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == ANSWER
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(ANSWER)


def test_a_stream_that_is_left(client: OpenAI, it: Server) -> None:
    with client.chat.completions.create(model="m", messages=MESSAGES, stream=True) as stream:
        next(iter(stream))
    it.wait(lambda: it.health()["active"] == 0)


def test_errors_are_the_ones_that_the_client_knows(client: OpenAI, it: Server) -> None:
    create = client.chat.completions.create
    with pytest.raises(openai.BadRequestError) as bad:
        create(model="m", messages=MESSAGES, n=2)
    assert bad.value.code == "invalid_request"
    with pytest.raises(openai.BadRequestError) as long:
        create(model="m", messages=[{"role": "user", "content": "word " * 9000}])
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.NotFoundError):
        create(model="other", messages=MESSAGES)
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()
    with pytest.raises(openai.BadRequestError, match="not supported: `tools`"):
        create(model="m", messages=MESSAGES, tools=[])


def test_an_engine_that_dies(tmp_path: Path) -> None:
    behaviour = {"mode": "crash", "token_seconds": 0.005}
    with serving.server(serving.settings(tmp_path, behaviour)) as it:
        it.ready()
        with OpenAI(base_url=f"{it.url}/v1", api_key=it.token, max_retries=0) as client:
            with pytest.raises(openai.InternalServerError) as died:
                client.chat.completions.create(model="m", messages=MESSAGES)
            assert died.value.status_code == 503
            it.ready()
            stream = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "other"}], stream=True
            )
            with pytest.raises(openai.APIError, match="ended while it was at work"):
                list(stream)
