"""No model, and why."""

from dataclasses import dataclass
from typing import ClassVar, Final

from reviewer.engines.base import Completion, Engine, Health, Prompt, Schema
from reviewer.errors import EngineDown


@dataclass(frozen=True)
class Nobody:
    """Stands where a model would: reviews are static, for the `reason` and with the `tip` given."""

    name: ClassVar[str] = "none"
    reason: str = "no model is set up"
    tip: str = "name the model's server by engine.url, or a folder of weights by engine.model-dir"
    patience: float = 0.0

    def health(self, deadline: float) -> Health:
        """Never well."""
        del deadline
        return Health(ok=False, reason=self.reason, tip=self.tip)

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        """Raises EngineDown."""
        del prompt, schema
        raise EngineDown(self.reason)

    def count(self, text: str, deadline: float) -> int | None:
        """Unknown."""
        del text, deadline
        return None

    def close(self) -> None:
        """Nothing is held."""


PLUGIN: Final[type[Engine]] = Nobody
