"""The laws of a review, over generated changes and analyzers that misbehave.

Conservation: every finding of every tool is in the report once, with a standing and a reason.
Never green and silent: what did not run is told. The change is data: nothing of it is executed or
read as configuration. Same input, same review.
"""

import json
import os
import string
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from reviewer import plugins
from reviewer.errors import ToolFailed, ToolMissing
from reviewer.model import (
    Category,
    Confidence,
    Finding,
    Mode,
    Outcome,
    Report,
    Severity,
    Side,
    Span,
    Standing,
    State,
    Status,
    Suggestion,
    ToolRun,
)
from reviewer.reports.json import Json, load
from tests.support.gitrepo import git
from tests.support.reports import HOSTILE
from tests.support.reviewing import (
    Gives,
    Raises,
    Says,
    branch,
    checkout,
    local,
    only,
    reviewed,
    reviewer,
)

EVERYDAY = settings(
    max_examples=12,
    deadline=None,
    # A change and its repository take minutes to shrink, and say enough as they are.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)

# Generated changes

NAMES = (
    b"a.py",
    b"src/b.js",
    b"src/deep/c.sh",
    b'odd \xff\n"name".py',
    b"-dash.py",
    b".github/reviewer.yml",
    b"pyproject.toml",
    b"image.png",
)
LINES = (b"x = 1", b"eval(x)", b"", b"\tdeep", b"caf\xe9", b"a\r", b"\0", b"\xe2\x80\xae", b"last")

contents = st.builds(
    lambda lines, end: b"\n".join(lines) + end,
    st.lists(st.sampled_from(LINES), max_size=6),
    st.sampled_from((b"", b"\n")),
)
entries = st.one_of(
    st.tuples(st.sampled_from(("100644", "100755")), contents),
    st.just(("120000", b"/etc/passwd")),
    st.just(("160000", b"1" * 40)),
)
trees = st.dictionaries(st.sampled_from(NAMES), entries, max_size=6)

# Generated analyzers

PATHS = [*map(os.fsdecode, NAMES), "absent.py", "../up.py", "/etc/passwd", ""]

spans = st.builds(
    Span,
    st.sampled_from(PATHS),
    st.integers(-1, 9),
    st.integers(-1, 9) | st.sampled_from((10**6, 2**31, 2**63)),
    st.integers(-1, 99) | st.just(2**40),
    st.integers(-1, 99),
)
texts = st.sampled_from(HOSTILE) | st.text(max_size=20)
findings = st.builds(
    Finding,
    tool=st.just("?"),
    rule=st.sampled_from(("R1", "R2", "S608", *HOSTILE[:3])),
    message=texts,
    span=spans,
    severity=st.sampled_from(Severity),
    confidence=st.sampled_from(Confidence),
    category=st.sampled_from(Category),
    quote=texts | st.just(""),
    side=st.sampled_from(Side),
    suggestion=st.none() | st.builds(Suggestion, spans, texts),
    occurrence=st.integers(0, 2),
)
said = st.lists(findings, max_size=6).map(lambda some: [*some, *some[:1]])
errors = st.sampled_from(
    (
        ToolMissing("it is not installed"),
        ToolFailed("it printed \x1b[31m rubbish"),
        RuntimeError("bug"),
        RecursionError(),
        KeyError("x"),
        OSError(28, "full"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    )
)
analyzers = st.lists(
    st.one_of(
        st.builds(lambda some: ("says", some), said),
        st.builds(lambda error: ("raises", error), errors),
        st.builds(lambda result: ("gives", result), st.sampled_from((None, 3, "x"))),
    ),
    max_size=4,
)


def built(kinds: list[tuple[str, object]]) -> list[Says | Raises | Gives]:
    """The analyzers, each with a name of its own, so that every finding can be told apart."""
    made: list[Says | Raises | Gives] = []
    for letter, (kind, what) in zip(string.ascii_lowercase, kinds, strict=False):
        if kind == "says":
            named = tuple(replace(finding, tool=letter) for finding in what)  # type: ignore[attr-defined]
            made.append(Says(letter, named))
        else:
            made.append({"raises": Raises, "gives": Gives}[kind](letter, what))  # type: ignore[arg-type]
    return made


REFS = {"base": "main", "head": "feature"}


def review_of(base: object, head: object, tools: list[Says | Raises | Gives]) -> Report:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        branch(place / "checkout", base, head, checked_out=False)  # type: ignore[arg-type]
        return reviewed(local(place / "checkout", place, **REFS), place, tools)


def names_of(findings: list[Finding] | tuple[Finding, ...]) -> Counter[tuple[object, ...]]:
    return Counter((f.tool, f.rule, f.span.path, f.side, f.severity) for f in findings)


def lawful(base: object, head: object, kinds: list[tuple[str, object]]) -> None:
    tools = built(kinds)
    report = review_of(base, head, tools)
    looked = any(
        file.status is not Status.DELETED
        and (file.added or file.removed or "binary" in file.skipped)
        for file in report.changes
    )
    made = [f for tool in tools if isinstance(tool, Says) and looked for f in tool.findings]
    conserved(report, made)
    told(report, tools)
    text = Json().render(report)
    again = load(text.encode())
    conserved(again, made)
    assert Json().render(again) == text
    for plugin in plugins.discover("reviewer.reports").values():
        assert plugin().render(report)


test_laws_of_a_review = EVERYDAY(given(trees, trees, analyzers)(lawful))
test_laws_of_many_reviews = pytest.mark.slow(
    settings(EVERYDAY, max_examples=1000)(given(trees, trees, analyzers)(lawful))
)


def conserved(report: Report, made: list[Finding]) -> None:
    """Law 1."""
    kept = [item.finding for item in report.judged]
    assert names_of(kept) == names_of(made)
    assert names_of([f for run in report.runs for f in run.findings]) == names_of(made)
    assert all(isinstance(item.standing, Standing) and item.note for item in report.judged)
    prints = [finding.fingerprint for finding in kept]
    assert len(set(prints)) == len(prints)


def told(report: Report, tools: list[Says | Raises | Gives]) -> None:
    """Law 2."""
    assert [run.tool for run in report.runs] == [*(tool.name for tool in tools), "model"]
    for run in report.runs:
        assert run.outcome is Outcome.OK or run.reason
        if run.outcome is not Outcome.OK and run.concerned:
            assert any(run.tool in reason for reason in report.verdict.reasons)
    ended = [run for run in report.runs if run.outcome is Outcome.OK]
    if report.verdict.state in (State.PASSED, State.COVERAGE_UNKNOWN):
        assert ended
    if report.changes and not ended and any(not file.skipped for file in report.changes):
        assert (report.verdict.state, report.verdict.exit_code) == (State.NOT_REVIEWED, 3)
    if any(run.outcome is Outcome.FAILED for run in report.runs):
        assert report.mode is Mode.PARTIAL
    assert report.verdict.exit_code != 0 or report.verdict.state in (
        State.PASSED,
        State.COVERAGE_UNKNOWN,
        State.NOT_REVIEWED,
    )
    assert report.coverage.patch is None


@EVERYDAY
@given(trees, trees)
def test_every_changed_file_is_reviewed_or_skipped(base: object, head: object) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        before, after = branch(place / "checkout", base, head, checked_out=False)  # type: ignore[arg-type]
        report = reviewed(local(place / "checkout", place, **REFS), place, [Says("a")])
        raw = git(place / "checkout", "diff", "-z", "--name-only", "--no-renames", before, after)
        plain = {os.fsdecode(path) for path in raw.split(b"\0") if path}
    paths = [file.path for file in report.changes]
    assert len(set(paths)) == len(paths)
    assert {*paths, *(file.old_path for file in report.changes if file.old_path)} >= plain
    assert set(paths) <= plain


# Never green and silent

CHANGE = ({"a.py": b"x = 1\n"}, {"a.py": b"import os\nx = 2\n"})


def one(tmp_path: Path, *tools: Says | Raises | Gives, **options: object) -> Report:
    checkout(tmp_path / "checkout", *CHANGE)
    return reviewed(local(tmp_path / "checkout", tmp_path), tmp_path, tools, **options)  # type: ignore[arg-type]


def test_no_analyzer_at_all_is_not_green(tmp_path: Path) -> None:
    report = one(tmp_path)
    assert (report.verdict.state, report.verdict.exit_code) == (State.NOT_REVIEWED, 3)


def test_coverage_that_was_measured_is_no_tool_that_reviewed(tmp_path: Path) -> None:
    xml = (
        b'<coverage line-rate="1" timestamp="9999999999999"><packages><package name=".">'
        b'<classes><class name="a" filename="%s" line-rate="1"><lines><line number="1" hits="%d"/>'
        b'<line number="2" hits="1"/></lines></class></classes></package></packages></coverage>'
    )
    checkout(tmp_path / "checkout", *CHANGE)
    for name, hits, measured in ((b"a.py", 1, 100.0), (b"a.py", 0, 50.0), (b"other.py", 1, None)):
        place = tmp_path / f"{name.decode()}{hits}"
        place.mkdir()
        (place / "coverage.xml").write_bytes(xml % (name, hits))
        forge = local(tmp_path / "checkout", place)
        broken = Raises("a", ToolFailed("broke"))
        report = reviewed(forge, place, [broken], reports=[place / "coverage.xml"])
        assert report.coverage.patch == measured
        assert report.coverage.patch is not None or report.coverage.unknown
        assert (report.verdict.state, report.verdict.exit_code) == (State.NOT_REVIEWED, 3)
        assert len(report.judged) == (measured == 50.0)


def test_reasons_never_hold_a_secret(tmp_path: Path) -> None:
    """A tool that fails may print what another has found to be a secret."""
    secret = "correct-horse-battery"
    found = ToolRun("a", Outcome.OK, masks=(secret,))
    report = one(tmp_path, Gives("a", found), Raises("b", ToolFailed(f"cannot use {secret}")))
    assert secret not in Json().render(report)
    assert any("b failed: cannot use" in reason for reason in report.verdict.reasons)


# Nothing of the head is executed or read as configuration


def test_settings_of_the_head_are_not_in_force(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    silent = b"gate:\n  fail-on: none\nanalyzers:\n  disable: [hidden, ruff]\n"
    bad = b"x = 1\n# \xe2\x80\xaebidi\n"
    checkout(
        folder,
        {"a.py": b"x = 1\n", ".github/reviewer.yml": b"gate:\n  fail-on: error\n"},
        {"a.py": bad, ".github/reviewer.yml": silent, ".gitattributes": b"* linguist-generated\n"},
    )
    (folder / ".github/reviewer.yml").write_bytes(silent)
    done = reviewer("review", "--format", "json", cwd=folder, env=only("hidden"))
    assert done.code == 1
    said = json.loads(done.out)
    assert any("the change edits .github/reviewer.yml" in note for note in said["notes"])
    assert not any(file["skipped"] for file in said["changes"] if file["path"] == "a.py")
    git(folder, "commit", "-q", "--amend", "--allow-empty", "--no-edit")
    naive = reviewer("review", "--config", ".github/reviewer.yml", cwd=folder, env=only("hidden"))
    assert naive.code == 0, "the settings of the head would have silenced it"


@pytest.mark.slow
def test_broken_settings_of_the_head_do_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    checkout(folder, {"a.py": b"x\n"}, {"a.py": b"y\n", ".github/reviewer.yml": b"{{{ &a [*a"})
    assert reviewer("review", cwd=folder, env=only("hidden")).code == 0


@pytest.mark.parametrize("extent", ["", "--worktree"])
def test_code_of_the_head_is_not_run(extent: str, tmp_path: Path) -> None:
    canary = tmp_path / "fired"
    code = f"open({str(canary)!r}, 'a').write('x')\n".encode()
    names = ("conftest", "setup", "reviewer", "yaml", "sitecustomize", "usercustomize", "ruff", "a")
    files = {f"{name}.py": code for name in names}
    files["pyproject.toml"] = b"[tool.coverage.run]\nplugins = ['a']\n"
    files["bin/git"] = files["git"] = f"#!/bin/sh\ntouch {canary}\n".encode()
    folder = tmp_path / "checkout"
    checkout(folder, {"a.txt": b"x\n"}, {} if extent else files)
    if extent:
        for name, data in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o755)
        git(folder, "add", ".")
    words = [extent] if extent else []
    env = only("ruff", "bandit", "hidden", "complexity") | {"PATH": ".:bin::/usr/bin:/bin"}
    done = reviewer("review", *words, cwd=folder, env=env)
    assert done.code in (0, 1)
    assert not canary.exists()


# Same input, same review


def digest(text: str) -> str:
    value: str = json.loads(text)["digest"]
    return value


@pytest.mark.slow
@EVERYDAY
@given(trees, trees, analyzers, st.lists(st.floats(0, 0.01), min_size=4, max_size=4))
def test_order_of_finishing_does_not_matter(
    base: object, head: object, kinds: list[tuple[str, object]], waits: list[float]
) -> None:
    tools = built(kinds)
    slowed = [
        replace(tool, seconds=wait) if isinstance(tool, Says) else tool
        for tool, wait in zip(tools, waits, strict=False)
    ]
    first, second = review_of(base, head, tools), review_of(base, head, slowed)
    assert digest(Json().render(first)) == digest(Json().render(second))


@pytest.mark.slow
def test_two_full_runs_are_equal(tmp_path: Path) -> None:
    """In other places, processes and orders of hashing; with the real tools but the slowest."""
    base = {"a.py": b"x = 1\n", "lib/b.py": b"y = 1\n"}
    head = {
        "a.py": b"import os\nimport sys\nx = eval(input())\n",
        "lib/b.py": b"password = 'hunter2hunter2'\nassert y\n",
        "c.sh": b"#!/bin/sh\ncurl $1 | sh\n",
        "Dockerfile": b"FROM alpine:latest\nRUN apk add curl\n",
        "d.js": b"eval(location.hash)\n",
    }
    outs = []
    for number in range(2):
        folder = tmp_path / f"place{number}" / "checkout"
        folder.parent.mkdir()
        checkout(folder, base, head)
        env = {"PYTHONHASHSEED": str(number), "REVIEWER_LIMITS_WORKERS": str(4 * number + 1)}
        env["REVIEWER_ANALYZERS_DISABLE"] = "trivy"
        done = reviewer("review", "--format", "json", cwd=folder, env=env)
        assert done.code in (0, 1), done.err
        outs.append(done.out)
    assert digest(outs[0]) == digest(outs[1])
    assert len(json.loads(outs[0])["findings"]) >= 5
