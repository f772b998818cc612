"""The settings of a review, and where each of them comes from.

Defaults < the file `.github/reviewer.yml` of the base < environment variables `REVIEWER_...` <
inputs of the action `INPUT_...` < the command line. A layer replaces a value as a whole: lists are
not joined. A profile only changes defaults, so that whatever is written down wins over it.

Settings and plug-ins are frozen dataclasses whose fields are the keys, `-` for `_`. This module is
pure: texts come in, values and ConfigErrors come out.
"""

import dataclasses
import enum
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

from reviewer import globs
from reviewer.binding import (
    NOTHING,
    NULL,
    Entries,
    Items,
    Range,
    Text,
    Wanted,
    bind,
    hints_of,
    nearest,
    option,
    settings_of,
    shown,
    unknown,
)
from reviewer.errors import ConfigError
from reviewer.globs import Glob
from reviewer.model import Category, Confidence, Severity
from reviewer.modelling import EngineSettings, ModelSettings

Percent = Annotated[float, Range(0, 100)]


class Profile(enum.Enum):
    """How much is said: a set of defaults."""

    QUIET = "quiet"
    DEFAULT = "default"
    STRICT = "strict"


class FailOn(enum.Enum):
    """The lowest severity that fails the gate."""

    NONE = "none"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Paths:
    """Which files of the change are reviewed.

    Patterns are those of `.gitignore` with `**`, `*` and `?`; `!` and `[...]` mean nothing here.
    """

    include: tuple[Glob, ...] = ("**",)
    """Only files that one of these fits are reviewed."""
    exclude: tuple[Glob, ...] = ()
    """Files that one of these fits are not reviewed."""
    generated: tuple[Glob, ...] = (
        "*.min.js",
        "*.min.css",
        "*.js.map",
        "*.css.map",
        "*_pb2.py",
        "*_pb2.pyi",
        "*_pb2_grpc.py",
        "*.pb.go",
        "*.snap",
        "node_modules/",
        "vendor/**",
        "third_party/**",
        "_vendor/",
    )
    """Files that nobody writes by hand, left out like those marked `linguist-generated` in the
    `.gitattributes` of the base."""


@dataclass(frozen=True, slots=True)
class CoverageSettings:
    """Coverage of the lines that the change adds."""

    files: tuple[str, ...] = ()
    """Coverage reports to read; without any, the usual places are searched."""
    patch: Percent | None = 80.0
    """Lowest coverage of the added lines, in percent."""
    total: Percent | None = None
    """Lowest coverage of the whole project, in percent."""
    min_lines: Annotated[int, Range(0, 1_000_000)] = 5
    """With fewer added lines that can be measured, coverage of the change is not judged."""
    required: bool = False
    """Whether the gate fails when coverage cannot be told."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What fails the review. Only findings on lines of the change count."""

    fail_on: FailOn = FailOn.ERROR
    """Lowest severity of a finding that fails the gate; `none` lets every finding pass."""
    confidence: Confidence = Confidence.MEDIUM
    """Lowest confidence of a finding that fails the gate."""
    score: Percent | None = None
    """Lowest score that passes, in points of 100."""
    required: tuple[str, ...] = ()
    """Analyzers that must have run; otherwise the gate fails."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Pull requests that are not reviewed at all: the command says so and ends with 0.

    Patterns are those of paths. Labels, titles and authors fit from end to end, in whatever case.
    """

    drafts: bool = True
    """Whether drafts are left until they are ready for review."""
    labels: tuple[Glob, ...] = ()
    """Labels of pull requests that are not reviewed."""
    titles: tuple[Glob, ...] = ()
    """Titles of pull requests that are not reviewed, such as `Revert *`."""
    authors: tuple[Glob, ...] = ()
    """Authors whose pull requests are not reviewed."""
    branches: tuple[Glob, ...] = ()
    """Branches that are not reviewed, by the name of the branch that is to be merged."""
    paths: tuple[Glob, ...] = ()
    """A change is not reviewed when one of these fits each of its files."""


