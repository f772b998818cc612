"""Tools that are missing or misbehave: each becomes a reason, in time, and leaves nothing behind.

A tool is replaced by a small script of its name in front of the runner's path.
"""

import time
from pathlib import Path

import pytest

from reviewer import process
from reviewer.analyzers import complexity
from reviewer.analyzers.bandit import Bandit
from reviewer.analyzers.base import Analyzer
from reviewer.analyzers.complexity import Complexity
from reviewer.analyzers.ruff import Ruff
from reviewer.errors import ToolFailed, ToolMissing
from reviewer.process import Runner
from tests.support.room import living, room, runner

pytestmark = pytest.mark.slow  # many broken tools, each run to its end

CODE = {"app.py": b"eval(code)\n", "other.py": b"eval(code)\n"}
TOOLS = [pytest.param(Ruff, id="ruff"), pytest.param(Bandit, id="bandit")]


def broken(tmp_path: Path, script: str, **settings: float) -> Runner:
    """A runner that finds a shell script instead of each tool; its process group is noted."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("ruff", "bandit"):
        tool = place / name
        tool.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && { echo tool 1.2.3; exit; }\n'
            f"echo $$ >{tmp_path}/group\n{script}\n"
        )
        tool.chmod(0o755)
    return runner(tmp_path, [place], **settings)


def after(tmp_path: Path) -> int:
    return int((tmp_path / "group").read_text())


@pytest.mark.parametrize("plugin", TOOLS)
def test_missing(plugin: type[Analyzer], tmp_path: Path) -> None:
    changes, tree = room(tmp_path, CODE)
    with pytest.raises(ToolMissing, match=rf"^{plugin.name} is not installed$"):
        plugin().run(changes, tree, Runner((tmp_path,), tmp_path))


@pytest.mark.parametrize("plugin", TOOLS)
@pytest.mark.parametrize("content", ["", "\0\1\2\3", "#!/nonexistent/interpreter\n"])
def test_not_a_program(plugin: type[Analyzer], content: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, CODE)
    tools = broken(tmp_path, "exit 0")
    for name in ("ruff", "bandit"):
        (tmp_path / "bin" / name).write_text(content)
    with pytest.raises(ToolMissing, match=r"^cannot be started: "):
        plugin().run(changes, tree, tools)


@pytest.mark.parametrize("plugin", TOOLS)
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -SEGV $$", "^was ended by SIGSEGV: "),
        ("kill -KILL $$", "^was ended by SIGKILL: "),
        ("echo unknown option >&2; exit 2", "^ended with status 2: unknown option$"),
        ("exit 101", "^ended with status 101: no message$"),
    ],
    ids=["SIGSEGV", "SIGKILL", "usage error", "panic"],
)
def test_crash(plugin: type[Analyzer], script: str, reason: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, CODE)
    with pytest.raises(ToolFailed, match=reason):
        plugin().run(changes, tree, broken(tmp_path, script))


@pytest.mark.parametrize("plugin", TOOLS)
@pytest.mark.parametrize(
    "script",
    ["sleep 60", "trap '' TERM; while :; do :; done", "sleep 60 & sleep 60 & wait", "sleep 60 &"],
    ids=["sleeps", "spins", "with children", "leaves a child behind"],
)
def test_hang(plugin: type[Analyzer], script: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, CODE)
    started = time.monotonic()
    with pytest.raises(ToolFailed, match=r"^did not end within 0\.5 s$"):
        plugin().run(changes, tree, broken(tmp_path, script, seconds=0.5))
    assert time.monotonic() - started < 5
    assert not living(after(tmp_path))


@pytest.mark.parametrize("plugin", TOOLS)
@pytest.mark.parametrize("script", ["exec yes", "yes & yes & yes"], ids=["one", "three"])
def test_flood(plugin: type[Analyzer], script: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, CODE)
    with pytest.raises(ToolFailed, match=r"^printed more than 1 MiB$"):
        plugin().run(changes, tree, broken(tmp_path, script, output=1 << 20))
    assert not living(after(tmp_path))


DIAGNOSTIC = (
    '{"code":"F821","filename":"app.py","message":"m","location":{"row":1,"column":1},'
    '"end_location":{"row":1,"column":2}}'
)
RUFF_RUBBISH = {
    "text": "All checks passed!",
    "half": DIAGNOSTIC[:-9],
    "list": f"[{DIAGNOSTIC}]",
    "number": "12",
    "null": "null",
    "wrong type": DIAGNOSTIC.replace('"row":1', '"row":"1"', 1),
    "fraction": DIAGNOSTIC.replace('"row":1', '"row":1.5', 1),
    "infinite": DIAGNOSTIC.replace('"row":1', '"row":1e999', 1),
    "missing": DIAGNOSTIC.replace('"message":"m",', ""),
    "deep": "[" * 50_000,
    "no text": "\\377\\376\\000",
    "foreign": DIAGNOSTIC.replace("app.py", "/etc/passwd"),
    "traversal": DIAGNOSTIC.replace("app.py", "../../app.py"),
}


@pytest.mark.parametrize("kind", RUFF_RUBBISH)
def test_ruff_rubbish(kind: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, CODE)
    (tmp_path / "answer").write_text(RUFF_RUBBISH[kind])
    with pytest.raises(ToolFailed, match=r"^its output cannot|^it reported a file"):
        Ruff().run(
            changes, tree, broken(tmp_path, f"printf \"$(cat '{tmp_path}/answer')\"; exit 1")
        )


ISSUE = (
    '{"filename":"app.py","test_id":"B307","issue_text":"m","issue_severity":"HIGH",'
    '"issue_confidence":"HIGH","line_number":1,"line_range":[1]}'
)
ANSWER = f'{{"errors":[],"results":[{ISSUE}],"metrics":{{"app.py":{{}},"other.py":{{}}}}}}'
BANDIT_RUBBISH = {
    "text": "No issues identified.",
    "nothing": "",
    "half": ANSWER[:-9],
    "list": f"[{ANSWER}]",
    "wrong type": ANSWER.replace('"line_number":1', '"line_number":"1"'),
    "missing": ANSWER.replace('"errors":[],', ""),
    "null": ANSWER.replace('"m"', "null"),
    "deep": "[" * 50_000,
    "foreign": ANSWER.replace('e":"app.py"', 'e":"/etc/passwd"'),
}


@pytest.mark.parametrize("kind", BANDIT_RUBBISH)
def test_bandit_rubbish(kind: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, CODE)
    (tmp_path / "answer").write_text(BANDIT_RUBBISH[kind])
    with pytest.raises(ToolFailed, match=r"^its output cannot|^it reported a file"):
        Bandit().run(changes, tree, broken(tmp_path, f"cat '{tmp_path}/answer'"))


@pytest.mark.parametrize(
    "number", ["0", "-1", "2", "999999999999999999999999", "9223372036854775808"]
)
def test_numbers_out_of_range_stay_within_the_file(number: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, CODE)
    (tmp_path / "ruff").write_text(DIAGNOSTIC.replace('"row":1', f'"row":{number}'))
    (tmp_path / "bandit").write_text(
        ANSWER.replace('_number":1', f'_number":{number}').replace("[1]", f"[{number}]")
    )
    tools = broken(tmp_path, f"cat '{tmp_path}'/$(basename $0)")
    for plugin in (Ruff, Bandit):
        run = plugin().run(changes, tree, tools)
        assert [(f.span.path, f.span.start, f.span.end) for f in run.findings] == [("app.py", 1, 1)]


def test_files_that_bandit_passes_over_are_named(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, CODE)
    (tmp_path / "answer").write_text('{"errors":[],"results":[],"metrics":{"app.py":{}}}')
    run = Bandit().run(changes, tree, broken(tmp_path, f"cat '{tmp_path}/answer'"))
    assert run.reason == "could not read other.py"
    (tmp_path / "answer").write_text('{"errors":[],"results":[],"metrics":{}}')
    with pytest.raises(ToolFailed, match="could read none of the files"):
        Bandit().run(changes, tree, runner(tmp_path, [tmp_path / "bin"]))


def test_nothing_readable_is_a_failure(tmp_path: Path) -> None:
    latin = b"# coding: latin-1\nx = '\xe9'\n"
    changes, tree = room(tmp_path, {"a.py": latin})
    with pytest.raises(ToolFailed, match="could read none of the files"):
        Ruff().run(changes, tree, runner(tmp_path))


@pytest.mark.parametrize(
    ("script", "error", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", ToolFailed, "was ended by SIGSEGV"),
        ("import sys; sys.exit(3)", ToolMissing, "lizard is not installed"),
        ("raise ValueError('odd')", ToolFailed, "ended with status 1: ValueError: odd"),
        ("import time; time.sleep(60)", ToolFailed, "did not end within 0.5 s"),
        ("while True: print('x' * 1000)", ToolFailed, "printed more than 1 MiB"),
        ("print('{}')", ToolFailed, "its output does not fit"),
        ("print('{')", ToolFailed, "its output cannot be understood"),
        ("pass", ToolFailed, "its output does not fit"),
    ],
    ids=["SIGSEGV", "no lizard", "traceback", "hang", "flood", "too little", "rubbish", "silence"],
)
def test_child_script(
    script: str,
    error: type[Exception],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    child = tmp_path / "child.py"
    child.write_text(script)
    monkeypatch.setattr(complexity, "isolated_python", lambda _: process.isolated_python(child))
    # Within the limits for sure, Python is not measured at all.
    branchy = "def f(x):\n" + "    if x: x += 1\n" * 30
    changes, tree = room(tmp_path, {"app.py": branchy.encode()})
    with pytest.raises(error, match=reason):
        Complexity().run(changes, tree, runner(tmp_path, seconds=0.5, output=1 << 20))
