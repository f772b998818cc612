"""`reviewer bench run`: the real review of each case, and what is written of it."""

import argparse
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from reviewer import plugins, process, prompts
from reviewer.bench import record, suites
from reviewer.bench import run as running
from reviewer.bench.cases import Case
from reviewer.bench.record import Record, Run
from reviewer.bench.replay import Recorder, Recording, Writer
from reviewer.commands import _engine as engines
from reviewer.commands import _parts as parts
from reviewer.config import Config, from_environ, parse, resolve
from reviewer.engines.base import Engine, Health
from reviewer.engines.none import Nobody
from reviewer.errors import InputError, NotDelivered
from reviewer.forges.local import Local
from reviewer.model import Request
from reviewer.prompts import Prompts
from reviewer.review import review

REQUEST: Final = Request("bench", "bench", "", "")

OURS: Final[Mapping[str, Any]] = {"cache": False, "audit": "off", "prompts": ""}
"""What would have an answer come from elsewhere than the model, or go elsewhere than the record."""

CHOICES: Final = ("samples", "votes", "verify", "reach", "seed")
"""Options that are settings of the model's part."""


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> tuple[Record, Path | None]:
    """Review the cases; what came of them, and the file in which it is if there is one.

    Raises ReviewerError.
    """
    process.hide_environment()
    if arguments.limit is not None and arguments.limit < 1:
        raise InputError("--limit is 1 or more")
    target = _target(arguments)
    again = record.load(Path(arguments.replay)) if arguments.replay else None
    config = _config(arguments, environ, again)
    shelf = suites.opened(arguments.suite, environ.get("PATH", os.defpath))
    cases = shelf.chosen(arguments.limit, config.settings.model.seed)
    asked = _prompts(arguments, config)
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(parts.Progress(environ))
        engine = Recording(again) if again else _engine(config, environ)
        stack.callback(engine.close)
        progress.say("waiting for the model")
        health = None if isinstance(engine, Nobody) else _well(engine)
        off = config.settings.analyzers.disable
        told = running.header(
            shelf.suite, health, dict(asked.digests), config.settings.model, engine.patience, off
        )
        if again is not None:
            _comparable(again.run, told)
        file = stack.enter_context(_open(target))
        writer = Writer(file)
        writer.write(told)
        shared = running.Shared(Recorder(engine, writer))
        bench = Bench(config, environ, shared, asked, progress, shelf.placed)
        done = []
        for each in running.run(cases, bench.review, shared, progress.say):
            writer.write(each)
            done.append(each)
    if done and all(each.failure for each in done):
        raise NotDelivered(f"no case was reviewed whole: {done[0].failure}")
    return Record(told, tuple(done), (), ()), target


@dataclass(frozen=True)
class Bench:
    """Reviews cases, each in a private folder of its own."""

    config: Config
    environ: Mapping[str, str]
    engine: Engine
    prompts: Prompts
    progress: parts.Progress
    placed: Callable[[Case, Path], Case]

    def review(self, case: Case) -> running.Look:
        """The review of a case. Raises ReviewerError."""
        with parts.private_folder() as name:
            private = Path(name)
            private.chmod(0o711)
            case = self.placed(case, private / "case.git")
            path = parts.search_path(self.environ, Path(case.repo))
            forge = Local(
                folder=_checkout(Path(case.repo), private), scratch=parts.folder(private / "git"),
                git_path=os.pathsep.join(map(str, path)), base=case.base, head=case.head,
            )  # fmt: skip
            request = forge.request(self.environ)
            source = forge.changes(request)
            means = parts.means(self.config, self.environ, path, private, self.progress)
            asked = self.prompts
            if self.config.settings.model.description:
                asked = replace(asked, description=forge.titles(request))
            means = replace(means, engine=self.engine, prompts=asked, progress=self._say)
            report = review(request, source, self.config.settings, means)
            changed = {item.finding.span.path for item in report.judged}
            texts = {each: forge.repository.at(request.head, each) or b"" for each in changed}
            return running.Look(report, source.changes, lambda file: _lines(texts[file]))

    def _say(self, what: str) -> None:
        """Steps of one review, where the line moves: in a log they would drown the cases."""
        if self.progress.status is not None:
            self.progress.say(what)


