#!/usr/bin/env python
# A comment.

"""Words."""

from typing import overload

__all__ = ["one", "Shop"]


@overload
def one(value: int) -> int: ...


@overload
def one(value: str) -> str: ...


def one(value):
    """Words."""

    def inner():
        return value

    return inner


def not_exported():
    return 1


class Shop:
    r"""Words."""

    class Meta:
        x = 1

    def _private(self):
        return 1
