"""No output of a tool, however broken, brings more than a reason or sound findings.

At the start each real tool is run once on the first of its cases, and all that it prints is kept.
Then the analyzer runs again and again while its tool prints broken copies of that: most often
without starting a process, a few times by a program of the tool's name.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.analyzers.base import Analyzer
from reviewer.errors import ToolError, ToolFailed, ToolMissing
from reviewer.model import ChangeSet, Outcome, Severity, ToolRun
from reviewer.plugins import discover
from reviewer.process import Finished, Runner
from reviewer.tree import Tree
from tests.fuzz.mutations import FUZZED, INPUTS, documents, inputs, promptly
from tests.support.room import room, runner

pytestmark = pytest.mark.slow  # records the output of every real tool

CASES = Path(__file__).parents[1] / "cases" / "analyzers"
PLUGINS = discover("reviewer.analyzers")
ALONE = ("duplication", "hidden", "large-files", "licences", "sarif", "tests")
"""Analyzers that start no program."""

CALLED = sorted(set(PLUGINS) - {*ALONE})
TEMPORARY = re.compile(r"\b(linter|trivy)-[^/\s]+")


@dataclass(frozen=True)
class Tape(Runner):
    """A runner that keeps what each call printed, or once it has that, prints it again."""

    kept: dict[tuple[str, ...], Finished] = field(default_factory=dict)
    changed: dict[tuple[str, ...], bytes] = field(default_factory=dict)
    replays: threading.Event = field(default_factory=threading.Event)

    def run(self, argv: Sequence[str], *, cwd: Path, stdin: bytes = b"", **more: Any) -> Finished:
        words = (*argv, str(cwd), stdin.decode("utf-8", "replace"))
        call = tuple(TEMPORARY.sub("", word) for word in words)
        if not self.replays.is_set():
            self.kept[call] = super().run(argv, cwd=cwd, stdin=stdin, **more)
        elif call not in self.kept:
            raise ToolFailed("was asked something new")
        elif call in self.changed:
            return replace(self.kept[call], stdout=self.changed[call])
        return self.kept[call]

    @property
    def answers(self) -> list[tuple[str, ...]]:
        """The calls that gave an answer, not a version."""
        return [call for call in self.kept if "--version" not in call]


@dataclass(frozen=True)
class Recorded:
    """One run of a real tool."""

    analyzer: Analyzer
    changes: ChangeSet
    tree: Tree
    tape: Tape
    run: ToolRun

    def again(self, changed: Mapping[tuple[str, ...], bytes]) -> ToolRun:
        self.tape.changed.clear()
        self.tape.changed.update(changed)
        return self.analyzer.run(self.changes, self.tree, self.tape)


def files(folder: Path) -> dict[str, bytes]:
    return {
        re.sub(r"(^|/)dot-", r"\1.", path.relative_to(folder).as_posix()): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recorded]:
    return {}


def recorded(name: str, known: dict[str, Recorded], factory: pytest.TempPathFactory) -> Recorded:
    if name not in known:
        case = min((CASES / name).glob("finds-*"))
        place = factory.mktemp(name)
        changes, tree = room(place, files(case / "head"), files(case / "base"))
        tools = runner(place)
        tape = Tape(tools.path, tools.scratch)
        try:
            run = PLUGINS[name]().run(changes, tree, tape)
        except ToolMissing as missing:
            if not (CASES / name / "may-be-missing").is_file():
                raise
            pytest.skip(str(missing))
        assert run.findings
        tape.replays.set()
        known[name] = Recorded(PLUGINS[name](), changes, tree, tape, run)
        again = known[name].again({})
        assert again.findings == run.findings
    return known[name]


def sound(run: ToolRun, tree: Tree) -> None:
    """Whether everything in `run` may be shown: places in files of the change, text where due."""
    assert run.outcome is Outcome.OK or run.reason
    for finding in run.findings:
        span = finding.span
        lines = tree.read(span.path).count(b"\n") + 1
        assert span.start == span.end == 0 or 1 <= span.start <= span.end <= lines
        assert span.column == span.end_column == 0 or span.column >= 1
        assert span.start < span.end or span.column <= span.end_column
        assert finding.rule
        assert isinstance(finding.severity, Severity)
        assert finding.fingerprint


@pytest.mark.parametrize("name", CALLED)
def test_broken_output_is_a_reason_or_sound_findings(
    name: str, recordings: dict[str, Recorded], tmp_path_factory: pytest.TempPathFactory
) -> None:
    real = recorded(name, recordings, tmp_path_factory)
    outputs = [real.tape.kept[call].stdout for call in real.tape.answers]
    if not outputs:
        pytest.skip("it starts no program")

    @FUZZED
    @given(inputs(outputs), st.integers(0, len(outputs) - 1))
    def holds(data: bytes, which: int) -> None:
        with promptly():
            try:
                run = real.again({real.tape.answers[which]: data})
            except ToolError as reason:
                assert str(reason)
            else:
                sound(run, real.tree)

    holds()


RESULTS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...], tuple[tuple[Any, ...], ...]]] = {
    "bandit": ((0, "results"), ("issue_text",), (("line_number",), ("line_range",))),
    "hadolint": ((0,), ("message",), (("line",),)),
    "oxlint": (
        (0, "diagnostics"),
        ("message",),
        (("labels", 0, "span", "offset"), ("labels", 0, "span", "length")),
    ),
    "ruff": ((), ("message",), (("location", "row"), ("end_location", "row"), ("noqa_row",))),
    "shellcheck": ((0, "comments"), ("message",), (("line",), ("endLine",), ("column",))),
    "trivy": (
        (0, "Results", 0, "Misconfigurations"),
        ("Message",),
        (("CauseMetadata", "StartLine"), ("CauseMetadata", "EndLine")),
    ),
    "zizmor": (
        (0,),
        ("desc",),
        tuple(
            ("locations", at, "concrete", "location", "offset_span", end)
            for at in range(3)
            for end in ("start", "end")
        ),
    ),
}
"""Where the results are in a tool's output, and in a result its message and its numbers."""


