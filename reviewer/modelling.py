"""The settings of the model's part: who is asked, what, and how far it is believed."""

import enum
from dataclasses import dataclass
from typing import Annotated, Final

from reviewer.binding import Range
from reviewer.globs import Glob
from reviewer.model import Severity

TOOL: Final = "model"
"""The name under which the model's part stands among the tools."""


class EngineMode(enum.Enum):
    """Whether a model takes part."""

    OFF = "off"
    AUTO = "auto"
    REQUIRED = "required"


class Reach(enum.Enum):
    """How much code is shown around a change."""

    DIFF = "diff"
    FUNCTION = "function"
    CALLEES = "callees"


class AuditMode(enum.Enum):
    """What it takes to ask the model."""

    OFF = "off"
    BEST_EFFORT = "best-effort"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Who answers as the model: a server by its URL, a folder of weights, or first one, then the
    other. Without either, reviews are static.
    """

    mode: EngineMode = EngineMode.AUTO
    """`off` asks no model, `auto` reviews without one where none is well, `required` then ends with
    exit code 5."""
    url: str = ""
    """A server that speaks OpenAI's chat completions: `http://127.0.0.1:8000`, `unix:///FILE`, or
    `https://HOST` for hosts in `engine.allow`. Its key is the variable `REVIEWER_ENGINE_KEY`."""
    allow: tuple[str, ...] = ()
    """Hosts other than this machine that the code of a change may be sent to."""
    model: str = ""
    """Which of the server's models; needed where it has several."""
    dialect: str = ""
    """Its kind, `reviewer`, `vllm`, `sglang`, `llama.cpp`, `tabbyapi` or `other`, where it does not
    say so itself."""
    ca_file: str = ""
    """Certificates of the authority that signs for the server; without it the system's."""
    model_dir: str = ""
    """Folder of weights on this machine, served by ExLlamaV2 on its graphics card."""
    folder: str = ""
    """Folder where the reviews of this machine take turns with the card: it outlives jobs and
    belongs to their user alone. Without it: `engine` in the data folder."""
    seconds: Annotated[float, Range(1, 600)] = 20.0
    """Longest time of the check before a review, in seconds, where the engine runs already."""
    load_seconds: Annotated[float, Range(1, 7200)] = 600.0
    """Longest time for loading the weights of `engine.model-dir`, in seconds."""
    queue_seconds: Annotated[float, Range(0, 86400)] = 300.0
    """Longest time to wait for other reviews to be done with the card, in seconds."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """What the model is told about some files, beside the code."""

    text: str
    """The instruction, a few sentences."""
    paths: tuple[Glob, ...] = ("**",)
    """Files that it is about."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What the model is asked, and how far it is believed."""

    reach: Reach = Reach.CALLEES
    """Code that is shown beside the lines of the `diff`: none, the rest of the `function` around
    them, or also the first lines of what they call, its `callees`."""
    findings: Annotated[int, Range(1, 20)] = 3
    """Most findings in one answer."""
    inline: Annotated[int, Range(0, 100)] = 5
    """Most comments on lines that are the model's; they count to `comments.inline` as well."""
    inline_from: Severity = Severity.WARNING
    """Lowest severity of a finding of the model that gets a comment on its line."""
    gate: bool = False
    """Whether findings of the model can fail the gate and take points from the score."""
    samples: Annotated[int, Range(1, 9)] = 1
    """Answers to each question. With several, only what `model.votes` of them say is believed."""
    votes: Annotated[int, Range(1, 9)] = 2
    """Answers of several that have to agree."""
    verify: bool = False
    """Whether each finding is put to the model once more, as one claim beside its code."""
    suggestions: bool = True
    """Whether the model is asked for edits; only what is proven to apply, to parse and to bring
    nothing new is offered."""
    temperature: Annotated[float, Range(0, 2)] = 0.0
    """Chance in the choice of words; 0 is none. With several samples 0 stands for 0.6."""
    top_k: Annotated[int, Range(0, 1000)] = 0
    """Likeliest tokens to choose among; 0 is all."""
    top_p: Annotated[float, Range(0, 1)] = 1.0
    """Share of likelihood to choose among."""
    seed: Annotated[int, Range(0, 2147483647)] = 0
    """Where chance starts from."""
    answer_tokens: Annotated[int, Range(100, 8000)] = 1200
    """Most tokens of one answer."""
    prompt_tokens: Annotated[int, Range(500, 100000)] = 6000
    """Most tokens of one question; the model's own context may allow fewer."""
    workers: Annotated[int, Range(1, 256)] = 8
    """Most questions at a time."""
    seconds: Annotated[float, Range(1, 36000)] = 600.0
    """Longest time for all questions together, in seconds. What is left then is listed."""
    requests: Annotated[int, Range(1, 100000)] = 500
    """Most requests for one review."""
    tokens: Annotated[int, Range(1000, 1000000000)] = 2000000
    """Most tokens for one review, questions and answers together."""
    instructions: tuple[Instruction, ...] = ()
    """What the model is told about some files."""
    description: bool = False
    """Whether the titles of the commits are shown to the model. Whoever writes them can then
    address it."""
    prompts: str = ""
    """Folder in the branch that the change is to go into, with templates in place of ours:
    `review.txt.j2`, `verify.txt.j2`, `rewrite.txt.j2`. They may show values, ask for them by `if`,
    and go through the `instructions`; nothing else of Jinja2."""
    cache: bool = True
    """Whether answers are remembered in the data folder, so that an unchanged place costs nothing
    and gets no new remark."""
    audit: AuditMode = AuditMode.BEST_EFFORT
    """Whether each request is written to the audit log in the data folder: `off`, `best-effort`
    warns when it cannot be, `required` then asks no model and ends with exit code 4."""
