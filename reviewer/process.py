"""The only home of `subprocess`: a clean environment, a deadline, an output cap, a cage.

The cage is put on between fork and exec: a session of its own, limits on memory, processor time,
file size and open files, no core dumps, `no_new_privs`, and on Linux a seccomp filter under which
`socket`, `io_uring_setup` and `ptrace` fail with EACCES. When we are root, the program runs as
nobody (65534) if everybody may reach it and the folders it works in; if not, it stays root, but
without any capability. Either way it cannot read our environment through /proc.
"""

import contextlib
import ctypes
import math
import os
import platform
import resource
import selectors
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Final, cast

from reviewer.errors import ToolFailed, ToolMissing

NOBODY: Final = 65534
"""uid and gid of nobody on Linux (Linux Standard Base, user names)."""

GRACE: Final = 3.0
"""Seconds that a part of ours has for ending in order; the runner of GitHub kills 2.5 s after its
second signal (actions/runner, ProcessInvoker.cs)."""

LINE_BYTES: Final = 1 << 20
"""A longer line of a part of ours is passed on in pieces: GitHub cuts annotations far below."""

STDERR_BYTES: Final = 64 * 1024
"""How much of a tool's stderr is kept; the rest is read and thrown away."""

CHUNK: Final = 1 << 18
"""Bytes read or written at once."""

LIMITS: Final = {
    resource.RLIMIT_CPU: 600,
    resource.RLIMIT_FSIZE: 256 << 20,
    resource.RLIMIT_NOFILE: 1024,
    resource.RLIMIT_CORE: 0,
}
MEMORY: Final = 4 << 30
"""Bytes of address space for a caged program, unless the call says otherwise."""

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_SECCOMP: Final = 22
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
"""Operations of prctl(2), from linux/prctl.h."""

CAPABILITIES: Final = 64
"""More than Linux has (41 in linux/capability.h); dropping one that is not there just fails."""

AUDIT_ARCH: Final = {
    "x86_64": (0xC000003E, (41, 425, 101)),
    "aarch64": (0xC00000B7, (198, 425, 117)),
}
"""Audit architecture; numbers of socket, io_uring_setup, ptrace (linux/audit.h, asm/unistd.h)."""


def _bpf(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _seccomp_program(machine: str) -> bytes:
    """A classic BPF filter: EACCES for the denied calls, kill for another architecture.

    Opcodes are those of linux/bpf_common.h: load word 0x20, jump if equal 0x15, jump if greater or
    equal 0x35, return 0x06. Actions are SECCOMP_RET_ALLOW, _ERRNO and _KILL_PROCESS of
    linux/seccomp.h. 0x40000000 marks x32 system calls.
    """
    audit, denied = AUDIT_ARCH[machine]
    last = len(denied)
    program = [
        _bpf(0x20, 4),
        _bpf(0x15, audit, 1, 0),
        _bpf(0x06, 0x80000000),
        _bpf(0x20, 0),
        _bpf(0x35, 0x40000000, last + 1, 0),
    ]
    program += [_bpf(0x15, number, last - i, 0) for i, number in enumerate(denied)]
    return b"".join([*program, _bpf(0x06, 0x7FFF0000), _bpf(0x06, 0x00050000 | 13)])


@cache
def _seccomp() -> Callable[[], None] | None:
    """What puts the filter on, None where there is none. All it needs is made before the fork."""
    if sys.platform != "linux" or platform.machine() not in AUDIT_ARCH:
        return None
    prctl = ctypes.CDLL(None).prctl
    program = _seccomp_program(platform.machine())
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    argument = ctypes.create_string_buffer(header, len(header))

    def apply() -> None:
        if os.geteuid() == 0:
            for capability in range(CAPABILITIES):
                prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, 2, argument, 0, 0):
            os.write(2, b"this system does not let us put on the sandbox\n")
            os._exit(99)

    apply.__dict__["keeps"] = code
    return apply


