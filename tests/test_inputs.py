"""The action's inputs: read, checked, and the same in code, manifest and settings."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reviewer import config, inputs
from reviewer.errors import InputError
from reviewer.inputs import INPUTS, Given

ROOT = Path(__file__).parents[1]
yaml: Any = pytest.importorskip("yaml")


def generator(name: str) -> ModuleType:
    """A module of docs/."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


PAGES, GENERATOR = generator("generate"), generator("_inputs")
MANIFEST: dict[str, inputs.Input] = GENERATOR.manifest(PAGES.attribute_docs)


def test_every_setting_is_an_input_and_has_no_default_there() -> None:
    short = {key: name for name, key in config.FLAGS.items()}
    wanted = {short.get(key, config.input_name(key)) for key in config.keys({})}
    wanted -= {"rules", "model-instructions"}
    assert set(MANIFEST) == wanted | set(INPUTS)
    assert not wanted & set(INPUTS)
    assert all(not MANIFEST[name].default for name in wanted)


def test_every_input_is_described() -> None:
    for name, each in MANIFEST.items():
        assert re.fullmatch(r"[a-z][a-z-]*", name)
        assert each.about.endswith(".")
        assert "${{" not in each.about


@pytest.mark.parametrize("name", ["action.yml", "gpu/action.yml"])
def test_the_manifests_have_these_inputs(name: str) -> None:
    file = ROOT / name
    if not file.is_file() or GENERATOR.START not in file.read_text("utf-8"):
        pytest.skip(f"{name} is not there")
    found = yaml.safe_load(file.read_text("utf-8"))["inputs"]
    for key, each in MANIFEST.items():
        assert found[key] == {"description": each.about, "default": each.default}


def test_the_block_is_written_between_its_marks_alone() -> None:
    marked = f"a: 1\ninputs:\n{GENERATOR.START}\n  old: 1\n{GENERATOR.END}\nb: 2\n"
    new = GENERATOR.within(marked, GENERATOR.block(MANIFEST))
    document = yaml.safe_load(new)
    assert (document["a"], document["b"]) == (1, 2)
    assert document["inputs"]["token"]["default"] == "${{ github.token }}"
    assert "old" not in document["inputs"]
    assert GENERATOR.within(new, GENERATOR.block(MANIFEST)) == new
    for half in (marked.replace(GENERATOR.END, ""), marked.replace(GENERATOR.START, ""), "a: 1\n"):
        assert GENERATOR.within(half, "new") == half


def test_given() -> None:
    environ = {
        "INPUT_TOKEN": " t0ken\n",
        "GITHUB_TOKEN": "other",
        "INPUT_STAGE": "review",
        "INPUT_COVERAGE": " a.xml\n\n b c.xml ",
        "INPUT_ALLOW-PUBLIC": "true",
        "INPUT_REPORT": "",
    }
    given = Given.of(environ)
    assert given == Given("t0ken", "review", coverage=("a.xml", "b c.xml"), allow_public=True)
    assert "t0ken" not in repr(given)
    assert Given.of({"INPUT_ALLOW_PUBLIC": "yes", "GITHUB_TOKEN": "x"}).allow_public
    assert Given.of({}) == Given()


@pytest.mark.parametrize(
    ("environ", "what"),
    [
        ({"INPUT_STAGE": "post"}, "there is no stage 'post'"),
        ({"INPUT_ALLOW-PUBLIC": "perhaps"}, "expected true or false"),
        ({"INPUT_TOKEN": "a b"}, "token"),
        ({"GITHUB_TOKEN": "a\nb"}, "token"),
        ({"GITHUB_TOKEN": "x" * 5000}, "token"),
    ],
)
def test_values_that_cannot_be(environ: dict[str, str], what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        Given.of(environ)
    assert caught.value.tip
    assert not any(value in str(caught.value) for value in environ.values() if " " in value)


@pytest.mark.parametrize(
    ("stage", "event", "expected"),
    [
        ("", "workflow_run", True),
        ("", "pull_request", False),
        ("publish", "pull_request", True),
        ("review", "workflow_run", False),
        ("both", "workflow_run", False),
    ],
)
def test_the_event_decides_the_stage_that_nobody_gave(
    stage: str, event: str, expected: bool
) -> None:
    assert inputs.publishes(Given(stage=stage), event) is expected


def test_inputs_reach_the_settings_however_the_shell_spells_them() -> None:
    for name in ("INPUT_GATE-FAIL-ON", "INPUT_GATE_FAIL_ON", "INPUT_FAIL-ON", "INPUT_FAIL_ON"):
        layer = config.from_environ({name: "note"}, {})
        assert layer["gate.fail-on"].value is config.FailOn.NOTE


def test_children_get_settings_and_nothing_else() -> None:
    environ = {
        "REVIEWER_GATE_FAIL_ON": "note",
        "INPUT_FAIL-ON": "note",
        "INPUT_MIN_COVERAGE": "",
        "INPUT_TOKEN": "secret",
        "INPUT_MARKER-KEY": "secret",
        "REVIEWER_TOKEN": "secret",
        "GITHUB_TOKEN": "secret",
        "ACTIONS_RUNTIME_TOKEN": "secret",
    }
    passed = config.for_children(environ, {})
    assert sorted(passed) == ["INPUT_FAIL-ON", "INPUT_MIN_COVERAGE", "REVIEWER_GATE_FAIL_ON"]
