"""Secrets: each kind of token is found, look-alikes are not, and no value is shown anywhere.

The tokens are put together at run time, so that this repository holds nothing that looks like one.
"""

import argparse
import base64
import dataclasses
import email.message
import json
import random
import stat
import string
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.settings import transient_settings

from reviewer.analyzers import _detect_secrets, secrets
from reviewer.analyzers.secrets import Secrets
from reviewer.errors import ToolFailed
from reviewer.model import Outcome, Severity, ToolRun
from tests.support.room import room, runner

ALNUM = string.ascii_letters + string.digits
HEXDIGITS = "0123456789abcdef"


def chars(seed: int, count: int, alphabet: str = ALNUM) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=count))


def jwt(seed: int) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": chars(seed, 8), "admin": True}]
    coded = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    ]
    return ".".join([*coded, chars(seed, 43, ALNUM + "-_")])


TOKENS: dict[str, Callable[[int], str]] = {
    "github-token": lambda n: "gh" + "p_" + chars(n, 36),
    "gitlab-token": lambda n: "glp" + "at-" + chars(n, 20),
    "aws-access-key": lambda n: "AK" + "IA" + chars(n, 16, string.ascii_uppercase + "234567"),
    "slack-token": lambda n: "xo" + "xb-" + chars(n, 12, "0123456789") + "-" + chars(n, 24),
    "stripe-key": lambda n: "sk_" + "live_" + chars(n, 24),
    "npm-token": lambda n: "np" + "m_" + chars(n, 36),
    "pypi-token": lambda n: "pypi-" + "AgEIcHlwaS5vcmc" + chars(n, 80),
    "jwt": jwt,
    "azure-storage-key": lambda n: chars(n, 86, ALNUM + "+/") + "==",
    "sendgrid-key": lambda n: "SG" + "." + chars(n, 22) + "." + chars(n + 1, 43),
    "twilio-key": lambda n: "S" + "K" + chars(n, 32, HEXDIGITS),
    "private-key": lambda n: chars(n, 64, ALNUM + "+/"),
}
"""Twelve kinds of secret and how to make one."""

MORE_TOKENS: dict[str, Callable[[int], str]] = {
    "github-token": lambda n: "github" + "_pat_" + chars(n, 22) + "_" + chars(n + 1, 59),
    "aws-secret-key": lambda n: chars(n, 40, ALNUM + "/+"),
    "google-api-key": lambda n: "AI" + "za" + chars(n, 35),
    "hugging-face-token": lambda n: "h" + "f_" + chars(n, 34),
    "openai-key": lambda n: "sk-" + "proj-" + chars(n, 20) + "T3Blb" + "kFJ" + chars(n + 1, 20),
    "anthropic-key": lambda n: "sk-" + "ant-api03-" + chars(n, 95),
    "digitalocean-token": lambda n: "dop" + "_v1_" + chars(n, 64, HEXDIGITS),
    "basic-auth": lambda n: "Q7" + chars(n, 14),
    "keyword": lambda n: "Tr0ub" + "4dor!" + chars(n, 3),
    "high-entropy": lambda n: chars(n, 40, HEXDIGITS),
    "telegram-token": lambda n: chars(n, 9, "123456789") + ":" + chars(n, 35),
}
CARRIERS = {
    "azure-storage-key": 'connection = "AccountName=a;AccountKey={};EndpointSuffix=x"',
    "private-key": "-----BEGIN RSA PRIV" + "ATE KEY-----\n{}\n{}\n-----END RSA PRIVATE KEY-----",
    "aws-secret-key": 'aws_secret_access_key = "{}"',
    "basic-auth": 'remote = "https://deploy:{}@git.corp.net/repo"',
    "keyword": 'db_password = "{}"',
    "high-entropy": 'signing_token = "{}"',
}


def carried(rule: str, token: str) -> str:
    """A line, or several, that a program would hold the token in."""
    return CARRIERS.get(rule, 'value = "{}"').replace("{}", token)


def ran(tmp_path: Path, head: dict[str, bytes], base: dict[str, bytes] | None = None) -> ToolRun:
    changes, tree = room(tmp_path, head, base)
    return Secrets().run(changes, tree, runner(tmp_path))


def shown(run: ToolRun) -> str:
    """All that a reader could come to see of a run."""
    return repr(run)


