"""Strict YAML: a plain tree of words with the lines they stand on, and none of YAML's traps.

No anchors and aliases means that a small file cannot grow into a large value; no tags means that
nothing but text, lists and mappings comes out; the limits end the rest.
"""

from collections.abc import Iterable
from typing import Any, Final

import yaml

from reviewer.binding import NULL, Entries, Items, Text, Written, shown
from reviewer.errors import ConfigError

FILE_BYTES: Final = 64 * 1024
DEPTH: Final = 20
"""Largest and deepest file that is read, far beyond what settings need."""

QUOTES: Final = "put a value that begins with `*`, `&` or `!` in quotes"


def read(data: bytes | str, filename: str) -> Entries:
    """The mapping that a file holds; an empty file is an empty mapping.

    Refused while reading, before anything is built: anchors, aliases, merge keys, tags, duplicate
    keys, further documents, what is over FILE_BYTES or DEPTH. Raises ConfigError.
    """
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    if len(raw) > FILE_BYTES:
        raise ConfigError(f"{filename}: larger than {FILE_BYTES >> 10} KiB")
    # libyaml where PyYAML was built with it: ten times faster, with the same events.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        root = _tree(yaml.parse(raw.decode("utf-8-sig"), Loader=loader), filename)
    except yaml.MarkedYAMLError as error:
        where = f"{filename}:{error.problem_mark.line + 1}" if error.problem_mark else filename
        raise ConfigError(f"{where}: not valid YAML: {error.problem}", QUOTES) from error
    except UnicodeError as error:
        raise ConfigError(f"{filename}: not UTF-8 text", "save the file as UTF-8") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML lets chr() and int() complain about impossible escapes and versions by themselves.
        raise ConfigError(f"{filename}: not valid YAML: {ascii(str(error))[1:80]}") from error
    match root:
        case Entries():
            return root
        case Text() if root.among(NULL):
            return Entries((), root.where)
    raise ConfigError(f"{root.where}: the file is not a mapping", "write `key: value` lines")


def _tree(events: Iterable[Any], filename: str) -> Written:
    done: list[Written] = []
    stack: list[tuple[str, list[Written]]] = [("", done)]
    for event in events:
        where = f"{filename}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.DocumentStartEvent) and done:
            raise ConfigError(f"{where}: a second document", "keep everything before the `---`")
        if not isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            continue
        if getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            raise ConfigError(f"{where}: anchors, aliases and tags are not allowed", QUOTES)
        if isinstance(event, yaml.CollectionStartEvent):
            if len(stack) > DEPTH:
                raise ConfigError(f"{where}: nested deeper than {DEPTH} levels")
            stack.append((where, []))
        elif isinstance(event, yaml.ScalarEvent):
            stack[-1][1].append(Text(event.value, where, quoted=not event.implicit[0]))
        else:
            start, children = stack.pop()
            mapping = isinstance(event, yaml.MappingEndEvent)
            stack[-1][1].append(
                Entries(_pairs(children), start) if mapping else Items(tuple(children), start)
            )
    return done[0] if done else Text("", filename)


def _pairs(children: list[Written]) -> tuple[tuple[Text, Written], ...]:
    pairs = []
    lines: dict[str, str] = {}
    for name, value in zip(children[::2], children[1::2], strict=True):
        if not isinstance(name, Text):
            raise ConfigError(f"{name.where}: a key must be a word")
        if name.among(["<<"]):
            raise ConfigError(f"{name.where}: merge keys are not allowed", "write the keys out")
        if name.text in lines:
            raise ConfigError(
                f"{name.where}: {shown(name.text)} is there twice, see {lines[name.text]}"
            )
        lines[name.text] = name.where
        pairs.append((name, value))
    return tuple(pairs)
