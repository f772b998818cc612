"""What every forge owes to the one who publishes, run over each there is.

A new forge needs a class in `tests/support/sites.py`: its client against a fake that keeps state.
The laws that ask for no conversation hold at the terminal as well.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reviewer.errors import NotDelivered
from reviewer.forges.base import Comment, Past, PostReview
from reviewer.marks import Marks
from reviewer.model import Report, Side
from reviewer.posting import Manner, plan
from reviewer.publish import Delivery, Place, deliver
from reviewer.reports.json import Json, load
from tests.support import sites
from tests.support.gitlab_site import GitLabSite
from tests.support.local_site import LocalSite
from tests.support.publishing import PATH, Killed, Log
from tests.support.sites import KEY, Mortal, listed_in, reviewed

pytestmark = pytest.mark.slow

MANNER = Manner(key=KEY, check=True)
SITES = {**sites.SITES, "gitlab": GitLabSite}
NAMES = tuple(range(1, 17))


EVERYWHERE = {**SITES, "local": LocalSite}


@pytest.fixture(params=EVERYWHERE)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = EVERYWHERE[request.param](tmp_path / "shop", NAMES)
    yield made
    made.leave()


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = SITES[request.param](tmp_path / "shop", NAMES)
    yield made
    made.leave()


def publish(site: Any, manner: Manner = MANNER, log: Log | None = None) -> tuple[Report, Delivery]:
    request = site.request()
    report, changes = reviewed(site.folder, request)
    manner = replace(manner, check=site.checks)
    return report, site.deliver(report, changes, manner, log or Log())


def rules(report: Report, delivery: Delivery, *places: Place) -> set[str]:
    found = {item.finding.fingerprint: item.finding.rule for item in report.judged}
    return {found[each] for each, place in delivery.places.items() if place in places}


def test_no_finding_is_lost(anywhere: Any) -> None:
    report, delivery = publish(anywhere)
    named, counted = anywhere.found()
    rules = {item.finding.rule for item in report.judged}
    assert len(rules) == len(NAMES) == len(named) + counted
    assert len(set(named) & rules) == len(named) >= 10
    assert delivery.warnings == () and delivery.reached


def test_every_finding_is_where_the_delivery_says(site: Any) -> None:
    report, delivery = publish(site)
    assert delivery.warnings == () and delivery.reached
    (note,) = site.notes()
    assert {c.rule for c in site.comments()} == rules(report, delivery, Place.INLINE)
    assert set(site.annotated()) == rules(report, delivery, Place.ANNOTATION)
    assert set(listed_in(note)) == rules(report, delivery, Place.SUMMARY)
    assert len(delivery.places) == len(NAMES)
    assert delivery.count(Place.REPORT) == 0 and delivery.count(Place.INLINE) == 10


def test_comments_are_on_the_lines_they_are_about(anywhere: Any) -> None:
    report, _ = publish(anywhere)
    lines = {item.finding.rule: item.finding.span.start for item in report.judged}
    assert anywhere.comments()
    assert all(comment.line == lines[comment.rule] for comment in anywhere.comments())


def test_the_past_knows_what_was_said(site: Any) -> None:
    report, _ = publish(site)
    past = site.conversation(site.request()).past()
    assert past.head == report.request.head and past.open
    assert sorted(r.mark for r in past.remarks) == sorted(c.mark for c in site.comments())
    assert not any(r.resolved or r.answered for r in past.remarks)
    assert {r.path for r in past.remarks} == {PATH}
    assert [n.body.split() for n in past.notes] == [n.split() for n in site.notes()]
    assert len(past.reviews) == 1 and len(past.checks) == site.checks


def test_a_second_run_changes_nothing(anywhere: Any) -> None:
    publish(anywhere)
    before, writes = anywhere.state(), anywhere.writes()
    _, delivery = publish(anywhere)
    assert anywhere.state() == before and anywhere.writes() == writes
    assert delivery.count(Place.SAID if anywhere.talks else Place.INLINE) == 10
    assert delivery.warnings == ()


def test_lines_that_moved_are_not_said_again_and_gone_ones_are_resolved(site: Any) -> None:
    publish(site)
    first = [c.mark for c in site.comments()]
    site.push([*NAMES[1:], 40], padding=7)
    _, delivery = publish(site)
    comments = site.comments()
    assert [c.mark for c in comments][: len(first)] == first
    assert [c.rule for c in comments[len(first) :]] == ["rule16"]
    assert [c.rule for c in comments if c.resolved] == ["rule1"]
    assert len(site.notes()) == 1 and delivery.warnings == ()
    assert site.request().head[:12] in site.notes()[0]


def test_threads_with_an_answer_and_settled_ones_are_left_alone(site: Any) -> None:
    publish(site)
    gone = site.comments()[0].rule, site.comments()[1].rule
    kept = site.comments()[2].rule
    site.answer(0)
    site.settle(2)
    past = site.conversation(site.request()).past()
    assert [r.answered for r in past.remarks].count(True) == 1
    site.push([n for n in NAMES if f"rule{n}" not in gone])
    publish(site)
    assert {c.rule for c in site.comments() if c.resolved} == {gone[1], kept}
    assert "Still there, though its thread is resolved" in site.notes()[0]


def test_what_others_wrote_is_not_ours(site: Any) -> None:
    publish(site)
    before = site.state()
    site.copy()
    publish(site)
    assert site.state() == before
    site.push([])
    publish(site)
    past = site.conversation(site.request()).past()
    assert len(past.notes) == 1


def test_marks_of_others_alone_hide_nothing(anywhere: Any) -> None:
    """Somebody who guesses what we will say, marks and all, does not keep us from saying it."""
    request = anywhere.request()
    report, changes = reviewed(anywhere.folder, request)
    numbered = replace(report, request=replace(request, number=1))
    posted = plan(numbered, changes, Past(request.head), MANNER)
    review = next(step for step in posted if isinstance(step, PostReview))
    anywhere.guess(review)
    publish(anywhere)
    assert len(anywhere.comments()) == 10


def test_a_superseded_report_leaves_no_trace(site: Any) -> None:
    request = site.request()
    report, changes = reviewed(site.folder, request)
    site.push([1])
    conversation = site.conversation(request)
    delivery = deliver(report, changes, conversation, MANNER, Log().beside())
    assert delivery.superseded == site.request().head
    assert site.comments() == [] and site.notes() == [] and site.writes() == 0


def test_on_a_closed_request_only_the_summary_is_put(site: Any) -> None:
    site.close()
    report, delivery = publish(site)
    assert site.comments() == [] and len(site.notes()) == 1
    assert delivery.count(Place.SUMMARY) == len(report.judged)


def test_without_the_right_to_write_the_report_is_left_behind(anywhere: Any) -> None:
    anywhere.forbid()
    log = Log()
    report, delivery = publish(anywhere, log=log)
    assert anywhere.comments() == [] and anywhere.notes() == []
    assert delivery.warnings
    assert set(delivery.places) == {item.finding.fingerprint for item in report.judged}
    if anywhere.talks:
        assert delivery.reached and not delivery.lost
        assert delivery.count(Place.ANNOTATION) == len(log.annotated) > 0
        assert log.deliveries
    else:
        assert delivery.lost and anywhere.code == NotDelivered.exit_code
        assert left_behind(anywhere) == report


def left_behind(site: LocalSite) -> Report:
    return load((site.reports / Json.filename).read_bytes())


@pytest.mark.parametrize(
    ("onto", "code"), [(">&-", NotDelivered.exit_code), (">&- 2>&-", 3), ("| head -c 0", 0)]
)
def test_a_terminal_that_is_gone_loses_nothing(tmp_path: Path, onto: str, code: int) -> None:
    """The streams of a daemon, a pager that was left. The status of a pipe is its reader's."""
    site = LocalSite(tmp_path / "shop", NAMES)
    site.onto = onto
    report, delivery = publish(site)
    assert site.code == code
    assert not any("bug" in line or "Traceback" in line for line in delivery.warnings)
    assert left_behind(site) == report


