"""Publishing: what is planned for a request, what comes of it, and what a killed run leaves."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from reviewer import posting
from reviewer.errors import ForgeError, Refused, Rejected, Unreachable
from reviewer.forges.base import (
    DropReview,
    Past,
    PostReview,
    PutCheck,
    PutNote,
    Remark,
    Resolve,
    Said,
    UploadSarif,
    Withdraw,
)
from reviewer.marks import Marks
from reviewer.model import (
    Effort,
    FileSummary,
    Finding,
    Outcome,
    Proof,
    Report,
    Severity,
    Side,
    Span,
    Standing,
    State,
    Status,
    Suggestion,
    ToolRun,
    Trust,
    Verdict,
)
from reviewer.posting import Manner, plan
from reviewer.publish import Delivery, Place, deliver
from tests.support.publishing import (
    HEAD,
    PATH,
    REQUEST,
    Killed,
    Log,
    Memory,
    change,
    on_line,
    report,
    standing,
)
from tests.support.reports import review_by_model

MANNER = Manner(key=b"key")
MARKS = Marks(REQUEST.repository, REQUEST.number, b"key")
EVERYTHING = Manner(key=b"key", check=True, sarif="{}")


def publish(
    given: Report,
    memory: Memory,
    manner: Manner = MANNER,
    log: Log | None = None,
) -> Delivery:
    beside = (log or Log()).beside()
    return deliver(given, change(), memory, manner, beside)


def only(kind: type, steps: Sequence[object]) -> list[object]:
    return [step for step in steps if isinstance(step, kind)]


def review_of(given: Report, past: Past | None = None, manner: Manner = MANNER) -> PostReview:
    steps = plan(given, change(), past or Past(HEAD), manner)
    (review,) = only(PostReview, steps)
    assert isinstance(review, PostReview)
    return review


def note_of(memory: Memory) -> str:
    (note,) = memory.there.notes
    return note.body


def without(given: Report, *gone: str) -> Report:
    return report(*(i for i in given.judged if i.finding.rule not in gone))


# What is planned


def test_a_first_review_has_the_comments_then_the_summary() -> None:
    steps = plan(report(on_line(3), on_line(9)), change(), Past(HEAD), MANNER)
    review, note = steps
    assert isinstance(review, PostReview) and isinstance(note, PutNote)
    assert review.commit == HEAD and not review.demanding
    assert [(c.path, c.side, c.start, c.end) for c in review.comments] == [
        (PATH, Side.NEW, 3, 3),
        (PATH, Side.NEW, 9, 9),
    ]
    assert all(c.body.splitlines()[-1] == c.mark for c in (*review.comments, review, note))
    assert note.replaces == ""
    assert "2 findings with a comment on the line." in note.body


def test_the_worst_come_first_and_the_limit_holds() -> None:
    judged = [on_line(n, severity=Severity.NOTE) for n in range(1, 6)]
    judged += [on_line(n, severity=Severity.ERROR) for n in range(6, 9)]
    review = review_of(report(*judged), manner=replace(MANNER, inline=4))
    assert [c.start for c in review.comments] == [6, 7, 8, 1]


def test_many_comments_go_into_reviews_of_25() -> None:
    given = report(*(on_line(n) for n in range(1, 41)))
    steps = plan(given, change(), Past(HEAD), replace(MANNER, inline=40, demanding=True))
    reviews = [s for s in steps if isinstance(s, PostReview)]
    assert [len(r.comments) for r in reviews] == [25, 15]
    assert [r.demanding for r in reviews] == [True, False]
    assert len({r.mark for r in reviews}) == 2
    assert "Verdict" in reviews[0].body and "Verdict" not in reviews[1].body


def test_a_demand_is_taken_back_once_nothing_fails() -> None:
    manner = replace(MANNER, demanding=True)
    asks = review_of(report(on_line(3)), manner=manner)
    past = Past(HEAD, reviews=(Said("7", asks.mark, asks.body, demanding=True),))
    mended = report(on_line(3, severity=Severity.WARNING))
    assert [s.id for s in plan(mended, change(), past, MANNER) if isinstance(s, Withdraw)] == ["7"]
    still = plan(report(on_line(3)), change(), past, manner)
    assert not [s for s in still if isinstance(s, Withdraw)]
    theirs = replace(past, reviews=(Said("7", "<!-- reviewer:review:x:y -->", demanding=True),))
    assert not [s for s in plan(mended, change(), theirs, MANNER) if isinstance(s, Withdraw)]


def test_changes_are_asked_for_only_on_a_failed_verdict() -> None:
    manner = replace(MANNER, demanding=True)
    assert review_of(report(on_line(3)), manner=manner).demanding
    mild = report(on_line(3, severity=Severity.WARNING))
    assert not review_of(mild, manner=manner).demanding


@pytest.mark.parametrize(
    ("span", "lines"),
    [
        (Span(PATH, 3, 6), (3, 6)),
        (Span(PATH, 9, 14), (10, 10)),
        (Span(PATH, 3, 22), (10, 10)),
        (Span(PATH, 1, 400), (10, 10)),
    ],
)
def test_a_comment_of_many_lines_stays_in_one_hunk(span: Span, lines: tuple[int, int]) -> None:
    changes = change(hunks=((1, 6), (8, 3), (12, 20)))
    item = replace(on_line(10), finding=replace(on_line(10).finding, span=span))
    anchor = 3 if lines == (3, 6) else 10
    steps = plan(report(replace(item, anchor=anchor)), changes, Past(HEAD), MANNER)
    review = steps[0]
    assert isinstance(review, PostReview)
    (comment,) = review.comments
    assert (comment.start, comment.end) == lines
    assert (f"lines {span.start}-{span.end}" in comment.body) == (lines == (10, 10))


def test_a_finding_without_a_place_on_the_diff_gets_no_comment() -> None:
    nowhere = on_line(99)
    unsendable = on_line(3, "S1", path="caf\udce9.py")
    steps = plan(report(nowhere, unsendable), change(), Past(HEAD), MANNER)
    (note,) = steps
    assert isinstance(note, PutNote)
    assert "2 findings without a comment" in note.body


FIX = Suggestion(Span(PATH, 3, 4), "better()\n", Proof.CLEAN)


@pytest.mark.parametrize(
    ("suggestion", "trust", "offered"),
    [
        (FIX, Trust.TRUSTED, True),
        (FIX, Trust.UNTRUSTED, False),
        (replace(FIX, proof=Proof.PARSES), Trust.TRUSTED, False),
        (replace(FIX, refused="it was refused"), Trust.TRUSTED, False),
        (replace(FIX, span=Span("other.py", 3, 4)), Trust.TRUSTED, False),
        (replace(FIX, span=Span(PATH, 39, 41)), Trust.TRUSTED, False),
        (replace(FIX, text="is_\u202eadmin\n"), Trust.TRUSTED, False),
        (replace(FIX, text="x\n" * 30_000), Trust.TRUSTED, False),
    ],
)
def test_what_can_be_committed_is_proven_trusted_and_in_one_place(
    suggestion: Suggestion, trust: Trust, offered: bool
) -> None:
    given = report(on_line(3, suggestion=suggestion), request=replace(REQUEST, trust=trust))
    (comment,) = review_of(given).comments
    assert ("```suggestion\nbetter()\n```" in comment.body) == offered
    assert ((comment.start, comment.end) == (3, 4)) == offered


def test_those_who_say_the_same_are_named() -> None:
    spoken = on_line(3, "S602", message="a shell (also bandit/B602)")
    same = standing(on_line(3, "B602", tool="bandit"), Standing.MERGED)
    other = standing(on_line(3, "X1", tool="bandit"), Standing.MERGED)
    (comment,) = review_of(report(spoken, same, other)).comments
    assert "`bandit/B602` says the same." in comment.body
    assert "also" not in comment.body and "X1" not in comment.body


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://docs.example.org/rules/S608/", True),
        ("https://docs.example.org/rules/S608/?q=a)[b](https://evil.example", False),
        ("https://evil.example/https://docs.example.org/rules/", False),
        ("javascript:alert(1)", False),
    ],
)
def test_a_rule_is_linked_to_its_own_page_only_where_that_is_known(url: str, linked: bool) -> None:
    manner = replace(MANNER, homes=("https://docs.example.org/rules/",))
    (comment,) = review_of(report(on_line(3, url=url)), manner=manner).comments
    assert (f"]({url})" in comment.body) == linked
    assert ("/docs/rules.md#ruff-s608)" in comment.body) != linked


def test_a_check_shows_what_no_comment_does() -> None:
    capped = standing(on_line(20), Standing.CAPPED)
    steps = plan(report(on_line(3), capped), change(), Past(HEAD), EVERYTHING)
    kinds = [type(step) for step in steps]
    assert kinds == [PostReview, PutCheck, UploadSarif, PutNote]
    check, note = steps[1], steps[3]
    assert isinstance(check, PutCheck) and isinstance(note, PutNote)
    assert check.state is State.FAILED and check.title.startswith("failed, score 80")
    ((level, shown),) = check.annotations
    assert (level, shown.start) == ("failure", 20)
    assert shown.body.startswith("possible SQL injection: the query")
    assert "1 finding annotated on the line" in note.body


def test_on_a_closed_request_there_is_a_summary_alone() -> None:
    steps = plan(report(on_line(3)), change(), Past(HEAD, open=False), EVERYTHING)
    assert [type(step) for step in steps] == [PutNote]


def test_on_another_head_there_is_nothing_to_do() -> None:
    assert plan(report(on_line(3)), change(), Past("c" * 40), EVERYTHING) == ()


def test_nothing_to_review_is_not_worth_a_note() -> None:
    empty = report(verdict=Verdict(State.NOT_REVIEWED, None, ("nothing to review",), 0))
    assert plan(empty, change(), Past(HEAD), MANNER) == ()
    memory = Memory()
    publish(report(on_line(3)), memory)
    publish(empty, memory)
    assert "not reviewed" in note_of(memory)


def test_a_plan_is_what_a_delivery_does() -> None:
    given = report(on_line(3), standing(on_line(20), Standing.CAPPED), on_line(9))
    memory = Memory()
    steps = plan(given, change(), memory.past(), EVERYTHING)
    publish(given, memory, EVERYTHING)
    assert memory.steps == list(steps)
    assert plan(given, change(), memory.past(), EVERYTHING) == ()


# Again


def test_a_second_run_does_nothing() -> None:
    memory = Memory()
    given = report(*(on_line(n) for n in range(1, 9)), standing(on_line(30), Standing.BODY))
    first = publish(given, memory, EVERYTHING)
    memory.steps.clear()
    slower = replace(given, runs=tuple(replace(run, seconds=9.0) for run in given.runs))
    second = publish(slower, memory, EVERYTHING)
    assert memory.steps == []
    assert first.count(Place.INLINE) == second.count(Place.SAID) == 8
    assert first.count(Place.SUMMARY) == second.count(Place.SUMMARY) == 1
    assert second.reached and second.note_url


def test_a_second_run_that_took_the_model_less_writes_nothing() -> None:
    memory = Memory()
    edit = Suggestion(Span(PATH, 3, 3), "better()", Proof.CLEAN)
    first = report(
        on_line(3, "bug", tool="model", suggestion=edit), on_line(9), model=review_by_model()
    )
    publish(first, memory, EVERYTHING)
    (review,) = memory.there.reviews
    assert review_by_model().effort.checkpoint in review.body
    before = memory.state()
    memory.steps.clear()
    cached = Effort(asked=12, cached=12, seconds=(("ask", 0.1),), checkpoint=f"99:{'7a' * 32}")
    publish(replace(first, model=review_by_model(effort=cached)), memory, EVERYTHING)
    assert memory.steps == [] and memory.state() == before
    less = replace(first, model=review_by_model(missed=3))
    publish(less, memory, EVERYTHING)
    assert "saw 11 of 14 places" in note_of(memory)


def test_a_finding_that_moved_is_not_said_again() -> None:
    memory = Memory()
    publish(report(on_line(3, quote="q"), on_line(5)), memory)
    memory.there = replace(memory.there, head="d" * 40)
    moved = replace(on_line(12), finding=replace(on_line(12).finding, quote="q"), anchor=12)
    given = report(moved, on_line(5), on_line(20, "S1"), request=replace(REQUEST, head="d" * 40))
    delivery = publish(given, memory)
    (review,) = only(PostReview, memory.steps[2:])
    assert isinstance(review, PostReview)
    assert [c.start for c in review.comments] == [20]
    assert delivery.count(Place.SAID) == 2


def test_what_is_gone_is_resolved() -> None:
    memory = Memory()
    given = report(on_line(3, "S1"), on_line(4, "S2"), on_line(5, "S3"), on_line(6, "S4"))
    publish(given, memory)
    memory.answered(1, answered=True)
    memory.answered(2, resolved=True)
    publish(without(given, "S1", "S2", "S3"), memory)
    assert [r.resolved for r in memory.there.remarks] == [True, False, True, False]
    assert only(Resolve, memory.steps) == [Resolve(memory.there.remarks[0].thread)]


@pytest.mark.parametrize(
    "given",
    [
        report(runs=(ToolRun("ruff", Outcome.FAILED, reason="it crashed"),)),
        report(runs=(ToolRun("bandit", Outcome.OK),)),
        report(changes=(FileSummary(PATH, Status.MODIFIED, skipped="too large"),)),
    ],
)
def test_what_was_not_looked_at_again_is_not_gone(given: Report) -> None:
    memory = Memory()
    publish(report(on_line(3)), memory)
    publish(given, memory)
    assert only(Resolve, memory.steps) == []


def test_what_is_in_a_deleted_file_is_gone() -> None:
    memory = Memory()
    publish(report(on_line(3)), memory)
    publish(report(changes=(FileSummary(PATH, Status.DELETED, skipped="deleted"),)), memory)
    assert len(only(Resolve, memory.steps)) == 1


def test_a_resolved_thread_is_not_opened_again_but_mentioned() -> None:
    memory = Memory()
    given = report(on_line(3))
    publish(given, memory)
    memory.answered(0, resolved=True)
    delivery = publish(given, memory)
    assert len(memory.there.remarks) == 1
    assert "Still there, though its thread is resolved:" in note_of(memory)
    assert delivery.places == {given.judged[0].finding.fingerprint: Place.SAID}


@pytest.mark.parametrize("marks", [Marks("octo/shop", 8, b"key"), Marks("octo/shop", 7, b"x")])
def test_marks_of_others_count_for_nothing(marks: Marks) -> None:
    given = report(on_line(3))
    memory = Memory()
    fingerprint = given.judged[0].finding.fingerprint
    forged = Past(
        HEAD,
        remarks=(Remark("t", PATH, marks.finding(fingerprint, "ruff")),),
        notes=(Said("n", marks.summary(HEAD, "0" * 32), "all is well"),),
    )
    memory.there = forged
    publish(given, memory)
    assert len(memory.there.remarks) == 2 and len(memory.there.notes) == 2
    assert memory.there.notes[0].body == "all is well"


def test_a_mark_on_another_file_is_not_ours() -> None:
    given = report(on_line(3))
    mark = MARKS.finding(given.judged[0].finding.fingerprint, "ruff")
    past = Past(HEAD, remarks=(Remark("t", "elsewhere.py", mark),))
    assert len(review_of(given, past).comments) == 1


def test_a_line_that_the_forge_does_not_take_goes_to_the_summary_once() -> None:
    memory = Memory(lines=frozenset(range(1, 10)))
    given = report(on_line(3), on_line(30))
    for _ in range(3):
        delivery = publish(given, memory)
        assert delivery.count(Place.SUMMARY) == 1
    assert len(only(PostReview, memory.steps)) == 1
    assert len(only(PutNote, memory.steps)) == 1
    assert "1 finding without a comment" in note_of(memory)


def test_a_left_line_is_tried_again_on_the_next_head() -> None:
    memory = Memory(lines=frozenset(range(1, 10)))
    given = report(on_line(30))
    publish(given, memory)
    memory.lines = frozenset(range(1, 41))
    memory.there = replace(memory.there, head="d" * 40)
    publish(replace(given, request=replace(REQUEST, head="d" * 40)), memory)
    assert len(memory.there.remarks) == 1


def test_a_pending_review_is_dropped_first() -> None:
    memory = Memory()
    given = report(on_line(3))
    ours = review_of(given)
    memory.there = Past(HEAD, reviews=(Said("p", ours.mark, "half", pending=True),))
    publish(given, memory)
    assert [type(step) for step in memory.steps] == [DropReview, PostReview, PutNote]
    assert not any(review.pending for review in memory.there.reviews)


def test_a_draft_without_our_mark_stays_unless_it_is_in_the_way() -> None:
    memory = Memory()
    memory.there = Past(HEAD, reviews=(Said("p", "", "a draft", pending=True),))
    publish(report(), memory)
    assert only(DropReview, memory.steps) == []
    publish(report(on_line(3)), memory)
    assert only(DropReview, memory.steps) == [DropReview("p")]


def test_the_check_and_the_upload_are_not_repeated() -> None:
    memory = Memory()
    publish(report(on_line(3)), memory, EVERYTHING)
    publish(report(on_line(3)), memory, EVERYTHING)
    assert memory.documents == ["{}"] and len(memory.there.checks) == 1
    publish(report(on_line(3), on_line(4)), memory, EVERYTHING)
    assert memory.documents == ["{}", "{}"] and len(memory.there.checks) == 2


def test_an_upload_that_failed_is_tried_again() -> None:
    memory = Memory(faults={UploadSarif: [Unreachable("down")]})
    delivery = publish(report(on_line(3)), memory, EVERYTHING)
    assert delivery.warnings == ("the SARIF report was not uploaded: down",)
    publish(report(on_line(3)), memory, EVERYTHING)
    assert memory.documents == ["{}"]
    clean = Memory()
    publish(report(on_line(3)), clean, EVERYTHING)
    assert memory.state() == clean.state()


# What does not work


def test_without_the_right_to_review_findings_are_annotated() -> None:
    judged = [on_line(n) for n in range(1, 16)]
    judged += [on_line(n, severity=Severity.WARNING) for n in range(16, 19)]
    log, memory = Log(), Memory(faults={PostReview: [Refused("403")]})
    delivery = publish(report(*judged), memory, replace(MANNER, inline=40), log)
    assert len(log.annotated) == 13
    assert delivery.count(Place.ANNOTATION) == 13 and delivery.count(Place.SUMMARY) == 5
    assert "the review was not posted: 403" in delivery.warnings
    assert "the review was not posted" in note_of(memory)


def test_without_any_right_the_rest_is_in_the_report() -> None:
    judged = [on_line(n) for n in range(1, 16)]
    refused: list[ForgeError] = [Refused("read-only")]
    memory = Memory(faults={PostReview: list(refused), PutNote: list(refused)})
    log = Log()
    delivery = publish(report(*judged), memory, replace(MANNER, inline=40), log)
    assert delivery.count(Place.ANNOTATION) == 10 and delivery.count(Place.REPORT) == 5
    assert delivery.reached and not delivery.lost


def test_a_request_that_cannot_be_read_is_annotated() -> None:
    log, memory = Log(), Memory(faults={Past: [Unreachable("down")]})
    delivery = publish(report(on_line(3)), memory, log=log)
    assert memory.steps == [] and len(log.annotated) == 1
    assert delivery.warnings == ("the request cannot be read: down",)


def test_nobody_reached_is_lost_and_said_so() -> None:
    log = Log(works=False)
    memory = Memory(faults={Past: [Unreachable("down")]})
    assert publish(report(on_line(3)), memory, log=log).lost
    memory = Memory(faults={Past: [Unreachable("down")]})
    assert not publish(report(), memory, log=log).lost


def test_comments_that_are_rejected_go_to_the_summary() -> None:
    memory = Memory(faults={PostReview: [Rejected("422")]})
    delivery = publish(report(on_line(3)), memory)
    assert delivery.count(Place.SUMMARY) == 1 and delivery.warnings
    publish(report(on_line(3)), memory)
    assert len(memory.there.remarks) == 1
    assert "without a comment" not in note_of(memory)


def test_threads_that_may_not_be_resolved_cost_one_warning() -> None:
    memory = Memory()
    given = report(on_line(3, "S1"), on_line(4, "S2"))
    publish(given, memory)
    memory.faults = {Resolve: [Refused("no"), Refused("no")]}
    delivery = publish(report(), memory)
    assert delivery.warnings == ("threads about what is gone were not resolved: no",)


def test_a_superseded_report_says_nothing_on_the_request() -> None:
    memory = Memory()
    memory.there = Past("c" * 40)
    log = Log()
    delivery = publish(report(on_line(3)), memory, EVERYTHING, log)
    assert memory.steps == [] and log.annotated == []
    assert delivery.superseded == "c" * 40 and not delivery.lost
    assert delivery.count(Place.REPORT) == 1


def test_a_commit_without_a_request_gets_a_check_and_annotations() -> None:
    given = report(
        on_line(3),
        standing(on_line(9), Standing.FILE),
        request=replace(REQUEST, number=0),
    )
    assert [type(s) for s in plan(given, change(), Past(HEAD), EVERYTHING)] == [PutCheck]
    log, memory = Log(), Memory()
    delivery = publish(given, memory, EVERYTHING, log)
    assert [type(step) for step in memory.steps] == [PutCheck]
    assert delivery.count(Place.ANNOTATION) == 2 and len(log.annotated) == 1
    assert delivery.warnings == ()


def test_one_looks_twice_before_writing() -> None:
    """A list that lags behind by one read does not make us say something again."""
    given, memory = report(on_line(3)), Memory()
    publish(given, memory)
    before, memory.there = memory.there, Past(HEAD)
    stale = [Past(HEAD), before]

    class Lagging(Memory):
        def past(self) -> Past:
            return stale.pop(0) if stale else self.there

    again = Lagging(there=before)
    delivery = publish(given, again)
    assert again.steps == [] and delivery.count(Place.SAID) == 1 and not stale


@pytest.mark.parametrize("number", [0, 1, 9, 60])
def test_every_finding_has_one_place(number: int) -> None:
    kinds = list(Standing)
    judged = [standing(on_line(n % 40 + 1, f"S{n}"), kinds[n % len(kinds)]) for n in range(number)]
    delivery = publish(report(*judged), Memory(), replace(EVERYTHING, inline=5))
    assert set(delivery.places) == {item.finding.fingerprint for item in judged}
    assert len(delivery.places) == number
    for item in judged:
        if item.standing in posting.LISTED:
            assert delivery.places[item.finding.fingerprint] is not Place.REPORT


def test_more_than_a_summary_holds_is_in_the_report() -> None:
    many = [
        standing(on_line(n % 40 + 1, f"S{n}", message="m" * 400), Standing.BODY) for n in range(300)
    ]
    memory = Memory()
    delivery = publish(report(*many), memory)
    rest = delivery.count(Place.REPORT)
    assert rest and delivery.count(Place.SUMMARY) == 300 - rest
    assert f"{rest} more in the report" in note_of(memory)
    assert len(note_of(memory).encode()) <= 60_000


def test_a_delivery_can_be_written_down() -> None:
    delivery = publish(report(on_line(3)), Memory())
    written = msgspec.json.decode(msgspec.json.encode(delivery))
    assert list(written["places"].values()) == ["inline"]
    assert msgspec.json.decode(msgspec.json.encode(delivery), type=Delivery) == delivery


# Killed


def story() -> tuple[Report, Report]:
    """A report, and one after a push that mends one thing and breaks others."""
    first = report(
        on_line(3, "S1"),
        on_line(35, "S2"),
        on_line(5, "S3"),
        standing(on_line(20, "S4"), Standing.CAPPED),
        standing(on_line(21, "S5"), Standing.BODY),
    )
    second = report(*(on_line(n) for n in range(1, 30)), *first.judged[1:])
    return first, second


def published(memory: Memory, killed: tuple[int, str]) -> Memory:
    """Both reports of the story, with a run that is killed in each and started again."""
    for given in story():
        memory.killed, memory.calls = killed, 0
        try:
            publish(given, memory, replace(EVERYTHING, inline=28))
        except Killed:
            memory.killed = (0, "")
            publish(given, memory, replace(EVERYTHING, inline=28))
    return memory


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", range(1, 9))
def test_a_killed_run_ends_where_it_would_have_ended(call: int, when: str) -> None:
    lines = frozenset(range(1, 31))
    whole = published(Memory(lines), (0, ""))
    again = published(Memory(lines), (call, when))
    assert again.state() == whole.state()
    marks = [remark.mark for remark in again.there.remarks]
    assert len(marks) == len(set(marks)) and len(again.there.notes) == 1


def test_the_story_takes_as_many_steps_as_are_killed() -> None:
    whole = Memory(frozenset(range(1, 31)))
    calls = []
    for given in story():
        publish(given, whole, replace(EVERYTHING, inline=28))
        calls.append(whole.calls)
    assert calls[0] >= 4 and calls[1] - calls[0] >= 6


def test_a_finding_of_another_tool_is_known_by_it() -> None:
    odd: Finding = on_line(3, tool="My Tool --> <b>").finding
    memory = Memory()
    item = replace(on_line(3), finding=odd)
    publish(report(item), memory)
    publish(report(runs=(ToolRun("My Tool --> <b>", Outcome.OK),)), memory)
    assert [remark.resolved for remark in memory.there.remarks] == [True]
