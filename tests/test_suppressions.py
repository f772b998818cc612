"""What silences, what only looks like it, and what is new."""

from pathlib import Path

import pytest

from reviewer.analyzers.suppressions import BY_LINE, Suppressions, in_comment
from reviewer.model import Category, Finding, Severity
from tests.support.room import room, runner


def judge(
    tmp_path: Path, head: dict[str, str], base: dict[str, str] | None = None
) -> list[Finding]:
    changes, tree = room(
        tmp_path,
        {path: code.encode() for path, code in head.items()},
        {path: code.encode() for path, code in (base or {}).items()},
    )
    return list(Suppressions().run(changes, tree, runner(tmp_path)).findings)


@pytest.mark.parametrize(
    ("language", "comment", "expected"),
    [
        ("python", "# noqa", [("lint", "noqa", ())]),
        ("python", "# NOQA:F401,E501", [("lint", "NOQA", ("E501", "F401"))]),
        ("python", "# ruff: noqa: F401", [("lint", "ruff: noqa", ("F401",))]),
        ("python", "# ruff:ignore[a-b]", [("lint", "ruff:ignore", ("a-b",))]),
        ("python", "# pylint: disable=a,b", [("lint", "pylint: disable", ("a", "b"))]),
        ("python", "# nosec B602, B603 why", [("security", "nosec", ("B602", "B603"))]),
        ("python", "# type: ignore[a, b]", [("types", "type: ignore", ("a", "b"))]),
        ("python", "# mypy: ignore-errors", [("types", "mypy: ignore-errors", ())]),
        ("python", "# pragma: no cover", [("coverage", "pragma: no cover", ())]),
        ("python", "# x # noqa # nosec", [("lint", "noqa", ()), ("security", "nosec", ())]),
        ("python", "# we need a noqa here", []),
        ("python", "# ignore this", []),
        ("javascript", "// eslint-disable-line", [("lint", "eslint-disable-line", ())]),
        ("javascript", "/* eslint-disable a/b, c */", [("lint", "eslint-disable", ("a/b", "c"))]),
        ("javascript", "/*\n  eslint-disable a\n*/", [("lint", "eslint-disable", ("a",))]),
        ("javascript", "// eslint-enable", []),
        ("javascript", "// why eslint-disable is bad", []),
        ("typescript", "// @ts-nocheck", [("types", "@ts-nocheck", ())]),
        ("go", "//nolint:a,b // c", [("lint", "nolint", ("a", "b"))]),
        ("go", "//lint:ignore SA1 why", [("lint", "lint:ignore", ("SA1",))]),
        ("java", "// NOSONAR", [("lint", "NOSONAR", ())]),
        ("shell", "# shellcheck disable=SC1", [("lint", "shellcheck disable", ("SC1",))]),
        ("docker", "# hadolint ignore=DL1,DL2", [("lint", "hadolint ignore", ("DL1", "DL2"))]),
        ("yaml", "# zizmor: ignore[a]", [("security", "zizmor: ignore", ("a",))]),
        ("rust", "// reviewer: ignore[a/b] c", [("reviewer", "reviewer: ignore", ("a/b",))]),
    ],
)
def test_comments(
    language: str, comment: str, expected: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    assert [found.identity for found in in_comment(language, comment, 1)] == expected


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("# nosec", False),
        ("# nosec B602", False),
        ("# nosec B602 - the input is a constant", True),
        ("# nosec  # noqa: S602", False),
        ("# the input is a constant  # nosec", True),
    ],
)
def test_reasons(comment: str, reason: bool) -> None:
    assert all(found.reason is reason for found in in_comment("python", comment, 1))


