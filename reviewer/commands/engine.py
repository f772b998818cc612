"""`reviewer engine`: the model's side of a review that has no network, at the other end of a pipe.

This process has the engine's key and its server, the answers that are remembered and the audit log.
It never meets a file of the change: what it is asked are prompts, and what asks is not trusted.
"""

import argparse
import socket
from collections.abc import Mapping
from pathlib import Path

from reviewer import plugins, process
from reviewer.commands import _engine as engines
from reviewer.commands import _parts as parts
from reviewer.engines import _relay
from reviewer.errors import InputError


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Answer until the review hangs up."""
    process.hide_environment()
    if arguments.fd is None or arguments.request is None:
        raise InputError("--fd and --request are missing", "reviewer action starts this command")
    connection = socket.socket(fileno=arguments.fd)
    with parts.private_folder() as name:
        private = Path(name)
        path = parts.search_path(environ, Path(arguments.repo))
        forge = parts.local(arguments, environ, path, private)
        sections = plugins.discover("reviewer.analyzers")
        settings = parts.config(arguments.config, {}, environ, forge, sections).settings
        asking = engines.asking(settings, forge.request(environ), environ, parts.warn)
        # Questions, and one look at the health that may come between them.
        _relay.serve(asking.engine, connection, settings.model.workers + 1)
    return 0
