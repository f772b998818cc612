"""Writes the pages of this folder that are made from the code, and the inputs of the action.

`python docs/generate.py` writes them, `--check` only says which are out of date. A page is a
function in PAGES.
"""

import ast
import dataclasses
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from _inputs import manifests
from _rules import rules_page
from _schema import schema

from reviewer import config, plugins
from reviewer.binding import Wanted, hints_of, option, settings_of, written
from reviewer.reports.json import schema as report_schema

HERE: Final = Path(__file__).parent

CONFIGURATION: Final = """\
# Configuration

<!-- Written by docs/generate.py from the code; change it there. -->

Everything has a default: `reviewer review` needs no configuration. What is set comes from, the
later over the earlier:

1. the defaults, as the profile changes them
2. `.github/reviewer.yml` as it stands in the **base** of the change, so that a change cannot alter
   how it is reviewed itself
3. environment variables: the key in capitals, `REVIEWER_` before it, `_` for `.` and `-`
4. inputs of the action: the key with `-` for `.`, or its short name; the manifest, `action.yml`,
   lists them and the action's own
5. options of the command line

A value replaces the one before it as a whole; lists are not joined. In variables and inputs, lists
are split at commas and line ends, and an empty value sets nothing. `off` (or `none`) switches
off what has `off` among its values.

```yaml
profile: default
paths:
  exclude: [docs/**]
coverage:
  patch: 90
gate:
  fail-on: warning
rules:
  - rules: [ruff/S101]
    paths: [tests/**]
    severity: off
analyzers:
  disable: [trivy]
```

An unknown key, a wrong type or a value out of range ends the review with exit code 2 and a message
that names the file, the line, the key and the nearest right key. So do YAML anchors, aliases, merge
keys, tags, duplicate keys, files over 64 KiB and nesting deeper than 20 levels.

`reviewer init` writes a short file for what is in the checkout, with a first line that lets editors
complete and check it by the [JSON Schema](configuration.schema.json). `reviewer config` shows every
setting in force and where its value comes from.

"""

PROFILES: Final = """\
## Profiles

`quiet` comments only on what is surely bad, `default` on what a good engineer would raise, `strict`
on everything, and fails on warnings. A profile changes these defaults, and what is written down
wins over it:

"""

KNOWN: Final = """\
## Known findings

`reviewer baseline` reviews all files of HEAD and writes what it finds to
`.github/reviewer-baseline.json`. Findings in that file, as it stands in the base of a change, get
the standing `known`: they are in the report, and neither in comments nor in the verdict. A copy of
known code is a new finding. Run it again to drop what was mended; reviews say how many entries
occur no more.

## Comments that ignore a finding

`reviewer: ignore[ruff/S602] reason` in a comment lets the findings of a rule be that begin on its
line; several rules are parted by commas and may be patterns. It counts when the change did not add
the line: such findings have the standing `ignored`, with the reason.

"""

PATTERNS: Final = """\
## Patterns

Patterns of paths work as in `.gitignore`. One without an inner slash fits at any depth, others
start at the root. `*` and `?` stay within a name, `**` crosses folders, and what fits a folder fits
everything in it. All other characters stand for themselves. Rules are matched in the same way as
`tool/rule`: `ruff` is all of its rules, `ruff/S*` those that begin with S.

"""


def attribute_docs(cls: Any) -> Iterator[tuple[str, str]]:
    """The strings that stand below the fields of a class, by the name of the field."""
    body = ast.parse(inspect.cleandoc(inspect.getsource(cls))).body[0]
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for field, below in pairwise(statements):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str(t))
            ):
                yield name, " ".join(t.split())


def default_of(item: dataclasses.Field[Any]) -> str:
    """The default of a field, with what the profiles make of it."""
    if item.default_factory is not dataclasses.MISSING:
        return f"`{written(item.default_factory())}`"
    return (
        "none, it must be given"
        if item.default is dataclasses.MISSING
        else f"`{written(item.default)}`"
    )


