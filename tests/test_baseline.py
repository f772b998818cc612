"""Known findings, and findings that the base's own comments ignore."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer import baseline, plugins
from reviewer.baseline import Entry, gone, kept, mark, of, parse, render
from reviewer.config import RuleSetting, Settings
from reviewer.errors import ConfigError
from reviewer.gate import ON_CHANGE, judge
from reviewer.guard import ground, ignored
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    Finding,
    Judged,
    Outcome,
    Report,
    Severity,
    Span,
    Standing,
    ToolRun,
)
from reviewer.text import original
from reviewer.tree import Tree
from tests.support.gitrepo import git
from tests.support.reviewing import Says, checkout, local, reviewed, reviewer
from tests.support.room import room

pytestmark = pytest.mark.slow  # whole reviews

SETTINGS = Settings()


def found(start: int = 1, path: str = "a.py", **more: object) -> Finding:
    plain = Finding(
        "t", "r", "m", Span(path, start, start), Severity.ERROR, Confidence.HIGH, Category.SECURITY
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def judged(
    where: tuple[ChangeSet, Tree], *findings: Finding, known: tuple[str, ...] = ()
) -> list[Judged]:
    tool = ToolRun("t", Outcome.OK, findings=findings)
    _, grounded = ground([tool], *where)
    silent = ignored(grounded, *where)
    return list(judge(grounded, where[0], SETTINGS, known, silent))


def standings(items: list[Judged]) -> list[tuple[int, Standing]]:
    return [(item.finding.span.start, item.standing) for item in items]


def fingerprints(where: tuple[ChangeSet, Tree], *findings: Finding) -> tuple[str, ...]:
    return tuple(item.finding.fingerprint for item in judged(where, *findings))


BASE = b"x = 1\ny = eval(z)\n"


def test_a_known_finding_is_no_news(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": b"y = eval(z)\n"}, {"a.py": b"pass\n"})
    known = fingerprints(where, found(1))
    (item,) = judged(where, found(1), known=known)
    assert (item.standing, item.note, item.anchor) == (Standing.KNOWN, baseline.NOTE, 0)
    (item,) = judged(where, found(1))
    assert item.standing is Standing.INLINE


@pytest.mark.parametrize(("head", "new"), [
    (b"y = eval(z)\nx = 1\ny = eval(z)\n", 1),
    (b"x = 1\ny = eval(z)\ny = eval(z)\n", 3),
])  # fmt: skip
def test_a_copy_of_a_known_finding_is_new(tmp_path: Path, head: bytes, new: int) -> None:
    where = room(tmp_path, {"a.py": head}, {"a.py": BASE})
    lines = [number for number, line in enumerate(head.split(b"\n"), 1) if b"eval" in line]
    first = replace(found(1), quote="y = eval(z)")
    result = judged(where, *map(found, lines), known=(first.fingerprint,))
    assert dict(standings(result)) == {
        number: Standing.INLINE if number == new else Standing.KNOWN for number in lines
    }


def test_as_many_are_known_as_were_written_down(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": b"e()\ne()\ne()\n"})
    first = replace(found(1), quote="e()")
    known = (first.fingerprint, replace(first, occurrence=1).fingerprint)
    result = standings(judged(where, found(1), found(2), found(3), known=known))
    assert [standing for _, standing in result] == [
        Standing.KNOWN, Standing.KNOWN, Standing.INLINE,
    ]  # fmt: skip


def test_what_is_switched_off_or_in_doubt_is_not_made_known() -> None:
    items = [
        Judged(found(n), standing, "", 0)
        for n, standing in enumerate((Standing.IGNORED, Standing.UNPROVEN), 1)
    ]
    assert mark(items, {item.finding.fingerprint for item in items}) == items


COMMENT = b"y = eval(z)  # reviewer: ignore[t/r] z comes from us\n"


def test_a_comment_of_the_base_ignores_its_line(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": b"x = 1\n" + COMMENT}, {"a.py": COMMENT})
    (item,) = judged(where, found(2))
    assert item.standing is Standing.IGNORED
    assert item.note == "ignored by the line itself: z comes from us"


def test_a_comment_that_the_change_adds_silences_nothing(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": COMMENT}, {"a.py": b"y = eval(z)\n"})
    (item,) = judged(where, found(1))
    assert item.standing is Standing.INLINE


def test_a_finding_of_several_lines_is_ignored_by_its_first(tmp_path: Path) -> None:
    base = b"def f():  # reviewer: ignore[t] grown\n    a()\n"
    where = room(tmp_path, {"a.py": base + b"    b()\n"}, {"a.py": base})
    (item,) = judged(where, found(span=Span("a.py", 1, 3)))
    assert item.standing is Standing.IGNORED
    (item,) = judged(where, found(span=Span("a.py", 2, 3)))
    assert item.standing is Standing.INLINE


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("# reviewer: ignore[t/r] why", "why"),
        ("// reviewer:ignore[x/y, t/*] why", "why"),
        ("/* reviewer: ignore[t] why */", "why"),
        ("<!-- reviewer: ignore[t/r] why -->", "why"),
        ("# reviewer: ignore[t/r]", "no reason is given"),
        ("# reviewer: ignore[a/b] no # reviewer: ignore[t/r] yes", ""),
        ("# reviewer: ignore[t/r] ghp_" + "a" * 36, "ghp_…(40 characters)"),
        ("# reviewer: ignore[t/r] " + "x" * 500, "x" * 199 + "…"),
        ("# reviewer: ignore[t/other] no", ""),
        ("# reviewer: ignore[!x,] no", ""),
        ("# reviewer: ignore[] no", ""),
        ("# reviewer: ignore everything", ""),
        ("# ignore[t/r] no", ""),
    ],
)
def test_what_a_comment_may_say(tmp_path: Path, comment: str, reason: str) -> None:
    line = f"y = 1  {comment}\n".encode()
    where = room(tmp_path, {"a.py": line + b"x\n"}, {"a.py": line})
    (item,) = judged(where, found(1))
    if reason:
        assert item.note == f"ignored by the line itself: {reason}"
    else:
        assert item.standing is Standing.OFF_DIFF


def test_a_place_that_is_not_there_is_not_ignored(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": COMMENT + b"x\n"}, {"a.py": COMMENT})
    items = judged(
        where,
        found(9),
        found(span=Span("a.py")),
        found(path="b.py"),
        found(span=Span("a.py", 2, 1)),
    )
    assert {item.standing for item in items} == {Standing.UNPROVEN, Standing.FILE}


def test_a_rule_that_is_off_says_so_first(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": COMMENT + b"x\n"}, {"a.py": COMMENT})
    _, grounded = ground([ToolRun("t", Outcome.OK, findings=(found(1),))], *where)
    settings = Settings(rules=(RuleSetting(None),))
    (item,) = judge(grounded, where[0], settings, (), ignored(grounded, *where))
    assert item.note == "switched off by rules"


ENTRIES = (Entry("a.py", "t/r", "1" * 32), Entry("b\udcff\n.py", "t/r", "2" * 32))


def test_the_file_is_sorted_and_has_one_entry_a_line() -> None:
    text = render(reversed(ENTRIES))
    assert text == render(ENTRIES)
    assert text.splitlines()[1] == (
        '  {"path":"a.py","rule":"t/r","fingerprint":"11111111111111111111111111111111"},'
    )
    assert len(text.splitlines()) == 4
    assert json.loads(text)["version"] == 1
    assert parse(text.encode(), "x") == ENTRIES
    assert parse(render(()).encode(), "x") == ()


@given(st.frozensets(st.builds(Entry, st.text(), st.text(), st.text()), max_size=4))
def test_what_is_written_is_read(entries: frozenset[Entry]) -> None:
    entries = frozenset(e for e in entries if original(e.path) == e.path)
    assert frozenset(parse(render(entries).encode("utf-8", "surrogatepass"), "x")) == entries


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"\xff", b'{"version": 2, "known": []}', b'{"version": 1, "known": [1]}',
     b'{"version": 1, "known": [{"path": "a"}]}', b"[" * 100_000],
)  # fmt: skip
def test_a_broken_file_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError, match="x: not a baseline") as caught:
        parse(data, "x")
    assert "reviewer baseline" in caught.value.tip


def reported(tmp_path: Path, base: dict[str, bytes], head: dict[str, bytes], *said: Says) -> Report:
    folder = tmp_path / "repository"
    checkout(folder, base, head)
    return reviewed(local(folder, tmp_path), tmp_path, said)


def test_findings_about_the_change_as_such_are_not_kept(tmp_path: Path) -> None:
    said = Says("t", (found(1), found(1, rule="s", category=Category.TESTS)))
    report = reported(tmp_path, {"b.py": b"x\n"}, {"a.py": b"y\n"}, said)
    assert {entry.rule for entry in of(report)} == {"t/r"}


def test_what_a_tool_could_not_look_into_stays_known(tmp_path: Path) -> None:
    report = reported(tmp_path, {"b.py": b"x\n"}, {"a.py": b"y\n"}, Says("t"))
    lost = replace(report, runs=(ToolRun("t", Outcome.FAILED, reason="broke"),))
    idle = replace(report, runs=(ToolRun("t", Outcome.SKIPPED, concerned=False),))
    entries = frozenset(ENTRIES)
    assert kept(entries, report) == frozenset()
    assert kept(entries, lost) == entries
    assert kept(entries, idle) == frozenset()
    assert kept(entries, replace(report, runs=())) == entries


def test_entries_that_occur_no_more_are_counted(tmp_path: Path) -> None:
    base = {"a.py": b"y\n", "gone.py": b"1\n" * 9, "old.py": b"2\n" * 9, "same.py": b"3\n"}
    head = {"a.py": b"y\nz\n", "new.py": b"2\n" * 9, "same.py": b"3\n"}
    report = reported(tmp_path, base, head, Says("t", (found(1),)))
    (item,) = report.judged
    there = Entry("a.py", "t/r", item.finding.fingerprint)
    mended = Entry("a.py", "t/r", "0" * 32)
    other = [Entry(path, "t/r", "0" * 32) for path in ("gone.py", "old.py", "same.py")]
    assert gone([there], report, {"t"}) == 0
    assert gone([mended], report, {"t"}) == 1
    assert gone([mended], report, ()) == 0, "a tool that looks at added lines alone cannot tell"
    assert gone([Entry("a.py", "u/r", "0" * 32)], report, {"t", "u"}) == 0, "it did not run"
    assert [gone([entry], report, ()) for entry in other] == [1, 1, 0]


EVAL = b"import json\n\n\ndef f(x):\n    return eval(x)\n"
"""Two findings: an import that is not used, and a call of eval (by two tools)."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    checkout(folder, {"src/a.py": EVAL}, {"src/a.py": EVAL, "src/b.py": b"B = 1\n"})
    git(folder, "checkout", "-q", "main")
    return folder


