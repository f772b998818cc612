"""The command line as people and machines meet it: options, outputs, failures, exit codes."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reviewer import cli
from reviewer.version import VERSION
from tests.support.gitrepo import git
from tests.support.reviewing import (
    Done,
    checkout,
    environ,
    installation,
    only,
    reviewer,
    script,
)
from tests.support.room import living

BIDI = b"# checked \xe2\x80\xaeby nobody\n"
"""A comment with a bidirectional override, which is an error."""

BASE = {"src/a.py": b"x = 1\n"}
BAD = {"src/a.py": b"x = 1\n" + BIDI}
GOOD = {"src/a.py": b"x = 1\ny = 2\n"}

Command = Callable[..., Done]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models")
    checkout(place / "bad", BASE, BAD)
    checkout(place / "good", BASE, GOOD)
    return place


@pytest.fixture
def bad(models: Path, tmp_path: Path) -> Path:
    return shutil.copytree(models / "bad", tmp_path / "bad")


@pytest.fixture
def good(models: Path, tmp_path: Path) -> Path:
    return shutil.copytree(models / "good", tmp_path / "good")


@pytest.fixture
def handlers() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], handlers: None
) -> Command:
    """The command in this process, with one analyzer that needs no program."""
    for name in os.environ:
        if name.startswith(("REVIEWER_", "INPUT_")) or name in ("CI", "FORCE_COLOR", "NO_COLOR"):
            monkeypatch.delenv(name)

    def run(*words: str, cwd: Path, **env: str) -> Done:
        monkeypatch.chdir(cwd)
        for name, value in (only("hidden") | env).items():
            monkeypatch.setenv(name, value)
        try:
            code = cli.main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        shown = capsys.readouterr()
        return Done(code, shown.out, shown.err)

    return run


def complaint(done: Done) -> tuple[str, str]:
    """The two lines of an error, and nothing else was printed."""
    assert done.out == ""
    what, *tips = done.err.splitlines()
    assert what.startswith("reviewer: ")
    assert len(tips) <= 1
    tip = tips[0] if tips else "tip: "
    assert tip.startswith("tip: ")
    return what.removeprefix("reviewer: "), tip.removeprefix("tip: ")


def document(done: Done) -> dict[str, object]:
    value: dict[str, object] = json.loads(done.out)
    return value


# What is reviewed


def test_gate_decides_the_exit_code(command: Command, bad: Path, good: Path) -> None:
    failed = command("review", cwd=bad)
    assert failed.code == 1
    assert "hidden/" in failed.out
    assert "FAILED" in failed.out
    assert failed.err == ""
    passed = command("review", "--min-coverage", "off", cwd=good)
    assert (passed.code, "PASSED" in passed.out) == (0, True)


def changed(done: Done) -> list[str]:
    return [entry["path"] for entry in document(done)["changes"]]  # type: ignore[attr-defined, index]


def test_extents(command: Command, good: Path) -> None:
    (good / "staged.py").write_text("s = 1\n")
    git(good, "add", ".")
    (good / "new.py").write_text("n = 1\n")
    shape = ("--format", "json")
    assert changed(command("review", *shape, cwd=good)) == ["src/a.py"]
    assert changed(command("review", *shape, "--staged", cwd=good)) == ["staged.py"]
    assert changed(command("review", *shape, "--worktree", cwd=good)) == ["new.py", "staged.py"]
    both = ("--base", "feature", "--head", "main")
    assert changed(command("review", *shape, *both, cwd=good)) == []
    both = ("--base", "main", "--head", "feature")
    assert changed(command("review", *shape, *both, cwd=good)) == ["src/a.py"]


def test_from_elsewhere_and_from_below(command: Command, good: Path, tmp_path: Path) -> None:
    shape = ("--format", "json")
    assert changed(command("review", *shape, cwd=good / "src")) == ["src/a.py"]
    assert changed(command("review", *shape, "--repo", str(good), cwd=tmp_path)) == ["src/a.py"]
    assert changed(command("review", *shape, "--repo", "good", cwd=tmp_path)) == ["src/a.py"]


def test_diff_of_a_file_and_of_standard_input(command: Command, bad: Path, tmp_path: Path) -> None:
    patch = tmp_path / "change.diff"
    patch.write_bytes(git(bad, "diff", "main", "feature"))
    done = command("review", "--diff", str(patch), "--repo", str(bad), cwd=tmp_path)
    assert done.code == 1
    piped = reviewer("review", "--diff", "-", cwd=bad, env=only("hidden"), stdin=patch.read_bytes())
    assert (piped.code, piped.err) == (1, "")
    empty = reviewer("review", "--diff", "-", cwd=bad, env=only("hidden"))
    assert empty.code == 0
    assert "nothing to review" in empty.out


def test_nothing_to_review(command: Command, good: Path) -> None:
    done = command("review", "--staged", cwd=good)
    assert done.code == 0
    assert "NOT REVIEWED" in done.out
    assert "nothing to review: the change is empty" in done.out


# How it is judged


COVERAGE = b"""<?xml version="1.0" ?>
<coverage line-rate="0.5" lines-valid="2" lines-covered="1" version="7" timestamp="%d">
<packages><package name="." ><classes><class name="a.py" filename="src/a.py" line-rate="0.5">
<methods/><lines><line number="1" hits="1"/><line number="2" hits="0"/></lines>
</class></classes></package></packages></coverage>
"""


def test_coverage_and_its_gate(command: Command, good: Path, tmp_path: Path) -> None:
    report = tmp_path / "cov.xml"
    report.write_bytes(COVERAGE % int(time.time() * 1000))
    named = ("--coverage", str(report))
    settings = {"REVIEWER_COVERAGE_MIN_LINES": "1"}
    low = command("review", *named, cwd=good, **settings)
    assert (low.code, "coverage of the change is 0.0 %, under 80 %" in low.out) == (1, True)
    assert command("review", *named, "--min-coverage", "0", cwd=good, **settings).code == 0
    shutil.copy(report, good / "coverage.xml")
    found = command("review", "--format", "json", cwd=good, **settings)
    assert found.code == 1
    assert document(found)["coverage"]["sources"] == ["coverage.xml"]  # type: ignore[index]


def test_no_coverage_is_unknown(command: Command, good: Path) -> None:
    done = command("review", cwd=good)
    assert done.code == 0
    assert "COVERAGE UNKNOWN" in done.out
    assert command("review", cwd=good, REVIEWER_COVERAGE_REQUIRED="true").code == 2


@pytest.mark.slow
def test_levels_and_profiles(command: Command, bad: Path) -> None:
    assert command("review", "--fail-on", "none", cwd=bad).code == 0
    assert command("review", "--min-score", "99", "--fail-on", "none", cwd=bad).code == 1
    assert command("review", "--min-score", "off", "--fail-on", "none", cwd=bad).code == 0
    for profile in ("quiet", "default", "strict"):
        assert command("review", "--profile", profile, cwd=bad).code == 1


def committed(folder: Path, name: str, text: str) -> None:
    """The base holds this file."""
    git(folder, "checkout", "-q", "main")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    git(folder, "add", name)
    git(folder, "commit", "-q", "-m", "settings")
    git(folder, "checkout", "-q", "feature")


def test_settings_of_the_base_and_of_a_file(command: Command, bad: Path, tmp_path: Path) -> None:
    committed(bad, ".github/reviewer.yml", "gate:\n  fail-on: none\n")
    assert command("review", cwd=bad).code == 0
    assert command("review", "--fail-on", "error", cwd=bad).code == 1
    own = tmp_path / "own.yml"
    own.write_text("gate:\n  fail-on: error\n")
    assert command("review", "--config", str(own), cwd=bad).code == 1


def test_unknown_key_names_file_and_line(command: Command, bad: Path) -> None:
    committed(bad, ".github/reviewer.yml", "gate:\n  fail-on: none\n  scoer: 3\n")
    done = command("review", cwd=bad)
    what, tip = complaint(done)
    ref = git(bad, "rev-parse", "main").decode()[:12]
    assert done.code == 2
    assert f"{ref}:.github/reviewer.yml:3" in what
    assert "scoer" in what
    assert "score" in what + tip


def test_settings_that_cannot_be_read_are_not_the_defaults(command: Command, bad: Path) -> None:
    committed(bad, ".github/reviewer.yml", "# " + "x" * (1 << 20) + "\ngate: {}\n")
    done = command("review", cwd=bad)
    assert done.code == 2
    assert "not a regular file of at most 1 MiB" in complaint(done)[0]


def test_settings_that_are_a_link_are_not_the_defaults(command: Command, bad: Path) -> None:
    git(bad, "checkout", "-q", "main")
    (bad / ".github").mkdir()
    (bad / ".github/reviewer.yml").symlink_to("../other.yml")
    git(bad, "add", ".github")
    git(bad, "commit", "-q", "-m", "link")
    git(bad, "checkout", "-q", "feature")
    done = command("review", cwd=bad)
    assert done.code == 2
    assert "not a regular file" in complaint(done)[0]


# What is written


def test_formats(command: Command, bad: Path, tmp_path: Path) -> None:
    out = tmp_path / "reports"
    every = ("terminal", "json", "sarif", "summary")
    formats = [word for name in every for word in ("--format", name)]
    done = command("review", *formats, "--output", str(out), cwd=bad)
    assert done.code == 1
    assert "FAILED" in done.out
    assert json.loads((out / "report.json").read_text())["verdict"]["state"] == "failed"
    assert json.loads((out / "report.sarif").read_text())["version"] == "2.1.0"
    assert "hidden" in (out / "report.md").read_text()
    for name in every[1:]:
        alone = command("review", "--format", name, "--output", str(tmp_path / name), cwd=bad)
        assert (alone.code, alone.out) == (1, "")
        assert (tmp_path / name).read_text()
        shown = command("review", "--format", name, cwd=bad)
        assert (
            shown.out.replace(" ", "")[:20] == (tmp_path / name).read_text().replace(" ", "")[:20]
        )


def test_formats_share_no_place(command: Command, bad: Path) -> None:
    done = command("review", "--format", "json", "--format", "sarif", cwd=bad)
    assert done.code == 2
    assert complaint(done) == ("several formats need a folder", "add --output DIR")


@pytest.mark.parametrize("target", ["file/report.json", "/proc/report.json"])
def test_output_that_cannot_be_written(command: Command, bad: Path, target: str) -> None:
    (bad / "file").touch()
    done = command("review", "--format", "json", "--output", target, cwd=bad)
    assert done.code == 3
    what, tip = complaint(done)
    assert what.startswith("cannot write ")
    assert "--output" in tip


@pytest.mark.parametrize("planted", ["report.json", "reports"])
def test_output_through_a_link_of_the_change(
    command: Command, bad: Path, tmp_path: Path, planted: str
) -> None:
    """The change may hold a link where the report goes."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "report.json").write_text("precious")
    (bad / planted).symlink_to(outside / planted if "." in planted else outside)
    target = planted if "." in planted else f"{planted}/report.json"
    done = command("review", "--format", "json", "--output", target, cwd=bad)
    assert done.code == 3
    assert "a symbolic link of the checkout decides" in complaint(done)[0]
    assert (outside / "report.json").read_text() == "precious"


