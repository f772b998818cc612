"""`reviewer serve`: the engine server, as a process of its own."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reviewer.errors import ConfigError
from reviewer.server.lint import HEAD_DIMS
from reviewer.server.settings import Settings

PASSED_ON: Final = (
    "PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_HOME", "CPATH",
    "CUDA_VISIBLE_DEVICES", "CUDA_CACHE_PATH", "NVIDIA_VISIBLE_DEVICES", "TRITON_CACHE_DIR",
    "TORCH_EXTENSIONS_DIR", "TORCH_CUDA_ARCH_LIST", "TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME",
)  # fmt: skip
"""What the engine sees of our variables: where the GPU and its libraries are, and no secrets.

None that begins with EXLLAMA_NO_: those change the engine by being there, whatever their value.
"""


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer serve`: run until drained, ended by a signal, or left by the owner."""
    settings = _settings(arguments, environ)
    try:
        from reviewer.server.main import run  # noqa: PLC0415 - needs the extra `server`
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is not installed", "install the extra: pip install 'reviewer[server]'"
        ) from error
    return run(settings)


def _settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """The options as settings. Raises ConfigError."""
    memory = arguments.worker_memory
    cache = _path(arguments.cache) if arguments.verify == "changed" else None
    return Settings(
        model=Path(arguments.model),
        state=Path(arguments.state).absolute(),
        lock=_path(arguments.lock),
        cache=cache,
        host=arguments.host,
        port=arguments.port,
        socket=_path(arguments.socket),
        lease=_path(arguments.lease),
        gpu_lock=_path(arguments.gpu_lock),
        gpu_wait=arguments.gpu_wait,
        context=arguments.context,
        cache_tokens=arguments.cache_tokens,
        min_cache_tokens=arguments.min_cache_tokens,
        max_batch=arguments.max_batch,
        max_queue=arguments.max_queue,
        deadline=arguments.deadline,
        worker_bytes=None if memory is None else memory << 20,
        head_dims=tuple(arguments.head_dim) or HEAD_DIMS,
        worker_log=_path(arguments.worker_log),
        content_log=_path(arguments.log_content),
        allow_root=arguments.allow_root,
        environ={name: environ[name] for name in PASSED_ON if name in environ},
    )


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name).absolute()
