"""Misconfigurations, vulnerable dependencies and licences, by Trivy, without a network.

Trivy sees a copy of the clean room in which no comment of the change can silence it, from a working
directory without a file of its own, under our configuration. It downloads nothing, sends nothing
and loads no module. Vulnerabilities need its database on this machine: without it they are not
looked at, and the run says so. Its secret scanner is off unless the settings name it: `secrets`
looks for the same on added lines.
"""

import enum
import os
import pwd
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar, Final

import msgspec

from reviewer.analyzers import _trivy
from reviewer.analyzers.base import NOT_UNDERSTOOD, Analyzer, ForeignRules, RulePage, not_concerned
from reviewer.errors import ToolFailed, ToolMissing
from reviewer.model import Category, ChangeSet, Confidence, Outcome, Severity, ToolRun
from reviewer.process import Runner, reachable_by_all
from reviewer.text import count
from reviewer.tree import Tree

MALICIOUS: Final = ("0.69.4", "0.69.5", "0.69.6")
"""Releases that an attacker published in March 2026 (aquasecurity/trivy security advisory)."""

SOURCE: Final = frozenset(
    ".bash .c .cc .cpp .cs .css .cxx .go .h .hh .hpp .htm .html .hxx .ipynb .java .js .jsx .kt "
    ".kts .less .lua .m .md .mjs .mm .php .pl .pm .proto .py .pyi .r .rb .rs .rst .scala .scss "
    ".sh .sql .svg .swift .ts .tsx .vue .zsh".split()
)
"""Suffixes of files that none of its scanners but the one for secrets opens."""

SILENCER: Final = re.compile(rb"(?i)\b(trivy|tfsec|cfsec):(?=ignore)")
"""How a comment in a file silences Trivy (its documentation, "Filtering", inline ignores)."""

OFFLINE: Final = (
    "--offline-scan",
    "--skip-db-update",
    "--skip-java-db-update",
    "--skip-check-update",
    "--skip-vex-repo-update",
    "--skip-version-check",
    "--disable-telemetry",
)

NO_DATABASE: Final = "vulnerabilities were not looked at: there is no database of Trivy's here"


class Scanner(enum.Enum):
    """What Trivy may look for."""

    MISCONFIG = "misconfig"
    VULN = "vuln"
    LICENSE = "license"
    SECRET = "secret"  # noqa: S105  # the name of a scanner


class Version(msgspec.Struct, frozen=True):
    """What `trivy --version --format json` prints, as far as it matters here."""

    version: str = msgspec.field(name="Version")


@dataclass(frozen=True)
class Trivy:
    """Settings of Trivy.

    `scanners` are what it looks for. `cache` is its cache folder, in which `db` is the database of
    vulnerabilities; when it is empty, the folder TRIVY_CACHE_DIR names or ~/.cache/trivy is.
    `licences_denied` are licences that are errors wherever a dependency has them ("AGPL-3.0-only").
    """

    name: ClassVar[str] = "trivy"
    slowness: ClassVar[int] = 2
    measures: ClassVar[tuple[Category, ...]] = (Category.SECURITY,)

    scanners: tuple[Scanner, ...] = (Scanner.MISCONFIG, Scanner.VULN, Scanner.LICENSE)
    cache: str = ""
    licences_denied: tuple[str, ...] = ()

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:  # noqa: ARG002
        started = time.monotonic()
        names = concerned(tree, all_files=Scanner.SECRET in self.scanners)
        if not names or not self.scanners:
            return not_concerned(self.name, "file that Trivy looks into")
        program = str(runner.which("trivy"))
        version = checked_version(program, runner)
        reasons: list[str] = []
        scanners = [scanner.value for scanner in dict.fromkeys(self.scanners)]
        database = self._database(runner)
        if database is None and "vuln" in scanners:
            scanners.remove("vuln")
            reasons.append(NO_DATABASE)
            if not scanners:
                raise ToolMissing(NO_DATABASE)
        with tempfile.TemporaryDirectory(prefix="trivy-", dir=runner.scratch) as folder:
            place = Path(folder)
            argv = [program, *prepared(place, names, tree, database)]
            try:
                printed = scan(argv, place, scanners, runner)
            except ToolFailed as failure:
                if scanners == ["vuln"] or "vuln" not in scanners:
                    raise
                scanners.remove("vuln")
                reasons.append(f"vulnerabilities were not looked at: {failure}")
                printed = scan(argv, place, scanners, runner)
        denied = frozenset(self.licences_denied)
        findings, masks, elsewhere = _trivy.understood(printed, tree, denied)
        if elsewhere:
            reasons.append(f"{count(elsewhere, 'result')} about files that it was not given")
        return ToolRun(
            self.name,
            Outcome.OK,
            version,
            findings,
            reason="; ".join(reasons),
            seconds=time.monotonic() - started,
            measures=self.measures,
            masks=masks,
        )

    def _database(self, runner: Runner) -> Path | None:
        """The cache folder with a database of vulnerabilities, if there is one."""
        usual = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "trivy"
        folder = Path(self.cache or runner.extra.get("TRIVY_CACHE_DIR") or usual)
        complete = all((folder / "db" / name).is_file() for name in ("trivy.db", "metadata.json"))
        return folder.absolute() if complete else None


