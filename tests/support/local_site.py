"""A report for a terminal, for the tests of publishing; see `sites.Site`.

There is nobody to talk to: whoever runs `reviewer publish REPORT` is shown the whole report, and
what is there of other runs and of other people counts for nothing.
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from reviewer.commands._ledger import LEDGER, Ledger
from reviewer.forges.base import PostReview
from reviewer.model import ChangeSet, Report, Request, Trust
from reviewer.posting import Manner
from reviewer.publish import Delivery, Place
from reviewer.reports.json import Json
from tests.support import sites
from tests.support.gitrepo import ENVIRON, commits, git, new_repository
from tests.support.publishing import Log
from tests.support.room import BIN
from tests.support.sites import Seen

FULL = ">/dev/full"
"""A standard output that takes nothing (full(4))."""


class LocalSite:
    """A change of one file in a repository, and the folder of its report beside it."""

    name = "local"
    checks = False
    talks = False

    def __init__(self, folder: Path, names: Sequence[int]) -> None:
        self.folder = folder
        commits(new_repository(folder), {b"README.md": ("100644", b"shop\n")})
        self.base = git(folder, "rev-parse", "main").decode().strip()
        self.head = sites.head_of(folder, names)
        self.reports = folder.with_name(f"{folder.name}-reports")
        self.reports.mkdir()
        self.onto = ""
        self.shown = ""
        self.code = 0
        self.guessed: PostReview | None = None

    def leave(self) -> None:
        pass

    def request(self) -> Request:
        trust = Trust.TRUSTED
        return Request("local", self.folder.name, self.base, self.head, 0, trust, self.base)

    def deliver(self, report: Report, changes: ChangeSet, manner: Manner, log: Log) -> Delivery:
        """Run the command; what it shows is in a place of its own, all else in the report."""
        del changes, manner, log
        file = self.reports / Json.filename
        file.write_text(Json().render(self._claimed(report)), "utf-8")
        words = [BIN / "reviewer", "publish", file]
        done = subprocess.run(
            ["sh", "-c", f'"$@" {self.onto}', "sh", *words],
            env=ENVIRON,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.shown, self.code = done.stdout, done.returncode
        seen = {each.rule for each in self.comments()}
        places = {
            item.finding.fingerprint: Place.INLINE if item.finding.rule in seen else Place.REPORT
            for item in report.judged
        }
        warnings = tuple(done.stderr.splitlines())
        return Delivery(places, warnings=warnings, reached=bool(done.stdout), due=True)

    def forbid(self) -> None:
        self.onto = FULL

    def guess(self, review: PostReview) -> None:
        """Somebody leaves beside the report, and in it, what says that all was said already."""
        self.guessed = review

    def _claimed(self, report: Report) -> Report:
        if self.guessed is None:
            return report
        places = {item.finding.fingerprint: Place.SAID for item in report.judged}
        ledger = Ledger(Delivery(places, reached=True), finished=True, summarised=True)
        (self.reports / LEDGER).write_bytes(msgspec.json.encode(ledger))
        said = (self.guessed.body, *(each.body for each in self.guessed.comments))
        return replace(report, notes=said)

    def comments(self) -> list[Seen]:
        """The findings that are shown in full."""
        found = re.findall(r"(?m)^  \w+  line (\d+)  ruff/(rule\d+)$", self.shown)
        return [Seen(rule, int(line), resolved=False, mark="") for line, rule in found]

    def found(self) -> tuple[list[str], int]:
        _, _, below = self.shown.partition("\nNot shown\n")
        counted = re.findall(r"(?m)^  +([\d,]+)  ", below.partition("\n\n")[0])
        return [each.rule for each in self.comments()], sum(map(int, counted))

    def notes(self) -> list[str]:
        return [self.shown] if self.shown else []

    def writes(self) -> int:
        """Files beside the report."""
        return len(list(self.reports.iterdir())) - 1

    def state(self) -> tuple[object, ...]:
        files = sorted(self.reports.iterdir())
        return self.shown, self.code, [(file.name, file.read_bytes()) for file in files]
