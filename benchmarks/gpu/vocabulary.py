"""A tokenizer of true size, learned from the Python code that is installed here.

The size of the vocabulary decides what sampling and a grammar's mask cost; a toy would flatter us.
"""

import json
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.support.tokenizers.make import CHATML, SPLIT

SIZE: Final = 151643
"""Entries of Qwen2.5's tokenizer (its tokenizer.json)."""

TEXT: Final = 120 << 20
"""Bytes of code that are read, as far as there are so many."""

CONTROL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def write(folder: Path) -> None:
    """The three files that a model's folder has of it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=list(CONTROL), show_progress=False, min_frequency=1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), max_token_length=24,
    )  # fmt: skip
    made.train_from_iterator(_texts(), trainer)
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"), pretty=False)
    names = {"eos_token": CONTROL[2], "pad_token": CONTROL[0], "chat_template": CHATML}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**kind, **names}))
    ends = [made.token_to_id(CONTROL[2]), made.token_to_id(CONTROL[0])]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))


def _texts() -> Iterator[str]:
    read = 0
    paths = sysconfig.get_paths()
    for name in ("stdlib", "purelib"):
        for place in sorted(Path(paths[name]).rglob("*.py")):
            text = place.read_text("utf-8", errors="replace")
            read += len(text)
            if read > TEXT:
                return
            yield text
