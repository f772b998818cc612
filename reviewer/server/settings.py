"""How a server is to run: checked once, then read by everybody."""

import ipaddress
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reviewer.errors import ConfigError
from reviewer.server.lint import HEAD_DIMS
from reviewer.server.manifest import LOCK

WORKER: Final = (sys.executable, "-P", "-m", "reviewer.server.worker")
"""The program that owns the GPU; -P keeps the working folder out of where it imports from."""


@dataclass(frozen=True)
class Patience:
    """Seconds until the worker is taken for stuck, or a request for lost."""

    start: float = 60.0
    """Until its first sign of life: it imports torch."""
    load: float = 300.0
    """From one layer to the next."""
    beat: float = 30.0
    """From one turn of its loop to the next, until its own pace is known."""
    least: float = 10.0
    """The same, however fast it is: kernels may have to be compiled in between."""
    fresh: float = 5.0
    """The same, for as long as its health is called good."""
    cancel: float = 30.0
    """Until it has stopped what was cancelled."""
    exit: float = 5.0
    """Until it is gone after it was asked to."""
    write: float = 10.0
    """Until a client reads what was sent to it."""
    memory: float = 2.0
    """From one look at its memory to the next."""
    retire: float = 30.0
    """Until it is ended for its size although requests run."""
    keep_alive: float = 10.0
    """From one line of a stream to the next."""
    restarts: tuple[float, ...] = (1.0, 5.0, 30.0)
    """Waits before it is started again, one for each time in `window`."""
    window: float = 600.0


@dataclass(frozen=True)
class Settings:
    """Everything that `reviewer serve` can be told. Raises ConfigError."""

    model: Path
    state: Path
    """Where port, process and token file are written."""
    lock: Path | None = None
    cache: Path | None = None
    """Where hashes of weights are remembered; None hashes them at every start."""
    host: str = "127.0.0.1"
    port: int = 0
    socket: Path | None = None
    lease: Path | None = None
    """A file that the owner keeps locked (flock): when it is released, we end."""
    gpu_lock: Path | None = None
    gpu_wait: float = 600.0
    context: int = 16384
    """Tokens."""
    cache_tokens: int = 65536
    min_cache_tokens: int = 8192
    max_batch: int = 16
    max_queue: int = 64
    deadline: float = 120.0
    """Seconds that a request may take unless it names fewer or more."""
    max_deadline: float = 900.0
    body_bytes: int = 4 << 20
    client_bytes: int = 256 << 10
    """Text that waits for a client which does not read it."""
    worker_bytes: int | None = None
    """Host memory of the worker above which it is started anew."""
    head_dims: tuple[int, ...] = HEAD_DIMS
    worker: tuple[str, ...] = WORKER
    worker_log: Path | None = None
    """What its libraries print."""
    content_log: Path | None = None
    """Where prompts and answers are written; they are private code, so None but to find a fault."""
    allow_root: bool = False
    environ: dict[str, str] = field(default_factory=dict)
    """What the worker gets to see of our variables."""
    patience: Patience = Patience()

    def __post_init__(self) -> None:
        try:
            literal = ipaddress.ip_address(self.host)
        except ValueError:
            literal = None
        if literal is None or not literal.is_loopback:
            raise ConfigError(
                f"refusing to listen on {self.host!r}: only 127.0.0.1 and ::1 are private",
                "leave --host out, or use --socket",
            )
        # An EXL2 matrix is rebuilt for every step when more than 32 rows use it at once
        # (exllamav2_ext/cuda/q_gemm.cu), and the engine wants 8 tokens of input for each job.
        for name, value, least, most in (
            ("--port", self.port, 0, 65535),
            ("--context", self.context, 512, 1 << 20),
            ("--cache-tokens", self.cache_tokens, self.context, 1 << 26),
            ("--min-cache-tokens", self.min_cache_tokens, 512, self.cache_tokens),
            ("--max-batch", self.max_batch, 1, 64),
            ("--max-queue", self.max_queue, 1, 4096),
            ("--deadline", self.deadline, 1, self.max_deadline),
        ):
            if not least <= value <= most:
                raise ConfigError(f"{name} {value:,} is not between {least:,} and {most:,}")

    @property
    def lock_file(self) -> Path:
        """The manifest of the model."""
        return self.lock or self.model / LOCK

    @property
    def crash_file(self) -> Path:
        """Where the report of a worker's death is written."""
        return self.state.with_name(f"{self.state.name}.crash")

    @property
    def token_file(self) -> Path:
        """Where the bearer token is written."""
        return self.state.with_name(f"{self.state.name}.token")