@pytest.mark.parametrize("table", [TOKENS, MORE_TOKENS], ids=["twelve", "more"])
def test_each_kind_is_found_and_none_is_shown(
    tmp_path: Path, table: dict[str, Callable[[int], str]]
) -> None:
    values = {rule: make(7) for rule, make in table.items()}
    files = {
        f"src/{rule}.py": f"import os\n{carried(rule, value)}\n".encode()
        for rule, value in values.items()
    }
    run = ran(tmp_path, files)
    assert {(f.rule, f.span.path, f.span.start) for f in run.findings} == {
        (rule, f"src/{rule}.py", 2) for rule in values
    }
    for value in values.values():
        assert value in run.masks
        assert value not in shown(run)
    for finding in run.findings:
        assert (finding.severity is Severity.ERROR) == (finding.rule not in secrets.DOUBTFUL)


UUID = "123e4567-e89b-12d3-a456-426614174000"
SHA = chars(3, 40, HEXDIGITS)
BLOB = base64.b64encode(random.Random(5).randbytes(300)).decode()
INTEGRITY = "sha512-" + base64.b64encode(random.Random(6).randbytes(64)).decode()
LOOK_ALIKES = [
    ("src/a.py", f'request_id = "{UUID}"'),
    ("src/a.py", f'token_id = "{UUID}"'),
    ("src/a.py", f'api_key = "{UUID}"'),
    ("src/a.py", f'commit = "{SHA}"'),
    ("src/a.py", f"# fixed in {SHA}"),
    ("src/a.py", f'SHA256 = "{chars(4, 64, HEXDIGITS)}"'),
    ("src/a.py", f'password_hash = "{chars(4, 64, HEXDIGITS)}"'),
    ("ci.yml", f"      - uses: actions/checkout@{SHA}"),
    ("src/a.css", f"background: url(data:image/png;base64,{BLOB})"),
    ("src/a.html", f'<img src="data:image/png;base64,{BLOB}">'),
    ("src/a.py", f'PIXEL = "{BLOB}"'),
    ("package-lock.json", f'      "integrity": "{INTEGRITY}",'),
    ("yarn.lock", f"  integrity {INTEGRITY}"),
    ("poetry.lock", f'    {{file = "a.whl", hash = "sha256:{chars(8, 64, HEXDIGITS)}"}},'),
    ("go.sum", f"example.com/token v1.2.3 h1:{chars(9, 43)}="),
    ("requirements.txt", f"    --hash=sha256:{chars(10, 64, HEXDIGITS)}"),
    ("index.html", f'<script src="a.js" integrity="{INTEGRITY}"></script>'),
    ("README.md", "AWS_ACCESS_KEY_ID=" + "AKIA" + "IOSFODNN7EXAMPLE"),
    ("README.md", 'aws_secret_access_key = "wJalrXUtnFEMI/' + 'K7MDENG/bPxRfiCYEXAMPLEKEY"'),
    ("README.md", "export TOKEN=" + "ghp_" + "x" * 36),
    ("README.md", "export TOKEN=" + "ghp_" + "1234567890" * 3 + "123456"),
    ("src/a.py", 'password = "changeme"'),
    ("src/a.py", 'password = "password123"'),
    ("src/a.py", 'password = "${DB_PASSWORD}"'),
    ("config.yml", "password: ${DB_PASSWORD}"),
    ("config.yml", "password: {{ vault_db_password }}"),
    ("config.yml", "password: <your-password-here>"),
    ("config.yml", "secretName: tls-certificate-2024"),
    ("src/a.py", 'password = os.environ["DB_PASSWORD"]'),
    ("src/a.py", 'secret = settings.get("secret_key_v2")'),
    ("src/a.js", "const apiKey = process.env.API_KEY_V2;"),
    ("src/a.py", 'SECRET_KEY_HEADER = "X-Api-Key-V2"'),
    ("src/a.py", 'PASSWORD_FIELD = "password_field_2"'),
    ("src/a.py", 'tokenizer = "meta-llama/Llama-3.2-1B-Instruct"'),
    ("src/a.py", 'token_url = "https://login.example.com/oauth2/v2.0/token"'),
    ("src/a.py", 'if "-----BEGIN RSA PRIV' + 'ATE KEY-----" in text:'),
    ("src/a.py", 'URL = "postgresql://user:password@localhost/app"'),
    ("src/a.py", 'URL = f"https://{user}:{password}@{host}/"'),
    ("tests/test_login.py", 'password = "Tr0ub4dor!3x"'),
    ("tests/fixtures/user.json", f'"secret": "{chars(11, 32)}"'),
]
"""What a careless scanner takes for a secret: path of the file and line."""


def test_look_alikes_raise_at_most_two_false_alarms(tmp_path: Path) -> None:
    assert len(LOOK_ALIKES) == 40
    files: dict[str, bytes] = {}
    for path, line in LOOK_ALIKES:
        files[path] = files.get(path, b"") + line.encode() + b"\n"
    run = ran(tmp_path, files)
    assert run.outcome is Outcome.OK
    assert len(run.findings) <= 2, [(f.rule, f.span, f.quote) for f in run.findings]


