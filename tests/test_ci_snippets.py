"""What docs/ci.md, docs/gitlab.md and the GitLab template say is what works."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema import main
from click.testing import CliRunner

from reviewer.reports.codequality import CodeQuality
from reviewer.reports.html import Html
from reviewer.reports.json import Json
from reviewer.reports.junit import JUnit
from reviewer.reports.sarif import Sarif
from reviewer.reports.summary import Summary
from reviewer.version import VERSION
from tests.support.gitrepo import ENVIRON, commits, git, new_repository

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[1]
CI = (HERE / "docs" / "ci.md").read_text("utf-8")
LAB = (HERE / "docs" / "gitlab.md").read_text("utf-8")
TEMPLATE = (HERE / "templates" / "ci" / "gitlab.yml").read_text("utf-8")
BIN = Path(sys.executable).parent
TRANSFORMED = ("gitlab-ci", "azure-pipelines")
FORMATS = (CodeQuality, Html, Json, JUnit, Sarif, Summary)

VARIABLES = {
    "CHANGE_TARGET": "main",
    "SYSTEM_PULLREQUEST_TARGETBRANCHNAME": "main",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main",
}
"""What each system says of the target branch; CircleCI says nothing."""


def blocks(text: str) -> Mapping[str, list[str]]:
    """The code of each section of a page."""
    sections = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    found = zip(sections[1::2], sections[2::2], strict=True)
    fenced = re.compile(r"^( *)```\w+\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
    return {name: [code for _, code in fenced.findall(body)] for name, body in found}


SNIPPETS = {name: found[0] for name, found in blocks(CI).items()}
REVIEW = re.compile(
    r"--entrypoint (?P<program>\S+) (?P<image>\S+) \\\n\s*(?P<words>review .*)$", re.MULTILINE
)


def test_all_of_them_are_here() -> None:
    assert [*SNIPPETS] == ["Plain Docker", "Jenkins", "Azure Pipelines", "Buildkite", "CircleCI"]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What these systems check out: the change, and the target as a remote branch."""
    place = tmp_path_factory.mktemp("ci")
    new_repository(place / "upstream")
    bad = b"import subprocess\n\n\ndef run(word):\n    subprocess.call(word, shell=True)\n"
    before, after = {b"a.txt": ("100644", b"x\n")}, {b"app.py": ("100644", bad)}
    base, head = commits(place / "upstream", before, {**before, **after})
    git(place / "upstream", "branch", "feature", head)
    git(place / "upstream", "update-ref", "refs/heads/main", base)
    git(place, "clone", "-q", "-b", "feature", "upstream", "checkout")
    git(place / "checkout", "update-ref", "refs/remotes/origin/target", base)
    return place / "checkout"


