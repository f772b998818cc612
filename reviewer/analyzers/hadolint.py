"""Dockerfiles: builds that break, secrets, root, unpinned images, by hadolint.

The default rules are those that are right nearly always; `strict` adds all others as notes.
Comments of the change (`hadolint ignore=`) silence nothing here: they make a rule that they name a
note.
"""

import re
import time
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import ClassVar, Final

import msgspec

from reviewer.analyzers import _shell
from reviewer.analyzers._linter import (
    Grade,
    Heard,
    Lines,
    Remark,
    ask,
    copied,
    folder,
    ordered,
    path_of,
    unread_reason,
    version_of,
)
from reviewer.analyzers.base import NOT_UNDERSTOOD, Analyzer, ForeignRules, batches, not_concerned
from reviewer.errors import ToolFailed
from reviewer.model import Category, ChangeSet, Confidence, Outcome, Severity, ToolRun
from reviewer.process import Runner
from reviewer.tree import Tree

NAME: Final = re.compile(
    r"(?:dockerfile|containerfile)(?:\.[\w.-]+)?|.+\.(?:dockerfile|containerfile)", re.IGNORECASE
)
"""How a Dockerfile is called (docs.docker.com, "Building best practices": Dockerfile.<x>)."""

NOT_ONE: Final = frozenset(
    ".dockerignore .j2 .jinja .md .py .rst .sh .template .tmpl .tpl .txt .yaml .yml".split()
)
"""Suffixes of what only describes a Dockerfile, makes one or belongs to one."""

BROKEN: Final = tuple("DL3011 DL3023 DL3024 DL3043 DL4004".split())
"""Rules for what does not build, or does not do what it says."""

LIKELY: Final = tuple(
    (
        "DL3004 DL3006 DL3007 DL3012 DL3014 DL3021 DL3025 DL3030 DL3034 DL3038 DL3044 DL3045 "
        "DL3063 DL4003"
    ).split()
)
"""Rules for what breaks a build, now or when an image moves on, or what has no effect."""

INSECURE: Final = ("DL3002", "DL3064")
"""Rules for containers that run as root and for secrets that stay in the image."""

NOTES: Final = ("DL3020", "DL4006")
"""Good advice that much good code does without."""

IN_RUN: Final = tuple(
    f"SC{code}" for code in _shell.DEFAULT if code not in (*_shell.UNQUOTED, "2164")
)
"""ShellCheck's rules, less those about values and folders that the Dockerfile itself sets."""

DEFAULT: Final = frozenset((*BROKEN, *LIKELY, *INSECURE, *NOTES, *IN_RUN))

LEFT_OUT: Final = frozenset(("DL1001", *(f"SC{code}" for code in _shell.LEFT_OUT)))
"""Never asked for: comments that silence it are the business of another analyzer."""

UNREADABLE: Final = "DL1000"
"""The rule by which hadolint says that it cannot parse a file; without it, it says nothing."""

PRAGMA: Final = re.compile(
    rb"(?<=#)([ \t]*)hadolint(?=[ \t]+(?:global[ \t]+)?(?:ignore|shell)[ \t]*=)", re.IGNORECASE
)
"""A comment that silences rules, or ShellCheck by the name of a shell that it does not know."""

HEREDOC: Final = re.compile(rb"""(?<!<)<<-?["']?([A-Za-z_][A-Za-z0-9_]*)["']?""")
INSTRUCTION: Final = re.compile(rb"[ \t]*(?:RUN|COPY|ADD)[ \t]", re.IGNORECASE)
COMMENT: Final = re.compile(rb"[ \t]*(?:#|\r?\Z)")

WIKI: Final = "https://github.com/hadolint/hadolint/wiki"


class Item(msgspec.Struct, frozen=True):
    """One remark; `line` is the first of its instruction, from 1."""

    code: str
    file: str
    level: str
    line: int
    message: str


@dataclass(frozen=True)
class Hadolint:
    """Settings of hadolint: `ignore` takes rules away ("DL3006")."""

    name: ClassVar[str] = "hadolint"
    measures: ClassVar[tuple[Category, ...]] = (
        Category.CORRECTNESS,
        Category.SECURITY,
        Category.STYLE,
    )

    profile: str = "default"
    ignore: tuple[str, ...] = ()

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:  # noqa: ARG002
        started = time.monotonic()
        paths = sorted(path for path in (*tree.files, *tree.asides) if is_dockerfile(path))
        if not paths:
            return not_concerned(self.name, "Dockerfile")
        program = str(runner.which("hadolint"))
        lines = Lines(tree)

        def linter(place: Path, names: Sequence[str]) -> Heard:
            return self._heard(lint(program, place, names, runner), tree, lines)

        told, unread = ask(tree, paths, runner, linter, (spoilt, named_only))
        known = before(program, paths, tree, runner)
        findings = []
        for item, silenced in told:
            key = item.path, item.rule, item.message
            if not known[key]:
                item = extended(item, lines)
            known[key] -= 1
            findings.append(
                item.finding(self.name, weight(item.rule, item.level), silenced=silenced)
            )
        return ToolRun(
            self.name,
            Outcome.OK,
            version=version_of(program, runner),
            findings=ordered(findings),
            reason=unread_reason(unread, paths),
            seconds=time.monotonic() - started,
            measures=self.measures,
        )

    def _heard(self, items: Iterable[Item], tree: Tree, lines: Lines) -> Heard:
        heard = Heard([], [])
        gaps: dict[str, list[int]] = {}
        for item in items:
            path = path_of(tree, item.file)
            if path not in gaps:
                gaps[path] = spaced(lines.text(path))[1]
            if item.code == UNREADABLE:
                heard.unread.append(path)
            elif self._wanted(item.code):
                line = lines.within(path, item.line - bisect(gaps[path], item.line))
                heard.remarks.append(
                    Remark(
                        path,
                        item.code,
                        item.message,
                        line,
                        line,
                        level=item.level,
                        url=url(item.code),
                    )
                )
        return heard

    def _wanted(self, rule: str) -> bool:
        if rule in self.ignore or rule in LEFT_OUT:
            return False
        return rule in DEFAULT or self.profile == "strict"


