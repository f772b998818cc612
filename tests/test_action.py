"""The action from the event to what it leaves behind, as real processes against a real server."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reviewer import cli, outputs
from tests.fakes import _github_faults as faults
from tests.fakes._github_state import NAMES
from tests.support.reviewing import installation, reviewer
from tests.support.room import living
from tests.support.workflows import BAD, BASE, GOOD, Ended, Job, job, until

pytestmark = pytest.mark.slow

slow = partial(pytest.param, marks=pytest.mark.slow)
FORK = {"pull": {"head_repo": "stranger/r", "author": "stranger"}}

LEAST = dict.fromkeys(NAMES, "none") | {
    "contents": "read", "metadata": "read", "pull-requests": "write",
}  # fmt: skip
"""What the documentation asks for."""


@pytest.fixture
def bad(tmp_path: Path) -> Iterator[Job]:
    with job(tmp_path, BASE, BAD, permissions=LEAST) as made:
        yield made


@pytest.fixture
def good(tmp_path: Path) -> Iterator[Job]:
    with job(tmp_path, BASE, GOOD) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A job for runs that post nothing."""
    with job(tmp_path_factory.mktemp("shared"), BASE, BAD) as made:
        yield made
        assert not made.hub.writes


@pytest.fixture
def here(
    shared: Job, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Ended]]:
    """The action in this process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    mask = os.umask(0o022)

    def run(name: str, payload: dict[str, Any], more: dict[str, str]) -> Ended:
        for variable in os.environ:
            monkeypatch.delenv(variable)
        for variable, text in {**shared.environ(), **shared.event(name, **payload), **more}.items():
            monkeypatch.setenv(variable, text)
        for file in ("output", "summary"):
            (shared.place / file).unlink(missing_ok=True)
        code = cli.main(["action"])
        out, err = capfd.readouterr()
        return shared.ended(code, out.encode(), err.encode())

    yield run
    os.umask(mask)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def posted(made: Job) -> tuple[int, int, int]:
    """How many comments on lines, reviews and comments on the whole there are."""
    hub = made.hub
    return len(hub.review_comments), len(hub.reviews), len(hub.issue_comments)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# The whole way


def test_a_pull_request_is_reviewed_once(bad: Job) -> None:
    before = files(bad.workspace)
    done = bad.run(**bad.event())
    assert (done.code, done.err) == (1, "")
    (comment,) = bad.hub.review_comments
    assert (comment.path, comment.line) == ("src/a.py", 2)
    assert posted(bad) == (1, 1, 1)
    assert tuple(done.outputs) == outputs.KEYS
    assert done.outputs["verdict"] == "failed"
    assert (done.outputs["findings"], done.outputs["inline"]) == ("1", "1")
    assert done.outputs["review-url"].startswith(bad.hub.url)
    for name in ("report-json", "report-sarif", "report-markdown"):
        assert Path(done.outputs[name]).parent == bad.reports
        assert Path(done.outputs[name]).is_file()
    assert "hidden/bidi" in done.summary
    assert done.summary.count("## reviewer") == 1
    assert "FAILED" in done.out
    assert done.out.count("::group::") == done.out.count("::endgroup::")
    ledger = json.loads((bad.reports / "delivery.json").read_text())
    assert list(ledger["delivery"]["places"].values()) == ["inline"]
    assert files(bad.workspace) == before
    assert list((bad.place / "tmp").iterdir()) == []
    assert not (bad.place / "env").exists()
    assert not (bad.place / "path").exists()
    there, writes = posted(bad), len(bad.hub.writes)
    again = bad.run(**bad.event())
    assert (again.code, again.outputs["inline"]) == (1, "1")
    assert posted(bad) == there
    # The token may not write checks, which is tried and nothing to speak of.
    tried = {(r.path, r.status) for r in bad.hub.writes[writes:] if r.path != "/graphql"}
    assert tried == {("/repos/o/r/check-runs", 403)}
    assert "check was" not in again.summary + again.out


@pytest.mark.slow
def test_a_change_that_passes(good: Job) -> None:
    done = good.run(**good.event(), REVIEWER_COVERAGE_PATCH="off")
    assert (done.code, done.outputs["verdict"]) == (0, "passed")
    assert posted(good)[0] == 0


# Events


@pytest.mark.parametrize(
    ("name", "payload", "env", "code", "what"),
    [
        ("pull_request", {"action": "closed"}, {}, 0, "closed"),
        ("pull_request", {"pull": {"state": "closed"}}, {}, 0, "closed"),
        ("pull_request", {"pull": {"draft": True}}, {}, 0, "it is a draft"),
        ("pull_request", {"pull": {"title": "WIP x"}}, {"INPUT_SKIP-TITLES": "wip*"}, 0, "wip*"),
        ("pull_request", {}, {"INPUT_SKIP-PATHS": "src/**"}, 0, "skip.paths"),
        ("push", {}, {}, 2, "speaks of no pull request"),
        ("", {}, {}, 2, "speaks of no pull request"),
        ("pull_request", {"pull_request": None}, {}, 2, "says nothing of a pull_request"),
        ("pull_request", {}, {"GITHUB_EVENT_PATH": "/nonexistent"}, 2, "cannot be read"),
        ("workflow_dispatch", {}, {}, 2, "names no pull request"),
        ("workflow_dispatch", {}, {"INPUT_PR-NUMBER": "1; rm"}, 2, "pr-number"),
        ("workflow_dispatch", {}, {"INPUT_PR-NUMBER": "99"}, 2, "cannot be read"),
        ("pull_request", {}, {"GITHUB_REPOSITORY": "x"}, 2, "GITHUB_REPOSITORY"),
        ("pull_request", {}, {"INPUT_STAGE": "post"}, 2, "there is no stage"),
        ("pull_request", {}, {"REVIEWER_GATE_SCOER": "1"}, 2, "REVIEWER_GATE_SCOER"),
        (
            "pull_request",
            {"private": False},
            {"RUNNER_ENVIRONMENT": "self-hosted"},
            2,
            "public and the runner is self-hosted",
        ),
    ],
)
def test_what_ends_before_a_review(
    here: Callable[..., Ended],
    name: str,
    payload: dict[str, Any],
    env: dict[str, str],
    code: int,
    what: str,
) -> None:
    done = here(name, payload, env)
    assert done.code == code
    assert what in done.out + done.err
    assert done.outputs["verdict"] == ("not-reviewed" if code else "skipped")
    assert done.outputs["report-json"] == ""
    assert "## reviewer: " in done.summary
    assert ("::error title=reviewer::" in done.out) is (code != 0)


@pytest.mark.parametrize(
    ("name", "env"),
    [
        ("pull_request_target", {}),
        ("workflow_dispatch", {"INPUT_PR-NUMBER": "1"}),
        ("pull_request", {"RUNNER_ENVIRONMENT": "self-hosted", "INPUT_ALLOW-PUBLIC": "true"}),
    ],
)
@pytest.mark.slow
def test_events_with_a_pull_request(bad: Job, name: str, env: dict[str, str]) -> None:
    done = bad.run(**{**bad.event(name, private=False), **env})
    assert done.code == 1
    assert posted(bad) == (1, 1, 1)


@pytest.mark.slow
def test_a_target_event_needs_no_checkout(bad: Job) -> None:
    shutil.rmtree(bad.workspace)
    bad.workspace.mkdir()
    assert bad.run(**bad.event("pull_request_target")).code == 1
    assert posted(bad) == (1, 1, 1)


@pytest.mark.slow
def test_a_merge_queue_gets_a_verdict_and_no_review(bad: Job) -> None:
    group = {
        "head_sha": bad.head,
        "base_sha": bad.base,
        "base_ref": "refs/heads/main",
        "head_ref": "refs/heads/gh-readonly-queue/main/pr-1",
    }
    done = bad.run(**bad.event("merge_group", action="checks_requested", merge_group=group))
    assert done.code == 1
    assert posted(bad) == (0, 0, 0)
    assert "hidden/bidi" in done.summary
    assert "::error file=src/a.py,line=2" in done.out


# Forks and the two stages


def test_a_fork_gets_annotations_and_a_summary(tmp_path: Path) -> None:
    with job(tmp_path, BASE, BAD, **FORK) as made:
        token = made.hub.add_token("ghs_fork", read_only=True)
        done = made.run(**made.event(), GITHUB_TOKEN=token)
        assert done.code == 1
        assert posted(made) == (0, 0, 0)
        assert "::error file=src/a.py,line=2" in done.out
        assert "hidden/bidi" in done.summary
        assert "pull-requests: write" in done.summary.replace("\\", "")
        assert done.outputs["inline"] == "0"


def finished(made: Job, **more: Any) -> dict[str, str]:
    """The event that starts the second stage."""
    pull = made.hub.pulls[1]
    run = {
        "head_sha": pull.head_sha,
        "event": "pull_request",
        "head_branch": "topic",
        "head_repository": {"full_name": pull.head_repo},
        **more,
    }
    return made.event("workflow_run", action="completed", workflow_run=run)


@pytest.mark.slow
def test_two_stages(tmp_path: Path) -> None:
    with job(tmp_path, BASE, BAD, **FORK) as made:
        token = made.hub.add_token("ghs_fork", read_only=True)
        first = made.run(**made.event(), GITHUB_TOKEN=token, INPUT_STAGE="review")
        assert first.code == 1
        assert not made.hub.writes
        assert "hidden/bidi" in first.summary
        artifact = shutil.copytree(made.reports, made.place / "artifact")
        shutil.rmtree(made.reports)
        second = made.run(**finished(made), INPUT_REPORT=str(artifact / "report.json"))
        assert second.code == 1
        assert posted(made) == (1, 1, 1)
        assert second.outputs["inline"] == "1"


@pytest.mark.parametrize(
    ("change", "code", "what"),
    [
        (b'"number": 1', 4, "does not match its digest"),
        (b"", 2, "not a report"),
    ],
)
@pytest.mark.slow
def test_a_forged_report_is_not_posted(bad: Job, change: bytes, code: int, what: str) -> None:
    bad.run(**bad.event(), INPUT_STAGE="review")
    report = bad.reports / "report.json"
    data = report.read_bytes()
    report.write_bytes(data.replace(change, b'"number": 2') if change else data[: len(data) // 2])
    done = bad.run(**finished(bad))
    assert (done.code, what in done.err) == (code, True)
    assert posted(bad) == (0, 0, 0)


@pytest.mark.slow
def test_a_report_counts_for_its_own_pull_request_alone(bad: Job) -> None:
    bad.run(**bad.event(), INPUT_STAGE="review")
    other = bad.commit("feature", "src/b.py", b"y = 1\n")
    bad.hub.open_pull(head=other, head_ref="other")
    done = bad.run(**finished(bad, head_sha=other, head_branch="other"))
    assert done.code == 4
    assert "about another change" in done.err
    assert posted(bad) == (0, 0, 0)
    assert done.outputs["verdict"] == "not-reviewed"
    assert "hidden/bidi" not in done.summary


@pytest.mark.slow
def test_a_second_stage_that_comes_too_late(bad: Job) -> None:
    bad.run(**bad.event(), INPUT_STAGE="review")
    late = finished(bad)
    bad.hub.push(1, bad.commit("feature", "src/b.py", b"y = 1\n"))
    done = bad.run(**late)
    assert done.code == 0
    assert "newer head" in done.out
    assert posted(bad) == (0, 0, 0)


@pytest.mark.slow
def test_a_push_during_the_review(bad: Job) -> None:
    newer = bad.commit("feature", "src/b.py", b"y = 1\n")
    event = bad.event()
    bad.hub.push(1, newer)
    done = bad.run(**event)
    assert done.code == 0
    assert posted(bad) == (0, 0, 0)
    assert "moved on" in done.summary


# Settings


@pytest.mark.slow
def test_settings_of_the_base_that_are_wrong(bad: Job) -> None:
    base = bad.commit("main", ".github/reviewer.yml", b"gate:\n  scoer: 3\n")
    bad.hub.retarget(1, "main")
    done = bad.run(**bad.event())
    assert done.code == 2
    assert f"{base[:12]}:.github/reviewer.yml:2" in done.err
    assert "scoer" in done.summary
    assert posted(bad) == (0, 0, 0)


@pytest.mark.slow
def test_settings_of_the_change_do_not_count_and_are_named(bad: Job) -> None:
    bad.hub.push(1, bad.commit("feature", ".github/reviewer.yml", b"gate: {fail-on: none}\n"))
    done = bad.run(**bad.event())
    assert done.code == 1
    assert "the change edits .github/reviewer.yml" in done.summary.replace("\\", "")


@pytest.mark.slow
def test_other_settings_of_the_base(bad: Job) -> None:
    bad.commit("main", "ci/review.yml", b"gate: {fail-on: none}\ncoverage: {patch: off}\n")
    bad.hub.retarget(1, "main")
    event = bad.event()
    assert bad.run(**event, INPUT_CONFIG="ci/review.yml").code == 0
    missing = bad.run(**event, INPUT_CONFIG="ci/other.yml")
    assert (missing.code, "has no file ci/other.yml" in missing.err) == (2, True)


@pytest.mark.slow
def test_inputs_stand_over_the_settings_of_the_base(bad: Job) -> None:
    done = bad.run(**bad.event(), **{"INPUT_FAIL-ON": "none", "INPUT_MIN-COVERAGE": "off"})
    assert (done.code, done.outputs["verdict"]) == (0, "passed")


# The workspace


COVERAGE = b"TN:\nSF:src/a.py\nDA:1,1\nDA:2,0\nLF:2\nLH:1\nend_of_record\n"


@pytest.mark.slow
def test_coverage_comes_from_the_workspace(good: Job) -> None:
    (good.workspace / "out").mkdir()
    (good.workspace / "out" / "lcov.info").write_bytes(COVERAGE)
    done = good.run(**good.event(), INPUT_COVERAGE="out/lcov.info")
    assert done.outputs["patch-coverage"] == "0"
    usual = good.run(**good.event(), REVIEWER_COVERAGE_FILES="out/lcov.info")
    assert usual.outputs["patch-coverage"] == "0"


@pytest.mark.slow
def test_a_link_out_of_the_workspace_is_not_followed(good: Job) -> None:
    outside = good.place / "outside"
    outside.mkdir()
    (outside / "lcov.info").write_bytes(COVERAGE)
    (good.workspace / "out").symlink_to(outside)
    done = good.run(**good.event(), INPUT_COVERAGE="out/lcov.info")
    assert done.outputs["patch-coverage"] == ""
    assert "out: it is a symbolic link" in done.out


@pytest.mark.slow
def test_reports_do_not_go_where_a_link_of_the_change_leads(good: Job) -> None:
    (good.workspace / "out").symlink_to(good.place)
    done = good.run(**good.event(), INPUT_OUTPUT="out/reports")
    assert (done.code, "symbolic link" in done.err) == (2, True)
    fine = good.run(**good.event(), INPUT_OUTPUT="own/reports")
    assert fine.outputs["report-json"] == str(good.workspace / "own/reports/report.json")


# What cannot be written


@pytest.mark.slow
def test_outputs_that_cannot_be_written(bad: Job) -> None:
    done = bad.run(**bad.event(), GITHUB_OUTPUT="/proc/none")
    assert done.code == 1
    assert "::warning title=reviewer::the outputs cannot be written" in done.out


@pytest.mark.parametrize("how", [slow("missing"), slow("unwritable"), slow("full")])
def test_a_summary_that_cannot_be_written(bad: Job, how: str) -> None:
    full = bad.place / "full"
    full.write_bytes(b"x" * (outputs.SUMMARY_BYTES - 5))
    place = {"missing": "", "unwritable": "/proc/none", "full": str(full)}[how]
    done = bad.run(**bad.event(), GITHUB_STEP_SUMMARY=place)
    assert done.code == 1
    assert posted(bad) == (1, 1, 1)
    assert "hidden/bidi" in done.out
    assert full.stat().st_size <= outputs.SUMMARY_BYTES


@pytest.mark.slow
def test_a_folder_for_reports_that_cannot_be(bad: Job) -> None:
    done = bad.run(**bad.event(), INPUT_OUTPUT="/proc/none/reports")
    assert done.code == 3
    assert "cannot make the folder" in done.err
    assert "hidden/bidi" in done.summary


@pytest.mark.slow
def test_a_forge_that_is_down_after_the_review(bad: Job) -> None:
    bad.hub.fault("POST", "*/pulls/1/reviews", faults.bad_gateway(stored=True))
    done = bad.run(**bad.event())
    assert done.code == 1
    assert posted(bad) == (1, 1, 1)


# Elsewhere


@pytest.mark.slow
def test_publish_shows_the_report_where_there_is_no_forge(bad: Job) -> None:
    bad.run(**bad.event(), INPUT_STAGE="review")
    done = reviewer("publish", str(bad.reports / "report.json"), cwd=bad.place)
    assert (done.code, done.err) == (1, "")
    assert "FAILED" in done.out


@pytest.mark.slow
def test_publish_alone_in_a_workflow(bad: Job) -> None:
    bad.run(**bad.event(), INPUT_STAGE="review")
    done = bad.run("publish", str(bad.reports / "report.json"), **bad.event())
    assert done.code == 1
    assert posted(bad) == (1, 1, 1)
    assert "hidden/bidi" in done.summary


# Cancelled


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), slow(signal.SIGINT, 130)])
def test_cancelled_in_the_middle_of_the_review(bad: Job, number: int, code: int) -> None:
    told = bad.place / "pid"
    body = f"echo $$ > {told}.new; mv {told}.new {told}; sleep 60 & sleep 60"
    bad.place.chmod(0o777)
    bad.python = installation(bad.place / "bare", ruff=body)
    bad.analyzers = ("ruff",)
    with bad.started(**bad.event()) as child:
        until(told.exists)
        child.send_signal(number)
        out, err = child.communicate(timeout=5)
    done = bad.ended(child.returncode, out, err)
    assert done.code == code
    assert not living(int(told.read_text()))
    assert "cut off" in done.summary
    assert done.outputs["verdict"] == "not-reviewed"
    assert posted(bad) == (0, 0, 0)
    assert list((bad.place / "tmp").iterdir()) == []


@pytest.mark.slow
def test_cancelled_while_publishing(bad: Job) -> None:
    seen: list[int] = []
    bad.hub.fault("POST", "*/pulls/1/reviews", faults.hang(10))
    bad.hub.after("POST", "*/pulls/1/reviews", lambda: seen.append(1))
    with bad.started(**bad.event()) as child:
        until(lambda: any(r.path.endswith("/reviews") for r in bad.hub.writes) or bool(seen))
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=6)
    done = bad.ended(child.returncode, out, err)
    assert done.code == 143
    assert "hidden/bidi" in done.summary
    assert "cut off" in done.summary
    assert (bad.reports / "delivery.json").is_file()
    assert (bad.reports / "report.json").is_file()
