"""Changes that mean nothing: there is nothing to say about them, and who speaks is wrong.

Each comes with a normal form in which the trees before and after it are the same, so that it is
known, not hoped, that the meaning stayed.
"""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from string import Formatter
from typing import Final

from reviewer.bench.bugs import PLAIN, operator_of
from reviewer.bench.edits import (
    Edit,
    Function,
    Mutation,
    Operator,
    Source,
    dotted,
    walk,
)

SCOPES: Final = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip
LOOKING: Final = frozenset("locals vars eval exec dir globals".split())
"""Functions that see the names of variables."""

RESULTS: Final = ("result", "outcome", "answer")


def _names(tree: ast.AST) -> set[str]:
    """Every word that is a name of anything."""
    found = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}
    return found | {each.arg for each in ast.walk(tree) if isinstance(each, ast.arg)}


def _closed(function: Function) -> set[str]:
    """Names that cannot be renamed by looking at the function alone."""
    taken = {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}
    for node in ast.walk(function):
        match node:
            case ast.Global(names) | ast.Nonlocal(names):
                taken |= {*names}
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                taken.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                taken.add(name)
            case ast.alias(name, asname):
                taken.add(asname or name.partition(".")[0])
            case ast.JoinedStr():
                taken |= _names(node)
            case ast.AnnAssign(target=ast.Name(name)):
                taken.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                taken.add(name)
        if isinstance(node, SCOPES) and node is not function:
            taken |= _names(node)
    return taken


def renamed(source: Source) -> Iterator[Mutation]:
    """Another name for a local variable."""
    every = _names(source.tree)
    for function in source.functions():
        if LOOKING & {dotted(each.func) for each in walk(function) if isinstance(each, ast.Call)}:
            continue
        uses = [each for each in walk(function) if isinstance(each, ast.Name)]
        stored = {each.id for each in uses if isinstance(each.ctx, ast.Store)} - _closed(function)
        for old in sorted(stored):
            new = f"{old}_value"
            if new not in every and not old.startswith("_"):
                edits = tuple(source.replaced(each, new) for each in uses if each.id == old)
                yield Mutation(edits, normal=_Renamed(new, old).visit)


class _Renamed(ast.NodeTransformer):
    def __init__(self, new: str, old: str) -> None:
        self.new, self.old = new, old

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.old if node.id == self.new else node.id, node.ctx)


def extracted(source: Source) -> Iterator[Mutation]:
    """A variable for what is returned."""
    for function in source.functions():
        every = _names(function)
        name = next((each for each in RESULTS if each not in every), "")
        for node in walk(function):
            if not name or not isinstance(node, ast.Return) or not source.alone(node):
                continue
            if isinstance(node.value, ast.Call | ast.BinOp | ast.Compare | ast.BoolOp):
                start = source.start(node)
                again = f"\n{' ' * node.col_offset}return {name}"
                edits = (
                    Edit(start, start + len("return"), f"{name} ="),
                    Edit(source.end(node), source.end(node), again),
                )
                yield Mutation(edits, normal=_Inlined(name).visit)


class _Inlined(ast.NodeTransformer):
    """`return x` for `name = x; return name`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(node, field, self._block(value))
        return node

    def _block(self, block: list[ast.AST]) -> list[ast.AST]:
        made: list[ast.AST] = []
        for each in block:
            match made[-1:], each:
                case [ast.Assign([ast.Name(one)], value)], ast.Return(ast.Name(other)) if (
                    one == other == self.name
                ):
                    made[-1] = ast.Return(value)
                case _:
                    made.append(each)
        return made


def reordered(source: Source) -> Iterator[Mutation]:
    """Two assignments of constants in the other order."""
    blocks = [function.body for function in source.functions()]
    for block in (source.tree.body, *blocks):
        for one, other in pairwise(block):
            names = [_constant(each) for each in (one, other)]
            adjacent = other.lineno == (one.end_lineno or 0) + 1
            if not all(names) or names[0] == names[1] or not adjacent:
                continue
            if source.alone(one) and source.alone(other):
                first = source.lines(one.lineno, one.end_lineno or 0)
                second = source.lines(other.lineno, other.end_lineno or 0)
                if second.endswith("\n"):
                    end = source.starts[other.end_lineno or 0]
                    edit = Edit(source.starts[one.lineno - 1], end, second + first)
                    yield Mutation((edit,), normal=_Sorted().visit)


def _constant(statement: ast.stmt) -> str:
    """The name that a statement gives to a constant, "" if it does anything else."""
    match statement:
        case ast.Assign([ast.Name(name)], ast.Constant()):
            return name
    return ""


class _Sorted(ast.NodeTransformer):
    """Runs of assignments of constants to different names, by name."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            run: list[ast.stmt] = []
            made: list[ast.stmt] = []
            for each in node.body:
                name = _constant(each)
                if not name or name in map(_constant, run):
                    made += sorted(run, key=_constant)
                    run = []
                (run if name else made).append(each)
            node.body = made + sorted(run, key=_constant)
        return node


