"""The options of the command line and their help. Knows words, does nothing."""

import argparse
from typing import Final, NoReturn

from reviewer.commands import _audit_options, _bench_options, _doctor_options, _serve_options
from reviewer.errors import InputError
from reviewer.plugins import names
from reviewer.version import VERSION

CONFIG_FILE: Final = ".github/reviewer.yml"

DESCRIPTION: Final = "Reviews a change: analyzers, coverage of the added lines, one verdict."

EXAMPLES: Final = """\
examples:
  reviewer review                          this branch against the default branch
  reviewer review --staged                 what the next commit would hold
  reviewer review --base v1.2 --head HEAD --coverage coverage.xml
  reviewer review --format sarif --format json --output reports/
  git diff main | reviewer review --diff - --repo .

exit codes: 0 passed, or nothing to review · 1 the gate failed · 2 bad input or settings
  3 no tool could review, or nobody could be told · 4 something was tampered with
  70 a bug of ours · 130, 143 cancelled
"""


WHOLE: Final = {
    "base": None, "head": None, "staged": False, "worktree": False, "diff": None, "request": None,
}  # fmt: skip
"""The change that commands are about which have no option for it."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints end as those of the rest of the program do."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message, f"{self.prog} --help lists what there is")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = Parser(
        "reviewer", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="`reviewer COMMAND --help` tells more; `reviewer review --help` has examples",
    )  # fmt: skip
    top.add_argument("-V", "--version", action="version", version=f"reviewer {VERSION}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    review = commands.add_parser(
        "review", help="review a change of this checkout", description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EXAMPLES,
    )  # fmt: skip
    what = review.add_argument_group("what to review")
    what.add_argument("--base", metavar="REF", help="compare with REF (default: default branch)")
    what.add_argument("--head", metavar="REF", help="review REF (default: HEAD)")
    extent = what.add_mutually_exclusive_group()
    extent.add_argument("--staged", action="store_true", help="review the index against HEAD")
    extent.add_argument("--worktree", action="store_true", help="review uncommitted files as well")
    extent.add_argument("--diff", metavar="FILE", help="review a diff; - reads standard input")
    extent.add_argument("--request", metavar="FILE", help=argparse.SUPPRESS)
    _repo(what)
    for name, kind in (("--workspace", str), ("--since", str), ("--engine-fd", int)):
        what.add_argument(name, type=kind, help=argparse.SUPPRESS)
    what.add_argument(
        "--coverage", metavar="FILE", action="append", default=[],
        help="a coverage report, repeatable (default: the usual places)",
    )  # fmt: skip
    _settings(review.add_argument_group("how to judge"))
    out = review.add_argument_group("what to write")
    out.add_argument(
        "--format", action="append", metavar="NAME", default=[],
        help=f"{', '.join(names('reviewer.reports'))}; repeatable (default: terminal)",
    )  # fmt: skip
    out.add_argument("--output", metavar="PATH", help="file, or folder for several formats")
    publish = commands.add_parser(
        "publish", help="bring a report to its pull request, or to this terminal",
        description="Brings a report.json to the pull request that it is about, as one review. "
        "Outside of a workflow of GitHub it shows the report here.",
    )  # fmt: skip
    publish.add_argument("report", metavar="REPORT", help="report.json of a review")
    publish.add_argument("--repo", metavar="DIR", help=argparse.SUPPRESS)
    publish.add_argument("--request", metavar="FILE", help=argparse.SUPPRESS)
    publish.add_argument("--config", metavar="FILE", help=argparse.SUPPRESS)
    commands.add_parser(
        "action", help="review and publish as a step of a workflow of GitHub",
        description="What a step of a workflow of GitHub runs: reads the event and the inputs of "
        "the action, reviews in a process without token and network, and publishes in another.",
    )  # fmt: skip
    config = commands.add_parser(
        "config", help="show the settings in force and where each comes from",
        description="Shows every setting in force and where its value comes from.",
    )  # fmt: skip
    config.add_argument("--base", metavar="REF", help="settings of REF (default: default branch)")
    _repo(config)
    _settings(config)
    config.add_argument("--format", metavar="NAME", default="table", help="table or json")
    config.add_argument("--changed", action="store_true", help="only what is not a default")
    config.set_defaults(**WHOLE)
    init = commands.add_parser(
        "init", help=f"write a short {CONFIG_FILE} for this checkout",
        description=f"Writes a short {CONFIG_FILE} with the defaults, for what is in the checkout.",
    )  # fmt: skip
    _repo(init)
    init.add_argument("--force", action="store_true", help="write over a file that is there")
    init.add_argument("--stdout", action="store_true", help="print it instead")
    init.set_defaults(**WHOLE)
    explain = commands.add_parser(
        "explain", help="say what a rule is about and what to do",
        description="Says what a rule is about, why it matters and what to do.",
    )  # fmt: skip
    explain.add_argument("rule", metavar="RULE", help="such as ruff/S602 or complexity/nesting")
    baseline = commands.add_parser(
        "baseline", help="write down what is found today: only what is new will count",
        description="Reviews all files of HEAD and writes down what is found, so that reviews of "
        "changes speak of new findings only. Run it again to drop what was mended.",
    )  # fmt: skip
    _repo(baseline)
    _settings(baseline)
    baseline.set_defaults(**WHOLE)
    _doctor_options.add(commands)
    _bench_options.add(commands)
    _audit_options.add(commands)
    _serve_options.add(commands)
    _children(commands)
    return top


def _children(commands: "argparse._SubParsersAction[Parser]") -> None:
    """What `action` starts, and nobody else."""
    engine = commands.add_parser("engine")
    for name, kind in (("--fd", int), ("--request", str), ("--config", str)):
        engine.add_argument(name, type=kind)
    _repo(engine)
    engine.set_defaults(**{key: value for key, value in WHOLE.items() if key != "request"})


def _repo(group: argparse._ActionsContainer) -> None:
    group.add_argument("--repo", metavar="DIR", default=".", help="the checkout (default: .)")


def _settings(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--config", metavar="FILE", help=f"settings (default: {CONFIG_FILE} of base)"
    )
    group.add_argument("--profile", metavar="NAME", help="quiet, default or strict")
    group.add_argument("--fail-on", metavar="LEVEL", help="none, note, warning or error")
    group.add_argument("--min-coverage", metavar="PERCENT", help="coverage of the change, or off")
    group.add_argument("--min-score", metavar="POINTS", help="lowest score that passes, or off")
