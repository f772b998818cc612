"""Rules: each that a case shows is described, and found by its name."""

import json
import re
import sys
from pathlib import Path

import pytest

from reviewer import measure, model_rules, plugins, rules, shapes
from reviewer.analyzers.base import ForeignRules, RulePage
from reviewer.errors import InputError
from reviewer.model import Category, Confidence, Severity
from reviewer.process import Runner
from reviewer.rules import Catalogue, anchor, catalogue, described, page
from tests.support.reviewing import script
from tests.support.room import runner

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "cases" / "analyzers"
ANALYZERS = plugins.discover("reviewer.analyzers")
ALL = catalogue(ANALYZERS)

SHOWN = sorted(
    {
        f"{place.parts[-3]}/{row['rule']}"
        for place in CASES.glob("*/*/expected.json")
        for row in json.loads(place.read_text("utf-8"))
    }
)
"""Every rule that a case has a finding of."""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return runner(tmp_path_factory.mktemp("rules"))


def refused(name: str, tools: Runner, where: Catalogue = ALL) -> InputError:
    with pytest.raises(InputError) as caught:
        where.explain(name, tools)
    assert caught.value.exit_code == 2
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize("rule_id", SHOWN)
def test_a_rule_that_a_case_shows_is_explained(rule_id: str, tools: Runner) -> None:
    found = ALL.explain(rule_id, tools)
    assert found.rule_id == rule_id
    assert found.page.what
    assert found.page.url.startswith("https://") or found.page.fix or rule_id.startswith("sarif/")


@pytest.mark.parametrize("name", ANALYZERS)
def test_an_analyzer_describes_its_rules(name: str) -> None:
    module = vars(sys.modules[ANALYZERS[name].__module__])
    assert module.get("RULES") or module.get("FOREIGN"), f"{name} has neither RULES nor FOREIGN"


@pytest.mark.parametrize("rule_id", ALL.own)
def test_a_page_of_our_own_is_whole(rule_id: str) -> None:
    told = ALL.own[rule_id]
    assert told.what.endswith(".")
    assert told.why.endswith(".")
    assert told.fix.endswith(".")
    assert isinstance(told.severity, Severity)
    assert isinstance(told.confidence, Confidence)
    assert isinstance(told.category, Category)
    assert told.before or not told.after
    assert told.url.startswith("https://") or not told.url


@pytest.mark.slow
@pytest.mark.parametrize("owner", ALL.foreign)
def test_the_address_of_a_foreign_rule_can_be_made(owner: str, tools: Runner) -> None:
    rules_ = ALL.foreign[owner]
    assert rules_.about.endswith(".")
    shown = [rule_id.partition("/")[2] for rule_id in SHOWN if rule_id.startswith(f"{owner}/")]
    foreign = [rule for rule in shown if f"{owner}/{rule}" not in ALL.own]
    for rule in foreign:
        found = described(rules_, rule, tools)
        assert found is not None, f"{owner} does not know its rule {rule}"
        assert re.fullmatch(r"https://[\w./#?=%-]+", found.url) or owner == "sarif", found.url


def test_coverage_describes_what_it_reports() -> None:
    assert {told.rule for told in measure.RULES} == {"uncovered", "partial"}


def test_the_model_describes_what_it_is_asked_for() -> None:
    told = {page.rule: page.category for page in model_rules.RULES}
    assert told == shapes.CATEGORIES


@pytest.mark.parametrize(
    ("name", "rule_id"),
    [
        ("complexity/nesting", "complexity/nesting"),
        ("nesting", "complexity/nesting"),
        ("ruff/S602", "ruff/S602"),
        ("S602", "ruff/S602"),
        ("B602", "bandit/B602"),
        ("B006", "ruff/B006"),
        ("invalid-syntax", "ruff/invalid-syntax"),
        ("trivy/CVE-2024-1234", "trivy/CVE-2024-1234"),
        ("CVE-2024-1234", "trivy/CVE-2024-1234"),
        ("uncovered", "coverage/uncovered"),
        ("model/security", "model/security"),
        ("test-gap", "model/test-gap"),
    ],
)
def test_a_name_means_a_rule(name: str, rule_id: str, tools: Runner) -> None:
    assert ALL.explain(name, tools).rule_id == rule_id


def test_ruff_speaks_for_its_rules(tools: Runner) -> None:
    found = ALL.explain("ruff/S602", tools)
    assert found.source == "ruff"
    assert "shell" in found.page.what
    assert "shell=True" in found.page.before
    assert found.page.severity is Severity.ERROR
    assert found.page.url.endswith("/subprocess-popen-with-shell-equals-true/")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("complexity/nestng", "complexity/nesting"),
        ("nestng", "nesting"),
        ("ruff/S6022", "ruff/S602"),
        ("bandit/B699", "bandit/B6"),
        ("xyzzy-plugh-0000", "rules.md"),
        ("", "rules.md"),
        ("a" * 10_000, "rules.md"),
        ("\x1b[31m", "rules.md"),
    ],
)
def test_an_unknown_name_brings_the_nearest(name: str, near: str, tools: Runner) -> None:
    error = refused(name, tools)
    assert "there is no rule" in error.message
    assert near in error.tip
    assert "\x1b" not in error.message
    assert len(error.message) < 200


def test_a_name_of_two_rules_asks_which(tools: Runner) -> None:
    two = Catalogue({f"{t}/x": RulePage("x", "What.") for t in ("a", "b")}, {})
    error = refused("x", tools, two)
    assert error.tip == "choose from: a/x, b/x"


def test_without_its_program_a_rule_is_still_linked(tmp_path: Path) -> None:
    bare = Runner((tmp_path / "nothing",), tmp_path)
    found = ALL.explain("ruff/S602", bare)
    assert "ruff is not installed" in found.page.what
    assert found.page.url.startswith("https://docs.astral.sh/ruff/")
    assert "rules.md" in refused("zzz-9", bare, Catalogue({}, {})).tip


def test_a_program_that_prints_rubbish_breaks_nothing(tmp_path: Path) -> None:
    folder = script(tmp_path / "bin", "ruff", "echo '{'").parent
    odd = runner(tmp_path, [folder])
    assert "cannot be understood" in ALL.explain("ruff/S602", odd).page.what
    refused("ruff/nothing-like-it", odd)


def test_groups_of_a_name_stand_in_its_address(tools: Runner) -> None:
    foreign = ForeignRules(
        "p", "About.", r"(?P<kind>\w+)\((?P<name>[\w-]+)\)", "https://x/{kind}/{name}"
    )
    found = described(foreign, "eslint(no-debugger)", tools)
    assert found is not None
    assert found.url == "https://x/eslint/no-debugger"
    assert described(foreign, "no-debugger", tools) is None


def test_every_anchor_on_the_page_of_rules_is_there_once() -> None:
    text = (ROOT / "docs" / "rules.md").read_text("utf-8")
    there = re.findall(r'<a id="([^"]+)">', text)
    assert len(set(there)) == len(there)
    for rule_id in ALL.own:
        assert anchor(rule_id) in there
        assert page(rule_id).endswith(f"/docs/rules.md#{anchor(rule_id)}")
    assert rules.anchor("ruff/S602") == "ruff-s602"
    assert "ruff-s602" in there
