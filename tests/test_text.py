"""What `text` makes of plain and odd text; the hostile kind is in hostile/test_shown_text.py."""

import html
import json
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer import text
from tests.support.oracles import commands
from tests.support.reports import texts


def test_clip_counts_and_tenths() -> None:
    assert text.clip("abcd", 4) == "abcd"
    assert text.clip("abcde", 4) == "abc…"
    assert [text.count(n, "line") for n in (0, 1, 1200)] == ["0 lines", "1 line", "1,200 lines"]
    assert [text.tenths(v) for v in (0, 84.29, 91, 99.99, 100)] == [
        "0",
        "84.2",
        "91",
        "99.9",
        "100",
    ]
    assert [text.tenths(n / 10) for n in range(1001)] == [f"{n / 10:g}" for n in range(1001)]


def test_hidden_is_what_unicode_calls_control_format_and_ignorable() -> None:
    hidden = re.compile(f"[{text.HIDDEN}]")
    categories = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if unicodedata.category(char) in categories and char not in "\t\n":
            assert hidden.match(char), f"U+{code:04X}"
    for char in "\t\n aé漢😀\u00a0\u0301":
        assert not hidden.match(char)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain", "plain"),
        ("é\t\n", "é\t\n"),
        ("a\u202eb", "a⟦U+202E⟧b"),
        ("\U000e0041", "⟦U+E0041⟧"),
        ("\u200d\ufe0f\x1b\r", "⟦U+200D⟧⟦U+FE0F⟧⟦U+001B⟧⟦U+000D⟧"),
        ("\udce9\ud800", "⟦U+DCE9⟧⟦U+D800⟧"),
    ],
)
def test_visible(given_text: str, shown: str) -> None:
    assert text.visible(given_text) == shown


@pytest.mark.parametrize(
    ("given_path", "shown"),
    [
        ("src/a b.py", "src/a b.py"),
        ("café", "café"),
        ("caf\udce9", "caf\\xe9"),
        ("a\n\t\r\x1bb", "a\\n\\t\\r\\x1bb"),
        ("\u202e\U000e0041\ud800", "\\u202e\\U000e0041\\ud800"),
    ],
)
def test_path(given_path: str, shown: str) -> None:
    assert text.path(given_path) == shown


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain", "plain"),
        ("a\r\nb\nc\rd", "a⏎b⏎c⏎d"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07x \x1bPq\x1b\\y \x1bcz", "red x y z"),
        ("tab\tbell\x07", "tab bell\ufffd"),
        ("::error::x std::vector a:::b", ": :error: :x std: :vector a: : :b"),
        ("##[group]x ###[y #[z", "# #[group]x ## #[y #[z"),
    ],
)
def test_log_line(given_text: str, shown: str) -> None:
    assert text.log_line(given_text) == shown


def test_log_line_is_cut() -> None:
    assert text.log_line("é" * 50, 10) == "é" * 9 + "…"


def test_no_commands() -> None:
    lines = "::a::b\n  ::c::d\n e::f\n\n\u2003::g\n##[h] x ##[i]"
    assert text.no_commands(lines) == (": :a::b\n  : :c::d\n e::f\n\n\u2003: :g\n# #[h] x # #[i]")


def test_terminal() -> None:
    assert text.terminal("plain") == "plain"
    assert text.terminal("a\tb\nc\x1b[2K") == "a    b⏎c⟦U+001B⟧[2K"
    assert text.terminal("a\n\u202e", lines=True) == "a\n⟦U+202E⟧"


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain words, so; yes", "plain words, so; yes"),
        ("a*b_c", r"a\*b\_c"),
        ("@me #1 GH-2 !3", "@\u200bme \\#\u200b1 GH\\-\u200b2 \\!\u200b3"),
        ("https://x www.y mailto:z", "https\\:\u200b\\/\\/x www\u200b\\.y mailto\\:\u200bz"),
        ("  a\n\n    b\r\nc  ", "a b c"),
        ("x\u202e\u200by", "xy"),
    ],
)
def test_markdown(given_text: str, shown: str) -> None:
    assert text.markdown(given_text) == shown


def test_markdown_lines_and_limit() -> None:
    assert text.markdown("  a\n\n    b ", lines=True) == "a\n\nb"
    assert text.markdown("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("", ""),
        ("x", "`x`"),
        ("`", "`` ` ``"),
        ("a``b", "```a``b```"),
        (" a", "`  a `"),
        ("a\nb\u202e", "`a⏎b⟦U+202E⟧`"),
    ],
)
def test_code_span(given_text: str, shown: str) -> None:
    assert text.code_span(given_text) == shown


def test_fence() -> None:
    assert text.fence("x = 1", "python") == "```python\nx = 1\n```"
    assert text.fence("a\r\n````\u202e", "py`\n") == "`````\na\n````⟦U+202E⟧\n`````"


def test_workflow_commands() -> None:
    assert text.workflow_data("50%\r\na: b, c\u202e") == "50%25%0D%0Aa: b, c⟦U+202E⟧"
    assert text.workflow_property("a:b,c%\n") == "a%3Ab%2Cc%25%0A"


@given(texts())
def test_portable_text_is_utf_8_and_comes_back(given_text: str) -> None:
    written = text.portable(given_text)
    written.encode()
    assert text.original(written) == given_text


@given(st.text(alphabet=["\\", "x", "e", "9", "\udce9", "a"], max_size=12))
def test_portable_text_is_never_taken_for_another(given_text: str) -> None:
    assert text.original(text.portable(given_text)) == given_text


def test_portable_text_reads_well() -> None:
    assert text.portable("caf\udce9") == "caf\\xe9"
    assert text.portable("C:\\new \\x41") == "C:\\new \\x41"
    assert text.portable("\\xe9") == "\\\\xe9"
    assert text.portable("\ud800") == "\ufffd"


@given(st.lists(st.sampled_from(["::error::x", "##[group]", "\n", " ", "a", "<b>"])).map("".join))
def test_documents_keep_their_meaning_and_lose_their_commands(raw: str) -> None:
    document = json.dumps([raw])
    assert json.loads(text.json_without_commands(document)) == [raw]
    page = f"<p>{html.escape(raw)}</p>"
    assert html.unescape(text.markup_without_commands(page)) == html.unescape(page)
    for made in (text.json_without_commands(document), text.markup_without_commands(page)):
        assert commands(made) == []
