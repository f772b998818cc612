"""The options of `reviewer audit` and `reviewer cache`. Knows words, does nothing."""

import argparse
from typing import Any


def add(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add both commands to the command line."""
    audit = commands.add_parser(
        "audit", help="check the log of all calls of models",
        description="Looks after the log of all calls of models. REVIEWER_AUDIT_KEY is its key; "
        "earlier keys may follow it after a blank.",
    )  # fmt: skip
    actions = audit.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="check that nothing was changed; 4 if it was")
    verify.add_argument(
        "--checkpoint", metavar="N:HEAD", help="what the footer of a review says of the log"
    )
    purge = actions.add_parser("purge", help="delete the files of old days")
    extent = purge.add_mutually_exclusive_group()
    extent.add_argument("--before", metavar="DATE", help="what is older than this day: 2026-08-31")
    extent.add_argument(
        "--days", metavar="N", type=int, default=90, help="what is older (default: 90)"
    )
    # Not listed, for a list that fits on a screen; the page on where the model runs has it.
    cache = commands.add_parser("cache", description="Looks after the remembered answers.")
    forget = cache.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, place in (
        (verify, "audit"),
        (purge, "audit"),
        (forget.add_parser("purge", help="forget all answers"), "answers"),
    ):
        action.add_argument(
            "--folder", metavar="DIR", help=f"default: {place} in REVIEWER_DATA_DIR"
        )