@dataclass(frozen=True, slots=True)
class Comments:
    """What is said on the pull request; all of it is in the report."""

    inline: Annotated[int, Range(0, 1000)] = 10
    """Most comments on lines."""
    inline_from: Severity = Severity.WARNING
    """Lowest severity of a finding that gets a comment on its line."""
    confidence_from: Confidence = Confidence.MEDIUM
    """Lowest confidence of a finding that gets a comment on its line."""
    suggestions: bool = True
    """Whether comments offer a proven mend that can be committed with one click."""
    request_changes: bool = False
    """Whether a review that fails the gate asks for changes, where the token may do that."""
    check: bool = True
    """Whether a check run on the head shows the verdict, where the job has `checks: write`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how wide the analyzers run."""

    seconds: Annotated[float, Range(1, 3600)] = 120.0
    """Longest time of one analyzer, in seconds."""
    workers: Annotated[int, Range(0, 256)] = 0
    """Most analyzers that run at a time; 0 is one a processor core."""


Weight = Annotated[float, Range(0, 100)]


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of the heuristics in the score. What could not be judged takes no share."""

    coverage: Weight = 20.0
    """Coverage of the added lines."""
    correctness: Weight = 20.0
    """Code that is probably wrong."""
    security: Weight = 20.0
    """Weaknesses, secrets, vulnerable dependencies, hidden characters."""
    complexity: Weight = 10.0
    """Code that became harder to follow."""
    duplication: Weight = 10.0
    """Code that is there already."""
    tests: Weight = 10.0
    """Tests that come, or do not come, with the change."""
    documentation: Weight = 5.0
    """Public names without a description."""
    naming: Weight = 3.0
    """Names against the conventions of their language."""
    style: Weight = 2.0
    """Form without consequence."""

    def __getitem__(self, category: Category) -> float:
        return float(getattr(self, category.value))


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """A severity for some rules in some paths."""

    severity: Severity | None
    """The severity these findings get."""
    rules: tuple[Glob, ...] = ("**",)
    """Rules as `tool/rule`, with the patterns of paths: `ruff`, `ruff/S*`."""
    paths: tuple[Glob, ...] = ("**",)
    """Files where it holds."""


@dataclass(frozen=True, slots=True)
class AnalyzerSettings:
    """Which analyzers run."""

    disable: tuple[str, ...] = ()
    """Analyzers that do not run."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, but for the analyzers' own sections."""

    profile: Profile = Profile.DEFAULT
    """The set of defaults."""
    sarif_upload: bool = False
    """Whether the findings become code scanning alerts; that needs `security-events: write`."""
    skip: Skip = Skip()
    paths: Paths = Paths()
    coverage: CoverageSettings = CoverageSettings()
    gate: Gate = Gate()
    comments: Comments = Comments()
    limits: Limits = Limits()
    engine: EngineSettings = EngineSettings()  # noqa: RUF009 - frozen
    model: ModelSettings = ModelSettings()  # noqa: RUF009 - frozen
    weights: Weights = Weights()
    rules: tuple[RuleSetting, ...] = ()
    """Severities by rule and path; the last one that fits a finding wins."""
    analyzers: AnalyzerSettings = AnalyzerSettings()


PROFILES: Final[Mapping[Profile, Mapping[str, Any]]] = {
    Profile.QUIET: {
        "comments.inline-from": Severity.ERROR,
        "comments.confidence-from": Confidence.HIGH,
    },
    Profile.DEFAULT: {},
    Profile.STRICT: {
        "comments.inline-from": Severity.NOTE,
        "comments.confidence-from": Confidence.LOW,
        "gate.fail-on": FailOn.WARNING,
    },
}
"""The defaults that a profile changes; analyzers read the profile for themselves."""

FLAGS: Final[Mapping[str, str]] = {
    "profile": "profile",
    "fail-on": "gate.fail-on",
    "min-coverage": "coverage.patch",
    "min-score": "gate.score",
}
"""Short names of settings: `--fail-on` on the command line, `fail-on` as an input of the action."""

PREFIX: Final = "REVIEWER_"
NOT_SETTINGS: Final = frozenset(
    {"REVIEWER_AUDIT_KEY", "REVIEWER_DATA_DIR", "REVIEWER_ENGINE_KEY", "REVIEWER_TOKEN"}
)
"""Variables with our prefix that somebody else reads."""
KUBERNETES: Final = re.compile(r"REVIEWER_(?:SERVICE_(?:HOST|PORT)|PORT)(?:_\w+)?")
"""What Kubernetes sets in every pod beside a service called `reviewer` (Service, environment
variables)."""


