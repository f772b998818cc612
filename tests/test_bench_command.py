"""`reviewer bench score` and `compare` from the command line."""

import json
from pathlib import Path

import pytest

from reviewer.bench import record
from reviewer.bench.cases import Golden
from reviewer.bench.record import FORMAT, Reviewed, Run, Seen
from reviewer.cli import main
from tests.fakes.engine import FakeEngine

LEAK = "The file handle is never closed when parsing raises"


def recorded(place: Path, found: int) -> str:
    prs = [
        Reviewed(
            str(n), (Golden(LEAK, "a.py", 5, 5),), (Seen(LEAK, "a.py", 6, 6),) if n < found else ()
        )
        for n in range(12)
    ]
    place.write_bytes(record.render(Run(FORMAT, "0", "mine 12", "Handle with care."), prs))
    return str(place)


def test_a_record_is_scored_and_two_scores_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = []
    for name, found in (("a", 2), ("b", 11)):
        file = recorded(tmp_path / f"{name}.jsonl", found)
        scores.append(str(tmp_path / f"{name}.json"))
        assert main(["bench", "score", file, "--format", "json", "--output", scores[-1]]) == 0
    written = json.loads(Path(scores[0]).read_text())
    assert written["rule"] == "strict"
    capsys.readouterr()
    assert main(["bench", "compare", *scores]) == 0
    told = capsys.readouterr().out
    (row,) = [line for line in told.splitlines() if line.startswith("| recall  ")]
    assert row.rstrip(" |").endswith("higher")
    assert "0.167" in row
    assert "0.917" in row
    assert "Handle with care." in told
    assert main(["bench", "compare", *scores, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["prs"] == 12


@pytest.mark.parametrize(
    ("words", "start"),
    [([], "Model:"), (["--format", "badge"], "F0.5"), (["--format", "svg"], "<svg")],
)
def test_a_score_has_many_faces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], start: str
) -> None:
    assert main(["bench", "score", recorded(tmp_path / "a.jsonl", 6), *words]) == 0
    assert capsys.readouterr().out.lstrip().startswith(start)


def test_a_finding_one_line_off_is_found_unless_none_may_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = recorded(tmp_path / "a.jsonl", 6)
    for words, recall in ((["--k", "1"], 0.5), (["--k", "0"], 0.0), (["--rule", "martian"], 0.5)):
        assert main(["bench", "score", file, "--format", "json", *words]) == 0
        values = json.loads(capsys.readouterr().out)["values"]
        assert {each["key"]: each["value"] for each in values}["recall"] == recall


@pytest.mark.parametrize(
    "words",
    [
        ["score", "none.jsonl"],
        ["score", "{}", "--tau", "0"],
        ["score", "{}", "--k", "-1"],
        ["score", "{}", "--rule", "loose"],
        ["compare", "{}", "{}"],
        ["seed", "{}", "--output", "out"],
        ["guess"],
    ],
)
def test_what_is_wrong_ends_with_2_and_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    file = recorded(tmp_path / "a.jsonl", 6)
    assert main(["bench", *(word.replace("{}", file) for word in words)]) == 2
    assert capsys.readouterr().err.startswith("reviewer: ")


def test_a_model_compares_texts_in_place_of_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = recorded(tmp_path / "a.jsonl", 6)
    never = json.dumps({"why": "They are about other things.", "same": False})
    with FakeEngine(script=lambda _: never) as server:
        words = ["--judge-url", server.url, "--format", "json"]
        assert main(["bench", "score", file, *words]) == 0
        assert len(server.chats()) > 1
    told = json.loads(capsys.readouterr().out)
    assert told["judge"].startswith("model good-coder, 3 votes")
    assert main(["bench", "score", file, "--judge-url", "http://127.0.0.1:9"]) == 2
    assert "the judge: nothing answers" in capsys.readouterr().err
