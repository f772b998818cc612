"""How results in SARIF files become findings: places, weights, words, and files that are broken."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.analyzers._sarif import FILE_BYTES
from reviewer.analyzers.sarif import Sarif
from reviewer.errors import ToolFailed
from reviewer.model import Category, ChangeSet, Confidence, Outcome, Severity, ToolRun
from reviewer.process import Runner
from reviewer.tree import Tree
from tests.support.room import room

FILES = {
    "src/app.py": b"one\ntwo \xc3\xa9\nthree\n",
    "lib/util.py": b"one\n",
    "web/util.py": b"one\n",
    ".github/workflows/ci.yml": b"on: push\n",
    "a b#c.py": b"one\n",
}


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> tuple[ChangeSet, Tree]:
    return room(tmp_path_factory.mktemp("change"), FILES)


@pytest.fixture
def imported(change: tuple[ChangeSet, Tree], tmp_path: Path) -> Any:
    """Runs the import of one file with the given content."""

    def run(content: bytes | str | dict[str, Any]) -> ToolRun:
        place = tmp_path / "results.sarif"
        if isinstance(content, dict):
            content = json.dumps(content)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return Sarif((str(place),)).run(*change, Runner((), tmp_path))

    return run


def log(*results: dict[str, Any], **run: Any) -> dict[str, Any]:
    """A file with one run."""
    tool = run.pop("tool", {"driver": {"name": "Checker", "version": "1.0"}})
    return {"version": "2.1.0", "runs": [{"tool": tool, "results": list(results), **run}]}


def result(uri: str = "src/app.py", line: int | None = 1, **more: Any) -> dict[str, Any]:
    region = {} if line is None else {"region": {"startLine": line}}
    place = {"physicalLocation": {"artifactLocation": {"uri": uri}, **region}}
    return {"ruleId": "R1", "message": {"text": "m"}, "locations": [place], **more}


def ruled(rule: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A file with one result of a rule that the tool describes."""
    driver = {"name": "Checker", "rules": [{"id": "R1", **rule}]}
    return log(result(ruleIndex=0, **more), tool={"driver": driver})


def test_no_file_is_named(change: tuple[ChangeSet, Tree], tmp_path: Path) -> None:
    run = Sarif().run(*change, Runner((), tmp_path))
    assert (run.outcome, run.concerned) == (Outcome.SKIPPED, False)


def test_a_result_becomes_a_finding(imported: Any) -> None:
    run = imported(log(result(line=2)))
    (found,) = run.findings
    assert (found.tool, found.rule, found.message) == ("sarif", "checker/R1", "m")
    assert (found.span.path, found.span.start, found.span.end) == ("src/app.py", 2, 2)
    assert (found.severity, found.confidence) == (Severity.WARNING, Confidence.MEDIUM)
    assert (run.outcome, run.version, run.reason) == (Outcome.OK, "Checker 1.0", "")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("src/app.py", "src/app.py"),
        ("./src/app.py", "src/app.py"),
        ("src/./app.py", "src/app.py"),
        ("file:///app/project/src/app.py", "src/app.py"),
        ("file://host/app/src/app.py", "src/app.py"),
        ("FILE:/app/src/app.py", "src/app.py"),
        ("file:///C:/app/src/app.py", "src/app.py"),
        ("C:\\app\\src\\app.py", "src/app.py"),
        ("/app/src/app.py", "src/app.py"),
        ("app.py", "src/app.py"),
        (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
        ("a%20b%23c.py", "a b#c.py"),
        ("lib/util.py", "lib/util.py"),
        ("util.py", None),
        ("../src/app.py", None),
        ("../../etc/passwd", None),
        ("file:///app/%2e%2e/src/app.py", None),
        ("https://example.com/src/app.py", None),
        ("src/app.py\0", None),
        ("src/app.pyc", None),
        ("", None),
        ("/" * 5000 + "src/app.py", None),
    ],
)
def test_paths(uri: str, path: str | None, imported: Any) -> None:
    run = imported(log(result(uri)))
    assert [found.span.path for found in run.findings] == ([] if path is None else [path])
    assert ("1 result about" in run.reason) is (path is None)


