"""Changes that try to silence or mislead the linters of scripts, Dockerfiles and workflows.

Each threat is shown twice: the careless call falls for it, which keeps the fixture honest, and the
analyzer does not.
"""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from reviewer.analyzers.base import Analyzer
from reviewer.analyzers.hadolint import Hadolint
from reviewer.analyzers.oxlint import Oxlint
from reviewer.analyzers.shellcheck import Shellcheck
from reviewer.analyzers.zizmor import Zizmor
from tests.support.room import BIN, Link, room, runner

pytestmark = pytest.mark.slow  # many runs of real linters

SCRIPT = b"#!/bin/bash\n[ -n $1 ]\n"
DOCKERFILE = b"FROM debian:12\nRUN sudo true\n"
WORKFLOW = b"""\
name: ci
on: pull_request_target
permissions: {}
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: make
"""
FLOW = ".github/workflows/ci.yml"


class Silencer(NamedTuple):
    """Files that silence a tool which is called like this, and the rule that must be found."""

    plugin: type[Analyzer]
    files: dict[str, bytes]
    argv: list[str]
    rule: str
    path: str


SILENCERS = {
    "shellcheckrc": Silencer(
        Shellcheck,
        {"a.sh": SCRIPT, ".shellcheckrc": b"disable=all\n"},
        ["shellcheck", "a.sh"],
        "SC2070",
        "a.sh",
    ),
    "shellcheckrc at home": Silencer(
        Shellcheck,
        {"sub/a.sh": SCRIPT, ".shellcheckrc": b"disable=all\n"},
        ["shellcheck", "sub/a.sh"],
        "SC2070",
        "sub/a.sh",
    ),
    "shellcheck all": Silencer(
        Shellcheck,
        {"a.sh": b"#!/bin/bash\n# shellcheck disable=all\n[ -n $1 ]\n"},
        ["shellcheck", "a.sh"],
        "SC2070",
        "a.sh",
    ),
    "shellcheck range": Silencer(
        Shellcheck,
        {"a.sh": b"#!/bin/bash\n#\tshellcheck  shell=bash disable=SC2000-SC2999 # ok\n[ -n $1 ]\n"},
        ["shellcheck", "a.sh"],
        "SC2070",
        "a.sh",
    ),
    "hadolint file": Silencer(
        Hadolint,
        {"Dockerfile": DOCKERFILE, ".hadolint.yaml": b"ignored: [DL3004]\n"},
        ["hadolint", "Dockerfile"],
        "DL3004",
        "Dockerfile",
    ),
    "hadolint levels": Silencer(
        Hadolint,
        {"Dockerfile": DOCKERFILE, ".hadolint.yaml": b"no-fail: true\n"},
        ["hadolint", "Dockerfile"],
        "DL3004",
        "Dockerfile",
    ),
    "oxlintrc": Silencer(
        Oxlint,
        {"a.js": b"debugger\n", ".oxlintrc.json": b'{"rules": {"no-debugger": "off"}}'},
        ["oxlint", "--deny-warnings", "a.js"],
        "eslint(no-debugger)",
        "a.js",
    ),
    "oxlintrc beside": Silencer(
        Oxlint,
        {"x/a.js": b"debugger\n", "x/.oxlintrc.json": b'{"ignorePatterns": ["*"]}'},
        ["oxlint", "--deny-warnings", "--no-error-on-unmatched-pattern", "x/a.js"],
        "eslint(no-debugger)",
        "x/a.js",
    ),
    "eslintignore": Silencer(
        Oxlint,
        {"a.js": b"debugger\n", ".eslintignore": b"*.js\n"},
        ["oxlint", "--deny-warnings", "--no-error-on-unmatched-pattern", "a.js"],
        "eslint(no-debugger)",
        "a.js",
    ),
    "eslint-disable": Silencer(
        Oxlint,
        {"a.js": b"/* eslint-disable */\ndebugger\n"},
        ["oxlint", "--deny-warnings", "a.js"],
        "eslint(no-debugger)",
        "a.js",
    ),
    "oxlint-disable-line": Silencer(
        Oxlint,
        {"a.js": b"debugger // oxlint-disable-line -- fine\n"},
        ["oxlint", "--deny-warnings", "a.js"],
        "eslint(no-debugger)",
        "a.js",
    ),
    "flow": Silencer(
        Oxlint,
        {"a.js": b"// @flow\nlet a = (\n", "b.js": b"debugger\n"},
        ["oxlint", "--deny-warnings", "a.js"],
        "eslint(no-debugger)",
        "b.js",
    ),
    "zizmor file": Silencer(
        Zizmor,
        {FLOW: WORKFLOW, ".github/zizmor.yml": b"rules: {dangerous-triggers: {disable: true}}\n"},
        ["zizmor", "--offline", FLOW],
        "dangerous-triggers",
        FLOW,
    ),
    "zizmor file on top": Silencer(
        Zizmor,
        {FLOW: WORKFLOW, "zizmor.yml": b"rules: {dangerous-triggers: {disable: true}}\n"},
        ["zizmor", "--offline", FLOW],
        "dangerous-triggers",
        FLOW,
    ),
    "zizmor ignore": Silencer(
        Zizmor,
        {FLOW: WORKFLOW.replace(b"target\n", b"target # zizmor: ignore[dangerous-triggers]\n")},
        ["zizmor", "--offline", FLOW],
        "dangerous-triggers",
        FLOW,
    ),
}  # fmt: skip


