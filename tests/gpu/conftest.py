"""What needs torch is left alone where it is not installed; what needs a GPU is skipped."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.gpu import checkpoints
from tests.support import models

NEED_TORCH = ["test_checkpoints.py", "test_engine.py", "test_flash.py"]

collect_ignore = [] if find_spec("torch") else NEED_TORCH

VOCABULARY = 1024


@cache
def lacking() -> str:
    """What the engine needs and this machine has not."""
    missing = [name for name in ("exllamav2", "llguidance", "transformers") if not find_spec(name)]
    if missing:
        return f"{', '.join(missing)}: not installed"
    if not import_module("torch").cuda.is_available():
        return "torch sees no GPU"
    return ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and (why := lacking()):
        pytest.skip(why)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with random weights, whose tokenizer is that of the other tests."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    shape = checkpoints.TINY.small_vocabulary(VOCABULARY)
    checkpoints.write(folder, shape, models.TOKENIZERS / "chatml")
    return folder
