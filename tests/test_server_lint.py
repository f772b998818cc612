"""A model that would run and be wrong is refused, with what to change; so is one too big."""

import json
from pathlib import Path
from typing import Any

import pytest

from reviewer.errors import ConfigError
from reviewer.server import lint, manifest, plan
from reviewer.server.tensors import Tensor
from tests.support import models


def checked(folder: Path) -> lint.Model:
    return lint.lint(folder, tensors_of(folder))


def tensors_of(folder: Path) -> dict[str, Tensor]:
    return dict(manifest.verify(folder, manifest.lock(folder)).tensors)


@pytest.mark.parametrize("kind", ["chatml", "llama3", "mistral"])
def test_a_good_model(tmp_path: Path, kind: str) -> None:
    found = checked(models.model(tmp_path / "m-7b", kind))
    ends = json.loads((models.TOKENIZERS / kind / "generation_config.json").read_text())
    assert found.eos == tuple(ends["eos_token_id"])
    assert (found.name, found.head_dim, found.vocab, found.context) == ("m-7b", 64, 1024, 4096)
    assert found.kv_bytes == 2 * 1 * 1 * 64 * 2


ROPE5 = {"rope_type": "default", "rope_theta": 1000000.0}
YARN = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"architectures": ["DeepseekV3ForCausalLM"]}, "DeepseekV3ForCausalLM is not supported"),
    ({"architectures": []}, "architecture none"),
    ({"architectures": None}, "architectures"),
    ({"rope_theta": None, "rope_parameters": ROPE5}, "would miss rope_theta"),
    ({"rope_parameters": YARN}, "would miss rope_scaling"),
    ({"rope_theta": None, "rope_parameters": YARN}, "would miss rope_theta, rope_scaling"),
    ({"head_dim": 80}, "heads of size 80"),
    ({"head_dim": None, "num_attention_heads": 2}, "heads of size 32"),
    ({"vocab_size": 500}, "has token 9"),
    ({"eos_token_id": 5000}, "end token 5000"),
    ({"num_hidden_layers": -1}, "num_hidden_layers"),
    ({"hidden_size": "64"}, "hidden_size"),
]


@pytest.mark.parametrize(("changes", "why"), BAD)
def test_a_model_that_would_be_wrong(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        checked(models.model(tmp_path / "m", **changes))


def test_the_error_has_the_lines_to_add(tmp_path: Path) -> None:
    folder = models.model(tmp_path / "m", rope_theta=None, rope_parameters=ROPE5)
    with pytest.raises(ConfigError) as caught:
        checked(folder)
    assert '"rope_theta": 1000000.0' in caught.value.tip
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "rope_theta": 1000000.0}))
    assert checked(folder)


def test_all_end_tokens_count_wherever_they_are_named(tmp_path: Path) -> None:
    folder = models.model(tmp_path / "m", eos_token_id=7)
    assert checked(folder).eos[-1] == 7
    (folder / "generation_config.json").unlink()
    assert checked(folder).eos == (7,)
    (folder / "generation_config.json").write_text('{"eos_token_id": [7, 8]}')
    assert checked(folder).eos == (7, 8)


def test_no_end_token(tmp_path: Path) -> None:
    folder = models.model(tmp_path / "m")
    (folder / "generation_config.json").unlink()
    with pytest.raises(ConfigError, match="no end token"):
        checked(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, '{"a": NaN}'])
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "generation_config.json"])
def test_files_that_are_no_json(tmp_path: Path, name: str, content: str) -> None:
    folder = models.model(tmp_path / "m")
    (folder / name).write_text(content)
    with pytest.raises(ConfigError, match=name):
        checked(folder)


def test_types_that_the_engine_does_not_load(tmp_path: Path) -> None:
    folder = models.model(tmp_path / "m", locked=False)
    data = models.tensors({"layer.weight": ("F8_E4M3", [4, 4])})
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(ConfigError, match=r"layer.weight is of type F8_E4M3"):
        checked(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="no weights"):
        lint.lint(folder, {})


QWEN_7B = lint.Model("7b", 28, 4, 128, 3584, 18944, 152064, 32768, (1,))
FP16_7B = {"model.embed_tokens.weight": Tensor("F16", (), (0, 1 << 30)),
           "lm_head.weight": Tensor("F16", (), (1 << 30, (1 << 30) + 14_100_000_000))}  # fmt: skip


def test_a_model_that_fits_gets_the_cache_it_wants() -> None:
    made = plan.plan(QWEN_7B, FP16_7B, 80 << 30, 65536, 8192)
    assert made.cache_tokens == 65536
    assert made.weights == 14_100_000_000, "the embedding stays in the host's memory"
    assert made.cache == 65536 * 56 * 1024, "56 KiB a token"


def test_an_embedding_that_is_the_head_as_well_counts() -> None:
    tied = {"model.embed_tokens.weight": FP16_7B["model.embed_tokens.weight"]}
    assert plan.plan(QWEN_7B, tied, 80 << 30, 65536, 8192).weights == 1 << 30


def test_the_cache_shrinks_to_what_is_free() -> None:
    made = plan.plan(QWEN_7B, FP16_7B, 20 << 30, 65536, 8192)
    assert 8192 <= made.cache_tokens < 65536
    assert made.cache_tokens % plan.PAGE == 0
    assert made.total <= plan.SHARE * (20 << 30) < made.total + plan.PAGE * QWEN_7B.kv_bytes


def test_a_model_that_does_not_fit_is_refused_with_the_numbers() -> None:
    with pytest.raises(ConfigError) as caught:
        plan.plan(QWEN_7B, FP16_7B, 16 << 30, 65536, 8192)
    for number in ("weights 13.13 GiB", "cache 0.44 GiB", "8,192 tokens", "16.00 GiB free"):
        assert number in caught.value.message
