"""How the image and the benchmarks compile the kernels; no GPU and no compiler is needed."""

import os
import re
from pathlib import Path

import pytest

from image import kernels
from tests.support.serving import TOP


@pytest.fixture
def toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As NVIDIA's packages lay it out; no other is in sight."""
    place = tmp_path / "nvidia" / "cu13"
    for name in ("include/cublas_v2.h", "lib/libcudart.so.13", "bin/nvcc"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch(mode=0o755)
    for name in ("CUDA_HOME", "CPATH", "LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    return place


def test_the_compiler_of_the_packages(toolkit: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    made = kernels.surroundings(work, toolkit)
    assert made["CUDA_HOME"] == str(toolkit)
    assert made["CPATH"] == str(toolkit / "include")
    assert made["PATH"].endswith(f"{os.pathsep}/nowhere")
    (library,) = Path(made["LIBRARY_PATH"]).glob("libcudart.so")
    assert library.resolve() == toolkit / "lib" / "libcudart.so.13"


def test_a_compiler_that_is_installed_comes_first(
    toolkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPATH", "/usr/more")
    monkeypatch.setenv("PATH", str(toolkit / "bin"))
    (tmp_path / "work").mkdir()
    made = kernels.surroundings(tmp_path / "work", toolkit)
    assert "CUDA_HOME" not in made
    assert made["CPATH"] == f"{toolkit / 'include'}{os.pathsep}/usr/more"


def test_without_packages_of_nvidia(tmp_path: Path) -> None:
    assert set(kernels.surroundings(tmp_path, None)) == {"TORCH_EXTENSIONS_DIR", "PATH"}


def test_the_image_may_copy_what_its_build_needs() -> None:
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", (TOP / "Dockerfile").read_text("utf-8"))
    allowed = (TOP / ".dockerignore").read_text("utf-8").splitlines()
    names = {name for line in copied for name in line.split()}
    assert "image/kernels.py" in names
    assert {f"!{name}" for name in names} <= set(allowed)


def test_what_compiles_the_kernels_is_locked_and_not_shipped() -> None:
    lock = (TOP / "requirements-gpu.txt").read_text("utf-8")
    build = (TOP / "Dockerfile").read_text("utf-8").partition(" AS gpu\n")[0]
    versions = {}
    for name in ("nvidia-cuda-nvcc", "nvidia-nvvm", "nvidia-cuda-crt", "nvidia-cuda-cccl"):
        (versions[name],) = re.findall(rf"(?m)^{name}==(\d+\.\d+)\.", lock)
        assert name in build.partition("uninstall")[2]
    (torch,) = re.findall(r"(?m)^nvidia-cuda-runtime==(\d+\.\d+)\.", lock)
    assert set(versions.values()) == {torch}, "of the release that torch's libraries are of"
