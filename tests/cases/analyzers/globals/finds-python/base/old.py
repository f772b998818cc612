seen = []
total = 0


def see(x):
    return x


def sum_up(x):
    global total
    total = x
