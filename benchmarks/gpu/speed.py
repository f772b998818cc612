"""How fast the engine is on the small FP16 model; `peer` measures transformers the same way."""

import json
import statistics
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from benchmarks.gpu import engines
from benchmarks.gpu.rows import Row, figure, least
from reviewer.server.exllama import Engine
from reviewer.server.grammar import compiled

BATCHES: Final = (1, 2, 4, 8, 16, 32, 64)
PROMPT: Final = 512
ANSWER: Final = 128
PREFILLS: Final = (2048, 8192)
REPEATS: Final = 3

PREFIX: Final = 6144
OWN: Final = 500

SCHEMA: Final = json.dumps({
    "type": "object",
    "properties": {"findings": {
        "type": "array", "minItems": 8, "maxItems": 64,
        "items": {
            "type": "object",
            "properties": {
                "line": {"type": "integer", "minimum": 1, "maximum": 9999},
                "message": {"type": "string", "minLength": 60, "maxLength": 400},
            },
            "required": ["line", "message"], "additionalProperties": False,
        },
    }},
    "required": ["findings"], "additionalProperties": False,
})  # fmt: skip
"""About what a review's answer is held to, and long enough not to end early."""


def run(work: Path) -> Iterator[Row]:
    """All figures of ours; keys are those of `peer` without its name."""
    yield figure("copy on the GPU, bytes read and written", copy() / 1e9, " GB/s", "copy")
    engine = engines.loaded(work / "small", context=16384, cache=131072, batch=64)
    engine.warm()
    size = read_bytes(work / "small") / 1e9
    yield figure("small FP16 model: weights that a step reads", size, " GB", "FP16 size")
    yield from single(engine)
    yield from prefill(engine)
    for batch in BATCHES:
        rates = [answered(engine, batch, seed * 1000).rate for seed in range(REPEATS)]
        rate = statistics.median(rates)
        yield figure(f"batch {batch}: {PROMPT} in, {ANSWER} out", rate, " tok/s", f"batch {batch}")
    yield from prefix(engine)
    yield from held(engine)
    yield from profile(engine)


def copy() -> float:
    """Bytes a second that the GPU's memory moves, read and written, in a large copy."""
    torch = import_module("torch")
    source = torch.empty(1 << 31, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    target.copy_(source)
    start.record()
    for _ in range(10):
        target.copy_(source)
    end.record()
    end.synchronize()
    moved = 20 * source.numel()
    return float(moved / (start.elapsed_time(end) / 1000))


def read_bytes(folder: Path) -> int:
    """Bytes of weights that a step reads: all but an embedding that is not the head too."""
    from reviewer.server.tensors import header  # noqa: PLC0415 - of this function alone

    found: dict[str, int] = {}
    for place in folder.glob("*.safetensors"):
        with place.open("rb") as opened:
            tensors = header(opened.fileno(), place.name)
            found |= {name: tensor.bytes for name, tensor in tensors.items()}
    head = any("lm_head" in name for name in found)
    return sum(size for name, size in found.items() if not (head and "embed_tokens" in name))


def answered(engine: Engine, batch: int, seed: int, grammar: str | None = None) -> engines.Ran:
    """Requests that share nothing."""
    submits = [
        engines.submit(f"{n}", engines.prompt(PROMPT, seed + n), ANSWER, grammar)
        for n in range(batch)
    ]
    return engines.fresh(engine, submits)


def single(engine: Engine) -> Iterator[Row]:
    """One stream: tokens a second after the first."""
    rates = [answered(engine, 1, seed).decoding for seed in range(REPEATS)]
    rate = statistics.median(rates)
    yield figure("one stream, FP16: decoding", rate, " tok/s", "FP16 rate")


def prefill(engine: Engine) -> Iterator[Row]:
    for size in PREFILLS:
        seconds = [
            engines.fresh(engine, [engines.submit("p", engines.prompt(size, n), 1)]).seconds
            for n in range(REPEATS)
        ]
        rate = size / statistics.median(seconds)
        yield figure(f"reading a prompt of {size:,} tokens", rate, " tok/s", f"prefill {size}")


def prefix(engine: Engine) -> Iterator[Row]:
    """The second request of a review: the same rules and context before another change."""
    cold: list[float] = []
    warm: list[float] = []
    cached = 0
    for seed in range(REPEATS):
        shared = engines.prompt(PREFIX, seed)
        first, second = (
            engines.submit("r", shared + engines.prompt(OWN, 100 + seed + n), 1) for n in (0, 50)
        )
        cold.append(engines.fresh(engine, [first]).first["r"])
        ran = engines.run(engine, [second])
        warm.append(ran.first["r"])
        cached = ran.cached["r"]
    ratio = statistics.median(cold) / statistics.median(warm)
    yield figure("first token of 6,644, nothing cached", statistics.median(cold) * 1000, " ms")
    yield figure(f"the same with {cached:,} cached", statistics.median(warm) * 1000, " ms")
    yield least("a cached prefix: how much sooner", ratio, 5, "×")


def held(engine: Engine) -> Iterator[Row]:
    """Answers that are held to a schema beside free ones, in turn."""
    grammar = compiled(SCHEMA)
    for batch in (1, 8, 16):
        free: list[float] = []
        tied: list[float] = []
        for seed in range(REPEATS):
            free.append(answered(engine, batch, seed * 100).decoding)
            tied.append(answered(engine, batch, seed * 100, grammar).decoding)
        share = statistics.median(tied) / statistics.median(free)
        yield least(f"held to a schema over free, batch {batch}", share, 0.9, "×")


def profile(engine: Engine) -> Iterator[Row]:
    """How much of a step's time the GPU works, and on what."""
    torch = import_module("torch")
    profiler = torch.profiler
    with profiler.profile(activities=[profiler.ProfilerActivity.CUDA]) as taken:
        ran = answered(engine, 1, 7)
    kernels = [each for each in taken.key_averages() if _time(each) > 0]
    busy = sum(map(_time, kernels)) / 1e6
    yield figure("one stream: share of the time that the GPU works", busy / ran.seconds)
    top = sorted(kernels, key=_time, reverse=True)[:4]
    names = "; ".join(f"{each.key[:40]} {_time(each) / 1e6 / busy:.0%}" for each in top)
    yield Row("one stream: what the GPU works on", names)


def _time(event: Any) -> float:
    """Microseconds on the GPU."""
    return float(event.self_device_time_total)
