"""Code that changes while no test does: one remark for the whole change."""

from dataclasses import dataclass
from typing import ClassVar, Final

from reviewer.analyzers.base import Analyzer, RulePage, not_concerned
from reviewer.languages import is_code, is_test
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    Finding,
    Outcome,
    Severity,
    Span,
    Status,
    ToolRun,
)
from reviewer.process import Runner
from reviewer.tree import Tree
from reviewer.version import VERSION


@dataclass(frozen=True)
class Tests:
    """Whether tests come with the code."""

    name: ClassVar[str] = "tests"
    measures: ClassVar[tuple[Category, ...]] = (Category.TESTS,)

    min_lines: int = 10
    """With fewer added lines of code nothing is said: a small change may need no test."""

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        """A note at the file with the most added lines, when no test was added or changed."""
        del runner
        source = [
            change
            for change in changes.files
            if is_code(change.path) and not is_test(change.path) and change.path in tree.files
        ]
        if not source:
            return not_concerned(self.name, "code outside of tests")
        added = sum(len(change.added) for change in source)
        tested = any(
            is_test(change.path) and change.status is not Status.DELETED for change in changes.files
        )
        if tested or added < self.min_lines:
            return ToolRun(self.name, Outcome.OK, VERSION, measures=self.measures)
        largest = max(source, key=lambda change: (len(change.added), change.path))
        files = "1 file" if len(source) == 1 else f"{len(source)} files"
        finding = Finding(
            tool=self.name,
            rule="untested-change",
            message=f"{added} lines of code are added in {files}, and no test is added or changed.",
            span=Span(largest.path),
            severity=Severity.NOTE,
            confidence=Confidence.HIGH,
            category=Category.TESTS,
            help="Add a test that fails without this change.",
        )
        return ToolRun(self.name, Outcome.OK, VERSION, (finding,), measures=self.measures)


RULES: Final = (
    RulePage(
        rule="untested-change",
        what="Code outside of tests is added, and no test is added or changed.",
        why="Nothing shows that the new code does what it should, or will notice when it stops.",
        fix="Add a test that fails without this change.",
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        category=Category.TESTS,
    ),
)


PLUGIN: Final[type[Analyzer]] = Tests
