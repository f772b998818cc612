"""`reviewer init`: a short commented file of settings for what is in the checkout."""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from reviewer import measure
from reviewer.arguments import CONFIG_FILE
from reviewer.binding import written
from reviewer.commands import _parts as parts
from reviewer.config import PROFILES, keys
from reviewer.errors import InputError
from reviewer.languages import is_code, is_test
from reviewer.text import count
from reviewer.text import path as shown_path
from reviewer.version import RAW

SCHEMA: Final = f"{RAW}/docs/configuration.schema.json"

LANGUAGES: Final[Mapping[str, str]] = {
    ".c": "C", ".cc": "C++", ".cpp": "C++", ".cs": "C#", ".cxx": "C++", ".dart": "Dart",
    ".ex": "Elixir", ".go": "Go", ".h": "C", ".hpp": "C++", ".java": "Java", ".js": "JavaScript",
    ".jsx": "JavaScript", ".cjs": "JavaScript", ".mjs": "JavaScript", ".kt": "Kotlin",
    ".lua": "Lua", ".php": "PHP", ".py": "Python", ".rb": "Ruby", ".rs": "Rust",
    ".scala": "Scala", ".sh": "shell", ".swift": "Swift", ".ts": "TypeScript",
    ".tsx": "TypeScript", ".vue": "Vue",
}  # fmt: skip

COVERAGE: Final[Mapping[str, str]] = {
    "Python": "pytest --cov --cov-report=xml",
    "JavaScript": "vitest run --coverage, or jest --coverage",
    "TypeScript": "vitest run --coverage, or jest --coverage",
    "Go": "go test -coverprofile=coverage.out ./...",
    "Java": "the JaCoCo plug-in of Maven or Gradle",
    "Kotlin": "the JaCoCo plug-in of Gradle",
    "Rust": "cargo llvm-cov --lcov --output-path lcov.info",
    "PHP": "phpunit --coverage-clover clover.xml",
}
"""What writes a report that can be read, by language."""

CI: Final[Mapping[str, str]] = {
    ".github/workflows/": "GitHub Actions",
    ".gitlab-ci.yml": "GitLab CI",
    ".circleci/": "CircleCI",
    "Jenkinsfile": "Jenkins",
    "azure-pipelines.yml": "Azure Pipelines",
}
"""Beginnings of paths, and whose they are."""

NAMED: Final = 4
"""So many languages, folders or reports are named."""

SHOWN: Final[Sequence[tuple[str, Sequence[tuple[str, str]]]]] = (
    ("", (("profile", "how much is said: quiet, default or strict"),)),
    ("paths", (("exclude", "files that are not reviewed, such as [docs/**]"),)),
    (
        "coverage",
        (
            ("patch", "lowest coverage of the added lines, in percent; off: any"),
            ("files", "coverage reports; without any, the usual places are searched"),
        ),
    ),
    (
        "gate",
        (
            ("fail-on", "lowest severity that fails: error, warning, note or none"),
            ("score", "lowest score that passes, of 100; off: any"),
        ),
    ),
    ("comments", (("inline", "most comments on lines; the rest is in the report"),)),
    ("rules", ()),
    ("analyzers", (("disable", "analyzers that do not run"),)),
)
"""The settings that most projects touch, by section."""

RULES: Final = """\
# rules:                    # severities by rule and path; `off` switches a rule off
#   - rules: [tests/untested-change]
#     paths: [scripts/**]
#     severity: off
"""


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer init`: look at the checkout, write the file. Never over one that is there."""
    with parts.private_folder() as name:
        path = parts.search_path(environ, Path(arguments.repo))
        repository = parts.local(arguments, environ, path, Path(name)).repository
        text = content(repository.tracked(), reports(repository.top))
    if arguments.stdout:
        parts.show(text)
        return 0
    if repository.bare:
        raise InputError(f"{repository.top} is a bare repository", "add --stdout")
    target = repository.top / CONFIG_FILE
    if target.exists() and not arguments.force:
        raise InputError(f"{CONFIG_FILE} is there already", "write over it by --force")
    parts.write(text, target, repository.top)
    parts.show(
        f"wrote {CONFIG_FILE}: all of it is default until you change it\n"
        "`reviewer config` shows what is in force; the file counts once it is merged\n"
    )
    return 0


def reports(top: Path) -> list[str]:
    """The coverage reports in the usual places, as paths of the checkout."""
    return [place.relative_to(top).as_posix() for place in measure.find(top)]


def content(tracked: Sequence[str], found: Sequence[str]) -> str:
    """The file for a checkout with these paths and coverage reports."""
    return "".join(
        [
            f"# yaml-language-server: $schema={SCHEMA}\n",
            "# Settings of reviewer. Every value here is the default: keep the lines you change.\n",
            "# It is read from the branch that a change is made against.\n",
            *(f"# {line}\n" for line in seen(tracked, found)),
            *(_section(name, settings) for name, settings in SHOWN),
        ]
    )


def _section(name: str, settings: Sequence[tuple[str, str]]) -> str:
    if not settings:
        return f"\n{RULES}"
    table, indent = keys({}), "  " if name else ""
    lines = [f"\n{name}:\n" if name else "\n"]
    for setting, about in settings:
        key = f"{name}.{setting}".lstrip(".")
        # What a profile changes stays a comment: written down, it would win over the profile.
        off = "# " if any(key in defaults for defaults in PROFILES.values()) else ""
        line = f"{indent}{off}{setting}: {written(table[key].default)}"
        lines.append(f"{line:<28}# {about}\n")
    return "".join(lines)


def seen(tracked: Sequence[str], found: Sequence[str]) -> Iterator[str]:
    """What is in the checkout, in a few lines."""
    suffixes = Counter(LANGUAGES.get(PurePosixPath(path).suffix.lower(), "") for path in tracked)
    del suffixes[""]
    ranked = sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))
    languages = [language for language, _ in ranked]
    yield "Found: " + (
        _some([f"{name} ({count(number, 'file')})" for name, number in ranked]) or "no code yet"
    )
    folders = {PurePosixPath(path).parts[0] for path in tracked if _is_test_code(path)}
    if languages:
        yield f"Tests: {_some(sorted(folders)) or 'none'}"
        tip = next((COVERAGE[name] for name in languages if name in COVERAGE), "")
        none = f"no report; one comes from {tip}" if tip else "no report"
        yield f"Coverage: {_some(found) or none}"
    runs = {owner for start, owner in CI.items() if any(p.startswith(start) for p in tracked)}
    if runs:
        yield f"Runs on: {_some(sorted(runs))}"


def _is_test_code(path: str) -> bool:
    return is_code(path) and is_test(path)


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    words = ", ".join(shown_path(name) for name in names[:NAMED])
    return f"{words} and {more:,} more" if more > 0 else words
