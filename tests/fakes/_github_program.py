"""The fake of GitHub as a program, for clients in containers."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fakes import _github_faults as faults

FAULTS = {
    "bad-gateway": faults.bad_gateway(),
    "stored-bad-gateway": faults.bad_gateway(stored=True),
    "unavailable": faults.server_error(),
    "secondary-limit": faults.secondary_limit(2),
    "primary-limit": faults.primary_limit(),
    "abuse": faults.abuse(),
    "unauthorized": faults.unauthorized(),
    "forbidden": faults.forbidden(),
    "not-found": faults.not_found(),
    "reset": faults.reset(),
    "stored-reset": faults.reset(stored=True),
    "cut": faults.cut(),
    "orphan": faults.orphan(),
    "lag": faults.lag(),
}


def main(kind: Any, argv: Sequence[str] | None = None) -> None:
    """Serves until SIGTERM or SIGINT; leaves with 1 when the contract was broken."""
    wish = _arguments().parse_args(argv)
    permissions = dict(word.split("=", 1) for word in wish.permission)
    hub = kind(
        wish.repo, repository=wish.repository, prefix=wish.prefix, private=wish.private,
        permissions=permissions, strict=False, bind=(wish.bind, wish.port), host=wish.host,
    )  # fmt: skip
    hub.add_token(wish.token, permissions=permissions, read_only=wish.read_only)
    for text in wish.pull:
        hub.open_pull(**json.loads(text))
    for text in wish.fault:
        method, path, name = text.split()
        hub.fault(method, path, FAULTS[name])
    if wish.state:
        hub.desk.changed = lambda: _save(wish.state, hub.desk.dump())
        hub.desk.changed()
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with hub:
        print(hub.api_url, flush=True)  # noqa: T201
        signal.sigwait(signals)
    for text in hub.violations:
        print(text, file=sys.stderr)  # noqa: T201
    sys.exit(bool(hub.violations))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.github", description=__doc__)
    add = parser.add_argument
    add("--repo", type=Path, required=True, help="the git repository, bare or not")
    add("--repository", default="o/r", help="its name, OWNER/NAME")
    add("--port", type=int, default=0)
    add("--bind", default="127.0.0.1", help="the address to listen on")
    add("--host", default="", help="the name by which clients know the server")
    add("--prefix", default="", help="begins the API's paths, such as /api/v3")
    add("--private", action="store_true", help="reading needs permissions too")
    add("--token", default="ghs_test", help="the token of the workflow")
    add("--permission", action="append", default=[], metavar="NAME=none|read|write")
    add("--read-only", action="store_true", help="the token of a fork's workflow")
    add("--pull", action="append", default=[], metavar="JSON",
        help='a pull request: the arguments of GitHub.open_pull, {"head": "topic"}')  # fmt: skip
    add("--fault", action="append", default=[], metavar="'METHOD PATH NAME'",
        help="plays once; NAME is one of: " + ", ".join(FAULTS))  # fmt: skip
    add("--state", type=Path, help="a file that is given all that was posted, as JSON, after each "
        "request (the same as GET /_state)")  # fmt: skip
    return parser


def _save(path: Path, state: Any) -> None:
    """Readers see the old file or the new one, never half of one."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(state, indent=1), encoding="utf-8")
    fresh.replace(path)
