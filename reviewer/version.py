"""The version, alone in a module so that `reviewer --version` imports nothing else."""

from typing import Final

VERSION: Final = "0.1.0"
