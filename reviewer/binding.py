"""From what somebody wrote to typed values: words, lists and mappings into frozen dataclasses.

What is written stays text until the type of its setting says what it means, so `no` is a word where
text is wanted and false where a truth value is. Each piece knows where it was written, and each
ConfigError names the place, the key, what is wanted and the nearest right word.
"""

import dataclasses
import enum
import json
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Final, Protocol, TypeAlias

from reviewer.errors import ConfigError

NULL: Final = ("", "~", "null", "Null", "NULL")
"""Words without a value (YAML 1.2, section 10.3.2)."""
NOTHING: Final = (*NULL, "none", "off")
"""Words that switch an optional setting off."""
TRUTH: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""Words for truth values (YAML 1.1, type bool), less the single letters."""
NOUNS: Final = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
PLAIN: Final = re.compile(r"(?![-+.0-9]*$)[A-Za-z0-9_./][A-Za-z0-9_./*+ -]*(?<! )")
"""Text that needs no quotes, in a list or alone."""
INTEGER: Final = re.compile(r"[-+]?[0-9]{1,15}")
NUMBER: Final = re.compile(r"[-+]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})")
"""15 digits are what a float keeps (IEEE 754 binary64)."""


@dataclass(frozen=True, slots=True)
class Text:
    """A word and where it was written. A quoted word is text and nothing else."""

    text: str
    where: str
    quoted: bool = False

    def among(self, words: Iterable[str]) -> bool:
        """Whether it is one of these words with a meaning of their own."""
        return not self.quoted and self.text in words


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple["Written", ...]
    where: str


@dataclass(frozen=True, slots=True)
class Entries:
    """Names and their values, each name once."""

    entries: tuple[tuple[Text, "Written"], ...]
    where: str


Written: TypeAlias = Text | Items | Entries


class Rule(Protocol):
    """What `Annotated` may add to the type of a setting."""

    def wanted(self, noun: str) -> str:
        """`noun` ("a number") with what the rule adds to it."""
        ...

    def allows(self, value: Any) -> bool: ...


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number, both allowed. A number without a rule is 0 or more."""

    low: float = 0
    high: float = math.inf

    def wanted(self, noun: str) -> str:
        above = "or more" if self.high == math.inf else f"to {self.high:.9g}"
        return f"{noun}, {self.low:.9g} {above}"

    def allows(self, value: Any) -> bool:
        return bool(self.low <= value <= self.high)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A type hint taken apart: the type, the rules of `Annotated`, and whether None will do."""

    kind: Any
    rules: tuple[Rule, ...]
    optional: bool

    @classmethod
    def of(cls, hint: Any) -> "Wanted":
        """Raises TypeError for a hint that no setting can have."""
        optional = False
        if typing.get_origin(hint) in (typing.Union, types.UnionType):
            others = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
            if len(others) != 1:
                raise TypeError(f"a setting cannot be of type {hint}")
            hint, optional = others[0], True
        if typing.get_origin(hint) is Annotated:
            kind, *rules = typing.get_args(hint)
            return cls(kind, tuple(rules), optional)
        return cls(hint, (Range(),) if hint in (int, float) else (), optional)

    @property
    def is_list(self) -> bool:
        return typing.get_origin(self.kind) is tuple

    @property
    def inner(self) -> Any:
        """The type of the items of a tuple or of the values of a mapping."""
        return typing.get_args(self.kind)[0 if self.is_list else 1]

    def describe(self) -> str:
        """What may be written, as a noun with its article."""
        origin, kind = typing.get_origin(self.kind), self.kind
        if self.is_list:
            noun = f"a list, each {Wanted.of(self.inner).describe()}"
        elif origin is Mapping:
            noun = f"names, each with {Wanted.of(self.inner).describe()}"
        elif dataclasses.is_dataclass(kind):
            noun = f"a mapping with {', '.join(f'`{option(i.name)}`' for i in settings_of(kind))}"
        elif issubclass(kind, enum.Enum):
            noun = ", ".join(f"`{member.value}`" for member in kind)
        else:
            noun = NOUNS.get(kind, "")
        if not noun:
            raise TypeError(f"a setting cannot be of type {kind}")
        for rule in self.rules:
            noun = rule.wanted(noun)
        return f"{noun}, or `off`" if self.optional else noun


def option(name: str) -> str:
    """A field's name as people write it."""
    return name.replace("_", "-")


def field(name: str) -> str:
    """The field that people write as `name`."""
    return name.replace("-", "_")


