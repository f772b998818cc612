"""What can be watched from outside, as text that Prometheus reads.

https://prometheus.io/docs/instrumenting/exposition_formats/. The buckets are fixed here, so that
numbers of two machines can be laid side by side.
"""

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

PREFIX: Final = "reviewer_engine"
CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

LONG: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SHORT: Final = (0.001, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 1.0)


class Metrics:
    """All of them, in a registry of their own."""

    def __init__(self) -> None:
        # A second line for each, with the time of our start.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=PREFIX, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, namespace=PREFIX, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(name, text, namespace=PREFIX, registry=registry, buckets=buckets)

        self.requests = counter("requests", "Answers by their status", "code")
        self.queue_depth = gauge("queue_depth", "Requests that wait")
        self.active_jobs = gauge("active_jobs", "Requests at work")
        self.prefill_jobs = gauge("prefill_jobs", "Requests whose prompt is being read")
        self.pages_used = gauge("pages_used", "Pages of the cache that running requests may need")
        self.pages_total = gauge("pages_total", "Pages of the cache")
        self.cached_tokens = counter("prefix_cached_tokens", "Prompt tokens found in the cache")
        self.prompt_tokens = counter("prompt_tokens", "Tokens of prompts")
        self.completion_tokens = counter("completion_tokens", "Tokens of answers")
        self.ttft = histogram("ttft_seconds", "From the request to the first of its answer", LONG)
        self.inter_token = histogram("inter_token_seconds", "From token to token", SHORT)
        self.iterate = histogram("iterate_seconds", "One turn of the engine", SHORT)
        self.queue_seconds = histogram("queue_seconds", "In the queue", LONG)
        self.mask = counter("constrained_mask_seconds", "Spent on grammars")
        self.constrained_errors = counter("constrained_errors", "Answers that left their grammar")
        self.truncated = counter("truncated", "Answers cut at their limit")
        self.restarts = counter("restarts", "Starts of the engine but the first", "reason")
        self.oom = counter("oom", "Requests without room in the GPU's memory")
        self.watchdog_kills = counter("watchdog_kills", "Engines ended for being stuck")
        self.vram = gauge("vram_bytes", "Memory of the GPU", "kind")
        self.load_seconds = gauge("load_seconds", "From the start of the engine to ready")
        self.weights_verified = gauge("weights_verified", "1 when the weights are as locked")

    def text(self) -> bytes:
        """The page."""
        return generate_latest(self.registry)
