"""What the commands share: a place to work in, the checkout, the settings in force, the runner."""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from reviewer import baseline, plugins
from reviewer.arguments import CONFIG_FILE
from reviewer.config import FLAGS, Config, Layer, Sections, from_environ, from_flags, parse, resolve
from reviewer.engines.none import Nobody
from reviewer.errors import ConfigError, InputError, NotDelivered
from reviewer.forges.local import STAGED, WORKTREE, Local
from reviewer.git import checkout
from reviewer.model import Request
from reviewer.process import Runner
from reviewer.prompts import Prompts
from reviewer.reports.json import RequestRecord
from reviewer.review import Means
from reviewer.text import log_line, redact
from reviewer.tree import FILE_BYTES

COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
"""The full name of a commit, by SHA-1 or SHA-256."""

REQUEST_BYTES: Final = 1 << 16

ELSEWHERE: Final = "send it to a file: `review` does by --output"

PASSED_ON: Final = ("TRIVY_CACHE_DIR",)
"""Variables that analyzers may see: where data lies that was prepared on the runner."""


def private_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with the review. What a tool wedges in there must not cost the report."""
    try:
        return tempfile.TemporaryDirectory(prefix="reviewer-", ignore_cleanup_errors=True)
    except OSError as error:
        raise InputError(
            f"there is no place for temporary files: {error.strerror}",
            "name a folder that can be written to by TMPDIR",
        ) from error


def flags(arguments: argparse.Namespace) -> dict[str, str | None]:
    """The options that are settings, by their names."""
    return {name: getattr(arguments, name.replace("-", "_")) for name in FLAGS}


def local(
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    path: Sequence[Path],
    private: Path,
) -> Local:
    """The change that the options name, read with `path` as PATH."""
    patch: bytes | None = None
    asked = None if arguments.request is None else asked_in(Path(arguments.request))
    if asked is not None and (arguments.base or arguments.head):
        raise InputError("--request goes with neither --base nor --head", "leave one of them out")
    if arguments.diff is not None:
        if arguments.base or arguments.head:
            raise InputError("--diff goes with neither --base nor --head", "leave one of them out")
        try:
            patch = (
                sys.stdin.buffer.read()
                if arguments.diff == "-"
                else Path(arguments.diff).read_bytes()
            )
        except OSError as error:
            raise InputError(
                f"cannot read {arguments.diff}: {error.strerror}", "name a diff by --diff FILE"
            ) from error
    if arguments.head and (arguments.staged or arguments.worktree):
        raise InputError(
            "--head goes with neither --staged nor --worktree", "leave one of them out"
        )
    place = Path(arguments.repo)
    if not place.is_dir():
        raise InputError(f"there is no folder {arguments.repo}", "name the checkout by --repo DIR")
    extent = WORKTREE if arguments.worktree else STAGED if arguments.staged else ""
    return Local(
        folder=place,
        scratch=folder(private / "git"),
        git_path=os.pathsep.join(map(str, path)),
        base=arguments.base or "",
        head=arguments.head or "",
        extent=extent,
        index=environ.get("GIT_INDEX_FILE", ""),
        patch=patch,
        asked=asked,
    )


def asked_in(file: Path) -> Request:
    """The request that a file holds as JSON, of commits by their full names. Raises InputError."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            record = msgspec.json.decode(opened.read(REQUEST_BYTES), type=RequestRecord)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise InputError(f"{file} is no request: {error}") from error
    for commit in (record.base, record.head, record.target):
        if not COMMIT.fullmatch(commit):
            raise InputError(f"{file}: {commit!r} is no full name of a commit")
    return msgspec.convert(record, Request, from_attributes=True)


def write_request(request: Request, file: Path) -> None:
    """What `asked_in` reads."""
    file.write_bytes(msgspec.json.encode(request))


def config(
    file: str | None,
    given: Mapping[str, str | None],
    environ: Mapping[str, str],
    forge: Local,
    sections: Sections,
) -> Config:
    """The settings in force: defaults < file < environment and inputs < command line."""
    layers = [file_layer(file, forge, sections)]
    return resolve([*layers, from_environ(environ, sections), from_flags(given)], sections)


def file_layer(file: str | None, forge: Local, sections: Sections) -> Layer:
    """The settings of the file that was named, else of the base's own.

    With a request the change may hold any file, so that a name means one of the base.
    """
    if forge.asked is not None:
        return _base_layer(file or CONFIG_FILE, forge, sections, wanted=file is not None)
    if file is not None:
        try:
            return parse(Path(file).read_bytes(), file, sections)
        except OSError as error:
            raise InputError(
                f"cannot read {file}: {error.strerror}", "name the settings by --config FILE"
            ) from error
    return _base_layer(CONFIG_FILE, forge, sections)


def _base_layer(path: str, forge: Local, sections: Sections, *, wanted: bool = False) -> Layer:
    """The settings in a file of the base, none where there is no such file, unless it is `wanted`.

    Raises ConfigError.
    """
    data, name = of_base(forge, path, "name the settings by --config FILE")
    if data is None and wanted:
        raise ConfigError(f"{forge.trusted_ref[:12]} has no file {path}", "name one of that commit")
    return {} if data is None else parse(data, name, sections)


def known(forge: Local) -> tuple[baseline.Entry, ...]:
    """The findings that the base of the change knows. Raises ConfigError."""
    data, name = of_base(forge, baseline.FILE, "write a new one: reviewer baseline")
    return () if data is None else baseline.parse(data, name)


