"""Coverage of the change, held against diff-cover on reports of the real tools."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from reviewer.coverage.base import CoverageFormat, UnreadableReport
from reviewer.measure import PLACES, find, measure, uncovered
from reviewer.model import Category, ChangeSet, CoverageOfFile, Outcome, PatchCoverage, Severity
from reviewer.paths import pair, parts, trunk
from reviewer.plugins import discover
from reviewer.tree import Tree
from tests.support.room import BIN, room

CASES = Path(__file__).parent / "cases" / "coverage"
FORMATS: list[CoverageFormat] = [cls() for cls in discover("reviewer.coverage").values()]


def source(name: str) -> bytes:
    return (CASES / "source" / name).read_bytes()


def without(data: bytes, *numbers: int) -> bytes:
    """`data` without the lines of these numbers."""
    lines = data.splitlines(keepends=True)
    return b"".join(line for number, line in enumerate(lines, 1) if number not in numbers)


PYTHON = {
    "src/shop/__init__.py": b"",
    "src/shop/basket.py": source("basket.py"),
    "src/shop/unused.py": source("unused.py"),
    "README.md": b"# shop\n",
}
BEFORE = {
    "src/shop/__init__.py": b"",
    "src/shop/basket.py": without(source("basket.py"), 3, 19, 20, 21, 22, 28, 29, 39, 40, 41, 42),
}
SCRIPT = {"lib/price.js": source("price.js"), "lib/other.js": b"module.exports = 1;\n"}
SCRIPT_BEFORE = {"lib/price.js": without(source("price.js"), 3, 4, 5, 11, 14, 15)}
JAVA = {"src/main/java/com/example/Grade.java": source("Grade.java")}


def report(tmp_path: Path, text: str, name: str = "report") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def lcov(files: Mapping[str, Mapping[int, int]]) -> str:
    return "".join(
        f"SF:{path}\n" + "".join(f"DA:{n},{c}\n" for n, c in hits.items()) + "end_of_record\n"
        for path, hits in files.items()
    )


def measured(tmp_path: Path, changes: ChangeSet, tree: Tree, *texts: str) -> PatchCoverage:
    paths = [report(tmp_path, text, f"report-{i}") for i, text in enumerate(texts)]
    return measure(paths, FORMATS, changes, tree)


# diff-cover, file by file and line by line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "head", "base", "roots"),
    [
        ("cobertura/coverage-py-lines", PYTHON, BEFORE, ()),
        ("cobertura/coverage-py-branches", PYTHON, BEFORE, ()),
        ("cobertura/c8", SCRIPT, SCRIPT_BEFORE, ()),
        ("cobertura/nyc", SCRIPT, SCRIPT_BEFORE, ()),
        ("clover/c8", SCRIPT, SCRIPT_BEFORE, ()),
        ("clover/nyc", SCRIPT, SCRIPT_BEFORE, ()),
        ("lcov/coverage-py-lines", PYTHON, BEFORE, ()),
        ("lcov/coverage-py-branches", PYTHON, BEFORE, ()),
        ("lcov/c8", SCRIPT, SCRIPT_BEFORE, ()),
        ("lcov/nyc", SCRIPT, SCRIPT_BEFORE, ()),
        ("jacoco/maven", JAVA, {}, ("src/main/java",)),
    ],
)
def test_equals_diff_cover(
    case: str,
    head: Mapping[str, bytes],
    base: Mapping[str, bytes],
    roots: Sequence[str],
    tmp_path: Path,
) -> None:
    changes, tree = room(tmp_path, head, base)
    checkout = tmp_path / "checkout"
    subprocess.run(
        ["git", "clone", "-q", "-b", "main", tmp_path / "repository", checkout], check=True
    )
    recorded = next((CASES / case).glob("report.*"))
    text = recorded.read_text()
    for root in (CASES / "roots.txt").read_text().split():
        text = text.replace(root, str(checkout))
    ours = measured(tmp_path, changes, tree, text)

    (tmp_path / recorded.name).write_text(text)
    arguments = ["--compare-branch", changes.base, "--format", f"json:{tmp_path / 'out.json'}"]
    if roots:
        arguments += ["--src-roots", *roots]
    subprocess.run(
        [BIN / "diff-cover", tmp_path / recorded.name, *arguments, "--total-percent-float"],
        cwd=checkout,
        check=True,
        capture_output=True,
    )
    theirs = json.loads((tmp_path / "out.json").read_text())

    assert {file.path: [[*file.covered], [*file.missing]] for file in ours.files} == {
        path: [stats["covered_lines"], stats["violation_lines"]]
        for path, stats in theirs["src_stats"].items()
    }
    assert ours.files
    assert ours.patch is not None
    assert round(ours.patch, 2) == theirs["total_percent_covered"]
    assert ours.measurable == theirs["total_num_lines"]


@pytest.mark.parametrize("mode", ["lines", "branches"])
def test_the_data_file_gives_the_numbers_of_the_xml(mode: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, PYTHON, BEFORE)
    data = measure([CASES / "coverage-data" / mode / "report.coverage"], FORMATS, changes, tree)
    xml = measure([CASES / f"cobertura/coverage-py-{mode}/report.xml"], FORMATS, changes, tree)
    assert data.files == xml.files
    assert data.patch == xml.patch
    assert any(file.partial for file in data.files) is (mode == "branches")
    assert xml.total == 64.0
    assert data.total is None


# Which file of a report is which file of the change


@pytest.mark.parametrize(
    ("spelled", "changed", "others", "expected"),
    [
        (["src/x.py"], ["src/x.py"], [], {"src/x.py": "src/x.py"}),
        (["./src/x.py"], ["src/x.py"], [], {"src/x.py": "./src/x.py"}),
        (["/app/src/x.py"], ["src/x.py"], [], {"src/x.py": "/app/src/x.py"}),
        (["C:\\work\\src\\x.py"], ["src/x.py"], [], {"src/x.py": "C:\\work\\src\\x.py"}),
        (["\\\\host\\ci\\src\\x.py"], ["src/x.py"], [], {"src/x.py": "\\\\host\\ci\\src\\x.py"}),
        (["pkg/x.py"], ["src/pkg/x.py"], [], {"src/pkg/x.py": "pkg/x.py"}),
        (["com/a/T.java"], ["m/src/main/java/com/a/T.java"], [],
         {"m/src/main/java/com/a/T.java": "com/a/T.java"}),
        (["example.com/mod/p/a.go"], ["p/a.go"], [], {"p/a.go": "example.com/mod/p/a.go"}),
        # a service of a monorepo, tested in a container of its own
        (["/code/pkg/x.py"], ["services/api/pkg/x.py"], ["/code/pkg/y.py"],
         {"services/api/pkg/x.py": "/code/pkg/x.py"}),
        # two of the same name, told apart by their folders
        (["/app/a/x.py", "/app/b/x.py"], ["a/x.py", "b/x.py"], [],
         {"a/x.py": "/app/a/x.py", "b/x.py": "/app/b/x.py"}),
        (["/app/x.py", "/app/sub/x.py"], ["x.py"], [], {"x.py": "/app/x.py"}),
        (["x.py", "sub/x.py"], ["x.py", "sub/x.py"], [],
         {"x.py": "x.py", "sub/x.py": "sub/x.py"}),
        # the file of the change is not measured, another of its name is
        (["/app/sub/x.py"], ["x.py"], ["/app/main.py"], {}),
        (["/app/other/utils.py"], ["mine/utils.py"], ["/app/other/a.py"], {}),
        (["setup.py", "src/a.py"], ["sub/setup.py", "src/a.py"], [], {"src/a.py": "src/a.py"}),
        (["/usr/lib/python3/site-packages/pkg/x.py"], ["src/pkg/x.py"],
         [f"/app/src/pkg/{n}.py" for n in range(20)], {}),
        # names differ in case alone, or only at the end of a component
        (["/app/src/X.py"], ["src/x.py"], [], {}),
        (["/app/mysrc/x.py"], ["src/x.py"], ["/app/mysrc/sub/y.py", "/app/z.py"], {}),
    ],
)  # fmt: skip
def test_pairs(
    spelled: list[str], changed: list[str], others: list[str], expected: dict[str, str]
) -> None:
    pairs, doubtful = pair(spelled, changed, trunk([*spelled, *others]))
    assert pairs == expected
    assert not doubtful


@pytest.mark.parametrize(
    ("spelled", "changed", "doubt"),
    [
        (["x.py"], ["a/x.py", "b/x.py"], ["x.py"]),
        (["/ci/1/src/x.py", "/ci/2/src/x.py"], ["src/x.py"], []),
        (["com/a/T.java"], ["m1/java/com/a/T.java", "m2/java/com/a/T.java"], ["com/a/T.java"]),
        (["b/./x.py", "b/x.py"], ["b/x.py"], ["b/x.py"]),
    ],
)
def test_what_is_in_doubt_is_not_paired(
    spelled: list[str], changed: list[str], doubt: list[str]
) -> None:
    assert pair(spelled, changed, trunk(spelled)) == ({}, doubt)


def test_trunk_forgives_a_few_files_from_elsewhere() -> None:
    ours = [f"/app/src/{name}.py" for name in "abcdefghijklmnopqrst"]
    assert trunk([*ours, "/usr/lib/x.py"]) == ("", "app", "src")
    assert trunk(["/app/x.py", "/usr/lib/x.py"]) == ("",)
    assert trunk([]) == ()
    assert parts("C:\\a\\.\\b") == ("C:", "a", "b")


def test_ambiguous_paths_are_named(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a/x.py": b"x = 1\n", "b/x.py": b"x = 1\n"})
    found = measured(tmp_path, changes, tree, lcov({"x.py": {1: 1}}))
    assert found.patch is None
    assert "could be more than one file, not counted: x.py" in found.unknown


# Several reports


def test_reports_add_up(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"x\n" * 6, "b.js": b"y\n" * 2, "c.py": b"z\n"})
    found = measured(
        tmp_path,
        changes,
        tree,
        lcov({"a.py": {1: 1, 2: 0, 3: 0, 4: 0}}),
        lcov({"/app/a.py": {2: 5, 3: 0, 5: 0}}),
        lcov({"b.js": {1: 1, 2: 0}}),
    )
    assert found.files == (
        CoverageOfFile("a.py", (1, 2), (3, 4, 5)),
        CoverageOfFile("b.js", (1,), (2,)),
    )
    assert found.patch == 100 * 3 / 7
    assert found.unknown == ""
    assert len(found.sources) == 3
    assert found.notes == ("not measured by any report: c.py",)


def test_a_branch_taken_in_one_report_is_taken(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"x\n" * 2})
    record = "SF:a.py\nDA:1,1\nDA:2,1\nBRDA:1,0,0,{}\nBRDA:2,0,0,0\nend_of_record\n"
    found = measured(tmp_path, changes, tree, record.format(0), record.format(1))
    assert found.files == (CoverageOfFile("a.py", (1, 2), (), (2,)),)


def test_totals_of_separate_projects_add_up_and_doubles_count_once(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"x\n" * 4})
    one, two = lcov({"a.py": {1: 1, 2: 0}}), lcov({"b.js": {1: 1, 2: 1}})
    assert measured(tmp_path, changes, tree, one, two).total == 75.0
    assert measured(tmp_path, changes, tree, one, one).total == 50.0
    differing = measured(tmp_path, changes, tree, one, lcov({"a.py": {1: 1}}))
    assert differing.total is None
    assert any("total coverage is unknown" in note for note in differing.notes)


# Unknown is not 100 %


def test_without_a_report_it_is_unknown(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"x\n"})
    assert measure([], FORMATS, changes, tree) == PatchCoverage(
        unknown="there is no coverage report"
    )


def test_a_change_without_code_has_nothing_to_measure(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"README.md": b"x\n"})
    found = measured(tmp_path, changes, tree, lcov({"a.py": {1: 1}}))
    assert (found.patch, found.unknown) == (None, "")


def test_added_lines_that_cannot_be_measured_are_no_unknown(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"x\n# c\n"}, {"a.py": b"x\n"})
    found = measured(tmp_path, changes, tree, lcov({"a.py": {1: 1}}))
    assert (found.patch, found.unknown, found.files) == (None, "", ())
    assert found.sources


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("hello", "no coverage format recognises it"),
        ("SF:a.py\nDA:1,1\n", "cut off"),
        (lcov({"other.py": {1: 1}}), "it measures none of the changed files"),
        (lcov({"a.py": {1: 1, 40: 0}}), "it has a line 40 of a.py, which has 2 lines"),
        ('<coverage line-rate="1"><packages>', "not well-formed"),
    ],
)
def test_a_report_of_no_use_makes_it_unknown(text: str, reason: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"x\ny\n"})
    found = measured(tmp_path, changes, tree, text)
    assert found.patch is None
    assert reason in found.unknown
    assert found.files == ()
    useful = measured(tmp_path, changes, tree, text, lcov({"a.py": {1: 1}}))
    assert useful.patch == 100.0
    assert useful.unknown == ""
    assert any(reason in note for note in useful.notes)


def test_a_report_older_than_the_head_is_stale(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"x\n"})
    path = report(tmp_path, lcov({"a.py": {1: 1}}))
    os.utime(path, (1_000, 1_000))
    for head_time, known in [(999.0, True), (1_000.9, True), (1_001.0, False), (None, True)]:
        found = measure([path], FORMATS, replace(changes, head_time=head_time), tree)
        assert (found.patch is not None) is known
        assert ("older than the head" in found.unknown) is not known


def test_the_time_in_a_report_comes_before_that_of_its_file(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"x\n"})
    xml = (
        '<coverage line-rate="1" timestamp="{}"><packages><package><classes>'
        '<class filename="a.py"><lines><line number="1" hits="1"/></lines></class>'
        "</classes></package></packages></coverage>"
    )
    late = replace(changes, head_time=1_700_000_500.0)
    for stamp in ("1700000400", "1700000400000"):
        assert "older than the head" in measured(tmp_path, late, tree, xml.format(stamp)).unknown
    for stamp in ("1700000600", "1700000600000", "x", "nan"):
        assert measured(tmp_path, late, tree, xml.format(stamp)).patch == 100.0


def test_files_that_are_not_in_the_clean_room_do_not_count(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"x\n", "b.py": b"x\n"})
    tree = replace(tree, files={"a.py": "a.py"}, skipped={"b.py": "excluded"})
    found = measured(tmp_path, changes, tree, lcov({"a.py": {1: 1}, "b.py": {1: 0}}))
    assert found.files == (CoverageOfFile("a.py", (1,), ()),)


def test_source_that_does_not_parse_becomes_a_note(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"src/shop/basket.py": b"def (\n"})
    found = measure([CASES / "coverage-data/lines/report.coverage"], FORMATS, changes, tree)
    assert found.patch is None
    assert "src/shop/basket.py: its source is not Python that can be analysed" in found.unknown


# The usual places


def test_reports_are_found_in_the_usual_places(tmp_path: Path) -> None:
    assert find(tmp_path) == []
    for place in PLACES:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("x")
    assert find(tmp_path) == [tmp_path / place for place in PLACES]


def test_links_and_odd_files_are_not_found(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "lcov.info").write_text("x")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "coverage").symlink_to(outside)
    (checkout / "coverage.xml").symlink_to(outside / "lcov.info")
    (checkout / "lcov.info").mkdir()
    os.mkfifo(checkout / ".coverage")
    assert find(checkout) == []


# Findings


def test_uncovered_lines_are_grouped_into_runs(tmp_path: Path) -> None:
    text = b"a\nb\n\nc\nd\ne\nf\ng\nh\na\nb\n\nc\n"
    base = b"g\n"
    changes, tree = room(tmp_path, {"x.py": text}, {"x.py": base})
    hits = {1: 0, 2: 0, 4: 0, 5: 1, 6: 0, 7: 0, 8: 0, 9: 0, 10: 0, 11: 0, 13: 0}
    coverage = measured(tmp_path, changes, tree, lcov({"x.py": hits}))
    run = uncovered(coverage, tree, changes)
    assert run.outcome is Outcome.OK
    assert run.measures == (Category.COVERAGE,)
    rows = [(f.span.start, f.span.end, f.message, f.quote) for f in run.findings]
    assert rows == [
        (1, 4, "Lines 1–4 are not run by any test.", "a\nb\n\nc"),
        (6, 7, "Lines 6–7 are not run by any test.", "e\nf"),
        (9, 13, "Lines 9–13 are not run by any test.", "h\na\nb\n\nc"),
    ]
    assert {f.rule for f in run.findings} == {"uncovered"}


def test_every_missing_line_is_in_one_finding(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, PYTHON, BEFORE)
    coverage = measure(
        [CASES / "cobertura/coverage-py-branches/report.xml"], FORMATS, changes, tree
    )
    run = uncovered(coverage, tree, changes)
    for file in coverage.files:
        for rule, lines in (("uncovered", file.missing), ("partial", file.partial)):
            spans = [f.span for f in run.findings if (f.rule, f.span.path) == (rule, file.path)]
            for line in lines:
                assert sum(span.start <= line <= span.end for span in spans) == 1
            for span in spans:
                assert not {*range(span.start, span.end + 1)} & ({*file.covered} - {*lines})
    assert {f.severity for f in run.findings if f.rule == "partial"} == {Severity.NOTE}
    assert "Line 19 does run in the tests, but not every branch there is taken." in {
        f.message for f in run.findings
    }


def test_equal_code_keeps_two_identities(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"x.py": b"a\nb\na\n"})
    coverage = measured(tmp_path, changes, tree, lcov({"x.py": {1: 0, 2: 1, 3: 0}}))
    findings = uncovered(coverage, tree, changes).findings
    assert len({finding.fingerprint for finding in findings}) == 2


def test_unknown_coverage_is_a_tool_that_did_not_run(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {"a.py": b"x\n"})
    run = uncovered(measure([], FORMATS, changes, tree), tree, changes)
    assert (run.outcome, run.reason) == (Outcome.SKIPPED, "there is no coverage report")
    nothing = uncovered(PatchCoverage(), tree, changes)
    assert (nothing.outcome, nothing.reason) == (
        Outcome.SKIPPED,
        "no added line can be measured",
    )


def test_no_format_reads_a_missing_file(tmp_path: Path) -> None:
    for known in FORMATS:
        with pytest.raises(UnreadableReport):
            known.parse(tmp_path / "missing", lambda path: True)
