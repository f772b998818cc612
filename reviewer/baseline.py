"""Known findings: a file of fingerprints, made once, that shrinks as the code gets better.

The file stands in the base of a change, so that no change can add to what is known about itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final, Literal

import msgspec

from reviewer.errors import ConfigError
from reviewer.model import Category, Finding, Judged, Outcome, Report, Standing, Status
from reviewer.text import original, portable

FILE: Final = ".github/reviewer-baseline.json"

NOTE: Final = f"known: it is in {FILE}"

ABOUT_CHANGES: Final = (Category.TESTS, Category.COVERAGE)
"""Categories whose findings judge a change as such: there is nothing of them to know before it."""

LEFT_OUT: Final = (Standing.IGNORED, Standing.UNPROVEN)


class Entry(msgspec.Struct, frozen=True, order=True):
    """One known finding, with what helps a reader of the file."""

    path: str
    rule: str
    fingerprint: str

    @property
    def tool(self) -> str:
        return self.rule.partition("/")[0]


class _Record(msgspec.Struct, frozen=True):
    """The file."""

    version: Literal[1]
    known: list[Entry]


def parse(data: bytes, name: str) -> tuple[Entry, ...]:
    """The entries of a file called `name`. Raises ConfigError."""
    try:
        known = msgspec.json.decode(data, type=_Record).known
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{name}: not a baseline: {error}", "write a new one: reviewer baseline"
        ) from error
    return tuple(msgspec.structs.replace(entry, path=original(entry.path)) for entry in known)


def render(entries: Iterable[Entry]) -> str:
    """The file with these entries: sorted, one a line, so that a diff of it can be read."""
    ordered = sorted(msgspec.structs.replace(e, path=portable(e.path)) for e in entries)
    lines = ",\n".join(f"  {msgspec.json.encode(entry).decode()}" for entry in ordered)
    return (
        f'{{"version": 1, "known": [\n{lines}\n]}}\n' if lines else '{"version": 1, "known": []}\n'
    )


def of(report: Report) -> frozenset[Entry]:
    """What a report says of the code itself."""
    return frozenset(
        Entry(item.finding.span.path, item.finding.rule_id, item.finding.fingerprint)
        for item in report.judged
        if item.standing not in LEFT_OUT and item.finding.category not in ABOUT_CHANGES
    )


def kept(before: Iterable[Entry], report: Report) -> frozenset[Entry]:
    """Entries of tools that could not look this time: nothing says that they are gone."""
    looked = {run.tool for run in report.runs if run.outcome is Outcome.OK or not run.concerned}
    return frozenset(entry for entry in before if entry.tool not in looked)


def mark(placed: Sequence[Judged], known: Collection[str]) -> list[Judged]:
    """`placed` with the standing KNOWN for findings whose fingerprints are `known`.

    Of equal findings on equal code as many are known as there are fingerprints, and those come
    first that the change did not touch: a copy of a known finding is a new one.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(placed):
        if known and item.standing in (Standing.BODY, Standing.OFF_DIFF):
            groups[_kind(item.finding)].append(index)
    result = list(placed)
    for members in groups.values():
        number = sum(placed[index].finding.fingerprint in known for index in members)
        members.sort(key=lambda index: placed[index].standing is Standing.BODY)
        for index in members[:number]:
            result[index] = replace(placed[index], standing=Standing.KNOWN, note=NOTE, anchor=0)
    return result


def _kind(finding: Finding) -> str:
    """What equal findings on equal code have in common."""
    return replace(finding, occurrence=0).fingerprint


def gone(known: Sequence[Entry], report: Report, whole: Collection[str]) -> int:
    """How many of the `known` occur no more, as far as a review of one change can tell.

    That is in files that the change removed or renamed, and in those that one of the tools `whole`
    looked into: these report on the whole of a file.
    """
    found = {item.finding.fingerprint for item in report.judged}
    looked = {run.tool for run in report.runs if run.outcome is Outcome.OK} & {*whole}
    changed = {file.path for file in report.changes if not file.skipped}
    left = {file.path for file in report.changes if file.status is Status.DELETED}
    left |= {file.old_path for file in report.changes if file.status is Status.RENAMED}
    return sum(
        entry.path in left
        or (entry.path in changed and entry.tool in looked and entry.fingerprint not in found)
        for entry in known
    )