def settings_of(cls: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a dataclass that are settings."""
    return [item for item in dataclasses.fields(cls) if item.init]


def hints_of(cls: Any) -> dict[str, Any]:
    """The type hints of a dataclass by field name, with what `Annotated` adds."""
    return typing.get_type_hints(cls, include_extras=True)


def shown(text: str) -> str:
    """`text` quoted and kept short, safe on a terminal."""
    return ascii(text if len(text) <= 60 else f"{text[:57]}...")


def nearest(word: str, words: Iterable[str]) -> str:
    """A tip that names what was probably meant, or else what there is."""
    known = sorted(words)
    close = get_close_matches(word[:60], known, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"choose from: {', '.join(known)}" if known else ""


def bind(written: Written, hint: Any, key: str) -> Any:
    """The value of type `hint` that `written` says; `key` is how errors call it.

    Types are str, int, float, bool, enumerations, `tuple[X, ...]`, `Mapping[str, X]`, dataclasses,
    `X | None`, and `Annotated[X, Rule]` of these. Raises ConfigError.
    """
    wanted = Wanted.of(hint)
    origin = typing.get_origin(wanted.kind)
    value: Any = None
    match written:
        case Text() if wanted.optional and written.among(NOTHING):
            return None
        case Items() if wanted.is_list:
            return tuple(bind(item, wanted.inner, key) for item in written.items)
        case Entries() if origin is Mapping:
            items = ((name.text, bind(v, wanted.inner, key)) for name, v in written.entries)
            return types.MappingProxyType(dict(items))
        case Entries() if dataclasses.is_dataclass(wanted.kind):
            return _dataclass(written, wanted.kind, key)
        case Text() if isinstance(wanted.kind, type):
            value = _scalar(written, wanted.kind)
    if value is None or not all(rule.allows(value) for rule in wanted.rules):
        raise _refusal(written, wanted, key)
    return value


def _scalar(written: Text, kind: type[Any]) -> Any:
    """None if the text is no `kind`."""
    text = written.text
    if written.among(NULL) or (written.quoted and kind in (bool, int, float)):
        return None
    if issubclass(kind, enum.Enum):
        return next((member for member in kind if member.value == text), None)
    if kind is bool:
        return TRUTH.get(text.lower())
    if kind is int:
        return int(text) if INTEGER.fullmatch(text) else None
    if kind is float:
        return float(text) if NUMBER.fullmatch(text) else None
    return text if kind is str else None


def _dataclass(written: Entries, cls: Any, key: str) -> Any:
    hints = {option(item.name): (item, hints_of(cls)[item.name]) for item in settings_of(cls)}
    values = {}
    for name, value in written.entries:
        if name.text not in hints:
            raise unknown(name, f"{key}.{name.text}", hints)
        item, hint = hints[name.text]
        values[item.name] = bind(value, hint, f"{key}.{name.text}")
    for name_, (item, _) in hints.items():
        optional = (item.default, item.default_factory) != (dataclasses.MISSING,) * 2
        if not optional and item.name not in values:
            raise ConfigError(
                f"{written.where}: {key}: `{name_}` is missing", f"add `{name_}: ...`"
            )
    return cls(**values)


def _refusal(written: Written, wanted: Wanted, key: str) -> ConfigError:
    tip = ""
    match written:
        case Items():
            got = "a list"
        case Entries():
            got = "a mapping"
        case Text() if written.among(NULL):
            got, tip = "nothing", "give it a value, or remove the line"
        case _:
            got = shown(written.text)
            if written.quoted and wanted.kind in (bool, int, float):
                got, tip = f"the text {got}", "write the value without quotes"
            elif wanted.is_list:
                tip = f"write it as a list: [{got}]"
            elif isinstance(wanted.kind, type) and issubclass(wanted.kind, enum.Enum):
                tip = nearest(written.text, (str(member.value) for member in wanted.kind))
    return ConfigError(f"{written.where}: {key}: expected {wanted.describe()}; got {got}", tip)


def unknown(name: Text, key: str, known: Iterable[str]) -> ConfigError:
    """The error for a key that is none."""
    return ConfigError(f"{name.where}: there is no setting {shown(key)}", nearest(name.text, known))


def written(value: Any) -> str:
    """A value as it would stand in the file, on one line."""
    match value:
        case enum.Enum():
            text = str(value.value)
        case bool() | None:
            text = "true" if value else "off" if value is None else "false"
        case float() | int():
            text = f"{value:.9g}"
        case Mapping():
            text = f"{{{', '.join(f'{name}: {written(item)}' for name, item in value.items())}}}"
        case tuple():
            text = f"[{', '.join(map(written, value))}]"
        case str():
            text = value if PLAIN.fullmatch(value) else json.dumps(value)
        case _:
            text = written({option(i.name): getattr(value, i.name) for i in settings_of(value)})
    return text


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case enum.Enum():
            return value.value
        case Mapping():
            return {name: plain(item) for name, item in value.items()}
        case tuple():
            return [plain(item) for item in value]
        case bool() | int() | float() | str() | None:
            return value
    return plain({option(item.name): getattr(value, item.name) for item in settings_of(value)})
