"""Who may generate, who waits, who is sent away; and what follows a crash."""

import random

import pytest

from reviewer.server.admission import SKIPS, Busy, Desk, Ticket
from reviewer.server.policy import Quarantine, Repetition, Restarts


def ticket(name: str, tokens: int = 256, tenant: str = "", deadline: float = 1e9) -> Ticket:
    return Ticket(name, tenant, tokens // 2, tokens - tokens // 2, deadline)


def desk(pages: int = 100, batch: int = 16, queue: int = 64) -> Desk:
    return Desk(pages, batch, queue)


def start(at: Desk, read: bool = True) -> list[str]:
    """Everybody who may start now, with their prompts read at once if `read`."""
    names = []
    while found := at.next():
        names.append(found.id)
        if read:
            at.started(found.id)
    return names


def test_two_prompts_are_read_at_once() -> None:
    at = desk()
    for name in "abcd":
        assert at.enter(ticket(name), 0.0) is None
    assert start(at, read=False) == ["a", "b"]
    at.started("a")
    assert start(at, read=False) == ["c"]


def test_after_lack_of_memory_one_prompt_is_read_at_a_time() -> None:
    at = desk()
    at.prefills = 1
    for name in "ab":
        at.enter(ticket(name), 0.0)
    assert start(at, read=False) == ["a"]
    at.started("a")
    assert start(at, read=False) == ["b"]


def test_pages_are_counted_to_the_end_of_the_answer() -> None:
    at = desk(pages=20)  # 19 may be used
    for name in "abc":
        at.enter(ticket(name, 256 * 8), 0.0)
    assert start(at) == ["a", "b"]
    assert at.used == 16
    at.leave("a")
    assert start(at) == ["c"]
    assert ticket("x", 257).pages == 2


def test_the_batch_has_an_end() -> None:
    at = desk(batch=3)
    for name in "abcde":
        at.enter(ticket(name), 0.0)
    assert start(at) == ["a", "b", "c"]


def test_a_large_request_is_passed_four_times_and_no_more() -> None:
    at = desk(pages=20)
    at.enter(ticket("running", 256 * 4), 0.0)
    start(at)
    at.enter(ticket("large", 256 * 18), 0.0)
    for number in range(8):
        at.enter(ticket(f"small{number}"), 0.0)
    assert len(start(at)) == SKIPS
    for name in list(at.active):
        at.leave(name)
    assert start(at)[0] == "large"


def test_tenants_never_run_side_by_side() -> None:
    at = desk()
    for name, tenant in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b")):
        at.enter(ticket(name, tenant=tenant), 0.0)
    assert start(at) == ["a1", "a2"]
    at.leave("a1")
    assert start(at) == []
    at.leave("a2")
    assert start(at) == ["b1", "b2"]


def test_a_tenant_with_much_to_do_does_not_starve_another() -> None:
    at = desk(batch=1)
    at.enter(ticket("first", tenant="a"), 0.0)
    start(at)
    at.enter(ticket("b", tenant="b"), 0.0)
    order = []
    running = "first"
    for number in range(10):
        at.enter(ticket(f"a{number}", tenant="a"), 0.0)
        at.leave(running)
        (running,) = start(at)
        order.append(running)
    assert "b" in order[: SKIPS + 1]


def test_the_queue_has_an_end() -> None:
    at = desk(batch=1, queue=2)
    at.enter(ticket("a"), 0.0)
    start(at)
    assert at.enter(ticket("b"), 0.0) is None
    assert at.enter(ticket("c"), 0.0) is None
    assert at.enter(ticket("d"), 0.0) == Busy("2 requests are waiting", 1)


def test_a_deadline_that_cannot_be_met_is_refused_at_once() -> None:
    at = desk(batch=1)
    for second in range(10):
        at.rate.add(100, float(second))
    at.enter(ticket("a", 4000), 10.0)
    start(at)
    at.enter(ticket("b", 4000), 10.0)
    assert at.enter(ticket("c", 4000, deadline=10.0 + 45), 10.0) is None
    busy = at.enter(ticket("d", 4000, deadline=10.0 + 45), 10.0)
    assert busy == Busy("there is work for 60 seconds", 60)
    assert at.enter(ticket("e", 4000, deadline=10.0 + 600), 10.0) is None


def test_without_a_measured_speed_everybody_may_wait() -> None:
    at = desk(batch=1)
    at.rate.add(1, 0.0)
    for name in "abc":
        assert at.enter(ticket(name, 10_000, deadline=1.0), 0.0) is None


def test_nothing_is_left_of_any_order_of_events() -> None:
    for seed in range(200):
        dice = random.Random(seed)
        at = desk(pages=dice.randint(2, 40), batch=dice.randint(1, 5), queue=dice.randint(1, 8))
        known: list[str] = []
        for number in range(60):
            each = ticket(str(number), dice.randint(2, 256 * at.room), dice.choice("ab"))
            if dice.random() < 0.5 and at.enter(each, 0.0) is None:
                known.append(each.id)
            if dice.random() < 0.6:
                start(at, read=dice.random() < 0.8)
            assert at.used <= at.room
            assert len(at.active) <= at.max_batch
            assert len({t.tenant for t in at.active.values()}) <= 1
            if known and dice.random() < 0.4:
                at.leave(known.pop(dice.randrange(len(known))))
        while known:
            start(at)
            assert at.active, "whoever waits alone may start"
            name = next(iter(at.active))
            at.leave(name)
            known.remove(name)
        assert not (at.active or at.waiting or at.prefill or at.used)


def test_restarts_wait_longer_and_then_end() -> None:
    restarts = Restarts((1.0, 5.0, 30.0), 600.0)
    assert [restarts.next(float(t)) for t in (0, 10, 20, 30)] == [1.0, 5.0, 30.0, None]
    assert restarts.next(605.0) == 30.0, "the first is forgotten, two are not"
    assert restarts.next(2000.0) == 1.0
    assert restarts.total == 5


def test_a_request_that_was_there_twice_is_put_aside() -> None:
    quarantine = Quarantine()
    one, two = quarantine.key([1, 2], None), quarantine.key([1, 2], "{}")
    assert one != two
    quarantine.blame(one)
    quarantine.blame(two)
    assert not quarantine.holds(one)
    quarantine.blame(one)
    assert quarantine.holds(one)
    assert not quarantine.holds(two)
    for number in range(2000):
        quarantine.blame(quarantine.key([number], "x"))
    assert not quarantine.holds(one), "memory has an end"


@pytest.mark.parametrize("circle", ["a", "\n", "ab" * 50, '{"line": 12, "message": "again"},\n'])
@pytest.mark.parametrize("step", [1, 7, 300])
def test_circles_are_noticed(circle: str, step: int) -> None:
    text = "A fine beginning. " + circle * (20_000 // len(circle))
    repetition = Repetition()
    noticed = [repetition.feed(text[at : at + step]) for at in range(0, len(text), step)]
    assert any(noticed)
    assert noticed.index(True) * step < 8000


def test_what_differs_is_no_circle() -> None:
    repetition = Repetition()
    assert not any(repetition.feed(f'{{"line": {n}, "message": "again"}},\n') for n in range(2000))
