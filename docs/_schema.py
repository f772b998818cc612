"""The JSON Schema of the configuration, for completion and checks in editors."""

import dataclasses
import enum
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from reviewer import config
from reviewer.binding import TRUTH, Range, Wanted, hints_of, option, plain, settings_of
from reviewer.globs import PATTERN_CHARACTERS
from reviewer.version import RAW

Schema = dict[str, Any]
Docs = Callable[[Any], Iterator[tuple[str, str]]]

BOOLEAN: Final[Schema] = {"anyOf": [{"type": "boolean"}, {"enum": sorted(TRUTH)}]}
TEXT: Final[Schema] = {"type": ["string", "number", "boolean"]}
"""A word without quotes is text where text is wanted, whatever else it looks like."""

PATTERN: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": PATTERN_CHARACTERS,
    "pattern": "^(?!!)[\\s\\S]*[^/]",
}
"""What `globs.problem` lets pass."""

NOTHING: Final[Schema] = {"enum": ["off", "none", None]}

ANALYZERS: Final = ("analyzers.disable", "gate.required")
"""Settings whose items are names of analyzers."""


def schema(sections: Mapping[str, type[Any]], docs: Docs) -> Schema:
    """The schema (2020-12) of the file; `docs` gives the texts below the fields of a class."""
    whole = mapping(config.Settings, "", docs)
    analyzers = whole["properties"]["analyzers"]
    for name, cls in sections.items():
        about = inspect.getdoc(cls) or ""
        section = mapping(cls, f"analyzers.{name}.", docs)
        analyzers["properties"][name] = {"description": " ".join(about.split()), **section}
    for key in ANALYZERS:
        section_name, _, name = key.partition(".")
        place = whole["properties"][section_name]["properties"][name]
        place["items"] = {"enum": sorted(sections)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{RAW}/docs/configuration.schema.json",
        "title": "Configuration of reviewer",
        **whole,
    }


def mapping(cls: Any, prefix: str, docs: Docs) -> Schema:
    """A section: a mapping with the fields of a dataclass, or nothing."""
    texts, properties, required = dict(docs(cls)), {}, []
    for field in settings_of(cls):
        hint, name = hints_of(cls)[field.name], option(field.name)
        if dataclasses.is_dataclass(hint):
            about = inspect.getdoc(hint) or ""
            inner = mapping(hint, f"{prefix}{name}.", docs)
            properties[name] = {"description": " ".join(about.split()), **inner}
            continue
        properties[name] = one(hint, docs)
        if field.name in texts:
            properties[name]["description"] = texts[field.name]
        if field.default is not dataclasses.MISSING:
            properties[name]["default"] = shown(field.default)
        elif field.default_factory is dataclasses.MISSING:
            required.append(name)
    found: Schema = {
        "type": "object" if required else ["object", "null"],
        "additionalProperties": False,
        "properties": properties,
    }
    return {**found, "required": required} if required else found


def shown(default: Any) -> Any:
    """A default as the file would have it."""
    return "off" if default is None else plain(default)


def one(hint: Any, docs: Docs) -> Schema:
    """The schema of one value."""
    wanted = Wanted.of(hint)
    found = _plain(wanted, docs)
    return {"anyOf": [found, NOTHING]} if wanted.optional else found


def _plain(wanted: Wanted, docs: Docs) -> Schema:
    kind = wanted.kind
    bounds = [rule for rule in wanted.rules if isinstance(rule, Range)]
    if wanted.is_list:
        return {"type": "array", "items": one(wanted.inner, docs)}
    if typing.get_origin(kind) is Mapping:
        return {"type": "object", "additionalProperties": one(wanted.inner, docs)}
    if dataclasses.is_dataclass(kind):
        return mapping(kind, "", docs)
    if issubclass(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    if kind is bool:
        return dict(BOOLEAN)
    if kind in (int, float):
        number: Schema = {"type": "integer" if kind is int else "number"}
        for bound in bounds:
            number |= {"minimum": bound.low}
            number |= {} if bound.high == float("inf") else {"maximum": bound.high}
        return number
    return dict(PATTERN if wanted.rules else TEXT)
