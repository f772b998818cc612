"""No test imports this."""

LIMIT = 3


def over(value):
    return value > LIMIT
