"""Real git repositories for tests."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENVIRON = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}


def git(folder: Path, *words: str | bytes, stdin: bytes = b"", check: bool = True) -> bytes:
    """Standard output of one git command, without any configuration but the repository's."""
    done = subprocess.run(
        ["git", *words], cwd=folder, env=ENVIRON, input=stdin, capture_output=True, check=False
    )
    assert not check or done.returncode == 0, (words, done.stderr)
    return done.stdout


def new_repository(folder: Path) -> Path:
    """An empty repository on branch `main`."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    return folder


def commits(folder: Path, *trees: Mapping[bytes, tuple[str, bytes]]) -> list[str]:
    """A line of commits on `main` with exactly these files (name -> mode and content)."""
    stream = bytearray()
    for number, files in enumerate(trees, 1):
        before = b"from :%d\n" % (number - 1) if number > 1 else b""
        stream += b"commit refs/heads/main\nmark :%d\n" % number
        stream += b"committer A <a@example.org> %d +0000\ndata 1\nx\n" % (1767225600 + number)
        stream += before + b"deleteall\n"
        for name, (mode, content) in files.items():
            if mode == "160000":
                stream += b"M 160000 %s %s\n" % (content, _quoted(name))
            else:
                data = b"data %d\n%s\n" % (len(content), content)
                stream += b"M %s inline %s\n%s" % (mode.encode(), _quoted(name), data)
    marks = folder / ".git" / "marks"
    git(folder, "fast-import", "--quiet", "--force", f"--export-marks={marks}", stdin=bytes(stream))
    known = dict(line.split() for line in marks.read_text().splitlines())
    return [known[f":{number}"] for number in range(1, len(trees) + 1)]


def _quoted(name: bytes) -> bytes:
    return b'"' + b"".join(b"\\%03o" % byte for byte in name) + b'"'
