"""Makes `parcels.fast-import` and `coverage.xml` from the files in `parcels/`.

`parcels/commits/` has one folder for each commit, with the files that the commit writes;
`parcels/history.json` has their branch, date and message in order. The stream is what
`git fast-import` reads (git-fast-import(1)). The coverage report is that of the example's own tests
at the head of the pull request, written by coverage.py; only its time and its source folder are
replaced, so that it is the same wherever it is made. Run it after a change of `parcels/`.
"""

import datetime as dt
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypedDict

EXAMPLES = Path(__file__).resolve().parent
PARCELS = EXAMPLES / "parcels"
STREAM = PARCELS / "parcels.fast-import"
COVERAGE = PARCELS / "coverage.xml"
BASE, HEAD = "main", "pull-request"
CI_FOLDER = "/home/runner/work/parcels/parcels"
"""Where a GitHub-hosted runner has the checkout of a repository called parcels."""


def seconds(date: str) -> int:
    """Seconds since 1970 of an ISO date."""
    return int(dt.datetime.fromisoformat(date).timestamp())


class Commit(TypedDict):
    """One commit of the history; `folder` has the files that it writes."""

    folder: str
    branch: str
    date: str
    message: str


class History(TypedDict):
    """All commits, each on top of the one before it."""

    author: str
    commits: list[Commit]


def history() -> History:
    """What `history.json` says."""
    told: History = json.loads((PARCELS / "history.json").read_text("utf-8"))
    return told


def stream() -> bytes:
    """The history as a fast-import stream."""
    told = history()
    author = told["author"]
    out = [b"feature done\n"]
    for mark, commit in enumerate(told["commits"], 1):
        who = f"{author} {seconds(commit['date'])} +0000"
        message = commit["message"].encode() + b"\n"
        out.append(f"commit refs/heads/{commit['branch']}\nmark :{mark}\n".encode())
        out.append(f"author {who}\ncommitter {who}\n".encode())
        out.append(b"data %d\n%s" % (len(message), message))
        if mark > 1:
            out.append(b"from :%d\n" % (mark - 1))
        folder = PARCELS / "commits" / commit["folder"]
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            mode = "100755" if file.suffix == ".sh" else "100644"
            data = file.read_bytes()
            out.append(f"M {mode} inline {file.relative_to(folder).as_posix()}\n".encode())
            out.append(b"data %d\n%s\n" % (len(data), data))
    return b"".join([*out, b"done\n"])


def unpack(source: bytes, place: Path) -> None:
    """Make a repository of the stream in `place`, with the pull request checked out."""
    place.mkdir(parents=True)
    isolated = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*words: str, stdin: bytes = b"") -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        command = ["git", "-C", str(place), *words]
        subprocess.run(command, input=stdin, env=environ | isolated, check=True)

    git("init", "--quiet", f"--initial-branch={BASE}")
    git("fast-import", "--quiet", stdin=source)
    git("checkout", "--quiet", HEAD)


def coverage(project: Path) -> str:
    """The Cobertura report of the tests of `project`, an unpacked example."""
    tool = [sys.executable, "-m", "coverage"]
    environ = {**os.environ, "PYTHONPATH": "src", "COVERAGE_FILE": str(project / ".coverage")}
    tests = ["run", "-m", "unittest", "discover", "--quiet", "tests"]
    for words in (tests, ["xml", "--quiet", "-o", "coverage.xml"]):
        subprocess.run([*tool, *words], cwd=project, env=environ, check=True, capture_output=True)
    report = (project / "coverage.xml").read_text("utf-8")
    minute_after = (seconds(history()["commits"][-1]["date"]) + 60) * 1000
    report = re.sub(r'timestamp="\d+"', f'timestamp="{minute_after}"', report, count=1)
    return report.replace(str(project), CI_FOLDER)


def main() -> None:
    """Write both files."""
    source = stream()
    STREAM.write_bytes(source)
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch).resolve() / "parcels"
        unpack(source, project)
        COVERAGE.write_text(coverage(project), "utf-8")


if __name__ == "__main__":
    main()
