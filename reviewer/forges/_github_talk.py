"""Our part in one pull request: what is there, and each step at most once."""

import base64
import gzip
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from reviewer.errors import Refused, Rejected
from reviewer.forges import _github_past
from reviewer.forges._github_calls import Calls
from reviewer.forges._github_check import CheckRuns
from reviewer.forges._github_review import Posted, Reviews
from reviewer.forges.base import (
    DropReview,
    Past,
    PostReview,
    PutCheck,
    PutNote,
    Resolve,
    Said,
    Step,
    Taken,
    UploadSarif,
    Withdraw,
)

SARIF_BYTES: Final = 10 << 20
"""Most bytes of a compressed upload (https://docs.github.com/en/code-security/reference/
code-scanning/sarif-support-for-code-scanning, "File limits")."""


@dataclass(frozen=True)
class Talk:
    """Pull request `number` of `repository`; 0 is a commit alone, which takes checks only.

    `commit` is the head that was reviewed. With `checks` our check runs on it are read as well.
    """

    calls: Calls
    repository: str
    number: int
    commit: str
    checks: bool = False

    def past(self) -> Past:
        """What is there. Raises ForgeError."""
        return replace(self._said(), checks=self._check_runs if self.checks else ())

    @cached_property
    def _check_runs(self) -> tuple[Said, ...]:
        """Our check runs when they were first looked at; we alone make them, and at most one."""
        try:
            return _github_past.checks(self.calls, self.repository, self.commit)
        except Refused:
            # Without `checks: read` there is no writing them either: that is told when it is tried.
            return ()

    def take(self, step: Step) -> Taken:
        """Take one step, see `forges.base.Conversation`. Raises ForgeError."""
        if isinstance(step, PutCheck):
            return CheckRuns(self.calls, self.repository).put(step)
        if not self.number:
            raise Rejected("there is no pull request to write to")
        match step:
            case PostReview():
                return self._reviews.post(step)
            case DropReview():
                self._reviews.drop(step.id)
                return Taken()
            case Withdraw():
                self._reviews.withdraw(step)
                return Taken()
            case Resolve():
                return self._resolve(step)
            case PutNote():
                return self._put_note(step)
            case UploadSarif():
                return self._upload(step)

    @property
    def _reviews(self) -> Reviews:
        path = f"/repos/{self.repository}/pulls/{self.number}/reviews"
        return Reviews(self.calls, path, self._said)

    def _said(self) -> Past:
        if not self.number:
            return Past(self.commit)
        return _github_past.past(self.calls, self.repository, self.number)

    def _resolve(self, step: Resolve) -> Taken:
        def landed() -> bool | None:
            threads = self._said().remarks
            return any(each.thread == step.thread and each.resolved for each in threads) or None

        comment = step.thread.removeprefix(_github_past.COMMENT)
        if comment == step.thread:
            given = {"threadId": step.thread}
            self.calls.mutate("resolveReviewThread", given, "thread { id }", landed)
        else:
            given = {"subjectId": comment, "classifier": "RESOLVED"}
            wanted = "minimizedComment { isMinimized }"
            self.calls.mutate("minimizeComment", given, wanted, landed)
        return Taken()

    def _put_note(self, step: PutNote) -> Taken:
        def landed() -> Posted | None:
            ours = (note for note in self._said().notes if note.mark == step.mark)
            return next((Posted(int(note.id), note.url) for note in ours), None)

        issues = f"/repos/{self.repository}/issues"
        verb, path = (
            ("PATCH", f"{issues}/comments/{step.replaces}")
            if step.replaces
            else ("POST", f"{issues}/{self.number}/comments")
        )
        made = self.calls.write(verb, path, {"body": step.body}, Posted, landed)
        return Taken(made.html_url or "")

    def _upload(self, step: UploadSarif) -> Taken:
        # Without the time in its header, the same document is the same upload.
        packed = gzip.compress(step.document.encode("utf-8", "replace"), mtime=0)
        if len(packed) > SARIF_BYTES:
            raise Rejected(
                f"the SARIF document has {len(packed) >> 20} MiB when compressed, "
                f"and GitHub takes {SARIF_BYTES >> 20}"
            )
        body = {
            "commit_sha": step.commit,
            "ref": f"refs/pull/{self.number}/head",
            "sarif": base64.b64encode(packed).decode(),
            "tool_name": "reviewer",
        }
        # A second upload takes the place of the first one, so nothing is looked for.
        path = f"/repos/{self.repository}/code-scanning/sarifs"
        self.calls.write("POST", path, body, object, None)
        return Taken()
