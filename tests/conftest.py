"""What holds for all tests."""

from pathlib import Path

import pytest

SLOW = "\npytestmark = pytest.mark.slow\n"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files alone of which no test would run: importing them takes seconds."""
    everyday = config.option.markexpr == "not slow"
    if everyday and collection_path.suffix == ".py" and SLOW in collection_path.read_text("utf-8"):
        return True
    return None
