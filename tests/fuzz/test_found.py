"""What the fuzzer found, each once in plain words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from reviewer import baseline, syntax
from reviewer.analyzers import bandit, complexity, ruff, secrets, zizmor
from reviewer.analyzers._linter import Lines
from reviewer.analyzers._trivy import understood
from reviewer.analyzers.base import Analyzer
from reviewer.analyzers.docs import Docs
from reviewer.analyzers.naming import Naming
from reviewer.coverage.base import UnreadableReport
from reviewer.coverage.clover import Clover
from reviewer.coverage.cobertura import Cobertura
from reviewer.coverage.coverage_json import CoverageJson
from reviewer.coverage.lcov import Lcov
from reviewer.errors import ConfigError, InputError, ToolFailed
from reviewer.model import Severity
from reviewer.process import Finished, Runner
from reviewer.reports.json import load
from tests.support.room import room

NOT_UTF8 = b'{"version": "\xe4"}'
DEEP = b'{"x": ' + b"[" * 60_000
DECODERS = {
    "bandit": bandit.decoded,
    "complexity": lambda data: complexity.decoded(data, []),
    "syntax": lambda data: syntax.decoded(data, [], whole=True),
    "ruff": ruff.decoded,
    "secrets": secrets.understood,
    "zizmor": zizmor.decoded,
}


@pytest.mark.parametrize("data", [DEEP, NOT_UTF8], ids=["deep", "not UTF-8"])
@pytest.mark.parametrize("name", DECODERS)
def test_output_that_no_decoder_takes_is_a_reason(name: str, data: bytes) -> None:
    with pytest.raises(ToolFailed):
        DECODERS[name](b"[" + data if name == "zizmor" else data)


@pytest.mark.parametrize("data", [DEEP, b'{"SchemaVersion": 2, "Results": [{"Target": "\xff"}]}'])
def test_a_trivy_report_that_no_decoder_takes_is_a_reason(data: bytes, tmp_path: Path) -> None:
    _, tree = room(tmp_path, {"Dockerfile": b"FROM debian\n"})
    with pytest.raises(ToolFailed):
        understood(data, tree, frozenset())


@pytest.mark.parametrize(
    ("known", "name"),
    [(DEEP, "deep"), (b'{"version": 1, "known": [{"path": "\xff"}]}', "not UTF-8")],
)
def test_a_baseline_that_no_decoder_takes_is_an_error(known: bytes, name: str) -> None:
    with pytest.raises(ConfigError, match="not a baseline"):
        baseline.parse(known, name)


def test_a_report_that_is_not_utf8_is_an_error() -> None:
    with pytest.raises(InputError, match="not a report"):
        load(b'{"schema_version": 1, "digest": "\xe4"}')


CLOVER = '<coverage generated="1"><project><metrics {}/></project></coverage>'
COBERTURA = '<coverage line-rate="1" {}/>'
COVERAGE = '{{"meta": {{"version": "7"}}, "files": {{}}, "totals": {{{}}}}}'


@pytest.mark.parametrize(
    ("plugin", "text"),
    [
        (Clover, CLOVER.format('statements="6" coveredstatements="13"')),
        (Cobertura, COBERTURA.format('lines-valid="0" lines-covered="13"')),
        (Cobertura, COBERTURA.format('lines-valid="1" lines-covered="-1"')),
        (CoverageJson, COVERAGE.format('"covered_lines": 9, "num_statements": 3')),
    ],
)
def test_totals_that_cannot_be_are_refused(
    plugin: type[Clover] | type[Cobertura] | type[CoverageJson], text: str, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    report.write_text(text)
    with pytest.raises(UnreadableReport, match=r"^its totals contradict each other$"):
        plugin().parse(report, lambda path: True)


def test_lcov_counts_for_itself_where_the_totals_of_a_record_cannot_be(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.write_text("SF:a.js\nDA:1,1\nDA:2,0\nLF:6\nLH:13\nend_of_record\n")
    measured = Lcov().parse(report, lambda path: True)
    assert (measured.covered, measured.measurable) == (1, 2)


def test_ruff_may_name_an_end_before_the_start(tmp_path: Path) -> None:
    _, tree = room(tmp_path, {"a.py": b"import os\nimport re\n"})
    for start, end in (((2, 1), (1, 9)), ((1, -3), (1, 4)), ((1, 7), (1, 2))):
        item = {
            "code": "F401", "filename": "a.py", "message": "m",
            "location": dict(zip(("row", "column"), start, strict=True)),
            "end_location": dict(zip(("row", "column"), end, strict=True)),
        }  # fmt: skip
        (found,), _ = ruff.judged(ruff.decoded(json.dumps(item).encode()), tree)
        assert (found.span.start, found.span.end) == (start[0], start[0])
        assert found.span.column == found.span.end_column == 0


def test_a_result_without_a_rule_is_not_understood() -> None:
    issue = {
        "filename": "a.py", "test_id": "", "issue_text": "m", "issue_severity": "LOW",
        "issue_confidence": "LOW", "line_number": 1,
    }  # fmt: skip
    output = {"errors": [], "results": [issue], "metrics": {}}
    with pytest.raises(ToolFailed, match="cannot be understood"):
        bandit.decoded(json.dumps(output).encode())


@dataclass(frozen=True)
class Says(Runner):
    """A runner whose programs all print the same."""

    says: bytes = b""

    def run(self, argv: Sequence[str], **_: object) -> Finished:
        return Finished(0, self.says, b"", 0.0)


SOURCE = b"def Fetch():\n    pass\n"


@pytest.mark.parametrize(
    ("match", "reason"),
    [
        ({"all": [[0, 8, 1, 1]]}, "without a name"),
        ({"name.function": []}, "places that the file does not have"),
        ({"name.function": [[4, 99, 1, 1]]}, "places that the file does not have"),
        ({"name.function": [[4, 5, 0, 1]]}, "places that the file does not have"),
        ({"name.function": [[4, 5, 7, 7]]}, "places that the file does not have"),
    ],
)
@pytest.mark.parametrize("plugin", [Naming, Docs])
def test_matches_that_do_not_fit_the_file_are_a_reason(
    plugin: type[Analyzer], match: object, reason: str, tmp_path: Path
) -> None:
    changes, tree = room(tmp_path, {"a.py": SOURCE})
    answer = {"file": str(tree.root / "a.py"), "matches": [match]}
    says = Says((), tmp_path, says=json.dumps(answer).encode())
    with pytest.raises(ToolFailed, match=reason):
        plugin().run(changes, tree, says)


def test_zizmor_may_grade_with_no_word_or_a_new_one(tmp_path: Path) -> None:
    flow = ".github/workflows/ci.yml"
    _, tree = room(tmp_path, {flow: b"name: ci\n"})
    for severity, confidence in (("", ""), ("High", ""), ("", "High"), ("Not Yet", "Quite High")):
        place = {
            "symbolic": {
                "key": {"Local": {"verbatim_path": flow}}, "annotation": "m", "kind": "Primary",
            },
            "concrete": {"feature": "", "location": {"offset_span": {"start": 0, "end": 1}}},
        }  # fmt: skip
        result = {
            "ident": "artipacked", "desc": "d", "url": "u", "locations": [place],
            "determinations": {"severity": severity, "confidence": confidence},
        }  # fmt: skip
        (said,) = zizmor.decoded(json.dumps([result]).encode())
        grade = zizmor.Zizmor()._weight(zizmor.remark(said, tree, Lines(tree)))
        assert grade.severity < Severity.ERROR
