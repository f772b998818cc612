"""Whole reviews for tests: checkouts with a change, analyzers that misbehave, the real command."""

import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reviewer import plugins
from reviewer.config import Settings
from reviewer.engines.base import Engine
from reviewer.engines.none import Nobody
from reviewer.forges.local import Local
from reviewer.model import Category, ChangeSet, Finding, Outcome, Report, ToolRun
from reviewer.process import Runner
from reviewer.prompts import Prompts
from reviewer.review import Means, review
from reviewer.tree import Tree
from tests.support.gitrepo import commits, git, new_repository
from tests.support.room import BIN, runner

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Says:
    """An analyzer that reports what it is told to, after a while."""

    name: str
    findings: tuple[Finding, ...] = ()
    measures: tuple[Category, ...] = (Category.SECURITY,)
    seconds: float = 0.0

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        time.sleep(self.seconds)
        return ToolRun(self.name, Outcome.OK, findings=self.findings, measures=self.measures)


@dataclass(frozen=True)
class Raises:
    """An analyzer that ends in an exception."""

    name: str
    error: Exception
    measures: tuple[Category, ...] = ()

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        raise self.error


@dataclass(frozen=True)
class Gives:
    """An analyzer that gives back whatever it is told to."""

    name: str
    result: object
    measures: tuple[Category, ...] = ()

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> object:
        return self.result


Analyzers = Sequence[Any]


def raw(files: Files) -> dict[bytes, tuple[str, bytes]]:
    """Regular files as `gitrepo.commits` takes them."""
    return {os.fsencode(name): ("100644", data) for name, data in files.items()}


def branch(
    folder: Path,
    base: Mapping[bytes, tuple[str, bytes]],
    head: Mapping[bytes, tuple[str, bytes]],
    *,
    checked_out: bool = True,
) -> tuple[str, str]:
    """A repository with `base` on main and one commit more, `head`, on the branch feature."""
    new_repository(folder)
    before, after = commits(folder, base, head)
    own = folder / ".git"
    (own / "refs/heads/main").write_text(f"{before}\n")
    (own / "refs/heads/feature").write_text(f"{after}\n")
    (own / "HEAD").write_text("ref: refs/heads/feature\n")
    if checked_out:
        git(folder, "reset", "-q", "--hard")
    return before, after


def checkout(folder: Path, base: Files, head: Files) -> tuple[str, str]:
    """`branch` for regular files."""
    return branch(folder, raw(base), raw(head))


def reviewed(
    forge: Local,
    place: Path,
    analyzers: Analyzers,
    settings: Settings | None = None,
    reports: Sequence[Path] = (),
    tools: Runner | None = None,
    engine: Engine | None = None,
) -> Report:
    """The report of a review by these analyzers, in this process."""
    request = forge.request({})
    (place / "room").mkdir()
    (place / "workshop").mkdir()
    means = Means(
        analyzers=analyzers,
        engine=engine or Nobody(),
        prompts=Prompts.of({}),
        coverage_formats=[cls() for cls in plugins.discover("reviewer.coverage").values()],
        coverage_reports=reports,
        runner=tools or runner(place),
        place=place / "room",
        workshop=place / "workshop",
        workers=4,
        progress=lambda _: None,
    )
    return review(request, forge.changes(request), settings or Settings(), means)


def local(folder: Path, place: Path, **options: object) -> Local:
    """The change of a checkout, with a folder of its own for scratch below `place`."""
    scratch = place / "git-scratch"
    scratch.mkdir(parents=True)
    return Local(folder=folder, scratch=scratch, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str


def reviewer(
    *words: str,
    cwd: Path,
    python: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    before: Callable[[], None] | None = None,
) -> Done:
    """The real command, in a process of its own, by the interpreter of an installation."""
    program = [str(BIN / "reviewer")] if python is None else [str(python), "-I", "-m", "reviewer"]
    done = subprocess.run(
        [*program, *words],
        cwd=cwd,
        env=environ() | dict(env or {}),
        input=stdin,
        capture_output=True,
        check=False,
        preexec_fn=before,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def installation(place: Path, **tools: str) -> Path:
    """The interpreter of an environment of our packages with no programs but these scripts."""
    programs = place / "bin"
    for name, body in tools.items():
        script(programs, name, body)
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "python").symlink_to(Path(sys.executable).resolve())
    (place / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = place / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    ours = sysconfig.get_path("purelib")
    (packages / "all.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    return programs / "python"


def environ() -> dict[str, str]:
    """A plain environment."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}


def only(*names: str) -> dict[str, str]:
    """What switches off all analyzers but these."""
    others = [name for name in plugins.discover("reviewer.analyzers") if name not in names]
    return {"REVIEWER_ANALYZERS_DISABLE": ",".join(others)}


def script(folder: Path, name: str, body: str) -> Path:
    """An executable shell script called `name` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / name
    place.write_text(f"#!/bin/sh\n{body}\n")
    place.chmod(0o755)
    return place