def careless(case: Silencer, place: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """The tool as one would call it in a checkout of the change."""
    (place / ".git").mkdir(parents=True)
    for name, data in case.files.items():
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    program, *arguments = case.argv
    return subprocess.run(
        [BIN / program, *arguments],
        cwd=place,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", SILENCERS)
def test_silencers_silence_the_careless_call_alone(name: str, tmp_path: Path) -> None:
    case = SILENCERS[name]
    naive = careless(case, tmp_path / "checkout", tmp_path)
    assert naive.returncode == 0, f"the careless call is not silenced: {naive.stdout}"

    changes, tree = room(tmp_path, case.files)
    run = case.plugin().run(changes, tree, runner(tmp_path))
    assert (case.rule, case.path) in {(f.rule, f.span.path) for f in run.findings}


def test_configuration_at_home_is_not_read(tmp_path: Path) -> None:
    files = {
        "a.sh": SCRIPT,
        "Dockerfile": DOCKERFILE,
        "a.js": b"debugger\n",
        FLOW: WORKFLOW,
    }
    changes, tree = room(tmp_path, files)
    tools = runner(tmp_path)
    homes = [tools.scratch, tools.scratch / "nobody"]
    for home in homes:
        home.mkdir(exist_ok=True)
        home.chmod(0o777)
        (home / ".shellcheckrc").write_text("disable=all\n")
        (home / ".hadolint.yaml").write_text("ignored: [DL3004]\n")
        (home / ".oxlintrc.json").write_text('{"rules": {"no-debugger": "off"}}')
        (home / "zizmor.yml").write_text("rules: {dangerous-triggers: {disable: true}}\n")
    found = {
        finding.rule
        for plugin in (Shellcheck, Hadolint, Oxlint, Zizmor)
        for finding in plugin().run(changes, tree, tools).findings
    }
    assert {"SC2070", "DL3004", "eslint(no-debugger)", "dangerous-triggers"} <= found


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (b"#!/bin/sh\n# shellcheck disable=SC2070\n[ -n $1 ]\n", "note"),
        (b"#!/bin/sh\n# shellcheck disable=SC2086\n[ -n $1 ]\n", "error"),
        (b"#!/bin/sh\n# shellcheck disable=SC2070,all\n[ -n $1 ]\n", "error"),
        (b"#!/bin/sh\n[ -n $1 ] # shellcheck disable=SC2070\n", "error"),
    ],
)
def test_comments_for_shellcheck(text: bytes, severity: str, tmp_path: Path) -> None:
    assert outcome(Shellcheck, {"a.sh": text}, "SC2070", tmp_path) == severity


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (b"FROM a:1\n# hadolint ignore=DL3004\nRUN sudo x\n", "note"),
        (b"# hadolint global ignore=DL3004\nFROM a:1\nRUN sudo x\n", "note"),
        (b"FROM a:1\n# hadolint ignore=DL3003\nRUN sudo x\n", "warning"),
    ],
)
def test_comments_for_hadolint(text: bytes, severity: str, tmp_path: Path) -> None:
    assert outcome(Hadolint, {"Dockerfile": text}, "DL3004", tmp_path) == severity


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (b"debugger // eslint-disable-line no-debugger\n", "note"),
        (b"/* oxlint-disable no-debugger */\ndebugger\n", "note"),
        (b"debugger // eslint-disable-line no-eval\n", "warning"),
        (b"debugger // eslint-disable-line\r\n", "warning"),
        (b"debugger // oxlint-disable-line -- no-debugger\n", "warning"),
        (b"/* eslint-disable*/ debugger\n", "warning"),
    ],
)
def test_comments_for_oxlint(text: bytes, severity: str, tmp_path: Path) -> None:
    assert outcome(Oxlint, {"a.js": text}, "eslint(no-debugger)", tmp_path) == severity


