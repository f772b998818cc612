"""The REST operations of the fake of GitHub that read and write pull requests.

An operation is a function from `Call` to a status and JSON; it raises Refusal.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import _github_reviews as rules
from tests.fakes._github_contract import shape
from tests.fakes._github_shapes import Shapes
from tests.fakes._github_state import Account, Pull, Refusal, State, Token, now, unprocessable

Result = tuple[int, Any]
PULLS = "/repos/{owner}/{repo}/pulls"
PULL = PULLS + "/{pull_number}"
REVIEW = PULL + "/reviews/{review_id}"
ISSUE = "/repos/{owner}/{repo}/issues/{issue_number}"


@dataclass
class Call:
    """One request that was understood."""

    state: State
    shapes: Shapes
    token: Token
    params: Mapping[str, str]
    query: Mapping[str, str]
    json: Any
    path: str
    accept: str = ""
    orphan: str | None = None
    lag: int = 0
    limit: tuple[int, int] = (1000, 0)
    links: dict[str, int] = field(default_factory=dict)

    @property
    def user(self) -> Account:
        return self.token.account

    @property
    def pull(self) -> Pull:
        number = self.params.get("pull_number") or self.params["issue_number"]
        return self.state.pull(number)

    def written(self, item: Any) -> Any:
        """A new item, late for lists where the fault script wants that."""
        item.lag = self.lag
        return item

    def listed(self, items: Iterable[Any], show: Callable[[Any], Any]) -> Result:
        """One page; `links` gets what the Link header says."""
        since = self.query.get("since", "")
        every = [item for item in items if getattr(item, "updated_at", "~") >= since]
        if self.query.get("direction") == "desc" and "sort" in self.query:
            every.reverse()
        size = min(int(self.query.get("per_page", 30)), 100)
        page, last = int(self.query.get("page", 1)), -(-len(every) // size)
        if page > 1:
            self.links |= {"prev": page - 1, "first": 1}
        if page < last:
            self.links |= {"next": page + 1, "last": last}
        return 200, [show(item) for item in every[(page - 1) * size : page * size]]


@dataclass(frozen=True)
class Route:
    method: str
    template: str
    pattern: re.Pattern[str]
    work: Callable[[Call], Result]
    needs: tuple[str, ...]


ROUTES: list[Route] = []


def route(
    method: str, template: str, *needs: str
) -> Callable[[Callable[[Call], Result]], Callable[[Call], Result]]:
    """An operation; `needs` are the permissions of which one is enough (to write, if it writes)."""
    parts = re.sub(r"\{(path|basehead|ref)\}", r"(?P<\1>.+)", template)
    parts = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", parts)

    def add(work: Callable[[Call], Result]) -> Callable[[Call], Result]:
        ROUTES.append(Route(method, template, re.compile(parts), work, needs))
        return work

    return add


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The operation of a path. The one with the fewest free parts comes first."""
    hits = [
        (r, m.groupdict())
        for r in ROUTES
        if r.method == method and (m := r.pattern.fullmatch(path))
    ]
    return min(hits, key=lambda hit: sum(map(len, hit[1].values())), default=None)


@route("GET", "/user")
def get_user(call: Call) -> Result:
    if call.token.integration:
        raise call.token.refusal()
    known = call.shapes.user(call.user)
    return 200, shape("public-user", call.shapes.base, known)


@route("GET", "/rate_limit")
def get_rate_limit(call: Call) -> Result:
    left, moment = call.limit
    rate = {"limit": 1000, "used": 1000 - left, "remaining": left, "reset": moment}
    known = {"rate": rate, "resources": {"core": rate}}
    return 200, shape("rate-limit-overview", call.shapes.base, known)


@route("GET", "/repos/{owner}/{repo}", "metadata", "contents")
def get_repository(call: Call) -> Result:
    return 200, call.shapes.repository()


