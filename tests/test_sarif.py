"""SARIF: valid by the schema and by what GitHub takes."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import jsonschema
import pytest
from hypothesis import given, settings

from reviewer.model import Judged, Report, Severity, Side, Span, Standing, State, Verdict
from reviewer.reports.sarif import RESULTS, Sarif, plain, uri
from tests.support.reports import finding, reports, sample

SCHEMA = Path(__file__).parent / "contracts" / "sarif-2.1.0-rtm.5.json"
"""From @microsoft/jest-sarif 1.0.0-beta.0 (MIT), lib/schemas; the standard's own schema."""

VALIDATOR = jsonschema.Draft4Validator(json.loads(SCHEMA.read_text()))
MULTITOOL = os.environ.get("SARIF_MULTITOOL", "")


def run_of(report: Report) -> dict[str, Any]:
    document = json.loads(Sarif().render(report))
    VALIDATOR.validate(document)
    (run,) = document["runs"]
    return run  # type: ignore[no-any-return]


def with_findings(*judged: Judged) -> Report:
    return replace(sample(), judged=judged)


def region_of(item: Judged) -> dict[str, Any]:
    (result,) = run_of(with_findings(item))["results"]
    return result["locations"][0]["physicalLocation"]["region"]  # type: ignore[no-any-return]


@given(reports())
@settings(max_examples=15, deadline=None)
def test_every_report_is_valid_and_complete(report: Report) -> None:
    run = run_of(report)
    found = sorted(item["partialFingerprints"]["reviewer/v1"] for item in run["results"])
    assert found == sorted(item.finding.fingerprint for item in report.judged)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        assert place["region"]["startLine"] >= 1
        address = place["artifactLocation"]["uri"]
        assert urlsplit(address)._replace(path="").geturl() == ""
        assert address.isascii() and address.isprintable()


def test_levels_order_and_security() -> None:
    severities = (Severity.NOTE, Severity.ERROR, Severity.WARNING)
    run = run_of(
        with_findings(
            *(
                Judged(finding(f"r{n}", severity=severity), Standing.INLINE, "")
                for n, severity in enumerate(severities)
            )
        )
    )
    assert [item["level"] for item in run["results"]] == ["error", "warning", "note"]
    scores = [rule["properties"]["security-severity"] for rule in run["tool"]["driver"]["rules"]]
    assert scores == ["3.0", "8.0", "5.5"]


def test_regions_are_those_of_the_span() -> None:
    place = finding(span=Span("a.py", 3, 4, 5, 2), quote="x")
    assert region_of(Judged(place, Standing.INLINE, "")) == {
        "startLine": 3,
        "endLine": 4,
        "startColumn": 5,
        "endColumn": 2,
        "snippet": {"text": "x"},
    }
    backwards = finding(span=Span("a.py", 3, 3, 5, 2))
    assert region_of(Judged(backwards, Standing.INLINE, "")) == {
        "startLine": 3,
        "endLine": 3,
        "startColumn": 5,
    }


@pytest.mark.parametrize(
    "item",
    [
        Judged(finding(start=0), Standing.FILE, ""),
        Judged(finding(side=Side.OLD), Standing.INLINE, ""),
        Judged(finding(start=10**6), Standing.UNPROVEN, ""),
    ],
)
def test_what_has_no_line_in_the_new_file_is_put_on_the_file(item: Judged) -> None:
    assert region_of(item) == {"startLine": 1}


def test_suppressed_is_what_nobody_need_act_on() -> None:
    run = run_of(sample())
    suppressed = {
        item["properties"]["standing"]: len(item["suppressions"]) for item in run["results"]
    }
    assert suppressed == {
        standing.value: standing.value in ("merged", "known", "ignored", "unproven")
        for standing in Standing
    }


