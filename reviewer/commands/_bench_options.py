"""The options of `reviewer bench`. Knows words, does nothing."""

import argparse
from typing import Any, Final

RULES: Final = ("strict", "semantic", "location", "martian")
SOURCES: Final = ("all", "model", "static", "coverage")


def add(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command to the command line."""
    bench = commands.add_parser(
        "bench", help="measure how good reviews are",
        description="Reviews pull requests with known truth and scores what comes of it, compares "
        "two scores, and makes such pull requests from any Python repository.",
    )  # fmt: skip
    actions = bench.add_subparsers(dest="action", required=True, metavar="ACTION")
    _run(actions)
    _score(actions)
    compare = actions.add_parser(
        "compare", help="say whether one run is better than another",
        description="Compares two scores of the same cases, pull request by pull request.",
    )  # fmt: skip
    compare.add_argument("first", metavar="A.json", help="a score, written by --format json")
    compare.add_argument("second", metavar="B.json", help="another one")
    _out(compare, ("table", "json"))
    _seed(actions)


def _run(actions: "argparse._SubParsersAction[Any]") -> None:
    run = actions.add_parser(
        "run", help="review the cases of a suite and score what comes of it",
        description="Reviews each case as `reviewer review` does, by the analyzers and a model if "
        "one is named, and scores the findings. Settings are those of the environment, without "
        "memory and audit log.",
    )  # fmt: skip
    run.add_argument(
        "--suite", metavar="SUITE", default="fixtures",
        help="fixtures[:DIR], seed:DIR as written by `bench seed`, or FILE.jsonl "
        "(default: fixtures)",
    )  # fmt: skip
    who = run.add_mutually_exclusive_group()
    who.add_argument("--url", metavar="URL", help="ask the server there")
    who.add_argument("--model-dir", metavar="DIR", help="ask a model on this machine")
    who.add_argument(
        "--replay", metavar="FILE", help="take the answers, and the settings, of a record"
    )
    run.add_argument(
        "--allow", metavar="HOST", action="append", default=[],
        help="another host that code may be sent to, repeatable",
    )  # fmt: skip
    run.add_argument("--samples", metavar="N", help="answers to each question (model.samples)")
    run.add_argument("--votes", metavar="N", help="answers that must agree (model.votes)")
    run.add_argument(
        "--verify", action="store_const", const="true",
        help="put each finding to the model once more (model.verify)",
    )  # fmt: skip
    run.add_argument("--reach", metavar="NAME", help="diff, function or callees (model.reach)")
    run.add_argument("--prompts", metavar="DIR", help="templates to try in place of ours")
    run.add_argument("--limit", metavar="N", type=int, help="at most N cases, chosen by chance")
    run.add_argument(
        "--seed", metavar="N", help="chooses the cases of --limit and is model.seed (default: 0)"
    )
    run.add_argument("--record", metavar="FILE", help="write answers and findings there")
    run.add_argument(
        "--output", metavar="DIR",
        help="write record.jsonl, score.json, table.md, badge.txt and chart.svg there",
    )  # fmt: skip
    _judging(run)


def _score(actions: "argparse._SubParsersAction[Any]") -> None:
    score = actions.add_parser(
        "score", help="score a recorded run",
        description="Judges the findings of a recorded run by the texts of its goldens.",
    )  # fmt: skip
    score.add_argument("record", metavar="RECORD", help="the .jsonl of a run")
    _judging(score)
    _out(score, ("table", "json", "badge", "svg"))


def _judging(score: argparse.ArgumentParser) -> None:
    score.add_argument(
        "--rule", choices=RULES, default="strict",
        help="what makes a finding a golden: its place and text (strict), its text (semantic), its "
        "place (location), its text with many for one (martian); default: strict",
    )  # fmt: skip
    score.add_argument(
        "--tau", metavar="SHARE", type=float, default=0.30,
        help="likeness of two texts from which on they are the same, 0 to 1 (default: 0.30)",
    )  # fmt: skip
    score.add_argument(
        "--k", metavar="LINES", type=int, default=3, help="lines that a finding may be off"
    )
    score.add_argument(
        "--judge-url", metavar="URL",
        help="let the model of the server there compare texts, by three votes, in place of words",
    )  # fmt: skip
    score.add_argument("--judge-model", metavar="NAME", default="", help="which of its models")
    score.add_argument(
        "--judge-allow", metavar="HOST", action="append", default=[],
        help="a host that --judge-url may name, repeatable",
    )  # fmt: skip
    score.add_argument(
        "--source", choices=SOURCES, default="all", help="findings of one source (default: all)"
    )


def _seed(actions: "argparse._SubParsersAction[Any]") -> None:
    seed = actions.add_parser(
        "seed", help="make cases from a Python repository",
        description="Writes cases.jsonl and cases.git: changes of this repository with one known "
        "mistake each, and changes that mean nothing.",
    )  # fmt: skip
    seed.add_argument("repo", metavar="REPO", help="a git repository; its HEAD is used")
    seed.add_argument("--output", metavar="DIR", required=True, help="a folder without cases")
    seed.add_argument("--count", metavar="N", type=int, default=40, help="mistakes (default: 40)")
    seed.add_argument("--clean", metavar="N", type=int, default=20, help="others (default: 20)")
    seed.add_argument("--seed", metavar="N", type=int, default=0, help="chooses the places")
    seed.add_argument(
        "--operator", metavar="NAME", action="append", default=[],
        help="a kind of change, repeatable (default: all)",
    )  # fmt: skip


def _out(parser: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    parser.add_argument("--format", choices=formats, default="table", help="default: table")
    parser.add_argument("--output", metavar="FILE", help="default: standard output")
