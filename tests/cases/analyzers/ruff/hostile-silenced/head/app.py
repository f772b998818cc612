# ruff: noqa
# flake8: noqa
# ruff: file-ignore[F821]
def named(code):
    return eval(code)  # noqa: S307


def bare(code):
    return eval(code)  # noqa


def other(code):
    return eval(code)  # noqa: F401


def ignored(code):
    return eval(code)  # ruff: ignore[S307]


# ruff: disable[F821]
undefined()
# ruff: enable[F821]
