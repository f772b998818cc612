"""The contract of every analyzer: its shape, its cases, and what must hold of each of its runs.

The cases of an analyzer lie in tests/cases/analyzers/<name>/. A case is a folder named
<kind>-<what>, with the files after the change in `head/`, those before it in `base/` (optional),
and `expected.json`, the findings. Of each kind there is at least one:

    finds-*     code with findings
    clean-*     good code of the tool's languages, no finding
    hostile-*   a change that tries to silence, crash or mislead the tool
    other-*     code that is not the tool's business, no finding

A path component stored as `dot-x` stands for `.x`. UPDATE_CASES=1 rewrites the `expected.json`
files; look at the difference before you keep it. When a tool need not be on every machine, the
file `may-be-missing` in the analyzer's folder says why; its cases are skipped where it is not.
When an analyzer does nothing without settings, the file `settings.json` in its folder has them, and
what they name lies in `given/` of each case, which is then the working directory.
"""

import dataclasses
import importlib
import inspect
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from reviewer.analyzers.base import Analyzer
from reviewer.errors import ToolMissing
from reviewer.model import Category, ChangeSet, Finding, Outcome, ToolRun
from reviewer.plugins import discover
from reviewer.process import Runner
from reviewer.tree import Tree
from tests.support.room import room, runner

CASES = Path(__file__).parents[1] / "cases" / "analyzers"
KINDS = {
    "finds": "code in which it finds something",
    "clean": "good code of its languages in which it finds nothing",
    "hostile": "a change that tries to silence, crash or mislead it",
    "other": "code that is not its business",
}
PLUGINS = discover("reviewer.analyzers")


def cases_of(name: str) -> list[Path]:
    folder = CASES / name
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


HEAVY = {"trivy": [pytest.mark.slow]}
"""Each run takes seconds."""

ALL = [
    pytest.param(n, c, id=f"{n}-{c.name}", marks=HEAVY.get(n, []))
    for n in PLUGINS
    for c in cases_of(n)
]
FIRST = [
    pytest.param(n, c, id=n, marks=HEAVY.get(n, []))
    for n in PLUGINS
    for c in [case for case in cases_of(n) if case.name.startswith("finds-")][:1]
]


def files(folder: Path) -> dict[str, bytes]:
    """The files below `folder` by their path in the change."""
    return {
        re.sub(r"(^|/)dot-", r"\1.", path.relative_to(folder).as_posix()): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def prepared(case: Path, tmp_path: Path) -> tuple[ChangeSet, Tree]:
    return room(tmp_path, files(case / "head"), files(case / "base"))


def made(name: str) -> Analyzer:
    """The analyzer, with the settings of its cases if it has some."""
    place = CASES / name / "settings.json"
    settings = json.loads(place.read_text()) if place.is_file() else {}
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in settings.items()}
    analyzer: Analyzer = PLUGINS[name](**values)
    return analyzer


