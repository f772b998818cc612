"""Checkpoints with random weights, as FP16 and as EXL2: true speed, and text without meaning.

The files are written by hand: `save_pretrained` of transformers 5 writes the base of the rotary
embedding under a name that ExLlamaV2 0.3.2 does not read, and nothing else can write EXL2 without
a calibration. Its layout is that of exllamav2/conversion/adaptivegptq.py (`pack`), as read by
exllamav2_ext/cuda/q_matrix.cu.
"""

import json
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

SIDE_FILES: Final = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")

SHARD: Final = 2 << 30
"""Bytes of a file of weights."""

GROUP: Final = 128
"""Rows of a matrix that share a width, and a scale for each column."""

HEAD_BITS: Final = 6
ABOVE: Final = {2: 3, 3: 4, 4: 5, 5: 6, 6: 8}
"""Widths in bits that EXL2 has, each with the next."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a model of the family Qwen2."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied: bool
    context: int = 32768

    def small_vocabulary(self, size: int) -> "Shape":
        """The same with another vocabulary."""
        return replace(self, vocab=size)


TINY: Final = Shape(512, 4, 8, 2, 64, 1536, 151936, tied=False)
SMALL: Final = Shape(1536, 28, 12, 2, 128, 8960, 151936, tied=False)
LARGE: Final = Shape(3584, 28, 28, 4, 128, 18944, 152064, tied=False)
"""The last two have the sizes of Qwen2.5 1.5B and 7B (their config.json). The smaller one is tied
there: with random weights it would say the last token again and again. A step reads as much.
"""

Tensors = Iterator[tuple[str, Any]]


def write(folder: Path, shape: Shape, tokenizer: Path, bits: float | None = None) -> None:
    """A model in a new folder: FP16, or EXL2 with `bits` a weight on average, from 2 to 6."""
    made = folder.with_name(folder.name + ".part")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    for name in SIDE_FILES:
        shutil.copy(tokenizer / name, made / name)
    ends = json.loads((tokenizer / "generation_config.json").read_text("utf-8"))["eos_token_id"]
    config = _config(shape, ends[0])
    if bits is not None:
        config |= {"quantization_config": {"quant_method": "exl2", "bits": bits}}
        config |= {"tie_word_embeddings": False}
    (made / "config.json").write_text(json.dumps(config, indent=1))
    _save(made, _fp16(shape) if bits is None else _exl2(shape, bits))
    made.rename(folder)


def _config(shape: Shape, end: int) -> dict[str, Any]:
    theta = 1000000.0
    return {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu",
        "hidden_size": shape.hidden, "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "vocab_size": shape.vocab, "max_position_embeddings": shape.context,
        "tie_word_embeddings": shape.tied, "rms_norm_eps": 1e-6, "use_sliding_window": False,
        "rope_theta": theta, "rope_parameters": {"rope_type": "default", "rope_theta": theta},
        "eos_token_id": end, "torch_dtype": "float16",
    }  # fmt: skip


def _save(folder: Path, tensors: Tensors) -> None:
    """Files of weights, and their index."""
    save_file = import_module("safetensors.torch").save_file
    shard: dict[str, Any] = {}
    places: dict[str, str] = {}
    size = number = 0

    def flush() -> None:
        name = f"model-{number:05d}.safetensors"
        save_file(shard, folder / name, metadata={"format": "pt"})
        places.update(dict.fromkeys(shard, name))
        shard.clear()

    for key, tensor in tensors:
        shard[key] = tensor.contiguous().cpu()
        size += tensor.numel() * tensor.element_size()
        if size > SHARD:
            flush()
            size, number = 0, number + 1
    if shard:
        flush()
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _layers(shape: Shape) -> Iterator[tuple[str, Mapping[str, tuple[int, int]]]]:
    """The matrices of each layer: rows that come out, columns that go in."""
    inner, outer = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    for layer in range(shape.layers):
        yield (
            f"model.layers.{layer}.",
            {
                "self_attn.q_proj": (inner, shape.hidden),
                "self_attn.k_proj": (outer, shape.hidden),
                "self_attn.v_proj": (outer, shape.hidden),
                "self_attn.o_proj": (shape.hidden, inner),
                "mlp.gate_proj": (shape.intermediate, shape.hidden),
                "mlp.up_proj": (shape.intermediate, shape.hidden),
                "mlp.down_proj": (shape.hidden, shape.intermediate),
            },
        )


BIASED: Final = ("q_proj", "k_proj", "v_proj")


class _Source:
    """Random tensors, made where it is fastest."""

    def __init__(self) -> None:
        self.torch = import_module("torch")
        self.device = "cuda" if self.torch.cuda.is_available() else "cpu"
        self.generator = self.torch.Generator(self.device).manual_seed(1234)

    def normal(self, rows: int, columns: int, deviation: float) -> Any:
        made = self.torch.randn(
            rows, columns, generator=self.generator, device=self.device, dtype=self.torch.float32
        )
        return (made * deviation).half()

    def embedding(self, shape: Shape) -> Any:
        """So large that what comes out depends on the token that goes in."""
        return self.normal(shape.vocab, shape.hidden, 0.2)

    def head(self, shape: Shape) -> Any:
        """Some tokens stand out, as in all that was learned: the best is not so by a hair."""
        weight = self.normal(shape.vocab, shape.hidden, 0.02)
        return weight * self.normal(shape.vocab, 1, 0.3).exp()

    def bits(self, rows: int, columns: int) -> Any:
        """32 random bits each."""
        return self.torch.randint(
            -(2**31), 2**31 - 1, (rows, columns), generator=self.generator, device=self.device,
            dtype=self.torch.int32,
        )  # fmt: skip

    def norms(self, shape: Shape, layer: str) -> Tensors:
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{layer}{name}.weight", self.torch.ones(shape.hidden).half()


def _fp16(shape: Shape) -> Tensors:
    """Weights that keep values near 1 from layer to layer."""
    source = _Source()
    yield "model.embed_tokens.weight", source.embedding(shape)
    for layer, matrices in _layers(shape):
        yield from source.norms(shape, layer)
        for name, (rows, columns) in matrices.items():
            deviation = 0.5 / math.sqrt(columns)
            yield f"{layer}{name}.weight", source.normal(rows, columns, deviation)
            if name.endswith(BIASED):
                yield f"{layer}{name}.bias", source.torch.zeros(rows).half()
    yield "model.norm.weight", source.torch.ones(shape.hidden).half()
    if not shape.tied:
        yield "lm_head.weight", source.head(shape)


def _exl2(shape: Shape, bits: float) -> Tensors:
    source = _Source()
    yield "model.embed_tokens.weight", source.embedding(shape)
    for layer, matrices in _layers(shape):
        yield from source.norms(shape, layer)
        for name, (rows, columns) in matrices.items():
            yield from _quantised(source, layer + name, columns, rows, bits)
            if name.endswith(BIASED):
                yield f"{layer}{name}.bias", source.torch.zeros(rows).half()
    yield "model.norm.weight", source.torch.ones(shape.hidden).half()
    yield from _quantised(source, "lm_head", shape.hidden, shape.vocab, HEAD_BITS)


def widths(inputs: int, bits: float) -> list[int]:
    """Bits of each group of rows: two neighbouring widths, the larger ones first."""
    low = math.floor(bits)
    groups = math.ceil(inputs / GROUP)
    wide = round(groups * (bits - low) / (ABOVE[low] - low))
    return [ABOVE[low]] * wide + [low] * (groups - wide)


def _quantised(source: _Source, key: str, inputs: int, outputs: int, bits: float) -> Tensors:
    """A matrix of EXL2: bits in columns, scales of 4 bits, one larger scale for each group."""
    torch = source.torch
    starts: list[int] = []
    scales: list[float] = []
    row = 0
    for group, width in enumerate(widths(inputs, bits)):
        rows = min(GROUP, inputs - group * GROUP)
        starts += [width, row]
        row += rows * width // 32
        # Random bits have a deviation of 2^width / sqrt(12), random scales a mean of about 0.365.
        scales.append(0.5 / math.sqrt(inputs) / (2**width / math.sqrt(12) * 0.365))
    yield f"{key}.q_weight", source.bits(row, outputs)
    yield f"{key}.q_scale", source.bits(len(scales), outputs // 8)
    yield f"{key}.q_scale_max", torch.tensor(scales, dtype=torch.half)
    yield f"{key}.q_groups", torch.tensor(starts, dtype=torch.int32).to(torch.int16)
    order = torch.randperm(inputs, generator=source.generator, device=source.device)
    yield f"{key}.q_invperm", order.to(torch.int32)
