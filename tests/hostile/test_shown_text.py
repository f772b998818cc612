"""Hostile text for every place it is shown in: threats of injection, spoofing, leaks and time."""

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reviewer import text
from tests.support.oracles import commands
from tests.support.reports import HOSTILE, texts

RENDER = MarkdownIt("gfm-like").render
ELEMENT = re.compile(
    r"<(img|a|h\d|table|ul|ol|pre|code|blockquote|hr|details|summary|script|em|strong|s|!--)\b"
    r"|@\w|https?://|www\.|mailto:(?!\u200b)|#\d|GH-\d",
    re.IGNORECASE,
)
INVISIBLE = re.compile(f"[{text.HIDDEN}]")

PIECES = st.lists(
    st.sampled_from(
        ["::", "##[", "]", "\r", "\n", " ", "set-env name=a", "add-mask", "error", "#", "#[", ":",
         "stop-commands", "\x1b[", "\x1b]", "\x1b", "\u2028", "\u00a0", "\t", "\x07", "\x1b[0m"]
    )
    | st.text(max_size=3),
    max_size=14,
).map("".join)  # fmt: skip


def test_the_oracle_sees_commands() -> None:
    seen = [bool(commands(item)) for item in HOSTILE]
    assert sum(seen) >= 5
    assert commands("x\r::error::y") == ["error"]
    assert commands(" \u2003::debug::x") == ["debug"]
    assert commands("a ##[add-path]/x") == ["add-path"]


@given(PIECES | texts())
@settings(max_examples=120, deadline=None)
def test_no_command_survives_in_a_log_line(given_text: str) -> None:
    line = text.log_line(given_text)
    assert commands(line) == []
    assert not INVISIBLE.search(line)
    assert "\n" not in line and "\t" not in line


@given(PIECES | texts())
@settings(max_examples=80, deadline=None)
def test_no_command_survives_on_a_page(given_text: str) -> None:
    page = text.no_commands(text.terminal(given_text, lines=True))
    assert commands(page) == []
    assert not INVISIBLE.search(page)


@given(PIECES | texts())
@settings(max_examples=100, deadline=None)
def test_a_workflow_command_stays_one_command(given_text: str) -> None:
    escaped = f"::error file={text.workflow_property(given_text)}::{text.workflow_data(given_text)}"
    assert commands(escaped) == ["error"]
    properties, _, message = escaped.removeprefix("::error file=").partition("::")
    assert not re.search("[:,\r\n]", properties)
    assert not re.search("[\r\n]", message)


def test_the_oracle_sees_markdown() -> None:
    assert sum(bool(ELEMENT.search(RENDER(item))) for item in HOSTILE) > 20


FRAMES = ("{}", "Finding: {}", "- {}", "> {}", "| a |\n|---|\n| {} |")


@pytest.mark.parametrize("item", HOSTILE)
def test_markdown_shows_hostile_text_as_text(item: str) -> None:
    cases = [(frame, text.markdown(item)) for frame in FRAMES]
    cases += [(frame, text.markdown(item, lines=True)) for frame in FRAMES[:-1]]
    for frame, markdown in cases:
        html = RENDER(frame.format(markdown))
        around = RENDER(frame.format("x"))
        for tag in ("ul", "blockquote", "table"):
            html = html.replace(f"<{tag}>", "", around.count(f"<{tag}>"))
        assert not ELEMENT.search(html), html


@given(texts() | st.text(alphabet="`*_[]()<>!#@&|~-+=.:/\\ \n1aGHw$\"'{}", max_size=30))
@settings(max_examples=100, deadline=None)
def test_markdown_is_never_more_than_a_paragraph(given_text: str) -> None:
    html = RENDER("Finding: " + text.markdown(given_text))
    assert re.fullmatch(r"<p>[^<>]*</p>\n", html), html


@given(
    texts() | st.text(alphabet="`~ \na<|", max_size=30), st.sampled_from(["", "py", "```\n<img"])
)
@settings(max_examples=60, deadline=None)
def test_code_cannot_leave_its_fence(code: str, lang: str) -> None:
    html = RENDER(text.fence(code, lang) + "\n\nafter")
    assert re.fullmatch(r"<pre><code[^<>]*>[^<>]*</code></pre>\n<p>after</p>\n", html), html
    assert not INVISIBLE.search(text.fence(code, lang))


@given(texts() | st.text(alphabet="`~ \na<|\\", max_size=30))
@settings(max_examples=60, deadline=None)
def test_code_cannot_leave_its_span(code: str) -> None:
    html = RENDER(f"a {text.code_span(code)} b")
    assert re.fullmatch(r"<p>a (<code>[^<>]*</code>)? ?b</p>\n", html), html


@given(texts())
def test_a_path_is_one_visible_line(given_text: str) -> None:
    shown = text.path(given_text)
    shown.encode()
    assert not INVISIBLE.search(shown) and "\n" not in shown and "\t" not in shown


