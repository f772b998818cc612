"""Rendering of a model's own chat template, which is code of the model: in a sandbox.

https://huggingface.co/docs/transformers/chat_templating says what a template may use. The clock is
left out, so that the same messages give the same prompt; templates have a fixed date for that case.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from reviewer.errors import ConfigError
from reviewer.server.lint import load

TEMPLATE_BYTES: Final = 1 << 20


class PromptError(Exception):
    """Messages that cannot become a prompt; the text says why and quotes none of them."""


class _Token(msgspec.Struct, frozen=True):
    content: str


class _Named(msgspec.Struct, frozen=True):
    name: str
    template: str


class TokenizerConfig(msgspec.Struct, frozen=True):
    """What we read of tokenizer_config.json."""

    chat_template: str | tuple[_Named, ...] | None = None
    bos_token: str | _Token | None = None
    eos_token: str | _Token | None = None
    add_bos_token: bool = False

    @property
    def bos(self) -> str:
        """The text of the token that begins a prompt, "" when there is none."""
        return _content(self.bos_token)

    @property
    def eos(self) -> str:
        """The text of the token that ends a turn, "" when there is none."""
        return _content(self.eos_token)


class Template:
    """A compiled chat template. Raises ConfigError when the model has none that compiles."""

    def __init__(self, folder: Path) -> None:
        self.config = load(folder / "tokenizer_config.json", TokenizerConfig)
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = _tojson
        environment.globals["raise_exception"] = _refuse
        try:
            self._template = environment.from_string(_source(folder, self.config))
        except TemplateError as error:
            raise ConfigError(f"the chat template does not compile: {error}") from error

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The prompt up to where the answer begins. Raises PromptError."""
        try:
            return self._template.render(
                messages=[dict(message) for message in messages],
                add_generation_prompt=True,
                bos_token=self.config.bos,
                eos_token=self.config.eos,
            )
        except TemplateError as error:
            raise PromptError(f"the model's chat template refuses: {error}"[:300]) from error
        except (TypeError, ValueError, LookupError, ArithmeticError) as error:
            # A template is a program of its own, with bugs of its own.
            raise PromptError(f"the chat template fails: {type(error).__name__}") from error


def _content(token: str | _Token | None) -> str:
    return token.content if isinstance(token, _Token) else token or ""


def _source(folder: Path, config: TokenizerConfig) -> str:
    place = folder / "chat_template.jinja"
    if place.exists():
        with place.open(encoding="utf-8", newline="") as opened:
            return opened.read(TEMPLATE_BYTES)
    found = config.chat_template
    if isinstance(found, tuple):
        found = next((each.template for each in found if each.name == "default"), None)
    if found is None:
        raise ConfigError(
            "the model has no chat template", "take the instruct variant of the model"
        )
    return found


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _tojson(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
