"""Words."""


def one():
    """Words."""
