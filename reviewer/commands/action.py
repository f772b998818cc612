"""`reviewer action`: what a step of a workflow of GitHub runs, and a job of GitLab CI.

This process holds the token, and reads nothing of the change but its diff. The change is reviewed
in a child that has neither the token nor a network, and that gives back one file: a report, which
is hostile. Another child, which never meets the files of the change, brings it to the pull request.
"""

import argparse
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from reviewer import outputs, plugins, process, skips, text
from reviewer.commands import _engine as engines
from reviewer.commands import _forge as forges
from reviewer.commands import _ledger as ledgers
from reviewer.commands import _parts as parts
from reviewer.commands._children import Children, Ended
from reviewer.commands.publish import log, summarised
from reviewer.config import Sections, Settings
from reviewer.errors import ForgeError, InputError, IntegrityError, NotDelivered, ReviewerError
from reviewer.inputs import Given, publishes, value
from reviewer.marks import Marks
from reviewer.model import ChangeSet, Report, Request
from reviewer.posting import Manner, asked_before
from reviewer.publish import Place
from reviewer.reports.codequality import CodeQuality
from reviewer.reports.json import Json
from reviewer.reports.sarif import Sarif
from reviewer.reports.summary import Summary

FORMATS: Final = (Json(), Sarif(), Summary(), CodeQuality())
"""What is left in the folder for the reports, by us and from the report alone."""

CUT_OFF: Final = "the run was cut off before it had come to its end; the log says more"

SAID: Final = (Place.INLINE, Place.SAID)


@dataclass
class Story:
    """What is known by now. It is told at the end, whatever the end is.

    The report is `foreign` when another job made it: it counts once it was held against the change,
    and then there is a ledger.
    """

    place: Path = Path()
    report: Report | None = None
    foreign: bool = False
    skipped: str = ""
    failure: str = CUT_OFF


