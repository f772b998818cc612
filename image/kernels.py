"""Compile the kernels of ExLlamaV2 for this torch and this Python: `python kernels.py FOLDER`.

Its package holds sources alone, and would compile them at the first import (exllamav2/ext.py). The
`exllamav2_ext.so` that is put into FOLDER is taken instead where FOLDER is on the path of Python.
A machine without a GPU has to be told what to compile for: TORCH_CUDA_ARCH_LIST="8.0;9.0+PTX".

nvcc is that of CUDA_HOME or PATH, else of the package nvidia-cuda-nvcc. Some toolkits lack headers
(cuBLAS, cuSPARSE, cuSOLVER), and none of NVIDIA's packages has a `libcudart.so` without a version:
both are taken from the packages that torch brings.
"""

import os
import shutil
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

LIBRARY: Final = "exllamav2_ext"
"""What ExLlamaV2 looks for before it compiles anything (exllamav2/ext.py)."""


def packaged() -> Path | None:
    """Where NVIDIA's packages have put headers, libraries and perhaps nvcc."""
    found = find_spec("nvidia")
    places = found.submodule_search_locations or () if found else ()
    return next((each for place in places for each in sorted(Path(place).glob("cu[0-9]*"))), None)


def surroundings(work: Path, toolkit: Path | None) -> dict[str, str]:
    """Variables for the compilers; `work` is a folder of ours."""
    # ninja lies beside the Python that it was installed for.
    path = _first(Path(sys.executable).parent, "PATH")
    made = {"TORCH_EXTENSIONS_DIR": str(work), "PATH": path}
    if toolkit is None:
        return made
    made["CPATH"] = _first(toolkit / "include", "CPATH")
    for library in sorted((toolkit / "lib").glob("libcudart.so.*"))[:1]:
        (work / "libcudart.so").symlink_to(library)
    made["LIBRARY_PATH"] = _first(work, "LIBRARY_PATH")
    alone = "CUDA_HOME" not in os.environ and shutil.which("nvcc") is None
    if alone and (toolkit / "bin" / "nvcc").exists():
        made["CUDA_HOME"] = str(toolkit)
    return made


def _first(place: Path, variable: str) -> str:
    return os.pathsep.join(filter(None, (str(place), os.environ.get(variable))))


def main(arguments: list[str]) -> int:
    """Compile. Ends with an error when a compiler does."""
    (target,) = map(Path, arguments)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        os.environ.update(surroundings(Path(work), packaged()))
        loaded = import_module("exllamav2.ext").exllamav2_ext
        shutil.copy(loaded.__file__, target / f"{LIBRARY}.so")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
