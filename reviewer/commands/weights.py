"""`reviewer weights`: write down which files make up a model, and check that they are the same."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from reviewer.server import manifest


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:  # noqa: ARG001
    """`reviewer weights lock DIR` and `reviewer weights verify DIR`."""
    folder = Path(arguments.folder)
    place = Path(arguments.lock) if arguments.lock else folder / manifest.LOCK
    if arguments.action == "lock":
        made = manifest.lock(folder, arguments.licence, arguments.source)
        manifest.write(made, place)
        print(f"{place}: {len(made.files)} files, {_gigabytes(made)}, sha256 {made.sha256}")
        return 0
    known = manifest.read(place)
    found = manifest.verify(folder, known)
    print(f"{folder} is as locked: {len(known.files)} files, {_gigabytes(known)}, "
          f"{len(found.tensors)} tensors, sha256 {known.sha256}")  # fmt: skip
    return 0


def _gigabytes(made: manifest.Lock) -> str:
    return f"{sum(entry.size for entry in made.files.values()) / 1e9:.2f} GB"
