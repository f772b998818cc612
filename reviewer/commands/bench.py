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
from reviewer.bench.score import score
from reviewer.commands import _parts as parts
from reviewer.errors import InputError
from reviewer.text import count


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer bench`: do one of ACTIONS."""
    parts.show(ACTIONS[arguments.action](arguments, environ))
    return 0


def _score(arguments: argparse.Namespace, _: Mapping[str, str]) -> str:
    if not 0 < arguments.tau <= 1 or arguments.k < 0:
        raise InputError("--tau is above 0 and at most 1, --k is 0 or more")
    source = None if arguments.source == "all" else arguments.source
    terms = Terms(Proxy.shipped(arguments.tau), Rule(arguments.rule), arguments.k)
    scored = score(record.load(Path(arguments.record)), terms, source)
    if arguments.format == "json":
        return _out(msgspec.json.format(msgspec.json.encode(scored)).decode() + "\n", arguments)
    shown = {"table": tables.table, "badge": tables.badge, "svg": tables.picture}
    return _out(shown[arguments.format](scored), arguments)


def _compare(arguments: argparse.Namespace, _: Mapping[str, str]) -> str:
    first, second = (comparing.load(Path(file)) for file in (arguments.first, arguments.second))
    comparison = comparing.compare(first, second)
    if arguments.format == "json":
        told = msgspec.json.format(msgspec.json.encode(comparison)).decode() + "\n"
        return _out(told, arguments)
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


def _out(text: str, arguments: argparse.Namespace) -> str:
    """Write to --output; what then is to be shown, the text itself without one."""
    if not arguments.output:
        return text
    parts.write(text, Path(arguments.output), Path.cwd())
    return f"{arguments.output}\n"


ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace, Mapping[str, str]], str]]] = {
    "score": _score,
    "compare": _compare,
    "seed": _seed,
}
