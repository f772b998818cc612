"""Makes the action start a built image: `python image/pin.py STATIC GPU [FOLDER]`.

STATIC and GPU are images by digest. The manifests of FOLDER (this repository without it) then name
them, where those of a checkout build the image themselves.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

BY_DIGEST: Final = re.compile(r"[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}")
BUILT: Final = {"action.yml": "  image: Dockerfile\n", "gpu/action.yml": '        IMAGE: ""\n'}
"""The one line of each manifest that says that the image is built."""


def pinned(name: str, manifest: str, image: str) -> str:
    """The manifest with `image`. Raises ValueError for a name without digest, or no such line."""
    if not BY_DIGEST.fullmatch(image):
        raise ValueError(f"{image} is not an image by digest")
    before, line, after = manifest.partition(BUILT[name])
    if not line or BUILT[name] in after:
        raise ValueError(f"{name} does not say once that the image is built")
    key = line.partition(":")[0]
    scheme = "docker://" if name == "action.yml" else ""
    return f"{before}{key}: {scheme}{image}\n{after}"


def pin(images: Mapping[str, str], folder: Path) -> None:
    """Write all manifests, or none."""
    texts = {name: pinned(name, (folder / name).read_text("utf-8"), images[name]) for name in BUILT}
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")


def main(words: Sequence[str]) -> int:
    """Returns the exit code."""
    static, gpu, *rest = words
    try:
        pin(
            {"action.yml": static, "gpu/action.yml": gpu},
            Path(rest[0]) if rest else Path(__file__).parents[1],
        )
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