def test_a_comment_without_a_place_is_left_and_the_others_are_made(site: Any) -> None:
    request = site.request()
    marks = Marks(request.repository, request.number, KEY)
    conversation = site.conversation(request)
    made = [
        Comment(PATH, Side.NEW, line, line, f"text\n\n{mark}", mark)
        for line in (2, 4, 900, 6)
        for mark in [marks.finding(f"{line:032x}", "ruff")]
    ]
    under = marks.review(request.head, "0" * 32)
    review = PostReview(request.head, f"body\n\n{under}", under, tuple(made))
    taken = conversation.take(review)
    assert taken.left == (made[2].mark,)
    assert len(site.comments()) == 3 and site.pending() == 0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_killed_run_ends_where_it_would_have_ended(
    site: Any, call: int, when: str, tmp_path: Path
) -> None:
    if call > 2 + site.checks:
        pytest.skip("there is no such call")
    whole = type(site)(tmp_path / "whole", NAMES)
    request = site.request()
    report, changes = reviewed(site.folder, request)
    mortal = Mortal(site.conversation(request), call, when)
    with pytest.raises(Killed):
        deliver(report, changes, mortal, replace(MANNER, check=site.checks), Log().beside())
    publish(site)
    publish(whole)
    assert site.state() == whole.state()
    whole.leave()


def test_the_number_of_requests_does_not_grow_with_the_comments(site: Any, tmp_path: Path) -> None:
    if not site.checks:
        pytest.skip("GitLab takes drafts one by one")
    publish(site, replace(MANNER, inline=1))
    few = site.writes()
    other = type(site)(tmp_path / "other", NAMES)
    publish(other)
    assert other.writes() == few <= 3
    other.leave()
