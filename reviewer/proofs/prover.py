"""May a suggestion be offered for a click? It has to apply, to parse, and to keep the code clean.

The edit is tried out in a clean room of its own, never in a checkout, and nothing of it is run:
whether tests still pass is not shown. Each version of a file is one more file of that room, so that
a parser or a guard started once judges the head and many suggestions, each on its own.
"""

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from reviewer.analyzers.base import Analyzer
from reviewer.batches import by_size
from reviewer.errors import ToolError
from reviewer.model import Category, ChangeSet, Finding, Outcome, Proof, Side, Suggestion, ToolRun
from reviewer.process import Runner
from reviewer.proofs.edit import Edit, edit
from reviewer.proofs.room import Room, Trial, furnished
from reviewer.proofs.syntax import parsed
from reviewer.text import log_line, redact
from reviewer.tree import Tree

BATCH_BYTES: Final = 1 << 20
"""Heads of files that are tried at once; bandit, the slowest guard, reads some 600 KB a second."""

PATIENCE: Final = 10.0
"""Seconds within which a guard must have failed to be asked again, about one version at a time."""

REASON_CHARS: Final = 300

NAME: Final = re.compile("`[^`]*`")
NUMBER: Final = re.compile(r"\d+")
"""What a finding of complexity measures are the numbers outside of the names it quotes."""


@dataclass(frozen=True, slots=True)
class Proved:
    """What was shown of a suggestion, and why not more: one line, "" when it is CLEAN.

    UNCHECKED is refused: another text may do better. APPLIES and PARSES are what could be shown,
    because nothing parses such a file or a guard gave no answer; no other text would help.
    """

    proof: Proof
    reason: str = ""


class Said(NamedTuple):
    """What one guard says of one version of a file, or why it says nothing (`failed`)."""

    findings: tuple[Finding, ...] = ()
    masks: tuple[str, ...] = ()
    failed: str = ""
    concerned: bool = True


@dataclass(frozen=True)
class Prover:
    """Shows of suggestions to files of `tree` whether they may be committed as they are.

    `guards` are the analyzers that must find nothing new; those that no file of the kind concerns
    have no say. `place` is a private folder for the rooms, which are gone afterwards.
    """

    changes: ChangeSet
    tree: Tree
    runner: Runner
    guards: Sequence[Analyzer]
    place: Path

    def prove(self, suggestion: Suggestion) -> Proved:
        """What is shown of one suggestion."""
        return self.prove_all((suggestion,))[0]

    def prove_all(self, suggestions: Sequence[Suggestion]) -> tuple[Proved, ...]:
        """What is shown of each suggestion, as if there were no other."""
        found = [self._edit(suggestion) for suggestion in suggestions]
        kinds: dict[str, list[int]] = defaultdict(list)
        edits: dict[int, Edit] = {}
        for number, each in enumerate(found):
            if isinstance(each, Edit):
                edits[number] = each
                place = PurePosixPath(each.path)
                kinds[place.suffix or place.name].append(number)
        for numbers in kinds.values():
            for group in by_size(numbers, lambda number: len(edits[number].head), BATCH_BYTES):
                tried = self._tried([edits[number] for number in group])
                for number, shown in zip(group, tried, strict=True):
                    found[number] = shown
        return tuple(each for each in found if isinstance(each, Proved))

    def _edit(self, suggestion: Suggestion) -> Edit | Proved:
        path = suggestion.span.path
        if path not in self.tree.files or path not in self.changes.by_path:
            return Proved(Proof.UNCHECKED, "names no file of the change that was looked into")
        try:
            head = self.tree.read(path)
        except OSError as error:
            return Proved(Proof.UNCHECKED, f"the file cannot be read: {error.strerror}")
        made = edit(suggestion, head, self.changes.by_path[path])
        return Proved(Proof.UNCHECKED, _line(made)) if isinstance(made, str) else made

    def _tried(self, edits: Sequence[Edit]) -> list[Proved]:
        """What is shown of edits that apply, to files of one kind."""
        try:
            with TemporaryDirectory(prefix="proof-", dir=self.place) as name:
                place = Path(name)
                place.chmod(0o755)  # for tools that run as nobody
                room, trials = furnished(edits, self.changes, self.tree, place)
                return self._proven(room, trials)
        except OSError as error:
            return [Proved(Proof.APPLIES, f"cannot be tried: {error.strerror}")] * len(edits)

    def _proven(self, room: Room, trials: Sequence[Trial]) -> list[Proved]:
        shown = {
            trial: Proved(proof, _line(reason))
            for trial, (proof, reason) in zip(
                trials, parsed(trials, room, self.runner), strict=True
            )
        }
        whole = [trial for trial, each in shown.items() if each.proof is Proof.PARSES]
        paths = list(dict.fromkeys(path for t in whole for path in (t.before, t.after)))
        said = [self._asked(guard, room, paths) for guard in self.guards] if whole else []
        shown |= {trial: judged(trial, said) for trial in whole}
        return [shown[trial] for trial in trials]

    def _asked(self, guard: Analyzer, room: Room, paths: Sequence[str]) -> dict[str, Said]:
        """What a guard says of each version.

        A run that went well with a reason left a file out, and one file may end a guard: asked one
        by one they cost no other. What took long to fail is not asked again.
        """
        run = self._run(guard, room.only(paths))
        if run.outcome is Outcome.SKIPPED and not run.concerned:
            return dict.fromkeys(paths, Said(concerned=False))
        if run.outcome is Outcome.OK and not run.reason:
            return {
                path: Said(tuple(f for f in run.findings if f.span.path == path), run.masks)
                for path in paths
            }
        if len(paths) > 1 and run.seconds < PATIENCE:
            return {path: self._asked(guard, room, [path])[path] for path in paths}
        failed = f"{guard.name}: {redact(run.reason, run.masks)}"
        return dict.fromkeys(paths, Said(failed=failed))

    def _run(self, guard: Analyzer, room: Room) -> ToolRun:
        started = time.monotonic()
        try:
            run = replace(guard.run(room.changes, room.tree, self.runner))
        except ToolError as error:
            run = ToolRun(guard.name, Outcome.FAILED, reason=str(error))
        except Exception as error:
            # A bug of one plug-in must not take the review down, nor let a suggestion pass.
            run = ToolRun(guard.name, Outcome.FAILED, reason=f"a bug: {type(error).__name__}")
        return replace(run, seconds=time.monotonic() - started)


