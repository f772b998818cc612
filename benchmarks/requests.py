"""Requests to GitHub for one review (demand P10), beside PyGithub with its defaults.

The server is the tests' GitHub: every request is held to the official contract. The other side
does by PyGithub's own objects what a usual bot does: read the pull request, its files and all
comments, post one review and one summary.
"""

import time
from collections import Counter

import github

from benchmarks.common import Row, Table, folder, seconds
from tests.fakes._github_desk import Request
from tests.support.workflows import BIDI, Job, job

FILES = 50
PROBLEMS = 10
"""Files with a problem, each of which gets a comment."""

READERS, ANSWERS = 120, 40
"""Comments of others on lines, and on the pull request as a whole."""

SETTING = (
    f"{FILES} changed files, {PROBLEMS} comments to make, {READERS} + {ANSWERS} by others; the "
    "head is checked out. GraphQL is one way to read: each query counts as a request."
)


def run() -> Table:
    names = [f"src/part_{number}.py" for number in range(FILES)]
    base = dict.fromkeys(names, b"x = 1\n")
    head = {n: b"x = 2\n" + (BIDI if i < PROBLEMS else b"") for i, n in enumerate(names)}
    with folder() as place, job(place, base, head) as here:
        talked(here, names)
        ours, first = review(here)
        posted = len(here.hub.review_comments)
        _, again = review(here)
        theirs, usual = usual_bot(here, names)
    counted = [
        Row("seconds of the first review, all of it", seconds(ours), "", "", "", None),
        Row("seconds of posting alone, usual bot", "", seconds(theirs), "", "", None),
        Row(
            "requests of the first review",
            str(len(first)),
            str(len(usual)),
            f"{len(first) / len(usual):.2g}×",
            "≤ 8",
            len(first) <= 8,
        ),
        demanded("comments on lines", posted - READERS, PROBLEMS),
        demanded("POST of a review", told(first)["POST", "/pulls/1/reviews"], 1),
        demanded("writes of the summary", told(first)["POST", "/issues/1/comments"], 1),
        demanded("writes of an unchanged re-run", sum(each.is_write for each in again), 0),
    ]
    notes = (f"First review: {words(first)}.", f"Re-run: {words(again)}.", f"Bot: {words(usual)}.")
    return Table("requests", SETTING, tuple(counted), notes)


def talked(here: Job, names: list[str]) -> None:
    """What others have said before."""
    for number in range(READERS):
        comment = {"path": names[number % FILES], "line": 1, "side": "RIGHT", "body": "hm"}
        here.hub.review(1, f"remark {number}", comments=[comment])
    for number in range(ANSWERS):
        here.hub.comment(1, f"answer {number}")


def review(here: Job) -> tuple[float, list[Request]]:
    """The action from its start to its end: seconds, and what it asked."""
    before, started = len(here.hub.requests), time.perf_counter()
    done = here.run(**here.event())
    if done.code != 1:
        raise SystemExit(f"the review ended with {done.code}:\n{done.err}")
    asked = here.hub.requests[before:]
    return time.perf_counter() - started, [each for each in asked if ".git/" not in each.path]


def usual_bot(here: Job, names: list[str]) -> tuple[float, list[Request]]:
    """The same by PyGithub's objects, with its defaults."""
    before, started = len(here.hub.requests), time.perf_counter()
    client = github.Github(auth=github.Auth.Token(here.hub.token), base_url=here.hub.api_url)
    pull = client.get_repo(here.hub.repository).get_pull(1)
    list(pull.get_files())
    list(pull.get_review_comments())
    list(pull.get_issue_comments())
    pull.create_review(
        body="usual",
        event="COMMENT",
        comments=[{"path": n, "line": 2, "side": "RIGHT", "body": "x"} for n in names[:PROBLEMS]],
    )
    pull.create_issue_comment("usual")
    return time.perf_counter() - started, here.hub.requests[before:]


def demanded(what: str, ours: int, wanted: int) -> Row:
    return Row(what, str(ours), "", "", f"{wanted}", ours == wanted)


def told(asked: list[Request]) -> Counter[tuple[str, str]]:
    return Counter((each.method, each.path.removeprefix("/repos/o/r")) for each in asked)


def words(asked: list[Request]) -> str:
    """`2× POST /graphql, 1× ...`."""
    return ", ".join(f"{n}× {method} {path}" for (method, path), n in told(asked).items()) or "none"


if __name__ == "__main__":
    print(run().markdown())
