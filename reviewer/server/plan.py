"""What a model needs of the GPU's memory, computed before anything is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reviewer.errors import ConfigError
from reviewer.server.lint import Model
from reviewer.server.tensors import Tensor

PAGE: Final = 256
"""Tokens of a page of the cache (exllamav2, generator/dynamic.py)."""

GIB: Final = 1 << 30

OVERHEAD: Final = 3 * GIB // 2
"""CUDA context, cuBLAS and activations of a chunk of 2,048 tokens; an estimate."""

SCRATCH: Final = GIB
"""Most that the engine takes to write a matrix out as FP16 (exllamav2, config.max_dq_size)."""

SHARE: Final = 0.92
"""Of the free memory; the rest is for what allocators lose to fragments."""


@dataclass(frozen=True)
class Plan:
    """Bytes, and the tokens that the cache then holds."""

    weights: int
    cache: int
    scratch: int
    free: int
    cache_tokens: int

    @property
    def total(self) -> int:
        """What will be taken."""
        return self.weights + self.cache + self.scratch + OVERHEAD

    def __str__(self) -> str:
        return (
            f"{_gib(self.total)} = weights {_gib(self.weights)} + cache {_gib(self.cache)} "
            f"({self.cache_tokens:,} tokens) + scratch {_gib(self.scratch)} "
            f"+ overhead {_gib(OVERHEAD)}; {SHARE:.0%} of {_gib(self.free)} free are "
            f"{_gib(int(SHARE * self.free))}"
        )


def plan(model: Model, tensors: Mapping[str, Tensor], free: int, wanted: int, least: int) -> Plan:
    """The plan with as many tokens of cache as fit, between `least` and `wanted`.

    `free` is in bytes. Raises ConfigError with the numbers when not even `least` fit.
    """
    head = any("lm_head" in name for name in tensors)  # else it is made of the embedding
    weights = sum(t.bytes for n, t in tensors.items() if "embed_tokens" not in n or not head)
    largest = 2 * model.hidden * max(model.intermediate, model.vocab)
    fixed = Plan(weights, 0, min(largest, SCRATCH), free, 0)
    fitting = (int(SHARE * free) - fixed.total) // model.kv_bytes
    tokens = max(min(wanted, fitting), least) // PAGE * PAGE
    made = Plan(weights, tokens * model.kv_bytes, fixed.scratch, free, tokens)
    if made.total > SHARE * free:
        raise ConfigError(
            f"the model does not fit: {made}",
            "free GPU memory, take a model of fewer bits, or lower --min-cache-tokens",
        )
    return made


def _gib(size: int) -> str:
    return f"{size / GIB:.2f} GiB"
