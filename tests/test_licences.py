"""Which licences are told, and what makes one a header."""

from pathlib import Path

import pytest

from reviewer.analyzers.licences import RESTRICTING, Header, Licences, denied, headers
from reviewer.model import Confidence, Severity, ToolRun
from tests.support.room import room, runner

AGPL = "AGPL-1.0-or-later"


def judged(
    tmp_path: Path, head: dict[str, str], base: dict[str, str] | None = None, **settings: object
) -> ToolRun:
    tmp_path.mkdir(exist_ok=True)
    before = {path: text.encode() for path, text in (base or {}).items()}
    after = before | {path: text.encode() for path, text in head.items()}
    changes, tree = room(tmp_path, after, before)
    return Licences(**settings).run(changes, tree, runner(tmp_path))  # type: ignore[arg-type]


def read(text: str) -> list[Header]:
    return list(headers(dict(enumerate(text.split("\n"), start=1))))


@pytest.mark.parametrize(
    ("expression", "patterns", "expected"),
    [
        ("BUSL-1.1", RESTRICTING, True),
        ("busl-1.1", RESTRICTING, True),
        ("MIT", RESTRICTING, False),
        ("MIT OR SSPL-1.0", RESTRICTING, False),
        ("SSPL-1.0 OR BUSL-1.1", RESTRICTING, True),
        ("MIT AND SSPL-1.0", RESTRICTING, True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-*",), True),
        ("LGPL-2.1-only", ("GPL-*",), False),
        ("SEE LICENSE IN FILE", RESTRICTING, False),
        ("", ("*",), False),
    ],
)
def test_expressions(expression: str, patterns: tuple[str, ...], expected: bool) -> None:
    assert denied(expression, patterns) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# SPDX-License-Identifier: MIT", [Header("MIT", 1, True)]),
        ("/* SPDX-License-Identifier: (GPL-2.0 OR MIT) */", [Header("(GPL-2.0 OR MIT)", 1, True)]),
        ("<!-- SPDX-License-Identifier: MIT -->", [Header("MIT", 1, True)]),
        ("x = 'SPDX-License-Identifier: MIT'", []),
        (
            "\n * under the terms of the GNU\n * General Public License 3, any later version",
            [Header("GPL-1.0-or-later", 2, False)],
        ),
        ("# under the terms of the GNU GPL", []),
        (
            "# under the terms of version 3 of the\n# GNU General Public License",
            [Header("GPL-3.0-only", 2, False)],
        ),
        (
            "# licensed under the GNU Lesser General Public License version 2.1",
            [Header("LGPL-2.1-only", 1, False)],
        ),
        ("# released under GNU AFFERO General Public License", [Header(AGPL, 1, False)]),
        ("// Licensed under PolyForm Shield", [Header("PolyForm-Shield-1.0.0", 1, False)]),
        ("# see the GNU General Public License for what that means", []),
        ("# licensed under\nx = 1\n# the Business Source License", []),
    ],
)  # fmt: skip
def test_headers(text: str, expected: list[Header]) -> None:
    assert read(text) == expected


def test_what_is_denied_is_a_setting(tmp_path: Path) -> None:
    files = {"a.py": "# SPDX-License-Identifier: GPL-3.0-only\n"}
    assert judged(tmp_path / "default", files).findings == ()
    (strict,) = judged(tmp_path / "strict", files, profile="strict").findings
    assert (strict.severity, strict.rule) == (Severity.NOTE, "licence-header")
    (denied_one,) = judged(tmp_path / "denied", files, deny=("GPL-3.*",)).findings
    assert (denied_one.severity, denied_one.confidence) == (Severity.WARNING, Confidence.HIGH)
    assert denied_one.message == "This code is under GPL-3.0-only: the settings deny it."
    busl = {"a.py": "# SPDX-License-Identifier: BUSL-1.1\n"}
    assert judged(tmp_path / "none", busl, deny=()).findings == ()


def test_only_a_licence_that_was_there_is_the_projects_own(tmp_path: Path) -> None:
    code = {"a.py": "# SPDX-License-Identifier: BUSL-1.1\n"}
    licence = {"LICENSE": "Business Source\nLicense 1.1\n"}
    assert judged(tmp_path / "was", code, licence).findings == ()
    assert len(judged(tmp_path / "new", code | licence).findings) == 1
    assert len(judged(tmp_path / "other", code, {"LICENSE": "MIT License\n"}).findings) == 1


def test_only_added_lines_count(tmp_path: Path) -> None:
    old = "# SPDX-License-Identifier: SSPL-1.0\n"
    assert judged(tmp_path, {"a.py": old + "x = 1\n"}, {"a.py": old}).findings == ()


@pytest.mark.parametrize(
    "text",
    ['{"packages": ', '{"packages": []}', '{"packages": {"a": {"license": ' + "[" * 99_999, "x"],
)
def test_a_broken_lock_file_is_named(text: str, tmp_path: Path) -> None:
    run = judged(tmp_path, {"web/package-lock.json": text})
    assert run.findings == ()
    assert run.reason == "cannot be understood: web/package-lock.json"


def test_a_lock_file_in_one_line_is_told_as_a_whole(tmp_path: Path) -> None:
    text = '{"packages": {"node_modules/a": {"license": "SSPL-1.0"}}}'
    (finding,) = judged(
        tmp_path, {"package-lock.json": text}, {"package-lock.json": "broken"}
    ).findings
    assert finding.span.whole_file
    assert finding.message == "The new dependency a is under SSPL-1.0: the settings deny it."