class Key(NamedTuple):
    """One setting: its type and its default."""

    hint: Any
    default: Any


class Given(NamedTuple):
    """A value, and where it comes from: ".github/reviewer.yml:12", "--min-coverage"."""

    value: Any
    source: str


Layer: TypeAlias = Mapping[str, Given]
"""What one source sets, by dotted key: "coverage.min-lines"."""

Sections: TypeAlias = Mapping[str, type[Any]]
"""The analyzers' dataclasses by name."""


@dataclass(frozen=True)
class Config:
    """The settings in force.

    `analyzers` has one instance for each section. `sources` says for each dotted key where its
    value comes from.
    """

    settings: Settings
    analyzers: Mapping[str, Any]
    sources: Mapping[str, str]


def keys(sections: Sections) -> dict[str, Key]:
    """All settings by dotted key. Raises TypeError for a field that cannot be a setting."""
    found = dict(_keys(Settings, ""))
    for name, cls in sections.items():
        found |= _keys(cls, f"analyzers.{name}.")
    return found


def _keys(cls: Any, prefix: str) -> Iterator[tuple[str, Key]]:
    hints = hints_of(cls)
    for item in settings_of(cls):
        name, hint = prefix + option(item.name), hints[item.name]
        if dataclasses.is_dataclass(hint):
            yield from _keys(hint, f"{name}.")
            continue
        Wanted.of(hint).describe()
        factory = item.default_factory
        default = item.default if factory is dataclasses.MISSING else factory()
        yield name, Key(hint, default)


def parse(data: bytes | str, filename: str, sections: Sections) -> Layer:
    """The settings in a YAML file. Raises ConfigError."""
    # Reading YAML costs 30 ms of imports, which `--help` and most hooks never need.
    from reviewer.yamlfile import read  # noqa: PLC0415

    groups = {"analyzers": {*(item.name for item in settings_of(AnalyzerSettings)), *sections}}
    return dict(_flatten(read(data, filename), "", keys(sections), groups))


def _flatten(
    entries: Entries, prefix: str, table: Mapping[str, Key], groups: Mapping[str, set[str]]
) -> Iterator[tuple[str, Given]]:
    children = {key[len(prefix) :].partition(".")[0] for key in table if key.startswith(prefix)}
    children |= groups.get(prefix.rstrip("."), set())
    for name, value in entries.entries:
        key = prefix + name.text
        if name.text not in children:
            raise unknown(name, key, children)
        if key in table:
            yield key, Given(bind(value, table[key].hint, key), name.where)
        elif isinstance(value, Entries):
            yield from _flatten(value, f"{key}.", table, groups)
        elif not (isinstance(value, Text) and value.among(NULL)):
            raise ConfigError(
                f"{value.where}: {key}: expected a section", "write its settings indented below"
            )


def environment_name(key: str) -> str:
    """The variable that sets `key`: REVIEWER_COVERAGE_MIN_LINES."""
    return PREFIX + re.sub(r"[.-]", "_", key).upper()


def input_name(key: str) -> str:
    """The input of the action that sets `key`: coverage-min-lines."""
    return key.replace(".", "-")


def input_variables(name: str) -> tuple[str, str]:
    """The variables that may hold the input `name`: INPUT_FAIL-ON, INPUT_FAIL_ON.

    The runner keeps the hyphens (actions/runner, ContainerActionHandler.cs); most shells cannot.
    """
    variable = f"INPUT_{name.upper()}"
    return variable, variable.replace("-", "_")


def for_children(environ: Mapping[str, str], sections: Sections) -> dict[str, str]:
    """The variables and inputs in `environ` that are settings, and no others."""
    table = keys(sections)
    names = {environment_name(key) for key in table}
    for given in (*map(input_name, table), *FLAGS):
        names.update(input_variables(given))
    return {name: environ[name] for name in sorted(names & environ.keys())}


