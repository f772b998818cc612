"""JavaScript and TypeScript: errors, likely bugs and insecure calls, by oxlint.

The default rules are those that are right nearly always; `strict` adds all that oxlint counts as
correctness or suspicious, but for matters of taste, as notes. Comments of the change
(`eslint-disable`, `oxlint-disable`) do not silence a rule: one that names it makes it a note.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import ClassVar, Final

import msgspec

from reviewer.analyzers._linter import (
    Grade,
    Heard,
    Lines,
    Remark,
    ask,
    ordered,
    path_of,
    unread_reason,
    version_of,
)
from reviewer.analyzers.base import (
    NOT_UNDERSTOOD,
    Analyzer,
    ForeignRules,
    RulePage,
    batches,
    not_concerned,
)
from reviewer.errors import ToolFailed
from reviewer.model import Category, ChangeSet, Confidence, Outcome, Severity, ToolRun
from reviewer.process import Runner
from reviewer.tree import Tree

SUFFIXES: Final = frozenset(".js .mjs .cjs .jsx .ts .mts .cts .tsx .vue .svelte .astro".split())

PARTS: Final = {"react-hooks": "react"}
"""What oxlint calls a plugin in its output and has as part of another one in its settings."""

PLUGINS: Final = ("eslint", "typescript", "unicorn", "oxc", "react", "node", "jest")

BROKEN: Final = tuple(
    (
        "constructor-super for-direction no-class-assign no-compare-neg-zero no-const-assign "
        "no-dupe-class-members no-dupe-else-if no-dupe-keys no-duplicate-case "
        "no-empty-character-class no-import-assign no-invalid-regexp no-new-native-nonconstructor "
        "no-obj-calls no-setter-return no-this-before-super no-unsafe-negation use-isnan "
        "valid-typeof oxc/bad-array-method-on-arguments oxc/bad-char-at-comparison "
        "oxc/bad-comparison-sequence oxc/bad-min-max-func oxc/bad-object-literal-comparison "
        "oxc/bad-replace-all-arg oxc/const-comparisons oxc/missing-throw "
        "oxc/number-arg-out-of-range oxc/uninvoked-array-callback react/jsx-no-duplicate-props "
        "react/no-danger-with-children react/void-dom-elements-no-children "
        "typescript/no-misused-new unicorn/no-await-in-promise-methods "
        "unicorn/no-invalid-fetch-options unicorn/no-negation-in-equality-check"
    ).split()
)
"""Rules for code that fails, or does the opposite of what it says, when it runs."""

LIKELY: Final = tuple(
    (
        "getter-return no-async-promise-executor no-cond-assign no-constant-binary-expression "
        "no-constant-condition no-debugger no-empty-pattern no-ex-assign no-func-assign "
        "no-global-assign no-loss-of-precision no-misleading-character-class "
        "no-nonoctal-decimal-escape no-self-assign no-shadow-restricted-names no-sparse-arrays "
        "no-unassigned-vars no-unreachable no-unsafe-finally no-unsafe-optional-chaining "
        "no-useless-backreference node/no-exports-assign oxc/erasing-op "
        "oxc/misrefactored-assign-op react/jsx-key react/jsx-no-comment-textnodes "
        "react/no-direct-mutation-state react/rules-of-hooks "
        "typescript/no-confusing-non-null-assertion typescript/no-duplicate-enum-values "
        "typescript/no-extra-non-null-assertion typescript/no-non-null-asserted-optional-chain "
        "typescript/no-unsafe-declaration-merging unicorn/no-accessor-recursion "
        "unicorn/no-array-fill-with-reference-type unicorn/no-invalid-remove-event-listener "
        "unicorn/no-single-promise-in-promise-methods"
    ).split()
)
"""Rules for code that seldom means what it says."""

INSECURE: Final = tuple("no-eval no-implied-eval no-new-func no-script-url".split())
"""Rules for text that is run as code."""

FOCUSED: Final = ("jest/no-focused-tests",)
"""Rules for a test left alone to run, so that all others are passed over."""

LEFTOVER: Final = ("no-unused-vars",)
"""Rules for things that are left over and harm nobody yet."""

DEFAULT: Final = (*BROKEN, *LIKELY, *INSECURE, *FOCUSED, *LEFTOVER)

LEFT_OUT: Final = tuple(
    (
        "block-scoped-var no-shadow no-underscore-dangle react/no-this-in-sfc "
        "unicorn/consistent-function-scoping unicorn/no-array-reverse unicorn/no-array-sort"
    ).split()
)
"""Matters of taste that even `strict` does not raise."""

OPTIONS: Final = {
    "no-unused-vars": {"args": "none", "caughtErrors": "none", "ignoreRestSiblings": True}
}
"""Arguments are named for the reader, or are demanded by who calls."""

AT_LAST: Final = frozenset(
    (
        "no-class-assign no-const-assign no-dupe-class-members no-dupe-else-if no-dupe-keys "
        "no-duplicate-case react/jsx-no-duplicate-props typescript/no-duplicate-enum-values"
    ).split()
)
"""Rules that point to what is good first, and last to what is not. Others point to that first."""

SYNTAX: Final = "syntax"
"""Our name for what the parser says; oxlint gives it none, or TypeScript's number."""

