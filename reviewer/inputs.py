"""What the action is given beside the settings: its own inputs, and what is made of them.

Settings are inputs as well, by the names that `config.input_name` gives them. Those have no default
in the manifest: an input stands over the settings of the base, even where nobody has written it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from reviewer.binding import TRUTH
from reviewer.config import input_variables
from reviewer.errors import InputError

STAGES: Final = ("both", "review", "publish")

TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")
"""Visible ASCII on one line: what may stand in a header (RFC 9110, section 5.5)."""


class Input(NamedTuple):
    """One input: what it is for, and its default in the manifest."""

    about: str
    default: str = ""


INPUTS: Final[Mapping[str, Input]] = MappingProxyType(
    {
        "token": Input(
            "Token that reads the pull request and posts the review.", "${{ github.token }}"
        ),
        "pr-number": Input(
            "Number of the pull request, for events that have none, such as workflow_dispatch."
        ),
        "stage": Input(
            "`review` writes the report and posts nothing, `publish` posts the report of another "
            "job, `both` does the one after the other. Without it: `publish` on workflow_run, else "
            "`both`."
        ),
        "report": Input(
            "The report to publish: report.json of a job with the stage `review`. Without it: "
            "report.json in the folder for the reports."
        ),
        "output": Input("Folder for the reports. Without it: `reviewer` in RUNNER_TEMP."),
        "coverage": Input(
            "Coverage reports, one a line; relative names start at the workspace. Without it the "
            "usual places there are searched."
        ),
        "config": Input(
            "Path of the settings in the branch that the change is to go into. Without it: "
            "`.github/reviewer.yml`."
        ),
        "allow-public": Input(
            "`true` lets a runner of your own review a public repository, where everybody can send "
            "it code to read.",
            "false",
        ),
        "marker-key": Input(
            "A secret that signs the marks under our comments, so that no other program that "
            "shares the account of the token can speak for us. Keep it for as long as pull "
            "requests are open."
        ),
        "engine-key": Input("The key of the model's server at `engine.url`, a secret."),
        "audit-key": Input(
            "A secret that signs the audit log of the requests to the model, so that who can write "
            "to the log cannot forge it."
        ),
    }
)


def value(environ: Mapping[str, str], name: str) -> str:
    """The input `name`, "" where it is not given."""
    found = (environ.get(variable, "").strip() for variable in input_variables(name))
    return next(filter(None, found), "")


@dataclass(frozen=True, slots=True)
class Given:
    """The action's own inputs. `stage` is "" where the event decides."""

    token: str = field(default="", repr=False)
    stage: str = ""
    report: str = ""
    output: str = ""
    coverage: tuple[str, ...] = ()
    config: str = ""
    allow_public: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Given":
        """Raises InputError for a value that cannot be."""
        stage = value(environ, "stage")
        if stage not in ("", *STAGES):
            raise InputError(f"there is no stage {stage!r}", f"choose from: {', '.join(STAGES)}")
        public = value(environ, "allow-public") or "false"
        if public not in TRUTH:
            raise InputError(f"allow-public: expected true or false, not {public!r}", "try: true")
        return cls(
            token(environ),
            stage,
            value(environ, "report"),
            value(environ, "output"),
            tuple(filter(None, map(str.strip, value(environ, "coverage").split("\n")))),
            value(environ, "config"),
            TRUTH[public],
        )


def token(environ: Mapping[str, str]) -> str:
    """The token for the forge, "" where there is none. Raises InputError for one that is broken."""
    names = ("REVIEWER_TOKEN", "GITHUB_TOKEN")
    given = (environ.get(name, "").strip() for name in names)
    found = value(environ, "token") or next(filter(None, given), "")
    if found and not TOKEN.fullmatch(found):
        raise InputError(
            "the token holds spaces or characters that no token has", "mend the secret"
        )
    return found


def publishes(given: Given, event: str) -> bool:
    """Whether all there is to do is to publish the report of another job."""
    return given.stage == "publish" or (not given.stage and event == "workflow_run")
