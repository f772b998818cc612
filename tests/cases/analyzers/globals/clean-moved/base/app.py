"""State that stood there before."""

total = 0


def add(x):
    global total
    total += x
