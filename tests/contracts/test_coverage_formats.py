"""The contract of every coverage format: its shape, its cases, and what it makes of them.

The cases of a format lie in tests/cases/coverage/<name>/<case>/: `report.*` as a real tool wrote it
(tests/cases/coverage/make.sh has the commands) and `expected.json`, what must be read from it.
UPDATE_CASES=1 rewrites the `expected.json` files; look at the difference before you keep it.
Formats written from one and the same run are held against each other.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from reviewer.coverage.base import SNIFF_BYTES, Measured, UnreadableReport
from reviewer.model import FileCoverage
from reviewer.plugins import discover

CASES = Path(__file__).parents[1] / "cases" / "coverage"
SOURCE = CASES / "source"
PLUGINS = discover("reviewer.coverage")
ADDING = "record a report of a real tool in tests/cases/coverage/make.sh as {}/<case>/report.*"


def cases_of(name: str) -> list[Path]:
    folder = CASES / name
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


ALL = [pytest.param(n, c, id=f"{n}-{c.name}") for n in PLUGINS for c in cases_of(n)]


def report_of(case: Path) -> Path:
    reports = list(case.glob("report.*"))
    assert len(reports) == 1, f"{case} has {len(reports)} reports; {ADDING.format(case.parent)}"
    return reports[0]


def parsed(name: str, report: Path) -> Measured:
    measured: Measured = PLUGINS[name]().parse(report, lambda path: True)
    return measured


def lines_of(measured: Measured) -> dict[str, FileCoverage]:
    """All files, those included that need their source."""
    derived = {
        path: derive((SOURCE / Path(path).name).read_bytes())
        for path, derive in measured.derived.items()
        if (SOURCE / Path(path).name).is_file()
    }
    return {**measured.files, **derived}


def summary(measured: Measured) -> dict[str, Any]:
    """What `expected.json` holds."""
    return {
        "covered": measured.covered,
        "measurable": measured.measurable,
        "written": measured.written,
        "files": {
            path: {
                "covered": sorted(file.covered),
                "missing": sorted(file.missing),
                "partial": sorted(file.partial),
            }
            for path, file in sorted(lines_of(measured).items())
        },
    }


def test_something_is_discovered() -> None:
    assert PLUGINS


@pytest.mark.parametrize("name", PLUGINS)
def test_has_cases(name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", name), "a name is lower case letters, digits, hyphens"
    assert cases_of(name), f"{name} has no cases: {ADDING.format(name)}"
    for case in cases_of(name):
        report_of(case)


def test_no_case_without_its_format() -> None:
    folders = {folder.name for folder in CASES.iterdir() if folder.is_dir()} - {"source"}
    assert folders == set(PLUGINS)


@pytest.mark.parametrize(("name", "case"), ALL)
def test_is_recognised_by_its_format_alone(name: str, case: Path) -> None:
    head = report_of(case).read_bytes()[:SNIFF_BYTES]
    assert [other for other, cls in PLUGINS.items() if cls().sniff(head)] == [name]


@pytest.mark.parametrize(("name", "case"), ALL)
def test_reads_what_was_recorded(name: str, case: Path) -> None:
    found = summary(parsed(name, report_of(case)))
    expected = case / "expected.json"
    if os.environ.get("UPDATE_CASES"):
        expected.write_text(json.dumps(found, indent=1) + "\n")
    assert expected.is_file(), f"{expected} is missing: run with UPDATE_CASES=1 and check it"
    assert found == json.loads(expected.read_text())


@pytest.mark.parametrize(("name", "case"), ALL)
def test_keeps_wanted_files_alone_and_asks_for_all(name: str, case: Path) -> None:
    everything = parsed(name, report_of(case))
    asked: list[str] = []

    def nothing(path: str) -> bool:
        asked.append(path)
        return False

    measured = PLUGINS[name]().parse(report_of(case), nothing)
    assert not measured.files
    assert not measured.derived
    assert set(asked) == {*everything.files, *everything.derived}
    assert (measured.covered, measured.measurable) == (everything.covered, everything.measurable)


@pytest.mark.parametrize(("name", "case"), ALL)
def test_leaves_the_report_as_it_was(name: str, case: Path, tmp_path: Path) -> None:
    copy = tmp_path / "report"
    copy.write_bytes(report_of(case).read_bytes())
    before = copy.stat()
    lines_of(parsed(name, copy))
    assert copy.read_bytes() == report_of(case).read_bytes()
    assert copy.stat().st_mtime_ns == before.st_mtime_ns
    assert list(tmp_path.iterdir()) == [copy]


@pytest.mark.parametrize(("name", "case"), ALL)
def test_covered_missing_and_partial_fit_together(name: str, case: Path) -> None:
    for file in lines_of(parsed(name, report_of(case))).values():
        assert not file.covered & file.missing
        assert file.partial <= file.covered


@pytest.mark.parametrize(("name", "case"), ALL)
def test_a_report_cut_off_is_refused_or_says_less(name: str, case: Path, tmp_path: Path) -> None:
    """Never a crash, and never a line that the whole report does not have."""
    data = report_of(case).read_bytes()
    whole = lines_of(parsed(name, report_of(case)))
    short = tmp_path / "report"
    for end in range(0, len(data), max(1, len(data) // 40)):
        short.write_bytes(data[:end])
        try:
            files = lines_of(parsed(name, short))
        except UnreadableReport:
            continue
        for path, file in files.items():
            assert file.covered | file.missing <= whole[path].covered | whole[path].missing


def by_name(format_name: str, case: str) -> dict[str, FileCoverage]:
    measured = parsed(format_name, report_of(CASES / format_name / case))
    return {Path(path).name: file for path, file in lines_of(measured).items()}


@pytest.mark.parametrize("mode", ["lines", "branches"])
def test_four_formats_of_one_coverage_py_run_agree(mode: str) -> None:
    data = by_name("coverage-data", mode)
    for other, case in [
        ("coverage-json", mode),
        ("cobertura", f"coverage-py-{mode}"),
        ("lcov", f"coverage-py-{mode}"),
    ]:
        files = by_name(other, case)
        assert files["basket.py"] == data["basket.py"], other
    assert data["basket.py"].covered
    assert data["basket.py"].missing
    assert bool(data["basket.py"].partial) is (mode == "branches")


def test_three_formats_of_one_c8_run_agree() -> None:
    lcov = by_name("lcov", "c8")["price.js"]
    assert by_name("clover", "c8")["price.js"] == lcov
    cobertura = by_name("cobertura", "c8")["price.js"]
    assert (cobertura.covered, cobertura.missing) == (lcov.covered, lcov.missing)


def test_three_formats_of_one_nyc_run_agree() -> None:
    """LCOV adds the lines of functions, as diff-cover counts them."""
    clover = by_name("clover", "nyc")["price.js"]
    assert by_name("cobertura", "nyc")["price.js"] == clover
    lcov = by_name("lcov", "nyc")["price.js"]
    assert lcov.covered == clover.covered | {3, 10}
    assert lcov.missing == clover.missing | {14}
    assert lcov.partial == clover.partial


def test_go_modes_agree() -> None:
    assert by_name("go", "set") == by_name("go", "atomic")


CLASS = (
    '<class name="a{0}" filename="m{0}.py"><methods/>'
    '<lines><line number="{0}" hits="1"/></lines></class>'
)
ODD = (
    '<class name="A&lt;B>" filename="odd{0}.py"><lines><line number="1" hits="0"/></lines></class>'
)


@pytest.mark.slow
@pytest.mark.parametrize("padding", range(0, 120, 7))
def test_what_is_skipped_changes_nothing_else(padding: int, tmp_path: Path) -> None:
    """Wherever a chunk of the file ends, the wanted files come out as when all are wanted."""
    classes = "\n".join(
        CLASS.format(n) + ODD.format(n) * (n % 50 == 0) + '<class filename="e.py"/>' * (n % 99 == 0)
        for n in range(1, 3000)
    )
    report = tmp_path / "report"
    report.write_text(
        f'<coverage line-rate="1" lines-valid="9" lines-covered="8"><!--{"x" * padding}-->'
        f"<packages><package><classes>{classes}</classes></package></packages></coverage>"
    )
    asked: list[str] = []

    def wanted(path: str) -> bool:
        asked.append(path)
        return path.endswith(("7.py", "50.py"))

    some = PLUGINS["cobertura"]().parse(report, wanted)
    everything = parsed("cobertura", report)
    assert set(asked) == set(everything.files)
    assert some.files == {p: f for p, f in everything.files.items() if wanted(p)}
    assert len(some.files) > 300