def within(tree: Any, way: Sequence[Any]) -> Any:
    for key in way:
        tree = tree[key]
    return tree


def put(tree: Any, way: Sequence[Any], value: object) -> None:
    """Set what is at the end of `way`, where there is such a place."""
    try:
        holder = within(tree, way[:-1])
        known = holder[way[-1]]
    except (LookupError, TypeError):
        return
    holder[way[-1]] = [value] if isinstance(known, list) else value


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_becomes_a_finding(
    name: str, recordings: dict[str, Recorded], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However many results there are and whatever lines they name."""
    real = recorded(name, recordings, tmp_path_factory)
    place, message, numbers = RESULTS[name]
    call = next(
        call for call in real.tape.answers if within(documents(real.tape.kept[call].stdout), place)
    )
    text = json.dumps(documents(real.tape.kept[call].stdout))

    def answer(*chosen: Any) -> ToolRun:
        whole = json.loads(text)
        within(whole, place)[:] = chosen
        return real.again({call: b"\n".join(json.dumps(item).encode() for item in whole)})

    results = within(json.loads(text), place)
    known = [json.dumps(result) for result in results if answer(result).findings]
    assert known
    number = st.integers(-3, 60) | st.sampled_from([2**31, 2**63, 2**64, 10**25, -(2**40)])

    @FUZZED
    @given(st.lists(st.tuples(st.integers(0, 99), number, number), max_size=12))
    def holds(chosen: list[tuple[int, int, int]]) -> None:
        results = []
        for at, (which, *values) in enumerate(chosen):
            results.append(json.loads(known[which % len(known)]))
            put(results[-1], message, f"<{at}> is here")
            for index, way in enumerate(numbers):
                put(results[-1], way, values[index % 2])
        with promptly():
            run = answer(*results)
        sound(run, real.tree)
        said = [re.findall(r"<\d+> is here", finding.message) for finding in run.findings]
        found = sorted(text for texts in said for text in texts)
        assert found == sorted(f"<{at}> is here" for at in range(len(chosen)))

    holds()


@contextmanager
def printing(tape: Tape, names: Sequence[str], place: Path) -> Iterator[Runner]:
    """A runner that finds programs of these names which print the file `answer` in `place`."""
    for name in names:
        program = place / name
        program.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && {{ echo 1.2.3; exit; }}\ncat {place}/answer\n'
        )
        program.chmod(0o755)
    yield Runner((place, *tape.path), tape.scratch, seconds=10)


@pytest.mark.parametrize("name", sorted(set(RESULTS) - {"trivy"}))
def test_a_program_that_prints_broken_output(
    name: str,
    recordings: dict[str, Recorded],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    real = recorded(name, recordings, tmp_path_factory)
    outputs = [real.tape.kept[call].stdout for call in real.tape.answers]
    tmp_path.chmod(0o755)

    @settings(FUZZED, max_examples=max(2, min(30, INPUTS // 5)))
    @given(inputs(outputs))
    def holds(data: bytes) -> None:
        (tmp_path / "answer").write_bytes(data)
        with printing(real.tape, [name], tmp_path) as tools:
            try:
                run = real.analyzer.run(real.changes, real.tree, tools)
            except ToolError as reason:
                assert str(reason)
            else:
                sound(run, real.tree)

    holds()


SARIF = [path.read_bytes() for path in sorted((CASES / "sarif").glob("finds-*/given/*"))]


def test_a_broken_sarif_file_is_a_reason_or_sound_findings(tmp_path: Path) -> None:
    heads = [files(case / "head") for case in sorted((CASES / "sarif").glob("finds-*"))]
    changes, tree = room(tmp_path, {path: data for head in heads for path, data in head.items()})
    given_file = tmp_path / "given.sarif"
    tools = runner(tmp_path)
    analyzer = PLUGINS["sarif"](files=(str(given_file),))

    @FUZZED
    @given(inputs(SARIF))
    def holds(data: bytes) -> None:
        given_file.write_bytes(data)
        with promptly():
            try:
                run = analyzer.run(changes, tree, tools)
            except ToolError as reason:
                assert str(reason)
            else:
                sound(run, tree)

    holds()
