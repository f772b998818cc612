"""What the server and its engine need and is not installed here, as pip takes it.

torch is left as it is.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

NOT_NEEDED: Final = re.compile(
    "(torch|triton|nvidia-|cuda-|fastparquet|cramjam|pandas|python-dateutil|six|tzdata|websockets)"
)
"""torch and what it brings, and what only the converter and the server of ExLlamaV2 import."""

TOP: Final = Path(__file__).parents[2]
LOCKS: Final = {"requirements-gpu.txt": ".", "requirements.txt": "(jinja2|markupsafe|msgspec)$"}
"""Names that are looked for in each lock."""


def main() -> int:
    """One pin a line."""
    missing: set[str] = set()
    for lock, wanted in LOCKS.items():
        text = (TOP / lock).read_text("utf-8")
        for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", text):
            if re.match(wanted, name) and not NOT_NEEDED.match(name) and not _there(name):
                missing.add(f"{name}=={version}")
    print("\n".join(sorted(missing)))
    return 0


def _there(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
