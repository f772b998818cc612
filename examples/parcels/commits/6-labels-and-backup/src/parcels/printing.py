"""Sends labels to the printer of the depot."""

import subprocess


def print_label(path: str, printer: str) -> None:
    """Print the file at `path`."""
    subprocess.run(f"lp -d {printer} {path}", shell=True, check=True)