@pytest.fixture(autouse=True)
def _working_directory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given to a case lies in the working directory."""
    case = getattr(request.node, "callspec", None) and request.node.callspec.params.get("case")
    if case and (case / "given").is_dir():
        monkeypatch.chdir(case / "given")


def ran(name: str, changes: ChangeSet, tree: Tree, tools: Runner) -> ToolRun:
    """One run; skips the test when the tool is missing and says that it may be."""
    try:
        run = made(name).run(changes, tree, tools)
    except ToolMissing as missing:
        if (CASES / name / "may-be-missing").is_file():
            pytest.skip(str(missing))
        raise
    return run


def summary(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """What `expected.json` holds of the findings."""
    rows = [
        {
            "rule": finding.rule,
            "path": finding.span.path,
            "start": finding.span.start,
            "end": finding.span.end,
            "severity": finding.severity.value,
            "confidence": finding.confidence.value,
            "category": finding.category.value,
        }
        for finding in findings
    ]
    return sorted(rows, key=lambda row: (row["path"], row["start"], row["end"], row["rule"]))


def test_something_is_discovered() -> None:
    assert PLUGINS


@pytest.mark.parametrize("name", PLUGINS)
def test_shape(name: str) -> None:
    plugin = PLUGINS[name]
    assert re.fullmatch(r"[a-z][a-z0-9-]*", name), "a name is lower case letters, digits, hyphens"
    module = importlib.import_module(plugin.__module__)
    assert plugin.__module__ == f"reviewer.analyzers.{name.replace('-', '_')}"
    assert module.__doc__, "the module's docstring says what the analyzer finds"
    assert inspect.getdoc(plugin), "the class's docstring describes its settings"
    assert dataclasses.is_dataclass(plugin)
    assert plugin.__dataclass_params__.frozen, "an analyzer is a frozen dataclass"  # type: ignore[attr-defined]
    assert plugin() == plugin(), "each setting has a default"
    assert plugin.measures, "it says which categories it judges"
    assert all(isinstance(category, Category) for category in plugin.measures)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PLUGINS)
def test_has_a_case_of_each_kind(name: str, kind: str) -> None:
    if not any(case.name.startswith(f"{kind}-") for case in cases_of(name)):
        pytest.fail(
            f"the analyzer {name!r} lacks a case with {KINDS[kind]}: make the folder "
            f"tests/cases/analyzers/{name}/{kind}-<what>/ with head/ and expected.json"
        )


@pytest.mark.parametrize("name", PLUGINS)
def test_cases_are_complete(name: str) -> None:
    for case in cases_of(name):
        assert case.name.split("-", 1)[0] in KINDS, f"{case}: a case is named <kind>-<what>"
        assert (case / "head").is_dir(), f"{case} lacks head/, the files after the change"
        assert {p.name for p in case.iterdir()} <= {"head", "base", "given", "expected.json"}, (
            f"{case} holds more than head/, base/, given/ and expected.json"
        )


@pytest.mark.parametrize(("name", "case"), ALL)
def test_case(name: str, case: Path, tmp_path: Path) -> None:
    changes, tree = prepared(case, tmp_path)
    run = ran(name, changes, tree, runner(tmp_path))
    got = summary(run.findings)
    expected = case / "expected.json"
    if os.environ.get("UPDATE_CASES"):
        expected.write_text(json.dumps(got, indent=1) + "\n")
    assert expected.is_file(), f"{expected} is missing; UPDATE_CASES=1 writes it"
    assert got == json.loads(expected.read_text())
    kind = case.name.split("-", 1)[0]
    if kind == "finds":
        assert run.findings, "a finds- case finds something"
    if kind in ("clean", "other"):
        assert not run.findings, f"a {kind}- case finds nothing"
    if kind in ("finds", "clean"):
        assert run.outcome is Outcome.OK, run.reason
    holds(run, name, changes, tree)


def holds(run: ToolRun, name: str, changes: ChangeSet, tree: Tree) -> None:
    """What is true of every run."""
    assert run.tool == name
    assert run.outcome is Outcome.OK or run.reason, "a run that is not ok says why"
    if run.outcome is Outcome.OK:
        assert run.version, "a run that is ok names the version of its tool"
        assert run.measures, "a run that is ok says what it judged"
    assert set(run.measures) <= set(PLUGINS[name].measures)
    for finding in run.findings:
        assert finding.tool == name
        assert finding.rule
        assert finding.message.strip()
        assert finding.category in run.measures
        assert finding.span.path in changes.by_path, "findings name paths of the change"
        assert str(tree.root) not in finding.message, "the clean room's place is shown to nobody"
        assert 0 <= finding.span.start <= finding.span.end
        if finding.span.path in {*tree.files, *tree.asides}:
            last = tree.read(finding.span.path).count(b"\n") + 1
            assert finding.span.end <= last, "a finding lies within its file"
        for mask in run.masks:
            assert mask not in finding.message, "a secret is not repeated"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "case"), FIRST)
def test_same_input_same_findings(name: str, case: Path, tmp_path: Path) -> None:
    changes, tree = prepared(case, tmp_path)
    tools = runner(tmp_path)
    first, second = (ran(name, changes, tree, tools) for _ in range(2))
    assert dataclasses.replace(first, seconds=0) == dataclasses.replace(second, seconds=0)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "case"), FIRST)
def test_without_programs_it_is_missing_or_whole(name: str, case: Path, tmp_path: Path) -> None:
    changes, tree = prepared(case, tmp_path)
    whole = ran(name, changes, tree, runner(tmp_path))
    bare = dataclasses.replace(runner(tmp_path), path=())
    try:
        run = made(name).run(changes, tree, bare)
    except ToolMissing as missing:
        assert str(missing), "it says what is missing"
    else:
        assert run.findings == whole.findings


@pytest.mark.parametrize("name", PLUGINS)
def test_nothing_to_look_at(name: str, tmp_path: Path) -> None:
    before = {"a.bin": b"\0\2", "gone.py": b"print(1)\n"}
    changes, tree = room(tmp_path, {"a.bin": b"\0\1"}, before)
    run = PLUGINS[name]().run(changes, tree, runner(tmp_path))
    assert run.findings == ()
    holds(run, name, changes, tree)
