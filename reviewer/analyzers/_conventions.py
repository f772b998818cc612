"""The conventions of languages for names: the styles, the guides, and what is let be."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from reviewer.analyzers._languages import is_test, python_bases, words
from reviewer.model import Confidence
from reviewer.syntax import Item, Source

TYPES: Final = ("class", "interface", "type", "enum", "trait", "variant")
CALLABLES: Final = ("function", "method")
GIVEN: Final = (*TYPES, *CALLABLES, "parameter", "variable", "attribute", "field", "constant",
    "module")  # fmt: skip
"""The kinds of names that are judged; the others are only surroundings."""

CAMEL_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


INITIALISMS: Final = frozenset(
    (
        "api cpu db dns html http https id io ip json os rpc sql ssh tcp tls udp ui uid uri url "
        "uuid xml"
    ).split()
)
"""Words that Go writes in one case (Go Code Review Comments, "Initialisms")."""


class Style(NamedTuple):
    """A way to write names, by what it is called."""

    title: str

    def write(self, name: str) -> str:
        """`name` in this style, with the underscores around it left as they are."""
        core = name.strip("_")
        lead = name[: len(name) - len(name.lstrip("_"))]
        trail = name[len(name.rstrip("_")) :]
        parts = [part for part in re.split(r"_+", CAMEL_HUMP.sub("_", core)) if part]
        capital = [part.capitalize() for part in parts]
        initialled = [p.upper() if p.lower() in INITIALISMS else p.capitalize() for p in parts]
        match self.title:
            case "snake_case":
                core = "_".join(parts).lower()
            case "UPPER_CASE":
                core = "_".join(parts).upper()
            case "PascalCase":
                core = "".join(capital)
            case "MixedCaps":
                core = "".join(initialled)
            case "mixedCaps":
                core = "".join((parts[0].lower(), *initialled[1:]))
            case _:
                core = "".join((parts[0].lower(), *capital[1:]))
        return lead + core + trail


SNAKE: Final = Style("snake_case")
CAMEL: Final = Style("camelCase")
PASCAL: Final = Style("PascalCase")
UPPER: Final = Style("UPPER_CASE")
EXPORTED: Final = Style("MixedCaps")
UNEXPORTED: Final = Style("mixedCaps")

GUIDES: Final[Mapping[str, tuple[str, str]]] = {
    "python": ("PEP 8", "https://peps.python.org/pep-0008/#naming-conventions"),
    "javascript": (
        "Google's style guide",
        "https://google.github.io/styleguide/jsguide.html#naming",
    ),
    "typescript": (
        "Google's style guide",
        "https://google.github.io/styleguide/tsguide.html#naming-style",
    ),
    "tsx": (
        "Google's style guide",
        "https://google.github.io/styleguide/tsguide.html#naming-style",
    ),
    "go": ("Effective Go", "https://go.dev/doc/effective_go#mixed-caps"),
    "java": (
        "Oracle's code conventions",
        "https://www.oracle.com/java/technologies/javase/codeconventions-namingconventions.html",
    ),
    "rust": ("RFC 430", "https://rust-lang.github.io/rfcs/0430-finalizing-naming-conventions.html"),
}

MIXED: Final = re.compile(r"_*[a-z][a-z0-9]*[A-Z][A-Za-z0-9]*")
"""mixedCase without an underscore within; `X_train` and `visit_Name` follow a system."""

CAPWORDS: Final = re.compile(r"_*[A-Z][A-Za-z0-9]*")
UNDERSCORED: Final = re.compile(r"_*[A-Za-z0-9]+_+[A-Za-z0-9]\w*")
SNAKED: Final = re.compile(r"[_$]*[a-z][a-z0-9]*(?:_+[a-z0-9]+)+")
SHOUTED: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")

FORCED: Final = re.compile(
    r"__\w+__|(?:setUp|tearDown|assert|test|do_|visit_|leave_|depart_|handle_|on_|on[A-Z])\w*"
)
"""Names by which unittest, http.server, ast, docutils and the like call back."""

KNOWN_BASES: Final = frozenset(
    "object ABC ABCMeta Protocol Generic Exception KeyError RuntimeError ValueError".split()
)
"""Classes from which no name in mixedCase is inherited."""

ACTS_AS_FUNCTION: Final = re.compile(r"\bdef __(?:call|enter|aenter|get)__")
"""Methods of a class that is used like a function, and may be named like one (PEP 8)."""

EXPERIMENTAL: Final = re.compile(r"(?i:unsafe|unstable|experimental|deprecated|dangerously)_\w+")
"""How names of React and others carry a warning."""


class Verdict(NamedTuple):
    """What is wrong with a name: the style it should have, and how sure that is."""

    style: Style
    confidence: Confidence


def judge(source: Source, item: Item) -> Verdict | None:
    """What is wrong with the name, None if nothing is or somebody else may have chosen it."""
    if item.kind not in GIVEN or item.name.strip("_$") == "" or not item.name.isascii():
        return None
    rule = {"python": python, "go": go, "java": java, "rust": rust}.get(source.language, ecmascript)
    verdict = rule(source, item)
    if verdict is None or item.name in words(source.line_after(item.place)):
        return None
    return verdict


def python(source: Source, item: Item) -> Verdict | None:
    """PEP 8."""
    name = item.name
    if item.kind == "class":
        return python_class(source, item)
    owner = item.within("class")
    if owner is not None and not python_bases(source, owner) <= KNOWN_BASES:
        return None
    if not MIXED.fullmatch(name):
        if item.kind == "function" and CAPWORDS.fullmatch(name) and len(name.strip("_")) > 1:
            return Verdict(SNAKE, Confidence.LOW)
        return None
    if item.kind == "function" and (
        FORCED.fullmatch(name) or overriding(item) or mirroring(source, item)
    ):
        return None
    if item.kind == "parameter" and len(re.sub("[^a-z]", "", name)) < 4:
        return None
    return Verdict(SNAKE, Confidence.HIGH if item.kind == "function" else Confidence.MEDIUM)


def python_class(source: Source, item: Item) -> Verdict | None:
    """CapWords, but for classes that are used like a function."""
    name = item.name.strip("_")
    if name[:1].isupper():
        odd = re.search(r"[a-z0-9]_+[A-Za-z]", name) and not name.startswith("Test")
        return Verdict(PASCAL, Confidence.MEDIUM) if odd else None
    if not python_bases(source, item) <= KNOWN_BASES or ACTS_AS_FUNCTION.search(
        source.text(*item.whole[:2])
    ):
        return None
    return Verdict(PASCAL, Confidence.HIGH if "_" in name else Confidence.MEDIUM)


def overriding(item: Item) -> bool:
    """Whether a decorator says that a base class chose the name."""
    parent = item.parent
    while parent is not None and parent.kind == "decorator":
        if re.search(r"\boverrides?\b|\boverload\b", parent.name):
            return True
        parent = parent.parent
    return False


def mirroring(source: Source, item: Item) -> bool:
    """Whether a function stands in for one of another object, by its name."""
    body = source.text(item.place.end, item.whole.end)
    return bool(re.search(rf"(?<!\bself)(?<!\bcls)\.{re.escape(item.name)}\b", body))


def ecmascript(source: Source, item: Item) -> Verdict | None:
    """Google's style guides for JavaScript and TypeScript."""
    name = item.name
    if source.path.endswith((".d.ts", ".d.cts", ".d.mts")) or item.within("foreign"):
        return None
    if item.kind in TYPES:
        core = name.strip("_$")
        bad = core[:1].islower() or re.search(r"[a-z]_+[A-Za-z]", core)
        return Verdict(PASCAL, Confidence.HIGH) if bad else None
    if not SNAKED.fullmatch(name) or EXPERIMENTAL.fullmatch(name):
        return None
    owner = item.within("class")
    if owner and "extends" in source.tail(owner).partition("{")[0]:
        return None
    if re.match(r"\s*(?::[^=]*)?=\s*(?:await\s+import|require)\b", source.line_after(item.place)):
        return None
    return Verdict(CAMEL, Confidence.HIGH if item.kind in CALLABLES else Confidence.MEDIUM)


