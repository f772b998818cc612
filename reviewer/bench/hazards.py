"""Mistakes with resources, failures, money, time and strangers, one operator each."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from reviewer.bench.edits import Edit, Function, Mutation, Operator, Source, dotted

BROAD: Final = ("Exception", "BaseException")
PLACEHOLDER: Final = re.compile(r"\?|%s")
STARTERS: Final = frozenset(
    f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen")
)
MONEY: Final = re.compile(r"cents|pence|price|amount|total|cost|balance|fee|money", re.IGNORECASE)
ZONE: Final = re.compile(r"utc|tz|timezone|zone", re.IGNORECASE)
FORGET: Final = frozenset("pop clear invalidate delete evict discard cache_clear remove".split())


def mutable_default(source: Source) -> Iterator[Mutation]:
    """`def f(x=[])` for a default that was made anew in each call."""
    for function in source.functions():
        defaults = _defaults(function)
        for statement in function.body:
            name, value = _made_anew(statement)
            default = defaults.get(name)
            if value is None or not isinstance(default, ast.Constant) or default.value is not None:
                continue
            if len(function.body) > 1 and source.alone(statement):
                made = source.text(value)
                edits = (source.replaced(default, made), source.without(statement))
                text = (
                    f"Mutable default argument: `{made}` of `{name}` is made once and shared by "
                    f"all calls of `{function.name}`, so what one call adds the next one finds."
                )
                yield Mutation(edits, text)


def _defaults(function: Function) -> dict[str, ast.expr | None]:
    arguments = function.args
    positional = (*arguments.posonlyargs, *arguments.args)
    given = positional[len(positional) - len(arguments.defaults) :]
    pairs = (*zip(given, arguments.defaults, strict=True),)
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {argument.arg: default for argument, default in (*pairs, *named)}


def _made_anew(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    """The name and value of `if x is None: x = []` and of `x = x or []`."""
    match statement:
        case ast.If(
            test=ast.Compare(ast.Name(name), [ast.Is()], [ast.Constant(None)]),
            body=[ast.Assign([ast.Name(again)], value)],
            orelse=[],
        ) if name == again:
            pass
        case ast.Assign([ast.Name(name)], ast.BoolOp(ast.Or(), [ast.Name(again), value])) if (
            name == again
        ):
            pass
        case _:
            return "", None
    made = isinstance(value, ast.List | ast.Dict | ast.Set) or (
        isinstance(value, ast.Call) and dotted(value.func) in ("list", "dict", "set")
    )
    return name, value if made else None


def unchecked_none(source: Source) -> Iterator[Mutation]:
    """No look whether something is None."""
    for block in source.blocks():
        for statement in block if len(block) > 1 else ():
            match statement:
                case ast.If(
                    test=ast.Compare(checked, [ast.Is()], [ast.Constant(None)]),
                    body=[ast.Return() | ast.Raise() | ast.Continue()],
                    orelse=[],
                ) if source.text(statement).startswith("if ") and statement is not block[-1]:
                    yield _unchecked((source.without(statement),), source.text(checked))
    for node in source.nodes:
        match node:
            case ast.BoolOp(
                ast.And(), [ast.Compare(checked, [ast.IsNot()], [ast.Constant(None)]), then, *_]
            ):
                start = source.start(node.values[0])
                if source.between(source.end(node.values[0]), source.start(then)) == " and ":
                    edit = Edit(start, source.start(then), "")
                    yield _unchecked((edit,), source.text(checked))


def _unchecked(edits: tuple[Edit, ...], checked: str) -> Mutation:
    text = (
        f"The check for None is gone: `{checked}` can be None here, and the code that follows "
        "fails on it with an AttributeError or TypeError."
    )
    return Mutation(edits, text)


def widened(source: Source) -> Iterator[Mutation]:
    """`except Exception` for the one failure that is expected."""
    for node in source.nodes:
        if not isinstance(node, ast.ExceptHandler) or node.type is None:
            continue
        raised = any(isinstance(each, ast.Raise) for each in ast.walk(node))
        kind = source.text(node.type)
        if kind not in BROAD and not raised:
            text = (
                f"`except Exception` in place of `{kind}` swallows every other failure as well: "
                "bugs and broken input now end silently in this handler."
            )
            yield Mutation((source.replaced(node.type, "Exception"),), text, "medium")


def leaked(source: Source) -> Iterator[Mutation]:
    """A file that nobody closes, a lock that nobody releases."""
    for node in source.nodes:
        if not isinstance(node, ast.With) or len(node.items) != 1:
            continue
        item = node.items[0]
        what = source.text(item.context_expr)
        opened = isinstance(item.context_expr, ast.Call) and re.search(
            r"\bopen\(|connect\(|socket\(|TemporaryFile\(", what
        )
        if opened and isinstance(item.optional_vars, ast.Name):
            header, thing = f"{item.optional_vars.id} = {what}", "closed"
        elif "lock" in what.lower() and item.optional_vars is None:
            header, thing = f"{what}.acquire()", "released"
        else:
            continue
        edits = _flattened(source, node, header)
        if edits:
            text = (
                f"Resource leak: without `with`, `{what}` is never {thing}, neither at the end "
                "nor when an exception is raised in between."
            )
            yield Mutation(edits, text, "high", "resource")


def _flattened(source: Source, node: ast.With, header: str) -> tuple[Edit, ...]:
    """The block without its head, one level further left; nothing where that cannot be done."""
    first, last = node.body[0].lineno, node.end_lineno or node.lineno
    deep = node.body[0].col_offset - node.col_offset
    inner = " " * node.body[0].col_offset
    head = Edit(source.start(node), source.starts[first - 1], f"{header}\n")
    edits = [head]
    if first <= node.lineno or "#" in source.between(head.start, head.end):
        return ()
    for number in range(first, last + 1):
        line = source.line(number)
        if line.strip() and not line.startswith(inner):
            return ()
        if line.strip():
            edits.append(Edit(source.starts[number - 1], source.starts[number - 1] + deep, ""))
    texts = [each for each in ast.walk(node) if isinstance(each, ast.Constant | ast.JoinedStr)]
    spread = any(each.lineno != each.end_lineno for each in texts)
    return () if spread else tuple(edits)


def formatted_sql(source: Source) -> Iterator[Mutation]:
    """Values in the text of a query in place of parameters."""
    for call in source.calls():
        match call:
            case ast.Call(
                ast.Attribute(attr="execute"), [ast.Constant(str(query)), ast.Tuple(values)], []
            ):
                pass
            case _:
                continue
        plain = all(isinstance(value, ast.Name | ast.Attribute) for value in values)
        literal = source.text(call.args[0])
        if not plain or len(PLACEHOLDER.findall(query)) != len(values):
            continue
        if "{" in query or "\\" in literal or not literal.startswith(('"', "'''")):
            continue
        pieces = PLACEHOLDER.split(literal)
        shown = [f"'{{{source.text(value)}}}'" for value in values]
        made = "f" + "".join(map("".join, zip(pieces, (*shown, ""), strict=True)))
        edit = Edit(source.start(call.args[0]), source.end(call.args[1]), made)
        text = (
            "SQL injection: the query is built with an f-string, so that a value with a quote in "
            "it changes the statement. Pass the values as parameters."
        )
        yield Mutation((edit,), text, "critical", "security")


def through_shell(source: Source) -> Iterator[Mutation]:
    """A command line that a shell takes apart."""
    for call in source.calls():
        if dotted(call.func) not in STARTERS or not call.args:
            continue
        named = {keyword.arg for keyword in call.keywords}
        words = call.args[0]
        if isinstance(words, ast.List) and not {"shell", None} & named:
            made = f'" ".join({source.text(words)}), shell=True'
            text = (
                "Command injection: with `shell=True` the joined words are read by a shell, and "
                "any space, quote or semicolon in one of them is executed."
            )
            yield Mutation((source.replaced(words, made),), text, "critical", "security")


def inexact_money(source: Source) -> Iterator[Mutation]:
    """Amounts as binary fractions."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and dotted(node.func) in ("Decimal", "decimal.Decimal"):
            edit, gone = source.replaced(node.func, "float"), "`Decimal`"
        elif (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.FloorDiv)
            and MONEY.search(source.text(node))
        ):
            start, end = source.end(node.left), source.start(node.right)
            if source.between(start, end).strip() != "//":
                continue
            edit, gone = Edit(start, end, " / "), "whole numbers"
        else:
            continue
        text = (
            f"Money as float in place of {gone}: `{source.text(node)}` no longer is exact, and "
            "amounts are off by rounding errors."
        )
        yield Mutation((edit,), text)


