"""Strict, sandboxed rendering of the texts in `templates/`.

Only our own templates are loaded, never one of a change. What a Markdown template prints is escaped
unless a filter of this module made it. What an HTML template prints is escaped as HTML, with hidden
characters as marks; only its own macros are not.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reviewer import text
from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context

T = TypeVar("T")


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


def check_text(name: str, template: str) -> None:
    """Raises ConfigError for a template of somebody else's that cannot be read."""
    _translated(name, lambda: _environment().from_string(template))


def render_text(name: str, template: str, values: Mapping[str, object]) -> str:
    """A template of somebody else's, in the same sandbox. Nothing that it prints is escaped.

    Raises ConfigError.
    """
    return _translated(name, lambda: _environment().from_string(template).render(values))


def _translated(name: str, action: Callable[[], T]) -> T:
    from jinja2 import TemplateError  # noqa: PLC0415

    try:
        return action()
    except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
        raise ConfigError(
            f"the prompt {name}: {text.clip(str(error), 200)}", "mend the template, and merge it"
        ) from error


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
