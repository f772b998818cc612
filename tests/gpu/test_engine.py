"""The engine itself on a GPU: what it computes, and how our server behaves around it."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.gpu import drills, engines, logits
from benchmarks.gpu.rows import Row
from reviewer.server import flash
from tests.support.serving import Server

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore")]


def hold(rows: Iterator[Row]) -> None:
    """Every demand is met, and there was one."""
    found = list(rows)
    assert any(row.passed for row in found)
    for row in found:
        assert row.passed is not False, row


@pytest.fixture(scope="module")
def it(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Our server with the real worker: it passed its self-test, or it would not be ready."""
    made = engines.settings(tiny, tmp_path_factory.mktemp("state"), context=4096)
    with engines.served(made, 600) as server:
        yield server


def test_the_kernels_are_there() -> None:
    flash.provide()
    attention = import_module("exllamav2.attn")
    assert attention.has_flash_attn_with_paged
    assert import_module("exllamav2.ext").exllamav2_ext.__file__


def test_logits_beside_transformers(tiny: Path) -> None:
    hold(logits.against_transformers(tiny, "tiny"))


def test_logits_of_batches_and_of_cached_prompts(tiny: Path) -> None:
    hold(logits.against_itself(tiny))


def test_an_answer_is_held_to_its_schema(it: Server) -> None:
    hold(drills.constrained(it))


def test_an_overlong_prompt(it: Server) -> None:
    hold(drills.too_long(it))


def test_two_tenants_share_no_pages(it: Server) -> None:
    hold(drills.tenants(it))


def test_a_killed_worker(it: Server) -> None:
    hold(drills.killed(it))


def test_damaged_weights(tiny: Path, tmp_path: Path) -> None:
    hold(drills.refused(tiny, tmp_path / "damaged"))
