"""What may be shown where: hostile text made inert for each place it is shown in.

Text from a change, a tool or a model never reaches a reader as it came. Each function here fits
it for one place (a path, a log line, a terminal, Markdown, a workflow command) or takes the secrets
out of it. All are pure, total and take time linear in their input.
"""

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

HIDDEN: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but tab and line feed
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # format characters: bidi, zero width, joiners
    "\u2028\u2029"  # line and paragraph separator
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # shown as nothing at all
    "\u180b-\u180d\u180f\ufe00-\ufe0f"  # variation selectors
    "\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff"  # lone surrogates, private use
    "\U000e0000-\U000e0fff"  # tags, more variation selectors
)
"""Inside of a character class: what a reader cannot see or what changes how the rest is seen.

General categories Cc, Cf, Co, Cs, Zl and Zp and the property Default_Ignorable_Code_Point of the
Unicode Character Database.
"""

_HIDDEN: Final = re.compile(f"[{HIDDEN}]")
_ESCAPE: Final = re.compile(
    r"\x1b\[[0-?]*+[ -/]*+[@-~]"  # CSI, ECMA-48 section 5.4
    r"|\x1b[\]PX^_][^\x07\x1b]*+(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC up to their end
    r"|\x1b."
)
_COMMAND: Final = re.compile(r"(?:(?<=\n)|\A)(?P<space>[^\S\n]*+):(?=:)")
_NEWLINE: Final = re.compile(r"\r\n|\n|\r")
NEWLINE_MARK: Final = "\u23ce"
"""RETURN SYMBOL, shown where a line break was folded."""

_PUNCTUATION: Final = re.compile(r"[!-+\--/:<-?\[-`{-~]")
"""ASCII punctuation that some Markdown reads as more than itself: all of it but `,`, `;` and `@`.

A backslash before each makes it plain (CommonMark 0.31, section 2.4).
"""

_REFERENCE: Final = re.compile(
    r"@|[#!$%~&^](?=[\w\"])|GH-(?=\d)|:(?=//)|(?:mailto|xmpp):|www(?=\.)", re.IGNORECASE
)
"""What GitHub and GitLab turn into a mention, a reference or a link even where it is escaped."""

_ZERO_WIDTH_SPACE: Final = "\u200b"
_TICKS: Final = re.compile("`+")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9+#-]{1,20}")
_BACKSLASHES: Final = re.compile(r"(?<!\\)\\++(?=x[89a-f][0-9a-f]|[\udc80-\udcff])")
_BYTE: Final = re.compile(r"(?<!\\)(\\++)x([89a-f][0-9a-f])")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def clip(text: str, limit: int) -> str:
    """At most `limit` characters, the last of them "…" where something was cut."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def count(number: int, noun: str) -> str:
    """`1 line`, `1,200 lines`: a number and a noun with a regular plural."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def tenths(value: float) -> str:
    """`84.2`, rounded down, so that only what is complete is 100."""
    return f"{math.floor(value * 10 + 1e-6) / 10:g}"


def visible(text: str) -> str:
    """The text with each hidden character as a mark: ⟦U+202E⟧. Tabs and line feeds stay."""
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text)


def one_line(text: str) -> str:
    """The text with its line breaks as ⏎."""
    return text if text.isprintable() else _NEWLINE.sub(NEWLINE_MARK, text)


