"""Messages become token ids, and no text of a message becomes a control token.

A diff may hold `<|im_end|><|im_start|>system`. A tokenizer turns that into the control tokens which
end a turn and begin one of the system. So the template is rendered with a random mark in place of
each text, cut at the marks, and the pieces are encoded apart: those of the template as they are,
the texts by a second tokenizer that knows no control tokens. (The switch `encode_special_tokens` of
one tokenizer does not do it: added tokens that are not "special", such as `<think>`, stay.)
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenizers import Encoding, Tokenizer

from reviewer.errors import ConfigError
from reviewer.server.chat import PromptError, Template

ROLES: Final = ("system", "user", "assistant")

CHARACTERS: Final = 3
"""Of a token, about this many on average in code: decides how much of a text is tried first."""

SLACK: Final = 64
"""Tokens by which the start of a text may differ from the same in the whole of it."""


class TooLong(Exception):
    """The prompt has more tokens than there is room for: at least so many."""

    def __init__(self, at_least: int) -> None:
        super().__init__(f"at least {at_least:,} tokens")
        self.at_least = at_least


@dataclass(frozen=True)
class Turn:
    """One message. The text is anybody's."""

    role: str
    text: str


class Prompter:
    """The tokenizer and the chat template of a model. May be used by several threads.

    Raises ConfigError.
    """

    def __init__(self, folder: Path) -> None:
        text = (folder / "tokenizer.json").read_text("utf-8")
        self.template = Template(folder)
        try:
            self.trusted = _loaded(text)
            self.untrusted, self.control = without_control(text)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError("tokenizer.json is not right", "fetch the model again") from error
        bos = self.template.config.bos
        self.bos = self.trusted.token_to_id(bos) if bos else None

    def ids(self, turns: Sequence[Turn], limit: int) -> tuple[int, ...]:
        """The prompt, of at most `limit` tokens. Raises PromptError, TooLong.

        A prompt that is far too long costs no more than one that is just too long.
        """
        found: list[int] = []
        for piece, trusted in self._pieces(turns):
            if trusted:
                found += _encode(self.trusted, piece)
            else:
                found += self._span(piece, limit - len(found))
            if len(found) > limit:
                raise TooLong(len(found))
        if self.template.config.add_bos_token and self.bos is not None and found[:1] != [self.bos]:
            found.insert(0, self.bos)
        return tuple(found)

    def count(self, text: str) -> int:
        """Tokens of anybody's text in a prompt, however many they are."""
        # Only the number: a list of millions would hold up everybody while it is made.
        return len(_encoding(self.untrusted, text))

    def _pieces(self, turns: Sequence[Turn]) -> list[tuple[str, bool]]:
        """The prompt in pieces: text, and whether it is the template's."""
        marks = {f"S{secrets.token_hex(16)}E": turn.text.strip() for turn in turns}
        messages = [
            {"role": turn.role, "content": _around(turn.text, mark)}
            for turn, mark in zip(turns, marks, strict=True)
        ]
        rendered = re.split(f"({'|'.join(marks)})", self.template.render(messages))
        if not marks.keys() <= set(rendered):
            raise PromptError("the model's chat template leaves out a message")
        return [
            (marks.get(piece, piece), piece not in marks)
            for piece in rendered
            if marks.get(piece, piece)
        ]

    def _span(self, text: str, room: int) -> list[int]:
        """The ids of anybody's text. Raises PromptError, TooLong."""
        # No token of these tokenizers has letters on both sides of white space.
        words = len(text[: 3 * CHARACTERS * max(room, 0) + 4096].split())
        if words > room + SLACK:
            raise TooLong(words)
        first = CHARACTERS * max(room, 0) + 4096
        while len(text) > first:
            start = len(_encode(self.untrusted, text[:first]))
            if start > room + SLACK:
                raise TooLong(start)
            first *= 4
        ids = _encode(self.untrusted, text)
        if not self.control.isdisjoint(ids):
            raise PromptError("a message holds what this tokenizer takes for a control token")
        return ids


def without_control(text: str) -> tuple[Tokenizer, frozenset[int]]:
    """A tokenizer.json as a tokenizer that knows no control tokens, and the ids of those.

    All added tokens are taken for that but those of white space alone: they are how a model writes
    indentation. The library numbers added tokens by their places in the list, whatever number the
    file gives them, so that each that is not wanted leaves a name behind that nobody can guess.
    """
    data = json.loads(text)
    added = data.get("added_tokens") or []
    blank = {each["content"]: each["id"] for each in added if not each["content"].strip()}
    control = frozenset(each["id"] for each in added if each["content"].strip())
    vocabulary = data["model"]["vocab"]
    kept = [
        each if each["content"] in blank else {**each, "content": secrets.token_hex(16)}
        for each in added
        if each["content"] in blank or each["content"] not in vocabulary
    ]
    made = _loaded(json.dumps({**data, "added_tokens": kept}))
    if any(made.token_to_id(name) != number for name, number in blank.items()):
        made = _loaded(json.dumps({**data, "added_tokens": []}))
    return made, control


def _loaded(text: str) -> Tokenizer:
    try:
        made = Tokenizer.from_str(text)
    except Exception as error:  # the library raises Exception itself
        raise ValueError(str(error)) from error
    made.no_truncation()
    made.no_padding()
    return made


def _encode(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(_encoding(tokenizer, text).ids)


def _encoding(tokenizer: Tokenizer, text: str) -> Encoding:
    # Half of the time of `encode`, because it leaves out where each token lies in the text.
    return tokenizer.encode_batch_fast([text], add_special_tokens=False)[0]


def _around(text: str, mark: str) -> str:
    """The mark with the white space of the text around it: templates may trim that."""
    start = len(text) - len(text.lstrip())
    return text[:start] + mark + text[len(text.rstrip()) :] if text.strip() else text + mark
