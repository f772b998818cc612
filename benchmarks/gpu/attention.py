"""The attention that the engine uses, beside one written out in FP32."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.gpu.rows import Row, figure, is_so, most
from reviewer.server import flash

SIZES: Final = ((1, 1, 12, 2, 128), (1, 16, 12, 2, 128), (300, 1, 12, 2, 128), (64, 3, 8, 2, 64))
"""Tokens that ask, rows, heads, heads of keys, size of a head."""

PAGES: Final = 5
REPEATS: Final = 20


def run(_: Path) -> Iterator[Row]:
    """Differences, and times of a step of decoding."""
    name = flash.provide()
    yield is_so("attention is computed by", name, name != "torch", "flash-attn or Triton")
    function = import_module("flash_attn").flash_attn_with_kvcache
    for asked, rows, heads, groups, size in SIZES:
        given = inputs(asked, rows, (heads, groups, size))
        want = written_out(given)
        got = function(**given, causal=True)
        off = float((got.float() - want).abs().max() / want.abs().max())
        yield most(f"attention of {asked} tokens in {rows} rows: relative error", off, 1e-2)
    given = inputs(1, 16, (12, 2, 128))
    milliseconds = timed(lambda: function(**given, causal=True))
    yield figure("attention of a step, 16 rows of 1,200 tokens", milliseconds, " ms")


def inputs(asked: int, rows: int, shape: tuple[int, int, int]) -> dict[str, Any]:
    """Rows of different length whose pages lie out of order; as the engine calls it."""
    torch = import_module("torch")
    heads, groups, size = shape
    made = torch.Generator("cuda").manual_seed(0)

    def random(*sizes: int) -> Any:
        return torch.randn(*sizes, generator=made, device="cuda", dtype=torch.float16)

    total = rows * PAGES
    order = torch.randperm(total, generator=made, device="cuda").int()
    lengths = [PAGES * 256 - asked - 77 * n % 700 for n in range(rows)]
    return {
        "q": random(rows, asked, heads, size),
        "k": random(rows, asked, groups, size),
        "v": random(rows, asked, groups, size),
        "k_cache": random(total, 256, groups, size),
        "v_cache": random(total, 256, groups, size),
        "cache_seqlens": torch.tensor(lengths, device="cuda", dtype=torch.int32),
        "block_table": order.view(rows, PAGES),
    }


def written_out(given: dict[str, Any]) -> Any:
    """Softmax of scores, times values, row by row, in FP32. Changes nothing."""
    torch = import_module("torch")
    q, k, v = given["q"].float(), given["k"].float(), given["v"].float()
    asked, share = q.shape[1], q.shape[2] // k.shape[2]
    out = torch.empty_like(q)
    for row, before in enumerate(given["cache_seqlens"].tolist()):
        pages = given["block_table"][row].long()
        old = [given[name][pages].float().flatten(0, 1)[:before] for name in ("k_cache", "v_cache")]
        keys, values = (
            torch.cat(pair).repeat_interleave(share, 1).transpose(0, 1)
            for pair in ((old[0], k[row]), (old[1], v[row]))
        )
        scores = q[row].transpose(0, 1) @ keys.transpose(1, 2) * q.shape[-1] ** -0.5
        ahead = torch.ones(asked, before + asked, device=q.device).triu(before + 1).bool()
        weights = scores.masked_fill(ahead, -torch.inf).softmax(-1)
        out[row] = (weights @ values).transpose(0, 1)
    return out


def timed(work: Any) -> float:
    """Milliseconds of a call on the GPU."""
    cuda = import_module("torch").cuda
    for _ in range(3):
        work()
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    start.record()
    for _ in range(REPEATS):
        work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / REPEATS
