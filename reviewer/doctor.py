"""What a check-up makes of the facts of a machine: one line each, with its cure. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reviewer.engines.base import Health
from reviewer.model import Ordered, Outcome, ToolRun

GIB: Final = 1 << 30

ROOM: Final = GIB
"""Bytes of temporary files that a large change takes with all of its tools."""

LITTLE: Final = ROOM // 8

GIT: Final = (2, 31)
"""The first that takes its configuration from GIT_CONFIG_COUNT (git, RelNotes/2.31.0)."""

DRIVER: Final = 580
"""The first NVIDIA driver for CUDA 13 (NVIDIA, "CUDA Toolkit Release Notes", table of drivers)."""

MEMORY: Final = 8 * 1024
"""MiB of a card for a model of 7 billion parameters at 4.5 bits, and 16k tokens of context."""

SLACK: Final = 1536
"""MiB that a model needs on a card beside its weights, at the very least."""

PARTLY: Final = {
    "trivy": "trivy image --download-db-only, where there is a network; then TRIVY_CACHE_DIR",
}
"""What an analyzer needs that ran, and could not do all of its work."""

ENGINE_PACKAGES: Final = ("torch", "exllamav2", "flash_attn", "llguidance")
"""What our own engine is made of; flash_attn may be our replacement of it."""


class State(Ordered):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Line:
    """One check: what it is about, how it ended, what was found, and what to do."""

    name: str
    state: State
    found: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card as nvidia-smi tells it; memory in MiB."""

    name: str
    driver: str
    total: int
    free: int


def worst(lines: Iterable[Line]) -> State:
    """The worst of all; OK for none."""
    return max((line.state for line in lines), default=State.OK)


def ok(name: str, found: str) -> Line:
    """All is well."""
    return Line(name, State.OK, found)


def warning(name: str, found: str, cure: str) -> Line:
    """It works, but not all of it."""
    return Line(name, State.WARNING, found, cure)


def failed(name: str, found: str, cure: str) -> Line:
    """It does not work."""
    return Line(name, State.FAILED, found, cure)


def git(printed: str) -> Line:
    """`git --version`, "" where there is none."""
    found = re.search(r"(\d+)\.(\d+)", printed)
    if found is None:
        return failed("git", "git is not installed", "install git")
    version = (int(found[1]), int(found[2]))
    if version < GIT:
        wanted = ".".join(map(str, GIT))
        return failed("git", f"git {found[0]} is too old", f"install git {wanted} or newer")
    return ok("git", printed.removeprefix("git version ").strip()[:40])


def history(*, checkout: bool, shallow: bool) -> Line:
    """Whether the merge base can be found."""
    if not checkout:
        return warning("history", "this folder is no checkout", "run it in one, or add --repo DIR")
    if shallow:
        return warning(
            "history",
            "the checkout is shallow: the commit that a change began at may be missing",
            "git fetch --unshallow, or fetch-depth: 0 for actions/checkout",
        )
    return ok("history", "the checkout is whole")


def disk(place: str, free: int) -> Line:
    """Bytes left for temporary files in `place`."""
    found = f"{free / GIB:.1f} GiB free in {place}"
    if free < ROOM:
        judge = failed if free < LITTLE else warning
        return judge("disk", found, f"free {ROOM / GIB:g} GiB, or name another folder by TMPDIR")
    return ok("disk", found)


def analyzer(run: ToolRun) -> Line:
    """An analyzer that was run on a small sample."""
    name = f"analyzer {run.tool}"
    found = run.version or "built in"
    if not run.concerned:
        return ok(name, "ready")
    if run.outcome is Outcome.OK:
        if run.reason:
            return warning(
                name, f"{found}: {run.reason}", PARTLY.get(run.tool, "see docs/rules.md")
            )
        return ok(name, found)
    cure = f"install it, or switch it off: analyzers.disable: [{run.tool}]"
    judge = warning if run.outcome is Outcome.SKIPPED else failed
    return judge(name, run.reason, cure)


def container(*, inside: bool, programs: Iterable[str]) -> Line:
    """Whether we run in a container, and what could start one."""
    if inside:
        return ok("container", "this is one")
    names = ", ".join(programs)
    if names:
        return ok("container", f"{names} can run one")
    return warning(
        "container", "neither docker nor podman is here", "needed by the action only: install one"
    )


