"""Prints the coverage of a change as JSON: `_patch_coverage.py CHECKOUT BASE REPORT`.

All that the reviewer does for it: the diff from git, the clean room, the report.
"""

import json
import sys
import tempfile
from pathlib import Path

from reviewer import plugins, tree
from reviewer.git import Repository
from reviewer.measure import measure


def main() -> None:
    checkout, base, report = sys.argv[1:]
    formats = [cls() for cls in plugins.discover("reviewer.coverage").values()]
    with tempfile.TemporaryDirectory() as place:
        scratch, room = Path(place, "scratch"), Path(place, "room")
        scratch.mkdir()
        room.mkdir()
        repository = Repository.open(Path(checkout), scratch)
        ends = [repository.commit(name) for name in (base, "HEAD")]
        changes = repository.changes(*ends)
        clean = tree.build(changes, repository, room, lambda _: "")
        found = measure([Path(report)], formats, changes, clean)
    files = {file.path: [file.covered, file.missing] for file in found.files}
    print(json.dumps({"files": files, "patch": found.patch, "unknown": found.unknown}))


if __name__ == "__main__":
    main()
