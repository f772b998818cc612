"""What the other steps need: the compiled kernels, a tokenizer, three models."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.gpu import checkpoints, vocabulary
from benchmarks.gpu.rows import Row, figure, is_so

KERNELS: Final = Path(__file__).parents[2] / "image" / "kernels.py"
PACKAGES: Final = ("torch", "triton", "exllamav2", "transformers", "llguidance", "tokenizers")
MODELS: Final = (
    ("tiny", checkpoints.TINY, None),
    ("small", checkpoints.SMALL, None),
    ("large", checkpoints.LARGE, 4.5),
)


def run(work: Path) -> Iterator[Row]:
    """Compile, and say what takes part."""
    torch = import_module("torch")
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    yield is_so("graphics card", name, torch.cuda.is_available())
    yield Row("versions", ", ".join(f"{each} {_version(each)}" for each in PACKAGES))
    library = work / "lib"
    began = time.monotonic()
    if not any(library.glob("exllamav2_ext*")):
        major, minor = torch.cuda.get_device_capability()
        environ = {**os.environ, "TORCH_CUDA_ARCH_LIST": f"{major}.{minor}"}
        argv = [sys.executable, KERNELS, library]
        done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            told = (done.stdout + done.stderr)[-400:]
            yield is_so("kernels compile", told, right=False)
            return
    yield figure("kernels compiled in", time.monotonic() - began, " s")
    import_module("exllamav2")
    yield is_so("kernels are imported", str(import_module("exllamav2_ext").__file__), right=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:
        return "missing"


def models(work: Path) -> Iterator[Row]:
    """The tokenizer and the models that are not there yet."""
    began = time.monotonic()
    tokenizer = work / "tokenizer"
    if not (tokenizer / "generation_config.json").exists():
        vocabulary.write(tokenizer)
    for name, shape, bits in MODELS:
        if not (work / name).exists():
            checkpoints.write(work / name, shape, tokenizer, bits)
    yield figure("tokenizer and models made in", time.monotonic() - began, " s")
