"""Settings: where they come from, what wins, and what is said when one is wrong."""

import dataclasses
import enum
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer import config, globs
from reviewer.binding import Range
from reviewer.config import Config, FailOn, Profile, RuleSetting, Settings
from reviewer.errors import ConfigError
from reviewer.model import Category, Confidence, Severity

ROOT = Path(__file__).parent.parent
FILE = ".github/reviewer.yml"


class Colour(enum.Enum):
    RED = "red"


@dataclass(frozen=True)
class Limit:
    most: int = 3


@dataclass(frozen=True)
class Linter:
    name: ClassVar[str] = "linter"
    profile: str = "default"
    select: tuple[str, ...] = ()
    levels: Mapping[str, int] = field(default_factory=dict)
    ratio: float = 0.5
    below: Annotated[int, Range(-10, 10)] = -1
    colour: Colour = Colour.RED
    fast: bool = True
    limit: Limit = Limit()
    extra: tuple[str, ...] | None = None
    _state: int = field(default=0, init=False)


@dataclass(frozen=True)
class Plain:
    name: ClassVar[str] = "plain"


@dataclass(frozen=True)
class Graded:
    profile: Profile = Profile.DEFAULT


SECTIONS: dict[str, type[Any]] = {"linter": Linter, "plain": Plain, "graded": Graded}


def load(
    text: str = "",
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, str | None] | None = None,
) -> Config:
    layers = [
        config.parse(text, FILE, SECTIONS),
        config.from_environ(environ or {}, SECTIONS),
        config.from_flags(flags or {}),
    ]
    return config.resolve(layers, SECTIONS)


def refused(text: str = "", **other: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(text, **other)
    assert caught.value.exit_code == 2
    return caught.value


def test_without_any_source_everything_is_default():
    result = load()
    assert result.settings == Settings()
    assert result.analyzers == {"linter": Linter(), "plain": Plain(), "graded": Graded()}
    assert set(result.sources) == set(config.keys(SECTIONS))
    changed = {key: source for key, source in result.sources.items() if source != "default"}
    assert changed == {
        "analyzers.linter.profile": "profile default",
        "analyzers.graded.profile": "profile default",
    }


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "~", "paths:\ngate: null\n", "\ufeff"]
)
def test_a_file_without_values_sets_nothing(text: str):
    assert load(text).settings == Settings()


def test_every_kind_of_value_in_a_file():
    text = """
profile: strict
paths:
  exclude: [docs/**, "*.md"]
coverage: {patch: 92.5, total: off, min-lines: 0, required: yes}
gate:
  fail-on: note
  required: [linter]
weights: {tests: 1}
rules:
  - rules: [linter/X*]
    severity: off
  - severity: note
    paths: [tests/**]
analyzers:
  disable: [plain]
  plain: {}
  linter:
    select: [no, 80, "true"]
    levels: {a: 1, b: 2}
    ratio: .25
    below: -3
    colour: "red"
    fast: off
    limit: {most: 9}
    extra: [x]
"""
    result = load(text)
    settings = result.settings
    assert settings.profile is Profile.STRICT
    assert settings.paths.exclude == ("docs/**", "*.md")
    assert settings.coverage == config.CoverageSettings((), 92.5, None, 0, required=True)
    assert settings.gate.fail_on is FailOn.NOTE
    assert settings.weights[Category.TESTS] == 1.0
    assert settings.rules == (
        RuleSetting(None, ("linter/X*",)),
        RuleSetting(Severity.NOTE, paths=("tests/**",)),
    )
    assert result.analyzers["linter"] == Linter(
        "strict", ("no", "80", "true"), {"a": 1, "b": 2}, 0.25, -3, fast=False,
        limit=Limit(9), extra=("x",),
    )  # fmt: skip
    assert result.sources["coverage.patch"] == f"{FILE}:5"
    assert result.sources["paths.exclude"] == f"{FILE}:4"
    assert result.sources["comments.inline-from"] == "profile strict"
    assert result.sources["analyzers.linter.limit.most"] == f"{FILE}:25"


