"""Whatever GitHub does: no finding is lost, none is said twice, and no run is green and silent.

FAULTS is the number of random sequences of faults, pushes, reruns, kills and people (300 unless
told otherwise, and a few of them every day):
`FAULTS=10000 python -m pytest tests/faults/test_publishing.py`.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from reviewer.model import ChangeSet, Report, Request
from reviewer.posting import LISTED, Manner
from reviewer.publish import Delivery, Place, deliver
from tests.fakes._github_faults import Fault
from tests.fakes.github import faults
from tests.support.publishing import Killed, Log
from tests.support.sites import KEY, GitHubSite, Mortal, listed_in, reviewed

pytestmark = pytest.mark.slow

FAULTS = int(os.environ.get("FAULTS", "300"))
MANNER = Manner(key=KEY, check=True, sarif='{"version": "2.1.0", "runs": []}')
NAMES = tuple(range(1, 17))

REVIEW = ("POST", "/repos/o/r/pulls/1/reviews")
NOTE = ("POST", "/repos/o/r/issues/1/comments")
CHECK = ("POST", "/repos/o/r/check-runs")
READ = ("POST", "/graphql")
SARIF = ("POST", "/repos/o/r/code-scanning/sarifs")
ANY = ("*", "*")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[GitHubSite]:
    made = GitHubSite(tmp_path / "shop", NAMES)
    yield made
    made.leave()


def publish(site: Any, log: Log, mortal: Callable[[Any], Any] = lambda inner: inner) -> Delivery:
    request = site.request()
    report, changes = _reviewed(site.folder, request)
    conversation = mortal(site.conversation(request))
    delivery = deliver(report, changes, conversation, MANNER, log.beside())
    judge(site, report, delivery, log)
    return delivery


@lru_cache(maxsize=1000)
def _reviewed(folder: Path, request: Request) -> tuple[Report, ChangeSet]:
    return reviewed(folder, request)


def judge(site: Any, report: Report, delivery: Delivery, log: Log) -> None:
    """The laws, held against what is on the server."""
    by_rule = {item.finding.rule: item for item in report.judged}
    placed = {rule: delivery.places[item.finding.fingerprint] for rule, item in by_rule.items()}
    assert len(delivery.places) == len(report.judged), "each finding has one place"
    on_lines = Counter(comment.rule for comment in site.comments())
    notes, annotated = site.notes(), {*site.annotated(), *(i.finding.rule for i in log.annotated)}
    listed = {name for note in notes for name in listed_in(note)}
    there = {
        Place.INLINE: set(on_lines),
        Place.SAID: set(on_lines),
        Place.SUMMARY: listed,
        Place.ANNOTATION: annotated,
        Place.REPORT: set(by_rule),
    }
    for name, place in placed.items():
        assert name in there[place], f"{name} is said to be in {place} and is not"
    assert all(number == 1 for number in on_lines.values()), f"said twice: {on_lines}"
    assert len(notes) <= 1, "one summary"
    seen = bool(on_lines or notes or site.annotated() or (log.works and log.deliveries))
    due = any(item.standing in LISTED for item in report.judged)
    assert seen or delivery.lost or delivery.superseded or not due, "green and silent"
    left = [name for name in by_rule if placed[name] is Place.REPORT]
    if delivery.warnings == () and not delivery.superseded and left:
        assert f"{len(left)} more in the report" in notes[0], "what is not shown is counted"


def settled(site: Any) -> None:
    """After two runs without any fault all is as it should be, and the second did nothing."""
    site.server.desk.faults.clear()
    site.server.desk.actions.clear()
    site.time.killed = 0
    site.allow()
    site.reopen()
    first = publish(site, Log(works=False))
    assert first.warnings == ()
    state, writes = site.state(), site.writes()
    again = publish(site, Log(works=False))
    assert site.state() == state and site.writes() == writes, "a run on the same head did something"
    assert site.pending() == 0
    listed = listed_in(site.notes()[0]) if site.notes() else []
    everywhere = Counter([*listed, *site.annotated()])
    everywhere.update(c.rule for c in site.comments() if _is_there(site, c.rule))
    wanted = {i.finding.rule for i in _reviewed(site.folder, site.request())[0].judged}
    assert everywhere == Counter(wanted), "each finding in one place"
    assert again.reached or not wanted


def _is_there(site: Any, name: str) -> bool:
    report, _ = _reviewed(site.folder, site.request())
    return any(item.finding.rule == name for item in report.judged)


Row = tuple[tuple[str, str], Fault, dict[str, int]]

TABLE: dict[str, Row] = {
    "17 reads answer 502": (READ, faults.bad_gateway(), {"times": 3}),
    "17 reads answer 503 for ever": (READ, faults.server_error(), {"times": 99}),
    "18 a 502, and the review is stored": (REVIEW, faults.bad_gateway(stored=True), {}),
    "18 a 502, stored, and the lists lag": (REVIEW, faults.lag(1), {}),
    "19 a 502, and nothing is stored": (REVIEW, faults.bad_gateway(), {}),
    "19 a 502 again and again": (REVIEW, faults.bad_gateway(), {"times": 9}),
    "20 reset before": (REVIEW, faults.reset(), {}),
    "20 reset after": (REVIEW, faults.reset(stored=True), {}),
    "20 half an answer": (REVIEW, faults.cut(), {}),
    "20 bad json": (REVIEW, faults.bad_json(), {}),
    "21 wait 30": (REVIEW, faults.secondary_limit(30), {}),
    "21 wait 30 with 429": (REVIEW, faults.secondary_limit(30, 429), {}),
    "22 wait an hour": (REVIEW, faults.secondary_limit(3600), {"times": 9}),
    "22 nothing left for 50 minutes": (REVIEW, faults.primary_limit(3000), {"times": 9}),
    "23 abuse": (REVIEW, faults.abuse(), {}),
    "24 revoked": (ANY, faults.unauthorized(), {"times": 99}),
    "24 revoked in between": (ANY, faults.unauthorized(), {"nth": 2, "times": 99}),
    "25 a fork may not review": (REVIEW, faults.forbidden(), {"times": 9}),
    "25 may not write at all": (("POST", "/repos/*"), faults.forbidden(), {"times": 99}),
    "26 the request is hidden": (ANY, faults.not_found(), {"times": 99}),
    "28 a note is stored, and 502": (NOTE, faults.bad_gateway(stored=True), {}),
    "28 a note is not stored, and 502": (NOTE, faults.bad_gateway(), {}),
    "a note is refused": (NOTE, faults.forbidden(), {"times": 9}),
    "a check is refused": (CHECK, faults.forbidden(), {"times": 9}),
    "a check is stored, and 502": (CHECK, faults.bad_gateway(stored=True), {}),
    "an upload fails": (SARIF, faults.bad_gateway(), {"times": 9}),
}


@pytest.mark.slow
@pytest.mark.parametrize("works", [True, False])
@pytest.mark.parametrize("name", TABLE)
def test_the_laws_hold_under_a_fault(site: GitHubSite, name: str, works: bool) -> None:
    (method, path), fault, more = TABLE[name]
    site.server.fault(method, path, fault, **more)
    publish(site, Log(works))
    assert site.time.slept <= 600
    settled(site)


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_the_laws_hold_under_a_fault_of_a_later_run(site: GitHubSite, name: str) -> None:
    publish(site, Log())
    site.push([*range(4, 20)], padding=3)
    (method, path), fault, more = TABLE[name]
    site.server.fault(method.replace("POST", "P*"), path.replace("1/comments", "*"), fault, **more)
    publish(site, Log(works=False))
    settled(site)


def test_29_a_pending_review_of_a_run_that_died(site: GitHubSite) -> None:
    site.server.review(1, "half", "github-actions[bot]", event="")
    publish(site, Log())
    settled(site)


def test_30_and_31_five_hundred_findings(tmp_path: Path) -> None:
    site = GitHubSite(tmp_path / "large", tuple(range(1, 501)))
    delivery = publish(site, Log())
    assert delivery.count(Place.INLINE) == 10 and delivery.count(Place.ANNOTATION) == 50
    assert delivery.count(Place.SUMMARY) > 100 and len(delivery.places) == 500
    assert all(len(note.encode()) <= 60_000 for note in site.notes())
    assert f"{delivery.count(Place.REPORT)} more in the report" in site.notes()[0]
    site.leave()


def test_32_closed_while_reviewing(site: GitHubSite) -> None:
    site.server.after("POST", "/graphql", site.close)
    publish(site, Log())
    settled(site)


@pytest.mark.parametrize("nth", [1, 2])
def test_33_pushed_while_posting(site: GitHubSite, nth: int) -> None:
    site.server.after("POST", "/graphql", lambda: site.push([1, 2, 20], padding=2), nth=nth)
    request = site.request()
    report, changes = reviewed(site.folder, request)
    deliver(report, changes, site.conversation(request), MANNER, Log().beside())
    settled(site)


TICKS = [n if n % 6 == 1 else pytest.param(n, marks=pytest.mark.slow) for n in range(1, 24)]


@pytest.mark.parametrize("tick", TICKS)
def test_51_and_52_killed_at_any_call(site: GitHubSite, tick: int) -> None:
    """The clock is asked before and after each write: there the process ends."""
    site.time.killed = tick
    for _ in range(2):
        try:
            publish(site, Log())
        except Killed:
            site.time.killed = 0
    settled(site)


HEADS = (
    (NAMES, 0),
    (NAMES, 5),
    (NAMES[3:], 0),
    (NAMES[:9], 2),
    ((*NAMES[:4], 30, 31, 32), 1),
    (tuple(range(30, 60)), 0),
    ((), 0),
)
KINDS = st.sampled_from(
    [
        faults.bad_gateway(),
        faults.bad_gateway(stored=True),
        faults.reset(),
        faults.reset(stored=True),
        faults.cut(),
        faults.bad_json(),
        faults.server_error(),
        faults.server_error(stored=True),
        faults.secondary_limit(30),
        faults.secondary_limit(3600),
        faults.abuse(),
        faults.forbidden(),
        faults.unauthorized(),
        faults.not_found(),
        faults.lag(1),
        faults.orphan(),
        faults.orphan("PENDING"),
    ]
)
WHERE = st.sampled_from([REVIEW, NOTE, CHECK, READ, SARIF, ANY, ("PATCH", "*"), ("DELETE", "*")])


class Life(RuleBasedStateMachine):
    """A pull request with all that can happen to it."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.site = GitHubSite(self.folder, NAMES)

    def teardown(self) -> None:
        try:
            settled(self.site)
        finally:
            self.site.leave()

    @rule(head=st.sampled_from(HEADS))
    def push(self, head: tuple[tuple[int, ...], int]) -> None:
        self.site.push(*head)

    @rule(works=st.booleans())
    def run(self, works: bool) -> None:
        publish(self.site, Log(works=works))

    @rule(kind=KINDS, where=WHERE, nth=st.integers(1, 4), times=st.sampled_from([1, 2, 9]))
    def fault(self, kind: Fault, where: tuple[str, str], nth: int, times: int) -> None:
        self.site.server.fault(*where, kind, nth=nth, times=times)
        publish(self.site, Log(works=False))

    @rule(call=st.integers(1, 6), when=st.sampled_from(["before", "after"]))
    def kill_between(self, call: int, when: str) -> None:
        with suppress(Killed):
            publish(self.site, Log(), lambda inner: Mortal(inner, call, when))

    @rule(tick=st.integers(1, 20))
    def kill_within(self, tick: int) -> None:
        self.site.time.killed = tick
        with suppress(Killed):
            publish(self.site, Log())
        self.site.time.killed = 0

    @rule(head=st.sampled_from(HEADS), nth=st.integers(1, 3))
    def push_meanwhile(self, head: tuple[tuple[int, ...], int], nth: int) -> None:
        self.site.server.after("POST", "*", lambda: self.site.push(*head), nth=nth)
        request = self.site.request()
        report, changes = _reviewed(self.site.folder, request)
        deliver(report, changes, self.site.conversation(request), MANNER, Log().beside())
        self.site.server.desk.actions.clear()

    @precondition(lambda self: self.site.comments())
    @rule(number=st.integers(0, 50), resolves=st.booleans())
    def person(self, number: int, resolves: bool) -> None:
        number %= len(self.site.comments())
        (self.site.settle if resolves else self.site.answer)(number)

    @precondition(lambda self: self.site.comments())
    @rule()
    def copycat(self) -> None:
        self.site.copy()

    @rule(closed=st.booleans())
    def close(self, closed: bool) -> None:
        (self.site.close if closed else self.site.reopen)()

    @rule(allowed=st.booleans())
    def rights(self, allowed: bool) -> None:
        (self.site.allow if allowed else self.site.forbid)()

    @invariant()
    def nothing_is_said_twice(self) -> None:
        numbers = Counter(comment.rule for comment in self.site.comments())
        assert all(number == 1 for number in numbers.values()), numbers
        assert len(self.site.notes()) <= 1


@pytest.fixture(scope="module", autouse=True)
def _folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One repository for all lives: its commits are the same each time."""
    Life.folder = tmp_path_factory.mktemp("lives") / "shop"


COMMON: dict[str, Any] = {
    "stateful_step_count": 8,
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


class TestEveryDay(Life.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(max_examples=min(FAULTS, 6), derandomize=True, **COMMON)


@pytest.mark.slow
class TestManyLives(Life.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(max_examples=FAULTS, **COMMON)
