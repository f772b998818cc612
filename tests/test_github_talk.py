"""Our part in a pull request, over HTTP: what was said, and each step at most once."""

import base64
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewer.errors import ForgeError, InputError, Refused, Rejected, Unreachable
from reviewer.forges.base import (
    Comment,
    DropReview,
    PostReview,
    PutCheck,
    PutNote,
    Resolve,
    UploadSarif,
    Withdraw,
)
from reviewer.model import Request, Side, State
from tests.fakes import _github_faults as faults
from tests.support.hub import LINES, Hub, hub

pytestmark = pytest.mark.slow

WIDE = "\n".join([*LINES[:3], *(f"changed_{number} = 0" for number in range(4, 41))]) + "\n"
"""Every line is changed or beside one that is, so that each can have a comment."""

REVIEWS = "*/pulls/1/reviews"
NOTES = "*/issues/1/comments"


def mark(name: str, kind: str = "finding") -> str:
    return f"<!-- reviewer:{kind}:{name}.x:{'0' * 32} -->"


def comment(line: int, *, path: str = "app.py", side: Side = Side.NEW, start: int = 0) -> Comment:
    under = mark(f"{path}-{line}".replace(".", "-"))
    return Comment(path, side, start or line, line, f"Line {line}.\n\n{under}", under)


def review(here: Hub, *comments: Comment, demanding: bool = False, body: str = "Hi") -> PostReview:
    under = mark("r", "review")
    return PostReview(here.head, f"{body}\n\n{under}", under, comments, demanding)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Hub]:
    with hub(tmp_path / "hub", WIDE) as made:
        yield made


def stored(here: Hub) -> tuple[int, int]:
    """Reviews that readers see, and comments on lines."""
    return len([r for r in here.fake.reviews if r.state != "PENDING"]), len(
        here.fake.review_comments
    )


def requests(here: Hub, method: str, path: str = "/reviews") -> int:
    return sum(r.method == method and path in r.path for r in here.fake.requests)


# The past


def test_the_past_is_ours_alone(here: Hub) -> None:
    talk = here.talk()
    talk.take(review(here, comment(3), comment(5)))
    talk.take(PutNote(f"Sum\n\n{mark('s', 'summary')}\n", mark("s", "summary")))
    here.fake.comment(1, f"fake\n\n{mark('s', 'summary')}")
    here.fake.comment(1, "another workflow", login="github-actions[bot]")
    here.fake.review(1, f"fake\n{mark('r', 'review')}")
    past = talk.past()
    assert past.head == here.head
    assert past.open
    assert [remark.mark for remark in past.remarks] == [comment(3).mark, comment(5).mark]
    assert [remark.path for remark in past.remarks] == ["app.py", "app.py"]
    assert [(note.mark, note.body) for note in past.notes] == [
        (mark("s", "summary"), f"Sum\n\n{mark('s', 'summary')}\n")
    ]
    assert [said.mark for said in past.reviews] == [mark("r", "review")]
    assert all(said.url.startswith("http") for said in (*past.notes, *past.reviews))
    assert past.checks == ()


def test_threads_that_others_began_or_answered(here: Hub) -> None:
    talk = here.talk()
    talk.take(review(here, comment(3), comment(5), comment(7)))
    stranger = {"path": "app.py", "line": 9, "side": "RIGHT", "body": mark("app-py-9")}
    here.fake.review(1, "mine", comments=[stranger])
    here.fake.reply(here.fake.threads[0], "no")
    here.fake.reply(here.fake.threads[1], "more of ours", login="github-actions[bot]")
    here.fake.resolve(here.fake.threads[2])
    said = {r.mark: (r.answered, r.resolved) for r in talk.past().remarks}
    assert said == {
        comment(3).mark: (True, False),
        comment(5).mark: (False, False),
        comment(7).mark: (False, True),
    }


def test_more_than_one_page(here: Hub) -> None:
    for number in range(230):
        body = mark(f"n{number}", "summary")
        here.fake.comment(1, body, login="github-actions[bot]")
    talk = here.talk()
    assert [note.mark for note in talk.past().notes] == [
        mark(f"n{number}", "summary") for number in range(230)
    ]
    assert requests(here, "POST", "/graphql") == 3


def test_a_long_thread_counts_as_answered(here: Hub) -> None:
    talk = here.talk()
    talk.take(review(here, comment(3)))
    for _ in range(60):
        here.fake.reply(here.fake.threads[0], "ours", login="github-actions[bot]")
    assert talk.past().remarks[0].answered


