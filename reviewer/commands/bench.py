"""`reviewer bench`: measure how good reviews are."""

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from reviewer.bench import compare as comparing
from reviewer.bench import record, seed, tables
from reviewer.bench.judge import Proxy
from reviewer.bench.match import Rule, Terms
from reviewer.bench.score import Score, score
from reviewer.commands import _bench_run
from reviewer.commands import _parts as parts
from reviewer.errors import InputError
from reviewer.text import count


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer bench`: do one of ACTIONS."""
    parts.show(ACTIONS[arguments.action](arguments, environ))
    return 0


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    _terms(arguments)
    done, file = _bench_run.run(arguments, environ)
    scored = _scored(done, arguments)
    written = [file] if file else []
    if arguments.output:
        for name, form in FILES.items():
            written.append(Path(arguments.output) / name)
            parts.write(FORMS[form](scored), written[-1], Path.cwd())
    told = f"\nWritten: {', '.join(map(str, written))}\n" if written else ""
    return f"{tables.table(scored)}\n{tables.badge(scored)}{told}"


def _score(arguments: argparse.Namespace, _: Mapping[str, str]) -> str:
    _terms(arguments)
    scored = _scored(record.load(Path(arguments.record)), arguments)
    return _out(FORMS[arguments.format](scored), arguments)


def _scored(done: record.Record, arguments: argparse.Namespace) -> Score:
    source = None if arguments.source == "all" else arguments.source
    return score(done, _terms(arguments), source)


def _terms(arguments: argparse.Namespace) -> Terms:
    """How findings are judged. Raises InputError."""
    if not 0 < arguments.tau <= 1 or arguments.k < 0:
        raise InputError("--tau is above 0 and at most 1, --k is 0 or more")
    return Terms(Proxy.shipped(arguments.tau), Rule(arguments.rule), arguments.k)


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
