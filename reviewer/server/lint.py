"""A model's configuration, read for what an engine gets wrong without a word.

ExLlamaV2 0.3.2 loads an architecture that it does not know as Llama, takes a rope base it does not
find for 10,000, and keeps only the first of several end tokens: text comes out, and it is wrong.
Each check here ends in an error that says what to change.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from reviewer.errors import ConfigError
from reviewer.server.tensors import Tensor

ARCHITECTURES: Final = (
    "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "Qwen2ForCausalLM",
    "Qwen3ForCausalLM", "Qwen3MoeForCausalLM", "Starcoder2ForCausalLM",
)  # fmt: skip
"""Text models that ExLlamaV2 0.3.2 reads as what they are (exllamav2/architecture.py)."""

DTYPES: Final = ("I32", "I16", "F16", "BF16", "F32")
"""Types of tensors that it loads (exllamav2/stloader.py)."""

HEAD_DIMS: Final = (64, 128)
"""Sizes of an attention head that flash attention is built for here."""

FILE_BYTES: Final = 64 << 20
"""Largest JSON file of a model: tokenizers have about 20 MB."""

_T = TypeVar("_T")

Small = Annotated[int, Meta(ge=1, le=1 << 20)]


class Config(msgspec.Struct, frozen=True):
    """What we read of config.json; it holds much more."""

    architectures: tuple[str, ...]
    hidden_size: Small
    num_attention_heads: Small
    num_hidden_layers: Annotated[int, Meta(ge=1, le=1024)]
    vocab_size: Annotated[int, Meta(ge=2, le=1 << 22)]
    intermediate_size: Small = 1
    num_key_value_heads: Small | None = None
    head_dim: Small | None = None
    max_position_embeddings: Annotated[int, Meta(ge=256, le=1 << 24)] = 2048
    eos_token_id: int | tuple[int, ...] | None = None
    rope_theta: float | None = None
    rope_scaling: dict[str, Any] | None = None
    rope_parameters: dict[str, Any] | None = None


class Generation(msgspec.Struct, frozen=True):
    """What we read of generation_config.json."""

    eos_token_id: int | tuple[int, ...] | None = None


@dataclass(frozen=True)
class Model:
    """What the rest of the server needs to know of a model."""

    name: str
    layers: int
    kv_heads: int
    head_dim: int
    hidden: int
    intermediate: int
    vocab: int
    """Rows of the head, which may be more than the tokenizer has."""
    context: int
    """Tokens that it was made for."""
    eos: tuple[int, ...]
    """All tokens that end an answer."""

    @property
    def kv_bytes(self) -> int:
        """Bytes of cache for one token, with keys and values as FP16."""
        return 2 * self.layers * self.kv_heads * self.head_dim * 2


def lint(
    folder: Path, tensors: Mapping[str, Tensor], head_dims: tuple[int, ...] = HEAD_DIMS
) -> Model:
    """What a folder holds. Raises ConfigError for what would run and be wrong."""
    config = load(folder / "config.json", Config)
    _architecture(config)
    _rope(config)
    _dtypes(tensors)
    head_dim = config.head_dim or config.hidden_size // config.num_attention_heads
    if head_dim not in head_dims:
        known = ", ".join(map(str, head_dims))
        raise ConfigError(
            f"attention heads of size {head_dim} are not built here, only {known}",
            "build flash attention for that size and name it by --head-dim",
        )
    top = _highest_token(folder / "tokenizer.json")
    if top >= config.vocab_size:
        raise ConfigError(
            f"the tokenizer has token {top}, the model only {config.vocab_size} of them",
            "config.json and tokenizer.json are of two models: fetch it again",
        )
    return Model(
        name=folder.resolve().name,
        layers=config.num_hidden_layers,
        kv_heads=config.num_key_value_heads or config.num_attention_heads,
        head_dim=head_dim,
        hidden=config.hidden_size,
        intermediate=config.intermediate_size,
        vocab=config.vocab_size,
        context=config.max_position_embeddings,
        eos=_ends(folder, config, top),
    )


def load(place: Path, kind: type[_T]) -> _T:
    """A JSON file as a struct. Raises ConfigError."""
    try:
        with place.open("rb") as opened:
            return msgspec.json.decode(opened.read(FILE_BYTES), type=kind)
    except OSError as error:
        raise ConfigError(f"cannot read {place}: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{place.name} is not right: {error}", "fetch it again") from error


def _architecture(config: Config) -> None:
    unknown = [name for name in config.architectures if name not in ARCHITECTURES]
    if unknown or len(config.architectures) != 1:
        named = ", ".join(config.architectures) or "none"
        raise ConfigError(
            f"architecture {named[:200]} is not supported", f"known are {', '.join(ARCHITECTURES)}"
        )


def _rope(config: Config) -> None:
    """Refuse what transformers 5 writes: the engine looks only at the names of before."""
    new = config.rope_parameters
    if not new:
        return
    missing: dict[str, Any] = {}
    if config.rope_theta is None and "rope_theta" in new:
        missing["rope_theta"] = new["rope_theta"]
    kind = new.get("rope_type", "default")
    if config.rope_scaling is None and kind != "default":
        missing["rope_scaling"] = {k: v for k, v in new.items() if k != "rope_theta"}
    if missing:
        lines = json.dumps(missing)[1:-1]
        raise ConfigError(
            f"config.json has only rope_parameters: the engine would miss {', '.join(missing)}",
            f"add to config.json, then lock again: {lines[:400]}",
        )


def _dtypes(tensors: Mapping[str, Tensor]) -> None:
    if not tensors:
        raise ConfigError("there are no weights", "fetch the .safetensors files of the model")
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise ConfigError(
                f"{name[:80]} is of type {tensor.dtype}, which the engine does not load",
                f"use a model in {', '.join(DTYPES)}, such as EXL2 or FP16",
            )


class _Added(msgspec.Struct, frozen=True):
    id: Annotated[int, Meta(ge=0)]
    content: str


class _Vocabulary(msgspec.Struct, frozen=True):
    vocab: dict[str, Annotated[int, Meta(ge=0)]]


class _Tokenizer(msgspec.Struct, frozen=True):
    model: _Vocabulary
    added_tokens: tuple[_Added, ...] = ()


def _highest_token(place: Path) -> int:
    tokenizer = load(place, _Tokenizer)
    ids = [*tokenizer.model.vocab.values(), *(token.id for token in tokenizer.added_tokens)]
    return max(ids, default=0)


def _ends(folder: Path, config: Config, top: int) -> tuple[int, ...]:
    place = folder / "generation_config.json"
    named = load(place, Generation).eos_token_id if place.exists() else None
    ends: list[int] = []
    for value in (named, config.eos_token_id):
        ends += () if value is None else (value,) if isinstance(value, int) else value
    unknown = [end for end in ends if not 0 <= end <= top]
    if unknown or not ends:
        problem = f"end token {unknown[0]} is none of the tokenizer" if unknown else "no end token"
        raise ConfigError(
            f"{problem}: answers would not end",
            "set eos_token_id in generation_config.json, then lock again",
        )
    return tuple(dict.fromkeys(ends))
