"""Words."""
def three(:
    """x
