"""Decoding held to a grammar: which tokens may come next, one instance for each request.

The dynamic generator of ExLlamaV2 0.3.2 calls `begin` at the first token, `feed` after each, and
`prepare_logit_mask` in a thread of its own while the GPU works; then `mask_logits` before it
samples (exllamav2/generator/filters/base.py, dynamic.py, sampler.py). An exception here would leave
`iterate()` and fail every request, so that on any trouble the answer is ended, and `error` set.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from llguidance import LLMatcher, LLTokenizer

ROUND: Final = 64
"""Heads are padded to a multiple of this at most."""


def tokenizer(text: str, vocabulary: int, ends: Sequence[int]) -> LLTokenizer:
    """The tokens of a tokenizer.json, for all masks; a second of work for 150,000 of them."""
    size = -(-vocabulary // ROUND) * ROUND
    return LLTokenizer(text, n_vocab=size, eos_token=list(ends), slices=LLTokenizer.json_slices())


class JsonMask:
    """What the engine calls a filter. `seconds` is the time that it took so far."""

    def __init__(self, tokens: LLTokenizer, grammar: str, ends: Sequence[int]) -> None:
        """Raises ValueError when the grammar is not right."""
        self._matcher = LLMatcher(tokens, grammar, log_level=0)
        if self._matcher.is_error():
            raise ValueError("the grammar is not right")
        self._size = tokens.vocab_size
        self._bits = np.zeros((self._size + 31) // 32, dtype=np.int32)
        self._only_ends = np.ones(self._size, dtype=bool)
        self._only_ends[list(ends)] = False
        self._banned = self._only_ends
        self.background_result: Any = None
        self.error = ""
        self.seconds = 0.0

    def begin(self, prefix_str: str = "") -> None:  # noqa: ARG002 - the engine's word
        """The first token is about to come."""
        self._matcher.reset()

    def feed(self, token: Any) -> None:
        """A token was chosen: a number, or a tensor of one."""
        number = token if isinstance(token, int) else int(token.item())
        if not self.over and not self._matcher.consume_token(number):
            self.error = "the answer left its grammar"

    @property
    def over(self) -> bool:
        """Whether nothing but the end may come."""
        return bool(self.error) or self._matcher.is_stopped()

    def use_background_worker(self) -> bool:
        """Masks are made while the GPU works."""
        return True

    def can_mask_logits(self) -> bool:
        """No lists of tokens are needed."""
        return True

    def prepare_logit_mask(self) -> bool:
        """Find out what may come next."""
        began = time.perf_counter()
        if not self.over:
            # What the text of the error quotes is the answer: it goes nowhere.
            self._matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
            if self._matcher.is_error() or not (self._bits.any() or self._matcher.is_stopped()):
                self.error = "the grammar allows no token"
        if self.over:
            self._banned = self._only_ends
        else:
            allowed = np.unpackbits(self._bits.view(np.uint8), bitorder="little")
            self._banned = allowed[: self._size] == 0
        self.seconds += time.perf_counter() - began
        return True

    def mask_logits(self, logits: Any) -> Any:
        """Rule out all other tokens, in place: `logits` is a flat tensor on the CPU."""
        began = time.perf_counter()
        values = logits.numpy()
        values[self._size :] = -np.inf
        values[: self._size][self._banned[: values.shape[0]]] = -np.inf
        self.seconds += time.perf_counter() - began
        return logits
