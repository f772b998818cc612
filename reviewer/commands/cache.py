"""`reviewer cache`: forget what models have answered."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from reviewer import state
from reviewer.commands import _data as data
from reviewer.errors import InputError
from reviewer.text import count


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer cache purge`."""
    folder = Path(arguments.folder) if arguments.folder else data.answers(environ)
    try:
        gone = state.purge(folder)
    except OSError as error:
        raise InputError(
            f"cannot empty {folder}: {error.strerror}", "name its folder by --folder DIR"
        ) from error
    print(f"{folder}: {count(gone, 'answer')} forgotten")
    return 0
