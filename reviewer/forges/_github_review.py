"""Posting one review: all of it, or all but the comments that GitHub does not take.

GitHub refuses a review as a whole when one comment has no place in the diff, and does not say
which. Then trial reviews find it: made without an event they are pending, seen by nobody, and
deleted at once (https://docs.github.com/en/rest/pulls/reviews#create-a-review-for-a-pull-request).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from reviewer.errors import Refused, Rejected
from reviewer.forges._github_calls import Calls
from reviewer.forges.base import Comment, Past, PostReview, Taken, Withdraw
from reviewer.model import Side

MOST: Final = 25
"""Comments of one review. Above about 30 GitHub has answered 502 to a review that it stored, or
"was submitted too quickly" (src-d/lookout#264, reviewdog/reviewdog#355)."""

ATTEMPTS: Final = 5
"""Times that one review is sent, each time with another thing mended."""

SIDES: Final = {Side.OLD: "LEFT", Side.NEW: "RIGHT"}

_PENDING: Final = re.compile(r"one pending review", re.IGNORECASE)
_EVENT: Final = re.compile(r"request changes|own pull request|not permitted", re.IGNORECASE)
_HOPELESS: Final = re.compile(r"\bcommit\b|\bbody\b|locked", re.IGNORECASE)
"""What a refusal speaks of that leaving comments out does not mend."""


class Posted(msgspec.Struct, frozen=True):
    """A review, a comment or a check run, as the REST API shows it once it is there."""

    id: int
    html_url: str | None = ""


@dataclass(frozen=True)
class Reviews:
    """The reviews at `path` of the REST API; `past` reads what is there of ours."""

    calls: Calls
    path: str
    past: Callable[[], Past]

    def post(self, step: PostReview) -> Taken:
        """Post one review. Raises ForgeError, and ValueError for more than MOST comments."""
        if len(step.comments) > MOST:
            raise ValueError(f"{len(step.comments)} comments, and {MOST} go into one review")
        event = "REQUEST_CHANGES" if step.demanding else "COMMENT"
        comments, searched = step.comments, False
        for attempt in range(1, ATTEMPTS + 1):
            try:
                made = self._create({**_content(step, comments), "event": event}, step)
                return Taken(made.html_url or "", _missing(step, {c.mark for c in comments}))
            except (Refused, Rejected) as refusal:
                reason, denied = str(refusal), isinstance(refusal, Refused)
                if attempt == ATTEMPTS or (denied and event == "COMMENT"):
                    raise
                if there := self._settled(step):
                    return there
                if _PENDING.search(reason):
                    continue
                if event != "COMMENT" and (denied or not comments or _EVENT.search(reason)):
                    event = "COMMENT"
                elif not comments or _HOPELESS.search(reason):
                    raise
                else:
                    comments = () if searched else self._placeable(step)
                    searched = True
                    # What the first refusal left behind may have been late for the lists.
                    if there := self._settled(step):
                        return there
        raise AssertionError("the last attempt returns or raises")

    def drop(self, review: str) -> None:
        """Delete a pending review; that it is gone already is fine. Raises ForgeError."""

        def gone() -> object | None:
            there = any(each.id == review and each.pending for each in self.past().reviews)
            return None if there else True

        try:
            self.calls.write("DELETE", f"{self.path}/{review}", None, object, gone)
        except (Refused, Rejected):
            if not gone():
                raise

    def withdraw(self, step: Withdraw) -> None:
        """Dismiss a review that asks for changes. Raises ForgeError."""

        def landed() -> object | None:
            asks = any(each.id == step.id and each.demanding for each in self.past().reviews)
            return None if asks else True

        body = {"message": step.reason, "event": "DISMISS"}
        self.calls.write("PUT", f"{self.path}/{step.id}/dismissals", body, object, landed)

    def _create(self, body: dict[str, Any], step: PostReview) -> Posted:
        def landed() -> Posted | None:
            ours = (r for r in self.past().reviews if r.mark == step.mark and not r.pending)
            return next((Posted(int(review.id), review.url) for review in ours), None)

        return self.calls.write("POST", self.path, body, Posted, landed)

    def _settled(self, step: PostReview) -> Taken | None:
        """What a refused review left behind all the same; a pending one is thrown away."""
        past = self.past()
        for review in past.reviews:
            if review.pending:
                self.drop(review.id)
            elif review.mark == step.mark:
                return Taken(review.url, _missing(step, {r.mark for r in past.remarks}))
        return None

    def _placeable(self, step: PostReview) -> tuple[Comment, ...]:
        """The comments that GitHub takes, as far as 2 log2 n trials tell.

        The first one that it does not take ends the longest beginning that it takes: a search by
        halves finds it. Then the same with those behind it.
        """
        good: tuple[Comment, ...] = ()
        rest = step.comments
        trials = 2 * (len(rest) - 1).bit_length()
        while rest:
            taken, refused = 0, len(rest)
            while refused - taken > 1:
                if not trials:
                    return (*good, *rest[:taken])
                middle, trials = (taken + refused) // 2, trials - 1
                if self._takes(step, (*good, *rest[:middle])):
                    taken = middle
                else:
                    refused = middle
            good, rest = (*good, *rest[:taken]), rest[taken + 1 :]
            if rest and trials:
                trials -= 1
                if self._takes(step, (*good, *rest)):
                    return (*good, *rest)
            elif rest:
                break
        return good

    def _takes(self, step: PostReview, comments: Sequence[Comment]) -> bool:
        """Try a review with these comments. Raises ForgeError, but not Rejected."""
        content = {key: word for key, word in _content(step, comments).items() if key != "body"}
        for _ in range(2):
            try:
                made = self.calls.write("POST", self.path, content, Posted, self._pending)
            except Rejected as refusal:
                if not _PENDING.search(str(refusal)):
                    return False
                self._settled(step)
            else:
                self.drop(str(made.id))
                return True
        return False

    def _pending(self) -> Posted | None:
        ours = (review for review in self.past().reviews if review.pending)
        return next((Posted(int(review.id)) for review in ours), None)


def _content(step: PostReview, comments: Sequence[Comment]) -> dict[str, Any]:
    content = {"commit_id": step.commit, "body": step.body}
    return {**content, "comments": [_placed(each) for each in comments]} if comments else content


def _placed(comment: Comment) -> dict[str, Any]:
    side = SIDES[comment.side]
    place = {"path": comment.path, "line": comment.end, "side": side, "body": comment.body}
    if comment.start < comment.end:
        place |= {"start_line": comment.start, "start_side": side}
    return place


def _missing(step: PostReview, there: set[str]) -> tuple[str, ...]:
    """The marks of the comments that are not there."""
    return tuple(comment.mark for comment in step.comments if comment.mark not in there)
