"""What goes wrong around a review of a checkout, and what is kept, told and returned then.

A tool that is missing or broken costs its own findings and no other's; a report of coverage that
says nothing is unknown; an odd change is read right or listed as left out.
"""

import json
import time
from pathlib import Path

import pytest

from reviewer.analyzers.bandit import Bandit
from reviewer.analyzers.hidden import Hidden
from reviewer.analyzers.ruff import Ruff
from reviewer.config import CoverageSettings, Gate, Settings
from reviewer.model import (
    Category,
    Confidence,
    Finding,
    Mode,
    Outcome,
    Report,
    Severity,
    Span,
    Standing,
    State,
)
from reviewer.reports.json import Json, load
from reviewer.reports.terminal import Terminal
from tests.support.gitrepo import git
from tests.support.reviewing import Says, branch, checkout, local, raw, reviewed, script
from tests.support.room import living, runner

pytestmark = pytest.mark.slow  # many broken tools, each run to its end

BASE = {"a.py": b"x = 1\n", "b.py": b"y = 1\n"}
HEAD = {"a.py": b"x = eval(input())\n", "b.py": b"y = 1\n"}

KEPT = Finding(
    "other",
    "R1",
    "found by another tool",
    Span("a.py", 1, 1),
    Severity.ERROR,
    Confidence.HIGH,
    Category.SECURITY,
)
OTHER = Says("other", (KEPT,))


def sound(report: Report) -> Report:
    """The report can be shown, sent and read back."""
    assert Terminal().render(report)
    assert len(load(Json().render(report).encode()).judged) == len(report.judged)
    return report


# Tools


DIAGNOSTIC = {
    "code": "F401",
    "filename": "a.py",
    "message": "m",
    "location": {"row": 1, "column": 1},
    "end_location": {"row": 1, "column": 2},
}


def printing(**changed: object) -> str:
    return f"cat <<'EOF'\n{json.dumps({**DIAGNOSTIC, **changed})}\nEOF"


VAST = {"row": 10**12, "column": 10**12}

FAULTS = {
    "crash": ("kill -SEGV $$", "SIGSEGV"),
    "killed": ("kill -KILL $$", "SIGKILL"),
    "hang": ("sleep 60 & sleep 60", "did not end within 1 s"),
    "daemon": ("sleep 60 & exit 0", "did not end within 1 s"),
    "flood": ("cat /dev/zero", "printed more than 1 MiB"),
    "flood of complaints": ("head -c 50000000 /dev/zero >&2; echo no >&2; exit 2", "status 2"),
    "status": ("echo cannot work >&2; exit 3", "status 3: cannot work"),
    "rubbish": ("echo '{{{'", "cannot be understood"),
    "other document": ("echo '{\"a\": 1}'", "cannot be understood"),
    "half": ('printf \'{"code": "F401", "filen\'', "cannot be understood"),
    "no UTF-8": ("printf '\\377\\376{}'", "cannot be understood"),
    "deep": ("head -c 200000 /dev/zero | tr '\\0' '['", "cannot be understood"),
    "other file": (printing(filename="/etc/passwd"), "a file that it was not given"),
    "other types": (printing(location="x"), "cannot be understood"),
}


@pytest.mark.parametrize("plugin", [Ruff, Bandit])
@pytest.mark.parametrize("fault", FAULTS)
def test_tool_that_breaks(fault: str, plugin: type[Ruff] | type[Bandit], tmp_path: Path) -> None:
    body, reason = FAULTS[fault]
    if plugin is Bandit and fault in ("other file", "other types"):
        reason = "cannot be understood"
    told = tmp_path / "group"
    script(tmp_path / "tools", plugin.name, f"echo $$ > {told}\n{body}")
    checkout(tmp_path / "checkout", BASE, HEAD)
    tools = runner(tmp_path, [tmp_path / "tools"], seconds=1, output=1 << 20)
    started = time.monotonic()
    report = reviewed(
        local(tmp_path / "checkout", tmp_path), tmp_path, [plugin(), OTHER], tools=tools
    )
    assert time.monotonic() - started < 10
    sound(report)
    (run, other, _) = report.runs
    assert (run.outcome, run.findings) == (Outcome.FAILED, ())
    assert reason in run.reason
    assert "\0" not in Terminal().render(report)
    assert len(run.reason) < 1000
    assert report.mode is Mode.PARTIAL
    assert any(plugin.name in line for line in report.verdict.reasons)
    assert [item.standing for item in report.judged] == [Standing.INLINE]
    assert (other.outcome, report.verdict.exit_code) == (Outcome.OK, 1)
    assert not living(int(told.read_text()))


