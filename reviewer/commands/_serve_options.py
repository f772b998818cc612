"""The options of `reviewer serve` and `reviewer weights`. Knows words, does nothing."""

import argparse
from typing import Any, Final

NUMBERS: Final = (
    ("--port", int, "0", "port on the loopback (default: any)"),
    ("--context", int, "16384", "tokens of one request, prompt and answer together"),
    ("--cache-tokens", int, "65536", "tokens of all running requests together, at most"),
    ("--min-cache-tokens", int, "8192", "tokens of cache below which the model does not fit"),
    ("--max-batch", int, "16", "requests that run at once"),
    ("--max-queue", int, "64", "requests that may wait"),
    ("--deadline", float, "120", "seconds that a request may take unless it names another number"),
    ("--gpu-wait", float, "600", "seconds to wait for --gpu-lock"),
)  # fmt: skip


def add(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add both commands to the command line."""
    serve = commands.add_parser(
        "serve", help="run the engine server for a model on this machine's GPU",
        description="Serves a model over an OpenAI-compatible API on the loopback. Port and "
        "token are in the file that --state names.",
    )  # fmt: skip
    _serve(serve)
    weights = commands.add_parser(
        "weights", help="write down or check the files of a model",
        description="Keeps size and SHA-256 of every file of a model in models.lock.",
    )  # fmt: skip
    actions = weights.add_subparsers(dest="action", required=True, metavar="ACTION")
    lock = actions.add_parser("lock", help="write down what is there, because you trust it")
    lock.add_argument("--licence", metavar="SPDX", default="", help="licence of the model")
    lock.add_argument("--source", metavar="URL", default="", help="where it is from")
    for action in (lock, actions.add_parser("verify", help="check that nothing has changed")):
        action.add_argument("folder", metavar="DIR", help="the folder of the model")
        action.add_argument("--lock", metavar="FILE", help="default: DIR/models.lock")


def _serve(serve: argparse.ArgumentParser) -> None:
    serve.add_argument("model", metavar="DIR", help="the folder of the model, with its models.lock")
    serve.add_argument(
        "--state", metavar="FILE", required=True,
        help="where port, process and token file are written; FILE.token is the bearer token",
    )  # fmt: skip
    serve.add_argument("--lock", metavar="FILE", help="default: DIR/models.lock")
    serve.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="127.0.0.1 or ::1")
    serve.add_argument("--socket", metavar="FILE", help="a Unix socket in place of a port")
    serve.add_argument(
        "--verify", choices=("changed", "always"), default="changed",
        help="hash files that changed since --cache was written, or all (default: changed)",
    )  # fmt: skip
    serve.add_argument("--cache", metavar="FILE", help="where hashes are remembered")
    serve.add_argument("--lease", metavar="FILE", help="end when nobody holds a lock on FILE")
    serve.add_argument("--gpu-lock", metavar="FILE", help="one engine at a time by this file")
    serve.add_argument("--worker-log", metavar="FILE", help="what the engine's libraries print")
    serve.add_argument(
        "--log-content", metavar="FILE",
        help="write all prompts and answers, private code included, to FILE, which only you may "
        "be able to read; to find a fault (default: never)",
    )  # fmt: skip
    serve.add_argument(
        "--allow-root", action="store_true",
        help="run as root, which is refused otherwise; for containers that have no other user",
    )  # fmt: skip
    serve.add_argument(
        "--worker-memory", metavar="MIB", type=int, help="host memory of the engine, at most"
    )
    serve.add_argument(
        "--head-dim", metavar="SIZE", type=int, action="append", default=[],
        help="size of attention heads that flash attention was built for (default: 64, 128)",
    )  # fmt: skip
    for name, kind, default, text in NUMBERS:
        told = text if "default" in text else f"{text} (default: {default})"
        serve.add_argument(name, metavar="N", type=kind, default=kind(default), help=told)