def test_a_path_in_doubt_is_named(imported: Any) -> None:
    run = imported(log(result("util.py"), result("src/app.py"), result("other.py")))
    assert len(run.findings) == 1
    assert "1 result about a file that could be more than one of the changed files" in run.reason
    assert "1 result about files that the change does not touch" in run.reason


def test_the_first_place_in_a_changed_file_counts(imported: Any) -> None:
    places = [*result("other.py")["locations"], {}, *result(line=3)["locations"]]
    run = imported(log(result() | {"locations": places}))
    assert [found.span.start for found in run.findings] == [3]


def test_addresses_relative_to_a_base(imported: Any) -> None:
    bases = {
        "HERE": {"uri": "src/", "uriBaseId": "TOP"},
        "TOP": {"uri": "file:///app/project/"},
        "LOOP": {"uri": "x/", "uriBaseId": "LOOP"},
    }
    uris = [
        ("app.py", "HERE"),
        ("src/app.py", "TOP"),
        ("app.py", "LOOP"),
        ("src/app.py", "%SRCROOT%"),
    ]
    results = []
    for uri, base in uris:
        item = result(uri)
        item["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"] = base
        results.append(item)
    assert len(imported(log(results[0], originalUriBaseIds=bases)).findings) == 1
    assert len(imported(log(results[1], originalUriBaseIds=bases)).findings) == 1
    assert imported(log(results[2], originalUriBaseIds=bases)).outcome is Outcome.OK
    assert len(imported(log(results[3], originalUriBaseIds=bases)).findings) == 1


@pytest.mark.parametrize(
    ("region", "place"),
    [
        ({}, (0, 0, 0, 0)),
        ({"startLine": 1, "startColumn": 1, "endColumn": 4}, (1, 1, 1, 4)),
        ({"startLine": 1, "startColumn": 2, "endColumn": 99}, (1, 1, 0, 0)),
        ({"startLine": 2, "startColumn": 1, "endColumn": 4}, (2, 2, 0, 0)),
        ({"startLine": 1, "endLine": 2, "endColumn": 1}, (1, 1, 0, 0)),
        ({"startLine": 1, "endLine": 3}, (1, 3, 0, 0)),
        ({"startLine": 3, "endLine": 1}, (3, 3, 0, 0)),
        ({"startLine": 99}, (3, 3, 0, 0)),
        ({"startLine": -7}, (0, 0, 0, 0)),
        ({"startLine": 10**18, "endLine": 10**30}, (3, 3, 0, 0)),
    ],
)
def test_regions(region: dict[str, int], place: tuple[int, ...], imported: Any) -> None:
    item = result()
    item["locations"][0]["physicalLocation"]["region"] = region
    (found,) = imported(log(item)).findings
    span = found.span
    assert (span.start, span.end, span.column, span.end_column) == place


@pytest.mark.parametrize(
    ("rule", "more", "severity"),
    [
        ({}, {"level": "error"}, Severity.ERROR),
        ({}, {"level": "none"}, Severity.NOTE),
        ({}, {"level": "fatal"}, Severity.WARNING),
        ({"defaultConfiguration": {"level": "error"}}, {}, Severity.ERROR),
        ({"defaultConfiguration": {"level": "error"}}, {"level": "note"}, Severity.NOTE),
        ({"properties": {"security-severity": "9.1"}}, {"level": "note"}, Severity.ERROR),
        ({"properties": {"security-severity": "7.0"}}, {}, Severity.ERROR),
        ({"properties": {"security-severity": 4}}, {"level": "error"}, Severity.WARNING),
        ({"properties": {"security-severity": "3.9"}}, {}, Severity.NOTE),
        ({"properties": {"security-severity": "high"}}, {}, Severity.WARNING),
        ({"properties": {"security-severity": "NaN"}}, {}, Severity.WARNING),
        ({"properties": {"security-severity": {"a": 1}}}, {}, Severity.WARNING),
        ({}, {"kind": "informational"}, Severity.NOTE),
        ({}, {"kind": "review", "level": "warning"}, Severity.WARNING),
    ],
)
def test_severity(rule: Any, more: Any, severity: Severity, imported: Any) -> None:
    (found,) = imported(ruled(rule, **more)).findings
    assert found.severity is severity