OTHERS = [name for name in plugins.names("reviewer.analyzers") if name not in ("ruff", "bandit")]
QUICK = {"REVIEWER_ANALYZERS_DISABLE": ",".join(OTHERS)}


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


def test_a_baseline_is_made_counts_and_shrinks(project: Path) -> None:
    made = reviewer("baseline", cwd=project, env=QUICK)
    assert made.code == 0, made.err
    file = project / baseline.FILE
    rules = [entry["rule"] for entry in json.loads(file.read_text())["known"]]
    assert {"ruff/F401", "ruff/S307", "bandit/B307"} <= set(rules)
    assert f"{len(rules)} known findings" in made.out
    again = file.read_text()
    commit(project, "know them")

    git(project, "checkout", "-q", "-b", "topic")
    moved = b"import os\n" + EVAL.replace(b"    return", b"        return")
    (project / "src/a.py").write_bytes(moved)
    commit(project, "move")
    review = reviewer("review", "--format", "json", cwd=project, env=QUICK)
    standing = {item["rule"]: item["standing"] for item in _findings(review.out)}
    assert standing["S307"] == "known"
    assert standing["B307"] == "known"

    (project / "src/a.py").write_bytes(b"def f(x):\n    return int(x)\n")
    commit(project, "mend")
    review = reviewer("review", cwd=project, env=QUICK)
    assert f"3 entries of {baseline.FILE} occur no more" in " ".join(review.out.split())

    assert reviewer("baseline", cwd=project, env=QUICK).out.startswith("0 known findings")
    assert file.read_text() != again
    assert parse(file.read_bytes(), "x") == ()


