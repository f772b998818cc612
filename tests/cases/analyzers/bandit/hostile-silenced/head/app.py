def named(code):
    return eval(code)  # nosec B307


def bare(code):
    return eval(code)  # nosec


def other(code):
    return eval(code)  # nosec: B101
