"""No report of a coverage tool, however broken, brings more than a reason or sane numbers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.coverage.base import LAST_LINE, SNIFF_BYTES, Measured, UnreadableReport
from reviewer.plugins import discover
from tests.fuzz.mutations import FUZZED, inputs, promptly

CASES = Path(__file__).parents[1] / "cases" / "coverage"
SOURCE = CASES / "source"
PLUGINS = discover("reviewer.coverage")
SAMPLES = {
    name: [path.read_bytes() for path in sorted((CASES / name).glob("*/report.*"))]
    for name in PLUGINS
}


def sane(measured: Measured) -> None:
    assert 0 <= measured.covered <= measured.measurable
    files = list(measured.files.values())
    for path, derive in measured.derived.items():
        source = SOURCE / Path(path.replace("\0", "")).name
        try:
            files.append(derive(source.read_bytes() if source.is_file() else b"a = 1\n"))
        except UnreadableReport:
            continue
    for file in files:
        lines = file.covered | file.missing
        assert all(type(line) is int and 1 <= line <= LAST_LINE for line in lines)
        assert not file.covered & file.missing
        assert file.partial <= file.covered


@pytest.mark.parametrize("name", PLUGINS)
def test_a_broken_report_is_a_reason_or_sane_numbers(name: str, tmp_path: Path) -> None:
    report = tmp_path / "report"

    @FUZZED
    @given(inputs(SAMPLES[name]), st.booleans())
    def holds(data: bytes, wanted: bool) -> None:
        report.write_bytes(data)
        with promptly():
            for plugin in PLUGINS.values():
                assert plugin().sniff(data[:SNIFF_BYTES]) in (True, False)
            try:
                measured = PLUGINS[name]().parse(report, lambda path: wanted)
            except UnreadableReport as reason:
                assert str(reason)
            else:
                sane(measured)
        assert report.read_bytes() == data
        assert list(tmp_path.iterdir()) == [report]

    holds()
