"""`reviewer serve` with the fake worker in place of the one that needs a graphics card.

LANG holds what that one is to do, as JSON: it is one of the few variables that get here.
"""

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from reviewer.commands import _serve_options, serve
from reviewer.errors import ReviewerError
from reviewer.server.main import run
from tests.support.serving import HASTY, TOP, command


def main() -> int:
    """What `reviewer.cli` does around the command."""
    parser = argparse.ArgumentParser()
    _serve_options.add(parser.add_subparsers())
    arguments = parser.parse_args(["serve", *sys.argv[1:]])
    behaviour = json.loads(os.environ.get("LANG", "{}"))
    try:
        settings = serve._settings(arguments, {"PYTHONPATH": str(TOP)})
        return run(replace(settings, worker=command(**behaviour), patience=HASTY))
    except ReviewerError as error:
        sys.stderr.write(f"reviewer: {error.message}\ntip: {error.tip}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
