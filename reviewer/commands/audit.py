"""`reviewer audit`: check the log of all calls of models, or delete what is old of it."""

import argparse
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from reviewer.audit import logbook
from reviewer.audit.chain import Broken, Checkpoint, Keys
from reviewer.audit.logbook import Book, Verified
from reviewer.commands import _data as data
from reviewer.errors import InputError, IntegrityError
from reviewer.text import count, terminal

SHOWN: Final = 20
"""Problems that are shown; more are counted."""

EVIDENCE: Final = "copy the folder before you do anything to it: it is the evidence"


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer audit verify` and `reviewer audit purge`."""
    keys = data.keys(environ)
    folder = Path(arguments.folder) if arguments.folder else data.log(environ)
    try:
        if arguments.action == "verify":
            return _verify(folder, keys, arguments.checkpoint)
        return _purge(folder, keys, _before(arguments))
    except OSError as error:
        raise InputError(
            f"cannot use the log in {folder}: {error.strerror}", "name its folder by --folder DIR"
        ) from error


def _verify(folder: Path, keys: Keys, checkpoint: str | None) -> int:
    published = None if checkpoint is None else Checkpoint.parse(checkpoint)
    found = logbook.verify(folder, keys, published)
    if not found.segments and published is None:
        raise InputError(f"there is no log in {folder}", "name its folder by --folder DIR")
    for problem in found.problems[:SHOWN]:
        place = f"{problem.file}:{problem.line}: " if problem.line else ""
        print(terminal(f"{place}{problem.text}"))
    if len(found.problems) > SHOWN:
        print(f"and {count(len(found.problems) - SHOWN, 'more problem')}")
    print(_told(folder, found, keys))
    if found.problems:
        raise IntegrityError(
            f"{folder}: the log is not as it was written: {count(len(found.problems), 'problem')}",
            EVIDENCE,
        )
    return 0


def _told(folder: Path, found: Verified, keys: Keys) -> str:
    under = "under a key" if keys.current else "without a key: only its own digests were checked"
    held = f"{count(found.records, 'record')} in {count(found.segments, 'file')}"
    return f"{folder}: {held}, {under}; it ends at {found.last.n}:{found.last.head}"


def _before(arguments: argparse.Namespace) -> date:
    if arguments.before is None:
        try:
            return datetime.now(UTC).date() - timedelta(days=arguments.days)
        except OverflowError as error:
            raise InputError(f"--days: {arguments.days} is too many", "name fewer") from error
    try:
        return date.fromisoformat(arguments.before)
    except ValueError as error:
        raise InputError(
            f"--before: {arguments.before!r} is no date", "write it as 2026-08-31"
        ) from error


def _purge(folder: Path, keys: Keys, before: date) -> int:
    """What is broken is not deleted: it may be wanted as evidence."""
    found = logbook.verify(folder, keys)
    if found.problems:
        raise IntegrityError(
            f"{folder}: the log is not as it was written, so nothing is deleted",
            "reviewer audit verify",
        )
    book = Book(folder, keys, lambda: datetime.now(UTC))
    try:
        gone = book.purge(before)
    except Broken as broken:
        raise IntegrityError(f"{folder}: the log is broken: {broken}", EVIDENCE) from broken
    print(f"{folder}: {count(gone, 'file')} of days before {before} deleted")
    return 0