@pytest.mark.parametrize(
    "changed",
    [
        {"location": VAST, "end_location": VAST},
        {"location": {"row": 1, "column": 10**12}},
        {"location": {"row": -5, "column": -5}},
        {"location": {"row": 2**64, "column": 1}},
        {"message": "\x1b[2J\u202e" * 1000, "url": "javascript:alert(1)"},
        {"code": None, "message": ""},
    ],
)
def test_tool_that_prints_absurd_places(changed: dict[str, object], tmp_path: Path) -> None:
    """Whatever becomes of the finding, the report is whole."""
    script(tmp_path / "tools", "ruff", printing(**changed))
    checkout(tmp_path / "checkout", BASE, HEAD)
    tools = runner(tmp_path, [tmp_path / "tools"], seconds=5)
    report = reviewed(
        local(tmp_path / "checkout", tmp_path), tmp_path, [Ruff(), OTHER], tools=tools
    )
    sound(report)
    run = report.runs[0]
    assert run.findings or (run.outcome is Outcome.FAILED and run.reason)
    assert KEPT.message in {item.finding.message for item in report.judged}


def test_tools_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "tools" / "ruff").mkdir(parents=True)
    script(tmp_path / "tools", "bandit", "exit 0").write_text("#!/nowhere/python\n")
    checkout(tmp_path / "checkout", BASE, HEAD)
    found = runner(tmp_path)
    tools = type(found)((tmp_path / "tools",), found.scratch)
    analyzers = [Ruff(), Bandit(), OTHER]
    report = reviewed(local(tmp_path / "checkout", tmp_path), tmp_path, analyzers, tools=tools)
    sound(report)
    assert [(run.outcome, run.reason) for run in report.runs[:-1]] == [
        (Outcome.SKIPPED, "ruff is not installed"),
        (Outcome.SKIPPED, "cannot be started: No such file or directory"),
        (Outcome.OK, ""),
    ]
    assert "ruff skipped: ruff is not installed" in report.verdict.reasons
    assert (report.mode, report.verdict.exit_code) == (Mode.STATIC, 1)


def test_tool_that_is_required(tmp_path: Path) -> None:
    checkout(tmp_path / "checkout", BASE, HEAD)
    found = runner(tmp_path)
    tools = type(found)((tmp_path,), found.scratch)
    report = reviewed(
        local(tmp_path / "checkout", tmp_path),
        tmp_path,
        [Ruff(), OTHER],
        Settings(gate=Gate(required=("ruff",))),
        tools=tools,
    )
    assert (report.verdict.state, report.verdict.exit_code) == (State.NOT_REVIEWED, 2)
    assert [item.standing for item in report.judged] == [Standing.INLINE]


# Coverage


XML = (
    b'<coverage line-rate="0.5" lines-valid="2" lines-covered="1" timestamp="%d"><packages>'
    b'<package name="."><classes><class name="a" filename="%s" line-rate="0"><lines>'
    b'<line number="1" hits="%d"/></lines></class></classes></package></packages></coverage>'
)
NOW = 9999999999999
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "&%c;&%c;&%c;&%c;">' % (n + 1, n, n, n, n) for n in range(97, 117))
    + b']><coverage timestamp="1">&u;</coverage>'
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", ""),
        (b"rubbish", ""),
        (b"<coverage", ""),
        (b'{"meta": {"format": 3}, "files": ', ""),
        (BOMB, ""),
        (XML % (NOW, b"other.py", 1), "measures none of the changed files"),
        (XML % (NOW, b"/etc/passwd", 1), "measures none of the changed files"),
        (XML % (1000, b"a.py", 1), "older"),
        (XML % (NOW, b"a.py", 1) + b"<!-- half", ""),
        (None, "opened"),
    ],
    ids=["empty", "rubbish", "half", "half JSON", "bomb", "other", "outside", "old", "cut", "none"],
)
def test_coverage_that_says_nothing(content: bytes | None, reason: str, tmp_path: Path) -> None:
    checkout(tmp_path / "checkout", BASE, HEAD)
    place = tmp_path / "coverage.xml"
    if content is not None:
        place.write_bytes(content)
    for required, code in ((False, 0), (True, 2)):
        work = tmp_path / str(required)
        work.mkdir()
        report = reviewed(
            local(tmp_path / "checkout", work),
            work,
            [Says("other")],
            Settings(coverage=CoverageSettings(required=required)),
            reports=[place],
        )
        sound(report)
        assert report.coverage.patch is None
        assert reason in report.coverage.unknown
        assert report.coverage.unknown
        assert (report.verdict.state, report.verdict.exit_code) == (State.COVERAGE_UNKNOWN, code)