DIRECTIVE: Final = re.compile(rb"(?:es|ox)lint-(?=disable)|@flow\b")
BLANKET: Final = re.compile(
    rb"(?:es|ox)lint-(?=disable(?:-next-line|-line)?[ \t]*(?:--|\*/|\r?$))|@flow\b", re.MULTILINE
)
"""What silences oxlint, and what does without naming a rule. With `@flow`, it passes over all that
it cannot parse."""

FLOW: Final = re.compile(rb"@flow\b")

CODE: Final = re.compile(r"(?P<plugin>[a-z0-9_-]+)\((?P<name>[a-z0-9-]+)\)")
"""How oxlint names a rule: `eslint(no-eval)`."""

MINIFIED: Final = re.compile(r"[.-]min\.[mc]?[jt]sx?", re.IGNORECASE)
"""Names that oxlint passes over, whatever it is told."""

CALL: Final = (
    "--disable-nested-config",
    "--no-ignore",
    "--format=json",
    "--threads=4",
)
"""More threads are no faster on a change, and each takes its share of the memory allowed."""


class Bytes(msgspec.Struct, frozen=True):
    """A range of bytes of the file, from 0."""

    offset: int
    length: int


class Label(msgspec.Struct, frozen=True):
    """A place that a diagnostic points to."""

    span: Bytes


class Diagnostic(msgspec.Struct, frozen=True):
    """One remark. Without a rule it comes from the parser, without a file from the disk."""

    message: str
    code: str = ""
    filename: str = ""
    url: str = ""
    help: str | None = None
    labels: tuple[Label, ...] = ()


class Output(msgspec.Struct, frozen=True):
    """What one call prints."""

    diagnostics: tuple[Diagnostic, ...]
    number_of_files: int


@dataclass(frozen=True)
class Oxlint:
    """Settings of oxlint: `select` adds rules, `ignore` takes rules away ("eslint(no-eval)")."""

    name: ClassVar[str] = "oxlint"
    measures: ClassVar[tuple[Category, ...]] = (
        Category.CORRECTNESS,
        Category.SECURITY,
        Category.STYLE,
    )

    profile: str = "default"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:  # noqa: ARG002
        started = time.monotonic()
        known = (*tree.files, *tree.asides)
        paths = sorted(p for p in known if PurePosixPath(p).suffix.lower() in SUFFIXES)
        if not paths:
            return not_concerned(self.name, "JavaScript or TypeScript file")
        program = str(runner.which("oxlint"))
        lines = Lines(tree)

        def linter(place: Path, names: Sequence[str]) -> Heard:
            settings = place.with_suffix(".json")
            settings.write_bytes(self._settings())
            call = [program, f"--config={settings}", *CALL, "--"]
            heard = Heard([], [])
            small = [name for name in names if not minified(name)]
            heard.unread.extend(path_of(tree, name) for name in names if minified(name))
            for batch in batches(small):
                done = runner.run([*call, *batch], cwd=place, ok=(0, 1))
                output = decoded(done.stdout)
                unread = [name for name in batch if not readable(name, tree)]
                if output.number_of_files != len(batch):
                    raise ToolFailed(f"it read {output.number_of_files} of {len(batch)} files")
                heard.unread.extend(path_of(tree, name) for name in unread)
                for item in output.diagnostics:
                    if item.filename or not unread:
                        self._hear(item, heard, tree, lines)
            return heard

        told, unread = ask(tree, paths, runner, linter, (spoilt, named_only))
        findings = [
            item.finding(self.name, weight(item.rule), silenced=silenced) for item, silenced in told
        ]
        return ToolRun(
            self.name,
            Outcome.OK,
            version=version_of(program, runner),
            findings=ordered(findings),
            reason=unread_reason(unread, paths),
            seconds=time.monotonic() - started,
            measures=self.measures,
        )

    def _settings(self) -> bytes:
        """All that configures oxlint."""
        level = "warn" if self.profile == "strict" else "off"
        ignored = {key(rule) for rule in self.ignore}
        rules: dict[str, object] = {
            rule: ["warn", OPTIONS[rule]] if rule in OPTIONS else "warn"
            for rule in (*DEFAULT, *(key(rule) for rule in self.select))
            if rule not in ignored
        }
        return msgspec.json.encode(
            {
                "plugins": PLUGINS,
                "env": {"builtin": True, "browser": True, "node": True},
                "categories": {"correctness": level, "suspicious": level},
                "rules": dict.fromkeys((*LEFT_OUT, *sorted(ignored)), "off") | rules,
            }
        )

    def _hear(self, item: Diagnostic, heard: Heard, tree: Tree, lines: Lines) -> None:
        path = path_of(tree, item.filename)
        if key(item.code) == item.code and FLOW.search(lines.text(path)):
            heard.unread.append(path)
            return
        which = -1 if key(item.code) in AT_LAST else 0
        span = item.labels[which].span if item.labels else None
        place = lines.at(path, span.offset, span.length) if span else (0, 0, 0, 0)
        rule = item.code or SYNTAX
        heard.remarks.append(
            Remark(path, rule, item.message, *place, url=item.url, help=item.help or "")
        )


