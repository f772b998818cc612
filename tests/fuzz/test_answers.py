"""Any text as the answer of a model: what comes of it is a valid finding, or a reason."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer import gate, guard
from reviewer.claims import judge as claims
from reviewer.config import Settings
from reviewer.context import units as context
from reviewer.context.units import Unit
from reviewer.effort import Budget
from reviewer.engines.base import Completion, Health, Prompt, Schema, Usage, decoded
from reviewer.errors import BadSchema, EngineError
from reviewer.model import (
    ChangeSet,
    Confidence,
    Finding,
    Outcome,
    PatchCoverage,
    Severity,
    Side,
    Standing,
    ToolRun,
)
from reviewer.modelling import TOOL, ModelSettings
from reviewer.prompts import Prompts
from reviewer.question import Questions, moved
from reviewer.shapes import CATEGORIES, MOST, Answer, Remark, Verdict
from reviewer.tree import Tree
from tests.fuzz.mutations import INPUTS, SECONDS, VALUES, inputs, promptly
from tests.support.room import room, runner

BASE: Final = b"".join(b"line_%d = %d\n" % (n, n) for n in range(1, 13))
HEAD: Final = BASE.replace(b"line_6 = 6", b"line_6 = price / 0\nline_7 = price  # \xe2\x80\xae")


@dataclass
class Telling:
    """An engine that says what it is told to; it stands for a server, without a socket."""

    name: ClassVar[str] = "telling"
    text: str = ""
    patience: float = 1.0

    def health(self, deadline: float) -> Health:
        return Health(ok=True)

    def complete(self, prompt: Prompt, schema: Schema | None = None) -> Completion:
        return Completion(self.text, "stop", Usage(), "telling", 0.0)

    def count(self, text: str, deadline: float) -> int | None:
        return None

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Scene:
    """A change, one unit of it, and the settings of a patient questioner."""

    changes: ChangeSet = field(repr=False)
    tree: Tree = field(repr=False)
    unit: Unit = field(repr=False)
    prompts: Prompts = field(default_factory=lambda: Prompts.of({}, masks=("line_5",)), repr=False)

    def findings(self, text: str, samples: int = 1) -> tuple[Finding, ...]:
        """What comes of an answer. Raises EngineError."""
        wanted = ModelSettings(samples=samples, cache=False)
        budget = Budget(wanted, time.monotonic() + 60)
        engine = Telling(text)
        questions = Questions(engine, self.prompts, wanted, budget, self.changes, self.tree)
        return questions.review(self.unit)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("answers")
    changes, tree = room(folder, {"a.py": HEAD}, {"a.py": BASE})
    built = context.build(changes, tree, (), PatchCoverage(), runner(folder))
    (unit,) = built.units
    yield Scene(changes, tree, unit)


def remark(**changes: Any) -> dict[str, Any]:
    told = {
        "path": "a.py", "line": 6, "end_line": 6, "quote": "line_6 = price / 0",
        "category": "bug", "severity": "error", "problem": "It divides by zero.",
        "scenario": "Each import raises ZeroDivisionError.", "replacement": "line_6 = price",
    }  # fmt: skip
    return {**told, **changes}


def text_of(*remarks: Any) -> bytes:
    return json.dumps({"thought": "It divides.", "findings": remarks}).encode()


SAMPLES: Final = (
    text_of(remark()),
    text_of(),
    text_of(remark(), remark(line=9, end_line=10, quote="line_8 = 8\nline_9 = 9")),
    text_of(remark(problem="`price` is not defined.", replacement=None)),
    text_of(remark(line=8, quote="     6 + line_6 = price / 0")),
    b"Here it is:\n```json\n" + text_of(remark(severity="note")) + b"\n```\nBye.",
    text_of(*[remark(problem=f"It fails in way {n}.", line=n) for n in range(20)]),
)

texts = st.text(max_size=60) | st.sampled_from([each for each in VALUES if isinstance(each, str)])
numbers = st.integers() | st.integers(0, 14)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
fields = st.fixed_dictionaries(
    {
        "path": st.just("a.py") | texts,
        "line": numbers,
        "end_line": numbers,
        "quote": st.sampled_from([*HEAD.decode().split("\n"), *BASE.decode().split("\n")]) | texts,
        "category": st.sampled_from([*CATEGORIES, "style"]) | texts,
        "severity": st.sampled_from(["error", "warning", "note"]) | texts,
        "problem": texts | st.just("`line_3` is undefined, and @bot merge it."),
        "scenario": texts,
        "replacement": st.none() | texts,
    }
)
made = st.lists(fields | anything, max_size=6).map(lambda told: text_of(*told))
whole = anything.map(lambda value: json.dumps(value).encode())
answers = st.one_of(inputs(SAMPLES), made, whole, st.binary(max_size=80))


def valid(scene: Scene, findings: tuple[Finding, ...]) -> None:
    """Whatever was said, each finding can be shown, and none is where there is nothing."""
    assert len(findings) <= 3 * MOST
    for finding in findings:
        span = finding.span
        assert (finding.tool, finding.rule in CATEGORIES) == (TOOL, True)
        assert (span.path, finding.side) == ("a.py", Side.NEW)
        assert span.start <= span.end
        assert 0 < span.start <= 13 if not finding.doubt else span.start >= 0
        assert (finding.severity in Severity, finding.confidence in Confidence) == (True, True)
        assert len(finding.message) <= claims.MESSAGE_CHARS + 40
        assert finding.suggestion is None or (
            not finding.doubt and finding.suggestion.span == finding.span
        )
    once = claims.once(findings)
    assert len(once) == len(findings)
    run = ToolRun(TOOL, Outcome.OK, findings=tuple(once))
    _, found = guard.ground([run], scene.changes, scene.tree)
    judged = gate.judge(found, scene.changes, Settings())
    assert len(judged) == len(findings)
    for item in judged:
        assert item.note
        assert item.standing is not Standing.INLINE or item.anchor in (6, 7)


def told(scene: Scene, data: bytes, samples: int) -> None:
    text = data.decode("utf-8", "surrogatepass" if len(data) % 2 else "replace")
    with promptly():
        try:
            found = scene.findings(text, samples)
        except EngineError as error:
            assert str(error).isprintable()
            return
        valid(scene, found)
        moved(text, len(data) - 40)


FEW: Final = settings(
    max_examples=100,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def surrogates(data: bytes) -> bytes:
    """Without what no decoder of texts takes at all."""
    return data.decode("utf-8", "replace").encode()


@FEW
@given(data=answers.map(surrogates), samples=st.sampled_from([1, 1, 3]))
def test_any_answer_is_findings_or_a_reason(scene: Scene, data: bytes, samples: int) -> None:
    told(scene, data, samples)


@pytest.mark.slow
@settings(FEW, max_examples=max(2_000, 2 * INPUTS))
@given(data=answers.map(surrogates), samples=st.sampled_from([1, 1, 3]))
def test_any_of_many_answers_is_findings_or_a_reason(
    scene: Scene, data: bytes, samples: int
) -> None:
    """20,000 by `make fuzz`."""
    told(scene, data, samples)


def test_the_samples_are_understood(scene: Scene) -> None:
    """Else nothing above would be about answers."""
    found = [scene.findings(sample.decode()) for sample in SAMPLES]
    assert [len(each) for each in found] == [1, 0, 2, 1, 1, 1, 20]
    assert [each[0].span.start for each in found if each and not each[0].doubt][:1] == [6]


@pytest.mark.parametrize(
    "text",
    [
        '{"findings": [], "@team approve this": 1}',
        '{"findings": [], "a` - at `$.b\\nc": 1}',
        text_of(remark(**{"@team approve this": 1})).decode(),
    ],
)
def test_a_reason_quotes_nothing_of_an_answer(text: str, scene: Scene) -> None:
    with pytest.raises(BadSchema) as raised:
        scene.findings(text)
    said = str(raised.value)
    assert said.startswith("the answer has not the shape asked for: Object contains unknown field")
    assert "approve" not in said
    assert "\n" not in said
    with pytest.raises(BadSchema, match=r"Invalid enum value - at `\$\.verdict`$"):
        decoded('{"thought": "", "input": "", "verdict": "approve @team"}', Verdict)


@pytest.mark.parametrize("by", [-(2**31), -7, 0, 7, 2**31, 10**6])
def test_a_remembered_answer_moves_by_any_number(by: int, scene: Scene) -> None:
    """Beyond what a line can be it is no answer, and is asked for anew."""
    told = moved(text_of(remark(line=2**31 - 1, end_line=-(2**31))).decode(), by)
    try:
        valid(scene, scene.findings(told))
    except EngineError as error:
        assert "the answer has not the shape" in str(error)


@pytest.mark.slow
def test_the_slowest_of_quotes_are_looked_for_in_time(scene: Scene) -> None:
    """50 remarks of the longest quotes and claims there may be."""
    long = remark(quote="line_6 = " * 1700, problem="no import of 'a" * 1000, scenario="x " * 7000)
    with promptly(10 * SECONDS):
        try:
            valid(scene, scene.findings(text_of(*[long] * MOST).decode()))
        except EngineError as error:
            assert "shape" in str(error)


def test_the_shape_takes_what_the_schema_takes() -> None:
    assert set(Remark.__struct_fields__) == set(remark())
    assert set(Answer.__struct_fields__) == {"findings", "thought"}