def judged(trial: Trial, said: Sequence[Mapping[str, Said]]) -> Proved:
    """What the guards make of an edit after which its file parses."""
    asked = [(each[trial.before], each[trial.after]) for each in said]
    asked = [(before, after) for before, after in asked if after.concerned]
    for before, after in asked:
        for finding in _worse(trial.edit, before.findings, after.findings):
            message = redact(f"{finding.rule_id}: {finding.message}", after.masks)
            line = f"line {finding.span.start}: " if finding.span.start else ""
            return Proved(Proof.UNCHECKED, _line(f"makes a new finding, {line}{message}"))
    failed = next((after.failed for _, after in asked if after.failed), "")
    if failed:
        return Proved(Proof.PARSES, _line(f"cannot be judged by {failed}"))
    if not asked:
        return Proved(Proof.PARSES, "no guard looks into files of this kind")
    return Proved(Proof.CLEAN)


def _worse(edit: Edit, before: Sequence[Finding], after: Sequence[Finding]) -> Iterator[Finding]:
    """The findings that the head does not have, or has of less complexity."""
    had = _by_key(before, edit.head)
    for key, findings in _by_key(after, edit.after).items():
        old = had.get(key, [])
        yield from findings[len(old) :]
        for was, now in zip(old, findings, strict=False):
            if now.category is Category.COMPLEXITY and _measured(now) > _measured(was):
                yield now


def _by_key(findings: Sequence[Finding], data: bytes) -> dict[tuple[str, str], list[Finding]]:
    """Findings by rule and code, wherever they stand; equal ones by what they measure."""
    lines = data.decode("utf-8", "replace").split("\n")
    found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        span = finding.span
        quote = finding.quote.split("\n")
        if not finding.quote and not span.whole_file and finding.side is Side.NEW:
            quote = lines[span.start - 1 : span.end]
        found[finding.rule_id, "\n".join(line.strip() for line in quote)].append(finding)
    for same in found.values():
        same.sort(key=_measured)
    return found


def _measured(finding: Finding) -> tuple[int, ...]:
    """The numbers of a finding's message: "a complexity of 17; the limit is 15"."""
    return tuple(int(number[:9]) for number in NUMBER.findall(NAME.sub("", finding.message)))


def _line(reason: str) -> str:
    return log_line(reason, REASON_CHARS)


def offered(findings: Sequence[Finding], prover: Prover, most: int) -> tuple[Finding, ...]:
    """The same findings with the first `most` of their unchecked suggestions proven.

    A refused one is taken off its finding, unless it was refused before, with a reason that the
    report tells; those beyond `most` stay unchecked.
    """
    asked = [
        number
        for number, finding in enumerate(findings)
        if (edit := finding.suggestion) and edit.proof is Proof.UNCHECKED and not edit.refused
    ][:most]
    suggestions = [s for number in asked if (s := findings[number].suggestion) is not None]
    proved = dict(zip(asked, prover.prove_all(suggestions), strict=True))
    return tuple(
        _with(finding, proved[number]) if number in proved else finding
        for number, finding in enumerate(findings)
    )


def _with(finding: Finding, proved: Proved) -> Finding:
    suggestion = finding.suggestion
    if suggestion is None or proved.proof is Proof.UNCHECKED:
        return replace(finding, suggestion=None)
    return replace(finding, suggestion=replace(suggestion, proof=proved.proof))
