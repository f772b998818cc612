"""The example project: it is what its script makes, and the demo finds what is planted in it."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reviewer.plugins import discover

EXAMPLES = Path(__file__).parents[1] / "examples"
PLANTED = json.loads((EXAMPLES / "parcels" / "defects.json").read_text("utf-8"))

KNOWN = {*discover("reviewer.analyzers"), "coverage"}
"""Who can find something."""

PROGRAMS = {"trivy", "hadolint", "shellcheck"}
"""Analyzers that need a program which is not on every machine."""


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


def test_the_coverage_report_is_that_of_the_tests_at_the_head(
    make: ModuleType, project: Path
) -> None:
    def but_for_the_version(report: str) -> str:
        return re.sub(r'(version=|readthedocs\.io/en/)"?[\d.]+', "", report)

    committed = make.COVERAGE.read_text("utf-8")
    assert but_for_the_version(committed) == but_for_the_version(make.coverage(project))
    written = int(re.search(r'timestamp="(\d+)"', committed)[1]) / 1000
    assert written > int(git(project, "log", "-1", "--format=%ct", make.HEAD))


def test_the_pull_request_is_checked_out_on_top_of_the_base(
    make: ModuleType, project: Path
) -> None:
    assert git(project, "branch", "--show-current").strip() == make.HEAD
    assert git(project, "rev-list", "--count", make.BASE).strip() == "3"
    assert git(project, "rev-list", "--count", f"{make.BASE}..{make.HEAD}").strip() == "3"


def test_each_planted_defect_stands_where_the_list_says(make: ModuleType, project: Path) -> None:
    changed = git(project, "diff", "--name-only", make.BASE, make.HEAD).splitlines()
    for defect in PLANTED["defects"]:
        lines = (project / defect["file"]).read_text("utf-8").split("\n")
        assert lines[defect["line"] - 1].strip() == defect["code"], defect
    assert {defect["file"] for defect in PLANTED["defects"]} <= set(changed)
    assert set(PLANTED["clean"]) <= set(changed)


def test_the_demo_finds_what_is_planted_and_nothing_on_clean_files(tmp_path: Path) -> None:
    command = [sys.executable, EXAMPLES / "demo.py", tmp_path]
    demo = subprocess.run(command, check=False, capture_output=True, text=True)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    written = {file.name for file in (tmp_path / "review").iterdir()}
    assert {"report.json", "report.sarif", "report.md"} <= written
    assert all(name in demo.stdout for name in written)
    texts = {name: (tmp_path / "review" / name).read_text("utf-8") for name in written}
    texts["the terminal"] = demo.stdout
    key = next(d["code"] for d in PLANTED["defects"] if d["found_by"] == ["secrets"])
    secret = key.split('"')[1]
    assert not [name for name, text in texts.items() if secret in text]
    texts.pop("report.json")  # data for programs: it keeps what it quotes
    assert not [name for name, text in texts.items() if "\u202e" in text]
    report = json.loads((tmp_path / "review" / "report.json").read_text("utf-8"))
    missed = [defect for defect in PLANTED["defects"] if not found(defect, report)]
    assert missed == []
    assert remarks_on(PLANTED["clean"], report) == []


def found(defect: dict[str, Any], report: dict[str, Any]) -> bool:
    """Whether the report speaks of the defect, or no tool for it can be expected here."""
    expected = set(defect["found_by"]) & KNOWN
    assert expected, f"no analyzer is called {defect['found_by']}"
    missing = {run["tool"] for run in report["tools"] if run["outcome"] == "skipped"}
    if expected <= PROGRAMS & missing:
        return True
    return any(
        judged["tool"] in expected
        and judged["standing"] in ("inline", "capped", "merged", "body")
        and judged["path"] == defect["file"]
        and judged["start"] <= defect["line"] <= judged["end"]
        for judged in report["findings"]
    )


def remarks_on(files: Iterable[str], report: dict[str, Any]) -> list[dict[str, Any]]:
    """Comments that the report puts on these files."""
    clean = set(files)
    return [
        judged
        for judged in report["findings"]
        if judged["path"] in clean and judged["standing"] in ("inline", "capped", "file")
    ]


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
