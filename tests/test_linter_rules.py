"""Which rules of the linters run, how they weigh, and where their findings are."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.analyzers import _shell, hadolint, oxlint, zizmor
from reviewer.analyzers._linter import Lines
from reviewer.analyzers.base import Analyzer
from reviewer.analyzers.hadolint import Hadolint
from reviewer.analyzers.oxlint import Oxlint
from reviewer.analyzers.shellcheck import Shellcheck, is_script
from reviewer.analyzers.zizmor import Zizmor
from reviewer.model import Category, Finding, Severity
from tests.support.room import BIN, room, runner

pytestmark = pytest.mark.slow  # many runs of real linters

FLOW = ".github/workflows/ci.yml"


def found(analyzer: Analyzer, files: dict[str, bytes], tmp_path: Path) -> dict[str, Finding]:
    """The last finding of each rule."""
    changes, tree = room(tmp_path, files)
    run = analyzer.run(changes, tree, runner(tmp_path))
    return {finding.rule: finding for finding in run.findings}


def test_no_rule_stands_in_two_lists() -> None:
    for rules in (_shell.DEFAULT, oxlint.DEFAULT):
        assert len(set(rules)) == len(rules)
    lists = (hadolint.BROKEN, hadolint.LIKELY, hadolint.INSECURE, hadolint.NOTES, hadolint.IN_RUN)
    assert len(hadolint.DEFAULT) == sum(map(len, lists))
    assert not zizmor.SURE & zizmor.CUSTOM


def test_every_rule_of_oxlint_that_is_named_exists() -> None:
    listed = subprocess.run([BIN / "oxlint", "--rules"], capture_output=True, text=True, check=True)
    cells = [line.split("|") for line in listed.stdout.splitlines() if line.count("|") > 3]
    known = {f"{row[2].strip()}/{row[1].strip()}".removeprefix("eslint/") for row in cells}
    assert set(oxlint.DEFAULT) <= known
    assert set(oxlint.LEFT_OUT) <= known


def test_profiles_and_settings_of_shellcheck(tmp_path: Path) -> None:
    files = {"a.sh": b"#!/bin/bash\nx=`date`\nrm $1\nlocal y=1\n"}
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    (tmp_path / "3").mkdir()
    assert set(found(Shellcheck(), files, tmp_path / "1")) == {"SC2086", "SC2168"}
    strict = found(Shellcheck("strict"), files, tmp_path / "2")
    assert {"SC2006", "SC2034", "SC2086", "SC2168"} <= set(strict)
    assert (strict["SC2006"].severity, strict["SC2006"].category) == (Severity.NOTE, Category.STYLE)
    ignoring = Shellcheck(ignore=("SC2086", "2168"))
    assert found(ignoring, files, tmp_path / "3") == {}


def test_profiles_and_settings_of_hadolint(tmp_path: Path) -> None:
    files = {"Dockerfile": b"FROM debian\nRUN apt-get install -y curl\n"}
    for name in "123":
        (tmp_path / name).mkdir()
    assert set(found(Hadolint(), files, tmp_path / "1")) == {"DL3006"}
    assert {"DL3006", "DL3008"} <= set(found(Hadolint("strict"), files, tmp_path / "2"))
    assert found(Hadolint(ignore=("DL3006",)), files, tmp_path / "3") == {}


def test_profiles_and_settings_of_oxlint(tmp_path: Path) -> None:
    files = {"a.js": b"debugger\nexport const a = (b) => !!(!!b) ? 1 : 2\nfoo ? a() : b.c\n"}
    for name in "1234":
        (tmp_path / name).mkdir()
    assert set(found(Oxlint(), files, tmp_path / "1")) == {"eslint(no-debugger)"}
    strict = found(Oxlint("strict"), files, tmp_path / "2")
    assert {"eslint(no-debugger)", "eslint(no-unused-expressions)"} <= set(strict)
    assert strict["eslint(no-unused-expressions)"].severity is Severity.NOTE
    assert found(Oxlint(ignore=("eslint(no-debugger)",)), files, tmp_path / "3") == {}
    more = found(Oxlint(select=("eslint(no-extra-boolean-cast)",)), files, tmp_path / "4")
    assert "eslint(no-extra-boolean-cast)" in more


def test_profiles_and_settings_of_zizmor(tmp_path: Path) -> None:
    flow = (
        b"name: ci\non: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
        b"      - uses: a/b@v1\n      - uses: a/b@main\n      - run: echo ${{ github.ref_name }}\n"
    )
    for name in "123":
        (tmp_path / name).mkdir()
    default = found(Zizmor(), {FLOW: flow}, tmp_path / "1")
    assert default["unpinned-uses"].severity is Severity.WARNING
    assert default["excessive-permissions"].severity is Severity.NOTE
    assert default["template-injection"].severity is Severity.NOTE
    strict = found(Zizmor("strict"), {FLOW: flow}, tmp_path / "2")
    assert strict["excessive-permissions"].severity is Severity.WARNING
    assert strict["template-injection"].severity is Severity.ERROR
    assert "concurrency-limits" in strict
    ignoring = Zizmor(ignore=tuple(default))
    assert found(ignoring, {FLOW: flow}, tmp_path / "3") == {}


def test_a_finding_about_a_job_is_at_its_head(tmp_path: Path) -> None:
    flow = (
        b"name: ci\non: push\npermissions: {}\njobs:\n  a:\n    permissions: write-all\n"
        b"    runs-on: ubuntu-latest\n    steps:\n      - run: make\n  b:\n"
        b"    runs-on: ubuntu-latest\n    permissions: read-all\n    steps:\n      - run: make\n"
    )
    span = found(Zizmor("strict"), {FLOW: flow}, tmp_path)["anonymous-definition"].span
    assert (span.start, span.end) == (10, 10)


def test_what_stood_in_an_instruction_before_stays_at_its_first_line(tmp_path: Path) -> None:
    base = {"Dockerfile": b"FROM a:1\nRUN sudo x && \\\n    y\nRUN z && \\\n    y\n"}
    head = {
        "Dockerfile": b"FROM a:1\nRUN sudo x && \\\n    y2\nRUN z && \\\n    apt-get install v\n"
    }
    changes, tree = room(tmp_path, head, base)
    run = Hadolint().run(changes, tree, runner(tmp_path))
    places = {(f.rule, f.span.start, f.span.end) for f in run.findings}
    assert places == {("DL3004", 2, 2), ("DL3014", 4, 5)}


def test_lines_after_here_documents(tmp_path: Path) -> None:
    text = (
        b"FROM a:1\nRUN <<A\nx\ny\nz\nA\nRUN cat <<<A && sudo x\n"
        b"COPY <<'C' /c\nsudo\nC\nRUN sudo y\n"
    )
    changes, tree = room(tmp_path, {"Dockerfile": text})
    run = Hadolint().run(changes, tree, runner(tmp_path))
    assert [(f.rule, f.span.start) for f in run.findings] == [
        ("DL3004", 7),
        ("SC3011", 7),
        ("DL3004", 11),
    ]
    assert run.reason == ""


def test_the_same_remark_on_one_line_is_made_once(tmp_path: Path) -> None:
    script = b"#!/bin/sh\ncp $a $b\ncp $c x\n"
    changes, tree = room(tmp_path, {"a.sh": script, "dos.sh": b"#!/bin/sh\r\nx\r\n"})
    run = Shellcheck().run(changes, tree, runner(tmp_path))
    said = [(f.span.path, f.span.start, f.message.partition("(")[2]) for f in run.findings]
    assert said == [
        ("a.sh", 2, "2 places on this line)"),
        ("a.sh", 3, ""),
        ("dos.sh", 1, "2 lines)"),
    ]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.sh", b"echo\n", True),
        ("A.BASH", b"echo\n", True),
        ("a.sh", b"#!/bin/zsh\n", False),
        ("a.sh", b"#!/usr/bin/env fish\n", False),
        ("a", b"#!/bin/sh\n", True),
        ("a", b"#! /usr/bin/env -S bash -e\n", True),
        ("a", b"#!/usr/bin/env VAR=1\n", False),
        ("a", b"#!/usr/bin/bash", True),
        ("a", b"#!/bin/busybox sh\n", True),
        ("a", b"#!/usr/bin/python3\n", False),
        ("a", b"#!/bin/shiny\n", False),
        ("a", b"echo\n", False),
        ("a.txt", b"#!/bin/sh\n", False),
    ],
)
def test_what_a_shell_script_is(name: str, data: bytes, expected: bool, tmp_path: Path) -> None:
    _, tree = room(tmp_path, {name: data})
    assert is_script(name, tree) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Dockerfile", True),
        ("a/Dockerfile.dev", True),
        ("Containerfile", True),
        ("api.dockerfile", True),
        ("dockerfile", True),
        ("Dockerfile.py", False),
        ("Dockerfile.j2", False),
        (".dockerignore", False),
        ("Dockerfile.dockerignore", False),
        ("my-dockerfile", False),
        ("dockerfiles/readme", False),
    ],
)
def test_what_a_dockerfile_is(name: str, expected: bool) -> None:
    assert hadolint.is_dockerfile(name) is expected


def test_oxlint_points_to_what_is_wrong(tmp_path: Path) -> None:
    text = b"const a = 1\na = 2\nexport const o = {\n  k: 1,\n  k: 2,\n}\nlet n\nconsole.log(n)\n"
    rules = found(Oxlint(), {"a.js": text}, tmp_path)
    assert {rule: finding.span.start for rule, finding in rules.items()} == {
        "eslint(no-const-assign)": 2,
        "eslint(no-dupe-keys)": 5,
        "eslint(no-unassigned-vars)": 7,
        "eslint(no-unused-vars)": 1,
    }


PIECES = st.sampled_from(
    [
        b"# shellcheck ", b"disable=all", b"disable=SC2086", b"extended-analysis=false", b"\n",
        b"\r", b"# hadolint ignore=DL3004", b"eslint-disable", b"oxlint-disable-line", b" -- ",
        b"*/", b"@flow", b"zizmor: ignore[x]", b"#", b" ", b"\xff", b"x",
    ]
)  # fmt: skip


@given(st.lists(PIECES).map(b"".join))
def test_spoiling_comments_moves_nothing(data: bytes) -> None:
    for edit in (
        _shell.spoilt, _shell.named_only, oxlint.spoilt, oxlint.named_only, zizmor.spoilt,
    ):  # fmt: skip
        changed = edit(data)
        assert len(changed) == len(data)
        assert [i for i, b in enumerate(changed) if b == 10] == [
            i for i, b in enumerate(data) if b == 10
        ]


@given(st.binary(max_size=60), st.integers(-5, 70), st.integers(-5, 70))
def test_places_lie_within_the_file(data: bytes, offset: int, length: int) -> None:
    class Tree:
        def read(self, path: str) -> bytes:
            return data

    lines = Lines(Tree())  # type: ignore[arg-type]
    start, end, column, end_column = lines.at("a", offset, length)
    last = max(1, data.count(b"\n") + (not data.endswith(b"\n")))
    assert 1 <= start <= end <= last
    assert 0 <= column <= end_column