# Made up, in the shape of the real ones; cut in two so that no scanner takes this file for a leak.
TOKENS = {
    "aws": ("AKIA", "IOSFODNN7EXAMPLE"),
    "aws session": ("ASIA", "IOSFODNN7EXAMPLE"),
    "github": ("ghp_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"),
    "github app": ("ghs_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"),
    "github fine": ("github_pat_", "11ABCDEFG0abcdefghijkl_MNOPQRSTUVWXYZ0123456789abcdef"),
    "gitlab": ("glpat-", "aB3dE5fG7hI9jK1lM3nO"),
    "slack": ("xoxb-", "123456789012-abcdefABCDEF"),
    "slack hook": ("https://hooks.slack.com/", "services/T0000AAAA/B0000BBBB/c1D2e3F4g5H6"),
    "google": ("AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"),
    "stripe": ("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"),
    "npm": ("npm_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"),
    "pypi": ("pypi-", "AgEIcHlwaS5vcmcCJDEyMzQ1Njc4LTEyMzQtMTIzNC0xMjM0"),
    "openai": ("sk-", "proj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"),
    "hugging face": ("hf_", "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"),
    "sendgrid": ("SG.", "a1B2c3D4e5F6g7H8i9J0k1.a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V"),
    "jwt": ("eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLWl0"),
    "key": (
        "-----BEGIN ",
        "RSA PRIVATE KEY-----\nMIIEabc+/=\nMIIEdef\n-----END RSA PRIVATE KEY-----",
    ),
    "url": ("https://user:", "hunter2hunter2@host.example/x"),
    "bearer": ("Bearer ", "a1B2c3D4e5F6g7H8i9J0k1L2"),
    "basic": ("Authorization: Basic ", "dXNlcjpodW50ZXIyaHVudGVyMg=="),
}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_is_shown_by_its_kind_and_length_alone(kind: str) -> None:
    prefix, secret = TOKENS[kind]
    body = secret.partition("@")[0]
    shown = text.redact(f'x = "{prefix}{secret}" # it')
    assert body not in shown
    assert not any(body[i : i + 8] in shown for i in range(len(body) - 7))
    assert "characters)" in shown
    assert shown.startswith('x = "') and shown.endswith('" # it')
    assert text.redact(shown) == shown


def test_what_is_left_of_a_secret() -> None:
    assert text.redact("AKIA" + "IOSFODNN7EXAMPLE") == "AKIA…(20 characters)"
    assert text.redact("https://me:" + "secret@h/x") == "https://me:…(6 characters)@h/x"
    assert text.redact("a hunter2 b", ["hunter2"]) == "a …(7 characters) b"
    assert text.redact("correct-horse-battery", ["correct-horse-battery"]) == "corr…(21 characters)"


def test_plain_text_stays() -> None:
    for words in (
        "nothing to hide",
        "see https://example.org:8080/a@b and me@example.org",
        "sk-learn, npm_config_cache, eyJust.a.word, AKIA, bearer of news",
        "basic internationalisation",
        "-----BEGIN CERTIFICATE-----",
    ):
        assert text.redact(words) == words


def test_masks_go_line_by_line_and_where_they_overlap() -> None:
    key = "first line of it\n  second line of it"
    assert "second line" not in text.redact("> second line of it", [key])
    assert text.redact("abcdefghij", ["abcdef", "cdefghij"]) == "…(10 characters)"
    assert text.redact("abcdef abcd", ["abcd", "abcdef"]) == "…(6 characters) …(4 characters)"
    assert text.redact("as is", ["is", "", "a"]) == "as is"


@given(st.lists(st.text(min_size=4, max_size=12), min_size=1, max_size=4), texts(), texts())
@example(["aaaa"], "", "aa")
@settings(deadline=None)
def test_no_mask_survives(masks: list[str], before: str, after: str) -> None:
    shown = text.redact(before + masks[0] + after, masks)
    for mask in masks:
        if (
            len(mask.strip()) >= text.SHORTEST_MASK
            and mask.strip() not in "…(123456789 characters)"
        ):
            assert mask.strip() not in shown


ATTACKS = [
    "eyJ", "eyJaaaaaaaa.", "ghp_", "github_pat_", "glpat-", "xoxb-", "sk-", "sk_live_", "AKIA",
    "pypi-AgE", "://a:", "://", "a:b", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "-", "Bearer ",
    "bearer a", "SG.", "hooks.slack.com/services/", "\\", "\\x", "\x1b[", "\x1b]", "\x1b[0", "::",
    "##[", "`", "` ", " ", "\n", "\n ", "\t", "@", "#1", "www.", "\u202e", "\udce9", "\\\udce9",
    "é", "authorization: ", "npm_", "AIza", "hf_", "[", "]("
]  # fmt: skip

FUNCTIONS: list[Callable[[str], str]] = [
    text.visible, text.path, text.log_line, text.no_commands, text.terminal, text.code_span,
    text.fence, text.workflow_data, text.workflow_property, text.portable, text.original,
    text.redact, lambda given_text: text.markdown(given_text, 50_000),
    lambda given_text: text.redact(given_text, ["eyJeyJ", "aaaa"]),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("piece", ATTACKS)
def test_time_is_linear(piece: str) -> None:
    """A quadratic pattern takes minutes for this; a slow machine takes some milliseconds."""
    for long in (piece * (50_000 // len(piece)), piece + "a" * 50_000, "a" * 50_000 + piece):
        for function in FUNCTIONS:
            started = time.process_time()
            function(long)
            assert time.process_time() - started < 2