@pytest.mark.parametrize(
    ("text", "says", "tip"),
    [
        ("coverage:\n  pach: 80", ":2: there is no setting 'coverage.pach'", "`patch`"),
        ("covrage: {}", ":1: there is no setting 'covrage'", "`coverage`"),
        ("gate:\n  fail_on: error", ":2: there is no setting 'gate.fail_on'", "`fail-on`"),
        ("coverage.patch: 80", ":1: there is no setting 'coverage.patch'", "`coverage`"),
        ("analyzers:\n linnter: {}", ":2: there is no setting 'analyzers.linnter'", "`linter`"),
        ("analyzers: {plain: {x: 1}}", ":1: there is no setting 'analyzers.plain.x'", ""),
        ("xyzzy: 1", "there is no setting 'xyzzy'", "choose from: analyzers, comments"),
        ("gate:\n  fail-on: eror", ":2: gate.fail-on: expected `none`", "`error`"),
        ("gate: {fail-on: [error]}", "got a list", ""),
        ("coverage: {patch: eighty}", "expected a number, 0 to 100, or `off`; got 'eighty'", ""),
        ("coverage: {patch: '80'}", "got the text '80'", "without quotes"),
        ("coverage: {patch: 101}", "expected a number, 0 to 100", ""),
        ("coverage: {patch: -1}", "expected a number, 0 to 100", ""),
        ("coverage: {patch: .nan}", "got '.nan'", ""),
        ("coverage: {patch: .inf}", "got '.inf'", ""),
        ("coverage: {patch: 1e1}", "got '1e1'", ""),
        ("coverage: {min-lines: 2.5}", "expected a whole number, 0 to 1000000; got '2.5'", ""),
        ("coverage: {min-lines: }", "got nothing", "remove the line"),
        ("coverage: {min-lines: off}", "got 'off'", ""),
        ("coverage: {required: 1}", "expected true or false; got '1'", ""),
        ("coverage: {required: 'true'}", "got the text 'true'", "without quotes"),
        ("coverage: 80", ":1: coverage: expected a section", "indented"),
        ("coverage: [80]", ":1: coverage: expected a section", "indented"),
        ("paths: {exclude: docs}", "expected a list, each a pattern", "['docs']"),
        ("paths: {exclude: [{a: b}]}", "got a mapping", ""),
        ("paths: {exclude: ['!docs']}", "expected a pattern such as `docs/**`", ""),
        ("paths: {exclude: ['']}", "expected a pattern", ""),
        ("paths: {exclude: [*.md]}", ":1: not valid YAML", "in quotes"),
        ("paths: {exclude: [*md]}", ":1: anchors, aliases and tags", "in quotes"),
        ("rules: [{rules: [a]}]", ":1: rules: `severity` is missing", "add `severity"),
        ("rules: [{severity: note, rule: [a]}]", "no setting 'rules.rule'", "`rules`"),
        ("rules: [note]", "expected a mapping with `severity`, `rules`, `paths`", ""),
        ("gate: {required: [lintr]}", f"{FILE}:1: gate.required: there is no analyzer", "`linter`"),
        ("analyzers: {disable: [x]}", "there is no analyzer 'x'", "choose from: graded, linter"),
        ("analyzers: {linter: {levels: {a: b}}}", "a whole number, 0 or more; got 'b'", ""),
        ("analyzers: {linter: {levels: 3}}", "expected names, each with a whole number", ""),
        ("analyzers: {linter: {ratio: -1}}", "expected a number, 0 or more", ""),
        ("analyzers: {linter: {colour: blue}}", "expected `red`", ""),
        ("analyzers: {linter: {name: x}}", "no setting 'analyzers.linter.name'", ""),
        ("analyzers: {linter: {-state: 1}}", "no setting 'analyzers.linter.-state'", ""),
        ("- a", ":1: the file is not a mapping", "key: value"),
        ("text", ":1: the file is not a mapping", ""),
        ("\n\nprofile: [", ":4: not valid YAML", ""),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_the_place_and_a_tip(text: str, says: str, tip: str):
    error = refused(text)
    assert error.message.startswith(FILE)
    assert says in error.message
    assert tip in error.tip
    assert "\n" not in error.message + error.tip


def test_the_layers_win_in_their_order():
    text = "coverage: {patch: 1, total: 1, min-lines: 1}\ngate: {score: 1, fail-on: note}"
    environ = {
        "REVIEWER_COVERAGE_PATCH": "2",
        "REVIEWER_COVERAGE_TOTAL": "2",
        "REVIEWER_GATE_SCORE": "2",
        "INPUT_COVERAGE-PATCH": "3",
        "INPUT_MIN-SCORE": "3",
    }
    result = load(text, environ, {"min-coverage": "4", "min-score": None})
    settings = result.settings
    assert settings.coverage == config.CoverageSettings((), 4.0, 2.0, 1)
    assert settings.gate.score == 3.0
    assert settings.gate.fail_on is FailOn.NOTE
    assert {
        key: result.sources[key]
        for key in ("coverage.patch", "coverage.total", "coverage.min-lines", "gate.score")
    } == {
        "coverage.patch": "--min-coverage",
        "coverage.total": "REVIEWER_COVERAGE_TOTAL",
        "coverage.min-lines": f"{FILE}:1",
        "gate.score": "INPUT_MIN-SCORE",
    }


def test_values_from_the_environment_are_read_by_type():
    environ = {
        "REVIEWER_PATHS_EXCLUDE": "a/**, b/**\nc/**,",
        "REVIEWER_COVERAGE_PATCH": " off ",
        "REVIEWER_COVERAGE_REQUIRED": "True",
        "REVIEWER_ANALYZERS_LINTER_SELECT": "80",
        "REVIEWER_ANALYZERS_LINTER_EXTRA": "none",
        "REVIEWER_ANALYZERS_LINTER_LIMIT_MOST": "8",
        "INPUT_FAIL-ON": "warning",
        "INPUT_PROFILE": "",
        "INPUT_TOKEN": "of another action",
        "REVIEWER_GATE_SCORE": "",
        "REVIEWER_TOKEN": "secret",
        "REVIEWER_SERVICE_HOST": "10.0.0.1",
        "REVIEWER_PORT_80_TCP_ADDR": "10.0.0.1",
        "PATH": "/bin",
    }
    result = load("analyzers: {linter: {extra: [y]}}", environ)
    assert result.settings.paths.exclude == ("a/**", "b/**", "c/**")
    assert result.settings.coverage == config.CoverageSettings(patch=None, required=True)
    assert result.settings.gate == config.Gate(FailOn.WARNING)
    assert result.analyzers["linter"] == Linter(select=("80",), limit=Limit(8), extra=None)


@pytest.mark.parametrize(
    ("environ", "says", "tip"),
    [
        ({"REVIEWER_COVERAGE_PACH": "1"}, "'REVIEWER_COVERAGE_PACH'", "`REVIEWER_COVERAGE_PATCH`"),
        ({"REVIEWER_TOKNE": "s3cr3t"}, "'REVIEWER_TOKNE'", "`REVIEWER_TOKEN`"),
        ({"REVIEWER_COVERAGE_PATCH": "x"}, "REVIEWER_COVERAGE_PATCH: coverage.patch: ", ""),
        ({"INPUT_MIN-COVERAGE": "x"}, "INPUT_MIN-COVERAGE: coverage.patch: expected a number", ""),
        ({"REVIEWER_RULES": "x"}, "REVIEWER_RULES: rules: expected a mapping with", ""),
        ({"REVIEWER_ANALYZERS_LINTER_LEVELS": "x"}, "expected names, each with", ""),
        ({"REVIEWER_GATE_REQUIRED": "lint"}, "REVIEWER_GATE_REQUIRED: gate.required: ", "`linter`"),
    ],
)
def test_a_wrong_variable_is_refused(environ: dict[str, str], says: str, tip: str):
    error = refused(environ=environ)
    assert says in error.message
    assert tip in error.tip
    assert "s3cr3t" not in error.message + error.tip


def test_a_wrong_option_is_refused():
    error = refused(flags={"fail-on": "warn"})
    assert error.message == (
        "--fail-on: gate.fail-on: expected `none`, `note`, `warning`, `error`; got 'warn'"
    )
    assert error.tip == "did you mean `warning`?"


@pytest.mark.parametrize("profile", Profile)
def test_a_profile_changes_defaults_alone(profile: Profile):
    flags = {"profile": profile.value}
    untouched = load("", flags=flags)
    for key, value in config.PROFILES[profile].items():
        section, name = key.replace("-", "_").split(".")
        assert getattr(getattr(untouched.settings, section), name) is value
        assert untouched.sources[key] == f"profile {profile.value}"
    assert untouched.analyzers["linter"].profile == profile.value
    assert untouched.analyzers["graded"].profile is profile
    text = """
comments: {inline-from: warning, confidence-from: medium}
gate: {fail-on: error}
analyzers: {linter: {profile: own}, graded: {profile: quiet}}
"""
    written = load(text, flags=flags)
    assert dataclasses.replace(written.settings, profile=Profile.DEFAULT) == Settings()
    assert written.analyzers["linter"].profile == "own"
    assert written.analyzers["graded"].profile is Profile.QUIET


def test_what_profiles_name_exists_and_has_the_right_type():
    table = config.keys({})
    for defaults in config.PROFILES.values():
        for key, value in defaults.items():
            assert type(value) is type(table[key].default)
    assert set(config.FLAGS.values()) <= set(table)


def test_no_two_settings_share_a_variable():
    names = [config.environment_name(key) for key in config.keys({})]
    assert len(set(names)) == len(names)
    assert not config.NOT_SETTINGS & set(names)


def test_there_is_a_weight_for_each_category():
    weights = config.Weights()
    assert {item.name for item in dataclasses.fields(weights)} == {c.value for c in Category}
    assert sum(weights[category] for category in Category) == 100


@pytest.mark.parametrize(
    "hint", [int | str, set[str], dict[str, str], Path, Annotated[bytes, Range()], tuple[Path, ...]]
)
def test_a_field_that_cannot_be_a_setting_is_a_bug_of_the_plug_in(hint: Any):
    cls = dataclasses.make_dataclass("Odd", [("odd", hint, None)], frozen=True)
    with pytest.raises(TypeError):
        config.keys({"odd": cls})


def test_settings_say_what_is_left_out_and_why():
    paths = config.Paths(include=("src/**", "gen/**"), exclude=("src/old",))
    excluded = config.excluded(paths, {"src/api.py": "generated", "gen/x": "vendored"})
    assert {path: excluded(path) for path in (
        "src/a.py", "src/old/b.py", "README.md", "src/api.py", "src/x_pb2.py", "gen/x",
    )} == {
        "src/a.py": "",
        "src/old/b.py": "excluded by paths.exclude: src/old",
        "README.md": "not in paths.include",
        "src/api.py": "generated: marked in .gitattributes",
        "src/x_pb2.py": "generated: *_pb2.py",
        "gen/x": "vendored: marked in .gitattributes",
    }  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["package-lock.json", "poetry.lock", "Cargo.lock", "go.sum", ".github/workflows/ci.yml",
     "pyproject.toml", "src/vendor/shop.py", "yarn.lock", "Dockerfile", "web/dist/a.py"],
)  # fmt: skip
def test_lock_files_configuration_and_code_are_reviewed(path: str):
    assert config.excluded(config.Paths(), {})(path) == ""


def test_the_last_rule_that_fits_wins():
    rules = (
        RuleSetting(Severity.NOTE, ("ruff",)),
        RuleSetting(None, ("ruff/S*",), ("tests/**",)),
        RuleSetting(Severity.ERROR, ("ruff/S105",), ("tests/api/**",)),
    )
    assert config.severity_for(rules, "ruff/E1", "a.py") is Severity.NOTE
    assert config.severity_for(rules, "ruff/S105", "a.py") is Severity.NOTE
    assert config.severity_for(rules, "ruff/S105", "tests/a.py") == "off"
    assert config.severity_for(rules, "ruff/S105", "tests/api/a.py") is Severity.ERROR
    assert config.severity_for(rules, "bandit/B101", "a.py") is None
    assert config.severity_for((RuleSetting(None),), "x/y", "z") == "off"


NAMES = st.sampled_from(["a", "b", "ab", "a.b", "ba", "[a]", "a b", "(a+)+"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(["a", "b", "*", "?", "**", "a*", "*b", "*a*", "a?", "a**b", "(a+)+"])
PATTERNS = st.tuples(
    st.sampled_from(["", "/"]), st.lists(PIECES, min_size=1, max_size=4), st.sampled_from(["", "/"])
).map(lambda parts: parts[0] + "/".join(parts[1]) + parts[2])


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("globs")
    subprocess.run(["git", "init", "-q", place], check=True)
    return place


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(pattern=PATTERNS, paths=st.lists(PATHS, min_size=1, max_size=8))
def test_patterns_fit_what_git_ignores(repository: Path, pattern: str, paths: list[str]):
    (repository / ".gitignore").write_text(pattern + "\n", "utf-8")
    answer = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=repository, input="\0".join(paths).encode(), capture_output=True, check=False,
    )  # fmt: skip
    assert answer.returncode in (0, 1)
    ignored = set(answer.stdout.decode().split("\0")) - {""}
    assert {path for path in paths if globs.first([pattern], path)} == ignored


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("**", "a", ""),
        ("**/", "a/b", "a"),
        ("a/*", "a/b/c", "a"),
        ("a/**", "a/b/c", "a"),
        ("/a", "a/b", "b/a"),
        ("a/", "b/a/c", "b/a"),
        ("a/**/b", "a/b", "a/bc"),
        ("*a*b", "xaxbab", "xaxba"),
        ("[id].?s", "app/[id].ts", "app/i.ts"),
        ("?", "\u00e4", "ab"),
        ("*.py", "a\nb.py", "a.pyc"),
    ],
)
def test_patterns_by_example(pattern: str, fits: str, fits_not: str):
    assert globs.first([pattern], fits) == pattern
    assert globs.first([pattern], fits_not) == ""


