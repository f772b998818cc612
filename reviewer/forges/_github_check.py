"""Our check run: the verdict beside the commit, with annotations.

https://docs.github.com/en/rest/checks/runs#create-a-check-run: at most 50 annotations go with it.
"""

from dataclasses import dataclass
from typing import Any, Final

from reviewer.forges._github_calls import PAGE, Calls
from reviewer.forges._github_past import CHECK, Check, Checks
from reviewer.forges.base import Comment, PutCheck, Taken
from reviewer.model import Side, State

ANNOTATIONS: Final = 50
"""Most annotations of one request."""

CONCLUSIONS: Final = {
    State.PASSED: "success",
    State.FAILED: "failure",
    State.COVERAGE_UNKNOWN: "neutral",
    State.NOT_REVIEWED: "action_required",
}


@dataclass(frozen=True)
class CheckRuns:
    """The check runs of `repository`, "owner/name"."""

    calls: Calls
    repository: str

    def put(self, step: PutCheck) -> Taken:
        """Make a check. Raises ForgeError, and ValueError for more than ANNOTATIONS."""
        if len(step.annotations) > ANNOTATIONS:
            raise ValueError(f"{len(step.annotations)} annotations, and {ANNOTATIONS} go with one")

        def landed() -> Check | None:
            path = f"/repos/{self.repository}/commits/{step.commit}/check-runs"
            found = self.calls.read(path, Checks, check_name=CHECK, per_page=PAGE).check_runs
            return next((run for run in found if run.external_id == step.mark), None)

        path = f"/repos/{self.repository}/check-runs"
        run = self.calls.write("POST", path, _content(step), Check, landed)
        return Taken(run.html_url or "")


def _content(step: PutCheck) -> dict[str, Any]:
    output: dict[str, Any] = {"title": step.title, "summary": step.summary}
    if step.annotations:
        output["annotations"] = [_annotation(step, *each) for each in step.annotations]
    return {
        "name": CHECK,
        "head_sha": step.commit,
        "status": "completed",
        "conclusion": CONCLUSIONS[step.state],
        "external_id": step.mark,
        "output": output,
    }


def _annotation(step: PutCheck, level: str, comment: Comment) -> dict[str, Any]:
    """A comment as plain text; one on a removed line stands at the top, for want of that line."""
    start, end = (1, 1) if comment.side is Side.OLD else (comment.start, comment.end)
    return {
        "path": comment.path,
        "start_line": start,
        "end_line": end,
        "annotation_level": level,
        "message": comment.body.removesuffix(comment.mark).strip() or step.title,
    }