_LIVING: Final[set[int]] = set()
_STOPPED: Final = threading.Event()
"""The process groups at work, and whether they are to end."""


def stop() -> None:
    """End all programs that are running, and let no other start: we are cancelled."""
    _STOPPED.set()
    for group in tuple(_LIVING):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def hide_environment() -> None:
    """Make /proc/<our pid>/environ unreadable for other processes of our own user (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def reachable_by_all(place: Path) -> bool:
    """Whether everybody may read (and enter or run) `place`, through each folder above it."""
    try:
        return all(
            target.stat().st_mode & 0o005 == 0o005
            and all(folder.stat().st_mode & 0o001 for folder in target.parents)
            for target in (place.absolute(), place.resolve())
        )
    except OSError:
        return False


@cache
def runnable_by_all(program: Path) -> bool:
    """Whether everybody may run `program` and, if it is a script, its interpreter."""
    if not reachable_by_all(program):
        return False
    with program.open("rb") as file:
        head = file.read(4096).partition(b"\n")[0]
    interpreter = head[2:].split()[:1] if head.startswith(b"#!") else []
    return all(reachable_by_all(Path(os.fsdecode(word))) for word in interpreter)


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that came to its end. `seconds` is wall-clock time."""

    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float

    @property
    def complaint(self) -> str:
        """The last line of stderr, for a reason."""
        lines = self.stderr.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else "no message"


