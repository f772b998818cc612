"""`reviewer baseline`: write down what is found today, so that only new findings count."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from reviewer import baseline, plugins, process
from reviewer.commands import _parts as parts
from reviewer.errors import InputError
from reviewer.model import Outcome, Report, Request, Trust
from reviewer.review import review
from reviewer.text import count
from reviewer.tree import FILE_BYTES


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer baseline`: review every file of HEAD as if it were new, and keep what is found."""
    process.hide_environment()
    with parts.private_folder() as name, parts.Progress(environ) as progress:
        private = Path(name)
        private.chmod(0o711)
        path = parts.search_path(environ, Path(arguments.repo))
        forge = replace(parts.local(arguments, environ, path, private), base="HEAD")
        sections = plugins.discover("reviewer.analyzers")
        config = parts.config(arguments.config, parts.flags(arguments), environ, forge, sections)
        repository = forge.repository
        if repository.bare:
            raise InputError(f"{repository.top} is a bare repository", "run it in a checkout")
        request = Request(
            forge.name, repository.top.name, repository.empty_tree(), repository.commit("HEAD"),
            trust=Trust.TRUSTED,
        )  # fmt: skip
        means = parts.means(config, environ, path, private, progress)
        report = review(request, forge.changes(request), config.settings, means)
        target, before = repository.top / baseline.FILE, parts.known(forge)
    entries = baseline.of(report) | baseline.kept(before, report)
    text = baseline.render(entries)
    if len(text.encode()) > FILE_BYTES:
        raise InputError(
            f"{len(entries):,} findings do not fit into a baseline of {FILE_BYTES >> 20} MiB",
            "switch the rules off that you do not want, in `rules` of the settings",
        )
    parts.write(text, target, repository.top)
    parts.show(_told(entries, before, report))
    return 0


def _told(
    entries: frozenset[baseline.Entry], before: tuple[baseline.Entry, ...], report: Report
) -> str:
    """What was written and what is different from last time."""
    new, gone = len(entries - {*before}), len({*before} - entries)
    lines = [
        f"{count(len(entries), 'known finding')} in {baseline.FILE}: {new:,} new, {gone:,} gone"
    ]
    lines += [
        f"{run.tool} {run.outcome.value}: {run.reason}; what was known of it stays"
        for run in report.runs
        if run.concerned and run.outcome is not Outcome.OK
    ]
    lines.append("It counts once it is committed to the branch that changes are made against.")
    return "".join(f"{line}\n" for line in lines)