def is_dockerfile(path: str) -> bool:
    """Whether the name is that of a Dockerfile."""
    name = PurePosixPath(path)
    return bool(NAME.fullmatch(name.name)) and name.suffix.lower() not in NOT_ONE


def spoilt(data: bytes) -> bytes:
    """The Dockerfile without comments that silence rules, as hadolint can read it."""
    return spaced(_shell.spoilt(PRAGMA.sub(rb"\1nilodah", data)))[0]


def named_only(data: bytes) -> bytes:
    """The Dockerfile without such comments, but for those that name rules."""
    return spaced(_shell.named_only(data))[0]


def spaced(data: bytes) -> tuple[bytes, list[int]]:
    """The Dockerfile with an empty line after each here-document, and the numbers of those lines.

    hadolint's parser takes no other line there (language-docker 15).
    """
    lines: list[bytes] = []
    added: list[int] = []
    waiting: list[bytes] = []
    inside = False
    for line in data.split(b"\n"):
        lines.append(line)
        text = line.rstrip()
        if waiting and not inside:
            if text.lstrip(b"\t") == waiting[0]:
                waiting.pop(0)
                if not waiting:
                    lines.append(b"")
                    added.append(len(lines))
        elif inside or INSTRUCTION.match(text):
            waiting += HEREDOC.findall(text)
            inside = text.endswith(b"\\")
    return b"\n".join(lines), added


def lint(program: str, place: Path, names: Sequence[str], runner: Runner) -> list[Item]:
    """What hadolint says of the files `names` in the folder `place`."""
    settings = place.with_suffix(".yaml")
    settings.write_text("ignored: []\n")
    call = [program, f"--config={settings}", "--format=json", "--no-color", "--"]
    found: list[Item] = []
    for batch in batches(names):
        done = runner.run([*call, *batch], cwd=place, ok=(0, 1))
        try:
            found += msgspec.json.decode(done.stdout, type=list[Item])
        except NOT_UNDERSTOOD as error:
            raise ToolFailed(f"its output cannot be understood: {error}") from error
    return found


def before(
    program: str, paths: Sequence[str], tree: Tree, runner: Runner
) -> Counter[tuple[str, str, str]]:
    """How often path, rule and message came together in the files before the change."""
    bases = ((path, tree.read_base(path)) for path in paths)
    texts = {path: spoilt(data) for path, data in bases if data is not None}
    with folder(runner) as place:
        items = lint(program, place, copied(place, tree, texts), runner)
    return Counter((path_of(tree, item.file), item.code, item.message) for item in items)


def extended(item: Remark, lines: Lines) -> Remark:
    """The remark about all lines of its instruction: hadolint names the first.

    Fit for what the change brings: whichever line of the instruction it touched, that is the place.
    """
    text = lines.split(item.path)
    if not text[item.start - 1].rstrip().endswith(b"\\"):
        return item
    end = item.start
    while end < len(text) and (
        text[end - 1].rstrip().endswith(b"\\") or COMMENT.match(text[end - 1])
    ):
        end += 1
    return item._replace(end=end)


def url(rule: str) -> str:
    """The page of a rule."""
    return _shell.URL.format(rule[2:]) if rule.startswith("SC") else f"{WIKI}/{rule}"


@cache
def weight(rule: str, level: str) -> Grade:
    """How bad, how sure and about what: by the lists above, the rest of `strict` is style."""
    if rule.startswith("SC"):
        return _shell.weight(rule[2:], level, lenient=False)
    if rule in BROKEN:
        return Grade(Severity.ERROR, Confidence.HIGH, Category.CORRECTNESS)
    if rule in INSECURE:
        return Grade(Severity.WARNING, Confidence.MEDIUM, Category.SECURITY)
    if rule in LIKELY:
        return Grade(Severity.WARNING, Confidence.MEDIUM, Category.CORRECTNESS)
    if rule in NOTES:
        return Grade(Severity.NOTE, Confidence.HIGH, Category.CORRECTNESS)
    return Grade(Severity.NOTE, Confidence.MEDIUM, Category.STYLE)


FOREIGN: Final = ForeignRules(
    program="hadolint",
    about="Finds broken builds, secrets, root and unpinned images in Dockerfiles.",
    names=r"DL\d{4}|SC\d{4}",
    url=f"{WIKI}/{{rule}}",
)

PLUGIN: Final[type[Analyzer]] = Hadolint
