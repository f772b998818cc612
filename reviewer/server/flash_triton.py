# mypy: ignore-errors
# ruff: noqa: N803, PLR0913, PLR0917
# Triton reads the source of a kernel, with annotations and names that are not Python's.
"""Attention over pages as a kernel for Triton: what `flash.plain` computes, without its copies.

The keys of a row are split between several programs of the GPU, which each keep a running maximum,
a sum and a weighted mean; these are joined afterwards ("Flash-Decoding", crfm.stanford.edu,
October 2023; the running softmax is that of FlashAttention, arXiv 2205.14135). All query heads that
share a head of keys (GQA) are rows of one program, so that the keys are read once for all of them.
"""

import torch
import triton
import triton.language as tl

KEYS = 64
"""Keys that a program reads at once."""

MOST_ROWS = 128
MOST_SPLITS = 64

WHOLE = 1 << 30
"""Size of a page that never ends: the table then has one column."""


@triton.jit
def _part(
    queries, keys, values, table, lengths, highs, sums, means,
    q_row, q_token, q_head, page_step, slot_step, head_step, table_step,
    scale, asked, rows, splits, window,
    GROUP: tl.constexpr, HEADS: tl.constexpr, SIZE: tl.constexpr, PAGE: tl.constexpr,
    CAUSAL: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Some rows of one head of keys, over one part of the keys."""
    tile, pair, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    batch, head = pair // HEADS, pair % HEADS
    length = tl.load(lengths + batch)
    row = tile * ROWS + tl.arange(0, ROWS)
    real = row < rows
    token = row // GROUP
    size = tl.arange(0, SIZE)
    at = batch * q_row + token * q_token + (head * GROUP + row % GROUP) * q_head
    q = tl.load(queries + at[:, None] + size[None], mask=real[:, None], other=0.0)
    own = length - asked + token
    end = length
    if CAUSAL:
        last = (tl.minimum(tile * ROWS + ROWS, rows) - 1) // GROUP
        end = tl.minimum(length, length - asked + last + 1)
    step = tl.cdiv(tl.cdiv(end, splits), BLOCK) * BLOCK
    start = split * step
    end = tl.minimum(end, start + step)
    high = tl.full([ROWS], -1e30, tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    mean = tl.zeros([ROWS, SIZE], tl.float32)
    for first in range(start, end, BLOCK):
        key = first + tl.arange(0, BLOCK)
        there = key < end
        page = tl.load(table + batch * table_step + key // PAGE, mask=there, other=0)
        place = page.to(tl.int64) * page_step + (key % PAGE) * slot_step + head * head_step
        k = tl.load(keys + place[:, None] + size[None], mask=there[:, None], other=0.0)
        score = tl.dot(q, tl.trans(k)) * scale
        seen = there[None] & real[:, None]
        if CAUSAL:
            seen = seen & (key[None] <= own[:, None])
        seen = seen & ((window < 0) | (key[None] >= own[:, None] - window))
        score = tl.where(seen, score, -1e30)
        now = tl.maximum(high, tl.max(score, 1))
        weight = tl.where(seen, tl.exp(score - now[:, None]), 0.0)
        shrunk = tl.exp(high - now)
        v = tl.load(values + place[:, None] + size[None], mask=there[:, None], other=0.0)
        mean = mean * shrunk[:, None] + tl.dot(weight.to(v.dtype), v)
        total = total * shrunk + tl.sum(weight, 1)
        high = now
    out = (split * tl.num_programs(1) + pair) * rows + row
    tl.store(highs + out, high, mask=real)
    tl.store(sums + out, total, mask=real)
    tl.store(means + out[:, None].to(tl.int64) * SIZE + size[None], mean, mask=real[:, None])


def attend(queries, keys, values, lengths, table, rule):
    """What `flash.plain` does. The size of a head must be a power of two, of 16 at least."""
    batch, asked, heads, size = queries.shape
    page, groups = keys.shape[1:3]
    group = heads // groups
    rows = asked * group
    tile = max(16, min(MOST_ROWS, triton.next_power_of_2(rows)))
    tiles, pairs = triton.cdiv(rows, tile), batch * groups
    splits = _splits(queries, table.shape[1] * page, tiles * pairs)
    made = {"device": queries.device, "dtype": torch.float32}
    highs = torch.empty(splits, pairs, rows, **made)
    sums = torch.empty_like(highs)
    means = torch.empty(splits, pairs, rows, size, **made)
    _part[(tiles, pairs, splits)](
        queries, keys, values, table, lengths, highs, sums, means,
        *queries.stride()[:3], *keys.stride()[:3], table.stride(0),
        rule.scale, asked, rows, splits, rule.window,
        GROUP=group, HEADS=groups, SIZE=size, PAGE=page if table.shape[1] > 1 else WHOLE,
        CAUSAL=rule.causal, ROWS=tile, BLOCK=KEYS, num_warps=4 if tile < 64 else 8,
    )  # fmt: skip
    share = torch.exp(highs - highs.amax(0))
    whole = (means * share[..., None]).sum(0) / (sums * share).sum(0).clamp_min(1e-30)[..., None]
    shaped = whole.view(batch, groups, asked, group, size).permute(0, 2, 1, 3, 4)
    return shaped.reshape(queries.shape).to(queries.dtype)


def _splits(queries, most_keys, programs):
    """Parts of the keys, so that the programs are about two for each multiprocessor."""
    processors = 4
    if queries.is_cuda:
        processors = torch.cuda.get_device_properties(queries.device).multi_processor_count
    wanted = 2 * processors // programs
    return max(1, min(triton.cdiv(most_keys, 2 * KEYS), wanted, MOST_SPLITS))
