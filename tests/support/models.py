"""A small model folder: a real tokenizer, a real configuration, and weights nobody can run."""

import json
import math
import struct
from pathlib import Path
from typing import Any

from reviewer.server import manifest

TOKENIZERS = Path(__file__).parent / "tokenizers"

SHAPES = {
    "model.embed_tokens.weight": ("F16", [1024, 64]),
    "model.layers.0.self_attn.q_proj.weight": ("F16", [64, 64]),
    "model.layers.0.mlp.up_proj.weight": ("F16", [128, 64]),
    "lm_head.weight": ("F16", [1024, 64]),
}
WIDTHS = {"F16": 2, "BF16": 2, "F32": 4, "I32": 4, "F8_E4M3": 1}

CONFIG: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "num_hidden_layers": 1,
    "head_dim": 64,
    "vocab_size": 1024,
    "rope_theta": 1000000.0,
    "max_position_embeddings": 4096,
    "torch_dtype": "float16",
}


def tensors(shapes: dict[str, tuple[str, list[int]]] = SHAPES, **changes: Any) -> bytes:
    """A safetensors file; `changes` replace entries of its header."""
    entries: dict[str, Any] = {}
    end = 0
    for name, (dtype, shape) in shapes.items():
        size = WIDTHS[dtype] * math.prod(shape)
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    entries |= changes
    header = json.dumps({"__metadata__": {"format": "pt"}, **entries}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(end)


def model(folder: Path, kind: str = "chatml", *, locked: bool = True, **changes: Any) -> Path:
    """A folder with a model whose configuration has `changes`; None takes a setting away."""
    folder.mkdir()
    config = {key: value for key, value in {**CONFIG, **changes}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        (folder / name).write_bytes((TOKENIZERS / kind / name).read_bytes())
    (folder / "model.safetensors").write_bytes(tensors())
    if locked:
        lock(folder)
    return folder


def lock(folder: Path) -> None:
    manifest.write(manifest.lock(folder), folder / manifest.LOCK)
