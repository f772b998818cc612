"""What a report says of a model's part is cut to size, and claims no more than it tells."""

from dataclasses import replace

import pytest

from reviewer.model import LeftOut, Mode, Outcome, Proof, Report, Span, Suggestion, ToolRun
from reviewer.recheck import recheck
from tests.support.publishing import PATH, REQUEST, change, on_line, report
from tests.support.reports import review_by_model

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
LONG = f"{TOKEN} " + "x" * 9000

HONEST = review_by_model(left_out=(LeftOut(PATH, 3, 9, "over"), LeftOut(PATH, 20, 22, "over")))


def held(given: Report) -> Report:
    return recheck(given, REQUEST, change())


def test_an_honest_part_of_a_model_holds_as_it_is() -> None:
    edit = Suggestion(Span(PATH, 3, 3), "x", Proof.UNCHECKED, "does not parse")
    item = on_line(3, "bug", tool="model", suggestion=edit)
    given = report(item, model=HONEST, mode=Mode.PARTIAL)
    assert held(given) == given


def test_texts_of_a_models_part_are_cut_and_secrets_are_taken_out() -> None:
    edit = Suggestion(Span(PATH, 3, 3), "x", Proof.UNCHECKED, LONG)
    model = review_by_model(
        model=LONG,
        weights=LONG,
        engine=LONG,
        shape="no digest",
        left_out=tuple(LeftOut(PATH, n, n, f"{n} {LONG}") for n in range(9)),
        prompts=((LONG, LONG),) * 500,
        settings=((LONG, LONG),) * 500,
        effort=replace(HONEST.effort, seconds=((LONG, 1.0),) * 500, checkpoint=LONG),
    )
    given = held(report(on_line(3, "bug", tool="model", suggestion=edit), model=model))
    assert TOKEN not in repr(given)
    assert len(repr(given.model)) < 200 * (2000 + 3 * 200 + 200)
    assert given.model is not None
    assert (given.model.weights, given.model.shape, given.model.effort.checkpoint) == ("", "", "")
    assert {sha for _, sha in given.model.prompts} == {""}
    shown = given.judged[0].finding.suggestion
    assert shown is not None and len(shown.refused) == 2000


def test_places_that_were_left_out_are_those_of_the_change() -> None:
    places = tuple(LeftOut(path, 1, 1, "over") for path in ("elsewhere.py", PATH))
    model = held(report(model=review_by_model(units=1, missed=2, left_out=places))).model
    assert model is not None
    assert [each.path for each in model.left_out] == [PATH]
    assert (model.missed, model.units) == (2, 2)


@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        ({"model": None}, Mode.STATIC),
        ({"model": HONEST}, Mode.PARTIAL),
        ({"model": replace(HONEST, missed=0)}, Mode.FULL),
        (
            {
                "model": replace(HONEST, missed=0),
                "runs": (ToolRun("bandit", Outcome.FAILED, reason="it broke"),),
            },
            Mode.PARTIAL,
        ),
    ],
)
def test_a_review_is_no_fuller_than_what_the_report_tells(
    fields: dict[str, object], mode: Mode
) -> None:
    assert held(report(**fields, mode=Mode.FULL)).mode is mode
    assert held(report(**fields, mode=Mode.PARTIAL)).mode is Mode.PARTIAL
