"""The cage: what a program in it can reach, and that it always comes to an end."""

import dataclasses
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewer import process
from reviewer.errors import ToolFailed, ToolMissing
from tests.support.room import living, runner

PYTHON = [sys.executable, "-I", "-c"]
SHELL = ["/bin/sh", "-c"]
SYSTEM = (Path("/usr/bin"), Path("/bin"))
linux = pytest.mark.skipif(sys.platform != "linux", reason="the cage is whole on Linux alone")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "scratch").mkdir(mode=0o755)
        yield place


def test_output_and_status(tmp_path: Path) -> None:
    done = runner(tmp_path).run(
        [*SHELL, "echo out; echo one >&2; echo two >&2; exit 3"], cwd=tmp_path, ok=(3,)
    )
    assert (done.returncode, done.stdout, done.complaint) == (3, b"out\n", "two")


def test_other_status_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="ended with status 2: bad option"):
        runner(tmp_path).run([*SHELL, "echo bad option >&2; exit 2"], cwd=tmp_path)


def test_signal_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="was ended by SIGSEGV: no message"):
        runner(tmp_path).run([*SHELL, "kill -SEGV $$"], cwd=tmp_path)


def test_missing_program(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match="absent is not installed"):
        runner(tmp_path).which("absent")
    with pytest.raises(ToolMissing, match="cannot be started: No such file"):
        runner(tmp_path).run(["/nonexistent/absent"], cwd=tmp_path)


def test_which_takes_the_first_that_can_run(tmp_path: Path) -> None:
    for name, mode in (("a", 0o644), ("b", 0o755), ("c", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool").touch(mode)
    tools = process.Runner(tuple(tmp_path / name for name in "abc"), tmp_path)
    assert tools.which("tool") == tmp_path / "b" / "tool"


def test_large_input_and_output(tmp_path: Path) -> None:
    data = bytes(range(256)) * 40_000
    done = runner(tmp_path).run(["/bin/cat"], cwd=tmp_path, stdin=data)
    assert done.stdout == data


def test_input_that_nobody_reads(tmp_path: Path) -> None:
    done = runner(tmp_path).run([*SHELL, "exit 0"], cwd=tmp_path, stdin=b"x" * (8 << 20))
    assert done.returncode == 0


def test_input_ends(tmp_path: Path) -> None:
    assert runner(tmp_path).run(["/bin/cat"], cwd=tmp_path).stdout == b""


def test_flood_is_cut(tmp_path: Path) -> None:
    tools = dataclasses.replace(runner(tmp_path), output=1 << 20)
    started = time.monotonic()
    with pytest.raises(ToolFailed, match="printed more than 1 MiB"):
        tools.run([*SHELL, "exec yes"], cwd=tmp_path)
    assert time.monotonic() - started < 10


def test_flood_of_complaints_is_read_and_not_kept(tmp_path: Path) -> None:
    done = runner(tmp_path).run([*SHELL, "head -c 20000000 /dev/zero >&2; echo done"], cwd=tmp_path)
    assert done.stdout == b"done\n"
    assert len(done.stderr) == process.STDERR_BYTES


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        "sleep 60",
        "exec >&- 2>&-; sleep 60",
        "trap '' TERM INT; while :; do :; done",
        "(sleep 60; echo late) & exit 0",
    ],
    ids=["sleeps", "closes its outputs", "spins", "leaves a child that holds the pipes"],
)
def test_hang_ends_at_the_deadline(tmp_path: Path, script: str) -> None:
    note = tmp_path / "pid"
    started = time.monotonic()
    with pytest.raises(ToolFailed, match=r"did not end within 0\.6 s"):
        runner(tmp_path).run([*SHELL, f"echo $$ >{note}; {script}"], cwd=tmp_path, seconds=0.6)
    assert time.monotonic() - started < 5
    assert not living(int(note.read_text()))


