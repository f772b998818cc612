"""Strict, sandboxed rendering of the texts in `templates/`.

Only our own templates are loaded, never one of a change. What a Markdown template prints is escaped
unless a filter of this module made it. What an HTML template prints is escaped as HTML, with hidden
characters as marks; only its own macros are not.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reviewer import text
from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from jinja2.runtime import Context

T = TypeVar("T")

KEPT: Final = 16
"""Compiled texts that are kept: a review asks by three of two parts each, over and over, and to
compile one takes longer than all else about a question."""


LONGEST: Final = 20_000
"""Characters of a template of somebody else's: ours have a quarter of that."""

PLAIN: Final = frozenset(
    "Template Output TemplateData Name Const If Compare Operand And Or Not CondExpr Test".split()
)
FILTERS: Final = frozenset("count first last length lower trim upper".split())
LISTS: Final = frozenset(("instructions",))
"""What such a template may use: nodes and filters of Jinja, and values that are lists."""


class Inert(str):
    """Markdown that a filter made, to be printed as it is."""

    __slots__ = ()


def render(name: str, **values: object) -> str:
    """The template `name` ("reports/summary.md.j2") with `values`.

    A template that does not exist or uses a value that is not there is a bug of ours and raises
    jinja2.TemplateError.
    """
    return _environment().get_template(name).render(values)


def source(name: str) -> str:
    """The text of the template `name`."""
    return (folder() / name).read_text(encoding="utf-8")


def check_text(name: str, template: str, known: Collection[str]) -> None:
    """Raises ConfigError for a template of somebody else's that cannot be read, or that uses a
    value that is not `known`.
    """
    from jinja2 import nodes  # noqa: PLC0415

    _translated(name, lambda: _compiled(template))
    names = list(_environment().parse(template).find_all(nodes.Name))
    own = {each.name for each in names if each.ctx == "store"} | {"loop"}
    unknown = sorted({each.name for each in names} - own - set(known))
    if unknown:
        raise ConfigError(
            f"the prompt {name} uses {text.clip(', '.join(unknown), 200)}, which there is not",
            f"there are {', '.join(sorted(known))}",
        )


def render_text(name: str, template: str, values: Mapping[str, object]) -> str:
    """A template of somebody else's, in the same sandbox. Nothing that it prints is escaped.

    Raises ConfigError.
    """
    return _translated(name, lambda: _compiled(template).render(values))


@lru_cache(maxsize=KEPT)
def _compiled(template: str) -> "Template":
    _check_plain(template)
    return _environment().from_string(template)


def _check_plain(template: str) -> None:
    """Raises TemplateError for all but plain text, values, conditions and a loop over a list.

    No calls, no sums and no loops in loops: so that no template can take all time or memory, which
    the sandbox itself does not prevent (jinja.palletsprojects.com, "Sandbox", "Security
    Considerations").
    """
    from jinja2 import TemplateSyntaxError, nodes  # noqa: PLC0415

    if len(template) > LONGEST:
        raise TemplateSyntaxError(f"it is longer than {LONGEST:,} characters", 1)
    for node in _environment().parse(template).find_all(nodes.Node):
        kind = type(node).__name__
        plain = kind in PLAIN
        if isinstance(node, nodes.For):
            lists = isinstance(node.iter, nodes.Name) and node.iter.name in LISTS
            plain = lists and not any(node.find_all(nodes.For))
        elif isinstance(node, nodes.Filter):
            plain = node.name in FILTERS
        elif isinstance(node, nodes.Getattr):
            plain = isinstance(node.node, nodes.Name) and node.node.name == "loop"
        if not plain:
            raise TemplateSyntaxError(f"{kind} is more than a prompt may use", node.lineno)


def _translated(name: str, action: Callable[[], T]) -> T:
    from jinja2 import TemplateError  # noqa: PLC0415

    try:
        return action()
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        said = text.one_line(str(error))
    except (RecursionError, SyntaxError, MemoryError):
        said = "it is nested too deeply"
    raise ConfigError(
        f"the prompt {name}: {text.clip(said, 200)}", "mend the template, and merge it"
    )


def folder() -> Path:
    """Where the templates are: inside the installed package, or at the top of a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "_templates"
    return installed if installed.is_dir() else here.parent / "templates"


def _inert(function: Callable[..., str]) -> Callable[..., Inert]:
    return lambda *args, **kwargs: Inert(function(*args, **kwargs))


def _indented_fence(code: str, lang: str = "", indent: int = 0) -> str:
    """A code block inside a list item: all lines but the first are indented."""
    return text.fence(code, lang).replace("\n", "\n" + " " * indent)


@cache
def _environment() -> "Environment":
    # Jinja takes a tenth of a second to import, and most commands print no template.
    from jinja2 import FileSystemLoader, StrictUndefined, pass_context  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415

    @pass_context
    def escaped(context: "Context", value: Any) -> Any:
        name = context.name or ""
        if name.endswith(".html.j2"):
            return value if isinstance(value, Markup) else text.visible(str(value))
        if name.endswith(".md.j2") and not isinstance(value, Inert):
            return text.markdown(str(value))
        return value

    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder()),
        undefined=StrictUndefined,
        autoescape=lambda name: (name or "").endswith(".html.j2"),
        finalize=escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "code": _inert(lambda value: text.code_span(text.path(value))),
        "count": _inert(text.count),
        "fence": _inert(_indented_fence),
        "markdown": _inert(text.markdown),
        "number": _inert(lambda value: f"{value:,.10g}"),
        "points": _inert(text.tenths),
        "seconds": _inert(lambda value: f"{value:.1f}"),
    }
    return environment
