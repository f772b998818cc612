"""A script, not a module of the package: finds secrets in lines of text, JSON in and JSON out.

It runs as a process of its own, because detect-secrets takes long to import and because its
patterns meet hostile text. Patterns of known tokens, the keyword rules and the entropy are those
of detect-secrets, called without its verification and without its allow-list comments, which the
change could bring along. Tokens that it lacks follow the pattern their issuer publishes.

stdin: {"paths": [str], "lines": [[index of path, line number, text], ...]}
stdout: {"version": str, "hits": [[index of line, rule, start, end], ...]}

Offsets count code points of the line's text. A hit whose rule is "" is the body of a private key
reported elsewhere: text to hide, no finding.
"""

import json
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

if __name__ == "__main__":
    # detect-secrets asks services about secrets with the one, and shares files out with the other.
    # Neither happens here, and to import them takes longer than most reviews of secrets.
    unused = SimpleNamespace(Response=None)
    sys.modules |= {"requests": unused, "multiprocessing": unused}  # type: ignore[dict-item]

from detect_secrets.__version__ import VERSION
from detect_secrets.filters import heuristic
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.cloudant import CloudantDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.high_entropy_strings import (
    Base64HighEntropyString,
    HexHighEntropyString,
)
from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.keyword import REGEX_BY_FILETYPE, KeywordDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.softlayer import SoftlayerDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector
from detect_secrets.util.filetype import FileType, determine_file_type

WINDOW: Final = 4096
OVERLAP: Final = 1024
"""Longer lines are searched in overlapping pieces, so that no pattern sees more than WINDOW
characters: some of them take time that grows with the square of it."""


class Hit(NamedTuple):
    """A secret in line `row`, from `start` to `end` (exclusive)."""

    row: int
    rule: str
    start: int
    end: int


class Kind(NamedTuple):
    """Tokens of one issuer.

    `needles` are lower-case texts of which each match holds one; without any, the patterns must
    not match a line feed, for they search all lines at once. `group` is the secret's.
    """

    rule: str
    patterns: Sequence[re.Pattern[str]]
    needles: tuple[str, ...] = ()
    group: int = 0


def _own(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)


GITLAB: Final = tuple(
    "glpat- gldt- glft- glsoat- glrt- gr1348941 glcbt- glimt- glptt- glagent- gloas-".split()
)