def path(text: str) -> str:
    r"""A path on one line: undecodable bytes as \xNN, other hidden characters by their escape."""
    if text.isascii() and text.isprintable():
        return text
    return re.sub(f"[\t\n{HIDDEN}]", _escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return ascii(found[0])[1:-1]


def log_line(text: str, limit: int = 4000) -> str:
    """One line for a log, without escape sequences and hidden characters, at most `limit` long.

    The GitHub runner takes `::name::` at the start of a line and `##[name]` anywhere in it for a
    command, and ends lines at a carriage return too (actions/runner, ActionCommand.cs): both are
    broken with a space.
    """
    if not text.isprintable():
        text = one_line(_ESCAPE.sub("", text)).replace("\t", " ")
        text = _HIDDEN.sub("\ufffd", text)
    if ":" in text or "#" in text:
        text = re.sub(r":(?=:)", ": ", text)
        text = re.sub(r"#(?=#\[)", "# ", text)
    return clip(text, limit)


def no_commands(text: str) -> str:
    """Lines for a log that the GitHub runner reads: none of them is a command, see `log_line`."""
    text = _COMMAND.sub(r"\g<space>: ", text)
    return text.replace("##[", "# #[")


def markup_without_commands(document: str) -> str:
    """XML or HTML for a log that the GitHub runner reads: the same document, without commands."""
    document = _COMMAND.sub(r"\g<space>&#58;", document)
    return document.replace("##[", "#&#35;[")


def json_without_commands(document: str) -> str:
    """JSON for a log that the GitHub runner reads: the same values, without commands.

    No line of it begins with `::`, because its strings have no line feeds.
    """
    return document.replace("##[", "#\\u0023[")


def terminal(text: str, *, lines: bool = False) -> str:
    """Text for a terminal: hidden characters as marks, tabs as four spaces.

    One line, unless `lines` keeps the line feeds.
    """
    if text.isascii() and text.isprintable():
        return text
    return visible(text if lines else one_line(text)).replace("\t", "    ")


def markdown(text: str, limit: int = 2000, *, lines: bool = False) -> str:
    """GitHub-flavoured Markdown that renders as the plain text, cut to `limit` characters of it.

    Hidden characters are dropped; mentions, references and addresses are broken with a zero-width
    space; ASCII punctuation is escaped; no line has white space at its ends, so none starts code.
    One line with spaces for line breaks, unless `lines` keeps the line feeds.
    """
    text = _HIDDEN.sub("", _NEWLINE.sub("\n", clip(text, limit)))
    text = _REFERENCE.sub(lambda found: found[0] + _ZERO_WIDTH_SPACE, text)
    text = _PUNCTUATION.sub(r"\\\g<0>", text)
    parts = (line.strip() for line in text.split("\n"))
    return "\n".join(parts) if lines else " ".join(part for part in parts if part)


def code_span(text: str) -> str:
    """A Markdown code span, "" for nothing: one line, hidden characters as marks."""
    if not text:
        return ""
    text = visible(one_line(text))
    ticks = "`" * (_longest(text) + 1)
    padding = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{ticks}{padding}{text}{padding}{ticks}"


def fence(code: str, lang: str = "") -> str:
    """A Markdown code block that its content cannot close; hidden characters as marks.

    `lang` is left out unless it is a plain word.
    """
    ticks = "`" * max(3, _longest(code) + 1)
    info = lang if _LANGUAGE.fullmatch(lang) else ""
    return f"{ticks}{info}\n{visible(_NEWLINE.sub(chr(10), code))}\n{ticks}"


def _longest(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)


def workflow_data(text: str) -> str:
    """The message of a GitHub workflow command (actions/toolkit, command.ts, escapeData)."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return visible(text)


def workflow_property(text: str) -> str:
    """A property of a GitHub workflow command (actions/toolkit, command.ts, escapeProperty)."""
    return workflow_data(text).replace(":", "%3A").replace(",", "%2C")


def portable(text: str) -> str:
    r"""Text that is valid UTF-8 and that `original` turns back.

    An undecodable byte (U+DC80 to U+DCFF, see PEP 383) becomes \xNN. Backslashes before what
    already looks like that are doubled. Other lone surrogates stand for nothing: U+FFFD.
    """
    if text.isascii() and "\\x" not in text:
        return text
    text = _BACKSLASHES.sub(lambda found: found[0] * 2, text)
    return _SURROGATE.sub(_byte, text)


def _byte(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "\ufffd"


def original(text: str) -> str:
    """What `portable` was given."""
    return _BYTE.sub(_unescaped, text) if "\\x" in text else text


def _unescaped(found: re.Match[str]) -> str:
    slashes, odd = divmod(len(found[1]), 2)
    byte = chr(0xDC00 + int(found[2], 16)) if odd else f"x{found[2]}"
    return "\\" * slashes + byte


class _Shape(NamedTuple):
    """A kind of token. `hint` is in every text that has one; group 1 of `pattern` is the secret."""

    hint: str
    pattern: re.Pattern[str]


def _shape(hint: str, pattern: str) -> _Shape:
    return _Shape(hint, re.compile(pattern))


_SHAPES: Final = (
    # docs.aws.amazon.com/IAM, "IAM identifiers": unique ID prefixes
    _shape("AKIA", r"(?<![A-Z0-9])(AKIA[A-Z0-9]{16})(?![A-Z0-9])"),
    _shape("ASIA", r"(?<![A-Z0-9])(ASIA[A-Z0-9]{16})(?![A-Z0-9])"),
    # github.blog, "Behind GitHub's new authentication token formats"
    _shape("ghp_", r"(ghp_[A-Za-z0-9]{30,})"),
    _shape("gho_", r"(gho_[A-Za-z0-9]{30,})"),
    _shape("ghu_", r"(ghu_[A-Za-z0-9]{30,})"),
    _shape("ghs_", r"(ghs_[A-Za-z0-9]{30,})"),
    _shape("ghr_", r"(ghr_[A-Za-z0-9]{30,})"),
    _shape("github_pat_", r"(github_pat_[A-Za-z0-9_]{22,})"),
    # docs.gitlab.com, "Token overview": token prefixes
    _shape("glpat-", r"(glpat-[A-Za-z0-9_.-]{20,})"),
    # api.slack.com, "Token types" and "Sending messages using incoming webhooks"
    _shape("xox", r"(xox[abeoprs]-[A-Za-z0-9-]{10,})"),
    _shape("hooks.slack.com/", r"hooks\.slack\.com/((?:services|workflows)/[A-Za-z0-9/]{20,})"),
    # cloud.google.com/docs/authentication/api-keys
    _shape("AIza", r"(AIza[A-Za-z0-9_-]{35})"),
    # docs.stripe.com/keys
    _shape("sk_live_", r"(sk_live_[A-Za-z0-9]{16,})"),
    _shape("rk_live_", r"(rk_live_[A-Za-z0-9]{16,})"),
    # github.blog on the format of access tokens for npm, 2021
    _shape("npm_", r"(npm_[A-Za-z0-9]{36})"),
    # warehouse.pypa.io: a macaroon, whose first bytes are always the same
    _shape("pypi-", r"(pypi-AgE[A-Za-z0-9_-]{32,})"),
    # detect-secrets, plug-ins openai and sendgrid; docs.anthropic.com; huggingface.co/docs
    _shape("sk-", r"(?<![A-Za-z0-9_-])(sk-(?:ant-|proj-)?[A-Za-z0-9_-]{40,})"),
    _shape("hf_", r"(?<![A-Za-z0-9_])(hf_[A-Za-z0-9]{34})"),
    _shape("SG.", r"(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})"),
    # www.twilio.com/docs/iam/api-keys; learn.microsoft.com, "Configure Azure Storage connection
    # strings"; docs.digitalocean.com, docs.docker.com and shopify.dev on their access tokens
    _shape("SK", r"(?<![A-Za-z0-9])(SK[0-9a-f]{32})(?![A-Za-z0-9])"),
    _shape("AccountKey=", r"AccountKey=([A-Za-z0-9+/]{86}==)"),
    _shape("dop_v1_", r"(dop_v1_[0-9a-f]{64})"),
    _shape("dckr_pat_", r"(dckr_pat_[A-Za-z0-9_-]{27,})"),
    _shape("shpat_", r"(shpat_[0-9a-f]{32})"),
    # RFC 7519: three parts in base64url, the first two of them JSON objects
    _shape(
        "eyJ",
        r"(?<![A-Za-z0-9_-])"
        r"(eyJ[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+)",
    ),
    # RFC 7468
    _shape(
        "-----BEGIN ",
        r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[^-]|-(?!----))*+(?:-----END [A-Z ]{0,60}-----)?)",
    ),
    # RFC 3986, section 3.2.1
    _shape("://", r"://[^\s/@:]{0,256}+:([^\s/\"'<>]{1,512})@"),
    # RFC 6750, section 2.1; RFC 7617
    _shape("earer ", r"[Bb]earer {1,8}([A-Za-z0-9._~+/=-]{20,})"),
    _shape("asic ", r"[Aa]uthorization['\"]?: {0,8}['\"]?[Bb]asic {1,8}([A-Za-z0-9+/=]{8,})"),
)

SHORTEST_MASK: Final = 4
"""Characters. A shorter text is in every other word: hiding it would hide the report."""

SHOWN_FROM: Final = 16
"""Characters a masked text must have for its first four to be shown."""


def redact(text: str, masks: Iterable[str] = ()) -> str:
    """The text without secrets: `AKIA…(20 characters)`, and never a hash of one.

    Secret are the exact `masks`, each of their lines, and what has the shape of a well-known token.
    Where they overlap, all of it goes.
    """
    spans = [
        _Span(at, at + len(mask), mask[:4] if len(mask) >= SHOWN_FROM else "")
        for mask in _needles(tuple(masks))
        for at in _places(text, mask)
    ]
    spans += [
        _Span(*found.span(1), hint if found[1].startswith(hint) else "")
        for hint, pattern in _SHAPES
        if hint in text
        for found in pattern.finditer(text)
    ]
    if not spans:
        return text
    shown: list[str] = []
    done = 0
    for start, end, prefix in _merged(spans):
        shown += text[done:start], f"{prefix}…({count(end - start, 'character')})"
        done = end
    return "".join((*shown, text[done:]))


class _Span(NamedTuple):
    """A secret at `text[start:end]`, of which `prefix` may be shown."""

    start: int
    end: int
    prefix: str


def _merged(spans: list[_Span]) -> list[_Span]:
    """The same places in order, overlapping ones as one."""
    merged: list[_Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if merged and span.start < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


@lru_cache(maxsize=16)
def _needles(masks: tuple[str, ...]) -> tuple[str, ...]:
    """The masks and their lines, without those too short to tell apart from other text."""
    parts = {part.strip() for mask in masks for part in (mask, *mask.splitlines())}
    return tuple(sorted(part for part in parts if len(part) >= SHORTEST_MASK))


def _places(text: str, mask: str) -> Iterable[int]:
    at = text.find(mask)
    while at >= 0:
        yield at
        at = text.find(mask, at + len(mask))
