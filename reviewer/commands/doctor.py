"""`reviewer doctor`: look at this machine, and say what a review would miss and what to do."""

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from reviewer import doctor, plugins, process, tree
from reviewer.arguments import WHOLE
from reviewer.commands import _data as data
from reviewer.commands import _engine as engines
from reviewer.commands import _parts as parts
from reviewer.config import Config, Sections, Settings, from_environ, resolve
from reviewer.doctor import Card, Line, State
from reviewer.errors import ForgeError, InputError, ReviewerError, ToolError
from reviewer.forges._github_calls import API, Calls
from reviewer.git import checkout
from reviewer.model import ChangeSet, FileChange, Hunk, Request, Status, ToolRun
from reviewer.modelling import AuditMode, EngineSettings
from reviewer.private import folder as ours_alone
from reviewer.process import Runner
from reviewer.reports._paper import Paper, Piece, plain
from reviewer.review import one
from reviewer.text import redact, terminal
from reviewer.tree import Entry, Tree

SAMPLE: Final = {
    "sample.py": b'"""A sample."""\n\nVALUE = 1\n',
    "sample.sh": b"#!/bin/sh\necho sample\n",
    "sample.js": b"export const value = 1;\n",
    "Dockerfile": b"FROM scratch\nUSER 65534\n",
    "requirements.txt": b"idna==3.10\n",
    ".github/workflows/sample.yml": b"on: push\npermissions: {}\njobs: {}\n",
}
"""A change that each analyzer looks into, and that hardly any has something to say about."""

SECONDS: Final = 20.0
"""For each program that is asked for its version."""

NVIDIA: Final = (
    "--query-gpu=name,driver_version,memory.total,memory.free",
    "--format=csv,noheader,nounits",
)
SIGNS: Final = ("/.dockerenv", "/run/.containerenv")
"""Files by which Docker and Podman show that this is a container."""

