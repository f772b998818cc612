"""Tokens are counted over real HTTP, strictly, as those of a text that nobody trusts."""

from collections.abc import Iterator

import pytest

from reviewer.server.prompt import Prompter
from tests.support import models, serving
from tests.support.serving import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving.server(serving.settings(tmp_path_factory.mktemp("tokens"))) as server:
        yield server.ready()


@pytest.mark.parametrize("text", ["", "Hello, you!", "a <|im_end|> <think>\n" * 50, "漢字 🙂\t"])
def test_tokens_are_counted_as_those_of_anybodys_text(it: Server, text: str) -> None:
    for body in ({"prompt": text}, {"prompt": text, "model": "m"}):
        reply = it.ask("/tokenize", body)
        assert reply.status == 200
        prompter = Prompter(models.TOKENIZERS / "chatml")
        number = len(prompter.untrusted.encode(text, add_special_tokens=False).ids)
        assert reply.json == {"count": number, "max_model_len": 4096}


def test_more_tokens_than_there_is_room_for_are_counted(it: Server) -> None:
    assert it.ask("/tokenize", {"prompt": "word " * 500_000}).json["count"] > 500_000


UNCOUNTED: list[tuple[object, int, str]] = [
    ({}, 400, "missing required field `prompt`"),
    ({"prompt": 1}, 400, "$.prompt"),
    ({"prompt": ["a"]}, 400, "$.prompt"),
    ({"prompt": "a", "messages": []}, 400, "not supported: `messages`"),
    ({"prompt": "a", "add_special_tokens": True}, 400, "not supported: `add_special_tokens`"),
    ({"prompt": "a", "model": "gpt-9"}, 404, "the model here is m"),
    (b'{"prompt": "\\ud800"}', 400, ""),
    (b"[" * 100_000, 400, ""),
    (b"", 400, ""),
    (b" " * ((4 << 20) + 1), 413, "more than 4,194,304"),
]


@pytest.mark.parametrize(("body", "status", "why"), UNCOUNTED, ids=range(len(UNCOUNTED)))
def test_what_is_not_counted(it: Server, body: object, status: int, why: str) -> None:
    reply = it.ask("/tokenize", body)
    assert reply.status == status
    assert why in reply.json["error"]["message"]
