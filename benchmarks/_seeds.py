"""Made-up secrets in real code and in files of settings, for the benchmark of that name.

Nothing that looks like a secret stands here: all are drawn when the benchmark runs, the same for
the same seed.
"""

import base64
import json
import random
import string
from collections.abc import Callable
from typing import Final, NamedTuple

from benchmarks import installed

LINES = 100_000
EACH = 24
"""Secrets of each kind."""

ALPHANUMERIC: Final = string.ascii_letters + string.digits
HEX: Final = "0123456789abcdef"
URL_SAFE: Final = ALPHANUMERIC + "-_"
BASE64: Final = ALPHANUMERIC + "+/"
WORDS: Final = "coffee bicycle winter copper thunder garden rocket marble silver harbour".split()

Make = Callable[[random.Random], str]


def drawn(pattern: str, **alphabets: str) -> Make:
    """A value of literal text and `{alphabet:count}` parts."""
    parts = list(string.Formatter().parse(pattern))

    def make(source: random.Random) -> str:
        return "".join(
            text + ("".join(source.choices(alphabets[name], k=int(count or 0))) if name else "")
            for text, name, count, _ in parts
        )

    return make


def token(pattern: str) -> Make:
    return drawn(
        pattern,
        a=ALPHANUMERIC,
        d=string.digits,
        h=HEX,
        u=URL_SAFE,
        b=BASE64,
        A=string.ascii_uppercase + string.digits,
        l=string.ascii_lowercase + string.digits,
    )


def password(source: random.Random) -> str:
    """What people choose: two words, a number and a sign."""
    first, second = source.sample(WORDS, 2)
    return f"{first.title()}{source.choice('-_.!#')}{second}{source.randrange(10, 9999)}"


def web_token(source: random.Random) -> str:
    """A JSON Web Token of three parts (RFC 7519)."""
    claims = {"sub": str(source.randrange(10**9)), "iat": source.randrange(10**9)}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    parts.append(source.randbytes(32))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


KINDS: Final[dict[str, Make]] = {
    "AWS key id": token("AKIA{A:16}"),
    "Azure storage key": token("AccountKey={b:86}=="),
    "basic auth": token("https://deploy:{a:14}@git.depot.lan/x"),
    "Discord token": token("M{a:23}.{a:6}.{u:27}"),
    "GitHub token": token("ghp_{a:36}"),
    "GitLab token": token("glpat-{u:20}"),
    "JSON Web Token": web_token,
    "Mailchimp key": token("{h:32}-us12"),
    "npm token": token("//registry.npmjs.org/:_authToken=npm_{a:36}"),
    "OpenAI key": token("sk-{a:20}T3BlbkFJ{a:20}"),
    "PyPI token": token("pypi-AgEIcHlwaS5vcmc{u:100}"),
    "SendGrid key": token("SG.{u:22}.{u:43}"),
    "Slack token": token("xoxb-{d:12}-{d:12}-{a:24}"),
    "Square secret": token("sq0csp-{u:43}"),
    "Stripe key": token("sk_live_{a:24}"),
    "Telegram token": token("{d:9}:AA{u:33}"),
    "Twilio key": token("SK{h:32}"),
}
"""Secrets that are known by their shape, wherever they stand."""

NAMED: Final[dict[str, Make]] = {
    "a chosen password": password,
    "a random password": token("{a:20}"),
    "random Base64": token("{b:40}"),
    "random hex": token("{h:40}"),
}
"""Secrets that are known by the name they are given."""

UNNAMED: Final[dict[str, Make]] = {"random Base64 under a plain name": token("{b:40}")}
"""What nothing but its randomness gives away: most such values are no secrets, we leave them."""

NAMES: Final = ("api_key", "auth_secret", "db_password", "client_secret", "service_password")
PLAIN_NAMES: Final = ("default", "account", "value", "remote", "header")

PRIVATE_KEY: Final = (
    "-----BEGIN RSA PRIVATE KEY-----",
    *("{b:64}",) * 8,
    "-----END RSA PRIVATE KEY-----",
)
"""Each in a file of its own; its first line is the place."""

NEW_KINDS: Final[dict[str, Make]] = {
    "Anthropic key": token("sk-ant-api03-{u:93}AA"),
    "Databricks token": token("dapi{h:32}"),
    "DigitalOcean token": token("dop_v1_{h:64}"),
    "Docker token": token("dckr_pat_{u:27}"),
    "Google API key": token("AIza{u:35}"),
    "Hugging Face token": token("hf_{a:34}"),
    "Shopify token": token("shpat_{h:32}"),
}
"""Secrets that detect-secrets has no detector for; they count apart."""

STYLES: Final = {
    "py": ('{name} = "{value}"', 'connect("{name}", "{value}")'),
    "js": ("const {name} = '{value}';", 'send("{name}", "{value}");'),
    "env": ("{upper}={value}", '{upper}="{value}"'),
    "yml": ("{name}_{number}: {value}", '{name}_{number}: "{value}"'),
    "json": ('  "{name}_{number}": "{value}",',),
}
"""How a value stands in a line, by the suffix of its file. In the first style of each it follows
its name."""


class Place(NamedTuple):
    """A line of a file."""

    path: str
    line: int


class Seeded(NamedTuple):
    """The files of the change, and what is planted where."""

    files: dict[str, bytes]
    planted: dict[Place, str]


def seeded(seed: int = 1) -> Seeded:
    """Real code and settings with secrets in them; the same for the same seed and code."""
    source = random.Random(seed)
    lines: dict[str, list[str]] = {}
    total = 0
    for name, data in installed.modules().items():
        if total >= LINES:
            break
        lines[name] = data.decode().split("\n")[:-1]
        total += len(lines[name])
    code = list(lines)
    others = {suffix: f"settings/values.{suffix}" for suffix in STYLES if suffix != "py"}
    lines |= {path: ["{"] if path.endswith(".json") else [] for path in others.values()}
    planted: dict[Place, str] = {}
    for kind, make in (KINDS | NAMED | UNNAMED | NEW_KINDS).items():
        for number in range(EACH):
            suffix = list(STYLES)[number % len(STYLES)]
            path = others.get(suffix) or source.choice(code)
            style = STYLES[suffix][0 if kind in NAMED else number % len(STYLES[suffix])]
            name = source.choice(NAMES if kind in NAMED else PLAIN_NAMES)
            words = {"name": name, "upper": name.upper(), "number": len(planted)}
            lines[path].append(style.format(value=make(source), **words))
            planted[Place(path, len(lines[path]))] = kind
    lines[others["json"]] += ['  "last": 0', "}"]
    for number in range(EACH):
        path = f"keys/depot-{number}.pem"
        lines[path] = [token(line)(source) for line in PRIVATE_KEY]
        planted[Place(path, 1)] = "private key"
    files = {path: "".join(f"{line}\n" for line in text).encode() for path, text in lines.items()}
    return Seeded(files, planted)
