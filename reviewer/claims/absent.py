"""Claims that a name is missing or undefined, held against the code: is it there?

Nothing is parsed: strings and comments are blanked, brackets joined, and what is left is read line
by line. A name counts as there only where the line in question can see it: at the top of the file,
in what encloses the line, in its class for `self.name`. Whatever cannot be told is believed.
"""

import builtins
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from reviewer.claims.orders import any_of
from reviewer.text import clip

READ: Final = 500_000
"""Characters of a file that are read; in a longer one nothing is told."""

LONGEST: Final = 5000
"""Characters of a line with its continuations that are read."""

_NAME: Final = r"[`'\"“‘]?(?P<{}>[A-Za-z_$][\w.$]{{1,120}}?)(?:\(\))?[`'\"”’]?"
_END: Final = r"(?=[\s`'\".,;:)]|$)"
_KIND: Final = r"(?:function|class|variable|method|module|name|constant|symbol|import)"
_IS: Final = (
    r"(?:is|was|are|were|has|have)(?: been)?(?: \w+ly)?(?: (?:used|called|referenced|raised))?"
)
_UNSEEN: Final = r"(?:defined|declared|imported|in scope|resolved|available)"
_FLOW: Final = (
    r"(?!\s+(?:when|if|unless|until|before|after|while|where|yet|as|by|at|with|for|once|outside"
    r"|inside|within|on|in (?!(?:this|the) (?:file|module|scope|code|change|diff|snippet|program"
    r"|class)\b|scope|the shown|the given))\b)"
)
"""What follows a claim about one way through the code, which a look at the names cannot judge."""

MISSING: Final = any_of(
    rf"{_NAME.format('a')} (?:{_KIND} )?(?:{_IS} )?(?:and |but )?(?:not|never|un|n[’']t|without) ?"
    rf"(?:being |been |actually |currently |even |ever )?{_UNSEEN}\b{_FLOW}",
    rf"{_NAME.format('b')} (?:{_KIND} )?(?:(?:does|do)(?: not|n[’']t) exist|isn[’']t {_UNSEEN}"
    rf"|{_IS} missing)\b{_FLOW}",
    r"\b(?:undefined|undeclared|unresolved|unknown) (?:(?:identifier|reference|"
    rf"{_KIND})(?: to)? |(?=[`'\"])){_NAME.format('c')}{_END}{_FLOW}",
    r"\b(?:missing|lacks|without|no|forgot|need(?:s|ed)?)(?: an?| the| any)? "
    rf"(?:import|definition|declaration) (?:of|for|statement for) {_NAME.format('d')}{_END}{_FLOW}",
    rf"\b(?:import|definition|declaration) (?:of|for) {_NAME.format('e')} is missing\b{_FLOW}",
    r"\b(?:no|missing) (?:function|class|variable|constant|attribute|parameter|module)"
    rf"(?: named| called)? {_NAME.format('f')}{_END}{_FLOW}",
)
"""A claim that a name is not there, whatever way the code takes."""

UNCODED: Final = {
    "#": re.compile(
        r"'''(?:[^\\']|\\.|'(?!''))*+(?:'''|\Z)|\"\"\"(?:[^\\\"]|\\.|\"(?!\"\"))*+(?:\"\"\"|\Z)"
        r"|'(?:[^\\'\n]|\\.)*+'?|\"(?:[^\\\"\n]|\\.)*+\"?|#[^\n]*",
        re.DOTALL,
    ),
    "/": re.compile(
        r"/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)|//[^\n]*|`(?:[^\\`]|\\.)*+(?:`|\Z)"
        r"|'(?:[^\\'\n]|\\.)*+'?|\"(?:[^\\\"\n]|\\.)*+\"?",
        re.DOTALL,
    ),
}
"""Strings and comments, by what begins a comment. An open one ends with its line or the file."""

SCRIPTED: Final = frozenset(("python", "ruby", "bash", ""))
GLOBAL: Final = frozenset(
    "window document console process require module exports Promise JSON Math Object Array "
    "String Number Boolean Date RegExp Map Set WeakMap Symbol Error TypeError fetch setTimeout "
    "setInterval clearTimeout clearInterval Buffer URL undefined null globalThis parseInt "
    "parseFloat isNaN encodeURIComponent decodeURIComponent localStorage navigator Intl Reflect "
    "Proxy BigInt".split()
)
"""Names that JavaScript knows without an import (ECMA-262, section 19; HTML; Node.js globals)."""
PREDECLARED: Final = frozenset(
    "append cap clear close complex copy delete imag len make max min new panic print println real "
    "recover error string int int64 bool byte rune float64 any nil true false iota".split()
)
"""Names that Go knows (go.dev/ref/spec, "Predeclared identifiers")."""
KNOWN: Final = {
    "python": frozenset((*dir(builtins), "__file__", "__builtins__")),
    "javascript": GLOBAL,
    "typescript": GLOBAL,
    "tsx": GLOBAL,
    "go": PREDECLARED,
}

