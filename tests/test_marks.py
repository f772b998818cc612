"""Marks: read back as written, and counted on their own request alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.marks import LONGEST, Mark, Marks, digest, word

MARKS = Marks("octo/shop", 7, b"key")
FINGERPRINT = "0123456789abcdef" * 2
HEAD = "a" * 40


def test_a_mark_says_what_it_was_made_from() -> None:
    line = MARKS.finding(FINGERPRINT, "ruff")
    assert line.startswith(f"<!-- reviewer:finding:{FINGERPRINT}.ruff:") and line.endswith(" -->")
    assert MARKS.read(line, "finding") == Mark("finding", FINGERPRINT, "ruff")
    assert MARKS.read(MARKS.review(HEAD, FINGERPRINT), "review") == Mark(
        "review", HEAD, FINGERPRINT
    )
    assert MARKS.read(MARKS.summary(HEAD, FINGERPRINT), "summary") == Mark(
        "summary", HEAD, FINGERPRINT
    )


@pytest.mark.parametrize(
    "other",
    [
        Marks("octo/shop", 8, b"key"),
        Marks("octo/other", 7, b"key"),
        Marks("octo/shop", 7, b"other key"),
        Marks("octo/shop", 7),
    ],
)
def test_a_mark_counts_where_it_was_made(other: Marks) -> None:
    assert other.read(MARKS.finding(FINGERPRINT, "ruff"), "finding") is None


def test_a_mark_of_one_kind_is_none_of_another() -> None:
    line = MARKS.review(HEAD, FINGERPRINT)
    assert MARKS.read(line, "summary") is None
    assert MARKS.read(line.replace(":review:", ":summary:"), "summary") is None


def test_without_a_key_marks_still_tell_texts_apart() -> None:
    plain = Marks("octo/shop", 7)
    line = plain.finding(FINGERPRINT, "ruff")
    assert plain.read(line, "finding") is not None
    assert plain.read(line.replace("ruff", "ruf"), "finding") is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        "<!-- reviewer:finding -->",
        " " + MARKS.finding(FINGERPRINT, "ruff"),
        MARKS.finding(FINGERPRINT, "ruff") + "\n",
        MARKS.finding(FINGERPRINT, "ruff").upper(),
        MARKS.finding(FINGERPRINT, "ruff").replace("<!--", "\\<!--"),
        "<!-- reviewer:finding:" + "a" * LONGEST + " -->",
    ],
)
def test_what_is_no_mark(line: str) -> None:
    assert MARKS.read(line, "finding") is None


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_name_fits_into_a_mark(tool: str, head: str) -> None:
    line = MARKS.finding(FINGERPRINT, tool)
    assert len(line) <= LONGEST and "\n" not in line and line.count("--") == 2
    assert MARKS.read(line, "finding") == Mark("finding", FINGERPRINT, word(tool))
    assert MARKS.read(MARKS.review(head, FINGERPRINT), "review") == Mark(
        "review", word(head), FINGERPRINT
    )


@given(st.text(max_size=300))
def test_no_other_text_is_a_mark(line: str) -> None:
    assert MARKS.read(line, "finding") is None


def test_a_plain_name_stays_and_another_is_a_digest() -> None:
    assert word("detect-secrets") == "detect-secrets"
    assert word("a--b") != "a--b" and word("-->") != word("--!>")
    assert digest(["ab", "c"]) != digest(["a", "bc"])
    assert digest(["caf\udce9"]) != digest(["caf\udce8"])
