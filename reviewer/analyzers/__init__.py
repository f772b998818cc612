"""Static analyzers, one file each."""
