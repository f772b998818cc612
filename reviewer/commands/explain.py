"""`reviewer explain RULE`: what a rule is about, why it matters, what to do."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from reviewer import plugins
from reviewer.commands import _parts as parts
from reviewer.config import resolve
from reviewer.reports._paper import Paper, Piece
from reviewer.rules import Explained, catalogue
from reviewer.text import terminal


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """`reviewer explain`: find the rule, ask its program where there is one, show the page."""
    sections = plugins.discover("reviewer.analyzers")
    with parts.private_folder() as name:
        private = Path(name)
        private.chmod(0o711)
        path = parts.search_path(environ, Path())
        runner = parts.runner(resolve([], sections), environ, path, private)
        found = catalogue(sections).explain(arguments.rule, runner)
    parts.show(as_text(found, **parts.screen(environ)))
    return 0


def as_text(found: Explained, *, width: int, colour: bool) -> str:
    """The page of a rule for a terminal."""
    page, paper = found.page, Paper(width, colour=colour)
    grade = [
        page.severity.value if page.severity else "",
        f"{page.confidence.value} confidence" if page.confidence else "",
        page.category.value if page.category else "",
        f"from {found.source}",
    ]
    words = "  ".join(part for part in grade if part)
    paper.line((terminal(found.rule_id), "bold"), (f"  {words}", "dim"))
    for title, told in (("What", page.what), ("Why", page.why), ("Fix", page.fix)):
        if told:
            paper.heading(title)
            _prose(paper, told)
    for title, code in (("Before", page.before), ("After", page.after)):
        if code:
            paper.heading(title)
            for line in code.strip("\n").split("\n"):
                paper.line((terminal(line), ""), indent=4)
    if page.url:
        paper.gap()
        link: Piece = (terminal(page.url), "cyan")
        paper.line(link)
    return paper.read()


def _prose(paper: Paper, told: str) -> None:
    """Markdown as it is written, its paragraphs wrapped anew; code and lists keep their lines."""
    for paragraph in told.split("\n\n"):
        if any(line.startswith(("```", "- ", "    ")) for line in paragraph.split("\n")):
            for line in paragraph.split("\n"):
                paper.line((terminal(line), ""), indent=2)
        else:
            paper.line((terminal(" ".join(paragraph.split())), ""), indent=2)
