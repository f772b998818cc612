"""What every report format owes, run over each one there is.

A new format needs two files in `tests/cases/reports/<name>/`. `<filename>` is what it makes of the
shared report `tests/cases/reports/report.json`; `REWRITE=1 python -m pytest
tests/contracts/test_reports.py` writes these files anew, for review as a diff. `told.json` says how
to count the findings of a standing in what it makes, by regular expressions: `each`, with the
standing for `{standing}`, and `shown` for all of the standings `together` where they look alike. A
group in an expression is the number, else its matches are counted.
"""

import json
import os
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from markdown_it import MarkdownIt

from reviewer import plugins, text
from reviewer.model import Outcome, Report, Severity, Standing, ToolRun
from reviewer.reports.base import Format
from reviewer.reports.json import Json, load
from reviewer.version import VERSION
from tests.support.oracles import commands
from tests.support.reports import finding, reports, sample

CASES = Path(__file__).parents[1] / "cases" / "reports"
FORMATS = plugins.discover("reviewer.reports")
REWRITE = os.environ.get("REWRITE") == "1"
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f]")
UNSEEN = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]")

every_format = pytest.mark.parametrize("name", FORMATS)
thorough = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def build(name: str) -> Format:
    made: Format = FORMATS[name]()
    return made


def test_all_are_found() -> None:
    ours = {"annotations", "codequality", "html", "json", "junit", "sarif", "summary", "terminal"}
    assert ours <= set(FORMATS)


def test_the_shared_report_is_the_sample() -> None:
    place = CASES / "report.json"
    if REWRITE:
        place.write_text(Json().render(sample()), encoding="utf-8")
    assert load(place.read_bytes()) == sample()


@every_format
def test_it_is_a_frozen_dataclass_with_defaults(name: str) -> None:
    assert is_dataclass(FORMATS[name])
    assert FORMATS[name].__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert FORMATS[name].name == name
    assert re.fullmatch(r"[a-z0-9.-]+", FORMATS[name].filename)
    assert all(getattr(build(name), field.name) is not None for field in fields(FORMATS[name]))


def test_no_two_write_the_same_file() -> None:
    assert len({cls.filename for cls in FORMATS.values()}) == len(FORMATS)


@every_format
def test_it_makes_of_the_shared_report_what_is_written_down(name: str) -> None:
    report = load((CASES / "report.json").read_bytes())
    place = CASES / name / FORMATS[name].filename
    made = build(name).render(report).replace(VERSION, "<version>")
    if REWRITE:
        place.parent.mkdir(exist_ok=True)
        place.write_text(made, encoding="utf-8")
    assert place.is_file(), f"{place} is missing: REWRITE=1 writes it"
    assert made == place.read_bytes().decode()


@every_format
@given(report=reports())
@thorough
def test_it_is_a_function_of_the_report(name: str, report: Report) -> None:
    made = build(name).render(report)
    assert made == build(name).render(report)
    made.encode()
    assert made.endswith("\n") and "\r" not in made


@every_format
@given(report=reports())
@thorough
def test_nothing_hostile_is_live_in_it(name: str, report: Report) -> None:
    made = build(name).render(report)
    assert not CONTROLS.search(made)
    assert set(commands(made)) <= (
        {"error", "warning", "notice"} if name == "annotations" else set()
    )
    if name == "json":
        return
    assert not UNSEEN.search(made)
    if name == "summary":
        assert_inert(made)


def assert_inert(markdown: str) -> None:
    """Only the elements of our own templates, and none with an attribute of somebody else's."""
    html = MarkdownIt("gfm-like").render(markdown)
    assert re.findall(r"<(?:details|/details|summary|/summary)>", html).count("<details>") == len(
        re.findall("</details>", html)
    )
    tags = set(re.findall(r"<(/?[a-z0-9]+(?: [^>]*)?)>", html))
    ours = {"h2", "h3", "h4", "p", "ul", "li", "strong", "code", "pre", "details", "summary"}
    ours |= {"table", "thead", "tbody", "tr", "th", "td"}
    aligned = {f'{cell} style="text-align:right"' for cell in ("th", "td")}
    assert tags <= ours | {f"/{tag}" for tag in ours} | aligned, tags
    prose = re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)
    assert not re.search(r"@\w|https?://|www\.", prose)


JUDGED = sample().judged[2]
every_standing = pytest.mark.parametrize("standing", Standing)


def with_one_more(report: Report, standing: Standing) -> Report:
    return replace(report, judged=(*report.judged, replace(JUDGED, standing=standing)))


@every_format
@every_standing
def test_every_finding_shows(name: str, standing: Standing) -> None:
    """One finding more, whatever its standing, makes a difference."""
    report = replace(sample(), judged=())
    for _ in range(3):
        before, report = build(name).render(report), with_one_more(report, standing)
        assert build(name).render(report) != before


def told(name: str, made: str) -> dict[str, int]:
    """How many findings of each standing, or of standings together, a reader is told of."""
    place = CASES / name / "told.json"
    assert place.is_file(), f"{place} is missing: the top of this file says what it holds"
    rules = json.loads(place.read_text("utf-8"))
    together = rules.get("together", [])
    patterns = {
        standing.value: rules["each"].replace("{standing}", standing.value)
        for standing in Standing
        if standing.value not in together
    }
    if together:
        patterns[" ".join(together)] = rules["shown"]
    found = {key: re.findall(pattern, made, re.MULTILINE) for key, pattern in patterns.items()}
    return {
        key: sum(int(number.replace(",", "")) for number in values)
        if re.compile(patterns[key]).groups
        else len(values)
        for key, values in found.items()
    }


@every_format
@given(report=reports())
@thorough
def test_every_finding_is_there_or_counted(name: str, report: Report) -> None:
    standings = [item.standing.value for item in report.judged]
    for key, number in told(name, build(name).render(report)).items():
        assert number == sum(standings.count(standing) for standing in key.split())


@every_format
def test_a_tool_that_did_not_run_is_named_with_its_reason(name: str) -> None:
    made = build(name).render(sample())
    for words in ("trivy", "the program is not on this machine", "bandit", "no shell script"):
        assert words in made


@every_format
def test_masks_are_nowhere(name: str) -> None:
    report = sample()
    run = ToolRun("secrets", Outcome.OK, masks=("hunter2hunter2",))
    assert "hunter2" not in build(name).render(replace(report, runs=(*report.runs, run)))


@pytest.mark.slow
@every_format
def test_ten_thousand_findings_take_seconds(name: str) -> None:
    severities = list(Severity)
    many = tuple(
        replace(JUDGED, finding=finding(f"r{n % 50}", f"src/{n % 99}.py", n + 1,
                                        severity=severities[n % 3], quote="x = 1"))
        for n in range(10_000)
    )  # fmt: skip
    made = build(name).render(replace(sample(), judged=many))
    assert 1_000 < len(made) < 25_000_000


def test_text_is_the_one_place_of_neutralising() -> None:
    """The sample has a hidden character: every format for people shows it as a mark."""
    mark = text.visible("\u202e")
    assert all(mark in build(name).render(sample()) for name in ("terminal", "summary", "sarif"))