@dataclass(frozen=True)
class Job:
    """One run of the action. `private` is a folder of ours."""

    environ: Mapping[str, str]
    given: Given
    private: Path
    path: Sequence[Path]
    sections: Sections
    story: Story

    @property
    def children(self) -> Children:
        return Children(self.environ, self.sections, self.path, self.private)


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer action`: decide, review, publish, and say what came of it."""
    del arguments
    process.hide_environment()
    # The review, which may run as another user, has to read what we write.
    os.umask(0o022)
    story = Story()
    try:
        code = _run(environ, story)
        story.failure = ""
    except ReviewerError as error:
        story.failure = ". ".join(filter(None, (error.message, error.tip)))
        raise
    finally:
        _tell(story, environ)
    return code


def _run(environ: Mapping[str, str], story: Story) -> int:
    given = Given.of(environ)
    outputs.mask(given.token, environ)
    for name in ("marker-key", "engine-key", "audit-key"):
        outputs.mask(value(environ, name), environ)
    story.place = _place(given, environ)
    with parts.private_folder() as name:
        private = Path(name)
        private.chmod(0o711)
        path = parts.search_path(environ, *filter(None, [forges.workspace(environ)]))
        job = Job(environ, given, private, path, plugins.discover("reviewer.analyzers"), story)
        forge = forges.remote(given, environ, private / "forge", path)
        story.skipped = forge.asked.idle
        if story.skipped:
            return 0
        _refuse_strangers(job, forge)
        if publishes(given, environ.get("GITHUB_EVENT_NAME", "")):
            return _publish_only(job)
        return _review(job, forge)


def _place(given: Given, environ: Mapping[str, str]) -> Path:
    """The folder for the reports: what was named, else one that ends with the job, else a new one.

    Raises InputError where the change could choose it.
    """
    temporary = Path(environ.get("RUNNER_TEMP", ""))
    if not given.output:
        if temporary.is_absolute():
            return temporary / "reviewer"
        return Path(tempfile.mkdtemp(prefix="reviewer-reports-"))
    workspace = forges.workspace(environ)
    place = Path(workspace or "", given.output).absolute()
    if workspace is not None and parts.through_link(place, workspace):
        raise InputError(
            f"output: a symbolic link of the checkout decides where {given.output} is",
            "name a folder outside of the checkout",
        )
    return place


def _review(job: Job, forge: forges.Remote) -> int:
    """Review the change of the event and, unless told otherwise, publish the report."""
    story, given = job.story, job.given
    with outputs.group("Reading the change", job.environ):
        request = forge.request(job.environ)
        changes = forge.changes(request).changes
        base = forges.fetched(request, forge.repository_folder, job.private / "git", job.path)
        config = parts.config(given.config or None, {}, job.environ, base, job.sections)
    rules = config.settings.skip
    story.skipped = skips.reason(rules, forge.occasion) or skips.reason_of(rules, changes)
    if story.skipped:
        return 0
    engines.check(config.settings.engine)
    file = job.private / "request.json"
    parts.write_request(request, file)
    words = ["--request", str(file), "--repo", str(forge.repository_folder), *_config(given)]
    since = _since(job, forge, request, changes, config.settings)
    with outputs.group("Reviewing", job.environ):
        report = _reviewed(job, request, words, config.settings, since)
    report = replace(report, notes=(*report.notes, *forge.notes(changes)))
    story.report = report
    ledgers.keep_reports(report, FORMATS, story.place)
    publishing = given.stage != "review"
    if outputs.in_workflow(job.environ) or not publishing:
        # Elsewhere there is no summary of a step, and publishing logs the report in its place.
        log(report, job.environ)
    return _publish(job, report, words) if publishing else report.verdict.exit_code


def _refuse_strangers(job: Job, forge: forges.Remote) -> None:
    """Raise InputError for a public repository on a runner that somebody else's code should not
    meet (GitHub Docs, "Secure use reference", self-hosted runners).
    """
    if forge.asked.public and forge.asked.self_hosted and not job.given.allow_public:
        raise InputError(
            "this repository is public and the runner is self-hosted: everybody can send it code",
            "use a runner of GitHub, or set the input allow-public to true",
        )


def _config(given: Given) -> list[str]:
    return ["--config", given.config] if given.config else []


def _since(
    job: Job, forge: forges.Remote, request: Request, changes: ChangeSet, settings: Settings
) -> list[str]:
    """What the summary says that a model was asked about already, as words for the review.

    Nothing where the model's findings may fail the gate: those of an earlier review would be lost.
    """
    if not engines.wanted(settings.engine) or settings.model.gate or not request.number:
        return []
    try:
        talk = forges.conversation(forge, request, changes, Manner())
        past = talk.past()
    except (ForgeError, InputError):
        return []
    key = value(job.environ, "marker-key").encode()
    mark = asked_before(past, Marks(request.repository, request.number, key))
    if mark is None or mark.first == request.head:
        # The same review once more: answers that are remembered cost nothing, and lose nothing.
        return []
    if not parts.COMMIT.fullmatch(mark.first) or not forge.has(mark.first):
        return []
    return [f"--since={mark.first}:{mark.second}"]


def _reviewed(
    job: Job,
    request: Request,
    words: Sequence[str],
    settings: Settings,
    since: Sequence[str],
) -> Report:
    """The report of the child, as far as it can be believed: it is about this request.

    Raises ReviewerError when there is none.
    """
    children, workspace = job.children, forges.workspace(job.environ)
    with_model = engines.wanted(settings.engine)
    asking, words = words, [*words, *since]
    if workspace is not None:
        named = (word for name in job.given.coverage for word in ("--coverage", name))
        words = [*words, "--workspace", str(workspace), *named]
    readable = [Path(words[words.index("--repo") + 1])]
    with children.engine(asking, wanted=with_model) as engine:
        ended = children.review(words, workspace or job.private, readable, engine)
    if not children.report.exists():
        raise _failure("the review", ended)
    report = ledgers.read_report(children.report)
    if report.request != request or report.verdict.exit_code != ended.code:
        raise IntegrityError(
            f"the review ended with status {ended.code} and left a report of something else",
            "run it again; if that does not help, the change may have taken over a tool",
        )
    if report.model is None or not with_model:
        return report
    return engines.sealed(report, engines.log(settings, request, job.environ, _warned(job)))


def _warned(job: Job) -> Callable[[str], None]:
    return lambda message: outputs.warn(message, job.environ)


def _publish_only(job: Job) -> int:
    """Publish the report of another job."""
    story, given = job.story, job.given
    workspace = forges.workspace(job.environ) or Path.cwd()
    file = parts.unlinked(workspace, given.report) if given.report else story.place / Json.filename
    report = ledgers.read_report(file)
    story.report, story.foreign = report, True
    ledgers.keep_reports(report, FORMATS, story.place)
    return _publish(job, report, _config(given))


def _publish(job: Job, report: Report, words: Sequence[str]) -> int:
    """Publish the report in the folder for the reports, in a child that has the token."""
    file = job.story.place / Json.filename
    with outputs.group("Publishing", job.environ):
        ended = job.children.publish([str(file), *words], job.given.token)
    if ended.code not in (0, report.verdict.exit_code):
        raise _failure("publishing", ended)
    return ended.code


class Crashed(ReviewerError):
    """A child has a bug of ours."""

    exit_code = 70


def _failure(what: str, ended: Ended) -> ReviewerError:
    """The same failure as that of a child, said once more at the end of the log."""
    message = f"{what} ended with status {ended.code}: {ended.complaint or 'it said nothing'}"
    kinds: tuple[type[ReviewerError], ...] = (InputError, IntegrityError, Crashed)
    kind = next((kind for kind in kinds if kind.exit_code == ended.code), NotDelivered)
    return kind(message, "the log above says more")


def _tell(story: Story, environ: Mapping[str, str]) -> None:
    """Write the summary and the outputs of the step: the last that is done, whatever happened."""
    report = story.report
    ledger = ledgers.read_ledger(story.place) if report is not None else None
    if story.foreign and ledger is None:
        report = None
    if report is not None:
        values = outputs.of_report(report) | _files(story.place)
        values["inline"] = "0"
        if ledger is not None:
            values["inline"] = str(ledger.delivery.count(*SAID))
            url = ledger.delivery.review_url or ledger.delivery.note_url
            values["review-url"] = outputs.address(url)
        if ledger is None or not ledger.summarised:
            remarks = [ledgers.told(ledger.delivery)] if ledger else []
            remarks += [text.markdown(story.failure)] if story.failure else []
            summarised(report, "\n\n".join(remarks), environ)
    elif story.skipped:
        values = outputs.of_failure(outputs.SKIPPED)
        _note("skipped", story.skipped, environ)
    else:
        values = outputs.of_failure()
        _note(
            "nothing was published" if story.foreign else "nothing was reviewed",
            story.failure,
            environ,
        )
    if story.failure:
        outputs.error(story.failure, environ)
    try:
        outputs.put(values, environ, lambda: secrets.token_hex(16))
    except OSError as error:
        outputs.warn(f"the outputs cannot be written: {error.strerror}", environ)


def _note(what: str, why: str, environ: Mapping[str, str]) -> None:
    """A few words instead of a report."""
    outputs.say(f"{what}: {why}")
    outputs.summarise(text.no_commands(f"## reviewer: {what}\n\n{text.markdown(why)}\n"), environ)


def _files(place: Path) -> dict[str, str]:
    """The outputs that name the reports."""
    named = (("report-json", Json), ("report-sarif", Sarif), ("report-markdown", Summary))
    return {name: str(place / form.filename) for name, form in named}
