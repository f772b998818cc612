"""Prices of orders, in cents."""

from collections.abc import Iterable, Mapping


def total(items: Iterable[Mapping[str, int]]) -> int:
    """The sum of all items."""
    return sum(item["price"] * item["count"] for item in items)


def first(items: list[str], default: str | None = None) -> str | None:
    """The first item, or the default."""
    for item in items:
        return item
    return default
