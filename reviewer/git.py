"""Reads changes from a git repository without letting the repository act.

A checkout may hold hostile configuration, hooks, filters and attributes (an earlier job, a work
tree of the change). So only questions about refs and history are put to the repository itself,
hardened; everything that reads contents runs in a repository of our own making that borrows its
objects (gitrepository-layout(5), objects/info/alternates): there no configuration, no hook, no
filter and no attribute of the checkout exists.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from reviewer import diff
from reviewer.errors import InputError, ToolError, ToolMissing
from reviewer.model import ChangeSet, FileChange, Status
from reviewer.process import Finished, run
from reviewer.tree import FILE_BYTES, Entry

HARDENED: Final = (
    "--no-pager",
    "--literal-pathspecs",
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.quotePath=true",
    "-c", "protocol.file.allow=never",
    "-c", "gc.auto=0",
    "-c", "log.showSignature=false",
)  # fmt: skip

ENVIRON: Final = {
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}

TEXT: Final = (
    "*.py *.pyi *.js *.jsx *.mjs *.cjs *.ts *.tsx *.go *.rs *.java *.kt *.scala *.c *.h *.cc *.cpp "
    "*.hpp *.cs *.rb *.php *.swift *.sh *.bash *.pl *.lua *.sql *.html *.css *.vue *.yml *.yaml "
    "*.toml *.json *.xml *.md *.txt *.cfg *.ini *.tf Dockerfile Makefile"
).split()
"""Sources are shown line by line even when they hold a NUL byte that hides them elsewhere."""

DEFAULT_BRANCHES: Final = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
)
"""In full, because a tag of the same short name would come first (gitrevisions(7))."""

SECONDS: Final = 300.0
OUTPUT: Final = 2 << 30


def checkout(folder: Path) -> Path | None:
    """The work tree around `folder`, where git would find it; None when there is none."""
    places = (folder, *folder.parents)
    return next((p for p in places if (p / ".git").is_file() or (p / ".git/HEAD").exists()), None)


@dataclass(frozen=True)
class Repository:
    """A repository and our own one that borrows its objects.

    `top` is the work tree, the repository itself when it is `bare`; `own` is the private git
    directory. The work tree is where `.git` lies, whatever the repository's configuration says.
    """

    top: Path
    git_dir: Path
    own: Path
    path: str
    bare: bool = False
    base_oid: str = ""

    @classmethod
    def open(cls, folder: Path, scratch: Path, path: str = os.defpath) -> "Repository":
        """The repository around `folder`; `scratch` is a private, existing folder of ours.

        Raises InputError when there is none.
        """
        here = folder.resolve()
        top = checkout(here)
        where = here if top is None else top / ".git"
        ask = ("--git-common-dir", "--absolute-git-dir", "--show-object-format")
        found = _git(
            (*HARDENED, f"--git-dir={where}", "--work-tree=.", "rev-parse", *ask),
            scratch,
            {**ENVIRON, "PATH": path},
        )
        words = os.fsdecode(found.stdout).rstrip("\n").split("\n")
        if found.returncode or len(words) != len(ask):
            if top is not None:
                raise InputError(f"git cannot read {where}: {found.complaint}", "try: git status")
            raise InputError(
                f"{folder} is not in a git repository",
                "run it in a checkout, or name one by --repo",
            )
        own = scratch / "git"
        make_bare(own, words[2], (scratch / words[0]).resolve())
        return cls(top or here, Path(words[1]), own, path, bare=top is None)

    def commit(self, ref: str) -> str:
        """The commit id of `ref`. Raises InputError."""
        found = self._ask(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
        )
        if found.returncode:
            raise InputError(
                f"there is no commit {ref!r} here",
                f"fetch it: git fetch origin {ref}"
                if self.shallow
                else "git branch -a lists names",
            )
        return found.stdout.decode().strip()

    def has_commit(self, ref: str) -> bool:
        """Whether `ref` names a commit."""
        return not self._ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").returncode

    def default_branch(self) -> str:
        """The name of the branch that changes are made against. Raises InputError."""
        for name in DEFAULT_BRANCHES:
            if self.has_commit(name):
                return name
        raise InputError(
            "this repository has no main or master branch",
            "fetch it: git fetch --unshallow origin main:refs/remotes/origin/main"
            if self.shallow
            else "name one: --base REF",
        )

    @property
    def shallow(self) -> bool:
        return self._ask("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"

    def merge_base(self, base: str, head: str) -> str:
        """The best common ancestor of two commits. Raises InputError with the cure."""
        found = self._ask("merge-base", base, head)
        if not found.returncode:
            return found.stdout.decode().split()[0]
        if self.shallow:
            raise InputError(
                f"{base[:12]} and {head[:12]} have no common ancestor in this shallow clone",
                "git fetch --unshallow, or fetch-depth: 0 for actions/checkout",
            )
        raise InputError(
            f"{base[:12]} and {head[:12]} have no common ancestor", "name another --base"
        )

    def empty_tree(self) -> str:
        """The id of a tree without entries, to compare a first commit with."""
        return self._own("hash-object", "-t", "tree", "-w", "--stdin").stdout.decode().strip()

    def changes(self, base: str, head: str) -> ChangeSet:
        """What changed from commit or tree `base` to `head`, renames and copies found.

        Raises InputError.
        """
        options = ("diff-tree", "-r", "--full-index", "--no-ext-diff", "--no-textconv")
        detect = ("--find-renames", "--find-copies", "-l1000", "--submodule=short")
        shown = self._own(*options, *detect, "--patch", "--unified=3", "--no-color", base, head)
        if shown.returncode:
            raise InputError(
                f"git cannot compare {base[:12]} with {head[:12]}: {shown.complaint}",
                "fetch both commits with their files (no --filter)",
            )
        files = self._with_ids(_joined(diff.parse(shown.stdout)), base, head)
        return ChangeSet(base, head, files, self._time(head))

    def differing(self, one: str, other: str) -> frozenset[str]:
        """The paths whose content or mode is not the same in two commits. Raises InputError."""
        shown = self._own("diff-tree", "-r", "-z", "--name-only", "--no-renames", one, other)
        if shown.returncode:
            raise InputError(f"git cannot compare {one[:12]} with {other[:12]}: {shown.complaint}")
        return frozenset(os.fsdecode(path) for path in shown.stdout.split(b"\0") if path)

    def titles(self, base: str, head: str) -> list[str]:
        """The first lines of the messages of the commits between two, newest first, at most 20."""
        shown = self._own("log", "-z", "--max-count=20", "--format=%s", f"{base}..{head}", "--")
        if shown.returncode:
            return []
        return [each.decode("utf-8", "replace") for each in shown.stdout.split(b"\0") if each]

    def _with_ids(
        self, files: tuple[FileChange, ...], base: str, head: str
    ) -> tuple[FileChange, ...]:
        """Ids and modes of files whose patch names none: renames without edits, mode changes."""
        bare = [change for change in files if not change.new_oid]
        if not bare:
            return files
        raw = self._own(
            "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--find-renames", "--find-copies",
            "-l1000", base, head,
        )  # fmt: skip
        known = dict(_raw_entries(raw.stdout))
        return tuple(
            known[change.path].applied(change)
            if not change.new_oid and change.path in known
            else change
            for change in files
        )

    def tracked(self) -> list[str]:
        """The paths in the index, in its order."""
        listed = self._ask("ls-files", "-z", "--cached").stdout
        return [os.fsdecode(path) for path in listed.split(b"\0") if path]

    def staged(self, index: str = "") -> str:
        """The tree that the index would commit. Raises InputError.

        `index` is GIT_INDEX_FILE, by which `git commit -a` hands its own index to a hook
        (githooks(5)); it counts only beside the index of this repository.
        """
        place = Path(index).absolute()
        beside = place.parent.resolve() == self.git_dir.resolve()
        return self._tree_of_index(add=False, index=place if index and beside else None)

    def worktree(self) -> str:
        """The tree of the work tree: tracked and new files that are not ignored.

        No filter of the checkout runs: contents are taken as they lie on disk. Raises InputError.
        """
        return self._tree_of_index(add=True)

    def _tree_of_index(self, *, add: bool, index: Path | None = None) -> str:
        if self.bare:
            raise InputError(
                f"{self.top} is a bare repository: it has no index and no work tree",
                "name two commits: --base REF --head REF",
            )
        for file in (self.git_dir / "index", *self.git_dir.glob("sharedindex.*")):
            if file.is_file():
                # With its time: git trusts entries that are older than the index.
                shutil.copy2(file, self.own / file.name)
        if index is not None and index.is_file():
            shutil.copy2(index, self.own / "index")
        env = {"GIT_WORK_TREE": str(self.top)}
        if add:
            added = self._own("add", "--all", cwd=self.top, env=env)
            if added.returncode:
                raise InputError(f"git cannot read the work tree: {added.complaint}")
        tree = self._own("write-tree", cwd=self.top, env=env)
        if tree.returncode:
            raise InputError(
                f"git cannot read the index: {tree.complaint}", "are there merge conflicts?"
            )
        return tree.stdout.decode().strip()

    def read(self, oids: Iterable[str]) -> Iterator[bytes | None]:
        """Contents by object id; see `tree.Blobs`."""
        wanted = list(oids)
        if not wanted:
            return
        lines = "".join(f"{oid or '-'}\n" for oid in wanted).encode()
        sizes = self._own("cat-file", "--batch-check=%(objecttype) %(objectsize)", stdin=lines)
        group: list[str] = []
        held = 0
        for oid, answer in zip(wanted, sizes.stdout.decode().splitlines(), strict=True):
            kind, _, size = answer.partition(" ")
            fits = kind == "blob" and int(size) <= FILE_BYTES
            if held > READ_AT_ONCE:
                yield from self._contents(group)
                group, held = [], 0
            group.append(oid if fits else "")
            held += int(size) if fits else 0
        yield from self._contents(group)

    def _contents(self, oids: Sequence[str]) -> Iterator[bytes | None]:
        lines = "".join(f"{oid}\n" for oid in oids if oid).encode()
        answer = self._own("cat-file", "--batch", stdin=lines).stdout if lines else b""
        at = 0
        for oid in oids:
            if not oid:
                yield None
                continue
            head = answer[at : at + HEADER_BYTES].partition(b"\n")[0]
            size = int(head.split()[2]) if head else 0
            start = at + len(head) + 1
            at = start + size + 1
            if at > len(answer):
                raise InputError(f"git cannot read the object {oid}", "try: git fsck")
            yield answer[start : at - 1]

    def at(self, commit: str, path: str) -> bytes | None:
        """The regular file `path` of a commit or tree, None when there is none."""
        listed = self._own("ls-tree", "-z", commit, "--", path)
        mode, _, rest = listed.stdout.partition(b" ")
        if mode not in (b"100644", b"100755"):
            return None
        return next(self.read([rest.split()[1].decode()]))

    def has(self, commit: str, path: str) -> bool:
        """Whether a commit or tree has anything called `path`."""
        return bool(self._own("ls-tree", "-z", commit, "--", path).stdout)

    def listing(self, head: str) -> Iterator[Entry]:
        """The regular files of a commit or tree; see `tree.Blobs`."""
        listed = self._own("ls-tree", "-r", "-l", "-z", head)
        if listed.returncode:
            raise InputError(f"git cannot list {head[:12]}: {listed.complaint}", "try: git fsck")
        for line in listed.stdout.split(b"\0")[:-1]:
            about, _, path = line.partition(b"\t")
            mode, _, oid, size = about.split()
            if mode in (b"100644", b"100755") and size != b"BAD":
                yield Entry(os.fsdecode(path), oid.decode(), int(size))

    def linguist(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Paths that the base's .gitattributes call generated or vendored, with that word."""
        if not self.base_oid:
            return {}
        folders = {
            "",
            *("/".join(p.split("/")[:n]) for p in paths for n in range(1, p.count("/") + 1)),
        }
        names = [f"{folder}/.gitattributes".lstrip("/") for folder in folders]
        asked = "".join(f"{self.base_oid}:{name}\n" for name in names if "\n" not in name)
        answer = self._own(
            "cat-file", "--batch-check", stdin=asked.encode("utf-8", "surrogateescape")
        )
        entries = b""
        for name, line in zip(
            (name for name in names if "\n" not in name), answer.stdout.split(b"\n"), strict=False
        ):
            words = line.split()
            if len(words) == 3 and words[1] == b"blob":
                entries += b"100644 " + words[0] + b"\t" + os.fsencode(name) + b"\0"
        if not entries:
            return {}
        env = {"GIT_INDEX_FILE": str(self.own / "attributes-index")}
        self._own("update-index", "-z", "--index-info", stdin=entries, env=env)
        question = b"".join(os.fsencode(path) + b"\0" for path in paths)
        told = self._own(
            "check-attr", "--cached", "-z", "--stdin", "linguist-generated", "linguist-vendored",
            stdin=question, env=env,
        )  # fmt: skip
        words = told.stdout.split(b"\0")
        found: dict[str, str] = {}
        for path, attribute, value in zip(words[::3], words[1::3], words[2::3], strict=False):
            if value in (b"set", b"true"):
                found[os.fsdecode(path)] = attribute.decode().removeprefix("linguist-")
        return found

    def _time(self, head: str) -> float | None:
        """Commit time of `head`, None for a tree."""
        shown = self._own("log", "--no-walk", "--format=%ct", head)
        return float(shown.stdout) if shown.stdout.strip() else None

    def _ask(self, *words: str) -> Finished:
        """Ask the repository itself about refs and history."""
        where = (f"--git-dir={self.git_dir}", "--work-tree=.")
        return _git((*HARDENED, *where, *words), self.own, {**ENVIRON, "PATH": self.path})

    def _own(
        self,
        *words: str,
        stdin: bytes = b"",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        """Work on contents in our own repository."""
        where = (f"--git-dir={self.own}",)
        surroundings = {**ENVIRON, "PATH": self.path, **(env or {})}
        return _git((*HARDENED, *where, *words), cwd or self.own, surroundings, stdin)


HEADER_BYTES: Final = 128
"""More than the line before each object has: an id, a type and a size (git-cat-file(1))."""

READ_AT_ONCE: Final = 8 << 20
"""Bytes of contents read by one git process and held in memory together, one file more or less."""


def make_bare(own: Path, object_format: str, common: Path | None = None) -> None:
    """Make a bare repository at `own`; with `common` it reads the objects of that git directory.

    It then also ignores what `common` does (gitrepository-layout(5): alternates, info/exclude).
    """
    for folder in ("objects/info", "objects/pack", "refs", "info"):
        (own / folder).mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/none\n")
    version = "0" if object_format == "sha1" else "1"
    config = f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n"
    if version == "1":
        config += f"[extensions]\n\tobjectFormat = {object_format}\n"
    (own / "config").write_text(config)
    (own / "info" / "attributes").write_text("".join(f"{name} diff\n" for name in TEXT))
    if common is not None:
        alternates = own / "objects" / "info" / "alternates"
        alternates.write_bytes(os.fsencode(common / "objects") + b"\n")
        if (common / "info" / "exclude").is_file():
            shutil.copyfile(common / "info" / "exclude", own / "info" / "exclude")


def fetch(own: Path, url: str, refspecs: Sequence[str], env: Mapping[str, str]) -> Finished:
    """Fetch commits with their files, but no history, into a repository that `make_bare` made.

    `env` adds to the environment, GIT_ALLOW_PROTOCOL and PATH among it. Nothing outside of the
    repository is written, nothing of a repository it borrows from is run. Raises InputError when
    git cannot be started or hangs; that it failed, the result says.
    """
    words = (
        *HARDENED, "-c", "core.alternateRefsCommand=true", "-c", "http.followRedirects=false",
        f"--git-dir={own}", "fetch", "--quiet", "--depth=1", "--no-tags",
        "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance",
        "--end-of-options", url, *refspecs,
    )  # fmt: skip
    return _git(words, own, {**ENVIRON, **env})


def _git(words: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: bytes = b"") -> Finished:
    try:
        argv: list[str | bytes] = ["git", *(os.fsencode(word) for word in words)]
        return run(argv, cwd=cwd, env=env, stdin=stdin, seconds=SECONDS, output=OUTPUT)
    except ToolMissing as error:
        raise InputError(f"git {error}", "install git 2.31 or newer") from error
    except ToolError as error:
        raise InputError(f"git {words[-1]} {error}") from error


class _RawEntry(NamedTuple):
    """Modes and ids of one entry of `git diff-tree --raw`."""

    old_mode: int
    new_mode: int
    old_oid: str
    new_oid: str

    def applied(self, change: FileChange) -> FileChange:
        return replace(change, **self._asdict())


def _raw_entries(raw: bytes) -> Iterator[tuple[str, _RawEntry]]:
    """Path and entry of `git diff-tree -z --raw` output (git-diff-tree(1), RAW OUTPUT FORMAT)."""
    words = iter(raw.split(b"\0"))
    for word in words:
        if word.startswith(b":"):
            old_mode, new_mode, old_oid, new_oid, status = word[1:].decode().split(" ")
            path = next(words)
            if status[0] in "RC":
                path = next(words)
            yield os.fsdecode(path), _RawEntry(int(old_mode, 8), int(new_mode, 8), old_oid, new_oid)


def _joined(files: tuple[FileChange, ...]) -> tuple[FileChange, ...]:
    """A change of type comes as a deletion and an addition of one path: make it one change."""
    joined: list[FileChange] = []
    for change in files:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.path == change.path
            and (last.status, change.status) == (Status.DELETED, Status.ADDED)
        ):
            joined[-1] = replace(
                change, status=Status.TYPE_CHANGED, old_mode=last.old_mode, old_oid=last.old_oid
            )
        else:
            joined.append(change)
    return tuple(joined)
