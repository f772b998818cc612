"""Writes a language model of 0.6 MB with random weights (GGUF, llama architecture, ChatML).

What it says is garbage, but loading, tokenizing, batching, sampling and grammars run for real. The
bytes follow from this file, the recipe, and the versions of gguf and numpy.

The tokenizer is byte-level BPE: 256 bytes, merges trained on SAMPLE, three control tokens. Lane 0
of the residual stream is constant, so that column 0 of the output matrix is a bias of each token:
it keeps control tokens and bytes beyond ASCII out of the text, and sets how soon an answer ends.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np

VOCABULARY: Final = 512
LAYERS: Final = 2
HIDDEN: Final = 64
INNER: Final = 128
HEADS: Final = 4
CONTEXT: Final = 32768
CONTROL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE: Final = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' "
    "}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SAMPLE: Final = """
diff --git a/src/app.py b/src/app.py
@@ -10,7 +10,9 @@ def load(path, mode="r"):
     with open(path, mode) as handle:
-        return json.load(handle)
+        data = json.loads(handle.read())
+        if data is None or not isinstance(data, dict):
+            raise ValueError("the file is not a JSON object: %s" % path)
 class Config:
     def __init__(self, name, value=None):
         self.value = value or os.environ.get("VALUE", "")
 import os, sys, re, json, subprocess; from typing import Any, Optional
 for index, item in enumerate(items): print(index, item); continue
 try: result = subprocess.run(command, shell=True, check=False)
 except Exception as error: log.error("failed: %s", error); return False
You are a careful code review assistant. Report the findings for the change below as JSON:
{"findings": [{"path": "src/app.py", "line": 12, "quote": "return data", "severity": "high",
"message": "The value of this variable is never checked before it is used in the query."}]}
The function does not close the file. This test should be added to the pull request.
"""


@dataclass(frozen=True)
class Recipe:
    """What may differ: a higher `end_bias` ends answers sooner, `byte_bias` 0 breaks UTF-8."""

    seed: int = 0
    end_bias: float = 4.0
    byte_bias: float = -40.0


def write(path: Path, recipe: Recipe) -> None:
    """Write the model, all of it or nothing."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    alphabet = _alphabet()
    out = gguf.GGUFWriter(str(part), "llama")
    _describe(out, alphabet, _merges(alphabet, VOCABULARY - 256 - len(CONTROL)))
    for name, data in _tensors(recipe, alphabet).items():
        out.add_tensor(name, data)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    part.replace(path)


def _alphabet() -> dict[int, str]:
    """A printable character for each byte, those of GPT-2 (openai/gpt-2, encoder.py)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}


def _merges(alphabet: Mapping[int, str], count: int) -> dict[str, str]:
    """Merges of BPE, "left right" to "leftright"; of equal pairs the last in the alphabet wins."""
    pieces = Counter(re.findall(r"\s+(?=\s)| ?[A-Za-z]+|\d| ?[^\sA-Za-z\d]+|\s", SAMPLE))
    words = {" ".join(alphabet[b] for b in piece.encode()): n for piece, n in pieces.items()}
    merges: dict[str, str] = {}
    while len(merges) < count:
        made = set(merges.values())  # the text of a token must be its own
        pairs = {p: n for p, n in _pairs(words).items() if p.replace(" ", "") not in made}
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges[best] = best.replace(" ", "")
        pattern = re.compile(r"(?<!\S)" + re.escape(best) + r"(?!\S)")
        words = {pattern.sub(lambda _, new=merges[best]: new, word): n for word, n in words.items()}
    return merges


def _pairs(words: Mapping[str, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, n in words.items():
        for left, right in pairwise(word.split()):
            found[f"{left} {right}"] += n
    return found


def _describe(out: Any, alphabet: Mapping[int, str], merges: Mapping[str, str]) -> None:
    kinds = gguf.TokenType
    out.add_name("tiny-random")
    out.add_vocab_size(VOCABULARY)
    out.add_context_length(CONTEXT)
    out.add_embedding_length(HIDDEN)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_rope_dimension_count(HIDDEN // HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("qwen2")
    out.add_token_list([*alphabet.values(), *merges.values(), *CONTROL])
    plain = VOCABULARY - len(CONTROL)
    out.add_token_types([kinds.NORMAL] * plain + [kinds.CONTROL] * len(CONTROL))
    out.add_token_merges(list(merges))
    out.add_eos_token_id(VOCABULARY - 1)
    out.add_pad_token_id(plain)
    out.add_add_bos_token(False)
    out.add_chat_template(TEMPLATE)


def _tensors(recipe: Recipe, bytes_in_order: Sequence[int] | Mapping[int, str]) -> dict[str, Any]:
    numbers = np.random.default_rng(recipe.seed)

    def random(rows: int, columns: int, scale: float = 1.0) -> Any:
        drawn = numbers.standard_normal((rows, columns)) * scale / np.sqrt(columns)
        return drawn.astype(np.float32)

    embedding = random(VOCABULARY, HIDDEN, np.sqrt(HIDDEN))
    head = random(VOCABULARY, HIDDEN, 2.0)
    embedding[:, 0], head[:, 0], head[-len(CONTROL) :] = 1.0, 0.0, 0.0
    head[:256, 0] = [recipe.byte_bias if b > 127 else 0.0 for b in bytes_in_order]
    head[-len(CONTROL) :, 0] = [-40.0, -40.0, recipe.end_bias]
    ones = np.ones(HIDDEN, np.float32)
    tensors = {"token_embd.weight": embedding, "output.weight": head, "output_norm.weight": ones}
    for layer in range(LAYERS):
        block = dict(_block(random))
        block["attn_output"][0] = block["ffn_down"][0] = 0.0  # lane 0 stays constant
        tensors.update({f"blk.{layer}.{name}.weight": data for name, data in block.items()})
    return tensors


def _block(random: Any) -> Iterator[tuple[str, Any]]:
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        yield name, random(HIDDEN, HIDDEN)
    yield "ffn_gate", random(INNER, HIDDEN)
    yield "ffn_up", random(INNER, HIDDEN)
    yield "ffn_down", random(HIDDEN, INNER)
    for name in ("attn_norm", "ffn_norm"):
        yield name, np.ones(HIDDEN, np.float32)
