"""What GitHub allows, refuses and does when someone reviews or comments."""

from collections.abc import Mapping
from typing import Any

from tests.fakes._github_git import File, Hunk
from tests.fakes._github_state import (
    ACTIONS,
    Account,
    IssueComment,
    Pull,
    Refusal,
    Review,
    ReviewComment,
    State,
    Thread,
    invalid,
    now,
    unprocessable,
)

BODY = 65_536
"""Characters of any comment; more is refused ("body is too long")."""
TOO_LONG = f"Body is too long (maximum is {BODY} characters)"
SAFE, MOST = 25, 32
"""Comments in one review: above SAFE the answer may be a 502 though all is stored, above MOST it is
"was submitted too quickly" (src-d/lookout#264, reviewdog#355)."""
STATES = {"COMMENT": "COMMENTED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "APPROVE": "APPROVED"}

LINE = (
    "Pull request review thread line must be part of the diff",
    "Pull request review thread diff hunk can't be blank",
)
SAME_HUNK = ("Pull request review thread start line must be part of the same hunk as the line.",)


class StoredButLost(Exception):
    """The work is done and the client is told 502."""


def unlocked(pull: Pull) -> None:
    if pull.locked:
        raise Refusal(403, "Unable to create comment because issue is locked.")


def submit_review(
    state: State, pull: Pull, user: Account, wish: Mapping[str, Any], orphan: str | None = None
) -> Review:
    """All of it or nothing. `orphan`: refused comments leave a review record in that state."""
    unlocked(pull)
    event, body = wish.get("event", ""), wish.get("body") or ""
    _check_review(state, pull, user, event, body)
    commit = wish.get("commit_id") or pull.head_sha
    _check_commit(state, pull, commit)
    comments = wish.get("comments") or []
    if len(comments) > MOST:
        raise unprocessable("was submitted too quickly")
    review = Review(
        next(state.ids), pull.number, user, body,
        state=STATES.get(event, "PENDING"), commit_id=commit,
        submitted_at=now() if event else None,
    )  # fmt: skip
    files = state.files(pull, commit)
    try:
        placed = [_placed(files, comment) for comment in comments]
    except Refusal:
        if orphan:
            review.state, review.submitted_at = orphan, None if orphan == "PENDING" else now()
            state.reviews.append(review)
        raise
    state.reviews.append(review)
    for comment, hunk in zip(comments, placed, strict=True):
        _add(state, review, comment, hunk)
    if len(comments) > SAFE:
        raise StoredButLost
    return review


def _check_review(state: State, pull: Pull, user: Account, event: str, body: str) -> None:
    if any(r for r in state.reviews if r.pull == pull.number and r.user == user and _pending(r)):
        raise unprocessable("User can only have one pending review per pull request")
    check_event(pull, user, event, body)


def check_event(pull: Pull, user: Account, event: str, body: str) -> None:
    if event == "APPROVE" and user == ACTIONS:
        raise unprocessable("GitHub Actions is not permitted to approve pull requests.")
    if event in ("APPROVE", "REQUEST_CHANGES") and user == pull.author:
        word = "approve" if event == "APPROVE" else "request changes on"
        raise unprocessable(f"Can not {word} your own pull request")
    if event in ("COMMENT", "REQUEST_CHANGES") and not body.strip():
        raise unprocessable("Body can't be blank")
    if len(body) > BODY:
        raise unprocessable(TOO_LONG)


def _pending(review: Review) -> bool:
    return review.state == "PENDING"


def _check_commit(state: State, pull: Pull, commit: str) -> None:
    if not state.git.contains(pull.head_sha, commit, state.base(pull)):
        raise unprocessable("Start commit oid is not part of the pull request")


def _placed(files: tuple[File, ...], comment: Mapping[str, Any]) -> str:
    """The diff hunk of a comment. Raises Refusal when it stands outside the diff."""
    if not str(comment.get("body", "")).strip():
        raise unprocessable("Body can't be blank")
    if len(comment["body"]) > BODY:
        raise unprocessable(TOO_LONG)
    file = next((f for f in files if f.filename == comment["path"]), None)
    if file is None:
        raise unprocessable("Path could not be resolved")
    if "line" not in comment:
        raise unprocessable("Line could not be resolved")
    side = comment.get("side", "RIGHT")
    hunk = _hunk(file, side, comment["line"])
    if hunk is None:
        raise unprocessable(*LINE)
    end = hunk.at(side, comment["line"]) or 0
    if comment.get("start_line") is not None:
        start = hunk.at(comment.get("start_side", side), comment["start_line"])
        if start is None:
            raise unprocessable(*SAME_HUNK)
        if start >= end:
            raise unprocessable("Pull request review thread start line must precede the end line.")
    return "\n".join(hunk.text[: end + 1])


def _hunk(file: File, side: str, line: int) -> Hunk | None:
    if file.patch is None:
        return None
    return next((hunk for hunk in file.hunks if hunk.at(side, line) is not None), None)


def _add(state: State, review: Review, wish: Mapping[str, Any], hunk: str) -> ReviewComment:
    side = wish.get("side", "RIGHT")
    comment = ReviewComment(
        next(state.ids), review.pull, review.user, wish["body"],
        review_id=review.id, path=wish["path"], line=wish.get("line"), side=side,
        start_line=wish.get("start_line"),
        start_side=wish.get("start_side", side) if wish.get("start_line") else None,
        subject_type=wish.get("subject_type", "line"), commit_id=review.commit_id, diff_hunk=hunk,
    )  # fmt: skip
    state.threads.append(Thread(f"PRRT_{comment.id}", review.pull, [comment]))
    return comment


def add_comment(state: State, pull: Pull, user: Account, wish: Mapping[str, Any]) -> ReviewComment:
    """One comment on a line or a file, with the nameless review that GitHub makes around it."""
    unlocked(pull)
    if "in_reply_to" in wish:
        return reply(state, pull, user, wish["in_reply_to"], wish["body"])
    _check_review(state, pull, user, "", wish["body"])
    _check_commit(state, pull, wish["commit_id"])
    files = state.files(pull, wish["commit_id"])
    try:
        if wish.get("subject_type") == "file":
            if wish["path"] not in {f.filename for f in files}:
                raise unprocessable("Path could not be resolved")
            hunk = ""
        else:
            hunk = _placed(files, wish)
    except Refusal as error:
        text = str(error.errors[0])
        raise invalid("PullRequestReviewComment", "pull_request_review_thread", text) from None
    return _add(state, _wrapper(state, pull, user, wish["commit_id"]), wish, hunk)


def _wrapper(state: State, pull: Pull, user: Account, commit: str) -> Review:
    review = Review(
        next(state.ids), pull.number, user, "",
        state="COMMENTED", commit_id=commit, submitted_at=now(),
    )  # fmt: skip
    state.reviews.append(review)
    return review


def reply(
    state: State, pull: Pull, user: Account, comment_id: int | str, body: str
) -> ReviewComment:
    """An answer in a thread. Only its first comment can be answered."""
    unlocked(pull)
    if len(body) > BODY:
        raise invalid("PullRequestReviewComment", "body", TOO_LONG)
    first = state.find(state.review_comments, comment_id)
    if first.pull != pull.number or first.in_reply_to is not None:
        raise Refusal(404, "Not Found")
    _check_review(state, pull, user, "", body)
    review = _wrapper(state, pull, user, first.commit_id)
    comment = ReviewComment(
        next(state.ids), pull.number, user, body,
        review_id=review.id, path=first.path, line=first.line, side=first.side,
        start_line=first.start_line, start_side=first.start_side,
        subject_type=first.subject_type, commit_id=first.commit_id,
        diff_hunk=first.diff_hunk, in_reply_to=first.id,
    )  # fmt: skip
    state.thread_of(first).comments.append(comment)
    return comment


def delete_comment(state: State, comment: ReviewComment) -> None:
    thread = state.thread_of(comment)
    thread.comments.remove(comment)
    if not thread.comments:
        state.threads.remove(thread)


def delete_review(state: State, review: Review) -> None:
    """Only what was never submitted can be deleted."""
    if review.state != "PENDING":
        raise unprocessable("Can not delete a non-pending pull request review")
    state.reviews.remove(review)
    for comment in [c for c in state.review_comments if c.review_id == review.id]:
        delete_comment(state, comment)


def add_issue_comment(state: State, pull: Pull, user: Account, body: str) -> IssueComment:
    unlocked(pull)
    check_body(body)
    comment = IssueComment(next(state.ids), pull.number, user, body)
    state.issue_comments.append(comment)
    return comment


def check_body(body: str) -> None:
    if not body.strip():
        raise invalid("IssueComment", "body", "Body can't be blank")
    if len(body) > BODY:
        raise invalid("IssueComment", "body", TOO_LONG)


def edit(item: Any, body: str) -> None:
    check_body(body)
    item.body, item.updated_at = body, now()