def in_profiles(key: str) -> str:
    """What the profiles make of a default, as an addition to it."""
    return "".join(
        f"; {profile.value}: `{written(defaults[key])}`"
        for profile, defaults in config.PROFILES.items()
        if key in defaults
    )


def entries(cls: Any, prefix: str, *, item: bool = False) -> Iterator[str]:
    """List entries for the settings of `cls`; an `item` of a list is set in the file alone."""
    docs = dict(attribute_docs(cls))
    shorts = {key: short for short, key in config.FLAGS.items()}
    for field in settings_of(cls):
        hint, key = hints_of(cls)[field.name], prefix + option(field.name)
        if dataclasses.is_dataclass(hint):
            # The sections at the top level have a heading of their own.
            yield from entries(hint, f"{key}.") if prefix else ()
            continue
        wanted = Wanted.of(hint)
        about = f"`{key}`: {docs[field.name]}\\\n  " if field.name in docs else f"`{key}`: "
        yield f"- {about}{wanted.describe()}. Default: {default_of(field)}{in_profiles(key)}.\n"
        if not item and not (wanted.is_list and dataclasses.is_dataclass(wanted.inner)):
            names = [f"`{config.environment_name(key)}`", f"input `{config.input_name(key)}`"]
            if key in shorts:
                names += [f"input `{shorts[key]}`", f"`--{shorts[key]}`"]
            yield f"  Also {', '.join(dict.fromkeys(names))}.\n"


def section(title: str, cls: Any, prefix: str, *, item: bool = False) -> str:
    """The part of a page on one dataclass, "" if it has no settings."""
    lines = "".join(entries(cls, prefix, item=item))
    return f"## {title}\n\n{inspect.getdoc(cls)}\n\n{lines}\n" if lines else ""


def profiles() -> str:
    """What each profile changes, and which analyzers read it."""
    sections = plugins.discover("reviewer.analyzers")
    readers = [f"`{name}`" for name, cls in sections.items() if "profile" in hints_of(cls)]
    names, table = list(config.PROFILES), config.keys({})
    changed = sorted({key for defaults in config.PROFILES.values() for key in defaults})
    rows = [
        [
            f"`{key}`",
            *(f"`{written(config.PROFILES[n].get(key, table[key].default))}`" for n in names),
        ]
        for key in changed
    ]
    head = [["setting", *(f"`{name.value}`" for name in names)], ["---"] * (len(names) + 1)]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in head + rows)
    return f"{PROFILES}{lines}\nIt also chooses the rules of {', '.join(readers)}.\n\n"


def configuration() -> str:
    """Every setting of the reviewer and of its analyzers."""
    parts = [CONFIGURATION, section("General", config.Settings, "")]
    for field in settings_of(config.Settings):
        hint = hints_of(config.Settings)[field.name]
        name = option(field.name)
        if dataclasses.is_dataclass(hint):
            parts.append(section(f"`{name}`", hint, f"{name}."))
        elif (wanted := Wanted.of(hint)).is_list and dataclasses.is_dataclass(wanted.inner):
            parts.append(section(f"Items of `{name}`", wanted.inner, "", item=True))
    for name, cls in plugins.discover("reviewer.analyzers").items():
        parts.append(section(f"`analyzers.{name}`", cls, f"analyzers.{name}."))
    return "".join([*parts, profiles(), KNOWN, PATTERNS]).rstrip() + "\n"


def configuration_schema() -> str:
    """The JSON Schema of the file."""
    found = schema(plugins.discover("reviewer.analyzers"), attribute_docs)
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "configuration.md": configuration,
    "configuration.schema.json": configuration_schema,
    "report.schema.json": report_schema,
    "rules.md": rules_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` compare them. Returns the exit code."""
    stale = []
    pages = {HERE / name: page() for name, page in PAGES.items()}
    pages |= {HERE.parent / name: text for name, text in manifests(HERE.parent, attribute_docs)}
    for path, text in pages.items():
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(path.name)
            if arguments != ["--check"]:
                path.write_text(text, "utf-8")
    if arguments == ["--check"] and stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}\ntip: run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
