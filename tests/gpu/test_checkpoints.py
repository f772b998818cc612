"""The models of random weights have the layout that engines read; only torch is needed."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from benchmarks.gpu import checkpoints
from reviewer.server import lint, manifest
from tests.support import models

SHAPE = checkpoints.Shape(256, 1, 4, 2, 64, 512, 1024, tied=True)


@pytest.mark.parametrize("bits", [None, 4.5])
def test_our_server_takes_them(tmp_path: Path, bits: float | None) -> None:
    folder = tmp_path / "m"
    checkpoints.write(folder, SHAPE, models.TOKENIZERS / "chatml", bits)
    tensors = dict(manifest.verify(folder, manifest.lock(folder)).tensors)
    found = lint.lint(folder, tensors)
    assert (found.layers, found.head_dim, found.vocab) == (1, 64, 1024)
    assert ("lm_head.q_weight" in tensors) == (bits is not None)
    config = json.loads((folder / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"]


def test_groups_of_a_quantised_matrix_lie_behind_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    checkpoints.write(folder, SHAPE, models.TOKENIZERS / "chatml", 4.5)
    (place,) = folder.glob("*.safetensors")
    with safe_open(place, "pt") as opened:
        prefix = "model.layers.0.mlp.down_proj."
        read = {name: opened.get_tensor(prefix + name)
                for name in ("q_weight", "q_groups", "q_scale", "q_invperm")}  # fmt: skip
    groups = read["q_groups"].view(-1, 2).tolist()
    assert [bits for bits, _ in groups] == [5, 5, 4, 4]
    assert [row for _, row in groups] == [0, 20, 40, 56]
    assert read["q_weight"].shape == (72, 256)
    assert read["q_scale"].shape == (4, 32)
    assert sorted(read["q_invperm"].tolist()) == list(range(512))


def test_the_mean_width_is_what_was_asked_for() -> None:
    for bits in (2.5, 4.0, 4.5, 5.25, 6.0):
        made = checkpoints.widths(18944, bits)
        assert sum(made) / len(made) == pytest.approx(bits, abs=0.02)
        assert made == sorted(made, reverse=True)


def test_a_model_of_transformers_reads_the_fp16_one(tiny: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    with torch.inference_mode():
        logits = model(torch.tensor([[300, 301, 302]])).logits
    assert logits.shape == (1, 3, 1024)
    assert bool(torch.isfinite(logits).all())
