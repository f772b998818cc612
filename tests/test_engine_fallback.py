import time

import pytest

from reviewer.engines._fallback import Fallback
from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Message, Prompt
from reviewer.engines.none import Nobody
from reviewer.errors import EngineDown, EngineRefused
from tests.fakes import engine as fake
from tests.fakes.engine import FakeEngine

pytestmark = pytest.mark.slow


def within(seconds: float) -> float:
    return time.monotonic() + seconds


def prompt() -> Prompt:
    return Prompt((Message("user", "well?"),), 100, within(5))


def test_the_first_that_is_well_is_used() -> None:
    with FakeEngine(models=("second",)) as engine:
        both = Fallback((Nobody("no card", "buy one"), OpenAI(engine.url), Nobody("never asked")))
        assert both.health(within(5)).model == "second"
        assert both.complete(prompt()).engine == "vllm:second"


def test_without_a_look_before_it_looks_itself() -> None:
    with FakeEngine() as engine:
        assert Fallback((Nobody(), OpenAI(engine.url))).complete(prompt()).text


def test_none_that_is_well_gives_every_reason_and_the_first_tip() -> None:
    both = Fallback((Nobody("no card", "buy one"), Nobody("no server", "start one")))
    health = both.health(within(5))
    assert (health.ok, health.reason, health.tip) == (False, "no card; no server", "buy one")
    with pytest.raises(EngineDown, match="no card; no server"):
        both.complete(prompt())
    assert not Fallback(()).health(within(1)).ok


def test_one_that_goes_down_is_left_for_the_next_and_not_asked_again() -> None:
    with FakeEngine(models=("one",)) as first, FakeEngine(models=("two",)) as second:
        both = Fallback((OpenAI(first.url), OpenAI(second.url)))
        assert both.health(within(5)).model == "one"
        first.faults.extend([fake.dies] * 2)
        assert both.complete(prompt()).engine == "vllm:two"
        asked = len(first.chats())
        assert both.complete(prompt()).engine == "vllm:two"
        assert len(first.chats()) == asked


def test_when_the_last_goes_down_that_is_told() -> None:
    with FakeEngine() as only:
        one = Fallback((OpenAI(only.url),))
        assert one.health(within(5)).ok
        only.faults.extend([fake.dies] * 2)
        with pytest.raises(EngineDown, match="hung up"):
            one.complete(prompt())
        with pytest.raises(EngineDown, match="no other model"):
            one.complete(prompt())


def test_a_refused_prompt_is_no_reason_to_leave() -> None:
    with FakeEngine() as first, FakeEngine() as second:
        both = Fallback((OpenAI(first.url), OpenAI(second.url)))
        assert both.health(within(5)).ok
        first.faults.append(fake.refuses(400))
        with pytest.raises(EngineRefused):
            both.complete(prompt())
        assert not second.seen


def test_close_reaches_all() -> None:
    both = Fallback((Nobody(), Nobody()))
    both.close()
    assert both.patience == 0