def test_output_through_a_link_of_the_user(command: Command, bad: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    target = str(tmp_path / "link" / "report.json")
    assert command("review", "--format", "json", "--output", target, cwd=bad).code == 1
    assert (tmp_path / "real/report.json").is_file()


def test_colours(command: Command, bad: Path) -> None:
    plain = command("review", cwd=bad)
    assert "\x1b" not in plain.out
    assert "\x1b[" in command("review", cwd=bad, FORCE_COLOR="1").out


def test_progress_in_ci(command: Command, bad: Path) -> None:
    done = command("review", cwd=bad, CI="true")
    assert "reviewer: reading the change" in done.err
    assert "reviewer: judging" in done.err


@pytest.mark.parametrize("columns", ["1", "0", "x", "100000"])
def test_width_of_the_screen(command: Command, bad: Path, columns: str) -> None:
    assert command("review", cwd=bad, COLUMNS=columns).code == 1


# A request whose sides somebody else has found out


def asked(good: Path, place: Path, **more: object) -> str:
    """A file that says what to review."""
    base, head = (git(good, "rev-parse", ref).decode().strip() for ref in ("main", "feature"))
    sides = {"base": base, "head": head, "target": base}
    request = {"forge": "github", "repository": "o/r", "number": 7, "trust": "untrusted", **sides}
    file = place / "request.json"
    file.write_text(json.dumps(request | more))
    return str(file)


def test_a_request_is_reviewed_as_it_is(command: Command, good: Path, tmp_path: Path) -> None:
    """In a bare repository without any ref or history."""
    (good / "src/a.py").unlink()
    file = asked(good, tmp_path)
    bare = tmp_path / "bare"
    git(tmp_path, "init", "-q", "--bare", "bare")
    (bare / "objects/info/alternates").write_text(f"{good / '.git/objects'}\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    words = ("--request", file, "--repo", str(bare), "--workspace", str(empty))
    done = command("review", *words, "--format", "json", cwd=tmp_path)
    assert changed(done) == ["src/a.py"]
    assert document(done)["request"] == json.loads(Path(file).read_text())


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"base": "main"}, "'main' is no full name of a commit"),
        ({"target": ""}, "'' is no full name of a commit"),
        ({"number": "7"}, "is no request"),
        ({"extra": 1}, "is no request"),
    ],
)
def test_a_request_that_cannot_be(
    command: Command, good: Path, tmp_path: Path, more: dict[str, object], what: str
) -> None:
    done = command("review", "--request", asked(good, tmp_path, **more), cwd=good)
    assert (done.code, what in complaint(done)[0]) == (2, True)


