"""A basket with a discount."""

from typing import Protocol


class Priced(Protocol):
    def price(self) -> int: ...


class Basket:
    def __init__(self, items):
        self.items = list(items)

    def total(self, discount=0):
        amount = sum(
            item
            for item in self.items
        )
        if discount > 50:
            raise ValueError(
                "too much"
            )
        if discount:
            amount -= amount * discount // 100
        return amount

    def empty(self):
        while self.items:
            self.items.pop()
        return self


def debug(basket):  # pragma: no cover
    print(basket.items)


def label(kind):
    match kind:
        case "a":
            return "first"
        case _:
            return "other"