def token(*, given: bool, problem: str = "", push: bool | None = None) -> Line:
    """A token of GitHub after one read. Whether it may comment shows when it does."""
    if not given:
        return warning(
            "token", "there is no GITHUB_TOKEN: reviews are shown here", "needed to publish only"
        )
    if problem:
        return failed(
            "token", problem, "permissions: contents: read and pull-requests: write in the workflow"
        )
    rights = "reads and writes" if push else "reads"
    return ok("token", f"it {rights} the repository")


def parse_cards(printed: str) -> tuple[Card, ...]:
    """Lines of `nvidia-smi --query-gpu=name,driver_version,memory.total,memory.free`, as CSV."""
    cards = []
    for line in printed.splitlines():
        parts = [part.strip() for part in line.rsplit(",", 3)]
        if len(parts) == 4 and parts[2].isdecimal() and parts[3].isdecimal():
            cards.append(Card(parts[0][:80], parts[1][:40], int(parts[2]), int(parts[3])))
    return tuple(cards)


def graphics(cards: tuple[Card, ...], problem: str = "") -> tuple[Line, ...]:
    """The cards, or why there are none."""
    if not cards:
        return (
            warning(
                "graphics card",
                problem or "no NVIDIA card is in sight",
                "reviews are static without one, unless engine.url names a model's server",
            ),
        )
    return tuple(line for card in cards for line in _card(card))


def _card(card: Card) -> tuple[Line, Line]:
    major = card.driver.partition(".")[0]
    if major.isdecimal() and int(major) < DRIVER:
        driver = failed(
            "driver", f"driver {card.driver} is too old for CUDA 13", f"install {DRIVER} or newer"
        )
    else:
        driver = ok("driver", card.driver)
    found = f"{card.name}: {card.free / 1024:.1f} of {card.total / 1024:.1f} GiB free"
    if card.free < MEMORY:
        cure = "end what else uses it, or take a smaller model"
        return driver, warning("graphics card", found, cure)
    return driver, ok("graphics card", found)


def packages(versions: Iterable[tuple[str, str]]) -> Line:
    """What our engine is made of, by name and version ("" where it is missing)."""
    found = list(versions)
    missing = [name for name, version in found if not version]
    if missing:
        cure = "use the image with the GPU stack, or engine.url"
        return warning("engine packages", f"missing: {', '.join(missing)}", cure)
    return ok("engine packages", ", ".join(f"{name} {version}" for name, version in found))


def weights(place: str, size: int, *, manifest: bool, cards: tuple[Card, ...]) -> Line:
    """A folder of weights of `size` bytes, 0 where there are none."""
    if not size:
        return failed("weights", f"there are no weights in {place}", "put a model there")
    found = f"{size / GIB:.1f} GiB in {place}"
    if not manifest:
        cure = f"write its manifest: reviewer weights lock {place}"
        return failed("weights", f"{found}, and nobody vouches for them", cure)
    needed = size // (1 << 20) + SLACK
    if cards and all(card.total < needed for card in cards):
        return failed("weights", f"{found}: more than a card here holds", "take a smaller model")
    return ok("weights", found)


def model(mode: str, url: str, folder: str) -> Line:
    """Whom the settings name as the model, "" where they name none."""
    if mode == "off":
        return ok("model", "switched off by engine.mode: reviews are static")
    named = [
        f"{name} {place}"
        for name, place in (("engine.url", url), ("engine.model-dir", folder))
        if place
    ]
    if not named:
        return ok("model", "engine.url and engine.model-dir are not set: reviews are static")
    return ok("model", f"{mode}: {', else '.join(named)}")


def data(place: str, problem: str, *, required: bool) -> Line:
    """Where answers and the audit log are kept, or why not; `required` is said of the log."""
    if not problem:
        return ok("data folder", place)
    judge = failed if required else warning
    cure = "name a folder of your own by REVIEWER_DATA_DIR"
    return judge("data folder", f"answers and the audit log are not kept: {problem}", cure)


def engine(health: Health) -> Line:
    """The ladder of an engine."""
    if health.ok:
        return ok("engine", f"{health.model} found the planted bug in {health.seconds:.1f} s")
    return failed("engine", health.reason, health.tip)