@pytest.mark.parametrize(
    ("comment", "severity"),
    [
        (b"# zizmor: ignore[dangerous-triggers]", "note"),
        (b"# zizmor: ignore[artipacked]", "warning"),
        (b"# zizmor: ignore", "warning"),
    ],
)
def test_comments_for_zizmor(comment: bytes, severity: str, tmp_path: Path) -> None:
    text = WORKFLOW.replace(b"target\n", b"target %s\n" % comment)
    assert outcome(Zizmor, {FLOW: text}, "dangerous-triggers", tmp_path) == severity


def outcome(plugin: type[Analyzer], files: dict[str, bytes], rule: str, tmp_path: Path) -> str:
    """The severity of the one finding of `rule`; a note says why it is one."""
    changes, tree = room(tmp_path, files)
    run = plugin().run(changes, tree, runner(tmp_path))
    (found,) = [finding for finding in run.findings if finding.rule == rule]
    said = found.message.endswith("(a comment silences this rule)")
    assert said is (found.severity.value == "note")
    return found.severity.value


@pytest.mark.parametrize(
    ("plugin", "name", "data"),
    [
        (Shellcheck, "innocent.sh", SCRIPT),
        (Hadolint, "Dockerfile", DOCKERFILE),
        (Oxlint, "innocent.js", b"debugger\n"),
        (Zizmor, FLOW, WORKFLOW),
    ],
    ids=["shellcheck", "hadolint", "oxlint", "zizmor"],
)
def test_links_lead_nowhere(plugin: type[Analyzer], name: str, data: bytes, tmp_path: Path) -> None:
    secret = tmp_path / "outside" / "secret"
    secret.parent.mkdir()
    secret.write_bytes(data)
    changes, tree = room(tmp_path, {name: Link(os.fsencode(secret)), "other.txt": b"x\n"})
    run = plugin().run(changes, tree, runner(tmp_path))
    assert run.findings == ()
    assert not run.concerned


def test_a_script_cannot_include_what_it_does_not_bring(tmp_path: Path) -> None:
    secret = tmp_path / "secret.sh"
    secret.write_text("#!/bin/sh\nCANARY=1\n[ -n $CANARY ]\n")
    script = b"#!/bin/sh\n# shellcheck source=%s\n. %s\n" % ((os.fsencode(secret),) * 2)
    changes, tree = room(tmp_path, {"a.sh": script})
    run = Shellcheck(profile="strict").run(changes, tree, runner(tmp_path))
    assert "CANARY" not in repr(run)


def test_code_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    files = {
        "a.js": b"// @flow\ntype A = {| b: 1 |}\n",
        "b.min.js": b"debugger\n",
        "c.js": b"debugger // \xff\n",
        "d.js": b"debugger\n",
        "a/Dockerfile": b"FROM a:1\nRUNN x\n",
        "b/Dockerfile": DOCKERFILE,
        ".github/workflows/a.yml": b"on: [\n",
        FLOW: WORKFLOW,
    }
    changes, tree = room(tmp_path, files)
    tools = runner(tmp_path)
    assert Oxlint().run(changes, tree, tools).reason == "could not read a.js, b.min.js, c.js"
    assert Hadolint().run(changes, tree, tools).reason == "could not read a/Dockerfile"
    assert Zizmor().run(changes, tree, tools).reason == "could not read .github/workflows/a.yml"


@pytest.mark.parametrize("plugin", [Shellcheck, Hadolint, Oxlint, Zizmor])
def test_names_are_no_options_and_none_is_lost(plugin: type[Analyzer], tmp_path: Path) -> None:
    names = {
        Shellcheck: ["-x.sh", "--version.sh", "a b.sh", "\n.sh", "\udcff.sh", "A.sh", "a.sh"],
        Hadolint: ["-v/Dockerfile", "x y/Dockerfile", "\u202e/Dockerfile", "a/dockerfile"],
        Oxlint: ["--fix.js", "-A all.js", "a*.js", "[a].js", "!a.js", "a.js", "A.js"],
        Zizmor: [".github/workflows/a.yml", "-v/action.yml"],
    }[plugin]
    data = {
        Shellcheck: SCRIPT,
        Hadolint: DOCKERFILE,
        Oxlint: b"debugger\n",
        Zizmor: WORKFLOW,
    }[plugin]
    changes, tree = room(tmp_path, dict.fromkeys(names, data))
    run = plugin().run(changes, tree, runner(tmp_path))
    found = {finding.span.path for finding in run.findings}
    unread = set(run.reason.removeprefix("could not read ").split(", ")) - {""}
    assert found | unread == set(names)
