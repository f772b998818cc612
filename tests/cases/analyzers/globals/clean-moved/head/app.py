"""State that stood there before."""

import os

total = 0


def add(x):
    global total
    total += x + 1
