"""What a path says about its contents: code or not, test or not."""

import re
from pathlib import PurePosixPath
from typing import Final

CODE: Final = frozenset(
    (
        ".py .pyw .js .jsx .mjs .cjs .ts .tsx .mts .cts .go .rs .java .kt .kts .scala .c .cc .cpp "
        ".cxx .h .hpp .cs .rb .php .swift .m .mm .lua .pl .ex .exs .erl .hs .clj .dart .vue .svelte"
    ).split()
)
"""Suffixes of files that hold program code which tests can run and coverage can count."""

TEST_FOLDERS: Final = frozenset(
    "test tests testing spec specs __tests__ __mocks__ testdata fixtures e2e".split()
)
TEST_NAME: Final = re.compile(
    r"test_.*|.*_tests?|tests?|conftest|.*[._-](test|tests|spec|specs|e2e)|.*[a-z0-9](Test|Tests|Spec|IT)"
)
"""Names that the test runners of these languages look for: pytest and unittest (test_x, x_test,
conftest), go test (x_test), Jest, Vitest and RSpec (x.test, x.spec, x_spec), JUnit and ScalaTest
(XTest, XTests, XSpec, XIT)."""


def is_code(path: str) -> bool:
    """Whether the file holds program code."""
    return PurePosixPath(path).suffix.lower() in CODE


def is_test(path: str) -> bool:
    """Whether the file is a test, or support for one, by its name or a folder above it."""
    parts = PurePosixPath(path)
    folders = {part.lower() for part in parts.parts[:-1]}
    return not TEST_FOLDERS.isdisjoint(folders) or bool(TEST_NAME.fullmatch(parts.stem))
