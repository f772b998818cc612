"""A chain of records: whoever edits, drops, adds or swaps one breaks it, and it shows where.

A record is one line of canonical JSON: sorted keys, no blanks, ASCII, no NaN. It holds its number,
the hash of the record before it, and its own hash: HMAC-SHA256 (RFC 2104) under a key, so that only
who has the key can write one. Without a key it is SHA-256, and shows no more than that the records
agree with each other.

A cut tail breaks no chain. What shows it is a checkpoint, published where the writer of the log
cannot reach it. All here is pure.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Literal

import msgspec

from reviewer.errors import ConfigError, InputError

VERSION: Final = 1
GENESIS: Final = hashlib.sha256(b"reviewer audit 1").hexdigest()
"""What the first record follows."""

LONGEST: Final = 1 << 16
"""Bytes of a line. Ours have about a thousand."""

SHORTEST_KEY: Final = 16
"""Characters: 128 bits, if they are bytes of a random generator. RFC 2104 advises 32 bytes."""

BROKEN: Final = "broken"
"""The kind of a record that begins anew where a chain was found broken."""

PURGED: Final = "purged"
"""The kind of a record that says which ones were deleted because they are old."""


class Broken(Exception):
    """Why a line is not the next record. `after` is where it claims the chain to stand then."""

    def __init__(self, reason: str, after: "Place | None" = None) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chain stands: after `n` records, of which the last has the hash `head`.

    `key_id` names the key of the last one, "" for none.
    """

    n: int = 0
    head: str = GENESIS
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What to publish of a log: after how many records, with which hash, and when (UTC)."""

    n: int
    head: str
    ts: str = ""

    def __str__(self) -> str:
        return f"{self.n}:{self.head}"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """`n:head`, as in the footer of a review. Raises InputError."""
        found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text.strip(), re.ASCII)
        if found is None:
            raise InputError(
                f"{text[:100]!r} is no checkpoint", "copy it from the review: 42:<64 hex digits>"
            )
        return cls(int(found[1]), found[2])


@dataclass(frozen=True)
class Keys:
    """The key that records are written under, b"" for none, and `earlier` ones, newest first."""

    current: bytes = b""
    earlier: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"Keys({key_id(self.current)!r} and {len(self.earlier)} earlier)"

    @classmethod
    def parse(cls, text: str) -> "Keys":
        """Keys in a setting: the current one first, earlier ones after blanks. Raises ConfigError.

        To rotate is to put a new one in front; the old one is needed while its records are kept.
        """
        words = text.split()
        if any(len(word) < SHORTEST_KEY for word in words):
            raise ConfigError(
                f"an audit key is shorter than {SHORTEST_KEY} characters",
                "make one: openssl rand -hex 32",
            )
        found = [word.encode("utf-8", "surrogateescape") for word in words]
        return cls(found[0], tuple(found[1:])) if found else cls()

    @cached_property
    def named(self) -> dict[str, bytes]:
        """Each by its name, the newest first; no key at all is the oldest."""
        return {key_id(key): key for key in (self.current, *self.earlier, b"")}

    @cached_property
    def ages(self) -> dict[str, int]:
        """How old each is, by its name: 0 is the current one."""
        return {name: age for age, name in enumerate(self.named)}


NO_KEYS: Final = Keys()


class Head(msgspec.Struct, frozen=True):
    """What every record has."""

    v: Literal[1]
    seq: Annotated[int, msgspec.Meta(ge=0, lt=2**60)]
    ts: str
    kind: str
    prev: str
    key_id: str
    hash: str

    @property
    def before(self) -> Place:
        """Where it says that the chain stood."""
        return Place(self.seq, self.prev, self.key_id)

    @property
    def after(self) -> Place:
        """Where it says that the chain stands now."""
        return Place(self.seq + 1, self.hash, self.key_id)


class Purged(Head, frozen=True):
    """Deleted were the first `records`, of which the last has the hash `head`."""

    records: Annotated[int, msgspec.Meta(ge=0, lt=2**60)]
    head: str


NO_RECORD: Final = (ValueError, RecursionError, AttributeError, msgspec.ValidationError)
"""What reading a line raises: no JSON, too deep, no object, fields missing or of other types."""


def key_id(key: bytes) -> str:
    """The name of a key, which does not tell the key; "" for none."""
    return mac(key, b"key id")[:16] if key else ""


def mac(key: bytes, data: bytes) -> str:
    """HMAC-SHA256 in hex; SHA-256 without a key."""
    if key:
        return hmac.new(key, data, "sha256").hexdigest()
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """The one way to write a value as JSON. Raises ValueError for what JSON cannot say."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def sealed(kind: str, ts: str, fields: Mapping[str, Any], place: Place, key: bytes) -> bytes:
    """The line of the next record, with its line feed."""
    body = {
        **fields, "v": VERSION, "seq": place.n, "ts": ts, "kind": kind, "prev": place.head,
        "key_id": key_id(key),
    }  # fmt: skip
    return canonical(body | {"hash": mac(key, canonical(body))}) + b"\n"


