"""The command line: the only home of the environment, the clock and randomness.

Everything is built here and handed down. Imports that a command does not need are made late, so
that `reviewer --version` answers at once.
"""

import errno
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from reviewer.version import VERSION


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        print(f"reviewer {VERSION}")
        return 0
    environ = dict(os.environ)
    for name in SECRETS:
        os.environ.pop(name, None)
    return _guarded(words, environ)


SECRETS: Final = (
    "GITHUB_TOKEN", "GH_TOKEN", "INPUT_TOKEN", "INPUT_MARKER-KEY", "INPUT_MARKER_KEY",
    "REVIEWER_ENGINE_KEY", "INPUT_ENGINE-KEY", "INPUT_ENGINE_KEY",
    "REVIEWER_AUDIT_KEY", "INPUT_AUDIT-KEY", "INPUT_AUDIT_KEY",
    "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL",
)  # fmt: skip
"""Variables that nothing but the command itself gets to see: no library, no child."""

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What a disk says that takes no more: no fault of ours."""


class _Cancelled(BaseException):
    """A signal asks us to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _listen() -> None:
    """Let SIGINT and SIGTERM end the command in order: once, so that nothing breaks the order."""
    import signal

    wanted = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN]

    def cancelled(number: int, _: object) -> NoReturn:
        for each in wanted:
            signal.signal(each, signal.SIG_IGN)
        raise _Cancelled(number)

    for number in wanted:
        signal.signal(number, cancelled)


def _guarded(words: list[str], environ: Mapping[str, str]) -> int:
    """Run a command so that every failure ends in one line, one tip and its exit code."""
    import importlib

    from reviewer.arguments import parser
    from reviewer.errors import ReviewerError

    try:
        _listen()
        arguments = parser().parse_args(words)
        command = importlib.import_module(f"reviewer.commands.{arguments.command}")
        code: int = command.main(arguments, environ)
    except ReviewerError as error:
        _complain(error.message, error.tip)
        return error.exit_code
    except _Cancelled as cancelled:
        _complain("cancelled", "")
        return 128 + cancelled.number
    except OSError as error:
        full = error.errno in FULL
        if not full and str(error.filename) not in words:
            return _crashed(words)
        place = f": {error.filename}" if error.filename else ""
        tip = "make room, or name another place by TMPDIR" if full else "name another place"
        _complain(f"{error.strerror}{place}", tip)
        return 2
    except Exception:
        return _crashed(words)
    return code


def _complain(message: str, tip: str) -> None:
    from reviewer.text import log_line, redact

    print(f"reviewer: {log_line(redact(message))}", file=sys.stderr)
    if tip:
        print(f"tip: {log_line(redact(tip))}", file=sys.stderr)


def _crashed(words: list[str]) -> int:
    """A bug of ours: leave a ready-made issue in a file (exit code 70, EX_SOFTWARE)."""
    import platform
    import tempfile
    import traceback

    from reviewer.text import fence, redact

    trace = redact(traceback.format_exc())
    facts = f"reviewer {VERSION}, Python {platform.python_version()}, {platform.platform()}"
    told = f"# reviewer crashed\n\n{facts}\n\n{fence(redact(' '.join(words)))}\n\n{fence(trace)}\n"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="reviewer-crash-", suffix=".md", delete=False, encoding="utf-8"
        ) as file:
            file.write(told)
    except OSError:
        print(told, file=sys.stderr)
        _complain("this is a bug of ours", "the text above is a ready-made issue: please file it")
        return 70
    _complain("this is a bug of ours", f"{file.name} is a ready-made issue: please file it")
    return 70