def test_a_directive_below_the_sign_stands_on_its_own_line() -> None:
    (found,) = in_comment("javascript", "/*\n\n  eslint-disable a\n*/", 5)
    assert found.line == 7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "line", "severity"),
    [
        ("a.py", "x = 1  # nosec", Severity.WARNING),
        ("a.py", "x = 1  # nosec B602", Severity.NOTE),
        ("a.py", "x = 1  # nosec - a constant", Severity.NOTE),
        ("tests/a.py", "x = 1  # nosec", Severity.NOTE),
        ("a.py", "x = 1  # noqa", Severity.NOTE),
        ("a.py", "# ruff: noqa", Severity.WARNING),
        ("a.py", "# ruff: noqa: F401", Severity.NOTE),
        ("a.py", "x = 1  # reviewer: ignore[a/b]", Severity.WARNING),
        ("a.py", "x = 1  # reviewer: ignore[a/b] it is so", Severity.NOTE),
        ("a.js", "/* eslint-disable */", Severity.WARNING),
        ("a.js", "/* eslint-disable no-x */", Severity.NOTE),
        ("a.test.js", "it.skip('x', f);", Severity.WARNING),
        ("a.test.js", "it.skip('x', f); // until Monday", Severity.NOTE),
        ("a.test.js", "it.only('x', f);", Severity.WARNING),
        ("a.rs", "#[ignore]", Severity.WARNING),
        ("a.rs", '#[ignore = "slow"]', Severity.NOTE),
        ("Dockerfile.dev", "# hadolint ignore=DL1", Severity.NOTE),
    ],
)
def test_severity(path: str, line: str, severity: Severity, tmp_path: Path) -> None:
    (found,) = judge(tmp_path, {path: line + "\n"})
    assert found.severity is severity


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("a.py", "s = '# noqa'\n"),
        ("a.py", "def f():\n    '''\n    # nosec\n    '''\n"),
        ("a.js", "const s = '// eslint-disable-line';\n"),
        ("a.js", "it.skip('not a test');\n"),
        ("a.py", "@skip\ndef f(): pass\n"),
        ("a_test.go", "package a\nfunc TestA(t *T) { if x { t.Skip() } }\n"),
        ("tests/a.py", "@pytest.mark.skipif(x, reason='y')\ndef f(): pass\n"),
        ("run.sh", "echo '# shellcheck disable=SC1'\n"),
    ],
)
def test_what_only_looks_like_it(path: str, code: str, tmp_path: Path) -> None:
    assert judge(tmp_path, {path: code}) == []


def test_comments_count_where_the_code_does_not_parse(tmp_path: Path) -> None:
    (found,) = judge(tmp_path, {"a.py": "def f(:\n    )))  # nosec\n"})
    assert found.span.start == 2


def test_an_edited_line_keeps_its_own(tmp_path: Path) -> None:
    found = judge(
        tmp_path,
        {"a.py": "f(1, 2)  # noqa: S1\ng()  # noqa: S2\n"},
        {"a.py": "f(1)  # noqa: S1\n"},
    )
    assert [finding.span.start for finding in found] == [2]


def test_a_second_of_the_same_is_new(tmp_path: Path) -> None:
    head = {"a.py": "f(1)  # nosec\ng(1)  # nosec\n"}
    found = judge(tmp_path, head, {"a.py": "f()  # nosec\n"})
    assert [finding.span.start for finding in found] == [2]


def test_a_line_that_moved_to_another_file_is_not_new(tmp_path: Path) -> None:
    line = "f()  # nosec\n"
    head = {"a.py": "x = 1\n" * 9, "b.py": line, "c.py": line}
    found = judge(tmp_path, head, {"a.py": "x = 1\n" * 9 + line})
    assert [finding.span.path for finding in found] == ["c.py"]


def test_workflows_are_read_though_they_are_configuration(tmp_path: Path) -> None:
    path = ".github/workflows/ci.yml"
    (found,) = judge(tmp_path, {path: "on: push # zizmor: ignore[x]\n"})
    assert found.span.path == path


def test_tests_and_style_are_two_categories(tmp_path: Path) -> None:
    found = judge(tmp_path, {"tests/a.py": "@pytest.mark.skip\ndef test(): pass  # noqa\n"})
    assert [finding.category for finding in found] == [Category.TESTS, Category.STYLE]


def test_what_is_named_is_cut(tmp_path: Path) -> None:
    rules = ",".join(f"E{n:03}" for n in range(200))
    (found,) = judge(tmp_path, {"a.py": f"x = 1  # noqa: {rules}\n"})
    assert found.message == (
        "`noqa` is new: it hides `E000`, `E001`, `E002`, `E003` and 196 more from the linter here. "
        "It gives no reason."
    )


@pytest.mark.slow
@pytest.mark.parametrize("language", BY_LINE)
def test_long_lines_take_linear_time(language: str) -> None:
    for text in ("# shellcheck " * 80_000, "#" * 1_000_000, "# " + "hadolint ignore=" * 60_000):
        assert len(list(in_comment(language, text + "disable", 1))) < 2
