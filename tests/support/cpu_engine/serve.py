"""Runs llama.cpp's own HTTP server, from the package xllamacpp, with the tiny random model.

A program of its own, because llama.cpp keeps static state and ends its process when an assertion of
its fails. Prints one line of JSON, {"url", "key", "context", "slots"}, when it is ready; its log
goes to standard error. Ends with SIGTERM, and within 0.2 s of its parent.
"""

import argparse
import hashlib
import json
import os
import secrets
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import tiny_model
import xllamacpp

NAME = "tiny-random"


def main() -> None:
    """Start, say where, and wait for the end."""
    arguments, parent = _arguments(), os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # an orderly end would wait for its requests
    out = os.dup(1)
    os.dup2(2, 1)  # llama.cpp logs to both
    key = secrets.token_hex(16)
    server = _server(arguments, _model(arguments), key)
    told = {
        "url": server.listening_address,
        "key": key,
        "context": arguments.context,
        "slots": arguments.slots,
    }
    os.write(out, json.dumps(told).encode() + b"\n")
    os.close(out)
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slots", type=int, default=4, help="requests at a time; others wait")
    parser.add_argument("--context", type=int, default=8192, help="tokens of each of them")
    parser.add_argument("--end-bias", type=float, default=4.0)
    parser.add_argument("--byte-bias", type=float, default=-40.0)
    parser.add_argument("--model", type=Path, help="a file that is there already")
    return parser.parse_args()


def _model(arguments: argparse.Namespace) -> Path:
    """The model of this recipe, made where it is missing; another recipe has another name."""
    if arguments.model is not None:
        return Path(arguments.model)
    recipe = tiny_model.Recipe(0, arguments.end_bias, arguments.byte_bias)
    source = Path(tiny_model.__file__).read_bytes()
    digest = hashlib.sha256(repr(recipe).encode() + source).hexdigest()[:12]
    path = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}-{digest}.gguf"
    if not path.exists():
        tiny_model.write(path, recipe)
    return path


def _server(arguments: argparse.Namespace, model: Path, key: str) -> Any:
    """A server that has its model. Raises RuntimeError when that cannot be loaded."""
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.n_parallel = arguments.slots
    params.n_ctx = arguments.context * arguments.slots  # split evenly over the slots
    # So small a model is no work for two: beside other processes they took four times as long.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_ram_mib = 0
    params.ui = False
    params.verbosity = 1
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