def go(source: Source, item: Item) -> Verdict | None:
    """MixedCaps."""
    if is_test(source.path) and item.kind in CALLABLES:
        return None
    if not UNDERSCORED.fullmatch(item.name) or mentions(source.data, b'import "C"'):
        return None
    style = EXPORTED if item.name[0].isupper() else UNEXPORTED
    if SHOUTED.fullmatch(item.name):
        return Verdict(style, Confidence.LOW if item.kind == "constant" else Confidence.MEDIUM)
    return Verdict(style, Confidence.HIGH)


def java(source: Source, item: Item) -> Verdict | None:
    """Oracle's code conventions."""
    name, head = item.name, source.head(item)
    if item.kind in TYPES:
        bad = name[:1].islower() or re.search(r"[a-z0-9]_+[A-Za-z]", name)
        return Verdict(PASCAL, Confidence.HIGH) if bad else None
    if item.kind == "method":
        if "@Override" in head or is_test(source.path) or FORCED.fullmatch(name):
            return None
        bad = name[:1].isupper() or SNAKED.fullmatch(name)
        return Verdict(CAMEL, Confidence.HIGH) if bad else None
    if not SNAKED.fullmatch(name):
        return None
    constant = item.kind == "field" and {"static", "final"} <= words(head)
    return Verdict(UPPER if constant else CAMEL, Confidence.HIGH)


def rust(source: Source, item: Item) -> Verdict | None:
    """RFC 430, as rustc's own lints hold it."""
    name = item.name.removeprefix("r#")
    if item.within("foreign", "implementation") or mentions(source.data, b"allow(non_"):
        return None
    if mentions(source.data, b"repr(C") and item.kind in (*TYPES, "field"):
        return None
    if item.kind in TYPES:
        bad = name[:1].islower() or re.search(r"[a-z]_[A-Za-z]", name)
        return Verdict(PASCAL, Confidence.HIGH) if bad else None
    if item.kind == "constant":
        return Verdict(UPPER, Confidence.HIGH) if re.search("[a-z]", name) else None
    if item.kind == "function" and "extern" in source.head(item):
        return None
    return Verdict(SNAKE, Confidence.HIGH) if re.search("[a-z][A-Z]", name) else None


@lru_cache(64)
def mentions(data: bytes, needle: bytes) -> bool:
    """Whether the file holds `needle`, asked for each of its names."""
    return needle in data