def test_a_request_goes_with_no_other_choice(command: Command, good: Path, tmp_path: Path) -> None:
    file = asked(good, tmp_path)
    done = command("review", "--request", file, "--head", "main", cwd=good)
    assert (done.code, "--request goes with neither" in complaint(done)[0]) == (2, True)
    missing = command("review", "--request", "nope.json", cwd=good)
    assert (missing.code, "cannot read nope.json" in complaint(missing)[0]) == (2, True)


SARIF = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {"driver": {"name": "other"}},
            "results": [
                {
                    "ruleId": "X1",
                    "message": {"text": "wrong"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "src/a.py"},
                                "region": {"startLine": 2},
                            }
                        }
                    ],
                }
            ],
        }
    ],
}


def test_files_of_other_jobs_come_from_the_workspace(
    command: Command, good: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    (workspace / "out").mkdir(parents=True)
    (workspace / "out/x.sarif").write_text(json.dumps(SARIF))
    (workspace / "link").symlink_to("out")
    env = only("hidden", "sarif")
    words = ("--request", asked(good, tmp_path), "--workspace", str(workspace), "--format", "json")
    done = command("review", *words, cwd=good, **env, REVIEWER_ANALYZERS_SARIF_FILES="out/x.sarif")
    assert [item["rule"] for item in document(done)["findings"]] == ["other/X1"]  # type: ignore[attr-defined, index]
    linked = command(
        "review", *words, cwd=good, **env, REVIEWER_ANALYZERS_SARIF_FILES="link/x.sarif"
    )
    (tool,) = [each for each in document(linked)["tools"] if each["tool"] == "sarif"]  # type: ignore[attr-defined, index]
    assert tool["outcome"] == "failed"
    assert "link" in tool["reason"]


# Help and failures


def test_help_fits_a_screen(command: Command, tmp_path: Path) -> None:
    for words in (("--help",), ("review", "--help")):
        done = command(*words, cwd=tmp_path, COLUMNS="80")
        lines = done.out.splitlines()
        assert done.code == 0
        assert len(lines) <= 45
        assert max(map(len, lines)) <= 90
    assert "reviewer review --staged" in done.out


def test_version_at_once() -> None:
    done = reviewer("--version", cwd=Path("/"))
    assert (done.code, done.out) == (0, f"reviewer {VERSION}\n")


@pytest.mark.parametrize(
    ("words", "what", "tip"),
    [
        (["review", "--base", "nope"], "there is no commit 'nope' here", "git branch -a"),
        (["review", "--head", "nope"], "there is no commit 'nope' here", "git branch -a"),
        (["review", "--repo", "nope"], "there is no folder nope", "--repo"),
        (["review", "--repo", "/"], "/ is not in a git repository", "--repo"),
        (["review", "--diff", "nope"], "cannot read nope: No such file", "--diff"),
        (["review", "--diff", "."], "cannot read .: Is a directory", "--diff"),
        (["review", "--diff", "x", "--base", "y"], "--diff goes with neither", "leave one"),
        (["review", "--head", "x", "--staged"], "--head goes with neither", "leave one"),
        (["review", "--staged", "--worktree"], "not allowed with", "--help"),
        (["review", "--config", "nope"], "cannot read nope: No such file", "--config"),
        (["review", "--format", "nope"], "there is no 'nope'", "terminal"),
        (["review", "--format", "base"], "there is no 'base'", "terminal"),
        (["review", "--format", "_paper"], "there is no '_paper'", "terminal"),
        (["review", "--format", ""], "there is no ''", "terminal"),
        (["review", "--format", "../../x"], "there is no '../../x'", "terminal"),
        (["review", "--profile", "nope"], "nope", "strict"),
        (["review", "--fail-on", "nope"], "nope", ""),
        (["review", "--min-coverage", "101"], "101", ""),
        (["review", "--min-score", "x"], "--min-score", ""),
        (["review", "--output", "n" * 300], "File name too long: nnn", "name another"),
        (["review", "--nope"], "unrecognized arguments: --nope", "--help"),
        (["nope"], "invalid choice: 'nope'", "--help"),
        ([], "required: COMMAND", "--help"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input(command: Command, good: Path, words: list[str], what: str, tip: str) -> None:
    done = command(*words, cwd=good)
    assert done.code == 2
    said, advice = complaint(done)
    assert what in said
    assert tip in advice


def test_unknown_variable(command: Command, good: Path) -> None:
    done = command("review", cwd=good, REVIEWER_GATE_SCOER="3")
    assert done.code == 2
    assert "REVIEWER_GATE_SCOER" in complaint(done)[0]


def test_hostile_words_stay_on_their_line(command: Command, good: Path) -> None:
    done = command("review", "--base", "x\n::error::pwned\x1b[2J", cwd=good)
    assert done.code == 2
    assert "\x1b" not in done.err
    assert len(done.err.splitlines()) == 2


@pytest.mark.slow
def test_no_tool_could_review(good: Path, tmp_path: Path) -> None:
    python = installation(tmp_path / "bare")
    done = reviewer("review", cwd=good, python=python, env=only("ruff", "bandit"))
    assert done.code == 3
    assert "no tool could review" in done.out
    assert "ruff skipped: ruff is not installed" in done.out


def test_required_tool_is_missing(good: Path, tmp_path: Path) -> None:
    python = installation(tmp_path / "bare")
    env = only("ruff", "hidden") | {"REVIEWER_GATE_REQUIRED": "ruff"}
    done = reviewer("review", cwd=good, python=python, env=env)
    assert done.code == 2
    assert "ruff skipped: ruff is not installed" in done.out


# The machine around us


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """An environment in which our package has a bug."""
    package = Path(cli.__file__).parent
    copy = tmp_path / "broken" / "reviewer"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    bug = "raise RuntimeError('token ghp_" + "a1B2" * 9 + "')\n"
    (copy / "commands" / "review.py").write_text(f"def main(*_):\n    {bug}")
    return {"PYTHONPATH": str(copy.parent), "TMPDIR": str(tmp_path)}


def crashing(cwd: Path, env: dict[str, str], limit: int | None = None) -> Done:
    def before() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    words = [sys.executable, "-P", "-m", "reviewer", "review", "--base", "main"]
    done = subprocess.run(
        words, cwd=cwd, env=environ() | env, capture_output=True, check=False, preexec_fn=before
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_bug_of_ours_is_a_ready_issue(good: Path, broken: dict[str, str]) -> None:
    done = crashing(good, broken)
    assert done.code == 70
    what, tip = complaint(done)
    assert what == "this is a bug of ours"
    issue = Path(tip.partition(" is a ready-made")[0]).read_text()
    for part in (f"reviewer {VERSION}", "review --base main", "Traceback", "RuntimeError"):
        assert part in issue
    assert "ghp_" + "a1B2" * 9 not in issue + done.err


def test_bug_of_ours_on_a_full_disk(good: Path, broken: dict[str, str]) -> None:
    done = crashing(good, broken, limit=0)
    assert done.code == 70
    assert "RuntimeError" in done.err
    assert done.err.splitlines()[-1].startswith("tip: the text above is a ready-made issue")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "what"), [(0, "there is no place for temporary files"), (20, "File too large")]
)
def test_full_disk(good: Path, tmp_path: Path, limit: int, what: str) -> None:
    done = reviewer(
        "review",
        cwd=good,
        env={**only("hidden"), "TMPDIR": str(tmp_path)},
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.code == 2
    said, tip = complaint(done)
    assert what in said
    assert "TMPDIR" in tip


def test_standard_output_that_takes_nothing(bad: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "reviewer"), "review"],
            cwd=bad,
            env=environ() | only("hidden"),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 3
    what, tip = done.stderr.decode().splitlines()
    assert "cannot write to standard output: No space left" in what
    assert "--output" in tip


@pytest.mark.slow
@pytest.mark.parametrize(("closed", "code"), [(">&-", 3), ("2>&-", 1)])
def test_standard_streams_that_are_closed(bad: Path, closed: str, code: int) -> None:
    """As a daemon or a hook may start it."""
    done = subprocess.run(
        ["sh", "-c", f'"$0" review {closed}', str(Path(sys.executable).parent / "reviewer")],
        cwd=bad,
        env=environ() | only("hidden") | {"CI": "true"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == code
    assert b"FAILED" in done.stdout or b"standard output is closed" in done.stderr
    assert b"reviewer: " not in done.stdout


@pytest.mark.slow
def test_reader_that_leaves(bad: Path, tmp_path: Path) -> None:
    """Quiet, with the exit code of the verdict, and the files are written."""
    read, write = os.pipe()
    os.close(read)
    formats = ("--format", "terminal", "--format", "json", "--output", str(tmp_path / "out"))
    done = subprocess.run(
        [str(Path(sys.executable).parent / "reviewer"), "review", *formats],
        cwd=bad,
        env=environ() | only("hidden"),
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")
    assert (tmp_path / "out/report.json").is_file()


def test_programs_of_the_checkout_are_not_used(good: Path, tmp_path: Path) -> None:
    canary = tmp_path / "fired"
    for name in ("git", "ruff", "python", "env"):
        script(good / "bin", name, f"echo {name} >> {canary}; exit 1")
    for name in ("reviewer", "yaml", "msgspec", "sitecustomize"):
        (good / f"{name}.py").write_text(f"open({str(canary)!r}, 'a').write({name!r})\n")
    (good / "loop").symlink_to("loop")
    path = ":".join(map(str, (good / "bin", "bin", ".", "", good / "loop", "/usr/bin", "/bin")))
    python = installation(tmp_path / "bare")
    env = only("ruff", "hidden") | {"PATH": path, "REVIEWER_COVERAGE_PATCH": "off"}
    done = reviewer("review", cwd=good, python=python, env=env)
    assert done.code == 0
    assert "ruff: ruff is not installed" in done.out or "ruff is not installed" in done.out
    assert not canary.exists()
    subprocess.run(["git", "status"], cwd=good, env={"PATH": path}, check=False)
    subprocess.run([sys.executable, "-c", "import yaml"], cwd=good, check=False)
    assert "git" in canary.read_text()
    assert "yaml" in canary.read_text()


@pytest.mark.slow
def test_nothing_is_left_behind(good: Path, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    before = sorted(good.rglob("*"))
    env = only("ruff", "bandit", "secrets") | {"TMPDIR": str(place), "HOME": "/proc"}
    done = reviewer("review", cwd=good, env=env)
    assert done.code == 0
    assert list(place.iterdir()) == []
    assert sorted(good.rglob("*")) == before


@contextlib.contextmanager
def hanging(good: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A review that waits for its tool, and the process group of that tool."""
    place = tmp_path / "temporary"
    place.mkdir()
    told = tmp_path / "pid"
    body = f"echo $$ > {told}.new; mv {told}.new {told}; sleep 60 & sleep 60"
    python = installation(tmp_path / "bare", ruff=body, bandit=body)
    words = [str(python), "-I", "-m", "reviewer", "review"]
    env = environ() | only("ruff", "bandit") | {"TMPDIR": str(place)}
    env["REVIEWER_LIMITS_WORKERS"] = "1"
    with subprocess.Popen(words, cwd=good, env=env, stderr=subprocess.PIPE) as child:
        end = time.monotonic() + 20
        while not told.exists():
            assert time.monotonic() < end
            assert child.poll() is None
            time.sleep(0.02)
        yield child, int(told.read_text())


@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        pytest.param([signal.SIGINT], 130, id="SIGINT", marks=pytest.mark.slow),
        pytest.param([signal.SIGTERM], 143, id="SIGTERM"),
        pytest.param(
            [signal.SIGINT, signal.SIGTERM] * 3, 130, id="impatient", marks=pytest.mark.slow
        ),
    ],
)
def test_cancelled(numbers: list[int], code: int, good: Path, tmp_path: Path) -> None:
    with hanging(good, tmp_path) as (child, group):
        started = time.monotonic()
        for number in numbers:
            child.send_signal(number)
            time.sleep(0.01)
        _, told = child.communicate(timeout=20)
        assert child.returncode == code
        assert time.monotonic() - started < 5
        assert told == b"reviewer: cancelled\n"
        assert not living(group)
        assert list((tmp_path / "temporary").iterdir()) == []
