"""No finding is lost or said twice on GitLab, whatever fails and wherever the run is killed."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from reviewer.model import Report
from reviewer.posting import Manner
from reviewer.publish import Delivery, Place, deliver
from tests.fakes import _github_faults as faults
from tests.fakes.gitlab import LIMITED
from tests.support.gitlab_site import GitLabSite
from tests.support.publishing import Killed, Log
from tests.support.sites import KEY, listed_in, reviewed

pytestmark = pytest.mark.slow

MANNER = Manner(key=KEY)
NAMES = (1, 2, 3, 4)
INLINE, NOTED = {"rule1", "rule3", "rule4"}, {"rule2"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[GitLabSite]:
    made = GitLabSite(tmp_path / "shop", NAMES)
    yield made
    made.leave()


def publish(site: GitLabSite, log: Log | None = None) -> tuple[Report, Delivery]:
    request = site.request()
    report, changes = reviewed(site.folder, request)
    beside = (log or Log()).beside()
    return report, deliver(report, changes, site.conversation(request), MANNER, beside)


def said(site: GitLabSite) -> tuple[list[str], list[str]]:
    """The rules of the comments, and those that the summaries list."""
    listed = [rule for note in site.notes() for rule in listed_in(note)]
    return sorted(c.rule for c in site.comments()), sorted(listed)


FAULTS = {
    "401": faults.error(401, "401 Unauthorized"),
    "403": faults.error(403, "403 Forbidden"),
    "404": faults.error(404, "404 Not found"),
    "429": faults.answer(429, LIMITED, {"Retry-After": "60"}),
    "429 for hours": faults.answer(429, LIMITED, {"Retry-After": "7200"}),
    "500": faults.server_error(500),
    "502, done": faults.bad_gateway(stored=True),
    "502, not done": faults.bad_gateway(),
    "reset, done": faults.reset(stored=True),
    "cut off": faults.cut(),
    "half a body": faults.bad_json(),
}
FEW = ("403", "429 for hours", "502, done", "502, not done")
CALLS = [
    ("GET", "/user"),
    ("GET", "*/versions"),
    ("GET", "*/discussions"),
    ("POST", "*/draft_notes"),
    ("POST", "*/bulk_publish"),
    ("POST", "*/notes"),
    ("PUT", "*/discussions/*"),
]


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_nothing_is_lost_or_said_twice(site: GitLabSite, call: tuple[str, str]) -> None:
    hold(site, call, FEW, 1)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 9])
@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_nothing_is_lost_or_said_twice_by_any_fault(
    site: GitLabSite, call: tuple[str, str], times: int
) -> None:
    hold(site, call, FAULTS, times)


def hold(site: GitLabSite, call: tuple[str, str], names: Iterable[str], times: int) -> None:
    """The faults on one call, one after the other on the same merge request, then none."""
    for number, name in enumerate(names):
        fault = FAULTS[name]
        site.server.desk.faults.clear()
        site.server.fault(*call, fault, times=times)
        site.push(NAMES, padding=number)
        report, delivery = publish(site)
        comments, listed = said(site)
        assert max(Counter(comments).values(), default=1) == 1
        assert max(Counter(listed).values(), default=1) == 1
        assert len(site.notes()) <= 1
        places = {i.finding.rule: delivery.places[i.finding.fingerprint] for i in report.judged}
        assert places.keys() == INLINE | NOTED
        shown = {rule for rule, place in places.items() if place in (Place.INLINE, Place.SAID)}
        assert shown <= set(comments)
        assert not delivery.lost
    site.server.desk.faults.clear()
    site.push(NAMES, padding=20)
    publish(site)
    assert said(site) == (sorted(INLINE), sorted(NOTED))
    assert site.pending() == 0


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_call_is_made_up_for(tmp_path: Path, step: int) -> None:
    whole = GitLabSite(tmp_path / "whole", NAMES)
    publish(whole)
    ticks = whole.time.ticks
    assert ticks > 10
    for tick in range(1, ticks + 1, step):
        site = GitLabSite(tmp_path / "whole", NAMES)
        site.time.killed = tick
        with pytest.raises(Killed):
            publish(site)
        site.time.killed = 0
        publish(site)
        assert site.state() == whole.state(), tick
        assert site.pending() == 0
        site.leave()
    whole.leave()


def test_the_last_resort_is_the_report(site: GitLabSite) -> None:
    """A job's token: nothing is posted, every finding is shown beside, and the log says why."""
    site.token = ""
    log = Log()
    _, delivery = publish(site, log)
    assert site.writes() == 0
    assert any("make a project access token" in warning for warning in delivery.warnings)
    assert not delivery.lost and log.annotated
