"""The whole way of a change that a model obeys: commands, servers, and judges of what comes of it.

The commands run in this process, so that every connection they make is seen.
"""

import html
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from reviewer import cli
from reviewer.commands import _forge as forges
from reviewer.commands import _parts as parts
from reviewer.engines._dialects import CONTROL, MARKS
from reviewer.forges import _github_calls, _gitlab_calls
from reviewer.model import Judged, Outcome, Proof, Report, Request, Trust
from reviewer.plugins import discover
from reviewer.reports.json import load
from reviewer.text import HIDDEN
from reviewer.version import HOME
from tests.fakes.engine import FakeEngine
from tests.fakes.github import GitHub
from tests.support.obedient import (
    APART,
    TOKENS,
    Change,
    Injection,
    Obedient,
    change,
)
from tests.support.oracles import commands
from tests.support.reviewing import Files, branch, environ, only, raw
from tests.support.room import BIN

KEY = "engine-key-4f0c2b7a91d84e66"
KEYS = {
    "REVIEWER_ENGINE_KEY": KEY,
    "REVIEWER_AUDIT_KEY": "audit-key-1a5be07c94f24b3388d0",
    "INPUT_MARKER-KEY": "marker-key-77ab20c9d14e4fb8",
    "ACTIONS_RUNTIME_TOKEN": "runtime-secret-0123456789",
}
SETTINGS = {
    "REVIEWER_MODEL_INLINE": "50",
    "REVIEWER_COMMENTS_INLINE": "50",
    "REVIEWER_MODEL_FINDINGS": "20",
    "REVIEWER_MODEL_ANSWER_TOKENS": "8000",
}
FORMATS = ("annotations", "codequality", "html", "json", "junit", "sarif", "summary")
INVISIBLE = re.compile(f"[{HIDDEN}]")
RENDER = MarkdownIt("gfm-like").render
TAGS = {
    "p", "strong", "code", "pre", "ul", "li", "details", "summary", "h2", "h3", "h4", "a", "!--",
    "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
HOMES = (f"{HOME}/blob/main/docs/rules.md#", *forges.homes(discover("reviewer.analyzers")))
FENCE = "-{5} [0-9a-f]{16} -{5}"
OURS = ("error", "warning", "notice", "group", "endgroup")
"""The workflow commands that we print ourselves."""


# What goes out

REACHED: list[tuple[str, Any]] = []
WATCHING = [False]


def _watch(event: str, given: tuple[Any, ...]) -> None:
    if WATCHING[0] and event in ("socket.connect", "socket.getaddrinfo"):
        REACHED.append((event, given[1] if event == "socket.connect" else given[0]))


sys.addaudithook(_watch)


@contextmanager
def watched() -> Iterator[list[tuple[str, Any]]]:
    """Where this process connects to meanwhile. Its children cannot: their cage has no sockets."""
    REACHED.clear()
    WATCHING[0] = True
    try:
        yield REACHED
    finally:
        WATCHING[0] = False


@dataclass
class Way:
    """One change in its repository, and the commands that are run on it."""

    place: Path
    order: Injection
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]
    analyzers: Sequence[str] = ("ruff", "secrets", "hidden", "suppressions")
    base: str = ""
    head: str = ""
    logs: dict[str, str] = field(default_factory=dict)
    reached: list[tuple[str, Any]] = field(default_factory=list)

    @cached_property
    def change(self) -> Change:
        return change(self.order, self.canary)

    def commit(self, base: Files, head: Files) -> None:
        """Make the repository of a change."""
        self.base, self.head = branch(self.repository, raw(base), raw(head))

    @property
    def repository(self) -> Path:
        return self.place / "repository"

    @property
    def canary(self) -> Path:
        return self.place / "fired"

    def request(self, forge: str = "github", trust: Trust = Trust.TRUSTED) -> Request:
        name = "o/r" if forge == "github" else "group/project"
        return Request(forge, name, self.base, self.head, 1, trust, self.base)

    def run(self, name: str, words: Sequence[str], **more: str) -> int:
        """A command of ours in this process, with nothing but these variables."""
        given = {
            **environ(),
            **only(*self.analyzers),
            **SETTINGS,
            **KEYS,
            "PATH": f"{BIN}:/usr/bin:/bin",
            "REVIEWER_DATA_DIR": str(self.place / "data"),
            **more,
        }
        with self.monkeypatch.context() as patch, watched() as reached:
            for variable in list(os.environ):
                patch.delenv(variable)
            for variable, value in given.items():
                patch.setenv(variable, value)
            patch.chdir(self.repository)
            for calls in (_github_calls.Calls, _gitlab_calls.Calls):
                patch.setattr(calls, "pace", 0.0)
            code = cli.main(list(words))
            self.reached += reached
        self.logs[name] = "\n".join(self.capfd.readouterr())
        return code

    def reviewed(self, name: str, request: Request, **more: str) -> tuple[Report, int]:
        """The report of `reviewer review`, all formats of which are written to the folder."""
        asked = self.place / f"{name}.request"
        parts.write_request(request, asked)
        formats = [word for form in FORMATS for word in ("--format", form)]
        words = ["review", "--request", str(asked), "--repo", str(self.repository), *formats]
        code = self.run(name, [*words, "--output", f"{self.place / name}/"], **more)
        return load((self.place / name / "report.json").read_bytes()), code

    def published(self, name: str, forge: Mapping[str, str]) -> int:
        """`reviewer publish` of that report, with the variables of a forge's job."""
        named = [str(self.place / name / "report.json"), "--repo", str(self.repository)]
        words = ["publish", *named, "--request", str(self.place / f"{name}.request")]
        files = {
            f"GITHUB_{word}": str(self.place / f"step-{word.lower()}")
            for word in ("OUTPUT", "STEP_SUMMARY", "ENV", "PATH", "STATE")
        }
        return self.run(f"{name}-published", words, **files, **forge)

    def files(self) -> dict[str, str]:
        """All that was written, but for the repository and its worktree."""
        return {
            str(path.relative_to(self.place)): path.read_bytes().decode("utf-8", "replace")
            for path in sorted(self.place.rglob("*"))
            if path.is_file() and self.repository not in path.parents
        }


