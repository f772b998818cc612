"""What a pull request looks like and what our account said on it, read in one GraphQL query.

Schema: https://docs.github.com/en/graphql/reference/objects, `PullRequest`. Whose a text is, GitHub
says itself (`viewerDidAuthor`); which of our account's texts are this program's, their last line
says, because other workflows share the account of GITHUB_TOKEN.
"""

from collections.abc import Iterator
from typing import Annotated, Final, Generic, TypeVar

import msgspec

from reviewer.errors import Rejected
from reviewer.forges._github_calls import PAGE, Calls
from reviewer.forges.base import Past, Remark, Said

T = TypeVar("T")

Digits = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}\Z")]
"""A number beyond 32 bits, as GraphQL's BigInt gives it."""

MARK: Final = "<!-- reviewer:"
"""How the last line of everything begins that we post."""

CHECK: Final = "reviewer"
"""The name of our check run."""

PAGES: Final = 100
"""Most pages that are read. A pull request takes 2,500 comments, far fewer than they hold."""

ANSWERS: Final = 50
"""Comments of a thread that are looked at; one with more has been answered for sure."""

COMMENT: Final = "comment "
"""Before the id of a comment, where the token may not resolve its thread but may hide the comment:
the one takes `contents: write`, the other `pull-requests: write` (github/gh-aw#35726)."""

QUESTION: Final = f"""
query(
  $owner: String!, $name: String!, $number: Int!,
  $threads: String, $reviews: String, $comments: String,
  $moreThreads: Boolean!, $moreReviews: Boolean!, $moreComments: Boolean!
) {{
  repository(owner: $owner, name: $name) {{
    pullRequest(number: $number) {{
      headRefOid
      state
      reviewThreads(first: {PAGE}, after: $threads) @include(if: $moreThreads) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{
          id
          isResolved
          viewerCanResolve
          path
          first: comments(first: 1) {{
            nodes {{ id body isMinimized viewerDidAuthor pullRequestReview {{ state }} }}
          }}
          all: comments(first: {ANSWERS}) {{ totalCount nodes {{ viewerDidAuthor }} }}
        }}
      }}
      reviews(first: {PAGE}, after: $reviews) @include(if: $moreReviews) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{ fullDatabaseId body state url viewerDidAuthor }}
      }}
      comments(first: {PAGE}, after: $comments) @include(if: $moreComments) {{
        pageInfo {{ hasNextPage endCursor }}
        nodes {{ fullDatabaseId body url viewerDidAuthor }}
      }}
    }}
  }}
}}
"""


class PageInfo(msgspec.Struct, frozen=True, rename="camel"):
    has_next_page: bool = False
    end_cursor: str | None = None


FIRST: Final = PageInfo(has_next_page=True)
"""Before anything was read."""


class Page(msgspec.Struct, Generic[T], frozen=True, rename="camel"):
    nodes: tuple[T | None, ...] | None = ()
    page_info: PageInfo = PageInfo()

    def items(self) -> Iterator[T]:
        return (node for node in self.nodes or () if node is not None)


class Review(msgspec.Struct, frozen=True, rename="camel"):
    state: str


