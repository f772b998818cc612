"""Prompts are written to a file when that is asked for, and nowhere otherwise."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewer.errors import ConfigError
from reviewer.server.main import serve
from tests.support import serving
from tests.support.serving import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving.server(serving.settings(tmp_path_factory.mktemp("content"))) as server:
        yield server.ready()


def test_prompts_are_written_down_when_that_is_asked_for(tmp_path: Path) -> None:
    place = tmp_path / "content"
    with serving.server(serving.settings(tmp_path, content_log=place)) as it:
        it.ready()
        it.chat("CANARY-IN", max_tokens=2)
        it.chat("CANARY-IN", max_tokens=3, stream=True)
        assert it.health()["content_logged"] is True
    assert "PROMPTS AND ANSWERS ARE WRITTEN" in it.lines[0]["text"], "it says so first of all"
    assert "CANARY-IN" not in json.dumps(it.lines)
    assert place.stat().st_mode & 0o777 == 0o600
    one, two = map(json.loads, place.read_text().splitlines())
    assert one["messages"] == [{"role": "user", "content": "CANARY-IN"}]
    assert (one["answer"], two["answer"]) == ("w0 w1 ", "w0 w1 w2 ")
    assert two["finish"] == "length"


def test_without_being_asked_nothing_is_written_down(it: Server) -> None:
    it.chat("CANARY-IN", max_tokens=2)
    assert it.health()["content_logged"] is False
    folder = it.settings.state.parent
    written = [each for each in folder.rglob("*") if each.is_file()]
    assert written
    assert not any(b"CANARY-IN" in each.read_bytes() for each in written)


@pytest.mark.parametrize("kind", ["others", "link", "folder", "pipe"])
def test_prompts_are_never_written_where_others_may_read(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "content"
    if kind == "others":
        place.touch(0o644)
    elif kind == "link":
        (tmp_path / "real").touch(0o600)
        place.symlink_to(tmp_path / "real")
    elif kind == "folder":
        place.mkdir()
    else:
        os.mkfifo(place, 0o600)
    made = serving.settings(tmp_path, content_log=place)
    with pytest.raises(ConfigError, match=r"refusing to write|cannot write"):
        asyncio.run(serve(made, print))
    assert not made.state.exists()
