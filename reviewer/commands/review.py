"""`reviewer review`: a change of a checkout, from the options to the written reports."""

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reviewer import baseline, plugins, process, rules
from reviewer.arguments import CONFIG_FILE
from reviewer.ask import Since
from reviewer.commands import _engine as engines
from reviewer.commands import _parts as parts
from reviewer.config import Config, Sections, Settings
from reviewer.engines._relay import Relayed
from reviewer.errors import InputError
from reviewer.forges.local import Local
from reviewer.measure import find
from reviewer.model import ChangeSet, Report, Request
from reviewer.review import review


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer review`: build the parts, run the review, write the reports."""
    process.hide_environment()
    destinations = _destinations(arguments.format or ["terminal"], arguments.output, environ)
    with parts.private_folder() as name, parts.Progress(environ) as progress:
        private = Path(name)
        private.chmod(0o711)
        workspace = Path(arguments.workspace).resolve() if arguments.workspace else None
        path = parts.search_path(environ, Path(arguments.repo), *filter(None, [workspace]))
        forge = parts.local(arguments, environ, path, private)
        analyzers = plugins.discover("reviewer.analyzers")
        config = parts.config(arguments.config, parts.flags(arguments), environ, forge, analyzers)
        request = forge.request(environ)
        source = forge.changes(request)
        config = _in_workspace(config, workspace)
        reports = _coverage_reports(arguments.coverage, config, forge, workspace)
        means = parts.means(config, environ, path, private, progress, reports)
        asking = _asking(arguments, config.settings, request, environ)
        prompts = engines.prompts(config.settings, request, forge)
        since = _since(arguments.since, forge, source.changes)
        means = replace(means, engine=asking.engine, prompts=prompts, since=since)
        known = parts.known(forge)
        notes = _notes(source.changes.by_path, arguments.config if forge.asked else None)
        fingerprints = {entry.fingerprint for entry in known}
        report = review(request, source, config.settings, means, notes, fingerprints)
        report = replace(report, notes=(*report.notes, *_gone(known, report, analyzers)))
        report = engines.sealed(report, asking.log)
    _write(report, destinations, parts.top(Path(arguments.repo)))
    return report.verdict.exit_code


def _since(asked: str | None, forge: Local, changes: ChangeSet) -> Since:
    """What a model was asked about already, by the words of `engines.since`."""
    head, _, identity = (asked or "").partition(":")
    if not head:
        return Since()
    return Since(head, identity, forge.same_since(head, changes))


def _asking(
    arguments: argparse.Namespace, settings: Settings, request: Request, environ: Mapping[str, str]
) -> engines.Asking:
    """The engine of this review: at the other end of what we inherited, or our own."""
    if arguments.engine_fd is None:
        return engines.asking(settings, request, environ, parts.warn)
    connection = socket.socket(fileno=arguments.engine_fd)
    return engines.Asking(Relayed(connection, engines.patience(settings.engine)))


def _notes(changed: Mapping[str, Any], config: str | None) -> tuple[str, ...]:
    return tuple(
        f"the change edits {name}: that takes effect once it is merged"
        for name in (config or CONFIG_FILE, baseline.FILE)
        if name in changed
    )


def _in_workspace(config: Config, workspace: Path | None) -> Config:
    """The same settings, with the SARIF files of other tools looked for in the workspace."""
    if workspace is None:
        return config
    sarif = config.analyzers["sarif"]
    files = tuple(_as_named(parts.unlinked(workspace, name)) for name in sarif.files)
    return replace(config, analyzers={**config.analyzers, "sarif": replace(sarif, files=files)})


def _as_named(place: Path) -> str:
    """A place as one would name it here: where the checkout lies is no part of its review."""
    return os.path.relpath(place)


def _gone(known: Sequence[baseline.Entry], report: Report, analyzers: Sections) -> tuple[str, ...]:
    """A note on how many entries of the baseline are done with."""
    number = baseline.gone(known, report, rules.catalogue(analyzers).foreign) if known else 0
    if not number:
        return ()
    entries = "1 entry" if number == 1 else f"{number:,} entries"
    return (f"{entries} of {baseline.FILE} occur no more: `reviewer baseline` drops them",)


def _coverage_reports(
    named: list[str], config: Config, forge: Local, workspace: Path | None
) -> list[Path]:
    """The reports that were named, else those in the usual places of the checkout."""
    if workspace is not None:
        names = named or config.settings.coverage.files
        found = [parts.unlinked(workspace, name) for name in names] if names else find(workspace)
        return [Path(_as_named(place)) for place in found]
    if named:
        return [Path(name) for name in named]
    top = forge.folder if forge.patch is not None else forge.repository.top
    files = config.settings.coverage.files
    found = [top / name for name in files] if files else find(top)
    return [Path(_as_named(place)) for place in found]


def _destinations(
    names: Sequence[str], output: str | None, environ: Mapping[str, str]
) -> list[tuple[Any, Path | None]]:
    """Each format with the file it goes to; None is standard output.

    Raises InputError, before any work is done, when two would have to share it.
    """
    formats = []
    for name in dict.fromkeys(names):
        kind = plugins.one("reviewer.reports", name)
        formats.append(kind(**parts.screen(environ)) if name == "terminal" else kind())
    if output is None:
        if len(formats) > 1:
            raise InputError("several formats need a folder", "add --output DIR")
        return [(formats[0], None)]
    target = Path(output)
    if len(formats) == 1 and not output.endswith(os.sep) and not target.is_dir():
        return [(formats[0], target)]
    return [(f, None if f.name == "terminal" else target / f.filename) for f in formats]


def _write(report: Report, destinations: list[tuple[Any, Path | None]], top: Path) -> None:
    """Write each format to its place; files first, because a reader may leave standard output."""
    for form, target in sorted(destinations, key=lambda each: each[1] is None):
        text = form.render(report)
        if target is None:
            parts.show(text)
            continue
        parts.write(text, target, top)
