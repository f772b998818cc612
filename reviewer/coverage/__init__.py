"""Coverage report formats, one file each."""
