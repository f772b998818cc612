"""The engine on a real GPU, beside transformers on the same weights: `benchmarks/gpu/run.sh`."""
