"""`python -m parcels ZONE GRAMS` prints the postage."""

import sys

from parcels.rates import postage

if __name__ == "__main__":
    print(f"{postage(sys.argv[1], int(sys.argv[2])) / 100:.2f}")
