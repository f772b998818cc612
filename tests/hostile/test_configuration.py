"""Configuration files made to cost time or memory, to run code, or to mean two things at once."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer import config, globs
from reviewer.errors import ConfigError

SECONDS = 0.1


def merge_bomb(levels: int = 6, width: int = 9) -> str:
    lines = ["a0: &a0 {k: v}"]
    for i in range(1, levels + 1):
        refs = ",".join([f"*a{i - 1}"] * width)
        lines.append(f"a{i}: &a{i} {{<<: [{refs}]}}")
    return "\n".join(lines) + "\n"


def alias_bomb(levels: int = 9, width: int = 9) -> str:
    names = [chr(97 + i) for i in range(levels + 1)]
    lines = [f"a: &a [{','.join(['x'] * width)}]"]
    for before, name in pairwise(names):
        lines.append(f"{name}: &{name} [{','.join(['*' + before] * width)}]")
    return "\n".join(lines) + "\n"


TAG = '!!python/object/apply:os.system ["touch CANARY"]'

BOMBS: dict[str, str | bytes] = {
    "merge bomb": merge_bomb(),
    "alias bomb": alias_bomb(),
    "itself": "&a [*a]",
    "anchor": "profile: &a strict",
    "merge key": "paths: {<<: {exclude: []}}",
    "deep list": "[" * 20_000,
    "deep mapping": "{a: " * 12_000,
    "deep block": "- " * 20_000,
    "deep question": "? " * 20_000,
    "deep value": "rules: " + "[" * 30 + "]" * 30,
    "tag": TAG,
    "tag on a key": "!!str profile: strict",
    "tag on a value": "coverage: {patch: !!float 80}",
    "key twice": "profile: strict\nprofile: quiet",
    "key twice, quoted": "coverage: {patch: 80, 'patch': 1}",
    "two documents": "profile: strict\n---\nprofile: quiet",
    "second empty document": "---\nprofile: strict\n---\n",
    "key that is a list": "? [a]\n: b",
    "too large": "# " + "x" * 65_536,
    "too large in bytes": "# " + "ä" * 33_000,
    "not UTF-8": b"profile: \xff\xfe",
    "UTF-16": "profile: strict".encode("utf-16"),
    "half a pair": "profile: \ud800",
    "half a pair, escaped": 'profile: "\\ud800"',
    "no such character": 'profile: "\\UFFFFFFFF"',
    "no such character either": 'profile: "\\U00110000"',
    "NUL": "profile: strict\0",
    "escape": "profile: \x1b[31m",
    "version": "%YAML 1." + "1" * 5000 + "\n---\nprofile: strict",
    "huge integer": "coverage: {min-lines: " + "9" * 5000 + "}",
    "huge number": "coverage: {patch: " + "9" * 5000 + "}",
    "not a number": "coverage: {patch: .nan}",
    "infinite": "limits: {seconds: .inf}",
    "base sixty": "limits: {seconds: 1:30}",
    "octal": "comments: {inline: 0o17}",
    "digits of another script": "comments: {inline: \u0661}",
    "long key": "k" * 60_000 + ": 1",
    "key with a line end": '"a\\nb\\e[31m": 1',
}


@pytest.mark.parametrize("loader", ["libyaml", "python"])
@pytest.mark.parametrize("name", BOMBS)
def test_a_hostile_file_is_refused_at_once(
    name: str, loader: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    if loader == "python":
        # What PyYAML offers where it was built without libyaml.
        monkeypatch.delattr(yaml, "CBaseLoader", raising=False)
    start = time.process_time()
    with pytest.raises(ConfigError) as caught:
        config.parse(BOMBS[name], "reviewer.yml", {})
    seconds = time.process_time() - start
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith("reviewer.yml")
    assert len(caught.value.message) < 300
    assert caught.value.message.isprintable()
    assert loader == "python" or seconds < SECONDS
    assert not list(tmp_path.iterdir())


def test_the_naive_call_runs_what_the_file_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    yaml.unsafe_load(TAG)
    assert (tmp_path / "CANARY").exists()


def test_the_naive_call_pays_for_a_merge_bomb():
    def cost(levels: int) -> float:
        start = time.process_time()
        yaml.safe_load(merge_bomb(levels))
        return time.process_time() - start

    assert cost(5) > 4 * cost(4)


def test_a_line_number_counts_the_lines_of_a_long_file():
    text = "# comment\n" * 1000 + "profile: &a strict\n"
    with pytest.raises(ConfigError, match=r"^reviewer\.yml:1001: "):
        config.parse(text, "reviewer.yml", {})


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "*a*a*a*a*a*b", "**/a/**/a/**/a/**/b", "**/*a*/**/*a*/**/*b", "?*" * 120 + "b",
     "**/" * 80 + "b", "*" * 250 + "b", "**/a/a/a/a/a/a/b", "[a-z]*[a-z]*[a-z]*"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["a" * 50_000, "a/" * 25_000, "/".join(["a" * 200] * 250)])
def test_no_pattern_makes_matching_slow(pattern: str, path: str):
    assert not globs.problem(pattern)
    start = time.process_time()
    assert globs.first([pattern], path) == ""
    assert time.process_time() - start < SECONDS


WORDS = st.sampled_from(
    ["profile", "strict", "paths", "exclude", "coverage", "patch", "rules", "severity", "80", "off",
     "~", "''", '"', "'", "*a", "&a", "!!int", "<<", "- ", ": ", "? ", "[", "]", "{", "}", ", ",
     "\n", "\n  ", "|", ">", "#", "---", "...", "%YAML", "\t", "\\", "\u2028", "1e999", "\0"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(WORDS | st.text(max_size=5), max_size=20).map("".join) | st.binary(max_size=60))
def test_any_file_is_read_or_refused(data: str | bytes):
    try:
        layer = config.parse(data, "reviewer.yml", {})
    except ConfigError as error:
        assert error.message.startswith("reviewer.yml")
    else:
        config.resolve([layer], {})


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["profile", "paths", "exclude", "coverage", "patch", "rules", "severity"]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["paths", "coverage", "gate", "rules", "weights"]), TREES))
def test_any_mapping_is_bound_or_refused(tree: dict[str, object]):
    try:
        layer = config.parse(yaml.safe_dump(tree, allow_unicode=True), "reviewer.yml", {})
    except ConfigError as error:
        assert error.message.startswith("reviewer.yml")
    else:
        config.resolve([layer], {})


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["REVIEWER_COVERAGE_PATCH", "REVIEWER_PATHS_EXCLUDE", "INPUT_FAIL-ON"])
        | st.text(max_size=8).map(lambda tail: f"REVIEWER_{tail}"),
        st.text(max_size=8),
    )
)
def test_any_environment_is_read_or_refused(environ: dict[str, str]):
    try:
        config.resolve([config.from_environ(environ, {})], {})
    except ConfigError as error:
        assert error.message.isprintable()
