"""Work in portions: what a child is asked at once bounds its time, its answer and our memory."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def by_size(items: Iterable[T], size: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """`items` in groups of up to `limit` in size, in order; one that is larger stands alone."""
    group: list[T] = []
    held = 0
    for item in items:
        cost = size(item)
        if group and held + cost > limit:
            yield group
            group, held = [], 0
        group.append(item)
        held += cost
    if group:
        yield group
