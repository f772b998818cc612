"""The report as JSON: complete, described by its schema, read back with suspicion."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings

from reviewer.errors import InputError, IntegrityError, ReviewerError
from reviewer.model import Effort, Report, ToolRun
from reviewer.reports.json import REPORT_BYTES, Json, ReportRecord, digest, load, schema
from tests.support.reports import reports, review_by_model, sample

SCHEMA = Path(__file__).parents[1] / "docs" / "report.schema.json"


def digest_of(content: object) -> str:
    """The digest of a document as it was read."""
    return digest(msgspec.convert(content, ReportRecord))


def rendered(report: Report) -> bytes:
    return Json().render(report).encode()


@given(reports())
@settings(max_examples=25, deadline=None)
def test_a_report_survives_its_own_file(report: Report) -> None:
    assert load(rendered(report)) == report


@given(reports())
@settings(max_examples=15, deadline=None)
def test_every_report_is_as_the_schema_says(report: Report) -> None:
    VALIDATOR.validate(json.loads(rendered(report)))


VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def test_the_schema_in_the_documentation_is_the_schema_of_the_code() -> None:
    assert SCHEMA.read_text() == schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(schema()))


def test_the_schema_allows_nothing_else() -> None:
    def objects(value: object) -> list[dict[str, object]]:
        if isinstance(value, dict):
            mine = [value] if "properties" in value else []
            return mine + [found for item in value.values() for found in objects(item)]
        return [f for item in value for f in objects(item)] if isinstance(value, list) else []

    found = objects(json.loads(schema()))
    assert len(found) > 8
    for item in found:
        assert item["additionalProperties"] is False
        assert sorted(item["required"]) == sorted(item["properties"])  # type: ignore[call-overload]


def test_secrets_that_tools_met_are_not_in_it() -> None:
    report = sample()
    runs = (ToolRun("secrets", report.runs[0].outcome, masks=("hunter2hunter2",)), *report.runs)
    assert b"hunter2" not in rendered(replace(report, runs=runs))


def test_the_digest_is_of_the_content_and_not_of_the_time() -> None:
    report = sample()
    longer = Effort(seconds=(("ask", 99.5),), checkpoint="7:" + "0" * 64)
    slow = replace(
        report,
        runs=tuple(replace(run, seconds=9.5) for run in report.runs),
        model=review_by_model(effort=longer),
    )
    other = replace(report, notes=("something else",))
    digests = [json.loads(rendered(item))["digest"] for item in (report, slow, other)]
    assert digests[0] == digests[1] != digests[2]
    assert digests[0] == digest_of(json.loads(rendered(report)))


def test_anybody_can_compute_the_digest() -> None:
    content = json.loads(rendered(sample()))
    claimed = content.pop("digest")
    for tool in content["tools"]:
        del tool["seconds"]
    del content["model"]["effort"]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == claimed


def test_a_change_of_any_value_is_noticed() -> None:
    content = json.loads(rendered(sample()))
    content["verdict"]["state"] = "passed"
    with pytest.raises(IntegrityError, match="digest") as caught:
        load(json.dumps(content).encode())
    assert caught.value.tip


def test_a_finding_under_the_fingerprint_of_another_is_noticed() -> None:
    content = json.loads(rendered(sample()))
    content["findings"][0]["fingerprint"] = content["findings"][1]["fingerprint"]
    content["digest"] = digest_of(content)
    with pytest.raises(IntegrityError, match="fingerprint"):
        load(json.dumps(content).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 2},
        {"schema_version": "1"},
        {"schema_version": None},
        {"mode": "turbo"},
        {"notes": [1]},
        {"notes": None},
        {"extra": {}},
        {"findings": [{}]},
        {"verdict": {"state": "passed", "score": 101, "reasons": [], "exit_code": 0}},
        {"verdict": {"state": "passed", "score": 1, "reasons": [], "exit_code": 126.5}},
    ],
)
def test_what_is_not_a_report_is_refused_with_a_tip(change: dict[str, object]) -> None:
    content = json.loads(rendered(sample())) | change
    with pytest.raises(InputError) as caught:
        load(json.dumps(content).encode())
    assert caught.value.tip
    assert "\n" not in caught.value.message


def test_a_finding_that_ends_before_it_starts_is_refused() -> None:
    content = json.loads(rendered(sample()))
    content["findings"][2]["end"] = 1
    content["digest"] = digest_of(content)
    with pytest.raises(InputError, match="ends before"):
        load(json.dumps(content).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe{}",
        b'{"schema_version": 1}',
        b'{"schema_version": 1, "digest": "\\ud800"}',
        b'{"a": ' + b"[" * 100_000,
        b'{"schema_version": ' + b"9" * 5000 + b"}",
        b" " * (REPORT_BYTES + 1),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        load(data)


def test_a_missing_field_is_refused() -> None:
    whole = json.loads(rendered(sample()))
    for name in whole:
        with pytest.raises(ReviewerError):
            load(json.dumps({k: v for k, v in whole.items() if k != name}).encode())