@pytest.fixture(scope="session")
def runs(checkout: Path) -> Mapping[str, tuple[int, str, Path]]:
    """Status, output and reports of the command of each snippet, all run at the same time."""
    started = {}
    for name, snippet in SNIPPETS.items():
        (found,) = REVIEW.finditer(snippet.replace("$$", "$"))
        reports = checkout.parent / name
        reports.mkdir()
        command = f"{found['program']} {found['words']}".replace("reviewer-reports/", "$OUT/")
        env = {
            **ENVIRON,
            **VARIABLES,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "CI": "true",
            "OUT": str(reports),
        }
        command = command.replace("$OUT/", '"$OUT"/')
        started[name] = subprocess.Popen(
            ["bash", "-euc", command],
            cwd=checkout,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    told = {name: process.communicate(timeout=60)[0] for name, process in started.items()}
    return {n: (p.returncode, told[n], checkout.parent / n) for n, p in started.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", SNIPPETS)
def test_the_command_of_a_snippet_works(
    name: str, runs: Mapping[str, tuple[int, str, Path]]
) -> None:
    status, told, reports = runs[name]
    assert status == 1, told
    names = re.findall(r"--format (\w+)", SNIPPETS[name])
    assert names or "bandit/B602" in told
    for form in FORMATS:
        if form.name in names:
            _hold(reports / form.filename)


@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_names_the_released_image(name: str) -> None:
    (found,) = REVIEW.finditer(SNIPPETS[name])
    assert found["image"] == f"ghcr.io/owner/reviewer:{VERSION}"


def _hold(report: Path) -> None:
    """Whether a report is there, in its format, and tells of the finding."""
    text = report.read_text("utf-8")
    assert "app.py" in text
    if report.suffix == ".sarif":
        assert json.loads(text)["runs"][0]["results"]
    if report.suffix == ".xml":
        assert ET.fromstring(text).find(".//failure") is not None


@pytest.mark.parametrize(
    ("name", "schema"),
    [("Azure Pipelines", "azure-pipelines"), ("Buildkite", "buildkite"), ("CircleCI", "circle-ci")],
)
def test_a_snippet_is_what_its_system_takes(name: str, schema: str, tmp_path: Path) -> None:
    _valid(schema, tmp_path, SNIPPETS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SNIPPETS)
def test_files_that_a_snippet_reads_are_written_by_it(name: str) -> None:
    snippet = SNIPPETS[name]
    written = {f"reviewer-reports/{f.filename}" for f in FORMATS if f"--format {f.name}" in snippet}
    assert set(re.findall(r"reviewer-reports/[\w-]+\.\w+", snippet)) <= written


def test_the_table_names_the_files_of_the_formats() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", CI, flags=re.MULTILINE))
    assert rows == {form.name: form.filename for form in FORMATS}


# GitLab


def test_the_template_is_valid_alone_and_with_each_snippet(tmp_path: Path) -> None:
    template = yaml.safe_load(TEMPLATE)
    snippets = [yaml.safe_load(c) for found in blocks(LAB).values() for c in found if c[0] != "["]
    assert len(snippets) == 6
    wholes = [_over(template, {k: v for k, v in s.items() if k != "include"}) for s in snippets]
    _valid("gitlab-ci", tmp_path, *(yaml.safe_dump(_shown(whole)) for whole in wholes))


def test_a_template_that_gitlab_would_refuse_is_refused(tmp_path: Path) -> None:
    made = _shown(yaml.safe_load(TEMPLATE))
    made["hidden.reviewer"]["image"]["entrypoint"] = 3
    with pytest.raises(AssertionError, match="entrypoint"):
        _valid("gitlab-ci", tmp_path, yaml.safe_dump(made))


def _shown(made: Any) -> Any:
    """The same with its hidden jobs as plain ones: the schema lets hidden keys hold anything."""
    return {f"hidden{key}" if key[0] == "." else key: job for key, job in made.items()}


def test_the_job_can_run_in_the_image() -> None:
    job = yaml.safe_load(TEMPLATE)[".reviewer"]
    assert job["image"] == {"name": f"ghcr.io/owner/reviewer:{VERSION}", "entrypoint": [""]}
    assert job["script"] == ["python -I -m reviewer action"]
    gpu = yaml.safe_load(TEMPLATE)[".reviewer-gpu"]
    assert gpu["image"]["entrypoint"] == [""] and gpu["tags"] == ["gpu"]
    assert gpu["image"]["name"] == f"ghcr.io/owner/reviewer-gpu:{VERSION}"


def test_the_artifacts_are_what_the_job_writes() -> None:
    job = yaml.safe_load(TEMPLATE)[".reviewer"]
    folder = job["variables"]["INPUT_OUTPUT"]
    assert job["artifacts"]["paths"] == [f"{folder}/"]
    assert job["artifacts"]["reports"] == {"codequality": f"{folder}/{CodeQuality.filename}"}
    assert f"sarif: {folder}/{Sarif.filename}" in LAB


def test_the_coverage_job_is_the_one_that_is_read_from() -> None:
    made = yaml.safe_load(TEMPLATE)
    assert made[".reviewer"]["needs"][0]["job"] in yaml.safe_load(blocks(LAB)["Coverage"][0])
    artifacts = made[".reviewer-coverage"]["artifacts"]
    assert artifacts["reports"]["coverage_report"]["path"] in artifacts["paths"]


def test_both_name_the_same_version() -> None:
    named = re.findall(r"OWNER/reviewer/v([\d.]+)/templates/ci/gitlab.yml", TEMPLATE + LAB)
    assert named == [VERSION, VERSION]


def _over(below: Any, above: Any) -> Any:
    """How GitLab merges an included file with the one that includes it."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _over(below.get(key), value) for key, value in above.items()}}
    return above


def _valid(schema: str, place: Path, *texts: str) -> None:
    for number, text in enumerate(texts):
        (place / f"{number}.yml").write_text(text, "utf-8")
    words = ["--data-transform", schema] if schema in TRANSFORMED else []
    files = map(str, sorted(place.glob("*.yml")))
    done = CliRunner().invoke(main, ["--builtin-schema", f"vendor.{schema}", *words, *files])
    assert done.exit_code == 0, done.output