STYLES: Final = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "bold red"}


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer doctor`: 0 if nothing is broken, else 2."""
    with parts.private_folder() as name, parts.Progress(environ) as progress:
        private = Path(name)
        private.chmod(0o711)
        path = parts.search_path(environ, Path(arguments.repo))
        progress.say("looking at this machine")
        lines = [*_machine(arguments, environ, path, private)]
        sections = plugins.discover("reviewer.analyzers")
        try:
            config = _config(arguments, environ, sections, path, private)
        except ReviewerError as error:
            lines.append(doctor.failed("settings", error.message, error.tip))
            config = resolve([], sections)
        else:
            lines.append(doctor.ok("settings", "they are right"))
            progress.say("trying the analyzers on a sample")
            lines += _analyzers(config, environ, path, private)
        progress.say("looking for a model")
        lines += _model(_wanted(arguments, config.settings), environ, path, private)
    if arguments.json:
        parts.show(as_json(lines))
    else:
        parts.show(as_table(lines, **parts.screen(environ)))
    return 2 if doctor.worst(lines) is State.FAILED else 0


def _machine(
    arguments: argparse.Namespace, environ: Mapping[str, str], path: Sequence[Path], private: Path
) -> Iterator[Line]:
    yield doctor.ok("python", f"{platform.python_version()} at {sys.executable}")
    yield doctor.git(_said(["git", "--version"], path, private))
    yield _history(arguments, path, private)
    place = tempfile.gettempdir()
    yield doctor.disk(place, shutil.disk_usage(place).free)
    programs = [each for each in ("docker", "podman") if _which(each, path)]
    inside = any(Path(sign).exists() for sign in SIGNS) or "KUBERNETES_SERVICE_HOST" in environ
    yield doctor.container(inside=inside, programs=programs)
    yield _token(environ)


def _history(arguments: argparse.Namespace, path: Sequence[Path], private: Path) -> Line:
    place = checkout(Path(arguments.repo).resolve())
    if place is None:
        return doctor.history(checkout=False, shallow=False)
    argv = ["git", "-C", str(place), "rev-parse", "--is-shallow-repository"]
    return doctor.history(checkout=True, shallow=_said(argv, path, private).strip() == "true")


class _Rights(msgspec.Struct):
    push: bool | None = None


class _Repository(msgspec.Struct):
    permissions: _Rights | None = None


def _token(environ: Mapping[str, str]) -> Line:
    """One read with the token, where there is one."""
    token = environ.get("GITHUB_TOKEN", "")
    if not token:
        return doctor.token(given=False)
    repository = environ.get("GITHUB_REPOSITORY", "")
    if not repository:
        return doctor.warning(
            "token", "it was not tried: GITHUB_REPOSITORY is not set", "set it to OWNER/NAME"
        )
    try:
        calls = Calls(token, environ.get("GITHUB_API_URL") or API, patience=0, deadline=SECONDS)
        found = calls.read(f"/repos/{repository}", _Repository)
    except (ForgeError, InputError) as error:
        return doctor.token(given=True, problem=str(error))
    return doctor.token(given=True, push=found.permissions.push if found.permissions else None)


def _analyzers(
    config: Config, environ: Mapping[str, str], path: Sequence[Path], private: Path
) -> list[Line]:
    changes, room = sample(parts.folder(private / "room"))
    runner = parts.runner(config, environ, path, private)
    off = config.settings.analyzers.disable
    wanted = [each for name, each in config.analyzers.items() if name not in off]
    with ThreadPoolExecutor(parts.cores()) as pool:
        runs: Iterable[ToolRun] = pool.map(lambda each: one(each, changes, room, runner), wanted)
        return [doctor.analyzer(run) for run in runs]


def _config(
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    sections: Sections,
    path: Sequence[Path],
    private: Path,
) -> Config:
    """The settings of the checkout, the defaults where there is none."""
    if checkout(Path(arguments.repo).resolve()) is None:
        return resolve([from_environ(environ, sections)], sections)
    plain = argparse.Namespace(**WHOLE, repo=arguments.repo)
    forge = parts.local(plain, environ, path, private)
    return parts.config(None, {}, environ, forge, sections)


class _Files:
    """The sample as a repository would give it: each file goes by its name."""

    def read(self, oids: Iterable[str]) -> Iterator[bytes | None]:
        """Contents, in order."""
        return (SAMPLE.get(name) for name in oids)

    def listing(self, head: str) -> Iterator[Entry]:
        """Nothing: no file is there that the change does not hold."""
        del head
        return iter(())


def sample(place: Path) -> tuple[ChangeSet, Tree]:
    """The change that adds the sample, and its clean room in `place`."""
    changes = ChangeSet("base", "sample", tuple(_added(*item) for item in SAMPLE.items()))
    return changes, tree.build(changes, _Files(), place, lambda _: "")


def _added(path: str, data: bytes) -> FileChange:
    lines = data.splitlines()
    body = b"\n".join(b"+" + line for line in lines)
    hunk = Hunk(0, 0, 1, len(lines), "", body)
    return FileChange(path, Status.ADDED, new_mode=0o100644, new_oid=path, hunks=(hunk,))


def _wanted(arguments: argparse.Namespace, settings: Settings) -> Settings:
    """The settings with the engines that the command line names in place of theirs."""
    if not (arguments.url or arguments.model_dir):
        return settings
    named = EngineSettings(
        url=arguments.url or "",
        allow=tuple(arguments.allow),
        model_dir=arguments.model_dir or "",
    )
    return replace(settings, engine=named)


def _model(
    settings: Settings, environ: Mapping[str, str], path: Sequence[Path], private: Path
) -> Iterator[Line]:
    wanted = settings.engine
    yield doctor.model(wanted.mode.value, wanted.url, wanted.model_dir)
    keeps = settings.model.cache or settings.model.audit is not AuditMode.OFF
    if engines.wanted(wanted) and keeps:
        yield _kept(environ, required=settings.model.audit is AuditMode.REQUIRED)
    cards, problem = _cards(path, private)
    yield from doctor.graphics(cards, problem)
    if cards or wanted.model_dir:
        yield doctor.packages([(name, _version(name)) for name in doctor.ENGINE_PACKAGES])
    if not engines.wanted(wanted):
        return
    if wanted.model_dir:
        folder = Path(wanted.model_dir)
        manifest = (folder / "models.lock").is_file()
        yield doctor.weights(str(folder), _size(folder), manifest=manifest, cards=cards)
    if wanted.url:
        # Our own server may take minutes to start: what it needs is looked at, no more.
        nobody = Request("local", "", "", "")
        engine = engines.plain(replace(wanted, model_dir=""), nobody, environ)
        yield doctor.engine(engine.health(time.monotonic() + engine.patience))


def _kept(environ: Mapping[str, str], *, required: bool) -> Line:
    """Whether answers and the audit log can be kept; no folder is made for that."""
    problem, place = "", ""
    try:
        folder = data.folder(environ)
        place = str(folder)
        for each in (data.log(environ), data.answers(environ)):
            if each.exists():
                ours_alone(each)
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            problem = f"{there} cannot be written to"
    except (ReviewerError, OSError) as error:
        why = error.message if isinstance(error, ReviewerError) else error.strerror
        problem = f"{place}: {why}" if place else str(why)
    return doctor.data(place, problem, required=required)


def _cards(path: Sequence[Path], private: Path) -> tuple[tuple[Card, ...], str]:
    if not _which("nvidia-smi", path):
        return (), ""
    cards = doctor.parse_cards(_said(["nvidia-smi", *NVIDIA], path, private))
    return cards, "" if cards else "nvidia-smi finds no card that works"


def _size(folder: Path) -> int:
    """Bytes of the weights in a folder."""
    try:
        return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    except OSError:
        return 0


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _which(program: str, path: Sequence[Path]) -> bool:
    return shutil.which(program, path=os.pathsep.join(map(str, path))) is not None


def _said(argv: Sequence[str], path: Sequence[Path], private: Path) -> str:
    """What a program prints, "" if it cannot."""
    try:
        program = Runner(tuple(path), private).which(argv[0])
        env = {"PATH": os.pathsep.join(map(str, path)), "LANG": "C.UTF-8", "HOME": str(private)}
        done = process.run([str(program), *argv[1:]], cwd=private, env=env, seconds=SECONDS)
    except ToolError:
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def as_json(lines: Sequence[Line]) -> str:
    """All checks, for programs."""
    checks = [
        {"name": each.name, "state": each.state.value, "found": each.found, "cure": each.cure}
        for each in lines
    ]
    told = {"state": doctor.worst(lines).value, "checks": checks}
    return redact(msgspec.json.format(msgspec.json.encode(told)).decode()) + "\n"


def as_table(lines: Sequence[Line], *, width: int, colour: bool) -> str:
    """All checks, for people."""
    paper = Paper(width, colour=colour)
    rows: list[tuple[Piece, ...]] = []
    for each in lines:
        state = (each.state.value, STYLES[each.state])
        rows.append((state, plain(each.name), plain(redact(each.found))))
        if each.cure:
            rows.append((("", ""), ("", ""), (f"→ {terminal(redact(each.cure))}", "dim")))
    paper.rows(rows)
    return paper.read()
