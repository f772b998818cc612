"""The engine that the settings name, with its memory and its audit log."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from reviewer import http
from reviewer.audit.log import Audited, Log, Run
from reviewer.commands import _data
from reviewer.commands import _parts as parts
from reviewer.config import Settings
from reviewer.engines._fallback import Fallback
from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Engine
from reviewer.engines.managed import Managed
from reviewer.engines.none import Nobody
from reviewer.errors import IntegrityError, ReviewerError
from reviewer.forges.local import Local
from reviewer.inputs import value
from reviewer.model import Report, Request, Standing
from reviewer.modelling import TOOL, AuditMode, EngineMode, EngineSettings
from reviewer.prompts import Prompts, given
from reviewer.state import Remembering

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Asking:
    """An engine, and the log of what it is asked, None without one."""

    engine: Engine
    log: Log | None = None


def wanted(settings: EngineSettings) -> bool:
    """Whether there is a model to ask."""
    return settings.mode is not EngineMode.OFF and bool(settings.url or settings.model_dir)


def check(settings: EngineSettings) -> None:
    """Raises ConfigError for a server to which no code may go."""
    if wanted(settings) and settings.url:
        http.place(settings.url, settings.allow)


def asking(settings: Settings, request: Request, environ: Mapping[str, str], warn: Warn) -> Asking:
    """The engine in force. `warn` is told why answers are not remembered, or not logged.

    Raises ConfigError and IntegrityError.
    """
    if settings.engine.mode is EngineMode.OFF:
        return Asking(Nobody("switched off by engine.mode", ""))
    if not wanted(settings.engine):
        return Asking(Nobody())
    check(settings.engine)
    engine = plain(settings.engine, request, environ)
    book = log(settings, request, environ, warn)
    if book is not None:
        engine = Audited(engine, book)
    if settings.model.cache:
        engine = _remembering(engine, environ, warn)
    return Asking(engine, book)


def plain(settings: EngineSettings, request: Request, environ: Mapping[str, str]) -> Engine:
    """The server by its URL, else our own, or the one behind the other where both are named."""
    tenant = f"{request.repository}#{request.number}" if request.number else request.repository
    engines: list[Engine] = []
    if settings.url:
        engines.append(
            OpenAI(
                settings.url,
                settings.allow,
                value(environ, "engine-key") or environ.get("REVIEWER_ENGINE_KEY", ""),
                settings.model,
                settings.dialect,
                Path(settings.ca_file) if settings.ca_file else None,
                patience=settings.seconds,
                tenant=tenant,
            )
        )
    if settings.model_dir:
        folder = Path(settings.folder) if settings.folder else _data.folder(environ) / "engine"
        engines.append(
            Managed(
                Path(settings.model_dir),
                folder,
                settings.load_seconds,
                settings.queue_seconds,
                environ=environ,
                tenant=tenant,
            )
        )
    return engines[0] if len(engines) == 1 else Fallback(engines)


def log(settings: Settings, request: Request, environ: Mapping[str, str], warn: Warn) -> Log | None:
    """The log of this review's calls; None where none is wanted, or there is no place for one and
    none is required.

    Raises IntegrityError.
    """
    if settings.model.audit is AuditMode.OFF:
        return None
    required = settings.model.audit is AuditMode.REQUIRED
    try:
        folder = _data.log(environ)
    except ReviewerError as error:
        if required:
            raise IntegrityError(f"no audit log: {error.message}", error.tip) from error
        warn(f"no audit log is kept: {error.message}")
        return None
    run = Run(
        run_id=environ.get("GITHUB_RUN_ID", "") or environ.get("CI_JOB_ID", ""),
        repo=request.repository,
        pr=request.number,
        head_sha=request.head,
        actor=environ.get("GITHUB_ACTOR", "") or environ.get("GITLAB_USER_LOGIN", ""),
        event=environ.get("GITHUB_EVENT_NAME", "") or environ.get("CI_PIPELINE_SOURCE", ""),
    )
    return Log(folder, run, lambda: datetime.now(UTC), warn, _data.keys(environ), required)


def _remembering(engine: Engine, environ: Mapping[str, str], warn: Warn) -> Engine:
    try:
        place = _data.answers(environ)
        return Remembering(engine, place, _data.secret(place), time.time)
    except (ReviewerError, OSError) as error:
        why = error.message if isinstance(error, ReviewerError) else error.strerror
        warn(f"answers are not remembered: {why}")
        return engine


def patience(settings: EngineSettings) -> float:
    """Seconds that a look at the engine's health may take; 0 where there is none to look at."""
    if not wanted(settings):
        return 0.0
    loading = settings.load_seconds + settings.queue_seconds if settings.model_dir else 0.0
    return loading + 2 * settings.seconds


def prompts(settings: Settings, request: Request, forge: Local) -> Prompts:
    """The templates of the base's own where the settings name them, and what goes with them.

    Raises ConfigError.
    """
    wanted = settings.model

    def read(path: str) -> str | None:
        data, _ = parts.of_base(forge, path, "see model.prompts")
        return None if data is None else data.decode("utf-8", "replace")

    return Prompts.of(
        given(wanted.prompts, read) if wanted.prompts else {},
        instructions=wanted.instructions,
        description=forge.titles(request) if wanted.description else "",
        reach=wanted.reach,
    )


def sealed(report: Report, book: Log | None) -> Report:
    """The report with the end of the log, in which is recorded what became of its findings."""
    if book is None or report.model is None:
        return report
    told = [item for item in report.judged if item.finding.tool == TOOL]
    dropped = sum(item.standing in (Standing.UNPROVEN, Standing.MERGED) for item in told)
    try:
        if book.review(kept=len(told) - dropped, dropped=dropped, redactions=0) is None:
            return report
    except IntegrityError:
        # Each call is recorded, and the next review is told what became of the log.
        return report
    effort = replace(report.model.effort, checkpoint=str(book.checkpoint()))
    return replace(report, model=replace(report.model, effort=effort))
