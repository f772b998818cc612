"""What ruff says about its own rules."""

import re
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from reviewer.analyzers.base import NOT_UNDERSTOOD, RulePage
from reviewer.errors import ToolFailed
from reviewer.process import Runner

T = TypeVar("T")

HEADING: Final = re.compile(r"^## (.+)\n", re.MULTILINE)
CODE: Final = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Documented(msgspec.Struct, frozen=True):
    """One rule as `ruff rule --output-format json` prints it. Some have no code."""

    name: str
    fix: str
    explanation: str
    code: str | None = None


def documented(words: Sequence[str], runner: Runner) -> bytes:
    """What `ruff rule` prints, nothing when it knows no such rule."""
    program = str(runner.which("ruff"))
    argv = [program, "rule", *words, "--output-format=json"]
    done = runner.run(argv, cwd=runner.scratch, ok=(0, 2))
    return b"" if done.returncode else done.stdout


def one(rule: str, runner: Runner) -> RulePage | None:
    """The page of one rule. Raises ToolMissing and ToolFailed."""
    printed = documented([rule], runner)
    return page(_decoded(printed, Documented)) if printed else None


def every(runner: Runner) -> tuple[RulePage, ...]:
    """The pages of all rules. Raises ToolMissing and ToolFailed."""
    found = _decoded(documented(["--all"], runner), list[Documented])
    return tuple(page(item) for item in found)


def page(item: Documented) -> RulePage:
    """One rule, in the order that all of ruff's texts have: what, why, an example."""
    _, *parts = HEADING.split(item.explanation)
    told = {title: text.strip() for title, text in zip(parts[::2], parts[1::2], strict=True)}
    examples = CODE.findall(told.get("Example", ""))
    before, after = examples if len(examples) == 2 else ("", "")
    return RulePage(
        rule=item.code or item.name,
        what=told.get("What it does", item.explanation.strip()),
        why=told.get("Why is this bad?", ""),
        fix="" if item.fix.startswith("Fix is not available") else item.fix,
        before=before,
        after=after,
        url=f"https://docs.astral.sh/ruff/rules/{item.name}/",
    )


def _decoded(printed: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(printed, type=kind)
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"its rules cannot be understood: {error}") from error