def key(rule: str) -> str:
    """A rule's name as oxlint's settings want it: `no-eval`, `react/jsx-key`."""
    found = CODE.fullmatch(rule)
    if found is None:
        return rule
    plugin = PARTS.get(found["plugin"], found["plugin"])
    return f"{plugin}/{found['name']}".removeprefix("eslint/")


def minified(name: str) -> bool:
    """Whether oxlint passes over a file of this name."""
    return bool(MINIFIED.search(PurePosixPath(name).name))


def readable(name: str, tree: Tree) -> bool:
    """Whether the file is UTF-8; oxlint takes no other."""
    try:
        tree.read(path_of(tree, name)).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def spoilt(data: bytes) -> bytes:
    """The file without comments that silence oxlint, line by line as long as before."""
    return DIRECTIVE.sub(_reversed, data)


def named_only(data: bytes) -> bytes:
    """The file without such comments, but for those that name rules."""
    return BLANKET.sub(_reversed, data)


def _reversed(found: re.Match[bytes]) -> bytes:
    return found[0][::-1]


def decoded(output: bytes) -> Output:
    """Oxlint's output as it should be. Raises ToolFailed for anything else."""
    try:
        return msgspec.json.decode(output, type=Output)
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"its output cannot be understood: {error}") from error


@cache
def weight(rule: str) -> Grade:
    """How bad, how sure and about what: by the lists above, the rest of `strict` is style."""
    name = key(rule)
    if name in BROKEN:
        return Grade(Severity.ERROR, Confidence.HIGH, Category.CORRECTNESS)
    if name == SYNTAX or name.startswith("TS("):
        return Grade(Severity.ERROR, Confidence.MEDIUM, Category.CORRECTNESS)
    if name in INSECURE:
        return Grade(Severity.WARNING, Confidence.MEDIUM, Category.SECURITY)
    if name in FOCUSED:
        return Grade(Severity.WARNING, Confidence.HIGH, Category.CORRECTNESS)
    if name in LIKELY:
        return Grade(Severity.WARNING, Confidence.MEDIUM, Category.CORRECTNESS)
    return Grade(Severity.NOTE, Confidence.HIGH, Category.STYLE)


RULES: Final = (
    RulePage(
        rule=SYNTAX,
        what="The file is no valid JavaScript or TypeScript.",
        why="It cannot be loaded, and no other tool can look into it.",
        fix="Repair the syntax.",
        before="function total(items {\n  return items.length;\n}",
        after="function total(items) {\n  return items.length;\n}",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        category=Category.CORRECTNESS,
    ),
)

FOREIGN: Final = ForeignRules(
    program="oxlint",
    about="Finds errors, likely bugs and insecure calls in JavaScript and TypeScript.",
    names=CODE.pattern,
    url="https://oxc.rs/docs/guide/usage/linter/rules/{plugin}/{name}.html",
)

PLUGIN: Final[type[Analyzer]] = Oxlint
