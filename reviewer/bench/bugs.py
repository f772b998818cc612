"""Mistakes that people make in what is evaluated, one operator each."""

import ast
from collections.abc import Iterator
from typing import Final

from reviewer.bench.edits import Edit, Mutation, Operator, Source, dotted, parameters, walk

SYMMETRIC: Final = frozenset("max min print zip set sum abs all any gcd lcm isinstance".split())
"""Functions whose arguments may change places, or whose swap no test would survive."""

OPPOSITE: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not", ast.IsNot: "is", ast.In: "not in",
    ast.NotIn: "in", ast.Lt: ">=", ast.GtE: "<", ast.Gt: "<=", ast.LtE: ">",
}  # fmt: skip
SPELLED: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not", ast.In: "in",
    ast.NotIn: "not in", ast.Lt: "<", ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=",
}  # fmt: skip
BOUNDS: Final = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
IDENTITY: Final = {"==": "is", "!=": "is not"}
PLAIN: Final = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
"""Expressions that need no parentheses."""


def operator_of(source: Source, node: ast.expr) -> tuple[str, Edit] | None:
    """The sign of a comparison of two things, and an edit of it that changes nothing."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return None
    start, end = source.end(node.left), source.start(node.comparators[0])
    sign = source.between(start, end)
    if sign.strip() != SPELLED[type(node.ops[0])]:
        return None
    lead = len(sign) - len(sign.lstrip())
    return sign.strip(), Edit(start + lead, start + lead + len(sign.strip()), sign.strip())


def swapped(source: Source) -> Iterator[Mutation]:
    """`f(b, a)` for `f(a, b)`."""
    for call in source.calls():
        name = dotted(call.func).rpartition(".")[2]
        if len(call.args) < 2 or not name or name in SYMMETRIC:
            continue
        one, other = call.args[:2]
        if not all(isinstance(each, ast.Name | ast.Attribute) for each in (one, other)):
            continue
        first, second = source.text(one), source.text(other)
        if first != second:
            edits = (source.replaced(one, second), source.replaced(other, first))
            text = (
                f"The arguments of `{name}` are swapped: `{second}` is passed where `{first}` "
                "belongs, and the other way round."
            )
            yield Mutation(edits, text)


def negated(source: Source) -> Iterator[Mutation]:
    """`if not x` for `if x`."""
    for node in source.nodes:
        if not isinstance(node, ast.If):
            continue
        test, edit = node.test, None
        if (sign := operator_of(source, test)) and isinstance(test, ast.Compare):
            edit = sign[1]._replace(text=OPPOSITE[type(test.ops[0])])
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            edit = Edit(source.start(test), source.start(test.operand), "")
        elif isinstance(test, PLAIN):
            edit = Edit(source.start(test), source.start(test), "not ")
        if edit:
            text = (
                f"The condition `{source.text(test)}` is negated: the branch is taken in exactly "
                "the cases in which it must not be."
            )
            yield Mutation((edit,), text)


def off_by_one(source: Source) -> Iterator[Mutation]:
    """`<=` for `<`, and ranges and slices that end one too early."""
    for node in source.nodes:
        if isinstance(node, ast.Compare):
            sign = operator_of(source, node)
            if sign and sign[0] in BOUNDS:
                edit = sign[1]._replace(text=BOUNDS[sign[0]])
                text = (
                    f"Off by one at the boundary: the comparison `{source.text(node)}` now uses "
                    f"`{edit.text}`, so the limit itself is treated the wrong way."
                )
                yield Mutation((edit,), text)
        last, what = _last(node)
        if isinstance(last, PLAIN):
            edit = source.replaced(last, f"{source.text(last)} - 1")
            text = f"Off by one: the {what} ends one too early, the last element is left out."
            yield Mutation((edit,), text)


def _last(node: ast.AST) -> tuple[ast.expr | None, str]:
    """Where a range or a slice ends."""
    if isinstance(node, ast.Slice):
        return node.upper, "slice"
    if isinstance(node, ast.Call) and dotted(node.func) == "range" and 0 < len(node.args) < 3:
        return node.args[-1], "range"
    return None, ""


def unawaited(source: Source) -> Iterator[Mutation]:
    """A coroutine that nobody awaits."""
    for node in source.nodes:
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
            start, end = source.start(node), source.start(node.value)
            if source.between(start, end) == "await ":
                text = (
                    f"The coroutine `{dotted(node.value.func)}` is never awaited: it does not run, "
                    "and its caller goes on with a coroutine object in place of the result."
                )
                yield Mutation((Edit(start, end, ""),), text)


def unreturned(source: Source) -> Iterator[Mutation]:
    """A function that computes its result and returns None."""
    for function in source.functions():
        last = function.body[-1]
        if not isinstance(last, ast.Return) or last.value is None:
            continue
        if isinstance(last.value, ast.Constant | ast.Name):
            continue
        start, end = source.start(last), source.start(last.value)
        if source.between(start, end) == "return ":
            text = (
                f"`return` is missing: `{function.name}` computes its result and then gives back "
                "None to every caller."
            )
            yield Mutation((Edit(start, end, ""),), text)


def identical(source: Source) -> Iterator[Mutation]:
    """`is` for `==`."""
    for node in source.nodes:
        if not isinstance(node, ast.Compare):
            continue
        sign = operator_of(source, node)
        single = any(
            isinstance(each, ast.Constant) and _single(each.value)
            for each in (node.left, node.comparators[0])
        )
        if sign and sign[0] in IDENTITY and not single:
            edit = sign[1]._replace(text=IDENTITY[sign[0]])
            text = (
                f"`{edit.text}` compares identity, not equality: `{source.text(node)}` was meant, "
                "and equal values that are different objects are now told apart."
            )
            yield Mutation((edit,), text)


def _single(value: object) -> bool:
    """Whether there is only one such value, so that identity and equality are the same."""
    return value is None or value is ... or isinstance(value, bool)


def wrong_variable(source: Source) -> Iterator[Mutation]:
    """Another parameter of the same type in place of the right one."""
    for function in source.functions():
        known = parameters(function)
        for call in (node for node in walk(function) if isinstance(node, ast.Call)):
            names = [each.id for each in call.args if isinstance(each, ast.Name)]
            for each in call.args:
                if not isinstance(each, ast.Name) or each.id not in known:
                    continue
                other = next((name for name in known if _twins(known, each.id, name)), "")
                if other and other not in names:
                    text = (
                        f"The wrong variable: `{other}` is passed to `{dotted(call.func)}` where "
                        f"`{each.id}` is meant."
                    )
                    yield Mutation((source.replaced(each, other),), text)


def _twins(known: dict[str, ast.arg], one: str, other: str) -> bool:
    """Whether two parameters are easily mistaken for one another."""
    kinds = [known[name].annotation for name in (one, other)]
    told = [ast.dump(kind) if kind else "" for kind in kinds]
    return one != other and told[0] == told[1]


OPERATORS: Final = (
    Operator("swap-arguments", swapped),
    Operator("negate-condition", negated),
    Operator("off-by-one", off_by_one),
    Operator("drop-await", unawaited),
    Operator("drop-return", unreturned),
    Operator("is-for-equal", identical),
    Operator("wrong-variable", wrong_variable),
)
