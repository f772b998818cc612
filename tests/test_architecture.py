"""The house rules: who may import whom, and what has one home."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "reviewer"

ROWS = (
    ("version", "model", "errors"),
    (
        "process", "http", "diff", "templates", "text", "plugins", "paths", "languages", "globs",
        "binding", "yamlfile", "modelling", "config", "words", "opinion", "likeness", "batches",
        "private", "_syntax",
    ),
    ("git", "tree", "syntax", "server"),
    ("analyzers", "coverage", "engines", "forges", "reports"),
    (
        "measure", "agreement", "baseline", "marks", "remarks", "context", "prompts", "shapes",
        "model_rules", "effort", "state", "audit",
    ),
    (
        "ask", "question", "claims", "votes", "proofs", "guard", "gate", "rules", "skips",
        "recheck",
    ),
    ("review", "comments", "posting", "publish", "doctor", "bench"),
    ("arguments", "inputs", "outputs", "commands", "cli", "__main__"),
)  # fmt: skip
"""A module imports lower rows, or an earlier module of its own row as SAME_ROW says."""

SAME_ROW = {
    ("config", "globs"), ("config", "binding"), ("config", "modelling"), ("modelling", "globs"),
    ("modelling", "binding"), ("config", "yamlfile"), ("yamlfile", "binding"),
    ("templates", "text"), ("words", "text"), ("opinion", "text"), ("opinion", "modelling"),
    ("opinion", "words"),
    ("git", "tree"), ("syntax", "tree"),
    ("remarks", "marks"), ("prompts", "context"), ("model_rules", "shapes"),
    ("ask", "question"), ("ask", "claims"), ("ask", "proofs"), ("question", "claims"),
    ("question", "votes"),
    ("publish", "posting"), ("posting", "comments"),
    ("__main__", "cli"), ("cli", "arguments"), ("commands", "arguments"), ("commands", "inputs"),
    ("arguments", "commands"), ("commands", "outputs"),
}  # fmt: skip
"""Pairs inside one row that are allowed; each is one part of the other that got a file."""

HOMES = {
    "subprocess": {"process"},
    "os.environ": {"cli"},
    "os.getenv": {"cli"},
    "ctypes": {"process", "server.tie"},
    "yaml": {"yamlfile"},
    "jinja2": {"templates", "server.chat"},
    "httpx": {"http"},
    "tenacity": {"forges._calls", "engines._openai"},
}

SEAMS = ("analyzers", "coverage", "engines", "forges", "reports")


NAMES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")
)


@cache
def tree_of(name: str) -> ast.Module:
    place = PACKAGE.joinpath(*name.split(".")).with_suffix(".py")
    return ast.parse(place.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what is imported"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def ours(name: str) -> str:
    """`reviewer.forges.base.Forge` -> `forges.base`: the module below the package."""
    parts = name.removeprefix("reviewer.").split(".")
    while parts and not (
        (PACKAGE.joinpath(*parts).with_suffix(".py")).exists() or PACKAGE.joinpath(*parts).is_dir()
    ):
        parts.pop()
    return ".".join(parts)


def row(module: str) -> int:
    top = module.split(".", maxsplit=1)[0]
    for number, names in enumerate(ROWS):
        if top in names:
            return number
    raise AssertionError(f"{module} has no row: say where it stands in ROWS")


def test_a_module_imports_lower_rows_only() -> None:
    for name in NAMES:
        if not name.endswith("__init__"):
            imports_lower_rows_only(name)


def imports_lower_rows_only(name: str) -> None:
    top = name.split(".", maxsplit=1)[0]
    for imported in imports(tree_of(name)):
        if not imported.startswith("reviewer."):
            continue
        other = ours(imported)
        other_top = other.split(".")[0]
        if other_top == top and top in SEAMS:
            private = other.split(".")[-1].startswith("_")
            assert private or other == f"{top}.base", f"{name} imports its sibling {other}"
        elif other_top != top and (top, other_top) not in SAME_ROW:
            assert row(other) < row(name), f"{name} imports {other} of a row that is not lower"


ISLAND = ("serve", "weights")
"""The commands that start the engine's server, or look after what it serves."""


def test_the_server_is_an_island() -> None:
    for name in NAMES:
        is_no_bridge_to_the_island(name)


def is_no_bridge_to_the_island(name: str) -> None:
    inside = name.split(".", maxsplit=1)[0] == "server"
    for imported in imports(tree_of(name)):
        top = ours(imported).split(".")[0] if imported.startswith("reviewer.") else ""
        if inside and top:
            assert top in ("server", "version", "errors", "text"), f"{name} imports {imported}"
        elif top == "server":
            assert name.startswith(tuple(f"commands.{each}" for each in ISLAND)), name


def test_only_the_command_line_knows_concrete_plug_ins() -> None:
    for name in NAMES:
        knows_no_concrete_plug_in(name)


def knows_no_concrete_plug_in(name: str) -> None:
    top = name.split(".", maxsplit=1)[0]
    if name.endswith("__init__") or top in SEAMS or row(name) == len(ROWS) - 1:
        return
    for imported in imports(tree_of(name)):
        parts = ours(imported).split(".")
        if imported.startswith("reviewer.") and parts[0] in SEAMS:
            assert parts[1:2] == ["base"], f"{name} imports the plug-in {imported}"


@cache
def used_by(name: str) -> set[str]:
    """What a module imports, and attributes of names: `os.environ`."""
    return set(imports(tree_of(name))) | {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


@pytest.mark.parametrize(("what", "homes"), HOMES.items())
def test_one_home(what: str, homes: set[str]) -> None:
    for name in NAMES:
        used = used_by(name)
        if any(item == what or item.startswith(f"{what}.") for item in used):
            assert name in homes, f"{name} uses {what}, whose home is {homes}"


def test_init_files_hold_a_docstring_alone() -> None:
    for name in NAMES:
        tree = tree_of(name)
        if name.endswith("__init__"):
            assert ast.get_docstring(tree), name
            assert len(tree.body) == 1, f"{name} does more than describe"


def test_discovery_is_the_business_of_the_commands() -> None:
    for name in NAMES:
        tree = tree_of(name)
        called = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        if "discover" in called:
            assert name.startswith("commands."), name


def test_nothing_heavy_is_imported_to_print_the_version() -> None:
    tree = tree_of("cli")
    top_level = ast.Module([n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)], [])
    heavy = [n for n in imports(top_level) if n.split(".")[0] not in sys.stdlib_module_names]
    assert heavy == ["reviewer.version.VERSION"]