def test_a_closed_pull_request(here: Hub) -> None:
    here.fake.close(1, merged=True)
    assert not here.talk().past().open


def test_what_a_pending_review_holds_is_not_there_yet(here: Hub) -> None:
    note = {"path": "app.py", "line": 3, "side": "RIGHT", "body": mark("app-py-3")}
    here.fake.review(1, "draft", login="github-actions[bot]", event="", comments=[note])
    past = here.talk().past()
    assert past.remarks == ()
    assert [(said.pending, said.mark) for said in past.reviews] == [(True, "")]


def test_a_commit_without_a_pull_request(here: Hub) -> None:
    request = Request("github", "o/r", here.base, here.head, 0)
    talk = here.forge(here.fake.environ(), checks=True).conversation(request)
    talk.take(PutCheck(here.head, State.PASSED, "fine", "all", mark("c", "summary")))
    assert [said.mark for said in talk.past().checks] == [mark("c", "summary")]
    with pytest.raises(Rejected, match="no pull request"):
        talk.take(PutNote("x", "x"))


@pytest.mark.parametrize(
    "wrong", [{"repository": "other/r"}, {"head": "../../x"}, {"head": "worktree"}, {"head": ""}]
)
def test_a_request_that_is_not_of_this_run(wrong: dict[str, str], here: Hub) -> None:
    sides = {"repository": "o/r", "base": here.base, "head": here.head, **wrong}
    with pytest.raises(InputError, match="not about a commit of o/r"):
        here.forge(here.fake.environ()).conversation(Request("github", **sides, number=1))


# Reviews


def test_one_review_with_comments(here: Hub) -> None:
    comments = (comment(3), comment(7, start=5), comment(20, side=Side.OLD))
    taken = here.talk().take(review(here, *comments))
    assert stored(here) == (1, 3)
    posted = here.fake.review_comments
    assert [(c.path, c.side, c.start_line, c.line) for c in posted] == [
        ("app.py", "RIGHT", None, 3),
        ("app.py", "RIGHT", 5, 7),
        ("app.py", "LEFT", None, 20),
    ]
    assert here.fake.reviews[0].state == "COMMENTED"
    assert taken.left == ()
    assert taken.url.endswith(str(here.fake.reviews[0].id))
    assert len(here.fake.requests) == 1


def test_demanding(here: Hub) -> None:
    here.talk().take(review(here, comment(3), demanding=True))
    assert here.fake.reviews[0].state == "CHANGES_REQUESTED"


def test_nobody_demands_changes_of_what_is_their_own(here: Hub) -> None:
    here.fake.pulls[1].author = here.fake.state.account("github-actions[bot]")
    here.talk().take(review(here, comment(3), demanding=True))
    assert [r.state for r in here.fake.reviews] == ["COMMENTED"]
    assert stored(here) == (1, 1)


def test_where_changes_may_not_be_demanded(here: Hub) -> None:
    here.fake.fault("POST", REVIEWS, faults.forbidden(), contains="REQUEST_CHANGES")
    here.talk().take(review(here, demanding=True))
    assert [r.state for r in here.fake.reviews] == ["COMMENTED"]


def test_what_was_demanded_is_taken_back(here: Hub) -> None:
    talk = here.talk()
    talk.take(review(here, comment(3), demanding=True))
    asks = talk.past().reviews[0]
    assert asks.demanding
    here.fake.fault("PUT", "*/dismissals", faults.bad_gateway(stored=True))
    talk.take(Withdraw(asks.id, "mended"))
    assert here.fake.reviews[0].state == "DISMISSED"
    assert not talk.past().reviews[0].demanding
    assert requests(here, "PUT") == 1


def test_we_never_approve(here: Hub) -> None:
    talk = here.talk()
    talk.take(review(here, comment(3)))
    talk.take(review(here, demanding=True))
    assert "APPROVE" not in str([request.body for request in here.fake.writes])


def test_too_many_comments_are_a_mistake_of_ours(here: Hub) -> None:
    with pytest.raises(ValueError, match="26 comments"):
        here.talk().take(review(here, *(comment(line) for line in range(1, 27))))


