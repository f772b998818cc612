"""Words."""


def five(): return 5
