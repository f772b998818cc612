"""Our check run: the verdict beside the commit, with annotations.

https://docs.github.com/en/rest/checks/runs: an update adds its annotations to those that are there,
and at most 50 go into one request. The check gets its mark with the last of them, so that one that
a killed run left half done is not taken for whole.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from reviewer.forges._github_calls import PAGE, Calls
from reviewer.forges._github_past import CHECK, Check, Checks
from reviewer.forges.base import Comment, PutCheck, Taken
from reviewer.model import Side, State

BATCH: Final = 50
"""Annotations of one request ("Create a check run")."""

PAGES: Final = 20
"""Pages of annotations that are read; we never made more."""

CONCLUSIONS: Final = {
    State.PASSED: "success",
    State.FAILED: "failure",
    State.COVERAGE_UNKNOWN: "neutral",
    State.NOT_REVIEWED: "action_required",
}


class Annotation(msgspec.Struct, frozen=True):
    """An annotation, of which place and text tell whether it is the same."""

    path: str
    start_line: int
    end_line: int
    annotation_level: str | None = "notice"
    message: str | None = ""


@dataclass(frozen=True)
class CheckRuns:
    """The check runs of `repository`, "owner/name"."""

    calls: Calls
    repository: str

    def put(self, step: PutCheck) -> Taken:
        """Make a check, or bring the one up to date that `step` replaces. Raises ForgeError."""
        wanted = [_annotation(step, level, comment) for level, comment in step.annotations]
        there = self._annotations(step.replaces) if step.replaces else set()
        missing = [note for note in wanted if note not in there]
        batches = [missing[at : at + BATCH] for at in range(0, len(missing), BATCH)] or [[]]
        run = Check(int(step.replaces)) if step.replaces else None
        for number, batch in enumerate(batches, 1):
            last = number == len(batches)
            mark = step.mark if last else f"{step.mark} {number}/{len(batches)}"
            body = _content(step, mark, batch)
            run = self._create(body) if run is None else self._update(run.id, body)
        return Taken(run.html_url or "" if run else "")

    def _create(self, body: dict[str, Any]) -> Check:
        commit, mark = body["head_sha"], body["external_id"]

        def landed() -> Check | None:
            path = f"/repos/{self.repository}/commits/{commit}/check-runs"
            found = self.calls.read(path, Checks, check_name=CHECK, per_page=PAGE).check_runs
            return next((run for run in found if run.external_id == mark), None)

        return self.calls.write("POST", f"/repos/{self.repository}/check-runs", body, Check, landed)

    def _update(self, run: int, body: dict[str, Any]) -> Check:
        path = f"/repos/{self.repository}/check-runs/{run}"

        def landed() -> Check | None:
            found = self.calls.read(path, Check)
            return found if found.external_id == body["external_id"] else None

        content = {key: value for key, value in body.items() if key != "head_sha"}
        return self.calls.write("PATCH", path, content, Check, landed)

    def _annotations(self, run: str) -> set[Annotation]:
        path = f"/repos/{self.repository}/check-runs/{run}/annotations"
        found: set[Annotation] = set()
        for page in range(1, PAGES + 1):
            rows = self.calls.read(path, tuple[Annotation, ...], per_page=PAGE, page=page)
            found.update(rows)
            if len(rows) < PAGE:
                break
        return found


def _annotation(step: PutCheck, level: str, comment: Comment) -> Annotation:
    """A comment as plain text; one on a removed line stands at the top, for want of that line."""
    start, end = (1, 1) if comment.side is Side.OLD else (comment.start, comment.end)
    message = comment.body.removesuffix(comment.mark).strip() or step.title
    return Annotation(comment.path, start, end, level, message)


def _content(step: PutCheck, mark: str, batch: list[Annotation]) -> dict[str, Any]:
    output: dict[str, Any] = {"title": step.title, "summary": step.summary}
    if batch:
        output["annotations"] = [msgspec.to_builtins(note) for note in batch]
    return {
        "name": CHECK,
        "head_sha": step.commit,
        "status": "completed",
        "conclusion": CONCLUSIONS[step.state],
        "external_id": mark,
        "output": output,
    }