def test_the_run_says_how_the_model_was_asked() -> None:
    told = run_of(sample())["properties"]
    assert told["mode"] == "partial"
    assert told["model"]["weights"] == "5e" * 32
    assert told["model"]["prompt review"] == "1a" * 32
    assert told["model"]["model.samples"] == "1"
    assert "model" not in run_of(replace(sample(), model=None))["properties"]


def test_a_tool_that_did_not_run_is_a_notification() -> None:
    (invocation,) = run_of(sample())["invocations"]
    told = {item["descriptor"]["id"]: item for item in invocation["toolExecutionNotifications"]}
    assert told["tool-failed"]["level"] == "error"
    assert told["tool-failed"]["message"]["text"].startswith("bandit failed: it printed ")
    levels = sorted(item["level"] for item in invocation["toolExecutionNotifications"])
    assert levels == ["error", "note", "warning", "warning"]
    assert invocation["executionSuccessful"]
    nothing = replace(sample(), verdict=Verdict(State.NOT_REVIEWED, None, ("no file",), 3))
    assert not run_of(nothing)["invocations"][0]["executionSuccessful"]


def test_too_many_results_are_cut_from_the_least_and_counted() -> None:
    notes = [
        Judged(finding(start=n, severity=Severity.NOTE), Standing.INLINE, "")
        for n in range(1, RESULTS + 2)
    ]
    worst = Judged(finding(start=7), Standing.OFF_DIFF, "")
    hidden = Judged(finding(start=8, severity=Severity.ERROR), Standing.INLINE, "")
    run = json.loads(Sarif().render(with_findings(*notes, worst, hidden)))["runs"][0]
    assert len(run["results"]) == RESULTS
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 8
    told = run["invocations"][0]["toolExecutionNotifications"][-1]
    assert told["descriptor"]["id"] == "results-cut"
    assert told["message"]["text"].startswith(f"3 findings of {RESULTS + 3:,} left out")


def test_a_path_keeps_its_bytes() -> None:
    for path in ("a b.py", "x:y", "caf\udce9\n?#%.py", "-x", "ä/ö.py"):
        assert unquote_to_bytes(uri(path)) == path.encode("utf-8", "surrogateescape")
    assert uri("a/b.py") == "a/b.py"
    assert ":" not in uri("javascript:x")


def test_a_message_has_no_links_and_nothing_hidden() -> None:
    assert plain("[x](https://evil.example) \u202e") == "[x] (https://evil.example) ⟦U+202E⟧"


def test_the_address_of_the_tool_is_a_setting() -> None:
    document = json.loads(Sarif(home="https://example.org/reviewer").render(sample()))
    driver = document["runs"][0]["tool"]["driver"]
    assert driver["informationUri"] == "https://example.org/reviewer"
    assert "informationUri" not in run_of(sample())["tool"]["driver"]


def test_addresses_that_are_no_links_are_left_out() -> None:
    rules = run_of(sample())["tool"]["driver"]["rules"]
    links = {rule["id"]: rule.get("helpUri", "") for rule in rules}
    assert links["evil/hostile"] == ""
    assert links["ruff/S608"].startswith("https://docs.astral.sh/")


@pytest.mark.slow
@pytest.mark.skipif(not MULTITOOL, reason="SARIF_MULTITOOL names no Sarif.Multitool program")
def test_the_rules_of_code_scanning_hold(tmp_path: Path) -> None:
    """GH10xx and GH20xx are GitHub's ingestion rules; npm has it: @microsoft/sarif-multitool."""
    report, verdicts = tmp_path / "report.sarif", tmp_path / "verdicts.sarif"
    report.write_text(Sarif(home="https://example.org/reviewer").render(sample()))
    subprocess.run(
        [MULTITOOL, "validate", report, "--rule-kind", "Sarif;Ghas", "--output", verdicts],
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
        check=True,
    )
    results = json.loads(verdicts.read_text(encoding="utf-8-sig"))["runs"][0]["results"]
    assert [item["ruleId"] for item in results] == []