def naive(source: Source) -> Iterator[Mutation]:
    """A time that does not know its zone."""
    for call in source.calls():
        name = dotted(call.func).rpartition(".")[2]
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        kept = {"now": 0, "fromtimestamp": 1}.get(name, -1)
        if kept < 0 or len(given) != kept + 1 or not ZONE.search(source.text(given[-1])):
            continue
        inner = source.text(given[0]) if kept else ""
        edit = Edit(source.end(call.func), source.end(call), f"({inner})")
        text = (
            f"Naive datetime: without a timezone `{name}` gives local time, which cannot be "
            "compared with aware times and is another one on each machine."
        )
        yield Mutation((edit,), text, "medium")


def stale(source: Source) -> Iterator[Mutation]:
    """A cache that keeps what has changed."""
    for block in source.blocks():
        for statement in block if len(block) > 1 else ():
            held = _forgotten(statement)
            if held and "cache" in held.lower() and source.alone(statement):
                text = (
                    f"Stale cache: `{held}` is no longer invalidated when its data changes, so "
                    "readers keep getting the old value."
                )
                yield Mutation((source.without(statement),), text)


def _forgotten(statement: ast.stmt) -> str:
    """What a statement throws out of."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(value, name))) if name in FORGET:
            return f"{dotted(value)}.{name}"
        case ast.Delete([ast.Subscript(value)]):
            return dotted(value)
    return ""


OPERATORS: Final = (
    Operator("mutable-default", mutable_default),
    Operator("drop-none-check", unchecked_none),
    Operator("widen-except", widened),
    Operator("leak", leaked),
    Operator("sql-by-fstring", formatted_sql),
    Operator("shell-true", through_shell),
    Operator("float-money", inexact_money),
    Operator("naive-datetime", naive),
    Operator("drop-invalidation", stale),
)