def inverted(source: Source) -> Iterator[Mutation]:
    """`if not x` with its branches in the other order."""
    for node in source.nodes:
        if not isinstance(node, ast.If) or not node.orelse or node.test.lineno != node.lineno:
            continue
        indent = " " * node.col_offset
        otherwise = node.orelse[0].lineno - 1
        head = source.line(node.lineno)
        test = _opposite(source, node.test)
        plain = head.rstrip("\n") == f"{indent}if {source.text(node.test)}:"
        after = node.body[0].lineno
        if not (test and plain and source.line(otherwise).rstrip("\n") == f"{indent}else:"):
            continue
        last = node.end_lineno or 0
        if after != node.lineno + 1 or not source.line(last).endswith("\n"):
            continue
        body, rest = source.lines(after, otherwise - 1), source.lines(otherwise + 1, last)
        made = f"{indent}if {test}:\n{rest}{indent}else:\n{body}"
        edit = Edit(source.starts[node.lineno - 1], source.starts[last], made)
        yield Mutation((edit,), normal=_Upright().visit)


FLIPPED: Final = {"is": "is not", "is not": "is", "in": "not in", "not in": "in"}
"""Signs whose opposite is exactly that (Python's reference, section 6.10)."""


def _opposite(source: Source, test: ast.expr) -> str:
    """The opposite condition, "" where it is not certain to be one."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return source.text(test.operand)
    if isinstance(test, PLAIN):
        return f"not {source.text(test)}"
    sign = operator_of(source, test)
    if sign and sign[0] in FLIPPED:
        start, end = sign[1].start, sign[1].end
        before = source.between(source.start(test), start)
        return f"{before}{FLIPPED[sign[0]]}{source.between(end, source.end(test))}"
    return ""


class _Upright(ast.NodeTransformer):
    """Conditions with two branches, none of them negated."""

    def visit_If(self, node: ast.If) -> ast.If:
        self.generic_visit(node)
        match node.test:
            case ast.UnaryOp(ast.Not(), inner) if node.orelse:
                return ast.If(inner, node.orelse, node.body)
            case ast.Compare(left, [ast.IsNot() | ast.NotIn() as sign], right) if node.orelse:
                other: ast.cmpop = ast.Is() if isinstance(sign, ast.IsNot) else ast.In()
                return ast.If(ast.Compare(left, [other], right), node.orelse, node.body)
        return node


SIMPLE: Final = re.compile(r"[\"'][^\\\"'\n]*[\"']")


def formatted(source: Source) -> Iterator[Mutation]:
    """An f-string for `format`."""
    for call in source.calls():
        literal = _format(call)
        if literal is None or not all(isinstance(each, ast.Name | ast.Attribute)
                                      for each in call.args):  # fmt: skip
            continue
        told = source.text(literal)
        if not SIMPLE.fullmatch(told) or told.count("{}") != len(call.args) or "{{" in told:
            continue
        pieces = told.split("{}")
        shown = [f"{{{source.text(each)}}}" for each in call.args]
        made = "f" + "".join(map("".join, zip(pieces, (*shown, ""), strict=True)))
        yield Mutation((source.replaced(call, made),), normal=_Joined().visit)


def _format(call: ast.Call) -> ast.Constant | None:
    """The text of `"...".format(a, b)` whose fields are all `{}`."""
    match call:
        case ast.Call(ast.Attribute(ast.Constant(str(text)) as literal, "format"), args, []):
            try:
                fields = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
            except ValueError:
                return None
            if fields == [("", "", None)] * len(args):
                return literal
    return None


class _Joined(ast.NodeTransformer):
    """F-strings for calls of `format`."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        literal = _format(node)
        if literal is None:
            return node
        values: list[ast.expr] = []
        for (before, field, *_), value in zip(
            Formatter().parse(str(literal.value)), (*node.args, None), strict=False
        ):
            values += [ast.Constant(before)] if before else []
            values += [ast.FormattedValue(value, -1)] if field is not None and value else []
        return ast.JoinedStr(values)


OPERATORS: Final = (
    Operator("rename-local", renamed),
    Operator("extract-variable", extracted),
    Operator("reorder-constants", reordered),
    Operator("invert-if", inverted),
    Operator("fstring-from-format", formatted),
)
