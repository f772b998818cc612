"""XML of strangers, streamed through expat: no entities, no DTD fetched, no deep nesting.

The refusals are those of defusedxml's defaults (entity declarations and external references raise;
a DTD is allowed, as genuine Cobertura and JaCoCo reports carry one). defusedxml's own parsers build
trees or pass through SAX; reports of thousands of files are read here in constant memory.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

from reviewer.coverage.base import UnreadableReport, opened

CHUNK: Final = 1 << 16
"""Bytes fed to expat at a time."""

DEPTH: Final = 100
"""Elements open at once; the deepest report format, Cobertura, nests 10."""

TOKEN_BYTES: Final = 1 << 20
"""The longest tag or comment: older expats scan an unfinished one anew with each chunk, which takes
quadratic time (CVE-2023-52425)."""

PROLOG: Final = re.compile(
    r"\s*(?:<\?[^>]*\?>\s*|<!--.*?-->\s*|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>\s*)*<([A-Za-z]+)([^>]*)>",
    re.DOTALL,
)
"""What may stand before the root element, its name and its attributes (XML 1.0, section 2.8)."""

Attributes = Mapping[str, str]
Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


def root(head: bytes) -> tuple[str, str]:
    """Name and raw attributes of the root element in the first bytes of a file; empty if none."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    match = PROLOG.match(head.decode(encoding, "replace"))
    return (match[1], match[2]) if match else ("", "")


@dataclass(frozen=True)
class Skip:
    """Elements of one name whose content is left unread where `unwanted`, asked after each start
    tag of theirs, says so. They must not nest.
    """

    name: str
    unwanted: Callable[[], bool]


def read(
    report: Path,
    start: Start,
    end: End,
    texts: Mapping[str, End] | None = None,
    skip: Skip | None = None,
) -> None:
    """Call `start` and `end` for each element, and `texts[name]` with the text in a `name`.

    Text may come in pieces. Raises UnreadableReport; a ValueError or KeyError of a callback is a
    missing or impossible attribute.
    """
    parser = _parser(start, end, texts or {})
    fed = 0
    with opened(report) as file:
        chunks = iter(lambda: file.read(CHUNK), b"")
        try:
            for piece in _without(chunks, skip) if skip else chunks:
                parser.Parse(piece, False)  # noqa: FBT003 (pyexpat takes no keywords)
                fed += len(piece)
                if fed - parser.CurrentByteIndex > TOKEN_BYTES:
                    raise UnreadableReport(f"it has a tag longer than {TOKEN_BYTES >> 20} MiB")
            parser.Parse(b"", True)  # noqa: FBT003
        except expat.ExpatError as error:
            raise UnreadableReport(f"it is not well-formed XML: {error}") from error
        except (ValueError, LookupError) as error:
            raise UnreadableReport(f"an attribute or the encoding is not right: {error}") from error


def _parser(start: Start, end: End, texts: Mapping[str, End]) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    depth = 0

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH:
            raise UnreadableReport(f"its elements are nested more than {DEPTH} deep")
        if name in texts:
            parser.CharacterDataHandler = texts[name]
        start(name, attributes)

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        if name in texts:
            parser.CharacterDataHandler = None
        end(name)

    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.EntityDeclHandler = _refuse_entity
    parser.UnparsedEntityDeclHandler = _refuse_entity
    parser.ExternalEntityRefHandler = _refuse_entity
    return parser


def _without(chunks: Iterator[bytes], skip: Skip) -> Iterator[bytes]:
    """The document less the content of unwanted elements, in pieces that end with a start tag.

    Each piece is parsed before the next is asked for, so `unwanted` speaks of the tag at its end.
    Where that tag did not end there (a ">" in an attribute), it has not been seen, nothing is
    skipped and no harm done. Encodings other than supersets of ASCII are passed on whole.
    """
    opening, closing = f"<{skip.name} ".encode(), f"</{skip.name}>".encode()
    rest = b""
    dropping = False
    for chunk in chunks:
        data, at = rest + chunk, 0
        while True:
            if dropping:
                stop = data.find(closing, at)
                if stop < 0:
                    rest = data[max(at, len(data) - len(closing)) :]
                    break
                at, dropping = stop, False
            begin = data.find(opening, at)
            stop = data.find(b">", begin) if begin >= 0 else -1
            if stop < 0:
                keep = begin if begin >= 0 else max(at, len(data) - len(opening))
                yield data[at:keep]
                rest = data[keep:]
                break
            yield data[at : stop + 1]
            at = stop + 1
            dropping = skip.unwanted()
        if len(rest) > TOKEN_BYTES:
            raise UnreadableReport(f"it has a tag longer than {TOKEN_BYTES >> 20} MiB")
    if not dropping:
        yield rest


def seconds(text: str) -> float | None:
    """A time stamp in seconds or milliseconds since 1970 as seconds, None when it is neither."""
    try:
        stamp = float(text)
    except ValueError:
        return None
    stamp = stamp / 1000 if stamp > 1e11 else stamp
    return stamp if 0 < stamp < 1e11 else None


def _refuse_entity(*_: Any) -> int:
    raise UnreadableReport("it declares XML entities, which are refused")
