"""Does a file still parse with an edit? Asked of caged children, for all trials at once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from reviewer.errors import ToolError, ToolFailed
from reviewer.model import Proof
from reviewer.process import Runner, isolated_python
from reviewer.proofs import parse
from reviewer.proofs.edit import dedented
from reviewer.proofs.room import Room, Trial
from reviewer.syntax import CRASHES, NOT_UNDERSTOOD, RESTARTS, Parser, language_of

DATA: Final = {".json": "json", ".toml": "toml"}
"""Kinds of files without a grammar that Python's own library reads, by suffix."""

Shown = tuple[Proof, str]
"""What was shown, and why not more: PARSES, APPLIES where nobody can tell, UNCHECKED if not so."""


class Answer(msgspec.Struct, frozen=True):
    """What the child prints for one file. `held` are first and last rows."""

    file: str
    error: str
    held: tuple[tuple[int, int], ...] = ()

    @property
    def rows(self) -> frozenset[int]:
        """The rows that carry on a line above."""
        return frozenset(row for first, last in self.held for row in range(first, last + 1))


def kind_of(path: str) -> str:
    """What parses the file, "" if nothing does."""
    return language_of(path) or DATA.get(PurePosixPath(path).suffix.lower(), "")


def parsed(trials: Sequence[Trial], room: Room, runner: Runner) -> list[Shown]:
    """What is shown of each trial, all of which are of files of one kind."""
    kind = kind_of(trials[0].edit.path)
    if not kind:
        return [(Proof.APPLIES, "nothing here can parse files of this kind")] * len(trials)
    try:
        if kind in parse.KINDS:
            return _by_library(kind, trials, room, runner)
        return _by_grammar(kind, trials, room, runner)
    except ToolError as error:
        return [(Proof.APPLIES, f"could not be parsed: {error}")] * len(trials)


def _by_library(kind: str, trials: Sequence[Trial], room: Room, runner: Runner) -> list[Shown]:
    """By Python's own parsers; what is Python, and did not parse before, by tree-sitter instead."""
    answers = _asked(kind, {path for t in trials for path in (t.before, t.after)}, room, runner)
    shown: dict[Trial, Shown] = {}
    for trial in trials:
        before, after = answers[trial.before], answers[trial.after]
        if not after.error:
            shown[trial] = _kept(trial, before.rows, after.rows)
        elif not before.error:
            shown[trial] = Proof.UNCHECKED, f"the file does not parse with it: {after.error}"
        elif kind in DATA.values():
            shown[trial] = Proof.APPLIES, "the file does not parse without it either"
    left = [trial for trial in trials if trial not in shown]
    if left:
        shown |= dict(zip(left, _by_grammar(kind, left, room, runner), strict=True))
    return [shown[trial] for trial in trials]


def _by_grammar(kind: str, trials: Sequence[Trial], room: Room, runner: Runner) -> list[Shown]:
    """By tree-sitter: nothing may be broken but what was, in the same place, before the edit."""
    parser = Parser({kind: ""}, room.tree, runner)
    paths = dict.fromkeys(path for trial in trials for path in (trial.before, trial.after))
    broken = {source.path: source.answer.broken for source in parser.after(paths)}
    shown: list[Shown] = []
    for edit, before, after in trials:
        if after not in broken:
            shown.append((Proof.UNCHECKED, "the parser fails on the file with it"))
            continue
        was = Counter(edit.moved(place) for place in broken.get(before, ()))
        new = sorted((Counter[tuple[int, int] | None](broken[after]) - was).elements(), key=_start)
        if new:
            row = edit.after.count(b"\n", 0, _start(new[0])) + 1
            shown.append((Proof.UNCHECKED, f"the file does not parse with it, from line {row} on"))
        else:
            shown.append(_kept(Trial(edit, before, after)))
    return shown


def _start(place: tuple[int, int] | None) -> int:
    return place[0] if place else 0


def _kept(trial: Trial, held: Iterable[int] = (), held_after: Iterable[int] = ()) -> Shown:
    """What parses, unless it has left the block it stood in."""
    reason = dedented(trial.edit, frozenset(held), frozenset(held_after))
    return (Proof.UNCHECKED, reason) if reason else (Proof.PARSES, "")


def _asked(kind: str, paths: Iterable[str], room: Room, runner: Runner) -> dict[str, Answer]:
    """The child's answer on each of the paths; a file that ends the child does not parse.

    Raises ToolFailed for output of another shape.
    """
    names = {str(room.tree.root / room.tree.files[path]): path for path in sorted(paths)}
    answers = {path: Answer(path, "the parser fails on it") for path in names.values()}
    left, crashes = list(names), 0
    while left and crashes <= RESTARTS:
        done = runner.run(
            isolated_python(Path(parse.__file__)),
            cwd=room.tree.root,
            stdin=msgspec.json.encode({"kind": kind, "files": left}),
            ok=(0, *CRASHES),
        )
        crashes += done.returncode != 0
        said = _decoded(done.stdout, left, whole=done.returncode == 0)
        answers |= {names[answer.file]: answer for answer in said}
        left = left[len(said) + 1 :]
    return answers


def _decoded(output: bytes, names: Sequence[str], *, whole: bool) -> list[Answer]:
    lines = output if whole else output[: output.rfind(b"\n") + 1]
    try:
        answers = msgspec.json.Decoder(Answer).decode_lines(lines)
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"its output cannot be understood: {error}") from error
    said = [answer.file for answer in answers]
    if said != list(names if whole else names[: len(said)]):
        raise ToolFailed("its output does not fit the files it was given")
    return answers