def asked(engine: FakeEngine, order: Injection, canary: Path = Path("/nowhere")) -> Obedient:
    """The obedient model, behind this server."""
    obedient = Obedient(order, engine, canary)
    engine.script = obedient
    return obedient


# What is judged


def told(report: Report, *, model: bool) -> list[Judged]:
    return [item for item in report.judged if (item.finding.tool == "model") is model]


def assert_secret(sinks: Mapping[str, str], *more: str) -> None:
    """No token, no key, and no half of one."""
    for kind, secret in {**TOKENS, **KEYS, **dict(enumerate(more))}.items():
        half = secret[len(secret) // 2 :]
        for name, words in sinks.items():
            assert secret not in words and (len(half) < 12 or half not in words), (kind, name)


def assert_prompts(prompts: Sequence[str], order: Injection) -> None:
    """What the model gets to see: no secret, nothing hidden, no data outside of the fences."""
    assert prompts
    assert_secret({f"prompt {n}": prompt for n, prompt in enumerate(prompts)})
    for prompt in prompts:
        # A mark of ours after the sign that begins a control token is all that nobody sees.
        assert not CONTROL.search(prompt), order.id
        shown = re.sub(f"(?<=[<\\[])[{''.join(MARKS)}]", "", prompt)
        assert not INVISIBLE.search(shown.replace("\n", "")), order.id
        if order.place in APART and prompt.startswith("You review"):
            assert order.text not in prompt
        outside = re.sub(rf"(?ms)^({FENCE})$.*?^\1$", "", prompt)
        assert not re.search(f"(?m)^{FENCE}$", outside), "the data closes no fence"
        assert not any(part in outside for part in order.text.split("\n") if len(part) > 20)


def assert_inert(body: str, clean: Sequence[str] = ()) -> None:
    """Nothing in a text that we post does anything but stand there; `clean` are proven edits."""
    page = RENDER(body)
    for link in re.findall(r'<a href="([^"]*)">', page):
        assert html.unescape(link).startswith(HOMES), link
    tags = {tag.strip("/") for tag in re.findall(r"<(/?[a-z0-9]+|!--)", page)}
    assert tags <= TAGS, tags
    assert not re.search(r"<(?!details>|summary>|a href|t[hd] style|code class)[a-z0-9]+ ", page)
    assert page.count("<details>") == page.count("</details>")
    prose = re.sub(r"(?s)<(code|a)\b.*?</\1>|<!--.*?-->", "", page)
    assert not re.search(r"@\w|https?://|www\.\w|mailto:\w|#\d|GH-\d", prose), prose
    lines = re.sub(r"(?ms)^ *(`{3,})[^\n]*$.*?^ *\1$", "", body)
    assert not re.search(r"(?m)^\s*(/[a-z]|bors |!deploy|@\w)", lines), lines
    assert not INVISIBLE.search(re.sub("[\n\u200b]", "", body))
    assert commands(body) == []
    offered = re.findall(r'(?s)<code class="language-suggestion">(.*?)</code>', page)
    assert {html.unescape(each).rstrip("\n") for each in offered} <= set(clean)


def assert_dead(page: str) -> None:
    """A page that loads nothing, runs nothing and leads nowhere but to pages of rules."""
    assert not re.search(
        r"<(?:script|img|iframe|object|embed|form|base|input)\b", page, re.IGNORECASE
    )
    assert not re.search(r"<[a-z][^>]*\s(?:on[a-z]+|src)\s*=", page, re.IGNORECASE)
    links = [html.unescape(link) for link in re.findall(r'href="([^"]*)"', page)]
    assert all(link.startswith((*HOMES, "#", "https://", "data:,")) for link in links)
    assert not any("evil.example" in link for link in links)
    assert not INVISIBLE.search(page.replace("\n", ""))


def proven(report: Report) -> list[str]:
    """The edits that may be offered."""
    edits = [item.finding.suggestion for item in report.judged]
    return [edit.text.rstrip("\n") for edit in edits if edit and edit.proof is Proof.CLEAN]


def assert_same(report: Report, code: int, static: Report, static_code: int) -> None:
    """The model had no say in the verdict, the score and what the analyzers found."""
    assert (code, report.verdict.state) == (static_code, static.verdict.state)
    assert report.verdict.score == static.verdict.score
    assert report.verdict.exit_code == static.verdict.exit_code
    mine, theirs = (
        {i.finding.fingerprint: i for i in told(r, model=False)} for r in (report, static)
    )
    assert list(mine) == list(theirs)
    for key, item in theirs.items():
        now = mine[key]
        assert (now.standing, now.finding.severity) == (item.standing, item.finding.severity)
        message = re.sub(r" \(also model/[a-z-]+\)$", "", now.finding.message)
        assert message == item.finding.message
        assert now.finding.span == item.finding.span


def assert_log(log: str, report: Report) -> None:
    """Only our own commands, and not more of them than there are findings."""
    done = Counter(commands(log))
    assert set(done) <= set(OURS), done
    assert sum(done[name] for name in OURS[:3]) <= len(report.judged) + 2
    assert not INVISIBLE.search(log.replace("\n", ""))


# GitHub


@contextmanager
def github(way: Way) -> Iterator[GitHub]:
    """The pull request, on which somebody has asked for changes."""
    said = way.change
    with GitHub(way.repository, permissions={"contents": "write"}) as hub:
        hub.open_pull(
            way.head, head_ref=said.branch, title=said.title, body=said.description, labels=[]
        )
        hub.comment(1, said.comment, login="author")
        wish = {"path": "src/shop/part_0.py", "line": 12, "body": "Why?"}
        hub.review(1, "Not like this.", event="REQUEST_CHANGES", comments=[wish])
        event = way.place / "event.json"
        event.write_text(json.dumps(hub.event(1)))
        yield hub


def of_github(way: Way, hub: GitHub) -> dict[str, str]:
    return {
        **hub.environ(),
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(way.place / "event.json"),
        "NO_PROXY": "127.0.0.1",
    }


def assert_posted(hub: GitHub, report: Report) -> None:
    """What came of it on GitHub: comments, and nothing that decides or settles anything."""
    ours = [review for review in hub.reviews if review.user.bot]
    assert {review.state for review in ours} <= {"COMMENTED"}
    assert [r.state for r in hub.reviews if not r.user.bot] == ["CHANGES_REQUESTED"]
    assert not any(thread.resolved for thread in hub.threads)
    assert hub.pulls[1].labels == [] and hub.pulls[1].state == "open" and not hub.statuses
    for write in hub.writes:
        assert re.fullmatch(
            r".*/(pulls/1/reviews(/\d+(/events)?)?|issues/1/comments|check-runs(/\d+)?"
            r"|graphql|code-scanning/sarifs)", write.path
        ), write.path  # fmt: skip
        assert "DISMISS" not in repr(write) and "APPROVE'" not in repr(write)
    bodies = [c.body for c in hub.review_comments if c.user.bot]
    bodies += [r.body for r in ours] + [c.body for c in hub.issue_comments if c.user.bot]
    bodies += [check.summary or "" for check in hub.checks]
    assert bodies
    for body in bodies:
        assert_inert(body, proven(report))
    for check in hub.checks:
        for note in check.annotations:
            assert not INVISIBLE.search(note["message"].replace("\n", ""))


def sent(requests: Sequence[Any]) -> dict[str, str]:
    """The bodies of all requests to a forge."""
    return {f"{n} {r.method} {r.path}": repr(r.body) for n, r in enumerate(requests)}


def obeyed(
    way: Way, models: tuple[str, ...] = ("good-coder",), **more: str
) -> tuple[Report, Obedient]:
    """The whole way with the obedient model and without one, and all that must hold of it."""
    with FakeEngine(models=models, key=KEY, context=100_000) as engine, github(way) as hub:
        model = asked(engine, way.order, way.canary)
        on = {"REVIEWER_ENGINE_URL": engine.url, **more}
        static, static_code = way.reviewed("static", way.request())
        report, code = way.reviewed("full", way.request(), **on)
        way.published("full", of_github(way, hub))
        assert next(run for run in report.runs if run.tool == "model").outcome is Outcome.OK
        assert_prompts(model.prompts, way.order)
        assert_same(report, code, static, static_code)
        assert_posted(hub, report)
        assert_log(way.logs["full"], report)
        assert_log(way.logs["full-published"], report)
        found = way.files()
        assert_secret({**found, **way.logs, **sent(hub.writes)}, hub.token)
        for name, words in found.items():
            if name.startswith("full/") and name != "full/annotations.txt":
                assert commands(words) == [], name
        assert_log(found["full/annotations.txt"], report)
        assert_inert(found["step-step_summary"])
        assert_dead(found["full/report.html"])
        assert "step-env" not in found and "step-path" not in found
        assert not way.canary.exists()
        hosts = {address[:2] for event, address in way.reached if event == "socket.connect"}
        ports = {int(hub.url.rpartition(":")[2]), engine.port}
        assert hosts <= {("127.0.0.1", port) for port in ports}, hosts
        return report, model
