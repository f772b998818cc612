"""Linters that are missing or misbehave: each becomes a reason, in time, and leaves nothing behind.

A tool is replaced by a small script of its name in front of the runner's path.
"""

import time
from pathlib import Path

import pytest

from reviewer.analyzers.base import Analyzer
from reviewer.analyzers.hadolint import Hadolint
from reviewer.analyzers.oxlint import Oxlint
from reviewer.analyzers.shellcheck import Shellcheck
from reviewer.analyzers.zizmor import Zizmor
from reviewer.errors import ToolFailed, ToolMissing
from reviewer.process import Runner
from tests.support.room import living, room, runner

pytestmark = pytest.mark.slow  # many broken linters, each run to its end

FLOW = ".github/workflows/ci.yml"
FILES = {
    "a.sh": b"#!/bin/sh\nrm $1\n",
    "Dockerfile": b"FROM debian\n",
    "a.js": b"debugger\n",
    FLOW: b"name: ci\non: pull_request_target\n",
}
TOOLS = [Shellcheck, Hadolint, Oxlint, Zizmor]
ids = [plugin.name for plugin in TOOLS]


def broken(tmp_path: Path, script: str, **settings: float) -> Runner:
    """A runner that finds a shell script instead of each tool; its process group is noted."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ids:
        tool = place / name
        tool.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && { echo tool 1.2.3; exit; }\n'
            f"echo $$ >{tmp_path}/group\n{script}\n"
        )
        tool.chmod(0o755)
    return runner(tmp_path, [place], **settings)


@pytest.mark.parametrize("plugin", TOOLS, ids=ids)
def test_missing(plugin: type[Analyzer], tmp_path: Path) -> None:
    changes, tree = room(tmp_path, FILES)
    with pytest.raises(ToolMissing, match=rf"^{plugin.name} is not installed$"):
        plugin().run(changes, tree, Runner((tmp_path,), tmp_path))


@pytest.mark.parametrize("plugin", TOOLS, ids=ids)
def test_not_a_program(plugin: type[Analyzer], tmp_path: Path) -> None:
    changes, tree = room(tmp_path, FILES)
    tools = broken(tmp_path, "exit 0")
    (tmp_path / "bin" / plugin.name).write_text("\0\1\2\3")
    with pytest.raises(ToolMissing, match=r"^cannot be started: "):
        plugin().run(changes, tree, tools)


@pytest.mark.parametrize("plugin", TOOLS, ids=ids)
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -SEGV $$", "^was ended by SIGSEGV: "),
        ("echo unknown option >&2; exit 2", "^ended with status 2: unknown option$"),
        ("exit 101", "^ended with status 101: no message$"),
    ],
    ids=["SIGSEGV", "usage error", "panic"],
)
def test_crash(plugin: type[Analyzer], script: str, reason: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, FILES)
    with pytest.raises(ToolFailed, match=reason):
        plugin().run(changes, tree, broken(tmp_path, script))


@pytest.mark.parametrize("plugin", TOOLS, ids=ids)
@pytest.mark.parametrize("script", ["sleep 60", "sleep 60 &"], ids=["sleeps", "leaves a child"])
def test_hang(plugin: type[Analyzer], script: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, FILES)
    started = time.monotonic()
    with pytest.raises(ToolFailed, match=r"^did not end within 0\.5 s$"):
        plugin().run(changes, tree, broken(tmp_path, script, seconds=0.5))
    assert time.monotonic() - started < 5
    assert not living(int((tmp_path / "group").read_text()))


@pytest.mark.parametrize("plugin", TOOLS, ids=ids)
def test_flood(plugin: type[Analyzer], tmp_path: Path) -> None:
    changes, tree = room(tmp_path, FILES)
    with pytest.raises(ToolFailed, match=r"^printed more than 1 MiB$"):
        plugin().run(changes, tree, broken(tmp_path, "exec yes", output=1 << 20))


def test_zizmor_that_never_reads_anything_ends(tmp_path: Path) -> None:
    flows = {f".github/workflows/{number}.yml": FILES[FLOW] for number in range(20)}
    changes, tree = room(tmp_path, flows)
    with pytest.raises(ToolFailed, match=r"^could read none of the files$"):
        Zizmor().run(changes, tree, broken(tmp_path, "exit 1"))
    (tmp_path / "bin" / "zizmor").write_text("#!/bin/sh\nsleep 0.4; exit 1\n")
    tools = runner(tmp_path, [tmp_path / "bin"], seconds=0.9)
    with pytest.raises(ToolFailed, match=r"^did not end within 0\.9 s$"):
        Zizmor().run(changes, tree, tools)


ANSWERS = {
    Shellcheck: (
        '{"comments":[{"file":"a.sh","line":1,"endLine":1,"column":1,"endColumn":2,'
        '"level":"info","code":2086,"message":"m","fix":null}]}'
    ),
    Hadolint: '[{"code":"DL3006","file":"Dockerfile","level":"w","line":1,"message":"m"}]',
    Oxlint: (
        '{"diagnostics":[{"message":"m","code":"eslint(no-eval)","filename":"a.js",'
        '"labels":[{"span":{"offset":1,"length":1,"line":1,"column":1}}]}],"number_of_files":1}'
    ),
    Zizmor: (
        '[{"ident":"artipacked","desc":"d","url":"u","determinations":{"confidence":"High",'
        '"severity":"High"},"locations":[{"symbolic":{"key":{"Local":{"verbatim_path":'
        '".github/workflows/ci.yml"}},"annotation":"m","kind":"Primary","route":{"route":[]}},'
        '"concrete":{"feature":"f","location":{"offset_span":{"start":1,"end":1}}}}]}]'
    ),
}
NAMES = {Shellcheck: "a.sh", Hadolint: "Dockerfile", Oxlint: "a.js", Zizmor: FLOW}
RUBBISH = {
    "text": lambda good, name: "All is well",
    "nothing": lambda good, name: "",
    "half": lambda good, name: good[:-9],
    "nested": lambda good, name: f"[{good}]",
    "null": lambda good, name: "null",
    "wrong type": lambda good, name: good.replace('"m"', "7"),
    "missing": lambda good, name: good.replace('"message":"m"', '"x":1').replace("annotation", "x"),
    "fraction": lambda good, name: good.replace(":1,", ":1.5,"),
    "infinite": lambda good, name: good.replace(":1,", ":1e999,"),
    "not a number": lambda good, name: good.replace(":1,", ":NaN,"),
    "deep": lambda good, name: "[" * 50_000,
    "deep within": lambda good, name: good.replace('"m"', f'"m","x":{"[" * 50_000}'),
    "no text": lambda good, name: "\\377\\376\\000",
    "foreign": lambda good, name: good.replace(name, "/etc/passwd"),
    "traversal": lambda good, name: good.replace(name, f"../../{name}"),
}


def answering(tmp_path: Path, answer: str) -> Runner:
    (tmp_path / "answer").write_text(answer)
    return broken(tmp_path, f"printf \"$(cat '{tmp_path}/answer')\"")


@pytest.mark.parametrize("kind", RUBBISH)
@pytest.mark.parametrize("plugin", TOOLS, ids=ids)
def test_rubbish(plugin: type[Analyzer], kind: str, tmp_path: Path) -> None:
    changes, tree = room(tmp_path, FILES)
    answer = RUBBISH[kind](ANSWERS[plugin], NAMES[plugin])
    with pytest.raises(ToolFailed, match=r"^its output cannot|^it reported a file"):
        plugin().run(changes, tree, answering(tmp_path, answer))


@pytest.mark.parametrize("plugin", TOOLS, ids=ids)
def test_the_good_answer_is_taken(plugin: type[Analyzer], tmp_path: Path) -> None:
    changes, tree = room(tmp_path, FILES)
    run = plugin().run(changes, tree, answering(tmp_path, ANSWERS[plugin]))
    assert [(f.span.path, f.span.start, f.span.end) for f in run.findings] == [
        (NAMES[plugin], 1, 1)
    ]
    assert run.version == "1.2.3"


@pytest.mark.parametrize("number", ["0", "-1", "99", "9" * 30, "9223372036854775808"])
@pytest.mark.parametrize("plugin", TOOLS, ids=ids)
def test_numbers_out_of_range_stay_within_the_file(
    plugin: type[Analyzer], number: str, tmp_path: Path
) -> None:
    changes, tree = room(tmp_path, FILES)
    answer = ANSWERS[plugin].replace(":1,", f":{number},").replace('"end":1', f'"end":{number}')
    answer = answer.replace('files":' + number, 'files":1')
    run = plugin().run(changes, tree, answering(tmp_path, answer))
    (found,) = run.findings
    last = FILES[NAMES[plugin]].count(b"\n")
    assert 1 <= found.span.start <= found.span.end <= last


def test_oxlint_that_passes_over_files_has_failed(tmp_path: Path) -> None:
    changes, tree = room(tmp_path, {**FILES, "b.js": b"debugger\n"})
    with pytest.raises(ToolFailed, match=r"^it read 1 of 2 files$"):
        Oxlint().run(changes, tree, answering(tmp_path, ANSWERS[Oxlint]))
