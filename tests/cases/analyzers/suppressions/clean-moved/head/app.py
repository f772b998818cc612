def second(value):
    return run(value, 1)  # nosec


def first():
    """Write `# nosec` or # noqa to silence it."""
    text = "# noqa"
    return text  # ignore the rest
