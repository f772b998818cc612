def first():
    return 1


def second(value):
    return run(value)  # nosec
