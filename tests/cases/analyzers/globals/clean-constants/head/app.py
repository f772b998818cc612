"""No state that a function changes."""

import logging

log = logging.getLogger(__name__)
NAMES = ["a", "b"]
TABLE = {name: 1 for name in NAMES}
TABLE.update(c=2)


class Shop:
    items = []

    def add(self, item):
        self.items = [*self.items, item]


def use(name):
    TABLE = {}
    TABLE[name] = 1
    NAMES = list(TABLE)
    NAMES.append(name)
    return log, NAMES