@pytest.mark.parametrize(
    ("rule", "more", "confidence"),
    [
        ({"properties": {"precision": "very-high"}}, {}, Confidence.HIGH),
        ({"properties": {"precision": "low"}}, {}, Confidence.LOW),
        ({"properties": {"precision": ["low"]}}, {}, Confidence.MEDIUM),
        ({}, {"properties": {"issue_confidence": "HIGH"}}, Confidence.HIGH),
        (
            {"properties": {"precision": "low"}},
            {"properties": {"confidence": "High"}},
            Confidence.HIGH,
        ),
        ({}, {"rank": 90.5}, Confidence.HIGH),
        ({}, {"rank": 0}, Confidence.LOW),
        ({"defaultConfiguration": {"rank": 10}}, {}, Confidence.LOW),
        ({}, {"rank": -1}, Confidence.MEDIUM),
    ],
)
def test_confidence(rule: Any, more: Any, confidence: Confidence, imported: Any) -> None:
    (found,) = imported(ruled(rule, **more)).findings
    assert found.confidence is confidence


@pytest.mark.parametrize(
    ("properties", "category"),
    [
        ({"tags": ["security", "external/cwe/cwe-079"]}, Category.SECURITY),
        ({"tags": ["CWE-89: SQL Injection"]}, Category.SECURITY),
        ({"security-severity": "5"}, Category.SECURITY),
        ({"tags": ["style"]}, Category.STYLE),
        ({"tags": ["complexity", "maintainability"]}, Category.COMPLEXITY),
        ({"tags": ["correctness"]}, Category.CORRECTNESS),
        ({"tags": "security"}, Category.CORRECTNESS),
        ({"tags": [1, None, ["security"]]}, Category.CORRECTNESS),
    ],
)
def test_category(properties: Any, category: Category, imported: Any) -> None:
    run = imported(ruled({"properties": properties}))
    assert [found.category for found in run.findings] == [category]
    assert category in run.measures


def test_a_clean_run_has_judged_what_its_rules_are_about(imported: Any) -> None:
    driver = {"name": "Checker", "rules": [{"id": "R1", "properties": {"tags": ["security"]}}]}
    assert imported(log(tool={"driver": driver})).measures == (Category.SECURITY,)
    assert imported(log()).measures == (Category.CORRECTNESS,)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": "two\n  lines"}, "two lines"),
        ({"text": "a [link](3) and \\[none\\]"}, "a link and [none]"),
        ({"text": "{0} is {1} {2}", "arguments": ["x", "y"]}, "x is y {2}"),
        ({"text": "a {0}"}, "a {0}"),
        ({"id": "own", "arguments": ["x"]}, "own x"),
        ({"id": "shared"}, "shared"),
        ({"id": "nowhere"}, "checker gives no message"),
        ({"text": " "}, "checker gives no message"),
        ({"text": "x" * 5000}, "x" * 999 + "…"),
    ],
)
def test_messages(message: Any, text: str, imported: Any) -> None:
    driver = {
        "name": "Checker",
        "rules": [{"id": "R1", "messageStrings": {"own": {"text": "own {0}"}}}],
        "globalMessageStrings": {"shared": {"text": "shared"}},
    }
    run = imported(log(result(message=message), tool={"driver": driver}))
    assert [found.message for found in run.findings] == [text]


