"""The mark under everything we post, by which a later run knows it again.

It is the last line of a text, `<!-- reviewer:KIND:PAYLOAD:MAC -->`, and shown to nobody. The MAC is
an HMAC-SHA256 (RFC 2104) over the request, the kind and the payload, cut to 128 bits, so that a
mark counts on the request it was made for and nowhere else.

The key may be empty. The MAC then guards against accidents only: everybody can compute it. Who
wrote a text is told by the forge, which is why only texts of our own account are read at all; a key
adds that no other program that shares this account can speak for us. It has to stay the same for
as long as a request is open.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["finding", "review", "summary", "asked"]

DIGITS: Final = 32
"""Hexadecimal digits of a fingerprint, a digest and a MAC: 128 bits."""

LONGEST: Final = 256
"""Characters. No mark of ours comes near it."""

_MARK: Final = re.compile(
    r"<!-- reviewer:(?P<kind>finding|review|summary|asked)"
    rf":(?P<payload>[0-9a-z-]{{1,80}}\.[0-9a-z-]{{1,80}})"
    rf":(?P<mac>[0-9a-f]{{{DIGITS}}}) -->"
)
_WORD: Final = re.compile(r"[0-9a-z]+(?:-[0-9a-z]+)*")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a mark says: the fingerprint and the tool, or the head and a digest."""

    kind: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of one request, `repository` as the forge writes it."""

    repository: str
    number: int
    key: bytes = field(default=b"", repr=False)

    def finding(self, fingerprint: str, tool: str) -> str:
        """Under a comment on one finding."""
        return self._made("finding", fingerprint, word(tool))

    def review(self, head: str, digest: str) -> str:
        """Under a review of `head`; `digest` is that of the marks of its comments."""
        return self._made("review", word(head), digest)

    def summary(self, head: str, digest: str) -> str:
        """Under the summary of `head`; `digest` is that of the report."""
        return self._made("summary", word(head), digest)

    def asked(self, head: str, identity: str) -> str:
        """In the summary: a model was asked about all of `head`, and which one, and how."""
        return self._made("asked", word(head), identity)

    def read(self, line: str, kind: Kind) -> Mark | None:
        """What a line of a text says, None unless we wrote it for this request.

        But for "asked", which stands above it, that is the last line.
        """
        found = _MARK.fullmatch(line) if len(line) <= LONGEST else None
        if found is None or found["kind"] != kind:
            return None
        if not hmac.compare_digest(self._mac(kind, found["payload"]), found["mac"]):
            return None
        first, _, second = found["payload"].partition(".")
        return Mark(kind, first, second)

    def _made(self, kind: Kind, first: str, second: str) -> str:
        payload = f"{first}.{second}"
        return f"<!-- reviewer:{kind}:{payload}:{self._mac(kind, payload)} -->"

    def _mac(self, kind: Kind, payload: str) -> str:
        said = "\0".join((f"{self.repository}#{self.number}", kind, payload))
        data = said.encode("utf-8", "surrogatepass")
        return hmac.new(self.key, data, hashlib.sha256).hexdigest()[:DIGITS]


def word(name: str) -> str:
    """A name as it stands in a mark: a plain one as it is, any other by a digest of it."""
    return name if len(name) <= 64 and _WORD.fullmatch(name) else digest([name])[:16]


def digest(parts: Iterable[str]) -> str:
    """32 hexadecimal digits over some texts, each of them apart."""
    made = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        made.update(len(data).to_bytes(8, "big") + data)
    return made.hexdigest()[:DIGITS]
