"""A worker without an engine: speaks the pipe protocol, and misbehaves in the ways that one does.

    python -P worker.py '{"mode": "hang", ...}' DESCRIPTOR

It answers each request with numbered words, or with `text`. Where it is told to misbehave it does
so for requests whose prompt holds the token `poison`, else for all of them.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reviewer.server import protocol as p
from reviewer.server import tie


@dataclass
class Behaviour:
    """What a worker is to do; the fields of its first argument."""

    mode: str = "well"
    poison: int | None = None
    """A token: only requests with it are treated by `mode`."""
    token_seconds: float = 0.0
    prefill_seconds: float = 0.0
    load_seconds: float = 0.0
    text: str | None = None
    """The answer, in place of numbered words: `step` characters a token, then the end."""
    answers: dict[str, str] = field(default_factory=dict)
    """Answers in place of `text`, each to requests whose grammar holds these words."""
    well: int = 0
    """How many requests it answers before it misbehaves."""
    echo: bool = False
    """Answer with how it was told to sample."""
    step: int = 1
    width: int = 0
    """Characters that a numbered word has at least."""
    context: int = 4096
    cache_tokens: int = 16384
    max_batch: int = 16
    starts: str | None = None
    """A file that gets a line for every start."""
    words: str | None = None
    """What it prints to standard error when it begins."""
    loud: int = 1
    """How often it prints that."""
    planned: int = 4 << 30
    """Bytes of GPU memory; it holds half of them unless it grows."""
    spent: str | None = None
    """A file: the mode is for as long as it is not there, and each use of the mode makes it."""


@dataclass
class Job:
    submit: p.Submit
    number: int
    began: float = field(default_factory=time.monotonic)
    tokens: int = 0
    started: bool = False


class Worker:
    def __init__(self, behaviour: Behaviour, channel: socket.socket) -> None:
        self.be, self.channel = behaviour, channel
        self.jobs: dict[str, Job] = {}
        self.inbox: list[p.ToWorker | None] = []
        self.arrived = threading.Condition()
        self.draining = False
        self.submitted = 0
        self.tenant: str | None = None
        self.reserved = behaviour.planned // 2

    def say(self, *messages: p.Message) -> None:
        self.channel.sendall(b"".join(map(p.frame, messages)))

    def read(self) -> None:
        while True:
            message = p.receive(self.channel)
            with self.arrived:
                self.inbox.append(message)
                self.arrived.notify()
            if message is None:
                os._exit(0)

    def run(self) -> None:
        self.load()
        threading.Thread(target=self.read, daemon=True).start()
        while True:
            with self.arrived:
                if not self.jobs and not self.inbox:
                    self.arrived.wait(0.05)
                inbox, self.inbox = self.inbox, []
            for message in inbox:
                self.hear(message)
            if self.draining and not self.jobs:
                sys.exit(0)
            began = time.monotonic()
            prefill = sum(not job.started for job in self.jobs.values())
            for job in list(self.jobs.values()):
                self.step(job)
            if self.jobs:
                time.sleep(self.be.token_seconds)
            pages = sum(-(-(len(j.submit.prompt) + j.submit.max_tokens) // 256) for j in self.jobs.values())  # fmt: skip # noqa: E501
            assert pages * 256 <= self.be.cache_tokens, "more was admitted than there is room for"
            assert len(self.jobs) <= self.be.max_batch
            self.say(p.Beat(time.monotonic() - began, len(self.jobs), prefill, pages))

    def load(self) -> None:
        message = p.receive(self.channel)
        assert isinstance(message, p.Load), message
        if self.be.starts:
            with Path(self.be.starts).open("a") as file:
                file.write(f"{os.getpid()} {message.cache_tokens}\n")
        if self.be.words:
            sys.stderr.write(self.be.words * self.be.loud)
            sys.stderr.flush()
        if self.be.mode == "load-hang" and self.use():
            time.sleep(600)
        self.say(p.Progress("import"), p.Progress("load", 1, 2))
        time.sleep(self.be.load_seconds)
        match self.be.mode if self.be.mode.startswith("load-") and self.use() else "":
            case "load-oom":
                self.say(p.Error("oom", "no room for the weights"))
                sys.exit(75)
            case "load-refused":
                self.say(p.Error("refused", "flash-attn is not here"))
                sys.exit(70)
            case "load-crash":
                os.kill(os.getpid(), signal.SIGSEGV)
        self.say(p.Progress("warm"))
        limits = (min(self.be.context, message.context), self.be.cache_tokens, self.be.max_batch)
        self.say(p.Ready(*limits, self.be.load_seconds, self.be.planned))

    def use(self) -> bool:
        """Whether to misbehave now."""
        if self.be.spent:
            if Path(self.be.spent).exists():
                return False
            Path(self.be.spent).touch()
        return True

    def hear(self, message: p.ToWorker | None) -> None:
        if isinstance(message, p.Submit):
            assert not self.jobs or message.tenant == self.tenant, "two tenants side by side"
            self.tenant = message.tenant
            self.submitted += 1
            self.jobs[message.id] = Job(message, self.submitted)
        elif isinstance(message, p.Cancel):
            deaf = self.be.mode == "deaf"
            if not deaf and self.jobs.pop(message.id, None):
                self.say(p.Error("cancelled", "as asked", message.id))
        elif isinstance(message, p.Drain):
            self.draining = True
        elif isinstance(message, p.AskStats):
            self.say(p.Stats(self.reserved // 2, self.reserved, 80 << 30))

    def step(self, job: Job) -> None:
        now = time.monotonic()
        name, wanted = job.submit.id, job.submit.max_tokens
        if not job.started:
            if now - job.began < self.be.prefill_seconds:
                return
            self.say(p.Started(name, 7))
            job.started = True
        if job.tokens >= 3 and self.hit(job) and self.use():
            self.misbehave(job)
        if name not in self.jobs:
            return
        text = sampling(job.submit) if self.be.echo else self.answer(job.submit)
        piece = (
            f"w{job.tokens} ".ljust(self.be.width)
            if text is None
            else text[job.tokens * self.be.step :][: self.be.step]
        )
        finish = "length" if job.tokens >= wanted else "stop" if not piece else ""
        if finish:
            del self.jobs[name]
            self.say(p.Done(name, finish, job.tokens, 0.001, now - job.began))
        else:
            job.tokens += 1
            self.say(p.Delta(name, piece, 1))

    def answer(self, submit: p.Submit) -> str | None:
        asked = submit.grammar or ""
        return next(
            (told for words, told in self.be.answers.items() if words in asked), self.be.text
        )

    def hit(self, job: Job) -> bool:
        if job.number <= self.be.well:
            return False
        return self.be.poison is None or self.be.poison in job.submit.prompt

    def misbehave(self, job: Job) -> None:  # noqa: C901
        name = job.submit.id
        match self.be.mode:
            case "hang":
                time.sleep(600)
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                self.say(p.Error("internal", "RuntimeError in the engine loop"))
                sys.exit(70)
            case "oom":
                del self.jobs[name]
                self.say(p.Error("oom", "no room for this request", name))
            case "oom-twice":
                self.say(p.Error("oom", "no room, twice in a minute"))
                sys.exit(75)
            case "constraint":
                del self.jobs[name]
                self.say(p.Error("constraint", "the answer left its grammar", name))
            case "garbage":
                self.channel.sendall(os.urandom(4096))
            case "truncated":
                self.channel.sendall(p.frame(p.Delta(name, "half of it", 1))[:-4])
                self.channel.shutdown(socket.SHUT_WR)
                time.sleep(600)
            case "huge":
                self.channel.sendall(p.HEADER.pack(p.MARK, p.VERSION, 1 << 31))
            case "flooding":
                while True:
                    self.say(*[p.Delta(name, f"flood {n} " * 99, 1) for n in range(100)])
            case "ghost":
                self.say(p.Delta("nobody", "x", 1))
            case "mute":  # goes on, but the request never ends
                del self.jobs[name]
            case "grow-vram":
                self.reserved = self.be.planned * 6 // 5
            case "grow":
                self.ballast = bytearray(os.urandom(1)) * (200 << 20)


def sampling(submit: p.Submit) -> str:
    names = ("temperature", "top_p", "top_k", "seed")
    return json.dumps({name: getattr(submit, name) for name in names})


def main() -> None:
    tie.to_parent()
    described: dict[str, Any] = json.loads(sys.argv[1])
    channel = socket.socket(fileno=int(sys.argv[2]))
    Worker(Behaviour(**described), channel).run()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        sys.exit(0)
