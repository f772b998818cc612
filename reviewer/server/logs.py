"""Lines of JSON on standard error: what happened, never what was asked or answered."""

import json
import sys
import time
from collections.abc import Callable
from typing import TypeAlias

from reviewer.text import json_without_commands

Log: TypeAlias = Callable[..., None]
"""Called with the name of an event and its facts: numbers, and words of our own."""

CHARACTERS = 300


def to_stderr(event: str, **facts: str | float | bool | None) -> None:
    """Write one line. A reader that is gone is no reason to end."""
    short = {k: v[:CHARACTERS] if isinstance(v, str) else v for k, v in facts.items()}
    line = json.dumps({"time": round(time.time(), 3), "event": event, **short})
    try:
        sys.stderr.write(json_without_commands(line) + "\n")
        sys.stderr.flush()
    except OSError:
        return
