"""Stands in for the server of a model: `python examples/engine.py [PORT]`.

No model is behind it. It speaks the dialect of vLLM over HTTP, on this machine alone, and replays
answers that were written by hand for the demonstration (`parcels/model.json`). What a review makes
of them is real; of what a model can do they say nothing.

An answer is found by the task, the file and a digest of the changed lines in the question, so that
the words around them may change. A question without an answer gets an empty one, and is counted:
after a change of the example, `demo.py --model` names those that need a new one.
"""

import contextlib
import hashlib
import json
import re
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

import msgspec

RECORDING = Path(__file__).resolve().parent / "parcels" / "model.json"
MODEL = "recording-of-no-model"
"""What it calls itself, so that it stands in every report."""

DIALECT = "vllm"
"""What the setting `engine.dialect` has to say, because it does not call itself vLLM."""

CONTEXT = 16_384
TOKEN_CHARS = 3
"""Characters of a token, by which all numbers of tokens are estimated."""

PIECE_CHARS = 24
"""Characters of one event of an answer."""

CHANGED = re.compile(r"^(?: {6}| *\d+) [+-] .*$", re.MULTILINE)
"""A changed line as questions show it: its number where it has one, a mark, its text."""

TASKS = {"findings": "review", "verdict": "verify", "replacement": "rewrite"}
"""Tasks by a word of the schema that the answer has to fit."""

EMPTY: dict[str, dict[str, Any]] = {
    "review": {"findings": []},
    "verify": {"input": "", "verdict": "unclear"},
    "rewrite": {"replacement": None},
}
"""What is answered to a question that has no recorded answer, beside an empty thought."""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a review has to make of a finding: `note` begins its reason, `proof` is of its edit."""

    standing: str
    line: int = 0
    note: str = ""
    proof: str | None = None


class Recorded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One answer, and what the question has to be about.

    `change` is the digest of the changed lines and `claim` a text that the question holds; an empty
    one fits every question. `expect` has as many items as the answer has findings.
    """

    task: str
    answer: dict[str, Any]
    path: str = ""
    change: str = ""
    claim: str = ""
    expect: tuple[Expected, ...] = ()


class Recording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All answers, and where they are from."""

    about: str
    answers: tuple[Recorded, ...]


def load(file: Path = RECORDING) -> Recording:
    """Read a recording."""
    return msgspec.json.decode(file.read_bytes(), type=Recording)


def digest(question: str) -> str:
    """The first digits of the SHA-256 of the changed lines in a question."""
    return hashlib.sha256("\n".join(CHANGED.findall(question)).encode()).hexdigest()[:12]


def task(body: dict[str, Any]) -> str:
    """What is asked for; what has no word of `TASKS` is the trial before a review."""
    schema = json.dumps(body.get("response_format"))
    return next((name for word, name in TASKS.items() if f'"{word}"' in schema), "trial")


class Engine(ThreadingHTTPServer):
    """Answers on a port of this machine while it is used as a context manager.

    `given` counts the answers by their places in the recording; `missing` are the questions without
    one: their task, digest and first changed line.
    """

    daemon_threads = True

    def __init__(self, recording: Recording, port: int = 0) -> None:
        self.recording = recording
        self.given: Counter[int] = Counter()
        self.missing: list[str] = []
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        """Without asking for the name of this machine, which may take a resolver's time."""
        TCPServer.server_bind(self)

    def __enter__(self) -> "Engine":
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """The recorded answer to a request, or an empty one."""
        asked = task(body)
        question = next(each["content"] for each in body["messages"] if each["role"] == "user")
        change = digest(question)
        with self.lock:
            for number, each in enumerate(self.recording.answers):
                fits = each.task == asked and each.change in ("", change)
                if fits and each.path in question and each.claim in question:
                    self.given[number] += 1
                    return each.answer
            first = CHANGED.search(question)
            self.missing.append(f"{asked} {change} {first[0].strip() if first else ''}")
        return {"thought": "", **EMPTY.get(asked, {})}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Engine

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def do_GET(self) -> None:
        if self.path == "/health":
            self._send({"status": "ok"})
        elif self.path == "/v1/models":
            told = {"id": MODEL, "owned_by": "examples/engine.py", "max_model_len": CONTEXT}
            self._send({"object": "list", "data": [{"object": "model", **told}]})
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            self._send({"count": _tokens(body["prompt"]), "max_model_len": CONTEXT})
        elif self.path == "/v1/chat/completions":
            self._stream(body)
        else:
            self.send_error(404)

    def _send(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, body: dict[str, Any]) -> None:
        text = json.dumps(self.server.answer(body))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for start in range(0, len(text), PIECE_CHARS):
            piece = {"content": text[start : start + PIECE_CHARS]}
            self._event({"choices": [{"index": 0, "delta": piece}]})
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        prompt = sum(_tokens(message["content"]) for message in body["messages"])
        usage = {"prompt_tokens": prompt, "completion_tokens": _tokens(text)}
        self._event({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, value: Any) -> None:
        self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")


def _tokens(text: str) -> int:
    return -(-len(text) // TOKEN_CHARS)


def main() -> None:
    """Answer until somebody ends it."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with Engine(load(), port) as engine:
        print(f"{MODEL}: no model, a replay of {len(engine.recording.answers)} written answers")
        print(f"REVIEWER_ENGINE_URL={engine.url} REVIEWER_ENGINE_DIALECT={DIALECT}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
