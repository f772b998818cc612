"""Prompts and answers in a file, for whoever looks for a fault and may see all of them."""

import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from reviewer.errors import ConfigError
from reviewer.server.prompt import Turn

LIMIT: Final = 64 << 20
"""Bytes of the file after which nothing more is written."""

WARNING: Final = "PROMPTS AND ANSWERS ARE WRITTEN TO A FILE, private code included: --log-content"


class ContentLog:
    """Lines of JSON in a file that only we can read. Raises ConfigError for any other."""

    def __init__(self, place: Path) -> None:
        # O_NONBLOCK: nobody waits at the other end of a named pipe.
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
        try:
            self._file = os.open(place, flags, 0o600)
        except OSError as error:
            raise ConfigError(f"cannot write {place}: {error.strerror}") from error
        facts = os.fstat(self._file)
        private = facts.st_uid == os.geteuid() and not stat.S_IMODE(facts.st_mode) & 0o077
        if not stat.S_ISREG(facts.st_mode) or not private:
            os.close(self._file)
            raise ConfigError(
                f"refusing to write prompts to {place}: others can read it, or it is no plain file",
                f"make it private: chmod 600 {place}",
            )
        self._room = LIMIT - facts.st_size

    def write(self, name: str, turns: Sequence[Turn], answer: str, finish: str) -> None:
        """One request. A full disk, or file, is no reason to fail it."""
        asked = [{"role": turn.role, "content": turn.text} for turn in turns]
        line = {"time": round(time.time(), 3), "id": name, "messages": asked, "answer": answer}
        data = msgspec.json.encode({**line, "finish": finish}) + b"\n"
        self._room -= len(data)
        if self._room >= 0:
            try:
                os.write(self._file, data)
            except OSError:
                self._room = 0

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