def of_base(forge: Local, path: str, tip: str) -> tuple[bytes | None, str]:
    """A file of the base, None when it has none, and its name for messages. Raises ConfigError."""
    ref = forge.trusted_ref
    if not ref or not forge.repository.has(ref, path):
        return None, path
    name = f"{ref[:12]}:{path}"
    data = forge.repository.at(ref, path)
    if data is None:
        limit = f"{FILE_BYTES >> 20} MiB"
        raise ConfigError(f"{name} is not a regular file of at most {limit} that can be read", tip)
    return data, name


def search_path(environ: Mapping[str, str], *places: Path) -> list[Path]:
    """Where programs are looked for: beside ours, then PATH, but never inside of the checkouts.

    The root of the file system is none: it holds every program.
    """
    inside = [folder for folder in map(top, places) if folder != folder.parent]
    named = [Path(entry) for entry in environ.get("PATH", os.defpath).split(os.pathsep)]
    outside = [
        p
        for p in named
        if p.is_absolute()
        and p.is_dir()
        and not any(p.resolve().is_relative_to(folder) for folder in inside)
    ]
    return [Path(sys.executable).parent, *outside]


def top(place: Path) -> Path:
    """The checkout around `place`, or the folder itself."""
    here = place.resolve()
    return checkout(here) or here


def runner(
    config: Config, environ: Mapping[str, str], path: Sequence[Path], private: Path
) -> Runner:
    """What starts the tools, in a folder of its own below `private`."""
    scratch = folder(private / "scratch")
    if os.geteuid() == 0:
        # Caged programs run as nobody then, and need a place of their own.
        scratch.chmod(0o1777)
    passed_on = {name: environ[name] for name in PASSED_ON if name in environ}
    return Runner(tuple(path), scratch, config.settings.limits.seconds, extra=passed_on)


def means(  # each is another part
    config: Config,
    environ: Mapping[str, str],
    path: Sequence[Path],
    private: Path,
    progress: "Progress",
    reports: Sequence[Path] = (),
) -> Means:
    """What a review by these settings works with, but for a model; `reports` are its coverage
    reports.
    """
    off = config.settings.analyzers.disable
    return Means(
        analyzers=[each for name, each in config.analyzers.items() if name not in off],
        engine=Nobody(),
        prompts=Prompts.of({}),
        coverage_formats=[cls() for cls in plugins.discover("reviewer.coverage").values()],
        coverage_reports=reports,
        runner=runner(config, environ, path, private),
        place=folder(private / "room"),
        workshop=folder(private / "workshop"),
        workers=config.settings.limits.workers or cores(),
        progress=progress.say,
    )


def unlinked(workspace: Path, name: str) -> Path:
    """Where `name` lies by a workspace that the change may have filled with symbolic links.

    A place behind a link becomes the link, which no reader of ours follows. Names that start or
    lead elsewhere are those of whoever runs the command, and stay.
    """
    place = Path(os.path.normpath(workspace / name))
    steps = place.relative_to(workspace).parts if place.is_relative_to(workspace) else ()
    for number in range(1, len(steps) + 1):
        if (step := workspace.joinpath(*steps[:number])).is_symlink():
            return step
    return place


def cores() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def folder(path: Path) -> Path:
    """Make a folder that every tool may enter."""
    path.mkdir()
    path.chmod(0o755)
    return path


def write(text: str, target: Path, inside: Path) -> None:
    """Write a file, unless a symbolic link of the checkout `inside` decides where it goes.

    Raises NotDelivered.
    """
    if through_link(target, inside):
        raise NotDelivered(
            f"cannot write {target}: a symbolic link of the checkout decides where it goes",
            "name another place by --output",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NotDelivered(
            f"cannot write {target}: {error.strerror}", "name another place by --output"
        ) from error


def screen(environ: Mapping[str, str]) -> dict[str, Any]:
    """Width and colour of standard output (https://no-color.org, https://force-color.org)."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    colour = bool(environ.get("FORCE_COLOR")) or (terminal and not environ.get("NO_COLOR"))
    return {"width": shutil.get_terminal_size((100, 24)).columns, "colour": colour}


def show(text: str) -> None:
    """Write to standard output. Raises NotDelivered."""
    if sys.stdout is None:
        raise NotDelivered("standard output is closed", ELSEWHERE)
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.flush()
    except OSError as error:
        # What is still in the buffer must not fail a second time when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise NotDelivered(
                f"cannot write to standard output: {error.strerror}", ELSEWHERE
            ) from error


def through_link(target: Path, inside: Path) -> bool:
    """Whether a symbolic link of the checkout `inside` lies on the way to `target`."""
    place = Path.cwd() / target
    return any(
        part.is_symlink() and part.parent.resolve().is_relative_to(inside)
        for part in (place, *place.parents)
    )


def warn(message: str) -> None:
    """Say on standard error what does not end the command."""
    if sys.stderr is not None:
        print(f"reviewer: {log_line(redact(message))}", file=sys.stderr, flush=True)


class Progress:
    """Says on standard error what is going on: a moving line on a terminal, plain lines in CI."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.plain = bool(environ.get("CI")) and sys.stderr is not None
        self.status: Any = None

    def __enter__(self) -> "Progress":
        if sys.stderr is not None and sys.stderr.isatty() and not self.plain:
            from rich.console import Console  # noqa: PLC0415 - 60 ms that only a terminal needs

            self.status = Console(stderr=True).status("starting")
            self.status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.status is not None:
            self.status.stop()

    def say(self, what: str) -> None:
        """Show `what`, words of our own."""
        if self.status is not None:
            self.status.update(what)
        elif self.plain:
            print(f"reviewer: {what}", file=sys.stderr, flush=True)
