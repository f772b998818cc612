"""The rules of all analyzers: where each is described, and the one that a name means."""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

from reviewer import measure, model_rules
from reviewer.analyzers.base import ForeignRules, RulePage
from reviewer.binding import shown
from reviewer.errors import InputError, ToolError
from reviewer.modelling import TOOL
from reviewer.process import Runner
from reviewer.version import HOME

PAGE: Final = f"{HOME}/blob/main/docs/rules.md"

CODE: Final = re.compile("[A-Z].*[0-9].*")
"""What looks like the code of a rule, and like no word."""

OWN: Final = "reviewer"
"""The source of the rules that no other program defines."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A rule by its id, its page, and the program that defines it."""

    rule_id: str
    page: RulePage
    source: str


@dataclass(frozen=True)
class Catalogue:
    """All rules: pages of our own by rule id, and by analyzer those of other programs."""

    own: Mapping[str, RulePage]
    foreign: Mapping[str, ForeignRules]

    def explain(self, name: str, runner: Runner) -> Explained:
        """The rule that `name` means: an id, or the end of one id alone.

        Raises InputError, with the nearest names, when there is no such rule or more than one.
        """
        found = list(self._candidates(name, runner))
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(item.rule_id for item in found)
            raise InputError(f"{shown(name)} may mean several rules", f"choose from: {ids}")
        near = get_close_matches(name[:80], self._known(name, runner), n=3, cutoff=0.5)
        tip = f"did you mean {', '.join(near)}?" if near else f"{PAGE} lists what there is"
        raise InputError(f"there is no rule {shown(name)}", tip)

    def _candidates(self, name: str, runner: Runner) -> Iterator[Explained]:
        tool, slash, rule = name.partition("/")
        if not slash or tool not in self.foreign:
            tool, rule = "", name
        mine = [i for i in self.own if i == name or i.endswith(f"/{name}")]
        for rule_id in mine:
            yield Explained(rule_id, self.own[rule_id], self._source(rule_id))
        for owner, rules in self.foreign.items() if not mine else ():
            # A name alone means a rule of another program where that program confirms it, or
            # where it looks like the code of one and has a page.
            coded = rules.url and CODE.fullmatch(rule)
            known = tool == owner or (not tool and (rules.ask is not None or coded))
            page = described(rules, rule, runner) if known else None
            if page is not None:
                yield Explained(f"{owner}/{rule}", page, rules.program)

    def _source(self, rule_id: str) -> str:
        rules = self.foreign.get(rule_id.partition("/")[0])
        return rules.program if rules else OWN

    def _known(self, name: str, runner: Runner) -> list[str]:
        """Names that may have been meant, in the form in which `name` is written."""
        tool = name.partition("/")[0]
        ids = list(self.own)
        for owner, rules in self.foreign.items():
            if rules.usual is not None and (owner == tool or "/" not in name):
                ids += [f"{owner}/{page.rule}" for page in _usual(rules, runner)]
        return ids if "/" in name else [*ids, *(rule_id.partition("/")[2] for rule_id in ids)]


def catalogue(analyzers: Mapping[str, type[Any]]) -> Catalogue:
    """The rules of these analyzers (classes by name), of coverage, and of the model."""
    own = {f"coverage/{page.rule}": page for page in measure.RULES}
    own |= {f"{TOOL}/{page.rule}": page for page in model_rules.RULES}
    foreign: dict[str, ForeignRules] = {}
    for name, cls in analyzers.items():
        module = vars(sys.modules[cls.__module__])
        own |= {f"{name}/{page.rule}": page for page in module.get("RULES", ())}
        if "FOREIGN" in module:
            foreign[name] = module["FOREIGN"]
    return Catalogue(dict(sorted(own.items())), foreign)


def described(rules: ForeignRules, rule: str, runner: Runner) -> RulePage | None:
    """What there is to say of a rule of another program, None when it has no such rule."""
    match = re.fullmatch(rules.names, rule)
    if match is None:
        return None
    words = {name: text or "" for name, text in match.groupdict().items()}
    plain = RulePage(
        rule, rules.about, url=rules.url.format(rule=rule, lower=rule.lower(), **words)
    )
    if rules.ask is None:
        return plain
    try:
        return rules.ask(rule, runner)
    except ToolError as error:
        return replace(plain, what=f"{rules.about} ({rules.program}: {error})")


def _usual(rules: ForeignRules, runner: Runner) -> Iterator[RulePage]:
    try:
        yield from rules.usual(runner) if rules.usual else ()
    except ToolError:
        # Without the program there is nothing to suggest of it.
        return


def anchor(rule_id: str) -> str:
    """The name of a rule's place on the page of rules: `ruff/S602` is at `ruff-s602`."""
    return re.sub(r"[^a-z0-9]+", "-", rule_id.lower()).strip("-")


def page(rule_id: str) -> str:
    """The address of a rule's place on the page of rules; of its top for a rule without one."""
    return f"{PAGE}#{anchor(rule_id)}"
