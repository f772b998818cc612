"""What we say on a merge request of GitLab, against a stateful fake that knows the diff."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reviewer.errors import Refused, Rejected, Unreachable
from reviewer.forges._gitlab_review import suggested
from reviewer.forges.base import DropReview, PutCheck, PutNote, Resolve, UploadSarif
from reviewer.model import Side, State
from tests.fakes import _github_faults as faults
from tests.fakes._gitlab_state import Draft, Token
from tests.fakes.gitlab import LIMITED
from tests.support.gitrepo import git
from tests.support.lab import Lab, lab

pytestmark = pytest.mark.slow

DRAFTS = "*/draft_notes"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path / "lab") as made:
        yield made


def code(path: str, old: int, new: int) -> str:
    return f"{hashlib.sha1(path.encode()).hexdigest()}_{old}_{new}"


LINES = {
    "added": (("app.py", 5), {"new_line": 5}),
    "unchanged, after the added ones": (("app.py", 8), {"new_line": 8, "old_line": 6}),
    "removed": (("app.py", 20, 0, Side.OLD), {"old_line": 20}),
    "unchanged, by its old number": (("app.py", 19, 0, Side.OLD), {"new_line": 21, "old_line": 19}),
    "of a renamed file": (("after.py", 6), {"new_line": 6}),
    "of a new file": (("fresh.py", 2), {"new_line": 2}),
    "of a deleted file": (("gone.py", 1, 0, Side.OLD), {"old_line": 1}),
}


@pytest.mark.parametrize("name", LINES)
def test_a_comment_stands_on_its_line(place: Lab, name: str) -> None:
    words, lines = LINES[name]
    taken = place.talk().take(place.review(place.comment(*words)))
    assert taken.left == ()
    (note,) = place.fake.diff_notes()
    position = note.position or {}
    assert {k: v for k, v in position.items() if k.endswith("_line")} == lines
    old = "before.py" if words[0] == "after.py" else words[0]
    assert (position["old_path"], position["new_path"]) == (old, words[0])
    newest = place.fake.merge().newest
    shas = (position["base_sha"], position["start_sha"], position["head_sha"])
    assert (
        shas == (newest.base, newest.start, newest.head) == (place.base, place.target, place.head)
    )


RANGES = {
    "added": ((5, 6), ("new", 5, 5), ("new", 5, 6)),
    "from unchanged to added": ((4, 5), ("old", 4, 4), ("new", 5, 5)),
    "around a removed line": ((21, 22), ("old", 19, 21), ("old", 21, 22)),
}


@pytest.mark.parametrize("old", [False, True], ids=["new", "before 18.6"])
@pytest.mark.parametrize("name", RANGES)
def test_a_comment_spans_lines(place: Lab, name: str, old: bool) -> None:
    lines, *ends = RANGES[name]
    place.fake.state.old_ranges = old
    taken = place.talk().take(place.review(place.comment("app.py", *lines)))
    assert taken.left == ()
    (note,) = place.fake.diff_notes()
    found = (note.position or {})["line_range"]
    for given, (kind, before, after) in zip((found["start"], found["end"]), ends, strict=True):
        assert given["line_code"] == code("app.py", before, after)
        assert given["type"] == kind
        assert ("new_line" in given) is not old


def test_copies_are_new_files_to_gitlab(tmp_path: Path) -> None:
    with lab(tmp_path / "lab") as place:
        work = tmp_path / "work"
        git(tmp_path, "clone", "-q", str(place.folder), str(work), "-b", "feature")
        copy = (work / "app.py").read_text("utf-8") + "last = 1\n"
        (work / "copy.py").write_text(copy, "utf-8")
        git(work, "add", "-A")
        git(work, "commit", "-q", "-m", "copy")
        git(work, "push", "-q", "origin", "feature")
        place.head = git(work, "rev-parse", "HEAD").decode().strip()
        place.fake.push(1, place.head)
        assert place.changes().by_path["copy.py"].old_path
        comment = place.comment("copy.py", 39, 41)
        assert place.talk().take(place.review(comment)).left == ()


def test_a_review_is_one_notification(place: Lab) -> None:
    comments = [place.comment("app.py", line) for line in (5, 6)]
    taken = place.talk().take(place.review(*comments))
    (told,) = place.fake.notifications
    assert [text.partition("\n")[0] for text in told] == ["I had a look.", "It is so.", "It is so."]
    body = place.fake.plain_notes()[0]
    assert taken.url == f"{place.fake.url}/group/project/-/merge_requests/1#note_{body.id}"
    assert place.fake.merge().drafts == []


@pytest.mark.parametrize("strict", [True, False])
def test_a_comment_without_a_place_is_left_out(place: Lab, strict: bool) -> None:
    place.fake.state.strict_drafts = strict
    good, bad, gone = (place.comment("app.py", line) for line in (5, 39, 6))
    outside = place.comment("other.py", 1)
    hunks = place.changes().by_path["app.py"].commentable(Side.NEW)
    assert 39 not in hunks
    taken = place.talk().take(place.review(good, bad, outside, gone))
    assert taken.left == (bad.mark, outside.mark)
    assert len(place.fake.diff_notes()) == 2


def test_a_moved_target_is_read_once_more(place: Lab) -> None:
    """The wrong SHAs in a position: the draft gets no line, and the versions are read again."""
    place.fake.state.strict_drafts = True
    merge = place.fake.merge()

    def rebase() -> None:
        git(place.folder, "update-ref", "refs/heads/main", place.base)
        place.fake.push(1, place.head)
        del merge.versions[0]

    place.fake.after("GET", "*/versions", rebase, times=1)
    taken = place.talk().take(place.review(place.comment("app.py", 5)))
    assert taken.left == ()
    assert (place.fake.diff_notes()[0].position or {})["start_sha"] == place.base


def test_another_head_gets_nothing(place: Lab) -> None:
    place.fake.after("POST", DRAFTS, lambda: place.fake.push(1, place.target), nth=1)
    place.fake.after("POST", DRAFTS, lambda: place.fake.merge().versions.pop(0), nth=1)
    with pytest.raises(Rejected, match="another version"):
        place.talk().take(place.review(place.comment("app.py", 5), place.comment("app.py", 6)))
    assert place.fake.discussions() == [] and place.fake.merge().drafts == []


def test_what_another_run_left_behind_is_never_published(place: Lab) -> None:
    place.fake.fault("POST", "*/bulk_publish", faults.error(403, "403 Forbidden"))
    place.fake.fault("DELETE", "*", faults.error(403, "403 Forbidden"), times=9)
    with pytest.raises(Refused):
        place.talk().take(place.review(place.comment("app.py", 5)))
    assert len(place.fake.merge().drafts) == 2
    (pending,) = place.talk().past().reviews
    assert pending.pending and pending.mark == place.review().mark
    place.fake.desk.faults.clear()
    place.talk().take(DropReview(pending.id))
    assert place.fake.merge().drafts == []


def test_a_failed_review_leaves_no_drafts(place: Lab) -> None:
    place.fake.fault("POST", "*/bulk_publish", faults.server_error(500), times=9)
    with pytest.raises(Unreachable):
        place.talk().take(place.review(place.comment("app.py", 5)))
    assert place.fake.merge().drafts == [] and place.fake.discussions() == []


def test_drafts_of_the_person_behind_the_account_stay_drafts(place: Lab) -> None:
    own = Draft(1, place.fake.bot, "I am still thinking", None, None)
    place.fake.merge().drafts.append(own)
    assert place.talk().take(place.review(place.comment("app.py", 5))).left == ()
    assert place.fake.merge().drafts == [own]
    assert len(place.fake.discussions()) == 2


def test_a_full_merge_request_is_a_refusal(place: Lab) -> None:
    """At the limit GitLab answers 204 and throws the drafts away."""
    place.fake.state.most_notes = 0
    with pytest.raises(Rejected, match="did not keep the review"):
        place.talk().take(place.review(place.comment("app.py", 5)))
    with pytest.raises(Rejected, match="Maximum number of comments exceeded"):
        place.talk().take(PutNote("text", "text"))


def test_what_was_lost_at_the_limit_is_left(place: Lab) -> None:
    place.fake.state.most_notes = 2
    first, second = place.comment("app.py", 5), place.comment("app.py", 6)
    assert place.talk().take(place.review(first, second)).left == (second.mark,)


BREAKS: dict[str, tuple[str, Any]] = {
    "502, draft stored": (DRAFTS, faults.bad_gateway(stored=True)),
    "502, draft not stored": (DRAFTS, faults.bad_gateway()),
    "reset, draft stored": (DRAFTS, faults.reset(stored=True)),
    "cut off": (DRAFTS, faults.cut()),
    "502, published": ("*/bulk_publish", faults.bad_gateway(stored=True)),
    "502, not published": ("*/bulk_publish", faults.bad_gateway()),
    "reset, published": ("*/bulk_publish", faults.reset(stored=True)),
    "429": (DRAFTS, faults.answer(429, LIMITED, {"Retry-After": "30"})),
    "429 without a time": (DRAFTS, faults.answer(429, LIMITED)),
}


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("name", BREAKS)
def test_a_review_is_posted_once_whatever_breaks(place: Lab, name: str, nth: int) -> None:
    path, fault = BREAKS[name]
    place.fake.fault("POST", path, fault, nth=1 if "publish" in path else nth)
    comments = [place.comment("app.py", line) for line in (5, 6)]
    assert place.talk().take(place.review(*comments)).left == ()
    assert [len(told) for told in place.fake.notifications] == [3]
    assert len(place.fake.discussions()) == 3


def test_waits_are_those_that_gitlab_asks_for(place: Lab) -> None:
    place.fake.fault("POST", DRAFTS, faults.answer(429, LIMITED, {"Retry-After": "30"}))
    place.talk().take(place.review())
    assert 30 in place.clock.waits
    place.fake.fault("POST", DRAFTS, faults.answer(429, LIMITED, {"Retry-After": "3600"}), times=9)
    with pytest.raises(Unreachable, match="more than"):
        place.talk().take(place.review())
    assert max(place.clock.waits) < 600


def test_the_past_is_what_our_account_said(place: Lab) -> None:
    talk = place.talk()
    comments = [place.comment("app.py", line) for line in (5, 6)]
    review = place.review(*comments)
    talk.take(review)
    mark = place.marks.summary(place.head, "1" * 32)
    talk.take(PutNote(f"All is well.\n\n{mark}", mark))
    place.fake.comment(1, review.comments[0].body, new_path="app.py", position_type="text")
    place.fake.comment(1, f"All is well.\n\n{mark}")
    place.fake.comment(1, "no mark", author="project_5_bot")
    first, second = (
        d for d in place.fake.discussions() if d.notes[0] in place.fake.diff_notes()[:2]
    )
    place.fake.reply(first, "Why?")
    place.fake.resolve(second)
    past = place.talk().past()
    assert (past.head, past.open) == (place.head, True)
    assert [(r.mark, r.path) for r in past.remarks] == [(c.mark, "app.py") for c in comments]
    assert [(r.answered, r.resolved) for r in past.remarks] == [(True, False), (False, True)]
    assert [r.mark for r in past.reviews] == [review.mark]
    assert [(n.mark, n.body) for n in past.notes] == [(mark, f"All is well.\n\n{mark}")]
    place.fake.merge().state = "merged"
    assert not place.talk().past().open


def test_a_long_conversation_is_read_to_its_end(place: Lab) -> None:
    for number in range(250):
        place.fake.comment(1, f"{number}")
    place.talk().take(place.review(place.comment("app.py", 5)))
    past = place.talk().past()
    assert len(past.remarks) == len(past.reviews) == 1


def test_the_summary_is_one_note(place: Lab) -> None:
    talk = place.talk()
    taken = talk.take(PutNote("one\n\n<!-- reviewer:summary:1 -->", "<!-- reviewer:summary:1 -->"))
    (note,) = talk.past().notes
    assert taken.url == note.url
    talk.take(PutNote("two\n\n<!-- reviewer:summary:2 -->", "<!-- reviewer:summary:2 -->", note.id))
    (again,) = talk.past().notes
    assert again.id == note.id and again.body.startswith("two")
    place.fake.discussions().clear()
    talk.take(
        PutNote("three\n\n<!-- reviewer:summary:3 -->", "<!-- reviewer:summary:3 -->", note.id)
    )
    assert [n.body[:5] for n in place.fake.plain_notes()] == ["three"]


@pytest.mark.parametrize("stored", [True, False])
def test_the_summary_is_put_once_whatever_breaks(place: Lab, stored: bool) -> None:
    place.fake.fault("POST", "*/notes", faults.bad_gateway(stored=stored))
    mark = "<!-- reviewer:summary:1 -->"
    place.talk().take(PutNote(f"one\n\n{mark}", mark))
    assert len(place.fake.discussions()) == 1


def test_the_body_of_a_review_does_not_stand_in_the_way_of_a_merge(place: Lab) -> None:
    talk = place.talk()
    talk.take(place.review(place.comment("app.py", 5)))
    talk.take(PutNote("text", "text"))
    body, remark, _ = place.fake.discussions()
    assert body.resolved and not remark.resolved


def test_a_thread_is_resolved(place: Lab) -> None:
    place.talk().take(place.review(place.comment("app.py", 5)))
    (remark,) = place.talk().past().remarks
    place.fake.fault("PUT", "*/discussions/*", faults.bad_gateway(stored=True))
    place.talk().take(Resolve(remark.thread))
    assert place.talk().past().remarks[0].resolved
    assert len([r for r in place.fake.writes if r.method == "PUT"]) == 1


def test_resolving_takes_the_role_developer(place: Lab) -> None:
    token = place.fake.add_token("glpat-r", Token(place.fake.bot, "reporter"))
    place.talk(token=token).take(place.review(place.comment("app.py", 5)))
    (remark,) = place.talk().past().remarks
    with pytest.raises(Refused, match="GitLab answered 403"):
        place.talk(token=token).take(Resolve(remark.thread))


def test_suggestions_speak_gitlabs_language(place: Lab) -> None:
    """The fake complains of a suggestion for other lines than the comment's."""
    block = "```suggestion\nfirst = second = 1\n```"
    one = place.comment("app.py", 5, text=block)
    both = place.comment("after.py", 5, 6, text=block)
    assert place.talk().take(place.review(one, both)).left == ()
    first, second = (note.body for note in place.fake.diff_notes())
    assert "```suggestion\n" in first and "```suggestion:-1+0\n" in second


def test_only_the_fence_of_a_suggestion_is_changed() -> None:
    assert suggested("a\n````suggestion\n```suggestion\n````", 3) == (
        "a\n````suggestion:-3+0\n```suggestion\n````"
    )
    assert suggested("a ```suggestion\nb", 3) == "a ```suggestion\nb"


def test_what_gitlab_has_no_place_for_is_rejected(place: Lab) -> None:
    check = PutCheck(place.head, State.PASSED, "passed", "", "mark")
    with pytest.raises(Rejected, match="the job itself is the check"):
        place.talk().take(check)
    with pytest.raises(Rejected, match="artifacts of the job"):
        place.talk().take(UploadSarif(place.head, "{}"))
    assert place.fake.writes == []


@pytest.mark.parametrize("token", ["glpat-unknown", "reader"])
def test_a_token_that_may_not_write_is_refused(place: Lab, token: str) -> None:
    place.fake.add_token("reader", Token(place.fake.bot, scope="read_api"))
    with pytest.raises(Refused, match=r"GitLab answered 40[13]"):
        place.forge(place.fake.environ(), token=token).conversation(
            place.request(), place.changes()
        ).take(place.review(place.comment("app.py", 5)))
    assert place.fake.discussions() == []
