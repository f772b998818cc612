"""A model of 7B in EXL2: how soon our server is ready, and how fast one stream is."""

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gpu import engines, speed
from benchmarks.gpu.rows import Row, figure, least, most

READY = 45


def run(work: Path) -> Iterator[Row]:
    """The manifest's check, load, warm-up and self-test included; kernels are compiled."""
    place = work / "large-state"
    place.mkdir(exist_ok=True)
    made = engines.settings(work / "large", place, cache_tokens=32768)
    began = time.monotonic()
    with engines.served(made, 150):
        yield most("7B in EXL2: ready after", time.monotonic() - began, READY, " s")
    engine = engines.loaded(work / "large", context=8192, cache=32768, batch=16)
    engine.warm()
    size = speed.read_bytes(work / "large") / 1e9
    yield figure("7B in EXL2: weights that a step reads", size, " GB", "EXL2 size")
    rate = max(speed.answered(engine, 1, seed).decoding for seed in range(3))
    yield figure("7B in EXL2: one stream: decoding", rate, " tok/s", "EXL2 rate")
    together = speed.answered(engine, 16, 100).rate
    yield least("7B in EXL2: batch 16 over one stream", together / rate, 1, "×")
