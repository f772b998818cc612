"""transformers on the same weights, the same prompts and the same lengths."""

import statistics
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.gpu import engines, speed
from benchmarks.gpu.rows import Row, figure

BATCHES: Final = (1, 4, 16, 64)


def run(work: Path) -> Iterator[Row]:
    """`generate` with the cache that it takes by itself."""
    model = loaded(work / "small")
    rates = (decoding(model), decoding(model))
    yield figure("transformers: one stream, FP16: decoding", max(rates), " tok/s")
    for size in speed.PREFILLS:
        answered(model, [engines.prompt(size, 99)], 1)
        seconds = [answered(model, [engines.prompt(size, n)], 1) for n in range(speed.REPEATS)]
        rate = size / statistics.median(seconds)
        key = f"transformers prefill {size}"
        yield figure(f"transformers: reading a prompt of {size:,} tokens", rate, " tok/s", key)
    for batch in BATCHES:
        yield _batch(model, batch)


def static(work: Path) -> Iterator[Row]:
    """With a static cache, for which transformers compiles the model; that takes its time."""
    model = loaded(work / "small")
    yield _batch(model, 16, " with a static cache", cache_implementation="static")


def _batch(model: Any, batch: int, how: str = "", **options: Any) -> Row:
    prompts = [
        [engines.prompt(speed.PROMPT, seed * 1000 + n) for n in range(batch)] for seed in range(3)
    ]
    answered(model, prompts[0], speed.ANSWER, **options)
    seconds = [answered(model, each, speed.ANSWER, **options) for each in prompts[1:]]
    rate = batch * speed.ANSWER / statistics.median(seconds)
    key = "" if how else f"transformers batch {batch}"
    what = f"transformers{how}: batch {batch}, {speed.PROMPT} in, {speed.ANSWER} out"
    return figure(what, rate, " tok/s", key)


def loaded(folder: Path) -> Any:
    """The model in FP16 on the GPU, with the fastest attention that torch alone has."""
    torch = import_module("torch")
    causal = import_module("transformers").AutoModelForCausalLM
    model = causal.from_pretrained(folder, dtype=torch.float16, attn_implementation="sdpa")
    return model.to("cuda").eval()


def decoding(model: Any) -> float:
    """Tokens a second after the first, of one stream."""
    ids = [engines.prompt(speed.PROMPT, 3)]
    first = answered(model, ids, 1)
    return (speed.ANSWER - 1) / (answered(model, ids, speed.ANSWER) - first)


def answered(model: Any, prompts: list[tuple[int, ...]], tokens: int, **options: Any) -> float:
    """Seconds for as many tokens each, not fewer."""
    torch = import_module("torch")
    ids = torch.tensor(prompts, device="cuda")
    torch.cuda.synchronize()
    began = time.perf_counter()
    with torch.inference_mode():
        model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens,
            min_new_tokens=tokens, do_sample=False, pad_token_id=0, **options,
        )  # fmt: skip
    torch.cuda.synchronize()
    return time.perf_counter() - began