def test_arguments_cannot_swell(imported: Any) -> None:
    message = {"text": "{0}" * 100_000, "arguments": ["x" * 1_000_000]}
    (found,) = imported(log(result(message=message))).findings
    assert len(found.message) <= 1000


@pytest.mark.parametrize(
    ("suppressions", "counts"),
    [
        ([{"kind": "inSource"}], True),
        ([{"kind": "external", "status": "accepted"}], True),
        ([{"kind": "external", "status": "underReview"}], False),
        ([{"status": "accepted"}, {"status": "rejected"}], False),
        ([], False),
        (None, False),
    ],
)
def test_suppressed_results_stay_as_notes(suppressions: Any, counts: bool, imported: Any) -> None:
    (found,) = imported(log(result(level="error", suppressions=suppressions))).findings
    assert (found.severity is Severity.NOTE) is counts
    assert found.message.endswith("(suppressed in the SARIF file)") is counts


@pytest.mark.parametrize(
    "more", [{"kind": "pass"}, {"kind": "notApplicable"}, {"baselineState": "absent"}]
)
def test_results_that_say_that_nothing_is_wrong(more: Any, imported: Any) -> None:
    run = imported(log(result(**more)))
    assert (run.findings, run.reason, run.outcome) == ((), "", Outcome.OK)


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ({"ruleId": "R2"}, "https://example.com/2"),
        ({"ruleId": "R2/part"}, "https://example.com/2"),
        ({"ruleIndex": 1, "ruleId": "R9"}, "https://example.com/2"),
        ({"rule": {"index": 0, "toolComponent": {"index": 0}}}, "https://example.com/e"),
        ({"ruleId": "E1"}, "https://example.com/e"),
        ({"ruleIndex": 99, "ruleId": "R9"}, ""),
        ({"ruleIndex": 10**40, "ruleId": "R9"}, ""),
        ({"ruleId": "R3"}, ""),
    ],
)
def test_rules_are_found(more: dict[str, Any], url: str, imported: Any) -> None:
    rules = [
        {"id": "R1", "helpUri": "https://example.com/1"},
        {"id": "R2", "helpUri": "https://example.com/2"},
        {"id": "R3", "helpUri": "javascript:alert(1)"},
    ]
    tool = {
        "driver": {"name": "Checker", "rules": rules},
        "extensions": [{"name": "x", "rules": [{"id": "E1", "helpUri": "https://example.com/e"}]}],
    }
    item = {key: value for key, value in result().items() if key != "ruleId"} | more
    assert [found.url for found in imported(log(item, tool=tool)).findings] == [url]


def test_names_are_made_fit(imported: Any) -> None:
    tool = {"driver": {"name": "Semgrep OSS"}}
    rules = ["semgrep-oss/x", "a\u202eb\0\n c", "", "y" * 500]
    run = imported(log(*(result(ruleId=rule) for rule in rules), tool=tool))
    assert {found.rule for found in run.findings} == {
        "semgrep-oss/x",
        "semgrep-oss/ab c",
        "semgrep-oss/result",
        f"semgrep-oss/{'y' * 119}…",
    }
    assert imported(log(result(), tool={"driver": {"name": "<b>"}})).findings[0].rule == "b/R1"
    assert imported(log(result(), tool={"driver": {}})).findings[0].rule == "unnamed/R1"


