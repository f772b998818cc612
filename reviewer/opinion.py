"""What readers are told of the model's part of a review. It neutralises nothing."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from reviewer import text, words
from reviewer.model import (
    Effort,
    Finding,
    Judged,
    LeftOut,
    ModelReview,
    Outcome,
    Report,
    Standing,
    ToolRun,
)
from reviewer.modelling import TOOL

DIGITS: Final = 12
"""Of the digest of weights, as of a commit: enough to tell two apart."""

CHECKPOINT: Final = re.compile(r"[0-9]{1,18}:[0-9a-f]{64}")
"""How many records a log has, and the hash of the last."""


def by_model(finding: Finding) -> bool:
    """Whether a model wrote it."""
    return finding.tool == TOOL


def name(model: ModelReview) -> str:
    """`qwen2.5-coder-7b (vllm 0.11.0), weights 1f0c4d8e9a7b`, as far as it is known."""
    spoken = f"{model.engine} {model.version}".strip()
    engine = f" ({spoken})" if spoken else ""
    weights = f", weights {model.weights[:DIGITS]}" if model.weights else ""
    return f"{model.model or 'a model without a name'}{engine}{weights}"


def extent(model: ModelReview) -> str:
    """How much of the change it was asked about, now or in an earlier review of it."""
    if not model.units:
        return "there was no place to ask about"
    asked = max(0, model.units - model.missed)
    return f"saw {asked:,} of {text.count(model.units, 'place')}"


def facts(model: ModelReview) -> list[tuple[str, str]]:
    """Who was asked about how much, and what it took: a name for each line."""
    effort = model.effort
    seconds = ", ".join(f"{stage} {taken:.1f}" for stage, taken in effort.seconds)
    told = [
        ("model", f"{name(model)}: {extent(model)}"),
        ("requests", _requests(effort)),
        ("tokens", _tokens(effort)),
        ("seconds", seconds),
        ("audit log", checkpoint(model)),
    ]
    return [(label, words) for label, words in told if words]


def checkpoint(model: ModelReview | None) -> str:
    """The end of the audit log, as `reviewer audit verify --checkpoint` takes it; "" if there is
    none. It differs from run to run: only what is written once may show it.
    """
    found = CHECKPOINT.fullmatch(model.effort.checkpoint) if model else None
    return found[0] if found else ""


def _requests(effort: Effort) -> str:
    mended = f", {effort.repaired:,} of them to mend an answer" if effort.repaired else ""
    cached = f"; {text.count(effort.cached, 'answer')} from the cache" if effort.cached else ""
    return f"{effort.requests:,}{mended}{cached}"


def _tokens(effort: Effort) -> str:
    cached = f" ({effort.cached_tokens:,} cached by the engine)" if effort.cached_tokens else ""
    return f"{effort.prompt_tokens:,} of questions{cached}, {effort.answer_tokens:,} of answers"


def manifest(model: ModelReview) -> list[tuple[str, str]]:
    """What the model's part can be repeated from."""
    told = [
        ("model", model.model),
        ("engine", model.engine),
        ("weights", model.weights),
        ("context", text.count(model.context, "token") if model.context else ""),
        *((f"prompt {task}", digest) for task, digest in model.prompts),
        ("schema", model.shape),
        *((f"model.{key.replace('_', '-')}", setting) for key, setting in model.settings),
    ]
    return [(label, words) for label, words in told if words]


def left_out(report: Report) -> Mapping[str, list[str]]:
    """Places that the model was not asked about, by reason; those it should have been first.

    Without the files that no tool looked into: the report has a list of them.
    """
    skipped = {(change.path, change.skipped) for change in report.changes}
    reasons: dict[str, list[str]] = {}
    for each in report.model.left_out if report.model else ():
        if each.start or (each.path, each.reason) not in skipped:
            reasons.setdefault(each.reason, []).append(place(each))
    return reasons


def place(left: LeftOut) -> str:
    """`src/a.py:3-9`, or the path of a file that is meant as a whole."""
    if not left.start:
        return left.path
    last = f"-{left.end}" if left.end > left.start else ""
    return f"{left.path}:{left.start}{last}"


def disbelieved(report: Report) -> Mapping[str, int]:
    """How many findings of the model were refused, by reason, the most frequent first."""
    notes = Counter(
        item.note
        for item in report.judged
        if by_model(item.finding) and item.standing is Standing.UNPROVEN
    )
    return dict(sorted(notes.items(), key=lambda pair: (-pair[1], pair[0])))


def refused(report: Report) -> list[tuple[Judged, str]]:
    """Findings whose edits are not offered, with the reason, in the order in which one reads."""
    found = [
        (item, item.finding.suggestion.refused)
        for item in words.by_place(report.judged)
        if item.finding.suggestion is not None
    ]
    return [(item, reason) for item, reason in found if reason]


def lacking(report: Report) -> Sequence[str]:
    """Why a review is not full: nothing for a full one, and where no model was wanted."""
    return [_lacks(run) for run in report.runs if _lacking(run)]


def _lacking(run: ToolRun) -> bool:
    if run.tool != TOOL:
        return run.outcome is Outcome.FAILED
    return run.concerned and bool(run.reason)


def _lacks(run: ToolRun) -> str:
    what = run.tool if run.outcome is Outcome.OK else f"{run.tool} {run.outcome.value}"
    return f"{what}: {run.reason}"
