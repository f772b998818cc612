"""Files between the two halves of the action: the report, and what became of each finding in it."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from reviewer import text
from reviewer.errors import InputError, NotDelivered
from reviewer.model import Report
from reviewer.publish import Delivery, Place
from reviewer.reports.json import REPORT_BYTES, load

LEDGER: Final = "delivery.json"
"""Beside the report."""

PERMISSION: Final = (
    "\nNothing was posted on the pull request. The job needs the permission "
    "`pull-requests: write`; for a pull request from a fork GitHub gives no such token, and a "
    "second workflow has to publish."
)
"""Why, most of the time (GitHub Docs, "Workflow syntax", permissions)."""


class Ledger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where each finding is, by fingerprint.

    It is there before anything is posted, `finished` once all is. `summarised` says that the
    summary of the step, or the log in its place, tells of it.
    """

    delivery: Delivery
    finished: bool = False
    summarised: bool = False


def begun(report: Report) -> Ledger:
    """What holds before anything is posted."""
    places = {item.finding.fingerprint: Place.REPORT for item in report.judged}
    return Ledger(Delivery(places, warnings=("publishing was cut off",)))


def read_report(file: Path) -> Report:
    """A report that a stranger may have put there. Raises InputError and IntegrityError."""
    return load(contents(file, REPORT_BYTES))


def read_ledger(folder: Path) -> Ledger | None:
    """The ledger in a folder of ours, None when nothing was to be posted yet."""
    try:
        return msgspec.json.decode(contents(folder / LEDGER, REPORT_BYTES), type=Ledger)
    except (InputError, msgspec.MsgspecError):
        return None


def contents(file: Path, limit: int) -> bytes:
    """A regular file of at most `limit` bytes; no symbolic link is followed. Raises InputError."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"cannot read {file}: {why}", "name a report.json of a review") from error
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InputError(f"{file} is not a regular file", "name a report.json of a review")
        return opened.read(limit + 1)


def keep(data: str, file: Path) -> None:
    """Write a file of ours as a whole, so that it is there even if the machine is not.

    What lay there, a symbolic link included, is replaced. Raises NotDelivered.
    """
    new = file.with_name(f".{file.name}.new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(descriptor)
        new.replace(file)
        above = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(above)
        finally:
            os.close(above)
    except OSError as error:
        raise NotDelivered(
            f"cannot write {file}: {error.strerror}", "name another folder for the reports"
        ) from error


def keep_ledger(ledger: Ledger, folder: Path) -> None:
    """Write the ledger. Raises NotDelivered."""
    keep(
        msgspec.json.format(msgspec.json.encode(ledger), indent=1).decode() + "\n", folder / LEDGER
    )


def keep_reports(report: Report, formats: Sequence[Any], folder: Path) -> None:
    """The report in each of the formats, in a folder that the owner of the one above may clear.

    Raises NotDelivered.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # What an earlier run left there is about another report.
        (folder / LEDGER).unlink(missing_ok=True)
        if os.geteuid() == 0:
            # The runner clears its folders as a user who is not root.
            about = folder.parent.stat()
            os.chown(folder, about.st_uid, about.st_gid)
    except OSError as error:
        raise NotDelivered(
            f"cannot make the folder {folder}: {error.strerror}",
            "name another folder by the input output",
        ) from error
    for form in formats:
        keep(form.render(report), folder / form.filename)


def told(delivery: Delivery) -> str:
    """What became of the report, as Markdown for the summary of the step."""
    lines = []
    if delivery.superseded:
        lines.append(
            "Nothing was posted: the pull request has moved on to "
            f"{text.code_span(delivery.superseded[:12])}, which has a review of its own."
        )
    lines += (f"- {text.markdown(warning)}" for warning in delivery.warnings)
    if delivery.warnings and not (delivery.review_url or delivery.note_url):
        lines.append(PERMISSION)
    return "\n".join(lines)
