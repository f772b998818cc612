"""Secrets that the change adds: keys, tokens and passwords, found by detect-secrets.

Only added lines are searched, those of configuration files and dotfiles included. No secret is
checked against the service it belongs to, and none is shown: findings carry its first characters
at most, and the values stand in `ToolRun.masks` alone.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import msgspec

from reviewer.analyzers.base import NOT_UNDERSTOOD, Analyzer, RulePage, not_concerned
from reviewer.batches import by_size
from reviewer.errors import ToolFailed
from reviewer.model import (
    Category,
    ChangeSet,
    Confidence,
    FileChange,
    Finding,
    Outcome,
    Severity,
    Span,
    ToolRun,
)
from reviewer.process import Runner, isolated_python
from reviewer.text import clip
from reviewer.tree import Tree

SCRIPT: Final = Path(__file__).with_name("_detect_secrets.py")

TITLES: Final = {
    "anthropic-key": "An Anthropic API key",
    "artifactory-token": "An Artifactory token",
    "aws-access-key": "An AWS access key id",
    "aws-secret-key": "An AWS secret access key",
    "azure-storage-key": "An Azure storage account key",
    "basic-auth": "A password in a URL",
    "cloudant-credential": "A Cloudant credential",
    "databricks-token": "A Databricks token",
    "digitalocean-token": "A DigitalOcean token",
    "discord-token": "A Discord bot token",
    "docker-token": "A Docker Hub token",
    "github-token": "A GitHub token",
    "gitlab-token": "A GitLab token",
    "google-api-key": "A Google API key",
    "high-entropy": "A random value with a secret's name",
    "hugging-face-token": "A Hugging Face token",
    "ibm-cloud-key": "An IBM Cloud key",
    "jwt": "A JSON Web Token",
    "keyword": "A value with a password's name",
    "mailchimp-key": "A Mailchimp API key",
    "npm-token": "An npm token",
    "openai-key": "An OpenAI API key",
    "private-key": "A private key",
    "pypi-token": "A PyPI token",
    "sendgrid-key": "A SendGrid API key",
    "shopify-token": "A Shopify token",
    "slack-token": "A Slack token or webhook",
    "softlayer-credential": "A SoftLayer credential",
    "square-secret": "A Square OAuth secret",
    "stripe-key": "A Stripe key",
    "telegram-token": "A Telegram bot token",
    "twilio-key": "A Twilio key",
}
"""What each rule finds, as a message begins."""

DOUBTFUL: Final = frozenset(("keyword", "high-entropy"))
"""Rules that go by a name, not by a shape."""

BODY: Final = ""
"""The rule of a stretch that is hidden and not reported."""

BATCH_CHARACTERS: Final = 1 << 20
"""Text for one call of the script: it takes some quarter of a second, and no file is split."""

SHOWN: Final = 4
SHOWN_FROM: Final = 20
"""Known tokens of SHOWN_FROM characters or more show their first SHOWN, which tell their kind."""

MASK: Final = "•••"
QUOTE: Final = 400
"""Characters of a quote; it is cut after the secrets are out of it, never before."""


class Answer(msgspec.Struct, frozen=True):
    """What the script prints."""

    version: str
    hits: list[tuple[int, str, int, int]]


class Added(NamedTuple):
    """One added line."""

    path: str
    number: int
    text: str


class Hit(NamedTuple):
    """A stretch of one added line that is secret; offsets in code points, the end exclusive."""

    rule: str
    start: int
    end: int


@dataclass(frozen=True)
class Secrets:
    """Searches the added lines for secrets. `ignore` are rules that are not reported."""

    name: ClassVar[str] = "secrets"
    slowness: ClassVar[int] = 1
    measures: ClassVar[tuple[Category, ...]] = (Category.SECURITY,)
    ignore: tuple[str, ...] = ()

    def run(self, changes: ChangeSet, tree: Tree, runner: Runner) -> ToolRun:
        files = (
            added_lines(change)
            for change in changes.files
            if change.path in tree.files or change.path in tree.asides
        )
        version: str | None = None
        seconds = 0.0
        findings: list[Finding] = []
        hidden: set[str] = set()
        for group in by_size(filter(None, files), weight, BATCH_CHARACTERS):
            added = [line for lines in group for line in lines]
            done = runner.run(isolated_python(SCRIPT), cwd=Path("/"), stdin=question(added))
            answer = understood(done.stdout)
            found = sorted_out(answer, added)
            findings += (
                finding(added[row], hit, hits)
                for row, hits in found.items()
                for hit in different(added[row].text, hits)
                if hit.rule not in self.ignore
            )
            hidden |= masks(added, found)
            version, seconds = answer.version, seconds + done.seconds
        if version is None:
            return not_concerned(self.name, "added lines")
        return ToolRun(
            self.name,
            Outcome.OK,
            version,
            tuple(findings),
            seconds=seconds,
            measures=self.measures,
            masks=tuple(sorted(hidden, key=lambda text: (-len(text), text))),
        )


def added_lines(change: FileChange) -> list[Added]:
    """The added lines of one file that hold more than white space."""
    texts = change.added_text.items()
    return [Added(change.path, number, text) for number, text in texts if text.strip()]


def weight(lines: Sequence[Added]) -> int:
    """Characters of the lines of one file."""
    return sum(len(line.text) for line in lines)


def question(added: Sequence[Added]) -> bytes:
    """What the script reads."""
    paths = {path: index for index, path in enumerate(dict.fromkeys(a.path for a in added))}
    return msgspec.json.encode(
        {
            "paths": [path.encode("utf-8", "replace").decode() for path in paths],
            "lines": [(paths[line.path], line.number, line.text) for line in added],
        }
    )


def understood(printed: bytes) -> Answer:
    """The script's answer. Raises ToolFailed, without a word of what was printed."""
    try:
        return msgspec.json.decode(printed, type=Answer)
    except NOT_UNDERSTOOD:
        raise ToolFailed("its answer is not the expected JSON") from None