def test_children_do_not_outlive_the_program(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    runner(tmp_path).run(
        [*SHELL, f"echo $$ >{note}; sleep 60 >/dev/null 2>&1 & exit 0"], cwd=tmp_path
    )
    assert not living(int(note.read_text()))


def test_nothing_is_left_open(tmp_path: Path) -> None:
    tools = runner(tmp_path)
    before = len(list(Path("/dev/fd").iterdir()))
    for script in ("exit 0", "sleep 9"):
        try:
            tools.run([*SHELL, script], cwd=tmp_path, seconds=0.2)
        except ToolFailed:
            assert script == "sleep 9"
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_environment_is_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    tools = dataclasses.replace(runner(tmp_path), extra={"EXTRA": "1"})
    done = tools.run(["/usr/bin/env"], cwd=tmp_path, env={"MORE": "2"})
    names = {line.split(b"=")[0].decode() for line in done.stdout.splitlines()}
    assert names == {
        "PATH", "HOME", "TMPDIR", "LANG", "NO_COLOR", "DO_NOT_TRACK", "EXTRA", "MORE",
    }  # fmt: skip
    assert b"canary" not in done.stdout


@linux
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX"])
def test_no_sockets(tmp_path: Path, family: str) -> None:
    code = (
        f"import socket\ntry: socket.socket(socket.{family})\nexcept OSError as e: print(e.errno)"
    )
    assert runner(tmp_path).run([*PYTHON, code], cwd=tmp_path).stdout == b"13\n"
    free = subprocess.run([*PYTHON, code], capture_output=True, check=True)
    assert free.stdout == b"", "without the cage it works"


@linux
@pytest.mark.parametrize("where", ["private", "public"])
def test_our_environment_cannot_be_read(
    tmp_path: Path, public: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A parent of its own, since hiding the environment cannot be undone in this process."""
    place = tmp_path if where == "private" else public
    code = (
        "import pathlib, sys; from reviewer import process; process.hide_environment()\n"
        "place = pathlib.Path(sys.argv[1])\n"
        "tools = process.Runner((pathlib.Path('/bin'),), place)\n"
        "done = tools.run(['/bin/sh', '-c', 'cat /proc/$PPID/environ'], cwd=place, ok=(0, 1))\n"
        "print(done.returncode, done.stdout, done.complaint)"
    )
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    said = subprocess.run(
        [sys.executable, "-c", code, str(place)],
        capture_output=True, text=True, check=True, cwd=Path(process.__file__).parents[1],
    ).stdout  # fmt: skip
    assert said.startswith("1 b''")
    assert "Permission denied" in said


@linux
@as_root
def test_root_runs_programs_as_nobody_where_it_can(public: Path) -> None:
    tools = process.Runner(SYSTEM, public / "scratch")
    script = [
        *SHELL,
        "id -u; echo x >$HOME/mine && cat $HOME/mine; grep NoNewPrivs /proc/self/status",
    ]
    words = tools.run(script, cwd=public).stdout.split()
    assert words == [b"65534", b"x", b"NoNewPrivs:", b"1"]
    assert tools.run([*SHELL, "id -G"], cwd=public).stdout == b"65534\n"


@linux
@as_root
def test_root_that_stays_has_no_capability(tmp_path: Path, public: Path) -> None:
    script = [*SHELL, "id -u; grep CapEff /proc/self/status"]
    for cwd, scratch in ((tmp_path, public), (public, tmp_path)):
        words = process.Runner(SYSTEM, scratch).run(script, cwd=cwd).stdout.split()
        assert words == [b"0", b"CapEff:", b"0" * 16]


@as_root
def test_script_of_a_private_interpreter_stays_root(tmp_path: Path, public: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "sh").symlink_to("/bin/sh")
    tool = public / "tool"
    tool.write_text(f"#!{tmp_path}/sh\nid -u\n")
    tool.chmod(0o755)
    tools = process.Runner((public, *SYSTEM), public / "scratch")
    assert tools.run([str(tools.which("tool"))], cwd=public).stdout == b"0\n"
    tool.write_text("#!/bin/sh\nid -u\n")
    process.runnable_by_all.cache_clear()
    assert tools.run([str(tools.which("tool"))], cwd=public).stdout == b"65534\n"
    assert tools.run([str(tool), str(tmp_path)], cwd=public).stdout == b"0\n"


@linux
def test_limits(tmp_path: Path) -> None:
    code = (
        "import resource as r\n"
        "for n in ('CPU', 'FSIZE', 'NOFILE', 'CORE', 'AS'):"
        " print(*r.getrlimit(getattr(r, 'RLIMIT_' + n)))"
    )
    done = runner(tmp_path).run([*PYTHON, code], cwd=tmp_path, memory=1 << 30)
    got = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    for (low, high), limit in zip(got, [*process.LIMITS.values(), 1 << 30], strict=True):
        assert low == high <= limit


@linux
def test_memory_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="MemoryError"):
        runner(tmp_path).run([*PYTHON, "x = bytearray(1 << 30)"], cwd=tmp_path, memory=512 << 20)


@linux
def test_files_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"SIGXFSZ|[Ff]ile (too large|size limit)"):
        runner(tmp_path).run([*SHELL, "head -c 300M /dev/zero >big"], cwd=tmp_path)


@linux
def test_a_lower_hard_limit_stays(tmp_path: Path) -> None:
    """In a process of its own, since a lowered limit cannot be raised again."""
    code = (
        "import pathlib, resource, sys; from reviewer import process\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))\n"
        "place = pathlib.Path(sys.argv[1])\n"
        "done = process.Runner((), place).run(['/bin/sh', '-c', 'ulimit -n'], cwd=place)\n"
        "print(done.stdout)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=Path(process.__file__).parents[1],
    ).stdout  # fmt: skip
    assert said == "b'99\\n'\n"
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 99


@pytest.mark.slow
def test_many_threads_start_programs(tmp_path: Path) -> None:
    tools = runner(tmp_path)
    outputs: list[bytes] = []

    def start(number: int) -> None:
        outputs.append(tools.run([*SHELL, f"echo {number}"], cwd=tmp_path).stdout)

    threads = [threading.Thread(target=start, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outputs) == sorted(b"%d\n" % n for n in range(40))


def test_own_python_does_not_import_from_the_working_directory(tmp_path: Path) -> None:
    canary = tmp_path / "pwned"
    (tmp_path / "json.py").write_text(f"open({str(canary)!r}, 'w')")
    script = tmp_path / "elsewhere" / "script.py"
    script.parent.mkdir()
    script.write_text("import json")
    runner(tmp_path).run(process.isolated_python(script), cwd=tmp_path)
    assert not canary.exists()
    subprocess.run([sys.executable, "-c", "import json"], cwd=tmp_path, check=True)
    assert canary.exists(), "a careless call does import it"


def test_signal_numbers_without_a_name() -> None:
    finished = process.Finished(-(signal.NSIG + 7), b"", b"", 0.0)
    assert str(signal.NSIG + 7) in process._ending(finished)


# Parts of ours, attended


def attended(
    *argv: str, cwd: Path = Path("/"), **options: bool
) -> tuple[int, list[str], list[str]]:
    out: list[str] = []
    err: list[str] = []
    env = {"PATH": "/usr/bin:/bin"}
    code = process.attend(
        argv,
        cwd=cwd,
        env=env,
        out=out.append,
        err=err.append,
        **options,  # type: ignore[arg-type]
    )
    return code, out, err


@pytest.mark.slow
def test_lines_are_heard_as_they_come(tmp_path: Path) -> None:
    heard: list[float] = []
    body = "echo one; sleep 0.4; printf 'two\\nthree'; echo four >&2; exit 7"
    code = process.attend(
        [*SHELL, body], cwd=tmp_path, env={}, err=lambda _: None,
        out=lambda _: heard.append(time.monotonic()),
    )  # fmt: skip
    assert code == 7
    assert len(heard) == 3
    assert heard[1] - heard[0] > 0.2
    assert attended(*SHELL, body)[1:] == (["one", "two", "three"], ["four"])


def test_an_endless_line_comes_in_pieces() -> None:
    _, out, _ = attended(*SHELL, "head -c 3000000 /dev/zero | tr '\\0' x")
    assert sum(map(len, out)) == 3_000_000
    assert max(map(len, out)) <= process.LINE_BYTES


def test_a_child_that_cannot_be_started_or_is_killed() -> None:
    with pytest.raises(ToolMissing, match="cannot be started"):
        attended("/nonexistent/absent")
    assert attended(*SHELL, "kill -9 $$")[0] == -signal.SIGKILL


@pytest.mark.slow
def test_who_holds_the_outputs_does_not_hold_us() -> None:
    started = time.monotonic()
    code, out, _ = attended(*SHELL, "(sleep 30) & echo done")
    assert (code, out) == (0, ["done"])
    assert time.monotonic() - started < 5


@linux
def test_a_sealed_child_has_no_network() -> None:
    script = "import socket; socket.socket()"
    code, _, err = attended(*PYTHON, script, sealed=True)
    assert (code, "PermissionError" in err[-1]) == (1, True)
    assert attended(*PYTHON, script)[0] == 0


@linux
@as_root
def test_a_child_as_nobody() -> None:
    assert attended("/usr/bin/id", "-u", nobody=True, sealed=True)[1] == [str(process.NOBODY)]


class Cancelled(BaseException):
    """As the command line raises it on a signal."""


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_cancelled_child_ends_in_order(
    stubborn: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "GRACE", 0.5)
    trap = "" if stubborn else "echo bye; exit 0"
    body = f"trap '{trap}' TERM; echo $$; while :; do sleep 0.05; done"
    heard: list[str] = []

    def hear(line: str) -> None:
        heard.append(line)
        if len(heard) == 1:
            raise Cancelled

    started = time.monotonic()
    with pytest.raises(Cancelled):
        process.attend([*SHELL, body], cwd=tmp_path, env={}, out=hear, err=hear)
    assert time.monotonic() - started < 3
    assert heard[1:] == ([] if stubborn else ["bye"])
    assert not living(int(heard[0]))


@linux
@pytest.mark.parametrize("nobody", [False, pytest.param(True, marks=as_root)])
def test_a_child_dies_with_us(nobody: bool, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    told.touch()
    tmp_path.chmod(0o755)
    script = (
        "import sys; from pathlib import Path; from reviewer import process;"
        "process.attend(['/bin/sh', '-c', 'echo $$; exec sleep 60'], cwd=Path('/'), env={},"
        f"out=lambda line: Path({str(told)!r}).write_text(line), err=print, nobody={nobody})"
    )
    with subprocess.Popen([*PYTHON, script]) as parent:
        while not told.read_text():
            time.sleep(0.02)
        parent.kill()
    assert not living(int(told.read_text()))
