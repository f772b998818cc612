"""A server of the OpenAI dialect that somebody else runs."""

from typing import Final

from reviewer.engines._openai import OpenAI
from reviewer.engines.base import Engine

PLUGIN: Final[type[Engine]] = OpenAI
