"""GitHub and GitLab as the commands of a job use them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from reviewer import process, rules
from reviewer.commands import _parts as parts
from reviewer.config import Sections, Settings
from reviewer.forges.base import Conversation
from reviewer.forges.github import GitHub
from reviewer.forges.gitlab import GitLab
from reviewer.forges.local import Local
from reviewer.inputs import Given, value
from reviewer.model import ChangeSet, Report, Request
from reviewer.posting import Manner
from reviewer.reports.sarif import Sarif

Remote: TypeAlias = GitHub | GitLab

CHECKOUTS: Final = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Where the runners of GitHub and of GitLab check out."""


def on_gitlab(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of GitLab CI (GitLab Docs, "Predefined CI/CD variables reference")."""
    return environ.get("GITLAB_CI") == "true"


def remote(given: Given, environ: Mapping[str, str], scratch: Path, path: Sequence[Path]) -> Remote:
    """The forge as this run meets it. `scratch` is a new folder, `path` where programs are."""
    place = workspace(environ)
    objects = place / ".git" / "objects" if place else None
    if objects is not None and os.geteuid() == 0 and not process.reachable_by_all(objects):
        # The review runs as nobody: what nobody can read must be fetched, not borrowed.
        environ = {name: text for name, text in environ.items() if name not in CHECKOUTS}
    kind = GitLab if on_gitlab(environ) else GitHub
    return kind(
        environ={**environ, "INPUT_PR-NUMBER": value(environ, "pr-number")},
        scratch=parts.folder(scratch),
        git_path=os.pathsep.join(map(str, path)),
        token=given.token,
    )


def conversation(
    forge: Remote, request: Request, changes: ChangeSet, manner: Manner
) -> Conversation:
    """Our part in the request of this run. Raises InputError."""
    if isinstance(forge, GitLab):
        return forge.conversation(request, changes)
    return replace(forge, checks=manner.check).conversation(request)


def workspace(environ: Mapping[str, str]) -> Path | None:
    """The checkout of the job, None where there is none. The change decides what is in it."""
    name = CHECKOUTS[on_gitlab(environ)]
    place = Path(environ.get(name, ""))
    return place.resolve() if place.is_absolute() and place.is_dir() else None


def fetched(request: Request, repository: Path, scratch: Path, path: Sequence[Path]) -> Local:
    """The change of a request in a repository that holds its commits; `scratch` is a new folder."""
    return Local(
        folder=repository,
        scratch=parts.folder(scratch),
        git_path=os.pathsep.join(map(str, path)),
        asked=request,
    )


def manner(
    report: Report, settings: Settings, environ: Mapping[str, str], sections: Sections
) -> Manner:
    """How the settings want the report to be published.

    On GitLab the job itself is the check, and its artifacts are the reports.
    """
    here = not on_gitlab(environ)
    return Manner(
        key=value(environ, "marker-key").encode(),
        inline=settings.comments.inline,
        demanding=settings.comments.request_changes,
        check=here and settings.comments.check,
        sarif=Sarif().render(report) if here and settings.sarif_upload else "",
        homes=homes(sections),
    )


def homes(sections: Sections) -> tuple[str, ...]:
    """Where the programs that we run describe their rules: addresses that may be linked to."""
    pages = (foreign.url for foreign in rules.catalogue(sections).foreign.values() if foreign.url)
    found = (page.partition("{")[0].rpartition("/")[0] for page in pages)
    return tuple(sorted({f"{home}/" for home in found}))