def opened(line: bytes, keys: Keys) -> Head:
    """A record that holds by itself, without its line feed. Raises Broken."""
    try:
        record = json.loads(line)
        head = msgspec.convert(record, Purged if record.get("kind") == PURGED else Head)
        body = {name: value for name, value in record.items() if name != "hash"}
        genuine, inner = canonical(record) == line, canonical(body)
    except NO_RECORD as error:
        raise Broken("it is no record") from error
    key = keys.named.get(head.key_id)
    if key is None:
        reason = f"it is under the key {head.key_id[:16]!r}, which was not given"
        raise Broken(reason, head.after)
    if not genuine or not hmac.compare_digest(mac(key, inner).encode(), head.hash.encode()):
        raise Broken("it was changed", head.after)
    return head


def followed(head: Head, place: Place, keys: Keys, *, first: bool) -> Place:
    """Where the chain stands after a record. Raises Broken when it does not belong there.

    The `first` one of a file may begin anew, if it says so.
    """
    if first and head.kind == BROKEN and head.seq >= place.n:
        return head.after
    if head.seq > place.n:
        raise Broken(f"records {place.n} to {head.seq - 1} are missing before it", head.after)
    if head.seq < place.n:
        raise Broken(f"its number is {head.seq} where {place.n} belongs", head.after)
    if head.prev != place.head:
        raise Broken("it does not follow the record before it", head.after)
    if keys.ages[head.key_id] > keys.ages.get(place.key_id, len(keys.ages)):
        raise Broken("it is under an older key than the record before it", head.after)
    return head.after


class Walk:
    """Goes along a chain and notes what is wrong with it; after each fault it goes on.

    `place` is where it stands, `start` where it began; `most` is how many records the chain ever
    had at least, with those that are broken.
    """

    def __init__(self, keys: Keys, checkpoint: Checkpoint | None = None) -> None:
        self.keys, self.checkpoint = keys, checkpoint
        self.place: Place | None = None
        self.start: Place | None = None
        self.records = 0
        self.most = 0
        self.purged: list[Place] = []
        self.missed = checkpoint is not None and checkpoint.n > 0

    def line(self, line: bytes, *, first: bool) -> str:
        """Take one line without its line feed, the `first` of its file or not.

        What is wrong with it, "" for nothing.
        """
        self.records += 1
        try:
            head = opened(line, self.keys)
            if self.place is None:
                self.place = head.before
                self.start = self.start or head.before
            self.place = followed(head, self.place, self.keys, first=first)
        except Broken as broken:
            self.place = broken.after
            self.start = self.start or Place()
            self.most += 1
            return str(broken)
        self.most = max(self.most, self.place.n)
        wrong = ""
        if self.checkpoint is not None and self.checkpoint.n == self.place.n:
            self.missed = False
            wrong = "" if self.checkpoint.head == head.hash else "it is not that of the checkpoint"
        if isinstance(head, Purged):
            self.purged.append(Place(head.records, head.head))
        if head.kind == BROKEN:
            wrong = "the chain was found broken before it, and begins anew"
        return wrong

    def end(self) -> list[str]:
        """What is wrong with the whole."""
        start, place = self.start or Place(), self.place or Place()
        found = []
        allowed = any(
            start.n < each.n or (start.n, start.head) == (each.n, each.head) for each in self.purged
        )
        if start.n and not allowed:
            found.append(f"records 0 to {start.n - 1} are missing, and nothing says they were old")
        if self.keys.current and self.records and not place.key_id:
            found.append("the last record is under no key: anybody can have written all of them")
        if self.missed and self.checkpoint is not None:
            n = self.checkpoint.n
            if n > place.n:
                found.append(f"records {place.n} to {n - 1} are missing: the end was cut off")
            elif n <= start.n:
                found.append("the checkpoint is older than all records that are kept")
            else:
                found.append(f"record {n - 1}, that of the checkpoint, is not there")
        return found
