#!/usr/bin/env bash
# Measures the engine on the GPU of this machine: benchmarks/gpu/run.sh [--output FOLDER]
#
# PYTHON  a Python that has torch for CUDA (default: python3); for one that has not, a virtual
#         environment is made of requirements-gpu.txt and transformers
# WHEELS  a folder of wheels to install from what is missing, where there is no package index
# WORK    where kernels and models are kept (default: reviewer-gpu in the temporary folder); a
#         second run finds them there
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
python=${PYTHON:-python3}
work=$(realpath -m -- "${WORK:-${TMPDIR:-/tmp}/reviewer-gpu}")
index=()
if [ -n "${WHEELS:-}" ]; then
  index=(--no-index --find-links "$(realpath -- "$WHEELS")")
fi
mkdir -p -- "$work"
cd -- "$here"

if ! "$python" -c 'import torch' 2>/dev/null; then
  [ -x "$work/venv/bin/python" ] || "$python" -m venv "$work/venv"
  python=$work/venv/bin/python
  "$python" -m pip install -q "${index[@]}" -r requirements-gpu.txt
  "$python" -m pip install -q "${index[@]}" transformers
fi

export PYTHONPATH=$here:$work/lib:$work/site${PYTHONPATH:+:$PYTHONPATH}
missing=$("$python" benchmarks/gpu/_missing.py)
if [ -n "$missing" ]; then
  mapfile -t missing <<<"$missing"
  "$python" -m pip install -q "${index[@]}" --no-deps --target "$work/site" "${missing[@]}"
fi
exec "$python" -m benchmarks.gpu --work "$work" "$@"
