"""Source code as tokens, alike for all languages: what stays the same when names change.

Not a parser: a regular expression a language family finds comments, strings, names and numbers in
time linear in the text. Every quantifier that could be tried in more than one way is possessive or
ends at the end of the text, so that no input makes it slow; what is unterminated goes to the end of
its line or of the file.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

DOUBLE: Final = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?'
SINGLE: Final = r"'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?"
TRIPLE: Final = r'"""[\s\S]*?(?:"""|\Z)' + r"|'''[\s\S]*?(?:'''|\Z)"
TEMPLATE: Final = r"`[^`\\]*+(?:\\[\s\S][^`\\]*+)*+`?"
RAW: Final = r"`[^`]*+`?"
CHARACTER: Final = r"'(?:\\.[^'\n]{0,8}|[^'\\\n])'"
"""A character alone: in these languages a quote also begins a lifetime or ends a name."""

HASH: Final = r"\#[^\n]*+"
SLASHES: Final = r"//[^\n]*+|/\*[\s\S]*?(?:\*/|\Z)"

KEYWORDS: Final = frozenset(
    (
        "abstract and as assert async await break case catch class const continue def default "
        "defer del delete do elif else elseif elsif end enum ensure except extends final "
        "finally fn for foreach fun func function go goto guard if impl implements in "
        "instanceof interface is lambda let local loop match mod module mut namespace new not "
        "or override private protected pub public raise rescue return select sizeof static "
        "struct switch then throw throws trait try type typedef typeof union unless until val "
        "var void when where while with yield"
    ).split()
)
"""Words that give code its shape; every other word is a name."""

WORD: Final = re.compile(r"[^\W\d]\w*+")
LINE_FEED, COMMENT, STRING, WORDS, NUMBER, MARK = range(1, 7)
"""The groups of a lexer."""

MULTILINE: Final = (COMMENT, STRING)

OPENERS: Final = frozenset("([{")
CLOSERS: Final = frozenset(")]}")

REMARKS: Final = (b"#", b"//", b"/*", b"*")
"""How the outline of a line that is a comment begins, in most languages."""

NOT_PUNCTUATION: Final = bytes(
    code for code in range(256) if code > 0x7E or chr(code).isalnum() or chr(code) in "_ \t\r\f\v\0"
)

DECISIONS: Final = frozenset(
    "if elif elseif elsif unless for foreach while until case match when try except catch".split()
)
"""Keywords that make code take one way or another."""

NAME: Final = "n"
LITERAL: Final = "0"
SHAPES: Final[Mapping[str, str]] = {
    word: chr(0x100 + number) for number, word in enumerate(sorted(KEYWORDS))
}
"""One letter of Latin Extended-A for each keyword: no other token has a letter."""


@dataclass(frozen=True)
class Family:
    """Languages that are compared with each other: their suffixes and how they are written.

    `imports` are the words that begin an import at the begin of a line, `defines` the words after
    which a list of parameters follows.
    """

    suffixes: str
    comments: str
    strings: str
    defines: str = ""
    imports: str = ""

    @cached_property
    def lexer(self) -> re.Pattern[str]:
        """Matches one token; its group says which kind it is."""
        return re.compile(
            rf"(\n)|({self.comments})|({self.strings})|([^\W\d]\w*+)|(\d[\w.]*+)|([^\w\s])"
        )

    @cached_property
    def opening(self) -> frozenset[str]:
        return frozenset(self.imports.split())

    @cached_property
    def defining(self) -> frozenset[str]:
        return frozenset(self.defines.split())


FAMILIES: Final = (
    Family(".py .pyw", HASH, f"{TRIPLE}|{DOUBLE}|{SINGLE}", "def", "import from"),
    Family(
        ".js .jsx .mjs .cjs .ts .tsx .mts .cts .vue .svelte",
        rf"{SLASHES}|<!--[\s\S]*?(?:-->|\Z)",
        f"{DOUBLE}|{SINGLE}|{TEMPLATE}",
        "function constructor",
        "import",
    ),
    Family(".go", SLASHES, f"{DOUBLE}|{SINGLE}|{RAW}", "func", "import package"),
    Family(".rs", SLASHES, rf'r\#"[\s\S]*?(?:"\#|\Z)|{DOUBLE}|{CHARACTER}', "fn", "use extern"),
    Family(".java", SLASHES, f"{TRIPLE}|{DOUBLE}|{SINGLE}", "", "import package"),
    Family(".kt .kts", SLASHES, f"{TRIPLE}|{DOUBLE}|{SINGLE}", "fun", "import package"),
    Family(".scala", SLASHES, f"{TRIPLE}|{DOUBLE}|{CHARACTER}", "def", "import package"),
    Family(".c .cc .cpp .cxx .h .hpp .m .mm", SLASHES, f"{DOUBLE}|{CHARACTER}", "", "using"),
    Family(".cs", SLASHES, f"{TRIPLE}|{DOUBLE}|{SINGLE}", "", "using"),
    Family(".rb", HASH, f"{DOUBLE}|{SINGLE}|{RAW}", "def", "require require_relative"),
    Family(
        ".php",
        rf"{SLASHES}|\#(?!\[)[^\n]*+",
        f"{DOUBLE}|{SINGLE}",
        "function",
        "use namespace",
    ),
    Family(".swift", SLASHES, f"{TRIPLE}|{DOUBLE}", "func init", "import"),
    Family(".lua", r"--\[\[[\s\S]*?(?:\]\]|\Z)|--[^\n]*+", f"{DOUBLE}|{SINGLE}", "function"),
    Family(".pl", rf"(?<!\$){HASH}", f"{DOUBLE}|{SINGLE}", "sub", "use"),
    Family(
        ".ex .exs",
        HASH,
        f"{TRIPLE}|{DOUBLE}|{CHARACTER}",
        "def defp",
        "import alias use require",
    ),
    Family(".erl", r"%[^\n]*+", f"{DOUBLE}|{SINGLE}"),
    Family(".hs", r"\{-[\s\S]*?(?:-\}|\Z)|--[^\n]*+", f"{DOUBLE}|{CHARACTER}", "", "import"),
    Family(".clj", r";[^\n]*+", DOUBLE),
    Family(".dart", SLASHES, f"{TRIPLE}|{DOUBLE}|{SINGLE}", "", "import export part"),
)

BY_SUFFIX: Final[Mapping[str, Family]] = {
    suffix: family for family in FAMILIES for suffix in family.suffixes.split()
}


@dataclass(frozen=True)
class Code:
    """The tokens of one file, without comments, imports and lists of parameters.

    `shape` has one character a token: a keyword's, NAME, LITERAL, or the character itself. `starts`
    are the tokens' places in `text`, `lines` the 1-based numbers of the lines they begin on.
    """

    text: str
    shape: str
    starts: Sequence[int]
    lines: Sequence[int]

    def word(self, index: int) -> str:
        """The name that the token `index` is, "" if it is none."""
        match = WORD.match(self.text, self.starts[index])
        return match[0] if match else ""

    def rows(self, start: int, end: int) -> list[range]:
        """The tokens from `start` to before `end`, by the line they begin on."""
        found: list[range] = []
        while start < end:
            after = bisect_right(self.lines, self.lines[start], start, end)
            found.append(range(start, after))
            start = after
        return found


def tokens(text: str, family: Family) -> Code:
    """The tokens of `text`. One loop for all of it: most of the time goes here."""
    opening, defining = family.opening, family.defining
    shape: list[str] = []
    starts, lines = array("I"), array("I")
    line, depth = 1, 0
    fresh, importing, parameters = True, False, False
    for match in family.lexer.finditer(text):
        kind = match.lastindex
        if kind == LINE_FEED:
            line += 1
            fresh, importing = True, importing and depth > 0
            continue
        word = match[0]
        if kind != COMMENT:
            if fresh:
                importing = importing or (not depth and word in opening)
                fresh = False
            if importing or depth:
                depth = max(0, depth + (word in OPENERS) - (word in CLOSERS))
            if not (importing or depth):
                shape.append(
                    SHAPES.get(word, NAME) if kind == WORDS else word if kind == MARK else LITERAL
                )
                starts.append(match.start())
                lines.append(line)
                depth = 1 if parameters and word == "(" else 0
                parameters = word in defining or (parameters and not depth)
        if kind in MULTILINE:
            line += word.count("\n")
    return Code(text, "".join(shape), starts, lines)


def outline(data: bytes) -> list[bytes]:
    """The punctuation of each line that has some and is no comment: quick to compare."""
    lines = data.translate(None, NOT_PUNCTUATION).split(b"\n")
    return [line for line in lines if line and not line.startswith(REMARKS)]
