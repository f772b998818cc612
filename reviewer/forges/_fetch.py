"""The objects of a request: borrowed from the checkout, the rest fetched from the forge.

They end up in a repository of our own. The token goes to git in the environment, never in an
argument or an address (git-config(1), GIT_CONFIG_COUNT and http.<url>.extraHeader).
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from reviewer import git
from reviewer.errors import InputError
from reviewer.forges._calls import Unclear
from reviewer.git import Repository
from reviewer.text import log_line

PASSED_ON: Final = (
    "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
)  # fmt: skip
"""Variables that lead to the forge, for git as for the API (curl(1), ENVIRONMENT)."""

AUTHORITIES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where requests looks for certificates; git calls it GIT_SSL_CAINFO (git-config(1))."""

_GONE: Final = re.compile(
    rb"not our ref|unadvertised object|couldn't find remote ref", re.IGNORECASE
)
_DENIED: Final = re.compile(
    rb"returned error: 40[134]|authentication failed|could not read username|not found",
    re.IGNORECASE,
)
_COMMIT: Final = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Gone(Exception):
    """The forge does not have, or does not give, what was asked for."""


@dataclass(frozen=True)
class Store:
    """A repository of ours below `scratch`, for objects from `url`.

    `token` belongs to `user`, and `advice` says what to do when it may not read.
    `checkout` is a work tree whose objects are borrowed, None for none. `object_format` is sha1 or
    sha256, `path` is PATH for git, `environ` is searched for the way to the forge.
    """

    url: str
    scratch: Path
    path: str
    user: str
    advice: str
    object_format: str = "sha1"
    checkout: Path | None = None
    token: str = field(default="", repr=False)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def borrowed(self) -> Repository | None:
        """The checkout, None where git cannot read it or it was cloned without its files."""
        if self.checkout is None or git.checkout(self.checkout) is None:
            return None
        try:
            found = Repository.open(self.checkout, self._folder("borrowed"), self.path)
        except InputError:
            return None
        partial = any((found.git_dir / "objects" / "pack").glob("*.promisor"))
        return None if partial else found

    @cached_property
    def repository(self) -> Repository:
        """The repository itself. Its folder stands for a checkout without a file."""
        folder = self._folder("repository")
        own = folder / ".git"
        if self.borrowed is None:
            git.make_bare(own, self.object_format)
        else:
            git.make_bare(own, self.object_format, self.borrowed.own)
            self._say_what_is_there(self.borrowed, own)
        return Repository.open(folder, self._folder("view"), self.path)

    def merge_base(self, base: str, head: str) -> str:
        """The merge base as far as the history of the checkout tells it, "" where it does not."""
        there = self.borrowed
        if there is None or there.shallow:
            return ""
        try:
            return there.merge_base(there.commit(base), there.commit(head))
        except InputError:
            return ""

    def missing(self, commits: Sequence[str]) -> list[str]:
        """Those that are not in the repository yet, each once."""
        return [each for each in dict.fromkeys(commits) if not self.repository.has_commit(each)]

    def fetch(self, *wanted: str) -> None:
        """Fetch commits by their ids or refs by their names.

        Raises Gone, InputError when the token may not read, and Unclear when it may be repeated.
        """
        own = self.repository.git_dir
        refspecs = [f"+{what}:refs/reviewer/{what.replace('/', '-')}" for what in wanted]
        done = git.fetch(own, self.url, refspecs, self._surroundings())
        if not done.returncode:
            return
        reason = log_line(f"git cannot fetch from {self.url}: {done.complaint}", 300)
        if _GONE.search(done.stderr):
            raise Gone(reason)
        if _DENIED.search(done.stderr):
            raise InputError(reason, self.advice)
        raise Unclear(reason)

    def _surroundings(self) -> dict[str, str]:
        """PATH, proxies, certificates, and the token for this server alone."""
        scheme = self.url.partition(":")[0]
        found = {name: self.environ[name] for name in PASSED_ON if name in self.environ}
        bundle = next((self.environ[name] for name in AUTHORITIES if self.environ.get(name)), "")
        if bundle:
            found.setdefault("GIT_SSL_CAINFO", bundle)
        if self.token:
            words = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
            found |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"http.{self.url}.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {words}",
            }
        return {**found, "PATH": self.path, "GIT_ALLOW_PROTOCOL": scheme}

    def _say_what_is_there(self, checkout: Repository, own: Path) -> None:
        """So that the forge does not send it again: what is checked out, where its history ends."""
        shallow = checkout.git_dir / "shallow"
        if shallow.is_file():
            ends = [line for line in shallow.read_bytes().split() if _COMMIT.fullmatch(line)]
            (own / "shallow").write_bytes(b"".join(line + b"\n" for line in ends))
        if checkout.has_commit("HEAD"):
            (own / "refs" / "reviewer").mkdir()
            (own / "refs" / "reviewer" / "HEAD").write_text(f"{checkout.commit('HEAD')}\n")

    def _folder(self, name: str) -> Path:
        folder = self.scratch / name
        folder.mkdir(exist_ok=True)
        return folder
