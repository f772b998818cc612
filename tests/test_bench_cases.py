"""Cases are read strictly, with the traps of published sets, and become real repositories."""

import json
import random
from pathlib import Path

import pytest

from reviewer.bench import cases, fixtures
from reviewer.errors import ConfigError, InputError
from reviewer.git import Repository
from tests.support.gitrepo import git

GOLDEN = {"path": "a.py", "from": 3, "to": 4, "text": "wrong", "severity": "high"}
CASE = {"pr": "1", "repo": "r", "base": "b", "head": "h", "diff": "", "goldens": [GOLDEN]}


def lines(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def golden(**fields: object) -> cases.Golden:
    suite = cases.parse(lines({"pr": "1", "goldens": [{"text": "t", **fields}]}), "x")
    return suite.cases[0].goldens[0]


def test_a_case_has_what_was_written() -> None:
    suite = cases.parse(lines({"suite": "mine", "version": "3", "warning": "old"}, CASE), "x.jsonl")
    assert suite.data.startswith("mine 3 ")
    assert suite.warning == "old"
    (case,) = suite.cases
    assert (case.pr, case.base, case.head) == ("1", "b", "h")
    assert case.goldens == (cases.Golden("wrong", "a.py", 3, 4, "high"),)


def test_the_digest_names_the_data() -> None:
    one, other = (cases.parse(lines({**CASE, "pr": pr}), "x").data for pr in "12")
    assert one != other


def test_a_range_that_ends_before_it_begins_is_turned() -> None:
    assert golden(**{"from": 9, "to": 4}).lines == (4, 9)


@pytest.mark.parametrize(
    "place", [{}, {"from": None, "to": None}, {"from": 0, "to": 0}], ids=["none", "null", "zero"]
)
def test_a_golden_may_have_no_line(place: dict[str, object]) -> None:
    assert golden(**place).lines is None


def test_one_known_line_is_both() -> None:
    assert golden(**{"from": 7, "to": None}).lines == (7, 7)


def test_a_line_that_explains_the_columns_is_skipped() -> None:
    suite = cases.parse(b"# pr, goldens\n" + lines(CASE), "x")
    assert [case.pr for case in suite.cases] == ["1"]


@pytest.mark.parametrize(
    ("word", "grade"),
    [("Critical", "critical"), ("ERROR", "high"), ("warning", "medium"), ("note", "low"),
     ("", "medium")],
)  # fmt: skip
def test_severities_have_one_vocabulary(word: str, grade: str) -> None:
    assert golden(severity=word).severity == grade


def test_rejected_remarks_are_marked() -> None:
    assert not golden(valid=False).valid


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (lines({**CASE, "extra": 1}), "x:1: .*extra"),
        (lines(CASE, CASE), "x:2: .*twice"),
        (lines(CASE, {"suite": "late"}), "x:2"),
        (lines({"pr": "1", "goldens": [{**GOLDEN, "severity": "huge"}]}), "unknown severity"),
        (lines({"pr": "1", "goldens": [{**GOLDEN, "from": -1}]}), "x:1"),
        (lines({"pr": "1", "goldens": [{**GOLDEN, "from": "3"}]}), "x:1"),
        (lines({"pr": "1", "goldens": [{"path": "a.py"}]}), "text"),
        (b'{"pr": "\xff"}\n', "x:1"),
        (b"[" * 100_000, "x:1"),
        (b"NaN\n", "x:1"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(data: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        cases.parse(data, "x")


def test_a_file_that_is_not_there_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        cases.load(tmp_path / "none.jsonl")


def test_what_is_rendered_is_read_again() -> None:
    suite = cases.parse(lines({"suite": "s", "version": "1"}, CASE), "x")
    again = cases.parse(cases.render("s", "1", "", suite.cases), "x")
    assert again.cases == suite.cases


def test_damaged_lines_never_break_the_reader() -> None:
    chance = random.Random(7)
    whole = lines({"suite": "s"}, CASE, {**CASE, "pr": "2"})
    refused = 0
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        try:
            cases.parse(bytes(data), "x")
        except InputError:
            refused += 1
    assert refused > 500


CASE_YAML = """\
title: Count the open ones
category: condition
goldens:
  - path: a.py
    from: 2
    to: 2
    text: The limit itself is left out.
    severity: error
    category: bug
    context: diff
    quote: "    return n < 3"
    keywords: [off by one, limit]
    suggestion: "    return n <= 3"
"""


def fixture(folder: Path, told: str = CASE_YAML) -> Path:
    place = folder / "limit"
    for version, sign in (("base", ">"), ("head", "<"), ("fixed", "<=")):
        (place / version).mkdir(parents=True)
        (place / version / "a.py").write_text(f"def f(n):\n    return n {sign} 3\n")
    (place / "base" / "b.py").write_text("B = 1\n")
    (place / "case.yaml").write_text(told)
    return place


def test_a_fixture_has_all_files_of_each_version(tmp_path: Path) -> None:
    fixture(tmp_path)
    (each,) = fixtures.load(tmp_path)
    assert (each.case.pr, each.title, each.category) == (
        "limit", "Count the open ones", "condition",
    )  # fmt: skip
    (truth,) = each.case.goldens
    assert (truth.severity, truth.lines, truth.keywords) == (
        "high",
        (2, 2),
        ("off by one", "limit"),
    )
    assert sorted(each.head) == sorted(each.fixed) == ["a.py", "b.py"]
    assert b"<= 3" in each.fixed["a.py"]
    assert fixtures.suite((each,)).data.startswith("fixtures ")


def test_a_fixture_becomes_two_commits(tmp_path: Path) -> None:
    fixture(tmp_path / "cases")
    (each,) = fixtures.load(tmp_path / "cases")
    case = fixtures.repository(each, tmp_path / "repo")
    told = git(tmp_path / "repo", "diff", "--stat", case.base, case.head).decode()
    assert "a.py | 2 +-" in told
    assert "b.py" not in told
    (tmp_path / "scratch").mkdir()
    repository = Repository.open(tmp_path / "repo", tmp_path / "scratch")
    (change,) = repository.changes(case.base, case.head).files
    assert change.added == {2}
    assert repository.default_branch() == "refs/heads/main"
    assert fixtures.repository(each, tmp_path / "again").head == case.head


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("category: condition", "category: clean"), "not both"),
        (("title: ", "name: "), "case.yaml"),
        (("from: 2", "from: two"), "case.yaml"),
        (("severity: error", "severity: dire"), "unknown severity"),
        (("goldens:", "goldens: &a"), "anchors"),
    ],
)
def test_a_wrong_fixture_says_what_is_wrong(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    fixture(tmp_path, CASE_YAML.replace(*change))
    with pytest.raises((InputError, ConfigError), match=told):
        fixtures.load(tmp_path)


def test_a_fixture_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    place = fixture(tmp_path)
    (place / "head" / "a.py").write_bytes((place / "base" / "a.py").read_bytes())
    with pytest.raises(InputError, match="changes nothing"):
        fixtures.load(tmp_path)


def test_a_link_is_no_file_of_a_fixture(tmp_path: Path) -> None:
    place = fixture(tmp_path)
    (place / "head" / "c.py").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="no regular file"):
        fixtures.load(tmp_path)