KINDS: Final = (
    Kind("github-token", GitHubTokenDetector.denylist, ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    Kind("github-token", _own(r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"), ("github_pat_",)),
    Kind("gitlab-token", GitLabTokenDetector.denylist, GITLAB),
    Kind("aws-access-key", AWSKeyDetector.denylist[:1], ("a3t", "abia", "acca", "akia", "asia")),
    Kind("aws-secret-key", AWSKeyDetector.denylist[1:], ("aws",), 1),
    Kind("azure-storage-key", _own(r"(?<=AccountKey=)[A-Za-z0-9+/=]{88}"), ("accountkey=",)),
    Kind("slack-token", SlackDetector.denylist, ("xox", "hooks.slack.com")),
    Kind("slack-token", _own(r"xapp-\d-[A-Z0-9]+-\d+-[a-z0-9]{32,}"), ("xapp-",)),
    Kind(
        "stripe-key",
        (*StripeDetector.denylist, *_own(r"whsec_[A-Za-z0-9]{32}")),
        ("k_live_", "whsec_"),
    ),
    Kind(
        "npm-token",
        _own(r"npm_[A-Za-z0-9]{36}", r"(?<=:_authToken=)[A-Za-z0-9-]{36}"),
        ("npm_", ":_authtoken="),
    ),
    Kind("pypi-token", PypiTokenDetector.denylist, ("pypi-age",)),
    Kind("sendgrid-key", SendGridDetector.denylist, ("sg.",)),
    Kind("jwt", _own(r"eyJ[A-Za-z0-9_=-]+\.eyJ[A-Za-z0-9_=-]+(?:\.[A-Za-z0-9_.+/=-]*)?"), ("eyj",)),
    Kind("openai-key", OpenAIDetector.denylist, ("t3blbkfj",)),
    Kind("openai-key", _own(r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}"), ("sk-",)),
    Kind("anthropic-key", _own(r"sk-ant-[a-z0-9]+-[A-Za-z0-9_-]{80,}"), ("sk-ant-",)),
    Kind("google-api-key", _own(r"AIza[A-Za-z0-9_-]{35}"), ("aiza",)),
    Kind("hugging-face-token", _own(r"hf_[A-Za-z0-9]{34}"), ("hf_",)),
    Kind("digitalocean-token", _own(r"do[opr]_v1_[a-f0-9]{64}"), ("_v1_",)),
    Kind("docker-token", _own(r"dckr_pat_[A-Za-z0-9_-]{27}"), ("dckr_pat_",)),
    Kind("databricks-token", _own(r"dapi[a-f0-9]{32}"), ("dapi",)),
    Kind("shopify-token", _own(r"shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}"), ("shp",)),
    Kind("square-secret", SquareOAuthDetector.denylist, ("sq0csp-",)),
    Kind("artifactory-token", _own(r"(?:\s|=|:|[\"']|^)(AKC[a-zA-Z0-9]{10,})"), ("akc",), 1),
    Kind("cloudant-credential", CloudantDetector.denylist, ("cloudant",), 1),
    Kind("softlayer-credential", SoftlayerDetector.denylist, ("softlayer",), 1),
    Kind("ibm-cloud-key", IbmCloudIamDetector.denylist, ("ibm",), 1),
    Kind("ibm-cloud-key", IbmCosHmacDetector.denylist, ("secret",), 1),
    Kind("basic-auth", BasicAuthDetector.denylist, ("://",), 1),
    Kind("mailchimp-key", MailchimpDetector.denylist, ("-us",)),
    Kind("discord-token", DiscordBotTokenDetector.denylist),
    Kind("telegram-token", TelegramBotTokenDetector.denylist),
    Kind("twilio-key", TwilioKeyDetector.denylist),
)
"""Known shapes, the more telling ones first. Where no plug-in of detect-secrets is named, the shape
is that of the issuer's documentation or of the rules of gitleaks (config/gitleaks.toml)."""

BEGIN_KEY: Final = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d"
)
KEY_BODY: Final = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
KEY_LINES: Final = 200
"""A 16384-bit RSA key in PEM has about 200 lines."""

SECRET_WORDS: Final = ("key", "pass", "pwd", "secret", "token", "auth", "credential", "contrase")
ASSIGNED: Final = re.compile(
    r"(?i)(?:secret|token(?!iz)|passw|passphrase|pwd|auth(?!or)|credential"
    r"|(?:api|access|account|client|private|service|signing|encryption|master|db)[_-]?key)"
    r"[\w.-]{0,40}[\"'\])]{0,3}\s{0,8}(?::=|=>|={1,3}|:)\s{0,8}"
    r"(?:([\"'`])([A-Za-z0-9+/=_.~!@#%^&*-]{16,512})\1|([A-Za-z0-9+/=_~-]{20,512})\s*$)"
)
"""A value given to a name that says it is secret: quoted, or bare until the end of the line."""

GIVEN: Final = re.compile(r"[\"'`=:]\s*[^\"'`\s]{6}")
"""What each line has in which a name is given a value of some length."""

NO_SECRET_NAME: Final = re.compile(
    r"(?i)(?:names?|paths?|files?|dir|urls?|uri|fields?|label|header|type|env|var|pattern|regex"
    r"|prefix|suffix|title|text|message|hint|format|policy|algorithm|size|len|length|ttl|scope"
    r"|arn|id|ids|hash|sha\d*|digest|checksum|integrity|fingerprint|public_?key)"
    r"[\"'\])]{0,3}\s{0,8}(?::=|=>|={1,3}|:)\s{0,8}[\"'`]?$"
)
"""What stands before a value that describes a secret and is none."""

PLACEHOLDER: Final = re.compile(
    r"(?i)example|change[-_. ]?me|change[-_. ]?this|replace|placeholder|dummy|fake|sample|mock|test"
    r"|your[-_. ]?|my[-_.]?(?:secret|pass|token|key)|insert|redacted|masked|todo|fixme|xxx+|\*\*\*"
    r"|\.\.\.|foobar|lorem|letmein|hunter2|swordfish|not[-_.]?a[-_.]?|none$|null$|undefined|default"
    r"|^p[a4@]ss(?:w[o0]rd|wd)?\d{0,4}!?$|^(?:secret|admin|root|user|guest|postgres|token)\d{0,4}$"
    r"|[<>{}$]|^[%@]|\benv\b|getenv|environ|^(?:https?:|/|\./|arn:|sha\d+-|vault:)"
)
RUNS: Final = ("12345678", "23456789", "abcdefgh", "qwertyui", "01234567", "deadbeef")
"""Sequences that people type and random generators do not make."""

JWT_EXAMPLE: Final = "eyJzdWIiOiIxMjM0NTY3ODkwIi"
"""Payload of the token that documentation of JWT shows: {"sub":"1234567890" (jwt.io)."""

LOCAL_HOST: Final = re.compile(
    r"@(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|[\w.-]*\.?example(?:\.\w+)?|db|postgres|redis"
    r"|mysql|mongo(?:db)?|rabbitmq|[\w.-]+\.(?:test|invalid|local))(?![\w.-])"
)
REST: Final = re.compile(r"[A-Za-z0-9_]*")
HEXADECIMAL: Final = re.compile(r"[0-9a-fA-F]+")
EXACT: Final = frozenset(("aws-access-key", "twilio-key"))
"""Rules whose tokens have one length and a prefix so short that it occurs by chance."""

MINIMUM_DISTINCT: Final = 5
"""Distinct characters among the last 16: fewer are somebody's finger on one key."""

MINIMUM_URL_PASSWORD: Final = 4
MINIMUM_KEYWORD: Final = 8
MINIMUM_RANDOM: Final = 3.5
"""Bits a character. detect-secrets asks 4.5 of any string, which one of 22 random characters cannot
have; a name that says "secret" allows for less."""

KNOWN_ONLY: Final = re.compile(
    r"(?i)(?:^|/)(?:tests?|__tests__|specs?|fixtures?|testdata|test[-_]data|mocks?|__mocks__|cassettes"
    r"|examples?|samples?|vendor|node_modules|third_party|locales?|i18n)/"
    r"|(?:^|/)(?:test_[^/]*|conftest\.py|[^/]*[._-](?:tests?|spec|mock)\.\w+)$"
    r"|\.(?:example|sample|template|dist|lock|sum|map|snap|svg|css|ipynb|lockb|po|resolved|pdf)$"
    r"|[-.]lock\.(?:json|ya?ml)$|\.min\.\w+$|(?:^|/)(?:go\.mod|\.secrets\.baseline|\.terraform\.lock\.hcl)$"
)
"""Files whose random-looking strings are checksums, fixtures or examples: known tokens only."""


class Text:
    """All lines as one text, to find the few lines worth a closer look at the speed of find."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.exact = "\n".join(lines)
        self.lower = self.exact.lower()
        self.exact_starts = _starts(lines)
        self.lower_starts = _starts(self.lower.split("\n"))

    def having(self, needle: str) -> Iterator[int]:
        """Rows whose lower-case text holds `needle`, ascending."""
        starts, at = self.lower_starts, self.lower.find(needle)
        while at >= 0:
            row = bisect_right(starts, at) - 1
            yield row
            at = self.lower.find(needle, starts[row + 1]) if row + 1 < len(starts) else -1

    def matching(self, pattern: re.Pattern[str]) -> Iterator[int]:
        """Rows that `pattern`, which matches no line feed, matches in."""
        for match in pattern.finditer(self.exact):
            yield bisect_right(self.exact_starts, match.start()) - 1


def _starts(lines: Sequence[str]) -> list[int]:
    return list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))


def pieces(line: str) -> Iterator[tuple[int, str]]:
    """`line` in windows, each with its offset."""
    for start in range(0, max(1, len(line) - OVERLAP), WINDOW - OVERLAP):
        yield start, line[start : start + WINDOW]


def known(text: Text, lines: Sequence[str], soft: Callable[[int], bool]) -> Iterator[Hit]:
    """Tokens that their shape gives away. `soft(row)` says whether doubtful ones count there."""
    for kind in KINDS:
        rows = {row for needle in kind.needles for row in text.having(needle)}
        if not kind.needles:
            rows = {row for pattern in kind.patterns for row in text.matching(pattern)}
        for row in rows:
            if kind.rule != "basic-auth" or soft(row):
                for offset, piece in pieces(lines[row]):
                    for start, end in tokens(kind, piece):
                        yield Hit(row, kind.rule, offset + start, offset + end)


def tokens(kind: Kind, line: str) -> Iterator[tuple[int, int]]:
    """Where the tokens of one kind are; what goes on in letters and digits belongs to them."""
    for pattern in kind.patterns:
        for match in pattern.finditer(line):
            start, end = match.span(kind.group)
            if real(kind.rule, line, start, end):
                rest = REST.match(line, end)
                yield start, rest.end() if rest and not kind.group else end


def real(rule: str, line: str, start: int, end: int) -> bool:
    """Whether a match of a known shape is more than an example or the middle of something else."""
    value = line[start:end]
    if rule == "basic-auth":
        stand_in = PLACEHOLDER.search(value) or LOCAL_HOST.match(line, end)
        return not stand_in and len(value) >= MINIMUM_URL_PASSWORD
    if start and line[start - 1].isalnum():
        return False
    if rule == "jwt":
        head = ".".join(value.split(".")[:2])
        return JWT_EXAMPLE not in value and bool(JwtTokenDetector.is_formally_valid(head))
    lower = value.lower()
    return not (
        "example" in lower
        or any(run in lower for run in RUNS)
        or len(set(value[-16:])) < MINIMUM_DISTINCT
        or (rule in EXACT and line[end : end + 1].isalnum())
        or (rule == "aws-secret-key" and HEXADECIMAL.fullmatch(value))
        or (rule == "artifactory-token" and value.isalpha())
    )


def private_keys(
    text: Text, lines: Sequence[str], places: Sequence[tuple[int, int]]
) -> Iterator[Hit]:
    """Headers of private keys that a body follows, or that stand alone at the end of a hunk."""
    rows = {row for needle in ("private key", "putty-user-key") for row in text.having(needle)}
    for row in sorted(rows):
        header = BEGIN_KEY.search(lines[row])
        if header is None:
            continue
        body = list(key_body(row, header.end(), lines, places))
        around = lines[row][: header.start()] + lines[row][header.end() :]
        alone = not around.strip(" \t\r\"'`\\")
        follows = row + 1 < len(lines) and _next_to(places, row)
        if body or (alone and not follows):
            yield Hit(row, "private-key", *header.span())
            yield from body


def key_body(
    row: int, start: int, lines: Sequence[str], places: Sequence[tuple[int, int]]
) -> Iterator[Hit]:
    """The parts of a key after its header at `start` of line `row`, until its end marker."""
    for current in range(row, min(row + KEY_LINES, len(lines))):
        if current > row and not _next_to(places, current - 1):
            return
        line = lines[current]
        stop = line.find("-----END", start)
        for match in KEY_BODY.finditer(line, start, stop if stop >= 0 else len(line)):
            yield Hit(current, "", *match.span())
        if stop >= 0:
            return
        start = 0


def _next_to(places: Sequence[tuple[int, int]], row: int) -> bool:
    """Whether line `row` and the one after it in the list are neighbours in one file."""
    (path, number), (following, after) = places[row], places[row + 1]
    return path == following and after == number + 1


KEYWORD: Final = KeywordDetector()
COMMENT: Final = re.compile(r"\s+[#;]|\s+//")
BARE_VALUES: Final = re.compile(r"(?:^|/)\.env(?:\.|$)|\.env$|\.(?:ba|z)?sh$|(?:^|/)\.\w+rc$")
"""Files in which a value needs no quotes, beyond those that detect-secrets knows."""

LONG_WORD: Final = re.compile(r"\w{65,}")
"""No name of a variable. The keyword rules take time that grows with the cube of a word's length;
values as long as this are left to `ASSIGNED`."""


def _dots(word: re.Match[str]) -> str:
    return "." * len(word[0])


BASE64: Final = Base64HighEntropyString()
HEX: Final = HexHighEntropyString()


def named(
    text: Text, lines: Sequence[str], path_of: Callable[[int], str], soft: Callable[[int], bool]
) -> Iterator[Hit]:
    """Values that are given to a name which says that they are secret."""
    for row in sorted({row for word in SECRET_WORDS for row in text.having(word)}):
        if soft(row) and GIVEN.search(lines[row]):
            rules = keyword_rules(path_of(row))
            for offset, piece in pieces(lines[row]):
                for rule, start, end in values(piece, rules):
                    if not describes(piece, start, piece[start:end]):
                        yield Hit(row, rule, offset + start, offset + end)


def keyword_rules(path: str) -> Any:
    """How a file of this name gives values to names: detect-secrets' patterns for its type."""
    kind = FileType.CONFIG if BARE_VALUES.search(path) else determine_file_type(path)
    return REGEX_BY_FILETYPE.get(kind)


def values(line: str, rules: Any) -> Iterator[tuple[str, int, int]]:
    """Rule and place of the values that could be secret, by the keyword `rules` of a file type."""
    for match in ASSIGNED.finditer(line):
        group = 2 if match[2] else 3
        if random(match[group]):
            yield "high-entropy", *match.span(group)
    for found in KEYWORD.analyze_string(LONG_WORD.sub(_dots, line), rules):
        value = COMMENT.split(found.strip(), maxsplit=1)[0].rstrip(",;")
        if password(value):
            start = line.find(value)
            yield "keyword", start, start + len(value)


def describes(line: str, start: int, value: str) -> bool:
    """Whether the value is a stand-in, a reference or a description."""
    return bool(
        PLACEHOLDER.search(value)
        or NO_SECRET_NAME.search(line, max(0, start - 80), start)
        or any(run in value.lower() for run in RUNS)
        or heuristic.is_potential_uuid(value)
        or heuristic.is_sequential_string(value)
        or heuristic.is_templated_secret(value)
    )


def random(value: str) -> bool:
    """Whether a generator made it rather than a person."""
    if HEXADECIMAL.fullmatch(value):
        return len(value) >= 32 and HEX.calculate_shannon_entropy(value) > HEX.entropy_limit
    longest = max(re.split(r"[-_./+=~:@]", value), key=len)
    return (
        len(longest) >= 10
        and any(c.isdigit() for c in longest)
        and any(c.isalpha() for c in longest)
        and bool(BASE64.calculate_shannon_entropy(value) > MINIMUM_RANDOM)
    )


def password(value: str) -> bool:
    """Whether it could be a password: letters with a digit or a sign, and no code or prose."""
    return (
        len(value) >= MINIMUM_KEYWORD
        and not re.search(r"[\s()\[\]\\;]|\w\.\w+\.\w", value)
        and any(c.isalpha() for c in value)
        and any(c.isdigit() or c in "!#%&*+=?^~|" for c in value)
        and not re.fullmatch(r"[a-z]+[a-z._/:-]*[-_.]?v?\d{0,2}", value)
        and not re.fullmatch(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", value)
    )


def without_twins(hits: Iterable[Hit]) -> Iterator[Hit]:
    """One hit for each stretch of a line, in order of place: of those that overlap the first one's
    rule, widened over the others.
    """
    ranked = sorted(enumerate(hits), key=lambda item: (item[1].row, item[1].start))
    best, merged = 0, None
    for rank, hit in ranked:
        if merged and merged.row == hit.row and hit.start < merged.end:
            rule = hit.rule if rank < best else merged.rule
            best, merged = (
                min(best, rank),
                Hit(hit.row, rule, merged.start, max(merged.end, hit.end)),
            )
            continue
        if merged:
            yield merged
        best, merged = rank, hit
    if merged:
        yield merged


def scan(paths: Sequence[str], rows: Sequence[tuple[int, int, str]]) -> list[Hit]:
    """All secrets in `rows` of path index, line number and text, in order of rows."""
    lines = [row[2] for row in rows]
    places = [(row[0], row[1]) for row in rows]
    allowed = [not KNOWN_ONLY.search(path) for path in paths]
    text = Text(lines)

    def soft(row: int) -> bool:
        return allowed[places[row][0]]

    return list(
        without_twins(
            (
                *private_keys(text, lines, places),
                *known(text, lines, soft),
                *named(text, lines, lambda row: paths[places[row][0]], soft),
            )
        )
    )


def main() -> None:
    """Answer one question."""
    question: dict[str, Any] = json.load(sys.stdin)
    hits = scan(question["paths"], question["lines"])
    json.dump({"version": VERSION, "hits": hits}, sys.stdout)


if __name__ == "__main__":
    main()
