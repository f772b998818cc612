"""`reviewer publish`: bring a report to its pull request, or show it where there is none.

It holds the token and reads no file of the change. The report is hostile: a process that the change
may have taken over wrote it, or a stranger's workflow. So it counts for the pull request that the
forge names, and as far as it holds against the diff that the forge gives.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reviewer import outputs, plugins, process, text
from reviewer.commands import _forge as forges
from reviewer.commands import _ledger as ledgers
from reviewer.commands import _parts as parts
from reviewer.commands._ledger import Ledger
from reviewer.errors import NotDelivered
from reviewer.inputs import Given
from reviewer.model import Judged, Report
from reviewer.publish import Beside, Delivery, Place, deliver
from reviewer.recheck import recheck
from reviewer.reports.annotations import annotation, closing
from reviewer.reports.summary import Summary
from reviewer.reports.terminal import Terminal

LOG_COLUMNS = 120


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer publish`: hold the report against the change, and take it to its readers."""
    process.hide_environment()
    report = ledgers.read_report(Path(arguments.report))
    if "GITHUB_REPOSITORY" not in environ and not forges.on_gitlab(environ):
        parts.show(Terminal(**parts.screen(environ)).render(report))
        return report.verdict.exit_code
    with parts.private_folder() as name:
        return _delivered(report, arguments, environ, Path(name))


def _delivered(
    report: Report, arguments: argparse.Namespace, environ: Mapping[str, str], private: Path
) -> int:
    """Publish on the forge. Raises IntegrityError, and NotDelivered when nobody could be told."""
    given, workspace = Given.of(environ), forges.workspace(environ)
    path = parts.search_path(environ, *filter(None, [workspace]))
    forge = forges.remote(given, environ, private / "forge", path)
    if arguments.request is not None:
        request, repository = parts.asked_in(Path(arguments.request)), Path(arguments.repo)
    elif forge.asked.idle:
        outputs.say(f"nothing is published: {forge.asked.idle}")
        return 0
    else:
        request, repository = forge.request(environ), forge.repository_folder
    change = forges.fetched(request, repository, private / "git", path)
    changes = change.changes(request).changes
    sections = plugins.discover("reviewer.analyzers")
    config = parts.config(arguments.config or given.config or None, {}, environ, change, sections)
    report = recheck(report, request, changes)
    if not config.settings.comments.suggestions:
        report = replace(report, judged=tuple(map(_without_suggestion, report.judged)))
    told = Told(report, Path(arguments.report).absolute().parent, environ)
    told.keep(ledgers.begun(report))
    manner = forges.manner(report, config.settings, environ, sections)
    beside = Beside(told.annotate, told.summarise)
    talk = forges.conversation(forge, request, changes, manner)
    delivery = deliver(report, changes, talk, manner, beside)
    told.keep(Ledger(delivery, finished=True, summarised=True))
    return _ending(delivery, report)


def _without_suggestion(item: Judged) -> Judged:
    return replace(item, finding=replace(item.finding, suggestion=None))


def _ending(delivery: Delivery, report: Report) -> int:
    """The exit code. Raises NotDelivered."""
    for warning in delivery.warnings:
        outputs.say(f"warning: {warning}")
    if delivery.superseded:
        outputs.say(f"superseded by {delivery.superseded[:12]}: nothing was posted")
        return 0
    if delivery.lost:
        raise NotDelivered(
            "the findings reached nobody", "give the job the permission `pull-requests: write`"
        )
    for url in filter(None, (delivery.review_url, delivery.note_url)):
        outputs.say(f"posted: {url}")
    return report.verdict.exit_code


@dataclass(frozen=True)
class Told:
    """The places beside the pull request: the run's annotations and summary, and the ledger."""

    report: Report
    folder: Path
    environ: Mapping[str, str]

    def keep(self, ledger: Ledger) -> None:
        """Write the ledger beside the report; where that cannot be, the log has to do."""
        try:
            ledgers.keep_ledger(ledger, self.folder)
        except NotDelivered as error:
            outputs.say(f"warning: {error.message}")

    def annotate(self, items: Sequence[Judged]) -> bool:
        """Show findings beside the run. Only the runner of GitHub makes that of them."""
        if not outputs.in_workflow(self.environ):
            return False
        for item in items:
            outputs.command(annotation(item))
        return True

    def summarise(self, delivery: Delivery) -> bool:
        """Write the summary of the step, or log it; whether readers see the outcome."""
        posted = delivery.review_url or delivery.note_url
        if outputs.in_workflow(self.environ) and not posted and not delivery.superseded:
            outputs.command(closing(self.report, delivery.count(Place.ANNOTATION)))
        done = summarised(self.report, ledgers.told(delivery), self.environ)
        self.keep(Ledger(delivery, summarised=True))
        return done or outputs.in_workflow(self.environ)


def summarised(report: Report, remarks: str, environ: Mapping[str, str]) -> bool:
    """Add the report to the summary of the step; where there is none, log it instead."""
    above = f"{text.no_commands(remarks)}\n\n" if remarks else ""
    room = outputs.room(environ) - len(above.encode()) - 1
    page = above + Summary(max(room, outputs.SUMMARY_BYTES // 10)).render(report)
    if room > 0 and outputs.summarise(page, environ):
        return True
    log(report, environ)
    return False


def log(report: Report, environ: Mapping[str, str]) -> None:
    """The report for whoever reads the log."""
    with outputs.group("The review", environ):
        for line in Terminal(width=LOG_COLUMNS).render(report).splitlines():
            outputs.say(line)
