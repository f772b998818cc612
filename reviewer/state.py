"""What a model said before: a question that was answered is not asked again.

So an unchanged part of a change costs nothing, and cannot grow new remarks. An entry is one small
file with the text of an answer, never of a question, in a folder that is ours alone. It is sealed
with a key and under the digest of all that its answer depends on, so that what somebody else put
there, or what was cut short, is no answer. Whatever goes wrong here is a question asked again,
never an error.
"""

import contextlib
import hashlib
import hmac
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import msgspec

from reviewer import private
from reviewer.engines.base import Capabilities, Completion, Engine, Health, Prompt, Schema, Usage
from reviewer.text import redact
from reviewer.version import VERSION

ENTRY_BYTES: Final = 1 << 20
"""Most bytes of an entry: an answer of 16,384 tokens has about a tenth of it."""

MOST_BYTES: Final = 64 << 20
"""Bytes of all entries, about 30,000 of them: those that were not used for longest go first."""

DAYS: Final = 90.0
"""How long an entry is kept after it was last used, as long as the audit log is."""

LEFT: Final = 0.9
"""When entries have to go, this share of the bytes stays, so that it is not soon done again."""

EVERY: Final = 500
"""Entries written between two looks at the size of all."""

SHELF: Final = re.compile(r"[0-9a-f]{2}", re.ASCII)
NAME: Final = re.compile(r"[0-9a-f]{62}|tmp[a-z0-9_]{1,30}", re.ASCII)
"""Names of our folders and files. No other file is ever deleted."""

PLACES: Final = re.compile(r"[\s\d]+")
"""What a prompt and its schema may differ in when only line numbers moved."""

FAULTS: Final = (OSError, ValueError, OverflowError, msgspec.MsgspecError)
"""What reading and writing an entry raises: no room, no right, no entry, no clock."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A remembered answer. `origin` is that of the prompt it was given to."""

    text: str
    engine: str
    origin: int