def _findings(text: str) -> list[dict[str, str]]:
    items: list[dict[str, str]] = json.loads(text)["findings"]
    return items


def test_a_bare_repository_has_no_place_for_it(project: Path) -> None:
    for command in ("baseline", "init"):
        done = reviewer(command, "--repo", ".git/", cwd=project, env=QUICK)
        assert done.code == 0, "the folder of git belongs to its checkout"
    bare = project.parent / "bare.git"
    git(project, "clone", "-q", "--bare", ".", str(bare))
    for command in ("baseline", "init"):
        done = reviewer(command, cwd=bare, env=QUICK)
        assert done.code == 2
        assert "is a bare repository" in done.err
    assert reviewer("init", "--stdout", cwd=bare).code == 0


def test_what_is_too_large_is_not_written(project: Path) -> None:
    (project / "src/c.py").write_bytes(b"import json\n" * 12_000)
    commit(project, "many")
    done = reviewer("baseline", cwd=project, env=QUICK)
    assert done.code == 2
    assert "do not fit into a baseline of 1 MiB" in done.err
    assert not (project / baseline.FILE).exists()


def test_a_tool_that_is_lost_keeps_what_is_known_of_it(project: Path) -> None:
    assert reviewer("baseline", cwd=project, env=QUICK).code == 0
    before = (project / baseline.FILE).read_bytes()
    commit(project, "know")
    lame = {**QUICK, "REVIEWER_ANALYZERS_DISABLE": ",".join([*OTHERS, "bandit"])}
    done = reviewer("baseline", cwd=project, env=lame)
    assert "0 new, 0 gone" in done.out
    assert (project / baseline.FILE).read_bytes() == before
    slow = {**QUICK, "REVIEWER_LIMITS_SECONDS": "1", "REVIEWER_ANALYZERS_DISABLE": ",".join(OTHERS)}
    (project / "src/c.py").write_bytes(b"x = [" + b"(1, 2), " * 120_000 + b"]\n")
    commit(project, "heavy")
    done = reviewer("baseline", cwd=project, env=slow)
    assert done.code == 0, done.err
    assert "bandit failed: did not end within 1 s; what was known of it stays" in done.out
    assert "0 gone" in done.out


