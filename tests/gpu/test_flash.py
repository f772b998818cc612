"""The stand-in for flash-attn computes attention; on the CPU too, where only torch is needed."""

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
import torch

from reviewer.server import flash
from tests.support.serving import TOP

pytestmark = pytest.mark.filterwarnings("ignore")

PAGE = 32
BEFORE = (3, 0, PAGE + 1)
"""Keys that each row has before more are added."""

RULES = ((1, True, -1), (5, True, -1), (5, False, -1), (5, True, 7), (40, True, -1))
"""Tokens that ask, causal, window."""


def backends() -> list[Any]:
    """Those that run here."""
    found = [pytest.param(flash.plain, "cpu", id="torch")]
    if torch.cuda.is_available() and find_spec("triton"):
        found += [
            pytest.param(flash.plain, "cuda", id="torch on the GPU"),
            pytest.param(import_module("reviewer.server.flash_triton").attend, "cuda", id="triton"),
        ]
    return found


def expected(q: Any, k: Any, v: Any, causal: bool, window: int) -> Any:
    """One row by the definition, a score at a time, in FP64."""
    asked, heads, size = q.shape
    share = heads // k.shape[1]
    out = torch.zeros(asked, heads, size, dtype=torch.float64)
    for head in range(heads):
        scores = (q[:, head].double() @ k[:, head // share].double().T) * size**-0.5
        for token in range(asked):
            own = k.shape[0] - asked + token
            for key in range(k.shape[0]):
                if (causal and key > own) or (window >= 0 and key < own - window):
                    scores[token, key] = -torch.inf
        out[:, head] = scores.softmax(-1) @ v[:, head // share].double()
    return out


@pytest.mark.parametrize(("attend", "device"), backends())
@pytest.mark.parametrize(("asked", "causal", "window"), RULES)
def test_attention_over_pages(
    attend: Any, device: str, asked: int, causal: bool, window: int
) -> None:
    dtype, limit = (torch.float32, 1e-5) if device == "cpu" else (torch.float16, 5e-3)
    made = torch.Generator().manual_seed(asked)

    def random(*sizes: int) -> Any:
        return torch.randn(*sizes, generator=made).to(device, dtype)

    pages = [random(12, PAGE, 2, 64) for _ in range(2)]
    table = torch.randperm(12, generator=made).view(3, 4).int().to(device)
    q, k, v = random(3, asked, 8, 64), random(3, asked, 2, 64), random(3, asked, 2, 64)
    old = [
        [each[row.long()].flatten(0, 1)[:size].clone() for each in pages]
        for row, size in zip(table, BEFORE, strict=True)
    ]
    lengths = torch.tensor(BEFORE, dtype=torch.int32, device=device)
    ours = flash.Flash(attend)
    rule = {"causal": causal, "window_size": (window, window), "block_table": table}
    got = ours.paged(q=q, k=k, v=v, k_cache=pages[0], v_cache=pages[1], cache_seqlens=lengths,
                     **rule)  # fmt: skip
    for row in range(3):
        keys, values = (
            torch.cat(pair).cpu() for pair in zip(old[row], (k[row], v[row]), strict=True)
        )
        want = expected(q[row].cpu(), keys, values, causal, window)
        assert (got[row].cpu().double() - want).abs().max() < limit
    # What was added is in the pages now.
    again = ours.paged(
        q=q, k_cache=pages[0], v_cache=pages[1], cache_seqlens=lengths + asked, **rule
    )
    assert torch.equal(again, got)


@pytest.mark.parametrize(("attend", "device"), backends())
def test_attention_without_pages(attend: Any, device: str) -> None:
    made = torch.Generator().manual_seed(1)
    dtype, limit = (torch.float32, 1e-5) if device == "cpu" else (torch.float16, 5e-3)
    q, k, v = (torch.randn(9, heads, 64, generator=made).to(device, dtype) for heads in (8, 2, 2))
    ours = flash.Flash(attend)
    ends = torch.tensor([0, 4, 9], device=device)
    got = ours.ragged(q, k, v, ends, ends, 5, 5, causal=True)
    for first, last in ((0, 4), (4, 9)):
        row = [each[first:last].cpu() for each in (q, k, v)]
        assert (got[first:last].cpu().double() - expected(*row, True, -1)).abs().max() < limit


@pytest.mark.parametrize("named", [{"softcap": 30.0}, {"window_size": (4, 4)}])
def test_what_is_not_done_is_refused(named: dict[str, Any]) -> None:
    q = torch.zeros(1, 2, 2, 16)
    with pytest.raises(ValueError, match="not done here"):
        flash.Flash(flash.plain).dense(q, q, q, **named)


def test_an_attention_that_is_wrong_is_seen() -> None:
    def blind(queries: Any, keys: Any, values: Any, lengths: Any, table: Any, rule: Any) -> Any:
        return flash.plain(queries, keys, values, lengths - 1, table, rule)

    lengths = flash.trial(flash.plain, "cpu")
    assert lengths == 0
    assert not flash.trial(blind, "cpu") < flash.TOLERANCE


PROVIDE = """
from importlib import import_module
from reviewer.server import flash
name = flash.provide()
import_module("flash_attn_2_cuda")
taken = import_module("flash_attn").flash_attn_with_kvcache
assert flash.provide() == name, "twice"
print(name, taken.__self__.attend.__name__)
"""


@pytest.mark.skipif(find_spec("flash_attn") is not None, reason="flash-attn is installed")
def test_flash_attn_can_be_imported_afterwards() -> None:
    argv = [sys.executable, "-c", PROVIDE]
    ran = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    wanted = {"torch plain"} if not torch.cuda.is_available() else {"triton attend"}
    assert ran.stdout.strip() in wanted, ran.stderr