class Opening(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    body: str
    is_minimized: bool
    viewer_did_author: bool
    pull_request_review: Review | None = None

    @property
    def pending(self) -> bool:
        return self.pull_request_review is not None and self.pull_request_review.state == "PENDING"


class Answer(msgspec.Struct, frozen=True, rename="camel"):
    viewer_did_author: bool


class Answers(msgspec.Struct, frozen=True, rename="camel"):
    total_count: int
    nodes: tuple[Answer | None, ...] | None = ()


class Thread(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    path: str
    is_resolved: bool
    viewer_can_resolve: bool
    first: Page[Opening]
    all: Answers


class Text(msgspec.Struct, frozen=True, rename="camel"):
    """A review or a comment on the pull request as a whole; the latter has no state."""

    full_database_id: Digits | int | None
    body: str
    url: str
    viewer_did_author: bool
    state: str = ""


class PullRequest(msgspec.Struct, frozen=True, rename="camel"):
    head_ref_oid: str
    state: str
    review_threads: Page[Thread] = Page()
    reviews: Page[Text] = Page()
    comments: Page[Text] = Page()


class Repository(msgspec.Struct, frozen=True, rename="camel"):
    pull_request: PullRequest


class Data(msgspec.Struct, frozen=True, rename="camel"):
    repository: Repository


class Check(msgspec.Struct, frozen=True):
    id: int
    name: str = ""
    external_id: str | None = ""
    html_url: str | None = ""


class Checks(msgspec.Struct, frozen=True):
    check_runs: tuple[Check, ...] = ()


def past(calls: Calls, repository: str, number: int) -> Past:
    """Head, state, and what we said. Raises ForgeError."""
    owner, _, name = repository.partition("/")
    about = {"owner": owner, "name": name, "number": number}
    threads, reviews, comments = FIRST, FIRST, FIRST
    found = Past("")
    for _ in range(PAGES):
        asked = {
            **about,
            "threads": threads.end_cursor,
            "moreThreads": threads.has_next_page,
            "reviews": reviews.end_cursor,
            "moreReviews": reviews.has_next_page,
            "comments": comments.end_cursor,
            "moreComments": comments.has_next_page,
        }
        pull = calls.query(QUESTION, asked, Data).repository.pull_request
        found = Past(
            pull.head_ref_oid,
            pull.state == "OPEN",
            (*found.remarks, *_remarks(pull.review_threads)),
            (*found.reviews, *_ours(pull.reviews)),
            (*found.notes, *_ours(pull.comments)),
        )
        threads, reviews, comments = (
            pull.review_threads.page_info,
            pull.reviews.page_info,
            pull.comments.page_info,
        )
        if not (threads.has_next_page or reviews.has_next_page or comments.has_next_page):
            return found
    raise Rejected(f"the pull request has more than {PAGES * PAGE:,} comments")


def checks(calls: Calls, repository: str, commit: str) -> tuple[Said, ...]:
    """Our check runs on a commit, oldest first. Raises ForgeError.

    The check run of a job that bears our name has the id of the job where ours have a mark.
    """
    path = f"/repos/{repository}/commits/{commit}/check-runs"
    answer = calls.read(path, Checks, check_name=CHECK, per_page=PAGE)
    return tuple(
        Said(str(run.id), run.external_id or "", url=run.html_url or "")
        for run in sorted(answer.check_runs, key=lambda run: run.id)
        if run.name == CHECK and (run.external_id or "").startswith(MARK)
    )


def mark(body: str) -> str:
    """The mark under a text, "" when it has none."""
    last = body.rstrip().rpartition("\n")[2].strip()
    return last if last.startswith(MARK) else ""


def _remarks(page: Page[Thread]) -> Iterator[Remark]:
    """Threads that we began; those of a pending review are not there yet."""
    for thread in page.items():
        first = next(thread.first.items(), None)
        if first is None or not first.viewer_did_author or first.pending:
            continue
        if under := mark(first.body):
            by_thread = thread.viewer_can_resolve or thread.is_resolved
            name = thread.id if by_thread else COMMENT + first.id
            done = thread.is_resolved or first.is_minimized
            yield Remark(name, thread.path, under, done, _answered(thread.all))


def _answered(comments: Answers) -> bool:
    seen = [node for node in comments.nodes or () if node is not None]
    return len(seen) < comments.total_count or not all(node.viewer_did_author for node in seen)


def _ours(page: Page[Text]) -> Iterator[Said]:
    """What bears our mark, and pending reviews: one of them stands in the way of any other."""
    for text in page.items():
        pending = text.state == "PENDING"
        under = mark(text.body)
        if text.viewer_did_author and text.full_database_id and (under or pending):
            demanding = text.state == "CHANGES_REQUESTED"
            yield Said(str(text.full_database_id), under, text.body, text.url, pending, demanding)
