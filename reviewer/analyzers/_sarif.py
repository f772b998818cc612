"""The shape of SARIF 2.1.0 files, as far as it matters here, and how they are read.

All of it is hostile: types are checked, unknown fields pass, and no path is opened.
(docs.oasis-open.org/sarif/sarif/v2.1.0, by whose sections the comments go.)
"""

import codecs
import os
import re
import stat
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from reviewer.analyzers.base import NOT_UNDERSTOOD
from reviewer.errors import ToolFailed
from reviewer.text import clip

FILE_BYTES: Final = 10 << 20
"""Larger files are not read; GitHub takes no larger one either, compressed
(docs.github.com, "SARIF support for code scanning")."""

PATH: Final = 4096
"""Characters that a path may have (PATH_MAX of linux/limits.h)."""

ROOTS: Final = ("%SRCROOT%", "SRCROOT", "%ROOTPATH%", "ROOTPATH")
"""Names that tools give to the top of the repository."""

BASES: Final = 5
"""How often an address may be relative to another one."""

SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""What an address starts with that is no path (RFC 3986, section 3.1); one letter is a drive."""


class Text(msgspec.Struct, frozen=True, rename="camel"):
    """A message, or the name of one that its rule or tool has."""

    text: str = ""
    id: str = ""
    arguments: tuple[str, ...] = ()


class Configuration(msgspec.Struct, frozen=True, rename="camel"):
    """What a rule does unless told otherwise."""

    level: str = ""
    rank: float = -1.0


class Rule(msgspec.Struct, frozen=True, rename="camel"):
    """What a tool says of one of its rules."""

    id: str
    help_uri: str = ""
    default_configuration: Configuration = Configuration()
    message_strings: Mapping[str, Text] = {}
    properties: Mapping[str, Any] = {}


class Component(msgspec.Struct, frozen=True, rename="camel"):
    """A tool, or an extension of it."""

    name: str = ""
    version: str | None = None
    semantic_version: str | None = None
    rules: tuple[Rule, ...] = ()
    global_message_strings: Mapping[str, Text] = {}


class Tool(msgspec.Struct, frozen=True, rename="camel"):
    """What made a run."""

    driver: Component
    extensions: tuple[Component, ...] = ()


class ComponentReference(msgspec.Struct, frozen=True, rename="camel"):
    """An extension by its number; -1 is the tool itself."""

    index: int = -1


class RuleReference(msgspec.Struct, frozen=True, rename="camel"):
    """A rule by name or number, and whose rule it is."""

    id: str = ""
    index: int = -1
    tool_component: ComponentReference = ComponentReference()


class Artifact(msgspec.Struct, frozen=True, rename="camel"):
    """A file by its address, or by its number among the files of the run."""

    uri: str = ""
    uri_base_id: str = ""
    index: int = -1


class KnownArtifact(msgspec.Struct, frozen=True, rename="camel"):
    """A file of the run."""

    location: Artifact = Artifact()


class Region(msgspec.Struct, frozen=True, rename="camel"):
    """A range of lines and columns, from 1. 0 is unknown."""

    start_line: int = 0
    start_column: int = 0
    end_line: int = 0
    end_column: int = 0


class Physical(msgspec.Struct, frozen=True, rename="camel"):
    """A place in a file."""

    artifact_location: Artifact = Artifact()
    region: Region = Region()


class Location(msgspec.Struct, frozen=True, rename="camel"):
    """A place; without a physical one it is the name of a function or the like."""

    physical_location: Physical | None = None


class Suppression(msgspec.Struct, frozen=True, rename="camel"):
    """Somebody's decision to let a result be."""

    status: str = ""


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """One result."""

    message: Text
    rule_id: str = ""
    rule_index: int = -1
    rule: RuleReference = RuleReference()
    kind: str = "fail"
    level: str = ""
    rank: float = -1.0
    baseline_state: str = ""
    locations: tuple[Location, ...] = ()
    suppressions: tuple[Suppression, ...] | None = ()
    properties: Mapping[str, Any] = {}


class Invocation(msgspec.Struct, frozen=True, rename="camel"):
    """How the tool ended."""

    execution_successful: bool = True


class Run(msgspec.Struct, frozen=True, rename="camel"):
    """One run of one tool."""

    tool: Tool
    results: tuple[Result, ...] | None = None
    artifacts: tuple[KnownArtifact, ...] = ()
    original_uri_base_ids: Mapping[str, Artifact] = {}
    invocations: tuple[Invocation, ...] = ()


class Log(msgspec.Struct, frozen=True, rename="camel"):
    """A SARIF file."""

    version: str
    runs: tuple[Run, ...] = ()


def content(name: str) -> bytes:
    """The bytes of a file that the user named. Raises ToolFailed unless it is regular and fits."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ToolFailed(f"it cannot be opened: {reason}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ToolFailed("it is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise ToolFailed(f"it is larger than {FILE_BYTES >> 20} MiB")
    return data.removeprefix(codecs.BOM_UTF8)


def decoded(data: bytes) -> Log:
    """The file as it should be. Raises ToolFailed for anything else."""
    try:
        return msgspec.json.decode(data, type=Log)
    except NOT_UNDERSTOOD as error:
        raise ToolFailed(f"it cannot be understood: {clip(str(error), 200)}") from error


def address(artifact: Artifact, run: Run) -> str:
    """A path, relative if it is; "" for what is no path of a file or leads out of its folder."""
    if not artifact.uri and 0 <= artifact.index < len(run.artifacts):
        artifact = run.artifacts[artifact.index].location
    uri = artifact.uri
    base = artifact.uri_base_id
    for _ in range(BASES):
        if base in ROOTS or base not in run.original_uri_base_ids or SCHEME.match(uri):
            break
        parent = run.original_uri_base_ids[base]
        uri, base = f"{parent.uri.rstrip('/')}/{uri}" if parent.uri else uri, parent.uri_base_id
    if len(uri) > PATH:
        return ""
    local = re.sub(r"^file:(?://[^/]*)?", "", uri, flags=re.IGNORECASE)
    if SCHEME.match(local):
        return ""
    path = unquote(local, errors="surrogateescape").replace("\\", "/")
    path = re.sub(r"^/(?=[A-Za-z]:/)", "", path)
    if "\0" in path or ".." in path.split("/"):
        return ""
    return re.sub(r"(?:^|(?<=/))\./", "", path)
