"""The example project: it is what its script makes, and the demo finds what is planted in it."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from reviewer.plugins import discover

EXAMPLES = Path(__file__).parents[1] / "examples"
PLANTED = json.loads((EXAMPLES / "parcels" / "defects.json").read_text("utf-8"))

KNOWN = {*discover("reviewer.analyzers"), "coverage"}
"""Who can find something."""

PROGRAMS = {"trivy", "hadolint", "shellcheck"}
"""Analyzers that need a program which is not on every machine; they are skipped without it."""

BRANCHES = ("price-list", "pull-request")
"""The pull requests of the example, in the order of the demo."""


class Demo(NamedTuple):
    """What the demo printed, and the texts of its reports by branch and file name."""

    shown: str
    texts: dict[str, dict[str, str]]

    def findings(self, branch: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.texts[branch]["report.json"])["findings"]
        return found

    def skipped(self, branch: str) -> set[str]:
        tools = json.loads(self.texts[branch]["report.json"])["tools"]
        return {tool["tool"] for tool in tools if tool["outcome"] == "skipped"}


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("examples_make", EXAMPLES / "make.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def project(make: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("example") / "parcels"
    make.unpack(make.STREAM.read_bytes(), place)
    return place


def git(project: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", project, *words], check=True, capture_output=True, text=True
    ).stdout


def test_the_stream_is_what_the_script_makes(make: ModuleType) -> None:
    assert make.STREAM.read_bytes() == make.stream(), "run examples/make.py"


@pytest.mark.parametrize("branch", BRANCHES)
def test_the_coverage_report_is_that_of_the_tests_at_the_head(
    make: ModuleType, branch: str, tmp_path: Path
) -> None:
    def but_for_the_version(report: str) -> str:
        return re.sub(r'(version=|readthedocs\.io/en/)"?[\d.]+', "", report)

    project = tmp_path / "parcels"
    make.unpack(make.STREAM.read_bytes(), project, branch)
    committed = (make.CI / branch / make.COVERAGE).read_text("utf-8")
    assert but_for_the_version(committed) == but_for_the_version(make.coverage(project, branch))
    written = int(re.search(r'timestamp="(\d+)"', committed)[1]) / 1000
    assert written > int(git(project, "log", "-1", "--format=%ct", branch))


def test_the_pull_requests_stand_on_top_of_the_base(make: ModuleType, project: Path) -> None:
    assert git(project, "branch", "--show-current").strip() == make.HEAD
    assert git(project, "rev-list", "--count", make.BASE).strip() == "3"
    assert git(project, "rev-list", "--count", f"{make.BASE}..{make.HEAD}").strip() == "3"
    assert git(project, "rev-list", "--count", f"{make.BASE}..{make.SMALL}").strip() == "1"


def test_each_planted_defect_stands_where_the_list_says(make: ModuleType, project: Path) -> None:
    changed = {
        branch: set(git(project, "diff", "--name-only", make.BASE, branch).splitlines())
        for branch in BRANCHES
    }
    for defect in PLANTED["defects"]:
        assert defect["file"] in changed[defect["branch"]]
        if defect["line"]:  # otherwise it is about the whole file, which may be no text
            lines = git(project, "show", f"{defect['branch']}:{defect['file']}").split("\n")
            assert lines[defect["line"] - 1].strip() == defect["code"], defect
    assert set(PLANTED["clean"]) <= changed[make.HEAD]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    place = tmp_path_factory.mktemp("demo")
    command = [sys.executable, EXAMPLES / "demo.py", place]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    folders = dict(zip(BRANCHES, (place / f"review-{BRANCHES[0]}", place / "review"), strict=True))
    texts = {
        branch: {file.name: file.read_text("utf-8") for file in folder.iterdir()}
        for branch, folder in folders.items()
    }
    return Demo(ran.stdout, texts)


@pytest.mark.slow
def test_the_demo_writes_its_reports(demo: Demo) -> None:
    for branch, texts in demo.texts.items():
        assert {"report.json", "report.sarif", "report.md"} <= set(texts), branch
    assert all(demo.shown.count(f"/{name}\n") == 2 for name in demo.texts["pull-request"])


@pytest.mark.slow
def test_the_demo_shows_neither_secrets_nor_characters_that_reorder(demo: Demo) -> None:
    texts = {**demo.texts["pull-request"], "the terminal": demo.shown}
    key = next(d["code"] for d in PLANTED["defects"] if d["found_by"] == ["secrets"])
    secret = key.split('"')[1]
    assert not [name for name, text in texts.items() if secret in text]
    texts.pop("report.json")  # data for programs: it keeps what it quotes
    assert not [name for name, text in texts.items() if "\u202e" in text]


@pytest.mark.slow
def test_the_demo_finds_what_is_planted(demo: Demo) -> None:
    assert [defect for defect in PLANTED["defects"] if not found(defect, demo)] == []


@pytest.mark.slow
def test_the_demo_says_nothing_about_clean_files(demo: Demo) -> None:
    clean = set(PLANTED["clean"])
    remarks = [f for f in demo.findings("pull-request") if f["path"] in clean]
    assert remarks == []


@pytest.mark.slow
@pytest.mark.parametrize("analyzer", sorted(discover("reviewer.analyzers")))
def test_each_analyzer_finds_something_in_the_demo(analyzer: str, demo: Demo) -> None:
    planted = {name for defect in PLANTED["defects"] for name in defect["found_by"]}
    assert analyzer in planted, f"plant something for {analyzer} in examples/parcels"
    if analyzer in PROGRAMS & demo.skipped("pull-request"):
        pytest.skip(f"{analyzer} is not on this machine")
    assert analyzer in {f["tool"] for branch in BRANCHES for f in demo.findings(branch)}


def found(defect: dict[str, Any], demo: Demo) -> bool:
    """Whether the report speaks of the defect, or no tool for it can be expected here."""
    expected = set(defect["found_by"]) & KNOWN
    assert expected, f"no analyzer is called {defect['found_by']}"
    if expected <= PROGRAMS & demo.skipped(defect["branch"]):
        return True
    return any(
        judged["tool"] in expected
        and judged["standing"] in ("inline", "file", "capped", "merged", "body")
        and judged["path"] == defect["file"]
        and judged["start"] <= defect["line"] <= judged["end"]
        for judged in demo.findings(defect["branch"])
    )


@pytest.mark.slow
def test_the_guide_to_a_new_analyzer_works_to_the_letter(tmp_path: Path) -> None:
    root = EXAMPLES.parent
    for name in ("reviewer", "templates", "tests"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    guide = (root / "CONTRIBUTING.md").read_text("utf-8").split("## Add an analyzer")[1]
    guide = guide.split("\n## ")[0]
    file = re.search(
        r"Create\s+`(reviewer/analyzers/\w+\.py)`:\n\n```python\n(.*?)```", guide, re.DOTALL
    )
    assert file
    (tmp_path / file[1]).write_text(file[2], "utf-8")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    steps = re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)
    assert len(steps) == 3
    for step in steps:
        ran = subprocess.run(
            ["bash", "-euc", step],
            cwd=tmp_path,
            env=environ,
            check=False,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, step + ran.stdout + ran.stderr