@dataclass
class _Met:
    """What the engine said of itself when it was last well, and entries written since the trim."""

    capabilities: Capabilities = field(default_factory=Capabilities)
    written: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Remembering:
    """An engine that remembers answers in `folder`, sealed with `key`; `clock` is Unix time.

    A prompt with a memo is looked up before the engine is asked. Only answers that ended by
    themselves, hold no secret, and come from the model that was well are kept: at most `most`
    bytes, each for `days` after it was last used.
    """

    name: ClassVar[str] = "remembering"
    engine: Engine
    folder: Path
    key: bytes = field(repr=False)
    clock: Callable[[], float]
    most: int = MOST_BYTES
    days: float = DAYS
    _met: _Met = field(default_factory=_Met, init=False, repr=False, compare=False)

    @property
    def patience(self) -> float:
        """That of the engine."""
        return self.engine.patience

    def health(self, deadline: float) -> Health:
        """That of the engine."""
        health = self.engine.health(deadline)
        self._met.capabilities = health.capabilities
        return health

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        """The answer that is remembered, else that of the engine."""
        started = time.monotonic()
        name = self._name(prompt, schema)
        if prompt.memo is None or not name:
            return self.engine.complete(prompt, schema)
        entry = self._entry(name)
        if entry is not None:
            spent = time.monotonic() - started
            return Completion(
                entry.text, "stop", Usage(0, 0, 0), entry.engine, spent,
                cached=True, origin=entry.origin,
            )  # fmt: skip
        done = self.engine.complete(prompt, schema)
        if self._worth(done):
            self._keep(name, Entry(done.text, done.engine, prompt.memo.origin))
        return done

    def count(self, text: str, deadline: float) -> int | None:
        """Ask the engine."""
        return self.engine.count(text, deadline)

    def close(self) -> None:
        """Close the engine, and throw away what is too old or too much."""
        self.engine.close()
        self._trim()

    def _name(self, prompt: Prompt, schema: Schema | None) -> str:
        """The digest of all that the answer depends on, "" where it is not known.

        Words of the prompt and of the schema are in it, so that no memo can pass an answer to one
        question off as that to another.
        """
        known = self._met.capabilities
        model = known.weights_sha256 or known.model_id
        if prompt.memo is None or not model:
            return ""
        sampled = [prompt.temperature, prompt.top_p, prompt.top_k, prompt.seed]
        asked = [[each.role, PLACES.sub("#", each.content)] for each in prompt.messages]
        held_to = PLACES.sub("#", json.dumps(dict(schema or {}), sort_keys=True))
        settings = [prompt.task, prompt.template, prompt.max_tokens]
        what = [VERSION, known.dialect, model, prompt.memo.key, asked, held_to, *settings]
        what += sampled if prompt.temperature > 0 else []
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()

    def _worth(self, done: Completion) -> bool:
        known = self._met.capabilities
        same = done.engine == f"{known.dialect}:{known.model_id}"
        return same and done.finish == "stop" and redact(done.text) == done.text

    def _file(self, name: str) -> Path:
        return self.folder / name[:2] / name[2:]

    def _seal(self, name: str, data: bytes) -> bytes:
        return hmac.new(self.key, name.encode() + data, "sha256").hexdigest().encode()

    def _entry(self, name: str) -> Entry | None:
        file = self._file(name)
        try:
            private.folder(self.folder)
            seal, _, data = private.contents(file, ENTRY_BYTES).partition(b"\n")
            now = self.clock()
            if not hmac.compare_digest(seal, self._seal(name, data)) or self._old(file, now):
                return None
            entry = msgspec.json.decode(data, type=Entry)
        except FAULTS:
            return None
        with contextlib.suppress(*FAULTS):
            os.utime(file, (now, now))
        return entry

    def _old(self, file: Path, now: float) -> bool:
        return now - file.stat().st_mtime > self.days * 86400

    def _keep(self, name: str, entry: Entry) -> None:
        """Write an entry as a whole or not at all."""
        with contextlib.suppress(*FAULTS):
            shelf = private.folder(private.folder(self.folder) / name[:2])
            data = msgspec.json.encode(entry)
            whole = b"%b\n%b" % (self._seal(name, data), data)
            if len(whole) <= min(ENTRY_BYTES, self.most):
                _write(whole, shelf, self._file(name), self.clock())
                self._count()

    def _count(self) -> None:
        with self._met.lock:
            self._met.written += 1
            full = self._met.written % EVERY == 0
        if full:
            self._trim()

    def _trim(self) -> None:
        """Delete entries that nobody used for long, and the oldest ones where they are too many."""
        with contextlib.suppress(*FAULTS):
            private.folder(self.folder)
            now, taken = self.clock(), 0
            found = sorted(_files(self.folder), key=lambda each: each.used, reverse=True)
            full = sum(each.size for each in found) > self.most
            room = self.most * LEFT if full else self.most
            for each in found:
                taken += each.size
                if taken > room or now - each.used > self.days * 86400:
                    each.file.unlink(missing_ok=True)


class _File(NamedTuple):
    file: Path
    size: int
    used: float


def _files(folder: Path) -> Iterator[_File]:
    """All entries, and those that were not finished. Raises OSError."""
    for shelf in os.scandir(folder):
        if not SHELF.fullmatch(shelf.name) or not shelf.is_dir(follow_symlinks=False):
            continue
        for entry in os.scandir(shelf.path):
            with contextlib.suppress(FileNotFoundError):
                if NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    facts = entry.stat(follow_symlinks=False)
                    yield _File(Path(entry.path), facts.st_size, facts.st_mtime)


def _write(data: bytes, shelf: Path, file: Path, now: float) -> None:
    descriptor, name = tempfile.mkstemp(dir=shelf)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
        os.utime(name, (now, now))
        Path(name).replace(file)
    except FAULTS:
        Path(name).unlink(missing_ok=True)
        raise


def purge(folder: Path) -> int:
    """Forget all answers; how many. Raises OSError."""
    if not folder.is_dir():
        return 0
    private.folder(folder)
    gone = 0
    for each in list(_files(folder)):
        each.file.unlink(missing_ok=True)
        gone += 1
    return gone
