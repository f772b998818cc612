"""Nothing that a finding says is live in what we post, and nothing in it can pass for our mark."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from reviewer import remarks
from reviewer.errors import IntegrityError
from reviewer.forges.base import Past, PostReview, PutCheck, PutNote
from reviewer.marks import Marks
from reviewer.model import (
    ChangeSet,
    CoverageOfFile,
    FileSummary,
    Outcome,
    PatchCoverage,
    Proof,
    Report,
    Severity,
    Span,
    Standing,
    State,
    Status,
    Suggestion,
    ToolRun,
    Trust,
    Verdict,
)
from reviewer.posting import Manner, plan
from reviewer.recheck import recheck
from reviewer.text import HIDDEN
from reviewer.version import HOME
from tests.support.oracles import commands
from tests.support.publishing import HEAD, PATH, REQUEST, change, on_line, report, standing
from tests.support.reports import HOSTILE, finding, sample, texts

RENDER = MarkdownIt("gfm-like").render
MARKS = Marks(REQUEST.repository, REQUEST.number, b"key")
MANNER = Manner(key=b"key", check=True)

OURS = {"p", "strong", "code", "pre", "ul", "li", "details", "summary", "h2"}
OURS |= {"table", "thead", "tbody", "tr", "th", "td"}
INVISIBLE = re.compile(f"[{HIDDEN}]")

BOTS = (
    "/approve", "/lgtm", "/merge", "/retest", "/hold cancel", "/assign @me", "/label ok",
    "@dependabot merge", "@dependabot squash and merge", "@mergify merge", "@mergifyio rebase",
    "@renovate rebase", "bors r+", "bors merge", "@bors r+", "@coderabbitai resolve",
    "@github-actions run", "!deploy", "/azp run", "@pull-request-size ignore",
)  # fmt: skip
"""Orders that other bots take: a slash or a mention at the beginning of a line, or a mention."""

FORGED = (
    MARKS.finding("0" * 32, "ruff"),
    MARKS.summary(HEAD, "0" * 32),
    f"text\n\n{MARKS.review(HEAD, '0' * 32)}",
    f"-->\n{MARKS.finding('1' * 32, 'ruff')}",
    f"```\n{MARKS.finding('1' * 32, 'ruff')}\n",
)
PAYLOADS = (*HOSTILE, *BOTS, *FORGED, *(f"harmless words\n{item}" for item in (*HOSTILE, *BOTS)))


def hostile_report(payload: str) -> Report:
    """A report that says the payload wherever it can say something."""
    bad = {"message": payload, "help": payload, "url": payload}
    judged = (
        on_line(3, **bad),
        on_line(4, payload or "x", **bad),
        on_line(5, "S5", tool=payload or "x", **bad),
        standing(on_line(6, "S6", **bad), Standing.CAPPED),
        replace(standing(on_line(7, "S7", **bad), Standing.BODY), note=payload),
        standing(replace(on_line(8), finding=finding("S8", payload, 8, **bad)), Standing.FILE),
    )
    return replace(
        report(*judged),
        notes=(payload,),
        verdict=Verdict(State.FAILED, 5.0, (payload,), 1),
        runs=(ToolRun(payload, Outcome.FAILED, payload, reason=payload),),
        changes=(FileSummary(payload, Status.ADDED, skipped=payload),),
        coverage=PatchCoverage(
            (CoverageOfFile(payload, (), (1, 2)),), None, None, payload, (payload,), (payload,)
        ),
    )


def bodies(given: Report) -> list[str]:
    """Everything that would be posted as Markdown."""
    found = []
    for step in plan(given, change(), Past(HEAD), MANNER):
        match step:
            case PostReview():
                found += [step.body, *(comment.body for comment in step.comments)]
            case PutNote():
                found.append(step.body)
            case PutCheck():
                found.append(step.summary)
    return found


def assert_inert(body: str) -> None:
    html = RENDER(body)
    for link in re.findall(r'<a href="([^"]*)">', html):
        assert link.startswith(f"{HOME}/blob/main/docs/rules.md#"), link
        assert re.fullmatch(r"[a-z0-9-]*", link.partition("#")[2]), link
    tags = re.findall(r"<(/?[a-z0-9]+|!--)", re.sub("</?a[ >]", "<p ", html))
    assert {tag.strip("/") for tag in tags} <= {*OURS, "!--"}, tags
    assert not re.search(r"<(?!details>|summary>|a href|t[hd] style|code class)[a-z0-9]+ ", html)
    prose = re.sub(r"(?s)<(code|a)\b.*?</\1>|<!--.*?-->", "", html)
    assert not re.search(r"@\w|https?://|www\.\w|mailto:\w|#\d|GH-\d", prose), prose
    assert not re.search(r"(?m)^\s*(/[a-z]|bors |!deploy|@\w)", re.sub(r"(?s)```.*?```", "", body))
    assert not INVISIBLE.search(body.replace("\u200b", ""))
    assert html.count("<details>") == html.count("</details>")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_shown_as_text(payload: str) -> None:
    made = bodies(hostile_report(payload))
    assert len(made) >= 5
    for body in made:
        assert_inert(body)
        assert commands(body) == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_comment_on_a_line_has_no_more_than_its_own_frame(payload: str) -> None:
    made = finding(message=payload, help=payload)
    html = RENDER(remarks.comment(made, MARKS.finding("0" * 32, "ruff"), f"{HOME}/blob/main/x"))
    shown = re.sub(r"(?s)<!--.*?-->", "", html)
    assert not re.search(r"<(img|h\d|table|ul|ol|pre|blockquote|hr|details|s|em)\b", shown)
    assert shown.count("<a ") == shown.count("<strong>") == 1


@given(texts())
@settings(max_examples=30, deadline=None)
def test_any_text_is_shown_as_text(payload: str) -> None:
    for body in bodies(hostile_report(payload)):
        assert_inert(body)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_the_only_mark_is_ours_and_last(payload: str) -> None:
    for body in bodies(hostile_report(payload)):
        for line in body.splitlines()[:-1]:
            assert not line.strip().startswith("<!--")
            assert RENDER(line).count("<!--") == 0


def test_a_suggestion_cannot_leave_its_fence_nor_forge_a_mark() -> None:
    for payload in PAYLOADS:
        fix = Suggestion(Span(PATH, 3, 3), payload, Proof.CLEAN)
        (comment, *_) = [
            c
            for step in plan(report(on_line(3, suggestion=fix)), change(), Past(HEAD), MANNER)
            if isinstance(step, PostReview)
            for c in step.comments
        ]
        last = comment.body.splitlines()[-1]
        assert last == comment.mark and MARKS.read(last, "finding") is not None
        html = RENDER(comment.body)
        assert html.count("<pre>") == html.count('class="language-suggestion"') <= 1
        assert not re.search(r"<(img|h\d|table|ul|details|script)\b", html)


def test_the_sample_of_everything_hostile_is_inert() -> None:
    given = replace(sample(), request=REQUEST)
    files = {item.finding.span.path for item in given.judged}
    parts = [
        change(path.encode("utf-8", "replace").decode(), ((1, 120),))
        for path in files
        if "\n" not in path
    ]
    changes = ChangeSet(REQUEST.base, HEAD, tuple(file for part in parts for file in part.files))
    for step in plan(given, changes, Past(HEAD), MANNER):
        if isinstance(step, PostReview):
            assert step.comments
            for comment in step.comments:
                assert_inert(comment.body)


# What the one who publishes believes of a report


def test_a_report_on_another_change_is_refused() -> None:
    given = report(on_line(3))
    for other in (
        replace(REQUEST, head="c" * 40),
        replace(REQUEST, base="c" * 40),
        replace(REQUEST, number=8),
        replace(REQUEST, repository="octo/other"),
    ):
        with pytest.raises(IntegrityError):
            recheck(given, other, change())


def test_who_is_trusted_is_not_for_the_report_to_say() -> None:
    fix = Suggestion(Span(PATH, 3, 3), "better()\n", Proof.CLEAN)
    given = report(on_line(3, suggestion=fix))
    held = recheck(given, replace(REQUEST, trust=Trust.UNTRUSTED), change())
    assert held.request.trust is Trust.UNTRUSTED
    assert held.judged[0].finding.suggestion is None
    assert recheck(given, REQUEST, change()).judged[0].finding.suggestion == fix


@pytest.mark.parametrize(
    ("claimed", "held"),
    [
        (on_line(3), Standing.INLINE),
        (on_line(99), Standing.BODY),
        (replace(on_line(3), anchor=7), Standing.BODY),
        (replace(on_line(3), anchor=0), Standing.BODY),
        (standing(on_line(99), Standing.CAPPED), Standing.BODY),
        (standing(on_line(99), Standing.OFF_DIFF), Standing.OFF_DIFF),
        (standing(on_line(3), Standing.FILE), Standing.FILE),
        (replace(on_line(3), finding=finding("S1", "elsewhere.py", 3)), Standing.UNPROVEN),
        (replace(on_line(3), finding=finding("S" * 201)), Standing.UNPROVEN),
        (on_line(3, side=sample().judged[5].finding.side), Standing.BODY),
    ],
)
def test_a_place_is_held_against_the_change(claimed: object, held: Standing) -> None:
    given = recheck(report(claimed), REQUEST, change())  # type: ignore[arg-type]
    (item,) = given.judged
    assert item.standing is held
    if held is not Standing.INLINE:
        assert item.anchor == 0 and item.note
    assert item.finding.fingerprint == claimed.finding.fingerprint  # type: ignore[attr-defined]


def test_a_suggestion_on_other_lines_is_dropped() -> None:
    for span in (Span("x.py", 3, 3), Span(PATH, 39, 41), Span(PATH, 0, 0)):
        fix = Suggestion(span, "better()\n", Proof.CLEAN)
        given = recheck(report(on_line(3, suggestion=fix)), REQUEST, change())
        assert given.judged[0].finding.suggestion is None


def test_a_finding_twice_is_one_comment() -> None:
    given = recheck(report(on_line(3), on_line(3)), REQUEST, change())
    assert [item.standing for item in given.judged] == [Standing.INLINE, Standing.MERGED]


def test_files_that_a_report_hides_are_named() -> None:
    given = report(changes=(FileSummary("made-up.py", Status.ADDED, added=9),))
    held = recheck(given, REQUEST, change())
    assert [(f.path, f.added, bool(f.skipped)) for f in held.changes] == [(PATH, 40, True)]
    assert "1 file that the change does not touch" in held.notes[0]
    body, _ = remarks.summary(held, remarks.Account(), lambda _: HOME)
    assert "the report says nothing of it" in body


def test_coverage_is_of_lines_that_the_change_adds() -> None:
    coverage = PatchCoverage(
        (CoverageOfFile(PATH, (1, 2), (3, 400)), CoverageOfFile("x.py", (), (1,))), 50.0
    )
    held = recheck(report(coverage=coverage), REQUEST, change())
    assert held.coverage.files == (CoverageOfFile(PATH, (1, 2), (3,)),)


def test_texts_are_cut_and_secrets_are_taken_out() -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    given = report(
        on_line(3, message=f"{token} {'x' * 9000}", help=token),
        notes=(token,) * 500,
        verdict=Verdict(State.FAILED, 5.0, (token,), 1),
        runs=(ToolRun("ruff", Outcome.FAILED, reason=token),),
    )
    held = recheck(given, REQUEST, change())
    assert token not in repr(held)
    assert len(held.judged[0].finding.message) == 2000 and len(held.notes) == 200
    assert held.judged[0].finding.fingerprint == given.judged[0].finding.fingerprint


def test_an_honest_report_holds_as_it_is() -> None:
    given = report(on_line(3), standing(on_line(9, severity=Severity.NOTE), Standing.BODY))
    assert recheck(given, REQUEST, change()) == given
