"""How good the reviews are: cases with known truth, judges, scores and comparisons."""
