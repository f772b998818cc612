"""The HTML page: inert whatever is in the report, complete in itself, and of a sensible size."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings

from reviewer.model import CoverageOfFile, Judged, Report, Severity, Span, Standing
from reviewer.reports import _chart as chart
from reviewer.reports.html import FULL, LINES, Html
from tests.support.reports import finding, reports, sample

TAGS = {
    "a", "article", "body", "circle", "code", "dd", "details", "div", "dl", "dt", "footer", "h1",
    "h2", "h3", "h4", "head", "header", "html", "li", "link", "main", "mark", "meta", "nav", "p",
    "path", "rect", "section", "span", "strong", "style", "summary", "svg", "table", "tbody", "td",
    "th", "thead", "title", "tr", "ul",
}  # fmt: skip
VOID = {"link", "meta"}
CLASSES = re.compile(r"[a-z -]*")


class Page(HTMLParser):
    """What a browser would make of it, as far as that can be told without one."""

    def __init__(self, made: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(made)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(report: Report) -> Page:
    return Page(Html().render(report))


def only(*judged: Judged) -> Report:
    return replace(sample(), judged=judged)


@given(reports())
@settings(max_examples=15, deadline=None)
def test_nothing_in_a_report_becomes_markup(report: Report) -> None:
    made = page(report)
    assert made.open == []
    assert {tag for tag, _ in made.elements} <= TAGS
    for _, attributes in made.elements:
        assert not any(name.startswith("on") or name in ("style", "src") for name in attributes)
        assert CLASSES.fullmatch(attributes.get("class", ""))
        href = attributes.get("href", "#")
        assert href[:1] == "#" or href[:8] == "https://" or href == "data:,"


def test_the_policy_allows_the_one_style_and_nothing_else() -> None:
    made = Html().render(sample())
    styles = re.findall(r"<style>(.*?)</style>", made, re.DOTALL)
    assert len(styles) == 1
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    assert "url(" not in styles[0] and "@import" not in styles[0]
    policy = next(m["content"] for m in page(sample()).all("meta") if "http-equiv" in m)
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def test_headings_come_in_order() -> None:
    levels = [int(tag[1]) for tag, _ in page(sample()).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_links_within_the_page_lead_somewhere() -> None:
    made = page(sample())
    ids = {attributes.get("id") for _, attributes in made.elements}
    assert all(link["href"][1:] in ids for link in made.all("a") if link["href"][0] == "#")


def test_only_web_addresses_are_links() -> None:
    links = [a["href"] for a in page(sample()).all("a") if a["href"][0] != "#"]
    assert links == ["https://docs.astral.sh/ruff/rules/hardcoded-sql-expression/"]


def test_hidden_characters_are_marks() -> None:
    made = Html().render(sample())
    assert "⟦U+202E⟧⟦U+2066⟧# only admins⟦U+2069⟧ ⟦U+2066⟧" in made.replace("<mark>", "").replace(
        "</mark>", ""
    )


@pytest.mark.parametrize(
    ("span", "quote", "marked"),
    [
        (Span("a.py", 4, 4, 5, 9), "x = call()", "call"),
        (Span("a.py", 4, 4, 5), "x = call()", "c"),
        (Span("a.py", 4, 4), "x = call()", ""),
        (Span("a.py", 4, 4, 99, 120), "x = call()", ""),
        (Span("a.py", 4, 5, 5, 9), "x = call(\n)", ""),
        (Span("a.py", 4, 4, 1001, 1005), "y" * 1000 + "call" + "z" * 1000, "call"),
    ],
)
def test_columns_are_marked(span: Span, quote: str, marked: str) -> None:
    item = Judged(finding(span=span, quote=quote), Standing.INLINE, "", 4)
    made = Html().render(only(item))
    assert "".join(re.findall("<mark>(.*?)</mark>", made)) == marked
    assert '<span class="number">4</span>' in made


def test_long_quotes_are_cut_and_counted() -> None:
    quote = "\n".join(f"line {n}" for n in range(12))
    item = Judged(finding(span=Span("a.py", 10, 59), quote=quote), Standing.INLINE, "", 10)
    made = Html().render(only(item))
    assert made.count('<span class="number">') == 12 + 1
    assert "… 38 more lines" in made


def test_findings_beyond_the_limit_keep_a_line_or_are_counted() -> None:
    items = [Judged(finding(start=n + 1), Standing.INLINE, "", n + 1) for n in range(9)]
    made = Html(full=2, lines=3).render(only(*items))
    assert made.count("<article") == 2
    assert "<strong>7 inline</strong>" in made
    assert made.count('<li><p class="meta">') == 3
    assert "and 4 more in the JSON report" in made


@pytest.mark.slow
def test_ten_thousand_findings_make_a_page_that_opens() -> None:
    severities = list(Severity)
    many = tuple(
        Judged(
            finding(f"r{n}", f"src/package/module{n % 99}.py", n + 1, message="m" * 120,
                    severity=severities[n % 3], quote="\n".join(["x = 1" * 9] * 12)),
            Standing.INLINE, "on a line of the change", n + 1,
        )
        for n in range(10_000)
    )  # fmt: skip
    made = Html().render(only(*many))
    assert len(made.encode()) < 6_000_000
    assert made.count("<article") == FULL
    assert made.count('<li><p class="meta">') == 10_000 - FULL < LINES


def test_all_refusals_are_listed_with_their_reasons() -> None:
    made = page(sample())
    told = "\n".join(made.text)
    assert "Model: saw 12 of 14 places" in told
    assert "1 edit not offered" in told and "line 63 would not parse: expected ':'" in told
    assert "3 findings not believed" in told and "claim: refutes itself" in told
    assert "with lock" not in told, "an edit that fails its checks is not shown"
    assert "src/shop/orders.py:100-130" in told
    for digest in ("5e" * 32, "1a" * 32, "4d" * 32, f"42:{'6f' * 32}"):
        assert digest in told
    assert "model.temperature" in told
    static = page(replace(sample(), model=None))
    assert {"href": "#model"} in made.all("a") and {"href": "#model"} not in static.all("a")


def of(covered: str = "", missing: str = "", partial: str = "") -> CoverageOfFile:
    def numbers(words: str) -> tuple[int, ...]:
        return tuple(int(word) for word in words.split())

    return CoverageOfFile("a.py", numbers(covered), numbers(missing), numbers(partial))


def test_a_strip_has_the_lines_in_their_order() -> None:
    strip = chart.strip(of("1 2 5 9", "3 7 8", "5"))
    assert strip == (
        7, 1, ((0, 2, "covered"), (2, 1, "missing"), (3, 1, "partial"), (4, 2, "missing"),
               (6, 1, "covered")),
    )  # fmt: skip


def test_a_cell_of_many_lines_shows_the_worst() -> None:
    file = CoverageOfFile("a.py", tuple(range(1, 1000)), (1000,))
    cells, each, bars = chart.strip(file)
    assert (cells, each) == (200, 5)
    assert bars == ((0, 199, "covered"), (199, 1, "missing"))


def test_a_file_without_lines_has_no_strip() -> None:
    assert chart.strip(of()) == (0, 1, ())
    report = replace(sample(), coverage=replace(sample().coverage, files=(of(),)))
    assert "added line</span>" not in Html().render(report)