@pytest.mark.parametrize("bad", [0, 1, 7, 12, 23, 24])
def test_one_bad_comment_in_25(bad: int, here: Hub) -> None:
    comments = [comment(line) for line in range(1, 26)]
    comments[bad] = comment(4000 + bad)
    taken = here.talk().take(review(here, *comments))
    assert stored(here) == (1, 24)
    assert taken.left == (comments[bad].mark,)
    assert not [r for r in here.fake.reviews if r.state == "PENDING"]
    assert requests(here, "POST") <= 2 + 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_bad_comments_are_left_and_nothing_else_is_lost(seed: int, here: Hub) -> None:
    chance = random.Random(seed)
    size = chance.randint(1, 25)
    bad = set(chance.sample(range(size), chance.randint(1, min(size, 4))))
    comments = [comment(900 + n if n in bad else n + 1) for n in range(size)]
    taken = here.talk().take(review(here, *comments))
    there = {c.body.split("\n")[-1] for c in here.fake.review_comments}
    assert there | set(taken.left) == {c.mark for c in comments}
    assert len(there) + len(taken.left) == size
    assert {comments[n].mark for n in bad} <= set(taken.left)
    assert stored(here)[0] == 1
    assert requests(here, "POST") <= 2 + 2 * max(1, size - 1).bit_length()
    if len(bad) == 1:
        assert len(taken.left) == 1


def test_only_bad_comments(here: Hub) -> None:
    taken = here.talk().take(review(here, comment(400), comment(401, path="none.py")))
    assert stored(here) == (1, 0)
    assert len(taken.left) == 2


@pytest.mark.parametrize("state", ["PENDING", "COMMENTED"])
def test_what_a_refused_review_leaves_behind(state: str, here: Hub) -> None:
    here.fake.fault("POST", REVIEWS, faults.orphan(state))
    step = review(here, comment(3), comment(900))
    taken = here.talk().take(step)
    reviews, comments = stored(here)
    assert reviews == 1
    assert comments + len(taken.left) == 2
    assert not [r for r in here.fake.reviews if r.state == "PENDING"]


def test_a_trial_that_leaves_something_behind(here: Hub) -> None:
    here.fake.fault("POST", REVIEWS, faults.orphan("PENDING"), times=99)
    taken = here.talk().take(review(here, *(comment(n) for n in (1, 2, 3, 900))))
    assert stored(here) == (1, 3)
    assert taken.left == (comment(900).mark,)


def test_a_pending_review_of_an_earlier_run_gives_way(here: Hub) -> None:
    here.fake.review(1, "old", login="github-actions[bot]", event="")
    here.talk().take(review(here, comment(3)))
    assert [r.state for r in here.fake.reviews] == ["COMMENTED"]


def test_dropping_a_pending_review(here: Hub) -> None:
    here.fake.review(1, "old", login="github-actions[bot]", event="")
    talk = here.talk()
    step = DropReview(talk.past().reviews[0].id)
    talk.take(step)
    assert here.fake.reviews == []
    talk.take(step)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize(
    "make", [faults.bad_gateway, faults.reset, faults.cut, faults.server_error]
)
def test_a_review_is_posted_at_most_once(make: Any, here: Hub, *, kept: bool) -> None:
    here.fake.fault("POST", REVIEWS, make(stored=kept))
    taken = here.talk().take(review(here, comment(3), comment(5)))
    assert stored(here) == (1, 2)
    assert taken.left == ()
    assert requests(here, "POST") == (1 if kept else 2)


def test_a_review_that_github_hesitates_over_shows_in_the_past(here: Hub) -> None:
    talk = here.talk()
    here.fake.fault("POST", REVIEWS, faults.bad_gateway(stored=True))
    here.fake.fault("POST", "/graphql", faults.server_error(), times=5)
    with pytest.raises(Unreachable):
        talk.take(review(here, comment(3)))
    assert [said.mark for said in talk.past().reviews] == [mark("r", "review")]


def test_a_head_that_is_gone(here: Hub) -> None:
    step = review(here, comment(3))
    here.fake.push(1, here.base)
    with pytest.raises(Rejected, match="not part of the pull request"):
        here.talk().take(step)
    assert requests(here, "POST") == 1


def test_a_body_that_is_too_long(here: Hub) -> None:
    with pytest.raises(Rejected, match="too long"):
        here.talk().take(review(here, comment(3), body="x" * 70_000))
    assert requests(here, "POST") == 1


