"""What holds for every engine, whoever wrote it."""

import dataclasses
import time
from typing import Any

import pytest

from reviewer import plugins
from reviewer.engines.base import Message, Prompt
from reviewer.errors import ConfigError, EngineError

pytestmark = pytest.mark.slow

ENGINES = plugins.discover("reviewer.engines")


def test_there_are_three() -> None:
    assert sorted(ENGINES) == ["managed", "none", "openai"]


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_that_nobody_set_up_says_so_and_harms_nobody(name: str) -> None:
    engine: Any = ENGINES[name]()
    assert dataclasses.is_dataclass(engine)
    assert plugins.one("reviewer.engines", name).name == name
    health = engine.health(time.monotonic() + 5)
    assert not health.ok
    assert health.reason
    assert health.tip
    assert "\n" not in health.reason + health.tip
    assert engine.patience >= 0
    prompt = Prompt((Message("user", "x"),), 10, time.monotonic() + 1)
    with pytest.raises((EngineError, ConfigError)):
        engine.complete(prompt)
    engine.close()
    engine.close()


@pytest.mark.parametrize("name", ENGINES)
def test_settings_do_not_change(name: str) -> None:
    engine: Any = ENGINES[name]()
    for field in dataclasses.fields(engine):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(engine, field.name, None)