@pytest.mark.parametrize("pattern", ["", "/", "//", "!a", "a" * 300])
def test_patterns_that_mean_nothing_are_refused(pattern: str):
    assert globs.problem(pattern)


def test_the_first_pattern_that_fits_is_named():
    assert globs.first(["b", "*.py", "a.py"], "x/a.py") == "*.py"
    assert globs.first([], "x") == ""


def test_the_page_in_docs_is_up_to_date():
    run = subprocess.run(
        [sys.executable, ROOT / "docs/generate.py", "--check"], capture_output=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, b"")


def test_the_page_has_every_setting_with_a_description():
    page = (ROOT / "docs/configuration.md").read_text("utf-8")
    for key in config.keys({}):
        assert f"\n- `{key}`: " in page
        assert f"\n- `{key}`: {{}}" not in page
    assert Confidence.MEDIUM.value in page


def test_the_example_in_the_page_is_accepted():
    page = (ROOT / "docs/configuration.md").read_text("utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    layer = config.parse(example, FILE, {"trivy": Plain})
    assert config.resolve([layer], {"trivy": Plain}).settings.coverage.patch == 90


def test_the_module_imports_no_yaml_until_a_file_is_read():
    code = "import sys, reviewer.config; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_child_is_given_settings_and_nothing_else() -> None:
    settings = {
        "REVIEWER_GATE_FAIL_ON": "note",
        "INPUT_FAIL-ON": "error",
        "INPUT_MIN_COVERAGE": "80",
        "INPUT_ANALYZERS-LINTER-SELECT": "A",
    }
    others = {"INPUT_TOKEN": "t", "REVIEWER_TOKEN": "t", "PATH": "/bin", "INPUT_OTHER": "x"}
    assert config.for_children({**settings, **others}, SECTIONS) == settings