def test_without_the_right_to_write(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as here:
        token = here.fake.add_token("ghs_fork", read_only=True)
        request = Request("github", "o/r", here.base, here.head, 1)
        forge = here.forge({**here.fake.environ(), "GITHUB_TOKEN": token})
        with pytest.raises(Refused, match="Resource not accessible by integration"):
            forge.conversation(request).take(review(here, comment(20)))
        assert len(here.fake.requests) == 1


# Threads, notes, checks, alerts


def test_resolving(tmp_path: Path) -> None:
    with hub(tmp_path / "hub", WIDE, permissions={"contents": "write"}) as here:
        talk = here.talk()
        talk.take(review(here, comment(3), comment(5)))
        here.fake.fault("POST", "/graphql", faults.bad_gateway(stored=True), contains="mutation")
        talk.take(Resolve(talk.past().remarks[0].thread))
        assert [remark.resolved for remark in talk.past().remarks] == [True, False]
        assert sum("mutation" in str(r.body) for r in here.fake.requests) == 1


def test_resolving_with_the_rights_that_most_tokens_have(here: Hub) -> None:
    talk = here.talk()
    talk.take(review(here, comment(3), comment(5)))
    here.fake.fault("POST", "/graphql", faults.bad_gateway(stored=True), contains="mutation")
    talk.take(Resolve(talk.past().remarks[0].thread))
    assert [remark.resolved for remark in talk.past().remarks] == [True, False]
    assert [each.minimized for each in here.fake.review_comments] == ["RESOLVED", None]
    assert sum("mutation" in str(r.body) for r in here.fake.requests) == 1


def test_a_note_is_kept_up_to_date(here: Hub) -> None:
    talk = here.talk()
    first, second = mark("a", "summary"), mark("b", "summary")
    talk.take(PutNote(f"one\n\n{first}", first))
    there = talk.past().notes[0]
    here.fake.fault("PATCH", "*", faults.bad_gateway(stored=True))
    taken = talk.take(PutNote(f"two\n\n{second}", second, there.id))
    assert [note.body for note in here.fake.issue_comments] == [f"two\n\n{second}"]
    assert requests(here, "PATCH", "/comments/") == 1
    assert taken.url == there.url


def test_a_note_that_was_not_changed_is_sent_again(here: Hub) -> None:
    talk = here.talk()
    first, second = mark("a", "summary"), mark("b", "summary")
    talk.take(PutNote(f"one\n\n{first}", first))
    here.fake.fault("PATCH", "*", faults.bad_gateway())
    talk.take(PutNote(f"two\n\n{second}", second, talk.past().notes[0].id))
    assert [note.body for note in here.fake.issue_comments] == [f"two\n\n{second}"]


@pytest.mark.parametrize(
    ("state", "conclusion"),
    [
        (State.PASSED, "success"),
        (State.FAILED, "failure"),
        (State.COVERAGE_UNKNOWN, "neutral"),
        (State.NOT_REVIEWED, "action_required"),
    ],
)
def test_a_check(state: State, conclusion: str, here: Hub) -> None:
    notes = (("failure", comment(3)), ("notice", comment(9, start=7)))
    step = PutCheck(here.head, state, "A title", "A summary", mark("c", "summary"), notes)
    talk = here.talk(checks=True)
    talk.take(step)
    [check] = here.fake.checks
    assert (check.name, check.conclusion, check.external_id) == (
        "reviewer",
        conclusion,
        step.mark,
    )
    assert [(n["annotation_level"], n["start_line"], n["end_line"]) for n in check.annotations] == [
        ("failure", 3, 3),
        ("notice", 7, 9),
    ]
    assert [n["message"] for n in check.annotations] == ["Line 3.", "Line 9."]
    there = here.talk(checks=True).past().checks
    assert [(said.id, said.mark) for said in there] == [(str(check.id), step.mark)]


def test_too_many_annotations_are_a_mistake_of_ours(here: Hub) -> None:
    notes = tuple(("warning", comment(number)) for number in range(1, 52))
    with pytest.raises(ValueError, match="51 annotations"):
        here.talk().take(PutCheck(here.head, State.FAILED, "t", "s", mark("c", "x"), notes))


def test_a_check_that_may_have_been_made(here: Hub) -> None:
    here.fake.fault("POST", "*/check-runs", faults.reset(stored=True))
    here.talk().take(PutCheck(here.head, State.PASSED, "t", "s", mark("c", "summary")))
    assert len(here.fake.checks) == 1


def test_the_check_run_of_a_job_is_not_ours(here: Hub) -> None:
    talk = here.talk(checks=True)
    talk.take(PutCheck(here.head, State.PASSED, "t", "s", "5c9a4a3e-1f2b-4c7d-9a51-0d6c52e8f7aa"))
    assert talk.past().checks == ()


def test_without_the_right_to_read_checks(tmp_path: Path) -> None:
    with hub(tmp_path / "hub", private=True, permissions={"checks": "none"}) as here:
        talk = here.talk(checks=True)
        assert talk.past().checks == ()
        with pytest.raises(Refused):
            talk.take(PutCheck(here.head, State.PASSED, "t", "s", mark("c", "summary")))


def test_alerts(here: Hub) -> None:
    here.talk().take(UploadSarif(here.head, '{"version": "2.1.0", "runs": []}'))
    [sarif] = here.fake.sarifs
    assert (sarif.ref, sarif.commit_sha) == ("refs/pull/1/head", here.head)
    assert sarif.document == {"version": "2.1.0", "runs": []}


def test_alerts_that_are_too_many(here: Hub) -> None:
    noise = base64.b64encode(random.Random(1).randbytes(15 << 20)).decode()
    with pytest.raises(Rejected, match="MiB when compressed"):
        here.talk().take(UploadSarif(here.head, noise))
    assert here.fake.requests == []


def test_code_scanning_that_is_off(here: Hub) -> None:
    here.fake.state.code_scanning = False
    with pytest.raises(Refused, match="Advanced Security"):
        here.talk().take(UploadSarif(here.head, "{}"))


def test_the_number_of_requests_does_not_grow_with_the_comments(tmp_path: Path) -> None:
    counts = []
    for number in (1, 10, 25):
        with hub(tmp_path / f"hub{number}", WIDE) as here:
            forge = here.forge()
            request = forge.request({})
            talk = forge.conversation(request)
            talk.past()
            talk.take(review(here, *(comment(line) for line in range(1, number + 1))))
            talk.take(PutNote(mark("s", "summary"), mark("s", "summary")))
            asked = [r.path for r in here.fake.requests if ".git/" not in r.path]
            counts.append((len(asked), len(here.fake.writes)))
    assert counts == [(4, 2)] * 3


FAULTS = [
    make(stored=kept)
    for make in (
        faults.bad_gateway,
        faults.reset,
        faults.cut,
        faults.bad_json,
        faults.server_error,
    )
    for kept in (True, False)
] + [
    faults.secondary_limit(5),
    faults.secondary_limit(9000),
    faults.abuse(),
    faults.unauthorized(),
    faults.forbidden(),
    faults.orphan("PENDING"),
    faults.orphan("COMMENTED"),
    faults.lag(1),
    faults.redirect("http://127.0.0.1:1/"),
]


SEEDS = [pytest.param(n, marks=pytest.mark.slow) if n >= 2 else n for n in range(60)]


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_nothing_is_there_twice(seed: int, here: Hub) -> None:
    """Runs that break off anywhere, and start again until all is said."""
    chance = random.Random(seed)
    note = PutNote(f"Sum\n\n{mark('s', 'summary')}", mark("s", "summary"))
    check = PutCheck(here.head, State.FAILED, "t", "s", mark("c", "summary"))
    good = [comment(line) for line in range(1, 7)]
    comments = [*good, comment(900)] if seed % 2 else good
    for _ in range(chance.randint(1, 4)):
        method, path = chance.choice(
            [("POST", REVIEWS), ("POST", NOTES), ("POST", "*/check-runs"), ("POST", "/graphql"),
             ("DELETE", "*/reviews/*"), ("*", "*")]
        )  # fmt: skip
        here.fake.fault(
            method,
            path,
            chance.choice(FAULTS),
            nth=chance.randint(1, 4),
            times=chance.randint(1, 3),
        )
    left: set[str] = set()
    for _ in range(12):
        talk = here.talk(checks=True)
        try:
            past = talk.past()
            there = {remark.mark for remark in past.remarks} | left
            for said in past.reviews:
                if said.pending:
                    talk.take(DropReview(said.id))
            if not any(said.mark == mark("r", "review") for said in past.reviews):
                missing = [each for each in comments if each.mark not in there]
                left |= {*talk.take(review(here, *missing)).left}
            if not past.notes:
                talk.take(note)
            if not past.checks:
                talk.take(check)
        except ForgeError:
            continue
        break
    else:
        raise AssertionError("it never came to an end")
    texts = [c.body for c in here.fake.review_comments]
    assert len(texts) == len(set(texts))
    assert stored(here)[0] == 1
    assert not [r for r in here.fake.reviews if r.state == "PENDING"]
    assert (len(here.fake.issue_comments), len(here.fake.checks)) == (1, 1)
