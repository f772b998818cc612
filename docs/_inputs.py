"""The inputs of the action, as its manifests declare them: its own, then every setting."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from reviewer import config
from reviewer.binding import Wanted, hints_of, option, settings_of, written
from reviewer.config import input_variables
from reviewer.inputs import INPUTS, Input

Docs = Callable[[Any], Iterator[tuple[str, str]]]

START: Final = "  # The inputs are written by docs/generate.py; change them there."
END: Final = "  # End of the inputs."
"""The lines of a manifest between which the inputs stand."""

FIRST: Final = "        # The variables are written by docs/generate.py as well.\n"
LAST: Final = "        # End of the variables.\n"
"""The lines between which the composite action hands its inputs on."""

MANIFESTS: Final = ("action.yml", "gpu/action.yml")


def manifest(docs: Docs) -> dict[str, Input]:
    """Every input by its name; `docs` gives the texts below the fields of a class."""
    short = {key: name for name, key in config.FLAGS.items()}
    settings = dict(_settings(config.Settings, "", docs))
    named = {short.get(key, config.input_name(key)): about for key, about in settings.items()}
    return dict(INPUTS) | named


def _settings(cls: Any, prefix: str, docs: Docs) -> Iterator[tuple[str, Input]]:
    """The settings that one word can set, by dotted key. None has a default of its own."""
    texts = dict(docs(cls))
    for field in settings_of(cls):
        hint, key = hints_of(cls)[field.name], prefix + option(field.name)
        if dataclasses.is_dataclass(hint):
            yield from _settings(hint, f"{key}.", docs)
            continue
        wanted = Wanted.of(hint)
        if wanted.is_list and dataclasses.is_dataclass(wanted.inner):
            continue
        told = f"Without it: `{written(field.default)}`, or what the settings say."
        yield key, Input(f"{texts[field.name]} {_capital(wanted.describe())}. {told}")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def block(found: Mapping[str, Input]) -> str:
    """The inputs as YAML, indented as below `inputs:`; JSON strings are YAML strings."""
    lines = []
    for name, each in found.items():
        about = json.dumps(each.about, ensure_ascii=False)
        default = json.dumps(each.default, ensure_ascii=False)
        lines.append(f"  {name}:\n    description: {about}\n    default: {default}\n")
    return "".join(lines)


def within(text: str, inputs: str) -> str:
    """A manifest with these inputs between its two marks; without both marks as it is."""
    head, start, rest = text.partition(f"{START}\n")
    _, end, tail = rest.partition(f"{END}\n")
    return f"{head}{start}{inputs}{end}{tail}" if start and end else text


def handed_on(text: str, names: Iterable[str]) -> str:
    """A manifest that hands these inputs on as variables, if it has the marks for that."""
    head, start, rest = text.partition(FIRST)
    _, end, tail = rest.partition(LAST)
    variables = (f"{input_variables(name)[1]}: ${{{{ inputs.{name} }}}}" for name in names)
    lines = "".join(f"        {line}\n" for line in variables)
    return f"{head}{start}{lines}{end}{tail}" if start and end else text


def manifests(top: Path, docs: Docs) -> Iterator[tuple[str, str]]:
    """The manifests that are there, with the inputs as they should be."""
    found = manifest(docs)
    inputs = block(found)
    for name in MANIFESTS:
        if (top / name).is_file():
            yield name, handed_on(within((top / name).read_text("utf-8"), inputs), found)
