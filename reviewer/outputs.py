"""What a step of a GitHub workflow leaves behind: outputs, its summary, and marks in its log.

The files and commands are those of "Workflow commands for GitHub Actions" in the GitHub Docs. The
environment and the path of later steps (GITHUB_ENV, GITHUB_PATH) are never written.
"""

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from reviewer import text
from reviewer.model import Report, State
from reviewer.words import ON_CHANGE

KEYS: Final = (
    "verdict", "mode", "score", "findings", "inline", "patch-coverage", "total-coverage",
    "report-json", "report-sarif", "report-markdown", "review-url",
)  # fmt: skip
"""The outputs of the action. Others are never written, whatever a report says."""

SUMMARY_BYTES: Final = 1000 * 1024
"""What a step summary may have. GitHub drops one of more than 1,024 KiB as a whole (actions/runner,
FileCommandManager.cs)."""

ADDRESS: Final = re.compile(r"https?://[\x21-\x7e]{1,2000}")

SKIPPED: Final = "skipped"
"""The verdict of a review that the rules of the base do not want."""


def of_report(report: Report) -> dict[str, str]:
    """The outputs that a report tells; what it does not know is empty."""
    coverage = report.coverage
    return {
        "verdict": report.verdict.state.value,
        "mode": report.mode.value,
        "score": _tenths(report.verdict.score),
        "findings": str(sum(item.standing in ON_CHANGE for item in report.judged)),
        "patch-coverage": _tenths(coverage.patch),
        "total-coverage": _tenths(coverage.total),
    }


def of_failure(verdict: str = State.NOT_REVIEWED.value) -> dict[str, str]:
    """The outputs without a report."""
    return {"verdict": verdict, "findings": "0", "inline": "0"}


def _tenths(value: float | None) -> str:
    return "" if value is None else text.tenths(value)


def address(text: str) -> str:
    """An address that a forge gave, "" for anything else."""
    return text if ADDRESS.fullmatch(text) else ""


def put(values: Mapping[str, str], environ: Mapping[str, str], fresh: Callable[[], str]) -> None:
    """Write the outputs of the step, all of KEYS. Nothing happens outside of a workflow.

    `fresh` gives a new random word of 128 bits, which no value can know. Raises OSError.
    """
    place = environ.get("GITHUB_OUTPUT", "")
    if not place:
        return
    entries = "".join(_entry(key, values.get(key, ""), fresh) for key in KEYS)
    with Path(place).open("ab") as file:
        file.write(entries.encode("utf-8", "backslashreplace"))


def _entry(key: str, value: str, fresh: Callable[[], str]) -> str:
    delimiter = fresh()
    while delimiter in value:
        delimiter = fresh()
    return f"{key}<<{delimiter}\n{value}\n{delimiter}\n"


def room(environ: Mapping[str, str]) -> int:
    """Bytes that the summary of the step still takes; 0 where there is none."""
    place = environ.get("GITHUB_STEP_SUMMARY", "")
    try:
        return max(0, SUMMARY_BYTES - Path(place).stat().st_size) if place else 0
    except FileNotFoundError:
        return SUMMARY_BYTES
    except OSError:
        return 0


def summarise(markdown: str, environ: Mapping[str, str]) -> bool:
    """Add to the summary of the step. False when that cannot be, so that the log has to do."""
    data = f"{markdown}\n".encode("utf-8", "backslashreplace")
    if len(data) > room(environ):
        return False
    try:
        with Path(environ["GITHUB_STEP_SUMMARY"]).open("ab") as file:
            file.write(data)
    except OSError:
        return False
    return True


def in_workflow(environ: Mapping[str, str]) -> bool:
    """Whether the log is one that the runner of GitHub reads for commands."""
    return environ.get("GITHUB_ACTIONS") == "true"


def say(line: str) -> None:
    """One line for the log: whatever it holds, it is no command."""
    command(text.log_line(text.redact(line)))


def command(line: str) -> None:
    """One line of ours that is a command, or that a format made fit for the log."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(f"{line}\n".encode("utf-8", "backslashreplace"))
        sys.stdout.flush()


@contextlib.contextmanager
def group(title: str, environ: Mapping[str, str]) -> Iterator[None]:
    """What is logged within can be folded away."""
    if not in_workflow(environ):
        yield
        return
    command(f"::group::{text.workflow_data(title)}")
    try:
        yield
    finally:
        command("::endgroup::")


def mask(secret: str, environ: Mapping[str, str]) -> None:
    """Let the runner hide a secret in all logs. Elsewhere nothing may be printed of it."""
    if secret and in_workflow(environ):
        command(f"::add-mask::{text.workflow_data(secret)}")


def warn(message: str, environ: Mapping[str, str]) -> None:
    """A warning that people see beside the run, and not in its log alone."""
    if in_workflow(environ):
        command(f"::warning title=reviewer::{text.workflow_data(text.redact(message))}")
    else:
        sys.stderr.write(f"reviewer: {text.log_line(text.redact(message))}\n")


def error(message: str, environ: Mapping[str, str]) -> None:
    """The failure that ends a step, beside the run. Elsewhere standard error has it already."""
    if in_workflow(environ):
        command(f"::error title=reviewer::{text.workflow_data(text.redact(message))}")
