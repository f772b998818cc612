"""Makes the pictures of the README: `python docs/pictures.py` writes them to `docs/pictures/`.

They show the review of the example project (`examples/demo.py`): what the terminal says, by the SVG
export of rich, and the page for a browser, as Debian's chromium shows it (`apt-get install
chromium`; another place of it is named by CHROMIUM).
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from reviewer.reports.html import Html
from reviewer.reports.json import load
from reviewer.reports.terminal import Terminal

HERE: Final = Path(__file__).parent
PICTURES: Final = HERE / "pictures"
DEMO: Final = HERE.parent / "examples" / "demo.py"

COLUMNS: Final = 96
FIRST: Final = 30
"""Lines of the terminal that are shown before those from the score on."""

SCREEN: Final = {"width": 1080, "height": 860}
"""Pixels of the page that are shown."""

FRAME: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font: {char_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  line-height: {line_height}px; font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""The frame of rich without its fonts from the network."""


def terminal(shown: str) -> str:
    """The beginning and the end of what the terminal says, as SVG."""
    lines = shown.rstrip("\n").split("\n")
    plain = [Text.from_ansi(line).plain for line in lines]
    score = plain.index("Score")
    first = next(at for at in range(FIRST, len(plain)) if not plain[at].strip())
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False)
    console.print("$ reviewer review\n", style="bold")
    for line in (*lines[: first + 1], "…", "", *lines[score:]):
        console.print(Text.from_ansi(line))
    return console.export_svg(title="reviewer", theme=MONOKAI, code_format=FRAME, unique_id="r")


def screenshot(page: Path, target: Path) -> None:
    """The top of the page as a picture."""
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not browser_path:
        sys.exit("chromium is not on this machine\ntip: apt-get install chromium")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        opened = browser.new_page(viewport=SCREEN)
        opened.goto(page.as_uri())
        opened.screenshot(path=target)
        browser.close()


def main() -> None:
    """Review the example and draw it."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([sys.executable, DEMO, name], check=True, stdout=subprocess.DEVNULL)
        report = load((Path(name) / "review" / "report.json").read_bytes())
        shown = Terminal(width=COLUMNS, colour=True).render(report)
        (PICTURES / "terminal.svg").write_text(terminal(shown), "utf-8")
        page = Path(name) / "report.html"
        page.write_text(Html().render(report), "utf-8")
        screenshot(page, PICTURES / "html.png")


if __name__ == "__main__":
    main()