def test_only_added_lines_and_their_place(tmp_path: Path) -> None:
    old, new = TOKENS["github-token"](1), TOKENS["github-token"](2)
    before = f"a = 1\nold = '{old}'\n"
    run = ran(tmp_path, {"a.py": f"{before}new = '{new}'\n".encode()}, {"a.py": before.encode()})
    (finding,) = run.findings
    assert (finding.span.start, finding.span.column, finding.span.end_column) == (3, 8, 48)
    assert run.masks == (new,)
    assert finding.quote == "new = '•••'"
    assert "`ghp_…` (40 characters)" in finding.message


def test_dotfiles_and_configuration_are_searched(tmp_path: Path) -> None:
    token = TOKENS["npm-token"](3)
    files = {".env": f"T={token}\n".encode(), "pyproject.toml": f"t='{token}'".encode()}
    assert {f.span.path for f in ran(tmp_path, files).findings} == set(files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", 'db_password = "{}"'),
        ("a.py", "connect(password='{}')"),
        ("a.py", "{{'password': '{}'}}"),
        ("a.js", "const clientSecret = '{}';"),
        ("a.go", "dbPassword := `{}`"),
        ("a.rb", ":password => '{}'"),
        ("a.java", 'String PASSWORD = "{}";'),
        ("a.yml", "  admin_password: {}"),
        ("a.yml", "password: {}  # for now"),
        ("a.ini", "password = {}"),
        ("a.toml", 'secret = "{}"'),
        ("a.tf", 'password = "{}"'),
        (".env", "DB_PASSWORD={}"),
        ("deploy/.env.production", "DB_PASSWORD={}"),
        ("run.sh", "export PGPASSWORD={}"),
        ("a.cpp", 'std::string password("{}");'),
        ("a.json", '"password": "{}"'),
    ],
)
def test_passwords_as_each_language_writes_them(tmp_path: Path, path: str, line: str) -> None:
    value = "Winter-2024-" + "snow!x"
    run = ran(tmp_path, {path: f"{line.format(value)}\n".encode()})
    assert [f.rule for f in run.findings] == ["keyword"]
    assert run.masks == (value,)


@pytest.mark.slow
def test_files_in_portions_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {rule: make(3) for rule, make in TOKENS.items()}
    files = {f"{rule}.py": carried(rule, value).encode() for rule, value in values.items()}
    changes, tree = room(tmp_path, files)
    whole = Secrets().run(changes, tree, runner(tmp_path))
    monkeypatch.setattr(secrets, "BATCH_CHARACTERS", 200)
    parts = Secrets().run(changes, tree, runner(tmp_path))
    assert len(whole.findings) == len(TOKENS)
    assert (parts.findings, parts.masks) == (whole.findings, whole.masks)


def test_one_secret_on_one_line_is_one_finding(tmp_path: Path) -> None:
    """However many rules match it and however often it stands there; another one is told apart."""
    token, other = TOKENS["github-token"](4), TOKENS["github-token"](5)
    lines = f'secret_token = "{token}"\nb = ["{token}", "{token}"]\nc = ["{token}", "{other}"]\n'
    run = ran(tmp_path, {"a.py": lines.encode()})
    told = [(f.rule, f.span.start) for f in run.findings]
    assert told == [("github-token", n) for n in (1, 2, 3, 3)]
    assert not any(value in f.quote for value in (token, other) for f in run.findings)


def test_the_change_cannot_allow_its_own_secret(tmp_path: Path) -> None:
    token = TOKENS["stripe-key"](5)
    lines = [
        f"a = '{token}'  # pragma: allowlist secret",
        "# pragma: allowlist nextline secret",
        f"b = '{token}'  # nosec gitleaks:allow noqa",
    ]
    files = {
        "a.py": "\n".join(lines).encode(),
        ".secrets.baseline": b'{"version": "1.5.0", "plugins_used": [], "results": {}}',
        "detect_secrets.py": b"raise SystemExit\n",
        "json.py": b"raise SystemExit\n",
    }
    assert [f.span.start for f in ran(tmp_path, files).findings] == [1, 3]


def test_the_body_of_a_private_key_is_hidden(tmp_path: Path) -> None:
    body = [chars(n, 64, ALNUM + "+/") for n in range(12)]
    key = "\n".join(["-----BEGIN PRIV" + "ATE KEY-----", *body, "-----END PRIVATE KEY-----"])
    inline = key.replace("\n", "\\n")
    run = ran(tmp_path, {"key.pem": key.encode(), "key.json": f'{{"k": "{inline}"}}\n'.encode()})
    assert sorted((f.span.path, f.span.start) for f in run.findings) == [
        ("key.json", 1),
        ("key.pem", 1),
    ]
    assert set(body) <= set(run.masks)
    assert not any(part in shown(run) for part in body)


