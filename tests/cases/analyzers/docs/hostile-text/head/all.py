__all__ = ["\u0000", *x, 3]
def five(): pass
