"""The HTML page in a real browser: Debian's chromium, driven by playwright.

`apt-get install chromium` brings the browser; another place of it is named by CHROMIUM. Nothing is
downloaded by the test.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reviewer.model import Judged, Report, Standing, State
from reviewer.reports.html import Html
from tests.support.reports import finding, sample

if TYPE_CHECKING:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import Browser, Page

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not on this machine"),
]

SIZES = {"wide": (1280, 900), "phone": (360, 740)}


def long_words() -> Report:
    """A report whose texts have nowhere to break."""
    item = Judged(
        finding(path="p" * 300, rule="r" * 200, message="m" * 900, quote="q" * 900, help="h" * 900),
        Standing.INLINE,
        "n" * 300,
        42,
    )
    verdict = replace(sample().verdict, state=State.NOT_REVIEWED, score=None, reasons=("r" * 500,))
    runs = tuple(replace(run, version="v" * 99, reason="r" * 500) for run in sample().runs)
    judged = (item, replace(item, standing=Standing.KNOWN))
    return replace(sample(), verdict=verdict, runs=runs, judged=judged, notes=("n" * 500,))


REPORTS = {
    "full": sample(),
    "long": long_words(),
    "empty": replace(sample(), judged=(), runs=(), changes=(), heuristics=(), notes=()),
}


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def axe() -> "Axe":
    made: Axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    return made


@pytest.fixture(scope="module", params=REPORTS)
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    place: Path = tmp_path_factory.mktemp("page") / "report.html"
    place.write_text(Html().render(REPORTS[request.param]), encoding="utf-8")
    return place.as_uri()


def shown(browser: "Browser", address: str, size: str, scheme: str) -> "Page":
    """The page with every part unfolded, so that all of it is looked at."""
    width, height = SIZES[size]
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        bypass_csp=True,  # for the scan and the measuring; the page itself has no script
    )
    page.goto(address)
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    return page


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen(browser: "Browser", address: str, size: str, scheme: str) -> None:
    page = shown(browser, address, size, scheme)
    wide = """() => [...document.querySelectorAll('body *')]
        .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
        .map((e) => e.outerHTML.slice(0, 80))"""
    assert page.evaluate(wide) == []
    assert page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
    page.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(
    browser: "Browser", axe: "Axe", address: str, size: str, scheme: str
) -> None:
    page = shown(browser, address, size, scheme)
    results = axe.run(page)
    assert results.violations_count == 0, results.generate_report()
    assert len(results.response["passes"]) > 15
    page.close()


def test_it_asks_for_nothing_and_complains_of_nothing(browser: "Browser", address: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert asked == [address]
    assert said == []
    assert page.evaluate("getComputedStyle(document.body).marginTop") == "0px", (
        "no style is applied"
    )
    page.close()


def test_its_policy_would_stop_what_got_in(browser: "Browser", tmp_path: Path) -> None:
    """The proof that the policy works: a page into which markup was put by force."""
    made = Html().render(sample())
    evil = '<script>document.title = "run"</script><img src="https://evil.example/x"><main>'
    place = tmp_path / "evil.html"
    place.write_text(made.replace("<main>", evil), encoding="utf-8")
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(place.as_uri())
    assert page.title() != "run"
    assert len(said) == 2
    assert all("Content Security Policy" in words for words in said)
    page.close()


def test_it_unfolds_by_keyboard_and_without_script(browser: "Browser", tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    place.write_text(Html().render(sample()), encoding="utf-8")
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(place.as_uri())
    summary = page.locator("details[data-of=known] > summary")
    inside = page.locator("details[data-of=known] li").first
    assert not inside.is_visible()
    summary.focus()
    page.keyboard.press("Enter")
    inside.wait_for(state="visible", timeout=5000)
    page.close()
