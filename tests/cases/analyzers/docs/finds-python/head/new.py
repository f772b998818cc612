def three(value):
    return value
