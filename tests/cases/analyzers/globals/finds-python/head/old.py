seen = []
total = 0


def see(x):
    seen.append(x)


def sum_up(x):
    global total
    total += x