OWN: Final = ("self", "cls", "this")


@dataclass(frozen=True, slots=True)
class Here:
    """Where a name is looked for: the language, signatures of what is called, the file, a line."""

    language: str
    callees: Sequence[str]
    code: Callable[[], str]
    line: int


class _Line(NamedTuple):
    """A line with its continuations: its first number, its last, its indentation and its code."""

    number: int
    last: int
    indent: int
    code: str
    raw: str


def why(words: str, here: Here) -> str:
    """Why a name that is said to be missing is not, "" where that is not said or cannot be told."""
    for said in MISSING.finditer(words):
        name = next(filter(None, said.groups())).strip(".")
        anywhere = said["f"] or "exist" in said[0].lower()
        if _there(name, here) or (anywhere and _called(name, here)):
            return f"says that {clip(name, 60)} is missing, and it is there"
    return ""


def _called(name: str, here: Here) -> bool:
    """Whether it is among what the change calls, wherever that stands."""
    last = re.escape(name.rpartition(".")[2])
    return any(re.search(rf"(?<![\w.]){last}\(", each) for each in here.callees)


def _there(name: str, here: Here) -> bool:
    """Whether the line sees the name."""
    head, _, rest = name.partition(".")
    known = KNOWN.get(here.language, frozenset())
    if name in known:
        return True
    code = here.code()
    if not code or len(code) > READ:
        return False
    lines = _lines(code, "#" if here.language in SCRIPTED else "/")
    if head in OWN and rest:
        own = rest.partition(".")[0]
        return any(_member(own, line.code) for line in _class_of(lines, here.line))
    if rest:
        return False  # what a module or an object holds is not in this file
    around = list(_enclosing(lines, here.line))
    asked = around[0] if around else None
    top = asked is not None and asked.indent == 0
    return any(
        _binds(head, line, asked=line is asked, around=False)
        for line in lines
        if line.indent == 0 and not (top and line.number >= here.line)
    ) or any(_binds(head, line, asked=line is asked, around=True) for line in around)


def _lines(code: str, comment: str) -> list[_Line]:
    """Logical lines: brackets are joined, strings and comments blank."""
    code = code.replace("\r\n", "\n").replace("\t", "    ")
    blank = UNCODED[comment].sub(lambda found: re.sub(r"[^\n]", " ", found[0]), code)
    lines: list[_Line] = []
    depth = first = 0
    whole: list[tuple[str, str]] = []
    for number, (bare, raw) in enumerate(zip(blank.split("\n"), code.split("\n"), strict=True), 1):
        if not whole:
            if not bare or bare.isspace():
                continue
            first = number
        whole.append((bare, raw))
        depth = max(0, depth + sum(map(bare.count, "([")) - sum(map(bare.count, ")]")))
        if depth == 0 or bare.rstrip().endswith(("{", "};")):
            indent = len(whole[0][0]) - len(whole[0][0].lstrip())
            text, full = (" ".join(parts) for parts in zip(*whole, strict=True))
            lines.append(_Line(first, number, indent, text, full))
            whole, depth = [], 0
    return lines


def _enclosing(lines: Sequence[_Line], number: int) -> Iterator[_Line]:
    """The line itself, what stands before it at its depth, and what encloses it, outwards."""
    before = [line for line in lines if line.number <= number]
    if not before or before[-1].last < number:
        return
    depth = before[-1].indent + 1
    for line in reversed(before):
        if line.indent < depth or (line.indent == depth and not _HEAD.match(line.code)):
            depth = min(depth, line.indent)
            yield line


def _class_of(lines: Sequence[_Line], number: int) -> Iterator[_Line]:
    """The lines of the innermost class around a line."""
    around = [line for line in _enclosing(lines, number) if _CLASS.match(line.code)]
    if not around:
        return
    head = around[0]
    for line in lines:
        if line.number > head.number:
            if line.indent <= head.indent and not line.code.strip().startswith("}"):
                return
            yield line


