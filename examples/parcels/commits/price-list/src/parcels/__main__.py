"""`python -m parcels ZONE GRAMS` prints the postage, `python -m parcels` all prices."""

import sys

from parcels.rates import CENTS_BY_ZONE, postage

WEIGHTS = (2_000, 10_000, 30_000)


def price_list() -> str:
    """One line for each zone: its name, and the prices up to each of the weights."""
    lines = []
    for zone in CENTS_BY_ZONE:
        prices = (postage(zone, grams) / 100 for grams in WEIGHTS)
        lines.append(f"{zone:8}" + "".join(f"{price:8.2f}" for price in prices))
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(price_list())
    else:
        print(f"{postage(sys.argv[1], int(sys.argv[2])) / 100:.2f}")
