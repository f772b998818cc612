"""A shop."""

import json


class price_list:
    """Prices."""

    def getPrice(self, itemName):
        """The price of one item."""
        rawPrice = self.load(itemName)
        return rawPrice

    def load(self, item):
        """What is stored."""
        return item


def foo(data):
    """Says nothing."""
    return data


def Compute(data):
    """Looks like a class."""
    return data
