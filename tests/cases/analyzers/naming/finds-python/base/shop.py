"""A shop."""

import json


def load(item):
    """What is stored."""
    return item
