"""Makes `parcels.fast-import` and `ci/` from the files in `parcels/`.

`parcels/commits/` has one folder for each commit, with the files that the commit writes;
`parcels/history.json` has their branch, date and message in order. The stream is what
`git fast-import` reads (git-fast-import(1)). `parcels/ci/` has what continuous integration leaves
behind at the head of each pull request: the report of the example's own tests by coverage.py, in
which only the time and the source folder are replaced, so that it is the same wherever it is made,
and the results of Semgrep, which are left as they are where Semgrep is not installed. Run it after
a change of `parcels/`.
"""

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypedDict

EXAMPLES = Path(__file__).resolve().parent
PARCELS = EXAMPLES / "parcels"
STREAM = PARCELS / "parcels.fast-import"
CI = PARCELS / "ci"
COVERAGE, SEMGREP = "coverage.xml", "semgrep.sarif"
BASE = "main"
SMALL, HEAD = "price-list", "pull-request"
"""The branches of the two pull requests."""

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
    """All commits, each on top of the one before it on its branch, which begins on main."""

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
    tips: dict[str, int] = {}
    for mark, commit in enumerate(told["commits"], 1):
        who = f"{author} {seconds(commit['date'])} +0000"
        message = commit["message"].encode() + b"\n"
        out.append(f"commit refs/heads/{commit['branch']}\nmark :{mark}\n".encode())
        out.append(f"author {who}\ncommitter {who}\n".encode())
        out.append(b"data %d\n%s" % (len(message), message))
        if parent := tips.get(commit["branch"], tips.get(BASE)):
            out.append(b"from :%d\n" % parent)
        tips[commit["branch"]] = mark
        folder = PARCELS / "commits" / commit["folder"]
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            mode = "100755" if file.suffix == ".sh" else "100644"
            data = file.read_bytes()
            out.append(f"M {mode} inline {file.relative_to(folder).as_posix()}\n".encode())
            out.append(b"data %d\n%s\n" % (len(data), data))
    return b"".join([*out, b"done\n"])


def unpack(source: bytes, place: Path, branch: str = HEAD) -> None:
    """Make a repository of the stream in `place`, with a branch checked out."""
    place.mkdir(parents=True)
    isolated = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*words: str, stdin: bytes = b"") -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        command = ["git", "-C", str(place), *words]
        subprocess.run(command, input=stdin, env=environ | isolated, check=True)

    git("init", "--quiet", f"--initial-branch={BASE}")
    git("fast-import", "--quiet", stdin=source)
    git("checkout", "--quiet", branch)


def coverage(project: Path, branch: str = HEAD) -> str:
    """The Cobertura report of the tests of `project`, an unpacked example with `branch` in it."""
    tool = [sys.executable, "-m", "coverage"]
    environ = {**os.environ, "PYTHONPATH": "src", "COVERAGE_FILE": str(project / ".coverage")}
    tests = ["run", "-m", "unittest", "discover", "--quiet", "tests"]
    for words in (tests, ["xml", "--quiet", "-o", COVERAGE]):
        subprocess.run([*tool, *words], cwd=project, env=environ, check=True, capture_output=True)
    report = (project / COVERAGE).read_text("utf-8")
    last = [commit for commit in history()["commits"] if commit["branch"] == branch][-1]
    minute_after = (seconds(last["date"]) + 60) * 1000
    report = re.sub(r'timestamp="\d+"', f'timestamp="{minute_after}"', report, count=1)
    return report.replace(str(project), CI_FOLDER)


def semgrep(project: Path, target: Path) -> None:
    """Write what Semgrep finds in `project` by the project's own rules, all on this machine."""
    options = ["--config", ".semgrep.yml", "--metrics=off", "--disable-version-check", "--quiet"]
    command = ["semgrep", "scan", *options, "--sarif", "--output", str(target), "src"]
    subprocess.run(command, cwd=project, check=True)
    told = json.loads(target.read_text("utf-8"))
    target.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def main() -> None:
    """Write all files."""
    source = stream()
    STREAM.write_bytes(source)
    for branch in (SMALL, HEAD):
        with tempfile.TemporaryDirectory() as scratch:
            project = Path(scratch).resolve() / "parcels"
            unpack(source, project, branch)
            place = CI / branch
            place.mkdir(parents=True, exist_ok=True)
            (place / COVERAGE).write_text(coverage(project, branch), "utf-8")
            if shutil.which("semgrep"):
                semgrep(project, place / SEMGREP)


if __name__ == "__main__":
    main()