@route("GET", PULLS, "pull-requests")
def list_pulls(call: Call) -> Result:
    wanted = call.query.get("state", "open")
    owner, _, ref = call.query.get("head", "").partition(":")
    found = [
        pull
        for pull in call.state.pulls.values()
        if wanted in ("all", pull.state)
        if not ref or (pull.head_ref == ref and (pull.head_repo or "").startswith(f"{owner}/"))
        if call.query.get("base", pull.base_ref) == pull.base_ref
    ]
    return call.listed(reversed(found), lambda p: call.shapes.pull(p, "pull-request-simple"))


@route("GET", "/repos/{owner}/{repo}/commits/{commit_sha}/pulls", "pull-requests", "contents")
def list_pulls_of_commit(call: Call) -> Result:
    sha, state = call.params["commit_sha"], call.state
    found = [p for p in state.pulls.values() if state.git.contains(p.head_sha, sha, state.base(p))]
    return call.listed(found, lambda p: call.shapes.pull(p, "pull-request-simple"))


@route("GET", PULL, "pull-requests")
def get_pull(call: Call) -> Result:
    if "diff" in call.accept:
        files = call.state.files(call.pull)
        if len(files) > 300 or sum(f.additions + f.deletions for f in files) > 20_000:
            error = {"resource": "PullRequest", "field": "diff", "code": "too_large"}
            raise Refusal(
                406, "Sorry, the diff exceeded the maximum number of files (300).", [error]
            )
        words = ("diff", "-M", call.state.base(call.pull), call.pull.head_sha, "--")
        return 200, call.state.git.run(*words)
    return 200, call.shapes.pull(call.pull)


@route("GET", PULL + "/files", "pull-requests")
def list_files(call: Call) -> Result:
    files = call.state.files(call.pull)[:3000]
    return call.listed(files, lambda file: call.shapes.file(file, call.pull.head_sha))


@route("GET", PULL + "/commits", "pull-requests")
def list_commits(call: Call) -> Result:
    commits = call.state.git.commits(call.state.base(call.pull), call.pull.head_sha)
    return call.listed(commits[:250], call.shapes.commit)


@route("GET", PULL + "/reviews", "pull-requests")
def list_reviews(call: Call) -> Result:
    seen = [
        review
        for review in call.state.reviews
        if review.pull == call.pull.number and not call.state.hidden(review, call.user)
    ]
    return call.listed(call.state.settled(seen), call.shapes.review)


@route("POST", PULL + "/reviews", "pull-requests")
def create_review(call: Call) -> Result:
    before = {comment.id for comment in call.state.review_comments}
    if any("position" in comment for comment in call.json.get("comments") or ()):
        raise unprocessable("Line could not be resolved")
    try:
        review = rules.submit_review(call.state, call.pull, call.user, call.json, call.orphan)
    finally:
        for comment in call.state.review_comments:
            if comment.id not in before:
                call.written(comment)
    return 200, call.shapes.review(call.written(review))


def _review(call: Call) -> Any:
    review = call.state.find(call.state.reviews, call.params["review_id"])
    if review.pull != call.pull.number or call.state.hidden(review, call.user):
        raise Refusal(404, "Not Found")
    return review


@route("GET", REVIEW, "pull-requests")
def get_review(call: Call) -> Result:
    return 200, call.shapes.review(_review(call))


@route("PUT", REVIEW, "pull-requests")
def update_review(call: Call) -> Result:
    review = _review(call)
    if len(call.json["body"]) > rules.BODY:
        raise unprocessable(rules.TOO_LONG)
    if review.user != call.user:
        raise call.token.refusal()
    rules.edit(review, call.json["body"])
    return 200, call.shapes.review(review)


@route("DELETE", REVIEW, "pull-requests")
def delete_review(call: Call) -> Result:
    review = _review(call)
    shown = call.shapes.review(review)
    rules.delete_review(call.state, review)
    return 200, shown


@route("POST", REVIEW + "/events", "pull-requests")
def submit_review(call: Call) -> Result:
    review = _review(call)
    if review.state != "PENDING":
        raise unprocessable("Can not submit a review that is not pending")
    body = call.json.get("body") or review.body
    rules.check_event(call.pull, call.user, call.json["event"], body)
    review.body, review.state = body, rules.STATES[call.json["event"]]
    review.submitted_at = now()
    return 200, call.shapes.review(review)