_CLASS: Final = re.compile(r"\s*(?:export )?(?:default )?(?:abstract |public |final )?class\b")
_HEAD: Final = re.compile(
    r"\s*(?:async |export |default |public |private |protected |static )*"
    r"(?:def|class|func|function|fn|if|for|while|with|try|except|else|elif|case|match|switch|catch)\b"
)
_FUNCTION: Final = re.compile(r"\b(?:def|func|function|fn|lambda)\b|=>|\bcatch\b")
_METHOD: Final = re.compile(
    r"\s*(?!(?:if|for|while|switch|with|return|else)\b)[\w$#<>\[\], *]{1,200}\("
)
_IMPORT: Final = re.compile(r"\s*(?:from\s+(?P<module>\S+)\s+)?(?:import|use|using)\b(?!\()")
_DEFINING: Final = (
    r"\b(?:async def|def|class|func|function\*?|fn|const|let|var|type|interface|struct|enum|trait"
    r"|namespace)\s+(?:\([^()]{0,80}\)\s*)?(?:mut\s+)?"
)


def _binds(name: str, line: _Line, *, asked: bool, around: bool) -> bool:
    """Whether a line gives the name a meaning. `asked`: it is the line that the claim is about,
    `around`: it encloses that line, or is it.
    """
    if name not in line.raw or len(line.code) > LONGEST:
        return False
    if _IMPORT.match(line.code):
        return name in _imported(line)
    word = rf"(?<![\w.$]){re.escape(name)}(?![\w$])"
    ways = [
        rf"{_DEFINING}{word}(?!\s*=)" if asked else rf"{_DEFINING}{word}",
        rf"{word}\s*:=(?!.*{word})" if asked else rf"{word}\s*:=",
        rf"\bfor\s[^()=]{{0,100}}?{word}[^()=]{{0,100}}?\bin\b",
        rf"\bas\s+\(?{word}",
    ]
    if not asked:  # "total = total + 1" does not tell of a total before it
        ways += _assigning(word)
    method = line.code.rstrip().endswith("{") and _METHOD.match(line.code)
    if around and (method or _FUNCTION.search(line.code)):
        ways += _taking(word)
    return any(re.search(way, line.code) for way in ways)


def _assigning(word: str) -> tuple[str, ...]:
    plain = (
        rf"^\s*(?:const|let|var)?\s*[\[({{]?\s*(?:[\w\s,:*]{{1,300}},\s*)?\*?{word}\s*"
        rf"(?:,[^=()]{{0,300}}|\}})?[\])}}]?\s*(?::(?!=)[^=}}]{{0,200}})?:?=(?![=>])"
    )
    return plain, rf"\b(?:const|let|var)\s*[\[{{][^=]{{0,300}}?{word}\s*[,}}\]=]"


def _taking(word: str) -> tuple[str, ...]:
    return (
        rf"[(,]\s*(?:\*{{0,2}}|\.\.\.|[{{\[]\s*)?{word}\s*[:=,)}}\]\s]",
        rf"\(\s*[\w.<>\[\]*&]+\s+{word}\s*[,)]",
        rf"\blambda\b[^:]{{0,200}}{word}",
        rf"{word}\s*=>",
    )


def _imported(line: _Line) -> Iterator[str]:
    """The names that an import line gives: aliases, else the names themselves."""
    found = _IMPORT.match(line.code)
    body = "" if found is None else line.code[found.end() :]
    if not re.search(r"\bfrom\b|[{*]", line.code):
        for alias, path in re.findall(r'(\w+\s+)?"([^"\n]+)"', line.raw):  # Go
            yield alias.strip() if alias.strip() not in ("", "import") else _package(path)
    first = found is not None and not found["module"] and not body.rstrip().endswith(";")
    for item in re.split(r"[,{}()]", re.sub(r"\bfrom\b.*", "", body)):
        words = item.rstrip(" ;").split()
        if words:
            parts = re.split(r"[.:]+", words[-1])
            yield parts[0] if first and "as" not in words else parts[-1]


def _package(path: str) -> str:
    """The name of a Go package by its path, whose last part may be a version."""
    parts = [part for part in path.split("/") if not re.fullmatch(r"v\d+", part)]
    return parts[-1] if parts else ""


def _member(name: str, code: str) -> bool:
    """Whether a line of a class gives it a member of that name."""
    word = rf"{re.escape(name)}(?![\w$])"
    return bool(
        re.search(rf"\b(?:self|cls|this)\.{word}\s*(?::[^=]{{0,200}})?=(?!=)", code)
        or re.search(rf"\b(?:def|func|function|get|set|static|async)\s+\*?{word}", code)
        or re.match(
            rf"\s*(?:(?:private|public|protected|readonly|static)\s+)*#?{word}\s*[:=(?!;]", code
        )
    )