def from_environ(environ: Mapping[str, str], sections: Sections) -> Layer:
    """The settings in variables and in inputs of the action; an input wins, empty ones are unset.

    Other actions' inputs may be in the environment, so an unknown input is no error; an unknown
    variable with our prefix is. Raises ConfigError.
    """
    table = keys(sections)
    variables = {environment_name(key): key for key in table}
    names = [(input_name(key), key) for key in table]
    inputs = {
        name: key for given, key in (*names, *FLAGS.items()) for name in input_variables(given)
    }
    found: dict[str, Given] = {}
    for name in sorted(environ):
        foreign = name in NOT_SETTINGS or KUBERNETES.fullmatch(name)
        if not name.startswith(PREFIX) or name in variables or foreign:
            continue
        raise unknown(Text(name, "environment"), name, (*variables, *NOT_SETTINGS))
    for source in (variables, inputs):
        for name, key in source.items():
            if text := environ.get(name, "").strip():
                found[key] = Given(_from_text(text, table[key].hint, key, name), name)
    return found


def from_flags(flags: Mapping[str, str | None]) -> Layer:
    """The settings on the command line by the names of FLAGS; None is not given.

    Raises ConfigError.
    """
    table = keys({})
    found = {}
    for name, text in flags.items():
        if text is not None:
            key, source = FLAGS[name], f"--{name}"
            found[key] = Given(_from_text(text, table[key].hint, key, source), source)
    return found


def _from_text(text: str, hint: Any, key: str, where: str) -> Any:
    """A value that came as one string; lists are split at commas and line ends."""
    wanted = Wanted.of(hint)
    if not wanted.is_list or (wanted.optional and text in NOTHING):
        return bind(Text(text, where), hint, key)
    parts = (part.strip() for part in re.split(r"[,\n]", text))
    return bind(Items(tuple(Text(part, where) for part in parts if part), where), hint, key)


def resolve(layers: Sequence[Layer], sections: Sections) -> Config:
    """Put `layers` over the defaults, the later over the earlier. Raises ConfigError."""
    given: dict[str, Given] = {}
    for layer in layers:
        given |= layer
    table = keys(sections)
    profile = given["profile"].value if "profile" in given else Settings().profile
    source = f"profile {profile.value}"
    preset = {key: Given(value, source) for key, value in PROFILES[profile].items()}
    for key in (f"analyzers.{name}.profile" for name in sections):
        if key in table:
            written = Text(profile.value, source)
            preset[key] = Given(bind(written, table[key].hint, key), source)
    default = {key: Given(item.default, "default") for key, item in table.items()}
    chosen = default | preset | given
    for key in ("analyzers.disable", "gate.required"):
        for name in chosen[key].value:
            if name not in sections:
                raise ConfigError(
                    f"{chosen[key].source}: {key}: there is no analyzer {shown(name)}",
                    nearest(name, sections),
                )
    return Config(
        _instance(Settings, "", chosen),
        MappingProxyType(
            {name: _instance(cls, f"analyzers.{name}.", chosen) for name, cls in sections.items()}
        ),
        MappingProxyType({key: item.source for key, item in chosen.items()}),
    )


def _instance(cls: type[Any], prefix: str, chosen: Mapping[str, Given]) -> Any:
    hints = hints_of(cls)
    values = {}
    for item in settings_of(cls):
        key, hint = prefix + option(item.name), hints[item.name]
        nested = dataclasses.is_dataclass(hint)
        values[item.name] = _instance(hint, f"{key}.", chosen) if nested else chosen[key].value
    return cls(**values)


def excluded(paths: Paths, linguist: Mapping[str, str]) -> Callable[[str], str]:
    """A function that says why a path is left out, "" if it is not.

    `linguist` maps the paths that the base marks `linguist-generated` or `linguist-vendored` to
    "generated" or "vendored".
    """

    def reason(path: str) -> str:
        if pattern := globs.first(paths.exclude, path):
            return f"excluded by paths.exclude: {pattern}"
        if not globs.first(paths.include, path):
            return "not in paths.include"
        if path in linguist:
            return f"{linguist[path]}: marked in .gitattributes"
        if pattern := globs.first(paths.generated, path):
            return f"generated: {pattern}"
        return ""

    return reason


def severity_for(
    rules: Sequence[RuleSetting], rule_id: str, path: str
) -> Severity | Literal["off"] | None:
    """The severity that the last fitting setting gives; "off" hides, None leaves it to the tool."""
    for setting in reversed(rules):
        if globs.first(setting.rules, rule_id) and globs.first(setting.paths, path):
            return setting.severity or "off"
    return None