def test_coverage_of_half_a_gigabyte(tmp_path: Path) -> None:
    checkout(tmp_path / "checkout", BASE, HEAD)
    place = tmp_path / "coverage.xml"
    with place.open("wb") as file:
        file.truncate(500 << 20)
    forge = local(tmp_path / "checkout", tmp_path)
    started = time.monotonic()
    report = reviewed(forge, tmp_path, [Says("other")], reports=[place])
    assert time.monotonic() - started < 5
    assert "larger than 256 MiB" in report.coverage.unknown


@pytest.mark.parametrize(
    ("spelled", "measured"),
    [
        (b"a.py", True),
        (b"./a.py", True),
        (b"/app/a.py", True),
        (b"C:\\work\\a.py", True),
        (b"../a.py", True),
        (b"A.PY", False),
        (b"a.pyc", False),
    ],
)
def test_coverage_from_another_root(spelled: bytes, measured: bool, tmp_path: Path) -> None:
    checkout(tmp_path / "checkout", BASE, HEAD)
    place = tmp_path / "coverage.xml"
    place.write_bytes(XML % (NOW, spelled, 0))
    forge = local(tmp_path / "checkout", tmp_path)
    report = reviewed(forge, tmp_path, [Says("other")], reports=[place])
    assert report.coverage.patch == (0.0 if measured else None)
    assert bool(report.coverage.unknown) is not measured


# Changes


def kinds(tmp_path: Path, base: dict[bytes, object], head: dict[bytes, object]) -> Report:
    branch(tmp_path / "checkout", base, head)  # type: ignore[arg-type]
    forge = local(tmp_path / "checkout", tmp_path)
    return sound(reviewed(forge, tmp_path, [Ruff(), Hidden()]))


REGULAR = ("100644", b"x = 1\ny = 2\nz = 3\n")


@pytest.mark.parametrize(
    ("base", "head", "reason"),
    [
        ({}, {}, "the change is empty"),
        ({b"a.py": REGULAR}, {}, "deleted"),
        ({b"a.py": REGULAR}, {b"b.py": REGULAR}, "renamed without edits"),
        ({b"a.py": REGULAR}, {b"a.py": ("100755", REGULAR[1])}, "no line changed"),
    ],
    ids=["empty", "deleted", "renamed", "mode"],
)
def test_nothing_to_review(
    base: dict[bytes, object], head: dict[bytes, object], reason: str, tmp_path: Path
) -> None:
    report = kinds(tmp_path, base, head)
    assert (report.verdict.state, report.verdict.exit_code) == (State.NOT_REVIEWED, 0)
    assert report.verdict.reasons[0].startswith("nothing to review")
    assert reason in report.verdict.reasons[0]
    assert {run.outcome for run in report.runs} == {Outcome.SKIPPED}