def concerned(tree: Tree, *, all_files: bool) -> list[str]:
    """Names on disk of the files that Trivy would open, sorted."""
    names = (*tree.files.values(), *tree.asides.values())
    return sorted(name for name in names if all_files or not plain_source(name))


def plain_source(name: str) -> bool:
    """Whether it is code or prose. `Dockerfile.py` is a Dockerfile for Trivy."""
    path = PurePosixPath(name.lower())
    special = path.name.startswith(("dockerfile", "containerfile"))
    return path.suffix in SOURCE and not special


def checked_version(program: str, runner: Runner) -> str:
    """Its version. Raises ToolFailed for one that must not be used."""
    printed = runner.run([program, "--version", "--format", "json"], cwd=Path("/")).stdout
    try:
        version = msgspec.json.decode(printed, type=Version).version
    except NOT_UNDERSTOOD:
        raise ToolFailed("does not tell its version") from None
    if version.strip().removeprefix("v") in MALICIOUS:
        raise ToolFailed(f"version {version} is a known malicious release: remove it")
    return version[:40]


def prepared(place: Path, names: Sequence[str], tree: Tree, database: Path | None) -> list[str]:
    """Fill `place` with our configuration, the cache and the files; the options that name them."""
    place.chmod(0o755)
    written = {"config.yaml": "{}\n", "ignore": "", "secret.yaml": "{}\n"}
    for name, content in written.items():
        (place / name).write_text(content)
    cache = place / "cache"
    cache.mkdir()
    if database is not None:
        for part in ("db", "java-db"):
            if (database / part).is_dir():
                (cache / part).symlink_to(database / part)
        cache.chmod(0o755 if shared(database / "db") else 0o700)
    for name in names:
        copied(name, tree, place / "files" / name)
    return [
        "filesystem",
        f"--config={place / 'config.yaml'}",
        f"--ignorefile={place / 'ignore'}",
        f"--secret-config={place / 'secret.yaml'}",
        f"--module-dir={place / 'no-modules'}",
        "--cache-dir",
        str(cache),
        *OFFLINE,
        "--format=json",
        "--quiet",
    ]


def shared(database: Path) -> bool:
    """Whether everybody may read the database; if not, Trivy keeps our own rights to do so."""
    return reachable_by_all(database) and all(
        file.stat().st_mode & 0o004 for file in database.iterdir()
    )


def copied(name: str, tree: Tree, target: Path) -> None:
    """Copy one file of the clean room without what silences Trivy, byte for byte as long."""
    source = tree.root / name
    data = (source if source.is_file() else tree.aside / name).read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(SILENCER.sub(rb"\1_", data))


def scan(argv: Sequence[str], place: Path, scanners: Sequence[str], runner: Runner) -> bytes:
    """What Trivy prints about the files below `place`. Raises ToolFailed."""
    call = [*argv, f"--scanners={','.join(scanners)}", "--", str(place / "files")]
    try:
        return runner.run(call, cwd=Path("/")).stdout
    except ToolFailed as failure:
        raise ToolFailed(str(failure).replace(str(place), "…")) from None


RULES: Final = (
    RulePage(
        rule="licence",
        what="A dependency or file has a licence that the settings deny, or one that asks much of "
        "who uses it.",
        why="The licence of a part may bind the whole.",
        fix="Choose another dependency, or settle that the licence is fine and say so in `rules`.",
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
        category=Category.SECURITY,
        url="https://trivy.dev/latest/docs/scanner/license/",
    ),
)

FOREIGN: Final = ForeignRules(
    program="trivy",
    about="A misconfiguration, a dependency with a known vulnerability, or a secret.",
    names=r"(?:CVE|GHSA|[A-Z]{2,8})-[0-9A-Za-z-]+|[a-z0-9]+(?:-[a-z0-9]+)*",
    url="https://avd.aquasec.com/search?q={rule}",
)


PLUGIN: Final[type[Analyzer]] = Trivy
