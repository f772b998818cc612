"""Which pull requests are left alone, and that the reason is a word of the rules."""

import pytest

from reviewer.config import Skip
from reviewer.forges.base import Occasion
from reviewer.model import ChangeSet, FileChange, Status
from reviewer.skips import reason, reason_of

PLAIN = Occasion(title="Add a parser", author="ann", branch="feature/parser", labels=("bug",))


def changed(*paths: str, before: str = "") -> ChangeSet:
    status = Status.RENAMED if before else Status.MODIFIED
    return ChangeSet("a", "b", tuple(FileChange(path, status, before) for path in paths))


@pytest.mark.parametrize(
    ("rules", "occasion", "expected"),
    [
        (Skip(), PLAIN, ""),
        (Skip(), Occasion(draft=True), "it is a draft"),
        (Skip(drafts=False), Occasion(draft=True), ""),
        (Skip(labels=("no-review",)), PLAIN, ""),
        (Skip(labels=("no-*",)), Occasion(labels=("bug", "No-Review")), "skip.labels: no-*"),
        (Skip(labels=("skip",)), Occasion(labels=("kind/skip",)), ""),
        (Skip(labels=("kind/skip",)), Occasion(labels=("kind/skip",)), "kind/skip"),
        (Skip(titles=("wip*",)), Occasion(title="WIP: a/b"), "skip.titles: wip*"),
        (Skip(titles=("WIP",)), Occasion(title="not WIP"), ""),
        (Skip(titles=("Revert *",)), Occasion(title="fix x/Revert y"), ""),
        (Skip(titles=("*",)), Occasion(), ""),
        (Skip(authors=("dependabot[bot]",)), Occasion(author="Dependabot[bot]"), "skip.authors"),
        (Skip(authors=("bot",)), Occasion(author="robot"), ""),
        (Skip(branches=("renovate/**",)), Occasion(branch="renovate/pip"), "skip.branches"),
        (Skip(branches=("/main",)), Occasion(branch="x/main"), ""),
    ],
)
def test_the_rules_decide(rules: Skip, occasion: Occasion, expected: str) -> None:
    told = reason(rules, occasion)
    assert expected in told
    assert bool(told) == bool(expected)


def test_no_word_of_the_pull_request_is_in_the_reason() -> None:
    rules = Skip(titles=("*",), labels=("x*",))
    assert "::error" not in reason(rules, Occasion(title="::error::", labels=("y\n::error::",)))


@pytest.mark.parametrize(
    ("paths", "changes", "skipped"),
    [
        (("docs/**",), changed("docs/a.md", "docs/b/c.md"), True),
        (("docs/**",), changed("docs/a.md", "src/a.py"), False),
        (("docs/**", "*.md"), changed("docs/a.py", "README.md"), True),
        (("docs/**",), changed("docs/a.py", before="src/a.py"), False),
        (("docs/**",), changed(), False),
        ((), changed("a"), False),
    ],
)
def test_a_change_of_such_files_alone(
    paths: tuple[str, ...], changes: ChangeSet, skipped: bool
) -> None:
    assert bool(reason_of(Skip(paths=paths), changes)) is skipped
