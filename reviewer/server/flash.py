# ruff: noqa: PLR0913, FBT001
# Signatures with more parameters than ours are those of flash-attn.
"""Paged attention where flash-attn is not installed: `flash_attn`, as far as ExLlamaV2 calls it.

ExLlamaV2 0.3.2 batches and reuses pages only with flash-attn >= 2.5.7, and without it reads prompts
wrongly (exllamav2/attn.py). flash-attn has no package for every torch; what stands here needs torch
alone, and is made fast by Triton, which torch brings, where a C compiler is at hand.

Meaning of all arguments: flash_attn/flash_attn_interface.py of flash-attn 2.8. Causal is aligned to
the last key. `cache_seqlens` counts the keys before `k` and `v` are added, and all keys when there
is nothing to add. Tensors are (batch, tokens, heads, size); pages are (page, token, heads, size).
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final, TypeAlias

VERSION: Final = "2.5.7"
"""The first with the functions that are here, as ExLlamaV2 asks for it."""

TOLERANCE: Final = 1e-2
"""Largest difference of two ways to compute attention in FP16, on values of about 1."""

OLDEST: Final = (8, 0)
"""Cards before these have too little shared memory for the kernel (CUDA C++ Programming Guide,
"Technical Specifications per Compute Capability": 64 KiB; it takes 96 KiB for heads of 128)."""

Attend: TypeAlias = Callable[[Any, Any, Any, Any, Any, "Rule"], Any]
"""Queries, pages of keys, pages of values, keys of each row, its pages, what may be seen."""


@dataclass(frozen=True)
class Rule:
    """`scale` of the scores; `window` is how far back a token sees, -1 without a limit."""

    scale: float
    causal: bool
    window: int = -1


def provide() -> str:
    """See to it that `flash_attn` can be imported; the name of what computes then.

    One that is installed is taken. Raises ImportError when that one is broken.
    """
    if find_spec("flash_attn") is not None:
        return str(getattr(import_module("flash_attn"), "computed_by", "flash-attn"))
    name, attend = chosen()
    ours = Flash(attend)
    module = _module("flash_attn", __version__=VERSION, computed_by=name)
    module.flash_attn_func = ours.dense  # type: ignore[attr-defined]
    module.flash_attn_varlen_func = ours.ragged  # type: ignore[attr-defined]
    module.flash_attn_with_kvcache = ours.paged  # type: ignore[attr-defined]
    _module("flash_attn_2_cuda")  # imported to see whether it is there, and not used
    return name


def _module(name: str, **facts: str) -> ModuleType:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None)
    vars(made).update(facts)
    sys.modules[name] = made
    return made


def chosen() -> tuple[str, Attend]:
    """The kernel for Triton where it runs and computes the same as torch, else torch."""
    torch = import_module("torch")
    if not torch.cuda.is_available() or torch.cuda.get_device_capability() < OLDEST:
        return "torch", plain
    try:
        fast: Attend = import_module("reviewer.server.flash_triton").attend
        error = trial(fast, "cuda")
    except Exception as problem:  # anything: of Triton, or of the C compiler that it starts
        sys.stderr.write(f"attention without Triton, which is slow: {problem}\n"[:500])
        return "torch", plain
    if error > TOLERANCE:
        sys.stderr.write(f"attention without Triton, which is slow: it is off by {error:.2g}\n")
        return "torch", plain
    return "triton", fast


def trial(attend: Attend, device: str) -> float:
    """The largest difference from `plain`: three rows of different length, pages out of order."""
    torch = import_module("torch")
    made = torch.Generator(device).manual_seed(0)

    def random(*shape: int) -> Any:
        return torch.randn(*shape, generator=made, device=device, dtype=torch.float16)

    queries, keys, values = random(3, 2, 8, 64), random(7, 256, 2, 64), random(7, 256, 2, 64)
    table = torch.tensor([[6, 0], [3, 1], [5, 2]], device=device, dtype=torch.int32)
    lengths = torch.tensor([2, 300, 512], device=device, dtype=torch.int32)
    rule = Rule(64**-0.5, causal=True)
    one, two = (each(queries, keys, values, lengths, table, rule) for each in (attend, plain))
    return float((one.float() - two.float()).abs().max())


def plain(queries: Any, keys: Any, values: Any, lengths: Any, table: Any, rule: Rule) -> Any:
    """By torch's own attention, on a copy of all pages that the rows have. Any device.

    What lies behind the end of a row must be finite: it is weighed with zero.
    """
    torch = import_module("torch")
    asked, heads = queries.shape[1:3]
    rows = table.long()
    k, v = (
        pages[rows].flatten(1, 2).repeat_interleave(heads // pages.shape[2], 2).transpose(1, 2)
        for pages in (keys, values)
    )
    place = torch.arange(k.shape[2], device=k.device)
    total = lengths.long()[:, None, None]
    own = total - asked + torch.arange(asked, device=k.device)[:, None]
    seen = (place < total).expand(-1, asked, -1)
    if rule.causal:
        seen = seen & (place <= own)
    if rule.window >= 0:
        seen = seen & (place >= own - rule.window)
    out = torch.nn.functional.scaled_dot_product_attention(
        queries.transpose(1, 2), k, v, attn_mask=seen[:, None], scale=rule.scale
    )
    return out.transpose(1, 2).contiguous()


@dataclass(frozen=True)
class Flash:
    """The functions of flash-attn. Raise ValueError for what is not done here."""

    attend: Attend

    def dense(
        self, q: Any, k: Any, v: Any, *, softmax_scale: float | None = None, causal: bool = False,
        window_size: tuple[int, int] = (-1, -1), softcap: float = 0.0,
    ) -> Any:  # fmt: skip
        """`flash_attn_func`: all rows have as many keys."""
        rule = _rule(q, softmax_scale, causal, window_size, softcap)
        return self.attend(q, k, v, _filled(q, k.shape[1]), _rows(q), rule)

    def ragged(
        self, q: Any, k: Any, v: Any, cu_seqlens_q: Any, cu_seqlens_k: Any, *_: int, **named: Any
    ) -> Any:
        """`flash_attn_varlen_func`: rows lie behind each other, (tokens, heads, size)."""
        out = import_module("torch").empty_like(q)
        asked, seen = cu_seqlens_q.tolist(), cu_seqlens_k.tolist()
        for start, end, first, last in zip(asked, asked[1:], seen, seen[1:], strict=False):
            row = (q[start:end], k[first:last], v[first:last])
            out[start:end] = self.dense(*(each[None] for each in row), **named)[0]
        return out

    def paged(
        self, q: Any, k_cache: Any, v_cache: Any, k: Any = None, v: Any = None, *,
        cache_seqlens: Any, block_table: Any = None, softmax_scale: float | None = None,
        causal: bool = False, window_size: tuple[int, int] = (-1, -1), softcap: float = 0.0,
    ) -> Any:  # fmt: skip
        """`flash_attn_with_kvcache`: keys and values are added to the pages first."""
        rule = _rule(q, softmax_scale, causal, window_size, softcap)
        lengths = cache_seqlens if hasattr(cache_seqlens, "shape") else _filled(q, cache_seqlens)
        table = _rows(q) if block_table is None else block_table
        if k is not None:
            _add(k, v, k_cache, v_cache, lengths, table)
            lengths = lengths + k.shape[1]
        return self.attend(q, k_cache, v_cache, lengths.int(), table, rule)


def _rule(
    q: Any, scale: float | None, causal: bool, window: tuple[int, int], softcap: float
) -> Rule:
    before, after = window
    if after >= 0 and not causal:
        raise ValueError("a window to tokens that follow is not done here")
    if softcap:
        raise ValueError("capped scores are not done here")
    return Rule(q.shape[-1] ** -0.5 if scale is None else scale, causal, before)


def _filled(q: Any, value: int) -> Any:
    torch = import_module("torch")
    return torch.full((q.shape[0],), value, dtype=torch.int32, device=q.device)


def _rows(q: Any) -> Any:
    """Each row has one page of its own."""
    torch = import_module("torch")
    return torch.arange(q.shape[0], dtype=torch.int32, device=q.device)[:, None]


def _add(k: Any, v: Any, k_cache: Any, v_cache: Any, lengths: Any, table: Any) -> None:
    """Write new keys and values behind those that are there."""
    torch = import_module("torch")
    size = k_cache.shape[1]
    place = lengths.long()[:, None] + torch.arange(k.shape[1], device=k.device)
    page, offset = table.long().gather(1, place // size), place % size
    k_cache[page, offset] = k.to(k_cache.dtype)
    v_cache[page, offset] = v.to(v_cache.dtype)
