"""The worker's program as far as it needs no GPU: what it says, prints, and asks of the library."""

import socket
import sys
import threading
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest

from reviewer.server import exllama, worker
from reviewer.server import protocol as p


def test_messages_of_two_threads_do_not_mix() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = worker.Channel(ours)
        text = "x" * 60_000

        def talk(name: str) -> None:
            for _ in range(40):
                channel.say(p.Delta(name, text, 1))

        threads = [threading.Thread(target=talk, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        heard: list[str] = []
        with theirs.makefile("rb") as stream:
            for _ in range(120):
                size = p.length(stream.read(p.HEADER.size), p.TO_FRONT_BYTES)
                message = p.to_front(stream.read(size))
                assert isinstance(message, p.Delta)
                heard.append(message.id)
        for thread in threads:
            thread.join()
    assert sorted(heard) == ["a"] * 40 + ["b"] * 40 + ["c"] * 40


SECRET = "some code of " + "somebody"


def explained(error: Exception, capsys: pytest.CaptureFixture[str]) -> str:
    def stumble(prompt: str) -> None:
        del prompt
        raise error

    try:
        stumble(SECRET)
    except type(error) as caught:
        worker.explain(caught)
    return capsys.readouterr().err


def test_what_is_printed_of_an_error_quotes_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    told = explained(RuntimeError("CUDA error: device-side assert\nand a dump: " + SECRET), capsys)
    assert "in stumble" in told
    assert told.endswith("RuntimeError: CUDA error: device-side assert\n")
    assert SECRET not in told
    for error in (KeyError(SECRET), ValueError(SECRET), AssertionError(SECRET)):
        told = explained(error, capsys)
        assert told.endswith(f"{type(error).__name__}: ...\n")
        assert SECRET not in told


def sampling(monkeypatch: pytest.MonkeyPatch, **wish: Any) -> dict[str, Any]:
    """The settings that the library is given, which is not here."""
    sampler = SimpleNamespace(Settings=dict)
    library = SimpleNamespace(ExLlamaV2Sampler=sampler)
    monkeypatch.setitem(sys.modules, "exllamav2.generator", library)
    engine = exllama.Engine(**dict.fromkeys((each.name for each in fields(exllama.Engine)), None))
    usual = {"temperature": 0.7, "top_p": 0.9, "top_k": 0, "seed": 1, **wish}
    return engine.sampling(p.Submit("x", "", (1,), 1, deadline=1.0, **usual))


def test_how_it_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    free = {"min_p": 0.0, "token_repetition_penalty": 1.0}
    assert sampling(monkeypatch) == {"temperature": 0.7, "top_k": 0, "top_p": 0.9, **free}
    assert sampling(monkeypatch, top_k=40)["top_k"] == 40
    greedy = {"temperature": 1.0, "top_k": 1, "top_p": 0.0, **free}
    assert sampling(monkeypatch, temperature=0.0, top_k=40) == greedy, "0 is the likeliest token"


def test_what_cannot_be_imported_is_told_with_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that was built for another torch fails to load, with a symbol for a reason."""
    monkeypatch.setitem(sys.modules, "torch", None)
    load = p.Load("/nowhere", 512, 512, 512, 1, (64,))
    with pytest.raises(exllama.Refused, match=r"cannot import torch \(Python 3\.\d+") as refused:
        exllama.load(load, lambda _: None)
    assert "exllamav2" in str(refused.value)
