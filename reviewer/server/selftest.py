"""What decides that a loaded engine is well: it is causal, and it answers in its grammar.

Without flash attention ExLlamaV2 0.3.2 reads prompts with an attention that looks ahead, and says
nothing (exllamav2/attn.py, the call of scaled_dot_product_attention). Nobody would notice but here.
"""

import json
from importlib import import_module
from typing import Any, Final

TOLERANCE: Final = 2e-2
"""Share of the largest logit by which two ways to the same one may differ in FP16."""

LENGTH: Final = 16
"""Tokens that are tried: as many as the engine keeps logits for (config.max_output_len)."""


class Unwell(Exception):
    """The engine computes something wrong."""


def causal(model: Any, cache: Any, vocabulary: int) -> None:
    """Check that no token sees the next, and that a prompt is read as its tokens one by one are.

    `cache` is a small one of its own. Raises Unwell.
    """
    torch = import_module("torch")
    ids = torch.arange(3, 3 + LENGTH).unsqueeze(0) * 7 % (vocabulary - 1)
    changed = ids.clone()
    changed[0, -1] = (int(ids[0, -1]) + 11) % (vocabulary - 1)
    with torch.inference_mode():
        whole = _whole(model, cache, ids)
        if not bool(torch.isfinite(whole).all()):
            raise Unwell("logits are not finite")
        other = _whole(model, cache, changed)
        if difference(whole[:-1], other[:-1]) > TOLERANCE:
            raise Unwell("attention is not causal: a token sees the ones after it")
        cache.current_seq_len = 0
        steps = [
            model.forward(ids[:, at : at + 1], cache).float().cpu()[0, -1] for at in range(LENGTH)
        ]
    if difference(whole, torch.stack(steps)) > TOLERANCE:
        raise Unwell("a prompt is not read as its tokens are")


def _whole(model: Any, cache: Any, ids: Any) -> Any:
    cache.current_seq_len = 0
    return model.forward(ids, cache).float().cpu()[0]


def difference(one: Any, two: Any) -> float:
    """The largest difference, as a share of the largest value: of tensors, or of arrays."""
    return float(abs(one - two).max()) / max(float(abs(one).max()), 1e-9)


def canary(text: str) -> None:
    """Check an answer that was held to `CANARY`. Raises Unwell."""
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise Unwell("the canary is no JSON: the grammar does not hold") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("well"), bool):
        raise Unwell("the canary left its schema")


CANARY: Final = json.dumps(
    {
        "type": "object",
        "properties": {"well": {"type": "boolean"}},
        "required": ["well"],
        "additionalProperties": False,
    }
)
"""The schema of an answer that any model gives in a few tokens."""
