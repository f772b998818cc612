"""Which analyzers are left out because another one stands in for them."""

from pathlib import Path

import pytest

from reviewer.analyzers.bandit import Bandit
from reviewer.analyzers.base import Analyzer
from reviewer.analyzers.ruff import Ruff
from reviewer.engines.none import Nobody
from reviewer.model import Outcome, ToolRun
from reviewer.process import Runner
from reviewer.prompts import Prompts
from reviewer.review import Means, analyse
from tests.support.room import BIN, room, runner

pytestmark = pytest.mark.slow

CODE = b"import subprocess\nsubprocess.run('ls', shell=True)\nexec(input())\n"


def run(
    place: Path,
    *analyzers: Analyzer,
    files: dict[str, bytes] | None = None,
    caged: Runner | None = None,
    required: tuple[str, ...] = (),
) -> list[ToolRun]:
    changes, tree = room(place, files or {"a.py": CODE})
    means = Means(
        analyzers, Nobody(), Prompts.of({}), (), (), caged or runner(place), place, place, 2,
        lambda _: None,
    )  # fmt: skip
    return list(analyse(changes, tree, means, required))


@pytest.mark.parametrize("profile", ["default", "strict"])
def test_bandit_runs_beside_ruff(profile: str, tmp_path: Path) -> None:
    bandit, ruff = run(tmp_path, Bandit(profile=profile), Ruff(profile=profile))
    assert [bandit.tool, ruff.tool] == ["bandit", "ruff"]
    assert bandit.outcome is Outcome.OK
    assert bandit.findings


def test_under_quiet_ruff_stands_in(tmp_path: Path) -> None:
    bandit, ruff = run(tmp_path, Bandit(profile="quiet"), Ruff(profile="quiet"))
    assert (bandit.tool, bandit.outcome, bandit.concerned) == ("bandit", Outcome.SKIPPED, True)
    assert bandit.reason == "ruff's S rules stand in (profile quiet)"
    assert bandit.findings == ()
    assert {"S602", "S102"} <= {finding.rule for finding in ruff.findings}


@pytest.mark.parametrize(
    ("analyzers", "required"),
    [
        pytest.param((Bandit(profile="quiet"), Ruff()), ("bandit",), id="required"),
        pytest.param((Bandit(profile="quiet", beside_ruff=True), Ruff()), (), id="asked for"),
        pytest.param((Bandit(profile="quiet"), Ruff(ignore=("S602",))), (), id="ruff looks away"),
        pytest.param((Bandit(profile="quiet"),), (), id="ruff is switched off"),
    ],
)
def test_under_quiet_bandit_runs(
    analyzers: tuple[Analyzer, ...], required: tuple[str, ...], tmp_path: Path
) -> None:
    bandit, *_ = run(tmp_path, *analyzers, required=required)
    assert bandit.outcome is Outcome.OK
    assert bandit.findings


def test_it_can_be_left_out_under_other_profiles(tmp_path: Path) -> None:
    bandit, _ = run(tmp_path, Bandit(beside_ruff=False), Ruff())
    assert bandit.reason == "ruff's S rules stand in (beside-ruff is false)"


def test_bandit_runs_where_ruff_did_not(tmp_path: Path) -> None:
    """Ruff is not installed here."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "bandit").symlink_to(BIN / "bandit")
    (tmp_path / "scratch").mkdir()
    caged = Runner((tools,), tmp_path / "scratch")
    bandit, ruff = run(tmp_path, Bandit(profile="quiet"), Ruff(profile="quiet"), caged=caged)
    assert ruff.outcome is Outcome.SKIPPED
    assert bandit.outcome is Outcome.OK


def test_nothing_stands_in_where_nothing_is_concerned(tmp_path: Path) -> None:
    files = {"a.txt": b"text\n"}
    bandit, _ = run(tmp_path, Bandit(profile="quiet"), Ruff(profile="quiet"), files=files)
    assert (bandit.outcome, bandit.concerned) == (Outcome.SKIPPED, False)
