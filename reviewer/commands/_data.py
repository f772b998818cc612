"""Where reviews keep what outlives them, and the key that seals it."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reviewer import private
from reviewer.audit.chain import Keys
from reviewer.errors import ConfigError, InputError
from reviewer.inputs import value

VARIABLE: Final = "REVIEWER_DATA_DIR"
AUDIT_KEY: Final = "REVIEWER_AUDIT_KEY"
KEY_BYTES: Final = 32
"""As many as the hash of the seals gives (RFC 2104, section 3)."""


def folder(environ: Mapping[str, str]) -> Path:
    """$REVIEWER_DATA_DIR, else `reviewer` where the system keeps state.

    That is $XDG_STATE_HOME, else ~/.local/state (XDG Base Directory Specification, which has
    relative paths ignored). Raises ConfigError and InputError.
    """
    if given := environ.get(VARIABLE, ""):
        if not Path(given).is_absolute():
            raise ConfigError(f"{VARIABLE}: {given!r} is no absolute path", "begin it with /")
        return Path(given)
    for base, below in (("XDG_STATE_HOME", "reviewer"), ("HOME", ".local/state/reviewer")):
        if (place := Path(environ.get(base, ""))).is_absolute():
            return place / below
    raise InputError("there is no place for data: HOME is not set", f"name a folder by {VARIABLE}")


def keys(environ: Mapping[str, str]) -> Keys:
    """The keys of the audit log: the input of the action, else the variable. Raises ConfigError."""
    return Keys.parse(value(environ, "audit-key") or environ.get(AUDIT_KEY, ""))


def log(environ: Mapping[str, str]) -> Path:
    """The folder of the audit log."""
    return folder(environ) / "audit"


def answers(environ: Mapping[str, str]) -> Path:
    """The folder of remembered answers."""
    return folder(environ) / "answers"


def secret(place: Path) -> bytes:
    """The key of a folder that is ours alone, in its file `key`, made where it is missing.

    Two processes that make it at once get the same. Raises OSError.
    """
    file = private.folder(place) / "key"
    for _ in range(2):
        try:
            if len(found := private.contents(file, KEY_BYTES + 1)) == KEY_BYTES:
                return found
            # A process that was stopped left it short: what it sealed is of no worth either.
            file.unlink(missing_ok=True)
        except FileNotFoundError:
            pass
        new = file.with_name(f"key.{secrets.token_hex(8)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(secrets.token_bytes(KEY_BYTES))
        try:
            # A link, unlike a renaming, does not replace what another process was quicker to make.
            os.link(new, file)
        except FileExistsError:
            pass
        finally:
            new.unlink()
    return private.contents(file, KEY_BYTES)
