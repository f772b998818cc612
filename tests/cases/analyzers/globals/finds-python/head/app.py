"""State."""

from collections import defaultdict

COUNT = 0
items = []
table = defaultdict(list)
_cache = {}
config = None
built = []
built.append(1)
SIZES = {"a": 1}


def count():
    global COUNT
    COUNT += 1


def add(item):
    items.append(item)
    table[item].append(1)
    _cache[item] = 1


def settings():
    global config
    if config is None:
        config = {}
    return config


def local(built):
    built.append(2)
    SIZES = {}
    SIZES["b"] = 2
    return [items for items in SIZES]
