"""The fields of GraphQL that the fake of GitHub answers, each with the function that knows it."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes import _github_reviews as rules
from tests.fakes._github_nodes import Context, Pages, Typed
from tests.fakes._github_state import (
    Account,
    IssueComment,
    Pull,
    Refusal,
    Review,
    ReviewComment,
    Thread,
)

INT = 2**31
PREFIX = {IssueComment: "IC", Review: "PRR", ReviewComment: "PRRC"}


def _viewer(c: Context, _s: Any, _a: Any) -> Any:
    """The viewer is a User even for an app, with the whole login of the bot."""
    account = c.token.account
    fields = {"login": account.login, "databaseId": account.id, "id": f"U_{account.id}"}
    return Typed("User", fields)


def _repository(c: Context, _s: Any, a: Mapping[str, Any]) -> Any:
    if f"{a['owner']}/{a['name']}".lower() != c.state.full_name.lower():
        raise Refusal(
            404, f"Could not resolve to a Repository with the name '{a['owner']}/{a['name']}'."
        )
    return c.state


def _pull(c: Context, _s: Any, a: Mapping[str, Any]) -> Any:
    if a["number"] not in c.state.pulls:
        text = f"Could not resolve to a PullRequest with the number of {a['number']}."
        raise Refusal(404, text)
    return c.state.pulls[a["number"]]


def _threads(c: Context, pull: Pull, _a: Any) -> Any:
    seen = [
        thread
        for thread in c.state.threads
        if thread.pull == pull.number
        if not c.state.hidden(c.state.review_of(thread.comments[0]), c.token.account)
    ]
    shown = {comment.id for comment in c.state.settled([t.comments[0] for t in seen])}
    return Pages([thread for thread in seen if thread.comments[0].id in shown])


def _reviews(c: Context, pull: Pull, a: Mapping[str, Any]) -> Any:
    found = [
        review
        for review in c.state.reviews
        if review.pull == pull.number and not c.state.hidden(review, c.token.account)
        if not a.get("states") or review.state in a["states"]
        if not a.get("author") or review.user.login == a["author"]
    ]
    return Pages(c.state.settled(found))


def _comments_of_thread(c: Context, thread: Thread, _a: Any) -> Any:
    account = c.token.account
    return Pages([x for x in thread.comments if not c.state.hidden(c.state.review_of(x), account)])


def _issue_comments(c: Context, pull: Pull, _a: Any) -> Any:
    return Pages(c.state.settled(x for x in c.state.issue_comments if x.pull == pull.number))


def _commit(sha: str) -> Typed:
    return Typed("Commit", {"oid": sha, "id": f"C_{sha}", "abbreviatedOid": sha[:7]})


def _head_repository(c: Context, pull: Pull, _a: Any) -> Any:
    if pull.head_repo is None or pull.head_repo == c.state.full_name:
        return None if pull.head_repo is None else c.state
    owner, _, name = pull.head_repo.partition("/")
    fields = {"nameWithOwner": pull.head_repo, "name": name, "isFork": True, "id": "R_2",
              "isPrivate": False, "owner": Account(owner, 501)}  # fmt: skip
    return Typed("Repository", fields)


def _may_resolve(c: Context) -> bool:
    return c.token.may("write", "contents")


def _now(c: Context, thread: Thread) -> int | None:
    return c.state.line_now(thread.comments[0])


def node(c: Context, wanted: str, *kinds: type) -> Any:
    """The object of a node id. Raises Refusal NOT_FOUND."""
    everything = (
        *((t.id, t) for t in c.state.threads),
        *((f"{PREFIX[type(x)]}_{x.id}", x) for x in c.state.issue_comments),
        *((f"{PREFIX[type(x)]}_{x.id}", x) for x in c.state.reviews),
        *((f"{PREFIX[type(x)]}_{x.id}", x) for x in c.state.review_comments),
        *((f"PR_{p.number}", p) for p in c.state.pulls.values()),
    )
    for name, item in everything:
        if name == wanted and (not kinds or isinstance(item, kinds)):
            return item
    raise Refusal(404, f"Could not resolve to a node with the global id of '{wanted}'")


def _written(c: Context, permission: str) -> None:
    if not c.token.may("write", permission):
        raise c.token.refusal()


def _resolving(*, resolved: bool) -> Callable[[Context, Any, Any], Any]:
    """Resolving needs to write contents, which is odd and so (github/gh-aw#35726)."""

    def work(c: Context, _s: Any, a: Mapping[str, Any]) -> Any:
        thread = node(c, a["input"]["threadId"], Thread)
        if not _may_resolve(c):
            raise c.token.refusal()
        thread.resolved_by = c.token.account if resolved else None
        return Typed("Payload", {"thread": thread, **_echo(a)})

    return work


def _echo(a: Mapping[str, Any]) -> dict[str, Any]:
    return {"clientMutationId": a["input"].get("clientMutationId")}


def _minimizing(c: Context, _s: Any, a: Mapping[str, Any]) -> Any:
    item = node(c, a["input"]["subjectId"], IssueComment, Review, ReviewComment)
    _written(c, "pull-requests")
    item.minimized = a["input"].get("classifier")
    return Typed("Payload", {"minimizedComment": item, "unminimizedComment": item, **_echo(a)})


def _updating(kind: type, key: str, name: str) -> Callable[[Context, Any, Any], Any]:
    def work(c: Context, _s: Any, a: Mapping[str, Any]) -> Any:
        item = node(c, a["input"][key], kind)
        _written(c, "pull-requests")
        rules.edit(item, a["input"]["body"])
        return Typed("Payload", {name: item, **_echo(a)})

    return work


def _deleting(kind: type) -> Callable[[Context, Any, Any], Any]:
    def work(c: Context, _s: Any, a: Mapping[str, Any]) -> Any:
        item = node(c, a["input"].get("id") or a["input"].get("pullRequestReviewId"), kind)
        _written(c, "pull-requests")
        if kind is Review:
            rules.delete_review(c.state, item)
        elif kind is ReviewComment:
            rules.delete_comment(c.state, item)
        else:
            c.state.issue_comments.remove(item)
        shown = {"pullRequestReview": item, "pullRequestReviewComment": item}
        return Typed("Payload", {**shown, **_echo(a)})

    return work


Work = Callable[[Context, Any, Any], Any]
FIELDS: dict[tuple[str, str], Work] = {
    ("Query", "viewer"): _viewer,
    ("Query", "repository"): _repository,
    ("Query", "node"): lambda c, s, a: node(c, a["id"]),
    ("Mutation", "resolveReviewThread"): _resolving(resolved=True),
    ("Mutation", "unresolveReviewThread"): _resolving(resolved=False),
    ("Mutation", "minimizeComment"): _minimizing,
    ("Mutation", "unminimizeComment"): _minimizing,
    ("Mutation", "updateIssueComment"): _updating(IssueComment, "id", "issueComment"),
    ("Mutation", "updatePullRequestReview"): _updating(
        Review, "pullRequestReviewId", "pullRequestReview"
    ),
    ("Mutation", "updatePullRequestReviewComment"): _updating(
        ReviewComment, "pullRequestReviewCommentId", "pullRequestReviewComment"
    ),
    ("Mutation", "deleteIssueComment"): _deleting(IssueComment),
    ("Mutation", "deletePullRequestReview"): _deleting(Review),
    ("Mutation", "deletePullRequestReviewComment"): _deleting(ReviewComment),
    ("State", "id"): lambda c, s, a: "R_1",
    ("State", "databaseId"): lambda c, s, a: 1,
    ("State", "name"): lambda c, s, a: s.name,
    ("State", "nameWithOwner"): lambda c, s, a: s.full_name,
    ("State", "isFork"): lambda c, s, a: False,
    ("State", "isPrivate"): lambda c, s, a: s.private,
    ("State", "viewerPermission"): lambda c, s, a: "WRITE" if _may_resolve(c) else "READ",
    ("State", "pullRequest"): _pull,
    ("Account", "id"): lambda c, s, a: f"U_{s.id}",
    ("Account", "login"): lambda c, s, a: s.graphql_login,
    ("Account", "databaseId"): lambda c, s, a: s.id,
    ("Pull", "id"): lambda c, s, a: f"PR_{s.number}",
    ("Pull", "number"): lambda c, s, a: s.number,
    ("Pull", "title"): lambda c, s, a: s.title,
    ("Pull", "body"): lambda c, s, a: s.body,
    ("Pull", "state"): lambda c, s, a: "MERGED" if s.merged else s.state.upper(),
    ("Pull", "closed"): lambda c, s, a: s.state != "open",
    ("Pull", "merged"): lambda c, s, a: s.merged,
    ("Pull", "locked"): lambda c, s, a: s.locked,
    ("Pull", "isDraft"): lambda c, s, a: s.draft,
    ("Pull", "url"): lambda c, s, a: f"{c.page}/pull/{s.number}",
    ("Pull", "author"): lambda c, s, a: s.author,
    ("Pull", "headRefName"): lambda c, s, a: s.head_ref,
    ("Pull", "headRefOid"): lambda c, s, a: s.head_sha,
    ("Pull", "baseRefName"): lambda c, s, a: s.base_ref,
    ("Pull", "baseRefOid"): lambda c, s, a: s.base_sha,
    ("Pull", "headRepository"): _head_repository,
    ("Pull", "isCrossRepository"): lambda c, s, a: s.head_repo != c.state.full_name,
    ("Pull", "changedFiles"): lambda c, s, a: len(c.state.files(s)),
    ("Pull", "labels"): lambda c, s, a: Pages([Typed("Label", {"name": x}) for x in s.labels]),
    ("Pull", "reviewThreads"): _threads,
    ("Pull", "reviews"): _reviews,
    ("Pull", "comments"): _issue_comments,
    ("Thread", "id"): lambda c, s, a: s.id,
    ("Thread", "isResolved"): lambda c, s, a: s.resolved,
    ("Thread", "isCollapsed"): lambda c, s, a: s.resolved,
    ("Thread", "isOutdated"): lambda c, s, a: c.state.outdated(s.comments[0]),
    ("Thread", "resolvedBy"): lambda c, s, a: s.resolved_by,
    ("Thread", "viewerCanResolve"): lambda c, s, a: _may_resolve(c) and not s.resolved,
    ("Thread", "viewerCanUnresolve"): lambda c, s, a: _may_resolve(c) and s.resolved,
    ("Thread", "viewerCanReply"): lambda c, s, a: c.token.may("write", "pull-requests"),
    ("Thread", "path"): lambda c, s, a: s.comments[0].path,
    ("Thread", "line"): lambda c, s, a: _now(c, s),
    ("Thread", "originalLine"): lambda c, s, a: s.comments[0].line,
    ("Thread", "startLine"): lambda c, s, a: s.comments[0].start_line and _now(c, s),
    ("Thread", "originalStartLine"): lambda c, s, a: s.comments[0].start_line,
    ("Thread", "diffSide"): lambda c, s, a: s.comments[0].side,
    ("Thread", "startDiffSide"): lambda c, s, a: s.comments[0].start_side,
    ("Thread", "subjectType"): lambda c, s, a: s.comments[0].subject_type.upper(),
    ("Thread", "comments"): _comments_of_thread,
    ("Item", "id"): lambda c, s, a: f"{PREFIX[type(s)]}_{s.id}",
    ("Item", "databaseId"): lambda c, s, a: s.id if s.id < INT else None,
    ("Item", "fullDatabaseId"): lambda c, s, a: str(s.id),
    ("Item", "author"): lambda c, s, a: s.user,
    ("Item", "authorAssociation"): lambda c, s, a: "NONE" if s.user.bot else "CONTRIBUTOR",
    ("Item", "body"): lambda c, s, a: s.body,
    ("Item", "createdAt"): lambda c, s, a: s.created_at,
    ("Item", "updatedAt"): lambda c, s, a: s.updated_at,
    ("Item", "viewerDidAuthor"): lambda c, s, a: s.user == c.token.account,
    ("Item", "viewerCanUpdate"): lambda c, s, a: c.token.may("write", "pull-requests"),
    ("Item", "viewerCanDelete"): lambda c, s, a: c.token.may("write", "pull-requests"),
    ("Item", "viewerCanMinimize"): lambda c, s, a: c.token.may("write", "pull-requests"),
    ("Item", "isMinimized"): lambda c, s, a: s.minimized is not None,
    ("Item", "minimizedReason"): lambda c, s, a: s.minimized and s.minimized.lower(),
    ("Item", "pullRequest"): lambda c, s, a: c.state.pulls[s.pull],
    ("IssueComment", "url"): lambda c, s, a: f"{c.page}/pull/{s.pull}#issuecomment-{s.id}",
    ("Review", "url"): lambda c, s, a: f"{c.page}/pull/{s.pull}#pullrequestreview-{s.id}",
    ("Review", "state"): lambda c, s, a: s.state,
    ("Review", "submittedAt"): lambda c, s, a: s.submitted_at,
    ("Review", "commit"): lambda c, s, a: _commit(s.commit_id),
    ("Review", "comments"): lambda c, s, a: Pages(
        [x for x in c.state.review_comments if x.review_id == s.id]
    ),
    ("ReviewComment", "url"): lambda c, s, a: f"{c.page}/pull/{s.pull}#discussion_r{s.id}",
    ("ReviewComment", "path"): lambda c, s, a: s.path,
    ("ReviewComment", "line"): lambda c, s, a: c.state.line_now(s),
    ("ReviewComment", "originalLine"): lambda c, s, a: s.line,
    ("ReviewComment", "originalStartLine"): lambda c, s, a: s.start_line,
    ("ReviewComment", "outdated"): lambda c, s, a: c.state.outdated(s),
    ("ReviewComment", "subjectType"): lambda c, s, a: s.subject_type.upper(),
    ("ReviewComment", "diffHunk"): lambda c, s, a: s.diff_hunk,
    ("ReviewComment", "originalCommit"): lambda c, s, a: _commit(s.commit_id),
    ("ReviewComment", "pullRequestReview"): lambda c, s, a: c.state.review_of(s),
    ("ReviewComment", "replyTo"): lambda c, s, a: s.in_reply_to
    and next((x for x in c.state.review_comments if x.id == s.in_reply_to), None),
}  # fmt: skip
"""(class or root type, field) -> its value."""
