"""`reviewer bench`: measure how good reviews are."""

import argparse
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from reviewer.bench import compare as comparing
from reviewer.bench import record, seed, tables
from reviewer.bench.judge import Judge, ModelJudge, Proxy
from reviewer.bench.match import Rule, Terms
from reviewer.bench.score import Score, score
from reviewer.commands import _bench_run
from reviewer.commands import _parts as parts
from reviewer.engines._openai import OpenAI
from reviewer.errors import EngineError, InputError
from reviewer.text import count


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer bench`: do one of ACTIONS."""
    parts.show(ACTIONS[arguments.action](arguments, environ))
    return 0


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    terms = _terms(arguments, environ)
    done, file = _bench_run.run(arguments, environ)
    scored = _scored(done, arguments, terms)
    written = [file] if file else []
    if arguments.output:
        for name, form in FILES.items():
            written.append(Path(arguments.output) / name)
            parts.write(FORMS[form](scored), written[-1], Path.cwd())
    told = f"\nWritten: {', '.join(map(str, written))}\n" if written else ""
    return f"{tables.table(scored)}\n{tables.badge(scored)}{told}"


def _score(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    terms = _terms(arguments, environ)
    scored = _scored(record.load(Path(arguments.record)), arguments, terms)
    return _out(FORMS[arguments.format](scored), arguments)


def _scored(done: record.Record, arguments: argparse.Namespace, terms: Terms) -> Score:
    source = None if arguments.source == "all" else arguments.source
    try:
        return score(done, terms, source)
    except EngineError as error:
        raise InputError(f"the judge: {error}", "look at it by reviewer doctor --url") from error


def _terms(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Terms:
    """How findings are judged. Raises InputError."""
    if not 0 < arguments.tau <= 1 or arguments.k < 0:
        raise InputError("--tau is above 0 and at most 1, --k is 0 or more")
    judge: Judge = Proxy.shipped(arguments.tau)
    if arguments.judge_url:
        judge = _model(arguments, environ)
    return Terms(judge, Rule(arguments.rule), arguments.k)


def _model(arguments: argparse.Namespace, environ: Mapping[str, str]) -> ModelJudge:
    """The model that compares texts. Raises InputError where it is not well, and ConfigError."""
    key = environ.get("REVIEWER_ENGINE_KEY", "")
    allow = tuple(arguments.judge_allow)
    engine = OpenAI(arguments.judge_url, allow, key, arguments.judge_model)
    health = engine.health(time.monotonic() + engine.patience)
    if not health.ok:
        raise InputError(f"the judge: {health.reason}", health.tip)
    return ModelJudge(engine, health.model)


def _compare(arguments: argparse.Namespace, _: Mapping[str, str]) -> str:
    first, second = (comparing.load(Path(file)) for file in (arguments.first, arguments.second))
    comparison = comparing.compare(first, second)
    if arguments.format == "json":
        return _out(_json(comparison), arguments)
    return _out(tables.compared(comparison), arguments)


def _seed(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    if arguments.count < 0 or arguments.clean < 0:
        raise InputError("--count and --clean are 0 or more")
    repo = Path(arguments.repo)
    path = os.pathsep.join(map(str, parts.search_path(environ, repo)))
    with parts.private_folder() as name:
        files, head = seed.read(repo, Path(name), path)
    made = seed.seed(files, arguments.count, arguments.clean, arguments.seed, arguments.operator)
    if not made:
        raise InputError(f"nothing in {repo} can be changed", "name a repository of Python code")
    label = f"{repo.resolve().name} {head[:12]} seed {arguments.seed}"
    target = seed.write(made, files, label, Path(arguments.output), path)
    clean = sum(not each.goldens for each in made)
    mistakes = count(len(made) - clean, "mistake")
    return f"{target}: {mistakes}, {count(clean, 'change')} that mean nothing\n"


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode() + "\n"


def _out(text: str, arguments: argparse.Namespace) -> str:
    """Write to --output; what then is to be shown, the text itself without one."""
    if not arguments.output:
        return text
    parts.write(text, Path(arguments.output), Path.cwd())
    return f"{arguments.output}\n"


FORMS: Final[Mapping[str, Callable[[Score], str]]] = {
    "table": tables.table,
    "json": _json,
    "badge": tables.badge,
    "svg": tables.picture,
}
FILES: Final = {
    "score.json": "json", "table.md": "table", "badge.txt": "badge", "chart.svg": "svg",
}  # fmt: skip
"""The forms of a score, and the files of a run that hold them."""

ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace, Mapping[str, str]], str]]] = {
    "run": _run,
    "score": _score,
    "compare": _compare,
    "seed": _seed,
}
