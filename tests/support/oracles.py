"""Judges of what our output would do where it is shown."""

import re

COMMANDS = {
    "internal-set-repo-path", "set-env", "set-output", "save-state", "add-mask", "add-path",
    "add-matcher", "remove-matcher", "debug", "warning", "error", "notice", "group", "endgroup",
    "echo", "stop-commands",
}  # fmt: skip
"""The commands that the GitHub runner knows (actions/runner, ActionCommandManager.cs)."""


def _known(name: str) -> str | None:
    return name if name.lower() in COMMANDS else None


def _version_2(line: str) -> str | None:
    """`::name key=value::message` (ActionCommand.TryParseV2); TrimStart drops Unicode space."""
    line = line.lstrip()
    end = line.find("::", 2)
    return _known(line[2:end].split(" ")[0]) if line.startswith("::") and end >= 0 else None


def _version_1(line: str) -> str | None:
    """`##[name key=value]message` anywhere in the line (ActionCommand.TryParse)."""
    start = line.find("##[")
    end = line.find("]", start)
    return _known(line[start + 3 : end].split(" ", maxsplit=1)[0]) if 0 <= start < end else None


def commands(output: str) -> list[str]:
    """The commands that the runner would carry out in the output of a job."""
    lines = re.split("\r\n|\r|\n", output)
    return [found for line in lines if (found := _version_2(line) or _version_1(line))]