def _checkout(repo: Path, private: Path) -> Path:
    """The repository itself, or a folder that points to a bare one.

    One that lies in a work tree would be taken for a part of that: nobody looks for bare
    repositories there, because a change could bring one along.
    """
    if (repo / ".git").exists():
        return repo
    place = parts.folder(private / "checkout")
    (place / ".git").write_text(f"gitdir: {repo.resolve()}\n", encoding="utf-8")
    return place


def _lines(data: bytes) -> Sequence[str]:
    text = data.decode("utf-8", "replace")
    return [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]


def _config(
    arguments: argparse.Namespace, environ: Mapping[str, str], again: Record | None
) -> Config:
    """Defaults < environment < what was recorded < options."""
    sections = plugins.discover("reviewer.analyzers")
    engine: dict[str, Any] = {}
    if arguments.url:
        engine = {"url": arguments.url, "model-dir": ""}
    elif arguments.model_dir:
        engine = {"url": "", "model-dir": arguments.model_dir}
    if arguments.allow:
        engine["allow"] = arguments.allow
    given = {name: getattr(arguments, name) for name in CHOICES}
    model = {name: _plain(word) for name, word in given.items() if word is not None}
    layers = [
        from_environ(environ, sections),
        _layer("record", _recorded(again.run) if again else {}),
        _layer("options", {"engine": engine, "model": {**model, **OURS}}),
    ]
    return resolve(layers, sections)


def _layer(name: str, settings: Mapping[str, Mapping[str, Any]]) -> Any:
    return parse(msgspec.json.encode(settings), name, {})


def _recorded(told: Run) -> dict[str, Any]:
    """The settings that the questions of a record depend on."""
    model: dict[str, Any] = {}
    off = []
    for name, word in {**told.settings, **told.sampler}.items():
        if name.startswith(running.ANALYZER):
            off.append(name.removeprefix(running.ANALYZER))
        else:
            model[name.replace("_", "-")] = _plain(word)
    return {"model": model, "analyzers": {"disable": off}}


def _plain(word: str) -> Any:
    """A number or a truth value if it is one, else the word."""
    try:
        return msgspec.json.decode(word)
    except msgspec.DecodeError:
        return word


def _prompts(arguments: argparse.Namespace, config: Config) -> Prompts:
    """Our templates, but for those in the folder that was named."""
    wanted, given = config.settings.model, {}
    if arguments.prompts:
        folder = Path(arguments.prompts)

        def read(name: str) -> str | None:
            try:
                return (folder / Path(name).name).read_text(encoding="utf-8")
            except (OSError, UnicodeError):
                return None

        given = prompts.given(arguments.prompts, read)
    return Prompts.of(given, instructions=wanted.instructions, reach=wanted.reach)


def _engine(config: Config, environ: Mapping[str, str]) -> Engine:
    wanted = config.settings.engine
    return engines.plain(wanted, REQUEST, environ) if engines.wanted(wanted) else Nobody()


def _well(engine: Engine) -> Health:
    health = engine.health(time.monotonic() + engine.patience)
    if not health.ok:
        raise NotDelivered(f"the model is not well: {health.reason}", health.tip)
    return health


def _comparable(then: Run, now: Run) -> None:
    """Raises InputError when the questions of a record were others."""
    other = [name for name, digest in now.prompts.items() if then.prompts.get(name) != digest]
    if then.data != now.data:
        raise InputError(f"the record is of other cases: {then.data}", "name its suite by --suite")
    if other:
        raise InputError(f"the record is of other prompts: {', '.join(other)}", "record it again")


def _target(arguments: argparse.Namespace) -> Path | None:
    """Where the record goes. Raises InputError where one would be read and written."""
    if not arguments.record and not arguments.output:
        return None
    target = Path(arguments.record or Path(arguments.output) / "record.jsonl")
    if arguments.replay and target.exists() and target.samefile(arguments.replay):
        raise InputError(f"{target} is read and cannot be written", "name another --record")
    return target


@contextlib.contextmanager
def _open(target: Path | None) -> Iterator[IO[bytes]]:
    """The record, written as the run goes on: an hour's answers outlive what ends it."""
    if target is not None:
        parts.write("", target, Path.cwd())
    with (target or Path(os.devnull)).open("wb") as file:
        yield file
