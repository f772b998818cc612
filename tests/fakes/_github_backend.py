"""Git smart HTTP for fetching: `git http-backend` run as a CGI program (git-http-backend(1))."""

import subprocess
from collections.abc import Mapping
from email.parser import BytesHeaderParser
from pathlib import Path

from tests.fakes._github_git import ENVIRON, SERVED


def serve(
    folder: Path, method: str, tail: str, query: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body for `tail` (such as /info/refs) of the repository in `folder`."""
    environ = {
        **ENVIRON,
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_TRANSLATED": f"{folder}{tail}",
        "PATH_INFO": tail,
        "REQUEST_METHOD": method,
        "QUERY_STRING": query,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        "GIT_PROTOCOL": headers.get("git-protocol", ""),
        "REMOTE_USER": "x-access-token",
        "REMOTE_ADDR": "127.0.0.1",
        "GIT_CONFIG_COUNT": str(len(SERVED)),
    }
    for number, (key, value) in enumerate(SERVED.items()):
        environ |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    done = subprocess.run(
        ["git", "http-backend"], env=environ, input=body, capture_output=True, check=False
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    fields = BytesHeaderParser().parsebytes(head + b"\r\n\r\n")
    status = int(fields.get("Status", "200").split()[0])
    return status, [(k, v) for k, v in fields.items() if k != "Status"], content
