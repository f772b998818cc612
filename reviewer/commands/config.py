"""`reviewer config`: every setting in force, with its value and where it comes from."""

import argparse
import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from reviewer import plugins
from reviewer.arguments import CONFIG_FILE
from reviewer.binding import field, plain, written
from reviewer.commands import _parts as parts
from reviewer.config import Config, keys
from reviewer.errors import InputError
from reviewer.forges.local import Local
from reviewer.reports._paper import Paper, Piece
from reviewer.text import redact, terminal

FORMATS: Final = ("table", "json")
UNTOUCHED: Final = ("default", "profile default")
"""Sources of what nobody has set."""


class Row(NamedTuple):
    """One setting."""

    key: str
    value: Any
    source: str


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer config`: resolve the settings as a review would, and show them."""
    if arguments.format not in FORMATS:
        raise InputError(
            f"there is no format {arguments.format!r} of the settings",
            f"choose from: {', '.join(FORMATS)}",
        )
    with parts.private_folder() as name:
        path = parts.search_path(environ, Path(arguments.repo))
        forge = parts.local(arguments, environ, path, Path(name))
        sections = plugins.discover("reviewer.analyzers")
        config = parts.config(arguments.config, parts.flags(arguments), environ, forge, sections)
        found = [Row(key, value_of(config, key), config.sources[key]) for key in keys(sections)]
        shown = [row for row in found if not arguments.changed or row.source not in UNTOUCHED]
        if arguments.format == "json":
            parts.show(as_json(shown))
        else:
            remarks = _remarks(arguments.config, forge)
            parts.show(as_table(shown, remarks, **parts.screen(environ)))
    return 0


def value_of(config: Config, key: str) -> Any:
    """The value of a setting by its dotted key."""
    first, *names = key.split(".")
    value: Any = getattr(config.settings, field(first))
    if first == "analyzers" and names[0] in config.analyzers:
        value = config.analyzers[names.pop(0)]
    for name in names:
        value = getattr(value, field(name))
    return value


def as_json(rows: list[Row]) -> str:
    """The settings by key, for programs. What has the shape of a secret is masked."""
    found = {row.key: {"value": plain(row.value), "source": row.source} for row in rows}
    return redact(json.dumps(found, indent=2)) + "\n"


def as_table(rows: list[Row], remarks: tuple[str, ...], *, width: int, colour: bool) -> str:
    """The settings for people, section by section."""
    paper = Paper(width, colour=colour)
    for remark in remarks:
        paper.line((terminal(remark), ""))
    for section, members in groupby(sorted(rows, key=lambda row: "." in row.key), key=_section):
        paper.heading(section or "general")
        paper.rows(_pieces(row, section) for row in members)
    return paper.read()


def _pieces(row: Row, section: str) -> list[Piece]:
    """A row of the table; what somebody has set stands out."""
    ours = row.source in UNTOUCHED
    return [
        (row.key.removeprefix(f"{section}."), ""),
        (terminal(redact(written(row.value))), "" if ours else "bold"),
        (terminal(redact(row.source)), "dim" if ours else "cyan"),
    ]


def _section(row: Row) -> str:
    return row.key.rpartition(".")[0]


def _remarks(file: str | None, forge: Local) -> tuple[str, ...]:
    """What the settings are those of, and whether the work tree has others in store."""
    if file is not None:
        return (f"The settings of {file}.",)
    ref = forge.trusted_ref
    told = [f"The settings of a change to {forge.base or 'the default branch'} ({ref[:12]})."]
    here = forge.repository.top / CONFIG_FILE
    there = forge.repository.at(ref, CONFIG_FILE)
    if not forge.repository.bare and here.is_file() and here.read_bytes() != there:
        told.append(
            f"{CONFIG_FILE} of this work tree differs: it takes effect once it is merged. "
            f"To see it: reviewer config --config {CONFIG_FILE}"
        )
    return tuple(told)