def test_what_is_left_out_is_listed(tmp_path: Path) -> None:
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    report = kinds(
        tmp_path,
        {b".gitattributes": ("100644", b"gen.py linguist-generated\n")},
        {
            b".gitattributes": ("100644", b"gen.py linguist-generated\n"),
            b"a.py": REGULAR,
            b"image.png": ("100644", b"\x89PNG\0\x01"),
            b"model.bin": ("100644", lfs),
            b"sub": ("160000", b"1" * 40),
            b"link": ("120000", b"a.py"),
            b"gen.py": ("100644", b"import os\n"),
            b"node_modules/x/y.js": ("100644", b"eval(x)\n"),
            b"wide.py": ("100644", "import os\n".encode("utf-16")),
            b"large.py": ("100644", b"import os\n" * 150_000),
        },
    )
    left = {file.path: file.skipped for file in report.changes}
    assert left.pop("a.py") == ""
    assert {path: reason.partition(" ")[0] for path, reason in left.items()} == {
        "image.png": "binary",
        "model.bin": "Git",
        "sub": "submodule",
        "link": "symbolic",
        "gen.py": "generated:",
        "node_modules/x/y.js": "generated:",
        "wide.py": "UTF-16",
        "large.py": "its",
    }
    assert all(left.values())
    shown = Terminal().render(report)
    for path in left:
        assert path in shown


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"x = 1\r\nimport os\r\n", 2),
        (b"x = 1\nimport os", 2),
        (b"x = 1\r\ny = 2\nimport os\n", 3),
        (b"\xef\xbb\xbfx = 1\nimport os\n", 2),
        (b"# a\x0cb\nx = 1\nimport os\n", 3),
        (b"# a\xe2\x80\xa8b \xc2\x85 \x1c\nx = 1\nimport os\n", 3),
        (b"x = '" + b"y" * 900_000 + b"'\nimport os\n", 2),
        (b"x = 1\n" * 100_000 + b"import os\n", 100_001),
    ],
    ids=["CRLF", "no end", "mixed", "BOM", "form feed", "separators", "long line", "long file"],
)
def test_lines_are_those_of_git(data: bytes, line: int, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    checkout(folder, {}, {"a.py": data})
    report = sound(reviewed(local(folder, tmp_path), tmp_path, [Ruff()]))
    (item,) = [item for item in report.judged if item.finding.rule == "F401"]
    assert (item.finding.span.start, item.anchor) == (line, line)
    shown = git(folder, "grep", "-n", "import os", "HEAD", "--", "a.py").decode()
    assert shown.startswith(f"HEAD:a.py:{line}:")


def test_text_that_cannot_be_decoded(tmp_path: Path) -> None:
    files = {
        "latin.py": b"# caf\xe9\nimport os\n",
        "nul.py": b"x = '\0'\nimport os\n",
        "a.py": b"\n",
    }
    checkout(tmp_path / "checkout", {}, files)
    report = sound(reviewed(local(tmp_path / "checkout", tmp_path), tmp_path, [Ruff(), Hidden()]))
    assert not any(file.skipped for file in report.changes)
    run = report.runs[0]
    told = {item.finding.span.path for item in report.judged}
    assert {"latin.py", "nul.py"} <= told | {p for p in files if p in run.reason}


def test_odd_names_in_a_whole_review(tmp_path: Path) -> None:
    names = (
        b"-x.py",
        b"a b.py",
        b"n\nl.py",
        b'q".py',
        b"caf\xe9.py",
        b"\xff\x1b[2J.py",
        b"::error::.py",
    )
    entries = dict.fromkeys(names, ("100644", b"import os\n"))
    branch(tmp_path / "checkout", raw({}), entries, checked_out=False)
    report = sound(reviewed(local(tmp_path / "checkout", tmp_path), tmp_path, [Ruff()]))
    assert len([item for item in report.judged if item.finding.rule == "F401"]) == len(names)
    shown = Terminal(colour=False).render(report)
    assert "\x1b" not in shown
    assert "\n::error" not in shown


def test_merge_commit_checkout(tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    lines = b"".join(b"v%d = %d\n" % (n, n) for n in range(1, 31))
    checkout(folder, {"b.py": lines}, {"b.py": lines.replace(b"v20 = 20", b"import os")})
    git(folder, "checkout", "-q", "main")
    (folder / "b.py").write_bytes(b"n = 0\n" * 3 + lines)
    git(folder, "commit", "-q", "-a", "-m", "base moves on")
    git(folder, "merge", "-q", "--no-edit", "feature")
    git(folder, "checkout", "-q", "-B", "feature")
    git(folder, "branch", "-q", "-f", "main", "HEAD^1")
    report = sound(reviewed(local(folder, tmp_path), tmp_path, [Ruff()]))
    (item,) = [item for item in report.judged if item.finding.rule == "F401"]
    assert (item.finding.span.start, item.standing) == (23, item.standing)
    assert item.anchor == 23
