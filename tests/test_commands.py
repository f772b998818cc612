"""The commands around the review: config, init, explain."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reviewer import config, plugins
from reviewer.binding import Entries, Items, Text, Written, bind, plain, written
from reviewer.commands import config as config_command
from reviewer.commands import init
from reviewer.errors import ConfigError
from reviewer.model import Severity
from reviewer.yamlfile import read
from tests.support.gitrepo import git
from tests.support.reviewing import checkout, reviewer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "docs" / "configuration.schema.json").read_text("utf-8"))
SECTIONS = plugins.discover("reviewer.analyzers")
SETTINGS = b"gate:\n  score: 70\npaths:\n  exclude: [docs/**, AKIAIOSFODNN7EXAMPLE]\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    checkout(folder, {"a.py": b"A = 1\n", ".github/reviewer.yml": SETTINGS}, {"a.py": b"A = 2\n"})
    return folder


def rows(text: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def test_every_setting_is_shown_with_its_source(project: Path) -> None:
    env = {"REVIEWER_COMMENTS_INLINE": "3"}
    done = reviewer("config", "--format", "json", "--min-coverage", "90", cwd=project, env=env)
    assert done.code == 0, done.err
    found = rows(done.out)
    assert list(found) == list(config.keys(SECTIONS))
    assert found["profile"] == {"value": "default", "source": "default"}
    assert found["comments.inline"] == {"value": 3, "source": "REVIEWER_COMMENTS_INLINE"}
    assert found["coverage.patch"] == {"value": 90, "source": "--min-coverage"}
    base = git(project, "rev-parse", "main").decode()[:12]
    assert found["gate.score"] == {"value": 70, "source": f"{base}:.github/reviewer.yml:2"}
    assert found["coverage.total"]["value"] is None
    assert "AKIAIOSFODNN7EXAMPLE" not in done.out


def test_the_table_says_the_same(project: Path) -> None:
    done = reviewer("config", cwd=project)
    assert done.code == 0, done.err
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "patch 80 default" in lines
    assert any(re.fullmatch(r"score 70 \w{12}:.github/reviewer.yml:2", line) for line in lines)
    assert "AKIAIOSFODNN7EXAMPLE" not in done.out
    assert "work tree differs" not in done.out, "a file that is gone is not a draft"
    assert lines.count("general") == 1


def test_only_what_was_set(project: Path) -> None:
    done = reviewer("config", "--changed", "--profile", "strict", "--format", "json", cwd=project)
    found = rows(done.out)
    assert {key for key in found if not key.startswith("analyzers.")} == {
        "profile", "gate.score", "gate.fail-on", "paths.exclude", "comments.inline-from",
        "comments.confidence-from",
    }  # fmt: skip
    assert found["gate.fail-on"] == {"value": "warning", "source": "profile strict"}


def test_a_draft_in_the_work_tree_is_named(project: Path) -> None:
    file = project / ".github" / "reviewer.yml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("profile: quiet\n")
    done = reviewer("config", cwd=project)
    assert "of this work tree differs" in done.out
    draft = reviewer("config", "--config", str(file), "--changed", cwd=project)
    assert "of this work tree differs" not in draft.out
    assert "quiet" in draft.out
    other = reviewer("config", "--base", "feature", "--changed", cwd=project)
    assert "a change to feature" in other.out
    assert "70" not in other.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--format", "xml"), "there is no format 'xml'"),
        (("--profile", "loud"), "--profile: profile: expected"),
        (("--base", "nowhere"), "there is no commit 'nowhere'"),
        (("--config", "nothing.yml"), "cannot read nothing.yml"),
    ],
)
def test_a_wrong_option_of_config(project: Path, words: tuple[str, ...], says: str) -> None:
    done = reviewer("config", *words, cwd=project)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_the_value_of_every_key_can_be_shown() -> None:
    whole = config.resolve([], SECTIONS)
    for key, item in config.keys(SECTIONS).items():
        value = config_command.value_of(whole, key)
        assert value == item.default or key.endswith(".profile")
        json.dumps(plain(value))
        assert written(value)


def test_values_are_written_as_the_file_has_them() -> None:
    rule = config.RuleSetting(Severity.NOTE, ("ruff/S*",))
    assert written((rule,)) == '[{severity: note, rules: [ruff/S*], paths: ["**"]}]'
    assert plain((rule,)) == [{"severity": "note", "rules": ["ruff/S*"], "paths": ["**"]}]
    for text in ("a", "*.py", "!x", "a: b", "", "x #y", "-", "80", "a,b", "é", " a", "\n", "[a]"):
        (entry,) = read(f"x: [{written(text)}]", "f").entries
        assert bind(entry[1], tuple[str, ...], "x") == (text,)


TRACKED = [
    "src/app.py", "src/util.py", "web/index.ts", "tests/test_app.py", "pkg/a_test.go", "README.md",
    ".github/workflows/ci.yml", "odd\n\x1b[31m/test_x.py",
]  # fmt: skip


def parsed(text: str) -> config.Layer:
    return config.parse(text, "f", SECTIONS)


def test_the_first_file_is_the_defaults_it_claims() -> None:
    text = init.content(TRACKED, ["coverage.xml"])
    table, given = config.keys(SECTIONS), parsed(text)
    assert {"profile", "coverage.patch", "gate.score", "analyzers.disable"} <= set(given)
    assert {key: item.value for key, item in given.items()} == {k: table[k].default for k in given}
    comments = re.compile(r"^(\s*)# ([a-z-]+:(?! \$)|  ?-|    \w+:)", re.MULTILINE)
    commented = comments.sub(r"\1\2", text)
    every = parsed(commented)
    assert every["gate.fail-on"].value == table["gate.fail-on"].default
    assert every["rules"].value[0].severity is None
    assert not any(key in given for defaults in config.PROFILES.values() for key in defaults), (
        "what a profile changes must not be pinned"
    )
    jsonschema.validate(core(read(text, "f")), SCHEMA)
    assert all(len(line) <= 120 for line in text.splitlines())


def test_the_first_file_says_what_is_there() -> None:
    text = init.content(TRACKED, ["coverage.xml"])
    assert "# Found: Python (4 files), Go (1 file), TypeScript (1 file)\n" in text
    assert "# Tests: odd\\n\\x1b[31m, pkg, tests\n" in text
    assert "# Coverage: coverage.xml\n" in text
    assert "# Runs on: GitHub Actions\n" in text
    assert "\x1b" not in text
    assert "no report; one comes from pytest --cov" in init.content(["a.py"], [])
    assert "# Coverage: no report\n" in init.content(["a.lua"], [])
    assert "no code yet" in init.content([], [])
    many = init.content([f"{name}/test_a.py" for name in "abcdef"], [])
    assert "# Tests: a, b, c, d and 2 more\n" in many


def test_init_writes_once(project: Path) -> None:
    git(project, "rm", "-q", "--cached", "-r", "--ignore-unmatch", ".github")
    shown = reviewer("init", "--stdout", cwd=project)
    assert (shown.code, (project / ".github").exists()) == (0, False)
    done = reviewer("init", cwd=project / ".")
    file = project / ".github" / "reviewer.yml"
    assert done.code == 0, done.err
    assert file.read_text() == shown.out
    file.write_text("profile: quiet\n")
    again = reviewer("init", cwd=project)
    assert (again.code, file.read_text()) == (2, "profile: quiet\n")
    assert "--force" in again.err
    assert reviewer("init", "--force", cwd=project).code == 0
    assert file.read_text() == shown.out
    draft = reviewer("config", "--config", str(file), "--changed", cwd=project)
    assert draft.code == 0, draft.err


def test_init_follows_no_link_out_of_the_checkout(project: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (project / ".github").symlink_to(outside)
    done = reviewer("init", cwd=project)
    assert done.code == 3
    assert list(outside.iterdir()) == []


def test_init_needs_a_repository(tmp_path: Path) -> None:
    done = reviewer("init", cwd=tmp_path)
    assert done.code == 2
    assert "not in a git repository" in done.err


def test_explain_shows_a_page(tmp_path: Path) -> None:
    done = reviewer("explain", "complexity/nesting", cwd=tmp_path)
    assert done.code == 0, done.err
    for word in ("complexity/nesting", "warning", "What", "Why", "Fix", "Before", "After"):
        assert word in done.out
    ruff = reviewer("explain", "S602", cwd=tmp_path)
    assert "ruff/S602" in ruff.out
    assert "docs.astral.sh" in ruff.out
    wrong = reviewer("explain", "complexity/nestng", cwd=tmp_path)
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean complexity/nesting" in wrong.err


def test_the_help_of_each_command_fits_on_a_screen(tmp_path: Path) -> None:
    for words in (
        (),
        ("config",),
        ("init",),
        ("explain",),
        ("baseline",),
        ("publish",),
        ("action",),
    ):
        done = reviewer(*words, "--help", cwd=tmp_path)
        assert done.code == 0
        assert len(done.out.splitlines()) <= 24


def core(tree: Written) -> Any:
    """The values that an editor sees: YAML 1.2, core schema (yaml.org/spec/1.2.2, 10.3.2)."""
    match tree:
        case Entries():
            return {name.text: core(value) for name, value in tree.entries}
        case Items():
            return [core(item) for item in tree.items]
        case Text(text, _, quoted):
            if quoted:
                return text
            if text in ("", "~", "null", "Null", "NULL"):
                return None
            if text.lower() in ("true", "false"):
                return text.lower() == "true"
            if re.fullmatch(r"[-+]?[0-9]+", text):
                return int(text)
            if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
                return float(text)
            return text


FILES = [
    "{}",
    "profile: strict\n",
    "paths:\ngate: ~\n",
    "paths: {exclude: [docs/**, '*.md', a]}\n",
    "coverage: {patch: 92.5, total: off, min-lines: 0, required: yes}\n",
    "coverage: {patch: none, required: true}\n",
    "gate: {fail-on: note, required: [ruff, bandit]}\n",
    "rules:\n  - rules: [ruff/S*]\n    severity: off\n  - severity: note\n    paths: [tests/**]\n",
    "analyzers: {disable: [trivy], ruff: {select: [E, 501]}, complexity: {nesting: 5}}\n",
    "analyzers: {trivy: {scanners: [vuln]}, tests: }\n",
    "weights: {tests: 1}\n",
]  # fmt: skip
WRONG = [
    "covrage: {}",
    "coverage: {pach: 80}",
    "coverage: {patch: 101}",
    "coverage: {patch: eighty}",
    "coverage: {patch: '80'}",
    "coverage: {min-lines: 2.5}",
    "coverage: {min-lines: off}",
    "coverage: {required: 1}",
    "coverage: [80]",
    "gate: {fail-on: eror}",
    "gate: {fail-on: [error]}",
    "gate: {required: [ruf]}",
    "paths: {exclude: docs}",
    "paths: {exclude: ['!docs']}",
    "paths: {exclude: ['']}",
    "paths: {exclude: ['/']}",
    "rules: [{rules: [a]}]",
    "rules: [{severity: note, rule: [a]}]",
    "rules: [note]",
    "analyzers: {disable: [x]}",
    "analyzers: {linnter: {}}",
    "analyzers: {complexity: {nesting: -1}}",
    "analyzers: {trivy: {scanners: [everything]}}",
]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("2020-12/schema")
    assert SCHEMA["$id"] == init.SCHEMA
    properties = SCHEMA["properties"]
    assert properties["gate"]["properties"]["fail-on"]["description"]
    assert set(properties["analyzers"]["properties"]) == {"disable", *SECTIONS}


@pytest.mark.parametrize("text", FILES)
def test_the_schema_takes_what_we_take(text: str) -> None:
    config.resolve([parsed(text)], SECTIONS)
    jsonschema.validate(core(read(text, "f")), SCHEMA)


@pytest.mark.parametrize("text", WRONG)
def test_the_schema_refuses_what_we_refuse(text: str) -> None:
    with pytest.raises(ConfigError):
        config.resolve([parsed(text)], SECTIONS)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(core(read(text, "f")), SCHEMA)


def test_the_example_of_the_documentation_is_right() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    config.resolve([parsed(example)], SECTIONS)
    jsonschema.validate(core(read(example, "f")), SCHEMA)
    for profile in config.Profile:
        assert f"`{profile.value}`" in page.partition("## Profiles")[2]