@pytest.mark.slow
def test_long_lines_end_in_time_and_hide_whole_tokens(tmp_path: Path) -> None:
    tokens = [TOKENS["github-token"](n) for n in range(40)]
    minified = "".join(f'x{n}={{y:"{chars(n, 5000)}",t:"{t}"}};' for n, t in enumerate(tokens))
    hostile = [
        "sk-" * 25_000 + "T3Blb" + "kFJ",
        "secret" * 15_000,
        ("secret" * 10 + " ") * 2_000,
        "secret=" * 10_000,
        "secret='" * 10_000,
        "-----BEGIN " * 10_000,
        "https://a:" * 10_000,
        "eyJ" * 20_000,
    ]
    started = time.monotonic()
    run = ran(tmp_path, {"a.js": minified.encode(), "b.txt": "\n".join(hostile).encode()})
    assert time.monotonic() - started < 30
    assert {t for t in tokens if t in run.masks} == set(tokens)
    assert not any(token in finding.quote for token in tokens for finding in run.findings)


@pytest.mark.parametrize(
    "printed",
    [
        "rubbish",
        "[1]",
        '{"version": "1", "hits": [[0, "jwt", 0]]}',
        '{"version": "1", "hits": [[7, "jwt", 0, 1]]}',
        '{"version": "1", "hits": [[-1, "jwt", 0, 1]]}',
        '{"version": "1", "hits": [[0, "jwt", 3, 2]]}',
        '{"version": "1", "hits": [[0, "jwt", 0, 99]]}',
        '{"version": "1", "hits": [[0, "no-such-rule", 0, 1]]}',
    ],
)
def test_a_broken_answer_is_a_reason_without_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str
) -> None:
    changes, tree = room(tmp_path, {"a.py": b"a = 1\n"})
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nsys.stdin.read()\nprint({printed!r})\n")
    script.chmod(script.stat().st_mode | stat.S_IROTH)
    monkeypatch.setattr(secrets, "SCRIPT", script)
    with pytest.raises(ToolFailed, match="its answer") as failed:
        Secrets().run(changes, tree, runner(tmp_path))
    assert printed not in str(failed.value)
    assert failed.value.__cause__ is None


def test_ignored_rules_are_still_hidden(tmp_path: Path) -> None:
    token = TOKENS["jwt"](6)
    changes, tree = room(tmp_path, {"a.py": f"a = '{token}'\n".encode()})
    run = dataclasses.replace(Secrets(), ignore=("jwt",)).run(changes, tree, runner(tmp_path))
    assert (run.findings, run.masks) == ((), (token,))


def test_every_rule_of_the_script_is_described() -> None:
    rules = {kind.rule for kind in _detect_secrets.KINDS}
    assert rules | {"private-key", "keyword", "high-entropy"} == set(secrets.TITLES)


def seeded(count: int) -> tuple[list[str], dict[int, str]]:
    """`count` lines of code, and by index the rule of the secret in some of them."""
    rng = random.Random(11)
    sources = [Path(module.__file__).read_text() for module in (argparse, email.message, tarfile)]
    code = [line for source in sources for line in source.splitlines() if line]
    lines = [rng.choice(code) for _ in range(count)]
    makers = {**TOKENS, **MORE_TOKENS}
    del makers["private-key"]
    planted: dict[int, str] = {}
    for number, rule in enumerate(sorted(makers) * 4):
        index = rng.randrange(count)
        lines[index] = carried(rule, makers[rule](number + 100))
        planted[index] = rule
    return lines, planted


def test_recall_is_not_below_detect_secrets() -> None:
    """Whatever detect-secrets finds of the planted secrets, with all its plug-ins, we find."""
    lines, planted = seeded(4000)
    theirs: set[int] = set()
    names = [{"name": c.__name__} for c in get_mapping_from_secret_type_to_class().values()]
    with transient_settings({"plugins_used": names, "filters_used": []}):
        plugins = [c() for c in get_mapping_from_secret_type_to_class().values()]
        for index in planted:
            if any(p.analyze_line(filename="a.py", line=lines[index]) for p in plugins):
                theirs.add(index)
    rows = [(0, number, line) for number, line in enumerate(lines)]
    ours = {hit.row for hit in _detect_secrets.scan(["a.py"], rows)}
    assert len(theirs) > len(planted) // 2, "detect-secrets finds most of them itself"
    assert theirs <= ours
    assert set(planted) <= ours
