"""The options of `reviewer doctor`. Knows words, does nothing."""

import argparse
from typing import Any


def add(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command to the command line."""
    doctor = commands.add_parser(
        "doctor", help="look at this machine and say what to mend",
        description="Looks at what a review needs on this machine: one line each, with its cure. "
        "Ends with 2 when something is broken.",
    )  # fmt: skip
    doctor.add_argument("--repo", metavar="DIR", default=".", help="the checkout (default: .)")
    doctor.add_argument("--model-dir", metavar="DIR", help="look at these weights")
    doctor.add_argument("--url", metavar="URL", help="try the model's server at this address")
    doctor.add_argument(
        "--allow", metavar="HOST", action="append", default=[],
        help="a host that --url may name, repeatable",
    )  # fmt: skip
    doctor.add_argument("--json", action="store_true", help="for programs")
