"""The image, built once a session however many workers there are."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.engine import Engine, missing


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Podman with the image in it. REVIEWER_IMAGE_CACHE names a folder that is kept."""
    if why := missing():
        pytest.skip(why)
    own = tmp_path_factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept = os.environ.get("REVIEWER_IMAGE_CACHE")
    folder = Path(kept).absolute() if kept else root / "image"
    folder.mkdir(parents=True, exist_ok=True)
    made = Engine(folder)
    with (folder / "users").open("w") as users, (folder / "making").open("w") as making:
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(making, fcntl.LOCK_EX)
        made.make()
        fcntl.flock(making, fcntl.LOCK_UN)
        yield made
        if kept:
            return
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another worker is still at it, and takes it away
        made.remove()
