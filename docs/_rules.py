"""The page of rules, from what stands beside each analyzer."""

import inspect
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from reviewer import measure, model_rules, plugins, rules
from reviewer.analyzers.base import ForeignRules, RulePage
from reviewer.modelling import TOOL
from reviewer.process import Runner
from reviewer.text import fence

HEAD: Final = """\
# Rules

<!-- Written by docs/generate.py from the code; change it there. -->

Every finding names its rule as `tool/rule`; `reviewer explain RULE` shows its entry here, and what
the tool itself has to say. **Severity** says how bad it is if it is true, **confidence** how sure
the tool is. Both are those of most findings of the rule; `varies` where each has its own.

A rule that does not fit gets another severity, or `off`, in the [settings](configuration.md):

```yaml
rules:
  - rules: [complexity/length]
    paths: [tests/**]
    severity: off
```

One finding is let be by a comment on its first line: `reviewer: ignore[complexity/length] reason`.
The comment counts once it stands in the branch that a change is made against; a change that adds
one is not silenced by it. Findings that are there already are kept apart by `reviewer baseline`.

"""

VARIES: Final = "varies"


def rules_page() -> str:
    """Every rule of coverage, of the model, and of every analyzer that can be listed."""
    parts = [HEAD]
    for name, module in (("coverage", measure), (TOOL, model_rules)):
        parts.append(section(name, module, None, None))
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        places = (Path(sys.executable).parent, Path("/usr/bin"), Path("/bin"))
        runner = Runner(places, Path(folder))
        for name, cls in plugins.discover("reviewer.analyzers").items():
            module = sys.modules[cls.__module__]
            parts.append(section(name, module, getattr(module, "FOREIGN", None), runner))
    return "".join(parts).rstrip() + "\n"


def section(name: str, module: Any, foreign: ForeignRules | None, runner: Runner | None) -> str:
    """The rules of one analyzer."""
    about = (inspect.getdoc(module) or "").partition("\n\n")[0]
    lines = [f'<a id="{rules.anchor(name)}"></a>\n\n## `{name}`\n\n', f"{about}\n\n"]
    pages: tuple[RulePage, ...] = getattr(module, "RULES", ())
    for _, alike in groupby(pages, key=_kind):
        lines += _entry(name, list(alike))
    if foreign is not None:
        lines.append(f"{foreign.about} Defined and documented by {foreign.program}.\n\n")
        usual = list(foreign.usual(runner)) if foreign.usual and runner else []
        lines += _table(name, usual)
    return "".join(lines)


def _kind(page: RulePage) -> tuple[object, ...]:
    """What rules share that are told of in one entry."""
    return page.why, page.fix, page.before, page.after, page.severity, page.confidence, page.url


def _entry(tool: str, pages: list[RulePage]) -> Iterator[str]:
    first = pages[0]
    for page in pages:
        yield f'<a id="{rules.anchor(f"{tool}/{page.rule}")}"></a>\n'
    yield f"\n### {', '.join(f'`{tool}/{page.rule}`' for page in pages[:1])}"
    yield f" and {len(pages) - 1} more\n\n" if len(pages) > 1 else "\n\n"
    if len(pages) > 1:
        yield "".join(f"- `{tool}/{page.rule}`: {page.what}\n" for page in pages) + "\n"
    else:
        yield f"{first.what}\n\n"
    yield f"{first.why}\n\n" if first.why else ""
    yield f"**Fix:** {first.fix}\n\n" if first.fix else ""
    for title, code in (("Before", first.before), ("After", first.after)):
        yield f"{title}:\n\n{fence(code.strip())}\n\n" if code else ""
    more = f" · [more]({first.url})" if first.url else ""
    yield f"{_grade(first)}{more}\n\n"


def _grade(page: RulePage) -> str:
    parts = [
        f"Severity {page.severity.value if page.severity else VARIES}",
        f"confidence {page.confidence.value if page.confidence else VARIES}",
        *([f"category {page.category.value}"] if page.category else []),
    ]
    return " · ".join(parts)


def _table(tool: str, pages: list[RulePage]) -> Iterator[str]:
    if not pages:
        return
    yield "| rule | what | severity | confidence |\n|---|---|---|---|\n"
    for page in sorted(pages, key=lambda page: page.rule):
        anchor = f'<a id="{rules.anchor(f"{tool}/{page.rule}")}"></a>'
        name = f"[{page.rule}]({page.url})" if page.url else page.rule
        what = page.what.partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        severity = page.severity.value if page.severity else VARIES
        confidence = page.confidence.value if page.confidence else VARIES
        yield f"| {anchor}{name} | {what} | {severity} | {confidence} |\n"
    yield "\n"