@route("PUT", REVIEW + "/dismissals", "pull-requests")
def dismiss_review(call: Call) -> Result:
    review = _review(call)
    if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise unprocessable("Can not dismiss a commented pull request review")
    review.state = "DISMISSED"
    return 200, call.shapes.review(review)


@route("GET", REVIEW + "/comments", "pull-requests")
def list_comments_of_review(call: Call) -> Result:
    review = _review(call)
    own = [c for c in call.state.review_comments if c.review_id == review.id]
    return call.listed(own, lambda c: call.shapes.comment(c, "review-comment"))


@route("GET", PULL + "/comments", "pull-requests")
def list_comments(call: Call) -> Result:
    shown = call.state.shown_comments(call.pull.number, call.user)
    return call.listed(call.state.settled(shown), call.shapes.comment)


@route("POST", PULL + "/comments", "pull-requests")
def create_comment(call: Call) -> Result:
    comment = rules.add_comment(call.state, call.pull, call.user, call.json)
    return 201, call.shapes.comment(call.written(comment))


@route("POST", PULL + "/comments/{comment_id}/replies", "pull-requests")
def create_reply(call: Call) -> Result:
    first, body = call.params["comment_id"], call.json["body"]
    comment = rules.reply(call.state, call.pull, call.user, first, body)
    return 201, call.shapes.comment(call.written(comment))


def _comment(call: Call) -> Any:
    comment = call.state.find(call.state.review_comments, call.params["comment_id"])
    if call.state.hidden(call.state.review_of(comment), call.user):
        raise Refusal(404, "Not Found")
    return comment


@route("GET", PULLS + "/comments/{comment_id}", "pull-requests")
def get_comment(call: Call) -> Result:
    return 200, call.shapes.comment(_comment(call))


@route("PATCH", PULLS + "/comments/{comment_id}", "pull-requests")
def update_comment(call: Call) -> Result:
    comment = _comment(call)
    rules.edit(comment, call.json["body"])
    return 200, call.shapes.comment(comment)


@route("DELETE", PULLS + "/comments/{comment_id}", "pull-requests")
def delete_comment(call: Call) -> Result:
    rules.delete_comment(call.state, _comment(call))
    return 204, None


@route("GET", ISSUE + "/comments", "pull-requests", "issues")
def list_issue_comments(call: Call) -> Result:
    own = [c for c in call.state.issue_comments if c.pull == call.pull.number]
    return call.listed(call.state.settled(own), call.shapes.issue_comment)


@route("POST", ISSUE + "/comments", "pull-requests", "issues")
def create_issue_comment(call: Call) -> Result:
    comment = rules.add_issue_comment(call.state, call.pull, call.user, call.json["body"])
    return 201, call.shapes.issue_comment(call.written(comment))


def _issue_comment(call: Call) -> Any:
    return call.state.find(call.state.issue_comments, call.params["comment_id"])


@route("GET", "/repos/{owner}/{repo}/issues/comments/{comment_id}", "pull-requests", "issues")
def get_issue_comment(call: Call) -> Result:
    return 200, call.shapes.issue_comment(_issue_comment(call))


@route("PATCH", "/repos/{owner}/{repo}/issues/comments/{comment_id}", "pull-requests", "issues")
def update_issue_comment(call: Call) -> Result:
    comment = _issue_comment(call)
    rules.edit(comment, call.json["body"])
    return 200, call.shapes.issue_comment(comment)


@route("DELETE", "/repos/{owner}/{repo}/issues/comments/{comment_id}", "pull-requests", "issues")
def delete_issue_comment(call: Call) -> Result:
    call.state.issue_comments.remove(_issue_comment(call))
    return 204, None


@route("GET", ISSUE + "/labels", "pull-requests", "issues")
def list_labels(call: Call) -> Result:
    return call.listed(call.pull.labels, call.shapes.label)