def test_only_the_base_says_what_is_known(project: Path) -> None:
    git(project, "checkout", "-q", "-b", "topic")
    (project / "src/c.py").write_bytes(EVAL)
    commit(project, "new")
    assert reviewer("baseline", cwd=project, env=QUICK).code == 0
    commit(project, "claim to know it")
    review = reviewer("review", "--format", "json", cwd=project, env=QUICK)
    assert "known" not in {item["standing"] for item in _findings(review.out)}
    assert f"the change edits {baseline.FILE}" in review.out


def test_a_broken_baseline_of_the_base_is_named(project: Path) -> None:
    file = project / baseline.FILE
    file.parent.mkdir()
    file.write_text("{")
    commit(project, "break it")
    git(project, "checkout", "-q", "-b", "topic")
    (project / "src/c.py").write_text("C = 1\n")
    commit(project, "work")
    done = reviewer("review", cwd=project, env=QUICK)
    assert done.code == 2
    assert f"{baseline.FILE}: not a baseline" in done.err
    file.unlink()
    file.symlink_to("elsewhere")
    commit(project, "link")
    done = reviewer("review", "--base", "HEAD", "--worktree", cwd=project, env=QUICK)
    assert done.code == 2
    assert "not a regular file" in done.err


def test_the_standings_of_the_base_touch_neither_score_nor_verdict(tmp_path: Path) -> None:
    where = room(tmp_path, {"a.py": b"y = eval(z)\n"}, {"a.py": b"pass\n"})
    known = fingerprints(where, found(1))
    items = judged(where, found(1), known=known)
    assert not [item for item in items if item.standing in ON_CHANGE]
