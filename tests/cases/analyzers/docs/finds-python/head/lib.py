"""Words."""


def one():
    """Words."""


def two(value):
    return value


class Shop:
    """Words."""

    def __init__(self):
        self.x = 1

    def price(self):
        return self.x

    @property
    def name(self):
        """Words."""

    @name.setter
    def name(self, value):
        self.x = value


class Basket(Shop):
    def price(self):
        return 2
