"""Templates: ours alone, strict, sandboxed, and safe unless told otherwise."""

import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

from reviewer import templates


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of templates in place of the one that is delivered."""
    monkeypatch.setattr(templates, "folder", lambda: tmp_path)
    uncached = templates._environment.__wrapped__
    monkeypatch.setattr(templates, "_environment", uncached)
    return tmp_path


def test_markdown_templates_neutralise_what_they_print(own: Path) -> None:
    (own / "x.md.j2").write_text(
        "# {{ a }} {{ a | code }} {{ a | markdown(3) }} {{ n | number }}\n"
    )
    made = templates.render("x.md.j2", a="*@b*`", n=12345.5)
    assert made == "# \\*@\u200bb\\*\\` `` *@b*` `` \\*@\u200b… 12,345.5\n"


def test_html_templates_escape_as_html(own: Path) -> None:
    (own / "x.html.j2").write_text("<p>{{ a }}</p>")
    assert templates.render("x.html.j2", a="<b>&*") == "<p>&lt;b&gt;&amp;*</p>"


def test_other_templates_print_what_they_get(own: Path) -> None:
    (own / "x.txt.j2").write_text("{{ a }}\n")
    assert templates.render("x.txt.j2", a="*<b>*") == "*<b>*\n"


def test_values_are_never_templates(own: Path) -> None:
    (own / "x.txt.j2").write_text("{{ a }}")
    assert templates.render("x.txt.j2", a="{{ 7 * 7 }}") == "{{ 7 * 7 }}"


@pytest.mark.parametrize("name", ["x.txt.j2", "x.md.j2"])
def test_a_missing_value_is_an_error(own: Path, name: str) -> None:
    (own / name).write_text("{{ missing }}")
    with pytest.raises(jinja2.UndefinedError):
        templates.render(name)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ a.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ a.append(1) }}",
        "{{ a.__init__.__globals__ }}",
    ],
)
def test_the_sandbox_holds(own: Path, attack: str) -> None:
    (own / "x.txt.j2").write_text(attack)
    with pytest.raises(jinja2.exceptions.SecurityError):
        templates.render("x.txt.j2", a=[])


@pytest.mark.parametrize("name", ["../pyproject.toml", "/etc/passwd", "none.md.j2"])
def test_nothing_outside_the_folder_is_loaded(name: str) -> None:
    with pytest.raises(jinja2.TemplateNotFound):
        templates.render(name)


def test_code_in_a_list_is_indented(own: Path) -> None:
    (own / "x.md.j2").write_text("- a\n\n  {{ code | fence('py', indent=2) }}\n")
    assert templates.render("x.md.j2", code="a\nb") == "- a\n\n  ```py\n  a\n  b\n  ```\n"


def test_every_template_compiles() -> None:
    names = templates._environment().list_templates(extensions=["j2"])
    assert {"reports/summary.md.j2", "reports/finding.md.j2"} <= set(names)
    for name in names:
        templates._environment().get_template(name)


def test_an_installed_package_brings_its_templates(tmp_path: Path) -> None:
    """A copy as the wheel has it, `templates` inside the package, finds them there."""
    source = Path(templates.__file__).parent
    for origin, target in (
        (source, "reviewer"),
        (source.parent / "templates", "reviewer/_templates"),
    ):
        for file in origin.rglob("*"):
            if file.suffix in (".py", ".j2") and "_templates" not in file.parts:
                place = tmp_path / target / file.relative_to(origin)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.read_bytes())
    code = (
        "from reviewer import templates as t; print(t.folder()); t.render('reports/finding.md.j2')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(tmp_path / "reviewer" / "_templates")
    assert "UndefinedError" in done.stderr


def test_jinja_is_not_imported_before_it_is_needed() -> None:
    code = "import reviewer.templates, sys; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
