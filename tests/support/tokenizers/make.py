"""Train the small tokenizers of the tests: `python tests/support/tokenizers/make.py`.

Each is of the kind that a family of models has, with its control tokens and its chat template, but
learned from the text of this project and small. What they hold is written beside this file.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)  # fmt: skip

HERE = Path(__file__).parent
TOP = HERE.parents[2]
SIZE = 900

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The words of Qwen2's tokenizer; Llama 3's differ in the length of numbers."""

CHATML = """\
{%- if messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or \
(message.role == "assistant") %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

LLAMA3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    "+ message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)

MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}"
    "{% endfor %}"
)


def texts() -> list[str]:
    """What is learned from: our own words."""
    places = [*sorted((TOP / "docs").glob("*.md")), TOP / "README.md"]
    return [place.read_text("utf-8") for place in places]


def byte_level(specials: list[str], *, ignore_merges: bool) -> Tokenizer:
    """Qwen's and Llama 3's kind: bytes, merged in words."""
    made = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    made.normalizer = None if ignore_merges else normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, initial_alphabet=sorted(alphabet), show_progress=False
    )
    made.train_from_iterator(texts(), trainer)
    made.add_special_tokens(specials)
    return made


def sentence_piece(specials: list[str]) -> Tokenizer:
    """Mistral's kind: pieces with a mark for spaces, single bytes for what is in no piece."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    made.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
    ])  # fmt: skip
    # Words are split for training alone: otherwise pieces would span them.
    learner = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    learner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
    pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=["<unk>", *specials, *pieces], limit_alphabet=120,
        show_progress=False,
    )  # fmt: skip
    learner.train_from_iterator(texts(), trainer)
    state = json.loads(learner.to_str())["model"]
    merges = [tuple(pair) for pair in state["merges"]]
    made.model = models.BPE(state["vocab"], merges, unk_token="<unk>", byte_fallback=True)
    made.add_special_tokens(["<unk>", *specials])
    return made


def write(name: str, made: Tokenizer, config: dict[str, Any], ends: list[str]) -> None:
    """One folder, as a model has it."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    made.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    ids = [made.token_to_id(end) for end in ends]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}) + "\n")


def main() -> None:
    chatml = byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ignore_merges=False)
    # Qwen has these as added tokens that are not special.
    chatml.add_tokens([AddedToken(t, special=False) for t in ("<think>", "<tool_call>", "    ")])
    write(
        "chatml", chatml, {"eos_token": "<|im_end|>", "chat_template": CHATML},
        ["<|im_end|>", "<|endoftext|>"],
    )  # fmt: skip
    headers = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"]
    llama = byte_level([*headers, "<|eot_id|>"], ignore_merges=True)
    names = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}
    write("llama3", llama, {**names, "chat_template": LLAMA3}, ["<|end_of_text|>", "<|eot_id|>"])
    mistral = sentence_piece(["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]"])
    bos = {"content": "<s>", "lstrip": False}
    write(
        "mistral", mistral,
        {"add_bos_token": True, "bos_token": bos, "eos_token": "</s>", "chat_template": MISTRAL},
        ["</s>"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