def test_a_tool_that_says_it_failed_has_failed(imported: Any) -> None:
    run = imported(log(result(), invocations=[{"executionSuccessful": False}]))
    assert (run.outcome, len(run.findings)) == (Outcome.FAILED, 1)
    assert "Checker 1.0 says that it did not end well" in run.reason
    run = imported({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Checker"}}}]})
    assert (run.outcome, run.findings) == (Outcome.FAILED, ())
    assert "Checker has not looked for anything" in run.reason


GOOD = json.dumps(log(result()))
BROKEN = {
    "empty": b"",
    "text": b"no results",
    "truncated": GOOD[: len(GOOD) // 2],
    "list": "[]",
    "null": "null",
    "not a number": GOOD.replace('"startLine": 1', '"startLine": NaN'),
    "infinite": GOOD.replace('"startLine": 1', '"startLine": 1e999'),
    "fraction": GOOD.replace('"startLine": 1', '"startLine": 1.5'),
    "text for a number": GOOD.replace('"startLine": 1', '"startLine": "1"'),
    "huge number": GOOD.replace('"startLine": 1', f'"startLine": {"9" * 5000}'),
    "results of another kind": GOOD.replace('"results": [', '"results": [7, '),
    "no message": GOOD.replace('"message"', '"massage"'),
    "no tool": GOOD.replace('"tool"', '"fool"'),
    "deep": "[" * 100_000,
    "deep in a field": '{"version": "2.1.0", "x": ' + '{"a":' * 100_000,
    "deep in properties": GOOD.replace('"ruleId"', '"properties": {"a":' + "[" * 100_000),
    "bytes": b'{"version": "2.1.0\xff"}',
    "UTF-16": GOOD.encode("utf-16"),
    "other version": GOOD.replace("2.1.0", "1.0.0"),
    "no version": GOOD.replace('"version": "2.1.0"', '"x": 1'),
    "no runs": '{"version": "2.1.0", "runs": []}',
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_a_reason(kind: str, imported: Any) -> None:
    with pytest.raises(ToolFailed, match=r"results\.sarif: it (cannot|is SARIF|holds no)"):
        imported(BROKEN[kind])


def test_a_byte_order_mark_is_passed_over(imported: Any) -> None:
    assert len(imported(b"\xef\xbb\xbf" + GOOD.encode()).findings) == 1


@pytest.mark.slow
def test_many_results_are_all_kept(imported: Any) -> None:
    assert len(imported(log(*[result()] * 25_001)).findings) == 25_001


def test_files_that_cannot_be_read(change: tuple[ChangeSet, Tree], tmp_path: Path) -> None:
    good = tmp_path / "good.sarif"
    good.write_text(GOOD)
    (tmp_path / "link.sarif").symlink_to(good)
    (tmp_path / "folder.sarif").mkdir()
    os.mkfifo(tmp_path / "pipe.sarif")
    with (tmp_path / "large.sarif").open("wb") as file:
        file.truncate(FILE_BYTES + 1)
    for name, reason in {
        "none.sarif": "it cannot be opened: No such file or directory",
        "link.sarif": "it cannot be opened: Too many levels of symbolic links",
        "folder.sarif": "it is not a regular file",
        "pipe.sarif": "it is not a regular file",
        "large.sarif": "it is larger than 10 MiB",
        "a\0b": "it cannot be opened: embedded null byte",
    }.items():
        with pytest.raises(ToolFailed) as failure:
            Sarif((str(tmp_path / name),)).run(*change, Runner((), tmp_path))
        assert str(failure.value) == f"{tmp_path / name}: {reason}"


def test_one_broken_file_costs_only_its_own_results(
    change: tuple[ChangeSet, Tree], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.sarif").write_text(GOOD)
    Path("bad.sarif").write_text("{")
    files = ("good.sarif", "bad.sarif", "none.sarif", "good.sarif")
    run = Sarif(files).run(*change, Runner((), tmp_path))
    assert (run.outcome, len(run.findings)) == (Outcome.FAILED, 1)
    assert run.reason.startswith("bad.sarif: it cannot be understood: ")
    assert run.reason.endswith("none.sarif: it cannot be opened: No such file or directory")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = (
    "ruleId ruleIndex rule kind level rank locations suppressions properties message baselineState"
).split()


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3))
def test_any_result_is_understood_or_refused(changes: dict[str, Any], imported: Any) -> None:
    try:
        run = imported(json.dumps(log(result() | changes)))
    except ToolFailed as failure:
        assert str(failure)
    else:
        assert len(run.findings) <= 1