def run(  # noqa: PLR0913  # all but the first are named
    argv: Sequence[str | bytes],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: bytes = b"",
    seconds: float = 60.0,
    output: int = 64 << 20,
    before_exec: Callable[[], None] | None = None,
    nobody: bool = False,
) -> Finished:
    """Run a program to its end.

    Raises ToolMissing when it cannot be started and ToolFailed when it outlives `seconds`, prints
    more than `output` bytes, or the cage cannot be put on. Its whole process group is killed at
    the end, whatever the end was.
    """
    started = time.monotonic()
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if nobody else {}
    try:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=before_exec,  # noqa: PLW1509  # all it needs is made before the fork
            **user,  # type: ignore[call-overload]
        )
    except OSError as error:
        raise ToolMissing(f"cannot be started: {error.strerror}") from error
    except subprocess.SubprocessError as error:
        raise ToolFailed(f"its limits cannot be set: {error}") from error
    _LIVING.add(child.pid)
    try:
        if _STOPPED.is_set():
            raise ToolFailed("was cancelled")
        out, err = _converse(child, stdin, started + seconds, seconds, output)
        code = child.wait(max(0.1, started + seconds - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise ToolFailed(f"did not end within {seconds:g} s") from None
    finally:
        _LIVING.discard(child.pid)
        _kill_group(child)
    return Finished(code, out, err, time.monotonic() - started)


Heard = Callable[[str], None]
"""Told one line that a child printed, without its end."""


def attend(  # noqa: PLR0913  # all but the first are named
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    out: Heard,
    err: Heard,
    sealed: bool = False,
    nobody: bool = False,
    ended: Callable[[], bool] | None = None,
    inherits: Sequence[int] = (),
) -> int:
    """Run a part of ours in a process of its own, hearing its lines as they come.

    Returns its status, negative for a signal. It gets no standard input, and a session of its own
    in which it dies with us. When an exception reaches us (a signal that cancels us raises one), it
    is asked to end by SIGTERM and has GRACE seconds for that; the same happens, as ToolFailed, soon
    after `ended` begins to say so. A `sealed` one has no network and no privileges; `nobody` asks
    for that user, and needs root. It `inherits` these descriptors, by their numbers. Raises
    ToolMissing, ToolFailed.
    """
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if nobody else {}
    try:
        child: subprocess.Popen[bytes] = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_tied(sealed=sealed),  # noqa: PLW1509  # made before the fork
            pass_fds=tuple(inherits),
            **user,  # type: ignore[call-overload]
        )
    except OSError as error:
        raise ToolMissing(f"cannot be started: {error.strerror}") from error
    except subprocess.SubprocessError as error:
        raise ToolFailed(f"its limits cannot be set: {error}") from error
    outputs = cast("tuple[IO[bytes], IO[bytes]]", (child.stdout, child.stderr))
    with selectors.DefaultSelector() as selector:
        for stream, heard in zip(outputs, (out, err), strict=True):
            selector.register(stream, selectors.EVENT_READ, _Lines(heard))
        try:
            _hear(selector, child, ended=ended)
            return child.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            _hear(selector, child, time.monotonic() + GRACE)
            raise
        finally:
            _kill_group(child)


def _hear(
    selector: selectors.BaseSelector,
    child: subprocess.Popen[bytes],
    end: float = math.inf,
    ended: Callable[[], bool] | None = None,
) -> None:
    """Pass lines on until all outputs are closed, or until `end` on the monotonic clock.

    Somebody else may hold the outputs open: a child that has ended is heard for a second more.
    """
    while selector.get_map() and (left := end - time.monotonic()) > 0:
        if ended is not None and ended():
            raise ToolFailed("was ended by us")
        for key, _ in selector.select(min(left, 1.0 if ended is None else 0.2)):
            if chunk := os.read(key.fd, CHUNK):
                key.data.feed(chunk)
            else:
                selector.unregister(key.fileobj)
                key.data.close()
        if end == math.inf and child.poll() is not None:
            end = time.monotonic() + 1.0


@dataclass(slots=True)
class _Lines:
    """Cuts what a child prints into lines; one that is too long is cut as well."""

    heard: Heard
    rest: bytes = b""

    def feed(self, chunk: bytes) -> None:
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        while len(self.rest) > LINE_BYTES:
            lines.append(self.rest[:LINE_BYTES])
            self.rest = self.rest[LINE_BYTES:]
        for line in lines:
            self.heard(line.decode("utf-8", "replace"))

    def close(self) -> None:
        if self.rest:
            self.heard(self.rest.decode("utf-8", "replace"))


def _tied(*, sealed: bool) -> Callable[[], None]:
    """What runs in a child of ours between fork and exec: it dies with us, and may be sealed off.

    The tie comes last before the seal, because a change of user unties it (prctl(2),
    PR_SET_PDEATHSIG).
    """
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    seccomp = _seccomp() if sealed else None

    def tie() -> None:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if seccomp is not None:
            seccomp()

    return tie


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            _close(stream)
    child.wait()


def _streams(child: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    return cast("tuple[IO[bytes], IO[bytes], IO[bytes]]", (child.stdin, child.stdout, child.stderr))


def _close(stream: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        stream.close()


def _converse(
    child: subprocess.Popen[bytes], stdin: bytes, end: float, seconds: float, cap: int
) -> tuple[bytes, bytes]:
    """Feed `stdin` and collect both outputs until all who hold them have closed them."""
    feed, *outputs = _streams(child)
    collected = out, err = bytearray(), bytearray()
    pending = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        for stream, place in zip(outputs, collected, strict=True):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ, place)
        os.set_blocking(feed.fileno(), False)
        selector.register(feed, selectors.EVENT_WRITE)
        while selector.get_map():
            left = end - time.monotonic()
            if left <= 0:
                raise ToolFailed(f"did not end within {seconds:g} s")
            for key, _ in selector.select(left):
                if key.fileobj is feed:
                    pending = _fed(feed, pending)
                    if not pending:
                        selector.unregister(feed)
                        _close(feed)
                elif chunk := os.read(key.fd, CHUNK):
                    key.data.extend(chunk if key.data is out else chunk[: STDERR_BYTES - len(err)])
                else:
                    selector.unregister(key.fileobj)
            if len(out) > cap:
                raise ToolFailed(f"printed more than {cap >> 20} MiB")
    return bytes(out), bytes(err)


def _fed(stream: IO[bytes], pending: memoryview) -> memoryview:
    """What is left of `pending` after writing as much as goes; nothing if nobody reads."""
    try:
        return pending[os.write(stream.fileno(), pending[:CHUNK]) :]
    except BrokenPipeError:
        return pending[:0]


@dataclass(frozen=True)
class Runner:
    """Starts analyzers: always caged, with the environment and limits of this review.

    `path` are absolute folders where programs are looked for, in order. `seconds` and `output`
    (bytes) bound each call. `scratch` is a private folder for a tool's own files: HOME and TMPDIR.
    """

    path: tuple[Path, ...]
    scratch: Path
    seconds: float = 120.0
    output: int = 64 << 20
    extra: Mapping[str, str] = field(default_factory=dict)

    def which(self, program: str) -> Path:
        """Where `program` is. Raises ToolMissing."""
        for folder in self.path:
            candidate = folder / program
            if candidate.is_file() and os.access(candidate, os.X_OK):
                return candidate
        raise ToolMissing(f"{program} is not installed")

    def environ(self, home: Path) -> dict[str, str]:
        """All that a caged program sees of the environment."""
        return {
            "PATH": os.pathsep.join(map(str, self.path)),
            "HOME": str(home),
            "TMPDIR": str(home),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "DO_NOT_TRACK": "1",
            **self.extra,
        }

    def run(  # noqa: PLR0913  # all but the first are named
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        stdin: bytes = b"",
        ok: Sequence[int] = (0,),
        seconds: float | None = None,
        memory: int = MEMORY,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run `argv` (its first word as `which` gave it) in the cage.

        Raises ToolMissing, and ToolFailed when it hangs, floods, or ends with a code not in `ok`.
        """
        places = [cwd, self.scratch, *(Path(word) for word in argv[1:] if word.startswith("/"))]
        nobody = (
            os.geteuid() == 0
            and runnable_by_all(Path(argv[0]))
            and all(map(reachable_by_all, places))
        )
        finished = run(
            argv,
            cwd=cwd,
            env={**self.environ(self._home(nobody=nobody)), **(env or {})},
            stdin=stdin,
            seconds=self.seconds if seconds is None else seconds,
            output=self.output,
            before_exec=_cage(memory),
            nobody=nobody,
        )
        if finished.returncode not in ok:
            raise ToolFailed(_ending(finished))
        return finished

    def _home(self, *, nobody: bool) -> Path:
        """The folder that a caged program may write to."""
        if not nobody:
            return self.scratch
        home = self.scratch / "nobody"
        home.mkdir(mode=0o700, exist_ok=True)
        os.chown(home, NOBODY, NOBODY)
        return home


def isolated_python(script: Path) -> list[str]:
    """How to start a script of ours: a Python that never looks into the working directory."""
    return [sys.executable, "-I", str(script)]


def _ending(finished: Finished) -> str:
    if finished.returncode < 0:
        try:
            name = signal.Signals(-finished.returncode).name
        except ValueError:
            name = str(-finished.returncode)
        return f"was ended by {name}: {finished.complaint}"
    return f"ended with status {finished.returncode}: {finished.complaint}"


def _cage(memory: int) -> Callable[[], None]:
    """What runs in the child between fork and exec."""
    wanted = {**LIMITS, resource.RLIMIT_AS: memory} if sys.platform == "linux" else LIMITS
    limits: list[tuple[int, tuple[int, int]]] = []
    for what, value in wanted.items():
        hard = resource.getrlimit(what)[1]
        low = value if hard == resource.RLIM_INFINITY else min(value, hard)
        limits.append((what, (low, low)))
    seccomp = _seccomp()

    def cage() -> None:
        for what, pair in limits:
            resource.setrlimit(what, pair)
        if seccomp is not None:
            seccomp()

    return cage