def sorted_out(answer: Answer, added: Sequence[Added]) -> Mapping[int, list[Hit]]:
    """Hits by index of their line, each checked to lie in it. Raises ToolFailed."""
    found: dict[int, list[Hit]] = defaultdict(list)
    for row, rule, start, end in answer.hits:
        if not (0 <= row < len(added) and 0 <= start < end <= len(added[row].text)):
            raise ToolFailed("its answer names a place that does not exist")
        if rule != BODY and rule not in TITLES:
            raise ToolFailed("its answer names a rule that does not exist")
        found[row].append(Hit(rule, start, end))
    return {row: sorted(found[row], key=lambda hit: hit.start) for row in sorted(found)}


def different(text: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits of one line to report: each secret once, however often it stands there."""
    first = {text[hit.start : hit.end]: hit for hit in reversed(hits) if hit.rule != BODY}
    return sorted(first.values(), key=lambda hit: hit.start)


def masks(added: Sequence[Added], found: Mapping[int, Sequence[Hit]]) -> set[str]:
    """The secret texts. The header of a private key is not secret."""
    return {
        added[row].text[hit.start : hit.end]
        for row, hits in found.items()
        for hit in hits
        if hit.rule != "private-key"
    }


def finding(line: Added, hit: Hit, hits: Sequence[Hit]) -> Finding:
    """One secret, told without its value. `hits` are all of its line."""
    doubtful = hit.rule in DOUBTFUL
    return Finding(
        tool=Secrets.name,
        rule=hit.rule,
        message=(
            f"{TITLES[hit.rule]} is added{preview(line.text[hit.start : hit.end], hit.rule)}. "
            + (
                "If it is real, revoke it, load it from the environment or a secret store, "
                "and remove it from the history."
                if doubtful
                else "Revoke it, then remove it from the history: whoever can read the repository "
                "has it."
            )
        ),
        span=Span(line.path, line.number, line.number, hit.start + 1, hit.end + 1),
        severity=Severity.WARNING if doubtful else Severity.ERROR,
        confidence=(Confidence.MEDIUM if doubtful or hit.rule == "basic-auth" else Confidence.HIGH),
        category=Category.SECURITY,
        quote=clip(masked(line.text, hits), QUOTE),
        help="Git keeps what was ever pushed: deleting the line does not take the secret back.",
    )


def preview(value: str, rule: str) -> str:
    """How a value is shown: its length, and the first characters of a known token."""
    if rule == "private-key":
        return ""
    open_part = (
        value[:SHOWN] if rule not in {*DOUBTFUL, "basic-auth"} and len(value) >= SHOWN_FROM else ""
    )
    return f": `{open_part}…` ({len(value)} characters)"


def masked(text: str, hits: Sequence[Hit]) -> str:
    """`text` with every secret in it hidden. `hits` are in order and do not overlap."""
    parts, at = [], 0
    for hit in hits:
        if hit.rule != "private-key":
            parts += [text[at : hit.start], MASK]
            at = hit.end
    return "".join(parts) + text[at:]


RULES: Final = tuple(
    RulePage(
        rule=rule,
        what=f"{title} is added.",
        why="Whoever can read the repository has it, and Git keeps what was ever pushed: deleting "
        "the line does not take it back.",
        fix="Revoke it, load the new one from the environment or a secret store, then remove it "
        "from the history. If it is an example, make it look like one.",
        before='password = "hunter2-hunter2"' if rule in DOUBTFUL else "",
        after='password = os.environ["PASSWORD"]' if rule in DOUBTFUL else "",
        severity=Severity.WARNING if rule in DOUBTFUL else Severity.ERROR,
        confidence=Confidence.MEDIUM if rule in (*DOUBTFUL, "basic-auth") else Confidence.HIGH,
        category=Category.SECURITY,
        url="https://cwe.mitre.org/data/definitions/798.html",
    )
    for rule, title in TITLES.items()
)


PLUGIN: Final[type[Analyzer]] = Secrets
