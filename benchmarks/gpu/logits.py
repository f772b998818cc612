"""Whether what the engine computes is right: beside transformers, and beside itself."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.gpu import engines
from benchmarks.gpu.rows import Row, least, most
from reviewer.server import flash

TOKENS: Final = 384
RELATIVE: Final = 1e-2
SAME: Final = 0.99

BATCHES: Final = 2e-2
"""Other kernels add up in another order when more requests are answered at once."""


def run(work: Path) -> Iterator[Row]:
    """The tiny model and the small one."""
    for name in ("tiny", "small"):
        yield from against_transformers(work / name, name)
    yield from against_itself(work / "tiny")


def prompts() -> Any:
    """Two rows of tokens."""
    torch = import_module("torch")
    return torch.tensor([engines.prompt(TOKENS, seed) for seed in (1, 2)])


def against_transformers(folder: Path, name: str) -> Iterator[Row]:
    """All logits of two prompts, ours in FP16 beside theirs in FP32 on the same weights."""
    torch = import_module("torch")
    ids = prompts()
    ours = _ours(folder, ids)
    causal = import_module("transformers").AutoModelForCausalLM
    control = _theirs(causal.from_pretrained(folder, dtype=torch.float16), ids)
    theirs = _theirs(causal.from_pretrained(folder, dtype=torch.float32), ids)
    for what, logits, limit in (("ours", ours, RELATIVE), ("transformers in FP16", control, 1.0)):
        text = f"{name}: logits, {what} beside transformers in FP32"
        off = float((logits - theirs).norm() / theirs.norm())
        same = float((logits.argmax(-1) == theirs.argmax(-1)).float().mean())
        yield most(f"{text}, relative error", off, limit)
        yield least(f"{text}, share with the same best token", same, SAME if limit < 1 else 0.0)
    changed = ids.clone()
    changed[:, TOKENS // 2] += 1
    other = _ours(folder, changed)
    before = slice(0, TOKENS // 2)
    moved = float((ours[:, before] - other[:, before]).abs().max() / ours.abs().max())
    yield most(f"{name}: change of logits before a token that is changed", moved, BATCHES)


def _ours(folder: Path, ids: Any) -> Any:
    """Logits as FP32 on the CPU, of the vocabulary that the model has."""
    torch = import_module("torch")
    flash.provide()
    library = import_module("exllamav2")
    config = library.ExLlamaV2Config(str(folder))
    config.max_seq_len, config.max_batch_size = 2 * TOKENS, ids.shape[0]
    model = library.ExLlamaV2(config)
    model.load()
    cache = library.ExLlamaV2Cache(model, batch_size=ids.shape[0], max_seq_len=2 * TOKENS)
    with torch.inference_mode():
        logits = model.forward(ids, cache).float().cpu()
    model.unload()
    return logits[..., : config.vocab_size]


def _theirs(model: Any, ids: Any) -> Any:
    torch = import_module("torch")
    model = model.to("cuda").eval()
    with torch.inference_mode():
        return model(ids.to("cuda")).logits.float().cpu()


def against_itself(folder: Path) -> Iterator[Row]:
    """Eight requests at once and one by one; a prompt from the cache and read anew."""
    engine = engines.loaded(folder, context=2048, cache=32768, batch=8)
    submits = [engines.submit(f"{n}", engines.prompt(100 + 37 * n, n), 8) for n in range(8)]
    together = engines.fresh(engine, submits, logits=True)
    alone = [engines.fresh(engine, [each], logits=True) for each in submits]
    off = max(
        difference(together.logits[each.id], ran.logits[each.id])
        for each, ran in zip(submits, alone, strict=True)
    )
    yield most("logits of eight requests at once beside one by one, relative error", off, BATCHES)
    long = engines.submit("long", engines.prompt(1000, 9), 8)
    cold = engines.fresh(engine, [long], logits=True)
    warm = engines.run(engine, [long], logits=True)
    off = difference(cold.logits["long"], warm.logits["long"])
    yield most("logits of a cached prompt beside one read anew, relative error", off, BATCHES)
    yield least("tokens of 1,000 that came from the cache", warm.cached["long"], 768)


def difference(one: list[Any], two: list[Any]) -> float:
    """Largest relative error as far as both have chosen the same tokens."""
    torch = import_module("torch")
    worst = 0.0
    for left, right in zip(torch.cat(one), torch.cat(two), strict=False):
        finite = torch.isfinite(left) & torch.isfinite(right)
        a, b = left[finite], right[finite]
        worst = max(worst, float((a - b).norm() / a.norm()))
        if int(left.argmax()) != int(right.argmax()):
            break
    return worst
